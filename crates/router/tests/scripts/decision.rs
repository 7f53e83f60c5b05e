//! Authorizers that take their time, and input that waits for them in order.
//!
//! Spec: advanced profile, "Authorization".

use std::sync::Arc;
use std::time::Duration;

use cloverleaf_router::decision::{Action, Decision, Outcome, Step};
use cloverleaf_router::{Flow, Identity};
use testkit::decide::{Question, Undecided};
use testkit::{Client, Net, json};
use wamp::MatchPolicy;

use crate::roles;

/// How long a decision may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A session of the role `asking`, which has an authorizer, and one of the role `plain`, which has none.
fn asking() -> (Net, Client, Client, Arc<Undecided>) {
    let mut net = roles(&["asking", "plain"]);
    let undecided = Undecided::new();
    let authorizer = Arc::<Undecided>::clone(&undecided);
    assert!(net.realm("realm1").set_authorizer("asking", authorizer));
    let asking = net.client().identity("alice", "asking").join("realm1");
    let plain = net.client().identity("bob", "plain").join("realm1");
    (net, asking, plain, undecided)
}

/// AZN-07
#[test]
fn the_authorizer_is_told_who_wants_what() {
    let (mut net, client, _, undecided) = asking();
    for (message, action, uri, match_policy) in [
        (json!([16, 1, {}, "a.one"]), Action::Publish, "a.one", MatchPolicy::Exact),
        (json!([32, 2, {"match": "prefix"}, "a.two"]), Action::Subscribe, "a.two", MatchPolicy::Prefix),
        (json!([48, 3, {}, "a.three"]), Action::Call, "a.three", MatchPolicy::Exact),
        (
            json!([64, 4, {"match": "wildcard"}, "a..four"]),
            Action::Register,
            "a..four",
            MatchPolicy::Wildcard,
        ),
    ] {
        net.send(client, message);
        let (question, ticket) = undecided.take();
        let session = net.session_id(client);
        let (authid, uri) = ("alice".to_owned(), uri.to_owned());
        assert_eq!(question, Question { session, authid, action, uri, match_policy });
        ticket.resolve(Outcome::Authorized(None));
        net.settle();
    }
}

/// AZN-07
#[test]
fn an_answer_to_another_question_allows_nothing() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    let identity = Identity::trusted("mallory");
    undecided.take().1.resolve(Outcome::Authenticated(Step::Accept(identity)));
    net.settle();
    net.refused(client, 32, 1, "wamp.error.authorization_failed");
}

/// AZN-07
#[test]
fn what_is_allowed_happens_when_the_answer_comes() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    assert_eq!(net.connection(client).flow(), Flow::Pause);
    net.nothing(client);
    undecided.answer(true);
    net.settle();
    net.expect(client, json!([33, 1, "_"]));
    assert_eq!(undecided.waiting(), 0, "it was asked once");
}

/// AZN-02, AZN-07
#[test]
fn what_a_session_publishes_to_itself_comes_with_the_answer() {
    let (mut net, client, _, undecided) = asking();
    let allowed = || Outcome::Authorized(Some(Decision { allow: true, ..Decision::default() }));
    net.send(client, json!([32, 1, {}, "a.b"]));
    undecided.take().1.resolve(allowed());
    net.settle();
    net.expect(client, json!([33, 1, "_"]));
    net.send(client, json!([16, 2, {"exclude_me": false}, "a.b", ["x"]]));
    undecided.take().1.resolve(allowed());
    net.settle();
    net.expect(client, json!([36, "_", "_", {}, ["x"]]));
}

/// AZN-07
#[test]
fn what_is_denied_is_refused_when_the_answer_comes() {
    let (mut net, client, _, undecided) = asking();
    for (kind, options) in
        [(16, json!({"acknowledge": true})), (32, json!({})), (48, json!({})), (64, json!({}))]
    {
        let request = net.request(client);
        net.send(client, json!([kind, request, options, "a.b"]));
        undecided.answer(false);
        net.settle();
        net.refused(client, kind, request, "wamp.error.not_authorized");
    }
}

/// AZN-03, ERR-11
#[test]
fn an_authorizer_that_fails_allows_nothing() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    drop(undecided.take());
    net.settle();
    net.refused(client, 32, 1, "wamp.error.authorization_failed");
    net.send(client, json!([32, 2, {}, "a.b"]));
    undecided.take().1.resolve(Outcome::Authorized(None));
    net.settle();
    net.refused(client, 32, 2, "wamp.error.authorization_failed");
}

