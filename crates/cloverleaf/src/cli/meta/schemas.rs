//! `wamp.schema.*`: what is declared about procedures, topics and errors.

use client::Arguments;
use wamp::Value;
use wamp::value::Dict;

use super::{Meta, MetaError};

/// What became of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    New,
    Changed,
    Unchanged,
}

impl Change {
    fn read(answer: &Value) -> Option<Self> {
        match answer {
            Value::Null => Some(Change::Unchanged),
            Value::Bool(true) => Some(Change::New),
            Value::Bool(false) => Some(Change::Changed),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Unchanged => "unchanged",
        }
    }
}

impl Meta {
    /// All declarations, by URI.
    pub(crate) async fn schemas(&self) -> Result<Dict, MetaError> {
        let read = |answer: &Value| match answer {
            Value::Null => Some(Dict::new()),
            answer => answer.as_dict().cloned(),
        };
        self.ask_for("wamp.schema.describe", Arguments::new(), "a dictionary", read).await
    }

    /// What is declared about a URI.
    pub(crate) async fn schema(&self, uri: &str) -> Result<Option<Value>, MetaError> {
        let answer = self.ask("wamp.schema.describe", uri).await?;
        Ok(Some(answer).filter(|answer| !answer.is_null()))
    }

    /// Declares something about a URI; null takes back what was declared, which is a change.
    pub(crate) async fn define_schema(&self, uri: &str, schema: Value) -> Result<Change, MetaError> {
        let arguments = Arguments::from(uri).with(schema);
        self.ask_for("wamp.schema.define", arguments, "null or a boolean", Change::read).await
    }
}
