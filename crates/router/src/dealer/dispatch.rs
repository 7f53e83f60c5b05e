//! From CALL to INVOCATION: picking a callee, waiting for one, asking another.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wamp::message::{self, Error, InvocationDetails, MessageType, Passthru};
use wamp::role::Features;
use wamp::{Payload, RequestId, error_uri};

use super::registration::{Callee, Registration};
use super::table::{Assigned, Call, Entry, Invocation, KeptPayload, Reroute};
use super::{Dealer, Target};
use crate::lock::lock;
use crate::peer::{Mailbox, Peer, Sent};
use crate::rejection::Rejection;
use crate::roster::Place;
use crate::worker::Turn;

/// How a call is to be made, apart from what the caller wrote.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallTerms {
    /// The caller is disclosed.
    pub(crate) disclose: bool,
    /// As configured for the procedure and caller.
    pub(crate) trustlevel: Option<u64>,
    /// Milliseconds, after the realm's defaults and bounds.
    pub(crate) timeout: Option<u64>,
    /// Timeouts are never handed to callees.
    pub(crate) never_forward_timeout: bool,
}

/// A call that waits for a callee of its registration to be free, or the continuation of one.
#[derive(Debug)]
pub(super) struct QueuedCall {
    call: Arc<Call>,
    payload: KeptPayload,
    progress: bool,
}

/// Why a callee didn't get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// It is leaving.
    Gone,
    /// It works at as much as it said it can.
    Busy,
    /// It doesn't read fast enough.
    Full,
    /// It won't take a message of this length.
    TooLong,
    /// It lacks a feature that the call needs.
    Unsupported,
}

impl Dealer {
    /// Handles the first (or only) CALL of a request that is valid and authorized.
    ///
    /// # Errors
    /// What the caller is to be told where no call came about. Once there is one, its answer comes through the
    /// caller's mailbox alone.
    pub(crate) fn call(
        &self,
        peer: &Arc<Peer>,
        message: message::Call<'_>,
        terms: CallTerms,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let message::Call { request, options, procedure, payload } = message;
        let Some(target) = self.route(&procedure, turn) else {
            let why = format!("no callee registered for procedure <{procedure}>");
            return Err(Rejection::new(error_uri::NO_SUCH_PROCEDURE).because(why));
        };
        let is_pattern = target.registration.match_policy != wamp::MatchPolicy::Exact;
        let call = Arc::new(Call {
            caller: Arc::clone(peer),
            request,
            registration: Arc::clone(&target.registration),
            procedure: is_pattern.then(|| (&*procedure).into()),
            receive_progress: options.receive_progress,
            streams_need: self.streams_need(),
            progressive: options.progress,
            disclose: terms.disclose,
            trustlevel: terms.trustlevel,
            timeout: terms.timeout,
            due: terms.timeout.map(|timeout| turn.now + std::time::Duration::from_millis(timeout)),
            may_forward_timeout: !terms.never_forward_timeout,
            passthru: options.passthru.into_owned(),
        });
        self.insert(&call, &target, &payload)?;
        if target.registration.queued.load(Ordering::Relaxed) > 0 {
            // Others came first.
            self.enqueue(&call, &payload, call.progressive, turn);
            return Ok(());
        }
        match self.assign(&call, &target.callees, &payload, &[], turn) {
            Ok(()) => {}
            Err(Refused::Busy) => self.enqueue(&call, &payload, call.progressive, turn),
            Err(refused) => self.fail(&call, refused, turn),
        }
        Ok(())
    }

    /// What a callee must have announced to be asked for progressive results (PCR-01). Autobahn|JS announces them without
    /// canceling, and Crossbar.io asks it all the same.
    fn streams_need(&self) -> Features {
        if self.compat_crossbar {
            Features::PROGRESSIVE_CALL_RESULTS
        } else {
            Features::PROGRESSIVE_CALL_RESULTS | Features::CALL_CANCELING
        }
    }

    /// **A**: the call gets its entry.
    fn insert(&self, call: &Arc<Call>, target: &Target, payload: &Payload<'_>) -> Result<(), Rejection> {
        let reroute = (target.may_reroute && !call.progressive)
            .then(|| Box::new(Reroute { payload: KeptPayload::new(payload), tried: Vec::new() }));
        let peer = &call.caller;
        let mut mailbox = peer.mailbox();
        if mailbox.calls.len() >= peer.limits.pending_calls_max {
            return Err(Rejection::limit("pending calls of this session", peer.limits.pending_calls_max));
        }
        mailbox.calls.insert(Entry {
            call: Arc::clone(call),
            assigned: None,
            deadline: call.due,
            killing: false,
            progressed: false,
            open: call.progressive,
            reroute,
        });
        Ok(())
    }

