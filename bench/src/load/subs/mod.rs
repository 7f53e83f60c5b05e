//! Events among very many subscriptions: what it costs to find the one subscriber, and to keep the subscriptions.
//!
//! The subscriptions are dealt out to twenty sessions, however many there are, and one publisher publishes to
//! topics that are picked at random among all of them. So runs with a thousand and with a million differ in nothing
//! but the size of the router's tables. Each event is due at one session, with the subscription (and for patterns the
//! topic) that was published to, in the order of publishing; with `shared`, all sessions have the same subscriptions and
//! each event is due at all of them.
//!
//! Subscribing is not part of the measured time, but its processor time and what it makes memory grow by are told, read
//! when memory has not changed for 100 ms ([`Usage::settled`](crate::usage::Usage::settled)). The relay, which knows no topics, gives each message to
//! the next session in turn, or with `shared` to all.

mod changes;
mod gather;
mod size;
mod topics;

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mio::event::Event as Readiness;
use mio::{Interest, Registry, Token};
use wamp::message::{Event, Message, Publish, PublishOptions};
use wamp::{MatchPolicy, RequestId, Serializer, SubscriptionId};

use super::pubsub::{WINDOW, ensure_open};
use super::{Figures, Load};
use crate::case::Case;
use crate::connection::{Connection, Scratch};
use crate::join::{Part, enter, join, knock, leave};
use crate::latency::Histogram;
use crate::opening::Opening;
use crate::stamp::{Reader, Stamp, Stamped};
use crate::target::{Speaks, Target};
use changes::Changer;
use gather::subscribe_all;
use topics::{Picker, Topics};

pub(crate) use size::{Kind, Subscriptions};

/// The sessions of one run. Tokens are those of the subscribers in their order, the publisher, and the changer.
pub(crate) struct Subs {
    target: Target,
    serializer: Serializer,
    topics: Topics,
    size: Subscriptions,
    /// Publications that may be under way.
    window: usize,
    subscribers: Vec<Subscriber>,
    /// By number; empty at the relay.
    subscriptions: Vec<SubscriptionId>,
    publisher: Connection,
    changer: Option<Changer>,
    request: RequestId,
    sequence: u64,
    picker: Picker,
    stamped: Stamped,
    topic: String,
    delivered: u64,
    missing: usize,
    latency: Histogram,
    figures: Figures,
}

struct Subscriber {
    connection: Connection,
    reader: Reader,
    /// The events that are to come, in this order.
    due: VecDeque<Due>,
}

struct Due {
    sequence: u64,
    /// The number of what was published to.
    number: usize,
    at: Instant,
}

impl Subs {
    /// Lets all sessions join and subscribe. `run` sets the topics apart from those of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        size: Subscriptions,
        window: Option<usize>,
        (run, pid): (u32, Option<u32>),
    ) -> Result<Self> {
        let (wire, topics) = (case.wire, Topics::new(run, size.policy()));
        let (taker, giver) = match size.kind {
            Kind::Each(_) => (Part::Taker, Part::Caller),
            Kind::Shared => (Part::Sink, Part::Publisher),
        };
        let holder = |_| {
            let mut opening = knock(target, wire, taker, None)?;
            enter(&mut opening, target, wire.serializer).map(|()| opening)
        };
        let mut holders: Vec<Opening> = (0..size.holders()).map(holder).collect::<Result<_>>()?;
        let publisher = join(target, wire, giver).context("the publisher")?;
        let is_router = matches!(target.speaks, Speaks::Wamp { .. });
        let (mut subscriptions, mut figures) = (Vec::new(), Figures::new());
        if is_router {
            subscriptions = subscribe_all(&mut holders, wire.serializer, &topics, (size, pid), &mut figures)?;
        }
        let changer = size.changes.filter(|_| is_router);
        let changer =
            changer.map(|rate| Changer::join(target, wire, &topics, size.count, rate)).transpose()?;
        let subscriber = |opening: Opening| {
            let connection = opening.into_connection()?;
            Ok(Subscriber { connection, reader: Reader::new(case.payload), due: VecDeque::new() })
        };
        Ok(Self {
            subscribers: holders.into_iter().map(subscriber).collect::<Result<_>>()?,
            target: target.clone(),
            serializer: wire.serializer,
            topics,
            size,
            window: window.unwrap_or(WINDOW),
            subscriptions,
            publisher,
            changer,
            request: RequestId::FIRST,
            sequence: 0,
            picker: Picker::new(),
            stamped: Stamped::new(wire.serializer, case.payload)?,
            topic: String::new(),
            delivered: 0,
            missing: 0,
            latency: Histogram::new(),
            figures,
        })
    }

    /// Publications that may be under way.
    pub(crate) const fn window(&self) -> usize {
        self.window
    }

    /// What was found out while subscribing, and about the changes.
    pub(crate) fn figures(&self) -> Figures {
        let mut figures = self.figures.clone();
        if let Some(changer) = &self.changer {
            let (rate, latency) = changer.figures();
            figures.insert("changes_per_second", rate);
            figures.extend(latency.map(|latency| ("change_p99_us", latency.p99)));
        }
        figures
    }

    /// Lets all sessions leave.
    pub(crate) fn leave(self) {
        let subscribers = self.subscribers.into_iter().map(|subscriber| subscriber.connection);
        let others = self.changer.map(|changer| changer.connection).into_iter().chain([self.publisher]);
        for connection in subscribers.chain(others) {
            leave(connection, &self.target, self.serializer);
        }
    }

    fn publish(&mut self, count: usize, now: Instant) -> Result<()> {
        for _ in 0..count {
            let number = self.picker.pick(self.size.distinct());
            self.topics.topic(number, &mut self.topic);
            let stamp = Stamp { source: 0, sequence: self.sequence };
            let publish = Publish {
                request: self.request,
                options: PublishOptions::default(),
                topic: self.topic.as_str().into(),
                payload: self.stamped.with(stamp),
            };
            self.publisher.outbox.message(|out| publish.encode(self.serializer, out));
            self.expect(number, now)?;
            self.request = self.request.next();
            self.sequence += 1;
        }
        Ok(self.publisher.flush()?)
    }

    /// Enters a publication at whoever is to get it.
    fn expect(&mut self, number: usize, at: Instant) -> Result<()> {
        let sequence = self.sequence;
        if self.size.kind == Kind::Shared {
            for subscriber in &mut self.subscribers {
                subscriber.due.push_back(Due { sequence, number, at });
                self.missing += 1;
            }
            return Ok(());
        }
        let holder = match self.target.speaks {
            Speaks::Wamp { .. } => number % self.subscribers.len().max(1),
            Speaks::Relay => usize::try_from(sequence % self.subscribers.len().max(1) as u64)?,
        };
        let subscriber = self.subscribers.get_mut(holder).context("somebody subscribed to it")?;
        subscriber.due.push_back(Due { sequence, number, at });
        self.missing += 1;
        Ok(())
    }

    fn receive(&mut self, index: usize, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Self { subscribers, serializer, topics, topic, subscriptions, .. } = self;
        let Some(Subscriber { connection, reader, due }) = subscribers.get_mut(index) else { return Ok(()) };
        let (latency, mut came) = (&mut self.latency, 0);
        let peer = connection.receive(scratch, |bytes, _| {
            let stamp = reader.read(bytes).context("an event's payload is not what was published")?;
            let Some(Due { sequence, number, at }) = due.pop_front() else {
                bail!("subscriber {index} got an event that is not due: {stamp:?}");
            };
            ensure!(
                stamp == Stamp { source: 0, sequence },
                "subscriber {index} got {stamp:?} where number {sequence} was due"
            );
            match Message::decode(*serializer, bytes)? {
                Message::Event(event) => {
                    topics.topic(number, topic);
                    check(&event, subscriptions.get(number), (topics.policy(), topic))?;
                }
                Message::Publish(_) if subscriptions.is_empty() => {}
                message => bail!("a subscriber got {message:?}"),
            }
            latency.record(now.duration_since(at));
            came += 1;
            Ok(())
        })?;
        self.missing -= came;
        self.delivered += came as u64;
        ensure_open(peer, "subscriber")
    }
}

