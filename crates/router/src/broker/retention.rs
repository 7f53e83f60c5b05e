//! Retained events: the last word on each topic, for those who come later.
//!
//! Of a topic's events the newest for everybody is kept, and behind it those that were published to some only (RET-07).
//! A later one for everybody replaces all before it.
//!
//! What is kept is bounded by topics and by bytes, estimated with all that an event holds besides its payload. What is
//! too old is never delivered, and gives its place up when it is needed.
//!
//! Spec: advanced profile, "Event Retention".

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use wamp::message::{Event, EventDetails, Passthru};
use wamp::{MatchPolicy, Payload, PublicationId, Serializer, SubscriptionId};

use super::topics::Topics;
use super::{Filter, Membership};
use crate::config::RetentionConfig;
use crate::rejection::Rejection;
use crate::time::Millis;

/// Events for some only that are kept besides the one for everybody, per topic.
const RESTRICTED_MAX: usize = 16;

/// What is too old is looked for at most this often: it takes a look at everything.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of an event besides what differs: the structure, its allocations, its place among the topics.
const EVENT_BYTES: usize = 300;
/// Bytes of memory for one of a passthru attribute on the wire, at which those that are many and short are estimated.
const PASSTHRU_FACTOR: usize = 8;

/// The retained events of a realm.
#[derive(Debug)]
pub(super) struct Retention {
    config: RetentionConfig,
    topics: Topics<Vec<Retained>>,
    bytes: usize,
    expired_at: Option<Millis>,
}

/// One retained event.
#[derive(Debug)]
pub(super) struct Retained {
    publication: PublicationId,
    publisher: Option<(wamp::SessionId, Box<str>, Box<str>)>,
    trustlevel: Option<u64>,
    passthru: Passthru<'static>,
    serializer: Serializer,
    elements: u8,
    payload: Box<[u8]>,
    filter: Filter<'static>,
    expires: Option<Millis>,
    /// What it counts against the bound.
    bytes: usize,
}

impl Retention {
    pub(super) fn new(config: RetentionConfig) -> Self {
        Retention { config, topics: Topics::default(), bytes: 0, expired_at: None }
    }

    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Keeps an event; an empty one clears its topic, if so configured (RET-11).
    pub(super) fn retain(&mut self, topic: &str, mut event: Retained, now: Millis) -> Result<(), Rejection> {
        if event.elements == 0 && self.config.clear_by_empty && !event.filter.is_restricted() {
            let cleared = self.topics.remove(topic);
            self.bytes -= cleared.iter().flatten().map(|event| event.bytes).sum::<usize>();
            return Ok(());
        }
        event.expires = self.config.ttl.map(|ttl| now + ttl);
        event.bytes += topic.len();
        let freed = match self.freed_for(topic, &event) {
            Err(_) if self.expire(now) => self.freed_for(topic, &event)?,
            result => result?,
        };
        self.bytes = self.bytes - freed + event.bytes;
        let events = self.topics.entry(topic).or_default();
        events.drain(displaced(events, &event));
        // Nearly every topic has one event for ever.
        events.reserve_exact(1);
        events.push(event);
        Ok(())
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
    pub(super) fn new(
        publication: PublicationId,
        details: &EventDetails<'_>,
        payload: &Payload<'_>,
        filter: &Filter<'_>,
    ) -> Self {
        let publisher = details.publisher.map(|session| {
            let text = |text: &Option<Cow<'_, str>>| text.as_deref().unwrap_or_default().into();
            (session, text(&details.publisher_authid), text(&details.publisher_authrole))
        });
        let names = publisher
            .as_ref()
            .map_or(0, |(_, authid, authrole): &(_, Box<str>, Box<str>)| authid.len() + authrole.len());
        let bytes =
            EVENT_BYTES + names + payload.bytes().len() + passthru_bytes(&details.passthru) + filter.bytes();
        Retained {
            publication,
            publisher,
            trustlevel: details.trustlevel,
            passthru: details.passthru.clone().into_owned(),
            serializer: payload.serializer(),
            elements: u8::try_from(payload.elements()).unwrap_or(0),
            payload: payload.bytes().into(),
            filter: filter.clone().into_owned(),
            expires: None,
            bytes,
        }
    }

    /// Whether it would have been delivered to this member, had it been there, and is not too old by now.
    pub(super) fn admits(&self, membership: &Membership, now: Millis) -> bool {
        self.is_fresh(now) && self.filter.admits(&membership.peer)
    }

    /// The EVENT with its original publication id and disclosure (RET-05, RET-12).
    pub(super) fn event(&self, subscription: SubscriptionId) -> Event<'_> {
        let mut details = EventDetails {
            retained: true,
            trustlevel: self.trustlevel,
            passthru: self.passthru.clone(),
            ..EventDetails::default()
        };
        if let Some((session, authid, authrole)) = &self.publisher {
            details.publisher = Some(*session);
            details.publisher_authid = Some(Cow::Borrowed(authid));
            details.publisher_authrole = Some(Cow::Borrowed(authrole));
        }
        let payload = Payload::from_validated(self.serializer, self.elements, &self.payload);
        Event { subscription, publication: self.publication, details, payload }
    }

    fn is_fresh(&self, now: Millis) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

fn passthru_bytes(passthru: &Passthru<'_>) -> usize {
    if *passthru == Passthru::NONE {
        return 0;
    }
    let details = EventDetails { passthru: passthru.clone(), ..EventDetails::default() };
    let payload = Payload::from_validated(Serializer::MsgPack, 0, &[]);
    let mut encoded = Vec::new();
    Event {
        subscription: SubscriptionId::from_bits(0),
        publication: PublicationId::from_bits(0),
        details,
        payload,
    }
    .encode(Serializer::MsgPack, &mut encoded);
    PASSTHRU_FACTOR * encoded.len()
}
