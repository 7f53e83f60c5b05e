//! What roles may do, by their static rules.
//!
//! Spec: advanced profile, "Authorization".

use cloverleaf_router::config::{Permission, RoleConfig};
use testkit::{Client, Net, json};
use wamp::MatchPolicy::{Exact, Prefix, Wildcard};

use crate::{allow, realm};

/// A realm with the open role `anonymous` and a role `user` of these rules; a client of each.
fn user(permissions: Vec<Permission>) -> (Net, Client, Client) {
    user_or(permissions, false)
}

fn user_or(permissions: Vec<Permission>, allow_by_default: bool) -> (Net, Client, Client) {
    let mut net = realm(|realm| {
        realm.roles.push(RoleConfig { name: "user".into(), permissions, allow_by_default });
    });
    let anybody = net.join("realm1");
    let user = net.client().identity("u", "user").join("realm1");
    (net, anybody, user)
}

/// Tries an action; answers whether it was allowed.
fn may(net: &mut Net, client: Client, action: &str, uri: &str, policy: &str) -> bool {
    let (kind, options) = match action {
        "publish" => (16, json!({"acknowledge": true})),
        "subscribe" => (32, json!({"match": policy})),
        "call" => (48, json!({})),
        "register" => (64, json!({"match": policy})),
        other => panic!("{other}"),
    };
    let request = net.request(client);
    net.send(client, json!([kind, request, options, uri]));
    let reply = net.take(client);
    let is_error = reply.code() == 8;
    if is_error {
        assert_eq!((reply.id(1), reply.id(2)), (kind, request));
    }
    !(is_error && reply.text(4) == "wamp.error.not_authorized")
}

const ACTIONS: [&str; 4] = ["publish", "subscribe", "call", "register"];

/// AZN-01, AZN-02, ERR-11
#[test]
fn each_action_is_allowed_for_itself() {
    for allowed in ACTIONS {
        let (mut net, _, user) = user(vec![allow("a.b", Exact, allowed)]);
        for action in ACTIONS {
            assert_eq!(may(&mut net, user, action, "a.b", "exact"), action == allowed, "{action}");
        }
    }
}

/// AZN-02, BRK-07
#[test]
fn a_denied_publish_is_silent_unless_acknowledged() {
    let (mut net, subscriber, user) = user(vec![]);
    net.subscribe(subscriber, "a.b");
    net.publish(user, "a.b", "x");
    net.nothing(user);
    net.nothing(subscriber);
    assert!(!net.is_closed(user));
}

/// AZN-02
#[test]
fn what_is_denied_does_not_happen() {
    let (mut net, other, user) = user(vec![]);
    net.register(other, "a.proc");
    for action in ACTIONS {
        let uri = if action == "call" { "a.proc" } else { "a.b" };
        assert!(!may(&mut net, user, action, uri, "exact"));
    }
    net.publish(other, "a.b", "x");
    let request = net.call(other, "a.b", "x");
    net.refused(other, 48, request, "wamp.error.no_such_procedure");
    net.nothing(user);
    net.nothing(other);
}

/// AZN-04
#[test]
fn a_pattern_needs_a_permission_for_all_that_it_matches() {
    let rules = vec![
        allow("a.b", Exact, "subscribe register"),
        allow("c.", Prefix, "subscribe register"),
        allow("x..z", Wildcard, "subscribe register"),
    ];
    let (mut net, _, user) = user(rules);
    for action in ["subscribe", "register"] {
        for (uri, policy, expected) in [
            ("a.b", "exact", true),
            ("a.b", "prefix", false),
            ("a", "prefix", false),
            ("", "prefix", false),
            ("a.", "wildcard", false),
            ("..", "wildcard", false),
            ("c.", "prefix", true),
            ("c.d", "prefix", true),
            ("c", "prefix", false),
            ("c..d", "wildcard", true),
            (".d", "wildcard", false),
            ("x..z", "wildcard", true),
            ("x..", "wildcard", false),
            ("x.y.z", "exact", true),
            ("x.y.z", "prefix", false),
        ] {
            assert_eq!(may(&mut net, user, action, uri, policy), expected, "{action} {uri} {policy}");
        }
    }
}

/// AZN-04
#[test]
fn calls_below_a_denied_pattern_reach_no_broader_registration() {
    for (rules, default) in [(vec![allow("com.", Prefix, "register")], false), (vec![], true)] {
        let denied = [allow("com.secret.", Prefix, "call"), allow("com.x..y", Wildcard, "")];
        let (mut net, other, user) = user_or(rules.into_iter().chain(denied).collect(), default);
        for (uri, policy) in
            [("com.", "prefix"), ("com.s", "prefix"), ("com..pay", "wildcard"), ("com.x..", "wildcard")]
        {
            assert!(!may(&mut net, user, "register", uri, policy), "{uri} {policy}");
        }
        let request = net.call(other, "com.secret.pay", "card");
        net.refused(other, 48, request, "wamp.error.no_such_procedure");
        net.nothing(user);
        assert!(may(&mut net, user, "register", "com.open.", "prefix"));
        assert!(may(&mut net, user, "register", "com.x..z", "wildcard"));
    }
}

