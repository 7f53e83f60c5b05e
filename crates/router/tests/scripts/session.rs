//! The life of a session: HELLO, WELCOME, GOODBYE, ABORT, and what is left behind.
//!
//! Spec: basic profile, "Sessions".

use std::time::Duration;

use cloverleaf_router::config::{Limits, RealmConfig, RouterConfig};
use cloverleaf_router::{ChannelType, Format, Link, TransportDetails, Worker};
use testkit::{Connection, Net, Wire, json};

const GOODBYE: u64 = 6;

/// SES-01, SES-17, PVI-05
#[test]
fn hello_is_the_first_message() {
    for message in [
        json!([16, 1, {}, "a.b"]),
        json!([32, 1, {}, "a.b"]),
        json!([48, 1, {}, "a.b"]),
        json!([64, 1, {}, "a.b"]),
        json!([70, 1, {}]),
        json!([8, 68, 1, {}, "a.b"]),
        json!([6, {}, "wamp.close.normal"]),
        json!([5, "signature", {}]),
        json!([2, 1, {"roles": {"broker": {}}}]),
    ] {
        let mut net = Net::open();
        let client = net.client().connect();
        net.send(client, message);
        net.violated(client);
    }
}

/// SES-02
#[test]
fn the_first_message_of_the_router_is_welcome_or_abort() {
    let mut net = Net::open();
    for (realm, code) in [("realm1", 2), ("nowhere", 3)] {
        let client = net.client().hello(realm);
        assert_eq!(net.take(client).code(), code);
        net.nothing(client);
    }
}

/// SES-03
#[test]
fn hello_names_at_least_one_role() {
    for details in
        [json!({}), json!({"roles": {}}), json!({"roles": {"x": {}}}), json!({"roles": {"caller": 1}})]
    {
        let mut net = Net::open();
        let client = net.client().connect();
        net.send(client, json!([1, "realm1", details]));
        net.violated(client);
    }
}

/// SES-03
#[test]
fn any_one_role_is_enough() {
    let mut net = Net::open();
    for role in ["publisher", "subscriber", "caller", "callee"] {
        net.client().roles(json!({role: {}})).join("realm1");
    }
}

/// SES-04
#[test]
fn welcome_names_broker_and_dealer_with_their_features() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let roles = json!({"broker": {"features": "_", "...": 0}, "dealer": {"features": "_", "...": 0}});
    net.expect(client, json!([2, "_", {"roles": roles, "...": 0}]));
}

/// SES-05
#[test]
fn the_agent_is_told_unless_it_is_hidden() {
    for agent in [Some("Cloverleaf/1".to_owned()), None] {
        let mut net = Net::new(RouterConfig { agent: agent.clone(), ..RouterConfig::default() });
        let client = net.client().connect();
        net.send(client, json!([1, "realm1", {"roles": {"caller": {}}, "agent": "test/1"}]));
        let welcome = net.welcome(client);
        assert_eq!(welcome.detail(2, "agent").and_then(wamp::Value::as_str), agent.as_deref());
    }
}

/// SES-06, AUT-09, ERR-12
#[test]
fn a_realm_that_is_not_there_cannot_be_joined() {
    let mut net = Net::open();
    let client = net.client().hello("nowhere");
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.no_such_realm"]));
    assert!(net.is_closed(client));
    let client = net.client().connect();
    net.send(client, json!([1, null, {"roles": {"caller": {}}}]));
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.no_such_realm"]));
}

