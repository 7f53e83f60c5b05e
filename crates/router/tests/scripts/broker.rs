//! SUBSCRIBE, UNSUBSCRIBE, PUBLISH, EVENT.
//!
//! Spec: basic profile, "Publish and Subscribe"; advanced profile, "Publisher Exclusion", "Publisher Identification",
//! "Publication Trust Levels".

use cloverleaf_router::config::TrustLevel;
use testkit::{Net, json};
use wamp::MatchPolicy;

use crate::{allow, realm, roles};

/// BRK-01
#[test]
fn subscribe_is_answered() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.expect(client, json!([33, 1, "_"]));
    net.send(client, json!([32, 2, {}, "a b"]));
    net.expect(client, json!([8, 32, 2, {}, "wamp.error.invalid_uri", "..."]));
    net.nothing(client);
}

/// BRK-02, BRK-11
#[test]
fn subscribing_twice_is_one_subscription() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let first = net.subscribe(subscriber, "a.b");
    assert_eq!(net.subscribe(subscriber, "a.b"), first);
    net.publish(publisher, "a.b", "x");
    net.expect(subscriber, json!([36, first, "_", {}, ["x"]]));
    net.nothing(subscriber);
    net.unsubscribe(subscriber, first);
    net.publish(publisher, "a.b", "y");
    net.nothing(subscriber);
}

/// BRK-03
#[test]
fn subscribers_of_one_topic_share_the_subscription() {
    let mut net = Net::open();
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    assert_eq!(net.subscribe(one, "a.b"), net.subscribe(two, "a.b"));
}

/// BRK-04
#[test]
fn another_match_policy_is_another_subscription() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let exact = net.subscribe(subscriber, "a.b");
    let prefix = net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.b");
    assert_ne!(exact, prefix);
    net.publish(publisher, "a.b", "x");
    let events = net.receive(subscriber);
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].id(2), events[1].id(2));
}

/// BRK-05, ORD-07
#[test]
fn no_event_comes_after_unsubscribed() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(subscriber, "a.b");
    net.stall(subscriber);
    net.publish(publisher, "a.b", "before");
    net.send(subscriber, json!([34, 2, subscription]));
    net.publish(publisher, "a.b", "after");
    net.resume(subscriber);
    net.expect(subscriber, json!([36, subscription, "_", {}, ["before"]]));
    net.expect(subscriber, json!([35, 2]));
    net.nothing(subscriber);
}

/// BRK-05: a worker whose cache still has the subscriber doesn't reach it.
#[test]
fn another_threads_cache_does_not_outlive_a_subscription() {
    let mut net = Net::open();
    let publisher = net.client().worker(1).join("realm1");
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(one, "a.b");
    net.subscribe(two, "a.b");
    net.publish(publisher, "a.b", "x");
    net.take(one);
    net.take(two);
    net.unsubscribe(one, subscription);
    net.publish(publisher, "a.b", "y");
    net.nothing(one);
    net.subscribe(one, "a.b");
    net.publish(publisher, "a.b", "z");
    net.expect(one, json!([36, subscription, "_", {}, ["z"]]));
    assert_eq!(net.receive(two).len(), 2);
}

/// BRK-06, ERR-05
#[test]
fn only_who_holds_a_subscription_can_end_it() {
    let mut net = Net::open();
    let (publisher, owner, other) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(owner, "a.b");
    for id in [subscription, 12345] {
        let request = net.request(other);
        net.send(other, json!([34, request, id]));
        net.refused(other, 34, request, "wamp.error.no_such_subscription");
    }
    net.publish(publisher, "a.b", "x");
    assert_eq!(net.take(owner).code(), 36);
    net.unsubscribe(owner, subscription);
    let request = net.request(owner);
    net.send(owner, json!([34, request, subscription]));
    net.refused(owner, 34, request, "wamp.error.no_such_subscription");
}

/// BRK-07
#[test]
fn publish_is_not_answered_unless_that_was_asked_for() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.publish(client, "a.b", "x");
    net.publish_with(client, json!({"acknowledge": false}), "a.b", "x");
    net.publish(client, "a b", "x");
    net.nothing(client);
}

