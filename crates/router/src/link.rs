//! Our end of one connection: WAMP sessions one after the other, from HELLO to GOODBYE.
//!
//! ```text
//!                    ┌──────────── GOODBYE exchange done ────────────┐
//!                    v                                               │
//!   Establishing ── HELLO ──> Authenticating ──> Established ──> Leaving
//!        │                         │                  │
//!        └────── ABORT, timeout, violation, transport lost ────> Closed
//! ```
//!
//! While a decision is pending the session's input waits here, in order. Only GOODBYE, ABORT and the CANCEL of a call
//! that is routed already are let past it (ORD-08, ORD-09).
//!
//! Spec: basic profile, "Sessions".

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use wamp::message::{Abort, Challenge, Goodbye, Hello, Message, MessageType, Welcome, WelcomeDetails};
use wamp::role::{ClientRoles, Features, RouterRoles};
use wamp::uri::UriCheck;
use wamp::{Payload, SessionId, error_uri};

use crate::authorize::Role;
use crate::decision::{
    Answers, Asker, Authenticator, Decided, Exchange, HelloRequest, Outcome, Resolution, Ruling, Step,
    Ticket, Waiting,
};
use crate::identity::{Authextra, Format, Identity, TransportDetails};
use crate::outbox::{Outbox, Output};
use crate::peer::{Ending, Peer};
use crate::realm::Realm;
use crate::router::Router;
use crate::session::{Reaction, Session};
use crate::sessions::NotAdded;
use crate::time::Millis;
use crate::violation::Violation;
use crate::worker::Turn;

/// Bytes of input that wait for a decision before reading stops.
const DEFERRED_BYTES_MAX: usize = 64 << 10;
/// What a message that waits costs besides its bytes.
const DEFERRED_MESSAGE_BYTES: usize = 64;
/// How long a decision may take; then it is "could not be found out".
const DECISION_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// What it costs to read a message, find what it is about and write another, as [`Turn::work`] counts it.
const MESSAGE_WORK: usize = 4;
/// So many of its bytes cost one more.
const BYTES_PER_WORK: usize = 128;

/// What a connection's task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Input waits for a decision; whether more of it is taken in says [`Link::wants_input`].
    Pause,
    /// Flush what is queued, then close the transport.
    Close {
        /// The WebSocket close code to give.
        code: u16,
        /// And the reason.
        reason: &'static str,
    },
}

const NORMAL: Flow = Flow::Close { code: 1000, reason: "" };
const VIOLATED: Flow = Flow::Close { code: 1002, reason: error_uri::PROTOCOL_VIOLATION };
const REFUSED: Flow = Flow::Close { code: 1000, reason: "the session was refused" };

/// See the module. Owned by the connection's task; it does no I/O.
#[derive(Debug)]
pub struct Link {
    router: Arc<Router>,
    format: Format,
    /// The longest message the peer takes.
    message_bytes_max: usize,
    transport: Arc<TransportDetails>,
    authenticator: Arc<dyn Authenticator>,
    state: State,
    /// What is queued while there is no session; an open one has an outbox in its mailbox.
    outbox: Option<Box<Outbox>>,
    /// When the handshake must be done, or GOODBYE answered.
    deadline: Option<Millis>,
    /// Input that waits for a decision.
    deferred: Option<Box<Deferred>>,
    /// The task to wake; a session that opens gets it from here.
    waker: Option<Waker>,
    /// The moment of the last poll.
    now: Millis,
}

#[derive(Debug)]
enum State {
    Establishing,
    Authenticating(Box<Joining>),
    Established(Box<Session>),
    /// GOODBYE was sent, the peer's is awaited; everything else is ignored (SES-13).
    Leaving,
    Closed,
}

/// A session on its way to WELCOME.
#[derive(Debug)]
struct Joining {
    id: SessionId,
    realm: Arc<Realm>,
    roles: ClientRoles,
    waiting: Arc<Waiting>,
    ticket: u64,
    /// The answer is awaited from whoever authenticates, not from the client.
    is_pending: bool,
    exchange: Option<Box<dyn Exchange>>,
}

