//! A router and the clients of a script, in one thread, under a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use router::{Edges, Millis, Realm, RealmConfig, Router, RouterConfig, Turn, Worker};
use wamp::SessionId;

use crate::clock::FakeClock;
use crate::connection::Connection;
use crate::pattern;
use crate::received::{IntoValue, Received};
use crate::setup::Setup;

/// One client of a [`Net`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(usize);

/// See the module.
///
/// Whatever a method of it does is done when it returns: every task that something was left for has run, every client
/// that reads has got what was sent to it.
#[derive(Debug)]
pub struct Net {
    router: Arc<Router>,
    clock: Arc<FakeClock>,
    workers: Vec<Worker>,
    now: Millis,
    connections: Vec<Slot>,
}

#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) connection: Connection,
    worker: usize,
    /// The last request id that the client used.
    pub(crate) last_request: u64,
    session: Option<u64>,
}

impl Net {
    /// A router of this configuration.
    ///
    /// # Panics
    /// There can't be one.
    pub fn new(config: RouterConfig) -> Self {
        Self::with_edges(config, Edges::default())
    }

    /// A router of this configuration with stores and threads, but for the clock, which is the net's own.
    ///
    /// # Panics
    /// There can't be one.
    pub fn with_edges(config: RouterConfig, edges: Edges) -> Self {
        let clock = Arc::new(FakeClock::default());
        let edges = Edges { clock: Arc::clone(&clock) as Arc<_>, ..edges };
        let router = Router::with_edges(config, edges).expect("a configuration that can be");
        // Not 0: a test that forgets to add to a moment should fail.
        Net { router, clock, workers: Vec::new(), now: Millis(1_000_000), connections: Vec::new() }
    }

    /// A router with the realm `realm1` in which anonymous clients may do everything.
    pub fn open() -> Self {
        Self::new(RouterConfig::default())
    }

    /// The same realm without a meta API: what matches everything gets what the clients publish, and nothing else.
    pub fn without_meta_api() -> Self {
        let realm = RealmConfig { meta_api: false, ..RealmConfig::open("realm1") };
        Self::new(RouterConfig { realms: vec![realm], ..RouterConfig::default() })
    }

