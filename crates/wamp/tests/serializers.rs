//! The readers and the encoder on well-formed input: round trips, forms, places.

mod support;

use cloverleaf_wamp::serializer::{Encoder, Kind, Reader, Serializer, Skipped, Token};
use cloverleaf_wamp::value::{Dict, Value};
use cloverleaf_wamp::with_reader;
use proptest::prelude::*;
use support::{accepts, damage, damaged, encode, hex, serializer, skips, value, walk, written};

/// Both ways over one input must agree on everything.
fn assert_same_steps(serializer: Serializer, input: &[u8]) {
    with_reader!(serializer, R => {
        let (mut by_token, mut by_skip) = (R::new(input), R::new(input));
        let (walked, skipped) = (walk(&mut by_token), by_skip.skip());
        match (&walked, &skipped) {
            (Ok(walked), Ok(skipped)) => {
                assert_eq!(walked, skipped);
                assert_eq!(by_token.position(), by_skip.position());
                assert_eq!(by_token.finish().is_ok(), by_skip.finish().is_ok());
            }
            (Err(_), Err(_)) => {}
            _ => panic!("{serializer:?}: by token {walked:?}, by skip {skipped:?}, input {input:02x?}"),
        }
        let (mut by_token, mut by_skip) = (R::sequence(input), R::sequence(input));
        loop {
            let (walked, skipped) = (walk(&mut by_token), by_skip.skip());
            match (walked, skipped) {
                (Ok(Some(walked)), Ok(Some(skipped))) => assert_eq!(walked, skipped),
                (Ok(None), Ok(None)) | (Err(_), Err(_)) => break,
                (walked, skipped) => panic!("{serializer:?} sequence: by token {walked:?}, by skip {skipped:?}"),
            }
            assert_eq!(by_token.mark().is_ok(), by_skip.mark().is_ok());
            assert_eq!(by_token.position(), by_skip.position());
        }
    });
}

proptest! {
    #![proptest_config(support::cases(256))]

    /// SER-03
    #[test]
    fn what_is_encoded_decodes_to_the_same(value in value(), serializer in serializer()) {
        let bytes = encode(serializer, &value);
        let back = Value::decode(serializer, &bytes);
        prop_assert_eq!(back.as_ref(), Ok(&value), "{:02x?}", bytes);
        prop_assert_eq!(encode(serializer, &back.unwrap()), bytes);
    }

    #[test]
    fn skipping_agrees_with_tokens(value in value(), serializer in serializer(), damage in damage()) {
        assert_same_steps(serializer, &damaged(encode(serializer, &value), &damage));
    }

    #[test]
    fn random_bytes_are_read_alike(bytes in proptest::collection::vec(any::<u8>(), 0..64), serializer in serializer()) {
        assert_same_steps(serializer, &bytes);
    }

    #[test]
    fn a_sequence_is_what_stands_between_the_brackets(
        list in proptest::collection::vec(value(), 0..6),
        serializer in serializer(),
    ) {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::sequence(serializer, &mut bytes);
        for value in &list {
            value.encode(&mut encoder);
        }
        prop_assert_eq!(Value::decode_sequence(serializer, &bytes), Ok(list.clone()));
        let message = written(serializer, |encoder| {
            encoder.array(list.len());
            encoder.raw(&bytes);
            encoder.end_array();
        });
        prop_assert_eq!(Value::decode(serializer, &message), Ok(Value::List(list)));
    }

    #[test]
    fn containers_of_unknown_length_come_out_the_same(value in value(), serializer in serializer()) {
        fn stream(value: &Value, to: &mut Encoder<'_>) {
            match value {
                Value::List(list) => {
                    let mark = to.open_array();
                    for element in list {
                        stream(element, to);
                    }
                    to.close_array(mark, list.len());
                }
                Value::Map(dict) => {
                    let mark = to.open_map();
                    for (key, element) in dict.iter() {
                        to.key(key);
                        stream(element, to);
                    }
                    to.close_map(mark, dict.len());
                }
                scalar => scalar.encode(to),
            }
        }
        prop_assert_eq!(written(serializer, |to| stream(&value, to)), encode(serializer, &value));
    }
}

#[test]
fn long_containers_of_unknown_length_get_long_heads() {
    for serializer in Serializer::ALL {
        for len in [15, 16, 23, 24, 255, 256, 65_535, 65_536] {
            let list: Value = (0..len).map(|n| Value::from(n % 7)).collect();
            let streamed = written(serializer, |to| {
                let mark = to.open_array();
                for n in 0..len {
                    to.uint(n % 7);
                }
                to.close_array(mark, usize::try_from(len).unwrap());
            });
            assert!(streamed == encode(serializer, &list), "{serializer:?} {len}");
        }
    }
}

