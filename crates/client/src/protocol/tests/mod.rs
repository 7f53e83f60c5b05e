//! The protocol without sockets: commands and messages in, messages and outcomes out.

mod calls;
mod ending;
mod opening;
mod publications;
mod registrations;
mod subscriptions;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::{mpsc, oneshot, watch};
use wamp::message::{
    CallOptions, CancelMode, Challenge, Error, Event, EventDetails, Goodbye, Hello, Interrupt, Invocation,
    InvocationDetails, Message, MessageType, Passthru, Published, RegisterOptions, Registered,
    Result as ResultMessage, ResultDetails, SubscribeOptions, Subscribed, Unregistered, Unsubscribed,
    Welcome, WelcomeDetails,
};
use wamp::role::{ClientRoles, RouterRoles};
use wamp::value::Dict;
use wamp::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId, Value};

use super::*;
use crate::auth::{AuthError, Authenticator, Signature};
use crate::call::CallResult;
use crate::error::EndReason;
use crate::event::{self, EventReceiver, Overflow};

type Outcome<T> = Result<T, RequestError>;

/// A protocol over JSON, with a scripted router at the other end.
struct Rig {
    protocol: Protocol,
    /// Keeps the channel of handlers' answers open.
    _commands: mpsc::Sender<Command>,
}

impl Rig {
    fn new(authenticator: Option<Box<dyn Authenticator>>) -> Self {
        let identity = Identity {
            realm: Some("realm1".to_owned()),
            roles: ClientRoles::complete(),
            agent: None,
            authid: Some("joe".to_owned()),
            authrole: None,
            authextra: None,
            authenticator,
        };
        let (commands, _) = mpsc::channel(1);
        Rig { protocol: Protocol::new(identity, commands.downgrade()), _commands: commands }
    }

    /// A session that is open, with a router that announces `dealer`.
    fn open_with(dealer: Features) -> Self {
        let mut rig = Rig::new(None);
        rig.begin(usize::MAX);
        rig.welcome(1, dealer);
        rig
    }

    fn open() -> Self {
        Rig::open_with(Features::CALL_CANCELING)
    }

    fn begin(&mut self, limit: usize) {
        self.protocol.begin(Serializer::Json, limit);
        assert_eq!(self.sent_types(), [MessageType::Hello]);
    }

    fn welcome(&mut self, session: u64, dealer: Features) {
        let roles = RouterRoles { broker: Some(Features::NONE), dealer: Some(dealer) };
        let details = WelcomeDetails { roles, ..WelcomeDetails::default() };
        self.receive(Welcome { session: SessionId::new(session).unwrap(), details });
    }

