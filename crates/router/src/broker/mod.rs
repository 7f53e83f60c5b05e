//! The broker: subscriptions, and the way of a publication to its receivers.
//!
//! # What one event costs
//!
//! - one route: a look into the thread's cache, valid while two generations stand;
//! - per subscription and format (serializer and framing) among its receivers: one encoding, and the payload copied or
//!   transcoded into it once;
//! - per receiver: its filter if the publication has one, one lock, and a copy of a small frame or a reference to a
//!   large one; of small publications in a row to the same receivers, for all of them together ([`burst`]).
//!
//! # What one SUBSCRIBE can ask for
//!
//! Retained events that its own SUBSCRIBE brings never end a session: when they fill its outbox up to the soft bound, the
//! rest is dropped, and counted among the events that the session missed.
//!
//! All searches and visits are counted as work of the turn, whether or not they end in a delivery.
//!
//! Spec: basic profile, "Publish and Subscribe"; advanced profile, "Advanced PubSub".

mod burst;
mod filter;
mod frames;
mod held;
mod retention;
mod shard;
mod subscription;
mod topics;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use smallvec::SmallVec;
use wamp::message::{
    Event, EventDetails, Publish, PublishOptions, Published, Receivers, Subscribe, Subscribed, Unsubscribe,
    Unsubscribed,
};
use wamp::role::{ClientRole, Features};
use wamp::value::Dict;
use wamp::{
    MatchPolicy, Payload, PublicationId, RequestId, Serializer, SessionId, SubscriptionId, Value, error_uri,
};

use crate::authorize::Role;
use crate::config::RealmConfig;
use crate::edges::Clock;
use crate::history::{Published as Kept, StoredEvent};
use crate::identity::{Format, Origin};
use crate::index::{Generations, Index};
use crate::lock::lock;
use crate::meta::{MetaEvent, MetaEvents, MetaTopic};
use crate::peer::{Peer, Sent};
use crate::rejection::Rejection;
use crate::roster::List;
use crate::store::Store;
use crate::table::Table;
use crate::worker::{Cached, Turn};
pub(crate) use burst::{Burst, flush};
pub(crate) use filter::Filter;
use frames::Frames;
pub(crate) use held::Held;
use retention::{Retained, Retention};
pub use subscription::Subscription;
pub(crate) use subscription::{Membership, stable_hash};

/// The subscriptions and retained events of a realm.
#[derive(Debug)]
pub(crate) struct Broker {
    realm: u64,
    index: Index<Subscription>,
    by_id: Table<SubscriptionId, Subscription>,
    retention: Mutex<Retention>,
    events: Arc<MetaEvents>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Subscription ids are a keyed hash of what is subscribed to: the same after a restart, and on every node.
    id_key: [u8; 16],
}

/// Who receives what is published to a topic, as found at some time.
#[derive(Debug)]
pub(crate) struct Route {
    realm: u64,
    topic: Box<str>,
    generations: Generations,
    targets: Box<[Target]>,
    /// Some of the subscriptions have a history.
    is_kept: bool,
    weight: usize,
}

#[derive(Debug)]
struct Target {
    subscription: Arc<Subscription>,
    members: List<Membership>,
    /// Those of the members.
    formats: SmallVec<[Format; 2]>,
}

impl Cached for Route {
    fn is_for(&self, realm: u64, topic: &str) -> bool {
        self.realm == realm && *self.topic == *topic
    }

    fn weight(&self) -> usize {
        self.weight
    }
}

/// How a publication is to be made, apart from what the publisher wrote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms {
    /// The publisher is disclosed.
    pub(crate) disclose: bool,
    /// As configured for the topic and publisher.
    pub(crate) trustlevel: Option<u64>,
    /// A session that doesn't receive it, besides those that the publisher leaves out.
    pub(crate) hide_from: Option<SessionId>,
}

