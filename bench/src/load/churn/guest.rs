//! A session that comes, subscribes, receives some events, unsubscribes and leaves.
//!
//! ```text
//!   Joining -- WELCOME --> Subscribing -- SUBSCRIBED --> Receiving -- enough --> Unsubscribing -- UNSUBSCRIBED --> Leaving
//!   relay:  -- ready  -----------------------------------^    `-- enough: closes                      GOODBYE: closes
//! ```
//!
//! Whatever doesn't fit where it stands is an error: an EVENT before SUBSCRIBED or after UNSUBSCRIBED, and between them a
//! gap in what a publisher published.

use std::collections::BTreeMap;
use std::net::Shutdown;

use anyhow::{Context, Result, bail, ensure};
use wamp::message::{Goodbye, Message, Subscribe, SubscribeOptions, Unsubscribe, Unsubscribed};
use wamp::{RequestId, Serializer, SubscriptionId, error_uri};

use crate::connection::{Connection, Outbox, Peer, Scratch};
use crate::stamp::{Reader, Stamp};

/// Events that it wants before it leaves.
const ENOUGH: u64 = 32;

/// One guest, from HELLO on.
pub(super) struct Guest {
    pub(super) connection: Connection,
    visit: Visit,
}

/// Where it stands, apart from its socket.
#[derive(Debug)]
struct Visit {
    serializer: Serializer,
    reader: Reader,
    stage: Stage,
    received: u64,
    /// The number that is due next from each publisher that it has heard.
    due: BTreeMap<u16, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Joining,
    Subscribing,
    /// At the relay, which knows no subscriptions, without one.
    Receiving(Option<SubscriptionId>),
    Unsubscribing(SubscriptionId),
    Leaving,
    Gone,
}

impl Guest {
    /// Whoever has said HELLO, or the word of a sink.
    pub(super) fn new(connection: Connection, serializer: Serializer, payload: usize) -> Self {
        let (reader, due) = (Reader::new(payload), BTreeMap::new());
        Self { connection, visit: Visit { serializer, reader, stage: Stage::Joining, received: 0, due } }
    }

    /// Takes in what is readable and goes on; `is_closing_time` makes it leave though it has not enough.
    pub(super) fn handle(&mut self, scratch: &mut Scratch, topic: &str, is_closing_time: bool) -> Result<()> {
        let visit = &mut self.visit;
        let peer = self.connection.receive(scratch, |bytes, outbox| visit.take(bytes, outbox, topic))?;
        if peer == Peer::Closed {
            // The router may be faster to close after its GOODBYE.
            ensure!(self.is_gone(), "a session that comes and goes was cut off as {:?}", self.visit);
        }
        self.leave_if(is_closing_time)
    }

    /// Begins to leave if it has enough or must.
    pub(super) fn leave_if(&mut self, is_closing_time: bool) -> Result<()> {
        self.visit.leave_if(is_closing_time, &mut self.connection.outbox);
        self.connection.flush()?;
        if self.is_gone() {
            // The other side may have closed first.
            let _ = self.connection.stream.shutdown(Shutdown::Both);
        }
        Ok(())
    }

    /// Whether it has left.
    pub(super) fn is_gone(&self) -> bool {
        self.visit.stage == Stage::Gone
    }
}

impl Visit {
    fn take(&mut self, bytes: &[u8], outbox: &mut Outbox, topic: &str) -> Result<()> {
        let serializer = self.serializer;
        if self.stage == Stage::Joining && bytes == crate::floor::READY {
            self.stage = Stage::Receiving(None);
            return Ok(());
        }
        if self.stage == Stage::Gone {
            // Only the relay sends more: it doesn't know yet.
            return Ok(());
        }
        let message = Message::decode(serializer, bytes)?;
        self.stage = match (self.stage, &message) {
            (Stage::Joining, Message::Welcome(_)) => {
                let options = SubscribeOptions::default();
                let subscribe = Subscribe { request: RequestId::FIRST, options, topic: topic.into() };
                outbox.message(|out| subscribe.encode(serializer, out));
                Stage::Subscribing
            }
            (Stage::Subscribing, Message::Subscribed(subscribed)) => {
                Stage::Receiving(Some(subscribed.subscription))
            }
            (Stage::Receiving(Some(held)) | Stage::Unsubscribing(held), Message::Event(event)) => {
                ensure!(event.subscription == held, "an event of another subscription: {event:?}");
                self.count(bytes)?;
                self.stage
            }
            (Stage::Receiving(None), Message::Publish(_)) => {
                self.count(bytes)?;
                self.stage
            }
            (Stage::Unsubscribing(_), Message::Unsubscribed(Unsubscribed::Reply(_))) => {
                let goodbye = Goodbye { message: None, reason: error_uri::CLOSE_REALM.into() };
                outbox.message(|out| goodbye.encode(serializer, out));
                Stage::Leaving
            }
            (Stage::Leaving, Message::Goodbye(_)) => Stage::Gone,
            (stage, _) => bail!("a session that comes and goes was {stage:?} and got {message:?}"),
        };
        Ok(())
    }