#[derive(Debug)]
struct Deferred {
    /// The message that waits for an answer; none while a HELLO does.
    message: Option<Undecided>,
    behind: VecDeque<Vec<u8>>,
    bytes: usize,
    deadline: Millis,
}

/// A message that waits for a decision.
#[derive(Debug)]
struct Undecided {
    ticket: u64,
    message: Vec<u8>,
    /// The decisions that it has waited for before.
    decided: Answers,
}

impl Link {
    /// The end of a new connection, which lets anonymous clients in.
    ///
    /// `message_bytes_max`: the longest message that the peer takes, if its transport told.
    pub fn new(
        router: &Arc<Router>,
        format: Format,
        message_bytes_max: usize,
        transport: TransportDetails,
        now: Millis,
    ) -> Link {
        Link {
            router: Arc::clone(router),
            format,
            // What this router doesn't take from anybody, it doesn't make anybody take: transcoding can make a message
            // several times as long.
            message_bytes_max: message_bytes_max.min(router.limits.message_bytes_max),
            transport: Arc::new(transport),
            authenticator: Arc::clone(&router.anonymous),
            state: State::Establishing,
            outbox: None,
            deadline: Some(now + router.limits.handshake_timeout),
            deferred: None,
            waker: None,
            now,
        }
    }

    /// Has clients authenticated by something else.
    #[must_use]
    pub fn with_authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Link {
        self.authenticator = authenticator;
        self
    }

    /// The open session.
    pub fn session_id(&self) -> Option<SessionId> {
        match &self.state {
            State::Established(session) => Some(session.peer.id),
            _ => None,
        }
    }

    /// The open session as others see it.
    pub fn peer(&self) -> Option<&Arc<Peer>> {
        match &self.state {
            State::Established(session) => Some(&session.peer),
            _ => None,
        }
    }

    /// What is known of the transport.
    pub fn transport(&self) -> &TransportDetails {
        &self.transport
    }

    /// How messages are encoded and framed here.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Changes the framing, as when the first batch shows how the peer delimits messages. Only before HELLO is handled.
    pub fn set_framing(&mut self, framing: transport::Framing) {
        if matches!(self.state, State::Establishing) {
            self.format.framing = framing;
        }
    }

