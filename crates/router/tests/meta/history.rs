//! Event history: what is kept of what was published, and who may read it.
//!
//! Spec: advanced profile, "Event History".

use std::time::Duration;

use cloverleaf_router::config::{HistoryConfig, RoleConfig};
use testkit::{Client, Json, Net, Received, json};
use wamp::MatchPolicy::{self, Exact, Prefix, Wildcard};
use wamp::{Serializer, Value};

use crate::{NO_SUCH_SUBSCRIPTION, NOT_AUTHORIZED, allow, at, realm, value};

pub(crate) const GET: &str = "wamp.subscription.get_events";

/// A router that keeps events of these topics and patterns.
pub(crate) fn keeping(what: &[(&str, MatchPolicy)]) -> Net {
    realm(|realm| realm.history = what.iter().map(|(uri, policy)| HistoryConfig::new(uri, *policy)).collect())
}

/// The subscription that is there for a history.
#[track_caller]
pub(crate) fn subscription(net: &mut Net, client: Client, uri: &str, policy: &str) -> u64 {
    let found = net.value(client, "wamp.subscription.lookup", json!([uri, {"match": policy}]));
    found.as_u64().unwrap_or_else(|| panic!("no subscription to {uri}"))
}

/// The events in an answer of `get_events`.
pub(crate) fn events(result: &Received) -> Vec<Value> {
    match result.value().as_list().and_then(|message| message.get(3)) {
        Some(events) => events.as_list().expect("a list").to_vec(),
        None => Vec::new(),
    }
}

/// The first argument of each event that is found: a text.
#[track_caller]
pub(crate) fn texts(net: &mut Net, client: Client, id: u64, filters: Json) -> Vec<String> {
    let result = net.result(client, GET, json!([id]), filters);
    let text =
        |event: &Value| at(event, "args").as_list().and_then(|args| Some(args.first()?.as_str()?.to_owned()));
    events(&result).iter().map(|event| text(event).expect("a text")).collect()
}

/// HIS-01, HIS-10: the example of the specification.
#[test]
fn each_history_holds_what_was_forwarded_under_its_subscription() {
    let (auth, basket) = ("com.mycompany.log.auth", "com.mycompany.log.basket");
    let log = "com.mycompany.log";
    let mut net = keeping(&[(auth, Exact), (basket, Exact), (log, Prefix)]);
    let (publisher, reader) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    for (topic, text) in [
        (auth, "1"),
        (basket, "2"),
        (basket, "3"),
        (basket, "4"),
        ("com.mycompany.log.checkout", "5"),
        ("com.mycompany.other", "6"),
    ] {
        net.publish(publisher, topic, text);
    }
    let of_auth = subscription(&mut net, reader, auth, "exact");
    let of_basket = subscription(&mut net, reader, basket, "exact");
    let of_log = subscription(&mut net, reader, log, "prefix");
    assert_eq!(texts(&mut net, reader, of_auth, json!({})), ["1"]);
    assert_eq!(texts(&mut net, reader, of_basket, json!({})), ["2", "3", "4"]);
    assert_eq!(texts(&mut net, reader, of_log, json!({})), ["1", "2", "3", "4", "5"]);
}

/// HIS-10
#[test]
fn a_wildcard_has_its_history_too() {
    let mut net = keeping(&[("a..c", Wildcard), ("a.b.c", Exact)]);
    let client = net.join("realm1");
    for (topic, text) in [("a.b.c", "1"), ("a.x.c", "2"), ("a.b.c.d", "3"), ("a.b", "4")] {
        net.publish(client, topic, text);
    }
    let (pattern, exact) = (
        subscription(&mut net, client, "a..c", "wildcard"),
        subscription(&mut net, client, "a.b.c", "exact"),
    );
    assert_eq!(texts(&mut net, client, pattern, json!({})), ["1", "2"]);
    assert_eq!(texts(&mut net, client, exact, json!({})), ["1"]);
}

