//! Procedures that are answered by other threads: what happens while their calls wait.
//!
//! The threads are played by the test, which does one job at a time, when it likes and in the order that it likes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cloverleaf_router::config::{CallTimeout, HistoryConfig};
use cloverleaf_router::edges::{Background, Job};
use cloverleaf_router::meta::Procedure;
use cloverleaf_router::{Edges, RouterConfig};
use testkit::{Client, IntoValue, Net, json};
use wamp::{MatchPolicy, Value};

use crate::{INVALID_ARGUMENT, NO_SUCH_SESSION, sessions, sorted, told, value, watcher};

/// Threads that do nothing until they are told to, and take so many jobs.
struct Idle {
    jobs: Mutex<VecDeque<Job>>,
    most: usize,
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idle").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl Background for Idle {
    fn run(&self, job: Job) -> Result<(), Job> {
        let mut jobs = self.jobs();
        if jobs.len() >= self.most {
            return Err(job);
        }
        jobs.push_back(job);
        Ok(())
    }
}

impl Idle {
    fn jobs(&self) -> std::sync::MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> usize {
        self.jobs().len()
    }

    /// Does the oldest job.
    #[track_caller]
    fn work(&self, net: &mut Net) {
        let job = self.jobs().pop_front().expect("a job waits");
        net.elsewhere(|_, turn| job(turn));
    }

    /// Does the newest job: they may overtake each other.
    #[track_caller]
    fn work_last(&self, net: &mut Net) {
        let job = self.jobs().pop_back().expect("a job waits");
        net.elsewhere(|_, turn| job(turn));
    }
}

/// A router with threads that take so many jobs.
fn net(most: usize, change: impl FnOnce(&mut RouterConfig)) -> (Net, Arc<Idle>) {
    let idle = Arc::new(Idle { jobs: Mutex::default(), most });
    let background = Some(Arc::<Idle>::clone(&idle) as Arc<dyn Background>);
    let mut config = RouterConfig::default();
    config.realms[0].history.push(HistoryConfig::new("a.b", MatchPolicy::Exact));
    change(&mut config);
    (Net::with_edges(config, Edges { background, ..Edges::default() }), idle)
}

fn open() -> (Net, Arc<Idle>) {
    net(100, |_| {})
}

/// A call that is not answered yet.
fn ask(net: &mut Net, client: Client, procedure: &str, args: impl IntoValue) -> u64 {
    let request = net.request(client);
    let options = value(json!({}));
    let call = vec![48u64.into(), request.into(), options, procedure.into(), args.into_value()];
    net.send(client, Value::List(call));
    net.nothing(client);
    request
}

/// A procedure that takes no arguments, but a while.
const LIST: &str = "wamp.session.list";

/// MSE-06: the session goes on meanwhile; the answer is of the time when it is found out.
#[test]
fn a_call_waits_for_its_job_and_nobody_else_does() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    let request = ask(&mut net, client, LIST, json!([]));
    assert_eq!(idle.waiting(), 1);
    assert_eq!(net.value(client, "wamp.session.count", json!([])), 1u64.into(), "which takes no time");
    let subscription = net.subscribe(client, "a.c");
    let other = net.join("realm1");
    net.publish(other, "a.c", "x");
    net.expect(client, json!([36, subscription, "_", {}, ["x"]]));
    idle.work(&mut net);
    let answer = net.expect(client, json!([50, request, {}, ["_"]]));
    let ids = sorted(&answer.at(3).as_list().expect("arguments")[0]);
    assert_eq!(ids, sessions(&net, [client, other]));
    net.nothing(client);
}

/// MSE-14: what can be told from the call alone is told at once.
#[test]
fn wrong_arguments_wait_for_nobody() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    net.error(client, LIST, json!(["x"]), json!({}), INVALID_ARGUMENT);
    net.error(client, "wamp.session.kill", json!([1, "a b"]), json!({}), crate::INVALID_URI);
    assert_eq!(idle.waiting(), 0);
}

/// DLR-09
#[test]
fn jobs_may_overtake_each_other() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    let first = ask(&mut net, client, LIST, json!([]));
    let second = ask(&mut net, client, "wamp.subscription.list", json!([]));
    idle.work_last(&mut net);
    net.expect(client, json!([50, second, {}, [{"...": 0}]]));
    idle.work(&mut net);
    net.expect(client, json!([50, first, {}, [["_"]]]));
}

