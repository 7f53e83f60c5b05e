//! The protocol without sockets: commands and messages in, messages and outcomes out.

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

mod opening {
    use super::*;

    struct Ticket;

    impl Authenticator for Ticket {
        fn methods(&self) -> Vec<String> {
            vec!["ticket".to_owned()]
        }

        fn answer(&mut self, challenge: &crate::Challenge<'_>) -> Result<Signature, AuthError> {
            match challenge.method {
                "ticket" => Ok(Signature::new("secret")),
                other => Err(AuthError::new(format!("{other} was not offered"))),
            }
        }

        fn welcome(&mut self, details: &WelcomeDetails<'_>) -> Result<(), AuthError> {
            if details.authid.as_deref() == Some("impostor") {
                Err(AuthError::new("not our router"))
            } else {
                Ok(())
            }
        }
    }

    fn challenge(method: &str) -> Challenge<'_> {
        Challenge { authmethod: method.into(), extra: Dict::new() }
    }

    /// SES-03: all four roles; no authmethods without an authenticator.
    #[test]
    fn hello_names_realm_roles_and_who_we_are() {
        let mut rig = Rig::new(None);
        rig.protocol.begin(Serializer::Json, usize::MAX);
        let sent = rig.sent();
        let Ok(Message::Hello(Hello { realm, details })) =
            Message::decode(Serializer::Json, sent[0].as_bytes())
        else {
            panic!("{sent:?}");
        };
        assert_eq!((realm.as_deref(), details.authid.as_deref()), (Some("realm1"), Some("joe")));
        assert_eq!((details.roles, details.authmethods), (ClientRoles::complete(), None));
        assert!(!rig.protocol.is_open());
    }

    #[test]
    fn welcome_opens_the_session() {
        let rig = Rig::open();
        assert!(rig.protocol.is_open());
        assert_eq!(rig.protocol.welcomed().map(|welcomed| welcomed.id.value()), Some(1));
    }

    /// AUT-01, AUT-11: CHALLENGE and AUTHENTICATE, as often as the router likes.
    #[test]
    fn challenges_are_answered_by_the_authenticator() {
        let mut rig = Rig::new(Some(Box::new(Ticket)));
        rig.begin(usize::MAX);
        rig.receive(challenge("ticket"));
        rig.receive(challenge("ticket"));
        assert_eq!(rig.sent(), [r#"[5,"secret",{}]"#, r#"[5,"secret",{}]"#]);
        rig.welcome(1, Features::NONE);
        assert!(rig.protocol.is_open());
    }

    #[test]
    fn a_challenge_that_can_not_be_answered_aborts() {
        for authenticator in [None, Some(Box::new(Ticket) as Box<dyn Authenticator>)] {
            let mut rig = Rig::new(authenticator);
            rig.begin(usize::MAX);
            rig.receive(challenge("wampcra"));
            assert_eq!(rig.sent_types(), [MessageType::Abort]);
            assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Unauthenticated(_))));
        }
    }

    #[test]
    fn a_router_that_can_not_prove_itself_is_left() {
        let mut rig = Rig::new(Some(Box::new(Ticket)));
        rig.begin(usize::MAX);
        let details = WelcomeDetails { authid: Some("impostor".into()), ..WelcomeDetails::default() };
        rig.receive(Welcome { session: SessionId::from_bits(1), details });
        assert_eq!(rig.sent_types(), [MessageType::Abort]);
        assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Unauthenticated(_))));
    }

    /// SES-14: ABORT is never answered; SES-15: it may have arguments.
    #[test]
    fn abort_tells_why() {
        let mut rig = Rig::new(None);
        rig.begin(usize::MAX);
        rig.protocol.receive(br#"[3,{"message":"no"},"wamp.error.no_such_realm",["realm1"]]"#);
        let Some(reason @ CloseReason::Aborted { error, message }) = rig.protocol.close_reason() else {
            panic!()
        };
        assert_eq!((error.arg::<String>(0), message.as_deref()), (Ok("realm1".to_owned()), Some("no")));
        assert_eq!(reason.uri(), Some(error_uri::NO_SUCH_REALM));
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn anything_but_the_opening_before_welcome_is_a_violation() {
        let mut rig = Rig::new(None);
        rig.begin(usize::MAX);
        rig.event(1);
        assert_eq!(rig.sent_types(), [MessageType::Abort]);
        assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Violation(_))));
    }
}