/// SES-09, PVI-04
#[test]
fn a_second_hello_ends_the_session() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([1, "realm1", {"roles": {"caller": {}}}]));
    net.violated(client);
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// SES-10, ERR-09
#[test]
fn goodbye_is_answered() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([6, {"message": "bye"}, "wamp.close.close_realm"]));
    net.expect(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.nothing(client);
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// SES-11
#[test]
fn nothing_follows_the_answer_to_goodbye() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    net.stall(subscriber);
    net.publish(publisher, "a.b", "before");
    net.send(subscriber, json!([6, {}, "wamp.close.normal"]));
    net.publish(publisher, "a.b", "after");
    net.resume(subscriber);
    net.expect(subscriber, json!([36, "_", "_", {}, ["before"]]));
    net.expect(subscriber, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.nothing(subscriber);
}

/// SES-11: what a client sent behind its GOODBYE is not served.
#[test]
fn nothing_behind_goodbye_is_served() {
    let mut net = Net::open();
    let (leaver, other) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(other, "a.b");
    net.send_all(leaver, [json!([6, {}, "wamp.close.normal"]), json!([16, 1, {}, "a.b"])]);
    net.expect(leaver, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.violated(leaver);
    net.nothing(other);
}

/// SES-12, MSE-08
#[test]
fn a_killed_session_gets_one_goodbye_with_the_reason() {
    let mut net = Net::open();
    let client = net.join("realm1");
    assert!(net.kill(client, None, None));
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    net.send(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.nothing(client);
}

/// SES-12
#[test]
fn killing_may_give_a_reason_and_a_message() {
    let mut net = Net::open();
    let client = net.join("realm1");
    assert!(net.kill(client, Some("com.example.enough"), Some("go away")));
    assert!(!net.kill(client, None, None), "it ends already");
    net.expect(client, json!([6, {"message": "go away"}, "com.example.enough"]));
    net.nothing(client);
}

/// SES-12
#[test]
fn a_killed_client_that_does_not_answer_is_cut_off() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.kill(client, None, None);
    let patience = Limits::default().goodbye_timeout;
    net.advance(patience - Duration::from_millis(1));
    assert!(!net.is_closed(client));
    net.advance(Duration::from_millis(1));
    assert!(net.is_closed(client));
}

/// SES-13
#[test]
fn what_a_killed_session_still_sends_is_ignored() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(other, "a.b");
    net.kill(client, None, None);
    assert_eq!(net.take(client).code(), GOODBYE);
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.send(client, json!([16, 2, {"acknowledge": true}, "a.b"]));
    net.nothing(client);
    net.nothing(other);
    assert!(!net.is_closed(client));
}

/// SES-14, SES-15
#[test]
fn abort_is_never_answered() {
    for abort in [
        json!([3, {}, "a.b"]),
        json!([3, {"message": "text"}, "a.b", ["why"]]),
        json!([3, {}, "a.b", [], {"why": 1}]),
    ] {
        let mut net = Net::open();
        let client = net.join("realm1");
        net.send(client, abort.clone());
        net.nothing(client);
        assert!(net.is_closed(client));
        assert_eq!(net.realm("realm1").session_count(), 0);
        let early = net.client().connect();
        net.send(early, abort);
        net.nothing(early);
        assert!(net.is_closed(early));
    }
}

/// SES-16, DLR-16, BRK-14
#[test]
fn a_lost_connection_leaves_nothing_behind() {
    let mut net = Net::open();
    let (lost, other) = (net.join("realm1"), net.join("realm1"));
    net.register(lost, "com.example.procedure");
    let subscription = net.subscribe(lost, "a.b");
    net.disconnect(lost);
    let request = net.call(other, "com.example.procedure", "x");
    net.refused(other, 48, request, "wamp.error.no_such_procedure");
    let realm = net.realm("realm1");
    let id = wamp::SubscriptionId::new(subscription).expect("an id");
    assert!(realm.subscription(id).is_none());
    assert_eq!(realm.session_count(), 1);
}

/// SES-18, ERR-09
#[test]
fn at_shutdown_every_session_gets_goodbye() {
    let mut net = two_realms();
    let clients = [net.join("realm1"), net.join("realm1"), net.join("realm2")];
    net.router().shutdown();
    net.settle();
    for client in clients {
        net.expect(client, json!([6, {}, "wamp.close.system_shutdown"]));
        net.send(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
        assert!(net.is_closed(client), "there is nothing left to wait for");
    }
    assert_eq!(net.router().sessions(), 0);
}

/// SES-18
#[test]
fn nobody_joins_a_router_that_shuts_down() {
    let mut net = Net::open();
    net.router().shutdown();
    let client = net.client().hello("realm1");
    net.expect(client, json!([3, {"message": "_"}, "wamp.close.system_shutdown"]));
    assert!(net.is_closed(client));
}

/// SES-19, ERR-09
#[test]
fn when_a_realm_closes_its_sessions_get_goodbye() {
    let mut net = two_realms();
    let (inside, outside) = (net.join("realm1"), net.join("realm2"));
    assert!(net.router().remove_realm("realm1"));
    assert!(!net.router().remove_realm("realm1"), "it is gone");
    net.settle();
    net.expect(inside, json!([6, {}, "wamp.close.close_realm"]));
    net.nothing(outside);
    let late = net.client().hello("realm1");
    net.expect(late, json!([3, {"message": "_"}, "wamp.error.no_such_realm"]));
}

/// SES-19: somebody between HELLO and WELCOME doesn't slip into a realm that is gone.
#[test]
fn a_realm_of_the_same_name_begins_empty() {
    let mut net = two_realms();
    let old = net.join("realm1");
    net.subscribe(old, "a.b");
    net.router().remove_realm("realm1");
    net.router().add_realm(RealmConfig::open("realm1")).expect("it is free");
    net.settle();
    let new = net.join("realm1");
    assert_eq!(net.realm("realm1").session_count(), 1);
    net.take(old);
    net.publish(new, "a.b", "x");
    net.nothing(old);
}

/// SES-20, MSE-03
#[test]
fn messages_stay_inside_their_realm() {
    let mut net = two_realms();
    let (here, there) = (net.join("realm1"), net.join("realm2"));
    net.subscribe(here, "a.b");
    net.register(here, "a.b");
    net.publish(there, "a.b", "x");
    net.nothing(here);
    let request = net.call(there, "a.b", "x");
    net.refused(there, 48, request, "wamp.error.no_such_procedure");
    assert!(net.realm("realm2").session(net.session_id(here)).is_none());
    let (realm, session) = (net.realm("realm2"), net.session_id(here));
    assert!(!net.elsewhere(|_, turn| realm.kill(session, None, None, turn)));
}

/// SES-21, RAW-24
#[test]
fn a_client_that_says_no_hello_is_cut_off() {
    let mut net = Net::open();
    let (silent, joined) = (net.client().connect(), net.join("realm1"));
    let patience = Limits::default().handshake_timeout;
    net.advance(patience - Duration::from_millis(1));
    assert!(!net.is_closed(silent));
    net.advance(Duration::from_millis(1));
    assert!(net.is_closed(silent));
    net.nothing(silent);
    net.advance(patience * 100);
    assert!(!net.is_closed(joined), "a session may be idle for ever");
}

/// SES-23, AUT-10
#[test]
fn welcome_tells_a_session_who_it_is() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let identity = json!({
        "realm": "realm1", "authid": "_", "authrole": "anonymous", "authmethod": "anonymous",
        "authprovider": "static", "...": 0,
    });
    net.expect(client, json!([2, "_", identity]));
}

/// SES-24
#[test]
fn anonymous_sessions_get_an_authid_that_they_cannot_choose() {
    let mut net = Net::open();
    let mut authids = std::collections::HashSet::new();
    for _ in 0..100 {
        let client = net.client().connect();
        net.send(client, json!([1, "realm1", {"roles": {"caller": {}}, "authid": "mine"}]));
        let welcome = net.welcome(client);
        let authid = welcome.detail(2, "authid").and_then(wamp::Value::as_str).expect("an authid");
        assert_ne!(authid, "mine");
        assert!(authids.insert(authid.to_owned()), "{authid} twice");
    }
}

/// AUT-03, ERR-13
#[test]
fn who_offers_only_other_methods_is_turned_away() {
    let mut net = Net::open();
    for (methods, code) in [(json!(["ticket"]), 3), (json!([]), 3), (json!(["ticket", "anonymous"]), 2)] {
        let client = net.client().connect();
        net.send(client, json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": methods}]));
        let answer = net.take(client);
        assert_eq!(answer.code(), code);
        assert!(code == 2 || answer.text(2) == "wamp.error.no_matching_auth_method");
    }
}

/// SES-25
#[test]
fn sessions_are_not_resumed_and_say_so() {
    let mut net = Net::open();
    let client = net.client().connect();
    let details =
        json!({"roles": {"caller": {}}, "resumable": true, "resume-session": 1, "resume-token": "x"});
    net.send(client, json!([1, "realm1", details]));
    let welcome = net.welcome(client);
    assert_eq!(welcome.detail(2, "resumable"), None);
    assert_eq!(welcome.detail(2, "resumed"), None);
}

/// SES-22, SES-26
#[test]
fn requests_may_follow_hello_at_once() {
    let mut net = Net::open();
    let (client, publisher) = (net.client().connect(), net.join("realm1"));
    net.stall(client);
    let hello = json!([1, "realm1", {"roles": {"subscriber": {}}}]);
    net.send_all(client, [hello, json!([32, 1, {}, "a.b"])]);
    net.publish(publisher, "a.b", "x");
    net.resume(client);
    net.welcome(client);
    net.expect(client, json!([33, 1, "_"]));
    net.expect(client, json!([36, "_", "_", {}, ["x"]]));
}

/// WSK-15
#[test]
fn a_connection_may_carry_sessions_one_after_the_other() {
    let mut net = Net::open();
    let (client, publisher) = (net.join("realm1"), net.join("realm1"));
    let first = net.session(client);
    net.subscribe(client, "a.b");
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    assert_eq!(net.take(client).code(), GOODBYE);
    net.send(client, json!([1, "realm1", {"roles": {"subscriber": {}}}]));
    net.welcome(client);
    assert_ne!(net.session(client), first);
    net.publish(publisher, "a.b", "x");
    net.nothing(client);
    net.subscribe(client, "a.b");
    net.publish(publisher, "a.b", "y");
    net.expect(client, json!([36, "_", "_", {}, ["y"]]));
}

/// WSK-15
#[test]
fn a_connection_without_a_session_is_closed_after_a_while() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    assert_eq!(net.take(client).code(), GOODBYE);
    assert!(!net.is_closed(client));
    net.advance(Limits::default().goodbye_timeout);
    assert!(net.is_closed(client));
    net.nothing(client);
}

/// WSK-15: the time for GOODBYE doesn't run on in the next session.
#[test]
fn a_session_that_began_in_time_stays() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    assert_eq!(net.take(client).code(), GOODBYE);
    net.send(client, json!([1, "realm1", {"roles": {"subscriber": {}}}]));
    net.welcome(client);
    net.advance(Limits::default().goodbye_timeout * 10);
    assert!(!net.is_closed(client));
}