/// CAN-02, DLR-15
#[test]
fn a_call_that_waits_can_be_canceled() {
    for mode in ["skip", "kill", "killnowait"] {
        let (mut net, idle) = open();
        let client = net.join("realm1");
        let request = ask(&mut net, client, LIST, json!([]));
        net.send(client, json!([49, request, {"mode": mode}]));
        net.refused(client, 48, request, "wamp.error.canceled");
        idle.work(&mut net);
        net.nothing(client);
        assert_eq!(net.value(client, "wamp.session.count", json!([])), 1u64.into());
    }
}

/// TMO-01, DLR-15
#[test]
fn a_call_that_waits_too_long_ends_by_its_timeout() {
    let second = Duration::from_secs(1);
    let (mut own, own_jobs) = open();
    let caller = own.join("realm1");
    let request = own.request(caller);
    own.send(caller, json!([48, request, {"timeout": 1000}, LIST]));
    let default = CallTimeout { default: Some(second), ..CallTimeout::default() };
    let (mut configured, jobs) = net(100, |config| config.realms[0].call_timeout = default);
    let other = configured.join("realm1");
    let asked = ask(&mut configured, other, LIST, json!([]));
    for (net, idle, client, request) in
        [(&mut own, own_jobs, caller, request), (&mut configured, jobs, other, asked)]
    {
        net.advance(second - Duration::from_millis(1));
        net.nothing(client);
        net.advance(Duration::from_millis(1));
        net.refused(client, 48, request, "wamp.error.timeout");
        idle.work(net);
        net.nothing(client);
    }
}

/// DLR-20, SES-16
#[test]
fn the_answer_for_a_caller_that_left_is_discarded() {
    let (mut net, idle) = open();
    for leave in [
        (|net, client| net.disconnect(client)) as fn(&mut Net, Client),
        |net, client| net.send(client, json!([6, {}, "wamp.close.normal"])),
        |net, client| assert!(net.kill(client, None, None)),
    ] {
        let client = net.join("realm1");
        ask(&mut net, client, LIST, json!([]));
        leave(&mut net, client);
        net.receive(client);
        idle.work(&mut net);
        net.nothing(client);
        net.disconnect(client);
        assert_eq!(net.realm("realm1").session_count(), 0);
    }
}

/// DLR-20: another session of the same transport gets nothing of what its predecessor asked.
#[test]
fn the_next_session_is_not_answered() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    ask(&mut net, client, LIST, json!([]));
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    net.expect(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.send(client, json!([1, "realm1", {"roles": {"caller": {}}}]));
    net.welcome(client);
    let request = ask(&mut net, client, LIST, json!([]));
    idle.work(&mut net);
    net.nothing(client);
    idle.work(&mut net);
    net.expect(client, json!([50, request, {}, [["_"]]]));
}

/// ROB-01
#[test]
fn a_call_for_which_there_is_no_room_is_refused() {
    let (mut net, idle) = net(2, |_| {});
    let client = net.join("realm1");
    let requests = [ask(&mut net, client, LIST, json!([])), ask(&mut net, client, LIST, json!([]))];
    net.error(client, LIST, json!([]), json!({}), "wamp.error.unavailable");
    assert_eq!(net.value(client, "wamp.session.count", json!([])), 1u64.into(), "which needs no room");
    for request in requests {
        idle.work(&mut net);
        net.expect(client, json!([50, request, {}, ["_"]]));
    }
    let request = ask(&mut net, client, LIST, json!([]));
    idle.work(&mut net);
    net.expect(client, json!([50, request, {}, ["_"]]));
}

/// DLR-19
#[test]
fn calls_that_wait_are_counted_like_any_other() {
    let (mut net, idle) = net(100, |config| config.limits.pending_calls_max = 2);
    let client = net.join("realm1");
    ask(&mut net, client, LIST, json!([]));
    ask(&mut net, client, LIST, json!([]));
    net.error(client, LIST, json!([]), json!({}), "wamp.error.unavailable");
    assert_eq!(idle.waiting(), 2, "what was refused is not done either");
    idle.work(&mut net);
    net.take(client);
    ask(&mut net, client, LIST, json!([]));
}

