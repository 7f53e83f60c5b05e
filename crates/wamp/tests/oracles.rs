//! The readers against other people's decoders, on random values with random damage: the same input is accepted, and
//! reads as the same value. Where the other one is wrong or laxer, a comment says so.

mod support;

use cloverleaf_wamp::serializer::Serializer;
use cloverleaf_wamp::value::{Dict, Value, to_value};
use proptest::prelude::*;
use support::{accepts, damage, damaged, encode, skips, value};

/// Whether two values are the same, up to the last digits of floats and with JSON's byte strings as text.
fn same_as_json(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Float(one), Value::Float(two)) => one == two || ((one - two) / one).abs() < 1e-14,
        (Value::Bytes(_), Value::Str(text)) => text.starts_with('\0'),
        (Value::List(one), Value::List(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same_as_json(one, two))
        }
        (Value::Map(one), Value::Map(two)) => {
            let same = |(key, value)| two.get(key).is_some_and(|other| same_as_json(value, other));
            one.len() == two.len() && one.iter().all(same)
        }
        _ => ours == theirs,
    }
}

/// What rmpv reads, as a value of ours; `None` for text that isn't UTF-8 and keys that are not text.
fn of_rmpv(value: &rmpv::Value) -> Option<Value> {
    Some(match value {
        rmpv::Value::Nil => Value::Null,
        rmpv::Value::Boolean(value) => Value::from(*value),
        rmpv::Value::Integer(value) => match value.as_u64() {
            Some(value) => Value::from(value),
            None => Value::from(value.as_i64()?),
        },
        rmpv::Value::F32(value) => Value::from(*value),
        rmpv::Value::F64(value) => Value::from(*value),
        rmpv::Value::String(text) => Value::from(text.as_str()?),
        rmpv::Value::Binary(bytes) | rmpv::Value::Ext(_, bytes) => Value::Bytes(bytes.clone()),
        rmpv::Value::Array(list) => Value::List(list.iter().map(of_rmpv).collect::<Option<_>>()?),
        rmpv::Value::Map(pairs) => {
            let pair =
                |(key, value): &(rmpv::Value, rmpv::Value)| Some((key.as_str()?.to_owned(), of_rmpv(value)?));
            Value::Map(pairs.iter().map(pair).collect::<Option<Dict>>()?)
        }
    })
}

/// What ciborium reads, as a value of ours; `None` for keys that are not text.
fn of_ciborium(value: &ciborium::Value) -> Option<Value> {
    Some(match value {
        ciborium::Value::Null => Value::Null,
        ciborium::Value::Bool(value) => Value::from(*value),
        ciborium::Value::Integer(value) => {
            let value = i128::from(*value);
            match (u64::try_from(value), i64::try_from(value)) {
                (Ok(value), _) => Value::from(value),
                (_, Ok(value)) => Value::from(value),
                _ => Value::from(value as f64),
            }
        }
        ciborium::Value::Float(value) => Value::from(*value),
        ciborium::Value::Text(text) => Value::from(text.as_str()),
        ciborium::Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
        ciborium::Value::Tag(2 | 3, _) => return None,
        ciborium::Value::Tag(_, content) => of_ciborium(content)?,
        ciborium::Value::Array(list) => Value::List(list.iter().map(of_ciborium).collect::<Option<_>>()?),
        ciborium::Value::Map(pairs) => {
            let pair = |(key, value): &(ciborium::Value, ciborium::Value)| {
                Some((key.as_text()?.to_owned(), of_ciborium(value)?))
            };
            Value::Map(pairs.iter().map(pair).collect::<Option<Dict>>()?)
        }
        _ => return None,
    })
}

/// Equal, where a NaN equals a NaN.
fn same(one: &Value, two: &Value) -> bool {
    format!("{one:?}").replace("-NaN", "NaN") == format!("{two:?}").replace("-NaN", "NaN") || one == two
}

proptest! {
    #![proptest_config(support::cases(1500))]

    #[test]
    fn json_is_accepted_exactly_where_serde_json_accepts_it(value in value(), damage in damage()) {
        let input = damaged(encode(Serializer::Json, &value), &damage);
        let syntax = serde_json::from_slice::<serde::de::IgnoredAny>(&input).is_ok();
        let expected = syntax && std::str::from_utf8(&input).is_ok();
        prop_assert_eq!(accepts(Serializer::Json, &input), expected, "{}", input.escape_ascii());
        prop_assert_eq!(skips(Serializer::Json, &input), expected, "{}", input.escape_ascii());
        // As a tree serde_json is stricter: it refuses lone surrogates and numbers beyond doubles.
        if let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(&input) {
            let ours = Value::decode(Serializer::Json, &input).unwrap();
            let theirs = to_value(&theirs).unwrap();
            prop_assert!(same_as_json(&ours, &theirs), "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn msgpack_is_accepted_exactly_where_rmpv_accepts_it(value in value(), damage in damage()) {
        let input = damaged(encode(Serializer::MsgPack, &value), &damage);
        let ours = Value::decode(Serializer::MsgPack, &input);
        let mut rest = &input[..];
        let theirs = rmpv::decode::read_value(&mut rest).ok().filter(|_| rest.is_empty());
        match (ours, theirs) {
            (Ok(ours), Some(theirs)) => if let Some(theirs) = of_rmpv(&theirs) {
                prop_assert!(same(&ours, &theirs), "{ours:?} {theirs:?}");
            },
            (Err(_), None) => {}
            // rmpv takes c1 for nil, and bytes that are no UTF-8 for text.
            (Err(error), Some(theirs)) => prop_assert!(
                error.what.contains("c1") || (error.what.contains("UTF-8") && of_rmpv(&theirs).is_none()),
                "{error} {input:02x?}"
            ),
            (Ok(ours), None) => prop_assert!(false, "{ours:?} {input:02x?}"),
        }
    }

    #[test]
    fn cbor_is_accepted_exactly_where_ciborium_accepts_it(value in value(), damage in damage()) {
        let input = damaged(encode(Serializer::Cbor, &value), &damage);
        let ours = Value::decode(Serializer::Cbor, &input);
        let mut rest = &input[..];
        let theirs = ciborium::from_reader::<ciborium::Value, _>(&mut rest).ok().filter(|_| rest.is_empty());
        match (ours, theirs) {
            (Ok(ours), Some(theirs)) => if let Some(theirs) = of_ciborium(&theirs) {
                prop_assert!(same(&ours, &theirs), "{ours:?} {theirs:?} {input:02x?}");
            },
            (Err(_), None) => {}
            // ciborium takes `f8 14` for false, which RFC 8949 (section 3.3) calls not well-formed.
            (Err(error), Some(theirs)) => prop_assert!(
                error.what.contains("simple value in two bytes"),
                "{error}, {theirs:?} {input:02x?}"
            ),
            // ciborium knows no simple values but its own.
            (Ok(ours), None) => {
                let simple = input.iter().any(|byte| matches!(byte, 0xe0..=0xf3 | 0xf8));
                prop_assert!(simple, "{ours:?} {input:02x?}");
            }
        }
    }
}
