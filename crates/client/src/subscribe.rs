//! Subscribing to topics.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wamp::message::SubscribeOptions;
use wamp::{MatchPolicy, SubscriptionId};

use crate::error::{EndReason, RequestError};
use crate::event::{self, Event, EventReceiver, Overflow};
use crate::protocol::{Command, NewSubscription, SubscriptionKey};
use crate::session::Session;

/// How many events wait for their reader if nothing else is said.
const QUEUE_LIMIT: usize = 1024;

/// A subscription to be made: `session.subscribe(topic)`.
///
/// Awaiting it gives a [`Subscription`] to read events from; [`Subscribe::on_event`] has them handed to a function.
#[derive(Debug)]
#[must_use = "a subscription is made when this is awaited"]
pub struct Subscribe {
    session: Session,
    topic: String,
    options: SubscribeOptions<'static>,
    limit: usize,
    overflow: Overflow,
}

impl Subscribe {
    pub(crate) fn new(session: Session, topic: String) -> Self {
        let options = SubscribeOptions::default();
        Subscribe { session, topic, options, limit: QUEUE_LIMIT, overflow: Overflow::default() }
    }

    /// How the topic is matched.
    pub const fn match_policy(mut self, policy: MatchPolicy) -> Self {
        self.options.match_policy = policy;
        self
    }

    /// Takes the topic as a prefix.
    pub const fn prefix(self) -> Self {
        self.match_policy(MatchPolicy::Prefix)
    }

    /// Takes the topic as a pattern, in which an empty component stands for any.
    pub const fn wildcard(self) -> Self {
        self.match_policy(MatchPolicy::Wildcard)
    }

    /// Asks for the event that the router keeps for this topic.
    pub const fn get_retained(mut self) -> Self {
        self.options.get_retained = true;
        self
    }

    /// The node of a sharded subscription.
    pub fn nkey(mut self, key: impl Into<String>) -> Self {
        self.options.nkey = Some(key.into().into());
        self
    }

    /// How many events wait for their reader: at least 1; 1,024 if nothing is said.
    pub const fn queue_limit(mut self, events: usize) -> Self {
        self.limit = events;
        self
    }

    /// What happens to events when so many wait.
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Subscribes, and has each event handed to `handle`, one after the other. Meanwhile others wait in the queue.
    ///
    /// Events are handled until [`EventHandler::unsubscribe`], a revocation, or the session's end, also when the
    /// [`EventHandler`] is dropped.
    ///
    /// # Errors
    /// The router refuses, or the session is over.
    pub async fn on_event<F, Fut>(self, mut handle: F) -> Result<EventHandler, RequestError>
    where
        F: FnMut(Event) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let Subscription { id, membership, mut events } = self.subscribe().await?;
        tokio::spawn(async move {
            while let Some(event) = poll_fn(|cx| events.poll_next(cx)).await {
                handle(event).await;
            }
        });
        let (key, session) = membership.keep();
        Ok(EventHandler { id, key, session })
    }

    async fn subscribe(self) -> Result<Subscription, RequestError> {
        let Subscribe { session, topic, options, limit, overflow } = self;
        let key = SubscriptionKey::next();
        let (sender, events) = event::queue(limit, overflow);
        let (reply, answer) = oneshot::channel();
        let new = NewSubscription { key, topic: Arc::from(topic), options, events: sender, reply };
        let membership = Membership::new(key, session);
        membership.session.submit(Command::Subscribe(new)).await?;
        // From here on, if this future is dropped, `membership` takes the subscription back.
        let id = answer.await.unwrap_or_else(|_| Err(RequestError::closed()))?;
        Ok(Subscription { id, membership, events })
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.subscribe())
    }
}

/// The events of a topic or pattern, in the order in which the router sent them. Dropping it unsubscribes.
///
/// It outlives the connection if the session makes lost ones again; what was published meanwhile is missed.
#[derive(Debug)]
pub struct Subscription {
    id: SubscriptionId,
    events: EventReceiver,
    membership: Membership,
}

impl Subscription {
    /// The router's id of the subscription, as of the first connection.
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// The next event; `None` when the subscription is over ([`Subscription::end_reason`]).
    ///
    /// Dropping the future this makes loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Subscription::next`], in the shape that streams are made of.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.events.poll_next(cx)
    }

    /// How many events were dropped because the queue was full.
    pub fn missed(&self) -> u64 {
        self.events.missed()
    }

    /// Why no more events come; `None` while they may.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.events.end_reason()
    }

    /// Unsubscribes, and waits for the router's answer.
    ///
    /// # Errors
    /// The router refuses, or the session is over.
    pub async fn unsubscribe(self) -> Result<(), RequestError> {
        let (key, session) = self.membership.keep();
        unsubscribe(key, &session).await
    }
}

/// A function that is handed the events of a topic or pattern. Dropping it changes nothing.
#[derive(Debug)]
pub struct EventHandler {
    id: SubscriptionId,
    key: SubscriptionKey,
    session: Session,
}

impl EventHandler {
    /// The router's id of the subscription, as of the first connection.
    pub const fn id(&self) -> SubscriptionId {
        self.id
    }

    /// Unsubscribes, and waits for the router's answer. Events that wait in the queue are still handled.
    ///
    /// # Errors
    /// The router refuses, or the session is over.
    pub async fn unsubscribe(self) -> Result<(), RequestError> {
        unsubscribe(self.key, &self.session).await
    }
}

async fn unsubscribe(key: SubscriptionKey, session: &Session) -> Result<(), RequestError> {
    let (reply, answer) = oneshot::channel();
    session.submit(Command::Unsubscribe { key, reply: Some(reply) }).await?;
    answer.await.unwrap_or_else(|_| Err(RequestError::closed()))
}

/// Unsubscribes when it is dropped.
#[derive(Debug)]
struct Membership {
    key: SubscriptionKey,
    session: Session,
    kept: bool,
}

impl Membership {
    const fn new(key: SubscriptionKey, session: Session) -> Self {
        Membership { key, session, kept: false }
    }

    /// The subscription stays, for somebody else to end.
    fn keep(mut self) -> (SubscriptionKey, Session) {
        self.kept = true;
        (self.key, self.session.clone())
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if !self.kept {
            self.session.submit_now(Command::Unsubscribe { key: self.key, reply: None });
        }
    }
}