impl Broker {
    /// The broker of a realm, with a lasting subscription for each of its histories.
    pub(crate) fn new(
        realm: u64,
        id_key: [u8; 16],
        config: &RealmConfig,
        events: Arc<MetaEvents>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let retention = Mutex::new(Retention::new(config.retention, Arc::clone(&store)));
        let broker = Broker {
            realm,
            index: Index::default(),
            by_id: Table::default(),
            retention,
            events,
            store,
            clock,
            id_key,
        };
        for (number, history) in config.history.iter().enumerate() {
            broker.index.update(&history.uri, history.match_policy, |entry| {
                broker.create(entry, &history.uri, history.match_policy, Some(number));
            });
        }
        broker
    }

    /// The subscription at an entry of the index, made if there is none.
    fn create(
        &self,
        entry: &mut Option<Arc<Subscription>>,
        uri: &str,
        policy: MatchPolicy,
        history: Option<usize>,
    ) -> Arc<Subscription> {
        let make = || {
            let id = self.free_id(uri, policy);
            let created = self.clock.timestamp();
            let subscription = Arc::new(Subscription::new(id, uri, policy, created, history));
            self.by_id.insert(id, &subscription);
            self.events.count_interest(uri, policy, true);
            subscription
        };
        Arc::clone(entry.get_or_insert_with(make))
    }

    /// Takes over the retained events that an earlier process left.
    pub(crate) fn restore_retained(&self, topic: &str, events: &[Vec<u8>]) {
        lock(&self.retention).restore(topic, events, self.clock.timestamp());
    }

    /// Handles a SUBSCRIBE that is valid and authorized. The reply, retained events included, is in the mailbox when
    /// this returns.
    ///
    /// `role` is given where topics below the pattern have to be checked one by one.
    pub(crate) fn subscribe(
        &self,
        peer: &Arc<Peer>,
        subscribe: &Subscribe<'_>,
        role: Option<Arc<Role>>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let options = &subscribe.options;
        // Where the session's table has to grow, nobody else waits for it.
        lock(&peer.holdings).subscriptions.reserve();
        // Held over reply and retained events, so that an event retained meanwhile is neither missed nor seen twice.
        let retention = options.get_retained.then(|| lock(&self.retention));
        let membership = self.index.update(&subscribe.topic, options.match_policy, |entry| {
            self.join(peer, subscribe, role, entry, turn)
        })?;
        if let Some(retention) = retention {
            let mut sent = 0;
            let seen = retention.matching(&subscribe.topic, options.match_policy, |topic, events| {
                // The newest that this session would have received (RET-03, RET-06, RET-09).
                let newest = events.iter().rev().find(|retained| retained.admits(&membership, turn.now));
                match newest {
                    Some(retained) if membership.may_receive(topic) => {
                        sent += 1;
                        send_retained(topic, retained, &membership, turn)
                    }
                    _ => ControlFlow::Continue(()),
                }
            });
            turn.spend(seen + sent);
        }
        Ok(())
    }

