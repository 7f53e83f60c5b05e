//! The client's side of WAMP as a state machine: commands and messages in, messages and outcomes out.
//!
//! ```text
//!             begin()         WELCOME           leave()        GOODBYE
//!   Idle ----------> Opening --------> Open -------------> Leaving ----> Closed(reason)
//!    ^                  |  ^ CHALLENGE   |                    |              |
//!    |                  +--+             |  GOODBYE, ABORT, lost link, violation
//!    +-------------------------------------------------------------------------
//!                        disconnected(), to be begun again
//! ```
//!
//! There is no I/O, no clock and no runtime in here. Messages leave through [`Protocol::drain`], calls of our procedures
//! through [`Protocol::take_started`]; outcomes go straight into the channels that came with the commands, which are
//! plain data: production awaits them, a test reads them.
//!
//! What a router answers to a request that we don't know (any more) is ignored: it may have crossed our change of mind.
//! What a router must never send is a violation, and ends the session with ABORT.
//!
//! Spec: basic profile, "Sessions", "Publish and Subscribe", "Remote Procedure Calls".

mod callee;
mod caller;
mod command;
mod opening;
mod publisher;
mod subscriber;
#[cfg(test)]
mod tests;
mod wire;

use std::borrow::Cow;
use std::sync::Arc;

use tokio::sync::mpsc;
use wamp::message::{self, Abort, Goodbye, Message, MessageType};
use wamp::role::Features;
use wamp::{Payload, Serializer, error_uri};

pub(crate) use self::command::{
    Answer, CallKey, Command, Handler, Handling, InvocationKey, NewCall, NewPublication, NewRegistration,
    NewSubscription, RegistrationKey, Reply, Started, SubscriptionKey,
};
pub(crate) use self::opening::Identity;

use self::callee::Callee;
use self::caller::Caller;
use self::publisher::Publisher;
use self::subscriber::Subscriber;
use self::wire::Wire;
use crate::Welcomed;
use crate::arguments::Arguments;
use crate::error::{ApplicationError, CloseReason, RequestError};

/// One session of a program, over the connections that are made for it one after the other.
pub(crate) struct Protocol {
    identity: Identity,
    state: State,
    /// Counts the connections.
    connection: u64,
    welcomed: Option<Arc<Welcomed>>,
    wire: Wire,
    caller: Caller,
    callee: Callee,
    publisher: Publisher,
    subscriber: Subscriber,
}

#[derive(Debug, Clone, PartialEq)]
enum State {
    /// There is no connection.
    Idle,
    /// HELLO was sent.
    Opening,
    /// WELCOME has come.
    Open,
    /// GOODBYE was sent.
    Leaving,
    /// This connection is over.
    Closed(CloseReason),
}

impl Protocol {
    /// A protocol without a connection. Handlers answer through `commands`.
    pub(crate) fn new(identity: Identity, commands: mpsc::WeakSender<Command>) -> Self {
        Protocol {
            identity,
            state: State::Idle,
            connection: 0,
            welcomed: None,
            wire: Wire::new(Serializer::Json, 0),
            caller: Caller::default(),
            callee: Callee::new(commands),
            publisher: Publisher::default(),
            subscriber: Subscriber::default(),
        }
    }

    /// Says HELLO on a new connection, to a router that receives messages of up to `limit` bytes.
    pub(crate) fn begin(&mut self, serializer: Serializer, limit: usize) {
        self.wire = Wire::new(serializer, limit);
        self.connection += 1;
        self.state = State::Opening;
        self.send_hello();
    }

    /// Takes in a message of the router.
    pub(crate) fn receive(&mut self, message: &[u8]) {
        let decoded = Message::decode(self.wire.serializer(), message);
        match (&self.state, decoded) {
            (State::Idle | State::Closed(_), _) => {}
            (_, Err(error)) => self.violation(&error.to_string()),
            (State::Opening, Ok(message)) => self.receive_opening(message),
            (State::Open | State::Leaving, Ok(message)) => self.receive_open(message),
        }
    }

    /// Does what a handle asks for.
    pub(crate) fn handle(&mut self, command: Command) {
        match self.state {
            State::Open => self.obey(command),
            State::Idle | State::Opening => self.refuse(command, RequestError::network_lost()),
            State::Leaving | State::Closed(_) => self.refuse(command, RequestError::closed()),
        }
    }

    /// The link has ended, or failed.
    pub(crate) fn lost(&mut self, problem: &str) {
        let reason = match self.state {
            State::Closed(_) => return,
            // The router took our GOODBYE for the last word.
            State::Leaving => CloseReason::Left,
            State::Idle | State::Opening | State::Open => CloseReason::NetworkLost(Arc::from(problem)),
        };
        self.state = State::Closed(reason);
    }

