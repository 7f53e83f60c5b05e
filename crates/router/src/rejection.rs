//! A correct request that is refused: it becomes ERROR, and the session goes on.

use wamp::error_uri;
use wamp::message::{DecodeError, MessageType};

/// Why, as a WAMP URI, and in a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{uri}{}{}", if message.is_some() { ": " } else { "" }, message.as_deref().unwrap_or_default())]
pub struct Rejection {
    /// A URI of [`wamp::error_uri`].
    pub uri: &'static str,
    /// The one positional argument of the ERROR.
    pub message: Option<String>,
    /// Whether a limit was reached, which whoever runs the router wants to know of.
    pub(crate) is_limit: bool,
}

impl Rejection {
    pub(crate) fn new(uri: &'static str) -> Self {
        Rejection { uri, message: None, is_limit: false }
    }

    #[must_use]
    pub(crate) fn because(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// A bound of this router or realm was reached.
    pub(crate) fn limit(what: &str, limit: usize) -> Self {
        let rejection = Rejection::new(error_uri::UNAVAILABLE);
        Rejection { is_limit: true, ..rejection.because(format!("the limit of {limit} {what} is reached")) }
    }

    pub(crate) fn invalid_uri(uri: &str, expected: &str) -> Self {
        let shown: String = uri.chars().take(200).collect();
        Rejection::new(error_uri::INVALID_URI).because(format!("{shown:?} is not {expected}"))
    }

    /// The refusal of a request with a wrong option; `None` where the message is not a request, so that only the session
    /// can be refused.
    pub(crate) fn of_option(error: &DecodeError) -> Option<(MessageType, wamp::RequestId, Self)> {
        match error {
            DecodeError::Option { message, request: Some(request), .. } if is_request(*message) => {
                let rejection = Rejection::new(error_uri::INVALID_ARGUMENT).because(error.to_string());
                Some((*message, *request, rejection))
            }
            _ => None,
        }
    }
}

/// Messages that a client sends and that are answered by ERROR if they fail.
pub(crate) const fn is_request(message: MessageType) -> bool {
    matches!(
        message,
        MessageType::Publish
            | MessageType::Subscribe
            | MessageType::Unsubscribe
            | MessageType::Call
            | MessageType::Cancel
            | MessageType::Register
            | MessageType::Unregister
    )
}
