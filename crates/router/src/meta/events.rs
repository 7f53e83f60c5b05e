//! Meta events: what the service session tells of sessions, subscriptions, registrations and schemas.
//!
//! What happens is noted here in the moment of the change, under the lock that decides it, so that the order of events is
//! the order of changes: `on_create`, `on_subscribe`, ..., `on_unsubscribe`, `on_delete`. It is published when that lock
//! is free again, by one thread at a time.
//!
//! An event that nobody subscribed to is not even noted: what is subscribed to is counted per topic ([`Interest`]).
//!
//! Nothing that happens to a topic or procedure below `wamp.` makes an event, so that those who watch the meta events
//! don't watch themselves (MSB-12, MRG-12).
//!
//! Spec: advanced profile, "Session Meta API", "Subscriptions Meta API", "Registrations Meta API" (MSE-01 to MSE-04,
//! MRG-01 to MRG-04, MSB-01 to MSB-04).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use schema::Declaration;
use wamp::{MatchPolicy, SessionId, Value};

use crate::broker::Subscription;
use crate::dealer::Registration;
use crate::lock::lock;
use crate::peer::Peer;
use crate::realm::Realm;

use super::registration::RegistrationDetails;
use super::session::session_details;
use super::subscription::SubscriptionDetails;

macro_rules! topics {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        /// The topic of a meta event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MetaTopic {
            $($(#[$doc])* $name,)*
        }

        impl MetaTopic {
            /// All of them.
            pub const ALL: &'static [MetaTopic] = &[$(MetaTopic::$name),*];

            /// Its URI.
            pub const fn uri(self) -> &'static str {
                match self {
                    $(MetaTopic::$name => $uri,)*
                }
            }
        }
    };
}

topics! {
    /// `[details]`
    SessionOnJoin = "wamp.session.on_join";
    /// `[session, authid, authrole]`
    SessionOnLeave = "wamp.session.on_leave";
    /// `[session, {id, created, uri, match}]`
    SubscriptionOnCreate = "wamp.subscription.on_create";
    /// `[session, subscription]`
    SubscriptionOnSubscribe = "wamp.subscription.on_subscribe";
    /// `[session, subscription]`
    SubscriptionOnUnsubscribe = "wamp.subscription.on_unsubscribe";
    /// `[session, subscription]`
    SubscriptionOnDelete = "wamp.subscription.on_delete";
    /// `[session, {id, created, uri, match, invoke}]`
    RegistrationOnCreate = "wamp.registration.on_create";
    /// `[session, registration]`
    RegistrationOnRegister = "wamp.registration.on_register";
    /// `[session, registration]`
    RegistrationOnUnregister = "wamp.registration.on_unregister";
    /// `[session, registration]`
    RegistrationOnDelete = "wamp.registration.on_delete";
    /// `[uri, declaration, was_new]`
    SchemaOnDefine = "wamp.schema.on_define";
    /// `[uri]`
    SchemaOnUndefine = "wamp.schema.on_undefine";
    /// As `wamp.schema.on_define`, by the specification's name.
    ReflectOnDefine = "wamp.reflect.on_define";
    /// As `wamp.schema.on_undefine`, by the specification's name.
    ReflectOnUndefine = "wamp.reflect.on_undefine";
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) enum MetaEvent {
    Joined(Arc<Peer>),
    Left(Arc<Peer>),
    /// A subscription has its first subscriber.
    SubscriptionCreated(SessionId, Arc<Subscription>),
    Subscribed(SessionId, Arc<Subscription>),
    Unsubscribed(SessionId, Arc<Subscription>),
    /// It has lost its last one.
    SubscriptionDeleted(SessionId, Arc<Subscription>),
    /// A registration has its first callee.
    RegistrationCreated(SessionId, Arc<Registration>),
    Registered(SessionId, Arc<Registration>),
    Unregistered(SessionId, Arc<Registration>),
    /// It has lost its last one.
    RegistrationDeleted(SessionId, Arc<Registration>),
    /// With the declaration, and whether there was none before.
    Defined(Arc<str>, Arc<Declaration>, bool),
    Undefined(Arc<str>),
}