    fn leave_if(&mut self, is_closing_time: bool, outbox: &mut Outbox) {
        let Stage::Receiving(subscription) = self.stage else { return };
        if self.received < ENOUGH && !is_closing_time {
            return;
        }
        let Some(subscription) = subscription else {
            self.stage = Stage::Gone;
            return;
        };
        let unsubscribe = Unsubscribe { request: RequestId::FIRST.next(), subscription };
        outbox.message(|out| unsubscribe.encode(self.serializer, out));
        self.stage = Stage::Unsubscribing(subscription);
    }

    fn count(&mut self, bytes: &[u8]) -> Result<()> {
        let stamp = self.reader.read(bytes).context("an event's payload is not what was published")?;
        let Stamp { source, sequence } = stamp;
        let due = self.due.entry(source).or_insert(sequence);
        ensure!(*due == sequence, "a session that came and goes got {stamp:?} where number {due} was due");
        *due += 1;
        self.received += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wamp::message::{Event, EventDetails, Subscribed, Welcome, WelcomeDetails};
    use wamp::{PublicationId, SessionId};

    use super::*;
    use crate::stamp::Stamped;
    use crate::wire::{Framer, Wire};

    const SERIALIZER: Serializer = Serializer::MsgPack;

    struct Script {
        visit: Visit,
        outbox: Outbox,
    }

    impl Script {
        fn new() -> Self {
            let visit = Visit {
                serializer: SERIALIZER,
                reader: Reader::new(32),
                stage: Stage::Joining,
                received: 0,
                due: BTreeMap::new(),
            };
            Self { visit, outbox: Outbox::new(Framer::client(Wire::RAWSOCKET_MSGPACK, None)) }
        }

        fn get<'m>(&mut self, message: impl Into<Message<'m>>) -> Result<()> {
            let mut bytes = Vec::new();
            message.into().encode(SERIALIZER, &mut bytes);
            self.visit.take(&bytes, &mut self.outbox, "a.b")?;
            self.visit.leave_if(false, &mut self.outbox);
            Ok(())
        }

        fn event(&mut self, source: u16, sequence: u64) -> Result<()> {
            let mut stamped = Stamped::new(SERIALIZER, 32).unwrap();
            let payload = stamped.with(Stamp { source, sequence });
            let publication = PublicationId::new(1).unwrap();
            let details = EventDetails::default();
            self.get(Event { subscription: subscription(), publication, details, payload })
        }
    }

    fn subscription() -> SubscriptionId {
        SubscriptionId::new(9).unwrap()
    }

    fn welcome() -> Welcome<'static> {
        Welcome { session: SessionId::new(1).unwrap(), details: WelcomeDetails::default() }
    }

    fn subscribed() -> Subscribed {
        Subscribed { request: RequestId::FIRST, subscription: subscription() }
    }

    #[test]
    fn a_visit_ends_when_it_has_enough() {
        let mut script = Script::new();
        script.get(welcome()).unwrap();
        script.get(subscribed()).unwrap();
        for sequence in 0..ENOUGH {
            script.event(0, 700 + sequence).unwrap();
        }
        assert_eq!(script.visit.stage, Stage::Unsubscribing(subscription()));
        script.event(0, 700 + ENOUGH).unwrap();
        script.get(Unsubscribed::Reply(RequestId::FIRST.next())).unwrap();
        script.get(Goodbye { message: None, reason: error_uri::GOODBYE_AND_OUT.into() }).unwrap();
        assert_eq!(script.visit.stage, Stage::Gone);
    }

    #[test]
    fn an_event_before_subscribed_or_after_unsubscribed_is_found() {
        let mut script = Script::new();
        script.get(welcome()).unwrap();
        assert!(script.event(0, 1).is_err());
        script.get(subscribed()).unwrap();
        script.visit.leave_if(true, &mut script.outbox);
        script.get(Unsubscribed::Reply(RequestId::FIRST.next())).unwrap();
        assert!(script.event(0, 1).is_err());
    }

    #[test]
    fn a_gap_is_found_in_each_publishers_events() {
        let mut script = Script::new();
        script.get(welcome()).unwrap();
        script.get(subscribed()).unwrap();
        script.event(0, 7).unwrap();
        script.event(1, 90).unwrap();
        script.event(0, 8).unwrap();
        script.event(1, 91).unwrap();
        assert!(script.event(0, 10).is_err());
        assert!(script.event(1, 91).is_err());
    }

    #[test]
    fn the_relay_needs_no_farewell() {
        let mut script = Script::new();
        script.visit.take(crate::floor::READY, &mut script.outbox, "a.b").unwrap();
        assert_eq!(script.visit.stage, Stage::Receiving(None));
        script.visit.leave_if(true, &mut script.outbox);
        assert_eq!(script.visit.stage, Stage::Gone);
        assert!(script.outbox.is_empty());
    }
}
