//! Publications of one turn to one topic, given to each receiver together.
//!
//! A publisher that is fast sends many publications in a row to the same topic. Each is encoded when it is handled, behind
//! the one before it; the receivers come later, once: for all of them together a receiver costs one look at its filter,
//! one lock and one copy. [`Turn::flush`] hands them out, and whatever else happens in the turn comes after that, so that
//! nothing changes its place: not for a receiver, and not for whoever hears from the publisher later.
//!
//! What doesn't fit in goes the plain way, [`Target::deliver`]: large events, which are shared instead of copied, and
//! publications with receivers of their own, or to several subscriptions, or to be kept.
//!
//! A session that is killed from elsewhere in the middle of its input has published what is in the burst: its receivers get
//! it when its task's turn is flushed, which may be after they were told of its end.
//!
//! *Invariant*: a burst is of one route, which is found anew for each publication, so that a subscription that came
//! before a publication is in the route that its burst has.

use std::sync::Arc;

use wamp::SessionId;
use wamp::message::Event;

use super::{Membership, Route, Target, frames};
use crate::identity::Format;
use crate::outbox::Frame;
use crate::worker::Turn;

/// An event with a longer payload, in bytes, goes the plain way. (Measured with 10 receivers: with 1 KiB a burst takes 0.72 of
/// what references take, with 2 KiB 0.89, with 4 KiB as much, and copies take memory for each receiver.)
pub(super) const PAYLOAD_BYTES_MAX: usize = 2048;
/// A burst with more bytes than this is handed out.
const BYTES_MAX: usize = 32 << 10;
/// So many deliveries in a burst take about as long as one receiver does.
const DELIVERIES_PER_RECEIVER: usize = 4;
/// So many bytes are copied in the time of one unit of work.
const COPIED_PER_WORK: usize = 512;
/// So many bytes are compressed in that time.
const COMPRESSED_PER_WORK: usize = 4;
/// Buffers for so many formats stay.
const RUNS_KEPT: usize = 4;

/// See the module. It belongs to a thread, and is empty between turns.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    route: Option<Arc<Route>>,
    /// The session that receives none of it.
    hidden_from: Option<SessionId>,
    /// The events once for each format among the receivers; those behind `formats` only keep their buffers.
    runs: Vec<Run>,
    formats: usize,
}

/// What an event came to: the length of the longest message, and the work of encoding it in all formats.
struct Added {
    message_len: usize,
    encoding_work: usize,
}

/// Events in one format, one frame behind the other.
#[derive(Debug)]
struct Run {
    format: Format,
    frames: Vec<u8>,
    /// Where each frame ends, and the length of the message in it.
    ends: Vec<(usize, usize)>,
    message_len_max: usize,
}

/// Adds an event that all members of the route's only target receive, but for one session.
pub(super) fn add(
    route: &Arc<Route>,
    target: &Target,
    event: &Event<'_>,
    hidden_from: Option<SessionId>,
    turn: &mut Turn<'_>,
) {
    let receivers = target.members.len();
    if !turn.worker.burst.takes(route, hidden_from) {
        turn.flush();
        turn.spend(receivers);
        turn.worker.burst.begin(route, target, hidden_from);
    }
    let Added { message_len, encoding_work } = turn.worker.burst.add(event);
    turn.spend(
        encoding_work + receivers / DELIVERIES_PER_RECEIVER + receivers * message_len / COPIED_PER_WORK,
    );
}

/// Hands out what there is.
pub(crate) fn flush(turn: &mut Turn<'_>) {
    let Some(route) = turn.worker.burst.route.take() else { return };
    // Lent for as long as the turn is needed beside it.
    let mut burst = std::mem::take(&mut turn.worker.burst);
    for membership in route.targets.iter().flat_map(|target| target.members.iter()) {
        let peer = &membership.peer;
        if burst.hidden_from == Some(peer.id) || !membership.may_receive(&route.topic) {
            continue;
        }
        if let Some(run) = burst.run(peer.format) {
            run.send(membership, turn);
        }
    }
    burst.runs.truncate(RUNS_KEPT);
    turn.worker.burst = burst;
}

impl Burst {
    /// Whether a publication on this route, hidden from this session, can come behind what is there.
    fn takes(&self, route: &Arc<Route>, hidden_from: Option<SessionId>) -> bool {
        let is_same = self.route.as_ref().is_some_and(|current| Arc::ptr_eq(current, route));
        let bytes = self.runs.iter().take(self.formats).map(|run| run.frames.len()).max();
        is_same && self.hidden_from == hidden_from && bytes.is_some_and(|bytes| bytes < BYTES_MAX)
    }

    fn begin(&mut self, route: &Arc<Route>, target: &Target, hidden_from: Option<SessionId>) {
        self.route = Some(Arc::clone(route));
        self.hidden_from = hidden_from;
        self.formats = target.formats.len();
        for (index, &format) in target.formats.iter().enumerate() {
            match self.runs.get_mut(index) {
                Some(run) => run.restart(format),
                None => self.runs.push(Run::new(format)),
            }
        }
    }

    fn add(&mut self, event: &Event<'_>) -> Added {
        let mut added = Added { message_len: 0, encoding_work: 1 };
        for run in self.runs.iter_mut().take(self.formats) {
            let message_len = run.add(event);
            added.message_len = added.message_len.max(message_len);
            added.encoding_work += 1;
            if run.format.framing.is_compressed() {
                added.encoding_work += message_len / COMPRESSED_PER_WORK;
            }
        }
        added
    }

    /// The route of what is there.
    pub(super) fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    fn run(&self, format: Format) -> Option<&Run> {
        self.runs.iter().take(self.formats).find(|run| run.format == format)
    }
}

impl Run {
    fn new(format: Format) -> Self {
        Run { format, frames: Vec::new(), ends: Vec::new(), message_len_max: 0 }
    }

    fn restart(&mut self, format: Format) {
        self.format = format;
        self.frames.clear();
        self.ends.clear();
        self.message_len_max = 0;
    }

    fn add(&mut self, event: &Event<'_>) -> usize {
        // Nothing of an event is left that could not be encoded to its end.
        self.frames.truncate(self.end());
        let message_len = frames::encode(event, self.format, &mut self.frames);
        self.ends.push((self.frames.len(), message_len));
        self.message_len_max = self.message_len_max.max(message_len);
        message_len
    }

    /// Where the last frame ends.
    fn end(&self) -> usize {
        self.ends.last().map_or(0, |(end, _)| *end)
    }

    fn send(&self, membership: &Membership, turn: &mut Turn<'_>) {
        let Membership { peer, active, .. } = membership;
        let message_len_max = peer.message_bytes_max.min(peer.format.framing.max_body());
        if self.message_len_max <= message_len_max {
            peer.push_events(
                active,
                &Frame::Copied(self.frames.get(..self.end()).unwrap_or_default()),
                self.ends.len() as u64,
                turn,
            );
            return;
        }
        for (frame, message_len) in self.each() {
            if message_len > message_len_max {
                peer.drop_event();
            } else {
                peer.push_events(active, &Frame::Copied(frame), 1, turn);
            }
        }
    }

    /// Each frame, with the length of the message in it.
    fn each(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let mut begin = 0;
        self.ends.iter().map(move |&(end, message_len)| {
            let frame = self.frames.get(begin..end).unwrap_or_default();
            begin = end;
            (frame, message_len)
        })
    }
}
