//! Calling procedures.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use wamp::error_uri;
use wamp::message::{CallOptions, CancelMode};
use wamp::role::Features;

use crate::arguments::{Arguments, arguments_accessors, arguments_builder};
use crate::error::{ApplicationError, RequestError};
use crate::protocol::{CallKey, Command, NewCall};
use crate::session::Session;

/// How many progressive results wait for whoever reads them.
const PROGRESS_MAX: usize = 1024;

/// What a procedure answered: its result, or a progressive one.
#[derive(Debug, Clone, PartialEq)]
pub struct CallResult {
    pub(crate) arguments: Arguments,
    pub(crate) is_progress: bool,
}

arguments_accessors!(CallResult);

impl CallResult {
    /// Whether more results follow.
    pub const fn is_progress(&self) -> bool {
        self.is_progress
    }
}

/// A call to be made: `session.call(procedure)`.
///
/// Awaiting it makes the call and gives its final result. If it is dropped before that, the call is canceled
/// (`killnowait`).
#[derive(Debug)]
#[must_use = "a call is made when it is awaited"]
pub struct Call {
    session: Session,
    procedure: String,
    options: CallOptions<'static>,
    arguments: Arguments,
    timeout: Option<Duration>,
}

arguments_builder!(Call);

impl Call {
    pub(crate) fn new(session: Session, procedure: String) -> Self {
        Call {
            session,
            procedure,
            options: CallOptions::default(),
            arguments: Arguments::new(),
            timeout: None,
        }
    }

    /// How long the callee may take, up to its first result and from one progressive result to the next.
    ///
    /// The router sees to it if it says it can; otherwise the call is canceled from here. Fractions of milliseconds are
    /// rounded up.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        let whole = timeout.as_nanos().div_ceil(1_000_000);
        self.options.timeout = Some(u64::try_from(whole).unwrap_or(u64::MAX));
        self.timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        self
    }

    /// Asks the router to tell the callee who we are.
    pub const fn disclose_me(mut self) -> Self {
        self.options.disclose_me = true;
        self
    }

    /// The routing key of a sharded registration.
    pub fn rkey(mut self, key: impl Into<String>) -> Self {
        self.options.rkey = Some(key.into().into());
        self
    }

    /// How a sharded registration is run.
    pub fn runmode(mut self, mode: impl Into<String>) -> Self {
        self.options.runmode = Some(mode.into().into());
        self
    }

    /// Makes the call and comes back when it is queued.
    ///
    /// # Errors
    /// The session is over.
    pub async fn start(self) -> Result<PendingCall, RequestError> {
        self.submit().await
    }

    /// Makes the call and asks for progressive results, which [`PendingCall::next`] gives one after the other.
    ///
    /// # Errors
    /// The session is over.
    pub async fn progressive(mut self) -> Result<PendingCall, RequestError> {
        self.options.receive_progress = true;
        self.submit().await
    }

    /// Makes the call with the arguments there are so far, and leaves it open for more: a progressive invocation. Asks
    /// for progressive results too.
    ///
    /// # Errors
    /// The session is over.
    pub async fn open(mut self) -> Result<(CallSink, PendingCall), RequestError> {
        self.options.progress = true;
        self.options.receive_progress = true;
        let session = self.session.clone();
        let call = self.submit().await?;
        Ok((CallSink { session, key: call.key }, call))
    }

    async fn submit(self) -> Result<PendingCall, RequestError> {
        let Call { session, procedure, mut options, arguments, timeout } = self;
        options.passthru = arguments.passthru().clone();
        let key = CallKey::next();
        let (outcome, pending_outcome) = oneshot::channel();
        let (progress, pending_progress) =
            options.receive_progress.then(|| mpsc::channel(PROGRESS_MAX)).unzip();
        let call = PendingCall {
            key,
            outcome: Some(pending_outcome),
            progress: pending_progress,
            timeout: timeout.filter(|_| !session.dealer_has(Features::CALL_TIMEOUT)),
            session,
        };
        call.session
            .submit(Command::Call(NewCall { key, procedure, options, arguments, progress, outcome }))
            .await?;
        Ok(call)
    }
}