    fn join(
        &self,
        peer: &Arc<Peer>,
        subscribe: &Subscribe<'_>,
        role: Option<Arc<Role>>,
        entry: &mut Option<Arc<Subscription>>,
        turn: &mut Turn<'_>,
    ) -> Result<Arc<Membership>, Rejection> {
        let options = &subscribe.options;
        let mut holdings = lock(&peer.holdings);
        let held =
            entry.as_ref().and_then(|subscription| holdings.subscriptions.get(subscription.id)).cloned();
        if held.is_none() && holdings.subscriptions.len() >= peer.limits.subscriptions_max {
            return Err(Rejection::limit("subscriptions of this session", peer.limits.subscriptions_max));
        }
        // Whoever ends a session from elsewhere takes its holdings after saying so in the mailbox; nothing may come into
        // them behind its back.
        if !peer.mailbox().is_open() {
            return Err(Rejection::new(error_uri::CANCELED).because("the session is being closed"));
        }
        let is_new = held.is_none();
        let subscription = self.create(entry, &subscribe.topic, options.match_policy, None);
        let is_first = is_new && subscription.members.is_empty();
        let reply = Subscribed { request: subscribe.request, subscription: subscription.id };
        if let Some(membership) = held {
            let mut mailbox = peer.mailbox();
            if membership.active.is_set(&mailbox) && membership.nkey() == options.nkey.as_deref() {
                mailbox.send(peer, reply, turn);
                return Ok(membership);
            }
            membership.active.set(&mut mailbox, false);
            drop(mailbox);
            subscription.members.leave(membership.place);
        }
        let membership = subscription.members.join(|place| {
            let nkey = options.nkey.as_deref().map(Into::into);
            Arc::new(Membership::new(Arc::clone(peer), Arc::clone(&subscription), place, nkey, role))
        });
        holdings.subscriptions.insert(Arc::clone(&membership));
        drop(holdings);
        if is_first {
            self.events.note(&[MetaTopic::SubscriptionOnCreate], || {
                MetaEvent::SubscriptionCreated(peer.id, Arc::clone(&subscription))
            });
        }
        if is_new {
            self.events.note(&[MetaTopic::SubscriptionOnSubscribe], || {
                MetaEvent::Subscribed(peer.id, Arc::clone(&subscription))
            });
        }
        // SUBSCRIBED first, then active, under one lock: no event can come before it (ORD-03).
        let mut mailbox = peer.mailbox();
        mailbox.send(peer, reply, turn);
        membership.active.set(&mut mailbox, true);
        drop(mailbox);
        Ok(membership)
    }

    /// The id of what is subscribed to; in the unlikely case that another subscription has it, the next one free.
    fn free_id(&self, topic: &str, policy: MatchPolicy) -> SubscriptionId {
        let mut bits = subscription::stable_hash(&self.id_key, topic, policy);
        loop {
            let id = SubscriptionId::from_bits(bits);
            if !self.by_id.contains(id) {
                return id;
            }
            bits = bits.wrapping_add(1);
        }
    }

    /// Handles an UNSUBSCRIBE.
    pub(crate) fn unsubscribe(
        &self,
        peer: &Arc<Peer>,
        unsubscribe: &Unsubscribe,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let held = lock(&peer.holdings).subscriptions.remove(unsubscribe.subscription);
        let Some(membership) = held else { return Err(Rejection::new(error_uri::NO_SUCH_SUBSCRIPTION)) };
        let mut mailbox = peer.mailbox();
        if !membership.active.is_set(&mailbox) {
            return Err(Rejection::new(error_uri::NO_SUCH_SUBSCRIPTION));
        }
        // Inactive and answered under one lock: no event can come after it (BRK-05).
        membership.active.set(&mut mailbox, false);
        mailbox.send(peer, Unsubscribed::Reply(unsubscribe.request), turn);
        drop(mailbox);
        self.leave(&membership);
        Ok(())
    }

    /// Ends one session's part in a subscription on the router's own account (REV-01, REV-02); false if it has none.
    pub(crate) fn revoke(
        &self,
        peer: &Arc<Peer>,
        subscription: SubscriptionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let held = lock(&peer.holdings).subscriptions.get(subscription).cloned();
        let Some(membership) = held else { return false };
        let Subscription { uri, match_policy, .. } = &*membership.subscription;
        // One step: whoever subscribes again meanwhile does so before it or after it, and is told of in that order.
        self.index.update(uri, *match_policy, |entry| {
            let is_dismissed = Self::dismiss(&membership, reason, turn);
            if is_dismissed {
                self.leave_entry(&membership, entry);
            }
            is_dismissed
        })
    }

    /// Makes a membership inactive, and tells its session so if it can be told; false if it was inactive already.
    fn dismiss(membership: &Arc<Membership>, reason: Option<&str>, turn: &mut Turn<'_>) -> bool {
        let (peer, subscription) = (&membership.peer, membership.subscription.id);
        lock(&peer.holdings).subscriptions.remove_this(membership);
        let mut mailbox = peer.mailbox();
        if !membership.active.is_set(&mailbox) {
            return false;
        }
        membership.active.set(&mut mailbox, false);
        if peer.roles.features(ClientRole::Subscriber).contains(Features::SUBSCRIPTION_REVOCATION) {
            mailbox.send(
                peer,
                Unsubscribed::Revoked { subscription, reason: reason.map(Cow::Borrowed) },
                turn,
            );
        }
        true
    }

