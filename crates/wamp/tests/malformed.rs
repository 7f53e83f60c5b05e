//! The readers on input that is not well-formed: tables of it, and bombs.

mod support;

use cloverleaf_wamp::serializer::{MAX_DEPTH, Reader, Serializer};
use cloverleaf_wamp::value::{Dict, Value};
use cloverleaf_wamp::with_reader;
use support::{accepts, encode, hex, skips};

fn assert_refused(serializer: Serializer, input: &[u8]) {
    assert!(!accepts(serializer, input), "{serializer:?} by tokens: {}", input.escape_ascii());
    assert!(!skips(serializer, input), "{serializer:?} by skipping: {}", input.escape_ascii());
}

fn assert_accepted(serializer: Serializer, input: &[u8]) {
    assert!(accepts(serializer, input), "{serializer:?} by tokens: {}", input.escape_ascii());
    assert!(skips(serializer, input), "{serializer:?} by skipping: {}", input.escape_ascii());
}

/// SER-09
#[test]
fn json_outside_its_grammar_is_refused() {
    let refused: [&[u8]; 58] = [
        b"",
        b" ",
        b"[",
        b"]",
        b"[32,1",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"[1}",
        b"{]",
        b"{1:2}",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\" 1}",
        b"{\"a\":1,}",
        b"{,}",
        b"{\"a\":1 \"b\":2}",
        b"[\"a]",
        b"[\"\\x\"]",
        b"[\"\\u12g4\"]",
        b"[\"\\u123\"]",
        b"[\"\\\"]",
        b"[\"\n\"]",
        b"[\"\x00\"]",
        b"[\"\x1f\"]",
        b"['a']",
        b"[01]",
        b"[-]",
        b"[+1]",
        b"[1.]",
        b"[.5]",
        b"[1.e5]",
        b"[1e]",
        b"[1e+]",
        b"[--1]",
        b"[0x10]",
        b"[1_000]",
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[nul]",
        b"[nulll]",
        b"[True]",
        b"[t]",
        b"[truefalse]",
        b"[/**/1]",
        b"[1]]",
        b"[1],",
        b"[1][2]",
        b"[1]x",
        b"\xef\xbb\xbf[1]",
        b"[\"\xff\"]",
        b"[\"\xc3\"]",
        b"[\"\xed\xa0\x80\"]",
        b"[\"a\xc0\x80\"]",
        b"[1]\xff",
        b"[\x0b1]",
        b"[1\xc2\xa0]",
    ];
    for input in refused {
        assert_refused(Serializer::Json, input);
    }
    for input in
        [&b" [ 1 , -0.5e-7 , \"\\ud800\\/\" , { \"\" : null } ]\r\n\t "[..], b"0", b"\"\"", b"[[],{}]"]
    {
        assert_accepted(Serializer::Json, input);
    }
}

/// SER-09
#[test]
fn msgpack_outside_its_grammar_is_refused() {
    for input in [
        "",
        "c1",
        "91",
        "91 c1",
        "81",
        "81 01",
        "a1",
        "a2 61",
        "a1 ff",
        "a2 c3 28",
        "d9",
        "d9 01",
        "d9 01 80",
        "da 00",
        "da 0001",
        "db 00000001",
        "db ffffffff 61",
        "c4",
        "c4 01",
        "c5 00",
        "c5 0001",
        "c6 ffffffff 00",
        "c7 01 05",
        "c7 00",
        "c8 0001 05",
        "c9 ffffffff 05 00",
        "ca 000000",
        "cb 00000000000000",
        "cc",
        "cd 00",
        "ce 000000",
        "cf 00000000000000",
        "d0",
        "d1 00",
        "d2 000000",
        "d3 00000000000000",
        "d4 01",
        "d5 01 00",
        "d6 01 000000",
        "d7 01 00000000000000",
        "d8 01 000000000000000000000000000000",
        "dc",
        "dc 0001",
        "dc ffff 00",
        "dd 00000001",
        "dd ffffffff c0",
        "de 0001 c0",
        "df ffffffff c0 c0",
        "df 80000000 c0 c0",
        "90 90",
        "01 01",
        "93 01 02",
    ] {
        assert_refused(Serializer::MsgPack, &hex(input));
    }
    for input in ["c0", "90", "80", "a0", "dc 0000", "df 00000000", "c7 00 ff", "d4 ff 00", "82 01 02 c0 c2"]
    {
        assert_accepted(Serializer::MsgPack, &hex(input));
    }
}

