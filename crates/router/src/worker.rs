//! What one thread needs to route, and the turn in which it does.

use std::hash::{BuildHasher, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread::panicking;
use std::time::Duration;

use foldhash::quality::RandomState;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::authorize::DecisionCache;
use crate::broker::{self, Burst, Route};
use crate::dealer::CallRoute;
use crate::peer::Peer;
use crate::time::Millis;
use wamp::SessionId;

/// The caches, scratch buffers and random numbers of one thread. Nothing in it is needed for correctness: it can be
/// dropped at any time between turns.
#[derive(Debug)]
pub struct Worker {
    pub(crate) random: SmallRng,
    pub(crate) routes: Cache<Route>,
    pub(crate) call_routes: Cache<CallRoute>,
    pub(crate) decisions: DecisionCache,
    /// Where events are encoded once for all their receivers.
    pub(crate) scratch: Vec<u8>,
    pub(crate) burst: Burst,
    touched: Vec<Arc<Peer>>,
    routes_kept_since: Millis,
}

/// Routes are forgotten this often, since the ones that nobody asks for again would keep sessions that have ended.
const ROUTES_KEPT: Duration = Duration::from_secs(60);

impl Worker {
    /// A worker whose ids come from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Worker {
            random: SmallRng::from_seed(seed),
            routes: Cache::default(),
            call_routes: Cache::default(),
            decisions: DecisionCache::default(),
            scratch: Vec::new(),
            burst: Burst::default(),
            touched: Vec::new(),
            routes_kept_since: Millis::default(),
        }
    }

    /// Begins a batch of routing at the moment `now`.
    pub fn turn(&mut self, now: Millis) -> Turn<'_> {
        if now >= self.routes_kept_since + ROUTES_KEPT {
            self.routes.clear();
            self.call_routes.clear();
            self.routes_kept_since = now;
        }
        Turn { now, owner: None, worker: self, work: 0, pace: false }
    }
}

/// One batch of routing. When it ends, what was published in it is handed out, and every session that something was left
/// for is woken, once. If it ends by a panic, they are woken too, but what was not handed out yet is lost with the publisher.
#[derive(Debug)]
pub struct Turn<'w> {
    /// The moment of this turn.
    pub now: Millis,
    /// The session whose task this is.
    pub(crate) owner: Option<SessionId>,
    pub(crate) worker: &'w mut Worker,
    work: usize,
    pace: bool,
}

impl Turn<'_> {
    /// How much was done in this turn so far, in units of an event delivered or what takes about as long (some 50 ns), such
    /// as a receiver looked at or a step of a search: a connection stops for others after some thousands.
    pub fn work(&self) -> usize {
        self.work
    }

    /// Whether the connection whose input this is should pause for a moment (some 10 ms): a receiver is nearly full
    /// and would catch up, or there are more meta events than can be published.
    pub fn should_pace(&self) -> bool {
        self.pace
    }

    /// Hands out publications that were handled and are not in the mailboxes of all their receivers yet, as happens at the
    /// end of the turn anyway. Only then does [`Turn::should_pace`] know of them.
    pub fn flush(&mut self) {
        broker::flush(self);
    }

    pub(crate) fn pace(&mut self) {
        self.pace = true;
    }

    /// Counts work that one message can ask much of; see [`Turn::work`].
    pub(crate) fn spend(&mut self, units: usize) {
        self.work = self.work.saturating_add(units);
    }

    pub(crate) fn touch(&mut self, peer: &Arc<Peer>) {
        self.worker.touched.push(Arc::clone(peer));
    }

    /// 64 random bits.
    pub(crate) fn random(&mut self) -> u64 {
        self.worker.random.next_u64()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Those that something lies there for already are woken even if this fails.
        let flushed = catch_unwind(AssertUnwindSafe(|| {
            if panicking() {
                self.worker.burst = Burst::default();
            } else {
                self.flush();
            }
        }));
        for peer in self.worker.touched.drain(..) {
            peer.wake();
        }
        // A rare crowd shouldn't keep its list for ever.
        self.worker.touched.shrink_to(8192);
        if let Err(panic) = flushed {
            resume_unwind(panic);
        }
    }
}