    /// Removes all that a session subscribed to, when it ends.
    pub(crate) fn remove_session(&self, peer: &Peer) {
        let held = std::mem::take(&mut lock(&peer.holdings).subscriptions);
        for membership in held.iter() {
            membership.active.set(&mut peer.mailbox(), false);
            self.leave(membership);
        }
    }

    fn leave(&self, membership: &Membership) {
        let Subscription { uri, match_policy, .. } = &*membership.subscription;
        self.index.update(uri, *match_policy, |entry| self.leave_entry(membership, entry));
    }

    /// Takes a member off the roster, if it is still there, and notes what that means.
    fn leave_entry(&self, membership: &Membership, entry: &mut Option<Arc<Subscription>>) {
        let (session, subscription) = (membership.peer.id, &membership.subscription);
        if !subscription.members.leave(membership.place) {
            return;
        }
        self.events.note(&[MetaTopic::SubscriptionOnUnsubscribe], || {
            MetaEvent::Unsubscribed(session, Arc::clone(subscription))
        });
        let is_current = entry.as_ref().is_some_and(|current| Arc::ptr_eq(current, subscription));
        if !is_current || !subscription.members.is_empty() {
            return;
        }
        self.events.note(&[MetaTopic::SubscriptionOnDelete], || {
            MetaEvent::SubscriptionDeleted(session, Arc::clone(subscription))
        });
        // One with a history stays, to be found and to be subscribed to again under the same id (HIS-16).
        if subscription.history().is_none() {
            *entry = None;
            self.by_id.remove(subscription.id);
            self.events.count_interest(&subscription.uri, subscription.match_policy, false);
        }
    }

    /// The subscription of an id.
    pub(crate) fn subscription(&self, id: SubscriptionId) -> Option<Arc<Subscription>> {
        self.by_id.get(id)
    }

    /// Shows `each` all subscriptions.
    pub(crate) fn for_each_subscription(&self, each: impl FnMut(&Arc<Subscription>)) {
        self.by_id.for_each(each);
    }

    /// The subscription to exactly this, under this policy.
    pub(crate) fn lookup(&self, uri: &str, policy: MatchPolicy) -> Option<Arc<Subscription>> {
        self.index.find(uri, policy)
    }

    /// All subscriptions that receive what is published to a topic, and how much was looked at to find them; see
    /// [`Index::matching`].
    pub(crate) fn matching(&self, topic: &str) -> (Vec<Arc<Subscription>>, usize) {
        self.index.matching(topic)
    }

