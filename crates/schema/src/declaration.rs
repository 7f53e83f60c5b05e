//! A declaration, ready to check payloads.

use std::fmt;

use wamp::value::Dict;
use wamp::{Serializer, Value};

use crate::check::Checks;
use crate::document::Document;
use crate::error::{Fault, Invalid};
use crate::kind::{Kind, Part};
use crate::path::Path;
use crate::{compile, document};

/// What a URI is, and what its payloads must be. The [crate] says how it is written.
///
/// Two are equal if their documents are; the order of keys doesn't matter. It can be used by many threads at once.
pub struct Declaration {
    kind: Kind,
    document: Value,
    main: Checks,
    result: Checks,
    progress: Checks,
}

impl Declaration {
    /// Reads a declaration and prepares its schemas. Byte strings become the text that they are in JSON.
    ///
    /// # Errors
    /// What is no declaration, or one beyond the [`limits`](crate::limits).
    pub fn new(document: Value) -> Result<Declaration, Invalid> {
        let document = document::plain(document)?;
        let read = Document::read(&document)?;
        let (kind, [main, result, progress]) = (read.kind, compile::all(&read)?);
        Ok(Declaration { kind, document, main, result, progress })
    }

    /// Reads a declaration in JSON. Of equal keys in an object the last one counts.
    ///
    /// # Errors
    /// As [`Declaration::new`], and what is not JSON.
    pub fn from_json(text: &[u8]) -> Result<Declaration, Invalid> {
        let document = serde_json::from_slice(text)
            .map_err(|error| Invalid::new(Path::default(), format_args!("not JSON: {error}")))?;
        Declaration::new(document)
    }

    /// Checks a payload. Arguments that a message leaves out are given as empty ones.
    ///
    /// # Errors
    /// The payload doesn't obey the declaration; its URI is not declared as what has such a payload; or it is too deep or
    /// too large to be checked.
    pub fn check(&self, part: Part, args: &[Value], kwargs: &Dict) -> Result<(), Fault> {
        let checks = match (self.kind, part) {
            (Kind::Topic, Part::Event) | (Kind::Procedure, Part::Call) | (Kind::Error, Part::Error) => {
                &self.main
            }
            (Kind::Procedure, Part::Result) => &self.result,
            (Kind::Procedure, Part::Progress) => &self.progress,
            (declared, other) => {
                let (declared, other) = (declared.with_article(), other.kind().with_article());
                return Err(Fault::new(
                    Path::default(),
                    format_args!("declared as {declared}, not as {other}"),
                ));
            }
        };
        checks.check(args, kwargs)
    }

    /// What the URI is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The declaration itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// The declaration in JSON, which [`Declaration::from_json`] reads.
    pub fn to_json(&self) -> Vec<u8> {
        self.document.to_vec(Serializer::Json)
    }
}

impl PartialEq for Declaration {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

impl fmt::Debug for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Declaration").field(&format_args!("{}", self.document)).finish()
    }
}
