//! Payloads as the schema library sees them.
//!
//! The library reads values through a trait, so none is copied into another representation to be checked. Every look is
//! counted by the [meter](crate::meter).

use std::borrow::Cow;
use std::ops::ControlFlow;

use jsonschema::JsonType;
use jsonschema::json::{self as library, NodeIdentity, cmp, unique};
use serde_json::{Number, Value as Json};
use wamp::Value;
use wamp::value::Dict;

use crate::json::{bytes_text, whole};
use crate::limits;
use crate::meter::spend;

/// WAMP values as a representation of JSON.
pub(crate) struct Payload;

/// A value, or one of the two that a message holds without a value around.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Node<'a> {
    Value(&'a Value),
    Args(&'a [Value]),
    Kwargs(&'a Dict),
    /// The key of a dictionary, where a schema is about keys.
    Name(&'a str),
}

/// How many values and characters of a text are shown at most; messages are shorter than that.
const PICTURE_VALUES: usize = 64;
const PICTURE_CHARS: usize = 100;

impl<'a> Node<'a> {
    /// The elements of a list.
    pub(crate) fn as_slice(self) -> Option<&'a [Value]> {
        match self {
            Node::Value(value) => value.as_list(),
            Node::Args(list) => Some(list),
            Node::Kwargs(_) | Node::Name(_) => None,
        }
    }

    /// The pairs of a dictionary.
    pub(crate) fn as_dict(self) -> Option<&'a Dict> {
        match self {
            Node::Value(value) => value.as_dict(),
            Node::Kwargs(dict) => Some(dict),
            Node::Args(_) | Node::Name(_) => None,
        }
    }

    /// What a dictionary has under a key, or a list at an index.
    pub(crate) fn child(self, step: &str) -> Option<Node<'a>> {
        let child = match self.as_slice() {
            Some(list) => list.get(step.parse::<usize>().ok()?),
            None => self.as_dict()?.get(step),
        };
        child.map(Node::Value)
    }

    fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Node::Value(Value::Str(text)) => Some(Cow::Borrowed(text)),
            Node::Value(Value::Bytes(bytes)) => Some(Cow::Owned(bytes_text(bytes))),
            Node::Name(name) => Some(Cow::Borrowed(name)),
            Node::Value(_) | Node::Args(_) | Node::Kwargs(_) => None,
        }
    }

    fn number(self) -> Option<Number> {
        match self {
            Node::Value(Value::Uint(value)) => Some(Number::from(*value)),
            Node::Value(Value::Int(value)) => Some(Number::from(*value)),
            Node::Value(Value::Float(value)) => Number::from_f64(*value),
            _ => None,
        }
    }

    fn kind(self) -> JsonType {
        match self {
            Node::Value(Value::Null) => JsonType::Null,
            Node::Value(Value::Bool(_)) => JsonType::Boolean,
            Node::Value(Value::Float(value)) if !value.is_finite() => JsonType::Null,
            Node::Value(Value::Uint(_) | Value::Int(_) | Value::Float(_)) => JsonType::Number,
            Node::Value(Value::Str(_) | Value::Bytes(_)) | Node::Name(_) => JsonType::String,
            Node::Value(Value::List(_)) | Node::Args(_) => JsonType::Array,
            Node::Value(Value::Map(_)) | Node::Kwargs(_) => JsonType::Object,
        }
    }

    /// The beginning of it, for a message. So many values are `left` to be shown.
    fn picture(self, left: &mut usize) -> Json {
        *left = left.saturating_sub(1);
        spend(1);
        if let Some(list) = self.as_slice() {
            let mut shown = Vec::new();
            for element in list {
                if *left == 0 {
                    break;
                }
                shown.push(Node::Value(element).picture(left));
            }
            return Json::Array(shown);
        }
        if let Some(dict) = self.as_dict() {
            let mut shown = serde_json::Map::new();
            for (key, value) in dict.iter() {
                if *left == 0 {
                    break;
                }
                shown.insert(beginning(key), Node::Value(value).picture(left));
            }
            return Json::Object(shown);
        }
        match self {
            Node::Value(Value::Bool(value)) => Json::Bool(*value),
            Node::Value(Value::Bytes(bytes)) => {
                Json::String(bytes_text(bytes.get(..PICTURE_CHARS).unwrap_or(bytes)))
            }
            Node::Value(Value::Str(text)) => Json::String(beginning(text)),
            Node::Name(name) => Json::String(beginning(name)),
            other => other.number().map_or(Json::Null, Json::Number),
        }
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(PICTURE_CHARS).collect()
}