impl IntoFuture for Call {
    type Output = Result<CallResult, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.start().await?.result().await })
    }
}

/// A call that was made and is not answered yet. Dropping it cancels the call (`killnowait`).
#[derive(Debug)]
pub struct PendingCall {
    key: CallKey,
    /// Until it was read.
    outcome: Option<oneshot::Receiver<Result<CallResult, RequestError>>>,
    /// Where progressive results were asked for; until the last was read.
    progress: Option<mpsc::Receiver<CallResult>>,
    /// Where the router doesn't see to it.
    timeout: Option<Duration>,
    session: Session,
}

impl PendingCall {
    /// The next result: progressive ones if they were asked for, then the final one or an error, then `None`.
    ///
    /// Dropping the future this makes loses nothing.
    pub async fn next(&mut self) -> Option<Result<CallResult, RequestError>> {
        self.outcome.as_ref()?;
        let Some(timeout) = self.timeout else { return self.wait().await };
        match timeout_at(Instant::now() + timeout, self.wait()).await {
            Ok(next) => next,
            Err(_) => {
                self.abandon();
                Some(Err(ApplicationError::new(error_uri::TIMEOUT).into()))
            }
        }
    }

    /// The final result, progressive ones before it being passed over.
    ///
    /// # Errors
    /// The call failed, was canceled, or its answer can't come any more; or the outcome was read already.
    pub async fn result(mut self) -> Result<CallResult, RequestError> {
        loop {
            match self.next().await {
                Some(Ok(result)) if result.is_progress => {}
                Some(outcome) => return outcome,
                None => return Err(RequestError::closed()),
            }
        }
    }

    /// Cancels the call. Its outcome is still to be read: an error, or what the callee had answered before it knew.
    ///
    /// Without effect if the call is over.
    ///
    /// # Errors
    /// The session is over.
    pub async fn cancel(&self, mode: CancelMode) -> Result<(), RequestError> {
        self.session.submit(Command::Cancel { key: self.key, mode }).await
    }

    async fn wait(&mut self) -> Option<Result<CallResult, RequestError>> {
        if let Some(progress) = &mut self.progress {
            if let Some(result) = progress.recv().await {
                return Some(Ok(result));
            }
            self.progress = None;
        }
        let outcome = self.outcome.as_mut()?.await;
        self.outcome = None;
        Some(outcome.unwrap_or_else(|_| Err(RequestError::closed())))
    }

    fn abandon(&mut self) {
        if self.outcome.take().is_some() {
            self.session.submit_now(Command::Cancel { key: self.key, mode: CancelMode::KillNoWait });
        }
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl IntoFuture for PendingCall {
    type Output = Result<CallResult, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.result())
    }
}

/// Where further parts of an open call go.
///
/// What is sent after the call is over, be it by an error or an early result, goes nowhere: its outcome is told by the
/// [`PendingCall`]. If this is dropped before [`CallSink::finish`], the callee goes on waiting; cancel the call then.
#[derive(Debug)]
pub struct CallSink {
    session: Session,
    key: CallKey,
}

impl CallSink {
    /// Sends the next part. Waits while the session's queue is full.
    ///
    /// # Errors
    /// The session is over.
    pub async fn send(&mut self, arguments: impl Into<Arguments>) -> Result<(), RequestError> {
        let arguments = arguments.into();
        self.session.submit(Command::CallPart { key: self.key, arguments, last: false }).await
    }

    /// Sends the last part.
    ///
    /// # Errors
    /// The session is over.
    pub async fn finish(self, arguments: impl Into<Arguments>) -> Result<(), RequestError> {
        let arguments = arguments.into();
        self.session.submit(Command::CallPart { key: self.key, arguments, last: true }).await
    }
}
