//! Retained events: the last word on each topic, for those who come later.
//!
//! Of a topic's events the newest for everybody is kept, and behind it those that were published to some only (RET-07).
//! A later one for everybody replaces all before it.
//!
//! Spec: advanced profile, "Event Retention".

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use wamp::message::{Event, EventDetails, Passthru};
use wamp::{MatchPolicy, Payload, PublicationId, Serializer, SubscriptionId};

use super::{Filter, Membership};
use crate::config::RetentionConfig;
use crate::rejection::Rejection;
use crate::time::Millis;

/// Events for some only that are kept besides the one for everybody, per topic.
const RESTRICTED_MAX: usize = 16;

/// The retained events of a realm.
#[derive(Debug)]
pub(super) struct Retention {
    config: RetentionConfig,
    topics: BTreeMap<Box<str>, Vec<Retained>>,
    bytes: usize,
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
}

impl Retention {
    pub(super) fn new(config: RetentionConfig) -> Self {
        Retention { config, topics: BTreeMap::new(), bytes: 0 }
    }

    pub(super) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Keeps an event; an empty one clears its topic, if so configured (RET-11).
    pub(super) fn retain(&mut self, topic: &str, mut event: Retained, now: Millis) -> Result<(), Rejection> {
        if event.elements == 0 && self.config.clear_by_empty && !event.filter.is_restricted() {
            self.clear(topic);
            return Ok(());
        }
        event.expires = self.config.ttl.map(|ttl| now + ttl);
        let replaced = match self.topics.get(topic) {
            Some(_) if event.filter.is_restricted() => 0,
            Some(events) => events.iter().map(Retained::bytes).sum(),
            None if self.topics.len() >= self.config.topics_max => {
                self.expire(now);
                if self.topics.len() >= self.config.topics_max {
                    return Err(Rejection::limit("topics with retained events", self.config.topics_max));
                }
                0
            }
            None => 0,
        };
        if self.bytes - replaced + event.bytes() > self.config.bytes_max {
            return Err(Rejection::limit("bytes of retained events", self.config.bytes_max));
        }
        self.bytes = self.bytes - replaced + event.bytes();
        let events = self.topics.entry(topic.into()).or_default();
        if !event.filter.is_restricted() {
            events.clear();
        }
        events.push(event);
        if events.len() > RESTRICTED_MAX + 1 {
            // Behind the one for everybody, which is first if there is one.
            let oldest = usize::from(!events[0].filter.is_restricted());
            self.bytes -= events.remove(oldest).bytes();
        }
        Ok(())
    }

    /// The topics that a subscription matches, with their events, oldest first.
    pub(super) fn matching<'r>(
        &'r self,
        uri: &str,
        policy: MatchPolicy,
        now: Millis,
    ) -> Vec<(&'r str, Vec<&'r Retained>)> {
        // What all matching topics begin with bounds the search.
        let head = match policy {
            MatchPolicy::Exact => {
                let found =
                    self.topics.get_key_value(uri).map(|(topic, events)| (&**topic, fresh(events, now)));
                return found.into_iter().collect();
            }
            MatchPolicy::Prefix => uri,
            MatchPolicy::Wildcard if uri.starts_with('.') => "",
            MatchPolicy::Wildcard => uri.find("..").map_or(uri, |at| &uri[..=at]),
        };
        self.topics
            .range::<str, _>((Bound::Included(head), Bound::Unbounded))
            .take_while(|(topic, _)| topic.starts_with(head))
            .filter(|(topic, _)| policy.matches(uri, topic))
            .map(|(topic, events)| (&**topic, fresh(events, now)))
            .collect()
    }

    fn clear(&mut self, topic: &str) {
        if let Some(events) = self.topics.remove(topic) {
            self.bytes -= events.iter().map(Retained::bytes).sum::<usize>();
        }
    }

    fn expire(&mut self, now: Millis) {
        let mut freed = 0;
        self.topics.retain(|_, events| {
            events.retain(|event| {
                let keep = event.is_fresh(now);
                freed += if keep { 0 } else { event.bytes() };
                keep
            });
            !events.is_empty()
        });
        self.bytes -= freed;
    }
}

fn fresh(events: &[Retained], now: Millis) -> Vec<&Retained> {
    events.iter().filter(|event| event.is_fresh(now)).collect()
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
        }
    }

    /// Whether it would have been delivered to this member, had it been there.
    pub(super) fn admits(&self, membership: &Membership) -> bool {
        self.filter.admits(&membership.peer)
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

    fn bytes(&self) -> usize {
        self.payload.len()
    }
}
