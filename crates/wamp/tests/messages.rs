//! The layouts of messages: what is one, what isn't, and what is passed over.

mod support;

use cloverleaf_wamp::message::{DecodeError, MessageType, Publish, PublishOptions};
use cloverleaf_wamp::role::Features;
use cloverleaf_wamp::value::Dict;
use cloverleaf_wamp::{MatchPolicy, Message, Payload, RequestId, Serializer, Value};
use serde_json::{Value as Json, json};
use support::hex;
use testkit::IntoValue;

/// One message of each type with all its elements, and how many of these it must have.
fn complete() -> Vec<(usize, Json)> {
    vec![
        (3, json!([1, "realm1", {"roles": {"caller": {}}}])),
        (3, json!([2, 9, {"roles": {"broker": {}}}])),
        (3, json!([3, {"message": "text"}, "a.b", [1], {"k": 2}])),
        (3, json!([4, "ticket", {}])),
        (3, json!([5, "signature", {}])),
        (3, json!([6, {}, "a.b"])),
        (5, json!([8, 48, 1, {}, "a.b", [1], {"k": 2}])),
        (4, json!([16, 1, {}, "a.b", [1], {"k": 2}])),
        (3, json!([17, 1, 2])),
        (4, json!([32, 1, {}, "a.b"])),
        (3, json!([33, 1, 2])),
        (3, json!([34, 1, 2, {}])),
        (2, json!([35, 1, {}])),
        (4, json!([36, 1, 2, {}, [1], {"k": 2}])),
        (4, json!([48, 1, {}, "a.b", [1], {"k": 2}])),
        (3, json!([49, 1, {}])),
        (3, json!([50, 1, {}, [1], {"k": 2}])),
        (4, json!([64, 1, {}, "a.b"])),
        (3, json!([65, 1, 2])),
        (3, json!([66, 1, 2, {}])),
        (2, json!([67, 1, {}])),
        (4, json!([68, 1, 2, {}, [1], {"k": 2}])),
        (3, json!([69, 1, {}])),
        (3, json!([70, 1, {}, [1], {"k": 2}])),
        (2, json!([337, 2])),
    ]
}

/// Decodes the message in every serializer, which must all agree. Answers the error, if there is one.
#[track_caller]
fn fault(message: &Json) -> Option<DecodeError> {
    fault_of(&message.clone().into_value())
}

#[track_caller]
fn fault_of(message: &Value) -> Option<DecodeError> {
    let faults = Serializer::ALL.map(|serializer| {
        let bytes = message.to_vec(serializer);
        Message::decode(serializer, &bytes).err()
    });
    for fault in faults {
        assert_eq!(fault.is_some(), faults[0].is_some(), "{message}: {faults:?}");
    }
    faults[0]
}

/// Decodes and encodes in JSON.
fn through(message: &Json) -> Json {
    let bytes = message.to_string();
    let mut out = Vec::new();
    let decoded = Message::decode(Serializer::Json, bytes.as_bytes());
    decoded.unwrap_or_else(|error| panic!("{message}: {error}")).encode(Serializer::Json, &mut out);
    serde_json::from_slice(&out).expect("JSON")
}

fn elements(message: &Json) -> &Vec<Json> {
    message.as_array().expect("a list")
}

#[test]
fn every_message_type_is_tested_here() {
    let codes: Vec<u64> =
        complete().iter().map(|(_, message)| message[0].as_u64().expect("a code")).collect();
    let all: Vec<u64> = MessageType::ALL.iter().map(|message| message.code()).collect();
    assert_eq!(codes, all);
}

/// MSG-01
#[test]
fn a_message_is_a_list_that_begins_with_an_integer() {
    let no_messages = [
        json!([]),
        json!({}),
        json!(["x"]),
        json!([1.5]),
        json!([null]),
        json!([-1]),
        json!(5),
        json!("[1]"),
    ];
    for message in no_messages {
        assert_eq!(fault(&message), Some(DecodeError::NotAMessage), "{message}");
    }
}

/// MSG-02
#[test]
fn every_element_has_its_one_type() {
    for (_, message) in complete() {
        assert_eq!(fault(&message), None, "{message}");
        for index in 1..elements(&message).len() {
            // Where an optional element of another type may stand (kwargs are optional, args aren't before them).
            for other in [json!(true), json!(1.5), json!("text"), json!([]), json!({})] {
                let was = &message[index];
                if std::mem::discriminant(was) == std::mem::discriminant(&other) && !was.is_number() {
                    continue;
                }
                let mut wrong = message.clone();
                wrong[index] = other;
                assert!(fault(&wrong).is_some(), "{wrong}");
            }
        }
    }
}