/// IDS-12: two threads that draw the same numbers don't give two sessions one id.
#[test]
fn an_id_in_use_is_not_given_again() {
    let mut net = Net::open();
    let first = net.join("realm1");
    let wire = Wire::default();
    let format = Format { serializer: wire.serializer, framing: wire.framing };
    let transport = TransportDetails::new(ChannelType::Memory, "test");
    let link = Link::new(net.router(), format, wire.message_bytes_max, transport, net.now());
    let mut second = Connection::new(link, wire);
    second.send(json!([1, "realm1", {"roles": {"caller": {}}}]));
    // The seed of the worker that the first client was served by.
    second.run(&mut Worker::new([0; 32]).turn(net.now()));
    let welcome = second.take().expect("WELCOME");
    assert_eq!(welcome.code(), 2);
    assert_ne!(welcome.id(1), net.session(first));
}

fn two_realms() -> Net {
    let realms = vec![RealmConfig::open("realm1"), RealmConfig::open("realm2")];
    Net::new(RouterConfig { realms, ..RouterConfig::default() })
}

/// SES-13, MSE-18: the rest of a batch that is being routed while its session is killed.
#[test]
fn a_session_that_is_killed_in_the_middle_of_its_input_does_nothing_more() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(other, "a.b");
    let session = net.session_id(client);
    let realm = net.realm("realm1");
    let link = net.connection(client).link_mut();
    let mut worker = cloverleaf_router::Worker::new([7; 32]);
    let mut turn = worker.turn(cloverleaf_router::Millis(1_000_000));
    let publish = |number: u64| json!([16, number, {}, "a.b", [number]]).to_string();
    link.receive(publish(1).as_bytes(), &mut turn);
    let mut elsewhere = cloverleaf_router::Worker::new([8; 32]);
    assert!(realm.kill(session, None, None, &mut elsewhere.turn(cloverleaf_router::Millis(1_000_000))));
    link.receive(publish(2).as_bytes(), &mut turn);
    drop(turn);
    net.settle();
    net.expect(other, json!([36, "_", "_", {}, [1]]));
    net.nothing(other);
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    net.nothing(client);
}