    /// Forgets the connection. Subscriptions and registrations stay, to be made again by the next.
    pub(crate) fn disconnected(&mut self) {
        self.state = State::Idle;
        self.fail_requests(&RequestError::network_lost());
    }

    /// Ends everything, for this reason.
    pub(crate) fn closed(&mut self, reason: CloseReason) {
        self.subscriber.closed(&reason);
        self.callee.closed(&reason);
        self.state = State::Closed(reason);
        self.fail_requests(&RequestError::closed());
    }

    /// Hands over all messages that are to be sent, in order.
    pub(crate) fn drain(&mut self, send: impl FnMut(&[u8])) {
        self.wire.drain(send);
    }

    /// How many bytes of messages are to be sent.
    pub(crate) const fn outgoing(&self) -> usize {
        self.wire.len()
    }

    /// What is to be handed to handlers.
    pub(crate) fn take_started(&mut self) -> Vec<Started> {
        self.callee.take_started()
    }

    /// Whether WELCOME has come, and nothing that ends the session since.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether GOODBYE was sent and its answer hasn't come.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state == State::Leaving
    }

    /// Why this connection is over, if it is.
    pub(crate) const fn close_reason(&self) -> Option<&CloseReason> {
        match &self.state {
            State::Closed(reason) => Some(reason),
            State::Idle | State::Opening | State::Open | State::Leaving => None,
        }
    }

    /// What the router said in its last WELCOME.
    pub(crate) const fn welcomed(&self) -> Option<&Arc<Welcomed>> {
        self.welcomed.as_ref()
    }

    fn obey(&mut self, command: Command) {
        let wire = &mut self.wire;
        match command {
            Command::Call(call) => self.caller.call(call, wire),
            Command::CallPart { key, arguments, last } => self.caller.part(key, &arguments, last, wire),
            Command::Cancel { key, mode } => self.caller.cancel(key, mode, wire),
            Command::Publish(publication) => self.publisher.publish(publication, wire),
            Command::Subscribe(subscription) => self.subscriber.subscribe(subscription, wire),
            Command::Unsubscribe { key, reply } => self.subscriber.unsubscribe(key, reply, Some(wire)),
            Command::Register(registration) => self.callee.register(registration, wire),
            Command::Unregister { key, reply } => self.callee.unregister(key, reply, Some(wire)),
            Command::Answer { key, answer } => {
                if key.connection == self.connection {
                    self.callee.answer(key.request, answer, wire);
                }
            }
            Command::Leave => self.leave(),
        }
    }

    /// A command where there is no open session.
    fn refuse(&mut self, command: Command, error: RequestError) {
        match command {
            Command::Call(call) => drop(call.outcome.send(Err(error))),
            Command::Publish(publication) => drop(publication.reply.map(|reply| reply.send(Err(error)))),
            Command::Subscribe(subscription) => drop(subscription.reply.send(Err(error))),
            Command::Register(registration) => drop(registration.reply.send(Err(error))),
            Command::Unsubscribe { key, reply } => self.subscriber.unsubscribe(key, reply, None),
            Command::Unregister { key, reply } => self.callee.unregister(key, reply, None),
            Command::Leave if !matches!(self.state, State::Closed(_) | State::Leaving) => {
                self.state = State::Closed(CloseReason::Left);
            }
            Command::Leave | Command::CallPart { .. } | Command::Cancel { .. } | Command::Answer { .. } => {}
        }
    }

    /// Spec: basic profile, "Session Closing" (SES-10).
    fn leave(&mut self) {
        self.send_goodbye(error_uri::CLOSE_REALM);
        self.state = State::Leaving;
    }

    fn receive_open(&mut self, message: Message<'_>) {
        let wire = &mut self.wire;
        match message {
            Message::Event(event) => self.subscriber.event(event, wire),
            Message::Result(result) => self.caller.result(result, wire),
            Message::Invocation(_) | Message::Interrupt(_) if self.state == State::Leaving => {}
            Message::Invocation(invocation) => self.callee.invocation(invocation, self.connection, wire),
            Message::Interrupt(interrupt) => self.callee.interrupt(interrupt),
            Message::Published(published) => {
                self.publisher.published(published.request, published.publication);
            }
            Message::Subscribed(subscribed) => {
                self.subscriber.subscribed(subscribed.request, subscribed.subscription, wire);
            }
            Message::Unsubscribed(message::Unsubscribed::Reply(request)) => {
                self.subscriber.unsubscribed(request, Ok(()));
            }
            Message::Unsubscribed(message::Unsubscribed::Revoked { subscription, reason }) => {
                self.subscriber.revoked(subscription, reason.as_deref());
            }
            Message::Registered(registered) => {
                self.callee.registered(registered.request, registered.registration, wire);
            }
            Message::Unregistered(message::Unregistered::Reply(request)) => {
                self.callee.unregistered(request, Ok(()));
            }
            Message::Unregistered(message::Unregistered::Revoked { registration, reason }) => {
                self.callee.revoked(registration, reason.as_deref());
            }
            Message::Error(error) => self.receive_error(error),
            Message::Goodbye(goodbye) => self.receive_goodbye(goodbye),
            Message::Abort(abort) => self.receive_abort(abort),
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Publish(_)
            | Message::Subscribe(_)
            | Message::Unsubscribe(_)
            | Message::Call(_)
            | Message::Cancel(_)
            | Message::Register(_)
            | Message::Unregister(_)
            | Message::Yield(_)
            | Message::EventReceived(_) => self.unexpected(message.message_type()),
        }
    }

    fn receive_error(&mut self, error: message::Error<'_>) {
        let message::Error { request_type, request, passthru, error: uri, payload } = error;
        let error = ApplicationError::received(uri.into_owned(), Arguments::received(&payload, passthru));
        match MessageType::from_code(request_type) {
            Some(MessageType::Call) => self.caller.failed(request, error),
            Some(MessageType::Publish) => self.publisher.failed(request, error),
            Some(MessageType::Subscribe) => self.subscriber.subscribe_failed(request, error, &mut self.wire),
            Some(MessageType::Unsubscribe) => self.subscriber.unsubscribed(request, Err(error)),
            Some(MessageType::Register) => self.callee.register_failed(request, error),
            Some(MessageType::Unregister) => self.callee.unregistered(request, Err(error)),
            // Routers tell what they think of a YIELD (PPT-07) or a CANCEL in their own ways, and nobody waits for it.
            _ => {
                tracing::debug!(request_type, %error, "the router reports an error that no request waits for");
            }
        }
    }

    fn receive_goodbye(&mut self, goodbye: Goodbye<'_>) {
        // While we are leaving, this is the answer, or a GOODBYE that crossed ours.
        if self.state == State::Leaving {
            self.state = State::Closed(CloseReason::Left);
            return;
        }
        self.send_goodbye(error_uri::GOODBYE_AND_OUT);
        self.state = State::Closed(CloseReason::Goodbye {
            reason: goodbye.reason.into_owned(),
            message: goodbye.message.map(Cow::into_owned),
        });
    }

    fn receive_abort(&mut self, abort: Abort<'_>) {
        let arguments = Arguments::received(&abort.payload, message::Passthru::NONE);
        self.state = State::Closed(CloseReason::Aborted {
            error: Box::new(ApplicationError::received(abort.reason.into_owned(), arguments)),
            message: abort.message.map(Cow::into_owned),
        });
    }

    fn unexpected(&mut self, message: MessageType) {
        self.violation(&format!("{message} is not expected here"));
    }

    /// The router broke the protocol.
    fn violation(&mut self, problem: &str) {
        self.send_abort(problem, error_uri::PROTOCOL_VIOLATION);
        self.state = State::Closed(CloseReason::Violation(Arc::from(problem)));
    }

    fn send_abort(&mut self, message: &str, reason: &str) {
        let (message, reason) = (Some(Cow::Borrowed(message)), Cow::Borrowed(reason));
        let abort = Abort { message, reason, payload: Payload::EMPTY };
        // If it is too long for the router it does without.
        drop(self.wire.send(|serializer, out| abort.encode(serializer, out)));
    }

    fn send_goodbye(&mut self, reason: &str) {
        let goodbye = Goodbye { message: None, reason: Cow::Borrowed(reason) };
        drop(self.wire.send(|serializer, out| goodbye.encode(serializer, out)));
    }

    fn fail_requests(&mut self, error: &RequestError) {
        self.caller.disconnected(error);
        self.publisher.disconnected(error);
        self.subscriber.disconnected(error);
        self.callee.disconnected(error);
    }

    /// A new session is open: what the last connection had is made again.
    fn opened(&mut self, welcomed: Welcomed) {
        let dealer = welcomed.details.roles.dealer.unwrap_or_default();
        self.welcomed = Some(Arc::new(welcomed));
        self.state = State::Open;
        self.caller.connected(dealer.contains(Features::CALL_CANCELING));
        self.subscriber.connected(&mut self.wire);
        self.callee.connected(&mut self.wire);
    }
}

/// The same text, independent of the message it was read from.
fn owned(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}
