//! An open connection: bytes in, [`Link`], bytes out. One future, polled when there is something to do.
//!
//! ```text
//!   poll: what others left for this session ─> write ─> read and route ─> wake the receivers ─> write
//!          link.poll, timers                            until Pending,     end of the turn
//!                                                       or the budget
//! ```
//!
//! Others never write to this socket: they append to the session's mailbox and wake this task. Timers are one
//! [`Alarm`], which exists only while there is a deadline; silence is somebody else's business ([`crate::heartbeat`]).
//!
//! A poll is bounded: after [`SCRATCH_BYTES`] of input, [`WORK_MAX`] of work or [`WRITE_BYTES_MAX`] of output
//! it lets others go first. Input isn't read while the session waits for a decision or has a lot to be sent already,
//! and for some milliseconds when it floods receivers that can't quite follow ([`Pace`]).
//!
//! *Invariant*: a poll that returns `Pending` has left a waker with whatever can make it go on: the socket's reading
//! side, or its writing side while something is to be written, or the link, or the alarm.

mod alarm;
mod closing;
mod decode;
mod input;
mod pace;
mod wire;

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use router::{Flow, Link, Millis, Output, Turn};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::{Span, debug, debug_span, error, field, warn};
use transport::FrameError;

use self::alarm::{Alarm, Deadline};
use self::closing::Closing;
use self::decode::{BatchRest, Stop};
use self::input::{Assembled, Input};
use self::pace::Pace;
pub(crate) use self::wire::Wire;
use crate::admission::Admitted;
use crate::clock;
use crate::heartbeat::{Heartbeat, Signal};
use crate::lane::Place;
use crate::opening::Context;
use crate::thread::{self, Buffers, Local, SCRATCH_BYTES};

/// How much work one poll does before it lets others go first, as [`Turn::work`] counts it: a millisecond, more or less.
const WORK_MAX: usize = 24 << 10;
/// How many bytes one poll writes before it lets others go first.
const WRITE_BYTES_MAX: usize = 1 << 20;
/// How many bytes are read at once before there is a session.
const FIRST_BYTES_MAX: usize = 64 << 10;
/// How many pieces are written at once.
const SLICES_MAX: usize = 64;

/// What a connection is made of.
#[derive(Debug)]
pub(crate) struct Parts<S> {
    pub(crate) stream: S,
    pub(crate) link: Link,
    pub(crate) wire: Wire,
    /// What came behind the handshake.
    pub(crate) received: Vec<u8>,
    pub(crate) admitted: Admitted,
    pub(crate) place: Place,
    pub(crate) context: Arc<Context>,
}

/// See the module.
pub(crate) struct Connection<S> {
    stream: S,
    link: Link,
    wire: Wire,
    input: Input,
    /// What is left of a batch that was interrupted.
    batch: Option<Box<BatchRest>>,
    /// What was taken from the link and is not written yet.
    output: Output,
    /// Whether the stream may hold back some of what was written to it, as TLS does.
    unflushed: bool,
    /// When the peer is given up, as long as it takes nothing.
    write_deadline: Deadline,
    /// Whether input waits although there may be some.
    suspended: bool,
    /// When the link wants to be told that time has passed. Only this task changes it.
    deadline: Deadline,
    pace: Pace,
    alarm: Alarm,
    heartbeat: Option<Heartbeat>,
    closing: Option<Box<Closing>>,
    /// There at debug level only, and then most of what a connection holds.
    span: Option<Box<Span>>,
    /// Whether the session's id is in the span, and the handshake's timer gone.
    is_settled: bool,
    place: Place,
    context: Arc<Context>,
    /// Counted until the connection is gone.
    _admitted: Admitted,
}