/// SER-07
#[test]
fn integers_of_64_bits_pass_in_every_serializer() {
    let edges = [
        0,
        23,
        24,
        127,
        128,
        255,
        256,
        32_767,
        32_768,
        65_535,
        65_536,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
    ];
    let large = [1 << 32, 1 << 53, (1 << 53) + 1, i64::MAX.cast_unsigned(), 1 << 63, u64::MAX];
    for serializer in Serializer::ALL {
        for value in edges.into_iter().chain(large) {
            let bytes = written(serializer, |to| to.uint(value));
            assert_eq!(Value::decode(serializer, &bytes), Ok(Value::Uint(value)), "{serializer:?}");
            let Ok(negative) = i64::try_from(value).map(|value| -1 - value) else { continue };
            let bytes = written(serializer, |to| to.int(negative));
            assert_eq!(Value::decode(serializer, &bytes), Ok(Value::Int(negative)), "{serializer:?}");
        }
    }
}

#[test]
fn integers_take_their_smallest_form() {
    let forms: [(i64, &str, &str, &str, &str); 14] = [
        (1, "01", "01", "5501", "5501"),
        (127, "7f", "187f", "557f", "557f"),
        (200, "ccc8", "18c8", "55c8", "55c8"),
        (593, "cd0251", "190251", "490251", "755102"),
        (40_000, "cd9c40", "199c40", "6c00009c40", "75409c"),
        (7_814_135, "ce00773bf7", "1a00773bf7", "6c00773bf7", "6df73b7700"),
        (3_000_000_000, "ceb2d05e00", "1ab2d05e00", "4c00000000b2d05e00", "6d005ed0b2"),
        (
            5_512_315_355,
            "cf00000001488f41db",
            "1b00000001488f41db",
            "4c00000001488f41db",
            "4ddb418f4801000000",
        ),
        (-1, "ff", "20", "69ff", "69ff"),
        (-33, "d0df", "3820", "69df", "69df"),
        (-129, "d1ff7f", "3880", "49ff7f", "497fff"),
        (-40_000, "d2ffff63c0", "399c3f", "6cffff63c0", "6cc063ffff"),
        (-3_000_000_000, "d3ffffffff4d2fa200", "3ab2d05dff", "4cffffffff4d2fa200", "4c00a22f4dffffffff"),
        (-32, "e0", "381f", "69e0", "69e0"),
    ];
    for (value, msgpack, cbor, ubjson, bjdata) in forms {
        assert_eq!(written(Serializer::Json, |to| to.int(value)), value.to_string().as_bytes());
        assert_eq!(written(Serializer::MsgPack, |to| to.int(value)), hex(msgpack), "{value}");
        assert_eq!(written(Serializer::Cbor, |to| to.int(value)), hex(cbor), "{value}");
        assert_eq!(written(Serializer::Ubjson, |to| to.int(value)), hex(ubjson), "{value}");
        assert_eq!(written(Serializer::Bjdata, |to| to.int(value)), hex(bjdata), "{value}");
    }
}

#[test]
fn json_is_written_compact_and_escaped() {
    let value = Value::List(vec![
        Value::Map(Dict::from([("a\"b", Value::from(1.0)), ("", Value::Null)])),
        Value::from("\0\u{1}\u{8}\t\n\u{c}\r\u{1f} \"\\/\u{7f}é\u{2028}😀"),
        Value::from(f64::NAN),
        Value::from(-0.0),
        Value::from(1e300),
        Value::List(vec![]),
        Value::from([true, false]),
    ]);
    let expected = concat!(
        r#"[{"a\"b":1.0,"":null},"\u0000\u0001\b\t\n\f\r\u001f \"\\/"#,
        "\u{7f}é\u{2028}😀",
        r#"",null,-0.0,1e300,[],[true,false]]"#
    );
    assert_eq!(value.to_string(), expected);
}

#[test]
fn json_integers_and_floats_keep_apart() {
    let read = |text: &str| Value::decode(Serializer::Json, text.as_bytes()).unwrap();
    assert!(matches!(read("18446744073709551615"), Value::Uint(u64::MAX)));
    assert!(matches!(read("-9223372036854775808"), Value::Int(i64::MIN)));
    assert!(
        matches!(read("18446744073709551616"), Value::Float(value) if value == 18_446_744_073_709_551_616.0)
    );
    assert!(
        matches!(read("-9223372036854775809"), Value::Float(value) if value == -9_223_372_036_854_775_809.0)
    );
    assert!(matches!(read("1.0"), Value::Float(1.0)));
    assert!(matches!(read("1e2"), Value::Float(100.0)));
    assert!(matches!(read("1E400"), Value::Float(f64::INFINITY)));
    assert!(matches!(read("-0"), Value::Float(value) if value == 0.0 && value.is_sign_negative()));
    assert!(matches!(read("0"), Value::Uint(0)));
}