/// HIS-02, HIS-03
#[test]
fn an_event_is_shown_as_it_was_and_when() {
    let mut net = keeping(&[("a.b", Exact)]);
    let (publisher, reader) = (net.join("realm1"), net.join("realm1"));
    let id = net.subscribe(reader, "a.b");
    net.send(publisher, json!([16, 1, {}, "a.b", [1, "x"], {"k": null}]));
    net.advance(Duration::from_micros(1_500_001));
    net.send(publisher, json!([16, 2, {}, "a.b"]));
    net.send(publisher, json!([16, 3, {}, "a.b", [], {"k": 1}]));
    let ids: Vec<u64> = net.receive(reader).iter().map(|event| event.id(2)).collect();
    let result = net.result(reader, GET, json!([id]), json!({}));
    let (first, later) = ("2026-01-04T12:00:00.000000Z", "2026-01-04T12:00:01.500001Z");
    let expected = json!([
        {"timestamp": first, "subscription": id, "publication": ids[0], "details": {}, "args": [1, "x"],
         "kwargs": {"k": null}},
        {"timestamp": later, "subscription": id, "publication": ids[1], "details": {}},
        {"timestamp": later, "subscription": id, "publication": ids[2], "details": {}, "args": [],
         "kwargs": {"k": 1}},
    ]);
    assert_eq!(result.at(3), &value(expected));
    assert_eq!(result.len(), 4, "no keyword arguments");
    for name in ["subscription_id", "subscription"] {
        let named = net.result(reader, GET, json!([]), json!({name: id}));
        assert_eq!(named.at(3), result.at(3));
    }
}

/// HIS-03, SER-08: whatever publisher and reader speak.
#[test]
fn an_event_is_read_in_each_serializer() {
    let mut net = keeping(&[("a.b", Exact)]);
    let reader = net.join("realm1");
    let id = subscription(&mut net, reader, "a.b", "exact");
    for serializer in Serializer::ALL {
        let publisher = net.client().serializer(serializer).join("realm1");
        net.publish(publisher, "a.b", serializer.name());
    }
    let names: Vec<&str> = Serializer::ALL.iter().map(|serializer| serializer.name()).collect();
    for serializer in Serializer::ALL {
        let reader = net.client().serializer(serializer).worker(1).join("realm1");
        assert_eq!(texts(&mut net, reader, id, json!({})), names);
    }
}

/// HIS-11
#[test]
fn there_is_no_history_of_what_is_not_there() {
    let mut net = keeping(&[("a.b", Exact)]);
    let client = net.join("realm1");
    for id in [1, 1u64 << 53] {
        net.error(client, GET, json!([id]), json!({}), NO_SUCH_SUBSCRIPTION);
    }
    let id = net.subscribe(client, "a.other");
    let said = net.error(client, GET, json!([id]), json!({}), "wamp.error.history_unavailable");
    assert!(said.contains("a.other"), "{said}");
}

/// HIS-12
#[test]
fn an_empty_history_is_an_empty_list() {
    let mut net = keeping(&[("a.b", Exact)]);
    let client = net.join("realm1");
    let id = subscription(&mut net, client, "a.b", "exact");
    let result = net.result(client, GET, json!([id]), json!({}));
    assert_eq!(events(&result), []);
    net.publish(client, "a.b", "x");
    assert_eq!(texts(&mut net, client, id, json!({"topic": "a.other"})), [""; 0]);
}

/// HIS-13
#[test]
fn who_may_not_subscribe_may_not_read() {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.b", Exact), HistoryConfig::new("a.", Prefix)];
        let permissions = vec![
            allow("", Prefix, "call publish subscribe"),
            allow("a.b", Exact, "call publish"),
            allow("a.", Prefix, "call publish"),
        ];
        realm.roles.push(RoleConfig { name: "user".to_owned(), permissions, allow_by_default: false });
    });
    let (client, user) = (net.join("realm1"), net.client().identity("alice", "user").join("realm1"));
    net.publish(user, "a.b", "x");
    for (uri, policy) in [("a.b", "exact"), ("a.", "prefix")] {
        let id = subscription(&mut net, user, uri, policy);
        net.error(user, GET, json!([id]), json!({}), NOT_AUTHORIZED);
        assert_eq!(texts(&mut net, client, id, json!({})), ["x"]);
    }
}

