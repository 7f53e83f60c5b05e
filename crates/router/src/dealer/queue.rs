//! Calls that wait for a callee of their registration to be free (SHR-12).
//!
//! A queue is bounded in calls and in the bytes of their payloads. Whoever may have freed a callee drains it: answers,
//! callees that join and that leave, and calls that were given up. That a callee reads again is nobody's to tell, so a
//! call doesn't wait for one that is merely slow.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wamp::{Payload, error_uri};

use super::Dealer;
use super::dispatch::Refused;
use super::registration::Registration;
use super::table::{Call, KeptPayload};
use crate::lock::lock;
use crate::rejection::Rejection;
use crate::worker::Turn;

/// A call that waits, or the continuation of one.
#[derive(Debug)]
struct QueuedCall {
    call: Arc<Call>,
    payload: KeptPayload,
    progress: bool,
}

/// The calls that wait for one registration, in their order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    calls: VecDeque<QueuedCall>,
    /// Of all their payloads.
    bytes: usize,
}

impl Queue {
    fn push(&mut self, waiting: QueuedCall) {
        self.bytes += waiting.payload.len();
        self.calls.push_back(waiting);
    }

    fn pop(&mut self) -> Option<QueuedCall> {
        let first = self.calls.pop_front()?;
        self.bytes -= first.payload.len();
        if self.calls.is_empty() {
            self.calls = VecDeque::new();
        }
        Some(first)
    }

    fn retain(&mut self, mut keep: impl FnMut(&QueuedCall) -> bool) {
        let bytes = &mut self.bytes;
        self.calls.retain(|waiting| {
            let stays = keep(waiting);
            if !stays {
                *bytes -= waiting.payload.len();
            }
            stays
        });
    }
}

impl Dealer {
    /// Puts a call into its registration's queue.
    pub(super) fn enqueue(
        &self,
        call: &Arc<Call>,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refused> {
        let accepted = self.push(&mut lock(&call.registration.queue), call, payload, call.progressive);
        if accepted.is_ok() {
            // A callee may have become free between its refusal and the call's arrival here.
            self.drain_queue(&call.registration, turn);
        }
        accepted
    }

    /// Puts the continuation of a call that waits into its registration's queue; if that got a callee meanwhile, which
    /// happens under the queue's lock, the continuation follows it.
    pub(super) fn enqueue_part(
        &self,
        call: &Arc<Call>,
        payload: &Payload<'_>,
        progress: bool,
        turn: &mut Turn<'_>,
    ) {
        let accepted = {
            let mut queue = lock(&call.registration.queue);
            if let Some(assigned) = call.assigned() {
                self.forward(call, &assigned, payload, progress, turn);
                return;
            }
            self.push(&mut queue, call, payload, progress)
        };
        match accepted {
            Ok(()) => self.drain_queue(&call.registration, turn),
            Err(refused) => {
                self.fail(call, refused, turn);
                // Its earlier parts may be in the queue.
                self.forget_queued(call, turn);
            }
        }
    }

    fn push(
        &self,
        queue: &mut Option<Queue>,
        call: &Arc<Call>,
        payload: &Payload<'_>,
        progress: bool,
    ) -> Result<(), Refused> {
        let Some(queue) = queue else { return Err(Refused::Gone) };
        let bytes = queue.bytes + payload.bytes().len();
        if queue.calls.len() >= self.queued_calls_max || bytes > self.queued_calls_bytes_max {
            return Err(Refused::QueueFull);
        }
        queue.push(QueuedCall { call: Arc::clone(call), payload: KeptPayload::new(payload), progress });
        call.registration.queued.store(queue.calls.len(), Ordering::Relaxed);
        Ok(())
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
            while let Some(waiting) = queue.calls.front() {
                let call = &waiting.call;
                if call.is_pending() {
                    match self.assign(call, &callees, &waiting.payload.borrow(), &[], turn) {
                        Ok(()) => {}
                        Err(Refused::Busy | Refused::Crowded) => break,
                        Err(refused) => failed.push((Arc::clone(call), refused)),
                    }
                }
                let Some(first) = queue.pop() else { break };
                self.forward_parts(&first.call, queue, turn);
            }
            registration.queued.store(queue.calls.len(), Ordering::Relaxed);
        }
        for (call, refused) in failed {
            self.fail(&call, refused, turn);
        }
    }

    /// A progressive call leaves its queue as a whole: its continuations must neither wait behind others, which may wait
    /// for it to end, nor be overtaken by what comes later (PCI-20).
    fn forward_parts(&self, call: &Arc<Call>, queue: &mut Queue, turn: &mut Turn<'_>) {
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
            registration.queued.store(queue.calls.len(), Ordering::Relaxed);
        }
        self.drain_queue(registration, turn);
    }

    /// The registration is gone: so are the chances of those who wait for it.
    pub(super) fn close_queue(&self, registration: &Registration, turn: &mut Turn<'_>) {
        let waiting = lock(&registration.queue).take().unwrap_or_default();
        registration.queued.store(0, Ordering::Relaxed);
        for waiting in waiting.calls {
            let why = format!("the last callee of <{}> left", registration.uri);
            self.finish(&waiting.call, &Rejection::new(error_uri::CANCELED).because(why), turn);
        }
    }
}