/// Whether an event is of the right subscription, and says the topic where its receiver can't know it.
fn check(
    event: &Event<'_>,
    subscription: Option<&SubscriptionId>,
    (policy, topic): (MatchPolicy, &str),
) -> Result<()> {
    ensure!(subscription == Some(&event.subscription), "an event of another subscription: {event:?}");
    let told = event.details.topic.as_deref();
    let is_right = told == Some(topic) || (told.is_none() && policy == MatchPolicy::Exact);
    ensure!(is_right, "an event of {topic} says that it is of {told:?}");
    Ok(())
}

impl Load for Subs {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        let subscribers = self.subscribers.iter_mut().map(|subscriber| &mut subscriber.connection);
        let changer = self.changer.iter_mut().map(|changer| &mut changer.connection);
        let all = subscribers.chain([&mut self.publisher]).chain(changer);
        for (index, connection) in all.enumerate() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut connection.stream, Token(index), interest)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: &Readiness, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Token(token) = event.token();
        if token < self.subscribers.len() {
            return self.receive(token, scratch, now);
        }
        if token > self.subscribers.len() {
            return self.changer.as_mut().map_or(Ok(()), |changer| changer.handle(event, scratch, now));
        }
        let serializer = self.serializer;
        let peer = self.publisher.receive(scratch, |message, _| {
            bail!("the publisher got {:?}", Message::decode(serializer, message));
        })?;
        self.publisher.flush()?;
        ensure_open(peer, "publisher")
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        if let Some(changer) = &mut self.changer {
            changer.change(now)?;
        }
        let receivers = if self.size.kind == Kind::Shared { self.subscribers.len().max(1) } else { 1 };
        let room = self.window.saturating_sub(self.missing.div_ceil(receivers));
        if self.publisher.outbox.is_empty() && room > 0 && room >= self.window / 4 {
            self.publish(room, now)?;
        }
        Ok(())
    }

    fn completed(&self) -> u64 {
        self.delivered
    }

    fn outstanding(&self) -> u64 {
        self.missing as u64 + self.changer.as_ref().map_or(0, Changer::outstanding)
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        Some(&mut self.latency)
    }
}

#[cfg(test)]
mod tests {
    use wamp::message::EventDetails;
    use wamp::{Payload, PublicationId};

    use super::*;

    #[test]
    fn an_event_of_a_pattern_must_say_its_topic() {
        let id = SubscriptionId::new(5);
        let event = |topic: Option<&'static str>| Event {
            subscription: id.unwrap(),
            publication: PublicationId::new(1).unwrap(),
            details: EventDetails { topic: topic.map(Into::into), ..EventDetails::default() },
            payload: Payload::from_validated(Serializer::Json, 0, &[]),
        };
        let exact = (MatchPolicy::Exact, "a.b");
        let prefix = (MatchPolicy::Prefix, "a.b");
        assert!(check(&event(None), id.as_ref(), exact).is_ok());
        assert!(check(&event(Some("a.b")), id.as_ref(), prefix).is_ok());
        assert!(check(&event(None), id.as_ref(), prefix).is_err());
        assert!(check(&event(Some("a.c")), id.as_ref(), exact).is_err());
        assert!(check(&event(None), SubscriptionId::new(6).as_ref(), exact).is_err());
    }
}
