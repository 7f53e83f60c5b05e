//! A session that subscribes and unsubscribes all the while, at a fixed rate: what publishing pays for the changes of
//! others.
//!
//! It holds a few subscriptions, and in turn adds one and drops the oldest, spread over all groups. No topic that is
//! published to matches them.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::event::Event;
use wamp::message::{Message, Subscribe, SubscribeOptions, Unsubscribe, Unsubscribed};
use wamp::{RequestId, Serializer, SubscriptionId};

use super::gather::subscribe;
use super::topics::{Picker, Topics};
use crate::connection::{Connection, Scratch};
use crate::join::{Part, enter, knock};
use crate::latency::{Histogram, Percentiles};
use crate::load::pubsub::ensure_open;
use crate::target::Target;
use crate::wire::Wire;

/// Subscriptions that it holds, give or take those under way.
const HELD: usize = 64;

/// The session, and what it waits for.
pub(super) struct Changer {
    pub(super) connection: Connection,
    serializer: Serializer,
    topics: Topics,
    /// How many subscriptions of others there are to be a neighbour of.
    others: usize,
    picker: Picker,
    pace: Pace,
    request: RequestId,
    /// Subscriptions, oldest first.
    held: VecDeque<SubscriptionId>,
    open: BTreeMap<RequestId, (Change, Instant)>,
    turn: usize,
    /// How many subscriptions it ever made.
    made: usize,
    done: u64,
    latency: Histogram,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Subscribe,
    Unsubscribe,
}

impl Changer {
    /// Joins, and holds what it will drop first.
    pub(super) fn join(
        target: &Target,
        wire: Wire,
        topics: &Topics,
        others: usize,
        per_second: u32,
    ) -> Result<Self> {
        let mut opening = knock(target, wire, Part::Sink, None)?;
        enter(&mut opening, target, wire.serializer)?;
        // Numbers behind those of all others are matched by no topic either.
        let first: Vec<usize> = (others..others + HELD).collect();
        let held = subscribe(&mut opening, wire.serializer, topics, &first)?;
        Ok(Self {
            connection: opening.into_connection()?,
            serializer: wire.serializer,
            topics: topics.clone(),
            others,
            picker: Picker::new(),
            pace: Pace::new(per_second),
            request: (0..HELD).fold(RequestId::FIRST, |request, _| request.next()),
            held: held.into(),
            open: BTreeMap::new(),
            turn: 0,
            made: 0,
            done: 0,
            latency: Histogram::new(),
        })
    }

    /// Makes the changes that are due.
    pub(super) fn change(&mut self, now: Instant) -> Result<()> {
        if !self.connection.outbox.is_empty() {
            return Ok(());
        }
        for _ in 0..self.pace.due(now) {
            self.change_once(now);
        }
        Ok(self.connection.flush()?)
    }

    fn change_once(&mut self, now: Instant) {
        let request = self.request;
        let oldest = if self.turn.is_multiple_of(2) { None } else { self.held.pop_front() };
        let change = match oldest {
            Some(subscription) => {
                let unsubscribe = Unsubscribe { request, subscription };
                self.connection.outbox.message(|out| unsubscribe.encode(self.serializer, out));
                Change::Unsubscribe
            }
            None => {
                let topic = self.topics.passing(self.picker.pick(self.others), self.made).into();
                self.made += 1;
                let options =
                    SubscribeOptions { match_policy: self.topics.policy(), ..SubscribeOptions::default() };
                let subscribe = Subscribe { request, options, topic };
                self.connection.outbox.message(|out| subscribe.encode(self.serializer, out));
                Change::Subscribe
            }
        };
        self.open.insert(request, (change, now));
        self.request = request.next();
        self.turn += 1;
    }

    /// Takes in answers.
    pub(super) fn handle(&mut self, _: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Self { connection, serializer, held, open, done, latency, .. } = self;
        let peer = connection.receive(scratch, |bytes, _| {
            let message = Message::decode(*serializer, bytes)?;
            let (change, request) = match &message {
                Message::Subscribed(subscribed) => {
                    held.push_back(subscribed.subscription);
                    (Change::Subscribe, subscribed.request)
                }
                Message::Unsubscribed(Unsubscribed::Reply(request)) => (Change::Unsubscribe, *request),
                _ => bail!("who subscribes and unsubscribes got {message:?}"),
            };
            let (expected, at) = open.remove(&request).context("an answer to no open request")?;
            if change != expected {
                bail!("request {request} was to {expected:?} and was answered by {message:?}");
            }
            latency.record(now.duration_since(at));
            *done += 1;
            Ok(())
        })?;
        connection.flush()?;
        ensure_open(peer, "session that changes its subscriptions")
    }

    /// How many answers are still to come.
    pub(super) fn outstanding(&self) -> u64 {
        self.open.len() as u64
    }

    /// How many changes were made per second since the first, and how long they took.
    pub(super) fn figures(&self) -> (f64, Option<Percentiles>) {
        let seconds = self.pace.elapsed.as_secs_f64();
        (if seconds > 0.0 { self.done as f64 / seconds } else { 0.0 }, self.latency.percentiles())
    }
}

/// Says how many are due, so that they are evenly spread. What a busy machine delays is made up for.
#[derive(Debug)]
struct Pace {
    per_second: u32,
    begin: Option<Instant>,
    /// From the first to the last time that anything was due.
    elapsed: Duration,
    made: u64,
}

impl Pace {
    const fn new(per_second: u32) -> Self {
        Self { per_second, begin: None, elapsed: Duration::ZERO, made: 0 }
    }

    /// How many more are due.
    fn due(&mut self, now: Instant) -> u64 {
        self.elapsed = now.duration_since(*self.begin.get_or_insert(now));
        let due = (self.elapsed.as_secs_f64() * f64::from(self.per_second)) as u64;
        let missing = due.saturating_sub(self.made);
        self.made = due;
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_kept_whenever_it_is_looked_at() {
        let (mut pace, begin) = (Pace::new(1000), Instant::now());
        let at = |micros| begin + Duration::from_micros(micros);
        let due: Vec<u64> = [0, 500, 1000, 1900, 2100, 10_500].map(|micros| pace.due(at(micros))).into();
        assert_eq!(due, [0, 0, 1, 0, 1, 8]);
    }
}
