//! From YIELD and ERROR to RESULT and ERROR.

use std::sync::Arc;

use schema::Part;
use wamp::message::{CancelMode, Error, MessageType, Result as ResultMessage, ResultDetails, Yield};
use wamp::role::{ClientRole, Features};
use wamp::{Payload, RequestId, error_uri};

use super::dispatch::send_rejection;
use super::table::{Assigned, Call};
use super::{Callee, Dealer};
use crate::peer::{Mailbox, Peer, Sent};
use crate::pool::Transcoding;
use crate::rejection::Rejection;
use crate::violation::Violation;
use crate::worker::Turn;

/// From so many bytes of payload on a result is encoded and framed before its caller's mailbox is locked. The lists of the
/// meta API may have megabytes, and where they are compressed that takes a while, in which whoever publishes to the
/// caller would wait.
const LARGE_BYTES_MIN: usize = 64 << 10;

/// An invocation that was answered: its call, unless nobody waits for it any more, and its callee.
type Ended = (Option<Arc<Call>>, Arc<Callee>);

/// An answer on its way to the caller.
enum Answer<'a> {
    Result(ResultDetails<'a>, Payload<'a>),
    Error(Error<'a>),
}

impl Dealer {
    /// Handles a YIELD.
    ///
    /// # Errors
    /// [`Violation`]: there never was such an invocation (PVI-07).
    pub(crate) fn yielded(
        &self,
        peer: &Arc<Peer>,
        message: Yield<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        let Yield { request, options, payload } = message;
        if options.progress {
            return self.progressed(peer, request, options, payload, turn);
        }
        let Some((call, callee)) = self.take_invocation(peer, request)? else { return Ok(()) };
        if let Some(call) = call {
            if options.passthru.ppt_scheme().is_some() && !takes_ppt(&call.caller) {
                self.refuse_ppt(peer, request, &call, turn);
            } else if self.is_valid(&call, &callee, Part::Result, &payload, turn) {
                self.answer(&call, Answer::Result(options, payload), turn);
            }
        }
        self.drain_queue(&callee.registration, turn);
        Ok(())
    }

    /// Handles an ERROR that answers an INVOCATION.
    ///
    /// # Errors
    /// As [`Dealer::yielded`].
    pub(crate) fn failed(
        &self,
        peer: &Arc<Peer>,
        mut message: Error<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        let Some((call, callee)) = self.take_invocation(peer, message.request)? else { return Ok(()) };
        if let Some(call) = call {
            if message.error == error_uri::UNAVAILABLE
                && callee.can(Features::CALL_REROUTE)
                && !self.is_final(&call)
            {
                self.reroute(&call, &callee, turn);
            } else {
                message.request_type = MessageType::Call.code();
                message.request = call.request;
                self.answer(&call, Answer::Error(message), turn);
            }
        }
        self.drain_queue(&callee.registration, turn);
        Ok(())
    }

    /// Whether a callee's being unavailable can only be passed on: it is being killed, or has gone too far (RER-07).
    fn is_final(&self, call: &Arc<Call>) -> bool {
        let mut mailbox = call.caller.mailbox();
        call.progressive || mailbox.calls.entry(call).is_none_or(|entry| entry.killing || entry.progressed)
    }

    /// **B**: the invocation ends; `None` if it had ended already. **A** counts it out if it was abandoned.
    fn take_invocation(&self, peer: &Arc<Peer>, request: RequestId) -> Result<Option<Ended>, Violation> {
        let mut mailbox = peer.mailbox();
        let Some(invocation) = mailbox.invocations.remove(request) else {
            return if mailbox.invocations.was_issued(request) {
                Ok(None)
            } else {
                Err(Violation::NoSuchInvocation(request))
            };
        };
        invocation.callee.finished(&mut mailbox);
        drop(mailbox);
        if invocation.abandoned {
            invocation.call.caller.mailbox().calls.count_abandoned(-1);
            return Ok(Some((None, invocation.callee)));
        }
        Ok(Some((Some(invocation.call), invocation.callee)))
    }

    fn progressed(
        &self,
        peer: &Arc<Peer>,
        request: RequestId,
        options: ResultDetails<'_>,
        payload: Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        let assigned = {
            let mailbox = peer.mailbox();
            match mailbox.invocations.find(request) {
                Some(invocation) if invocation.abandoned => return Ok(()),
                Some(invocation) => (Arc::clone(&invocation.call), Arc::clone(&invocation.callee)),
                None if mailbox.invocations.was_issued(request) => return Ok(()),
                None => return Err(Violation::NoSuchInvocation(request)),
            }
        };
        let (call, callee) = assigned;
        // A caller that didn't ask for them is spared progressive results (PCR-08).
        if !call.receive_progress {
            return Ok(());
        }
        let caller = &call.caller;
        if options.passthru.ppt_scheme().is_some() && !takes_ppt(caller) {
            self.refuse_ppt(peer, request, &call, turn);
            let assigned = Assigned { callee, invocation: request };
            self.interrupt(&assigned, CancelMode::KillNoWait, error_uri::CANCELED, turn);
            return Ok(());
        }
        if !self.is_valid(&call, &callee, Part::Progress, &payload, turn) {
            let assigned = Assigned { callee, invocation: request };
            self.interrupt(&assigned, CancelMode::KillNoWait, error_uri::INVALID_PAYLOAD, turn);
            return Ok(());
        }
        let mut transcoding = Transcoding::default();
        let payload = transcoding.of(&payload, caller.format.serializer);
        let sent = {
            let mut mailbox = caller.mailbox();
            let Some(entry) = mailbox.calls.entry(&call) else { return Ok(()) };
            entry.progressed = true;
            // The limit runs from one result to the next (PCR-11).
            if let (Some(_), Some(timeout)) = (entry.deadline, call.timeout) {
                entry.deadline = Some(turn.now + std::time::Duration::from_millis(timeout));
            }
            let message = ResultMessage { request: call.request, details: options, payload };
            mailbox.try_send(caller, message, turn)
        };
        let rejection = match sent {
            Sent::Queued | Sent::Gone => return Ok(()),
            Sent::Full => Rejection::new(error_uri::CANCELED)
                .because("the caller does not keep up with progressive results"),
            Sent::TooLong => too_long(),
        };
        self.finish(&call, &rejection, turn);
        let assigned = Assigned { callee, invocation: request };
        self.interrupt(&assigned, CancelMode::KillNoWait, error_uri::CANCELED, turn);
        Ok(())
    }