mod ending {
    use super::*;

    /// SES-10: GOODBYE is answered.
    #[test]
    fn leaving_waits_for_the_answer() {
        let mut rig = Rig::open();
        rig.protocol.handle(Command::Leave);
        assert_eq!(rig.sent(), [r#"[6,{},"wamp.close.close_realm"]"#]);
        assert!(rig.protocol.is_leaving());
        rig.receive(Goodbye { message: None, reason: error_uri::GOODBYE_AND_OUT.into() });
        assert_eq!(rig.protocol.close_reason(), Some(&CloseReason::Left));
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn answers_still_count_while_leaving_and_new_requests_do_not() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions::default());
        rig.protocol.handle(Command::Leave);
        let mut refused = rig.call(CallOptions::default());
        assert_eq!(refused.outcome.try_recv(), Ok(Err(RequestError::closed())));
        rig.result(1, false, 5);
        assert!(call.outcome.try_recv().unwrap().is_ok());
    }

    /// SES-12, SES-18: a GOODBYE of the router is answered once.
    #[test]
    fn a_goodbye_of_the_router_is_answered_and_told() {
        let mut rig = Rig::open();
        rig.receive(Goodbye { message: Some("bye".into()), reason: error_uri::SYSTEM_SHUTDOWN.into() });
        assert_eq!(rig.sent(), [r#"[6,{},"wamp.close.goodbye_and_out"]"#]);
        let reason = rig.protocol.close_reason().cloned().unwrap();
        assert_eq!(reason.uri(), Some(error_uri::SYSTEM_SHUTDOWN));
        assert!(reason.is_temporary());
        rig.receive(Goodbye { message: None, reason: error_uri::GOODBYE_AND_OUT.into() });
        assert_eq!(rig.sent(), [""; 0]);
    }

    #[test]
    fn the_end_fails_what_waits_and_ends_what_lasts() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions::default());
        let mut reading = rig.subscribe("a.b");
        let mut answering = rig.register("c.d");
        rig.subscribed(2, 20);
        rig.registered(3, 30);
        assert!(reading.answer.try_recv().unwrap().is_ok() && answering.answer.try_recv().unwrap().is_ok());
        rig.protocol.lost("cable");
        let reason = rig.protocol.close_reason().cloned().unwrap();
        rig.protocol.closed(reason.clone());
        assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::closed())));
        assert_eq!(reading.events.end_reason(), Some(EndReason::Closed(reason.clone())));
        assert_eq!(*answering.ended.borrow(), Some(EndReason::Closed(reason)));
    }

    #[test]
    fn what_a_router_must_not_send_is_a_violation() {
        for message in
            [&b"[2,9,{\"roles\":{}}]"[..], b"[48,1,{},\"a.b\"]", b"[36,1]", b"[999]", b"nonsense", b""]
        {
            let mut rig = Rig::open();
            rig.protocol.receive(message);
            let sent = rig.sent();
            assert!(sent[0].contains(error_uri::PROTOCOL_VIOLATION), "{sent:?}");
            assert!(matches!(rig.protocol.close_reason(), Some(CloseReason::Violation(_))));
            rig.protocol.receive(message);
            assert_eq!(rig.sent(), [""; 0]);
        }
    }

    #[test]
    fn answers_that_nobody_waits_for_are_ignored() {
        let mut rig = Rig::open();
        rig.result(9, false, 1);
        rig.event(9);
        rig.subscribed(9, 9);
        rig.registered(9, 9);
        rig.receive(Published { request: request(9), publication: PublicationId::from_bits(1) });
        rig.receive(Unsubscribed::Reply(request(9)));
        rig.receive(Unregistered::Reply(request(9)));
        rig.receive(Interrupt { request: request(9), mode: None, reason: None });
        for message in MessageType::ALL {
            rig.error(*message, 9, "a.b");
        }
        assert!(rig.protocol.is_open());
        assert_eq!(rig.sent(), [""; 0]);
    }
}

