//! What can go wrong, told apart by who acts on it: a request, a connection, a session's end.

use std::fmt;
use std::sync::Arc;

use wamp::error_uri;

use crate::ArgumentError;
use crate::arguments::{Arguments, arguments_accessors};
use crate::link::LinkError;
use crate::url::UrlError;

/// What a procedure that fails answers: an error URI, with arguments. Also what a router refuses requests with.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplicationError {
    uri: String,
    arguments: Arguments,
}

impl ApplicationError {
    /// What Autobahn answers with when a procedure breaks, and so do we: a panic, or an argument that isn't there.
    pub const RUNTIME_ERROR: &'static str = "wamp.error.runtime_error";

    /// An error with this URI and no arguments.
    pub fn new(uri: impl Into<String>) -> Self {
        ApplicationError { uri: uri.into(), arguments: Arguments::new() }
    }

    /// An error with a sentence for people as its argument.
    pub fn with_message(uri: impl Into<String>, message: impl Into<String>) -> Self {
        ApplicationError { uri: uri.into(), arguments: Arguments::from(message.into()) }
    }

    pub(crate) const fn received(uri: String, arguments: Arguments) -> Self {
        ApplicationError { uri, arguments }
    }

    /// This error with another argument.
    #[must_use]
    pub fn with(self, value: impl Into<wamp::Value>) -> Self {
        ApplicationError { arguments: self.arguments.with(value), ..self }
    }

    /// This error with another keyword argument.
    #[must_use]
    pub fn with_keyword(self, key: impl Into<String>, value: impl Into<wamp::Value>) -> Self {
        ApplicationError { arguments: self.arguments.with_keyword(key, value), ..self }
    }

    /// This error with these arguments instead of its own.
    #[must_use]
    pub fn with_arguments(self, arguments: impl Into<Arguments>) -> Self {
        ApplicationError { arguments: arguments.into(), ..self }
    }

    /// The error's URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

arguments_accessors!(ApplicationError);

impl fmt::Display for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)?;
        for (index, arg) in self.args().iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { ", " })?;
            match arg.as_str() {
                Some(text) => f.write_str(text)?,
                None => write!(f, "{arg}")?,
            }
        }
        if !self.kwargs().is_empty() {
            write!(f, " {}", self.kwargs())?;
        }
        Ok(())
    }
}

impl std::error::Error for ApplicationError {}

/// In a procedure, an argument that isn't there or is of another type is the caller's mistake.
impl From<ArgumentError> for ApplicationError {
    fn from(error: ArgumentError) -> Self {
        ApplicationError::with_message(error_uri::INVALID_ARGUMENT, error.to_string())
    }
}

/// In a procedure that makes requests itself: what the other one said is passed on, all else is an error at runtime.
impl From<RequestError> for ApplicationError {
    fn from(error: RequestError) -> Self {
        match error.kind {
            RequestErrorKind::Application(error) => *error,
            _ => ApplicationError::with_message(ApplicationError::RUNTIME_ERROR, error.to_string()),
        }
    }
}

/// Why a call, a publication, a subscription or a registration failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(transparent)]
pub struct RequestError {
    kind: RequestErrorKind,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
enum RequestErrorKind {
    #[error(transparent)]
    Application(Box<ApplicationError>),
    #[error("the connection to the router was lost")]
    NetworkLost,
    #[error("the session is closed")]
    Closed,
    #[error("the message is longer than the {limit} bytes that the router receives")]
    TooLong { limit: usize },
    #[error("progressive results came faster than they were read")]
    Overflow,
}

impl RequestError {
    pub(crate) fn application(error: ApplicationError) -> Self {
        RequestErrorKind::Application(Box::new(error)).into()
    }

    pub(crate) fn network_lost() -> Self {
        RequestErrorKind::NetworkLost.into()
    }

    pub(crate) fn closed() -> Self {
        RequestErrorKind::Closed.into()
    }

    pub(crate) fn too_long(limit: usize) -> Self {
        RequestErrorKind::TooLong { limit }.into()
    }

    pub(crate) fn overflow() -> Self {
        RequestErrorKind::Overflow.into()
    }