/// BRK-08
#[test]
fn an_acknowledged_publish_is_answered_either_way() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([16, 1, {"acknowledge": true}, "a.b"]));
    net.expect(client, json!([17, 1, "_"]));
    net.send(client, json!([16, 2, {"acknowledge": true}, "a b"]));
    net.expect(client, json!([8, 16, 2, {}, "wamp.error.invalid_uri", "..."]));
}

/// BRK-09
#[test]
fn an_event_is_what_was_published() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(subscriber, "a.b");
    let (args, kwargs) = (json!([1, "two", null, {"k": []}]), json!({"a": -1.5, "b": [true]}));
    net.send(publisher, json!([16, 1, {"acknowledge": true}, "a.b", args, kwargs]));
    let publication = net.expect(publisher, json!([17, 1, "_"])).id(2);
    net.expect(subscriber, json!([36, subscription, publication, {}, args, kwargs]));
}

/// BRK-10
#[test]
fn all_events_of_a_publication_bear_its_id() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let subscribers = [
        (net.join("realm1"), "exact", "a.b.c"),
        (net.join("realm1"), "prefix", "a."),
        (net.join("realm1"), "wildcard", "a..c"),
    ];
    for (subscriber, policy, uri) in subscribers {
        net.subscribe_with(subscriber, json!({"match": policy}), uri);
    }
    let publication = net.publish_acknowledged(publisher, "a.b.c", "x");
    for (subscriber, ..) in subscribers {
        net.expect(subscriber, json!([36, "_", publication, "_", ["x"]]));
    }
}

/// BRK-12, PEX-02
#[test]
fn a_publisher_does_not_get_its_own_event() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.subscribe(client, "a.b");
    net.publish(client, "a.b", "x");
    net.publish_with(client, json!({"exclude_me": true}), "a.b", "x");
    net.nothing(client);
}

/// PEX-01
#[test]
fn a_publisher_that_wants_its_own_event_gets_it() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let subscription = net.subscribe(client, "a.b");
    net.publish_with(client, json!({"exclude_me": false}), "a.b", "x");
    net.expect(client, json!([36, subscription, "_", {}, ["x"]]));
    net.nothing(client);
}

/// PEX-03
#[test]
fn a_publisher_can_exclude_itself_like_any_other() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(client, "a.b");
    net.subscribe(other, "a.b");
    let me = net.session(client);
    net.publish_with(client, json!({"exclude_me": false, "exclude": [me]}), "a.b", "x");
    net.nothing(client);
    assert_eq!(net.receive(other).len(), 1);
}

/// PEX-04
#[test]
fn exclusion_is_of_the_session_not_of_its_principal() {
    let mut net = roles(&["user"]);
    let one = net.client().identity("alice", "user").join("realm1");
    let two = net.client().identity("alice", "user").join("realm1");
    net.subscribe(one, "a.b");
    net.subscribe(two, "a.b");
    net.publish(one, "a.b", "x");
    net.nothing(one);
    assert_eq!(net.receive(two).len(), 1);
}

/// BRK-13, BRK-16
#[test]
fn a_publication_needs_no_receivers() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.publish_acknowledged(publisher, "a.b", "x");
    net.subscribe(subscriber, "a.b");
    let request = net.publish_with(publisher, json!({"acknowledge": true, "eligible": []}), "a.b", "x");
    net.expect(publisher, json!([17, request, "_"]));
    net.nothing(subscriber);
}

/// BRK-15, MSG-07, MSG-08
#[test]
fn absent_arguments_stay_absent() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    for (payload, received) in [
        (vec![], vec![]),
        (vec![json!([])], vec![]),
        (vec![json!([]), json!({})], vec![]),
        (vec![json!([1]), json!({})], vec![json!([1])]),
        (vec![json!([]), json!({"k": 1})], vec![json!([]), json!({"k": 1})]),
    ] {
        let request = net.request(publisher);
        let mut message = vec![json!(16), json!(request), json!({}), json!("a.b")];
        message.extend(payload);
        net.send(publisher, json!(message));
        let mut event = vec![json!(36), json!("_"), json!("_"), json!({})];
        event.extend(received);
        net.expect(subscriber, json!(event));
    }
}

