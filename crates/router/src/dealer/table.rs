//! The two tables of calls in a mailbox: what a session called, and what it was called for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use wamp::id::ID_MAX;
use wamp::message::Passthru;
use wamp::role::Features;
use wamp::{Payload, RequestId, Serializer};

use super::registration::{Callee, Registration};
use crate::peer::Peer;
use crate::roster::Place;
use crate::time::Millis;

/// A call, as its caller made it. Two are the same if they are the same object: request ids recur.
#[derive(Debug)]
pub(crate) struct Call {
    pub(super) caller: Arc<Peer>,
    pub(super) request: RequestId,
    pub(super) registration: Arc<Registration>,
    /// The procedure called, where the registration is a pattern.
    pub(super) procedure: Option<Box<str>>,
    pub(super) receive_progress: bool,
    /// What a callee must have announced to be asked for progressive results.
    pub(super) streams_need: Features,
    /// The first of several CALLs.
    pub(super) progressive: bool,
    pub(super) disclose: bool,
    pub(super) trustlevel: Option<u64>,
    /// Milliseconds; `None` for no limit.
    pub(super) timeout: Option<u64>,
    /// When they are over, from the CALL on.
    pub(super) due: Option<Millis>,
    /// The realm lets callees see to timeouts themselves.
    pub(super) may_forward_timeout: bool,
    /// What follows the first CALL has to be as declared too.
    pub(super) validate: bool,
    pub(super) passthru: Passthru<'static>,
}

/// A call in its caller's table: not finally answered yet.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) call: Arc<Call>,
    /// Who works at it, once that is known; `None` while it is on its way to a callee or waits in a queue.
    pub(super) assigned: Option<Assigned>,
    pub(super) deadline: Option<Millis>,
    /// The caller sent CANCEL with mode `kill`.
    pub(super) killing: bool,
    /// Some result went to the caller already, or some continuation to the callee.
    pub(super) progressed: bool,
    /// The caller said that more CALLs follow.
    pub(super) open: bool,
    /// What is needed to ask another callee.
    pub(super) reroute: Option<Box<Reroute>>,
}

impl Entry {
    /// How many callees handed the call back.
    pub(super) fn attempts(&self) -> usize {
        self.reroute.as_ref().map_or(0, |reroute| reroute.tried.len())
    }

    fn kept(&self) -> usize {
        self.reroute.as_ref().map_or(0, |reroute| reroute.payload.len())
    }
}

#[derive(Debug, Clone)]
pub(super) struct Assigned {
    pub(super) callee: Arc<Callee>,
    pub(super) invocation: RequestId,
}

#[derive(Debug, Clone)]
pub(super) struct Reroute {
    pub(super) payload: KeptPayload,
    pub(super) tried: Vec<Place>,
}

/// A payload that outlives the message it came in.
#[derive(Debug, Clone)]
pub(super) struct KeptPayload {
    serializer: Serializer,
    elements: u8,
    bytes: Bytes,
}

impl KeptPayload {
    pub(super) fn new(payload: &Payload<'_>) -> Self {
        KeptPayload {
            serializer: payload.serializer(),
            elements: u8::try_from(payload.elements()).unwrap_or(0),
            bytes: Bytes::copy_from_slice(payload.bytes()),
        }
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn borrow(&self) -> Payload<'_> {
        Payload::from_validated(self.serializer, self.elements, &self.bytes)
    }
}

/// The calls of one session.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    table: Option<Box<CallTable>>,
    /// Invocations for this session that it gave up and that their callees have not answered. Their ends are counted as
    /// they come, so one may be counted before its beginning: below zero for a moment.
    abandoned: isize,
}

#[derive(Debug, Default)]
struct CallTable {
    entries: HashMap<RequestId, Entry, RandomState>,
    /// When to look at which call. Answered calls stay here until their time or the next clean-up, and calls whose
    /// deadline moved are found too early and put back.
    deadlines: BinaryHeap<Reverse<(Millis, RequestId)>>,
    /// Payload bytes kept for another callee, in all entries.
    kept: usize,
}

impl Calls {
    /// What the session makes others hold for it: calls that are not answered, and those it gave up.
    pub(super) fn burden(&self) -> usize {
        let pending = self.table.as_ref().map_or(0, |table| table.entries.len());
        pending.saturating_add_signed(self.abandoned)
    }

