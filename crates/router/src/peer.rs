//! A session as the others see it: identity, format, mailbox.
//!
//! A delivery takes one lock, the receiver's mailbox, and every barrier is decided under it: whether the session is
//! still open, whether the subscription or registration is still active, whether there is room (ORD-03, ORD-05,
//! ORD-07). So routes that are a little out of date are harmless.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use transport::Framing;
use wamp::message::Message;
use wamp::role::ClientRoles;
use wamp::value::Dict;
use wamp::{RegistrationId, SessionId};

use crate::broker::Held;
use crate::config::{Limits, SlowConsumer};
use crate::dealer::{Callee, Calls, Invocations};
use crate::decision::Ruling;
use crate::identity::{Format, Identity, Origin, TransportDetails};
use crate::lock::lock;
use crate::meta::Testaments;
use crate::outbox::{Frame, Outbox, Output, TooLong, shared};
use crate::time::Millis;
use crate::worker::Turn;

/// How long ago a peer may have taken its last bytes to count as one that still reads, for whom a publisher is paced.
const DRAINING: Duration = Duration::from_millis(200);

/// An open session, shared by whoever may send to it.
#[derive(Debug)]
pub struct Peer {
    pub(crate) id: SessionId,
    pub(crate) identity: Identity,
    pub(crate) roles: ClientRoles,
    pub(crate) format: Format,
    /// The longest message this peer takes.
    pub(crate) message_bytes_max: usize,
    pub(crate) limits: Arc<Limits>,
    pub(crate) transport: Arc<TransportDetails>,
    /// Somebody has ended it: the mailbox says how. To be seen without a lock before each message.
    is_ending: AtomicBool,
    mailbox: Mutex<Mailbox>,
    pub(crate) holdings: Mutex<Holdings>,
    /// Held by whoever takes the session out of its realm; see [`crate::realm::Realm::remove`].
    pub(crate) removal: Mutex<()>,
}

/// What a session subscribed to and registered, and what it leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    pub(crate) subscriptions: Held,
    pub(crate) registrations: HashMap<RegistrationId, Arc<Callee>>,
    /// What few sessions have.
    pub(crate) estate: Option<Box<Estate>>,
}

/// What was added to a session through the meta API.
#[derive(Debug, Default)]
pub(crate) struct Estate {
    pub(crate) testaments: Testaments,
    /// Details beside those that every session has.
    pub(crate) details: Dict,
}

/// Everything about a session that other threads change, under one lock.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    outbox: Outbox,
    waker: Option<Waker>,
    /// Something was left here since the owner last looked, and the owner is or will be woken for it.
    dirty: bool,
    /// Set by whoever ends the session; nothing is accepted from then on but what the owner itself appends. Boxed: most
    /// sessions are in no hurry to end.
    ending: Option<Box<Ending>>,
    /// The end is not to be told of by testaments and meta events of sessions (MSE-13).
    ends_quietly: bool,
    /// When the peer last took bytes.
    drained_at: Millis,
    /// Events dropped because of [`SlowConsumer::Drop`] or of the peer's message limit.
    events_dropped: u64,
    /// What an authorizer answered.
    pub(crate) ruling: Option<Ruling>,
    pub(crate) calls: Calls,
    pub(crate) invocations: Invocations,
}

/// Why a session ends that didn't ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// GOODBYE with a reason and a message; quietly: nobody is told of it, by testament or meta event.
    Goodbye { reason: Cow<'static, str>, message: Option<String>, quietly: bool },
    /// It doesn't read what it is sent.
    SlowConsumer { queued: usize },
    /// Its own task is done with it.
    Closed,
}

/// What became of something sent to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is in the outbox.
    Queued,
    /// The receiver won't take a message of this length.
    TooLong,
    /// The outbox is full: dropped, and counted for events.
    Full,
    /// The session ends or has ended.
    Gone,
}

impl Peer {
    #[expect(clippy::too_many_arguments, reason = "all of what a session is, once")]
    pub(crate) fn new(
        id: SessionId,
        identity: Identity,
        roles: ClientRoles,
        format: Format,
        message_bytes_max: usize,
        limits: Arc<Limits>,
        transport: Arc<TransportDetails>,
        outbox: Outbox,
        waker: Option<Waker>,
    ) -> Self {
        let mailbox = Mailbox { outbox, waker, ..Mailbox::default() };
        Peer {
            id,
            identity,
            roles,
            format,
            message_bytes_max,
            limits,
            transport,
            is_ending: AtomicBool::new(false),
            mailbox: Mutex::new(mailbox),
            holdings: Mutex::default(),
            removal: Mutex::default(),
        }
    }

