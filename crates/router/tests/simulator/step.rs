//! What sessions do, and how a script chooses it.

use wamp::message::{CancelMode, InvocationPolicy};
use wamp::{MatchPolicy, Serializer, Value};

use crate::model::Model;
use crate::random::Random;

/// One thing that one session does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Join { serializer: Serializer, full: bool, authid: &'static str, authrole: &'static str, worker: usize },
    Leave { client: usize, goodbye: bool },
    Wait { milliseconds: u64 },
    Subscribe { client: usize, uri: &'static str, policy: MatchPolicy, get_retained: bool },
    Unsubscribe { client: usize, subscription: usize },
    Publish { client: usize, topic: &'static str, options: Publishing, args: Vec<Value> },
    Register { client: usize, uri: &'static str, policy: MatchPolicy, options: Registering },
    Unregister { client: usize, registration: usize },
    Call { client: usize, procedure: &'static str, options: Calling, args: Vec<Value> },
    Continue { call: usize, last: bool, args: Vec<Value> },
    Cancel { call: usize, mode: Option<CancelMode> },
    Yield { invocation: usize, progress: bool, args: Vec<Value> },
    Fail { invocation: usize, error: &'static str },
}

/// `PUBLISH.Options`
#[derive(Debug, Clone, Default)]
pub(crate) struct Publishing {
    pub(crate) acknowledge: bool,
    pub(crate) exclude_me: Option<bool>,
    pub(crate) disclose_me: bool,
    pub(crate) retain: bool,
    /// Which list, and what is on it.
    pub(crate) lists: Vec<(&'static str, Vec<Value>)>,
}

/// `REGISTER.Options`
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Registering {
    pub(crate) invoke: InvocationPolicy,
    pub(crate) concurrency: Option<u64>,
    pub(crate) force: bool,
    pub(crate) disclose_caller: bool,
    pub(crate) forward_timeout: bool,
}

/// `CALL.Options`
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calling {
    pub(crate) receive_progress: bool,
    pub(crate) progress: bool,
    pub(crate) disclose_me: bool,
    pub(crate) timeout: Option<u64>,
}

/// What is published to and called.
const URIS: [&str; 6] = ["a", "a.b", "a.b.c", "a.bc", "b.b.c", "é.b"];
/// What is subscribed to and registered, besides those.
const PREFIXES: [&str; 5] = ["", "a", "a.b", "a.", "é"];
const WILDCARDS: [&str; 5] = ["a.", ".b", "..", "a..c", ".b.c"];

/// Somebody comes.
pub(crate) fn join(random: &mut Random) -> Step {
    Step::Join {
        serializer: random.one_of(&Serializer::ALL),
        full: random.percent(75),
        authid: random.one_of(&["ann", "bob"]),
        authrole: random.one_of(&["user", "admin"]),
        worker: random.below(3),
    }
}

/// What could happen next; `None` if what was chosen can't.
pub(crate) fn next(random: &mut Random, model: &Model) -> Option<Step> {
    let open = model.open_clients();
    let Some(client) = random.pick(&open) else { return Some(join(random)) };
    Some(match random.below(100) {
        0..2 => join(random),
        2..4 => Step::Leave { client, goodbye: random.percent(50) },
        4..7 => Step::Wait { milliseconds: random.below(400) as u64 },
        7..16 => {
            let (uri, policy) = pattern(random);
            Step::Subscribe { client, uri, policy, get_retained: random.percent(40) }
        }
        16..19 => Step::Unsubscribe { client, subscription: random.below(model.subscriptions().max(1)) },
        19..33 => publish(random, model, client),
        33..43 => register(random, client),
        43..46 => Step::Unregister { client, registration: random.below(model.registrations().max(1)) },
        46..66 => call(random, model, client),
        66..72 => {
            let call = random.pick(&model.progressive_calls())?;
            Step::Continue { call, last: random.percent(30), args: args(random) }
        }
        72..78 => {
            let modes = [None, Some(CancelMode::Skip), Some(CancelMode::Kill), Some(CancelMode::KillNoWait)];
            Step::Cancel { call: random.pick(&model.recent_calls())?, mode: random.one_of(&modes) }
        }
        78..92 => {
            let invocation = random.pick(&model.recent_invocations())?;
            Step::Yield { invocation, progress: random.percent(30), args: args(random) }
        }
        _ => {
            let error = random.one_of(&["wamp.error.unavailable", "wamp.error.unavailable", "com.error"]);
            Step::Fail { invocation: random.pick(&model.recent_invocations())?, error }
        }
    })
}

fn pattern(random: &mut Random) -> (&'static str, MatchPolicy) {
    match random.below(4) {
        0 => (random.one_of(&PREFIXES), MatchPolicy::Prefix),
        1 => (random.one_of(&WILDCARDS), MatchPolicy::Wildcard),
        _ => (random.one_of(&URIS), MatchPolicy::Exact),
    }
}

fn args(random: &mut Random) -> Vec<Value> {
    let number = random.next() >> random.below(64);
    match random.below(5) {
        0 => Vec::new(),
        1 => vec![Value::from(number), Value::from("ü\"\\\u{1F340}")],
        2 => vec![Value::from(-i64::try_from(number >> 1).unwrap_or(0))],
        3 => vec![Value::Null, Value::from(vec![Value::from(true), Value::from(number)])],
        _ => vec![Value::from(number)],
    }
}

fn publish(random: &mut Random, model: &Model, client: usize) -> Step {
    let mut options = Publishing {
        acknowledge: random.percent(40),
        exclude_me: random.one_of(&[None, Some(true), Some(false), Some(false)]),
        disclose_me: random.percent(20),
        retain: random.percent(25),
        lists: Vec::new(),
    };
    let sessions = model.session_ids();
    for (list, chance) in [
        ("exclude", 15),
        ("exclude_authid", 8),
        ("exclude_authrole", 8),
        ("eligible", 15),
        ("eligible_authid", 8),
        ("eligible_authrole", 8),
    ] {
        if !random.percent(chance) {
            continue;
        }
        let members: Vec<Value> = match list {
            "exclude" | "eligible" => {
                sessions.iter().filter(|_| random.percent(50)).map(|id| Value::from(*id)).collect()
            }
            "exclude_authid" | "eligible_authid" => vec![random.one_of(&["ann", "bob"]).into()],
            _ => vec![random.one_of(&["user", "admin"]).into()],
        };
        options.lists.push((list, members));
    }
    Step::Publish { client, topic: random.one_of(&URIS), options, args: args(random) }
}

fn register(random: &mut Random, client: usize) -> Step {
    use InvocationPolicy::{First, Last, RoundRobin, Single};
    // Few of them, so that callees meet, and calls find them.
    let (uri, policy) = random.one_of(&[
        ("a.b", MatchPolicy::Exact),
        ("a.b", MatchPolicy::Exact),
        ("a.b", MatchPolicy::Exact),
        ("a", MatchPolicy::Prefix),
        ("a.b", MatchPolicy::Prefix),
        (".b", MatchPolicy::Wildcard),
        ("a..c", MatchPolicy::Wildcard),
    ]);
    let invoke = random.one_of(&[Single, First, First, First, Last, RoundRobin]);
    // Who is next in the round when some are busy is no promise.
    let concurrency =
        if invoke == RoundRobin { None } else { random.one_of(&[None, Some(1), Some(1), Some(2)]) };
    let options = Registering {
        invoke,
        concurrency,
        force: random.percent(10),
        disclose_caller: random.percent(15),
        forward_timeout: random.percent(25),
    };
    Step::Register { client, uri, policy, options }
}

fn call(random: &mut Random, model: &Model, client: usize) -> Step {
    let options = Calling {
        receive_progress: random.percent(40),
        progress: model.is_full(client) && random.percent(30),
        disclose_me: random.percent(15),
        timeout: random.percent(30).then(|| random.below(500) as u64),
    };
    let procedure = if random.percent(60) { "a.b" } else { random.one_of(&URIS) };
    Step::Call { client, procedure, options, args: args(random) }
}