impl MetaEvent {
    /// The topics it is published to.
    pub(crate) fn topics(&self) -> &'static [MetaTopic] {
        match self {
            MetaEvent::Joined(_) => &[MetaTopic::SessionOnJoin],
            MetaEvent::Left(_) => &[MetaTopic::SessionOnLeave],
            MetaEvent::SubscriptionCreated(..) => &[MetaTopic::SubscriptionOnCreate],
            MetaEvent::Subscribed(..) => &[MetaTopic::SubscriptionOnSubscribe],
            MetaEvent::Unsubscribed(..) => &[MetaTopic::SubscriptionOnUnsubscribe],
            MetaEvent::SubscriptionDeleted(..) => &[MetaTopic::SubscriptionOnDelete],
            MetaEvent::RegistrationCreated(..) => &[MetaTopic::RegistrationOnCreate],
            MetaEvent::Registered(..) => &[MetaTopic::RegistrationOnRegister],
            MetaEvent::Unregistered(..) => &[MetaTopic::RegistrationOnUnregister],
            MetaEvent::RegistrationDeleted(..) => &[MetaTopic::RegistrationOnDelete],
            MetaEvent::Defined(..) => &[MetaTopic::SchemaOnDefine, MetaTopic::ReflectOnDefine],
            MetaEvent::Undefined(..) => &[MetaTopic::SchemaOnUndefine, MetaTopic::ReflectOnUndefine],
        }
    }

    /// What is published, and the session that doesn't receive it: nobody sees themselves come (MSE-04).
    pub(crate) fn arguments(&self, realm: &Realm) -> (Vec<Value>, Option<SessionId>) {
        let args = match self {
            MetaEvent::Joined(peer) => {
                return (vec![session_details(realm, peer).into()], Some(peer.id));
            }
            MetaEvent::Left(peer) => {
                let identity = &peer.identity;
                vec![peer.id.value().into(), (&*identity.authid).into(), (&*identity.authrole).into()]
            }
            MetaEvent::SubscriptionCreated(session, subscription) => {
                vec![session.value().into(), SubscriptionDetails::of(subscription).to_dict().into()]
            }
            MetaEvent::Subscribed(session, subscription)
            | MetaEvent::Unsubscribed(session, subscription)
            | MetaEvent::SubscriptionDeleted(session, subscription) => {
                vec![session.value().into(), subscription.id.value().into()]
            }
            MetaEvent::RegistrationCreated(session, registration) => {
                vec![session.value().into(), RegistrationDetails::of(registration).to_dict().into()]
            }
            MetaEvent::Registered(session, registration)
            | MetaEvent::Unregistered(session, registration)
            | MetaEvent::RegistrationDeleted(session, registration) => {
                vec![session.value().into(), registration.id.value().into()]
            }
            MetaEvent::Defined(uri, declaration, is_new) => {
                vec![(&**uri).into(), declaration.document().clone(), (*is_new).into()]
            }
            MetaEvent::Undefined(uri) => vec![(&**uri).into()],
        };
        (args, None)
    }

    /// Whether it is nobody's business: it is about what is the router's own.
    fn is_hidden(&self) -> bool {
        match self {
            MetaEvent::Joined(peer) | MetaEvent::Left(peer) => peer.identity.is_trusted(),
            MetaEvent::SubscriptionCreated(_, subscription)
            | MetaEvent::Subscribed(_, subscription)
            | MetaEvent::Unsubscribed(_, subscription)
            | MetaEvent::SubscriptionDeleted(_, subscription) => wamp::uri::is_reserved(&subscription.uri),
            MetaEvent::RegistrationCreated(_, registration)
            | MetaEvent::Registered(_, registration)
            | MetaEvent::Unregistered(_, registration)
            | MetaEvent::RegistrationDeleted(_, registration) => wamp::uri::is_reserved(&registration.uri),
            MetaEvent::Defined(..) | MetaEvent::Undefined(_) => false,
        }
    }
}

