//! Between HELLO and WELCOME: challenges, answers, and answers that take their time.
//!
//! Spec: advanced profile, "Authentication". The methods themselves are not the router's business.

use std::sync::Arc;
use std::time::Duration;

use cloverleaf_router::Flow;
use cloverleaf_router::config::Limits;
use cloverleaf_router::decision::Outcome;
use testkit::decide::{Next, Steps};
use testkit::{Client, Net, json};

use crate::roles;

fn hello(steps: impl IntoIterator<Item = Next>) -> (Net, Client, Arc<Steps>) {
    let mut net = roles(&["user"]);
    let steps = Steps::new(steps);
    let authenticator = Arc::<Steps>::clone(&steps);
    let client = net.client().authenticator(authenticator).hello("realm1");
    (net, client, steps)
}

const ALICE: Next = Next::Accept("alice", "user");

/// AUT-01, AUT-10, SES-23
#[test]
fn who_answers_its_challenge_is_welcome() {
    let (mut net, client, steps) = hello([Next::Challenge("ticket"), ALICE]);
    net.expect(client, json!([4, "ticket", {}]));
    net.send(client, json!([5, "secret", {}]));
    let identity = json!({"authid": "alice", "authrole": "user", "authmethod": "steps", "authprovider": "test", "...": 0});
    net.expect(client, json!([2, "_", identity]));
    assert_eq!(steps.answers(), ["secret"]);
}

/// AUT-11
#[test]
fn there_may_be_several_rounds() {
    let (mut net, client, steps) = hello([Next::Challenge("ticket"), Next::Challenge("totp"), ALICE]);
    net.expect(client, json!([4, "ticket", {}]));
    net.send(client, json!([5, "one", {}]));
    net.expect(client, json!([4, "totp", {}]));
    net.send(client, json!([5, "two", {}]));
    net.welcome(client);
    assert_eq!(steps.answers(), ["one", "two"]);
}

/// AUT-05, ERR-13
#[test]
fn a_wrong_answer_is_turned_away() {
    let (mut net, client, _) =
        hello([Next::Challenge("ticket"), Next::Deny("wamp.error.authentication_denied")]);
    net.take(client);
    net.send(client, json!([5, "wrong", {}]));
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.authentication_denied"]));
    assert!(net.is_closed(client));
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// AUT-13, PVI-05
#[test]
fn only_authenticate_is_taken_before_welcome() {
    for message in [
        json!([16, 1, {}, "a.b"]),
        json!([6, {}, "wamp.close.normal"]),
        json!([1, "realm1", {"roles": {"caller": {}}}]),
        json!([8, 68, 1, {}, "a.b"]),
        json!([99]),
    ] {
        let (mut net, client, _) = hello([Next::Challenge("ticket"), ALICE]);
        net.take(client);
        net.send(client, message);
        net.violated(client);
    }
}

/// SES-14
#[test]
fn a_client_may_give_up() {
    let (mut net, client, _) = hello([Next::Challenge("ticket"), ALICE]);
    net.take(client);
    net.send(client, json!([3, {}, "wamp.error.canceled"]));
    net.nothing(client);
    assert!(net.is_closed(client));
}

/// AUT-12, AUT-07
#[test]
fn an_answer_must_come_in_due_time() {
    let (mut net, client, _) = hello([Next::Challenge("ticket"), ALICE]);
    net.take(client);
    let patience = Limits::default().handshake_timeout;
    net.advance(patience - Duration::from_millis(1));
    net.nothing(client);
    net.advance(Duration::from_millis(1));
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.authentication_failed"]));
    assert!(net.is_closed(client));
}

/// AUT-17: an authenticator that has to ask somebody answers later.
#[test]
fn the_authenticator_may_take_its_time() {
    let (mut net, client, steps) = hello([Next::Later]);
    assert_eq!(net.connection(client).flow(), Flow::Pause);
    net.nothing(client);
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    net.welcome(client);
}

/// AUT-17, AUT-11
#[test]
fn the_authenticator_may_take_its_time_in_every_round() {
    let (mut net, client, steps) = hello([Next::Later, Next::Later]);
    steps.take().resolve(Outcome::Authenticated(steps.step(&Next::Challenge("ticket"))));
    net.settle();
    net.expect(client, json!([4, "ticket", {}]));
    net.send(client, json!([5, "secret", {}]));
    net.nothing(client);
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    net.welcome(client);
}

/// AUT-17
#[test]
fn a_denial_may_come_later() {
    let (mut net, client, steps) = hello([Next::Later]);
    steps.take().resolve(Outcome::Authenticated(steps.step(&Next::Deny("wamp.error.no_such_principal"))));
    net.settle();
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.no_such_principal"]));
    assert!(net.is_closed(client));
}

/// AUT-07
#[test]
fn an_authenticator_that_gives_up_lets_nobody_in() {
    let (mut net, client, steps) = hello([Next::Later]);
    drop(steps.take());
    net.settle();
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.authentication_failed"]));
    assert!(net.is_closed(client));
}

/// AUT-07, AUT-12
#[test]
fn an_authenticator_that_never_answers_lets_nobody_in() {
    let (mut net, client, steps) = hello([Next::Later]);
    net.advance(Limits::default().handshake_timeout);
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.authentication_failed"]));
    assert!(net.is_closed(client));
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    net.nothing(client);
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// SES-26, AUT-17
#[test]
fn requests_behind_hello_wait_for_welcome() {
    let mut net = roles(&["user"]);
    let steps = Steps::new([Next::Later]);
    let authenticator = Arc::<Steps>::clone(&steps);
    let client = net.client().authenticator(authenticator).connect();
    let hello = json!([1, "realm1", {"roles": {"subscriber": {}}}]);
    net.send_all(client, [hello, json!([32, 1, {}, "a.b"]), json!([32, 2, {}, "a b"])]);
    net.nothing(client);
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    net.welcome(client);
    net.expect(client, json!([33, 1, "_"]));
    net.refused(client, 32, 2, "wamp.error.invalid_uri");
}

/// SES-16, AUT-17
#[test]
fn who_is_gone_by_then_is_not_let_in() {
    let (mut net, client, steps) = hello([Next::Later]);
    net.disconnect(client);
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// SES-19: the realm that was named in HELLO may be gone by the time of WELCOME.
#[test]
fn nobody_joins_a_realm_that_closed_meanwhile() {
    let (mut net, client, steps) = hello([Next::Later]);
    net.router().remove_realm("realm1");
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    assert_eq!(net.take(client).code(), 3, "ABORT");
    assert!(net.is_closed(client));
}

/// SES-18: as with a router that shuts down meanwhile.
#[test]
fn nobody_joins_a_router_that_began_to_shut_down_meanwhile() {
    let (mut net, client, steps) = hello([Next::Later]);
    net.router().shutdown();
    steps.take().resolve(Outcome::Authenticated(steps.step(&ALICE)));
    net.settle();
    net.expect(client, json!([3, {"message": "_"}, "wamp.close.system_shutdown"]));
    assert!(net.is_closed(client));
}

/// PVI-11
#[test]
fn answering_twice_is_a_violation() {
    let (mut net, client, _) = hello([Next::Challenge("ticket"), ALICE]);
    net.take(client);
    net.send(client, json!([5, "secret", {}]));
    net.welcome(client);
    net.send(client, json!([5, "secret", {}]));
    net.violated(client);
}