    /// Whether somebody still waits for the answer to a call.
    pub(crate) fn is_pending(call: &Arc<Call>) -> bool {
        let mut mailbox = call.caller.mailbox();
        mailbox.is_open() && mailbox.calls.entry(call).is_some()
    }

    /// Answers a call that the router serves itself.
    pub(crate) fn answer_service(
        &self,
        call: &Arc<Call>,
        answer: std::result::Result<Payload<'_>, Rejection>,
        turn: &mut Turn<'_>,
    ) {
        match answer {
            Ok(payload) => self.answer(call, Answer::Result(ResultDetails::default(), payload), turn),
            Err(rejection) => self.finish(call, &rejection, turn),
        }
    }

    /// Whether what a callee yields is as its procedure is declared, where that is asked for; if it isn't, the caller
    /// is told (REF-05).
    fn is_valid(
        &self,
        call: &Arc<Call>,
        callee: &Callee,
        part: Part,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> bool {
        if !callee.validate {
            return true;
        }
        match self.schemas.check(call.procedure(), part, payload, turn) {
            Ok(()) => true,
            Err(rejection) => {
                tracing::debug!(session = %callee.peer.id, %rejection, "a result is not as declared");
                self.finish(call, &rejection, turn);
                false
            }
        }
    }

    /// **A**: the call ends with this answer.
    fn answer(&self, call: &Arc<Call>, answer: Answer<'_>, turn: &mut Turn<'_>) {
        let caller = &call.caller;
        let mut transcoding = Transcoding::default();
        match answer {
            Answer::Result(details, payload) => {
                let payload = transcoding.of(&payload, caller.format.serializer);
                let is_large = payload.bytes().len() >= LARGE_BYTES_MIN;
                let message = ResultMessage { request: call.request, details, payload };
                let frame = is_large.then(|| caller.frame(&message));
                let mut mailbox = caller.mailbox();
                if mailbox.calls.remove(call).is_some() {
                    let sent = match frame {
                        Some(frame) => mailbox.send_frame(caller, frame, turn),
                        None => mailbox.send(caller, message, turn),
                    };
                    answer_too_long(call, &mut mailbox, sent, turn);
                }
            }
            Answer::Error(mut message) => {
                message.payload = transcoding.of(&message.payload, caller.format.serializer);
                let mut mailbox = caller.mailbox();
                if mailbox.calls.remove(call).is_some() {
                    let sent = mailbox.send(caller, message, turn);
                    answer_too_long(call, &mut mailbox, sent, turn);
                }
            }
        }
    }

    /// The callee sent a payload passthru result to a caller that can't read it: both are told (PPT-07).
    fn refuse_ppt(&self, peer: &Arc<Peer>, request: RequestId, call: &Arc<Call>, turn: &mut Turn<'_>) {
        let rejection = Rejection::new(error_uri::FEATURE_NOT_SUPPORTED)
            .because("the caller did not announce payload_passthru_mode");
        send_rejection(&mut peer.mailbox(), peer, MessageType::Yield, request, &rejection, turn);
        self.finish(call, &rejection, turn);
    }

    /// **B**: closes the callee's side when its session ends; **A** for each call it worked at.
    pub(crate) fn callee_left(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        let invocations = peer.mailbox().invocations.take();
        for (_, invocation) in invocations {
            if invocation.abandoned {
                invocation.call.caller.mailbox().calls.count_abandoned(-1);
            } else {
                let why = "the callee left while it worked at the call";
                self.finish(&invocation.call, &Rejection::new(error_uri::CANCELED).because(why), turn);
            }
        }
    }
}

fn takes_ppt(caller: &Peer) -> bool {
    caller.roles.features(ClientRole::Caller).contains(Features::PAYLOAD_PASSTHRU_MODE)
}

fn too_long() -> Rejection {
    Rejection::new(error_uri::PAYLOAD_SIZE_EXCEEDED)
        .because("the answer is longer than what the caller accepts")
}

/// The answer that was too long for its caller becomes an error that is not (RAW-20).
fn answer_too_long(call: &Arc<Call>, mailbox: &mut Mailbox, sent: Sent, turn: &mut Turn<'_>) {
    if sent == Sent::TooLong {
        send_rejection(mailbox, &call.caller, MessageType::Call, call.request, &too_long(), turn);
    }
}