    /// Handles a CALL that continues a progressive invocation (PCI-02); false if there is none of that request, or it
    /// isn't open.
    pub(crate) fn continue_call(
        &self,
        peer: &Arc<Peer>,
        message: &message::Call<'_>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let (call, assigned) = {
            let mut mailbox = peer.mailbox();
            let Some(entry) = mailbox.calls.find_mut(message.request) else { return false };
            if !entry.open || !entry.call.is_of(&message.procedure) {
                return false;
            }
            entry.open = message.options.progress;
            entry.progressed = true;
            (Arc::clone(&entry.call), entry.assigned.clone())
        };
        let progress = message.options.progress;
        match assigned {
            Some(assigned) if call.registration.queued.load(Ordering::Relaxed) == 0 => {
                self.forward(&call, &assigned, &message.payload, progress, turn);
            }
            // What came before it may still be in the queue.
            _ => self.enqueue_part(&call, &message.payload, progress, turn),
        }
        true
    }

    /// **B**: one more INVOCATION under the same number.
    fn forward(
        &self,
        call: &Arc<Call>,
        assigned: &Assigned,
        payload: &Payload<'_>,
        progress: bool,
        turn: &mut Turn<'_>,
    ) {
        let callee = &assigned.callee;
        let mut buffer = Vec::new();
        let payload = payload.in_serializer(callee.peer.format.serializer, &mut buffer);
        let sent = {
            let mut mailbox = callee.peer.mailbox();
            match mailbox.invocations.find(assigned.invocation) {
                Some(invocation) if !invocation.abandoned => {
                    let message = call.invocation(callee, assigned.invocation, payload, progress);
                    mailbox.try_send(&callee.peer, message, turn)
                }
                _ => return,
            }
        };
        let refused = match sent {
            Sent::Queued | Sent::Gone => return,
            Sent::TooLong => Refused::TooLong,
            Sent::Full => Refused::Full,
        };
        self.fail(call, refused, turn);
        self.interrupt(assigned, message::CancelMode::KillNoWait, error_uri::CANCELED, turn);
    }

    /// Finds a callee for a call that has an entry and none yet.
    ///
    /// # Errors
    /// Why none took it: [`Refused::Busy`] where one will when it is free.
    fn assign(
        &self,
        call: &Arc<Call>,
        callees: &[Arc<Callee>],
        payload: &Payload<'_>,
        tried: &[Place],
        turn: &mut Turn<'_>,
    ) -> Result<(), Refused> {
        let mut why = Refused::Gone;
        for index in call.registration.order(callees, tried.last().copied(), turn) {
            let Some(callee) = callees.get(index).filter(|callee| !tried.contains(&callee.place)) else {
                continue;
            };
            match self.invoke(call, callee, payload, turn) {
                Ok(invocation) => {
                    let assigned = Assigned { callee: Arc::clone(callee), invocation };
                    self.record(call, &assigned, tried.len(), turn);
                    return Ok(());
                }
                // A callee that will be free is a better reason than one that is gone.
                Err(Refused::Busy) => why = Refused::Busy,
                Err(refused) if why == Refused::Gone => why = refused,
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// **B**: the callee gets the INVOCATION, numbered and noted under the same lock (IDS-04).
    fn invoke(
        &self,
        call: &Arc<Call>,
        callee: &Arc<Callee>,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<RequestId, Refused> {
        let peer = &callee.peer;
        let progressive = Features::PROGRESSIVE_CALL_INVOCATIONS | Features::CALL_CANCELING;
        if (call.progressive && !callee.can(progressive))
            || (call.passthru.ppt_scheme().is_some() && !callee.can(Features::PAYLOAD_PASSTHRU_MODE))
        {
            return Err(Refused::Unsupported);
        }
        // Transcoding, unlike copying, takes its time: not under the lock.
        let mut buffer = Vec::new();
        let payload = payload.in_serializer(peer.format.serializer, &mut buffer);
        let mut mailbox = peer.mailbox();
        if !mailbox.is_open() || !callee.active.is_set(&mailbox) {
            return Err(Refused::Gone);
        }
        if callee.is_busy(&mailbox) {
            return Err(Refused::Busy);
        }
        if mailbox.invocations.len() >= peer.limits.pending_invocations_max {
            return Err(Refused::Full);
        }
        let id = mailbox.invocations.next();
        let message = call.invocation(callee, id, payload, call.progressive);
        match mailbox.try_send(peer, message, turn) {
            Sent::Queued => {
                let (call, callee) = (Arc::clone(call), Arc::clone(callee));
                callee.began(&mut mailbox);
                mailbox.invocations.insert(id, Invocation { call, callee, abandoned: false });
                Ok(id)
            }
            Sent::TooLong => Err(Refused::TooLong),
            Sent::Full => Err(Refused::Full),
            Sent::Gone => Err(Refused::Gone),
        }
    }

    /// **A**: the entry learns who works at it; and what happened to it meanwhile is told to the callee.
    ///
    /// `attempt`: how many callees had handed the call back. By now this one may have, too, and another may have got the
    /// call and be recorded, or not yet; so it only counts while the entry knows of no later attempt.
    fn record(&self, call: &Arc<Call>, assigned: &Assigned, attempt: usize, turn: &mut Turn<'_>) {
        let mode = {
            let mut mailbox = call.caller.mailbox();
            match mailbox.calls.entry(call) {
                None => message::CancelMode::KillNoWait,
                Some(entry) => {
                    if entry.attempts() == attempt {
                        entry.assigned = Some(assigned.clone());
                        if call.is_minded_by(&assigned.callee) {
                            entry.deadline = None;
                        }
                    }
                    if !entry.killing {
                        return;
                    }
                    message::CancelMode::Kill
                }
            }
        };
        if mode == message::CancelMode::Kill && !assigned.callee.can(Features::CALL_CANCELING) {
            // It can't be told, so the caller needn't wait for it (CAN-07).
            let why = "the call was canceled by its caller";
            self.finish(call, &Rejection::new(error_uri::CANCELED).because(why), turn);
            self.interrupt(assigned, message::CancelMode::Skip, error_uri::CANCELED, turn);
            return;
        }
        self.interrupt(assigned, mode, error_uri::CANCELED, turn);
    }

    /// The callee handed the call back: **A** once more without a callee, then the next one.
    pub(super) fn reroute(&self, call: &Arc<Call>, from: &Callee, turn: &mut Turn<'_>) {
        let reroute = {
            let mut mailbox = call.caller.mailbox();
            let Some(entry) = mailbox.calls.entry(call) else { return };
            entry.assigned = None;
            let reroute = if entry.killing || entry.progressed {
                None
            } else {
                entry.reroute.as_mut().map(|reroute| {
                    reroute.tried.push(from.place);
                    (**reroute).clone()
                })
            };
            // The next callee may not see to the timeout, which runs over all attempts (RER-06).
            if let (Some(due), None) = (call.due, entry.deadline) {
                mailbox.calls.restore_deadline(call, due);
                mailbox.touch(&call.caller, turn);
            }
            reroute
        };
        let assigned = reroute.is_some_and(|reroute| {
            let callees = call.registration.callees.list();
            self.assign(call, &callees, &reroute.payload.borrow(), &reroute.tried, turn).is_ok()
        });
        if !assigned {
            let why = format!("no callee of <{}> is available", call.registration.uri);
            self.finish(call, &Rejection::new(error_uri::NO_AVAILABLE_CALLEE).because(why), turn);
        }
    }

    /// Puts a call into its registration's queue.
    fn enqueue(&self, call: &Arc<Call>, payload: &Payload<'_>, progress: bool, turn: &mut Turn<'_>) {
        let accepted = {
            let mut queue = lock(&call.registration.queue);
            self.push(&mut queue, call, payload, progress)
        };
        self.enqueued(call, accepted, turn);
    }

    /// Puts the continuation of a call that waits into its registration's queue; if that got a callee meanwhile, which
    /// happens under the queue's lock, the continuation follows it.
    fn enqueue_part(&self, call: &Arc<Call>, payload: &Payload<'_>, progress: bool, turn: &mut Turn<'_>) {
        let accepted = {
            let mut queue = lock(&call.registration.queue);
            if let Some(assigned) = call.assigned() {
                self.forward(call, &assigned, payload, progress, turn);
                return;
            }
            self.push(&mut queue, call, payload, progress)
        };
        self.enqueued(call, accepted, turn);
    }

    fn push(
        &self,
        queue: &mut Option<VecDeque<QueuedCall>>,
        call: &Arc<Call>,
        payload: &Payload<'_>,
        progress: bool,
    ) -> Result<(), Refused> {
        match queue {
            Some(queue) if queue.len() < self.queued_calls_max => {
                let payload = KeptPayload::new(payload);
                queue.push_back(QueuedCall { call: Arc::clone(call), payload, progress });
                call.registration.queued.store(queue.len(), Ordering::Relaxed);
                Ok(())
            }
            Some(_) => Err(Refused::Busy),
            None => Err(Refused::Gone),
        }
    }

    fn enqueued(&self, call: &Arc<Call>, accepted: Result<(), Refused>, turn: &mut Turn<'_>) {
        let registration = &call.registration;
        match accepted {
            // A callee may have become free between its refusal and the call's arrival here.
            Ok(()) => self.drain_queue(registration, turn),
            Err(refused) => {
                self.fail(call, refused, turn);
                // Its earlier parts may be in the queue.
                self.forget_queued(call, turn);
            }
        }
    }

    /// Hands waiting calls to callees that are free, in order. The queue's lock is held throughout, so that no later call
    /// overtakes (ORD-04).
    pub(super) fn drain_queue(&self, registration: &Arc<Registration>, turn: &mut Turn<'_>) {
        if registration.queued.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut failed = Vec::new();
        {
            let mut guard = lock(&registration.queue);
            let Some(queue) = &mut *guard else { return };
            let callees = registration.callees.list();
            while let Some(waiting) = queue.front() {
                let call = &waiting.call;
                if call.is_pending() {
                    match self.assign(call, &callees, &waiting.payload.borrow(), &[], turn) {
                        Ok(()) => {}
                        Err(Refused::Busy) => break,
                        Err(refused) => failed.push((Arc::clone(call), refused)),
                    }
                }
                let Some(first) = queue.pop_front() else { break };
                self.forward_parts(&first.call, queue, turn);
            }
            if queue.is_empty() {
                *queue = VecDeque::new();
            }
            registration.queued.store(queue.len(), Ordering::Relaxed);
        }
        for (call, refused) in failed {
            self.fail(&call, refused, turn);
        }
    }

    /// A progressive call leaves its queue as a whole: its continuations must neither wait behind others, which may wait
    /// for it to end, nor be overtaken by what comes later (PCI-20).
    fn forward_parts(&self, call: &Arc<Call>, queue: &mut VecDeque<QueuedCall>, turn: &mut Turn<'_>) {
        if !call.progressive {
            return;
        }
        let assigned = call.assigned();
        queue.retain(|waiting| {
            if !Arc::ptr_eq(&waiting.call, call) {
                return true;
            }
            if let Some(assigned) = &assigned {
                self.forward(call, assigned, &waiting.payload.borrow(), waiting.progress, turn);
            }
            false
        });
    }

    /// Takes a call that was canceled out of its queue, so that it no longer counts, nor holds up others.
    pub(super) fn forget_queued(&self, call: &Arc<Call>, turn: &mut Turn<'_>) {
        let registration = &call.registration;
        if registration.queued.load(Ordering::Relaxed) == 0 {
            return;
        }
        if let Some(queue) = &mut *lock(&registration.queue) {
            queue.retain(|waiting| !Arc::ptr_eq(&waiting.call, call));
            registration.queued.store(queue.len(), Ordering::Relaxed);
        }
        self.drain_queue(registration, turn);
    }

    /// The registration is gone: so are the chances of those who wait for it.
    pub(super) fn close_queue(&self, registration: &Registration, turn: &mut Turn<'_>) {
        let waiting = lock(&registration.queue).take().unwrap_or_default();
        registration.queued.store(0, Ordering::Relaxed);
        for waiting in waiting {
            let why = format!("the last callee of <{}> left", registration.uri);
            self.finish(&waiting.call, &Rejection::new(error_uri::CANCELED).because(why), turn);
        }
    }

    /// Answers a call that nobody took.
    fn fail(&self, call: &Arc<Call>, refused: Refused, turn: &mut Turn<'_>) {
        let uri = &call.registration.uri;
        let rejection = match refused {
            Refused::Gone => Rejection::new(error_uri::NO_SUCH_PROCEDURE)
                .because(format!("no callee registered for procedure <{uri}>")),
            Refused::Busy if self.compat_crossbar => Rejection::new("crossbar.error.max_concurrency_reached")
                .because(format!("maximum concurrency of callees of <{uri}> reached")),
            Refused::Busy => Rejection::new(error_uri::UNAVAILABLE).because(format!(
                "all callees of <{uri}> are busy, and {} calls wait",
                self.queued_calls_max
            )),
            Refused::Full => Rejection::new(error_uri::UNAVAILABLE)
                .because(format!("the callees of <{uri}> do not keep up with their invocations")),
            Refused::TooLong => Rejection::new(error_uri::PAYLOAD_SIZE_EXCEEDED)
                .because(format!("the call is longer than what the callee of <{uri}> accepts")),
            Refused::Unsupported => Rejection::new(error_uri::FEATURE_NOT_SUPPORTED)
                .because(format!("the callee of <{uri}> did not announce a feature that the call needs")),
        };
        self.finish(call, &rejection, turn);
    }

    /// **A**: removes the call and answers it with an error.
    pub(super) fn finish(&self, call: &Arc<Call>, rejection: &Rejection, turn: &mut Turn<'_>) {
        let mut mailbox = call.caller.mailbox();
        if mailbox.calls.remove(call).is_some() {
            send_rejection(&mut mailbox, &call.caller, MessageType::Call, call.request, rejection, turn);
        }
    }
}

/// Tells a peer of a rejection, without the words where it doesn't take messages that long: every request ends (RAW-20).
pub(crate) fn send_rejection(
    mailbox: &mut Mailbox,
    peer: &Arc<Peer>,
    request_type: MessageType,
    request: RequestId,
    rejection: &Rejection,
    turn: &mut Turn<'_>,
) {
    let mut buffer = Vec::new();
    let message = error(request_type, request, rejection, peer.format, &mut buffer);
    if mailbox.send(peer, message, turn) == Sent::TooLong {
        let brief = Rejection::new(rejection.uri);
        let mut buffer = Vec::new();
        mailbox.send(peer, error(request_type, request, &brief, peer.format, &mut buffer), turn);
    }
}

/// The ERROR that tells a peer of a rejection.
fn error<'a>(
    request_type: MessageType,
    request: RequestId,
    rejection: &Rejection,
    format: crate::identity::Format,
    buffer: &'a mut Vec<u8>,
) -> Error<'a> {
    let args: Vec<wamp::Value> =
        rejection.message.iter().map(|text| wamp::Value::from(text.as_str())).collect();
    let payload = Payload::from_values(format.serializer, &args, &wamp::value::Dict::default(), buffer);
    Error {
        request_type: request_type.code(),
        request,
        passthru: Passthru::default(),
        error: Cow::Borrowed(rejection.uri),
        payload,
    }
}

impl Call {
    /// Whether it isn't finally answered.
    fn is_pending(self: &Arc<Self>) -> bool {
        self.caller.mailbox().calls.entry(self).is_some()
    }

    /// Who works at it, as far as its entry knows.
    fn assigned(self: &Arc<Self>) -> Option<Assigned> {
        self.caller.mailbox().calls.entry(self)?.assigned.clone()
    }

    /// Whether this callee sees to its timeout.
    fn is_minded_by(&self, callee: &Callee) -> bool {
        self.may_forward_timeout && callee.minds_timeouts()
    }

    /// Whether it was made to this procedure.
    fn is_of(&self, procedure: &str) -> bool {
        self.procedure.as_deref().unwrap_or(&self.registration.uri) == procedure
    }

    fn invocation<'m>(
        &'m self,
        callee: &Callee,
        request: RequestId,
        payload: Payload<'m>,
        progress: bool,
    ) -> message::Invocation<'m> {
        let mut details = InvocationDetails {
            procedure: self.procedure.as_deref().map(Cow::Borrowed),
            receive_progress: self.receive_progress && callee.can(self.streams_need),
            progress,
            timeout: self.timeout.filter(|_| self.is_minded_by(callee)),
            trustlevel: self.trustlevel,
            passthru: self.passthru.clone(),
            ..InvocationDetails::default()
        };
        if self.disclose || callee.options.disclose_caller {
            let identity = &self.caller.identity;
            details.caller = Some(self.caller.id);
            details.caller_authid = Some(Cow::Borrowed(&identity.authid));
            details.caller_authrole = Some(Cow::Borrowed(&identity.authrole));
        }
        message::Invocation { request, registration: self.registration.id, details, payload }
    }
}