/// Why a connection doesn't go on.
#[derive(Debug, thiserror::Error)]
enum End {
    /// The link is done.
    #[error("{reason} ({code})")]
    Closed { code: u16, reason: &'static str },
    #[error("framing violated: {0}")]
    Violation(#[from] FrameError),
    /// The peer sent a close frame.
    #[error("the peer closed")]
    PeerClosed(Option<u16>),
    #[error("the peer is gone")]
    Eof,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the peer takes nothing any more")]
    Stalled,
    #[error("the peer did not answer a ping")]
    Silent,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(parts: Parts<S>) -> Self {
        let Parts { stream, link, wire, received, admitted, place, context } = parts;
        let span = debug_span!("connection", peer = %link.transport().peer, session = field::Empty);
        span.in_scope(|| debug!("connected: {wire}, {:?}", link.format()));
        let span = (!span.is_disabled()).then(|| Box::new(span));
        Connection {
            stream,
            link,
            wire,
            input: Input::new(received),
            batch: None,
            output: Output::new(),
            unflushed: false,
            write_deadline: Deadline::NONE,
            suspended: false,
            deadline: Deadline::NONE,
            pace: Pace::default(),
            alarm: Alarm::default(),
            heartbeat: None,
            closing: None,
            span,
            is_settled: false,
            place,
            context,
            _admitted: admitted,
        }
    }

    /// Everything that can be done now, under the eyes of whoever measures it.
    fn advance_watched(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Some(watch) = self.context.config.poll_watch.clone() else {
            return thread::with(|local| self.advance(cx, local));
        };
        let (peer, mut polled) = (self.link.transport().peer.clone(), Poll::Pending);
        watch.around(&peer, &mut || polled = thread::with(|local| self.advance(cx, local)));
        polled
    }

    /// Everything that can be done now.
    fn advance(&mut self, cx: &mut TaskContext<'_>, local: &mut Local) -> Poll<()> {
        let now = clock::now();
        if self.closing.is_none()
            && let Err(end) = self.serve(cx, local, now)
        {
            match self.end(&end, local, now) {
                Some(closing) => self.closing = Some(Box::new(closing)),
                None => return Poll::Ready(()),
            }
        }
        if self.closing.is_some() {
            return self.poll_closing(cx, &mut local.scratch, now);
        }
        Poll::Pending
    }

    fn serve(&mut self, cx: &mut TaskContext<'_>, local: &mut Local, now: Millis) -> Result<(), End> {
        self.watch(cx, now);
        let mut turn = local.worker.turn(now);
        self.take_in(cx, &mut turn, now)?;
        self.flush(cx, now)?;
        if self.read(cx, &mut turn, &mut local.scratch, &mut local.buffers, now)? {
            // What its own input did to this session doesn't wake it.
            proceed(self.link.poll(cx.waker(), &mut turn))?;
            // Others are woken before this connection spends time on writing.
            drop(turn);
            self.settle();
            self.flush(cx, now)?;
        }
        if self.suspended && !self.pace.holds(now) && self.link.wants_input() {
            // What was just written made room, and nothing else would tell.
            cx.waker().wake_by_ref();
        }
        self.deadline = self.link.next_deadline().into();
        let deadlines = [self.deadline.moment(), self.write_deadline.moment(), self.pace.until()];
        self.alarm.arm(cx, deadlines.into_iter().flatten().min());
        Ok(())
    }

    /// Takes in what happened elsewhere: with the session, with the time, with the peer's silence.
    fn take_in(&mut self, cx: &TaskContext<'_>, turn: &mut Turn<'_>, now: Millis) -> Result<(), End> {
        proceed(self.link.poll(cx.waker(), turn))?;
        if self.deadline.is_due(now) {
            proceed(self.link.handle_timeout(turn))?;
        }
        let Some(heartbeat) = &self.heartbeat else { return Ok(()) };
        match heartbeat.signal() {
            None => Ok(()),
            Some(Signal::Ping) => {
                self.link.send_raw(&self.wire.ping());
                Ok(())
            }
            Some(Signal::Silent) if self.suspended => {
                // It may well have answered: nobody listened.
                heartbeat.heard(now);
                Ok(())
            }
            Some(Signal::Silent) => Err(End::Silent),
        }
    }

    /// Reads and routes until there is nothing to read, or enough was done for now; whether there was anything.
    fn read(
        &mut self,
        cx: &mut TaskContext<'_>,
        turn: &mut Turn<'_>,
        scratch: &mut [u8],
        buffers: &mut Buffers,
        now: Millis,
    ) -> Result<bool, End> {
        let mut budget = self.pace.share_of(SCRATCH_BYTES);
        let mut routed = false;
        loop {
            self.suspended = self.pace.holds(now) || !self.link.wants_input();
            if self.suspended {
                return Ok(routed);
            }
            if budget == 0 || turn.work() >= WORK_MAX {
                cx.waker().wake_by_ref();
                return Ok(routed);
            }
            if let Some(rest) = self.batch.take() {
                budget = budget.saturating_sub(self.resume_batch(*rest, turn)?);
            } else {
                let fresh = if self.input.is_ready() {
                    0
                } else {
                    match self.fill(cx, scratch)? {
                        Poll::Ready(fresh) => fresh,
                        Poll::Pending => return Ok(routed),
                    }
                };
                if let (Some(heartbeat), 1..) = (&self.heartbeat, fresh) {
                    heartbeat.heard(now);
                }
                budget = budget.saturating_sub(fresh.max(self.input.held()));
                self.route(fresh, turn, scratch, buffers)?;
            }
            routed = true;
            turn.flush();
            if turn.should_pace() {
                self.pace.slow_down(now);
            } else {
                self.pace.speed_up();
            }
        }
    }

    /// Reads into the part of `scratch` behind what is to go before it.
    fn fill(&mut self, cx: &mut TaskContext<'_>, scratch: &mut [u8]) -> Result<Poll<usize>, End> {
        let offset = self.input.offset(scratch.len());
        let room = scratch.get_mut(offset..).unwrap_or_default();
        // Whoever has no session yet may have to wait for one, and what was read waits here.
        let most = if self.is_settled { room.len() } else { room.len().min(FIRST_BYTES_MAX) };
        let share = self.pace.share_of(most);
        let mut buffer = ReadBuf::new(room.get_mut(..share).unwrap_or_default());
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Err(error)) => Err(End::Io(error)),
            Poll::Ready(Ok(())) => match buffer.filled().len() {
                0 => Err(End::Eof),
                fresh => Ok(Poll::Ready(fresh)),
            },
        }
    }

