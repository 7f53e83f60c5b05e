//! What one thread needs to route, and the turn in which it does.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::quality::RandomState;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::authorize::DecisionCache;
use crate::broker::Route;
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
    touched: Vec<Arc<Peer>>,
}

impl Worker {
    /// A worker whose ids come from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Worker {
            random: SmallRng::from_seed(seed),
            routes: Cache::default(),
            call_routes: Cache::default(),
            decisions: DecisionCache::default(),
            scratch: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Begins a batch of routing at the moment `now`.
    pub fn turn(&mut self, now: Millis) -> Turn<'_> {
        Turn { now, owner: None, worker: self, deliveries: 0, pace: false }
    }
}

/// One batch of routing. When it ends, by panic too, every session that something was left for is woken, once.
#[derive(Debug)]
pub struct Turn<'w> {
    /// The moment of this turn.
    pub now: Millis,
    /// The session whose task this is.
    pub(crate) owner: Option<SessionId>,
    pub(crate) worker: &'w mut Worker,
    deliveries: usize,
    pace: bool,
}

impl Turn<'_> {
    /// How many events were delivered in this turn so far: a connection stops for others after some thousands.
    pub fn deliveries(&self) -> usize {
        self.deliveries
    }

    /// Whether the connection whose input this is should pause for a moment (some 10 ms): a receiver is nearly full
    /// and would catch up.
    pub fn should_pace(&self) -> bool {
        self.pace
    }

    pub(crate) fn pace(&mut self) {
        self.pace = true;
    }

    pub(crate) fn delivered(&mut self, events: usize) {
        self.deliveries += events;
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
        for peer in self.worker.touched.drain(..) {
            peer.wake();
        }
        // A rare crowd shouldn't keep its list for ever.
        self.worker.touched.shrink_to(8192);
    }
}

/// How many routes a thread remembers. A power of two.
const CACHE_SLOTS: usize = 4096;

/// A direct-mapped cache by (realm, URI): a collision replaces, so it is bounded by its slots.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    slots: Vec<Option<Arc<T>>>,
    hasher: RandomState,
}

/// What can be found in a [`Cache`] again.
pub(crate) trait Cached {
    fn is_for(&self, realm: u64, uri: &str) -> bool;
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache { slots: Vec::new(), hasher: RandomState::default() }
    }
}

impl<T: Cached> Cache<T> {
    pub(crate) fn find(&self, realm: u64, uri: &str) -> Option<&Arc<T>> {
        let found = self.slots.get(self.slot(realm, uri))?.as_ref()?;
        found.is_for(realm, uri).then_some(found)
    }

    pub(crate) fn insert(&mut self, realm: u64, uri: &str, value: Arc<T>) {
        if self.slots.is_empty() {
            self.slots.resize_with(CACHE_SLOTS, || None);
        }
        let slot = self.slot(realm, uri);
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Some(value);
        }
    }

    fn slot(&self, realm: u64, uri: &str) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(realm);
        hasher.write(uri.as_bytes());
        // The remainder of a power of two: the lowest bits.
        usize::try_from(hasher.finish() % CACHE_SLOTS as u64).unwrap_or(0)
    }
}
