//! Things by their ids, in stripes, so that looking at all of a million keeps nobody else waiting for long.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, RwLock, RwLockWriteGuard};

use wamp::{RegistrationId, SessionId, SubscriptionId};

use crate::lock::{read, write};

/// How many stripes there are: a look at all of a million things holds one lock for some 16,000 of them.
const STRIPES: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    stripes: Box<[Stripe<K, V>]>,
}

type Stripe<K, V> = RwLock<HashMap<K, Arc<V>>>;

/// What a [`Table`] can be sorted by.
pub(crate) trait Id: Copy + Eq + Hash {
    fn number(self) -> u64;
}

macro_rules! ids {
    ($($id:ty)*) => {$(
        impl Id for $id {
            fn number(self) -> u64 {
                self.value()
            }
        }
    )*};
}
ids! { SessionId SubscriptionId RegistrationId }

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table { stripes: (0..STRIPES).map(|_| RwLock::default()).collect() }
    }
}

impl<K: Id, V> Table<K, V> {
    pub(crate) fn get(&self, id: K) -> Option<Arc<V>> {
        read(self.stripe(id)).get(&id).cloned()
    }

    pub(crate) fn contains(&self, id: K) -> bool {
        read(self.stripe(id)).contains_key(&id)
    }

    pub(crate) fn insert(&self, id: K, value: &Arc<V>) {
        self.locked(id).insert(id, Arc::clone(value));
    }

    /// The stripe of an id, for those who look before they insert.
    pub(crate) fn locked(&self, id: K) -> RwLockWriteGuard<'_, HashMap<K, Arc<V>>> {
        write(self.stripe(id))
    }

    pub(crate) fn remove(&self, id: K) -> Option<Arc<V>> {
        self.locked(id).remove(&id)
    }

    /// Shows `each` everything that is there all the while, stripe after stripe.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Arc<V>)) {
        for stripe in &self.stripes {
            read(stripe).values().for_each(&mut each);
        }
    }

    /// All that passes `wanted`.
    pub(crate) fn collect(&self, mut wanted: impl FnMut(&V) -> bool) -> Vec<Arc<V>> {
        let mut found = Vec::new();
        self.for_each(|value| {
            if wanted(value) {
                found.push(Arc::clone(value));
            }
        });
        found
    }

    fn stripe(&self, id: K) -> &Stripe<K, V> {
        // Ids are drawn at random, so their lowest bits are as good as a hash.
        &self.stripes[usize::try_from(id.number() % STRIPES as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_seen_once() {
        let table = Table::default();
        for number in 1..=1000 {
            table.insert(SessionId::from_bits(number), &Arc::new(number));
        }
        table.remove(SessionId::from_bits(500));
        let mut seen: Vec<u64> = table.collect(|_| true).iter().map(|number| **number).collect();
        seen.sort_unstable();
        assert_eq!(seen, (1..=1000).filter(|number| *number != 500).collect::<Vec<_>>());
        assert!(table.contains(SessionId::from_bits(1)) && !table.contains(SessionId::from_bits(500)));
    }
}