    /// The error that the router or the other client answered with.
    pub fn as_application(&self) -> Option<&ApplicationError> {
        match &self.kind {
            RequestErrorKind::Application(error) => Some(error),
            _ => None,
        }
    }

    /// The URI of the error that was answered; `None` if there was no answer.
    pub fn uri(&self) -> Option<&str> {
        self.as_application().map(ApplicationError::uri)
    }

    /// Whether the call was canceled.
    pub fn is_canceled(&self) -> bool {
        self.uri() == Some(error_uri::CANCELED)
    }

    /// Whether the call took too long.
    pub fn is_timeout(&self) -> bool {
        self.uri() == Some(error_uri::TIMEOUT)
    }

    /// Whether the connection was lost, or is being made again. The router may have acted on the request or not.
    pub fn is_network_lost(&self) -> bool {
        self.kind == RequestErrorKind::NetworkLost
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.kind == RequestErrorKind::Closed
    }

    /// Whether the request was too long for the router and not sent.
    pub fn is_too_long(&self) -> bool {
        matches!(self.kind, RequestErrorKind::TooLong { .. })
    }
}

impl From<RequestErrorKind> for RequestError {
    fn from(kind: RequestErrorKind) -> Self {
        RequestError { kind }
    }
}

impl From<ApplicationError> for RequestError {
    fn from(error: ApplicationError) -> Self {
        RequestError::application(error)
    }
}

/// Why a session could not be opened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConnectError {
    kind: ConnectErrorKind,
}

#[derive(Debug, thiserror::Error)]
enum ConnectErrorKind {
    #[error("{0}")]
    Url(UrlError),
    #[error("cannot reach {address}: {source}")]
    Reach { address: String, source: std::io::Error },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("{0}")]
    Handshake(String),
    #[error("{0}")]
    Link(LinkError),
    #[error("the session did not open within {0:?}")]
    Timeout(std::time::Duration),
    #[error("the session did not open: {0}")]
    Closed(CloseReason),
}

impl ConnectError {
    pub(crate) fn reach(address: impl Into<String>, source: std::io::Error) -> Self {
        ConnectErrorKind::Reach { address: address.into(), source }.into()
    }

    pub(crate) fn tls(problem: impl fmt::Display) -> Self {
        ConnectErrorKind::Tls(problem.to_string()).into()
    }

    pub(crate) fn handshake(problem: impl fmt::Display) -> Self {
        ConnectErrorKind::Handshake(problem.to_string()).into()
    }

    pub(crate) fn timeout(limit: std::time::Duration) -> Self {
        ConnectErrorKind::Timeout(limit).into()
    }

    pub(crate) fn closed(reason: CloseReason) -> Self {
        ConnectErrorKind::Closed(reason).into()
    }

    /// The reason the router gave in its ABORT, a URI; `None` if it didn't come to that.
    pub fn uri(&self) -> Option<&str> {
        match &self.kind {
            ConnectErrorKind::Closed(reason) => reason.uri(),
            _ => None,
        }
    }

    /// Whether it took too long.
    pub const fn is_timeout(&self) -> bool {
        matches!(self.kind, ConnectErrorKind::Timeout(_))
    }

    /// Whether the URL is wrong.
    pub const fn is_url(&self) -> bool {
        matches!(self.kind, ConnectErrorKind::Url(_))
    }

    /// Whether there was nobody to talk to.
    pub const fn is_unreachable(&self) -> bool {
        matches!(self.kind, ConnectErrorKind::Reach { .. })
    }

    /// Whether the router refused the session with an ABORT.
    pub const fn is_refused(&self) -> bool {
        matches!(self.kind, ConnectErrorKind::Closed(CloseReason::Aborted { .. }))
    }

    /// Whether trying again later may help: the network, not a refusal.
    pub(crate) fn is_temporary(&self) -> bool {
        match &self.kind {
            ConnectErrorKind::Url(_) => false,
            ConnectErrorKind::Closed(reason) => reason.is_temporary(),
            ConnectErrorKind::Reach { .. }
            | ConnectErrorKind::Tls(_)
            | ConnectErrorKind::Handshake(_)
            | ConnectErrorKind::Link(_)
            | ConnectErrorKind::Timeout(_) => true,
        }
    }