    /// Handles one message.
    pub fn receive(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Flow {
        turn.owner = self.session_id();
        turn.spend(MESSAGE_WORK + message.len() / BYTES_PER_WORK);
        // A session that was ended meanwhile does nothing more, even in the middle of a batch of its input.
        if self.peer().is_some_and(|peer| peer.is_ending())
            && let flow @ Flow::Close { .. } = self.follow_ending(turn)
        {
            return flow;
        }
        if self.deferred.is_some() {
            return self.receive_deferred(message, turn);
        }
        self.handle(message, Answers::new(), turn)
    }

    /// The transport's framing was broken, or a message was too long: ABORT, and the end.
    pub fn violation(&mut self, message: &str, turn: &mut Turn<'_>) -> Flow {
        self.violated(&Violation::Transport(message.to_owned()), turn)
    }

    /// Registers the task to be woken, and takes in what other threads left for this session.
    pub fn poll(&mut self, waker: &Waker, turn: &mut Turn<'_>) -> Flow {
        turn.owner = self.session_id();
        self.now = turn.now;
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
        let resolution = match &self.state {
            State::Established(session) => {
                let mut mailbox = session.peer.mailbox();
                mailbox.register(waker);
                if mailbox.ending().is_some() {
                    drop(mailbox);
                    return self.follow_ending(turn);
                }
                let ruling = mailbox.ruling.take();
                ruling.map(|Ruling { number, decision }| Resolution {
                    number,
                    outcome: Outcome::Authorized(decision),
                })
            }
            State::Authenticating(joining) => joining.waiting.take(Some(waker)),
            State::Establishing | State::Leaving | State::Closed => return Flow::Continue,
        };
        let Some(resolution) = resolution else { return Flow::Continue };
        let flow = self.resolve(resolution, turn);
        // What waited may have been publications, to this session itself too.
        turn.flush();
        flow
    }

    /// Does what somebody else's having ended the session comes to.
    fn follow_ending(&mut self, turn: &mut Turn<'_>) -> Flow {
        match self.peer().and_then(|peer| peer.mailbox().ending().cloned()) {
            Some(Ending::Goodbye { reason, message, .. }) => self.say_goodbye(reason, message, turn),
            Some(Ending::SlowConsumer { queued }) => self.cut_off(queued, turn),
            Some(Ending::Closed) | None => Flow::Continue,
        }
    }

    /// Bytes that are queued while there is no session.
    fn queued(&self) -> usize {
        self.outbox.as_ref().map_or(0, |outbox| outbox.queued())
    }

    /// When [`Link::handle_timeout`] wants to be called.
    pub fn next_deadline(&self) -> Option<Millis> {
        let decision = self.deferred.as_ref().map(|deferred| deferred.deadline);
        let calls = self.peer().and_then(|peer| peer.mailbox().calls.next_deadline());
        [self.deadline, decision, calls].into_iter().flatten().min()
    }

    /// Does what is due at the turn's moment.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Flow {
        turn.owner = self.session_id();
        if let State::Established(session) = &self.state {
            session.realm.dealer.handle_timeout(&session.peer, turn);
        }
        if self.deferred.as_ref().is_some_and(|deferred| deferred.deadline <= turn.now) {
            let number =
                self.deferred.as_ref().and_then(|deferred| deferred.message.as_ref()).map(|it| it.ticket);
            let (number, outcome) = match number {
                Some(number) => (number, Outcome::Authorized(None)),
                None => (self.joining_ticket(), Outcome::Authenticated(no_answer())),
            };
            let flow = self.resolve(Resolution { number, outcome }, turn);
            turn.flush();
            return flow;
        }
        if self.deadline.is_some_and(|deadline| deadline <= turn.now) {
            self.deadline = None;
            return match self.state {
                State::Established(_) => Flow::Continue,
                State::Authenticating(_) => {
                    self.abort(error_uri::AUTHENTICATION_FAILED, "authentication took too long")
                }
                State::Establishing | State::Leaving | State::Closed => {
                    self.state = State::Closed;
                    NORMAL
                }
            };
        }
        Flow::Continue
    }

    /// Whether more input is to be read: not while the peer leaves its answers unread, or too much waits for a decision.
    pub fn wants_input(&self) -> bool {
        let has_room = match self.peer() {
            Some(peer) => peer.mailbox().queued() <= peer.limits.outbox_bytes_soft / 2,
            // Nobody needs much said to them before HELLO or after GOODBYE.
            None => self.queued() <= DEFERRED_BYTES_MAX,
        };
        has_room && self.deferred.as_ref().is_none_or(|deferred| deferred.bytes <= DEFERRED_BYTES_MAX)
    }

    /// Moves all that is queued into `output`; false if that is nothing.
    pub fn take_output(&mut self, output: &mut Output) -> bool {
        let framing = self.format.framing;
        match &self.state {
            State::Established(session) => session.peer.mailbox().take_output(framing, output),
            _ => self.outbox.as_mut().is_some_and(|outbox| outbox.take(framing, output)),
        }
    }

    /// So many bytes of what was taken are on the wire.
    pub fn sent(&mut self, bytes: usize) {
        match &self.state {
            State::Established(session) => session.peer.mailbox().sent(bytes, self.now),
            _ => {
                if let Some(outbox) = &mut self.outbox {
                    outbox.sent(bytes);
                }
            }
        }
    }

    /// Queues a frame of the transport itself, such as a PONG, behind the messages.
    pub fn send_raw(&mut self, frame: &[u8]) {
        let framing = self.format.framing;
        match &self.state {
            State::Established(session) => session.peer.mailbox().push_raw(framing, frame),
            _ => self.outbox.get_or_insert_default().push_raw(framing, frame),
        }
    }

