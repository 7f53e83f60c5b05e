//! Retained events: the last word on each topic, for those who come later.
//!
//! Of a topic's events the newest for everybody is kept, and behind it those that were published to some only (RET-07).
//! A later one for everybody replaces all before it.
//!
//! What is kept is bounded by topics and by bytes, estimated with all that an event holds besides its payload. What is
//! too old is never delivered, and gives its place up when it is needed.
//!
//! Spec: advanced profile, "Event Retention".

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use wamp::message::Event;
use wamp::{MatchPolicy, SubscriptionId};

use super::topics::Topics;
use super::{Filter, Membership};
use crate::config::RetentionConfig;
use crate::history::StoredEvent;
use crate::rejection::Rejection;
use crate::store::Store;
use crate::time::Millis;
use crate::timestamp::Timestamp;

/// Events for some only that are kept besides the one for everybody, per topic.
const RESTRICTED_MAX: usize = 16;

/// What is too old is looked for at most this often: it takes a look at everything.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of an event besides what it is made of: its place among the topics, and its expiry.
const EVENT_BYTES: usize = 140;

/// The retained events of a realm.
#[derive(Debug)]
pub(super) struct Retention {
    config: RetentionConfig,
    topics: Topics<Vec<Retained>>,
    bytes: usize,
    expired_at: Option<Millis>,
    /// Told of each change.
    store: Arc<dyn Store>,
}

/// One retained event.
#[derive(Debug)]
pub(super) struct Retained {
    event: StoredEvent,
    /// It has no payload.
    is_empty: bool,
    filter: Filter<'static>,
    expires: Option<Millis>,
    /// What it counts against the bound.
    bytes: usize,
}

impl Retention {
    pub(super) fn new(config: RetentionConfig, store: Arc<dyn Store>) -> Self {
        Retention { config, topics: Topics::default(), bytes: 0, expired_at: None, store }
    }

    /// Takes over what an earlier process left, as far as it is not too old by `now` and there is room.
    ///
    /// Moments begin about when the process does, which is when this is called.
    pub(super) fn restore(&mut self, topic: &str, events: &[Vec<u8>], now: Timestamp) {
        for bytes in events {
            let Some(mut retained) = Retained::decode(bytes) else {
                tracing::warn!(topic, "a retained event in the store can't be read, and is left out");
                continue;
            };
            if let Some(ttl) = self.config.ttl {
                let age = Duration::from_micros(now.0.saturating_sub(retained.event.timestamp().0));
                if age >= ttl {
                    continue;
                }
                retained.expires = Some(Millis::default() + (ttl - age));
            }
            retained.bytes += topic.len();
            if let Err(rejection) = self.keep(topic, retained) {
                tracing::warn!(topic, %rejection, "a retained event in the store is left out");
            }
        }
    }

    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Keeps an event; an empty one clears its topic, if so configured (RET-11).
    pub(super) fn retain(&mut self, topic: &str, mut event: Retained, now: Millis) -> Result<(), Rejection> {
        if event.is_empty && self.config.clear_by_empty && !event.filter.is_restricted() {
            let cleared = self.topics.remove(topic);
            self.bytes -= cleared.iter().flatten().map(|event| event.bytes).sum::<usize>();
            if cleared.is_some() {
                self.store.keep_retained(topic, Vec::new());
            }
            return Ok(());
        }
        event.expires = self.config.ttl.map(|ttl| now + ttl);
        event.bytes += topic.len();
        if self.freed_for(topic, &event).is_err() {
            self.expire(now);
        }
        self.keep(topic, event)?;
        self.tell_store(topic);
        Ok(())
    }

    /// Puts an event in its place.
    fn keep(&mut self, topic: &str, event: Retained) -> Result<(), Rejection> {
        let freed = self.freed_for(topic, &event)?;
        self.bytes = self.bytes - freed + event.bytes;
        let events = self.topics.entry(topic).or_default();
        events.drain(displaced(events, &event));
        // Nearly every topic has one event for ever.
        events.reserve_exact(1);
        events.push(event);
        Ok(())
    }