/// SER-09
#[test]
fn cbor_outside_its_grammar_is_refused() {
    for input in [
        "",
        "ff",
        "18",
        "19 00",
        "1a 000000",
        "1b 00000000000000",
        "1c",
        "1d",
        "1e",
        "1f",
        "3c",
        "3f",
        "5c",
        "7d",
        "9e",
        "bc",
        "dc",
        "df 00",
        "fc",
        "fd",
        "fe",
        "41",
        "61",
        "61 ff",
        "62 c328",
        "5b ffffffffffffffff 00",
        "7b 7fffffffffffffff 61",
        "81",
        "82 01",
        "9b ffffffffffffffff 00",
        "bb 8000000000000000 00 00",
        "a1",
        "a1 01",
        "5f",
        "5f ff 00",
        "5f 61 61 ff",
        "5f 41 00",
        "5f 5f 41 00 ff ff",
        "7f 41 61 ff",
        "7f 61 ff ff",
        "7f 61 c3 61 a9 ff",
        "7f 7f ff ff",
        "7f 00 ff",
        "9f",
        "9f 01",
        "9f ff ff",
        "bf 01 ff",
        "bf 01",
        "81 ff",
        "a1 01 ff",
        "c0",
        "c0 ff",
        "9f c0 ff",
        "81 c1",
        "d8 20",
        "f8 00",
        "f8 1f",
        "f8",
        "f9 00",
        "fa 000000",
        "fb 00000000000000",
        "00 00",
        "80 80",
    ] {
        assert_refused(Serializer::Cbor, &hex(input));
    }
    for input in [
        "f6",
        "f7",
        "e0",
        "f8 20",
        "f8 ff",
        "80",
        "9f ff",
        "bf ff",
        "5f ff",
        "7f ff",
        "c0 61 61",
        "d9 d9f7 c1 00",
        "5f 40 41 00 ff",
        "a1 01 80",
        "1b 0000000000000001",
    ] {
        assert_accepted(Serializer::Cbor, &hex(input));
    }
}

