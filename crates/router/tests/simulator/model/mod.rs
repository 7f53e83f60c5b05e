//! The simplest router: lists, searched from the front, one thing at a time.
//!
//! It is written from the specification and the decisions of the design, not from the router: no index, no lock, no
//! mailbox, no cache. Ids that the router draws are names here (see `check`).

mod broker;
mod dealer;

use wamp::value::Dict;
use wamp::{Serializer, Value};

use crate::step::Step;
use broker::{Retained, Subscription};
use dealer::{Call, Invocation, Registration};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Model {
    now: u64,
    sessions: Vec<Session>,
    subscriptions: Vec<Subscription>,
    retained: Vec<Retained>,
    publications: usize,
    registrations: Vec<Registration>,
    calls: Vec<Call>,
    invocations: Vec<Invocation>,
    expected: Vec<Expected>,
    rank: u32,
}

/// A session, open or not.
#[derive(Debug)]
struct Session {
    id: u64,
    open: bool,
    /// All features, or none.
    full: bool,
    authid: &'static str,
    authrole: &'static str,
    requests: u64,
}

/// A message that a client is to get; those of the same rank in any order.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) client: usize,
    pub(crate) rank: u32,
    pub(crate) message: Value,
}

/// What a step comes to outside.
#[derive(Debug)]
pub(crate) enum Act {
    Send(usize, Value),
    Disconnect(usize),
    Wait(u64),
    Join { serializer: Serializer, full: bool, authid: &'static str, authrole: &'static str, worker: usize },
}

impl Model {
    /// Takes a step: what is to be done to the router, which then must send [`Model::expected`].
    pub(crate) fn take(&mut self, step: &Step) -> Act {
        match step {
            Step::Join { serializer, full, authid, authrole, worker } => {
                let (full, authid, authrole) = (*full, *authid, *authrole);
                self.sessions.push(Session { id: 0, open: true, full, authid, authrole, requests: 0 });
                Act::Join { serializer: *serializer, full, authid, authrole, worker: *worker }
            }
            Step::Leave { client, goodbye } => {
                self.leave(*client);
                if !goodbye {
                    return Act::Disconnect(*client);
                }
                self.rank += 1;
                let reply = list([6u64.into(), empty(), "wamp.close.goodbye_and_out".into()]);
                self.expected.push(Expected { client: *client, rank: self.rank, message: reply });
                Act::Send(*client, list([6u64.into(), empty(), "wamp.close.close_realm".into()]))
            }
            Step::Wait { milliseconds } => {
                self.wait(*milliseconds);
                Act::Wait(*milliseconds)
            }
            Step::Subscribe { client, uri, policy, get_retained } => {
                self.subscribe(*client, uri, *policy, *get_retained)
            }
            Step::Unsubscribe { client, subscription } => self.unsubscribe(*client, *subscription),
            Step::Publish { client, topic, options, args } => self.publish(*client, topic, options, args),
            Step::Register { client, uri, policy, options } => self.register(*client, uri, *policy, *options),
            Step::Unregister { client, registration } => self.unregister(*client, *registration),
            Step::Call { client, procedure, options, args } => self.call(*client, procedure, *options, args),
            Step::Continue { call, last, args } => self.continue_call(*call, *last, args),
            Step::Cancel { call, mode } => self.cancel(*call, *mode),
            Step::Yield { invocation, progress, args } => self.yielded(*invocation, *progress, args),
            Step::Fail { invocation, error } => self.failed(*invocation, error),
        }
    }

    /// The session that joined last has this id.
    pub(crate) fn joined(&mut self, id: u64) {
        if let Some(session) = self.sessions.last_mut() {
            session.id = id;
        }
    }

    /// What is to be received after the last step.
    pub(crate) fn expected(&mut self) -> Vec<Expected> {
        self.rank = 0;
        std::mem::take(&mut self.expected)
    }

    pub(crate) fn open_clients(&self) -> Vec<usize> {
        (0..self.sessions.len()).filter(|client| self.sessions[*client].open).collect()
    }

    pub(crate) fn session_ids(&self) -> Vec<u64> {
        self.sessions.iter().map(|session| session.id).collect()
    }

    pub(crate) fn is_full(&self, client: usize) -> bool {
        self.sessions[client].full
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    pub(crate) fn registrations(&self) -> usize {
        self.registrations.len()
    }

    /// Everything of a session ends.
    fn leave(&mut self, client: usize) {
        self.sessions[client].open = false;
        self.dealer_left(client);
        self.broker_left(client);
        // In which order, nobody has promised.
        for expected in &mut self.expected {
            expected.rank = 0;
        }
    }

    /// The client gets a message, after all that it was sent before.
    fn send(&mut self, client: usize, message: Value) {
        self.rank += 1;
        self.send_alike(client, message);
    }

    /// The client gets a message, before or after others of the same rank.
    fn send_alike(&mut self, client: usize, message: Value) {
        if self.sessions[client].open {
            self.expected.push(Expected { client, rank: self.rank, message });
        }
    }

    fn refuse(&mut self, client: usize, code: u64, request: u64, error: &str) {
        let error = list([8u64.into(), code.into(), request.into(), empty(), error.into(), "...".into()]);
        self.send(client, error);
    }

    fn request(&mut self, client: usize) -> u64 {
        self.sessions[client].requests += 1;
        self.sessions[client].requests
    }

    /// The three details by which `client` is disclosed, `role` being `publisher` or `caller`.
    fn disclose(&self, details: &mut Dict, role: &str, client: usize) {
        let session = &self.sessions[client];
        details.insert(role, session.id);
        details.insert(format!("{role}_authid"), session.authid);
        details.insert(format!("{role}_authrole"), session.authrole);
    }
}

fn list(elements: impl IntoIterator<Item = Value>) -> Value {
    Value::List(elements.into_iter().collect())
}

/// A message that ends with arguments: none are left out.
fn with_args(elements: impl IntoIterator<Item = Value>, args: &[Value]) -> Value {
    let args = (!args.is_empty()).then(|| Value::List(args.to_vec()));
    list(elements.into_iter().chain(args))
}

fn empty() -> Value {
    Value::Map(Dict::new())
}

/// The pairs whose value is there.
fn options<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Value {
    let pairs = pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Map(pairs.collect())
}

fn flag(set: bool) -> Option<Value> {
    set.then_some(Value::Bool(true))
}
