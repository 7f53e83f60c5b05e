//! The members of a subscription or registration: who joined, in order, and a list of them for readers.
//!
//! Of a million rosters nearly all have one member, so that one lies in the roster itself. A few are a list, which a
//! change makes anew; more are a [`Crowd`], in which a change costs the same however many they are. Which it is follows
//! from their number alone.

mod crowd;
mod list;
mod place;

use std::sync::{Arc, Mutex};

use crate::lock::lock;
use crowd::Crowd;
pub(crate) use list::List;
pub(crate) use place::Place;

/// Members in the order in which they joined.
///
/// Readers get an immutable list. That of a crowd is made by the first of them after a change, not by the change: a
/// crowd that joins one by one would otherwise copy it as many times, whereas now a copy never is more work than the
/// delivery it is made for.
#[derive(Debug)]
pub(crate) struct Roster<M> {
    inner: Mutex<Inner<M>>,
}

#[derive(Debug)]
struct Inner<M> {
    members: Members<M>,
    /// How many have joined, ever.
    joined: u64,
}

#[derive(Debug)]
enum Members<M> {
    /// At most [`FEW`].
    Few(List<M>),
    Many(Box<Crowd<M>>),
}

/// What can be on a roster.
pub(crate) trait Member {
    /// The place that it was made for.
    fn place(&self) -> Place;
}

/// So many members a list has whose copying is nothing against what else a change costs.
const FEW: usize = 4;

/// How many members are taken note of under one lock.
const SHOWN_AT_ONCE: usize = 1024;

impl<M> Default for Roster<M> {
    fn default() -> Self {
        Roster { inner: Mutex::new(Inner { members: Members::Few(List::None), joined: 0 }) }
    }
}

impl<M: Member> Roster<M> {
    /// Adds the member made for its place.
    pub(crate) fn join(&self, make: impl FnOnce(Place) -> Arc<M>) -> Arc<M> {
        let mut inner = lock(&self.inner);
        let member = make(Place::new(inner.joined));
        inner.joined += 1;
        inner.members.push(Arc::clone(&member));
        member
    }

    /// Removes the member at `place`; true if there was one.
    pub(crate) fn leave(&self, place: Place) -> bool {
        lock(&self.inner).members.remove(place)
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(lock(&self.inner).members, Members::Few(List::None))
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
        let (mut seen, mut some) = (None, Vec::with_capacity(SHOWN_AT_ONCE));
        loop {
            lock(&self.inner).members.copy_behind(seen, SHOWN_AT_ONCE, &mut some);
            let Some(last) = some.last() else { return };
            seen = Some(last.place());
            // Not under the lock, so that it is free for as long as it was held: those who wait for it do get it.
            some.drain(..).for_each(|member| each(&member));
        }
    }

    /// All members, in order.
    pub(crate) fn list(&self) -> List<M> {
        match &mut lock(&self.inner).members {
            Members::Few(list) => list.clone(),
            Members::Many(crowd) => crowd.list(),
        }
    }

    fn made_list(&self) -> Option<List<M>> {
        match &lock(&self.inner).members {
            Members::Few(list) => Some(list.clone()),
            Members::Many(crowd) => crowd.made_list(),
        }
    }
}

impl<M: Member> Members<M> {
    fn len(&self) -> usize {
        match self {
            Members::Few(list) => list.len(),
            Members::Many(crowd) => crowd.len(),
        }
    }

    fn push(&mut self, member: Arc<M>) {
        match self {
            Members::Few(list) if list.len() < FEW => *list = list.with(&member),
            Members::Few(list) => *self = Members::Many(Box::new(Crowd::of(list, member))),
            Members::Many(crowd) => crowd.push(member),
        }
    }

    fn remove(&mut self, place: Place) -> bool {
        match self {
            Members::Few(list) => list.without(place).map(|left| *list = left).is_some(),
            Members::Many(crowd) => {
                let left = crowd.remove(place);
                if crowd.len() <= FEW {
                    *self = Members::Few(crowd.list());
                }
                left
            }
        }
    }