/// IDS-09, DLR-15: a request id that waits can't be used again.
#[test]
fn a_call_that_waits_keeps_its_request_id() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    let request = ask(&mut net, client, LIST, json!([]));
    net.send(client, json!([48, request, {}, LIST]));
    net.violated(client);
    idle.work(&mut net);
    net.nothing(client);
}

/// MSE-08, MSE-18
#[test]
fn a_kill_is_done_when_its_job_is() {
    let (mut net, idle) = open();
    let watcher = watcher(&mut net);
    let (killer, victim) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(victim);
    net.receive(watcher);
    let request = ask(&mut net, killer, "wamp.session.kill", json!([session]));
    net.nothing(victim);
    idle.work(&mut net);
    net.expect(killer, json!([50, request, {}]));
    net.expect(victim, json!([6, {}, "wamp.close.killed"]));
    told(&mut net, watcher, "wamp.session.on_leave", json!([session, "_", "_"]));
    net.nothing(watcher);
}

/// CAN-02, MSE-08: what was called off before it began is not done.
#[test]
fn what_nobody_waits_for_any_more_is_not_done() {
    for give_up in [
        (|net, client, request| net.send(client, json!([49, request, {"mode": "killnowait"}])))
            as fn(&mut Net, Client, u64),
        |net, client, _| net.disconnect(client),
        |net, client, _| net.send(client, json!([6, {}, "wamp.close.normal"])),
        |net, client, _| assert!(net.kill(client, None, None)),
    ] {
        let (mut net, idle) = open();
        let (killer, other) = (net.join("realm1"), net.join("realm1"));
        let request = ask(&mut net, killer, "wamp.session.kill_all", json!([]));
        give_up(&mut net, killer, request);
        idle.work(&mut net);
        net.nothing(other);
    }
}

/// MSE-09: of two that kill each other one is left.
#[test]
fn a_session_that_was_killed_kills_nobody() {
    let (mut net, idle) = open();
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let (first, second) = (net.session(one), net.session(two));
    let request = ask(&mut net, one, "wamp.session.kill", json!([second]));
    ask(&mut net, two, "wamp.session.kill", json!([first]));
    idle.work(&mut net);
    net.expect(one, json!([50, request, {}]));
    net.expect(two, json!([6, {}, "wamp.close.killed"]));
    idle.work(&mut net);
    net.nothing(one);
    assert_eq!(net.value(one, "wamp.session.count", json!([])), 1u64.into());
}

/// MSE-09: who is gone when the job is done is not there.
#[test]
fn the_world_may_change_before_a_job_is_done() {
    let (mut net, idle) = open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(other);
    let request = ask(&mut net, client, "wamp.session.kill", json!([session]));
    net.disconnect(other);
    idle.work(&mut net);
    net.refused(client, 48, request, NO_SUCH_SESSION);
}

/// HIS-02: what is read is what was there when it was read.
#[test]
fn a_history_is_read_elsewhere() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    let id = net.value(client, "wamp.subscription.lookup", json!(["a.b"])).as_u64().expect("an id");
    let request = ask(&mut net, client, "wamp.subscription.get_events", json!([id]));
    net.publish(client, "a.b", "x");
    idle.work(&mut net);
    net.expect(client, json!([50, request, {}, [{"args": ["x"], "...": 0}]]));
}

/// ROB-01: what is answered at once and what is not.
#[test]
fn short_procedures_need_no_thread() {
    let (mut net, idle) = open();
    let client = net.join("realm1");
    for procedure in Procedure::ALL {
        let request = net.request(client);
        net.send(client, json!([48, request, {}, procedure.uri(), [], {"no_such_parameter": 1}]));
        net.take(client);
        assert_eq!(idle.waiting(), 0, "{procedure:?}");
    }
    let session = net.session(client);
    for (procedure, args) in [
        ("wamp.session.count", json!([])),
        ("wamp.session.get", json!([session])),
        ("wamp.subscription.match", json!(["a.b"])),
        ("wamp.registration.match", json!(["a.b"])),
        ("wamp.session.add_testament", json!(["a.will"])),
        ("wamp.session.flush_testaments", json!([])),
    ] {
        net.result(client, procedure, args, json!({}));
    }
    assert_eq!(idle.waiting(), 0);
}