    /// Decodes and routes what there is, `fresh` bytes of it just read, and keeps what is left.
    fn route(
        &mut self,
        fresh: usize,
        turn: &mut Turn<'_>,
        scratch: &mut [u8],
        buffers: &mut Buffers,
    ) -> Result<(), End> {
        match self.input.assemble(scratch, fresh, buffers) {
            Assembled::Partial => Ok(()),
            Assembled::InScratch(length) => {
                let bytes = scratch.get_mut(..length).unwrap_or_default();
                let (consumed, stop) = self.decode(bytes, turn);
                let rest = bytes.get(consumed..).unwrap_or_default();
                self.stop(stop, |input, needed| input.keep(rest, needed, buffers))
            }
            Assembled::Large(mut bytes) => {
                let (consumed, stop) = self.decode(&mut bytes, turn);
                self.stop(stop, |input, needed| input.keep_large(bytes, consumed, needed, buffers))
            }
        }
    }

    fn stop(&mut self, stop: Stop, keep: impl FnOnce(&mut Input, usize)) -> Result<(), End> {
        match stop {
            Stop::Starved { needed } => keep(&mut self.input, needed),
            Stop::Interrupted => keep(&mut self.input, 0),
            Stop::End(end) => {
                // A peer's close frame may be in there.
                keep(&mut self.input, 0);
                return Err(end);
            }
        }
        Ok(())
    }

    /// Writes what there is to be written; true if all of it was taken.
    fn flush(&mut self, cx: &mut TaskContext<'_>, now: Millis) -> Result<bool, End> {
        let mut written = 0;
        while !self.output.is_empty() || self.link.take_output(&mut self.output) {
            if written >= WRITE_BYTES_MAX {
                cx.waker().wake_by_ref();
                return Ok(false);
            }
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            // A socket may well take several megabytes at once.
            let filled = self.output.io_slices_within(&mut slices, WRITE_BYTES_MAX - written);
            let stream = Pin::new(&mut self.stream);
            let polled = match slices.get(..filled).unwrap_or_default() {
                // The system takes one piece faster than a list of one.
                [piece] => stream.poll_write(cx, piece),
                pieces => stream.poll_write_vectored(cx, pieces),
            };
            match polled {
                Poll::Pending => return self.blocked(now),
                Poll::Ready(Ok(0)) => return Err(End::Io(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(bytes)) => {
                    written += bytes;
                    self.output.advance(bytes);
                    self.link.sent(bytes);
                    self.unflushed = true;
                    self.moved(now);
                }
                Poll::Ready(Err(error)) => return Err(End::Io(error)),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => return self.blocked(now),
                Poll::Ready(flushed) => flushed?,
            }
            self.unflushed = false;
            self.moved(now);
        }
        Ok(true)
    }

    fn blocked(&mut self, now: Millis) -> Result<bool, End> {
        if self.write_deadline == Deadline::NONE {
            self.write_deadline = Some(now + self.context.config.limits.write_timeout).into();
        }
        if self.write_deadline.is_due(now) { Err(End::Stalled) } else { Ok(false) }
    }

    /// The peer takes bytes. Where it didn't before, its system is alive at least.
    fn moved(&mut self, now: Millis) {
        if self.write_deadline == Deadline::NONE {
            return;
        }
        self.write_deadline = Deadline::NONE;
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.heard(now);
        }
    }