impl library::Json for Payload {
    type Node<'a> = Node<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // A look-up compares keys one by one.
    const KEYS_PER_LOOKUP: usize = 8;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Node<'_>) -> T) -> T {
        f(Node::Name(string))
    }
}

impl<'a> library::Node<'a, Payload> for Node<'a> {
    type Object = &'a Dict;
    type Array = &'a [Value];
    type Number = Number;

    fn as_object(&self) -> Option<&'a Dict> {
        spend(1);
        self.as_dict()
    }

    fn as_array(&self) -> Option<&'a [Value]> {
        spend(1);
        self.as_slice()
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.text()?;
        spend(1 + text.len() / 64);
        Some(text)
    }

    fn as_number(&self) -> Option<Number> {
        spend(1);
        self.number()
    }

    fn is_number(&self) -> bool {
        self.json_type() == JsonType::Number
    }

    fn as_boolean(&self) -> Option<bool> {
        spend(1);
        match self {
            Node::Value(value) => value.as_bool(),
            Node::Args(_) | Node::Kwargs(_) | Node::Name(_) => None,
        }
    }

    fn is_null(&self) -> bool {
        self.json_type() == JsonType::Null
    }

    fn json_type(&self) -> JsonType {
        spend(1);
        self.kind()
    }

    fn equals_value(&self, expected: &Json) -> bool {
        spend(1);
        match (self.kind(), expected) {
            (JsonType::Null, expected) => expected.is_null(),
            (JsonType::Boolean, Json::Bool(expected)) => self.as_boolean() == Some(*expected),
            (JsonType::Number, Json::Number(expected)) => {
                self.number().is_some_and(|number| cmp::equal_numbers(&number, expected))
            }
            (JsonType::String, Json::String(expected)) => {
                self.as_string().is_some_and(|text| text == *expected)
            }
            (JsonType::Array, Json::Array(expected)) => self.as_slice().is_some_and(|list| {
                list.len() == expected.len()
                    && list.iter().zip(expected).all(|(one, two)| Node::Value(one).equals_value(two))
            }),
            (JsonType::Object, Json::Object(expected)) => self.as_dict().is_some_and(|dict| {
                let same = |(key, one): (&str, _)| {
                    expected.get(key).is_some_and(|two| Node::Value(one).equals_value(two))
                };
                dict.len() == expected.len() && dict.iter().all(same)
            }),
            _ => false,
        }
    }

    /// Only for messages, as all else that could want it is done here in another way: it is the value's beginning.
    fn to_value(&self) -> Cow<'a, Json> {
        spend(limits::NOTING_STEPS);
        Cow::Owned(self.picture(&mut PICTURE_VALUES.clone()))
    }

    fn identity(&self) -> Option<NodeIdentity> {
        spend(1);
        // A list is where its first element is, and the arguments are no value: the tag tells them apart.
        Some(match *self {
            Node::Value(value) => NodeIdentity::tagged(std::ptr::from_ref(value).addr(), 0),
            Node::Args(list) => NodeIdentity::tagged(list.as_ptr().addr(), 1),
            Node::Kwargs(dict) => NodeIdentity::tagged(std::ptr::from_ref(dict).addr(), 2),
            Node::Name(name) => NodeIdentity::tagged(name.as_ptr().addr(), 3),
        })
    }
}

impl<'a> library::Object<'a, Payload> for &'a Dict {
    type Node = Node<'a>;
    type MemberName = &'a str;
    type MembersIter = Box<dyn Iterator<Item = (&'a str, Node<'a>)> + 'a>;

    fn len(&self) -> usize {
        Dict::len(self)
    }

    fn get(&self, key: &String) -> Option<Node<'a>> {
        spend(1 + Dict::len(self) / 8);
        Dict::get(self, key).map(Node::Value)
    }

    fn members(&self) -> Self::MembersIter {
        spend(1 + Dict::len(self) / 8);
        Box::new(self.iter().map(|(key, value)| (key, Node::Value(value))))
    }

    fn try_for_each_name_node<B>(
        &self,
        (): &mut (),
        mut f: impl FnMut(Node<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        self.keys().try_for_each(|key| f(Node::Name(key)))
    }
}

impl<'a> library::Array<'a, Payload> for &'a [Value] {
    type Node = Node<'a>;
    type ElementsIter = std::iter::Map<std::slice::Iter<'a, Value>, fn(&'a Value) -> Node<'a>>;

    fn len(&self) -> usize {
        <[Value]>::len(self)
    }

    fn elements(&self) -> Self::ElementsIter {
        self.iter().map(Node::Value)
    }

    fn is_unique(&self) -> bool {
        let elements: Vec<Json> = self.iter().map(whole).collect();
        unique::is_unique(&elements)
    }
}
