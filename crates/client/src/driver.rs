//! The task of a session: it owns the link and the protocol, and does nothing but move things between them.
//!
//! ```text
//!   handles --commands--> [ protocol ] --messages--> [ link ] --> router
//!           <--outcomes--            <--messages---
//! ```
//!
//! One turn takes in what the link has, then commands while there is room for what they make, then flushes everything
//! at once, so that messages share writes. A turn is bounded, so that a busy session doesn't keep its thread from
//! others.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use wamp::error_uri;

use crate::connector::Connector;
use crate::error::{ApplicationError, CloseReason, ConnectError};
use crate::invocation::interruption;
use crate::link::{Link, LinkError};
use crate::protocol::{Answer, Command, InvocationKey, Protocol, Started};
use crate::reconnect::Reconnect;
use crate::session::{Phase, Status, Welcomed};

/// While so many bytes wait for the link, no commands are taken.
const OUTGOING_MAX: usize = 1 << 20;
/// How many commands are taken before the link is flushed.
const COMMANDS_PER_TURN: usize = 256;
/// How many turns are made before other tasks get theirs.
const TURNS_PER_POLL: usize = 16;
/// How long the router may take to answer GOODBYE.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last messages and the closing of the link may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A link, and the one timer it needs.
pub(crate) struct Pump {
    link: Box<dyn Link>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When to stop waiting for the answer to our GOODBYE.
    goodbye_deadline: Option<Instant>,
}

impl Pump {
    pub(crate) fn new(link: Box<dyn Link>) -> Self {
        Pump { link, timer: None, goodbye_deadline: None }
    }

    /// Takes in what the link has; whether there was anything.
    fn receive(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> bool {
        match self.link.poll_receive(cx, &mut |message| protocol.receive(message)) {
            Poll::Pending => return false,
            Poll::Ready(Some(Ok(()))) => {}
            Poll::Ready(Some(Err(error))) => protocol.lost(&error.to_string()),
            Poll::Ready(None) => protocol.lost("the router closed the connection"),
        }
        true
    }

    /// Hands all messages to the link.
    fn send(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        protocol.drain(|message| self.link.send(message));
        self.link.poll_flush(cx)
    }

    const fn is_full(outgoing: usize) -> bool {
        outgoing >= OUTGOING_MAX
    }

    fn outgoing(&self, protocol: &Protocol) -> usize {
        self.link.queued() + protocol.outgoing()
    }

    fn poll_timers(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) {
        if protocol.is_leaving() && self.goodbye_deadline.is_none() {
            self.goodbye_deadline = Some(Instant::now() + GOODBYE_TIMEOUT);
        }
        let deadlines = [self.link.next_deadline(), self.goodbye_deadline];
        let Some(deadline) = deadlines.into_iter().flatten().min() else {
            self.timer = None;
            return;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return;
        }
        let now = Instant::now();
        if self.goodbye_deadline.is_some_and(|deadline| deadline <= now) {
            protocol.lost("the router did not answer GOODBYE");
        } else if let Err(error) = self.link.handle_timeout(now) {
            protocol.lost(&error.to_string());
        }
        // The next deadline, and what the link has to say, want another turn.
        self.timer = None;
        cx.waker().wake_by_ref();
    }

    /// Hands the last messages to the link.
    fn take_last(&mut self, protocol: &mut Protocol) {
        protocol.drain(|message| self.link.send(message));
    }

    /// Sends what the link has and closes it, within reason.
    async fn close(mut self) {
        let closing = poll_fn(|cx| match self.link.poll_flush(cx) {
            Poll::Ready(Ok(())) => self.link.poll_close(cx),
            unfinished => unfinished,
        });
        match timeout(CLOSE_TIMEOUT, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the link was not closed in order"),
            Err(_) => tracing::debug!("the router did not close the connection in time"),
        }
    }
}

/// Everything of a session but its link.
pub(crate) struct Driver {
    protocol: Protocol,
    commands: mpsc::Receiver<Command>,
    taken_back: mpsc::UnboundedReceiver<Command>,
    /// For handlers that break.
    takes_back: mpsc::UnboundedSender<Command>,
    /// All handles are gone.
    is_orphaned: bool,
}

impl Driver {
    pub(crate) const fn new(
        protocol: Protocol,
        commands: mpsc::Receiver<Command>,
        taken_back: mpsc::UnboundedReceiver<Command>,
        takes_back: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Driver { protocol, commands, taken_back, takes_back, is_orphaned: false }
    }