/// What happened in a realm and is to be published. See the module.
#[derive(Debug)]
pub(crate) struct MetaEvents {
    /// Off where a realm has no meta API.
    enabled: bool,
    interest: Interest,
    /// How many wait, to see without the lock that there are none.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<MetaEvent>,
    /// Some thread is publishing.
    is_draining: bool,
}

/// How many subscriptions match each topic.
#[derive(Debug)]
struct Interest(Box<[AtomicUsize]>);

impl MetaEvents {
    pub(crate) fn new(enabled: bool) -> Self {
        let interest = Interest(MetaTopic::ALL.iter().map(|_| AtomicUsize::new(0)).collect());
        MetaEvents { enabled, interest, waiting: AtomicUsize::new(0), queue: Mutex::default() }
    }

    /// Notes what happened, if somebody may want to know. A leaf in the lock order: it may be called under any lock.
    ///
    /// `event` is not even made where nobody listens to any of its `topics`.
    pub(crate) fn note(&self, topics: &[MetaTopic], event: impl FnOnce() -> MetaEvent) {
        if !self.enabled || !topics.iter().any(|topic| self.interest.is_there(*topic)) {
            return;
        }
        let event = event();
        debug_assert_eq!(event.topics(), topics);
        if event.is_hidden() {
            return;
        }
        let mut queue = lock(&self.queue);
        queue.events.push_back(event);
        self.waiting.store(queue.events.len(), Ordering::Release);
    }

    /// A subscription came to be, or ceased to be.
    pub(crate) fn count_interest(&self, uri: &str, policy: MatchPolicy, came: bool) {
        if may_match_reserved(uri, policy) {
            self.interest.count(uri, policy, came);
        }
    }

    /// Whether somebody subscribed to a topic.
    pub(crate) fn is_wanted(&self, topic: MetaTopic) -> bool {
        self.interest.is_there(topic)
    }

    /// How many events are to be published.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Has `publish` publish what waits, in order, until nothing does, or `limit` events were published; false if more
    /// are left. Only one thread does so at a time; what others note meanwhile is published by that one.
    pub(crate) fn drain(&self, limit: usize, mut publish: impl FnMut(MetaEvent)) -> bool {
        if self.waiting() == 0 {
            return true;
        }
        let mut queue = lock(&self.queue);
        if std::mem::replace(&mut queue.is_draining, true) {
            return true;
        }
        drop(queue);
        // A panic must not leave the queue to nobody.
        let draining = Draining(self);
        for _ in 0..limit {
            match draining.next() {
                Some(event) => publish(event),
                None => return true,
            }
        }
        draining.stop()
    }
}

/// The right to publish what is queued.
struct Draining<'e>(&'e MetaEvents);

impl Draining<'_> {
    /// The next one; if there is none the right ends in the same moment, so that none is left behind.
    fn next(&self) -> Option<MetaEvent> {
        let mut queue = lock(&self.0.queue);
        let event = queue.events.pop_front();
        self.0.waiting.store(queue.events.len(), Ordering::Release);
        if event.is_none() {
            queue.is_draining = false;
            queue.events = VecDeque::new();
        }
        event
    }

    /// Ends the right early; true if nothing is left.
    fn stop(&self) -> bool {
        let mut queue = lock(&self.0.queue);
        queue.is_draining = false;
        queue.events.is_empty()
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.queue).is_draining = false;
        }
    }
}

impl Interest {
    fn is_there(&self, topic: MetaTopic) -> bool {
        self.0.get(topic as usize).is_some_and(|count| count.load(Ordering::Acquire) > 0)
    }

