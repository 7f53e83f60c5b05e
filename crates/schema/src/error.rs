//! What is wrong: with a declaration, with a payload, with a file of declarations.

use std::fmt;

use crate::path::{Path, excerpt};

/// How many characters of a place, and of what is wrong there, a message holds.
const PLACE_CHARS: usize = 100;
const TEXT_CHARS: usize = 190;

/// Something that is no declaration.
///
/// It displays as where in the declaration, what was found and what was expected:
/// `type: found "topics", expected topic, procedure or error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    place: Path,
    text: String,
}

impl Invalid {
    pub(crate) fn new(place: Path, text: impl fmt::Display) -> Self {
        Invalid { place, text: excerpt(text, TEXT_CHARS) }
    }

    /// Where in the declaration, such as `result.args.type`; empty for the declaration as a whole.
    pub fn path(&self) -> &str {
        self.place.as_str()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        at(f, self.path(), &self.text)
    }
}

impl std::error::Error for Invalid {}

/// A payload that doesn't obey a declaration. Whoever sent it sees `wamp.error.invalid_payload` (REF-05).
///
/// It displays as `kwargs.position.x: "a" is not of type "integer"`, in at most some 300 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    place: Path,
    text: String,
}

impl Fault {
    pub(crate) fn new(place: Path, text: impl fmt::Display) -> Self {
        Fault { place, text: excerpt(text, TEXT_CHARS) }
    }

    /// Where in the payload, such as `kwargs.position.x` or `args[0].name`; empty if the URI has no such payload at all.
    pub fn path(&self) -> &str {
        self.place.as_str()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        at(f, self.path(), &self.text)
    }
}

impl std::error::Error for Fault {}

fn at(f: &mut fmt::Formatter<'_>, place: &str, text: &str) -> fmt::Result {
    if place.is_empty() {
        return f.write_str(text);
    }
    write!(f, "{}: {text}", excerpt(place, PLACE_CHARS))
}

/// A file of declarations that can't be used.
///
/// It displays as the URI concerned, if there is one, and what is wrong: with the declaration as [`Invalid`] does, with
/// the file as text and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogError {
    uri: Option<String>,
    text: String,
}

impl CatalogError {
    pub(crate) fn new(uri: Option<String>, text: impl fmt::Display) -> Self {
        CatalogError { uri, text: text.to_string() }
    }

    /// The URI whose declaration is wrong, or is the one that is being read where the file is.
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        at(f, self.uri().unwrap_or_default(), &self.text)
    }
}

impl std::error::Error for CatalogError {}
