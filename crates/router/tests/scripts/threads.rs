//! Barriers between threads: a session's requests on one, everybody else's on another.
//!
//! Each test gives the two threads some thousand chances to get in each other's way, and no longer than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloverleaf_router::{ChannelType, Format, Link, Millis, Router, RouterConfig, TransportDetails, Worker};
use testkit::{Connection, IntoValue, Received, Wire, all_roles, json};

const NOW: Millis = Millis(1);

/// A session that is served by its own thread.
struct Session {
    connection: Connection,
    worker: Worker,
    /// Its id.
    session: u64,
}

impl Session {
    fn join(router: &Arc<Router>, seed: u8) -> Self {
        let wire = Wire::default();
        let format = Format { serializer: wire.serializer, framing: wire.framing };
        let transport = TransportDetails::new(ChannelType::Memory, "test");
        let link = Link::new(router, format, wire.message_bytes_max, transport, NOW);
        let mut session =
            Session { connection: Connection::new(link, wire), worker: Worker::new([seed; 32]), session: 0 };
        let roles = wamp::Value::Map([("roles", all_roles())].into());
        let hello = vec![wamp::Value::from(1u64), wamp::Value::from("realm1"), roles];
        let welcome = session.send(wamp::Value::List(hello));
        assert_eq!(welcome[0].code(), 2);
        session.session = welcome[0].id(1);
        session
    }

    /// Sends a message; answers all that came in until then.
    fn send(&mut self, message: impl IntoValue) -> Vec<Received> {
        self.connection.send(message);
        self.run()
    }

    fn run(&mut self) -> Vec<Received> {
        self.connection.run(&mut self.worker.turn(NOW));
        std::iter::from_fn(|| self.connection.take()).collect()
    }
}

/// Runs `act` until `rounds` are over while another thread sends what `noise` says, again and again.
fn against(noise: fn(u64) -> testkit::Json, act: impl FnOnce(&mut Session)) {
    let router = Router::new(RouterConfig::default()).expect("a configuration that can be");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = Session::join(&router, 1);
            for request in 1.. {
                other.send(noise(request));
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let stop = Stop(&done);
        act(&mut Session::join(&router, 2));
        drop(stop);
    });
}

/// Stops the other thread, after a failure too.
struct Stop<'d>(&'d AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits for the reply of a code; answers what came with it, in order.
fn until(session: &mut Session, code: u64, mut received: Vec<Received>) -> Vec<Received> {
    while !received.iter().any(|message| message.code() == code) {
        received.extend(session.run());
    }
    received
}

/// So many; and more, up to a hundred times, while the threads have not met on a machine that is busy otherwise.
const ROUNDS: u64 = 1500;

/// BRK-05, ORD-03, ORD-07
#[test]
fn events_come_between_subscribed_and_unsubscribed_only() {
    let mut events = 0;
    let publish = |request| json!([16, request, {}, "a.b", ["x"]]);
    against(publish, |session| {
        for round in 0..100 * ROUNDS {
            if round >= ROUNDS && events > 0 {
                break;
            }
            let sent = session.send(json!([32, 2 * round + 1, {}, "a.b"]));
            let mut received = until(session, 33, sent);
            assert_eq!(received[0].code(), 33, "{received:?}");
            let subscription = received[0].id(2);
            let sent = session.send(json!([34, 2 * round + 2, subscription]));
            received.extend(until(session, 35, sent));
            received.extend(session.run());
            assert_eq!(received.last().map(Received::code), Some(35), "{received:?}");
            events += received.len() - 2;
        }
    });
    assert!(events > 0, "the threads met");
}

/// ORD-05, ORD-07
#[test]
fn invocations_come_between_registered_and_unregistered_only() {
    let mut invocations = 0;
    let call = |request| json!([48, request, {}, "a.b", ["x"]]);
    against(call, |session| {
        for round in 0..100 * ROUNDS {
            if round >= ROUNDS && invocations > 0 {
                break;
            }
            let sent = session.send(json!([64, 2 * round + 1, {}, "a.b"]));
            let mut received = until(session, 65, sent);
            assert_eq!(received[0].code(), 65, "{received:?}");
            let registration = received[0].id(2);
            let sent = session.send(json!([66, 2 * round + 2, registration]));
            received.extend(until(session, 67, sent));
            received.extend(session.run());
            assert_eq!(received.last().map(Received::code), Some(67), "{received:?}");
            for invocation in received.iter().filter(|message| message.code() == 68) {
                let received = session.send(json!([70, invocation.id(1), {}]));
                assert!(received.is_empty(), "{received:?}");
                invocations += 1;
            }
        }
    });
    assert!(invocations > 0, "the threads met");
}

