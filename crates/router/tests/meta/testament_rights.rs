//! Who may leave what to whom: a testament is what its session might have published itself.
//!
//! Spec: advanced profile, "Session Testament"; TST-08 and TST-13 are this project's.

use std::sync::Arc;

use cloverleaf_router::RealmConfig;
use cloverleaf_router::config::RoleConfig;
use cloverleaf_router::decision::{Action, AuthorizationRequest, Authorizer, Decision, Outcome, Ticket};
use testkit::decide::Undecided;
use testkit::{Client, Net, json};
use wamp::MatchPolicy::{Exact, Prefix};

use crate::{NOT_AUTHORIZED, allow, done, realm, roles, told};

const ADD: &str = "wamp.session.add_testament";

/// A realm with an open role, and a role `user` with these rules besides that it may call everything.
fn with_user(rules: impl FnOnce(&mut RoleConfig)) -> Net {
    realm(|realm: &mut RealmConfig| {
        let permissions = vec![allow("", Prefix, "call")];
        let mut user = RoleConfig { name: "user".to_owned(), permissions, allow_by_default: false };
        rules(&mut user);
        realm.roles.push(user);
    })
}

fn user(net: &mut Net) -> Client {
    net.client().identity("alice", "user").join("realm1")
}

/// An open session that subscribed to everything below `a.`.
fn heir(net: &mut Net) -> Client {
    let heir = net.join("realm1");
    net.subscribe_with(heir, json!({"match": "prefix"}), "a.");
    heir
}

/// TST-08
#[test]
fn nobody_leaves_what_they_may_not_publish() {
    let mut net = with_user(|user| {
        user.permissions.push(allow("a.", Prefix, "call publish"));
        user.permissions.push(allow("a.secret", Exact, "call subscribe"));
    });
    let (heir, user) = (heir(&mut net), user(&mut net));
    for topic in ["a.secret", "b", "b.c"] {
        let said = net.error(user, ADD, json!([topic, ["x"]]), json!({}), NOT_AUTHORIZED);
        assert!(said.contains("user") && said.contains(topic), "{said}");
    }
    done(&mut net, user, ADD, json!(["a.will", ["x"]]), json!({}));
    net.disconnect(user);
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, ["x"]]));
    net.nothing(heir);
}

/// TST-08, AZN-10: to publish is one permission, to call for it another.
#[test]
fn nobody_adds_a_testament_without_the_call() {
    let mut net = with_user(|user| {
        user.permissions.push(allow("a.", Prefix, "publish"));
        user.permissions.push(allow(ADD, Exact, ""));
    });
    let (heir, user) = (heir(&mut net), user(&mut net));
    net.error(user, ADD, json!(["a.will", ["x"]]), json!({}), NOT_AUTHORIZED);
    net.disconnect(user);
    net.nothing(heir);
}

/// TST-13, PID-04
#[test]
fn a_rule_that_discloses_publishers_discloses_those_who_left() {
    let mut net = with_user(|user| {
        let rule = allow("a.", Prefix, "publish");
        user.permissions.push(cloverleaf_router::config::Permission { disclose_publisher: true, ..rule });
    });
    let (heir, user) = (heir(&mut net), user(&mut net));
    let session = net.session(user);
    done(&mut net, user, ADD, json!(["a.will", ["x"]]), json!({}));
    net.disconnect(user);
    let details = json!({
        "publisher": session, "publisher_authid": "alice", "publisher_authrole": "user", "topic": "a.will",
    });
    net.expect(heir, json!([36, "_", "_", details, ["x"]]));
}

/// TST-06, TRL-01
#[test]
fn a_testament_bears_the_trust_level_of_its_session() {
    let mut net = realm(|realm| {
        realm.trust_levels.push(cloverleaf_router::config::TrustLevel {
            uri: "a.".to_owned(),
            match_policy: Prefix,
            authrole: Some("anonymous".to_owned()),
            level: 7,
        });
    });
    let (heir, client) = (heir(&mut net), net.join("realm1"));
    done(&mut net, client, ADD, json!(["a.will", ["x"]]), json!({}));
    net.disconnect(client);
    net.expect(heir, json!([36, "_", "_", {"trustlevel": 7, "topic": "a.will"}, ["x"]]));
}

/// A realm whose role `user` may only publish what is as declared, if it is declared.
fn checked() -> Net {
    realm(|realm| {
        let rule = allow("", Prefix, "call publish subscribe");
        let rule = cloverleaf_router::config::Permission { validate: true, ..rule };
        let permissions = vec![rule];
        realm.roles.push(RoleConfig { name: "user".to_owned(), permissions, allow_by_default: false });
    })
}