/// SER-09
#[test]
fn ubjson_outside_its_grammar_is_refused() {
    let both: [&[u8]; 42] = [
        b"",
        b"N",
        b"x",
        b"]",
        b"}",
        b"[",
        b"[U",
        b"[U\x01",
        b"[Z}",
        b"{]",
        b"{U\x01a",
        b"{U\x01a}",
        b"{SU\x01aZ}",
        b"{i\xffZ}",
        b"S",
        b"SU",
        b"SU\x02a",
        b"SU\x01\xff",
        b"Si\xff",
        b"SZ",
        b"SD\0\0\0\0\0\0\0\0",
        b"C",
        b"C\x80",
        b"I\0",
        b"l\0\0\0",
        b"L\0\0\0\0\0\0\0",
        b"d\0\0\0",
        b"D\0\0\0\0\0\0\0",
        b"HU\x00",
        b"HU\x02-",
        b"HU\x0201",
        b"HU\x011x",
        b"HU\x031e+",
        b"[$U]",
        b"[$U",
        b"[#U\x01",
        b"[#U\x02ZN",
        b"[#i\xff",
        b"[$U#U\x02\0",
        b"[$l#U\x01\0\0\0",
        b"[#U\x01Z]",
        b"[]N",
    ];
    for input in both {
        assert_refused(Serializer::Ubjson, input);
        assert_refused(Serializer::Bjdata, input);
    }
    let ubjson: [&[u8]; 9] = [
        b"u\0\0",
        b"m\0\0\0\0",
        b"M\0\0\0\0\0\0\0\0",
        b"h\0\0",
        b"B\0",
        b"[$B#U\0",
        b"{$N#U\0",
        b"[#L\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"[$x#U\0",
    ];
    for input in ubjson {
        assert_refused(Serializer::Ubjson, input);
    }
    let bjdata: [&[u8]; 8] = [
        b"[$U#[U\x01U\x01]\0",
        b"[#[U\x01]Z",
        b"[$S#U\0",
        b"[$Z#U\0",
        b"[$[#U\0",
        b"[$N#U\0",
        b"[#M\xff\xff\xff\xff\xff\xff\xff\xff",
        b"{$T#U\0",
    ];
    for input in bjdata {
        assert_refused(Serializer::Bjdata, input);
    }
    for input in
        [&b"NNZ"[..], b"[]", b"{}", b"[#U\0", b"{#U\0", b"[$l#U\0", b"{$l#U\0", b"SU\0", b"Ca", b"HU\x010"]
    {
        assert_accepted(Serializer::Ubjson, input);
        assert_accepted(Serializer::Bjdata, input);
    }
}

#[test]
fn errors_say_where_and_what() {
    let error = Value::decode(Serializer::Json, b"[1, tru]").unwrap_err();
    assert_eq!(error.to_string(), "malformed json at byte 4: no JSON value begins like this");
    let error = Value::decode(Serializer::MsgPack, &[0x92, 1, 0xc1]).unwrap_err();
    assert_eq!((error.format, error.offset), ("msgpack", 2));
    let error = Value::decode(Serializer::Json, b"[\"ab\xff\"]").unwrap_err();
    assert_eq!((error.offset, error.what), (4, "text that is not UTF-8"));
}

/// SER-10
#[test]
fn a_megabyte_of_brackets_is_refused() {
    let bombs: [(Serializer, &[u8]); 16] = [
        (Serializer::Json, b"["),
        (Serializer::Json, b"{\"\":"),
        (Serializer::Json, b"[{\"\":"),
        (Serializer::MsgPack, b"\x91"),
        (Serializer::MsgPack, b"\x81\xa0"),
        (Serializer::MsgPack, b"\x81"),
        (Serializer::Cbor, b"\x81"),
        (Serializer::Cbor, b"\x9f"),
        (Serializer::Cbor, b"\xbf\x60"),
        (Serializer::Cbor, b"\xc1"),
        (Serializer::Ubjson, b"["),
        (Serializer::Ubjson, b"{U\0"),
        (Serializer::Ubjson, b"[#U\x01"),
        (Serializer::Ubjson, b"[$[#U\x01"),
        (Serializer::Bjdata, b"["),
        (Serializer::Bjdata, b"{U\0"),
    ];
    for (serializer, unit) in bombs {
        let bomb = unit.repeat(1_000_000 / unit.len());
        assert_refused(serializer, &bomb);
        assert!(Value::decode(serializer, &bomb).is_err());
        assert!(Value::decode_sequence(serializer, &bomb).is_err());
    }
}

/// SER-10
#[test]
fn nesting_is_limited_to_the_same_depth_everywhere() {
    let nested = |depth: usize| (1..depth).fold(Value::List(vec![]), |inner, _| Value::List(vec![inner]));
    let mapped = |depth: usize| {
        (1..depth).fold(Value::Map(Dict::new()), |inner, _| Value::Map(Dict::from([("k", inner)])))
    };
    for serializer in Serializer::ALL {
        for tree in [nested, mapped] {
            assert_accepted(serializer, &encode(serializer, &tree(MAX_DEPTH)));
            assert_refused(serializer, &encode(serializer, &tree(MAX_DEPTH + 1)));
            // A bare sequence stands in a message's list already.
            let within = encode(serializer, &tree(MAX_DEPTH - 1));
            let beyond = encode(serializer, &tree(MAX_DEPTH));
            with_reader!(serializer, R => {
                assert!(R::sequence(&within).skip().is_ok(), "{serializer:?}");
                assert!(R::sequence(&beyond).skip().is_err(), "{serializer:?}");
            });
            assert!(Value::decode_sequence(serializer, &within).is_ok());
            assert!(Value::decode_sequence(serializer, &beyond).is_err());
        }
    }
}

/// SER-10
#[test]
fn values_without_bytes_are_limited_in_number() {
    let array = |count: u32| {
        let mut bytes = b"[$Z#l".to_vec();
        bytes.extend(count.to_be_bytes());
        bytes
    };
    assert_accepted(Serializer::Ubjson, &array(65_536));
    assert_refused(Serializer::Ubjson, &array(65_537));
    assert_refused(Serializer::Ubjson, &array(0x7fff_ffff));
    // All together, not each.
    let two = |count| [b"[".to_vec(), array(count), array(count), b"]".to_vec()].concat();
    assert_accepted(Serializer::Ubjson, &two(32_768));
    assert_refused(Serializer::Ubjson, &two(32_769));
    assert_refused(Serializer::Ubjson, &[&b"[#U\x01"[..], &two(40_000)].concat());
}