    /// Opens the session on a new link.
    pub(crate) async fn open(&mut self, pump: &mut Pump) -> Result<Arc<Welcomed>, ConnectError> {
        self.protocol.begin(pump.link.serializer(), pump.link.message_bytes_max());
        poll_fn(|cx| self.poll(pump, cx, |protocol| protocol.is_open())).await;
        match (self.protocol.close_reason(), self.protocol.welcomed()) {
            (None, Some(welcomed)) => Ok(Arc::clone(welcomed)),
            (reason, _) => {
                let reason = reason.cloned().unwrap_or(CloseReason::Left);
                // An ABORT of ours is worth an attempt, but nobody waits for it.
                drop(poll_fn(|cx| Poll::Ready(pump.send(&mut self.protocol, cx))).await);
                Err(ConnectError::closed(reason))
            }
        }
    }

    /// Keeps the session until it is over.
    pub(crate) async fn run(
        mut self,
        mut pump: Pump,
        status: watch::Sender<Status>,
        mut again: Option<(Reconnect, Connector, Duration)>,
    ) {
        let reason = loop {
            poll_fn(|cx| self.poll(&mut pump, cx, |_| false)).await;
            let reason = self.protocol.close_reason().cloned().unwrap_or(CloseReason::Left);
            pump.take_last(&mut self.protocol);
            let Some((policy, connector, timeout)) = again.as_mut().filter(|_| reason.is_temporary()) else {
                // What waits for the router learns of the end before the link is closed, which may take a while.
                self.protocol.closed(reason.clone());
                pump.close().await;
                break reason;
            };
            tracing::info!(%reason, "the session is to be opened again");
            status.send_modify(|status| status.phase = Phase::Lost);
            self.protocol.disconnected();
            if let Err(reason) = self.refusing(pump.close()).await {
                break reason;
            }
            match self.reopen(policy, connector, *timeout, reason).await {
                Ok((welcomed, reopened)) => {
                    pump = reopened;
                    status.send_replace(Status { welcomed, phase: Phase::Open });
                }
                Err(reason) => break reason,
            }
        };
        tracing::debug!(%reason, "the session is over");
        self.protocol.closed(reason.clone());
        // Whoever waits on a command that is still queued learns of the end when its channel is dropped.
        drop(self);
        status.send_modify(|status| status.phase = Phase::Closed(reason));
    }

