//! WAMP values as trees, for those who look inside payloads: clients, the meta API, configuration, tests.
//!
//! The router's own paths don't come here: payloads pass through it as slices. A tree is decoded without recursion and
//! is no deeper than [`MAX_DEPTH`](crate::serializer::MAX_DEPTH); one that a program builds may be, and is then refused
//! by whoever receives it.

mod convert;
mod de;
mod decode;
mod dict;
mod error;
mod ser;

use std::fmt;

use crate::serializer::{Encoder, Malformed, Serializer};

pub use de::from_value;
pub use dict::Dict;
pub use error::ValueError;
pub use ser::to_value;

/// A value of WAMP's type system.
///
/// Two integers are equal if their values are, whichever variant holds them; by convention, and in all that this crate
/// makes, `Int` holds only negative ones.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that is zero or more.
    Uint(u64),
    /// A negative integer.
    Int(i64),
    /// A floating point number.
    Float(f64),
    /// Text.
    Str(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A dictionary.
    Map(Dict),
}

impl Value {
    /// Decodes one value, with nothing after it. Keys that are not text become text as [`text_key`] says.
    ///
    /// [`text_key`]: crate::serializer::text_key
    ///
    /// # Errors
    /// Bytes that are not exactly one well-formed value.
    pub fn decode(serializer: Serializer, bytes: &[u8]) -> Result<Value, Malformed> {
        decode::one(serializer, bytes)
    }

    /// Decodes a bare sequence of elements, such as the bytes of a [`Payload`](crate::Payload).
    ///
    /// # Errors
    /// Bytes that are not well-formed elements.
    pub fn decode_sequence(serializer: Serializer, bytes: &[u8]) -> Result<Vec<Value>, Malformed> {
        decode::sequence(serializer, bytes)
    }

    /// Appends the value to what the encoder writes.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        match self {
            Value::Null => to.null(),
            Value::Bool(value) => to.bool(*value),
            Value::Uint(value) => to.uint(*value),
            Value::Int(value) => to.int(*value),
            Value::Float(value) => to.float(*value),
            Value::Str(text) => to.str(text),
            Value::Bytes(bytes) => to.bytes(bytes),
            Value::List(list) => {
                to.array(list.len());
                for element in list {
                    element.encode(to);
                }
                to.end_array();
            }
            Value::Map(dict) => dict.encode(to),
        }
    }

    /// Encodes the value alone.
    pub fn to_vec(&self, serializer: Serializer) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut Encoder::new(serializer, &mut out));
        out
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The boolean it is.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The integer it is, if that is zero or more.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Uint(value) => Some(*value),
            Value::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// The integer it is, if 63 bits and a sign hold it.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Uint(value) => i64::try_from(*value).ok(),
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The number it is, as a double; large integers lose their last digits.
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Uint(value) => Some(*value as f64),
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    /// The text it is.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The byte string it is.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The list it is.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The dictionary it is.
    pub const fn as_dict(&self) -> Option<&Dict> {
        match self {
            Value::Map(dict) => Some(dict),
            _ => None,
        }
    }

    /// What kind of value it is, for messages to people.
    pub const fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Uint(_) | Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Str(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a dictionary",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::Float(one), Value::Float(two)) => one == two,
            (Value::Str(one), Value::Str(two)) => one == two,
            (Value::Bytes(one), Value::Bytes(two)) => one == two,
            (Value::List(one), Value::List(two)) => one == two,
            (Value::Map(one), Value::Map(two)) => one == two,
            (Value::Int(one), Value::Int(two)) => one == two,
            (Value::Uint(_) | Value::Int(_), Value::Uint(_) | Value::Int(_)) => {
                self.as_u64().is_some_and(|value| Some(value) == other.as_u64())
            }
            _ => false,
        }
    }
}

/// Prints the value as JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_vec(Serializer::Json)))
    }
}