/// MSG-02: the examples of the checklist.
#[test]
fn elements_of_the_wrong_type_are_told_by_their_place() {
    for (message, element) in [
        (json!([32, "1", {}, "a"]), 1),
        (json!([32, 1, [], "a"]), 2),
        (json!([32, 1, {}, 5]), 3),
        (json!([48, 1, {}, "p", {}]), 4),
        (json!([48, 1, {}, "p", [], []]), 5),
    ] {
        let found = fault(&message);
        assert!(matches!(found, Some(DecodeError::Layout { element: at, .. }) if at == element), "{found:?}");
    }
}

/// MSG-03
#[test]
fn too_few_elements_are_no_message() {
    for (required, message) in complete() {
        for len in 1..elements(&message).len() {
            let short = Json::from(elements(&message)[..len].to_vec());
            assert_eq!(fault(&short).is_some(), len < required, "{short}");
        }
    }
}

/// MSG-03
#[test]
fn too_many_elements_are_no_message() {
    for (_, mut message) in complete() {
        message.as_array_mut().expect("a list").push(json!({}));
        assert!(fault(&message).is_some(), "{message}");
    }
}

/// MSG-04, FEA-06
#[test]
fn unknown_attributes_are_passed_over() {
    for (_, message) in complete() {
        let Some(at) = elements(&message).iter().position(Json::is_object) else { continue };
        let mut more = message.clone();
        for value in [json!(1), json!({"deep": [{}, null]}), json!("text")] {
            more[at]["foo_bar"] = value;
            // CHALLENGE.Extra and AUTHENTICATE.Extra belong to the method, whatever is in them.
            let is_extra = matches!(message[0].as_u64(), Some(4 | 5));
            assert_eq!(through(&more) == through(&message), !is_extra, "{more}");
        }
    }
    let hello = json!([1, "r", {"roles": {"caller": {"features": {"x_new": true}, "z": 1}, "odd": 5}}]);
    assert_eq!(through(&hello), json!([1, "r", {"roles": {"caller": {}}}]));
}

/// FEA-10: reflection is announced in the role; among the features, where some put it, it is understood too.
#[test]
fn reflection_stands_in_the_role_itself() {
    let in_role = json!([2, 9, {"roles": {"broker": {"reflection": true}, "dealer": {
        "features": {"call_timeout": true}, "reflection": true,
    }}}]);
    assert_eq!(through(&in_role), in_role);
    let among_features = json!([2, 9, {"roles": {"broker": {"features": {"reflection": true}}, "dealer": {
        "features": {"call_timeout": true, "reflection": true}, "reflection": false,
    }}}]);
    assert_eq!(through(&among_features), in_role);
    let without = json!([2, 9, {"roles": {"broker": {"reflection": false}}}]);
    assert_eq!(through(&without), json!([2, 9, {"roles": {"broker": {}}}]));
}

