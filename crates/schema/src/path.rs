//! Places in declarations and payloads, as people write them: `kwargs.position.x`, `args[0]["a key"]`.

use std::fmt;

use serde_json::Value as Json;

use crate::node::Node;

/// A place. Empty at the top of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(String);

impl Path {
    /// The place below a dictionary's key.
    pub(crate) fn key(&self, key: &str) -> Path {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
        Path(match (key.is_empty() || !key.chars().all(is_word), self.0.is_empty()) {
            (true, _) => format!("{}[{}]", self.0, Json::from(key)),
            (false, true) => key.to_owned(),
            (false, false) => format!("{}.{key}", self.0),
        })
    }

    /// The place of an element in a list, counted from 0.
    pub(crate) fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    /// The place that a JSON Pointer leads to in the value that is here. The value tells indices from keys of digits;
    /// where the pointer leaves it, the rest is taken for keys.
    pub(crate) fn follow(&self, pointer: &str, value: Node<'_>) -> Path {
        let mut path = self.clone();
        let mut value = Some(value);
        for step in steps(pointer) {
            path = match value.and_then(Node::as_slice).and_then(|_| step.parse().ok()) {
                Some(index) => path.index(index),
                None => path.key(&step),
            };
            value = value.and_then(|value| value.child(&step));
        }
        path
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys and indices of a JSON Pointer.
pub(crate) fn steps(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"))
}

/// What something displays as, cut after so many characters. What is beyond isn't even written.
pub(crate) fn excerpt(of: impl fmt::Display, chars: usize) -> String {
    struct Cut {
        text: String,
        left: usize,
    }
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for c in text.chars() {
                if self.left == 0 {
                    self.text.push('…');
                    return Err(fmt::Error);
                }
                self.left -= 1;
                self.text.push(c);
            }
            Ok(())
        }
    }
    let mut cut = Cut { text: String::new(), left: chars };
    // The error says that it was cut, which the text does too.
    let _ = fmt::write(&mut cut, format_args!("{of}"));
    cut.text
}

#[cfg(test)]
mod tests {
    use wamp::Value;
    use wamp::value::Dict;

    use super::*;

    #[test]
    fn a_path_reads_like_one_in_a_program() {
        let args = Path::default().key("args");
        assert_eq!(args.index(0).key("name").as_str(), "args[0].name");
        assert_eq!(args.key("a key").key("").key("$ref").as_str(), r#"args["a key"][""].$ref"#);
    }

    #[test]
    fn a_key_of_digits_is_told_from_an_index() {
        let inner = Value::from(Dict::from([("1", Value::from([Value::from(true)])), ("a/b~", Value::Null)]));
        let list = Value::from([inner]);
        let follow = |pointer| Path::default().key("args").follow(pointer, Node::Value(&list)).to_string();
        assert_eq!(follow("/0/1/0"), "args[0].1[0]");
        assert_eq!(follow("/0/a~1b~0"), r#"args[0]["a/b~"]"#);
        assert_eq!(follow("/7/x/3"), "args[7].x.3");
        assert_eq!(follow(""), "args");
    }

    #[test]
    fn an_excerpt_counts_characters() {
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("äöüß", 3), "äöü…");
        assert_eq!(excerpt(format_args!("{}{}", "ab", "cd"), 2), "ab…");
    }
}