/// PID-01, PID-02
#[test]
fn a_publisher_is_disclosed_if_it_wants_to_be() {
    let mut net = roles(&["user"]);
    let publisher = net.client().identity("alice", "user").join("realm1");
    let subscriber = net.client().identity("bob", "user").join("realm1");
    net.subscribe(subscriber, "a.b");
    net.publish_with(publisher, json!({"disclose_me": true}), "a.b", "x");
    let session = net.session(publisher);
    let publisher = json!({"publisher": session, "publisher_authid": "alice", "publisher_authrole": "user"});
    net.expect(subscriber, json!([36, "_", "_", publisher, ["x"]]));
}

/// PID-03, ERR-15
#[test]
fn where_disclosure_is_off_a_publication_that_asks_for_it_is_refused() {
    let mut net = realm(|realm| realm.allow_disclose_me = false);
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    let options = json!({"disclose_me": true, "acknowledge": true});
    let request = net.publish_with(publisher, options, "a.b", "x");
    net.refused(publisher, 16, request, "wamp.error.option_disallowed.disclose_me");
    net.publish_with(publisher, json!({"disclose_me": true}), "a.b", "x");
    net.nothing(publisher);
    net.nothing(subscriber);
}

/// PID-04
#[test]
fn a_realm_may_disclose_the_publishers_of_a_topic() {
    let mut net = realm(|realm| {
        let mut rule = allow("a.", MatchPolicy::Prefix, "publish subscribe");
        rule.disclose_publisher = true;
        realm.roles[0].permissions.push(rule);
    });
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    net.subscribe(subscriber, "b.c");
    net.publish(publisher, "a.b", "x");
    net.publish(publisher, "b.c", "y");
    let session = net.session(publisher);
    net.expect(subscriber, json!([36, "_", "_", {"publisher": session, "...": 0}, ["x"]]));
    net.expect(subscriber, json!([36, "_", "_", {}, ["y"]]));
}

/// PID-05, PBS-08: nor does one event's detail slip into another's.
#[test]
fn nobody_is_disclosed_who_did_not_ask() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let exact = net.subscribe(subscriber, "a.b");
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.");
    for options in
        [json!({}), json!({"disclose_me": false}), json!({"publisher": 1, "publisher_authid": "x"})]
    {
        net.publish_with(publisher, options, "a.b", "x");
        let events = net.receive(subscriber);
        assert_eq!(events.len(), 2);
        for event in events {
            let expected = if event.id(1) == exact { json!({}) } else { json!({"topic": "a.b"}) };
            assert_eq!(*event.at(3), wamp::value::to_value(&expected).expect("JSON"));
        }
    }
}

/// TRL-01
#[test]
fn a_realm_gives_publications_a_trust_level() {
    let level = |uri: &str, role: Option<&str>, level| TrustLevel {
        uri: uri.to_owned(),
        match_policy: MatchPolicy::Prefix,
        authrole: role.map(str::to_owned),
        level,
    };
    let mut net = realm(|realm| {
        realm.roles = ["user", "admin"].map(cloverleaf_router::config::RoleConfig::allow_all).into();
        realm.trust_levels =
            vec![level("a.", None, 0), level("a.", Some("admin"), 5), level("a.b.", None, 2)];
        realm.meta_api = false;
    });
    let user = net.client().identity("u", "user").join("realm1");
    let admin = net.client().identity("a", "admin").join("realm1");
    let subscriber = net.client().identity("s", "user").join("realm1");
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "");
    for (publisher, topic, expected) in
        [(user, "a.x", Some(0)), (admin, "a.x", Some(5)), (admin, "a.b.x", Some(2)), (user, "c", None)]
    {
        net.publish(publisher, topic, "x");
        let event = net.take(subscriber);
        assert_eq!(event.detail(3, "trustlevel").and_then(wamp::Value::as_u64), expected, "{topic}");
    }
}

/// TRL-02
#[test]
fn a_publisher_cannot_set_its_trust_level() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    net.publish_with(publisher, json!({"trustlevel": 9}), "a.b", "x");
    net.expect(subscriber, json!([36, "_", "_", {}, ["x"]]));
}

/// BRK-08, ORD-08: the acknowledgement comes when everybody has the event.
#[test]
fn a_publisher_gets_its_own_event_before_the_acknowledgement() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.subscribe(client, "a.b");
    net.publish_with(client, json!({"exclude_me": false, "acknowledge": true}), "a.b", "x");
    assert_eq!(net.take(client).code(), 36);
    assert_eq!(net.take(client).code(), 17);
}