/// How many routes a thread remembers. A power of two.
const CACHE_SLOTS: usize = 4096;
/// The most that all of them may weigh, in the units of [`Cached::weight`].
const CACHE_WEIGHT_MAX: usize = 1 << 18;
/// The most that one may weigh: a larger one costs little to find, compared to the deliveries it is found for.
const ENTRY_WEIGHT_MAX: usize = 1 << 13;

/// A direct-mapped cache by (realm, URI): a collision replaces, so it is bounded by its slots, and by the weight of
/// what is in them: one entry too much empties it.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    slots: Vec<Option<Arc<T>>>,
    weight: usize,
    hasher: RandomState,
}

/// What can be found in a [`Cache`] again.
pub(crate) trait Cached {
    fn is_for(&self, realm: u64, uri: &str) -> bool;

    /// What it keeps alive, in pointers to others or dozens of bytes; always the same for the same value.
    fn weight(&self) -> usize {
        1
    }
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache { slots: Vec::new(), weight: 0, hasher: RandomState::default() }
    }
}

impl<T: Cached> Cache<T> {
    pub(crate) fn find(&self, realm: u64, uri: &str) -> Option<&Arc<T>> {
        let found = self.slots.get(self.slot(realm, uri))?.as_ref()?;
        found.is_for(realm, uri).then_some(found)
    }

    /// Keeps `value`, unless it is too large for that.
    pub(crate) fn insert(&mut self, realm: u64, uri: &str, value: Arc<T>) {
        let slot = self.slot(realm, uri);
        if let Some(old) = self.slots.get_mut(slot).and_then(Option::take) {
            self.weight -= old.weight();
        }
        let weight = value.weight();
        if weight > ENTRY_WEIGHT_MAX {
            return;
        }
        if self.weight + weight > CACHE_WEIGHT_MAX {
            self.clear();
        }
        if self.slots.is_empty() {
            self.slots.resize_with(CACHE_SLOTS, || None);
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some(value);
            self.weight += weight;
        }
    }

    fn clear(&mut self) {
        self.slots.fill(None);
        self.weight = 0;
    }

    fn slot(&self, realm: u64, uri: &str) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(realm);
        hasher.write(uri.as_bytes());
        // The remainder of a power of two: the lowest bits.
        usize::try_from(hasher.finish() % CACHE_SLOTS as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Entry(String, usize);

    impl Cached for Entry {
        fn is_for(&self, _: u64, uri: &str) -> bool {
            self.0 == uri
        }

        fn weight(&self) -> usize {
            self.1
        }
    }

    fn insert(cache: &mut Cache<Entry>, uri: &str, weight: usize) {
        cache.insert(1, uri, Arc::new(Entry(uri.into(), weight)));
    }

    /// ROB-01
    #[test]
    fn the_cache_is_bounded_by_what_its_entries_keep_alive() {
        let mut cache = Cache::default();
        for number in 0..10_000 {
            insert(&mut cache, &format!("a.{number}"), 1000);
            let weight: usize = cache.slots.iter().flatten().map(|entry| entry.weight()).sum();
            assert_eq!(weight, cache.weight);
            assert!(weight <= CACHE_WEIGHT_MAX);
            assert!(cache.find(1, &format!("a.{number}")).is_some(), "the newest is always there");
        }
    }

    #[test]
    fn an_entry_that_has_grown_too_large_is_not_kept_nor_is_its_predecessor() {
        let mut cache = Cache::default();
        insert(&mut cache, "a.b", ENTRY_WEIGHT_MAX);
        assert!(cache.find(1, "a.b").is_some());
        insert(&mut cache, "a.b", ENTRY_WEIGHT_MAX + 1);
        assert!(cache.find(1, "a.b").is_none());
        assert_eq!(cache.weight, 0);
    }
}
