//! What carries messages between a session and its router.
//!
//! A [`Link`] is a way for whole messages, of one serializer, in both directions and in order. This crate has links over
//! sockets (RawSocket and WebSocket over TCP, TLS and Unix domain sockets, which [`Session::builder`] makes by URL) and
//! [`memory`], a pair inside the process. Whoever has something else implements the trait and uses [`Session::over`].
//!
//! [`Session::builder`]: crate::Session::builder
//! [`Session::over`]: crate::Session::over

mod framed;
mod keepalive;
pub mod memory;
pub(crate) mod opening;
mod outgoing;
mod refusal;
pub(crate) mod socket;

use std::error::Error;
use std::fmt;
use std::io;
use std::task::{Context, Poll};

use tokio::time::Instant;
use transport::FrameError;
use wamp::Serializer;

pub use self::keepalive::Keepalive;

/// A way for whole WAMP messages to a router and back.
///
/// It is polled from one task. Every method that takes a `cx` must arrange for that task to be woken when a method that
/// answered [`Poll::Pending`] can do more.
pub trait Link: Send + 'static {
    /// What the messages are encoded in.
    fn serializer(&self) -> Serializer;

    /// The longest message that the other end receives, in bytes.
    fn message_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// Queues a message. It is sent by [`Link::poll_flush`] at the latest.
    fn send(&mut self, message: &[u8]);

    /// How many bytes are queued. While they are many, the session takes no more requests.
    fn queued(&self) -> usize;

    /// Sends what is queued; ready when nothing is.
    ///
    /// # Errors
    /// The link is broken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// Hands over messages that have come: those that are there, at least one and a bounded number of them, when it is
    /// ready with `Some(Ok(()))`. Ready with `None`: the other end has closed the link, and no more will come.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), LinkError>>>;

    /// Closes the link; ready when the other end knows. Called after everything was flushed.
    ///
    /// # Errors
    /// The link is broken.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>>;

    /// When [`Link::handle_timeout`] is to be called, if nothing happens before. Asked again after every other method.
    fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has come: for pings, and for giving up a router that answers none.
    ///
    /// # Errors
    /// The link is to be given up.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), LinkError> {
        let _ = now;
        Ok(())
    }
}

/// Why a link can't go on.
#[derive(Debug)]
pub struct LinkError {
    problem: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LinkError {
    /// With this reason, a sentence.
    pub fn new(problem: impl Into<String>) -> Self {
        LinkError { problem: problem.into(), source: None }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl Error for LinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

impl From<io::Error> for LinkError {
    fn from(error: io::Error) -> Self {
        LinkError { problem: error.to_string(), source: Some(Box::new(error)) }
    }
}

impl From<FrameError> for LinkError {
    fn from(error: FrameError) -> Self {
        LinkError { problem: error.to_string(), source: Some(Box::new(error)) }
    }
}
