//! Rust's own types as values.

use std::borrow::Cow;

use super::{Dict, Value};

macro_rules! from_integers {
    ($($unsigned:ty),*; $($signed:ty),*) => {
        $(impl From<$unsigned> for Value {
            fn from(value: $unsigned) -> Self {
                Value::Uint(u64::from(value))
            }
        })*
        $(impl From<$signed> for Value {
            fn from(value: $signed) -> Self {
                let value = i64::from(value);
                u64::try_from(value).map_or(Value::Int(value), Value::Uint)
            }
        })*
    };
}

from_integers!(u8, u16, u32, u64; i8, i16, i32, i64);

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Value::Uint(value as u64)
    }
}

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::Null
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Value::Float(f64::from(value))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text)
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        Value::Str(text.into_owned())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_owned())
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Value::Map(dict)
    }
}

/// A list; byte strings are made of slices, `&[u8]`.
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        list.into_iter().collect()
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(list: [T; N]) -> Self {
        list.into_iter().collect()
    }
}

/// The value, or null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Value::List(list.into_iter().map(Into::into).collect())
    }
}
