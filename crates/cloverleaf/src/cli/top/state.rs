//! What `top` knows: rows and rates. Updates go in; nothing here asks, draws or looks at a clock.

use std::time::Duration;

use crate::cli::meta::{Described, Entry, Kind, SessionDetails};
use crate::cli::top::rates::{Rate, Rates};

/// How many rows a table holds. Beyond it the newest are kept and the others counted.
pub(crate) const ROWS_MAX: usize = 1000;

/// What the router told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Update {
    /// All there is. What was known before doesn't count any more.
    Listed(Box<Listing>),
    /// A meta event.
    Happened(Happening),
    /// A record that was looked at again, after something happened to it; `None`: it has gone.
    Looked(Kind, u64, Option<Described>),
    /// The sessions at a record.
    Members(Kind, u64, Vec<u64>),
    /// How many sessions there are.
    Counted(u64),
}

/// What a meta event tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Happening {
    Joined(SessionDetails),
    Left(u64),
    Created(Kind, Entry),
    /// A session subscribed or registered.
    Entered(Kind, u64),
    /// A session unsubscribed or unregistered.
    Exited(Kind, u64),
    Deleted(Kind, u64),
}

/// All there is at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Listing {
    pub(crate) sessions: Rows<SessionDetails>,
    pub(crate) subscriptions: Rows<Described>,
    pub(crate) registrations: Rows<Described>,
}

/// What has an id.
pub(crate) trait Row {
    fn id(&self) -> u64;
}

impl Row for SessionDetails {
    fn id(&self) -> u64 {
        SessionDetails::id(self)
    }
}

impl Row for Described {
    fn id(&self) -> u64 {
        self.entry.id()
    }
}

/// Rows in the order in which they came, at most [`ROWS_MAX`], and how many more there are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rows<T> {
    rows: Vec<T>,
    hidden: u64,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Rows { rows: Vec::new(), hidden: 0 }
    }
}

impl<T: Row> Rows<T> {
    pub(crate) const fn new(rows: Vec<T>, hidden: u64) -> Self {
        Rows { rows, hidden }
    }

    pub(crate) fn rows(&self) -> &[T] {
        &self.rows
    }

    /// How many there are, shown or not.
    pub(crate) fn total(&self) -> u64 {
        self.rows.len() as u64 + self.hidden
    }

    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        self.rows.iter().find(|row| row.id() == id)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.rows.iter_mut().rev().find(|row| row.id() == id)
    }

    /// Adds a row, unless it is there already. The oldest makes room.
    fn add(&mut self, row: T) {
        if self.get(row.id()).is_some() {
            return;
        }
        if self.rows.len() >= ROWS_MAX {
            self.rows.remove(0);
            self.hidden += 1;
        }
        self.rows.push(row);
    }

    /// Takes a row away; one that isn't shown must have been among the hidden ones.
    fn remove(&mut self, id: u64) {
        match self.rows.iter().position(|row| row.id() == id) {
            Some(place) => drop(self.rows.remove(place)),
            None => self.hidden = self.hidden.saturating_sub(1),
        }
    }
}

/// What `top` shows.
#[derive(Debug, Default)]
pub(crate) struct State {
    listing: Listing,
    rates: Rates,
    /// Those of the record that was asked about last.
    members: Option<(Kind, u64, Vec<u64>)>,
    /// How often in a row the router counted fewer sessions than are listed.
    doubts: u32,
}

impl State {
    pub(crate) fn new(listing: Listing) -> Self {
        State { listing, ..State::default() }
    }

    pub(crate) fn apply(&mut self, update: Update) {
        match update {
            Update::Listed(listing) => {
                self.listing = *listing;
                self.doubts = 0;
            }
            Update::Happened(happening) => {
                if let Some(rate) = Rate::of(&happening) {
                    self.rates.count(rate);
                }
                self.happened(happening);
            }
            Update::Looked(kind, id, described) => self.looked(kind, id, described),
            Update::Members(kind, id, members) => self.members = Some((kind, id, members)),
            Update::Counted(count) if count < self.listing.sessions.total() => self.doubts += 1,
            Update::Counted(_) => self.doubts = 0,
        }
    }