/// MSG-05
#[test]
fn names_of_features_are_names_that_the_specification_allows() {
    for (_, name) in Features::NAMES {
        let mut letters = name.chars();
        assert!(letters.next().is_some_and(|first| first.is_ascii_lowercase()), "{name}");
        assert!(name.len() >= 3 && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    }
}

/// MSG-06
#[test]
fn integers_are_no_booleans() {
    for (message, option) in [
        (json!([16, 7, {"acknowledge": 1}, "a.b"]), "acknowledge"),
        (json!([16, 7, {"exclude_me": 0}, "a.b"]), "exclude_me"),
        (json!([16, 7, {"disclose_me": "true"}, "a.b"]), "disclose_me"),
        (json!([16, 7, {"retain": 1.0}, "a.b"]), "retain"),
        (json!([32, 7, {"get_retained": 1}, "a.b"]), "get_retained"),
        (json!([48, 7, {"receive_progress": 1}, "a.b"]), "receive_progress"),
        (json!([48, 7, {"progress": []}, "a.b"]), "progress"),
        (json!([64, 7, {"disclose_caller": {}}, "a.b"]), "disclose_caller"),
        (json!([64, 7, {"force_reregister": 1}, "a.b"]), "force_reregister"),
        (json!([64, 7, {"forward_timeout": 1}, "a.b"]), "forward_timeout"),
    ] {
        let Some(DecodeError::Option { option: found, request, .. }) = fault(&message) else {
            panic!("{message} was taken");
        };
        assert_eq!((found, request), (option, RequestId::new(7)), "{message}");
    }
}

/// TMO-14, SHR-12: numbers that can't be.
#[test]
fn negative_timeouts_and_no_concurrency_at_all_are_refused() {
    for message in [
        json!([48, 1, {"timeout": -1}, "a.b"]),
        json!([48, 1, {"timeout": 1.5}, "a.b"]),
        json!([48, 1, {"timeout": "1"}, "a.b"]),
        json!([64, 1, {"concurrency": 0}, "a.b"]),
        json!([64, 1, {"concurrency": -3}, "a.b"]),
    ] {
        assert!(matches!(fault(&message), Some(DecodeError::Option { .. })), "{message}");
    }
}

/// PBS-02, SHR-11, CAN-12: words outside their closed set.
#[test]
fn unknown_words_are_refused() {
    for message in [
        json!([32, 1, {"match": "regex"}, "a.b"]),
        json!([64, 1, {"match": "Exact"}, "a.b"]),
        json!([64, 1, {"invoke": "x"}, "a.b"]),
        json!([49, 1, {"mode": "x"}]),
    ] {
        assert!(matches!(fault(&message), Some(DecodeError::Option { .. })), "{message}");
    }
}

/// MSG-06: null is as good as absent.
#[test]
fn an_option_that_is_null_is_absent() {
    let options = json!({"acknowledge": null, "exclude": null, "eligible_authid": null, "rkey": null});
    assert_eq!(through(&json!([16, 1, options, "a.b"])), json!([16, 1, {}, "a.b"]));
}

/// The first fault counts, and doesn't hide that the rest is no message.
#[test]
fn a_wrong_option_in_a_broken_message_is_a_broken_message() {
    let message = json!([16, 1, {"acknowledge": 1}, 5]);
    assert!(matches!(fault(&message), Some(DecodeError::Layout { element: 3, .. })));
}

/// MSG-07, BRK-15
#[test]
fn empty_arguments_are_not_sent() {
    for (message, sent) in [
        (json!([16, 1, {}, "a.b"]), json!([16, 1, {}, "a.b"])),
        (json!([16, 1, {}, "a.b", []]), json!([16, 1, {}, "a.b"])),
        (json!([16, 1, {}, "a.b", [], {}]), json!([16, 1, {}, "a.b"])),
        (json!([16, 1, {}, "a.b", [1], {}]), json!([16, 1, {}, "a.b", [1]])),
        (json!([16, 1, {}, "a.b", [], {"k": 1}]), json!([16, 1, {}, "a.b", [], {"k": 1}])),
    ] {
        assert_eq!(through(&message), sent);
    }
}

/// MSG-08
#[test]
fn empty_arguments_are_taken() {
    for code in [16, 48] {
        assert_eq!(fault(&json!([code, 1, {}, "a.b", [], {}])), None);
    }
    assert_eq!(fault(&json!([70, 1, {}, [], {}])), None);
    assert_eq!(fault(&json!([8, 68, 1, {}, "a.b", [], {}])), None);
}

/// MSG-09, MSG-10
#[test]
fn unknown_message_types_are_no_messages() {
    for code in 0..1100 {
        let known = MessageType::ALL.iter().any(|message| message.code() == code);
        assert_eq!(fault(&json!([code])) == Some(DecodeError::UnknownType(code)), !known, "{code}");
    }
    assert_eq!(fault(&json!([7, {}])), Some(DecodeError::UnknownType(7)), "HEARTBEAT of old");
    assert_eq!(fault(&json!([300, {}])), Some(DecodeError::UnknownType(300)));
}

/// MSG-13
#[test]
fn custom_attributes_travel_until_somebody_drops_them() {
    let bytes = br#"[16,1,{"x_my":{"a":[1,"\u0000AAE="]},"_own":null,"other":1},"a.b"]"#;
    let Ok(Message::Publish(publish)) = Message::decode(Serializer::Json, bytes) else {
        panic!("a PUBLISH");
    };
    for serializer in Serializer::ALL {
        let mut out = Vec::new();
        publish.encode(serializer, &mut out);
        let bytes_value = Value::Bytes(vec![0, 1]);
        let inner: Dict = [("a", Value::from(vec![Value::from(1u64), bytes_value]))].into();
        let options: Dict = [("x_my", Value::Map(inner)), ("_own", Value::Null)].into();
        let found = Value::decode(serializer, &out).expect("encoded by us");
        assert_eq!(found.as_list().expect("a list")[2], Value::Map(options), "{serializer:?}");
    }
    let mut passthru = publish.options.passthru.clone();
    passthru.drop_custom();
    let options = PublishOptions { passthru, ..PublishOptions::default() };
    let plain = Publish { options, ..publish };
    let mut out = Vec::new();
    plain.encode(Serializer::Json, &mut out);
    assert_eq!(out, br#"[16,1,{},"a.b"]"#);
}

/// PPT-16
#[test]
fn passthru_attributes_are_text_and_not_null() {
    for key in ["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid"] {
        for value in [json!(5), json!(null), json!(["a"])] {
            for mut message in [
                json!([16, 1, {}, "a.b", ["x"]]),
                json!([48, 1, {}, "a.b", ["x"]]),
                json!([70, 1, {}, ["x"]]),
                json!([8, 68, 1, {}, "a.b", ["x"]]),
            ] {
                let at = elements(&message).iter().position(Json::is_object).expect("options");
                message[at][key] = value.clone();
                let found = fault(&message);
                assert!(
                    matches!(found, Some(DecodeError::Option { option, .. }) if option == key),
                    "{message}"
                );
            }
        }
    }
}

/// IDS-10
#[test]
fn ids_are_integers_from_1_to_2_to_the_53() {
    let max = 1u64 << 53;
    for (_, message) in complete() {
        let code = message[0].as_u64().expect("a code");
        // The first id of a message; in ERROR it stands behind the request type.
        let at = if code == 8 { 2 } else { 1 };
        if !message[at].is_number() {
            continue;
        }
        let with = |id: Json| {
            let mut message = message.clone();
            message[at] = id;
            message
        };
        for good in [json!(1), json!(max)] {
            assert_eq!(fault(&with(good.clone())), None, "{good} in {message}");
        }
        for bad in [json!(0), json!(-1), json!(max + 1), json!(u64::MAX), json!(1.5), json!("1"), json!(null)]
        {
            assert!(fault(&with(bad.clone())).is_some(), "{bad} in {message}");
        }
    }
}

/// IDS-10: 0 stands for no request only in a revocation.
#[test]
fn a_revocation_names_what_was_revoked() {
    assert_eq!(fault(&json!([35, 0, {"subscription": 5}])), None);
    assert_eq!(fault(&json!([67, 0, {"registration": 5, "reason": "a.b"}])), None);
    assert!(fault(&json!([35, 0, {}])).is_some() && fault(&json!([67, 0])).is_some());
}

/// SER-08
#[test]
fn nothing_follows_a_message() {
    for serializer in Serializer::ALL {
        let mut bytes = json!([32, 1, {}, "a.b"]).into_value().to_vec(serializer);
        assert!(Message::decode(serializer, &bytes).is_ok());
        bytes.push(bytes[0]);
        assert!(Message::decode(serializer, &bytes).is_err(), "{serializer:?}");
    }
    assert!(Message::decode(Serializer::Json, br#" [32,1,{},"a.b"] "#).is_ok(), "white space is nothing");
    assert!(Message::decode(Serializer::Json, br#"[32,1,{},"a.b"]x"#).is_err());
}

/// SER-11
#[test]
fn keys_of_options_are_text_and_unique() {
    // [32, 1, {1: 2}, "a.b"] and [32, 1, {"a": 1, "a": 2}, "a.b"]
    assert!(Message::decode(Serializer::MsgPack, &hex("94 20 01 81 01 02 a3 612e62")).is_err());
    assert!(Message::decode(Serializer::MsgPack, &hex("94 20 01 82 a161 01 a161 02 a3 612e62")).is_err());
    assert!(Message::decode(Serializer::Json, br#"[32,1,{"a":1,"a":2},"a.b"]"#).is_err());
    assert!(Message::decode(Serializer::MsgPack, &hex("94 20 01 81 a161 01 a3 612e62")).is_ok());
}

/// SER-11, MSG-02: keyword arguments have text keys too; what lies deeper in a payload is the application's business.
#[test]
fn keys_of_keyword_arguments_are_text() {
    // [16, 1, {}, "a", [], {1: 2}] and [16, 1, {}, "a", [{1: 2}]]
    assert!(Message::decode(Serializer::MsgPack, &hex("96 10 01 80 a161 90 81 01 02")).is_err());
    assert!(Message::decode(Serializer::MsgPack, &hex("95 10 01 80 a161 91 81 01 02")).is_ok());
}

/// SER-12
#[test]
fn cbor_of_indefinite_length_is_read() {
    // [1, "r", {"roles": {"caller": {}}}]
    let indefinite = hex("9f 01 6172 bf 65726f6c6573 bf 6663616c6c6572 bf ff ff ff ff");
    let definite = hex("83 01 6172 a1 65726f6c6573 a1 6663616c6c6572 a0");
    let [one, two] = [&indefinite, &definite].map(|bytes| Message::decode(Serializer::Cbor, bytes));
    assert!(one.is_ok());
    assert_eq!(one, two);
}

/// SER-15
#[test]
fn ids_are_written_as_integers() {
    for (_, message) in complete() {
        for serializer in Serializer::ALL {
            let bytes = message.clone().into_value().to_vec(serializer);
            let mut out = Vec::new();
            Message::decode(serializer, &bytes).expect("complete").encode(serializer, &mut out);
            let Ok(Value::List(elements)) = Value::decode(serializer, &out) else { panic!("a list") };
            assert!(elements.iter().all(|element| !matches!(element, Value::Float(_))), "{message}");
        }
    }
}

/// A type can be told without the rest of the message.
#[test]
fn the_type_of_a_message_is_seen_at_its_start() {
    for (_, message) in complete() {
        for serializer in Serializer::ALL {
            let bytes = message.clone().into_value().to_vec(serializer);
            let code = MessageType::peek(serializer, &bytes).map(MessageType::code);
            assert_eq!(code, message[0].as_u64());
        }
    }
    assert_eq!(MessageType::peek(Serializer::Json, b"[16"), Some(MessageType::Publish));
    assert_eq!(MessageType::peek(Serializer::Json, b"16"), None);
    assert_eq!(MessageType::peek(Serializer::Json, b"[99]"), None);
}

/// A payload written from values is the one that is read.
#[test]
fn payloads_of_values_are_read_as_they_were() {
    let (args, kwargs) = (vec![Value::from("x"), Value::Null], Dict::from([("k", Value::from(1u64))]));
    for serializer in Serializer::ALL {
        let mut buffer = Vec::new();
        let payload = Payload::from_values(serializer, &args, &kwargs, &mut buffer);
        assert_eq!((payload.elements(), payload.args_len()), (2, 2));
        assert_eq!(payload.to_values(), Ok((args.clone(), kwargs.clone())), "{serializer:?}");
    }
}

// SER-15
#[test]
fn ids_written_as_floats_without_a_fraction_are_ids() {
    let unsubscribe = |id: &str| Message::decode(Serializer::Json, format!("[34,1,{id}]").as_bytes()).is_ok();
    assert!(unsubscribe("5512315355.0") && unsubscribe("9007199254740992.0"));
    assert!(!unsubscribe("1.5") && !unsubscribe("0.0") && !unsubscribe("-3.0") && !unsubscribe("1e300"));
    // As some JavaScript encoders of CBOR do it.
    let cbor = [&[0x83, 0x18, 34, 1, 0xfb][..], &5_512_315_355.0_f64.to_be_bytes()].concat();
    assert!(Message::decode(Serializer::Cbor, &cbor).is_ok());
}

// MSG-04
#[test]
fn options_that_are_undefined_are_absent() {
    // {"match": undefined}, as encoders in JavaScript write it.
    let msgpack = b"\x94\x20\x01\x81\xa5match\xd4\x00\x00\xa3a.b";
    let cbor = b"\x84\x18\x20\x01\xa1\x65match\xf7\x63a.b";
    for (serializer, bytes) in [(Serializer::MsgPack, &msgpack[..]), (Serializer::Cbor, &cbor[..])] {
        let message = Message::decode(serializer, bytes).expect("well-formed");
        assert!(
            matches!(message, Message::Subscribe(subscribe) if subscribe.options.match_policy == MatchPolicy::Exact)
        );
    }
}
