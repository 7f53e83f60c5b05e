//! `wamp.subscription.get_events`: what was published, for those who were not there.
//!
//! Spec: advanced profile, "Event History" (HIS-01 to HIS-22).

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wamp::message::EventDetails;
use wamp::value::Dict;
use wamp::{MatchPolicy, Serializer, SubscriptionId, Value, error_uri};

use super::{MetaApi, Viewer};
use crate::authorize::Role;
use crate::broker::{Filter, Subscription};
use crate::decision::Action;
use crate::history::StoredEvent;
use crate::peer::Peer;
use crate::rejection::Rejection;
use crate::store::{EventRange, StoreError};
use crate::timestamp::Timestamp;

/// Which events are wanted.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// How many at the most.
    pub limit: Option<u64>,
    /// From when to when, and in which order.
    pub range: EventRange,
    /// Only those that were published to this topic.
    pub topic: Option<String>,
}

/// The events found.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// In the order asked for.
    pub events: Vec<HistoryEvent>,
    /// The router's own limit cut them off: there may be more.
    pub is_limit_reached: bool,
}

/// One event of a history.
#[derive(Debug, Clone)]
pub struct HistoryEvent {
    subscription: SubscriptionId,
    is_pattern: bool,
    event: StoredEvent,
}

/// The most bytes of events that one call returns.
const BYTES_MAX: usize = 8 << 20;

/// After how many events it is asked whether anybody still waits for them.
const ASK_INTERVAL: u64 = 256;

impl MetaApi {
    /// `wamp.subscription.get_events`: events of a subscription with a history.
    ///
    /// A session gets those that it might have received. This may read from a disk, and ends early when it is done for a
    /// call that was canceled, timed out, or whose caller has left.
    ///
    /// # Errors
    /// `wamp.error.no_such_subscription`; `wamp.error.not_authorized`; `wamp.error.history_unavailable`, where the
    /// subscription has no history or it can't be read; `wamp.error.invalid_argument`, for a publication that isn't in it
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// use cloverleaf_router::config::HistoryConfig;
    /// use cloverleaf_router::meta::EventQuery;
    /// use cloverleaf_router::{RealmConfig, RouterConfig};
    ///
    /// let history = vec![HistoryConfig::new("com.example.topic", MatchPolicy::Exact)];
    /// let realms = vec![RealmConfig { history, ..RealmConfig::open("realm1") }];
    /// let mut net = Net::new(RouterConfig { realms, ..RouterConfig::default() });
    /// let publisher = net.join("realm1");
    /// net.publish(publisher, "com.example.topic", "nobody listened");
    /// let api = net.realm("realm1").meta_api();
    /// let id = api.subscription_lookup("com.example.topic", MatchPolicy::Exact).expect("it is always there");
    /// let found = api.subscription_get_events(id, &EventQuery::default())?;
    /// assert_eq!(found.events.len(), 1);
    /// assert_eq!(found.events[0].to_dict().get("args"), Some(&["nobody listened"].into()));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_get_events(
        &self,
        id: SubscriptionId,
        query: &EventQuery,
    ) -> Result<History, Rejection> {
        let subscription = self.subscription(id)?;
        let Some(number) = subscription.history() else {
            let why = format!("no event history is configured for <{}>", subscription.uri);
            return Err(Rejection::new(error_uri::HISTORY_UNAVAILABLE).because(why));
        };
        let max = usize::try_from(query.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let most = max.min(self.realm.limits.history_events_max);
        let access = self.access(&subscription);
        let mut found = History::default();
        let (mut bytes, mut seen) = (0, 0u64);
        let mut visit = |event: &StoredEvent| {
            // Filters may pass nothing of millions of events: nobody else has to wait until that is found out.
            seen += 1;
            if seen.is_multiple_of(ASK_INTERVAL) && !self.is_awaited() {
                return ControlFlow::Break(());
            }
            if !access.may_have(event, query.topic.as_deref()) {
                return ControlFlow::Continue(());
            }
            if found.events.len() >= most || bytes >= BYTES_MAX {
                found.is_limit_reached = found.events.len() < max;
                return ControlFlow::Break(());
            }
            bytes += event.bytes();
            let (subscription, event) = (subscription.id, event.clone());
            found.events.push(HistoryEvent { subscription, is_pattern: access.is_pattern, event });
            if found.events.len() >= max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        if most == 0 {
            return Ok(History::default());
        }
        let range = self.young_enough(number, query.range.clone());
        match self.realm.store.read(number, &range, &mut visit) {
            Ok(()) => {
                self.realm.history_fails.store(false, Ordering::Relaxed);
                Ok(found)
            }
            Err(error @ StoreError::NoSuchPublication(_)) => {
                Err(Rejection::new(error_uri::INVALID_ARGUMENT).because(error.to_string()))
            }
            Err(StoreError::Unavailable(why)) => {
                // Once, however often it is asked for.
                if !self.realm.history_fails.swap(true, Ordering::Relaxed) {
                    tracing::error!(realm = self.realm.name(), uri = %subscription.uri, why, "event history can't be read");
                }
                let why = "the event history can't be read at present; the router's log says why";
                Err(Rejection::new(error_uri::HISTORY_UNAVAILABLE).because(why))
            }
        }
    }

    /// Leaves out what is too old, whether or not the store has trimmed it yet.
    fn young_enough(&self, history: usize, mut range: EventRange) -> EventRange {
        let age_max = self.realm.config.history.get(history).and_then(|config| config.age_max);
        let Some(age_max) = age_max else { return range };
        let age = u64::try_from(age_max.as_micros()).unwrap_or(u64::MAX);
        let oldest = Timestamp(self.realm.clock.timestamp().0.saturating_sub(age));
        let is_later = match range.time_from {
            Bound::Included(time) | Bound::Excluded(time) => time >= oldest,
            Bound::Unbounded => false,
        };
        if !is_later {
            range.time_from = Bound::Included(oldest);
        }
        range
    }

    fn access<'s>(&'s self, subscription: &Arc<Subscription>) -> Access<'s> {
        let is_pattern = subscription.match_policy != MatchPolicy::Exact;
        match &self.viewer {
            Viewer::Router => Access { peer: None, role: None, is_pattern },
            Viewer::Session(peer, role) => {
                let is_checked = is_pattern && !peer.identity.is_trusted() && role.denies_some_topics();
                Access { peer: Some(peer), role: is_checked.then_some(&**role), is_pattern }
            }
        }
    }
}

