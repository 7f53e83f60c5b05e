//! What can go wrong with a question to the meta API, as a sentence that helps.

use std::fmt;

use client::RequestError;
use wamp::error_uri;

/// A question that was refused, or answered with something else than was asked for.
#[derive(Debug, Clone)]
pub(crate) struct MetaError {
    procedure: String,
    problem: Problem,
}

#[derive(Debug, Clone)]
enum Problem {
    Request {
        /// Our own authrole, to say whose permissions are lacking.
        authrole: Option<String>,
        error: RequestError,
    },
    Answer {
        expected: &'static str,
        got: &'static str,
    },
}

impl MetaError {
    pub(super) fn request(procedure: &str, authrole: Option<&str>, error: RequestError) -> Self {
        let authrole = authrole.map(str::to_owned);
        MetaError { procedure: procedure.to_owned(), problem: Problem::Request { authrole, error } }
    }

    pub(super) fn answer(procedure: &str, expected: &'static str, got: &'static str) -> Self {
        MetaError { procedure: procedure.to_owned(), problem: Problem::Answer { expected, got } }
    }

    /// The URI of the error that the router answered with.
    pub(crate) fn uri(&self) -> Option<&str> {
        match &self.problem {
            Problem::Request { error, .. } => error.uri(),
            Problem::Answer { .. } => None,
        }
    }

    /// Whether what was asked about has gone meanwhile, or never was.
    pub(crate) fn is_gone(&self) -> bool {
        let gone =
            [error_uri::NO_SUCH_SESSION, error_uri::NO_SUCH_SUBSCRIPTION, error_uri::NO_SUCH_REGISTRATION];
        self.uri().is_some_and(|uri| gone.contains(&uri))
    }

    pub(crate) fn is_not_authorized(&self) -> bool {
        self.uri() == Some(error_uri::NOT_AUTHORIZED)
    }

    /// Whether the connection was lost, so that asking again later may help.
    pub(crate) fn is_network_lost(&self) -> bool {
        matches!(&self.problem, Problem::Request { error, .. } if error.is_network_lost())
    }
}

impl fmt::Display for MetaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let procedure = &self.procedure;
        let (authrole, error) = match &self.problem {
            Problem::Answer { expected, got } => {
                return write!(f, "{procedure} answered with {got} where {expected} is expected");
            }
            Problem::Request { authrole, error } => (authrole.as_deref().unwrap_or("none"), error),
        };
        write!(f, "{error}")?;
        match error.uri() {
            // The router has said what it is about: the procedure, or what was asked about.
            Some(error_uri::NOT_AUTHORIZED) if error.to_string() != error_uri::NOT_AUTHORIZED => Ok(()),
            Some(error_uri::NOT_AUTHORIZED) if procedure.ends_with(".get_events") => write!(
                f,
                "; the authrole {authrole:?} needs the permissions to call {procedure} and to subscribe to the topic"
            ),
            Some(error_uri::NOT_AUTHORIZED) => {
                write!(f, "; the authrole {authrole:?} needs the permission to call {procedure}")
            }
            Some(error_uri::NO_SUCH_PROCEDURE) => {
                write!(f, "; this realm does not offer {procedure}")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for MetaError {}

#[cfg(test)]
mod tests {
    use client::ApplicationError;

    use super::*;

    fn refused(procedure: &str, uri: &str) -> MetaError {
        MetaError::request(procedure, Some("guest"), ApplicationError::new(uri).into())
    }

    #[test]
    fn a_lacking_permission_is_named() {
        let error = refused("wamp.session.list", error_uri::NOT_AUTHORIZED);
        let expected = "wamp.error.not_authorized; the authrole \"guest\" needs the permission to call wamp.session.list";
        assert_eq!(error.to_string(), expected);
        assert!(error.is_not_authorized() && !error.is_gone());
        let text = "role \"guest\" may not call <wamp.session.list>";
        let error = ApplicationError::with_message(error_uri::NOT_AUTHORIZED, text);
        let error = MetaError::request("wamp.session.list", Some("guest"), error.into());
        assert_eq!(error.to_string(), format!("wamp.error.not_authorized: {text}"), "that is said already");
        let error = refused("wamp.subscription.get_events", error_uri::NOT_AUTHORIZED);
        assert!(error.to_string().ends_with("and to subscribe to the topic"), "{error}");
    }

    #[test]
    fn what_has_gone_is_told_from_what_fails() {
        assert!(refused("wamp.session.get", error_uri::NO_SUCH_SESSION).is_gone());
        assert!(refused("wamp.registration.get", error_uri::NO_SUCH_REGISTRATION).is_gone());
        assert!(!refused("wamp.session.get", error_uri::NO_SUCH_PROCEDURE).is_gone());
        let error = MetaError::answer("wamp.session.count", "a number", "text");
        assert_eq!(error.to_string(), "wamp.session.count answered with text where a number is expected");
        assert!(!error.is_gone());
    }
}
