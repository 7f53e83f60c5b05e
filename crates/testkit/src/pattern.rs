//! What a test expects, where it can't or needn't know all of it.
//!
//! A pattern is a value that must be equal, but for three words:
//!
//! | in a pattern | matches |
//! |---|---|
//! | `"_"` | any one value |
//! | `"..."` as the last element of a list | any further elements, or none |
//! | `"..."` as a key of a dictionary, whatever its value | any further pairs, or none |

use wamp::Value;
use wamp::value::Dict;

const ANY: &str = "_";
const REST: &str = "...";

/// Whether a value is as the pattern says.
pub fn matches(pattern: &Value, found: &Value) -> bool {
    match (pattern, found) {
        (Value::Str(word), _) if word == ANY => true,
        (Value::List(wanted), Value::List(found)) => matches_list(wanted, found),
        (Value::Map(wanted), Value::Map(found)) => matches_dict(wanted, found),
        _ => pattern == found,
    }
}

fn matches_list(wanted: &[Value], found: &[Value]) -> bool {
    let (wanted, is_open) = match wanted.split_last() {
        Some((Value::Str(word), head)) if word == REST => (head, true),
        _ => (wanted, false),
    };
    let fits = if is_open { found.len() >= wanted.len() } else { found.len() == wanted.len() };
    fits && wanted.iter().zip(found).all(|(wanted, found)| matches(wanted, found))
}

fn matches_dict(wanted: &Dict, found: &Dict) -> bool {
    let is_open = wanted.contains_key(REST);
    let mut named = wanted.iter().filter(|(key, _)| *key != REST);
    let fits = is_open || found.len() == wanted.len();
    fits && named.all(|(key, wanted)| found.get(key).is_some_and(|found| matches(wanted, found)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::matches;
    use crate::IntoValue;

    fn fits(pattern: serde_json::Value, found: serde_json::Value) -> bool {
        matches(&pattern.into_value(), &found.into_value())
    }

    #[test]
    fn what_is_written_out_must_be_equal() {
        assert!(fits(json!([1, "a", {"k": [true]}]), json!([1, "a", {"k": [true]}])));
        assert!(!fits(json!([1]), json!([2])));
        assert!(!fits(json!([1]), json!([1, 2])));
        assert!(!fits(json!({"k": 1}), json!({"k": 1, "l": 2})));
        assert!(!fits(json!({"k": 1}), json!({"l": 1})));
    }

    #[test]
    fn an_underscore_is_any_one_value() {
        assert!(fits(json!([1, "_"]), json!([1, {"k": 1}])));
        assert!(!fits(json!([1, "_"]), json!([1])));
        assert!(!fits(json!({"k": "_"}), json!({})));
    }

    #[test]
    fn three_dots_are_the_rest_of_a_list_or_dictionary() {
        assert!(fits(json!([1, "..."]), json!([1])));
        assert!(fits(json!([1, "..."]), json!([1, 2, 3])));
        assert!(!fits(json!([1, 2, "..."]), json!([1])));
        assert!(fits(json!({"k": 1, "...": 0}), json!({"k": 1, "l": 2})));
        assert!(!fits(json!({"k": 1, "...": 0}), json!({"l": 2})));
    }
}