    /// The session's id.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Who the session is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What is known of its transport.
    pub fn transport(&self) -> &TransportDetails {
        &self.transport
    }

    /// Events that this session missed, because its outbox was full or they were longer than it takes.
    pub fn events_dropped(&self) -> u64 {
        self.mailbox().events_dropped
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin { session: self.id, identity: &self.identity }
    }

    pub(crate) fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        lock(&self.mailbox)
    }

    /// Delivers events, `count` of them in one frame behind the other, unless `active` says the subscription has ended.
    pub(crate) fn push_events(
        self: &Arc<Self>,
        active: &Active,
        frames: &Frame<'_>,
        count: u64,
        turn: &mut Turn<'_>,
    ) -> Sent {
        let mut mailbox = self.mailbox();
        if mailbox.ending.is_some() || !active.is_set(&mailbox) {
            return Sent::Gone;
        }
        let soft = self.limits.outbox_bytes_soft;
        let queued = mailbox.outbox.queued();
        if queued > soft {
            if self.limits.slow_consumer == SlowConsumer::Disconnect {
                mailbox.cut_off(self, turn);
                return Sent::Gone;
            }
            mailbox.count_dropped_events(self, count);
            return Sent::Full;
        }
        if queued > soft / 4 * 3 && turn.now < mailbox.drained_at + DRAINING {
            turn.pace();
        }
        mailbox.outbox.push(self.format.framing, frames);
        mailbox.touch(self, turn);
        Sent::Queued
    }

    /// An event that is longer than this peer takes (RAW-19).
    pub(crate) fn drop_event(&self) {
        self.mailbox().count_dropped_events(self, 1);
    }

    /// Sends a reply or a final answer.
    pub(crate) fn send<'m>(self: &Arc<Self>, message: impl Into<Message<'m>>, turn: &mut Turn<'_>) -> Sent {
        self.mailbox().send(self, message, turn)
    }

    /// The whole frame of a message, made without the mailbox, for [`Mailbox::send_frame`].
    ///
    /// # Errors
    /// The peer takes no message of this length.
    pub(crate) fn frame(&self, message: &wamp::message::Result<'_>) -> Result<Bytes, TooLong> {
        let (mut frame, mut length) = (Vec::new(), 0);
        self.format.framing.frame(&mut frame, |out| {
            let start = out.len();
            message.encode(self.format.serializer, out);
            length = out.len() - start;
        });
        let length_max = self.message_bytes_max.min(self.format.framing.max_body());
        if length > length_max { Err(TooLong) } else { Ok(shared(frame)) }
    }

    /// Ends the session from elsewhere: its own task does the rest. False if it ends already.
    pub(crate) fn end(&self, ending: Ending) -> bool {
        let mut mailbox = self.mailbox();
        if mailbox.ending.is_some() {
            return false;
        }
        mailbox.ends_quietly = matches!(ending, Ending::Goodbye { quietly: true, .. });
        mailbox.ending = Some(Box::new(ending));
        self.is_ending.store(true, Ordering::Release);
        let waker = mailbox.waker.clone();
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Whether somebody else has ended the session, so that nothing it sends counts any more.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Acquire)
    }

    /// Leaves the decision that a session waits for, and wakes it.
    pub(crate) fn leave_ruling(&self, ruling: Ruling) {
        let mut mailbox = self.mailbox();
        // An answer that comes too late must not take the place of a newer one.
        if mailbox.ruling.is_some_and(|newer| newer.number > ruling.number) {
            return;
        }
        mailbox.ruling = Some(ruling);
        let waker = mailbox.waker.clone();
        drop(mailbox);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes the session's task, if it waits.
    pub(crate) fn wake(&self) {
        let waker = {
            let mailbox = self.mailbox();
            if mailbox.dirty { mailbox.waker.clone() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the owner of the session does with its own mailbox.
impl Mailbox {
    /// Registers the waker of the task that looks after this session.
    pub(crate) fn register(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_deref()
    }

    pub(crate) fn ends_quietly(&self) -> bool {
        self.ends_quietly
    }

    /// Refuses everything from now on; the outbox goes back to the connection.
    pub(crate) fn close(&mut self) -> Outbox {
        self.ending = Some(Box::new(Ending::Closed));
        std::mem::take(&mut self.outbox)
    }

    pub(crate) fn take_output(&mut self, framing: Framing, output: &mut Output) -> bool {
        self.dirty = false;
        self.outbox.take(framing, output)
    }

    pub(crate) fn sent(&mut self, bytes: usize, now: Millis) {
        self.outbox.sent(bytes);
        self.drained_at = now;
    }

    pub(crate) fn push_raw(&mut self, framing: Framing, bytes: &[u8]) {
        self.outbox.push_raw(framing, bytes);
    }
}

/// What others do with it.
impl Mailbox {
    pub(crate) fn is_open(&self) -> bool {
        self.ending.is_none()
    }

    pub(crate) fn queued(&self) -> usize {
        self.outbox.queued()
    }

    /// Appends a reply or final answer, which may use the outbox up to its hard bound; beyond it the session ends.
    pub(crate) fn send<'m>(
        &mut self,
        peer: &Arc<Peer>,
        message: impl Into<Message<'m>>,
        turn: &mut Turn<'_>,
    ) -> Sent {
        let message = message.into();
        let bound = peer.limits.outbox_bytes_hard();
        self.append(peer, bound, turn, |out| message.encode(peer.format.serializer, out))
    }

    /// The same for what was framed already.
    pub(crate) fn send_frame(
        &mut self,
        peer: &Arc<Peer>,
        frame: Result<Bytes, TooLong>,
        turn: &mut Turn<'_>,
    ) -> Sent {
        if self.ending.is_some() {
            return Sent::Gone;
        }
        let Ok(frame) = frame else { return Sent::TooLong };
        self.outbox.push(peer.format.framing, &Frame::Shared(frame));
        self.appended(peer, peer.limits.outbox_bytes_hard(), turn)
    }

    /// Appends what may be refused when there is much in the outbox already: up to its soft bound.
    pub(crate) fn try_send<'m>(
        &mut self,
        peer: &Arc<Peer>,
        message: impl Into<Message<'m>>,
        turn: &mut Turn<'_>,
    ) -> Sent {
        let message = message.into();
        if self.queued() > peer.limits.outbox_bytes_soft {
            return Sent::Full;
        }
        let bound = peer.limits.outbox_bytes_hard();
        self.append(peer, bound, turn, |out| message.encode(peer.format.serializer, out))
    }

    fn append(
        &mut self,
        peer: &Arc<Peer>,
        bound: usize,
        turn: &mut Turn<'_>,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Sent {
        if self.ending.is_some() {
            return Sent::Gone;
        }
        match self.outbox.append(peer.format.framing, peer.message_bytes_max, body) {
            Ok(()) => self.appended(peer, bound, turn),
            Err(TooLong) => Sent::TooLong,
        }
    }

    fn appended(&mut self, peer: &Arc<Peer>, bound: usize, turn: &mut Turn<'_>) -> Sent {
        if self.outbox.queued() > bound {
            self.cut_off(peer, turn);
            return Sent::Gone;
        }
        self.touch(peer, turn);
        Sent::Queued
    }

    /// So many more events that this session won't see; the log tells of the first, and of their number at the end.
    fn count_dropped_events(&mut self, peer: &Peer, count: u64) {
        if self.events_dropped == 0 {
            tracing::warn!(session = peer.id.value(), peer = %peer.transport.peer, queued = self.outbox.queued(),
                "the first event is dropped for this session");
        }
        self.events_dropped += count;
    }

    /// Ends the session of a peer that doesn't read. Its task may well wait for nothing but the socket, having been told of
    /// what is queued long ago, so it is woken in any case.
    fn cut_off(&mut self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        self.ending = Some(Box::new(Ending::SlowConsumer { queued: self.outbox.queued() }));
        peer.is_ending.store(true, Ordering::Release);
        self.dirty = true;
        turn.touch(peer);
    }

    /// Has the owner woken at the end of the turn.
    pub(crate) fn touch(&mut self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        // Whose turn it is looks into its own mailbox when the turn ends, without being woken.
        if !self.dirty && turn.owner != Some(peer.id) {
            self.dirty = true;
            turn.touch(peer);
        }
    }
}

/// Whether a session's part in a subscription or registration is in force.
///
/// *Invariant*: it changes, and counts, only under the mailbox lock of that session, which is why it takes a
/// [`Mailbox`] to look at it; the atomic is there for sharing, not for ordering.
#[derive(Debug, Default)]
pub(crate) struct Active(AtomicBool);

impl Active {
    pub(crate) fn is_set(&self, _held: &Mailbox) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, _held: &mut Mailbox, active: bool) {
        self.0.store(active, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_session_is_small() {
        let (peer, mailbox) = (size_of::<Peer>(), size_of::<Mailbox>());
        assert!(peer <= 448 && mailbox <= 168, "{peer} {mailbox}");
    }
}