mod calls {
    use super::*;

    /// IDS-04, IDS-06: requests of all kinds share one sequence.
    #[test]
    fn request_ids_are_one_sequence() {
        let mut rig = Rig::open();
        let _call = rig.call(CallOptions::default());
        let _reading = rig.subscribe("a.b");
        let _other = rig.call(CallOptions::default());
        assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#, r#"[32,2,{},"a.b"]"#, r#"[48,3,{},"a.b",[1]]"#]);
    }

    #[test]
    fn a_call_gets_its_own_answer() {
        let mut rig = Rig::open();
        let mut one = rig.call(CallOptions::default());
        let mut two = rig.call(CallOptions::default());
        rig.error(MessageType::Call, 2, "my.error");
        rig.result(1, false, 5);
        assert_eq!(one.outcome.try_recv().unwrap().unwrap().arg(0), Ok(5));
        assert_eq!(two.outcome.try_recv().unwrap().unwrap_err().uri(), Some("my.error"));
    }

    /// PCR-03, PCR-06: progressive results in order, then the final one.
    #[test]
    fn progressive_results_come_before_the_final_one() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions { receive_progress: true, ..CallOptions::default() });
        rig.result(1, true, 1);
        rig.result(1, true, 2);
        rig.result(1, false, 3);
        let progress: Vec<i64> = std::iter::from_fn(|| call.results.try_recv().ok())
            .map(|result| result.arg(0).unwrap())
            .collect();
        assert_eq!(progress, [1, 2]);
        let last = call.outcome.try_recv().unwrap().unwrap();
        assert_eq!((last.arg(0), last.is_progress()), (Ok(3), false));
    }

    #[test]
    fn progressive_results_that_nobody_reads_end_the_call() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions { receive_progress: true, ..CallOptions::default() });
        rig.sent();
        for value in 1..=3 {
            rig.result(1, true, value);
        }
        assert_eq!(rig.sent(), [r#"[49,1,{"mode":"killnowait"}]"#]);
        assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::overflow())));
        rig.result(1, true, 4);
        rig.error(MessageType::Call, 1, error_uri::CANCELED);
        assert_eq!(rig.sent(), [""; 0]);
    }

    /// CAN-01: CANCEL names the call and the mode; the router has the last word.
    #[test]
    fn canceling_waits_for_the_router() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions::default());
        rig.sent();
        for mode in [CancelMode::Kill, CancelMode::Skip] {
            rig.protocol.handle(Command::Cancel { key: call.key, mode });
        }
        assert_eq!(rig.sent(), [r#"[49,1,{"mode":"kill"}]"#, r#"[49,1,{"mode":"skip"}]"#]);
        assert!(call.outcome.try_recv().is_err());
        rig.error(MessageType::Call, 1, error_uri::CANCELED);
        assert!(call.outcome.try_recv().unwrap().unwrap_err().is_canceled());
        rig.protocol.handle(Command::Cancel { key: call.key, mode: CancelMode::Kill });
        assert_eq!(rig.sent(), [""; 0]);
    }

    /// FEA-07: a router without `call_canceling` is sent no CANCEL.
    #[test]
    fn without_the_feature_canceling_stays_here() {
        let mut rig = Rig::open_with(Features::NONE);
        let mut call = rig.call(CallOptions::default());
        rig.sent();
        rig.protocol.handle(Command::Cancel { key: call.key, mode: CancelMode::Kill });
        assert_eq!(rig.sent(), [""; 0]);
        assert!(call.outcome.try_recv().unwrap().unwrap_err().is_canceled());
        rig.result(1, false, 1);
        assert!(rig.protocol.is_open());
    }

    #[test]
    fn a_call_that_was_given_up_before_it_was_sent_is_not_sent() {
        let mut rig = Rig::open();
        let (outcome, waiting) = oneshot::channel();
        drop(waiting);
        let (key, options) = (CallKey::next(), CallOptions::default());
        let (procedure, arguments) = ("a.b".to_owned(), Arguments::new());
        rig.protocol.handle(Command::Call(NewCall {
            key,
            procedure,
            options,
            arguments,
            progress: None,
            outcome,
        }));
        assert_eq!(rig.sent(), [""; 0]);
    }

    /// PCI-02, PCI-07, PCI-16: the parts have one id, and only the first has options.
    #[test]
    fn parts_of_a_call_share_its_id() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions { progress: true, timeout: Some(9), ..CallOptions::default() });
        for (number, last) in [(2, false), (3, true), (4, true)] {
            let part = Command::CallPart { key: call.key, arguments: Arguments::from(number), last };
            rig.protocol.handle(part);
        }
        assert_eq!(
            rig.sent(),
            [
                r#"[48,1,{"progress":true,"timeout":9},"a.b",[1]]"#,
                r#"[48,1,{"progress":true},"a.b",[2]]"#,
                r#"[48,1,{},"a.b",[3]]"#
            ]
        );
        rig.result(1, false, 1);
        assert!(call.outcome.try_recv().unwrap().is_ok());
    }

    /// PCI-11: parts of a call that is over go nowhere.
    #[test]
    fn parts_after_the_answer_are_not_sent() {
        let mut rig = Rig::open();
        let call = rig.call(CallOptions { progress: true, ..CallOptions::default() });
        rig.error(MessageType::Call, 1, "my.error");
        rig.sent();
        rig.protocol.handle(Command::CallPart { key: call.key, arguments: Arguments::new(), last: true });
        assert_eq!(rig.sent(), [""; 0]);
    }

    /// RAW-17, the client's side: nothing longer than the router receives.
    #[test]
    fn a_call_that_is_too_long_fails_and_leaves_no_gap() {
        let mut rig = Rig::new(None);
        rig.begin(2000);
        rig.welcome(1, Features::NONE);
        let (outcome, mut waiting) = oneshot::channel();
        let (key, options, procedure) = (CallKey::next(), CallOptions::default(), "a.b".to_owned());
        let arguments = Arguments::from("x".repeat(2000));
        rig.protocol.handle(Command::Call(NewCall {
            key,
            procedure,
            options,
            arguments,
            progress: None,
            outcome,
        }));
        assert!(waiting.try_recv().unwrap().unwrap_err().is_too_long());
        let _next = rig.call(CallOptions::default());
        assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#]);
    }

    #[test]
    fn a_lost_connection_fails_calls_and_the_next_begins_anew() {
        let mut rig = Rig::open();
        let mut call = rig.call(CallOptions::default());
        rig.protocol.lost("cable");
        rig.protocol.disconnected();
        assert_eq!(call.outcome.try_recv(), Ok(Err(RequestError::network_lost())));
        let mut refused = rig.call(CallOptions::default());
        assert_eq!(refused.outcome.try_recv(), Ok(Err(RequestError::network_lost())));
        rig.sent();
        rig.begin(usize::MAX);
        rig.welcome(2, Features::NONE);
        let mut again = rig.call(CallOptions::default());
        assert_eq!(rig.sent(), [r#"[48,1,{},"a.b",[1]]"#]);
        rig.result(1, false, 1);
        assert!(again.outcome.try_recv().unwrap().is_ok());
    }
}

mod subscriptions {
    use super::*;

    /// BRK-11: a session has one subscription per topic; its handles share it.
    #[test]
    fn handles_of_one_topic_share_its_events_and_the_last_unsubscribes() {
        let mut rig = Rig::open();
        let (mut one, mut two) = (rig.subscribe("a.b"), rig.subscribe("a.b"));
        rig.subscribed(1, 10);
        rig.subscribed(2, 10);
        rig.sent();
        rig.event(10);
        assert_eq!((one.count(), two.count()), (1, 1));
        let mut left = rig.unsubscribe(one.key);
        assert_eq!(left.try_recv(), Ok(Ok(())));
        assert_eq!(rig.sent(), [""; 0]);
        rig.event(10);
        assert_eq!((one.count(), two.count()), (0, 1));
        let mut left = rig.unsubscribe(two.key);
        assert_eq!(rig.sent(), ["[34,3,10]"]);
        rig.event(10);
        assert_eq!(two.count(), 0);
        rig.receive(Unsubscribed::Reply(request(3)));
        assert_eq!(left.try_recv(), Ok(Ok(())));
    }

    #[test]
    fn events_name_the_topic_that_was_subscribed_to_or_published_to() {
        let mut rig = Rig::open();
        let mut reading = rig.subscribe("a.b");
        rig.subscribed(1, 10);
        rig.event(10);
        rig.receive(Event {
            subscription: SubscriptionId::new(10).unwrap(),
            publication: PublicationId::from_bits(1),
            details: EventDetails { topic: Some("a.b.c".into()), retained: true, ..EventDetails::default() },
            payload: Payload::EMPTY,
        });
        let mut cx = Context::from_waker(Waker::noop());
        let mut next = || match reading.events.poll_next(&mut cx) {
            Poll::Ready(Some(event)) => (event.topic().to_owned(), event.is_retained()),
            other => panic!("{other:?}"),
        };
        assert_eq!([next(), next()], [("a.b".to_owned(), false), ("a.b.c".to_owned(), true)]);
    }

    #[test]
    fn the_last_handle_does_not_undo_a_subscription_under_way() {
        let mut rig = Rig::open();
        let one = rig.subscribe("a.b");
        rig.subscribed(1, 10);
        let mut two = rig.subscribe("a.b");
        rig.sent();
        let mut left = rig.unsubscribe(one.key);
        assert_eq!(left.try_recv(), Ok(Ok(())));
        assert_eq!(rig.sent(), [""; 0]);
        rig.subscribed(2, 10);
        rig.event(10);
        assert_eq!(two.count(), 1);
    }

    #[test]
    fn an_unsubscribe_kept_back_is_sent_when_the_other_subscription_fails() {
        let mut rig = Rig::open();
        let one = rig.subscribe("a.b");
        rig.subscribed(1, 10);
        let mut two = rig.subscribe("a.b");
        rig.unsubscribe(one.key);
        rig.sent();
        rig.error(MessageType::Subscribe, 2, error_uri::NOT_AUTHORIZED);
        assert_eq!(two.answer.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::NOT_AUTHORIZED));
        assert_eq!(rig.sent(), ["[34,3,10]"]);
    }

    #[test]
    fn a_subscription_given_up_while_it_was_made_is_undone() {
        let mut rig = Rig::open();
        let reading = rig.subscribe("a.b");
        drop(reading.answer);
        rig.sent();
        rig.subscribed(1, 10);
        assert_eq!(rig.sent(), ["[34,2,10]"]);

        let reading = rig.subscribe("c.d");
        rig.protocol.handle(Command::Unsubscribe { key: reading.key, reply: None });
        rig.sent();
        rig.subscribed(3, 11);
        assert_eq!(rig.sent(), ["[34,4,11]"]);
    }

    /// REV-01: UNSUBSCRIBED without a request.
    #[test]
    fn a_revocation_ends_the_subscription_with_its_reason() {
        let mut rig = Rig::open();
        let reading = rig.subscribe("a.b");
        rig.subscribed(1, 10);
        rig.sent();
        let subscription = SubscriptionId::new(10).unwrap();
        rig.receive(Unsubscribed::Revoked { subscription, reason: Some("my.reason".into()) });
        assert_eq!(reading.events.end_reason(), Some(EndReason::Revoked(Some("my.reason".to_owned()))));
        let mut left = rig.unsubscribe(reading.key);
        assert_eq!(left.try_recv(), Ok(Ok(())));
        assert_eq!(rig.sent(), [""; 0]);
    }

    /// REV-07: an UNSUBSCRIBE that crosses a revocation fails.
    #[test]
    fn a_failed_unsubscribe_is_told() {
        let mut rig = Rig::open();
        let reading = rig.subscribe("a.b");
        rig.subscribed(1, 10);
        let mut left = rig.unsubscribe(reading.key);
        rig.error(MessageType::Unsubscribe, 2, error_uri::NO_SUCH_SUBSCRIPTION);
        assert_eq!(left.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::NO_SUCH_SUBSCRIPTION));
    }

    #[test]
    fn subscriptions_are_made_again_after_a_loss() {
        let mut rig = Rig::open();
        let mut one = rig.subscribe("a.b");
        let refused = rig.subscribe("c.d");
        let gone = rig.subscribe("e.f");
        for (id, subscription) in [(1, 10), (2, 20), (3, 30)] {
            rig.subscribed(id, subscription);
        }
        let mut unanswered = rig.subscribe("g.h");
        rig.sent();
        rig.protocol.lost("cable");
        rig.protocol.disconnected();
        assert_eq!(unanswered.answer.try_recv(), Ok(Err(RequestError::network_lost())));
        assert_eq!(rig.unsubscribe(gone.key).try_recv(), Ok(Ok(())));
        rig.begin(usize::MAX);
        rig.welcome(2, Features::NONE);
        assert_eq!(rig.sent(), [r#"[32,1,{},"a.b"]"#, r#"[32,2,{},"c.d"]"#]);
        rig.subscribed(1, 77);
        rig.error(MessageType::Subscribe, 2, "my.error");
        rig.event(10);
        rig.event(77);
        assert_eq!(one.count(), 1);
        assert!(matches!(refused.events.end_reason(), Some(EndReason::Refused(_))));
    }

    #[test]
    fn a_subscription_that_must_not_miss_events_unsubscribes_when_it_would() {
        let mut rig = Rig::open();
        let (sender, events) = event::queue(1, Overflow::End);
        let (reply, _answer) = oneshot::channel();
        let (key, topic, options) = (SubscriptionKey::next(), Arc::from("a.b"), SubscribeOptions::default());
        rig.protocol.handle(Command::Subscribe(NewSubscription {
            key,
            topic,
            options,
            events: sender,
            reply,
        }));
        rig.subscribed(1, 10);
        rig.sent();
        rig.event(10);
        rig.event(10);
        assert_eq!(rig.sent(), ["[34,2,10]"]);
        assert_eq!(events.end_reason(), Some(EndReason::Overflow));
    }
}

mod registrations {
    use super::*;

    fn ready() -> (Rig, Answering) {
        let mut rig = Rig::open();
        let answering = rig.register("a.b");
        assert_eq!(rig.sent(), [r#"[64,1,{},"a.b"]"#]);
        rig.registered(1, 10);
        (rig, answering)
    }

    #[test]
    fn an_invocation_is_answered_once() {
        let (mut rig, mut answering) = ready();
        assert!(answering.answer.try_recv().unwrap().is_ok());
        rig.invoke(1, 10, false);
        let invocation = rig.started();
        assert_eq!(invocation.procedure(), "a.b");
        rig.answer(&invocation, Answer::Progress(Arguments::from(1)));
        rig.answer(&invocation, Answer::Result(Arguments::from(2)));
        rig.answer(&invocation, Answer::Result(Arguments::from(3)));
        rig.answer(&invocation, Answer::Error(ApplicationError::new("late")));
        assert_eq!(rig.sent(), [r#"[70,1,{"progress":true},[1]]"#, "[70,1,{},[2]]"]);
    }

    #[test]
    fn errors_carry_uri_and_arguments() {
        let (mut rig, _answering) = ready();
        rig.invoke(1, 10, false);
        let invocation = rig.started();
        let error = ApplicationError::new("my.error").with("why").with_keyword("n", 1);
        rig.answer(&invocation, Answer::Error(error));
        assert_eq!(rig.sent(), [r#"[8,68,1,{},"my.error",["why"],{"n":1}]"#]);
    }

    /// PCI-01, PCI-07: the parts reach the handler, and then an end.
    #[test]
    fn parts_of_an_invocation_go_to_its_handler() {
        let (mut rig, _answering) = ready();
        rig.invoke(1, 10, true);
        let mut invocation = rig.started();
        assert!(invocation.is_open());
        rig.invoke(1, 10, true);
        rig.invoke(1, 10, false);
        let parts = invocation.parts.as_mut().unwrap();
        assert!(parts.try_recv().is_ok() && parts.try_recv().is_ok());
        assert_eq!(parts.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
        assert!(rig.protocol.take_started().is_empty());
    }

    #[test]
    fn parts_that_nobody_takes_end_the_invocation() {
        let (mut rig, _answering) = ready();
        rig.invoke(1, 10, true);
        let invocation = rig.started();
        for _ in 0..1024 {
            rig.invoke(1, 10, true);
        }
        assert_eq!(rig.sent(), [""; 0]);
        rig.invoke(1, 10, true);
        assert_eq!(rig.sent_types(), [MessageType::Error]);
        assert!(invocation.is_interrupted());
    }

    /// CAN-13: INTERRUPT names mode and reason.
    #[test]
    fn an_interrupt_reaches_the_handler() {
        let (mut rig, _answering) = ready();
        rig.invoke(1, 10, false);
        let invocation = rig.started();
        assert!(!invocation.is_interrupted());
        let (mode, reason) = (Some(CancelMode::Kill), Some(error_uri::TIMEOUT.into()));
        rig.receive(Interrupt { request: request(1), mode, reason });
        assert!(invocation.is_interrupted());
        rig.answer(&invocation, Answer::Error(ApplicationError::new(error_uri::CANCELED)));
        assert_eq!(rig.sent(), [r#"[8,68,1,{},"wamp.error.canceled"]"#]);
    }

    #[test]
    fn an_answer_that_is_too_long_is_an_error_instead() {
        let mut rig = Rig::new(None);
        rig.begin(2000);
        rig.welcome(1, Features::NONE);
        let _answering = rig.register("a.b");
        rig.registered(1, 10);
        rig.sent();
        for (id, long) in [
            (1, Answer::Result(Arguments::from("x".repeat(2000)))),
            (2, Answer::Progress(Arguments::from("x".repeat(2000)))),
            (3, Answer::Error(ApplicationError::with_message("my.error", "x".repeat(2000)))),
        ] {
            rig.invoke(id, 10, false);
            let invocation = rig.started();
            rig.answer(&invocation, long);
            rig.answer(&invocation, Answer::Result(Arguments::new()));
        }
        let sent = rig.sent();
        assert!(sent[0].starts_with(r#"[8,68,1,{},"wamp.error.payload_size_exceeded""#), "{sent:?}");
        assert!(sent[1].starts_with(r#"[8,68,2,{},"wamp.error.payload_size_exceeded""#), "{sent:?}");
        assert_eq!(sent[2..], [r#"[8,68,3,{},"my.error"]"#]);
    }

    #[test]
    fn calls_that_cross_an_unregister_are_answered() {
        let (mut rig, answering) = ready();
        let mut left = rig.unregister(answering.key);
        assert_eq!(rig.sent(), ["[66,2,10]"]);
        assert_eq!(*answering.ended.borrow(), Some(EndReason::Ended));
        rig.invoke(1, 10, false);
        let invocation = rig.started();
        rig.receive(Unregistered::Reply(request(2)));
        assert_eq!(left.try_recv(), Ok(Ok(())));
        rig.answer(&invocation, Answer::Result(Arguments::new()));
        assert_eq!(rig.sent(), ["[70,1,{}]"]);
        rig.invoke(2, 10, false);
        assert!(rig.protocol.take_started().is_empty());
        assert_eq!(rig.sent(), [r#"[8,68,2,{},"wamp.error.unavailable"]"#]);
    }

    /// REV-04, REV-08: what runs may still be answered.
    #[test]
    fn a_revocation_ends_the_registration_but_not_its_calls() {
        let (mut rig, answering) = ready();
        rig.invoke(1, 10, false);
        let invocation = rig.started();
        rig.receive(Unregistered::Revoked { registration: RegistrationId::new(10).unwrap(), reason: None });
        assert_eq!(*answering.ended.borrow(), Some(EndReason::Revoked(None)));
        rig.answer(&invocation, Answer::Result(Arguments::new()));
        assert_eq!(rig.sent(), ["[70,1,{}]"]);
    }

    #[test]
    fn a_registration_given_up_while_it_was_made_is_undone() {
        let mut rig = Rig::open();
        let answering = rig.register("a.b");
        rig.protocol.handle(Command::Unregister { key: answering.key, reply: None });
        rig.sent();
        rig.registered(1, 10);
        assert_eq!(rig.sent(), ["[66,2,10]"]);
    }

    #[test]
    fn a_session_can_take_its_own_procedure() {
        let (mut rig, old) = ready();
        let new = rig.register("a.b");
        rig.registered(2, 10);
        assert_eq!(*old.ended.borrow(), Some(EndReason::Revoked(None)));
        assert_eq!(*new.ended.borrow(), None);
        rig.invoke(1, 10, false);
        rig.started();
    }

    #[test]
    fn registrations_are_made_again_and_old_answers_do_not_leak() {
        let (mut rig, answering) = ready();
        rig.invoke(1, 10, false);
        let old = rig.started();
        rig.reconnect();
        assert!(old.is_interrupted());
        assert_eq!(rig.sent(), [r#"[64,1,{},"a.b"]"#]);
        rig.registered(1, 99);
        rig.invoke(1, 99, false);
        let new = rig.started();
        rig.answer(&old, Answer::Result(Arguments::from("old")));
        rig.answer(&new, Answer::Result(Arguments::from("new")));
        assert_eq!(rig.sent(), [r#"[70,1,{},["new"]]"#]);
        assert_eq!(*answering.ended.borrow(), None);
    }

    #[test]
    fn a_registration_that_is_refused_the_second_time_ends() {
        let (mut rig, answering) = ready();
        rig.reconnect();
        rig.error(MessageType::Register, 1, error_uri::PROCEDURE_ALREADY_EXISTS);
        assert!(matches!(&*answering.ended.borrow(), Some(EndReason::Refused(_))));
    }
}

mod publications {
    use super::*;
    use wamp::message::PublishOptions;

    #[test]
    fn only_acknowledged_publications_are_waited_for() {
        let mut rig = Rig::open();
        let mut publish = |reply: Option<Reply<PublicationId>>| {
            let options = PublishOptions { acknowledge: reply.is_some(), ..PublishOptions::default() };
            let (topic, arguments) = ("a.b".to_owned(), Arguments::new());
            rig.protocol.handle(Command::Publish(NewPublication { topic, options, arguments, reply }));
        };
        let (reply, mut taken) = oneshot::channel();
        let (other, mut refused) = oneshot::channel();
        publish(None);
        publish(Some(reply));
        publish(Some(other));
        assert_eq!(
            rig.sent(),
            [
                r#"[16,1,{},"a.b"]"#,
                r#"[16,2,{"acknowledge":true},"a.b"]"#,
                r#"[16,3,{"acknowledge":true},"a.b"]"#
            ]
        );
        rig.receive(Published { request: request(2), publication: PublicationId::new(5).unwrap() });
        rig.error(MessageType::Publish, 3, error_uri::INVALID_URI);
        assert_eq!(taken.try_recv(), Ok(Ok(PublicationId::new(5).unwrap())));
        assert_eq!(refused.try_recv().unwrap().unwrap_err().uri(), Some(error_uri::INVALID_URI));
    }
}
