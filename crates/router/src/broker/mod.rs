//! The broker: subscriptions, and the way of a publication to its receivers.
//!
//! # What one event costs
//!
//! - one route: a look into the thread's cache, valid while two generations stand;
//! - per subscription and format (serializer and framing) among its receivers: one encoding, and the payload copied or
//!   transcoded into it once;
//! - per receiver: its filter if the publication has one, one lock, and a copy of a small frame or a reference to a
//!   large one.
//!
//! # What one SUBSCRIBE can ask for
//!
//! Retained events that its own SUBSCRIBE brings never end a session: when they fill its outbox up to the soft bound, the
//! rest is dropped, and counted among the events that the session missed.
//!
//! All searches and visits are counted as work of the turn, whether or not they end in a delivery.
//!
//! Spec: basic profile, "Publish and Subscribe"; advanced profile, "Advanced PubSub".

mod filter;
mod frames;
mod retention;
mod shard;
mod subscription;
mod topics;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, RwLock};

use wamp::message::{
    Event, EventDetails, Publish, Published, Subscribe, Subscribed, Unsubscribe, Unsubscribed,
};
use wamp::role::{ClientRole, Features};
use wamp::{MatchPolicy, PublicationId, SubscriptionId, error_uri};

use crate::authorize::Role;
use crate::config::RetentionConfig;
use crate::identity::Origin;
use crate::index::{Generations, Index};
use crate::lock::{lock, read, write};
use crate::peer::{Peer, Sent};
use crate::rejection::Rejection;
use crate::worker::{Cached, Turn};
pub(crate) use filter::Filter;
use frames::Frames;
use retention::{Retained, Retention};
pub(crate) use subscription::Membership;
pub use subscription::Subscription;

/// The subscriptions and retained events of a realm.
#[derive(Debug)]
pub(crate) struct Broker {
    realm: u64,
    index: Index<Subscription>,
    by_id: RwLock<HashMap<SubscriptionId, Arc<Subscription>>>,
    retention: Mutex<Retention>,
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
    weight: usize,
}

#[derive(Debug)]
struct Target {
    subscription: Arc<Subscription>,
    members: Arc<[Arc<Membership>]>,
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
}