/// SES-11, SES-16
#[test]
fn nothing_comes_after_goodbye_and_nothing_is_left_of_the_session() {
    let publish = |request| json!([16, request, {}, "a.b", ["x"]]);
    against(publish, |session| {
        for _ in 0..ROUNDS / 5 {
            let sent = session.send(json!([32, 1, {}, "a.b"]));
            until(session, 33, sent);
            let sent = session.send(json!([6, {}, "wamp.close.normal"]));
            let mut received = until(session, 6, sent);
            received.extend(session.run());
            assert_eq!(received.last().map(Received::code), Some(6), "{received:?}");
            let roles = json!({"subscriber": {}, "callee": {}});
            let received = session.send(json!([1, "realm1", {"roles": roles}]));
            assert_eq!(received.iter().map(Received::code).collect::<Vec<_>>(), [2]);
        }
    });
}

/// SHR-13
#[test]
fn a_procedure_that_is_registered_anew_is_there_at_every_moment() {
    let router = Router::new(RouterConfig::default()).expect("a configuration that can be");
    let register = |request| json!([64, request, {"force_reregister": true}, "a.b"]);
    let mut first = Session::join(&router, 3);
    first.send(register(1));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for request in 2.. {
                first.send(register(request));
                if done.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let _stop = Stop(&done);
        let mut caller = Session::join(&router, 4);
        for request in 1..=20 * ROUNDS {
            for answer in caller.send(json!([48, request, {}, "a.b"])) {
                assert_ne!(answer.text(4), "wamp.error.no_such_procedure", "call {request}");
            }
        }
    });
}

/// The first argument of each event.
fn told(received: &[Received]) -> Vec<u64> {
    let events = received.iter().filter(|message| message.code() == 36);
    events.map(|event| event.at(4).as_list().and_then(|args| args[0].as_u64()).expect("a number")).collect()
}

/// MSE-18, TST-11
#[test]
fn a_killed_session_is_gone_in_order_whichever_thread_takes_it_out() {
    let router = Router::new(RouterConfig::default()).expect("a configuration that can be");
    let mut killer = Session::join(&router, 1);
    killer.send(json!([32, 1, {}, "a.b"]));
    killer.send(json!([32, 2, {}, "wamp.session.on_leave"]));
    for request in (3..).step_by(2).take(300) {
        let mut victim = Session::join(&router, 2);
        let session = victim.session;
        for request in 1..=10 {
            victim.send(json!([48, request, {}, "wamp.session.add_testament", ["a.b", [request]]]));
            victim.send(json!([32, request + 10, {}, format!("a.c{request}")]));
        }
        thread::scope(|scope| {
            // Both take it out of the realm: its own task as soon as it notices, and whoever kills it.
            scope.spawn(|| until(&mut victim, 6, Vec::new()));
            let sent = killer.send(json!([48, request, {}, "wamp.session.kill", [session]]));
            let mut received = until(&mut killer, 50, sent);
            let list = killer.send(json!([48, request + 1, {}, "wamp.subscription.list"]));
            let mut list = until(&mut killer, 50, list);
            let result =
                list.iter().find(|message| message.code() == 50).and_then(|list| list.at(3).as_list());
            let exact = result.and_then(|results| results[0].as_dict()?.get("exact"));
            assert_eq!(exact.and_then(wamp::Value::as_list).map(<[_]>::len), Some(1), "a.b is left");
            received.append(&mut list);
            // That it has left may be told by the other thread, a moment later.
            while told(&received).last() != Some(&session) {
                received.extend(killer.run());
            }
            assert_eq!(told(&received), (1..=10).chain([session]).collect::<Vec<u64>>());
        });
    }
}