    /// Payload bytes that are kept for another callee.
    pub(super) fn kept(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.kept)
    }

    /// Counts an invocation that was given up (1), or the end of one (-1).
    pub(super) fn count_abandoned(&mut self, change: isize) {
        self.abandoned += change;
    }

    pub(crate) fn contains(&self, request: RequestId) -> bool {
        self.find(request).is_some()
    }

    pub(super) fn find(&self, request: RequestId) -> Option<&Entry> {
        self.table.as_ref()?.entries.get(&request)
    }

    pub(super) fn find_mut(&mut self, request: RequestId) -> Option<&mut Entry> {
        self.table.as_mut()?.entries.get_mut(&request)
    }

    /// The entry of this very call.
    pub(super) fn entry(&mut self, call: &Arc<Call>) -> Option<&mut Entry> {
        self.find_mut(call.request).filter(|entry| Arc::ptr_eq(&entry.call, call))
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let table = self.table.get_or_insert_default();
        let deadline = entry.deadline.map(|deadline| Reverse((deadline, entry.call.request)));
        table.kept += entry.kept();
        table.entries.insert(entry.call.request, entry);
        table.deadlines.extend(deadline);
        // Calls that were answered in time leave their deadlines behind: clean up when these outnumber the rest.
        if table.deadlines.len() > 64 + 4 * table.entries.len() {
            let of = |entry: &Entry| entry.deadline.map(|deadline| Reverse((deadline, entry.call.request)));
            table.deadlines = table.entries.values().filter_map(of).collect();
        }
    }

    /// Looks after the deadline of a call again, whose callee had seen to it.
    pub(super) fn restore_deadline(&mut self, call: &Arc<Call>, due: Millis) {
        let Some(entry) = self.entry(call) else { return };
        entry.deadline = Some(due);
        if let Some(table) = &mut self.table {
            table.deadlines.push(Reverse((due, call.request)));
        }
    }

    /// Removes this very call. Whoever gets it has to answer it, under the same lock.
    pub(super) fn remove(&mut self, call: &Arc<Call>) -> Option<Entry> {
        self.entry(call)?;
        self.remove_request(call.request)
    }

    pub(super) fn remove_request(&mut self, request: RequestId) -> Option<Entry> {
        let table = self.table.as_mut()?;
        let entry = table.entries.remove(&request)?;
        table.kept -= entry.kept();
        if table.entries.is_empty() && table.deadlines.is_empty() && table.entries.capacity() > 256 {
            self.table = None;
        }
        Some(entry)
    }

    /// Removes all of them.
    pub(super) fn take(&mut self) -> Vec<Entry> {
        self.table.take().map(|table| table.entries.into_values().collect()).unwrap_or_default()
    }

    /// When to look again.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.table.as_ref()?.deadlines.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// Some call whose time is up, if there is one.
    pub(super) fn expired(&mut self, now: Millis) -> Option<RequestId> {
        let table = self.table.as_mut()?;
        while let Some(Reverse((at, request))) = table.deadlines.peek().copied() {
            if at > now {
                return None;
            }
            table.deadlines.pop();
            match table.entries.get(&request).and_then(|entry| entry.deadline) {
                Some(deadline) if deadline <= now => return Some(request),
                Some(deadline) if deadline > at => table.deadlines.push(Reverse((deadline, request))),
                _ => {}
            }
        }
        None
    }
}

/// What a callee works at.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) call: Arc<Call>,
    pub(super) callee: Arc<Callee>,
    /// Nobody waits for the answer any more.
    pub(super) abandoned: bool,
}

/// The invocations of one session, and the number of its last one (IDS-04, PVI-13).
#[derive(Debug, Default)]
pub(crate) struct Invocations {
    entries: Option<Box<HashMap<RequestId, Invocation, RandomState>>>,
    last: u64,
    wrapped: bool,
}

impl Invocations {
    pub(super) fn len(&self) -> usize {
        self.entries.as_ref().map_or(0, |entries| entries.len())
    }

    /// The id of the next invocation; it is only used up by [`Invocations::insert`].
    pub(super) fn next(&self) -> RequestId {
        RequestId::new(self.last).map_or(RequestId::FIRST, RequestId::next)
    }

    pub(super) fn insert(&mut self, id: RequestId, invocation: Invocation) {
        self.wrapped |= id.value() < self.last || id.value() == ID_MAX;
        self.last = id.value();
        self.entries.get_or_insert_default().insert(id, invocation);
    }

    pub(super) fn find(&self, id: RequestId) -> Option<&Invocation> {
        self.entries.as_ref()?.get(&id)
    }

    pub(super) fn find_mut(&mut self, id: RequestId) -> Option<&mut Invocation> {
        self.entries.as_mut()?.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Invocation> {
        self.entries.as_mut()?.remove(&id)
    }

    /// Whether an invocation with this id was ever sent.
    pub(super) fn was_issued(&self, id: RequestId) -> bool {
        self.wrapped || id.value() <= self.last
    }

    pub(super) fn take(&mut self) -> Vec<(RequestId, Invocation)> {
        self.entries.take().map(|entries| entries.into_iter().collect()).unwrap_or_default()
    }
}
