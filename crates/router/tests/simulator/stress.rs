//! Threads that race: no model can say what each session receives, but every call must end, once.
//!
//! Each thread has a worker and some sessions, as a listener's thread does. All of them call, answer, hand back, cancel,
//! stream, register and leave at random, against each other. Then they only answer, and soon nothing may be pending.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cloverleaf_router::{
    ChannelType, Format, Link, Millis, Router, RouterConfig, TransportDetails, Turn, Worker,
};
use testkit::{Connection, IntoValue, Received, Wire, all_roles, json};
use wamp::{Serializer, Value};

use crate::random::Random;

const THREADS: usize = 4;
const SESSIONS: usize = 3;
/// Steps of each thread.
const STEPS: usize = 4000;
/// How long the rest may take: much longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

const PROCEDURES: [(&str, &str, u64); 5] = [
    ("com.first", "first", 1),
    ("com.round", "roundrobin", 2),
    ("com.last", "last", 3),
    ("com.random", "random", 1),
    ("com.single", "single", 1),
];

/// What all threads share.
struct Field {
    router: Arc<Router>,
    began: Instant,
    /// Calls that have not ended.
    pending: AtomicI64,
    /// Threads that begin no more calls.
    finished: AtomicUsize,
    results: AtomicUsize,
    errors: AtomicUsize,
}

// ROB-09, ROB-10, DLR-15, IDS-04
#[test]
fn every_call_ends_once_whatever_others_do_at_the_same_time() {
    let field = Field {
        router: Router::new(RouterConfig::default()).expect("a configuration that can be"),
        began: Instant::now(),
        pending: AtomicI64::new(0),
        finished: AtomicUsize::new(0),
        results: AtomicUsize::new(0),
        errors: AtomicUsize::new(0),
    };
    let seed = crate::from_environment("CLOVERLEAF_SEED").unwrap_or(1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let field = &field;
            scope.spawn(move || play(field, seed * 100 + thread as u64));
        }
    });
    let (results, errors) = (field.results.into_inner(), field.errors.into_inner());
    assert!(results > 500 && errors > 500, "{results} results and {errors} errors: little happens");
    assert_eq!(field.pending.into_inner(), 0);
    assert_eq!(field.router.sessions(), 0);
}

fn play(field: &Field, seed: u64) {
    let mut random = Random::new(seed);
    let mut worker = Worker::new([u8::try_from(seed % 256).expect("a byte"); 32]);
    let mut seats: Vec<Seat<'_>> = Vec::new();
    for index in 0..SESSIONS {
        let serializer = Serializer::ALL[index % Serializer::ALL.len()];
        seats.push(Seat::new(field, serializer, &mut worker.turn(now(field))));
    }
    for _ in 0..STEPS {
        let index = random.below(seats.len());
        let mut turn = worker.turn(now(field));
        if random.percent(2) {
            let serializer = random.one_of(&Serializer::ALL);
            seats[index].leave(&mut turn);
            seats[index] = Seat::new(field, serializer, &mut turn);
        } else {
            seats[index].act(&mut random);
        }
        for seat in &mut seats {
            seat.run(&mut turn);
        }
    }
    field.finished.fetch_add(1, Ordering::SeqCst);
    while field.finished.load(Ordering::SeqCst) < THREADS || field.pending.load(Ordering::SeqCst) > 0 {
        assert!(field.began.elapsed() < PATIENCE, "seed {seed}: calls wait for ever: {seats:?}");
        let mut turn = worker.turn(now(field));
        for seat in &mut seats {
            seat.answer_all();
            seat.run(&mut turn);
        }
        drop(turn);
        std::thread::yield_now();
    }
    for seat in &mut seats {
        let mut turn = worker.turn(now(field));
        seat.run(&mut turn);
        seat.leave(&mut turn);
    }
}

fn now(field: &Field) -> Millis {
    Millis(1 + u64::try_from(field.began.elapsed().as_millis()).expect("not that long"))
}

/// One session, and what it is in the middle of.
struct Seat<'f> {
    field: &'f Field,
    connection: Connection,
    requests: u64,
    /// Calls without a final answer, and whether more parts of them may be sent.
    calls: HashMap<u64, (&'static str, bool)>,
    /// Invocations without an answer.
    invocations: Vec<u64>,
    last_invocation: u64,
    registrations: Vec<u64>,
}

impl std::fmt::Debug for Seat<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seat { calls, invocations, .. } = self;
        write!(f, "calls {calls:?}, invocations {invocations:?}; ")
    }
}

