//! What can go wrong between values and Rust types.

use std::fmt::Display;

/// A value and a type that don't fit each other: the message says what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    message: String,
}

impl serde::ser::Error for ValueError {
    fn custom<T: Display>(message: T) -> Self {
        ValueError { message: message.to_string() }
    }
}

impl serde::de::Error for ValueError {
    fn custom<T: Display>(message: T) -> Self {
        ValueError { message: message.to_string() }
    }
}