const INTEGERS: &str = r#"{"type": "topic", "args": {"items": {"type": "integer"}}}"#;

/// Declares `a.will` as a topic of integers.
fn declare(net: &mut Net, client: Client) {
    let declaration = wamp::Value::decode(wamp::Serializer::Json, INTEGERS.as_bytes()).expect("JSON");
    let args = wamp::Value::List(vec!["a.will".into(), declaration]);
    assert_eq!(net.value(client, "wamp.schema.define", args), true.into());
}

/// TST-08, REF-05
#[test]
fn a_testament_that_is_not_as_declared_is_refused() {
    let mut net = checked();
    let (heir, user) = (heir(&mut net), user(&mut net));
    declare(&mut net, heir);
    net.error(user, ADD, json!(["a.will", ["x"]]), json!({}), "wamp.error.invalid_payload");
    done(&mut net, user, ADD, json!(["a.will", [1]]), json!({}));
    net.disconnect(user);
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, [1]]));
    net.nothing(heir);
}

/// TST-08, REF-05: what the payload has to be is looked at again when it is published.
#[test]
fn a_testament_that_is_not_as_declared_meanwhile_is_not_published() {
    let mut net = checked();
    let (heir, user) = (heir(&mut net), user(&mut net));
    done(&mut net, user, ADD, json!(["a.will", ["x"]]), json!({}));
    done(&mut net, user, ADD, json!(["a.will", [1]]), json!({}));
    declare(&mut net, heir);
    net.disconnect(user);
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, [1]]));
    net.nothing(heir);
}

/// TST-09
#[test]
fn the_routers_own_sessions_may_leave_word_on_reserved_topics() {
    let mut net = Net::open();
    let watcher = crate::watcher_of(&mut net, "wamp.own");
    let trusted = net.client().trusted().join("realm1");
    done(&mut net, trusted, ADD, json!(["wamp.own", ["x"]]), json!({}));
    net.disconnect(trusted);
    let event = told(&mut net, watcher, "wamp.own", json!(["x"]));
    assert_eq!(event.detail(3, "publisher_authrole"), Some(&"trusted".into()));
}

/// An heir, and a session of a role whose authorizer takes its time.
fn asking() -> (Net, Client, Client, Arc<Undecided>) {
    let mut net = roles(&["asking", "anonymous"]);
    let undecided = Undecided::new();
    let authorizer = Arc::<Undecided>::clone(&undecided);
    assert!(net.realm("realm1").set_authorizer("asking", authorizer));
    let heir = heir(&mut net);
    let client = net.client().worker(1).identity("alice", "asking").join("realm1");
    (net, heir, client, undecided)
}

/// The client asks for a testament, and its authorizer is asked for the call and for the publication.
#[track_caller]
fn ask(net: &mut Net, client: Client, undecided: &Undecided) -> u64 {
    let request = net.request(client);
    net.send(client, json!([48, request, {}, ADD, ["a.will", ["x"]]]));
    let (question, ticket) = undecided.take();
    assert_eq!((question.action, &*question.uri, question.match_policy), (Action::Call, ADD, Exact));
    ticket.resolve(Outcome::Authorized(Some(Decision { allow: true, ..Decision::default() })));
    net.settle();
    net.nothing(client);
    request
}

/// TST-08, AZN-07
#[test]
fn an_authorizer_decides_about_the_call_and_about_the_publication() {
    let (mut net, heir, client, undecided) = asking();
    let request = ask(&mut net, client, &undecided);
    let (question, ticket) = undecided.take();
    assert_eq!((question.action, &*question.uri), (Action::Publish, "a.will"));
    assert_eq!((question.session, &*question.authid), (net.session_id(client), "alice"));
    ticket.resolve(Outcome::Authorized(Some(Decision { allow: true, ..Decision::default() })));
    net.settle();
    net.expect(client, json!([50, request, {}]));
    net.disconnect(client);
    assert_eq!(undecided.waiting(), 0, "the session's end waits for nobody");
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, ["x"]]));
    net.nothing(heir);
}

/// TST-08, TST-13
#[test]
fn what_the_authorizer_said_of_disclosure_counts_in_the_end() {
    let (mut net, heir, client, undecided) = asking();
    ask(&mut net, client, &undecided);
    let decision = Decision { allow: true, disclose: true, validate: false };
    undecided.take().1.resolve(Outcome::Authorized(Some(decision)));
    net.settle();
    net.disconnect(client);
    net.expect(heir, json!([36, "_", "_", {"publisher_authid": "alice", "...": 0}, ["x"]]));
}