    /// Handles a PUBLISH that is valid and authorized: every receiver's mailbox has the event when the turn is flushed
    /// next ([`burst`]), or if an acknowledgement was asked for, when this returns.
    pub(crate) fn publish(
        &self,
        origin: &Origin<'_>,
        publish: Publish<'_>,
        terms: Terms,
        turn: &mut Turn<'_>,
    ) -> Result<PublicationId, Rejection> {
        let publication = PublicationId::from_bits(turn.random());
        let Publish { options, topic, payload, .. } = publish;
        let is_plain = !options.retain
            && !options.acknowledge
            && options.receivers.is_none()
            && options.rkey.is_none()
            // Attributes may be of any length.
            && options.passthru.is_empty()
            && payload.bytes().len() <= burst::PAYLOAD_BYTES_MAX;
        if !is_plain {
            turn.flush();
        }
        let exclude_me = options.exclude_me.unwrap_or(true);
        let hidden_from = exclude_me.then_some(origin.session).or(terms.hide_from);
        let mut details = EventDetails {
            trustlevel: terms.trustlevel,
            passthru: options.passthru,
            ..EventDetails::default()
        };
        if terms.disclose {
            details.publisher = Some(origin.session);
            details.publisher_authid = Some(Cow::Borrowed(&origin.identity.authid));
            details.publisher_authrole = Some(Cow::Borrowed(&origin.identity.authrole));
        }
        let record = || {
            let (passthru, receivers) = (&details.passthru, options.receivers.as_deref());
            let (disclose, trustlevel) = (terms.disclose, terms.trustlevel);
            let kept = Kept { topic: &topic, payload: &payload, passthru, receivers, disclose, trustlevel };
            StoredEvent::new(self.clock.timestamp(), publication, origin, &kept)
        };
        // Held over storing and delivering, for the same reason as in `subscribe`.
        let retained = if options.retain {
            let mut retention = lock(&self.retention);
            let filter = Filter::new(hidden_from, options.receivers.clone());
            retention.retain(&topic, Retained::new(record(), payload.elements(), filter), turn.now)?;
            Some(retention)
        } else {
            None
        };
        let route = self.route(&topic, turn);
        if route.is_kept && is_for_the_record(options.receivers.as_deref()) {
            let event = Arc::new(record());
            for history in route.targets.iter().filter_map(|target| target.subscription.history()) {
                self.store.append(history, Arc::clone(&event));
            }
        }
        if let Some(target) = route.only_target().filter(|_| is_plain) {
            details.topic = target.topic_of(&topic);
            let event = Event { subscription: target.subscription.id, publication, details, payload };
            burst::add(&route, target, &event, hidden_from, turn);
        } else if !route.targets.is_empty() {
            turn.flush();
            let filter = Filter::new(hidden_from, options.receivers);
            let mut event =
                Event { subscription: route.targets[0].subscription.id, publication, details, payload };
            let mut scratch = std::mem::take(&mut turn.worker.scratch);
            for target in &route.targets {
                target.deliver(&topic, &mut event, &filter, options.rkey.as_deref(), &mut scratch, turn);
            }
            scratch.clear();
            scratch.shrink_to(SCRATCH_BYTES_MAX);
            turn.worker.scratch = scratch;
        }
        drop(retained);
        Ok(publication)
    }

    /// Publishes on the router's own account.
    ///
    /// `hide_from`: a session that doesn't receive it.
    pub(crate) fn publish_own(
        &self,
        origin: &Origin<'_>,
        topic: &str,
        args: &[Value],
        hide_from: Option<SessionId>,
        turn: &mut Turn<'_>,
    ) {
        let mut buffer = Vec::new();
        let payload = Payload::from_values(Serializer::MsgPack, args, &Dict::default(), &mut buffer);
        let options = PublishOptions { exclude_me: Some(false), ..PublishOptions::default() };
        let topic = Cow::Borrowed(topic);
        let publish = Publish { request: RequestId::FIRST, options, topic, payload };
        let terms = Terms { disclose: true, trustlevel: None, hide_from };
        if let Err(rejection) = self.publish(origin, publish, terms, turn) {
            // Only retaining is ever refused.
            tracing::error!(%rejection, "a meta event was not published");
        }
        // Whoever publishes the next one, on another thread, doesn't wait for the end of this turn.
        turn.flush();
    }

    fn route(&self, topic: &str, turn: &mut Turn<'_>) -> Arc<Route> {
        // A route with very many receivers isn't kept by the cache, but by the burst.
        let kept = turn.worker.burst.route().filter(|route| route.is_for(self.realm, topic));
        if let Some(route) = kept.or_else(|| turn.worker.routes.find(self.realm, topic))
            && self.index.is_current(route.generations)
        {
            return Arc::clone(route);
        }
        // Before the look, as the index wants it.
        let generations = self.index.generations(topic);
        let (subscriptions, nodes) = self.index.matching(topic);
        turn.spend(nodes + subscriptions.len());
        let targets: Box<[Target]> = subscriptions.into_iter().map(Target::new).collect();
        let members: usize = targets.iter().map(|target| target.members.len()).sum();
        let is_kept = targets.iter().any(|target| target.subscription.history().is_some());
        let weight = 1 + topic.len() / 64 + targets.len() + members;
        let route =
            Arc::new(Route { realm: self.realm, topic: topic.into(), generations, targets, is_kept, weight });
        turn.worker.routes.insert(self.realm, topic, Arc::clone(&route));
        route
    }