/// HIS-13, AZN-05: a pattern that may be read, below which something may not.
#[test]
fn what_is_denied_below_a_pattern_is_left_out() {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.", Prefix)];
        let permissions = vec![
            allow("", Prefix, "call publish subscribe"),
            allow("a.secret", Exact, "publish"),
            allow("a.private.", Prefix, "publish"),
        ];
        realm.roles.push(RoleConfig { name: "user".to_owned(), permissions, allow_by_default: false });
    });
    let (client, user) = (net.join("realm1"), net.client().identity("alice", "user").join("realm1"));
    for topic in ["a.open", "a.secret", "a.private.x", "a.secret.x", "a.private"] {
        net.publish(client, topic, topic);
    }
    let id = subscription(&mut net, user, "a.", "prefix");
    assert_eq!(texts(&mut net, user, id, json!({})), ["a.open", "a.secret.x", "a.private"]);
    assert_eq!(texts(&mut net, user, id, json!({"topic": "a.secret"})), [""; 0]);
    assert_eq!(texts(&mut net, user, id, json!({"limit": 2})), ["a.open", "a.secret.x"]);
    assert_eq!(texts(&mut net, client, id, json!({})).len(), 5);
}

/// HIS-14
#[test]
fn lists_of_authids_and_authroles_hold_for_readers_too() {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.b", Exact)];
        realm.roles.push(RoleConfig::allow_all("admin"));
    });
    let publisher = net.join("realm1");
    let alice = net.client().identity("alice", "admin").join("realm1");
    let bob = net.client().identity("bob", "anonymous").join("realm1");
    for (options, text) in [
        (json!({}), "all"),
        (json!({"eligible_authrole": ["admin"]}), "admins"),
        (json!({"exclude_authrole": ["admin"]}), "no admins"),
        (json!({"eligible_authid": ["bob"]}), "bob"),
        (json!({"exclude_authid": ["alice", "bob"]}), "neither"),
        (json!({"eligible_authrole": []}), "nobody"),
    ] {
        net.publish_with(publisher, options, "a.b", text);
    }
    let id = subscription(&mut net, alice, "a.b", "exact");
    assert_eq!(texts(&mut net, alice, id, json!({})), ["all", "admins"]);
    assert_eq!(texts(&mut net, bob, id, json!({})), ["all", "no admins", "bob"]);
    assert_eq!(texts(&mut net, bob, id, json!({"reverse": true, "limit": 2})), ["bob", "no admins"]);
}

/// HIS-15
#[test]
fn what_was_for_sessions_by_their_ids_is_not_kept() {
    let mut net = keeping(&[("a.b", Exact)]);
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(other);
    let id = net.subscribe(other, "a.b");
    for options in [
        json!({"eligible": [session]}),
        json!({"exclude": [1]}),
        json!({"exclude": []}),
        json!({"eligible": [session], "eligible_authrole": ["anonymous"]}),
    ] {
        net.publish_with(client, options, "a.b", "not kept");
        assert_eq!(net.receive(other).len(), 1);
    }
    net.publish_with(client, json!({"exclude_me": true}), "a.b", "kept");
    net.take(other);
    assert_eq!(texts(&mut net, other, id, json!({})), ["kept"]);
    assert_eq!(texts(&mut net, client, id, json!({})), ["kept"], "its publisher may read it too");
}

/// HIS-16, HIS-17
#[test]
fn a_history_outlives_its_subscribers() {
    let mut net = keeping(&[("a.b", Exact), ("a.", Prefix)]);
    let client = net.join("realm1");
    let before = subscription(&mut net, client, "a.b", "exact");
    let pattern = subscription(&mut net, client, "a.", "prefix");
    let matching = net.value(client, "wamp.subscription.match", json!(["a.b"]));
    assert_eq!(matching, value(json!([before, pattern])));
    let publish = |net: &mut Net, text: &str| net.publish(client, "a.b", text);
    publish(&mut net, "1");
    let subscriber = net.join("realm1");
    assert_eq!(net.subscribe(subscriber, "a.b"), before);
    publish(&mut net, "2");
    net.expect(subscriber, json!([36, before, "_", {}, ["2"]]));
    net.unsubscribe(subscriber, before);
    publish(&mut net, "3");
    net.nothing(subscriber);
    net.subscribe(subscriber, "a.b");
    net.disconnect(subscriber);
    publish(&mut net, "4");
    assert_eq!(subscription(&mut net, client, "a.b", "exact"), before);
    assert_eq!(texts(&mut net, client, before, json!({})), ["1", "2", "3", "4"]);
    let count = net.value(client, "wamp.subscription.count_subscribers", json!([before]));
    assert_eq!(count, value(json!(0)));
}

