//! The router's end of one connection, and the thread that they all are on.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use anyhow::{Result, bail, ensure};
use router::{ChannelType, Flow, Format, Link, Millis, Output, Router, TransportDetails, Turn, Worker};
use transport::websocket::Role;
use transport::{Decoder, Step};
use wamp::message::{Hello, HelloDetails, Message};
use wamp::role::ClientRoles;

use crate::client;
use crate::path::Wire;

/// The moment of everything that happens.
const NOW: Millis = Millis(1_000_000);
/// How many pieces are written at once.
const SLICES_MAX: usize = 64;

/// What the thread of all connections has.
pub(crate) struct Thread {
    worker: Worker,
    /// Where input is read to.
    scratch: Vec<u8>,
}

impl Thread {
    /// With a fixed seed: ids are the same each time.
    pub(crate) fn new() -> Self {
        Thread { worker: Worker::new([7; 32]), scratch: Vec::new() }
    }
}

/// See the module.
pub(crate) struct End {
    wire: Wire,
    link: Link,
    decoder: Decoder,
    output: Output,
    woken: Arc<Woken>,
    waker: Waker,
    /// How many bytes were sent.
    sent: usize,
    /// The bytes themselves, where somebody wants to look at them.
    kept: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl End {
    /// The end of a client that has joined the realm that is there by default.
    pub(crate) fn join(router: &Arc<Router>, wire: Wire, thread: &mut Thread) -> Result<Self> {
        let format = Format { serializer: wire.serializer, framing: client::framing(wire) };
        let transport = TransportDetails::new(ChannelType::Memory, "paths");
        let woken = Arc::new(Woken::default());
        let mut end = End {
            wire,
            link: Link::new(router, format, usize::MAX, transport, NOW),
            decoder: client::decoder(wire, Role::Server),
            output: Output::new(),
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            sent: 0,
            kept: None,
        };
        let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
        end.take(thread, Hello { realm: Some("realm1".into()), details })?;
        ensure!(end.link.session_id().is_some(), "the client was not let in");
        Ok(end)
    }

    /// The client sends one message, now.
    pub(crate) fn take<'m>(&mut self, thread: &mut Thread, message: impl Into<Message<'m>>) -> Result<()> {
        let mut bytes = Vec::new();
        client::frame(self.wire, message, &mut bytes);
        self.read(thread, &bytes)
    }

    /// One poll of the connection in which these bytes are read.
    pub(crate) fn read(&mut self, thread: &mut Thread, bytes: &[u8]) -> Result<()> {
        let mut turn = thread.worker.turn(NOW);
        proceed(self.link.poll(&self.waker, &mut turn))?;
        self.flush();
        // As the system copies what it has received.
        thread.scratch.clear();
        thread.scratch.extend_from_slice(bytes);
        self.decode(&mut thread.scratch, &mut turn)?;
        proceed(self.link.poll(&self.waker, &mut turn))?;
        drop(turn);
        self.flush();
        Ok(())
    }

    /// The poll that somebody else's message led to.
    ///
    /// # Errors
    /// Nobody woke this connection.
    pub(crate) fn wake_up(&mut self, thread: &mut Thread) -> Result<()> {
        ensure!(self.woken.0.swap(false, Ordering::Relaxed), "a connection that has something was not woken");
        let mut turn = thread.worker.turn(NOW);
        proceed(self.link.poll(&self.waker, &mut turn))?;
        self.flush();
        Ok(())
    }

    /// From now on the bytes that are sent are kept.
    pub(crate) fn keep(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// What was kept.
    pub(crate) fn kept(&mut self) -> Vec<u8> {
        self.kept.take().unwrap_or_default()
    }

    /// How many bytes were sent so far.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    fn decode(&mut self, input: &mut [u8], turn: &mut Turn<'_>) -> Result<()> {
        let mut consumed = 0;
        while let Some(rest @ [_, ..]) = input.get_mut(consumed..) {
            let step = self.decoder.decode(rest)?;
            consumed += step.consumed();
            match step {
                Step::Message { payload, .. } => proceed(self.link.receive(payload, turn))?,
                other => bail!("a client that sent more or less than messages: {other:?}"),
            }
        }
        self.decoder.release();
        Ok(())
    }

    fn flush(&mut self) {
        while !self.output.is_empty() || self.link.take_output(&mut self.output) {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let filled = self.output.io_slices(&mut slices);
            let mut bytes = 0;
            for slice in slices.iter().take(filled) {
                bytes += slice.len();
                if let Some(kept) = &mut self.kept {
                    kept.extend_from_slice(slice);
                }
            }
            self.output.advance(bytes);
            self.link.sent(bytes);
            self.sent += bytes;
        }
    }
}

fn proceed(flow: Flow) -> Result<()> {
    ensure!(flow == Flow::Continue, "the router answers {flow:?}");
    Ok(())
}
