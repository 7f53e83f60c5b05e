//! Many members: in blocks, so that whoever leaves has no more than one block moved, and once in a while the row of
//! blocks, which is half a megabyte for a million members.
//!
//! *Invariant*: blocks and the members in them are in the order of their places; no block is empty, and two neighbours
//! have more than half a block of members together. So a member takes some ten bytes where nobody has left, and never
//! more than a few times that.

use std::sync::Arc;

use super::{List, Member, Place};

/// The members of a full block.
const BLOCK: usize = 64;
/// By so many members a block grows: it is moved as many times as it has steps, and wastes less than one.
const STEP: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Crowd<M> {
    blocks: Vec<Block<M>>,
    len: usize,
    /// All of them, once a reader wanted to know.
    list: Option<Arc<[Arc<M>]>>,
}

#[derive(Debug)]
struct Block<M> {
    /// No member of this block has a lower place, and none of an earlier block one as high.
    first: Place,
    members: Vec<Arc<M>>,
}

impl<M: Member> Crowd<M> {
    /// Those of a list, and one that joins them.
    pub(super) fn of(list: &[Arc<M>], member: Arc<M>) -> Self {
        let mut crowd = Crowd { blocks: Vec::with_capacity(1), len: 0, list: None };
        list.iter().cloned().for_each(|member| crowd.push(member));
        crowd.push(member);
        crowd
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds one that joined behind all others.
    pub(super) fn push(&mut self, member: Arc<M>) {
        match self.blocks.last_mut() {
            Some(block) if block.members.len() < BLOCK => block.push(member),
            _ => {
                let mut block = Block { first: member.place(), members: Vec::new() };
                block.push(member);
                self.blocks.push(block);
            }
        }
        self.len += 1;
        self.list = None;
    }

    /// Removes the member at `place`; true if there was one.
    pub(super) fn remove(&mut self, place: Place) -> bool {
        let Some(at) = self.block_of(place) else { return false };
        let block = &mut self.blocks[at];
        let Ok(index) = block.members.binary_search_by_key(&place, |member| member.place()) else {
            return false;
        };
        block.members.remove(index);
        block.shrink();
        self.join_neighbours(at);
        self.len -= 1;
        self.list = None;
        true
    }

    /// The members behind a place, or all of them.
    pub(super) fn behind(&self, place: Option<Place>) -> impl Iterator<Item = &Arc<M>> {
        let at = place.and_then(|place| self.block_of(place)).unwrap_or(0);
        let members = self.blocks[at..].iter().flat_map(|block| &block.members);
        members.skip_while(move |member| Some(member.place()) <= place)
    }

    pub(super) fn list(&mut self) -> List<M> {
        if self.list.is_none() {
            let mut members = Vec::with_capacity(self.len);
            self.blocks.iter().for_each(|block| members.extend_from_slice(&block.members));
            self.list = Some(members.into());
        }
        self.made_list().unwrap_or(List::None)
    }

    pub(super) fn made_list(&self) -> Option<List<M>> {
        self.list.clone().map(List::Several)
    }

    /// The block in which the member at `place` is, if it is there at all.
    fn block_of(&self, place: Place) -> Option<usize> {
        self.blocks.partition_point(|block| block.first <= place).checked_sub(1)
    }

    /// Makes one of a block that has lost a member and each neighbour that it has become small enough for.
    fn join_neighbours(&mut self, at: usize) {
        for before in [at, at.wrapping_sub(1)] {
            let Some([block, next]) = self.blocks.get_mut(before..).and_then(|rest| rest.first_chunk_mut())
            else {
                continue;
            };
            let is_one_empty = block.members.is_empty() || next.members.is_empty();
            if is_one_empty || block.members.len() + next.members.len() <= BLOCK / 2 {
                block.members.append(&mut next.members);
                self.blocks.remove(before + 1);
            }
        }
    }
}

impl<M> Block<M> {
    fn push(&mut self, member: Arc<M>) {
        if self.members.len() == self.members.capacity() {
            self.members.reserve_exact(STEP);
        }
        self.members.push(member);
    }

    /// Gives memory back once half of it is of no use.
    fn shrink(&mut self) {
        if self.members.len() + STEP <= self.members.capacity() / 2 {
            self.members.shrink_to(self.members.len() + STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(members: u64) -> Crowd<Place> {
        let mut crowd = Crowd::of(&[], Arc::new(Place::new(0)));
        (1..members).for_each(|place| crowd.push(Arc::new(Place::new(place))));
        crowd
    }

    /// The members that there is room for; the invariants of the module hold.
    fn capacity(crowd: &Crowd<Place>) -> usize {
        let sizes: Vec<usize> = crowd.blocks.iter().map(|block| block.members.len()).collect();
        assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
        assert!(sizes.windows(2).all(|pair| pair[0] + pair[1] > BLOCK / 2), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), crowd.len());
        crowd.blocks.iter().map(|block| block.members.capacity()).sum()
    }

    #[test]
    fn a_crowd_has_room_for_little_more_than_its_members() {
        for members in [5, 20, 1000] {
            assert!(capacity(&crowd(members)) < members as usize + STEP);
        }
        assert!(size_of::<Crowd<Place>>() <= 48 && size_of::<Block<Place>>() <= 32);
    }

    #[test]
    fn what_leaves_is_given_back_from_wherever_it_leaves() {
        let members = 10_000;
        let from_the_front = |left: &u64| *left;
        let from_the_back = |left: &u64| members - 1 - left;
        // A step that reaches all places, far apart.
        let from_all_over = |left: &u64| left * 7_919 % members;
        for order in [&from_the_front as &dyn Fn(&u64) -> u64, &from_the_back, &from_all_over] {
            let mut crowd = crowd(members);
            for left in 0..members - 100 {
                assert!(crowd.remove(Place::new(order(&left))));
                if left % 100 == 0 {
                    assert!(capacity(&crowd) <= 4 * crowd.len() + BLOCK);
                }
            }
            assert!(capacity(&crowd) <= 4 * 100 && crowd.blocks.len() <= 100 / (BLOCK / 4) + 1);
        }
    }
}
