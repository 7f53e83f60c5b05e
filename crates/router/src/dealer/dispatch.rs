//! From CALL to INVOCATION: picking a callee, asking another.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use schema::Part;
use wamp::message::{self, Error, InvocationDetails, MessageType, Passthru};
use wamp::role::Features;
use wamp::{Payload, RequestId, error_uri};

use super::registration::Callee;
use super::table::{Assigned, Call, Entry, Invocation, KeptPayload, Reroute};
use super::{Dealer, Target};
use crate::peer::{Mailbox, Peer, Sent};
use crate::pool::Transcoding;
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
    /// What follows the first CALL has to be as declared too.
    pub(crate) validate: bool,
}

/// Why a callee didn't get a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is leaving.
    Gone,
    /// It works at as much as it said it can.
    Busy,
    /// Some callees are busy, and others would be free but don't read fast enough.
    Crowded,
    /// As many calls wait for callees to be free as may.
    QueueFull,
    /// It doesn't read fast enough.
    Full,
    /// It won't take a message of this length.
    TooLong,
    /// It lacks a feature that the call needs.
    Unsupported,
}

impl Refused {
    /// The better reason of two callees for one call: one that will be free says more than one that is gone.
    fn or(self, other: Refused) -> Refused {
        match (self, other) {
            (Refused::Crowded, _)
            | (_, Refused::Crowded)
            | (Refused::Busy, Refused::Full)
            | (Refused::Full, Refused::Busy) => Refused::Crowded,
            (_, Refused::Busy) | (Refused::Gone, _) => other,
            _ => self,
        }
    }
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
        message: &message::Call<'_>,
        terms: CallTerms,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let mut stale: Option<Target> = None;
        // Whoever replaces a registration over and over makes a call fail in the end, not its thread loop.
        for last in [false, false, false, true] {
            let Some(target) = self.route(&message.procedure, turn) else {
                let why = format!("no callee registered for procedure <{}>", message.procedure);
                return Err(Rejection::new(error_uri::NO_SUCH_PROCEDURE).because(why));
            };
            // Those who left may have been replaced since the route was looked up; if not, there is nobody else.
            let is_last = last || stale.is_some_and(|stale| stale.callees.is_same(&target.callees));
            let call = self.call_to(&target, peer, message, terms, turn);
            self.insert(&call, &target, &message.payload)?;
            match self.place(&call, &target, &message.payload, turn) {
                Ok(()) => return Ok(()),
                Err(Refused::Gone) if !is_last => {
                    if peer.mailbox().calls.remove(&call).is_none() {
                        return Ok(());
                    }
                }
                Err(refused) => {
                    self.fail(&call, refused, turn);
                    return Ok(());
                }
            }
            stale = Some(target);
        }
        Ok(())
    }

    /// Gives a call that the router answers itself its entry; the answer comes by [`Dealer::answer_service`].
    ///
    /// # Errors
    /// As [`Dealer::call`].
    pub(crate) fn begin_service(
        &self,
        peer: &Arc<Peer>,
        message: &message::Call<'_>,
        terms: CallTerms,
        turn: &mut Turn<'_>,
    ) -> Result<Arc<Call>, Rejection> {
        let Some(target) = self.route(&message.procedure, turn) else {
            let why = format!("no callee registered for procedure <{}>", message.procedure);
            return Err(Rejection::new(error_uri::NO_SUCH_PROCEDURE).because(why));
        };
        let call = self.call_to(&target, peer, message, terms, turn);
        self.insert(&call, &target, &Payload::EMPTY)?;
        Ok(call)
    }

    /// A call as it is made to what its procedure is routed to.
    fn call_to(
        &self,
        target: &Target,
        peer: &Arc<Peer>,
        message: &message::Call<'_>,
        terms: CallTerms,
        turn: &Turn<'_>,
    ) -> Arc<Call> {
        let options = &message.options;
        let is_pattern = target.registration.match_policy != wamp::MatchPolicy::Exact;
        Arc::new(Call {
            caller: Arc::clone(peer),
            request: message.request,
            registration: Arc::clone(&target.registration),
            procedure: is_pattern.then(|| (&*message.procedure).into()),
            receive_progress: options.receive_progress,
            streams_need: self.streams_need(),
            progressive: options.progress,
            disclose: terms.disclose,
            trustlevel: terms.trustlevel,
            timeout: terms.timeout,
            due: terms.timeout.map(|timeout| turn.now + std::time::Duration::from_millis(timeout)),
            may_forward_timeout: !terms.never_forward_timeout,
            validate: terms.validate,
            passthru: options.passthru.clone().into_owned(),
        })
    }

    /// Hands a call that has its entry to a callee, or into the queue.
    fn place(
        &self,
        call: &Arc<Call>,
        target: &Target,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refused> {
        // While others wait, they came first.
        if target.registration.queued.load(Ordering::Relaxed) == 0 {
            match self.assign(call, &target.callees, payload, &[], turn) {
                Err(Refused::Busy) => {}
                placed => return placed,
            }
        }
        self.enqueue(call, payload, turn)
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
        let peer = &call.caller;
        // Only the caller's own task adds to what is kept, so the room there is stays while the payload is copied.
        let may_keep = |bytes| peer.mailbox().calls.kept() + bytes <= peer.limits.kept_call_bytes_max;
        let reroute = (target.may_reroute && !call.progressive && may_keep(payload.bytes().len()))
            .then(|| Box::new(Reroute { payload: KeptPayload::new(payload), tried: Vec::new() }));
        let mut mailbox = peer.mailbox();
        if mailbox.calls.burden() >= peer.limits.pending_calls_max {
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
        if call.validate
            && let Err(rejection) = self.schemas.check(&message.procedure, Part::Call, &message.payload, turn)
        {
            self.finish(&call, &rejection, turn);
            self.let_go(&call, assigned, message::CancelMode::KillNoWait, error_uri::INVALID_PAYLOAD, turn);
            return true;
        }
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
    pub(super) fn forward(
        &self,
        call: &Arc<Call>,
        assigned: &Assigned,
        payload: &Payload<'_>,
        progress: bool,
        turn: &mut Turn<'_>,
    ) {
        let callee = &assigned.callee;
        let mut transcoding = Transcoding::default();
        let payload = transcoding.of(payload, callee.peer.format.serializer);
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
    /// Why none took it: [`Refused::Busy`] where one will when it is free, and none could already.
    pub(super) fn assign(
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
                Err(refused) => why = why.or(refused),
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
        let mut transcoding = Transcoding::default();
        let payload = transcoding.of(payload, peer.format.serializer);
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

    /// Answers a call that nobody took.
    pub(super) fn fail(&self, call: &Arc<Call>, refused: Refused, turn: &mut Turn<'_>) {
        let uri = &call.registration.uri;
        let rejection = match refused {
            Refused::Gone => Rejection::new(error_uri::NO_SUCH_PROCEDURE)
                .because(format!("no callee registered for procedure <{uri}>")),
            Refused::Busy | Refused::QueueFull if self.compat_crossbar => {
                Rejection::new("crossbar.error.max_concurrency_reached")
                    .because(format!("maximum concurrency of callees of <{uri}> reached"))
            }
            Refused::Busy | Refused::QueueFull => Rejection::new(error_uri::UNAVAILABLE)
                .because(format!("all callees of <{uri}> are busy, and as many calls wait as may")),
            Refused::Full | Refused::Crowded => Rejection::new(error_uri::UNAVAILABLE)
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
    /// Whether somebody waits for its answer.
    pub(super) fn is_pending(self: &Arc<Self>) -> bool {
        let mut mailbox = self.caller.mailbox();
        mailbox.is_open() && mailbox.calls.entry(self).is_some()
    }

    /// Who works at it, as far as its entry knows.
    pub(super) fn assigned(self: &Arc<Self>) -> Option<Assigned> {
        self.caller.mailbox().calls.entry(self)?.assigned.clone()
    }

    /// Whether this callee sees to its timeout.
    fn is_minded_by(&self, callee: &Callee) -> bool {
        self.may_forward_timeout && callee.minds_timeouts()
    }

    /// What its caller speaks.
    pub(crate) fn serializer(&self) -> wamp::Serializer {
        self.caller.format.serializer
    }

    /// The procedure that it was made to.
    pub(super) fn procedure(&self) -> &str {
        self.procedure.as_deref().unwrap_or(&self.registration.uri)
    }

    /// Whether it was made to this procedure.
    fn is_of(&self, procedure: &str) -> bool {
        self.procedure() == procedure
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
