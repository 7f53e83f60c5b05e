//! Registering procedures.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{oneshot, watch};
use wamp::message::{InvocationPolicy, RegisterOptions};
use wamp::{MatchPolicy, RegistrationId};

use crate::arguments::Arguments;
use crate::error::{ApplicationError, CloseReason, EndReason, RequestError};
use crate::invocation::Invocation;
use crate::protocol::{Command, Handler, Handling, NewRegistration, RegistrationKey};
use crate::session::Session;

/// A registration to be made: `session.register(procedure)`, options, and a handler last.
#[derive(Debug)]
#[must_use = "a registration is made by `handler`"]
pub struct Register {
    session: Session,
    procedure: String,
    options: RegisterOptions,
    observes_interrupts: bool,
}

impl Register {
    pub(crate) fn new(session: Session, procedure: String) -> Self {
        Register { session, procedure, options: RegisterOptions::default(), observes_interrupts: false }
    }

    /// How the procedure is matched.
    pub const fn match_policy(mut self, policy: MatchPolicy) -> Self {
        self.options.match_policy = policy;
        self
    }

    /// Takes the procedure as a prefix.
    pub const fn prefix(self) -> Self {
        self.match_policy(MatchPolicy::Prefix)
    }

    /// Takes the procedure as a pattern, in which an empty component stands for any.
    pub const fn wildcard(self) -> Self {
        self.match_policy(MatchPolicy::Wildcard)
    }

    /// How the router picks one of several callees. All of them must say the same.
    pub const fn invoke(mut self, policy: InvocationPolicy) -> Self {
        self.options.invocation_policy = policy;
        self
    }

    /// How many calls the router may hand to us at a time.
    pub const fn concurrency(mut self, limit: u64) -> Self {
        self.options.concurrency = Some(limit);
        self
    }

    /// Takes the procedure from whoever has registered it.
    pub const fn force_reregister(mut self) -> Self {
        self.options.force_reregister = true;
        self
    }

    /// Asks the router to tell who calls.
    pub const fn disclose_caller(mut self) -> Self {
        self.options.disclose_caller = true;
        self
    }

    /// Asks the router to leave timeouts to us: a handler that takes longer than the caller allows is dropped, and the
    /// call answered with `wamp.error.timeout`.
    pub const fn forward_timeout(mut self) -> Self {
        self.options.forward_timeout = true;
        self
    }

    /// Lets the handler go on when its call is canceled; it should then see to [`Invocation::interrupted`] itself.
    ///
    /// Without this, the handler is dropped where it waits, and the call answered with `wamp.error.canceled`.
    pub const fn observe_interrupts(mut self) -> Self {
        self.observes_interrupts = true;
        self
    }

    /// Registers, and has each call handed to `handler`. Calls are handled concurrently, each in a task of its own.
    ///
    /// If the handler panics, its caller gets [`ApplicationError::RUNTIME_ERROR`]. The registration lasts until
    /// [`Registration::unregister`], a revocation, or the session's end, also when the [`Registration`] is dropped.
    ///
    /// # Errors
    /// The router refuses, or the session is over.
    pub async fn handler<F, Fut, R>(self, handler: F) -> Result<Registration, RequestError>
    where
        F: Fn(Invocation) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, ApplicationError>> + Send + 'static,
        R: Into<Arguments>,
    {
        let Register { session, procedure, options, observes_interrupts } = self;
        let function = Arc::new(move |invocation: Invocation| {
            let handling = handler(invocation);
            let handling: Handling = Box::pin(async move { handling.await.map(Into::into) });
            handling
        });
        let key = RegistrationKey::next();
        let (end, ended) = watch::channel(None);
        let (reply, answer) = oneshot::channel();
        let handler = Handler { function, observes_interrupts };
        let new = NewRegistration { key, procedure: Arc::from(procedure), options, handler, end, reply };
        let mut undo = Undo { key, session: &session, armed: true };
        session.submit(Command::Register(new)).await?;
        // From here on, if this future is dropped, `undo` takes the registration back.
        let answer = answer.await.unwrap_or_else(|_| Err(RequestError::closed()));
        undo.armed = false;
        drop(undo);
        Ok(Registration { id: answer?, key, session, ended })
    }
}

/// Unregisters what nobody waits for any more.
struct Undo<'s> {
    key: RegistrationKey,
    session: &'s Session,
    armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.session.submit_now(Command::Unregister { key: self.key, reply: None });
        }
    }
}

/// A procedure that is registered. Dropping it changes nothing.
///
/// It outlives the connection if the session makes lost ones again.
#[derive(Debug)]
pub struct Registration {
    id: RegistrationId,
    key: RegistrationKey,
    session: Session,
    ended: watch::Receiver<Option<EndReason>>,
}

impl Registration {
    /// The router's id of the registration, as of the first connection.
    pub const fn id(&self) -> RegistrationId {
        self.id
    }

    /// Unregisters, and waits for the router's answer. Calls that are being handled are still answered.
    ///
    /// # Errors
    /// The router refuses, or the session is over.
    pub async fn unregister(self) -> Result<(), RequestError> {
        let (reply, answer) = oneshot::channel();
        self.session.submit(Command::Unregister { key: self.key, reply: Some(reply) }).await?;
        answer.await.unwrap_or_else(|_| Err(RequestError::closed()))
    }

    /// Waits until the registration is over, and says why.
    pub async fn ended(&self) -> EndReason {
        match self.ended.clone().wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or(EndReason::Ended),
            Err(_) => EndReason::Closed(CloseReason::Left),
        }
    }

    /// Why the registration is over; `None` while it isn't.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.ended.borrow().clone()
    }
}
