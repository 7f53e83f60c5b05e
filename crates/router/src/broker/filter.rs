//! Who of the subscribers receives a publication.
//!
//! Spec: advanced profile, "Subscriber Black- and Whitelisting", "Publisher Exclusion" (BWL-01 to BWL-11, PEX-01 to
//! PEX-04).

use std::borrow::Cow;
use std::collections::HashSet;

use wamp::SessionId;
use wamp::message::Receivers;

use crate::peer::Peer;

/// Lists longer than this are turned into sets, once per publication.
const SCAN_MAX: usize = 16;

/// Bytes of an entry of a list or set, besides those of a text.
const ENTRY_BYTES: usize = 32;

/// The conditions of one publication; all must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter<'a> {
    publisher: Option<SessionId>,
    lists: Option<Box<Lists<'a>>>,
}

#[derive(Debug, Clone)]
struct Lists<'a> {
    exclude: Option<OneOf<u64>>,
    exclude_authid: Option<OneOf<Cow<'a, str>>>,
    exclude_authrole: Option<OneOf<Cow<'a, str>>>,
    eligible: Option<OneOf<u64>>,
    eligible_authid: Option<OneOf<Cow<'a, str>>>,
    eligible_authrole: Option<OneOf<Cow<'a, str>>>,
}

#[derive(Debug, Clone)]
enum OneOf<T> {
    Few(Vec<T>),
    Many(HashSet<T>),
}

impl<T: Eq + std::hash::Hash> OneOf<T> {
    fn new(list: Vec<T>) -> Self {
        if list.len() <= SCAN_MAX { OneOf::Few(list) } else { OneOf::Many(list.into_iter().collect()) }
    }
}

impl<T> OneOf<T> {
    fn bytes(&self, one: impl Fn(&T) -> usize) -> usize {
        match self {
            OneOf::Few(list) => list.iter().map(one).sum(),
            OneOf::Many(set) => set.iter().map(one).sum(),
        }
    }
}

impl OneOf<u64> {
    fn contains(&self, id: SessionId) -> bool {
        match self {
            OneOf::Few(list) => list.contains(&id.value()),
            OneOf::Many(set) => set.contains(&id.value()),
        }
    }
}

impl OneOf<Cow<'_, str>> {
    fn contains(&self, text: &str) -> bool {
        match self {
            OneOf::Few(list) => list.iter().any(|one| one == text),
            OneOf::Many(set) => set.contains(text),
        }
    }

    fn into_owned(self) -> OneOf<Cow<'static, str>> {
        fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        match self {
            OneOf::Few(list) => OneOf::Few(list.into_iter().map(owned).collect()),
            OneOf::Many(set) => OneOf::Many(set.into_iter().map(owned).collect()),
        }
    }
}

impl<'a> Filter<'a> {
    /// `publisher`: the session that must not receive its own event.
    pub(crate) fn new(publisher: Option<SessionId>, receivers: Option<Box<Receivers<'a>>>) -> Self {
        let lists = receivers.map(|receivers| {
            let receivers = *receivers;
            Box::new(Lists {
                exclude: receivers.exclude.map(OneOf::new),
                exclude_authid: receivers.exclude_authid.map(OneOf::new),
                exclude_authrole: receivers.exclude_authrole.map(OneOf::new),
                eligible: receivers.eligible.map(OneOf::new),
                eligible_authid: receivers.eligible_authid.map(OneOf::new),
                eligible_authrole: receivers.eligible_authrole.map(OneOf::new),
            })
        });
        Filter { publisher, lists }
    }

    /// Whether some subscribers may be left out other than the publisher.
    pub(crate) fn is_restricted(&self) -> bool {
        self.lists.is_some()
    }

    /// Whether it names sessions by their ids, which mean nothing once the router was started anew.
    pub(crate) fn names_sessions(&self) -> bool {
        self.lists.as_ref().is_some_and(|lists| lists.exclude.is_some() || lists.eligible.is_some())
    }

    /// Whether `peer` receives it.
    pub(crate) fn admits(&self, peer: &Peer) -> bool {
        self.publisher != Some(peer.id) && self.lists.as_ref().is_none_or(|lists| lists.admit(peer))
    }

    /// An estimate of the memory that its lists take.
    pub(crate) fn bytes(&self) -> usize {
        self.lists.as_ref().map_or(0, |lists| lists.bytes())
    }

    /// The same, independent of the message it was read from.
    pub(crate) fn into_owned(self) -> Filter<'static> {
        let lists = self.lists.map(|lists| {
            let lists = *lists;
            Box::new(Lists {
                exclude: lists.exclude,
                exclude_authid: lists.exclude_authid.map(OneOf::into_owned),
                exclude_authrole: lists.exclude_authrole.map(OneOf::into_owned),
                eligible: lists.eligible,
                eligible_authid: lists.eligible_authid.map(OneOf::into_owned),
                eligible_authrole: lists.eligible_authrole.map(OneOf::into_owned),
            })
        });
        Filter { publisher: self.publisher, lists }
    }
}

impl Lists<'_> {
    fn bytes(&self) -> usize {
        let ids = [&self.exclude, &self.eligible];
        let ids = ids.into_iter().flatten().map(|list| list.bytes(|_| ENTRY_BYTES));
        let texts =
            [&self.exclude_authid, &self.exclude_authrole, &self.eligible_authid, &self.eligible_authrole];
        let texts = texts.into_iter().flatten().map(|list| list.bytes(|text| ENTRY_BYTES + text.len()));
        size_of::<Self>() + ids.chain(texts).sum::<usize>()
    }

    fn admit(&self, peer: &Peer) -> bool {
        let (authid, authrole) = (&*peer.identity.authid, &*peer.identity.authrole);
        self.eligible.as_ref().is_none_or(|list| list.contains(peer.id))
            && self.eligible_authid.as_ref().is_none_or(|list| list.contains(authid))
            && self.eligible_authrole.as_ref().is_none_or(|list| list.contains(authrole))
            && !self.exclude.as_ref().is_some_and(|list| list.contains(peer.id))
            && !self.exclude_authid.as_ref().is_some_and(|list| list.contains(authid))
            && !self.exclude_authrole.as_ref().is_some_and(|list| list.contains(authrole))
    }
}
