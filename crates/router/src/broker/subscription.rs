//! A subscription: what is subscribed to, and by whom.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;
use wamp::{MatchPolicy, SubscriptionId};

use crate::authorize::Role;
use crate::decision::Action;
use crate::index::Located;
use crate::peer::{Active, Peer};
use crate::roster::{Place, Roster};
use crate::timestamp::Timestamp;

/// The router's record of one topic or pattern that sessions subscribed to; there is one per (URI, match policy).
#[derive(Debug)]
pub struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) uri: Box<str>,
    pub(crate) match_policy: MatchPolicy,
    pub(crate) created: Timestamp,
    /// The number of its history in the store; such a subscription is there without subscribers too.
    pub(crate) history: Option<usize>,
    pub(crate) members: Roster<Membership>,
}

impl Subscription {
    pub(super) fn new(
        id: SubscriptionId,
        uri: &str,
        match_policy: MatchPolicy,
        created: Timestamp,
        history: Option<usize>,
    ) -> Self {
        Subscription { id, uri: uri.into(), match_policy, created, history, members: Roster::default() }
    }

    /// Its id, the same for all subscribers.
    pub fn id(&self) -> SubscriptionId {
        self.id
    }

    /// The topic or pattern.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How it matches.
    pub fn match_policy(&self) -> MatchPolicy {
        self.match_policy
    }

    /// When it came to be.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The sessions subscribed now, in the order in which they came.
    pub fn subscribers(&self) -> Vec<wamp::SessionId> {
        let mut sessions = Vec::with_capacity(self.members.len());
        self.members.for_each(|membership| sessions.push(membership.peer.id));
        sessions
    }
}

impl Located for Subscription {
    fn uri(&self) -> &str {
        &self.uri
    }
}

/// One session's part in a subscription.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) peer: Arc<Peer>,
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) active: Active,
    pub(super) place: Place,
    /// Its node, in a sharded subscription.
    pub(super) nkey: Option<Box<str>>,
    /// Decides for each topic of a pattern, where the role may not have them all (AZN-05).
    pub(super) role: Option<Arc<Role>>,
}

impl Membership {
    pub(super) fn new(
        peer: Arc<Peer>,
        subscription: Arc<Subscription>,
        place: Place,
        nkey: Option<Box<str>>,
        role: Option<Arc<Role>>,
    ) -> Self {
        Membership { peer, subscription, active: Active::default(), place, nkey, role }
    }

    /// Whether the session may receive events of this topic.
    pub(super) fn may_receive(&self, topic: &str) -> bool {
        self.role.as_ref().is_none_or(|role| role.decide(Action::Subscribe, topic, MatchPolicy::Exact).allow)
    }
}

/// 64 bits that depend on nothing but the key and what is subscribed to.
pub(crate) fn stable_hash(key: &[u8; 16], uri: &str, policy: MatchPolicy) -> u64 {
    let mut hasher = FixedState::with_seed(u64::from_le_bytes([
        key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7],
    ]))
    .build_hasher();
    hasher.write(key);
    hasher.write(policy.name().as_bytes());
    hasher.write(uri.as_bytes());
    hasher.finish()
}