    /// Opens the session again, in as many attempts as the policy allows.
    async fn reopen(
        &mut self,
        policy: &Reconnect,
        connector: &mut Connector,
        open_timeout: Duration,
        mut reason: CloseReason,
    ) -> Result<(Arc<Welcomed>, Pump), CloseReason> {
        let mut attempt = 0;
        loop {
            let Some(delay) = policy.delay(attempt, rand::random()) else { return Err(reason) };
            attempt = attempt.saturating_add(1);
            self.refusing(sleep(delay)).await?;
            let error = match self.attempt(connector, open_timeout).await? {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            tracing::info!(%error, attempt, "the session could not be opened again");
            let is_temporary = error.is_temporary();
            reason = error.into_close_reason();
            if !is_temporary {
                return Err(reason);
            }
            self.protocol.disconnected();
        }
    }

    /// One attempt. The outer error is that nobody wants the session any more.
    async fn attempt(
        &mut self,
        connector: &mut Connector,
        open_timeout: Duration,
    ) -> Result<Result<(Arc<Welcomed>, Pump), ConnectError>, CloseReason> {
        let deadline = Instant::now() + open_timeout;
        let mut pump = match self.refusing(tokio::time::timeout_at(deadline, connector.dial())).await? {
            Ok(Ok(link)) => Pump::new(link),
            Ok(Err(error)) => return Ok(Err(error)),
            Err(_) => return Ok(Err(ConnectError::timeout(open_timeout))),
        };
        match tokio::time::timeout_at(deadline, self.open(&mut pump)).await {
            Ok(Ok(welcomed)) => Ok(Ok((welcomed, pump))),
            Ok(Err(_)) if self.protocol.close_reason() == Some(&CloseReason::Left) => Err(CloseReason::Left),
            Ok(Err(error)) => Ok(Err(error)),
            Err(_) => Ok(Err(ConnectError::timeout(open_timeout))),
        }
    }

    /// Does some work while there is no connection, and refuses commands meanwhile. Fails if the session is left.
    async fn refusing<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CloseReason> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            loop {
                let busy = self.take_commands(cx, 0);
                if let Some(reason) = self.protocol.close_reason() {
                    return Poll::Ready(Err(reason.clone()));
                }
                if !busy {
                    return work.as_mut().poll(cx).map(Ok);
                }
            }
        })
        .await
    }

    /// Works until the connection is over, or as far as is wanted.
    fn poll(
        &mut self,
        pump: &mut Pump,
        cx: &mut Context<'_>,
        is_enough: impl Fn(&Protocol) -> bool,
    ) -> Poll<()> {
        for _ in 0..TURNS_PER_POLL {
            let mut busy = pump.receive(&mut self.protocol, cx);
            for started in self.protocol.take_started() {
                self.start(started);
            }
            let outgoing = pump.outgoing(&self.protocol);
            busy |= self.take_commands(cx, outgoing);
            match pump.send(&mut self.protocol, cx) {
                Poll::Ready(Err(error)) => self.protocol.lost(&error.to_string()),
                // There was no room for commands, and now there is.
                Poll::Ready(Ok(())) => busy |= Pump::is_full(outgoing),
                Poll::Pending => {
                    busy |= Pump::is_full(outgoing) && !Pump::is_full(pump.outgoing(&self.protocol));
                }
            }
            pump.poll_timers(&mut self.protocol, cx);
            if self.protocol.close_reason().is_some() || is_enough(&self.protocol) {
                return Poll::Ready(());
            }
            if !busy {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes commands while there is room for what they make; whether there were any.
    fn take_commands(&mut self, cx: &mut Context<'_>, outgoing: usize) -> bool {
        let before = self.protocol.outgoing();
        for taken in 0..COMMANDS_PER_TURN {
            if Pump::is_full(outgoing + self.protocol.outgoing().saturating_sub(before)) {
                return taken > 0;
            }
            match self.poll_command(cx) {
                Poll::Ready(command) => self.protocol.handle(command),
                Poll::Pending => return taken > 0,
            }
        }
        true
    }

    fn poll_command(&mut self, cx: &mut Context<'_>) -> Poll<Command> {
        if let Poll::Ready(Some(command)) = self.taken_back.poll_recv(cx) {
            return Poll::Ready(command);
        }
        if self.is_orphaned {
            return Poll::Pending;
        }
        self.commands.poll_recv(cx).map(|command| {
            command.unwrap_or_else(|| {
                self.is_orphaned = true;
                Command::Leave
            })
        })
    }

    /// Hands a call to its handler, in a task of its own.
    fn start(&self, started: Started) {
        let Started { handler, invocation } = started;
        let (key, commands) = (invocation.key, invocation.commands.clone());
        let mut signal = invocation.signal.clone();
        let limit = invocation.details.timeout.filter(|limit| *limit > 0).map(Duration::from_millis);
        let breakage = Breakage { key, answers: Some(self.takes_back.clone()) };
        tokio::spawn(async move {
            let handling = (handler.function)(invocation);
            let interrupted = async {
                if handler.observes_interrupts {
                    std::future::pending::<()>().await;
                }
                interruption(&mut signal).await;
            };
            let expired = async {
                match limit {
                    Some(limit) => sleep(limit).await,
                    None => std::future::pending().await,
                }
            };
            let outcome = tokio::select! {
                biased;
                outcome = handling => outcome,
                () = interrupted => Err(ApplicationError::new(error_uri::CANCELED)),
                () = expired => Err(ApplicationError::new(error_uri::TIMEOUT)),
            };
            breakage.averted();
            let answer = outcome.map_or_else(Answer::Error, Answer::Result);
            if let Some(commands) = commands.upgrade() {
                // If nobody takes it the session is over.
                drop(commands.send(Command::Answer { key, answer }).await);
            }
        });
    }
}

/// Answers a call whose handler broke: it is dropped while that unwinds.
struct Breakage {
    key: InvocationKey,
    answers: Option<mpsc::UnboundedSender<Command>>,
}

impl Breakage {
    fn averted(mut self) {
        self.answers = None;
    }
}

impl Drop for Breakage {
    fn drop(&mut self) {
        if let Some(answers) = &self.answers {
            let error =
                ApplicationError::with_message(ApplicationError::RUNTIME_ERROR, "the procedure broke");
            drop(answers.send(Command::Answer { key: self.key, answer: Answer::Error(error) }));
        }
    }
}
