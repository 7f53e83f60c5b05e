//! What the tests of serializers share: random values, random damage, and a plain walk by tokens.
#![allow(dead_code, reason = "each test binary uses a part")]

use cloverleaf_wamp::serializer::{Encoder, Kind, Malformed, Reader, Serializer, Skipped, Token};
use cloverleaf_wamp::value::{Dict, Value};
use cloverleaf_wamp::with_reader;
use proptest::prelude::*;

/// The bytes of a value.
pub(crate) fn encode(serializer: Serializer, value: &Value) -> Vec<u8> {
    value.to_vec(serializer)
}

/// A byte string from its hexadecimal digits; spaces are ignored.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// So many random cases a property. A failure is printed with its smallest input, which becomes a test of its own; no
/// file is kept.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Values of all kinds, floats finite and text not beginning like a byte string in JSON.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        4 => "[a-z ]{0,12}",
        2 => "[\\PC\n\t\"\\\\]{0,20}",
        1 => "[a-zé𝄞/]{25,300}",
    ];
    let key = "[a-z_é\"]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u32..64).prop_flat_map(|bits| 0..=u64::MAX >> bits).prop_map(Value::from),
        (0u32..63).prop_flat_map(|bits| i64::MIN >> bits..=0).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |value| value.is_finite()).prop_map(Value::from),
        (-1000i16..1000).prop_map(|value| Value::from(f64::from(value))),
        text.prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        Just(Value::Bytes(vec![7; 300])),
    ];
    leaf.prop_recursive(8, 80, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
            proptest::collection::vec((key, inner), 0..20)
                .prop_map(|pairs| Value::Map(pairs.into_iter().collect::<Dict>())),
        ]
    })
}

/// Any serializer.
pub(crate) fn serializer() -> impl Strategy<Value = Serializer> {
    proptest::sample::select(Serializer::ALL.to_vec())
}

/// One change to some bytes.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    Flip(prop::sample::Index, u8),
    Replace(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, prop::sample::Index),
}

/// Up to four changes, with a liking for bytes that mean something.
pub(crate) fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop_oneof![
        any::<u8>(),
        proptest::sample::select(b"[]{}\",:\\ 0123456789.eE+-truefalsnbu\n$#ZNTFiUIlLdDHCSumMhB".to_vec()),
        proptest::sample::select(vec![
            0xc0, 0xc1, 0xc4, 0xc7, 0xd4, 0xd9, 0xdc, 0xde, 0x5f, 0x7f, 0x9f, 0xbf, 0xff, 0xf8, 0x1c, 0xd8,
            0x81, 0x91,
        ]),
    ];
    let index = any::<prop::sample::Index>;
    let one = prop_oneof![
        (index(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (index(), byte.clone()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        index().prop_map(Damage::Remove),
        (index(), byte).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        index().prop_map(Damage::Cut),
        (index(), index()).prop_map(|(from, to)| Damage::Repeat(from, to)),
    ];
    proptest::collection::vec(one, 0..5)
}

/// Changes bytes.
pub(crate) fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        let len = bytes.len();
        match damage {
            Damage::Flip(at, bit) => bytes[at.index(len)] ^= 1 << bit,
            Damage::Replace(at, byte) => bytes[at.index(len)] = *byte,
            Damage::Remove(at) => drop(bytes.remove(at.index(len))),
            Damage::Insert(at, byte) => bytes.insert(at.index(len + 1), *byte),
            Damage::Cut(at) => bytes.truncate(at.index(len)),
            Damage::Repeat(from, to) => {
                let (from, to) = (from.index(len), to.index(len));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(from..from, part);
            }
        }
    }
    bytes
}

/// What a value was and where it ended, found by tokens alone.
pub(crate) fn walk<'a, R: Reader<'a>>(reader: &mut R) -> Result<Option<Skipped>, Malformed> {
    let mut open: Vec<(bool, usize, bool)> = Vec::new();
    loop {
        let token = reader.token()?;
        let at_key = open.last().is_some_and(|&(map, items, _)| map && items % 2 == 0);
        let kind = match token {
            Token::End => {
                let Some((map, items, odd)) = open.pop() else { return Ok(None) };
                if open.is_empty() {
                    return Ok(Some(match (map, odd) {
                        (false, _) => Skipped { kind: Kind::Array, len: items },
                        (true, false) => Skipped { kind: Kind::Map, len: items / 2 },
                        (true, true) => Skipped { kind: Kind::OddMap, len: items / 2 },
                    }));
                }
                continue;
            }
            Token::Array | Token::Map => Kind::Array,
            Token::Str(_) => Kind::Str,
            Token::Bytes(_) => Kind::Bytes,
            Token::Null | Token::Bool(_) | Token::Uint(_) | Token::Int(_) | Token::Float(_) => Kind::Other,
        };
        if let Some((_, items, odd)) = open.last_mut() {
            *items += 1;
            *odd |= at_key && kind != Kind::Str;
        }
        match token {
            Token::Array => open.push((false, 0, false)),
            Token::Map => open.push((true, 0, false)),
            _ if open.is_empty() => return Ok(Some(Skipped { kind, len: 0 })),
            _ => {}
        }
    }
}

/// Whether an input is one whole value, by tokens.
pub(crate) fn accepts(serializer: Serializer, input: &[u8]) -> bool {
    with_reader!(serializer, R => {
        let mut reader = R::new(input);
        walk(&mut reader).and_then(|_| reader.finish()).is_ok()
    })
}

/// Whether an input is one whole value, by skipping.
pub(crate) fn skips(serializer: Serializer, input: &[u8]) -> bool {
    with_reader!(serializer, R => {
        let mut reader = R::new(input);
        reader.skip().and_then(|_| reader.finish()).is_ok()
    })
}

/// The bytes that a piece of encoding writes.
pub(crate) fn written(serializer: Serializer, write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(serializer, &mut out));
    out
}
