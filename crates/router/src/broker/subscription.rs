//! A subscription: what is subscribed to, and by whom.
//!
//! There may be millions of both, so they are as small as they can be: what few of them have lies elsewhere.

use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use foldhash::fast::FixedState;
use wamp::{MatchPolicy, SubscriptionId};

use crate::authorize::Role;
use crate::decision::Action;
use crate::index::Located;
use crate::peer::{Active, Peer};
use crate::roster::{Member, Place, Roster};
use crate::timestamp::Timestamp;

/// The router's record of one topic or pattern that sessions subscribed to; there is one per (URI, match policy).
#[derive(Debug)]
pub struct Subscription {
    pub(crate) id: SubscriptionId,
    pub(crate) uri: Box<str>,
    pub(crate) match_policy: MatchPolicy,
    pub(crate) created: Timestamp,
    history: Option<HistoryNumber>,
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
        let history = history.and_then(HistoryNumber::new);
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

    /// The number of its history in the store; such a subscription is there without subscribers too.
    pub(crate) fn history(&self) -> Option<usize> {
        self.history.map(HistoryNumber::get)
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

/// Which history of its realm, in four bytes for all that have none: one more than its number.
#[derive(Debug, Clone, Copy)]
struct HistoryNumber(NonZeroU32);

impl HistoryNumber {
    /// `None` beyond four billion histories, which no configuration has.
    fn new(number: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(number).ok()?.checked_add(1)?).map(HistoryNumber)
    }

    fn get(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// One session's part in a subscription.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) peer: Arc<Peer>,
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) active: Active,
    pub(super) place: Place,
    restriction: Option<Box<Restriction>>,
}

/// Why a session may not receive every event of its subscription; most do.
#[derive(Debug)]
struct Restriction {
    /// Its node, in a sharded subscription.
    nkey: Option<Box<str>>,
    /// Decides for each topic of a pattern, where the role may not have them all (AZN-05).
    role: Option<Arc<Role>>,
}

impl Membership {
    pub(super) fn new(
        peer: Arc<Peer>,
        subscription: Arc<Subscription>,
        place: Place,
        nkey: Option<Box<str>>,
        role: Option<Arc<Role>>,
    ) -> Self {
        let is_restricted = nkey.is_some() || role.is_some();
        let restriction = is_restricted.then(|| Box::new(Restriction { nkey, role }));
        Membership { peer, subscription, active: Active::default(), place, restriction }
    }

    /// The session's node, in a sharded subscription.
    pub(super) fn nkey(&self) -> Option<&str> {
        self.restriction.as_ref()?.nkey.as_deref()
    }

    /// Whether the session may receive events of this topic.
    pub(super) fn may_receive(&self, topic: &str) -> bool {
        let role = self.restriction.as_ref().and_then(|restriction| restriction.role.as_ref());
        role.is_none_or(|role| role.decide(Action::Subscribe, topic, MatchPolicy::Exact).allow)
    }
}

impl Member for Membership {
    fn place(&self) -> Place {
        self.place
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What an `Arc` counts in, besides what it holds.
    const COUNTS: usize = 2 * size_of::<usize>();

    // With a million of them each byte is a megabyte; allocators round up to sixteen.
    #[test]
    fn subscriptions_and_memberships_are_small() {
        assert!(COUNTS + size_of::<Subscription>() <= 96, "{}", size_of::<Subscription>());
        assert!(COUNTS + size_of::<Membership>() <= 48, "{}", size_of::<Membership>());
    }

    #[test]
    fn histories_have_the_numbers_they_were_given() {
        assert_eq!(HistoryNumber::new(0).map(HistoryNumber::get), Some(0));
        assert_eq!(HistoryNumber::new(70_000).map(HistoryNumber::get), Some(70_000));
    }
}
