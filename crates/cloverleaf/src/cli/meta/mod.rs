//! The router's meta API as typed calls: which sessions, subscriptions and registrations there are, and what can be done
//! about them.
//!
//! What comes back stays a dictionary where people and scripts are to see all of it, with getters for what tables show.
//! Where Crossbar.io answers otherwise than Cloverleaf both are understood. Nothing here prints.

mod at_once;
mod entries;
mod error;
mod history;
mod schemas;
mod sessions;

use client::{Arguments, Session};
use wamp::Value;
use wamp::value::Dict;

pub(crate) use at_once::each;
pub(crate) use entries::{Described, Entry, Kind};
pub(crate) use error::MetaError;
pub(crate) use history::{Found, History, Order, StoredEvent};
pub(crate) use schemas::Change;
pub(crate) use sessions::{Killed, SessionDetails, Victims};

/// The meta API, as a session may use it. A cheap handle, as the session is.
#[derive(Debug, Clone)]
pub(crate) struct Meta {
    session: Session,
}

impl Meta {
    pub(crate) const fn new(session: Session) -> Self {
        Meta { session }
    }

    /// Calls a procedure; gives its positional and keyword answers.
    async fn call(
        &self,
        procedure: &str,
        arguments: impl Into<Arguments>,
    ) -> Result<(Vec<Value>, Dict), MetaError> {
        match self.session.call(procedure).arguments(arguments).await {
            Ok(result) => Ok(result.into_arguments().into_values()),
            Err(error) => {
                let authrole = self.session.welcomed().details.authrole.clone();
                Err(MetaError::request(procedure, authrole.as_deref(), error))
            }
        }
    }

    /// Calls a procedure that answers one thing; no answer is null.
    async fn ask(&self, procedure: &str, arguments: impl Into<Arguments>) -> Result<Value, MetaError> {
        Ok(self.call(procedure, arguments).await?.0.into_iter().next().unwrap_or_default())
    }

    /// As [`Meta::ask`], the answer being read by `read`; `expected` says what that can read.
    async fn ask_for<T>(
        &self,
        procedure: &str,
        arguments: impl Into<Arguments>,
        expected: &'static str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, MetaError> {
        let answer = self.ask(procedure, arguments).await?;
        read(&answer).ok_or_else(|| MetaError::answer(procedure, expected, answer.kind_name()))
    }

    async fn ask_for_count(
        &self,
        procedure: &str,
        arguments: impl Into<Arguments>,
    ) -> Result<u64, MetaError> {
        self.ask_for(procedure, arguments, "a number", Value::as_u64).await
    }

    async fn ask_for_ids(
        &self,
        procedure: &str,
        arguments: impl Into<Arguments>,
    ) -> Result<Vec<u64>, MetaError> {
        self.ask_for(procedure, arguments, "a list of ids", ids).await
    }
}

/// A list of ids.
pub(crate) fn ids(value: &Value) -> Option<Vec<u64>> {
    value.as_list()?.iter().map(Value::as_u64).collect()
}

/// Adds a keyword argument that was given.
fn with_option(arguments: Arguments, key: &str, value: Option<impl Into<Value>>) -> Arguments {
    match value {
        Some(value) => arguments.with_keyword(key, value),
        None => arguments,
    }
}
