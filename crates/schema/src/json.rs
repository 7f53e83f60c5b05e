//! WAMP values and JSON: how deep, and what of one is in the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json};
use wamp::Value;

use crate::meter::spend;

/// What a byte string is in JSON: `\0` and Base64.
///
/// Spec: advanced profile, "Binary conversion of JSON Strings".
pub(crate) fn bytes_text(bytes: &[u8]) -> String {
    let mut text = String::from("\0");
    STANDARD.encode_string(bytes, &mut text);
    text
}

/// Whether one of the values, or a value inside, has more than so many lists and dictionaries around it or is one more.
/// It doesn't recurse: a program can build a value of any depth.
pub(crate) fn is_deeper_than<'a>(values: impl Iterator<Item = &'a Value>, depth: usize) -> bool {
    let mut open: Vec<(&Value, usize)> = values.map(|value| (value, 1)).collect();
    while let Some((value, level)) = open.pop() {
        let is_container = matches!(value, Value::List(_) | Value::Map(_));
        if is_container && level > depth {
            return true;
        }
        match value {
            Value::List(list) => open.extend(list.iter().filter(holds_more).map(|inner| (inner, level + 1))),
            Value::Map(dict) => open.extend(dict.values().filter(holds_more).map(|inner| (inner, level + 1))),
            _ => {}
        }
    }
    false
}

fn holds_more(value: &&Value) -> bool {
    matches!(value, Value::List(_) | Value::Map(_))
}

/// The whole value in JSON. Recurses: for values whose depth is known to be bounded.
pub(crate) fn whole(value: &Value) -> Json {
    spend(1);
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Uint(value) => Json::from(*value),
        Value::Int(value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Str(text) => {
            spend(text.len() / 64);
            Json::String(text.clone())
        }
        Value::Bytes(bytes) => {
            spend(bytes.len() / 64);
            Json::String(bytes_text(bytes))
        }
        Value::List(list) => Json::Array(list.iter().map(whole).collect()),
        Value::Map(dict) => {
            let pairs = dict.iter().map(|(key, value)| (key.to_owned(), whole(value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wamp::Serializer;
    use wamp::value::Dict;

    use super::*;

    fn nested(levels: usize) -> Value {
        (1..levels).fold(Value::List(Vec::new()), |value, _| Value::List(vec![Value::Null, value]))
    }

    #[test]
    fn depth_counts_lists_and_dictionaries() {
        let two = Value::from(Dict::from([("a", nested(1))]));
        assert!(!is_deeper_than([&two].into_iter(), 2));
        assert!(is_deeper_than([&two].into_iter(), 1));
        assert!(!is_deeper_than([&Value::Null].into_iter(), 0));
        assert!(!is_deeper_than([&nested(128), &Value::Null].into_iter(), 128));
        assert!(is_deeper_than([&Value::Null, &nested(129)].into_iter(), 128));
    }

    // SER-04
    #[test]
    fn what_json_has_not_is_what_wamp_makes_of_it() {
        let value = Value::from([
            Value::from(&b"\x00\xff"[..]),
            Value::Float(f64::NAN),
            Value::Float(f64::INFINITY),
            Value::Uint(u64::MAX),
            Value::Int(i64::MIN),
        ]);
        let json = whole(&value);
        assert_eq!(json, json!(["\0AP8=", null, null, u64::MAX, i64::MIN]));
        // The serializer says the same.
        assert_eq!(json, serde_json::from_slice::<Json>(&value.to_vec(Serializer::Json)).unwrap());
    }
}
