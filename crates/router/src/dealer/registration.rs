//! A registration: what is registered, who answers, and which of them is next.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use wamp::message::{InvocationPolicy, RegisterOptions};
use wamp::role::{ClientRole, Features};
use wamp::{MatchPolicy, RegistrationId};

use super::queue::Queue;
use crate::index::Located;
use crate::peer::{Active, Mailbox, Peer};
use crate::roster::{Member, Place, Roster};
use crate::timestamp::Timestamp;
use crate::worker::Turn;

/// The router's record of one procedure or pattern that sessions registered; there is one per (URI, match policy).
#[derive(Debug)]
pub struct Registration {
    pub(crate) id: RegistrationId,
    pub(crate) uri: Box<str>,
    pub(crate) match_policy: MatchPolicy,
    pub(crate) invocation_policy: InvocationPolicy,
    pub(crate) created: Timestamp,
    /// It is answered by the router itself.
    pub(crate) is_service: bool,
    pub(crate) callees: Roster<Callee>,
    /// One more than the number of the place of the callee that was last in the round.
    round: AtomicU64,
    /// Calls that wait for a callee to be free; `None` once the registration is deleted.
    pub(super) queue: Mutex<Option<Queue>>,
    /// Its length, to see without the lock that it is empty.
    pub(super) queued: AtomicUsize,
}

impl Registration {
    pub(super) fn new(id: RegistrationId, uri: &str, options: RegisterOptions, created: Timestamp) -> Self {
        Registration {
            id,
            uri: uri.into(),
            match_policy: options.match_policy,
            invocation_policy: options.invocation_policy,
            created,
            is_service: false,
            callees: Roster::default(),
            round: AtomicU64::new(0),
            queue: Mutex::new(Some(Queue::default())),
            queued: AtomicUsize::new(0),
        }
    }

    /// Its id, the same for all callees.
    pub fn id(&self) -> RegistrationId {
        self.id
    }

    /// The procedure or pattern.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How it matches.
    pub fn match_policy(&self) -> MatchPolicy {
        self.match_policy
    }

    /// How a callee is picked.
    pub fn invocation_policy(&self) -> InvocationPolicy {
        self.invocation_policy
    }

    /// When it came to be.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// The sessions that answer now, in the order in which they registered.
    pub fn callees(&self) -> Vec<wamp::SessionId> {
        let mut sessions = Vec::with_capacity(self.callees.len());
        self.callees.for_each(|callee| sessions.push(callee.peer.id));
        sessions
    }

    /// The order in which `callees` are to be asked, as indexes: the one whose turn it is, then those to fall back on.
    ///
    /// `after`: the callee that handed the call back, for a re-route (RER-03).
    pub(super) fn order(
        &self,
        callees: &[Arc<Callee>],
        after: Option<Place>,
        turn: &mut Turn<'_>,
    ) -> impl Iterator<Item = usize> + use<> {
        let count = callees.len();
        let (start, reversed) = match self.invocation_policy {
            InvocationPolicy::Single | InvocationPolicy::First => (0, false),
            InvocationPolicy::Last => (0, true),
            InvocationPolicy::Random if count > 1 => {
                (usize::try_from(turn.random() % count as u64).unwrap_or(0), false)
            }
            InvocationPolicy::Random => (0, false),
            InvocationPolicy::RoundRobin => (self.next_in_round(callees, after), false),
        };
        (0..count).map(move |step| if reversed { count - 1 - step } else { (start + step) % count })
    }

    /// The first callee behind the one that was last, wherever others came and went (SHR-05, SHR-08).
    fn next_in_round(&self, callees: &[Arc<Callee>], after: Option<Place>) -> usize {
        let position = |place| {
            let index = callees.partition_point(|callee| callee.place.number() < place);
            if index == callees.len() { 0 } else { index }
        };
        if let Some(after) = after {
            return position(after.number() + 1);
        }
        let mut chosen = 0;
        let advance = |place| {
            chosen = position(place);
            callees.get(chosen).map(|callee| callee.place.number() + 1)
        };
        // Two callers at once get two different callees.
        let _ = self.round.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        chosen
    }
}

impl Located for Registration {
    fn uri(&self) -> &str {
        &self.uri
    }
}

/// One session's part in a registration.
#[derive(Debug)]
pub(crate) struct Callee {
    pub(crate) peer: Arc<Peer>,
    pub(crate) registration: Arc<Registration>,
    pub(crate) active: Active,
    pub(super) place: Place,
    pub(super) options: RegisterOptions,
    /// Its results have to be as declared (REF-05).
    pub(super) validate: bool,
    /// Invocations it has not answered; counted under its mailbox lock.
    in_flight: AtomicU32,
}

impl Callee {
    pub(super) fn new(
        peer: Arc<Peer>,
        registration: Arc<Registration>,
        place: Place,
        options: RegisterOptions,
        validate: bool,
    ) -> Self {
        let (active, in_flight) = (Active::default(), AtomicU32::new(0));
        Callee { peer, registration, active, place, options, validate, in_flight }
    }

    /// Whether the callee announced a feature.
    pub(super) fn can(&self, features: Features) -> bool {
        self.peer.roles.features(ClientRole::Callee).contains(features)
    }

    /// Whether it is working at as much as it said it can.
    pub(super) fn is_busy(&self, _held: &Mailbox) -> bool {
        let in_flight = u64::from(self.in_flight.load(Ordering::Relaxed));
        self.options.concurrency.is_some_and(|limit| in_flight >= limit)
    }

    pub(super) fn began(&self, _held: &mut Mailbox) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finished(&self, _held: &mut Mailbox) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a timeout is handed to it (TMO-06, TMO-07).
    pub(super) fn minds_timeouts(&self) -> bool {
        self.options.forward_timeout && self.can(Features::CALL_TIMEOUT)
    }
}

impl Member for Callee {
    fn place(&self) -> Place {
        self.place
    }
}
