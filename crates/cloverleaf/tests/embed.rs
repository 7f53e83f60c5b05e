//! A node inside a program, and sessions that need no socket.

#[path = "../examples/embed.rs"]
#[allow(dead_code, reason = "its `main` is for `cargo run --example`")]
mod example;

use std::time::Duration;

use client::{Arguments, CloseReason, Overflow, Session};
use cloverleaf::{Config, Node, WorkerConfig};
use listeners::{Endpoint, ListenerConfig};
use router::Identity;
use router::config::{Actions, Permission, RealmConfig, RoleConfig, RouterConfig};
use wamp::MatchPolicy;

/// No step of a test takes so long, unless it has failed.
const PATIENCE: Duration = Duration::from_secs(30);

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

fn worker(realms: Vec<RealmConfig>) -> WorkerConfig {
    WorkerConfig { router: RouterConfig { realms, ..RouterConfig::default() }, ..WorkerConfig::default() }
}

async fn node(workers: Vec<WorkerConfig>) -> Node {
    Node::start(Config { node_id: None, workers }).await.expect("a node that starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_tells_its_story() {
    let story = in_time(example::run()).await.unwrap();
    let expected = [
        "measured 19.5 degrees",
        "heating to 21 degrees",
        "refused: home.error.too_hot: 30 degrees are enough",
        "the sensor saw: the router said goodbye: wamp.close.system_shutdown",
    ];
    assert_eq!(story.len(), expected.len(), "{story:?}");
    for (line, expected) in story.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}");
    }
}

#[tokio::test]
async fn sessions_in_the_process_call_and_publish_to_each_other() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let (one, two) = (node.session("realm1").await.unwrap(), node.session("realm1").await.unwrap());
    assert_ne!(one.id(), two.id());
    assert_eq!(one.welcomed().details.authrole.as_deref(), Some("trusted"));
    let add = |call: client::Invocation| async move { Ok(call.arg::<i64>(0)? + call.arg::<i64>(1)?) };
    one.register("com.example.add").handler(add).await.unwrap();
    let sum: i64 =
        in_time(two.call("com.example.add").arg(2).arg(3).into_future()).await.unwrap().arg(0).unwrap();
    assert_eq!(sum, 5);
    let own: i64 =
        in_time(one.call("com.example.add").arg(1).arg(1).into_future()).await.unwrap().arg(0).unwrap();
    assert_eq!(own, 2, "a session may call itself");

    let mut events = two.subscribe("com.example.news").await.unwrap();
    one.publish("com.example.news").arg("hello").acknowledge().await.unwrap();
    assert_eq!(in_time(events.next()).await.unwrap().arg::<String>(0).unwrap(), "hello");
    node.stop().await;
}

/// The mailbox of a session that is busy keeps order and loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_arrive_whole_and_in_order() {
    const EVENTS: u64 = 20_000;
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let publisher = node.session("realm1").await.unwrap();
    let subscriber = node.session("realm1").await.unwrap();
    let subscribe = subscriber.subscribe("com.example.ticks").queue_limit(30_000).overflow(Overflow::End);
    let mut events = subscribe.await.unwrap();
    for number in 0..EVENTS {
        publisher.publish("com.example.ticks").arg(number).send().await.unwrap();
    }
    for number in 0..EVENTS {
        let event = in_time(events.next()).await.unwrap_or_else(|| panic!("{:?}", events.end_reason()));
        assert_eq!(event.arg::<u64>(0).unwrap(), number);
    }
    node.stop().await;
}

#[tokio::test]
async fn large_payloads_go_both_ways() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let session = node.session("realm1").await.unwrap();
    let echo = |call: client::Invocation| async move { Ok(call.into_arguments()) };
    session.register("com.example.echo").handler(echo).await.unwrap();
    let text = "x".repeat(5 << 20);
    let calls = (0..3).map(|_| session.call("com.example.echo").arg(text.as_str()).into_future());
    for call in calls {
        let result = in_time(call).await.unwrap();
        assert_eq!(result.arg::<String>(0).unwrap().len(), text.len());
    }
    node.stop().await;
}

// AZN-01
#[tokio::test]
async fn an_identity_of_the_programs_choice_has_its_roles_permissions() {
    let listen = Permission {
        allow: Actions { subscribe: true, ..Actions::default() },
        ..Permission::deny("com.example.", MatchPolicy::Prefix)
    };
    let role = RoleConfig { name: "listener".to_owned(), permissions: vec![listen], allow_by_default: false };
    let realm = RealmConfig { roles: vec![role], ..RealmConfig::closed("realm1") };
    let node = node(vec![worker(vec![realm])]).await;
    let identity = Identity { authrole: "listener".into(), ..Identity::trusted("alice") };
    let session = node.session_as("realm1", identity).await.unwrap();
    assert_eq!(session.welcomed().details.authid.as_deref(), Some("alice"));
    session.subscribe("com.example.news").await.unwrap();
    let refused = session.publish("com.example.news").acknowledge().await.unwrap_err();
    assert_eq!(refused.uri(), Some("wamp.error.not_authorized"));

    let trusted = node.session("realm1").await.unwrap();
    trusted.publish("com.example.news").acknowledge().await.unwrap();
    node.stop().await;
}