impl Broker {
    pub(crate) fn new(realm: u64, id_key: [u8; 16], retention: RetentionConfig) -> Self {
        Broker {
            realm,
            index: Index::default(),
            by_id: RwLock::default(),
            retention: Mutex::new(Retention::new(retention)),
            id_key,
        }
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
            entry.as_ref().and_then(|subscription| holdings.subscriptions.get(&subscription.id)).cloned();
        if held.is_none() && holdings.subscriptions.len() >= peer.limits.subscriptions_max {
            return Err(Rejection::limit("subscriptions of this session", peer.limits.subscriptions_max));
        }
        let subscription = Arc::clone(entry.get_or_insert_with(|| {
            let subscription =
                Arc::new(Subscription::new(self.free_id(&subscribe.topic, options.match_policy), subscribe));
            write(&self.by_id).insert(subscription.id, Arc::clone(&subscription));
            subscription
        }));
        let reply = Subscribed { request: subscribe.request, subscription: subscription.id };
        if let Some(membership) = held {
            let mut mailbox = peer.mailbox();
            if membership.active.is_set(&mailbox) && membership.nkey.as_deref() == options.nkey.as_deref() {
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
        holdings.subscriptions.insert(subscription.id, Arc::clone(&membership));
        drop(holdings);
        // SUBSCRIBED first, then active, under one lock: no event can come before it (ORD-03).
        let mut mailbox = peer.mailbox();
        mailbox.send(peer, reply, turn);
        membership.active.set(&mut mailbox, true);
        drop(mailbox);
        Ok(membership)
    }

    /// The id of what is subscribed to; in the unlikely case that another subscription has it, the next one free.
    fn free_id(&self, topic: &str, policy: MatchPolicy) -> SubscriptionId {
        let ids = read(&self.by_id);
        let mut bits = subscription::stable_hash(&self.id_key, topic, policy);
        loop {
            let id = SubscriptionId::from_bits(bits);
            if !ids.contains_key(&id) {
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
        let held = lock(&peer.holdings).subscriptions.remove(&unsubscribe.subscription);
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
        let held = lock(&peer.holdings).subscriptions.remove(&subscription);
        let Some(membership) = held else { return false };
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
        drop(mailbox);
        self.leave(&membership);
        true
    }

    /// Removes all that a session subscribed to, when it ends.
    pub(crate) fn remove_session(&self, peer: &Peer) {
        let held = std::mem::take(&mut lock(&peer.holdings).subscriptions);
        for membership in held.values() {
            membership.active.set(&mut peer.mailbox(), false);
            self.leave(membership);
        }
    }

    fn leave(&self, membership: &Membership) {
        let subscription = &membership.subscription;
        self.index.update(&subscription.uri, subscription.match_policy, |entry| {
            subscription.members.leave(membership.place);
            let is_current = entry.as_ref().is_some_and(|current| Arc::ptr_eq(current, subscription));
            if is_current && subscription.members.is_empty() {
                *entry = None;
                write(&self.by_id).remove(&subscription.id);
            }
        });
    }

    /// The subscription of an id.
    pub(crate) fn subscription(&self, id: SubscriptionId) -> Option<Arc<Subscription>> {
        read(&self.by_id).get(&id).cloned()
    }

    /// Handles a PUBLISH that is valid and authorized: every receiver's mailbox has the event when this returns, then
    /// the acknowledgement, if it was asked for, that of the publisher.
    pub(crate) fn publish(
        &self,
        origin: &Origin<'_>,
        publish: Publish<'_>,
        terms: Terms,
        turn: &mut Turn<'_>,
    ) -> Result<PublicationId, Rejection> {
        let publication = PublicationId::from_bits(turn.random());
        let Publish { options, topic, payload, .. } = publish;
        let exclude_me = options.exclude_me.unwrap_or(true);
        let filter = Filter::new(exclude_me.then_some(origin.session), options.receivers);
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
        // Held over storing and delivering, for the same reason as in `subscribe`.
        let retained = if options.retain {
            let mut retention = lock(&self.retention);
            retention.retain(&topic, Retained::new(publication, &details, &payload, &filter), turn.now)?;
            Some(retention)
        } else {
            None
        };
        let route = self.route(&topic, turn);
        if !route.targets.is_empty() {
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

    fn route(&self, topic: &str, turn: &mut Turn<'_>) -> Arc<Route> {
        let generations = self.index.generations(topic);
        if let Some(route) = turn.worker.routes.find(self.realm, topic)
            && route.generations == generations
        {
            return Arc::clone(route);
        }
        let (subscriptions, nodes) = self.index.matching(topic);
        turn.spend(nodes + subscriptions.len());
        let targets: Box<[Target]> = subscriptions
            .into_iter()
            .map(|subscription| Target { members: subscription.members.list(), subscription })
            .collect();
        let members: usize = targets.iter().map(|target| target.members.len()).sum();
        let weight = 1 + topic.len() / 64 + targets.len() + members;
        let route = Arc::new(Route { realm: self.realm, topic: topic.into(), generations, targets, weight });
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
    let mut event = retained.event(subscription.id);
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

impl Target {
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
        event.details.topic =
            (self.subscription.match_policy != MatchPolicy::Exact).then_some(Cow::Borrowed(topic));
        let shard = rkey.and_then(|rkey| shard::choose(rkey, &self.members));
        let mut frames = Frames::new(scratch);
        for membership in self.members.iter() {
            let in_shard =
                shard.is_none() || membership.nkey.is_none() || membership.nkey.as_deref() == shard;
            if !in_shard || !filter.admits(&membership.peer) || !membership.may_receive(topic) {
                continue;
            }
            frames.send(event, membership, turn);
        }
        turn.spend(1 + self.members.len());
    }
}
