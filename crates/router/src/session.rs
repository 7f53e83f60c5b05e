//! An open session: what each message does.
//!
//! One table says what a client may send in an open session; [`Session::handle`] is that table. Requests are checked in
//! one order: id, URI, reserved names, options, authorization, and then handed to broker or dealer.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use schema::Part;
use wamp::message::{
    Call, Error, Message, MessageType, Passthru, Publish, Published, Register, Subscribe, Yield,
};
use wamp::role::{ClientRole, Features};
use wamp::{MatchPolicy, Payload, RequestId, error_uri, uri};

use crate::authorize::Role;
use crate::broker::{Broker, Terms};
use crate::config::RequestIds;
use crate::dealer::{self, CallTerms, Dealer};
use crate::decision::{Action, Asker, AuthorizationRequest, Authorizer, Decided, Decision, Ticket};
use crate::meta::{self, MetaApi, Prepared, Procedure};
use crate::peer::Peer;
use crate::realm::Realm;
use crate::rejection::Rejection;
use crate::violation::Violation;
use crate::worker::Turn;

/// See the module. Owned by the session's own task.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: Arc<Peer>,
    pub(crate) realm: Arc<Realm>,
    role: Arc<Role>,
    /// The id of the last request; 0 before the first.
    last_request: u64,
    /// All request ids so far were one more than the one before, as the specification wants and old clients don't do.
    is_sequential: bool,
    /// There once it has made a progressive invocation.
    transfers: Option<Box<Transfers>>,
    /// The number of the last question asked of somebody else.
    tickets: Cell<u64>,
    /// A limit was reached, and the log says so.
    has_reported_limit: Cell<bool>,
    /// Held by each call of a meta procedure that waits for another thread, so that they can be counted; made by the first.
    waiting: OnceCell<Arc<()>>,
}

/// The last requests that were progressive invocations, of which more parts may be on their way when they have ended.
#[derive(Debug, Default)]
struct Transfers(VecDeque<RequestId>);

impl Transfers {
    fn push(&mut self, request: RequestId) {
        if self.0.len() == TRANSFERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }
}

/// What a message comes to, besides what lies in mailboxes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Nothing more.
    Done,
    /// It has to wait for the answer to the ticket of this number.
    Wait(u64),
    /// The client leaves.
    Goodbye,
    /// The client is gone already.
    Aborted,
}

/// Why a request isn't served.
enum Refusal {
    Rejected(Rejection),
    Violated(Violation),
    /// The decision comes later.
    Waiting(u64),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Refusal::Rejected(rejection)
    }
}

impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Refusal::Violated(violation)
    }
}

const OPEN: &str = "in an open session";

/// What it costs to change the tables of subscriptions or registrations, as [`Turn::work`] counts it.
const CHANGE_WORK: usize = 60;

/// How many progressive invocations of a session are remembered beyond their end. Their late parts come soon after.
const TRANSFERS_MAX: usize = 256;

/// How many calls of meta procedures may wait for other threads, canceled ones included: an eighth of what may wait of all.
const WAITING_MAX: usize = 128;

/// How many components a wildcard pattern may have: each costs a node in the tree of patterns.
const PATTERN_COMPONENTS_MAX: usize = 64;

impl Session {
    pub(crate) fn new(peer: Arc<Peer>, realm: Arc<Realm>, role: Arc<Role>) -> Self {
        Session {
            peer,
            realm,
            role,
            last_request: 0,
            is_sequential: true,
            transfers: None,
            tickets: Cell::new(0),
            has_reported_limit: Cell::new(false),
            waiting: OnceCell::new(),
        }
    }