    /// The transport is gone: so is the session. Safe to call more than once.
    pub fn disconnected(&mut self, turn: &mut Turn<'_>) {
        self.dispose(turn);
        self.state = State::Closed;
    }

    /// `decided`: the decisions that the message has waited for.
    fn handle(&mut self, message: &[u8], decided: Answers, turn: &mut Turn<'_>) -> Flow {
        let mut decided = Decided::new(decided);
        let reaction = match &mut self.state {
            State::Established(session) => session.handle(message, &mut decided, turn),
            State::Establishing => return self.establish(message, turn),
            State::Authenticating(_) => return self.authenticate(message, turn),
            State::Leaving => return self.leave(message, turn),
            State::Closed => return Flow::Continue,
        };
        match reaction {
            Ok(Reaction::Done) => Flow::Continue,
            Ok(Reaction::Wait(ticket)) => {
                let decided = decided.into_answers();
                let undecided = Undecided { ticket, message: message.to_vec(), decided };
                self.defer(Some(undecided), turn.now + DECISION_TIMEOUT);
                Flow::Pause
            }
            Ok(Reaction::Goodbye) => {
                self.dispose(turn);
                self.send(Goodbye { message: None, reason: Cow::Borrowed(error_uri::GOODBYE_AND_OUT) });
                self.await_hello(turn)
            }
            Ok(Reaction::Aborted) => {
                self.disconnected(turn);
                NORMAL
            }
            Err(violation) => self.violated(&violation, turn),
        }
    }

