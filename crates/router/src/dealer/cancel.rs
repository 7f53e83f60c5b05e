//! Calls that end before their callee answers: CANCEL, timeouts, callers that leave.
//!
//! Spec: advanced profile, "Call Canceling", "Call Timeouts"; basic profile, "Caller Leaving".

use std::borrow::Cow;
use std::sync::Arc;

use wamp::message::{Cancel, CancelMode, Interrupt, MessageType};
use wamp::role::Features;
use wamp::{RequestId, error_uri};

use super::Dealer;
use super::dispatch::send_rejection;
use super::table::{Assigned, Call};
use crate::peer::{Mailbox, Peer};
use crate::rejection::Rejection;
use crate::worker::Turn;

impl Dealer {
    /// Handles a CANCEL. One for a call that isn't there any more is ignored (CAN-08).
    pub(crate) fn cancel(&self, peer: &Arc<Peer>, cancel: &Cancel, turn: &mut Turn<'_>) {
        let mode = cancel.options.mode.unwrap_or_default();
        let mut mailbox = peer.mailbox();
        let Some(entry) = mailbox.calls.find_mut(cancel.request) else { return };
        let assigned = entry.assigned.clone();
        // A call without a callee is between two of them, or waits in a queue: in the one case it is the next callee that
        // gets INTERRUPT, in the other there is nobody to wait for.
        let waits_for_answer = match &assigned {
            Some(assigned) => assigned.callee.can(Features::CALL_CANCELING),
            None => entry.attempts() > 0,
        };
        if mode == CancelMode::Kill && waits_for_answer {
            let again = std::mem::replace(&mut entry.killing, true);
            drop(mailbox);
            if let (Some(assigned), false) = (assigned, again) {
                self.interrupt(&assigned, mode, error_uri::CANCELED, turn);
            }
            return;
        }
        let rejection = Rejection::new(error_uri::CANCELED).because("the call was canceled by its caller");
        let call = end(peer, mailbox, cancel.request, &rejection, turn);
        if let Some(call) = call {
            // A callee that can't be told is left to work for nobody (CAN-07).
            let mode = if mode == CancelMode::Kill { CancelMode::Skip } else { mode };
            self.let_go(&call, assigned, mode, error_uri::CANCELED, turn);
        }
    }

    /// Ends the calls of a session whose time is up (TMO-03).
    pub(crate) fn handle_timeout(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        loop {
            let mut mailbox = peer.mailbox();
            let Some(request) = mailbox.calls.expired(turn.now) else { return };
            let assigned = mailbox.calls.find(request).and_then(|entry| entry.assigned.clone());
            let rejection =
                Rejection::new(error_uri::TIMEOUT).because("the call took longer than its timeout");
            if let Some(call) = end(peer, mailbox, request, &rejection, turn) {
                self.let_go(&call, assigned, CancelMode::KillNoWait, error_uri::TIMEOUT, turn);
            }
        }
    }

    /// Ends the calls of a session that leaves; its mailbox is closed already, so nobody answers them.
    pub(crate) fn caller_left(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        let entries = peer.mailbox().calls.take();
        for entry in entries {
            self.let_go(&entry.call, entry.assigned, CancelMode::KillNoWait, error_uri::CANCELED, turn);
        }
    }

    /// Nobody waits for this call any more: it leaves its queue, or its callee is told.
    pub(super) fn let_go(
        &self,
        call: &Arc<Call>,
        assigned: Option<Assigned>,
        mode: CancelMode,
        reason: &'static str,
        turn: &mut Turn<'_>,
    ) {
        match assigned {
            None => self.forget_queued(call, turn),
            Some(assigned) => self.interrupt(&assigned, mode, reason, turn),
        }
    }

    /// **B**: the invocation is abandoned (unless it is killed, which its answer has to tell), and its callee told, if it
    /// can be (FEA-08). One that was answered meanwhile is left alone.
    pub(super) fn interrupt(
        &self,
        assigned: &Assigned,
        mode: CancelMode,
        reason: &'static str,
        turn: &mut Turn<'_>,
    ) {
        let callee = &assigned.callee;
        let mut mailbox = callee.peer.mailbox();
        let Some(invocation) = mailbox.invocations.find_mut(assigned.invocation) else { return };
        let mut abandoned_by = None;
        if mode != CancelMode::Kill {
            if invocation.abandoned {
                return;
            }
            invocation.abandoned = true;
            abandoned_by = Some(Arc::clone(&invocation.call.caller));
        }
        if mode != CancelMode::Skip && callee.can(Features::CALL_CANCELING) {
            let request = assigned.invocation;
            mailbox.send(
                &callee.peer,
                Interrupt { request, mode: Some(mode), reason: Some(Cow::Borrowed(reason)) },
                turn,
            );
        }
        drop(mailbox);
        if let Some(caller) = abandoned_by {
            caller.mailbox().calls.count_abandoned(1);
        }
    }
}

/// **A**: removes the call and answers it.
fn end(
    peer: &Arc<Peer>,
    mut mailbox: std::sync::MutexGuard<'_, Mailbox>,
    request: RequestId,
    rejection: &Rejection,
    turn: &mut Turn<'_>,
) -> Option<Arc<Call>> {
    let entry = mailbox.calls.remove_request(request)?;
    send_rejection(&mut mailbox, peer, MessageType::Call, request, rejection, turn);
    Some(entry.call)
}