    /// What a session's end that comes of this is told as.
    pub(crate) fn into_close_reason(self) -> CloseReason {
        match self.kind {
            ConnectErrorKind::Closed(reason) => reason,
            other => CloseReason::NetworkLost(Arc::from(other.to_string())),
        }
    }
}

impl From<ConnectErrorKind> for ConnectError {
    fn from(kind: ConnectErrorKind) -> Self {
        ConnectError { kind }
    }
}

impl From<UrlError> for ConnectError {
    fn from(error: UrlError) -> Self {
        ConnectErrorKind::Url(error).into()
    }
}

impl From<LinkError> for ConnectError {
    fn from(error: LinkError) -> Self {
        ConnectErrorKind::Link(error).into()
    }
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// We left ([`Session::leave`](crate::Session::leave), or the last handle is gone).
    Left,
    /// The router said GOODBYE.
    Goodbye {
        /// Why, a URI.
        reason: String,
        /// A sentence for people.
        message: Option<String>,
    },
    /// The router said ABORT.
    Aborted {
        /// Why, and more about it.
        error: Box<ApplicationError>,
        /// A sentence for people.
        message: Option<String>,
    },
    /// The connection ended without a word, and was not to be made again or could not be.
    NetworkLost(Arc<str>),
    /// The router broke the protocol, and we ended the session.
    Violation(Arc<str>),
    /// The router could not be authenticated, or asked what we won't answer.
    Unauthenticated(Arc<str>),
}

impl CloseReason {
    /// The reason that the router gave, a URI.
    pub fn uri(&self) -> Option<&str> {
        match self {
            CloseReason::Goodbye { reason, .. } => Some(reason),
            CloseReason::Aborted { error, .. } => Some(error.uri()),
            CloseReason::Left
            | CloseReason::NetworkLost(_)
            | CloseReason::Violation(_)
            | CloseReason::Unauthenticated(_) => None,
        }
    }

    /// Whether a new connection may fare better: the router restarts, or the network failed.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            CloseReason::NetworkLost(_) => true,
            CloseReason::Goodbye { .. } | CloseReason::Aborted { .. } => {
                self.uri() == Some(error_uri::SYSTEM_SHUTDOWN)
            }
            CloseReason::Left | CloseReason::Violation(_) | CloseReason::Unauthenticated(_) => false,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn with_message(f: &mut fmt::Formatter<'_>, message: Option<&String>) -> fmt::Result {
            message.map_or(Ok(()), |message| write!(f, " ({message})"))
        }
        match self {
            CloseReason::Left => f.write_str("we left"),
            CloseReason::Goodbye { reason, message } => {
                write!(f, "the router said goodbye: {reason}")?;
                with_message(f, message.as_ref())
            }
            CloseReason::Aborted { error, message } => {
                write!(f, "the router aborted: {error}")?;
                with_message(f, message.as_ref())
            }
            CloseReason::NetworkLost(problem) => write!(f, "the connection was lost: {problem}"),
            CloseReason::Violation(problem) => write!(f, "the router broke the protocol: {problem}"),
            CloseReason::Unauthenticated(problem) => write!(f, "authentication failed: {problem}"),
        }
    }
}

/// Why a subscription or a registration is over although the session may go on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EndReason {
    /// We ended it.
    Ended,
    /// The router revoked it, with this reason.
    Revoked(Option<String>),
    /// It could not be made again after the connection was lost.
    Refused(RequestError),
    /// Its queue was full, and [`Overflow::End`](crate::Overflow::End) was the rule for that.
    Overflow,
    /// The session is over.
    Closed(CloseReason),
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndReason::Ended => f.write_str("ended by ourselves"),
            EndReason::Revoked(None) => f.write_str("revoked by the router"),
            EndReason::Revoked(Some(reason)) => write!(f, "revoked by the router: {reason}"),
            EndReason::Refused(error) => write!(f, "not made again after a loss of the connection: {error}"),
            EndReason::Overflow => f.write_str("events came faster than they were read"),
            EndReason::Closed(reason) => write!(f, "the session is closed: {reason}"),
        }
    }
}
