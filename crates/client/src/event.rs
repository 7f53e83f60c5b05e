//! Events, and the queue in which they wait for a program to look at them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wamp::message::EventDetails;
use wamp::{PublicationId, SessionId, SubscriptionId};

use crate::EndReason;
use crate::arguments::{Arguments, arguments_accessors};

/// What a subscriber gets of a publication.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) subscription: SubscriptionId,
    pub(crate) publication: PublicationId,
    pub(crate) topic: Arc<str>,
    /// Without `topic` and `passthru`, which are elsewhere.
    pub(crate) details: EventDetails<'static>,
    pub(crate) arguments: Arguments,
}

arguments_accessors!(Event);

impl Event {
    /// The subscription that it came by.
    pub const fn subscription(&self) -> SubscriptionId {
        self.subscription
    }

    /// The publication; the same for all its receivers.
    pub const fn publication(&self) -> PublicationId {
        self.publication
    }

    /// The topic that was published to.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Who published, if the router discloses it.
    pub const fn publisher(&self) -> Option<SessionId> {
        self.details.publisher
    }

    /// The publisher's authid, if the router discloses it.
    pub fn publisher_authid(&self) -> Option<&str> {
        self.details.publisher_authid.as_deref()
    }

    /// The publisher's authrole, if the router discloses it.
    pub fn publisher_authrole(&self) -> Option<&str> {
        self.details.publisher_authrole.as_deref()
    }

    /// How far the router trusts the publisher.
    pub const fn trustlevel(&self) -> Option<u64> {
        self.details.trustlevel
    }

    /// Whether it was published before we subscribed, and kept for us.
    pub const fn is_retained(&self) -> bool {
        self.details.retained
    }
}

/// What happens to events for which there is no room in the queue of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// The oldest event makes room: whoever is slow sees the latest. It is counted.
    #[default]
    DropOldest,
    /// The event that came is dropped. It is counted.
    DropNewest,
    /// The subscription ends, after the events that are in the queue: whoever must not miss any event learns of it.
    End,
}

/// A quiet subscription keeps no room for a burst that is over, but for so many events.
const CAPACITY_AT_REST: usize = 64;

/// A new queue: what fills it, and what empties it.
pub(crate) fn queue(limit: usize, overflow: Overflow) -> (EventSender, EventReceiver) {
    let queue = Arc::new(Mutex::new(Queue {
        events: VecDeque::new(),
        limit: limit.max(1),
        overflow,
        missed: 0,
        end: None,
        waker: None,
    }));
    (EventSender(Arc::clone(&queue)), EventReceiver(queue))
}

#[derive(Debug)]
struct Queue {
    events: VecDeque<Event>,
    limit: usize,
    overflow: Overflow,
    missed: u64,
    end: Option<EndReason>,
    waker: Option<Waker>,
}

/// The end of a queue that the session fills.
#[derive(Debug, Clone)]
pub(crate) struct EventSender(Arc<Mutex<Queue>>);

/// Whether a queue is still of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Kept,
    /// There was no room and the subscription is to end.
    Ended,
}

impl EventSender {
    pub(crate) fn push(&self, event: Event) -> Pushed {
        let mut queue = lock(&self.0);
        if queue.end.is_some() {
            return Pushed::Ended;
        }
        if queue.events.len() >= queue.limit {
            match queue.overflow {
                Overflow::DropOldest => {
                    queue.missed += 1;
                    queue.events.pop_front();
                }
                Overflow::DropNewest => {
                    queue.missed += 1;
                    return Pushed::Kept;
                }
                Overflow::End => {
                    drop(queue);
                    self.end(EndReason::Overflow);
                    return Pushed::Ended;
                }
            }
        }
        queue.events.push_back(event);
        wake(queue);
        Pushed::Kept
    }

    /// Nothing more will come. Only the first reason counts.
    pub(crate) fn end(&self, reason: EndReason) {
        let mut queue = lock(&self.0);
        queue.end.get_or_insert(reason);
        wake(queue);
    }
}

/// The end of a queue that the program empties.
#[derive(Debug)]
pub(crate) struct EventReceiver(Arc<Mutex<Queue>>);

impl EventReceiver {
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let mut queue = lock(&self.0);
        if let Some(event) = queue.events.pop_front() {
            if queue.events.is_empty() && queue.events.capacity() > CAPACITY_AT_REST {
                queue.events = VecDeque::new();
            }
            return Poll::Ready(Some(event));
        }
        if queue.end.is_some() {
            return Poll::Ready(None);
        }
        match &mut queue.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => queue.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    pub(crate) fn missed(&self) -> u64 {
        lock(&self.0).missed
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        lock(&self.0).end.clone()
    }
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    // No code of others runs under this lock, so a poisoned one holds sound data.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(mut queue: MutexGuard<'_, Queue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> Event {
        Event {
            subscription: SubscriptionId::from_bits(1),
            publication: PublicationId::from_bits(number),
            topic: Arc::from("a.b"),
            details: EventDetails::default(),
            arguments: Arguments::from(number),
        }
    }

    fn drain(receiver: &mut EventReceiver) -> (Vec<u64>, bool) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut numbers = Vec::new();
        loop {
            match receiver.poll_next(&mut cx) {
                Poll::Ready(Some(event)) => numbers.push(event.arg(0).unwrap()),
                Poll::Ready(None) => return (numbers, true),
                Poll::Pending => return (numbers, false),
            }
        }
    }

    #[test]
    fn the_oldest_event_makes_room() {
        let (sender, mut receiver) = queue(2, Overflow::DropOldest);
        for number in 1..=5 {
            assert_eq!(sender.push(event(number)), Pushed::Kept);
        }
        assert_eq!(drain(&mut receiver), (vec![4, 5], false));
        assert_eq!(receiver.missed(), 3);
    }

    #[test]
    fn the_newest_event_is_dropped() {
        let (sender, mut receiver) = queue(2, Overflow::DropNewest);
        for number in 1..=5 {
            assert_eq!(sender.push(event(number)), Pushed::Kept);
        }
        assert_eq!(drain(&mut receiver), (vec![1, 2], false));
        assert_eq!(receiver.missed(), 3);
    }

    #[test]
    fn a_subscription_that_must_not_miss_anything_ends_behind_what_it_has() {
        let (sender, mut receiver) = queue(2, Overflow::End);
        assert_eq!(
            [1, 2, 3].map(|number| sender.push(event(number))),
            [Pushed::Kept, Pushed::Kept, Pushed::Ended]
        );
        assert_eq!(drain(&mut receiver), (vec![1, 2], true));
        sender.end(EndReason::Ended);
        assert_eq!(receiver.end_reason(), Some(EndReason::Overflow));
    }
}