    fn count(&self, uri: &str, policy: MatchPolicy, came: bool) {
        for (topic, count) in MetaTopic::ALL.iter().zip(&self.0) {
            if !policy.matches(uri, topic.uri()) {
                continue;
            }
            if came {
                count.fetch_add(1, Ordering::Release);
            } else {
                count.fetch_sub(1, Ordering::Release);
            }
        }
    }
}

/// Whether something that begins with `wamp.` may be matched; a quick look for the many subscriptions to something else.
fn may_match_reserved(uri: &str, policy: MatchPolicy) -> bool {
    match policy {
        MatchPolicy::Exact => uri.starts_with("wamp."),
        MatchPolicy::Prefix => uri.starts_with("wamp.") || "wamp.".starts_with(uri),
        MatchPolicy::Wildcard => uri.starts_with('.') || uri.starts_with("wamp."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA_ON_UNDEFINE: &[MetaTopic] = &[MetaTopic::SchemaOnUndefine, MetaTopic::ReflectOnUndefine];

    #[test]
    fn interest_is_counted_per_topic_and_pattern() {
        let events = MetaEvents::new(true);
        let is_there = |topic| events.interest.is_there(topic);
        events.count_interest("wamp.session.", MatchPolicy::Prefix, true);
        assert!(is_there(MetaTopic::SessionOnJoin) && is_there(MetaTopic::SessionOnLeave));
        assert!(!is_there(MetaTopic::SubscriptionOnCreate));
        events.count_interest("..on_create", MatchPolicy::Wildcard, true);
        assert!(is_there(MetaTopic::SubscriptionOnCreate) && is_there(MetaTopic::RegistrationOnCreate));
        events.count_interest("wamp.session.", MatchPolicy::Prefix, false);
        events.count_interest("w", MatchPolicy::Prefix, true);
        events.count_interest("w", MatchPolicy::Prefix, false);
        events.count_interest("com.example", MatchPolicy::Exact, true);
        assert!(!is_there(MetaTopic::SessionOnJoin));
    }

    #[test]
    fn the_quick_look_never_overlooks_a_match() {
        for topic in MetaTopic::ALL {
            let uri = topic.uri();
            for end in 0..=uri.len() {
                assert!(may_match_reserved(&uri[..end], MatchPolicy::Prefix));
            }
            for pattern in ["..", "wamp..", ".session."] {
                assert!(may_match_reserved(pattern, MatchPolicy::Wildcard));
            }
        }
    }

    // What nobody subscribed to costs nothing: it isn't even made.
    #[test]
    fn an_event_without_subscribers_is_not_made() {
        let events = MetaEvents::new(true);
        let made = || panic!("it was made");
        events.note(SCHEMA_ON_UNDEFINE, made);
        let off = MetaEvents::new(false);
        off.count_interest("", MatchPolicy::Prefix, true);
        off.note(SCHEMA_ON_UNDEFINE, made);
        assert_eq!((events.waiting(), off.waiting()), (0, 0));
    }

    #[test]
    fn what_is_noted_while_another_is_published_comes_after_it() {
        let events = MetaEvents::new(true);
        events.count_interest("", MatchPolicy::Prefix, true);
        let note = |uri: &str| {
            let uri = Arc::from(uri);
            events.note(SCHEMA_ON_UNDEFINE, || MetaEvent::Undefined(uri));
        };
        note("one");
        let mut seen = Vec::new();
        let done = events.drain(10, |event| {
            let MetaEvent::Undefined(uri) = event else { panic!("another event") };
            if &*uri == "one" {
                note("two");
                assert!(events.drain(10, |_| panic!("two threads publish")));
            }
            seen.push(uri.to_string());
        });
        assert_eq!(seen, ["one", "two"]);
        assert!(done && events.waiting() == 0);
        note("three");
        note("four");
        assert!(!events.drain(1, drop) && events.waiting() == 1, "there is more to come");
        assert!(events.drain(10, drop) && events.waiting() == 0);
    }
}