/// TST-08, AZN-03
#[test]
fn without_either_decision_there_is_no_testament() {
    let (mut net, heir, client, undecided) = asking();
    for (outcome, error) in
        [(Some(Decision::default()), NOT_AUTHORIZED), (None, "wamp.error.authorization_failed")]
    {
        let request = net.request(client);
        net.send(client, json!([48, request, {}, ADD, ["a.will", ["x"]]]));
        undecided.take().1.resolve(Outcome::Authorized(outcome));
        net.settle();
        net.refused(client, 48, request, error);
        let request = ask(&mut net, client, &undecided);
        undecided.take().1.resolve(Outcome::Authorized(outcome));
        net.settle();
        net.refused(client, 48, request, error);
    }
    assert_eq!(undecided.waiting(), 0);
    net.disconnect(client);
    net.nothing(heir);
}

/// TST-08: a decision that comes when the session has gone adds nothing.
#[test]
fn a_session_that_is_killed_meanwhile_leaves_nothing() {
    let (mut net, heir, client, undecided) = asking();
    ask(&mut net, client, &undecided);
    net.kill(client, None, None);
    undecided.answer(true);
    net.settle();
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    net.disconnect(client);
    net.nothing(heir);
}

/// TST-08: wrong arguments are refused before anybody is asked about them.
#[test]
fn nobody_is_asked_about_what_cannot_be() {
    let (mut net, _, client, undecided) = asking();
    let request = net.request(client);
    net.send(client, json!([48, request, {}, ADD, ["a.will", "no list"]]));
    undecided.answer(true);
    net.settle();
    net.refused(client, 48, request, crate::INVALID_ARGUMENT);
    assert_eq!(undecided.waiting(), 0);
}

/// TST-08: an authorizer that comes later is held to what the rules said when the testament was added.
#[test]
fn a_role_may_get_an_authorizer_meanwhile() {
    let mut net = roles(&["user", "anonymous"]);
    let (heir, user) = (heir(&mut net), user(&mut net));
    done(&mut net, user, ADD, json!(["a.will", ["x"]]), json!({}));
    let undecided = Undecided::new();
    let authorizer = Arc::<Undecided>::clone(&undecided);
    assert!(net.realm("realm1").set_authorizer("user", authorizer));
    net.disconnect(user);
    assert_eq!(undecided.waiting(), 0);
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, ["x"]]));
}

/// Answers about calls at once, and about everything else when the test says so.
#[derive(Debug)]
struct HalfDecided(Arc<Undecided>);

impl Authorizer for HalfDecided {
    fn authorize(&self, request: &AuthorizationRequest<'_>, ticket: Ticket) -> Option<Decision> {
        if request.action == Action::Call {
            ticket.discard();
            return Some(Decision { allow: true, ..Decision::default() });
        }
        self.0.authorize(request, ticket)
    }
}

/// AZN-03, TST-08: an answer that was given at once isn't asked for again, nor taken for another one.
#[test]
fn of_two_answers_only_the_second_may_be_late() {
    let (mut net, heir, _, undecided) = asking();
    let authorizer = Arc::new(HalfDecided(Arc::clone(&undecided)));
    assert!(net.realm("realm1").set_authorizer("asking", authorizer));
    let client = net.client().worker(1).identity("bob", "asking").join("realm1");
    for allow in [true, false] {
        let request = net.request(client);
        net.send(client, json!([48, request, {}, ADD, ["a.will", [allow]]]));
        let (question, ticket) = undecided.take();
        assert_eq!((question.action, &*question.uri), (Action::Publish, "a.will"));
        ticket.resolve(Outcome::Authorized(Some(Decision { allow, ..Decision::default() })));
        net.settle();
        assert_eq!(undecided.waiting(), 0, "nothing is asked twice");
        if allow {
            net.expect(client, json!([50, request, {}]));
        } else {
            let refused = net.expect(client, json!([8, 48, request, {}, "wamp.error.not_authorized", ["_"]]));
            let why = refused.at(5).to_string();
            assert!(why.contains("may not publish <a.will>"), "{why}");
        }
    }
    net.disconnect(client);
    net.expect(heir, json!([36, "_", "_", {"topic": "a.will"}, [true]]));
    net.nothing(heir);
}