/// MSE-02, MSB-03, ORD-10: many events at once are published in parts, the rest by another thread, in order.
#[test]
fn many_meta_events_are_published_in_parts() {
    const MANY: u64 = 700;
    let (mut net, idle) = open();
    let (client, watcher) = (net.join("realm1"), net.join("realm1"));
    let topic = net.subscribe(watcher, "wamp.subscription.on_unsubscribe");
    let leaves = net.subscribe(watcher, "wamp.session.on_leave");
    for number in 0..MANY {
        net.subscribe(client, &format!("a.b{number}"));
    }
    net.disconnect(client);
    let first = net.receive(watcher);
    assert!(first.len() < 700 && !first.is_empty(), "{}", first.len());
    let mut told = first;
    while idle.waiting() > 0 {
        idle.work(&mut net);
        told.extend(net.receive(watcher));
    }
    let last = told.pop().expect("an event");
    assert_eq!(last.id(1), leaves, "the session leaves last");
    assert_eq!(told.len() as u64, MANY);
    assert!(told.iter().all(|event| event.id(1) == topic));
}

/// ROB-01: who makes more meta events than are published is slowed down, and only for that long.
#[test]
fn who_makes_too_many_meta_events_is_slowed_down() {
    let (mut net, idle) = open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    for number in 0..6000 {
        net.subscribe(client, &format!("a.b{number}"));
    }
    let watcher = net.join("realm1");
    net.subscribe(watcher, "wamp.subscription.on_unsubscribe");
    net.disconnect(client);
    net.connection(other).take_paced();
    let is_slowed = |net: &mut Net, topic: &str| {
        net.subscribe(other, topic);
        net.connection(other).take_paced()
    };
    assert!(is_slowed(&mut net, "a.c"), "{} jobs wait", idle.waiting());
    net.value(other, "wamp.session.count", json!([]));
    assert!(!net.connection(other).take_paced(), "what makes none isn't slowed down");
    while idle.waiting() > 0 {
        idle.work(&mut net);
    }
    assert_eq!(net.receive(watcher).len(), 6000);
    assert!(!is_slowed(&mut net, "a.d"));
}

/// HIS-08, ROB-01: nothing else waits for a search through a history.
#[test]
fn histories_are_read_by_threads_of_their_own() {
    let threads = || Arc::new(Idle { jobs: Mutex::default(), most: 100 });
    let (idle, reading) = (threads(), threads());
    let mut config = RouterConfig::default();
    config.realms[0].history.push(HistoryConfig::new("a.b", MatchPolicy::Exact));
    let as_background = |threads: &Arc<Idle>| Some(Arc::clone(threads) as Arc<dyn Background>);
    let (background, readers) = (as_background(&idle), as_background(&reading));
    let mut net = Net::with_edges(config, Edges { background, readers, ..Edges::default() });
    let client = net.join("realm1");
    let id = net.value(client, "wamp.subscription.lookup", json!(["a.b"])).as_u64().expect("an id");
    let search = ask(&mut net, client, "wamp.subscription.get_events", json!([id]));
    let list = ask(&mut net, client, LIST, json!([]));
    assert_eq!((idle.waiting(), reading.waiting()), (1, 1));
    idle.work(&mut net);
    net.expect(client, json!([50, list, {}, [["_"]]]));
    reading.work(&mut net);
    net.expect(client, json!([50, search, {}]));
}

/// ROB-01: nobody takes all the room, not even by calls that are canceled.
#[test]
fn one_session_leaves_room_for_others() {
    let (mut net, idle) = net(1000, |_| {});
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    for _ in 0..128 {
        let request = ask(&mut net, client, LIST, json!([]));
        net.send(client, json!([49, request, {"mode": "killnowait"}]));
        net.refused(client, 48, request, "wamp.error.canceled");
    }
    net.error(client, LIST, json!([]), json!({}), "wamp.error.unavailable");
    assert_eq!(net.value(client, "wamp.session.count", json!([])), 2u64.into(), "which waits for nobody");
    ask(&mut net, other, LIST, json!([]));
    idle.work(&mut net);
    ask(&mut net, client, LIST, json!([]));
    assert_eq!(idle.waiting(), 129);
}
