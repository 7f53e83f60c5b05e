//! Publishers and subscribers of one topic.
//!
//! A publisher has at most its share of a window of publications open, which are those that some subscriber still
//! lacks, and sends again when a quarter of its share is free, all of it in one write.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use wamp::message::{Message, MessageType, Publish, PublishOptions};
use wamp::{RequestId, Serializer};

use super::Load;
use super::ledger::Ledger;
use crate::case::Case;
use crate::connection::{Connection, Peer, Scratch};
use crate::join::{Part, join, leave};
use crate::latency::Histogram;
use crate::stamp::{Reader, Stamp, Stamped};
use crate::target::{Speaks, Target};
use crate::wire::Wire;

/// Publications under way of all publishers together, unless the payload is large or the subscribers are many. Small
/// enough that batches stay short, as they are where publishers don't wait for each other; large enough that neither
/// side runs dry.
pub(super) const WINDOW: usize = 48;
/// So many bytes of payload may be under way to each subscriber.
const WINDOW_BYTES: usize = 1 << 20;
/// So many events may be under way to all subscribers.
const WINDOW_EVENTS: usize = 1 << 14;
/// At least so many publications are under way all the same.
const WINDOW_MIN: usize = 8;

/// The sessions of one run, subscribers first: their index is their token.
pub(crate) struct PubSub {
    target: Target,
    /// What publishers speak.
    serializer: Serializer,
    topic: String,
    payload: usize,
    /// Publications that each publisher may have under way.
    window: usize,
    subscribers: Vec<Subscriber>,
    publishers: Vec<Publisher>,
    ledger: Ledger,
    stamped: Stamped,
    /// What a subscriber receives: the relay passes on the PUBLISH as it is.
    expected: MessageType,
}

struct Subscriber {
    connection: Connection,
    serializer: Serializer,
    reader: Reader,
}

struct Publisher {
    connection: Connection,
    request: RequestId,
}

/// The window of a case that names none.
fn default_window(payload: usize, subscribers: usize) -> usize {
    WINDOW.min(WINDOW_BYTES / payload.max(1)).min(WINDOW_EVENTS / subscribers.max(1)).max(WINDOW_MIN)
}