    /// Acknowledges a publication.
    pub(crate) fn acknowledge(peer: &Arc<Peer>, published: Published, turn: &mut Turn<'_>) {
        peer.send(published, turn);
    }

    /// Whether an acknowledged publication would do anything at all but be acknowledged.
    pub(crate) fn retained_topics(&self) -> usize {
        lock(&self.retention).topics()
    }
}

/// Whether an event goes into histories: not one for sessions that are named by their ids, which mean nothing later
/// (HIS-15).
fn is_for_the_record(receivers: Option<&Receivers<'_>>) -> bool {
    receivers.is_none_or(|receivers| receivers.exclude.is_none() && receivers.eligible.is_none())
}

/// The encoding buffer of a thread doesn't stay larger than this after a large event.
const SCRATCH_BYTES_MAX: usize = 256 << 10;

/// Sends one retained event, or counts it as dropped if the outbox is full; breaks when the session ends.
fn send_retained(
    topic: &str,
    retained: &Retained,
    membership: &Membership,
    turn: &mut Turn<'_>,
) -> ControlFlow<()> {
    let Membership { peer, subscription, .. } = membership;
    let Some(mut event) = retained.event(subscription.id) else { return ControlFlow::Continue(()) };
    event.details.topic = (subscription.match_policy != MatchPolicy::Exact).then_some(Cow::Borrowed(topic));
    let mut mailbox = peer.mailbox();
    if !membership.active.is_set(&mailbox) {
        return ControlFlow::Break(());
    }
    let sent = mailbox.try_send(peer, event, turn);
    drop(mailbox);
    match sent {
        Sent::Queued => ControlFlow::Continue(()),
        Sent::Full | Sent::TooLong => {
            peer.drop_event();
            ControlFlow::Continue(())
        }
        Sent::Gone => ControlFlow::Break(()),
    }
}

impl Route {
    /// Its target, if it has only one, without a history: then publications can be given to the receivers together.
    fn only_target(&self) -> Option<&Target> {
        match &*self.targets {
            [target] if !self.is_kept => Some(target),
            _ => None,
        }
    }
}

impl Target {
    fn new(subscription: Arc<Subscription>) -> Self {
        let members = subscription.members.list();
        let mut formats = SmallVec::new();
        for membership in members.iter() {
            if !formats.contains(&membership.peer.format) {
                formats.push(membership.peer.format);
            }
        }
        Target { subscription, members, formats }
    }

    /// How the pattern's receivers are told what was published to.
    fn topic_of<'e>(&self, topic: &'e str) -> Option<Cow<'e, str>> {
        (self.subscription.match_policy != MatchPolicy::Exact).then_some(Cow::Borrowed(topic))
    }

    fn deliver<'e>(
        &self,
        topic: &'e str,
        event: &mut Event<'e>,
        filter: &Filter<'_>,
        rkey: Option<&str>,
        scratch: &mut Vec<u8>,
        turn: &mut Turn<'_>,
    ) {
        event.subscription = self.subscription.id;
        event.details.topic = self.topic_of(topic);
        let shard = rkey.and_then(|rkey| shard::choose(rkey, &self.members));
        let mut frames = Frames::new(scratch);
        for membership in self.members.iter() {
            let nkey = membership.nkey();
            let in_shard = shard.is_none() || nkey.is_none() || nkey == shard;
            if !in_shard || !filter.admits(&membership.peer) || !membership.may_receive(topic) {
                continue;
            }
            frames.send(event, membership, turn);
        }
        turn.spend(1 + self.members.len());
    }
}