#[tokio::test]
async fn a_session_that_is_left_or_dropped_takes_its_procedures_with_it() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let caller = node.session("realm1").await.unwrap();
    let register = async |procedure: &str| {
        let callee = node.session("realm1").await.unwrap();
        callee.register(procedure).handler(|_| async { Ok(()) }).await.unwrap();
        caller.call(procedure).await.unwrap();
        callee
    };
    let left = register("com.example.left").await;
    assert_eq!(in_time(left.leave()).await, CloseReason::Left);
    drop(register("com.example.dropped").await);
    for procedure in ["com.example.left", "com.example.dropped"] {
        let gone = async {
            loop {
                match caller.call(procedure).await {
                    Err(error) => return error,
                    Ok(_) => tokio::task::yield_now().await,
                }
            }
        };
        assert_eq!(in_time(gone).await.uri(), Some("wamp.error.no_such_procedure"));
    }
    assert_eq!(node.routers()[0].sessions(), 1);
    node.stop().await;
}

// TMO-01
#[tokio::test]
async fn timers_run_without_a_socket() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let session = node.session("realm1").await.unwrap();
    let never = |_| std::future::pending::<Result<Arguments, client::ApplicationError>>();
    session.register("com.example.never").handler(never).await.unwrap();
    let call = session.call("com.example.never").timeout(Duration::from_millis(20));
    let error = in_time(call.into_future()).await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.timeout"));
    node.stop().await;
}

// SES-18
#[tokio::test]
async fn stopping_says_goodbye_to_sessions_in_the_process_too() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let session = node.session("realm1").await.unwrap();
    node.stop().await;
    let reason = in_time(session.closed()).await;
    assert_eq!(reason.uri(), Some("wamp.close.system_shutdown"), "{reason:?}");
}

#[tokio::test]
async fn a_realm_that_is_not_there_is_refused() {
    let node = node(vec![worker(vec![RealmConfig::open("realm1")])]).await;
    let error = node.session("realm2").await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.no_such_realm"));
    node.stop().await;
}

#[tokio::test]
async fn workers_know_nothing_of_each_others_realms() {
    let loopback = || vec![ListenerConfig::new(Endpoint::tcp("127.0.0.1:0".parse().unwrap()))];
    let with = |name: &str| WorkerConfig { listeners: loopback(), ..worker(vec![RealmConfig::open(name)]) };
    let node = node(vec![with("one"), with("two"), with("two")]).await;
    let urls: Vec<String> = node.addresses().iter().filter_map(|address| address.rawsocket_url()).collect();
    let join = async |url: &String, realm: &str| Session::builder(url, realm).connect().await;
    assert!(join(&urls[0], "one").await.is_ok());
    let error = join(&urls[0], "two").await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.no_such_realm"));

    let (first, second) = (join(&urls[1], "two").await.unwrap(), join(&urls[2], "two").await.unwrap());
    first.register("com.example.here").handler(|_| async { Ok(()) }).await.unwrap();
    assert!(
        node.session("two").await.unwrap().call("com.example.here").await.is_ok(),
        "the first that has it"
    );
    let error = second.call("com.example.here").await.unwrap_err();
    assert_eq!(error.uri(), Some("wamp.error.no_such_procedure"));
    node.stop().await;
}

#[tokio::test]
async fn a_program_sees_the_realms_of_its_node() {
    let node =
        node(vec![worker(vec![RealmConfig::open("one")]), worker(vec![RealmConfig::open("two")])]).await;
    let realm = node.realm("two").expect("it is the second worker's");
    let session = node.session("two").await.unwrap();
    let peer = realm.session(session.id()).expect("it is there");
    assert_eq!(peer.transport().own_pid, std::process::id());
    assert!(node.realm("three").is_none());
    node.stop().await;
}

#[tokio::test]
async fn no_socket_is_bound_for_a_node_that_can_not_be() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // Taken: to bind it would be another error.
    let listeners = vec![ListenerConfig::new(Endpoint::tcp(place.local_addr().unwrap()))];
    let good = WorkerConfig { listeners, ..worker(vec![RealmConfig::open("one")]) };
    let bad = worker(vec![RealmConfig::open("two"), RealmConfig::open("two")]);
    let error = Node::start(Config { node_id: None, workers: vec![good, bad] }).await.unwrap_err();
    assert_eq!(error.to_string(), "realm \"two\" is there twice");
}

#[tokio::test]
async fn a_node_without_anything_to_run_does_not_start() {
    let error = Node::start(Config { node_id: None, workers: Vec::new() }).await.unwrap_err();
    assert!(matches!(error, cloverleaf::StartError::NothingToRun));
    let twice = worker(vec![RealmConfig::open("one"), RealmConfig::open("one")]);
    let error = Node::start(Config { node_id: None, workers: vec![twice] }).await.unwrap_err();
    assert_eq!(error.to_string(), "realm \"one\" is there twice");
}