    /// Ends the session; what is left to be said is the closing's business, if there is one.
    fn end(&mut self, end: &End, local: &mut Local, now: Millis) -> Option<Closing> {
        let mut turn = local.worker.turn(now);
        let (peer, session) = (&self.link.transport().peer, self.link.session_id().map(|id| id.value()));
        match end {
            End::Violation(_) | End::Stalled | End::Silent => warn!(%peer, session, "connection ends: {end}"),
            // The link has said why.
            End::Closed { .. } | End::PeerClosed(_) | End::Eof | End::Io(_) => {
                debug!(%peer, session, "connection ends: {end}");
            }
        }
        let deadline = now + self.context.config.limits.close_timeout;
        match end {
            End::Closed { code, reason } => {
                let frame = self.wire.close(Some(*code), reason);
                Some(Closing::new(frame, self.wire.is_websocket(), deadline))
            }
            End::Violation(error) => {
                let reason = error.to_string();
                // What it says to do is being done.
                let _ = self.link.violation(&reason, &mut turn);
                Some(Closing::new(self.wire.close(Some(error.close_code()), &reason), false, deadline))
            }
            End::PeerClosed(code) => {
                self.link.disconnected(&mut turn);
                Some(Closing::new(self.wire.close(*code, ""), false, deadline))
            }
            End::Eof | End::Io(_) | End::Stalled | End::Silent => {
                self.link.disconnected(&mut turn);
                None
            }
        }
    }

    /// Has the peer's silence watched, once the task is known.
    fn watch(&mut self, cx: &TaskContext<'_>, now: Millis) {
        if self.heartbeat.is_none()
            && let Some(watch) = self.place.watch(self.wire.is_websocket())
        {
            self.heartbeat = Some(watch.enter(now, cx.waker()));
        }
    }

    /// Gives back what only the handshake needed, once there is a session.
    fn settle(&mut self) {
        if self.is_settled {
            return;
        }
        let Some(session) = self.link.session_id() else { return };
        self.is_settled = true;
        // It is set again if there is another deadline; most sessions have none.
        self.alarm = Alarm::default();
        if let Some(span) = &self.span {
            span.record("session", session.value());
        }
    }
}

/// What a link's answer means for its connection.
fn proceed(flow: Flow) -> Result<(), End> {
    match flow {
        Flow::Continue | Flow::Pause => Ok(()),
        Flow::Close { code, reason } => Err(End::Closed { code, reason }),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Connection<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        let _entered = this.span.as_deref().cloned().map(Span::entered);
        let polled = catch_unwind(AssertUnwindSafe(|| this.advance_watched(cx)));
        polled.unwrap_or_else(|panic| {
            let session = catch_unwind(AssertUnwindSafe(|| this.link.session_id())).ok().flatten();
            let session = session.map(|id| id.value());
            let peer = &this.link.transport().peer;
            error!(%peer, session, "connection ends by a panic: {}", message(&*panic));
            Poll::Ready(())
        })
    }
}

/// Whatever ends a connection, a panic and the end of its runtime included, ends its session.
impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        let dispose = || {
            thread::with(|local| self.link.disconnected(&mut local.worker.turn(clock::now())));
        };
        if catch_unwind(AssertUnwindSafe(dispose)).is_err() {
            error!(peer = %self.link.transport().peer, "a session could not be ended: panic");
        }
    }
}

impl<S> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.link.transport().peer)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// What a panic said.
fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        // Beside it a task has 104 bytes, of which tokio makes a multiple of 128: one byte more here takes 128.
        let size = size_of::<Connection<TcpStream>>();
        assert!(size <= 408, "{size}");
    }
}
