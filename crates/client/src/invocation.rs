//! A call as a callee sees it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wamp::message::{CancelMode, InvocationDetails};
use wamp::{RegistrationId, SessionId};

use crate::arguments::{Arguments, arguments_accessors};
use crate::protocol::{Answer, Command, InvocationKey};

/// A call of a procedure of ours, for its handler to answer.
#[derive(Debug)]
pub struct Invocation {
    pub(crate) key: InvocationKey,
    pub(crate) registration: RegistrationId,
    pub(crate) procedure: Arc<str>,
    /// Without `procedure` and `passthru`, which are elsewhere.
    pub(crate) details: InvocationDetails<'static>,
    pub(crate) arguments: Arguments,
    /// The parts that follow, if the caller sends several.
    pub(crate) parts: Option<mpsc::Receiver<Arguments>>,
    pub(crate) signal: watch::Receiver<Option<Interruption>>,
    /// Weak, so that a handler that runs doesn't keep a session open that nobody else wants.
    pub(crate) commands: mpsc::WeakSender<Command>,
}

arguments_accessors!(Invocation);

/// Why an invocation is not to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Interruption {
    /// How the call was canceled; `None` if the connection to the router was lost.
    pub mode: Option<CancelMode>,
    /// Why, a URI, if the router said.
    pub reason: Option<String>,
}

impl Invocation {
    /// The registration that was called.
    pub const fn registration(&self) -> RegistrationId {
        self.registration
    }

    /// The procedure that was called.
    pub fn procedure(&self) -> &str {
        &self.procedure
    }

    /// Who called, if the router discloses it.
    pub const fn caller(&self) -> Option<SessionId> {
        self.details.caller
    }

    /// The caller's authid, if the router discloses it.
    pub fn caller_authid(&self) -> Option<&str> {
        self.details.caller_authid.as_deref()
    }

    /// The caller's authrole, if the router discloses it.
    pub fn caller_authrole(&self) -> Option<&str> {
        self.details.caller_authrole.as_deref()
    }

    /// How far the router trusts the caller.
    pub const fn trustlevel(&self) -> Option<u64> {
        self.details.trustlevel
    }

    /// Whether the caller wants progressive results.
    pub const fn wants_progress(&self) -> bool {
        self.details.receive_progress
    }

    /// Whether further parts of the call may follow ([`Invocation::next_part`]).
    pub const fn is_open(&self) -> bool {
        self.parts.is_some()
    }

    /// Yields a progressive result. Does nothing if the caller doesn't want any (PCR-08).
    ///
    /// Waits while the session's queue is full.
    ///
    /// # Errors
    /// The call was canceled, or the session is gone: nobody wants the rest.
    pub async fn progress(&self, arguments: impl Into<Arguments>) -> Result<(), Interruption> {
        if self.is_interrupted() {
            return Err(self.interruption());
        }
        if !self.wants_progress() {
            return Ok(());
        }
        let commands = self.commands.upgrade().ok_or_else(Interruption::default)?;
        let answer = Answer::Progress(arguments.into());
        commands.send(Command::Answer { key: self.key, answer }).await.map_err(|_| Interruption::default())
    }

    /// The next part of a progressive call; `None` after the last, and for calls that have only one.
    ///
    /// The first part is in the invocation itself.
    ///
    /// Spec: advanced profile, "Progressive Call Invocations" (PCI-01, PCI-07).
    pub async fn next_part(&mut self) -> Option<Arguments> {
        let part = self.parts.as_mut()?.recv().await;
        if part.is_none() {
            self.parts = None;
        }
        part
    }

    /// Waits until the call is canceled or the connection is lost.
    ///
    /// By default a handler is dropped at that moment; this is for those registered with
    /// [`Register::observe_interrupts`](crate::Register::observe_interrupts).
    pub async fn interrupted(&self) -> Interruption {
        interruption(&mut self.signal.clone()).await
    }

    /// Whether the call was canceled or the connection lost.
    pub fn is_interrupted(&self) -> bool {
        self.signal.borrow().is_some() || self.signal.has_changed().is_err()
    }

    fn interruption(&self) -> Interruption {
        self.signal.borrow().clone().unwrap_or_default()
    }
}

/// Waits for the signal; its sender goes when the connection is lost.
pub(crate) async fn interruption(signal: &mut watch::Receiver<Option<Interruption>>) -> Interruption {
    match signal.wait_for(Option::is_some).await {
        Ok(interruption) => interruption.clone().unwrap_or_default(),
        Err(_) => Interruption::default(),
    }
}