/// SER-12
#[test]
fn cbor_takes_definite_and_indefinite_lengths() {
    let expected = Value::List(vec![
        Value::from(1),
        Value::from("streaming"),
        Value::from(&[1u8, 2, 3][..]),
        Value::Map(Dict::from([("a", Value::List(vec![]))])),
    ]);
    let definite = hex("84 01 69 73747265616d696e67 43 010203 a1 61 61 80");
    let indefinite = hex("9f 01 7f 65 7374726561 60 64 6d696e67 ff 5f 42 0102 41 03 ff bf 61 61 9f ff ff ff");
    assert_eq!(Value::decode(Serializer::Cbor, &definite).as_ref(), Ok(&expected));
    assert_eq!(Value::decode(Serializer::Cbor, &indefinite).as_ref(), Ok(&expected));
}

#[test]
fn cbor_floats_of_every_width_read_as_doubles() {
    for (bytes, expected) in [
        ("f93c00", 1.0),
        ("f97bff", 65_504.0),
        ("f90001", 5.960_464_477_539_063e-8),
        ("f90400", 0.000_061_035_156_25),
        ("f9c400", -4.0),
        ("f97c00", f64::INFINITY),
        ("fa47c35000", 100_000.0),
        ("fb3ff199999999999a", 1.1),
    ] {
        assert_eq!(Value::decode(Serializer::Cbor, &hex(bytes)), Ok(Value::Float(expected)), "{bytes}");
    }
    let nan = Value::decode(Serializer::Cbor, &hex("f97e00")).unwrap();
    assert!(nan.as_f64().unwrap().is_nan());
}

/// SER-02
#[test]
fn msgpack_tells_text_from_bytes() {
    let mut reader = cloverleaf_wamp::serializer::MsgPackReader::new(&[0x92, 0xa1, 0x61, 0xc4, 1, 0x61]);
    assert_eq!(reader.token(), Ok(Token::Array));
    assert_eq!(reader.token(), Ok(Token::Str("a".into())));
    assert_eq!(reader.token(), Ok(Token::Bytes([0x61][..].into())));
}

