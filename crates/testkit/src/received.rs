//! Messages as a test sees them: values, with the bytes they came as.

use std::fmt;

use wamp::{Serializer, Value};

/// What a test may write for a value: JSON, or a [`Value`] where JSON has no words (bytes, NaN).
pub trait IntoValue {
    /// The value.
    fn into_value(self) -> Value;
}

impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}

impl IntoValue for serde_json::Value {
    fn into_value(self) -> Value {
        wamp::value::to_value(&self).expect("JSON is a part of WAMP's values")
    }
}

/// One message that a client received.
#[derive(Clone, PartialEq)]
pub struct Received {
    value: Value,
    bytes: Vec<u8>,
}

impl Received {
    /// # Panics
    /// The router sent what is no value in `serializer`.
    pub(crate) fn decode(serializer: Serializer, bytes: &[u8]) -> Self {
        let value = Value::decode(serializer, bytes)
            .unwrap_or_else(|error| panic!("the router sent what can't be read: {error}: {bytes:02x?}"));
        Received { value, bytes: bytes.to_vec() }
    }

    /// The message, a list.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The message as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        self.elements().len()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.elements().is_empty()
    }

    /// The element at `index`.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn at(&self, index: usize) -> &Value {
        self.elements().get(index).unwrap_or_else(|| panic!("no element {index} in {self}"))
    }

    /// The id (or any other integer) at `index`.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn id(&self, index: usize) -> u64 {
        self.at(index).as_u64().unwrap_or_else(|| panic!("no integer at {index} in {self}"))
    }

    /// The text at `index`.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn text(&self, index: usize) -> &str {
        self.at(index).as_str().unwrap_or_else(|| panic!("no text at {index} in {self}"))
    }

    /// The value under `key` of the dictionary at `index`; `None` if there is no such key.
    ///
    /// # Panics
    /// There is no dictionary at `index`.
    #[track_caller]
    pub fn detail(&self, index: usize, key: &str) -> Option<&Value> {
        let dict = self.at(index).as_dict().unwrap_or_else(|| panic!("no dictionary at {index} in {self}"));
        dict.get(key)
    }

    /// Its type.
    ///
    /// # Panics
    /// It doesn't begin with an integer.
    #[track_caller]
    pub fn code(&self) -> u64 {
        self.id(0)
    }

    fn elements(&self) -> &[Value] {
        self.value.as_list().unwrap_or_default()
    }
}

impl PartialEq<serde_json::Value> for Received {
    fn eq(&self, other: &serde_json::Value) -> bool {
        self.value == other.clone().into_value()
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
