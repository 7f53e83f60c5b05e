//! An immutable list of members.

use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use super::{Member, Place};

/// Members in the order in which they joined. To copy it is cheap; that of one member takes no memory besides it.
#[derive(Debug)]
pub(crate) enum List<M> {
    None,
    One(Arc<M>),
    Several(Arc<[Arc<M>]>),
}

impl<M> List<M> {
    /// The members of both.
    fn of(some: &[Arc<M>], others: &[Arc<M>]) -> Self {
        match (some, others) {
            ([], []) => List::None,
            ([one], []) | ([], [one]) => List::One(Arc::clone(one)),
            _ => List::Several(some.iter().chain(others).cloned().collect()),
        }
    }

    /// Whether it surely has the same members as another list.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (List::None, List::None) => true,
            (List::One(member), List::One(other)) => Arc::ptr_eq(member, other),
            (List::Several(members), List::Several(others)) => Arc::ptr_eq(members, others),
            _ => false,
        }
    }

    /// The same, and one more member at the end.
    pub(super) fn with(&self, member: &Arc<M>) -> Self {
        List::of(self, slice::from_ref(member))
    }
}

impl<M: Member> List<M> {
    /// The others, if there is a member at `place`.
    pub(super) fn without(&self, place: Place) -> Option<Self> {
        let at = self.iter().position(|member| member.place() == place)?;
        Some(List::of(&self[..at], &self[at + 1..]))
    }
}

impl<M> From<Vec<Arc<M>>> for List<M> {
    fn from(members: Vec<Arc<M>>) -> Self {
        if members.len() < 2 { List::of(&members, &[]) } else { List::Several(members.into()) }
    }
}

impl<M> Clone for List<M> {
    fn clone(&self) -> Self {
        match self {
            List::None => List::None,
            List::One(member) => List::One(Arc::clone(member)),
            List::Several(members) => List::Several(Arc::clone(members)),
        }
    }
}

impl<M> Deref for List<M> {
    type Target = [Arc<M>];

    fn deref(&self) -> &[Arc<M>] {
        match self {
            List::None => &[],
            List::One(member) => slice::from_ref(member),
            List::Several(members) => members,
        }
    }
}