#[test]
fn ubjson_containers_with_types_and_counts_are_read() {
    let read = |bytes: &[u8]| Value::decode(Serializer::Ubjson, bytes).map(|value| value.to_string());
    assert_eq!(read(b"[#U\x02U\x01NT").as_deref(), Ok("[1,true]"));
    assert_eq!(read(b"[$I#U\x02\x00\x01\xff\xff").as_deref(), Ok("[1,-1]"));
    assert_eq!(read(b"{$U#U\x02U\x01a\x07U\x01b\x08").as_deref(), Ok(r#"{"a":7,"b":8}"#));
    assert_eq!(read(b"{#U\x01U\x01aZ").as_deref(), Ok(r#"{"a":null}"#));
    assert_eq!(read(b"[$Z#U\x03").as_deref(), Ok("[null,null,null]"));
    assert_eq!(read(b"[$N#U\x03").as_deref(), Ok("[]"));
    assert_eq!(read(b"[$S#U\x02U\x01aU\x00").as_deref(), Ok(r#"["a",""]"#));
    assert_eq!(read(b"[$[#U\x02]$U#U\x01\x05").as_deref(), Ok(r#"[[],"\u0000BQ=="]"#));
    assert_eq!(read(b"[${#U\x01U\x01aT}").as_deref(), Ok(r#"[{"a":true}]"#));
    assert_eq!(read(b"[NN{NU\x01aNCxN}NN]").as_deref(), Ok(r#"[{"a":"x"}]"#));
    assert_eq!(read(b"[HU\x0218HU\x041e-2HI\x00\x0218]").as_deref(), Ok("[18,0.01,18]"));
}

#[test]
fn bjdata_has_its_own_numbers() {
    let read = |bytes: &[u8]| Value::decode(Serializer::Bjdata, bytes).map(|value| value.to_string());
    assert_eq!(
        read(b"[u\x01\x02m\x01\x00\x00\x80B\x07I\xff\xffh\x00\x3c]").as_deref(),
        Ok("[513,2147483649,7,-1,1.0]")
    );
    assert_eq!(read(b"[$u#u\x02\x00\x01\x00\x02\x00").as_deref(), Ok("[1,2]"));
    assert_eq!(read(b"[$B#U\x02\x01\x02").as_deref(), Ok(r#""\u0000AQI=""#));
}

#[test]
fn marks_are_where_elements_begin() {
    for (serializer, input, second, end) in [
        (Serializer::Json, &b" [ 1 ,\n{} ] "[..], 7, 10),
        (Serializer::MsgPack, b"\x92\x01\x80", 2, 3),
        (Serializer::Cbor, b"\x9f\x01\xa0\xff", 2, 3),
        (Serializer::Ubjson, b"[U\x01NN{}N]", 5, 8),
    ] {
        with_reader!(serializer, R => {
            let mut reader = R::new(input);
            assert_eq!(reader.token(), Ok(Token::Array));
            assert_eq!(reader.token(), Ok(Token::Uint(1)));
            assert_eq!(reader.mark(), Ok(second), "{serializer:?}");
            assert_eq!(reader.mark(), Ok(second), "a second time, {serializer:?}");
            assert_eq!(reader.skip(), Ok(Some(Skipped { kind: Kind::Map, len: 0 })));
            assert_eq!(reader.mark(), Ok(end), "{serializer:?}");
            assert_eq!(reader.skip(), Ok(None));
            assert_eq!(reader.finish(), Ok(()));
        });
    }
}

#[test]
fn keys_can_be_skipped_and_marked() {
    for serializer in Serializer::ALL {
        let value = Value::Map(Dict::from([("first", Value::from(1)), ("second", Value::from([2, 3]))]));
        let bytes = encode(serializer, &value);
        with_reader!(serializer, R => {
            let mut reader = R::new(&bytes);
            assert_eq!(reader.token(), Ok(Token::Map));
            assert_eq!(reader.skip(), Ok(Some(Skipped { kind: Kind::Str, len: 0 })));
            reader.mark().unwrap();
            assert_eq!(reader.token(), Ok(Token::Uint(1)));
            assert_eq!(reader.token(), Ok(Token::Str("second".into())));
            let start = reader.mark().unwrap();
            assert_eq!(reader.skip(), Ok(Some(Skipped { kind: Kind::Array, len: 2 })));
            let slice = &bytes[start..reader.position()];
            assert_eq!(Value::decode(serializer, slice), Ok(Value::from([2, 3])));
            assert_eq!(reader.token(), Ok(Token::End));
            assert_eq!(reader.finish(), Ok(()));
        });
    }
}

#[test]
fn kinds_are_told_apart() {
    let kind = |serializer: Serializer, input: &[u8]| with_reader!(serializer, R => R::new(input).skip().unwrap().unwrap());
    let bytes = Skipped { kind: Kind::Bytes, len: 0 };
    assert_eq!(kind(Serializer::Json, br#""\u0000AAE=""#), bytes);
    assert_eq!(kind(Serializer::Json, br#""\u0000AAE""#).kind, Kind::Str);
    assert_eq!(kind(Serializer::MsgPack, &[0xd4, 1, 2]), bytes);
    assert_eq!(kind(Serializer::Ubjson, b"[$U#U\x01a"), bytes);
    assert_eq!(kind(Serializer::MsgPack, &[0x81, 1, 2]), Skipped { kind: Kind::OddMap, len: 1 });
    // Only the keys of the map itself count.
    assert_eq!(kind(Serializer::MsgPack, &[0x81, 0xa0, 0x81, 1, 2]), Skipped { kind: Kind::Map, len: 1 });
    assert_eq!(kind(Serializer::Cbor, &hex("bf 6161 01 20 02 ff")), Skipped { kind: Kind::OddMap, len: 2 });
    assert_eq!(kind(Serializer::Ubjson, b"[$l#U\x02\0\0\0\0\0\0\0\0"), Skipped { kind: Kind::Array, len: 2 });
}

#[test]
fn after_the_end_there_is_nothing() {
    for serializer in Serializer::ALL {
        let bytes = encode(serializer, &Value::from([1]));
        assert!(accepts(serializer, &bytes) && skips(serializer, &bytes));
        with_reader!(serializer, R => {
            let mut reader = R::new(&bytes);
            assert!(reader.finish().is_err(), "not begun");
            reader.token().unwrap();
            assert!(reader.finish().is_err(), "still open");
            reader.skip().unwrap();
            reader.skip().unwrap();
            assert!(reader.finish().is_ok());
            assert!(reader.token().is_err());
            let mut reader = R::sequence(&[]);
            assert_eq!(reader.token(), Ok(Token::End));
            assert_eq!(reader.token(), Ok(Token::End));
            assert_eq!(reader.skip(), Ok(None));
            assert!(reader.finish().is_ok());
        });
    }
}