impl<'f> Seat<'f> {
    fn new(field: &'f Field, serializer: Serializer, turn: &mut Turn<'_>) -> Seat<'f> {
        let wire = Wire { serializer, ..Wire::default() };
        let format = Format { serializer, framing: wire.framing };
        let transport = TransportDetails::new(ChannelType::Memory, "stress");
        let link = Link::new(&field.router, format, wire.message_bytes_max, transport, turn.now);
        let mut seat = Seat {
            field,
            connection: Connection::new(link, wire),
            requests: 0,
            calls: HashMap::new(),
            invocations: Vec::new(),
            last_invocation: 0,
            registrations: Vec::new(),
        };
        let details = wamp::value::Dict::from([("roles", all_roles())]);
        seat.connection.send(Value::List(vec![1u64.into(), "realm1".into(), Value::Map(details)]));
        seat.run(turn);
        seat
    }

    fn act(&mut self, random: &mut Random) {
        let invocation = random.pick(&self.invocations);
        let mut calls: Vec<u64> = self.calls.keys().copied().collect();
        calls.sort_unstable();
        let call = random.pick(&calls);
        match (random.below(100), invocation, call) {
            (0..25, Some(invocation), _) => self.answer(invocation, json!([70, invocation, {}, ["done"]])),
            (25..30, Some(invocation), _) => {
                self.answer(invocation, json!([8, 68, invocation, {}, "com.error"]));
            }
            (30..38, Some(invocation), _) => {
                self.answer(invocation, json!([8, 68, invocation, {}, "wamp.error.unavailable"]));
            }
            (38..45, Some(invocation), _) => {
                self.connection.send(json!([70, invocation, {"progress": true}, ["more"]]));
            }
            (45..53, _, Some(call)) => {
                let mode = random.one_of(&["skip", "kill", "killnowait"]);
                self.connection.send(json!([49, call, {"mode": mode}]));
            }
            (53..60, _, Some(call)) => self.go_on(call, random.percent(70)),
            (60..68, ..) => {
                let (procedure, invoke, concurrency) = random.one_of(&PROCEDURES);
                let request = self.request();
                let options = json!({"invoke": invoke, "concurrency": concurrency});
                self.connection.send(json!([64, request, options, procedure]));
            }
            (68..71, ..) if !self.registrations.is_empty() => {
                let registration = self.registrations.swap_remove(random.below(self.registrations.len()));
                let request = self.request();
                self.connection.send(json!([66, request, registration]));
            }
            _ => self.call(random),
        }
    }

    fn call(&mut self, random: &mut Random) {
        let (procedure, ..) = random.one_of(&PROCEDURES);
        let request = self.request();
        let progress = random.percent(20);
        let mut options = json!({"receive_progress": random.percent(50), "progress": progress});
        if random.percent(20) {
            options["timeout"] = json!(1 + random.below(20));
        }
        self.calls.insert(request, (procedure, progress));
        self.field.pending.fetch_add(1, Ordering::SeqCst);
        self.connection.send(json!([48, request, options, procedure, [request]]));
    }

    /// One more part of a call, if it takes more.
    fn go_on(&mut self, call: u64, more: bool) {
        let Some((procedure, open)) = self.calls.get_mut(&call) else { return };
        if std::mem::replace(open, *open && more) {
            let message = json!([48, call, {"progress": more}, *procedure]);
            self.connection.send(message);
        }
    }

    fn answer(&mut self, invocation: u64, message: impl IntoValue) {
        self.invocations.retain(|other| *other != invocation);
        self.connection.send(message);
    }

    fn answer_all(&mut self) {
        for invocation in std::mem::take(&mut self.invocations) {
            self.connection.send(json!([70, invocation, {}, ["late"]]));
        }
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.connection.disconnect(turn);
        self.field.pending.fetch_sub(i64::try_from(self.calls.len()).expect("few"), Ordering::SeqCst);
        self.calls.clear();
    }

    fn run(&mut self, turn: &mut Turn<'_>) {
        if self.connection.next_deadline().is_some_and(|deadline| deadline <= turn.now) {
            self.connection.handle_timeout(turn);
        }
        while self.connection.run(turn) {}
        while let Some(message) = self.connection.take() {
            self.read(&message);
        }
        assert_eq!(self.connection.closed(), None, "nobody breaks the protocol here");
    }

    fn read(&mut self, message: &Received) {
        match message.code() {
            50 if message.detail(2, "progress").is_some() => {
                assert!(self.calls.contains_key(&message.id(1)), "{message} for a call that has ended");
            }
            50 => self.ended(message, message.id(1), &self.field.results),
            8 if message.id(1) == 48 => self.ended(message, message.id(2), &self.field.errors),
            68 if message.id(1) > self.last_invocation => {
                assert_eq!(message.id(1), self.last_invocation + 1, "numbers of invocations have no gaps");
                self.last_invocation += 1;
                self.invocations.push(self.last_invocation);
            }
            69 => assert!(message.id(1) <= self.last_invocation, "{message} before its invocation"),
            65 => self.registrations.push(message.id(2)),
            2 | 8 | 67 | 68 => {}
            _ => panic!("{message} was not to be expected"),
        }
    }

    fn ended(&mut self, message: &Received, request: u64, count: &AtomicUsize) {
        assert!(self.calls.remove(&request).is_some(), "{message} for a call that has ended");
        count.fetch_add(1, Ordering::SeqCst);
        self.field.pending.fetch_sub(1, Ordering::SeqCst);
    }
}