    /// Adds up to `count` members behind the place `seen` to `some`.
    fn copy_behind(&self, seen: Option<Place>, count: usize, some: &mut Vec<Arc<M>>) {
        match self {
            Members::Few(list) => {
                some.extend(list.iter().filter(|member| Some(member.place()) > seen).cloned());
            }
            Members::Many(crowd) => some.extend(crowd.behind(seen).take(count).cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    impl Member for Place {
        fn place(&self) -> Place {
            *self
        }
    }

    fn shown(roster: &Roster<Place>) -> Vec<u64> {
        let mut seen = Vec::new();
        roster.for_each(|place| seen.push(place.number()));
        seen
    }

    fn listed(roster: &Roster<Place>) -> Vec<u64> {
        roster.list().iter().map(|place| place.number()).collect()
    }

    #[test]
    fn all_members_are_shown_in_the_order_in_which_they_joined() {
        let roster = Roster::default();
        let members = 3 * SHOWN_AT_ONCE as u64 + 5;
        for _ in 0..members {
            roster.join(Arc::new);
        }
        let leave = |place| roster.leave(Place::new(place));
        assert!(leave(0) && leave(SHOWN_AT_ONCE as u64) && !leave(0) && !leave(members));
        let seen = shown(&roster);
        assert_eq!(seen.len() as u64, members - 2);
        assert!(seen.is_sorted() && seen == listed(&roster) && seen == shown(&roster));
    }

    #[test]
    fn those_who_stay_are_shown_whoever_leaves_meanwhile() {
        let roster = Roster::default();
        let members = 2 * SHOWN_AT_ONCE as u64;
        for _ in 0..members {
            roster.join(Arc::new);
        }
        let mut seen = Vec::new();
        roster.for_each(|place| {
            seen.push(place.number());
            if place.number() == 0 {
                // All but the first and the last, so that the crowd becomes a few.
                (1..members - 1).for_each(|place| assert!(roster.leave(Place::new(place))));
            }
        });
        assert_eq!(seen.last(), Some(&(members - 1)));
        assert_eq!(shown(&roster), [0, members - 1]);
    }

    #[test]
    fn a_roster_of_one_member_is_small_and_has_its_list_for_nothing() {
        assert!(size_of::<Roster<Place>>() <= 40);
        let roster = Roster::default();
        let member = roster.join(Arc::new);
        let list = roster.list();
        assert!(matches!(&list, List::One(one) if Arc::ptr_eq(one, &member)));
    }

    proptest! {
        /// A roster has what a plain map by place has, whoever comes and goes.
        #[test]
        fn a_roster_agrees_with_its_plain_twin(
            crowd in 0..200_u64,
            steps in prop::collection::vec(prop_oneof![2 => Just(None), 5 => (0..250_u64).prop_map(Some)], 0..400),
        ) {
            let (roster, mut plain) = (Roster::default(), BTreeSet::new());
            let mut joined = 0;
            let joins = (0..crowd).map(|_| None);
            for (number, step) in joins.chain(steps).enumerate() {
                match step {
                    None => {
                        prop_assert_eq!(roster.join(Arc::new).number(), joined);
                        plain.insert(joined);
                        joined += 1;
                    }
                    Some(place) => prop_assert_eq!(roster.leave(Place::new(place)), plain.remove(&place)),
                }
                if number % 3 == 0 {
                    prop_assert_eq!(shown(&roster), plain.iter().copied().collect::<Vec<_>>());
                }
                if number % 5 == 0 {
                    prop_assert_eq!(listed(&roster), plain.iter().copied().collect::<Vec<_>>());
                }
                prop_assert_eq!((roster.len(), roster.is_empty()), (plain.len(), plain.is_empty()));
            }
        }
    }
}
