//! The message vectors of the specification's repository: every encoding of every sample, and every message that has to
//! be accepted or refused.

use std::path::Path;

use cloverleaf_wamp::message::DecodeError;
use cloverleaf_wamp::{Message, Serializer, Value};
use serde_json::Value as Json;
use testkit::IntoValue;
use testkit::vectors::{Sample, Vectors, hex, load};

fn vectors() -> Vec<Vectors> {
    load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors")))
}

fn samples() -> impl Iterator<Item = (u64, String, Sample)> {
    vectors().into_iter().flat_map(|vectors| {
        let (code, file) = (vectors.code, vectors.file);
        vectors.samples.into_iter().map(move |sample| {
            let name = format!("{file}, {:?}", sample.description);
            (code, name, sample)
        })
    })
}

/// The elements behind the message type, as the vectors name them.
fn layout(code: u64) -> &'static [&'static str] {
    match code {
        1 => &["realm", "roles"],
        2 => &["session_id", "roles"],
        3 | 6 => &["details", "reason"],
        4 => &["method", "extra"],
        5 => &["signature", "extra"],
        8 => &["request_type", "request_id", "details", "error"],
        16 | 32 => &["request_id", "options", "topic"],
        17 => &["request_id", "publication_id"],
        33 | 34 => &["request_id", "subscription_id"],
        35 | 67 => &["request_id"],
        36 => &["subscription", "publication", "details"],
        48 | 64 => &["request_id", "options", "procedure"],
        49 | 69 | 70 => &["request_id", "options"],
        50 => &["request_id", "details"],
        65 | 66 => &["request_id", "registration_id"],
        68 => &["request_id", "registration_id", "details"],
        337 => &["publication_id"],
        other => panic!("no vectors known for message type {other}"),
    }
}

/// The message that a sample describes in words.
fn described(code: u64, sample: &Sample) -> Value {
    let attributes = &sample.attributes;
    let mut elements = vec![Value::from(code)];
    for name in layout(code) {
        let value = attributes[name].clone();
        assert!(!value.is_null(), "{}: no {name}", sample.description);
        elements.push(match *name {
            "roles" => serde_json::json!({ "roles": value }).into_value(),
            _ => value.into_value(),
        });
    }
    match (&attributes["payload"], &attributes["args"], &attributes["kwargs"]) {
        (Json::String(digits), ..) => elements.push(Value::Bytes(hex(digits))),
        (_, args, kwargs) => {
            let present = [args, kwargs].into_iter().filter(|element| !element.is_null());
            elements.extend(present.map(|element| element.clone().into_value()));
        }
    }
    Value::List(elements)
}

#[test]
fn there_are_vectors_for_every_message_type() {
    let mut covered: Vec<u64> = samples().map(|(code, ..)| code).collect();
    covered.dedup();
    for message in cloverleaf_wamp::message::MessageType::ALL {
        assert!(covered.contains(&message.code()), "{message}");
    }
    for serializer in Serializer::ALL {
        let known = |sample: &Sample| sample.encodings.iter().any(|one| one.serializer == serializer);
        assert!(samples().all(|(.., sample)| known(&sample)), "{serializer:?}");
    }
}

/// MSG-02: every encoding means what the sample says, and stays the same through every other serializer.
#[test]
fn every_encoding_decodes_to_the_described_message() {
    for (code, name, sample) in samples() {
        let expected = described(code, &sample);
        for encoding in &sample.encodings {
            let message = Message::decode(encoding.serializer, &encoding.bytes)
                .unwrap_or_else(|error| panic!("{name}, {:?}: {error}", encoding.serializer));
            assert_eq!(message.message_type().code(), code, "{name}");
            for serializer in Serializer::ALL {
                let mut out = Vec::new();
                message.encode(serializer, &mut out);
                let found = Value::decode(serializer, &out).expect("what was encoded can be decoded");
                assert_eq!(found, expected, "{name}: {:?} to {serializer:?}", encoding.serializer);
                let again = Message::decode(serializer, &out).expect("what was encoded can be decoded");
                assert_eq!(again.message_type(), message.message_type());
            }
        }
    }
}

/// Bytes are those of the vectors, but for the order of the pairs in a dictionary: so the same bytes, if sorted.
#[test]
fn what_is_encoded_is_one_of_the_given_encodings() {
    fn sorted(bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    }
    for (_, name, sample) in samples() {
        for encoding in &sample.encodings {
            let message = Message::decode(encoding.serializer, &encoding.bytes).expect("tested above");
            let mut out = Vec::new();
            message.encode(encoding.serializer, &mut out);
            let given = sample.encodings.iter().filter(|other| other.serializer == encoding.serializer);
            let mut given = given.map(|other| sorted(&other.bytes));
            assert!(given.any(|bytes| bytes == sorted(&out)), "{name}: {out:02x?}");
        }
    }
}

/// MSG-06, BWL-10, PPT-16: options of the wrong type are refused by name; what else is there is accepted.
#[test]
fn options_are_accepted_or_refused_by_name() {
    let mut refused = 0;
    for vectors in vectors() {
        for validation in &vectors.validations {
            let name = format!("{}, {:?}", vectors.file, validation.description);
            for serializer in Serializer::ALL {
                let bytes = validation.message.clone().into_value().to_vec(serializer);
                let decoded = Message::decode(serializer, &bytes);
                match (&validation.wrong_option, decoded) {
                    (None, Ok(_)) => {}
                    (Some(wrong), Err(error @ DecodeError::Option { option, .. })) => {
                        assert_eq!(option, wrong, "{name}");
                        assert!(error.to_string().contains(wrong.as_str()), "{name}: {error}");
                        refused += 1;
                    }
                    (_, other) => panic!("{name}, {serializer:?}: {other:?}"),
                }
            }
        }
    }
    assert_eq!(refused % Serializer::ALL.len(), 0);
    assert!(refused >= 25 * Serializer::ALL.len(), "{refused}");
}
