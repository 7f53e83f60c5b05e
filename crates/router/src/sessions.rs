//! The open sessions of a realm.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use wamp::SessionId;

use crate::lock::lock;
use crate::peer::Peer;
use crate::table::Table;

/// See the module. The router's own service session is not among them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Table<SessionId, Peer>,
    count: AtomicUsize,
    /// How many there are of each authrole, so that they can be counted without looking at them.
    by_authrole: Mutex<HashMap<Arc<str>, usize>>,
    /// Why no more are let in, once the realm is closed.
    closed: OnceLock<&'static str>,
}

/// Why a session can't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// There are as many as there may be.
    Full,
    /// The realm is closed, for this reason.
    Closed(&'static str),
}

impl Sessions {
    /// Adds a session that is about to open; `then` is done in the same moment.
    pub(crate) fn add(&self, peer: &Arc<Peer>, then: impl FnOnce()) -> Result<(), NotAdded> {
        let max = peer.limits.sessions_max;
        let one_more = |count| (count < max).then_some(count + 1);
        let mut open = self.open.locked(peer.id);
        // Looked at under the lock that whoever closes the realm takes next: this one is refused, or told to go.
        if let Some(reason) = self.closed.get() {
            return Err(NotAdded::Closed(reason));
        }
        if open.contains_key(&peer.id)
            || self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err()
        {
            return Err(NotAdded::Full);
        }
        open.insert(peer.id, Arc::clone(peer));
        *lock(&self.by_authrole).entry(Arc::clone(&peer.identity.authrole)).or_default() += 1;
        then();
        Ok(())
    }

    /// Takes a session out, unless somebody else did; `then` is done in the same moment.
    pub(crate) fn remove(&self, peer: &Peer, then: impl FnOnce()) {
        let mut open = self.open.locked(peer.id);
        if open.remove(&peer.id).is_none() {
            return;
        }
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.one_less(&peer.identity.authrole);
        then();
    }

    fn one_less(&self, authrole: &str) {
        let mut by_authrole = lock(&self.by_authrole);
        if let Some(count) = by_authrole.get_mut(authrole) {
            *count -= 1;
            if *count == 0 {
                by_authrole.remove(authrole);
            }
        }
    }

    /// Lets no more in; those that are there are returned.
    pub(crate) fn close(&self, reason: &'static str) -> Vec<Arc<Peer>> {
        let _ = self.closed.set(reason);
        self.open.collect(|_| true)
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// How many there are whose authrole passes `wanted`.
    pub(crate) fn count_by_authrole(&self, mut wanted: impl FnMut(&str) -> bool) -> usize {
        let by_authrole = lock(&self.by_authrole);
        by_authrole.iter().filter(|(authrole, _)| wanted(authrole)).map(|(_, count)| count).sum()
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<Arc<Peer>> {
        self.open.get(id)
    }

    /// All that pass `wanted`, in no particular order.
    pub(crate) fn collect(&self, wanted: impl FnMut(&Peer) -> bool) -> Vec<Arc<Peer>> {
        self.open.collect(wanted)
    }

    /// Shows `each` all of them.
    pub(crate) fn for_each(&self, each: impl FnMut(&Arc<Peer>)) {
        self.open.for_each(each);
    }
}
