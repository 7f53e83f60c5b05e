//! The members of a subscription or registration: who joined, in order, and a list of them for readers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// Members in the order in which they joined.
///
/// Readers get an immutable list. It is made by the first of them after a change, not by the change: a crowd that joins
/// one by one would otherwise copy it as many times, whereas now a copy never is more work than the delivery it is
/// made for.
#[derive(Debug)]
pub(crate) struct Roster<M> {
    inner: Mutex<Inner<M>>,
}

#[derive(Debug)]
struct Inner<M> {
    members: BTreeMap<u64, Arc<M>>,
    next: u64,
    list: Option<Arc<[Arc<M>]>>,
}

/// A member's place, by which it leaves.
pub(crate) type Place = u64;

impl<M> Default for Roster<M> {
    fn default() -> Self {
        Roster { inner: Mutex::new(Inner { members: BTreeMap::new(), next: 0, list: None }) }
    }
}

impl<M> Roster<M> {
    /// Adds the member made for its place.
    pub(crate) fn join(&self, make: impl FnOnce(Place) -> Arc<M>) -> Arc<M> {
        let mut inner = lock(&self.inner);
        let place = inner.next;
        let member = make(place);
        inner.members.insert(place, Arc::clone(&member));
        inner.next += 1;
        inner.list = None;
        member
    }

    /// Removes the member at `place`; true if there was one.
    pub(crate) fn leave(&self, place: Place) -> bool {
        let mut inner = lock(&self.inner);
        let left = inner.members.remove(&place).is_some();
        if left {
            inner.list = None;
        }
        left
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.inner).members.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.inner).members.len()
    }

    pub(crate) fn list(&self) -> Arc<[Arc<M>]> {
        let mut inner = lock(&self.inner);
        if let Some(list) = &inner.list {
            return Arc::clone(list);
        }
        let list: Arc<[Arc<M>]> = inner.members.values().cloned().collect();
        inner.list = Some(Arc::clone(&list));
        list
    }
}