    fn receive<'a>(&mut self, message: impl Into<Message<'a>>) {
        let mut bytes = Vec::new();
        message.into().encode(Serializer::Json, &mut bytes);
        self.protocol.receive(&bytes);
    }

    /// What was sent since the last time, as JSON.
    fn sent(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        self.protocol.drain(|message| sent.push(String::from_utf8(message.to_vec()).unwrap()));
        sent
    }

    fn sent_types(&mut self) -> Vec<MessageType> {
        let sent = self.sent();
        sent.iter().map(|message| MessageType::peek(Serializer::Json, message.as_bytes()).unwrap()).collect()
    }

    fn call(&mut self, options: CallOptions<'static>) -> Waiting {
        let key = CallKey::next();
        let (outcome, waiting) = oneshot::channel();
        let (progress, results) = mpsc::channel(2);
        let progress = options.receive_progress.then_some(progress);
        let (procedure, arguments) = ("a.b".to_owned(), Arguments::from(1));
        let call = NewCall { key, procedure, options, arguments, progress, outcome };
        self.protocol.handle(Command::Call(call));
        Waiting { key, outcome: waiting, results }
    }

    fn result(&mut self, call: u64, progress: bool, value: i64) {
        let mut bytes = Vec::new();
        let payload = Payload::from_values(Serializer::Json, &[Value::from(value)], &Dict::new(), &mut bytes);
        let details = ResultDetails { progress, passthru: Passthru::NONE };
        self.receive(ResultMessage { request: request(call), details, payload });
    }

    fn error(&mut self, message: MessageType, id: u64, uri: &str) {
        let (error, payload) = (Cow::Borrowed(uri), Payload::EMPTY);
        let request_type = message.code();
        self.receive(Error { request_type, request: request(id), passthru: Passthru::NONE, error, payload });
    }

    fn subscribe(&mut self, topic: &str) -> Reading {
        let key = SubscriptionKey::next();
        let (sender, events) = event::queue(10, Overflow::DropOldest);
        let (reply, answer) = oneshot::channel();
        let (topic, options) = (Arc::from(topic), SubscribeOptions::default());
        let new = NewSubscription { key, topic, options, events: sender, reply };
        self.protocol.handle(Command::Subscribe(new));
        Reading { key, answer, events }
    }

    fn subscribed(&mut self, id: u64, subscription: u64) {
        self.receive(Subscribed {
            request: request(id),
            subscription: SubscriptionId::new(subscription).unwrap(),
        });
    }

    fn unsubscribe(&mut self, key: SubscriptionKey) -> oneshot::Receiver<Outcome<()>> {
        let (reply, answer) = oneshot::channel();
        self.protocol.handle(Command::Unsubscribe { key, reply: Some(reply) });
        answer
    }

    fn event(&mut self, subscription: u64) {
        self.receive(Event {
            subscription: SubscriptionId::new(subscription).unwrap(),
            publication: PublicationId::new(7).unwrap(),
            details: EventDetails::default(),
            payload: Payload::EMPTY,
        });
    }

    fn register(&mut self, procedure: &str) -> Answering {
        let key = RegistrationKey::next();
        let (end, ended) = watch::channel(None);
        let (reply, answer) = oneshot::channel();
        let handler = Handler {
            function: Arc::new(|_| Box::pin(async { Ok(Arguments::new()) })),
            observes_interrupts: false,
        };
        let (procedure, options) = (Arc::from(procedure), RegisterOptions::default());
        self.protocol.handle(Command::Register(NewRegistration {
            key,
            procedure,
            options,
            handler,
            end,
            reply,
        }));
        Answering { key, answer, ended }
    }

    fn registered(&mut self, id: u64, registration: u64) {
        self.receive(Registered {
            request: request(id),
            registration: RegistrationId::new(registration).unwrap(),
        });
    }

    fn unregister(&mut self, key: RegistrationKey) -> oneshot::Receiver<Outcome<()>> {
        let (reply, answer) = oneshot::channel();
        self.protocol.handle(Command::Unregister { key, reply: Some(reply) });
        answer
    }

    fn invoke(&mut self, id: u64, registration: u64, progress: bool) {
        self.receive(Invocation {
            request: request(id),
            registration: RegistrationId::new(registration).unwrap(),
            details: InvocationDetails { progress, receive_progress: true, ..InvocationDetails::default() },
            payload: Payload::EMPTY,
        });
    }

    fn started(&mut self) -> crate::Invocation {
        let mut started = self.protocol.take_started();
        assert_eq!(started.len(), 1);
        started.remove(0).invocation
    }

    fn answer(&mut self, invocation: &crate::Invocation, answer: Answer) {
        self.protocol.handle(Command::Answer { key: invocation.key, answer });
    }

    fn reconnect(&mut self) {
        self.protocol.lost("test");
        self.protocol.disconnected();
        self.begin(usize::MAX);
        self.welcome(2, Features::CALL_CANCELING);
    }
}

struct Waiting {
    key: CallKey,
    outcome: oneshot::Receiver<Outcome<CallResult>>,
    results: mpsc::Receiver<CallResult>,
}

struct Reading {
    key: SubscriptionKey,
    answer: oneshot::Receiver<Outcome<SubscriptionId>>,
    events: EventReceiver,
}

impl Reading {
    /// How many events wait.
    fn count(&mut self) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        std::iter::from_fn(|| match self.events.poll_next(&mut cx) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        })
        .count()
    }
}

struct Answering {
    key: RegistrationKey,
    answer: oneshot::Receiver<Outcome<RegistrationId>>,
    ended: watch::Receiver<Option<EndReason>>,
}

fn request(id: u64) -> RequestId {
    RequestId::new(id).unwrap()
}