/// AZN-03
#[test]
fn an_authorizer_that_takes_too_long_allows_nothing() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.advance(PATIENCE - Duration::from_millis(1));
    net.nothing(client);
    net.advance(Duration::from_millis(1));
    net.refused(client, 32, 1, "wamp.error.authorization_failed");
    undecided.answer(true);
    net.settle();
    net.nothing(client);
    net.send(client, json!([32, 2, {}, "a.b"]));
    undecided.answer(true);
    net.settle();
    net.expect(client, json!([33, 2, "_"]));
}

/// AZN-03: an answer to an earlier question is no answer to this one.
#[test]
fn a_late_answer_decides_nothing_else() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    let (_, late) = undecided.take();
    net.advance(PATIENCE);
    net.refused(client, 32, 1, "wamp.error.authorization_failed");
    net.send(client, json!([32, 2, {}, "a.b"]));
    late.resolve(Outcome::Authorized(Some(Decision { allow: true, ..Decision::default() })));
    net.settle();
    net.nothing(client);
    undecided.answer(false);
    net.settle();
    net.refused(client, 32, 2, "wamp.error.not_authorized");
}

/// PID-04, AZN-07
#[test]
fn an_authorizer_may_disclose() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.publish(client, "a.b", "x");
    undecided.take().1.resolve(Outcome::Authorized(Some(Decision {
        allow: true,
        disclose: true,
        validate: false,
    })));
    net.settle();
    net.expect(other, json!([36, "_", "_", {"publisher_authid": "alice", "...": 0}, ["x"]]));
}

/// ORD-08, ORD-09
#[test]
fn what_comes_behind_waits_in_order() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.send_all(client, (1..=3).map(|n| json!([16, n, {"acknowledge": true}, "a.b", [n]])));
    net.send(client, json!([34, 4, 1]));
    net.nothing(client);
    for n in 1..=3 {
        assert_eq!(undecided.waiting(), 1, "one question at a time");
        undecided.answer(n != 2);
        net.settle();
    }
    net.expect(client, json!([17, 1, "_"]));
    net.refused(client, 16, 2, "wamp.error.not_authorized");
    net.expect(client, json!([17, 3, "_"]));
    net.refused(client, 34, 4, "wamp.error.no_such_subscription");
    net.expect(other, json!([36, "_", "_", {}, [1]]));
    net.expect(other, json!([36, "_", "_", {}, [3]]));
    net.nothing(other);
}

/// ORD-09: what was sent stays what it was while it waits.
#[test]
fn a_waiting_violation_ends_the_session_when_its_turn_comes() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.send_all(client, [json!([16, 1, {}, "a.b"]), json!([99]), json!([16, 2, {}, "a.b"])]);
    assert!(!net.is_closed(client));
    undecided.answer(true);
    net.settle();
    net.violated(client);
    assert_eq!(net.receive(other).len(), 1);
    assert_eq!(undecided.waiting(), 0);
}

/// AZN-07: nobody else waits.
#[test]
fn other_sessions_go_on_meanwhile() {
    let (mut net, client, other, undecided) = asking();
    let third = net.client().identity("carol", "asking").join("realm1");
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.publish_acknowledged(other, "a.b", "x");
    net.send(third, json!([32, 1, {}, "a.b"]));
    let (_, first) = undecided.take();
    undecided.answer(true);
    net.settle();
    net.expect(third, json!([33, 1, "_"]));
    net.nothing(client);
    first.resolve(Outcome::Authorized(Some(Decision { allow: true, ..Decision::default() })));
    net.settle();
    net.expect(client, json!([33, 1, "_"]));
}

