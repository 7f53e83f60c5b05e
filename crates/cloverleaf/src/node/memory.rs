//! A session inside the process: a client's link whose other end is the router itself.
//!
//! What the client sends is routed in the client's own task when it flushes, all of it in one turn of the router; what
//! is sent to the client lies in its mailbox, and the router wakes the task for it. There is no socket, no channel and no
//! other task in between.
//!
//! *What is bounded*: the client's messages wait here while the router doesn't want them (a decision is pending, or
//! answers are left unread), and the client takes no further commands when they are many ([`Link::queued`]). Towards
//! the client the mailbox has the bounds of every session, and its policy for slow ones.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use client::{Link, LinkError};
use listeners::{clock, in_turn, transport_here};
use router::decision::Authenticator;
use router::{ChannelType, Flow, Format, Millis, Output, Router};
use tokio::time::Instant;
use transport::Framing;
use wamp::Serializer;

/// The encoding of these sessions: the cheapest one that has all of WAMP's types.
const SERIALIZER: Serializer = Serializer::MsgPack;
/// How many bytes are handed over before others get their turn.
const DELIVERED_AT_ONCE: usize = 256 << 10;
/// Bytes of [`Framing::None`] before each message: its length.
const PREFIX: usize = 4;

/// See the module.
#[derive(Debug)]
pub(crate) struct MemoryLink {
    link: router::Link,
    /// To the router.
    waiting: VecDeque<Vec<u8>>,
    waiting_bytes: usize,
    /// From the router: taken out of the mailbox, and handed over up to `delivered`.
    incoming: Vec<u8>,
    delivered: usize,
    /// The router has ended it.
    is_closed: bool,
    /// One moment on both clocks.
    moment: (Millis, Instant),
}

impl MemoryLink {
    pub(crate) fn new(router: &Arc<Router>, authenticator: Arc<dyn Authenticator>) -> Self {
        let format = Format { serializer: SERIALIZER, framing: Framing::None };
        let peer = format!("process:{}", std::process::id());
        let transport = transport_here(ChannelType::Memory, peer);
        let now = clock::now();
        let link = router::Link::new(router, format, usize::MAX, transport, now);
        MemoryLink {
            link: link.with_authenticator(authenticator),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            incoming: Vec::new(),
            delivered: 0,
            is_closed: false,
            moment: (now, Instant::now()),
        }
    }

    fn note(&mut self, flow: Flow) {
        if let Flow::Close { .. } = flow {
            self.is_closed = true;
            self.waiting.clear();
            self.waiting_bytes = 0;
        }
    }

    /// Routes what waits, as far as it is wanted.
    fn route(&mut self) {
        in_turn(|turn| {
            while self.link.wants_input() {
                let Some(message) = self.waiting.pop_front() else { break };
                self.waiting_bytes -= message.len();
                let flow = self.link.receive(&message, turn);
                self.note(flow);
            }
        });
    }

    /// Takes what lies in the mailbox.
    fn take(&mut self) {
        self.incoming.clear();
        self.delivered = 0;
        let mut output = Output::new();
        while self.link.take_output(&mut output) {
            while !output.is_empty() {
                let mut slices = [IoSlice::new(&[]); 64];
                let filled = output.io_slices(&mut slices);
                let taken = slices.iter().take(filled).map(|slice| {
                    self.incoming.extend_from_slice(slice);
                    slice.len()
                });
                let taken = taken.sum();
                output.advance(taken);
            }
        }
    }

    /// The next whole message of what was taken.
    fn next(&self) -> Option<&[u8]> {
        let (prefix, rest) = self.incoming.get(self.delivered..)?.split_first_chunk::<PREFIX>()?;
        rest.get(..usize::try_from(u32::from_be_bytes(*prefix)).ok()?)
    }
}

impl Link for MemoryLink {
    fn serializer(&self) -> Serializer {
        SERIALIZER
    }

    fn send(&mut self, message: &[u8]) {
        if !self.is_closed {
            self.waiting_bytes += message.len();
            self.waiting.push_back(message.to_vec());
        }
    }

    fn queued(&self) -> usize {
        self.waiting_bytes
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.waiting.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.route();
        // The answers to one's own messages are there already, and nobody else wakes this task for them.
        cx.waker().wake_by_ref();
        if self.waiting.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), LinkError>>> {
        let flow = in_turn(|turn| self.link.poll(cx.waker(), turn));
        self.note(flow);
        if self.next().is_none() {
            self.take();
        }
        let before = self.delivered;
        while let Some(message) = self.next() {
            let length = PREFIX + message.len();
            deliver(message);
            self.delivered += length;
            if self.delivered - before >= DELIVERED_AT_ONCE {
                break;
            }
        }
        let bytes = self.delivered - before;
        self.link.sent(bytes);
        if self.delivered == self.incoming.len() {
            // An idle session keeps nothing.
            self.incoming = Vec::new();
            self.delivered = 0;
        }
        match (bytes, self.is_closed) {
            (0, true) => Poll::Ready(None),
            (0, false) => Poll::Pending,
            _ => Poll::Ready(Some(Ok(()))),
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.is_closed = true;
        in_turn(|turn| self.link.disconnected(turn));
        Poll::Ready(Ok(()))
    }

    fn next_deadline(&self) -> Option<Instant> {
        let (moment, instant) = self.moment;
        let deadline = self.link.next_deadline()?;
        Some(instant + Duration::from_millis(deadline.0.saturating_sub(moment.0)))
    }

    fn handle_timeout(&mut self, _: Instant) -> Result<(), LinkError> {
        let flow = in_turn(|turn| self.link.handle_timeout(turn));
        self.note(flow);
        Ok(())
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        in_turn(|turn| self.link.disconnected(turn));
    }
}