    /// An interval has passed.
    pub(crate) fn tick(&mut self, interval: Duration) {
        self.rates.tick(interval);
    }

    pub(crate) const fn sessions(&self) -> &Rows<SessionDetails> {
        &self.listing.sessions
    }

    pub(crate) const fn entries(&self, kind: Kind) -> &Rows<Described> {
        match kind {
            Kind::Subscription => &self.listing.subscriptions,
            Kind::Registration => &self.listing.registrations,
        }
    }

    /// Whether sessions have left without an event, as those do that `wamp.session.kill_all` ends. The router counts
    /// before it tells, so that once is no proof.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.doubts >= 2
    }

    pub(crate) const fn rates(&self) -> &Rates {
        &self.rates
    }

    /// The sessions at a record, if they are known.
    pub(crate) fn members(&self, kind: Kind, id: u64) -> Option<&[u64]> {
        let (of_kind, of_id, members) = self.members.as_ref()?;
        (*of_kind == kind && *of_id == id).then_some(members.as_slice())
    }

    fn entries_mut(&mut self, kind: Kind) -> &mut Rows<Described> {
        match kind {
            Kind::Subscription => &mut self.listing.subscriptions,
            Kind::Registration => &mut self.listing.registrations,
        }
    }

    fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Joined(session) => self.listing.sessions.add(session),
            Happening::Left(id) => self.listing.sessions.remove(id),
            Happening::Created(kind, entry) => {
                self.entries_mut(kind).add(Described { entry, members: Some(0) });
            }
            Happening::Entered(kind, id) => self.change_members(kind, id, |members| members + 1),
            Happening::Exited(kind, id) => self.change_members(kind, id, |members| members.saturating_sub(1)),
            Happening::Deleted(kind, id) => self.entries_mut(kind).remove(id),
        }
    }

    /// Events may have been in the listing already; what is counted wrongly is put right by the next look at it.
    fn change_members(&mut self, kind: Kind, id: u64, change: impl FnOnce(u64) -> u64) {
        if let Some(described) = self.entries_mut(kind).get_mut(id) {
            described.members = described.members.map(change);
        }
    }

    fn looked(&mut self, kind: Kind, id: u64, described: Option<Described>) {
        let rows = self.entries_mut(kind);
        let Some(described) = described else {
            if rows.get(id).is_some() {
                rows.remove(id);
            }
            return;
        };
        if let Some(row) = rows.get_mut(id) {
            *row = described;
        } else if rows.hidden == 0 {
            // Of those that are counted only it couldn't be told whether it is one.
            rows.add(described);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use wamp::Value;
    use wamp::value::Dict;

    use super::*;

    pub(crate) fn session(id: u64, authid: &str) -> SessionDetails {
        let transport = Dict::from([
            ("channel_framing", "websocket".into()),
            ("channel_serializer", "json".into()),
            ("peer", format!("tcp4:127.0.0.1:{id}").into()),
        ]);
        let dict = [
            ("session", Value::from(id)),
            ("authid", authid.into()),
            ("authrole", "user".into()),
            ("authmethod", "ticket".into()),
            ("transport", transport.into()),
        ];
        SessionDetails { dict: Dict::from(dict) }
    }

    pub(crate) fn entry(id: u64, uri: &str) -> Entry {
        let dict = [("id", Value::from(id)), ("match", "exact".into()), ("uri", uri.into())];
        Entry { dict: Dict::from(dict) }
    }

    pub(crate) fn described(id: u64, uri: &str, members: u64) -> Described {
        Described { entry: entry(id, uri), members: Some(members) }
    }

    fn ids<T: Row>(rows: &Rows<T>) -> Vec<u64> {
        rows.rows().iter().map(Row::id).collect()
    }

    fn happened(state: &mut State, happenings: impl IntoIterator<Item = Happening>) {
        for happening in happenings {
            state.apply(Update::Happened(happening));
        }
    }

    #[test]
    fn sessions_come_and_go() {
        let sessions = Rows::new(vec![session(1, "a"), session(2, "b")], 0);
        let mut state = State::new(Listing { sessions, ..Listing::default() });
        let again = Happening::Joined(session(2, "b"));
        happened(
            &mut state,
            [again, Happening::Joined(session(3, "c")), Happening::Left(1), Happening::Left(9)],
        );
        assert_eq!(ids(state.sessions()), [2, 3], "who was listed already is there once");
        assert_eq!(state.sessions().total(), 2);
    }

    #[test]
    fn members_are_counted_and_put_right() {
        use Kind::Subscription as Sub;
        let mut state = State::default();
        happened(
            &mut state,
            [Happening::Created(Sub, entry(7, "a")), Happening::Entered(Sub, 7), Happening::Entered(Sub, 7)],
        );
        assert_eq!(state.entries(Sub).rows(), [described(7, "a", 2)]);
        happened(&mut state, [Happening::Exited(Sub, 7)]);
        assert_eq!(state.entries(Sub).rows(), [described(7, "a", 1)]);
        state.apply(Update::Looked(Sub, 7, Some(described(7, "a", 5))));
        state.apply(Update::Looked(Sub, 8, Some(described(8, "b", 1))));
        assert_eq!(state.entries(Sub).rows(), [described(7, "a", 5), described(8, "b", 1)]);
        assert_eq!(state.entries(Kind::Registration).total(), 0);
        happened(&mut state, [Happening::Deleted(Sub, 7)]);
        assert_eq!(ids(state.entries(Sub)), [8]);
        state.apply(Update::Looked(Sub, 8, None));
        state.apply(Update::Looked(Sub, 9, None));
        assert_eq!(state.entries(Sub).total(), 0);
    }

    #[test]
    fn beyond_the_bound_the_newest_rows_are_kept_and_all_are_counted() {
        let many = (0..ROWS_MAX as u64).map(|id| session(id, "a")).collect();
        let mut state = State::new(Listing { sessions: Rows::new(many, 50), ..Listing::default() });
        assert_eq!(state.sessions().total(), 1050);
        happened(&mut state, [Happening::Joined(session(5000, "new"))]);
        let shown = ids(state.sessions());
        assert_eq!((shown.len(), shown.first(), shown.last()), (ROWS_MAX, Some(&1), Some(&5000)));
        assert_eq!(state.sessions().total(), 1051);
        happened(&mut state, [Happening::Left(0), Happening::Left(5000)]);
        assert_eq!(state.sessions().total(), 1049);
        assert_eq!(ids(state.sessions()).len(), ROWS_MAX - 1);
    }

    #[test]
    fn hidden_records_stay_hidden_when_something_happens_to_them() {
        let listing =
            Listing { subscriptions: Rows::new(vec![described(1, "a", 1)], 3), ..Listing::default() };
        let mut state = State::new(listing);
        happened(&mut state, [Happening::Entered(Kind::Subscription, 2)]);
        state.apply(Update::Looked(Kind::Subscription, 2, Some(described(2, "b", 1))));
        assert_eq!(
            (ids(state.entries(Kind::Subscription)), state.entries(Kind::Subscription).total()),
            (vec![1], 4)
        );
    }

    #[test]
    fn sessions_that_leave_without_an_event_are_doubted_when_they_are_missed_twice() {
        let sessions = || Rows::new(vec![session(1, "a"), session(2, "b")], 0);
        let mut state = State::new(Listing { sessions: sessions(), ..Listing::default() });
        for (count, is_doubtful) in [(1, false), (2, false), (1, false), (1, true), (0, true)] {
            state.apply(Update::Counted(count));
            assert_eq!(state.is_doubtful(), is_doubtful);
        }
        state.apply(Update::Listed(Box::new(Listing { sessions: sessions(), ..Listing::default() })));
        assert!(!state.is_doubtful());
    }

    #[test]
    fn a_new_listing_replaces_what_was_known() {
        let mut state =
            State::new(Listing { sessions: Rows::new(vec![session(1, "a")], 4), ..Listing::default() });
        let sessions = Rows::new(vec![session(2, "b")], 0);
        state.apply(Update::Listed(Box::new(Listing { sessions, ..Listing::default() })));
        assert_eq!((ids(state.sessions()), state.sessions().total()), (vec![2], 1));
    }
}
