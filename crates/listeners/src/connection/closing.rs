//! The end of a connection that is ended in good order: what is queued goes out, then on WebSocket a close frame, then
//! the stream is shut down.
//!
//! ```text
//!   Flush ─> AwaitPeer (WebSocket, if the peer didn't begin and is in its right mind) ─> Shutdown ─> Drain ─> gone
//! ```
//!
//! Input is taken off the socket until the peer closes too: a socket that is closed with unread bytes in it takes back
//! what it sent last, and the peer would never learn why. All of it ends with the close timeout, which begins anew as
//! long as the peer still takes something.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use router::Millis;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use transport::Step;

use super::{Connection, End};
use crate::thread::Buffers;

/// See the module.
#[derive(Debug)]
pub(super) struct Closing {
    /// The close frame; empty on RawSocket.
    frame: Vec<u8>,
    /// How much of it is written.
    written: usize,
    stage: Stage,
    /// Whether the peer is to answer the close frame.
    await_peer: bool,
    deadline: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Flush,
    AwaitPeer,
    Shutdown,
    Drain,
}

/// How many bytes of input one poll of a closing connection throws away before it lets others go first.
const DISCARD_MAX: usize = 1 << 20;

impl Closing {
    pub(super) fn new(frame: Vec<u8>, await_peer: bool, deadline: Millis) -> Self {
        Closing { frame, written: 0, stage: Stage::Flush, await_peer, deadline }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>, scratch: &mut [u8], now: Millis) -> Poll<()> {
        let Some(mut closing) = self.closing.take() else { return Poll::Ready(()) };
        let polled = loop {
            let polled = match closing.stage {
                Stage::Flush => self.poll_farewell(cx, &mut closing, now),
                Stage::AwaitPeer => self.poll_answer(cx, scratch),
                Stage::Shutdown => Pin::new(&mut self.stream).poll_shutdown(cx),
                Stage::Drain => self.poll_discard(cx, scratch),
            };
            closing.stage = match (polled, closing.stage) {
                (Poll::Pending, _) if now >= closing.deadline => break Poll::Ready(()),
                (Poll::Pending, _) => break Poll::Pending,
                (Poll::Ready(Err(_)), _) | (Poll::Ready(Ok(())), Stage::Drain) => break Poll::Ready(()),
                (Poll::Ready(Ok(())), Stage::Flush) if closing.await_peer => Stage::AwaitPeer,
                (Poll::Ready(Ok(())), Stage::Flush | Stage::AwaitPeer) => Stage::Shutdown,
                (Poll::Ready(Ok(())), Stage::Shutdown) => Stage::Drain,
            };
        };
        if polled.is_pending() {
            self.alarm.arm(cx, Some(closing.deadline));
            self.closing = Some(closing);
        }
        polled
    }

    /// Writes what is queued and the close frame.
    fn poll_farewell(
        &mut self,
        cx: &mut Context<'_>,
        closing: &mut Closing,
        now: Millis,
    ) -> Poll<io::Result<()>> {
        let close_timeout = self.context.config.limits.close_timeout;
        let before = self.output.len();
        match self.flush(cx, now) {
            Ok(true) => {}
            Ok(false) => {
                if self.output.len() < before {
                    closing.deadline = now + close_timeout;
                }
                return Poll::Pending;
            }
            Err(End::Io(error)) => return Poll::Ready(Err(error)),
            Err(_) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        }
        while let Some(rest) = closing.frame.get(closing.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => closing.written += bytes,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        closing.deadline = now + close_timeout;
        Poll::Ready(Ok(()))
    }

    /// Waits for the peer's close frame. Messages that cross ours are not for anybody any more.
    fn poll_answer(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<()>> {
        self.batch = None;
        let mut buffers = Buffers::default();
        let mut budget = DISCARD_MAX;
        while budget > 0 {
            let fresh = if self.input.is_ready() {
                0
            } else {
                match self.fill(cx, scratch) {
                    Ok(Poll::Ready(fresh)) => fresh,
                    Ok(Poll::Pending) => return Poll::Pending,
                    Err(End::Io(error)) => return Poll::Ready(Err(error)),
                    Err(_) => return Poll::Ready(Ok(())),
                }
            };
            budget = budget.saturating_sub(fresh.max(1));
            let mut large;
            let bytes = match self.input.assemble(scratch, fresh, &mut buffers) {
                super::Assembled::Partial => continue,
                super::Assembled::InScratch(length) => scratch.get_mut(..length).unwrap_or_default(),
                super::Assembled::Large(bytes) => {
                    large = bytes;
                    &mut large[..]
                }
            };
            let mut consumed = 0;
            let needed = loop {
                match self.wire.decoder.decode(bytes.get_mut(consumed..).unwrap_or_default()) {
                    Ok(Step::Incomplete { needed }) => break needed,
                    Ok(Step::Close { .. }) | Err(_) => return Poll::Ready(Ok(())),
                    Ok(step) => consumed += step.consumed(),
                }
            };
            self.input.keep(bytes.get(consumed..).unwrap_or_default(), needed, &mut buffers);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Throws away input until the peer closes.
    fn poll_discard(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<()>> {
        let mut budget = DISCARD_MAX;
        while budget > 0 {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 => return Poll::Ready(Ok(())),
                bytes => budget = budget.saturating_sub(bytes),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
