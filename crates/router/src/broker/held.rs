//! What one session subscribed to.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use wamp::SubscriptionId;

use super::Membership;

/// The memberships of a session, by their subscriptions' ids, which are not kept a second time: there may be as many
/// as there are subscriptions of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Held {
    memberships: HashTable<Arc<Membership>>,
    hasher: RandomState,
}

impl Held {
    /// Makes room for one more.
    pub(super) fn reserve(&mut self) {
        self.memberships.reserve(1, |membership| self.hasher.hash_one(membership.subscription.id));
    }

    /// Adds a membership, in the place of any other in the same subscription.
    pub(super) fn insert(&mut self, membership: Arc<Membership>) {
        let id = membership.subscription.id;
        let hash_of = |held: &Arc<Membership>| self.hasher.hash_one(held.subscription.id);
        let hash = self.hasher.hash_one(id);
        match self.memberships.entry(hash, |held| held.subscription.id == id, hash_of) {
            Entry::Occupied(mut held) => *held.get_mut() = membership,
            Entry::Vacant(vacant) => {
                vacant.insert(membership);
            }
        }
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) -> Option<Arc<Membership>> {
        self.remove_if(id, |_| true)
    }

    /// Removes this very membership, if it is held.
    pub(super) fn remove_this(&mut self, membership: &Arc<Membership>) {
        self.remove_if(membership.subscription.id, |held| Arc::ptr_eq(held, membership));
    }

    pub(super) fn get(&self, id: SubscriptionId) -> Option<&Arc<Membership>> {
        self.memberships.find(self.hasher.hash_one(id), |held| held.subscription.id == id)
    }

    pub(super) fn len(&self) -> usize {
        self.memberships.len()
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Membership>> {
        self.memberships.iter()
    }

    fn remove_if(
        &mut self,
        id: SubscriptionId,
        is_it: impl Fn(&Arc<Membership>) -> bool,
    ) -> Option<Arc<Membership>> {
        let is_it = |held: &Arc<Membership>| held.subscription.id == id && is_it(held);
        let found = self.memberships.find_entry(self.hasher.hash_one(id), is_it).ok()?;
        Some(found.remove().0)
    }
}