/// HIS-22, PID-01, TRL-01
#[test]
fn details_are_those_that_a_subscriber_got() {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.", Prefix)];
        realm.trust_levels.push(cloverleaf_router::config::TrustLevel {
            uri: "a.trusted".to_owned(),
            match_policy: Exact,
            authrole: None,
            level: 3,
        });
    });
    let (publisher, reader) =
        (net.client().identity("alice", "anonymous").join("realm1"), net.join("realm1"));
    let id = net.subscribe_with(reader, json!({"match": "prefix"}), "a.");
    for (topic, options) in [
        ("a.b", json!({})),
        ("a.c", json!({"disclose_me": true})),
        ("a.d", json!({"eligible_authrole": ["anonymous"], "exclude_authid": ["bob"], "exclude_me": false})),
        ("a.trusted", json!({"retain": true})),
        ("a.ppt", json!({"ppt_scheme": "x_custom", "ppt_serializer": "cbor"})),
    ] {
        net.publish_with(publisher, options, topic, "x");
    }
    let got: Vec<Value> = net.receive(reader).iter().map(|event| event.at(3).clone()).collect();
    let result = net.result(reader, GET, json!([id]), json!({}));
    let kept: Vec<Value> = events(&result).iter().map(|event| at(event, "details")).collect();
    assert_eq!(kept, got);
    assert_eq!(kept.len(), 5);
}

/// HIS-01, FEA-01, FEA-03
#[test]
fn history_is_announced_where_there_is_some() {
    for (mut net, announced) in [(keeping(&[("a.b", Exact)]), true), (Net::open(), false)] {
        let client = net.client().hello("realm1");
        let welcome = net.take(client);
        let broker = at(welcome.detail(2, "roles").expect("roles"), "broker");
        let features = at(&broker, "features");
        assert_eq!(features.as_dict().expect("features").contains_key("event_history"), announced);
    }
}

/// HIS-02: a realm like Crossbar.io answers one list of the newest events, with what Crossbar.io has in them.
#[test]
fn a_realm_like_crossbar_answers_as_crossbar_does() {
    let mut net = realm(|realm| {
        realm.history = vec![HistoryConfig::new("a.b", Exact)];
        realm.compat_crossbar = true;
    });
    let publisher = net.client().identity("alice", "anonymous").join("realm1");
    let session = net.session(publisher);
    for number in 0..12 {
        net.publish(publisher, "a.b", &number.to_string());
    }
    net.publish_with(publisher, json!({"disclose_me": true}), "a.b", "last");
    let id = subscription(&mut net, publisher, "a.b", "exact");
    let found = net.value(publisher, GET, json!([id]));
    let found = found.as_list().expect("one list");
    assert_eq!(found.len(), 10);
    let expected = json!({
        "timestamp": "2026-01-04T12:00:00.000000Z", "time_ns": 1_767_528_000_000_000_000u64, "realm": "realm1",
        "subscription": id, "publication": "_", "details": "_", "topic": "a.b", "session_id": session,
        "authid": "alice", "authrole": "anonymous", "args": ["last"], "kwargs": null,
    });
    assert!(testkit::pattern::matches(&value(expected), &found[0]), "{}", found[0]);
    assert_eq!(at(&found[1], "args"), value(json!(["11"])));
    for key in ["session_id", "authid", "authrole"] {
        assert_eq!(at(&found[1], key), Value::Null, "nobody is disclosed who wasn't");
    }
    let found = net.value(publisher, GET, json!([id, 3]));
    assert_eq!(found.as_list().expect("one list").len(), 3);
    let result = net.result(publisher, GET, json!([id, 1]), json!({"reverse": false}));
    let oldest = at(&result.at(3).as_list().expect("arguments")[0].as_list().expect("one list")[0], "args");
    assert_eq!(oldest, value(json!(["0"])));
}