/// AZN-05
#[test]
fn events_that_a_role_may_not_have_are_left_out_of_its_patterns() {
    let (mut net, publisher, user) = user(vec![
        allow("a.", Prefix, "subscribe"),
        allow("a.secret", Exact, ""),
        allow("a.private.", Prefix, ""),
        allow("a.private.open", Exact, "subscribe"),
    ]);
    net.subscribe_with(user, json!({"match": "prefix"}), "a.");
    net.subscribe_with(user, json!({"match": "wildcard"}), "a.");
    for topic in ["a.secret", "a.private.x"] {
        net.publish(publisher, topic, "x");
        net.nothing(user);
    }
    net.publish(publisher, "a.private.open", "x");
    assert_eq!(net.receive(user).len(), 1);
    net.publish(publisher, "a.b", "x");
    assert_eq!(net.receive(user).len(), 2);
}

/// AZN-05: others under the same pattern get everything.
#[test]
fn what_one_role_may_not_have_another_gets() {
    let rules = vec![allow("a.", Prefix, "subscribe"), allow("a.secret", Exact, "")];
    let (mut net, anybody, user) = user(rules);
    let publisher = net.join("realm1");
    for client in [anybody, user] {
        net.subscribe_with(client, json!({"match": "prefix"}), "a.");
    }
    net.publish(publisher, "a.secret", "x");
    assert_eq!((net.receive(anybody).len(), net.receive(user).len()), (1, 0));
}

/// AZN-06
#[test]
fn the_most_specific_rule_decides() {
    let (mut net, _, user) = user(vec![
        allow("", Prefix, "call"),
        allow("a.", Prefix, ""),
        allow("a..c", Wildcard, "call"),
        allow("a.b.c", Exact, ""),
    ]);
    for (uri, expected) in [("z", true), ("a.x", false), ("a.x.c", true), ("a.b.c", false)] {
        assert_eq!(may(&mut net, user, "call", uri, "exact"), expected, "{uri}");
    }
}

/// AZN-06
#[test]
fn where_no_rule_matches_the_roles_default_counts() {
    for default in [false, true] {
        let (mut net, _, user) = user_or(vec![allow("a.b", Exact, "")], default);
        for action in ACTIONS {
            assert_eq!(may(&mut net, user, action, "x.y", "exact"), default);
            assert!(!may(&mut net, user, action, "a.b", "exact"));
        }
    }
}

/// AZN-06: a decision that was remembered is that of the role, the action and the URI.
#[test]
fn remembered_decisions_are_not_mixed_up() {
    let (mut net, anybody, user) = user(vec![allow("a.b", Exact, "publish")]);
    for _ in 0..3 {
        assert!(may(&mut net, user, "publish", "a.b", "exact"));
        assert!(!may(&mut net, user, "call", "a.b", "exact"));
        assert!(!may(&mut net, user, "publish", "a.c", "exact"));
        assert!(may(&mut net, anybody, "publish", "a.c", "exact"));
    }
}

/// AZN-10: procedures of the router itself are subject to the rules like all others.
#[test]
fn reserved_procedures_need_permission_too() {
    let (mut net, _, user) = user(vec![allow("com.", Prefix, "call")]);
    assert!(!may(&mut net, user, "call", "wamp.session.kill", "exact"));
}

/// AZN-01: the router's own sessions may do everything, whatever roles the realm has.
#[test]
fn the_routers_own_sessions_need_no_permission() {
    let mut net = realm(|realm| realm.roles.clear());
    let own = net.client().trusted().join("realm1");
    for action in ACTIONS {
        assert!(may(&mut net, own, action, "a.b", "exact"), "{action}");
    }
}

/// AUT-08, ERR-12
#[test]
fn nobody_joins_with_a_role_that_is_not_there() {
    let mut net = realm(|_| ());
    let client = net.client().identity("u", "nobody").hello("realm1");
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.no_such_role"]));
    assert!(net.is_closed(client));
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// CID-05: disclosure by rule is a part of the permission.
#[test]
fn a_rule_may_disclose_callers() {
    let mut rule = allow("a.b", Exact, "call");
    rule.disclose_caller = true;
    let (mut net, callee, user) = user(vec![rule, allow("a.c", Exact, "call")]);
    net.register(callee, "a.b");
    net.register(callee, "a.c");
    net.call(user, "a.b", "x");
    let caller = net.session(user);
    let details = json!({"caller": caller, "caller_authid": "u", "caller_authrole": "user"});
    net.expect(callee, json!([68, 1, "_", details, ["x"]]));
    net.call(user, "a.c", "x");
    net.expect(callee, json!([68, 2, "_", {}, ["x"]]));
}