    /// A client that is about to connect.
    pub fn client(&mut self) -> Setup<'_> {
        Setup::new(self)
    }

    /// A client that has joined a realm, with all roles and features.
    ///
    /// # Panics
    /// It can't.
    #[track_caller]
    pub fn join(&mut self, realm: &str) -> Client {
        self.client().join(realm)
    }

    /// The client sends a message.
    pub fn send(&mut self, client: Client, message: impl IntoValue) {
        self.slot(client).connection.send(message);
        self.settle();
    }

    /// The client sends several messages at once: all are there when the router reads the first.
    pub fn send_all<M: IntoValue>(&mut self, client: Client, messages: impl IntoIterator<Item = M>) {
        for message in messages {
            self.slot(client).connection.send(message);
        }
        self.settle();
    }

    /// The client sends whatever this is.
    pub fn send_bytes(&mut self, client: Client, bytes: &[u8]) {
        self.slot(client).connection.send_bytes(bytes.to_vec());
        self.settle();
    }

    /// Takes the next message that the client got.
    ///
    /// # Panics
    /// It got none.
    #[track_caller]
    pub fn take(&mut self, client: Client) -> Received {
        let closed = self.closed(client);
        let taken = self.slot(client).connection.take();
        taken.unwrap_or_else(|| panic!("{client:?} got no message; closed: {closed:?}"))
    }

    /// Takes the next message that the client got, which is as the pattern says (see [`pattern`]).
    ///
    /// # Panics
    /// It is not.
    #[track_caller]
    pub fn expect(&mut self, client: Client, expected: impl IntoValue) -> Received {
        let expected = expected.into_value();
        let Some(found) = self.slot(client).connection.take() else {
            panic!("{client:?} got nothing where {expected} was expected; closed: {:?}", self.closed(client));
        };
        if !pattern::matches(&expected, found.value()) {
            let rest = self.slot(client).connection.inbox();
            panic!("{client:?}\n     got {found}\nexpected {expected}\n    then {rest:?}");
        }
        found
    }

    /// Takes all messages that the client got.
    pub fn receive(&mut self, client: Client) -> Vec<Received> {
        let connection = &mut self.slot(client).connection;
        std::iter::from_fn(|| connection.take()).collect()
    }

    /// The client got no message (that was not looked at already).
    ///
    /// # Panics
    /// It got some.
    #[track_caller]
    pub fn nothing(&mut self, client: Client) {
        let inbox = self.slot(client).connection.inbox();
        assert!(inbox.is_empty(), "{client:?} got {inbox:?} where nothing was expected");
    }

    /// The next message of the client is ABORT for breaking the protocol, nothing follows, and the transport is closed.
    ///
    /// # Panics
    /// It is not so.
    #[track_caller]
    pub fn violated(&mut self, client: Client) -> Received {
        let abort =
            self.expect(client, serde_json::json!([3, {"message": "_"}, "wamp.error.protocol_violation"]));
        self.nothing(client);
        assert!(self.is_closed(client), "{client:?} was aborted, but not disconnected");
        abort
    }

    /// Takes WELCOME and notes the session's id.
    ///
    /// # Panics
    /// The next message isn't WELCOME.
    #[track_caller]
    pub fn welcome(&mut self, client: Client) -> Received {
        let welcome = self.expect(client, serde_json::json!([2, "_", "_"]));
        let slot = self.slot(client);
        slot.session = Some(welcome.id(1));
        slot.last_request = 0;
        welcome
    }

    /// Time passes. Deadlines on the way are met in their order.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.clock.advance(duration);
        loop {
            let next = self.connections.iter().filter_map(|slot| slot.connection.next_deadline()).min();
            match next {
                Some(deadline) if deadline <= end => self.now = self.now.max(deadline),
                _ => break,
            }
            for index in 0..self.connections.len() {
                let due = self.connections[index].connection.next_deadline();
                if due.is_some_and(|deadline| deadline <= self.now) {
                    self.turn(index, |connection, turn| connection.handle_timeout(turn));
                }
            }
            self.settle();
        }
        self.now = end;
    }

    /// The router kills the client's session.
    pub fn kill(&mut self, client: Client, reason: Option<&str>, message: Option<&str>) -> bool {
        let session = self.session_id(client);
        self.elsewhere(|router, turn| {
            router.realms().iter().any(|realm| realm.kill(session, reason, message, turn))
        })
    }

    /// The client's transport is lost without a word.
    pub fn disconnect(&mut self, client: Client) {
        self.turn(client.0, |connection, turn| connection.disconnect(turn));
        self.settle();
    }

    /// The client breaks the framing of its transport.
    pub fn violate(&mut self, client: Client, what: &str) {
        self.turn(client.0, |connection, turn| connection.violate(what, turn));
        self.settle();
    }

    /// The client stops reading.
    pub fn stall(&mut self, client: Client) {
        self.slot(client).connection.stall(true);
    }

    /// The client reads again.
    pub fn resume(&mut self, client: Client) {
        self.slot(client).connection.stall(false);
        self.settle();
    }

    /// Runs all tasks until nobody has anything to do. Only needed after something was done to the router directly.
    pub fn settle(&mut self) {
        loop {
            let mut busy = false;
            for index in 0..self.connections.len() {
                busy |= self.turn(index, Connection::run);
            }
            if !busy {
                return;
            }
        }
    }

    /// Does something in the turn of a thread that belongs to no client.
    pub fn elsewhere<T>(&mut self, act: impl FnOnce(&Router, &mut Turn<'_>) -> T) -> T {
        let mut worker = Worker::new([0xEE; 32]);
        let result = act(&self.router, &mut worker.turn(self.now));
        self.settle();
        result
    }

    /// The session of a client that joined.
    ///
    /// # Panics
    /// It never joined.
    #[track_caller]
    pub fn session(&self, client: Client) -> u64 {
        self.connections[client.0].session.unwrap_or_else(|| panic!("{client:?} has joined no realm"))
    }

    /// The session of a client that joined, as the router's own interfaces want it.
    ///
    /// # Panics
    /// It never joined.
    #[track_caller]
    pub fn session_id(&self, client: Client) -> SessionId {
        SessionId::new(self.session(client)).expect("a session id")
    }

    /// How the router closed the client's transport, if it has: code and reason.
    pub fn closed(&self, client: Client) -> Option<(u16, &'static str)> {
        self.connections[client.0].connection.closed()
    }

    /// Whether the client's transport is closed.
    pub fn is_closed(&self, client: Client) -> bool {
        self.closed(client).is_some()
    }

    /// The client's connection.
    pub fn connection(&mut self, client: Client) -> &mut Connection {
        &mut self.slot(client).connection
    }

    /// What time of day it is.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// The router.
    pub fn router(&self) -> &Arc<Router> {
        &self.router
    }

    /// A realm of the router.
    ///
    /// # Panics
    /// There is none of that name.
    #[track_caller]
    pub fn realm(&self, name: &str) -> Arc<Realm> {
        self.router.realm(name).unwrap_or_else(|| panic!("no realm {name}"))
    }

    /// The moment it is.
    pub fn now(&self) -> Millis {
        self.now
    }

    pub(crate) fn slot(&mut self, client: Client) -> &mut Slot {
        &mut self.connections[client.0]
    }

    pub(crate) fn add(&mut self, connection: Connection, worker: usize) -> Client {
        while self.workers.len() <= worker {
            let seed = u8::try_from(self.workers.len()).expect("few workers");
            self.workers.push(Worker::new([seed; 32]));
        }
        self.connections.push(Slot { connection, worker, last_request: 0, session: None });
        self.settle();
        Client(self.connections.len() - 1)
    }

    fn turn<T>(&mut self, index: usize, act: impl FnOnce(&mut Connection, &mut Turn<'_>) -> T) -> T {
        let slot = &mut self.connections[index];
        act(&mut slot.connection, &mut self.workers[slot.worker].turn(self.now))
    }
}
