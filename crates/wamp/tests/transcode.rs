//! Transcoding: every row of the table in the module's documentation, and all pairs of serializers on random values.

mod support;

use cloverleaf_wamp::serializer::{Encoder, Malformed, Reader, Serializer};
use cloverleaf_wamp::value::{Dict, Value};
use cloverleaf_wamp::{transcode, with_reader};
use proptest::prelude::*;
use support::{damage, damaged, encode, hex, serializer, value};

use Serializer::{Bjdata, Cbor, Json, MsgPack, Ubjson};

fn transcoded(from: Serializer, bytes: &[u8], to: Serializer) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::new();
    transcode::elements(from, bytes, &mut Encoder::sequence(to, &mut out))?;
    Ok(out)
}

fn json(from: Serializer, bytes: &[u8]) -> String {
    String::from_utf8(transcoded(from, bytes, Json).expect("well-formed")).expect("JSON is UTF-8")
}

fn from_json(text: &str, to: Serializer) -> Vec<u8> {
    transcoded(Json, text.as_bytes(), to).expect("well-formed")
}

/// SER-04
#[test]
fn byte_strings_become_base64_in_json_and_come_back() {
    let bytes = hex("10e3ff9053075c526f5fc06d4fe37cdb");
    let text = r#""\u0000EOP/kFMHXFJvX8BtT+N82w==""#;
    for serializer in [MsgPack, Cbor, Ubjson, Bjdata] {
        let encoded = encode(serializer, &Value::Bytes(bytes.clone()));
        assert_eq!(json(serializer, &encoded), text);
        assert_eq!(from_json(text, serializer), encoded);
    }
    assert_eq!(json(MsgPack, &hex("c400")), r#""\u0000""#);
    assert_eq!(
        from_json(r#""\u0000EOP\/kFMHXFJvX8BtT+N82w==""#, MsgPack),
        [&hex("c410")[..], &bytes].concat()
    );
}

/// SER-05
#[test]
fn byte_strings_are_found_at_any_depth() {
    let msgpack = hex("92 a161 81 a16b c4020001");
    assert_eq!(from_json(r#"["a",{"k":"\u0000AAE="}]"#, MsgPack), msgpack);
    assert_eq!(json(MsgPack, &msgpack), r#"["a",{"k":"\u0000AAE="}]"#);
    // Keys are text, whatever they look like.
    assert_eq!(from_json(r#"{"\u0000AAE=":1}"#, MsgPack), hex("81 a5 004141453d 01"));
}

/// SER-06
#[test]
fn bad_base64_stays_text() {
    for bad in ["%%%", "AAE", "AA=E", "AAE=\\n", "é"] {
        let text = format!(r#""\u0000{bad}""#);
        assert_eq!(json(MsgPack, &from_json(&text, MsgPack)), text);
        assert!(matches!(Value::decode(MsgPack, &from_json(&text, MsgPack)), Ok(Value::Str(_))), "{text}");
    }
    assert_eq!(from_json(r#""a\u0000AAE=""#, MsgPack)[0], 0xa6, "only at the beginning");
}

#[test]
fn text_that_looks_like_a_byte_string_reads_as_one_from_json() {
    assert_eq!(json(MsgPack, &hex("a5 004141453d")), r#""\u0000AAE=""#);
}

#[test]
fn floats_that_are_not_finite_become_null_where_there_are_none() {
    for bits in ["7ff8000000000000", "7ff0000000000000", "fff0000000000000"] {
        let msgpack = hex(&format!("cb{bits}"));
        assert_eq!(json(MsgPack, &msgpack), "null");
        assert_eq!(transcoded(MsgPack, &msgpack, Ubjson).as_deref(), Ok(&b"Z"[..]));
        assert_eq!(transcoded(MsgPack, &msgpack, Cbor), Ok(hex(&format!("fb{bits}"))));
        assert_eq!(transcoded(Cbor, &hex(&format!("fb{bits}")), Bjdata).map(|bytes| bytes.len()), Ok(9));
    }
}

/// SER-07
#[test]
fn large_integers_pass_between_binary_formats_unchanged() {
    for (msgpack, cbor) in [
        ("cfffffffffffffffff", "1bffffffffffffffff"),
        ("cf0020000000000001", "1b0020000000000001"),
        ("d38000000000000000", "3b7fffffffffffffff"),
    ] {
        assert_eq!(transcoded(MsgPack, &hex(msgpack), Cbor), Ok(hex(cbor)));
        assert_eq!(transcoded(Cbor, &hex(cbor), MsgPack), Ok(hex(msgpack)));
    }
    assert_eq!(
        transcoded(MsgPack, &hex("cfffffffffffffffff"), Ubjson).as_deref(),
        Ok(&b"HU\x1418446744073709551615"[..])
    );
    assert_eq!(transcoded(Ubjson, b"HU\x1418446744073709551615", MsgPack), Ok(hex("cfffffffffffffffff")));
    assert_eq!(transcoded(MsgPack, &hex("cfffffffffffffffff"), Bjdata), Ok(hex("4dffffffffffffffff")));
}

#[test]
fn numbers_beyond_the_target_become_doubles() {
    assert_eq!(from_json("18446744073709551616", MsgPack), hex("cb43f0000000000000"));
    assert_eq!(from_json("1e400", MsgPack), hex("cb7ff0000000000000"));
    assert_eq!(from_json("-0", MsgPack), hex("cb8000000000000000"));
    assert_eq!(transcoded(Cbor, &hex("3bffffffffffffffff"), MsgPack), Ok(hex("cbc3f0000000000000")));
    assert_eq!(json(Cbor, &hex("3b8000000000000000")), "-9.223372036854776e18");
}

/// SER-13
#[test]
fn cbor_bignums_become_what_they_are() {
    for (cbor, expected) in [
        ("c2 40", "0"),
        ("c2 41 2a", "42"),
        ("c2 4a 0000 ffffffffffffffff", "18446744073709551615"),
        ("c2 49 010000000000000000", "1.8446744073709552e19"),
        ("c3 41 00", "-1"),
        ("c3 48 7fffffffffffffff", "-9223372036854775808"),
        ("c3 49 010000000000000000", "-1.8446744073709552e19"),
        ("c2 5f 41 01 41 00 ff", "256"),
        // 2^136, and 2^136 + 2^83 + 1, which is just above the middle between two doubles.
        ("c2 52 01 0000000000000000000000000000000000", "8.711228593176025e40"),
        ("c2 52 01 0000000000000800000000000000000001", "8.711228593176027e40"),
        // 2^136 + 2^83 is the middle, and goes to the even one.
        ("c2 52 01 0000000000000800000000000000000000", "8.711228593176025e40"),
        ("c1 c2 41 01", "1"),
        ("c2 c1 41 01", r#""\u0000AQ==""#),
    ] {
        assert_eq!(json(Cbor, &hex(cbor)), expected, "{cbor}");
    }
    let huge = [&hex("c2 59 0100 ff")[..], &[0; 255]].concat();
    assert_eq!(transcoded(Cbor, &huge, MsgPack), Ok(hex("cb7ff0000000000000")));
}

/// SER-13
#[test]
fn tags_and_extension_types_leave_their_content() {
    assert_eq!(json(Cbor, &hex("c0 6a 323032362d31312d3232")), r#""2026-11-22""#);
    assert_eq!(json(Cbor, &hex("c1 fb41d452d9e2000000 00 d820 6161")), "1363896200.0,0,\"a\"");
    assert_eq!(json(MsgPack, &hex("d6 ff 00000001")), r#""\u0000AAAAAQ==""#);
    assert_eq!(transcoded(MsgPack, &hex("d6 ff 00000001"), Cbor), Ok(hex("44 00000001")));
    assert_eq!(json(Cbor, &hex("f7 e0 f8ff")), "null,null,null");
}

#[test]
fn chunks_become_one_string() {
    assert_eq!(transcoded(Cbor, &hex("7f 61 61 62 c3a9 ff"), MsgPack), Ok(hex("a3 61c3a9")));
    assert_eq!(transcoded(Cbor, &hex("5f 41 01 41 02 ff"), MsgPack), Ok(hex("c402 0102")));
}

/// SER-17
#[test]
fn lone_surrogates_become_replacement_characters() {
    for (text, expected) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\udc00x""#, "\u{fffd}x"),
        (r#""\ud800\ud800\udc00""#, "\u{fffd}\u{10000}"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\ude00\u00e9\uffff""#, "\u{1f600}\u{e9}\u{ffff}"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
    ] {
        assert_eq!(from_json(text, Cbor), encode(Cbor, &Value::from(expected)), "{text}");
        let key = format!("{{{text}:1}}");
        let dict = Value::Map(Dict::from([(expected, Value::from(1))]));
        assert_eq!(from_json(&key, MsgPack), encode(MsgPack, &dict), "{key}");
    }
}

#[test]
fn floats_stay_floats_in_json() {
    assert_eq!(json(MsgPack, &hex("ca3f800000")), "1.0");
    assert_eq!(json(MsgPack, &hex("ca3dcccccd")), "0.10000000149011612");
    assert_eq!(transcoded(Cbor, &hex("f93c00"), MsgPack), Ok(hex("cb3ff0000000000000")));
    assert_eq!(from_json("1.0", MsgPack), hex("cb3ff0000000000000"));
}

#[test]
fn ubjson_types_of_its_own_become_plain() {
    assert_eq!(json(Ubjson, b"[$i#U\x02\x01\xff"), "[1,-1]");
    assert_eq!(json(Ubjson, b"[CaHU\x033.5HU\x0212N]"), r#"["a",3.5,12]"#);
    assert_eq!(json(Ubjson, b"[$U#U\x02\x00\x01"), r#""\u0000AAE=""#);
    assert_eq!(json(Bjdata, b"[$B#U\x02\x00\x01"), r#""\u0000AAE=""#);
    assert_eq!(transcoded(Ubjson, b"[$U#U\x01\x07", Bjdata).as_deref(), Ok(&b"[$B#U\x01\x07"[..]));
    assert_eq!(transcoded(Bjdata, b"[$B#U\x01\x07", Ubjson).as_deref(), Ok(&b"[$U#U\x01\x07"[..]));
}

#[test]
fn keys_that_are_not_text_become_text() {
    for (msgpack, expected) in [
        ("81 05 01", r#"{"5":1}"#),
        ("81 ff 01", r#"{"-1":1}"#),
        ("81 c0 01", r#"{"null":1}"#),
        ("81 c3 01", r#"{"true":1}"#),
        ("81 c2 01", r#"{"false":1}"#),
        ("81 cb3ff8000000000000 01", r#"{"1.5":1}"#),
        ("81 cb7ff0000000000000 01", r#"{"null":1}"#),
        ("81 c4020001 01", r#"{"AAE=":1}"#),
        ("81 920102 01", r#"{"kgEC":1}"#),
        ("82 8180c0 01 a161 02", r#"{"gYDA":1,"a":2}"#),
    ] {
        assert_eq!(json(MsgPack, &hex(msgpack)), expected, "{msgpack}");
        let tree = Value::decode(MsgPack, &hex(msgpack)).unwrap();
        assert_eq!(tree.to_string(), expected, "trees follow the same rule");
    }
    assert_eq!(json(Cbor, &hex("bf 9f01ff 01 ff")), r#"{"nwH/":1}"#);
}

/// SER-14
#[test]
fn json_to_json_is_lexically_unchanged() {
    let text = br#" 1.0 , 1e400,123456789012345678901234567890 ,"\u0041\/", {"a" :-0} "#;
    assert_eq!(transcoded(Json, text, Json).as_deref(), Ok(&text[..]));
}

/// SER-13
#[test]
fn within_a_serializer_bytes_are_copied() {
    for (serializer, bytes) in [
        (MsgPack, hex("d6 ff 00000001 cd0001 dc0001c0")),
        (Cbor, hex("c2 41 01 9f 1800 ff f7")),
        (Ubjson, b"[$i#U\x01\x01NCa".to_vec()),
    ] {
        assert_eq!(transcoded(serializer, &bytes, serializer), Ok(bytes));
    }
}

#[test]
fn a_failure_leaves_nothing_behind() {
    for to in Serializer::ALL {
        let mut out = Vec::new();
        let mut encoder = Encoder::sequence(to, &mut out);
        encoder.uint(1);
        let written = encode(to, &Value::from(1));
        assert!(transcode::elements(Json, br#"[1,"a",{"b":tru}]"#, &mut encoder).is_err());
        assert_eq!(transcode::elements(Json, b"2", &mut encoder), Ok(1));
        assert!(out.starts_with(&written));
        assert_eq!(Value::decode_sequence(to, &out), Ok(vec![Value::from(1), Value::from(2)]));
    }
}

proptest! {
    #![proptest_config(support::cases(512))]

    /// SER-01
    #[test]
    fn every_pair_of_serializers_carries_values_unchanged(
        list in proptest::collection::vec(value(), 0..4),
        one in serializer(),
        two in serializer(),
    ) {
        let bytes: Vec<u8> = encode_sequence(one, &list);
        let there = transcoded(one, &bytes, two).unwrap();
        prop_assert_eq!(&there, &encode_sequence(two, &list));
        prop_assert_eq!(Value::decode_sequence(two, &there), Ok(list));
        prop_assert_eq!(transcoded(two, &there, one), Ok(bytes));
    }

    #[test]
    fn whatever_is_well_formed_can_be_transcoded(
        list in proptest::collection::vec(value(), 0..4),
        from in serializer(),
        damage in damage(),
    ) {
        let bytes = damaged(encode_sequence(from, &list), &damage);
        let valid = with_reader!(from, R => {
            let mut reader = R::sequence(&bytes);
            let mut count = 0;
            loop {
                match reader.skip() {
                    Ok(Some(_)) => count += 1,
                    Ok(None) => break Some(count),
                    Err(_) => break None,
                }
            }
        });
        for to in Serializer::ALL {
            let mut out = Vec::new();
            let done = transcode::elements(from, &bytes, &mut Encoder::sequence(to, &mut out));
            prop_assert_eq!(done.ok(), valid, "{:?} to {:?}", from, to);
            let read = Value::decode_sequence(to, &out);
            prop_assert_eq!(read.map(|list| list.len()), Ok(valid.unwrap_or(0)));
        }
    }
}

fn encode_sequence(serializer: Serializer, list: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::sequence(serializer, &mut bytes);
    for value in list {
        value.encode(&mut encoder);
    }
    bytes
}