    /// HELLO is the first message (SES-01).
    fn establish(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Flow {
        match Message::decode(self.format.serializer, message) {
            Ok(Message::Hello(hello)) => self.hello(&hello, turn),
            Ok(Message::Abort(_)) => {
                self.state = State::Closed;
                NORMAL
            }
            Ok(other) => {
                let message = other.message_type();
                self.violated(&Violation::Unexpected { message, state: "before HELLO" }, turn)
            }
            Err(error) => self.violated(&error.into(), turn),
        }
    }

    fn hello(&mut self, hello: &Hello<'_>, turn: &mut Turn<'_>) -> Flow {
        if hello.details.roles.is_empty() {
            return self.violated(&Violation::NoRoles, turn);
        }
        if self.router.is_closing() {
            return self.abort(error_uri::SYSTEM_SHUTDOWN, "the router is shutting down");
        }
        let Some(name) = hello.realm.as_deref() else {
            return self.abort(error_uri::NO_SUCH_REALM, "HELLO names no realm, and none is assigned here");
        };
        if !UriCheck::Loose.is_valid(name) {
            return self.abort(error_uri::INVALID_URI, &format!("{name:?} is not a URI"));
        }
        let Some(realm) = self.router.realm(name) else {
            return self.abort(error_uri::NO_SUCH_REALM, &format!("there is no realm {name:?}"));
        };
        let waiting = Arc::new(Waiting::new(self.waker.clone()));
        let id = self.free_session_id(turn);
        let random = [turn.random(), turn.random()];
        let request = HelloRequest {
            realm: name,
            session: id,
            details: &hello.details,
            transport: &self.transport,
            random,
        };
        let ticket = Ticket::new(0, Asker::Connection(Arc::clone(&waiting)));
        let step = self.authenticator.hello(&request, ticket);
        let roles = hello.details.roles;
        let joining = Joining { id, realm, roles, waiting, ticket: 0, is_pending: false, exchange: None };
        self.state = State::Authenticating(Box::new(joining));
        self.take_step(step, turn)
    }

    fn free_session_id(&self, turn: &mut Turn<'_>) -> SessionId {
        loop {
            let id = SessionId::from_bits(turn.random());
            if !self.router.has_session(id) {
                return id;
            }
        }
    }

    /// Between HELLO and WELCOME a client answers its CHALLENGE, or gives up (AUT-13).
    fn authenticate(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Flow {
        let State::Authenticating(joining) = &mut self.state else { return Flow::Continue };
        match Message::decode(self.format.serializer, message) {
            Ok(Message::Authenticate(answer)) => {
                let Some(mut exchange) = joining.exchange.take() else {
                    let state = "without a CHALLENGE";
                    return self.violated(
                        &Violation::Unexpected { message: MessageType::Authenticate, state },
                        turn,
                    );
                };
                joining.ticket += 1;
                let ticket = Ticket::new(joining.ticket, Asker::Connection(Arc::clone(&joining.waiting)));
                let step = exchange.authenticate(&answer.signature, &answer.extra, ticket);
                joining.exchange = Some(exchange);
                self.take_step(step, turn)
            }
            Ok(Message::Abort(_)) => {
                self.state = State::Closed;
                NORMAL
            }
            Ok(other) => {
                let message = other.message_type();
                self.violated(&Violation::Unexpected { message, state: "before WELCOME" }, turn)
            }
            Err(error) => self.violated(&error.into(), turn),
        }
    }

    fn take_step(&mut self, step: Step, turn: &mut Turn<'_>) -> Flow {
        let State::Authenticating(joining) = &mut self.state else { return Flow::Continue };
        match step {
            Step::Later => {
                joining.is_pending = true;
                let deadline = self.deadline.unwrap_or(turn.now + DECISION_TIMEOUT);
                self.defer(None, deadline);
                Flow::Pause
            }
            Step::Challenge { authmethod, extra, exchange } => {
                joining.exchange = Some(exchange);
                self.send(Challenge { authmethod: Cow::Owned(authmethod), extra });
                Flow::Continue
            }
            Step::Deny { reason, message } => self.abort(reason, &message),
            Step::Accept(identity) => self.welcome(identity, turn),
        }
    }

    fn welcome(&mut self, identity: Identity, turn: &mut Turn<'_>) -> Flow {
        let State::Authenticating(joining) = std::mem::replace(&mut self.state, State::Closed) else {
            return Flow::Continue;
        };
        let Joining { id, realm, roles, .. } = *joining;
        let role = match realm.role(&identity.authrole) {
            Some(role) => role,
            None if identity.is_trusted() => Arc::new(Role::trusted()),
            None => {
                let why = format!("realm {:?} has no role {:?}", realm.name(), identity.authrole);
                return self.abort(error_uri::NO_SUCH_ROLE, &why);
            }
        };
        let details = WelcomeDetails {
            roles: realm.announced_roles(),
            agent: self.router.agent.as_deref().map(Cow::Borrowed),
            realm: Some(Cow::Borrowed(realm.name())),
            authid: Some(Cow::Borrowed(&identity.authid)),
            authrole: Some(Cow::Borrowed(&identity.authrole)),
            authmethod: Some(Cow::Borrowed(&identity.authmethod)),
            authprovider: Some(Cow::Borrowed(&identity.authprovider)),
            authextra: identity.authextra.as_ref().map(Authextra::to_value),
        };
        // WELCOME is in the outbox before anybody else can reach it (SES-22).
        let mut outbox = self.outbox.take().map(|outbox| *outbox).unwrap_or_default();
        let serializer = self.format.serializer;
        let mut welcome = Welcome { session: id, details };
        let (framing, bytes_max) = (self.format.framing, self.message_bytes_max);
        let mut fits = outbox.append(framing, bytes_max, |out| welcome.encode(serializer, out));
        if fits.is_err() {
            // A device that takes 512 bytes at a time can do without what is optional in it (RAW-17).
            let names = RouterRoles { broker: Some(Features::NONE), dealer: Some(Features::NONE) };
            welcome.details =
                WelcomeDetails { roles: names, agent: None, authextra: None, ..welcome.details };
            fits = outbox.append(framing, bytes_max, |out| welcome.encode(serializer, out));
        }
        if fits.is_err() {
            tracing::warn!(peer = %self.transport.peer, "WELCOME is longer than the client accepts");
            return NORMAL;
        }
        let (format, limits, transport) =
            (self.format, Arc::clone(&self.router.limits), Arc::clone(&self.transport));
        let waker = self.waker.clone();
        let peer =
            Peer::new(id, identity, roles, format, self.message_bytes_max, limits, transport, outbox, waker);
        let peer = Arc::new(peer);
        if let Err(not_added) = realm.add(&peer, turn) {
            return match not_added {
                NotAdded::Full => {
                    tracing::warn!(
                        realm = realm.name(),
                        "a client was turned away: the realm has all the sessions it may have"
                    );
                    self.abort(error_uri::UNAVAILABLE, "the realm has all the sessions it may have")
                }
                NotAdded::Closed(reason) => self.abort(reason, "the realm was closed meanwhile"),
            };
        }
        tracing::debug!(session = %id, realm = realm.name(), authid = %peer.identity.authid,
            authrole = %peer.identity.authrole, peer = %self.transport.peer, "session open");
        turn.owner = Some(id);
        self.state = State::Established(Box::new(Session::new(peer, realm, role)));
        self.deadline = None;
        Flow::Continue
    }

    /// The peer's GOODBYE ends the exchange that we began.
    fn leave(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Flow {
        match MessageType::peek(self.format.serializer, message) {
            Some(MessageType::Goodbye) => self.await_hello(turn),
            Some(MessageType::Abort) => {
                self.state = State::Closed;
                NORMAL
            }
            _ => Flow::Continue,
        }
    }

    /// The connection may carry another session, for a while (WSK-15).
    fn await_hello(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.state = State::Establishing;
        self.deadline = Some(turn.now + self.router.limits.goodbye_timeout);
        if self.router.is_closing() { NORMAL } else { Flow::Continue }
    }

    fn say_goodbye(
        &mut self,
        reason: Cow<'static, str>,
        message: Option<String>,
        turn: &mut Turn<'_>,
    ) -> Flow {
        tracing::debug!(session = self.session_id().map(SessionId::value), %reason, "session is closed by the router");
        self.dispose(turn);
        self.send(Goodbye { message: message.map(Cow::Owned), reason });
        self.state = State::Leaving;
        self.deadline = Some(turn.now + self.router.limits.goodbye_timeout);
        Flow::Continue
    }

    fn cut_off(&mut self, queued: usize, turn: &mut Turn<'_>) -> Flow {
        tracing::warn!(session = self.session_id().map(SessionId::value), peer = %self.transport.peer, queued,
            "session cut off: it does not read what it is sent");
        self.disconnected(turn);
        self.outbox = None;
        Flow::Close { code: 1008, reason: "too much unread" }
    }

    fn violated(&mut self, violation: &Violation, turn: &mut Turn<'_>) -> Flow {
        if matches!(self.state, State::Closed | State::Leaving) {
            self.state = State::Closed;
            return NORMAL;
        }
        tracing::warn!(session = self.session_id().map(SessionId::value), peer = %self.transport.peer, %violation, "protocol violation");
        self.dispose(turn);
        self.abort(error_uri::PROTOCOL_VIOLATION, &violation.to_string());
        VIOLATED
    }

    fn abort(&mut self, reason: &'static str, message: &str) -> Flow {
        if reason != error_uri::PROTOCOL_VIOLATION {
            tracing::debug!(peer = %self.transport.peer, reason, message, "client turned away");
        }
        self.state = State::Closed;
        self.deferred = None;
        self.send(Abort {
            message: Some(Cow::Borrowed(message)),
            reason: Cow::Borrowed(reason),
            payload: Payload::EMPTY,
        });
        REFUSED
    }

    /// Queues a message while there is no session.
    fn send<'m>(&mut self, message: impl Into<Message<'m>>) {
        let message = message.into();
        let serializer = self.format.serializer;
        let sent =
            self.outbox
                .get_or_insert_default()
                .append(self.format.framing, self.message_bytes_max, |out| message.encode(serializer, out));
        if sent.is_err() {
            tracing::debug!(peer = %self.transport.peer, "{} is longer than the peer accepts", message.message_type());
        }
    }

    /// Takes the session out of the realm; what it had queued is still sent.
    fn dispose(&mut self, turn: &mut Turn<'_>) {
        // What it published comes before its end.
        turn.flush();
        self.deferred = None;
        if let State::Established(session) = std::mem::replace(&mut self.state, State::Closed) {
            self.outbox = Some(Box::new(session.peer.mailbox().close()));
            let events_dropped = session.peer.events_dropped();
            if events_dropped > 0 {
                tracing::warn!(
                    session = session.peer.id.value(),
                    events_dropped,
                    "events were dropped for a session"
                );
            }
            session.realm.leave(&session.peer, turn);
            turn.owner = None;
            tracing::debug!(session = %session.peer.id, realm = session.realm.name(), "session closed");
        }
    }

    fn defer(&mut self, message: Option<Undecided>, deadline: Millis) {
        let deferred = self.deferred.get_or_insert_with(|| {
            Box::new(Deferred { message: None, behind: VecDeque::new(), bytes: 0, deadline })
        });
        deferred.message = message;
        deferred.deadline = deadline;
    }

    /// Input while a decision is pending.
    fn receive_deferred(&mut self, message: &[u8], turn: &mut Turn<'_>) -> Flow {
        let kind = MessageType::peek(self.format.serializer, message);
        if let State::Established(session) = &self.state {
            let overtakes = match kind {
                Some(MessageType::Goodbye | MessageType::Abort) => true,
                Some(MessageType::Cancel) => match Message::decode(self.format.serializer, message) {
                    Ok(Message::Cancel(cancel)) => session.peer.mailbox().calls.contains(cancel.request),
                    _ => false,
                },
                _ => false,
            };
            if overtakes {
                return self.handle(message, Answers::new(), turn);
            }
        }
        if kind == Some(MessageType::Abort) {
            self.state = State::Closed;
            self.deferred = None;
            return NORMAL;
        }
        if let Some(deferred) = &mut self.deferred {
            deferred.bytes += message.len() + DEFERRED_MESSAGE_BYTES;
            deferred.behind.push_back(message.to_vec());
        }
        Flow::Pause
    }

    fn joining_ticket(&self) -> u64 {
        match &self.state {
            State::Authenticating(joining) => joining.ticket,
            _ => 0,
        }
    }

    /// The answer that the input waited for; then comes what waited behind it, until something has to wait again.
    fn resolve(&mut self, resolution: Resolution, turn: &mut Turn<'_>) -> Flow {
        let Resolution { number, outcome } = resolution;
        let flow = match outcome {
            Outcome::Authorized(decision) => {
                if !matches!(self.state, State::Established(_)) {
                    return Flow::Continue;
                }
                let Some(deferred) = &mut self.deferred else { return Flow::Continue };
                match deferred.message.take() {
                    Some(Undecided { ticket, message, mut decided }) if ticket == number => {
                        decided.push(decision);
                        self.handle(&message, decided, turn)
                    }
                    other => {
                        // An answer that came too late, to a question that is settled.
                        deferred.message = other;
                        return Flow::Pause;
                    }
                }
            }
            Outcome::Authenticated(step) => match &mut self.state {
                State::Authenticating(joining) if joining.is_pending && joining.ticket == number => {
                    joining.is_pending = false;
                    self.take_step(step, turn)
                }
                _ => return Flow::Continue,
            },
        };
        if flow != Flow::Continue { flow } else { self.replay(turn) }
    }

    fn replay(&mut self, turn: &mut Turn<'_>) -> Flow {
        let Some(deferred) = self.deferred.take() else { return Flow::Continue };
        let mut behind = deferred.behind;
        while let Some(message) = behind.pop_front() {
            match self.handle(&message, Answers::new(), turn) {
                Flow::Continue => {}
                flow => {
                    if let Some(deferred) = &mut self.deferred {
                        deferred.bytes =
                            behind.iter().map(|message| message.len() + DEFERRED_MESSAGE_BYTES).sum();
                        deferred.behind = behind;
                    }
                    return flow;
                }
            }
        }
        Flow::Continue
    }
}

fn no_answer() -> Step {
    Step::Deny {
        reason: error_uri::AUTHENTICATION_FAILED,
        message: "the authenticator gave no answer in time".to_owned(),
    }
}