    /// What is kept of a topic now. What was for sessions by their ids is for nobody after a restart.
    fn tell_store(&self, topic: &str) {
        if !self.store.is_durable() {
            return;
        }
        let events = self.topics.find(topic).map(Vec::as_slice).unwrap_or_default();
        let lasting = events.iter().filter(|retained| !retained.filter.names_sessions());
        self.store.keep_retained(topic, lasting.map(|retained| retained.event.encode()).collect());
    }

    /// The bytes that go when `event` comes, if there is room for it then.
    fn freed_for(&self, topic: &str, event: &Retained) -> Result<usize, Rejection> {
        let events = self.topics.find(topic);
        if events.is_none() && self.topics.len() >= self.config.topics_max {
            return Err(Rejection::limit("topics with retained events", self.config.topics_max));
        }
        let gone = events.and_then(|events| events.get(displaced(events, event))).unwrap_or_default();
        let freed = gone.iter().map(|event| event.bytes).sum();
        if self.bytes - freed + event.bytes > self.config.bytes_max {
            return Err(Rejection::limit("bytes of retained events", self.config.bytes_max));
        }
        Ok(freed)
    }

    /// Removes what is too old, unless that was done just now or nothing ever is.
    fn expire(&mut self, now: Millis) -> bool {
        let is_due = self.expired_at.is_none_or(|last| now >= last + EXPIRY_INTERVAL);
        if self.config.ttl.is_none() || !is_due {
            return false;
        }
        self.expired_at = Some(now);
        let mut left = 0;
        self.topics.retain(|events| {
            events.retain(|event| event.is_fresh(now));
            left += events.iter().map(|event| event.bytes).sum::<usize>();
            !events.is_empty()
        });
        self.bytes = left;
        true
    }

    /// Shows `each` the topics that a subscription matches, with their events, oldest first and old ones included, until
    /// it breaks; returns how many topics were looked at.
    pub(super) fn matching<'r>(
        &'r self,
        uri: &str,
        policy: MatchPolicy,
        mut each: impl FnMut(&'r str, &'r [Retained]) -> ControlFlow<()>,
    ) -> usize {
        self.topics.matching(uri, policy, |topic, events| each(topic, events))
    }
}

/// Which events of a topic have to go when `event` comes: all, if it is for everybody; else at most the oldest of those
/// for some, which are behind the one for everybody, if there is one.
fn displaced(events: &[Retained], event: &Retained) -> Range<usize> {
    if !event.filter.is_restricted() {
        return 0..events.len();
    }
    let oldest = usize::from(events.first().is_some_and(|first| !first.filter.is_restricted()));
    let restricted = events.len() - oldest;
    oldest..oldest + usize::from(restricted >= RESTRICTED_MAX)
}

impl Retained {
    /// `elements`: how many its payload has.
    pub(super) fn new(event: StoredEvent, elements: usize, filter: Filter<'_>) -> Self {
        let bytes = EVENT_BYTES + event.bytes() + filter.bytes();
        Retained { event, is_empty: elements == 0, filter: filter.into_owned(), expires: None, bytes }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let event = StoredEvent::decode(bytes).ok()?;
        let publish = event.publish().ok()?;
        let filter = Filter::new(None, publish.options.receivers).into_owned();
        let elements = publish.payload.elements();
        Some(Retained::new(event, elements, filter))
    }

    /// Whether it would have been delivered to this member, had it been there, and is not too old by now.
    pub(super) fn admits(&self, membership: &Membership, now: Millis) -> bool {
        self.is_fresh(now) && self.filter.admits(&membership.peer)
    }

    /// The EVENT with its original publication id and disclosure (RET-05, RET-12); `None` if what a store had of it is
    /// damaged.
    pub(super) fn event(&self, subscription: SubscriptionId) -> Option<Event<'_>> {
        let mut event = self.event.event(subscription).ok()?;
        event.details.retained = true;
        Some(event)
    }

    fn is_fresh(&self, now: Millis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}