/// AZN-07: a session that waits still gets what others send it.
#[test]
fn events_come_in_while_a_request_waits() {
    let (mut net, client, other, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    undecided.answer(true);
    net.settle();
    net.expect(client, json!([33, 1, "_"]));
    net.send(client, json!([32, 2, {}, "a.c"]));
    net.publish(other, "a.b", "x");
    net.expect(client, json!([36, "_", "_", {}, ["x"]]));
}

/// SES-10
#[test]
fn goodbye_does_not_wait() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.send_all(
        client,
        [json!([16, 1, {}, "a.b"]), json!([16, 2, {}, "a.b"]), json!([6, {}, "wamp.close.normal"])],
    );
    net.expect(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    undecided.answer(true);
    net.settle();
    net.nothing(client);
    net.nothing(other);
}

/// SES-14
#[test]
fn abort_does_not_wait() {
    let (mut net, client, ..) = asking();
    net.send_all(client, [json!([16, 1, {}, "a.b"]), json!([3, {}, "a.b"])]);
    net.nothing(client);
    assert!(net.is_closed(client));
}

/// CAN-02
#[test]
fn cancel_of_a_call_under_way_does_not_wait() {
    let (mut net, client, other, undecided) = asking();
    net.register(other, "a.b");
    net.send(client, json!([48, 1, {}, "a.b"]));
    undecided.answer(true);
    net.settle();
    net.invoked(other);
    net.send_all(client, [json!([32, 2, {}, "a.b"]), json!([49, 1, {"mode": "skip"}])]);
    net.refused(client, 48, 1, "wamp.error.canceled");
    undecided.answer(true);
    net.settle();
    net.expect(client, json!([33, 2, "_"]));
}

/// CAN-02, ORD-08: a call that waits itself can't be overtaken by its CANCEL, which would find nothing.
#[test]
fn cancel_of_a_call_that_waits_comes_after_it() {
    let (mut net, client, other, undecided) = asking();
    net.register(other, "a.b");
    net.send_all(client, [json!([48, 1, {}, "a.b"]), json!([49, 1, {"mode": "killnowait"}])]);
    net.nothing(client);
    undecided.answer(true);
    net.settle();
    net.refused(client, 48, 1, "wamp.error.canceled");
    assert_eq!(net.take(other).code(), 68);
    net.expect(other, json!([69, 1, "_"]));
    net.nothing(client);
}

/// DLR-15: the answers of a callee don't need permission, and get in line behind what waits.
#[test]
fn answers_need_no_permission() {
    let (mut net, callee, caller, undecided) = asking();
    net.send(callee, json!([64, 1, {}, "a.b"]));
    undecided.answer(true);
    net.settle();
    net.take(callee);
    let request = net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, "y");
    net.expect(caller, json!([50, request, {}, ["y"]]));
    assert_eq!(undecided.waiting(), 0);
}

/// SES-12
#[test]
fn a_session_is_killed_while_it_waits() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.send(client, json!([16, 1, {}, "a.b"]));
    net.kill(client, None, None);
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    undecided.answer(true);
    net.settle();
    net.nothing(other);
}

/// SES-16
#[test]
fn an_answer_for_a_session_that_is_gone_is_for_nobody() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    net.send(client, json!([16, 1, {}, "a.b"]));
    net.disconnect(client);
    undecided.answer(true);
    net.settle();
    net.nothing(other);
}

/// ROB-01: a session that sends on and on while it waits is not read any more.
#[test]
fn what_waits_is_bounded() {
    let (mut net, client, other, undecided) = asking();
    net.subscribe(other, "a.b");
    let text = "x".repeat(1000);
    net.send_all(client, (1..=200).map(|n| json!([16, n, {}, "a.b", [text]])));
    let unread = net.connection(client).unread();
    assert!((100..150).contains(&unread), "{unread} of 200 are left unread");
    for _ in 0..200 {
        undecided.answer(true);
        net.settle();
    }
    assert_eq!(net.connection(client).unread(), 0);
    assert_eq!(net.receive(other).len(), 200);
}

/// AZN-07: an answer may come from another thread.
#[test]
fn an_answer_may_come_from_another_thread() {
    let (mut net, client, _, undecided) = asking();
    net.send(client, json!([32, 1, {}, "a.b"]));
    std::thread::spawn(move || undecided.answer(true)).join().expect("it answers");
    net.settle();
    net.expect(client, json!([33, 1, "_"]));
}

/// IDS-06: a request that waits has used up its id once, not twice.
#[test]
fn a_request_that_waited_counts_once() {
    let mut net = crate::realm(|realm| {
        realm.request_ids = cloverleaf_router::config::RequestIds::Strict;
    });
    let undecided = Undecided::new();
    let authorizer = Arc::<Undecided>::clone(&undecided);
    net.realm("realm1").set_authorizer("anonymous", authorizer);
    let client = net.join("realm1");
    for n in 1..=3 {
        net.send(client, json!([if n == 2 { 48 } else { 32 }, n, {}, "a.b"]));
        undecided.answer(true);
        net.settle();
        assert_ne!(net.take(client).code(), 3);
    }
}
