//! One scripted connection: a [`Link`], and what its peer would do at the other end of the wire.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use router::{Flow, Format, Link, Millis, Output, Turn};
use transport::Framing;
use wamp::Serializer;

use crate::received::{IntoValue, Received};
use crate::unframe::Unframe;

/// How a client's messages travel, and which of them it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// How they are encoded.
    pub serializer: Serializer,
    /// How those from the router are framed.
    pub framing: Framing,
    /// The longest that the client takes, in bytes.
    pub message_bytes_max: usize,
}

impl Default for Wire {
    /// JSON in the in-process framing, of any length.
    fn default() -> Self {
        Wire { serializer: Serializer::Json, framing: Framing::None, message_bytes_max: usize::MAX }
    }
}

/// See the module. It does what a connection's task does, when it is told to.
#[derive(Debug)]
pub struct Connection {
    link: Link,
    wire: Wire,
    unframe: Unframe,
    woken: Arc<Woken>,
    /// Messages that the client has sent and the router has not read.
    input: VecDeque<Vec<u8>>,
    inbox: VecDeque<Received>,
    /// The client doesn't read.
    stalled: bool,
    closed: Option<(u16, &'static str)>,
    /// What the last message led to.
    flow: Flow,
    /// Some turn asked this connection to pause before it reads on.
    paced: bool,
    output: Output,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Connection {
    /// The client's end of a link that was made for the same format.
    pub fn new(link: Link, wire: Wire) -> Self {
        let format = Format { serializer: wire.serializer, framing: wire.framing };
        assert_eq!(link.format(), format, "the link must have the client's format");
        Connection {
            link,
            wire,
            unframe: Unframe::new(wire.framing),
            woken: Arc::new(Woken(AtomicBool::new(true))),
            input: VecDeque::new(),
            inbox: VecDeque::new(),
            stalled: false,
            closed: None,
            flow: Flow::Continue,
            paced: false,
            output: Output::new(),
        }
    }

    /// The client sends a message; [`Connection::run`] has the router read it.
    pub fn send(&mut self, message: impl IntoValue) {
        let bytes = message.into_value().to_vec(self.wire.serializer);
        self.send_bytes(bytes);
    }

    /// The client sends whatever this is.
    pub fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.input.push_back(bytes);
    }

    /// One poll of the connection's task: takes in what was left for it, reads all input that it wants, writes what
    /// the client reads. False if there was nothing to do.
    pub fn run(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut busy = false;
        if self.woken.0.swap(false, Ordering::SeqCst) && self.closed.is_none() {
            busy = true;
            let flow = self.link.poll(&Waker::from(Arc::clone(&self.woken)), turn);
            self.follow(flow, turn);
        }
        let mut has_routed = false;
        while self.closed.is_none() && self.link.wants_input() {
            let Some(message) = self.input.pop_front() else { break };
            (busy, has_routed) = (true, true);
            // Nothing more is polled in here: whatever waits from now on has to wake the task.
            self.flow = self.link.receive(&message, turn);
            self.follow(self.flow, turn);
        }
        if has_routed {
            turn.flush();
        }
        self.paced |= turn.should_pace();
        self.flush() || busy
    }

    /// Does what is due at the turn's moment.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        if self.closed.is_none() {
            let flow = self.link.handle_timeout(turn);
            self.follow(flow, turn);
        }
    }

    /// When [`Connection::handle_timeout`] wants to be called.
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.closed.is_some() { None } else { self.link.next_deadline() }
    }

    /// The transport is lost without a word.
    pub fn disconnect(&mut self, turn: &mut Turn<'_>) {
        self.link.disconnected(turn);
        self.input.clear();
        self.closed.get_or_insert((1006, "disconnected"));
    }

    /// The transport finds its framing broken.
    pub fn violate(&mut self, what: &str, turn: &mut Turn<'_>) {
        let flow = self.link.violation(what, turn);
        self.follow(flow, turn);
        self.flush();
    }

    /// The client stops reading, or reads on.
    pub fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
        // A transport that can be written to again wakes its task.
        self.woken.0.store(true, Ordering::SeqCst);
    }

    /// Takes the next message that came.
    pub fn take(&mut self) -> Option<Received> {
        self.inbox.pop_front()
    }

    /// All messages that came and were not looked at.
    pub fn inbox(&self) -> &VecDeque<Received> {
        &self.inbox
    }

    /// How the router closed the transport, once it has: code and reason.
    pub fn closed(&self) -> Option<(u16, &'static str)> {
        self.closed
    }

    /// What the last message that the router read led to.
    pub fn flow(&self) -> Flow {
        self.flow
    }

    /// Whether the router wanted this connection to pause for a slow receiver, since this was last asked.
    pub fn take_paced(&mut self) -> bool {
        std::mem::take(&mut self.paced)
    }

    /// How many messages the router hasn't read yet.
    pub fn unread(&self) -> usize {
        self.input.len()
    }

    /// The router's end.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The router's end, to be changed.
    pub fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }

    fn follow(&mut self, flow: Flow, turn: &mut Turn<'_>) {
        if let Flow::Close { code, reason } = flow {
            self.flush();
            assert!(self.stalled || !self.unframe.is_amid(), "the router closed in the middle of a message");
            self.link.disconnected(turn);
            self.input.clear();
            self.closed = Some((code, reason));
        }
    }

    /// Moves what is queued to the client; false if that is nothing.
    fn flush(&mut self) -> bool {
        if self.stalled || self.closed.is_some() {
            return false;
        }
        let had_output = self.link.take_output(&mut self.output);
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.output.io_slices(&mut slices);
            let mut bytes = 0;
            for slice in slices.iter().take(filled) {
                bytes += slice.len();
                let (serializer, inbox) = (self.wire.serializer, &mut self.inbox);
                let bytes_max = self.wire.message_bytes_max;
                self.unframe.feed(slice, |message| {
                    assert!(
                        message.len() <= bytes_max,
                        "{} bytes to a client that takes {bytes_max}",
                        message.len()
                    );
                    inbox.push_back(Received::decode(serializer, message));
                });
            }
            self.output.advance(bytes);
            self.link.sent(bytes);
        }
        had_output
    }
}
