//! Who of the subscribers receives a publication.
//!
//! Spec: advanced profile, "Subscriber Black- and Whitelisting".

use testkit::{Client, Net, json};

use crate::roles;

/// A publisher, and three subscribers of `a.b`: alice and bob are users, carol is an admin.
fn crowd() -> (Net, Client, [Client; 3]) {
    let mut net = roles(&["user", "admin"]);
    let publisher = net.client().identity("publisher", "user").join("realm1");
    let subscribers = [("alice", "user"), ("bob", "user"), ("carol", "admin")]
        .map(|(authid, role)| net.client().identity(authid, role).join("realm1"));
    for subscriber in subscribers {
        net.subscribe(subscriber, "a.b");
    }
    (net, publisher, subscribers)
}

/// Who of the three gets what is published with the options that `options` makes of their session ids.
fn reached(options: impl FnOnce([u64; 3]) -> testkit::Json) -> Vec<usize> {
    let (mut net, publisher, subscribers) = crowd();
    let ids = subscribers.map(|subscriber| net.session(subscriber));
    net.publish_with(publisher, options(ids), "a.b", "x");
    (0..3).filter(|index| !net.receive(subscribers[*index]).is_empty()).collect()
}

/// BWL-01
#[test]
fn exclude_leaves_sessions_out() {
    assert_eq!(reached(|[alice, _, carol]| json!({"exclude": [alice, carol]})), [1]);
    assert_eq!(reached(|_| json!({"exclude": []})), [0, 1, 2]);
}

/// BWL-02
#[test]
fn exclude_authid_leaves_principals_out() {
    assert_eq!(reached(|_| json!({"exclude_authid": ["alice", "bob"]})), [2]);
}

/// BWL-03
#[test]
fn exclude_authrole_leaves_roles_out() {
    assert_eq!(reached(|_| json!({"exclude_authrole": ["user"]})), [2]);
}

/// BWL-04
#[test]
fn eligible_lets_sessions_in() {
    assert_eq!(reached(|[_, bob, _]| json!({"eligible": [bob]})), [1]);
}

/// BWL-05
#[test]
fn eligible_authid_lets_principals_in() {
    assert_eq!(reached(|_| json!({"eligible_authid": ["alice", "carol"]})), [0, 2]);
}

/// BWL-06
#[test]
fn eligible_authrole_lets_roles_in() {
    assert_eq!(reached(|_| json!({"eligible_authrole": ["user"]})), [0, 1]);
}

/// BWL-07
#[test]
fn all_conditions_must_hold() {
    assert_eq!(reached(|ids| json!({"eligible": ids, "exclude": [ids[0]]})), [1, 2]);
    assert_eq!(reached(|_| json!({"eligible_authrole": ["user"], "eligible_authid": ["bob", "carol"]})), [1]);
    assert_eq!(reached(|_| json!({"eligible_authrole": ["user"], "exclude_authid": ["bob"]})), [0]);
    assert_eq!(reached(|[alice, ..]| json!({"eligible": [alice], "exclude_authrole": ["user"]})), [0; 0]);
}

/// BWL-08
#[test]
fn an_empty_list_of_the_eligible_is_nobody() {
    for key in ["eligible", "eligible_authid", "eligible_authrole"] {
        assert_eq!(reached(|_| json!({key: []})), [0; 0], "{key}");
    }
}

/// BWL-09
#[test]
fn unknown_names_in_the_lists_do_no_harm() {
    assert_eq!(
        reached(|_| json!({"exclude": [1, 2, 3], "exclude_authid": ["x"], "exclude_authrole": [""]})),
        [0, 1, 2]
    );
    assert_eq!(reached(|[_, bob, _]| json!({"eligible": [1, bob, 2]})), [1]);
}

/// BWL-10
#[test]
fn lists_of_the_wrong_type_are_refused() {
    let (mut net, publisher, subscribers) = crowd();
    for options in [
        json!({"exclude": ["x"]}),
        json!({"exclude": 5}),
        json!({"exclude_authid": [1]}),
        json!({"exclude_authrole": "user"}),
        json!({"eligible": {"k": 1}}),
        json!({"eligible_authid": [null]}),
        json!({"eligible_authrole": [["user"]]}),
    ] {
        let mut acknowledged = options.clone();
        acknowledged["acknowledge"] = json!(true);
        let request = net.publish_with(publisher, acknowledged, "a.b", "x");
        net.refused(publisher, 16, request, "wamp.error.invalid_argument");
        net.publish_with(publisher, options, "a.b", "x");
        net.nothing(publisher);
    }
    for subscriber in subscribers {
        net.nothing(subscriber);
    }
}

/// BWL-11: long lists are sets, and mean the same.
#[test]
fn long_lists_mean_what_short_ones_do() {
    let many = |extra: u64| (1..10_000).chain([extra]).collect::<Vec<u64>>();
    assert_eq!(reached(|[_, bob, _]| json!({"exclude": many(bob)})), [0, 2]);
    assert_eq!(reached(|[_, bob, _]| json!({"eligible": many(bob)})), [1]);
    let names = |extra: &str| {
        let mut names: Vec<String> = (0..1000).map(|number| format!("nobody{number}")).collect();
        names.push(extra.to_owned());
        names
    };
    assert_eq!(reached(|_| json!({"exclude_authid": names("alice")})), [1, 2]);
    assert_eq!(reached(|_| json!({"eligible_authrole": names("admin")})), [2]);
}

/// BWL-07, PBS-06: the lists count for every subscription that a publication matches.
#[test]
fn lists_count_for_patterns_too() {
    let (mut net, publisher, [alice, bob, _]) = crowd();
    for client in [alice, bob] {
        net.subscribe_with(client, json!({"match": "prefix"}), "a.");
    }
    net.publish_with(publisher, json!({"exclude_authid": ["alice"]}), "a.b", "x");
    assert_eq!((net.receive(alice).len(), net.receive(bob).len()), (0, 2));
}
