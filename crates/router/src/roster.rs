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

/// How many members are taken note of under one lock.
const SHOWN_AT_ONCE: usize = 1024;

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

    /// Shows `each` all members that are there all the while, in order. Where there is no list it makes none: that would
    /// keep whoever joins or leaves waiting, and be thrown away by them.
    pub(crate) fn for_each(&self, mut each: impl FnMut(&Arc<M>)) {
        if let Some(list) = self.made_list() {
            return list.iter().for_each(each);
        }
        let (mut from, mut some) = (0, Vec::with_capacity(SHOWN_AT_ONCE));
        loop {
            some.extend(
                lock(&self.inner)
                    .members
                    .range(from..)
                    .take(SHOWN_AT_ONCE)
                    .map(|(place, member)| (*place, Arc::clone(member))),
            );
            let Some((last, _)) = some.last() else { return };
            from = last + 1;
            // Not under the lock, so that it is free for as long as it was held: those who wait for it do get it.
            some.drain(..).for_each(|(_, member)| each(&member));
        }
    }

    fn made_list(&self) -> Option<Arc<[Arc<M>]>> {
        lock(&self.inner).list.clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_members_are_shown_in_the_order_in_which_they_joined() {
        let roster = Roster::default();
        let members = 3 * SHOWN_AT_ONCE as u64 + 5;
        for _ in 0..members {
            roster.join(Arc::new);
        }
        assert!(roster.leave(0) && roster.leave(SHOWN_AT_ONCE as u64) && !roster.leave(members));
        let (mut seen, mut seen_again) = (Vec::new(), Vec::new());
        roster.for_each(|place| seen.push(**place));
        let listed: Vec<u64> = roster.list().iter().map(|place| **place).collect();
        assert_eq!(seen.len() as u64, members - 2);
        roster.for_each(|place| seen_again.push(**place));
        assert!(seen.is_sorted() && seen == listed && seen == seen_again);
    }
}