    /// Handles one message. `decided`: the decisions that it waited for, when it is handled again.
    ///
    /// # Errors
    /// [`Violation`]: the session has to end with ABORT.
    pub(crate) fn handle(
        &mut self,
        bytes: &[u8],
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<Reaction, Violation> {
        let message = match Message::decode(self.peer.format.serializer, bytes) {
            Ok(message) => message,
            Err(error) => {
                // A request with a wrong option is refused; anything else that can't be read ends the session.
                let Some((message, request, rejection)) = Rejection::of_option(&error) else {
                    return Err(error.into());
                };
                self.refuse_option(message, request, &rejection, bytes, turn)?;
                return Ok(Reaction::Done);
            }
        };
        let unexpected = |message: MessageType| Err(Violation::Unexpected { message, state: OPEN });
        let (kind, request) = (message.message_type(), request_of(&message));
        if kind != MessageType::Publish {
            turn.flush();
        }
        if let Some(request) = request
            && kind != MessageType::Call
            && !decided.is_repeat()
        {
            self.check_request(request, kind)?;
        }
        let changes = matches!(
            kind,
            MessageType::Subscribe
                | MessageType::Unsubscribe
                | MessageType::Register
                | MessageType::Unregister
        );
        let acknowledged = !matches!(&message, Message::Publish(publish) if !publish.options.acknowledge);
        let result = match message {
            Message::Publish(publish) => self.publish(publish, decided, turn),
            Message::Subscribe(subscribe) => self.subscribe(&subscribe, decided, turn),
            Message::Unsubscribe(unsubscribe) => {
                self.realm.broker.unsubscribe(&self.peer, &unsubscribe, turn).map_err(Refusal::from)
            }
            Message::Call(call) => self.call(call, decided, turn),
            Message::Cancel(cancel) => {
                self.realm.dealer.cancel(&self.peer, &cancel, turn);
                Ok(())
            }
            Message::Register(register) => self.register(&register, decided, turn),
            Message::Unregister(unregister) => {
                self.realm.dealer.unregister(&self.peer, &unregister, turn).map_err(Refusal::from)
            }
            Message::Yield(message) => self.yielded(message, turn).map_err(Refusal::from),
            Message::Error(error) => self.failed(error, turn).map_err(Refusal::from),
            Message::Goodbye(_) => return Ok(Reaction::Goodbye),
            Message::Abort(_) => return Ok(Reaction::Aborted),
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Published(_)
            | Message::Subscribed(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::Result(_)
            | Message::Registered(_)
            | Message::Unregistered(_)
            | Message::Invocation(_)
            | Message::Interrupt(_)
            | Message::EventReceived(_) => return unexpected(kind),
        };
        if changes {
            turn.spend(CHANGE_WORK);
            self.realm.publish_events(turn);
        }
        match (result, request) {
            (Ok(()), _) => Ok(Reaction::Done),
            (Err(Refusal::Violated(violation)), _) => Err(violation),
            (Err(Refusal::Waiting(ticket)), _) => Ok(Reaction::Wait(ticket)),
            (Err(Refusal::Rejected(rejection)), Some(request)) => {
                if acknowledged {
                    self.reject(kind, request, &rejection, turn);
                }
                Ok(Reaction::Done)
            }
            (Err(Refusal::Rejected(_)), None) => Ok(Reaction::Done),
        }
    }

    fn reject(&self, kind: MessageType, request: RequestId, rejection: &Rejection, turn: &mut Turn<'_>) {
        if rejection.is_limit && !self.has_reported_limit.replace(true) {
            tracing::warn!(session = self.peer.id.value(), peer = %self.peer.transport.peer, "{kind} refused: {rejection}");
        }
        turn.flush();
        dealer::send_rejection(&mut self.peer.mailbox(), &self.peer, kind, request, rejection, turn);
    }

    /// Answers a request whose options are wrong: as CALL where it is a CANCEL, and not at all where it is a PUBLISH that
    /// didn't ask for an answer (BRK-07).
    fn refuse_option(
        &mut self,
        kind: MessageType,
        request: RequestId,
        rejection: &Rejection,
        bytes: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(), Violation> {
        match kind {
            MessageType::Cancel => {
                // The call itself stays pending (CAN-12), so its one final answer must not be used up.
                tracing::debug!(session = %self.peer.id, %rejection, "CANCEL ignored");
                return Ok(());
            }
            MessageType::Call if self.peer.mailbox().calls.contains(request) => return Ok(()),
            _ => self.check_request(request, kind)?,
        }
        if kind != MessageType::Publish || wants_acknowledgement(bytes, self.peer.format.serializer) {
            self.reject(kind, request, rejection, turn);
        }
        Ok(())
    }

    /// Request ids are 1, 2, 3, ...: required of strict realms' clients, noted for all others (IDS-06 to IDS-11).
    ///
    /// CALL does this itself, once it is known not to continue another.
    fn check_request(&mut self, found: RequestId, kind: MessageType) -> Result<(), Violation> {
        let expected = RequestId::new(self.last_request).map_or(RequestId::FIRST, RequestId::next);
        if found != expected {
            if self.realm.config.request_ids == RequestIds::Strict {
                return Err(Violation::RequestOutOfOrder { found, expected });
            }
            if self.is_sequential {
                tracing::debug!(session = %self.peer.id, %found, %expected, "{kind} with a request id out of order");
            }
            self.is_sequential = false;
        }
        self.last_request = found.value();
        Ok(())
    }

    fn publish(
        &self,
        mut publish: Publish<'_>,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        self.require_role(MessageType::Publish, ClientRole::Publisher, "publisher")?;
        self.check_uri(&publish.topic)?;
        self.check_reserved(&publish.topic)?;
        let disclose_me = publish.options.disclose_me;
        self.check_passthru(
            &mut publish.options.passthru,
            Some(&publish.payload),
            MessageType::Publish,
            ClientRole::Publisher,
        )?;
        let decision = self.authorize(Action::Publish, &publish.topic, MatchPolicy::Exact, decided, turn)?;
        self.validate(decision, Part::Event, &publish.topic, &publish.payload, turn)?;
        let terms = Terms {
            disclose: self.disclose(decision, disclose_me)?,
            trustlevel: self.realm.trustlevel(&publish.topic, &self.peer.identity.authrole),
            hide_from: None,
        };
        let (request, acknowledge) = (publish.request, publish.options.acknowledge);
        let publication = self.realm.broker.publish(&self.peer.origin(), publish, terms, turn)?;
        if acknowledge {
            Broker::acknowledge(&self.peer, Published { request, publication }, turn);
        }
        Ok(())
    }

    fn subscribe(
        &self,
        subscribe: &Subscribe<'_>,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        self.require_role(MessageType::Subscribe, ClientRole::Subscriber, "subscriber")?;
        let policy = subscribe.options.match_policy;
        self.check_pattern(&subscribe.topic, policy)?;
        self.authorize(Action::Subscribe, &subscribe.topic, policy, decided, turn)?;
        let is_pattern = policy != MatchPolicy::Exact;
        let role = (is_pattern && !self.peer.identity.is_trusted() && self.role.denies_some_topics())
            .then(|| Arc::clone(&self.role));
        Ok(self.realm.broker.subscribe(&self.peer, subscribe, role, turn)?)
    }

    fn register(
        &self,
        register: &Register<'_>,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        self.require_role(MessageType::Register, ClientRole::Callee, "callee")?;
        let policy = register.options.match_policy;
        self.check_pattern(&register.procedure, policy)?;
        self.check_reserved(&register.procedure)?;
        if register.options.disclose_caller && !self.realm.config.allow_disclose_me {
            return Err(disclosure_disallowed().into());
        }
        let decision = self.authorize(Action::Register, &register.procedure, policy, decided, turn)?;
        Ok(self.realm.dealer.register(&self.peer, register, decision.validate, turn)?)
    }

    fn call(
        &mut self,
        mut call: Call<'_>,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        self.require_role(MessageType::Call, ClientRole::Caller, "caller")?;
        let features = self.peer.roles.features(ClientRole::Caller);
        let streams = features.contains(Features::PROGRESSIVE_CALL_INVOCATIONS);
        if call.options.progress && !streams {
            let feature = "progressive_call_invocations";
            return Err(Violation::FeatureNotAnnounced { message: MessageType::Call, feature }.into());
        }
        if !decided.is_repeat() {
            if self.realm.dealer.continue_call(&self.peer, &call, turn) {
                return Ok(());
            }
            if self.peer.mailbox().calls.contains(call.request) {
                return Err(Violation::CallPending(call.request).into());
            }
            if self.transfers.as_ref().is_some_and(|transfers| transfers.0.contains(&call.request)) {
                // The rest of a transfer that has ended: it was on its way already (PCI-11, PCI-15).
                return Ok(());
            }
            self.check_request(call.request, MessageType::Call)?;
            if call.options.progress {
                self.transfers.get_or_insert_default().push(call.request);
            }
        }
        self.check_uri(&call.procedure)?;
        self.check_passthru(
            &mut call.options.passthru,
            Some(&call.payload),
            MessageType::Call,
            ClientRole::Caller,
        )?;
        let decision = self.authorize(Action::Call, &call.procedure, MatchPolicy::Exact, decided, turn)?;
        self.validate(decision, Part::Call, &call.procedure, &call.payload, turn)?;
        let disclose = self.disclose(decision, call.options.disclose_me)?;
        let terms = self.realm.call_terms(&call.procedure, &self.peer, disclose, call.options.timeout);
        let terms = CallTerms { validate: decision.validate, ..terms };
        if let Some(procedure) = self.realm.service_procedure(&call.procedure) {
            return self.serve(procedure, &call, terms, decided, turn);
        }
        Ok(self.realm.dealer.call(&self.peer, &call, terms, turn)?)
    }

    /// Answers a call of a meta procedure, in this turn or soon.
    fn serve(
        &self,
        procedure: Procedure,
        call: &Call<'_>,
        terms: CallTerms,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<(), Refusal> {
        if call.options.progress || call.options.passthru.ppt_scheme().is_some() {
            let why = "a meta procedure takes one CALL, with arguments that the router can read";
            return Err(Rejection::new(error_uri::FEATURE_NOT_SUPPORTED).because(why).into());
        }
        let bytes_max = procedure.arguments_bytes_max(&self.peer.limits);
        if call.payload.bytes().len() > bytes_max {
            return Err(Rejection::limit("bytes of arguments of this procedure", bytes_max).into());
        }
        let api = MetaApi::of_session(&self.realm, &self.peer, &self.role);
        let Prepared { needs, work } = meta::prepare(procedure, &call.payload, &api)?;
        let decision = match needs {
            Some((action, uri, policy)) => self.authorize(action, &uri, policy, decided, turn)?,
            None => Decision::default(),
        };
        let background = self.realm.background_for(procedure);
        let waiting = self.waiting.get_or_init(Arc::default);
        if background.is_some() && Arc::strong_count(waiting) > WAITING_MAX {
            let what = "calls of this session that wait for the router's threads";
            return Err(Rejection::limit(what, WAITING_MAX).into());
        }
        let waiting = Arc::clone(waiting);
        let begun = self.realm.dealer.begin_service(&self.peer, call, terms, turn)?;
        let (realm, call, api) = (Arc::clone(&self.realm), Arc::clone(&begun), api.answering(&begun));
        let serve = move |turn: &mut Turn<'_>| {
            let _waiting = waiting;
            // It may have waited; what was canceled meanwhile, or asked by a session that has ended, is not done.
            if !Dealer::is_pending(&call) {
                return;
            }
            // Every call gets an answer, whatever becomes of whoever works at it.
            let done = catch_unwind(AssertUnwindSafe(|| work(&api, decision, turn)));
            let answer = done.unwrap_or_else(|_| {
                tracing::error!(procedure = procedure.uri(), "a meta procedure ended by a panic");
                let why = "the router failed to do this; its log says more";
                Err(Rejection::new(error_uri::UNAVAILABLE).because(why))
            });
            let mut buffer = Vec::new();
            let payload = answer.map(|answer| answer.payload(call.serializer(), &mut buffer));
            realm.dealer.answer_service(&call, payload, turn);
        };
        let Some(background) = background else {
            serve(turn);
            return Ok(());
        };
        if background.run(Box::new(serve)).is_err() {
            let why = "too many calls of meta procedures wait already";
            let rejection = Rejection::new(error_uri::UNAVAILABLE).because(why);
            self.realm.dealer.answer_service(&begun, Err(rejection), turn);
        }
        Ok(())
    }

    /// Whether a payload is as declared, where the role's permission asks for that (REF-05).
    fn validate(
        &self,
        decision: Decision,
        part: Part,
        uri: &str,
        payload: &Payload<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        if decision.validate { self.realm.schemas.check(uri, part, payload, turn) } else { Ok(()) }
    }

    fn yielded(&self, mut message: Yield<'_>, turn: &mut Turn<'_>) -> Result<(), Violation> {
        if let Err(Refusal::Violated(violation)) =
            self.check_passthru(&mut message.options.passthru, None, MessageType::Yield, ClientRole::Callee)
        {
            return Err(violation);
        }
        self.realm.dealer.yielded(&self.peer, message, turn)
    }

    fn failed(&self, mut error: Error<'_>, turn: &mut Turn<'_>) -> Result<(), Violation> {
        if error.request_type != MessageType::Invocation.code() {
            return Err(Violation::NotAnInvocation(error.request_type));
        }
        self.strip(&mut error.passthru);
        if !self.realm.config.uri_check.is_valid(&error.error) {
            error.error = Cow::Borrowed(error_uri::INVALID_URI);
        }
        self.realm.dealer.failed(&self.peer, error, turn)
    }

    /// Whether the role that a request takes was announced, where that is required (FEA-11).
    fn require_role(
        &self,
        message: MessageType,
        role: ClientRole,
        name: &'static str,
    ) -> Result<(), Violation> {
        if self.realm.config.require_announced_roles && self.peer.roles.role(role).is_none() {
            return Err(Violation::RoleNotAnnounced { message, role: name });
        }
        Ok(())
    }

    fn check_uri(&self, uri: &str) -> Result<(), Rejection> {
        if uri.len() > self.peer.limits.uri_bytes_max || !self.realm.config.uri_check.is_valid(uri) {
            return Err(Rejection::invalid_uri(uri, "a fully qualified URI"));
        }
        Ok(())
    }

    fn check_pattern(&self, uri: &str, policy: MatchPolicy) -> Result<(), Rejection> {
        if uri.len() > self.peer.limits.uri_bytes_max
            || !self.realm.config.uri_check.is_valid_pattern(uri, policy)
        {
            return Err(Rejection::invalid_uri(uri, &format!("a URI for match={policy}")));
        }
        if policy == MatchPolicy::Wildcard && uri.split('.').count() > PATTERN_COMPONENTS_MAX {
            let expected = format!("a pattern of at most {PATTERN_COMPONENTS_MAX} components");
            return Err(Rejection::invalid_uri(uri, &expected));
        }
        Ok(())
    }

    /// `wamp.` is for the router itself (URI-05).
    fn check_reserved(&self, uri: &str) -> Result<(), Rejection> {
        if uri::is_reserved(uri) && !self.peer.identity.is_trusted() {
            return Err(Rejection::invalid_uri(uri, "free to use: URIs that begin with wamp. are reserved"));
        }
        Ok(())
    }

    /// Payload passthru must have been announced (PPT-02 to PPT-04) and have one item as its payload (PPT-15); what is
    /// not for the receivers is taken off.
    fn check_passthru(
        &self,
        passthru: &mut Passthru<'_>,
        payload: Option<&Payload<'_>>,
        message: MessageType,
        role: ClientRole,
    ) -> Result<(), Refusal> {
        self.strip(passthru);
        if passthru.ppt_scheme().is_none() {
            return Ok(());
        }
        if !self.peer.roles.features(role).contains(Features::PAYLOAD_PASSTHRU_MODE) {
            return Err(Violation::FeatureNotAnnounced { message, feature: "payload_passthru_mode" }.into());
        }
        if payload.is_some_and(|payload| payload.elements() != 1 || payload.args_len() != 1) {
            let why =
                format!("{message} with ppt_scheme carries exactly one positional argument and no others");
            return Err(Rejection::new(error_uri::INVALID_ARGUMENT).because(why).into());
        }
        Ok(())
    }

    fn strip(&self, passthru: &mut Passthru<'_>) {
        if !self.peer.identity.is_trusted() {
            passthru.drop_forward_for();
        }
        if !self.realm.config.forward_custom_attributes {
            passthru.drop_custom();
        }
    }

    /// Whether the acting session is disclosed (PID-01 to PID-05, CID-01 to CID-06).
    fn disclose(&self, decision: Decision, asked: bool) -> Result<bool, Rejection> {
        if asked && !self.realm.config.allow_disclose_me {
            return Err(disclosure_disallowed());
        }
        Ok(asked || decision.disclose || self.peer.identity.is_trusted())
    }

    /// Asks the role's authorizer, who answers now or later.
    fn ask(
        &self,
        authorizer: &Arc<dyn Authorizer>,
        action: Action,
        uri: &str,
        match_policy: MatchPolicy,
    ) -> Result<Decision, Refusal> {
        let number = self.tickets.get() + 1;
        self.tickets.set(number);
        let ticket = Ticket::new(number, Asker::Session(Arc::downgrade(&self.peer)));
        let (session, identity) = (self.peer.id, &self.peer.identity);
        let request = AuthorizationRequest { session, identity, action, uri, match_policy };
        authorizer.authorize(&request, ticket).ok_or(Refusal::Waiting(number))
    }

    /// What the role's rules say, or its authorizer.
    fn authorize(
        &self,
        action: Action,
        uri: &str,
        match_policy: MatchPolicy,
        decided: &mut Decided,
        turn: &mut Turn<'_>,
    ) -> Result<Decision, Refusal> {
        let identity = &self.peer.identity;
        let decision = if identity.is_trusted() {
            Decision { allow: true, disclose: true, validate: false }
        } else if let Some(authorizer) = self.role.authorizer() {
            match decided.next() {
                Some(decided) => decided.ok_or_else(undecided)?,
                None => {
                    let decision = self.ask(authorizer, action, uri, match_policy)?;
                    decided.note(decision);
                    decision
                }
            }
        } else if match_policy == MatchPolicy::Exact {
            self.role.decide_cached(action, uri, &mut turn.worker.decisions)
        } else {
            self.role.decide(action, uri, match_policy)
        };
        if decision.allow {
            return Ok(decision);
        }
        let why = format!("role {:?} may not {} <{uri}>", identity.authrole, action.name());
        Err(Rejection::new(error_uri::NOT_AUTHORIZED).because(why).into())
    }
}

fn undecided() -> Rejection {
    Rejection::new(error_uri::AUTHORIZATION_FAILED).because("the authorizer gave no answer")
}

fn disclosure_disallowed() -> Rejection {
    Rejection::new(error_uri::DISCLOSE_ME_DISALLOWED)
        .because("this realm does not let sessions be disclosed on request")
}

/// The id of a request that is answered under it. CANCEL, YIELD and ERROR only mirror other ids.
fn request_of(message: &Message<'_>) -> Option<RequestId> {
    match message {
        Message::Publish(message) => Some(message.request),
        Message::Subscribe(message) => Some(message.request),
        Message::Unsubscribe(message) => Some(message.request),
        Message::Call(message) => Some(message.request),
        Message::Register(message) => Some(message.request),
        Message::Unregister(message) => Some(message.request),
        _ => None,
    }
}

/// Whether a PUBLISH asks for an answer; its options are wrong elsewhere, so this looks for nothing else.
fn wants_acknowledgement(bytes: &[u8], serializer: wamp::Serializer) -> bool {
    let Ok(wamp::Value::List(elements)) = wamp::Value::decode(serializer, bytes) else { return false };
    let options = elements.get(2).and_then(wamp::Value::as_dict);
    options.and_then(|options| options.get("acknowledge")).and_then(wamp::Value::as_bool) == Some(true)
}