/// What of a history a viewer may have.
struct Access<'s> {
    /// Black- and whitelists are for sessions.
    peer: Option<&'s Peer>,
    /// Decides for each topic of a pattern, where the role may not have them all.
    role: Option<&'s Role>,
    is_pattern: bool,
}

impl Access<'_> {
    fn may_have(&self, event: &StoredEvent, topic: Option<&str>) -> bool {
        let Ok(publish) = event.publish() else {
            tracing::warn!(
                publication = event.publication().value(),
                "a record of the event history is damaged"
            );
            return false;
        };
        if topic.is_some_and(|topic| topic != publish.topic) {
            return false;
        }
        let may_subscribe =
            |role: &Role| role.decide(Action::Subscribe, &publish.topic, MatchPolicy::Exact).allow;
        self.role.is_none_or(may_subscribe)
            && self.peer.is_none_or(|peer| Filter::new(None, publish.options.receivers).admits(peer))
    }
}

impl HistoryEvent {
    /// When it was published.
    pub fn timestamp(&self) -> Timestamp {
        self.event.timestamp()
    }

    /// The publication.
    pub fn publication(&self) -> wamp::PublicationId {
        self.event.publication()
    }

    /// `{timestamp, subscription, publication, details, args?, kwargs?}`: what a subscriber got, and when.
    pub fn to_dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("timestamp", self.timestamp().to_string());
        dict.insert("subscription", self.subscription.value());
        dict.insert("publication", self.publication().value());
        // The EVENT message, taken apart, has the rest in its own words.
        let mut elements = self.message().into_iter().skip(3);
        dict.insert("details", elements.next().unwrap_or_else(|| Value::Map(Dict::new())));
        for key in ["args", "kwargs"] {
            if let Some(payload) = elements.next() {
                dict.insert(key, payload);
            }
        }
        dict
    }

    /// The same with what Crossbar.io has of it: the time in nanoseconds, the topic, and the publisher, where it is
    /// disclosed.
    pub fn to_crossbar(&self, realm: &str) -> Dict {
        let mut dict = self.to_dict();
        let (session, authid, authrole) = self.event.publisher();
        let publish = self.event.publish().ok();
        let disclosed = publish.as_ref().is_some_and(|publish| publish.options.disclose_me);
        dict.insert("time_ns", self.timestamp().nanos());
        dict.insert("realm", realm);
        dict.insert("session_id", disclosed.then_some(session.value()));
        dict.insert("authid", disclosed.then_some(authid));
        dict.insert("authrole", disclosed.then_some(authrole));
        dict.insert("topic", publish.map(|publish| publish.topic.into_owned()));
        for key in ["args", "kwargs"] {
            if !dict.contains_key(key) {
                dict.insert(key, Value::Null);
            }
        }
        dict
    }

    fn message(&self) -> Vec<Value> {
        let (Ok(mut event), Ok(publish)) = (self.event.event(self.subscription), self.event.publish()) else {
            return Vec::new();
        };
        if self.is_pattern {
            event.details = EventDetails { topic: Some(publish.topic), ..event.details };
        }
        let mut bytes = Vec::new();
        event.encode(Serializer::MsgPack, &mut bytes);
        match Value::decode(Serializer::MsgPack, &bytes) {
            Ok(Value::List(elements)) => elements,
            _ => Vec::new(),
        }
    }
}
