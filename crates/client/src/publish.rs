//! Publishing events.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;

use tokio::sync::oneshot;
use wamp::message::PublishOptions;
use wamp::{PublicationId, SessionId};

use crate::arguments::{Arguments, arguments_builder};
use crate::error::RequestError;
use crate::protocol::{Command, NewPublication};
use crate::session::Session;

/// A publication that is done when it is queued: nobody learns whether the router took it.
#[derive(Debug, Clone, Copy)]
pub enum Unacknowledged {}

/// A publication that is done when the router has acknowledged it.
#[derive(Debug, Clone, Copy)]
pub enum Acknowledged {}

/// An event to be published: `session.publish(topic)`.
///
/// Awaiting it queues the event, waiting while the session's queue is full. After [`Publish::acknowledge`] it waits for
/// the router's answer too, and gives the id of the publication.
#[derive(Debug)]
#[must_use = "an event is published when this is awaited"]
pub struct Publish<A = Unacknowledged> {
    session: Session,
    topic: String,
    options: PublishOptions<'static>,
    arguments: Arguments,
    acknowledged: PhantomData<A>,
}

arguments_builder!(Publish<A>, A);

impl Publish {
    pub(crate) fn new(session: Session, topic: String) -> Self {
        let (options, arguments) = (PublishOptions::default(), Arguments::new());
        Publish { session, topic, options, arguments, acknowledged: PhantomData }
    }

    /// Asks the router to acknowledge the publication, or to say why it didn't publish.
    pub fn acknowledge(self) -> Publish<Acknowledged> {
        let Publish { session, topic, mut options, arguments, .. } = self;
        options.acknowledge = true;
        Publish { session, topic, options, arguments, acknowledged: PhantomData }
    }

    /// Queues the event, waiting while the session's queue is full. The same as awaiting this, without an allocation.
    ///
    /// # Errors
    /// The session is over.
    pub async fn send(self) -> Result<(), RequestError> {
        self.submit(None).await
    }
}

impl Publish<Acknowledged> {
    /// Publishes the event and waits for the router's answer.
    ///
    /// # Errors
    /// The router refuses, the answer can't come any more, or the session is over.
    pub async fn send(self) -> Result<PublicationId, RequestError> {
        let (reply, answer) = oneshot::channel();
        self.submit(Some(reply)).await?;
        answer.await.unwrap_or_else(|_| Err(RequestError::closed()))
    }
}

impl<A> Publish<A> {
    /// Whether we don't get the event ourselves, if we are subscribed to the topic. The router's default is yes.
    pub const fn exclude_me(mut self, exclude: bool) -> Self {
        self.options.exclude_me = Some(exclude);
        self
    }

    /// Asks the router to tell the subscribers who we are.
    pub const fn disclose_me(mut self) -> Self {
        self.options.disclose_me = true;
        self
    }

    /// Asks the router to keep the event for those who subscribe later.
    pub const fn retain(mut self) -> Self {
        self.options.retain = true;
        self
    }

    /// The routing key of sharded subscriptions.
    pub fn rkey(mut self, key: impl Into<String>) -> Self {
        self.options.rkey = Some(key.into().into());
        self
    }

    /// Sessions that don't get the event.
    pub fn exclude(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.options.receivers().exclude = Some(sessions.into_iter().map(SessionId::value).collect());
        self
    }

    /// Authids that don't get the event.
    pub fn exclude_authid<T: Into<String>>(mut self, authids: impl IntoIterator<Item = T>) -> Self {
        self.options.receivers().exclude_authid = Some(texts(authids));
        self
    }

    /// Authroles that don't get the event.
    pub fn exclude_authrole<T: Into<String>>(mut self, authroles: impl IntoIterator<Item = T>) -> Self {
        self.options.receivers().exclude_authrole = Some(texts(authroles));
        self
    }

    /// The only sessions that get the event. An empty list is nobody.
    pub fn eligible(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.options.receivers().eligible = Some(sessions.into_iter().map(SessionId::value).collect());
        self
    }

    /// The only authids that get the event. An empty list is nobody.
    pub fn eligible_authid<T: Into<String>>(mut self, authids: impl IntoIterator<Item = T>) -> Self {
        self.options.receivers().eligible_authid = Some(texts(authids));
        self
    }

    /// The only authroles that get the event. An empty list is nobody.
    pub fn eligible_authrole<T: Into<String>>(mut self, authroles: impl IntoIterator<Item = T>) -> Self {
        self.options.receivers().eligible_authrole = Some(texts(authroles));
        self
    }

    async fn submit(self, reply: Option<crate::protocol::Reply<PublicationId>>) -> Result<(), RequestError> {
        let Publish { session, topic, mut options, arguments, .. } = self;
        options.passthru = arguments.passthru().clone();
        session.submit(Command::Publish(NewPublication { topic, options, arguments, reply })).await
    }
}

impl IntoFuture for Publish {
    type Output = Result<(), RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl IntoFuture for Publish<Acknowledged> {
    type Output = Result<PublicationId, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

fn texts<T: Into<String>>(list: impl IntoIterator<Item = T>) -> Vec<std::borrow::Cow<'static, str>> {
    list.into_iter().map(|text| text.into().into()).collect()
}
