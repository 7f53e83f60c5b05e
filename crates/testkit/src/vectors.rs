//! The message vectors of the specification's repository, read from a directory of JSON files.
//!
//! What is in them, and where they come from, says the README beside them.

use std::path::Path;

use serde_json::Value as Json;
use wamp::Serializer;

/// One file: all samples of one message type.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// The file's name, for messages about failures.
    pub file: String,
    /// The type of all messages in it.
    pub code: u64,
    /// Messages with their bytes.
    pub samples: Vec<Sample>,
    /// Messages that must or must not be accepted.
    pub validations: Vec<Validation>,
}

/// A message, in bytes and in words.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it shows.
    pub description: String,
    /// Its encodings.
    pub encodings: Vec<Encoding>,
    /// Its fields by name, under the names that the files use; null where there is none.
    pub attributes: Json,
}

/// One way to write a sample in one serializer.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// Of which serializer.
    pub serializer: Serializer,
    /// The message.
    pub bytes: Vec<u8>,
}

/// A message that a receiver must accept, or refuse because of an option.
#[derive(Debug, Clone)]
pub struct Validation {
    /// What it shows.
    pub description: String,
    /// The message.
    pub message: Json,
    /// The option that is wrong, if the message must be refused.
    pub wrong_option: Option<String>,
}

/// Reads all files below `directory` in the order of their names. Encodings in serializers that are not spoken here are
/// left out.
///
/// # Panics
/// A file can't be read, or has another form.
pub fn load(directory: &Path) -> Vec<Vectors> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vectors {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let json: Json = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let all = json["samples"].as_array().unwrap_or_else(|| panic!("{file}: no samples"));
    let (validations, samples): (Vec<_>, Vec<_>) =
        all.iter().partition(|sample| sample.get("wmsg").is_some());
    Vectors {
        code: json["wamp_message_code"].as_u64().unwrap_or_else(|| panic!("{file}: no message code")),
        samples: samples.into_iter().map(|json| sample(&file, json)).collect(),
        validations: validations.into_iter().map(validation).collect(),
        file,
    }
}

fn sample(file: &str, json: &Json) -> Sample {
    let description = json["description"].as_str().unwrap_or_default().to_owned();
    let mut encodings = Vec::new();
    for (name, variants) in json["serializers"].as_object().into_iter().flatten() {
        for variant in variants.as_array().into_iter().flatten() {
            let note = variant["note"].as_str().unwrap_or_default();
            let serializer = match &**name {
                "json" => Serializer::Json,
                "msgpack" => Serializer::MsgPack,
                "cbor" => Serializer::Cbor,
                "ubjson" if note.contains("BJData") => Serializer::Bjdata,
                "ubjson" => Serializer::Ubjson,
                "flatbuffers" => continue,
                other => panic!("{file}: unknown serializer {other}"),
            };
            let digits = variant["bytes_hex"].as_str().unwrap_or_else(|| panic!("{file}: no bytes"));
            encodings.push(Encoding { serializer, bytes: hex(digits) });
        }
    }
    Sample { description, encodings, attributes: json["expected_attributes"].clone() }
}

fn validation(json: &Json) -> Validation {
    Validation {
        description: json["description"].as_str().unwrap_or_default().to_owned(),
        message: json["wmsg"].clone(),
        wrong_option: json["expected_error"]["contains"].as_str().map(str::to_owned),
    }
}

/// A byte string from its hexadecimal digits.
///
/// # Panics
/// They are none.
pub fn hex(digits: &str) -> Vec<u8> {
    let digit = |digit: u8| {
        let value = char::from(digit).to_digit(16).expect("a hexadecimal digit");
        u8::try_from(value).expect("less than 16")
    };
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of digits: {digits}");
    pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}
