//! Dictionaries for people: a line for each key, what is inside indented under it.

use wamp::Value;
use wamp::value::Dict;

use crate::cli::output::plain;

/// How far what is inside stands in.
const INDENT: &str = "  ";

/// The lines of a dictionary.
pub(crate) fn lines(dict: &Dict) -> Vec<String> {
    let short = dict.iter().filter(|(_, value)| simple(value).is_some());
    let width = short.map(|(key, _)| plain(key).chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (key, value) in dict.iter() {
        let key = plain(key);
        match simple(value) {
            Some(text) => lines.push(format!("{key:width$}  {text}")),
            None => {
                lines.push(key.into_owned());
                lines.extend(nested(value).into_iter().map(|line| format!("{INDENT}{line}")));
            }
        }
    }
    lines
}

/// The lines of what doesn't fit in one.
fn nested(value: &Value) -> Vec<String> {
    let Value::List(list) = value else { return value.as_dict().map(lines).unwrap_or_default() };
    let mut all = Vec::new();
    for element in list {
        let inside = simple(element).map_or_else(|| nested(element), |text| vec![text]);
        for (index, line) in inside.into_iter().enumerate() {
            let bullet = if index == 0 { "- " } else { "  " };
            all.push(format!("{bullet}{line}"));
        }
    }
    all
}

/// A value that fits in a line: all but what holds dictionaries.
fn simple(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("-".to_owned()),
        Value::Str(text) if text.is_empty() => Some("\"\"".to_owned()),
        Value::Str(text) => Some(plain(text).into_owned()),
        Value::List(list) if list.is_empty() => Some("[]".to_owned()),
        Value::List(list) => {
            let texts: Option<Vec<String>> = list
                .iter()
                .map(|element| if element.as_list().is_some() { None } else { simple(element) })
                .collect();
            texts.map(|texts| texts.join(", "))
        }
        Value::Map(dict) if dict.is_empty() => Some("{}".to_owned()),
        Value::Map(_) => None,
        Value::Bool(_) | Value::Uint(_) | Value::Int(_) | Value::Float(_) | Value::Bytes(_) => {
            Some(value.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use wamp::Serializer;

    use super::*;

    #[test]
    fn what_is_inside_is_indented() {
        let json = r#"{
            "session": 7, "authid": "a\u001b", "authmethod": null, "roles": ["x", "y"], "empty": {},
            "transport": {"peer": "tcp4:127.0.0.1:1", "channel_id": {"tls-exporter": "aa"}},
            "extensions": [{"name": "deflate", "bits": 15}, 3]
        }"#;
        let value = Value::decode(Serializer::Json, json.as_bytes()).unwrap();
        let expected = [
            "session     7",
            "authid      a\\u{1b}",
            "authmethod  -",
            "roles       x, y",
            "empty       {}",
            "transport",
            "  peer  tcp4:127.0.0.1:1",
            "  channel_id",
            "    tls-exporter  aa",
            "extensions",
            "  - name  deflate",
            "    bits  15",
            "  - 3",
        ];
        assert_eq!(lines(value.as_dict().unwrap()), expected);
    }
}