impl PubSub {
    /// Lets all sessions join. `run` sets the topic apart from that of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        (publishers, subscribers): (usize, usize),
        window: Option<usize>,
        run: u32,
    ) -> Result<Self> {
        let topic = format!("org.cloverleaf.bench.{run:08x}.topic");
        let wires = case.wires(&target.speaks);
        let subscriber = |wire: Wire| {
            let connection = join(target, wire, Part::Subscriber(&topic)).context("a subscriber")?;
            Ok(Subscriber { connection, serializer: wire.serializer, reader: Reader::new(case.payload) })
        };
        let publisher = |_| {
            let connection = join(target, wires.publishers, Part::Publisher).context("a publisher")?;
            Ok(Publisher { connection, request: RequestId::FIRST })
        };
        let turns = wires.subscribers.into_iter().cycle().take(subscribers);
        Ok(Self {
            subscribers: turns.map(subscriber).collect::<Result<_>>()?,
            publishers: (0..publishers).map(publisher).collect::<Result<_>>()?,
            target: target.clone(),
            serializer: wires.publishers.serializer,
            payload: case.payload,
            window: window
                .unwrap_or_else(|| default_window(case.payload, subscribers))
                .div_ceil(publishers.max(1)),
            ledger: Ledger::new(publishers, subscribers),
            stamped: Stamped::new(wires.publishers.serializer, case.payload)?,
            expected: match target.speaks {
                Speaks::Relay => MessageType::Publish,
                Speaks::Wamp { .. } => MessageType::Event,
            },
            topic,
        })
    }

    /// Publications that each publisher may have under way.
    pub(crate) const fn window(&self) -> usize {
        self.window
    }

    /// What is published to.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// How many of one publisher's publications every subscriber has, and how many there are.
    pub(super) fn progress(&self, publisher: usize) -> (u64, u64) {
        self.ledger.progress(publisher)
    }

    /// The number of its sessions; their tokens are below.
    pub(super) const fn sessions(&self) -> usize {
        self.subscribers.len() + self.publishers.len()
    }

    /// Lets all sessions leave.
    pub(crate) fn leave(self) {
        for Subscriber { connection, serializer, .. } in self.subscribers {
            leave(connection, &self.target, serializer);
        }
        for Publisher { connection, .. } in self.publishers {
            leave(connection, &self.target, self.serializer);
        }
    }

    /// From here on a gap in what a subscriber gets is counted, and no error.
    pub(super) fn allow_gaps(&mut self) {
        self.ledger.allow_gaps();
    }

    /// From here on one subscriber needn't get anything.
    pub(super) fn excuse(&mut self, subscriber: usize) {
        self.ledger.excuse(subscriber);
    }

    /// The socket of a subscriber.
    pub(super) fn stream(&self, subscriber: usize) -> Option<&TcpStream> {
        self.subscribers.get(subscriber).map(|subscriber| &subscriber.connection.stream)
    }

    /// Whether a publisher's socket took everything so far.
    pub(super) fn is_written(&self, publisher: usize) -> bool {
        self.publishers.get(publisher).is_some_and(|publisher| publisher.connection.outbox.is_empty())
    }

    /// Publications that some subscriber still lacks.
    pub(super) fn ahead(&self) -> usize {
        (0..self.publishers.len()).map(|publisher| self.ledger.open(publisher)).sum()
    }

    /// Events that were left out.
    pub(super) const fn lost(&self) -> u64 {
        self.ledger.lost()
    }

    /// The size of the payload, in bytes.
    pub(super) const fn payload(&self) -> usize {
        self.payload
    }

    /// How many receive.
    pub(super) fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// Has a subscriber read at most so often, and enters each event; says whether there may be more.
    pub(super) fn receive(
        &mut self,
        subscriber: usize,
        scratch: &mut Scratch,
        reads_max: usize,
        mut on_event: impl FnMut(Stamp),
    ) -> Result<bool> {
        let Self { subscribers, ledger, expected, .. } = self;
        let Some(Subscriber { connection, serializer, reader }) = subscribers.get_mut(subscriber) else {
            bail!("an event for a subscriber that there isn't");
        };
        let peer = connection.receive_some(scratch, reads_max, |message, _| {
            if MessageType::peek(*serializer, message) != Some(*expected) {
                bail!("a subscriber got {:?}", Message::decode(*serializer, message));
            }
            let stamp = reader.read(message).context("an event's payload is not what was published")?;
            ledger.deliver(subscriber, stamp)?;
            on_event(stamp);
            Ok(())
        })?;
        ensure_open(peer, "subscriber")?;
        Ok(connection.has_more)
    }

    /// Writes so many publications of one publisher, as far as its socket takes them.
    pub(super) fn publish(&mut self, index: usize, count: usize) -> Result<()> {
        let Some(publisher) = self.publishers.get_mut(index) else { return Ok(()) };
        let source = u16::try_from(index)?;
        for _ in 0..count {
            let sequence = self.ledger.publish(index);
            let publish = Publish {
                request: publisher.request,
                options: PublishOptions::default(),
                topic: self.topic.as_str().into(),
                payload: self.stamped.with(Stamp { source, sequence }),
            };
            publisher.connection.outbox.message(|out| publish.encode(self.serializer, out));
            publisher.request = publisher.request.next();
        }
        Ok(publisher.connection.flush()?)
    }
}

/// A session that the target ended is the end of the run.
pub(super) fn ensure_open(peer: Peer, role: &str) -> Result<()> {
    match peer {
        Peer::Open => Ok(()),
        Peer::Closed => bail!("the connection of a {role} was closed"),
    }
}

impl Load for PubSub {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        for (index, subscriber) in self.subscribers.iter_mut().enumerate() {
            registry.register(&mut subscriber.connection.stream, Token(index), Interest::READABLE)?;
        }
        let first = self.subscribers.len();
        for (index, publisher) in self.publishers.iter_mut().enumerate() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut publisher.connection.stream, Token(first + index), interest)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, _: Instant) -> Result<()> {
        let Token(token) = event.token();
        let Some(index) = token.checked_sub(self.subscribers.len()) else {
            return self.receive(token, scratch, usize::MAX, |_| {}).map(|_| ());
        };
        let serializer = self.serializer;
        let Some(Publisher { connection, .. }) = self.publishers.get_mut(index) else { return Ok(()) };
        let peer = connection.receive(scratch, |message, _| {
            bail!("a publisher got {:?}", Message::decode(serializer, message));
        })?;
        connection.flush()?;
        ensure_open(peer, "publisher")
    }

    fn offer(&mut self, _: Instant) -> Result<()> {
        for index in 0..self.publishers.len() {
            let room = self.window.saturating_sub(self.ledger.open(index));
            let is_written = self.publishers.get(index).is_some_and(|p| p.connection.outbox.is_empty());
            if is_written && room > 0 && room >= self.window / 4 {
                self.publish(index, room)?;
            }
        }
        Ok(())
    }

    fn completed(&self) -> u64 {
        self.ledger.delivered()
    }

    fn outstanding(&self) -> u64 {
        self.ledger.missing()
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shrink_with_payload_and_fan_out() {
        assert_eq!(default_window(32, 10), 48);
        assert_eq!(default_window(1024, 10), 48);
        assert_eq!(default_window(65_536, 10), 16);
        assert_eq!(default_window(32, 1000), 16);
        assert_eq!(default_window(32, 10_000), 8);
    }
}
