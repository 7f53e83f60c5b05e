//! Retained events.
//!
//! Spec: advanced profile, "Event Retention".

use std::time::Duration;

use cloverleaf_router::RouterConfig;
use cloverleaf_router::config::{Limits, RetentionConfig, RoleConfig};
use testkit::{Client, Json, Net, json};
use wamp::MatchPolicy;

use crate::{allow, realm, roles};

fn two() -> (Net, Client, Client) {
    let mut net = Net::without_meta_api();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    (net, publisher, subscriber)
}

fn retain(net: &mut Net, publisher: Client, topic: &str, text: &str) {
    net.publish_with(publisher, json!({"retain": true}), topic, text);
}

/// What a subscription with `get_retained` gets at once, as the texts of the events.
fn retained(net: &mut Net, client: Client, policy: &str, uri: &str) -> Vec<String> {
    net.subscribe_with(client, json!({"get_retained": true, "match": policy}), uri);
    let text = |event: &testkit::Received| {
        event.at(4).as_list().and_then(|args| args[0].as_str()).expect("one text").to_owned()
    };
    net.receive(client).iter().map(text).collect()
}

/// RET-01, RET-05, RET-08
#[test]
fn a_retained_event_comes_right_after_subscribed() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "x");
    net.send(subscriber, json!([32, 1, {"get_retained": true}, "a.b"]));
    let subscription = net.expect(subscriber, json!([33, 1, "_"])).id(2);
    net.expect(subscriber, json!([36, subscription, "_", {"retained": true}, ["x"]]));
    net.nothing(subscriber);
}

/// RET-02
#[test]
fn other_publications_leave_the_retained_event_alone() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "kept");
    net.publish(publisher, "a.b", "not kept");
    net.publish_with(publisher, json!({"retain": false}), "a.b", "not kept");
    assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["kept"]);
}

/// RET-03
#[test]
fn the_latest_retained_event_counts() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "one");
    retain(&mut net, publisher, "a.b", "two");
    assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["two"]);
    assert_eq!(net.realm("realm1").retained_topics(), 1);
}

/// RET-04
#[test]
fn who_does_not_ask_gets_no_retained_event() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "x");
    net.subscribe(subscriber, "a.b");
    net.subscribe_with(subscriber, json!({"get_retained": false}), "a.b");
    net.nothing(subscriber);
}

/// RET-05
#[test]
fn the_live_event_of_a_retaining_publication_is_like_any_other() {
    let (mut net, publisher, subscriber) = two();
    net.subscribe(subscriber, "a.b");
    retain(&mut net, publisher, "a.b", "x");
    net.expect(subscriber, json!([36, "_", "_", {}, ["x"]]));
    net.nothing(subscriber);
}

/// RET-06
#[test]
fn who_was_not_to_receive_an_event_does_not_get_it_later() {
    let mut net = roles(&["user", "admin"]);
    let publisher = net.client().identity("p", "user").join("realm1");
    let user = net.client().identity("u", "user").join("realm1");
    let admin = net.client().identity("a", "admin").join("realm1");
    for (number, restriction) in [
        json!({"eligible_authrole": ["admin"]}),
        json!({"exclude_authrole": ["user"]}),
        json!({"eligible_authid": ["a"]}),
        json!({"exclude_authid": ["u"]}),
        json!({"eligible": [net.session(admin)]}),
        json!({"exclude": [net.session(user)]}),
    ]
    .into_iter()
    .enumerate()
    {
        let (topic, mut options) = (format!("a.b{number}"), restriction);
        options["retain"] = json!(true);
        net.publish_with(publisher, options, &topic, "secret");
        assert!(retained(&mut net, user, "exact", &topic).is_empty(), "{topic}");
        assert_eq!(retained(&mut net, admin, "exact", &topic), ["secret"]);
    }
}

/// RET-07
#[test]
fn an_event_for_some_does_not_replace_the_one_for_all() {
    let mut net = roles(&["user", "admin"]);
    let publisher = net.client().identity("p", "user").join("realm1");
    let user = net.client().identity("u", "user").join("realm1");
    let admin = net.client().identity("a", "admin").join("realm1");
    retain(&mut net, publisher, "a.b", "for all");
    let options = json!({"retain": true, "eligible_authrole": ["admin"]});
    net.publish_with(publisher, options, "a.b", "for admins");
    assert_eq!(retained(&mut net, user, "exact", "a.b"), ["for all"]);
    assert_eq!(retained(&mut net, admin, "exact", "a.b"), ["for admins"]);
    retain(&mut net, publisher, "a.b", "newest");
    let late = net.client().identity("b", "admin").join("realm1");
    assert_eq!(retained(&mut net, late, "exact", "a.b"), ["newest"]);
}

/// RET-07, RET-11: many events for some push out the oldest of them, never the one for all.
#[test]
fn events_for_some_are_bounded() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    retain(&mut net, publisher, "a.b", "for all");
    let me = net.session(subscriber);
    net.publish_with(publisher, json!({"retain": true, "eligible": [me]}), "a.b", "for me");
    for other in 1..=16 {
        net.publish_with(publisher, json!({"retain": true, "eligible": [other]}), "a.b", "for others");
    }
    assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["for all"]);
}

/// RET-09
#[test]
fn a_publisher_gets_its_own_retained_event_only_if_it_wants_it() {
    let (mut net, publisher, _) = two();
    retain(&mut net, publisher, "a.b", "x");
    assert!(retained(&mut net, publisher, "exact", "a.b").is_empty());
    net.publish_with(publisher, json!({"retain": true, "exclude_me": false}), "a.c", "y");
    assert_eq!(retained(&mut net, publisher, "exact", "a.c"), ["y"]);
}

/// RET-10
#[test]
fn a_pattern_gets_one_retained_event_per_topic() {
    let (mut net, publisher, subscriber) = two();
    for topic in ["a.b.1", "a.b.2", "a.c.1", "ab.b.1"] {
        retain(&mut net, publisher, topic, "old");
        retain(&mut net, publisher, topic, topic);
    }
    assert_eq!(retained(&mut net, subscriber, "prefix", "a.b"), ["a.b.1", "a.b.2"]);
    assert_eq!(retained(&mut net, subscriber, "wildcard", "a..1"), ["a.b.1", "a.c.1"]);
    assert_eq!(retained(&mut net, subscriber, "wildcard", ".b.1"), ["a.b.1", "ab.b.1"]);
    assert_eq!(retained(&mut net, subscriber, "prefix", "").len(), 4);
}

/// RET-10, PBS-07
#[test]
fn a_retained_event_of_a_pattern_names_its_topic() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "x");
    net.subscribe_with(subscriber, json!({"get_retained": true, "match": "prefix"}), "a.");
    net.expect(subscriber, json!([36, "_", "_", {"retained": true, "topic": "a.b"}, ["x"]]));
}

/// RET-11
#[test]
fn an_empty_retained_event_clears_its_topic() {
    for clear_by_empty in [true, false] {
        let mut net = realm(|realm| realm.retention.clear_by_empty = clear_by_empty);
        let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
        retain(&mut net, publisher, "a.b", "x");
        let request = net.request(publisher);
        net.send(publisher, json!([16, request, {"retain": true}, "a.b"]));
        net.subscribe_with(subscriber, json!({"get_retained": true}), "a.b");
        assert_eq!(net.receive(subscriber).len(), usize::from(!clear_by_empty));
        assert_eq!(net.realm("realm1").retained_topics(), usize::from(!clear_by_empty));
    }
}

/// RET-11: whoever is there hears of the clearing.
#[test]
fn the_publication_that_clears_a_topic_is_delivered() {
    let (mut net, publisher, subscriber) = two();
    net.subscribe(subscriber, "a.b");
    retain(&mut net, publisher, "a.b", "x");
    net.take(subscriber);
    net.send(publisher, json!([16, 2, {"retain": true}, "a.b"]));
    net.expect(subscriber, json!([36, "_", "_", {}]));
}

/// RET-11
#[test]
fn retained_events_grow_old() {
    let ttl = Duration::from_secs(60);
    let mut net = realm(|realm| realm.retention.ttl = Some(ttl));
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    retain(&mut net, publisher, "a.b", "x");
    net.advance(ttl - Duration::from_millis(1));
    assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["x"]);
    net.advance(Duration::from_millis(1));
    assert!(retained(&mut net, subscriber, "exact", "a.b").is_empty());
}

/// RET-11, ROB-01
#[test]
fn topics_with_retained_events_are_bounded() {
    let ttl = Duration::from_secs(60);
    let retention = RetentionConfig { topics_max: 2, ttl: Some(ttl), ..RetentionConfig::default() };
    let mut net = realm(|realm| realm.retention = retention);
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.c");
    retain(&mut net, publisher, "a.a", "x");
    retain(&mut net, publisher, "a.b", "x");
    let options = json!({"retain": true, "acknowledge": true});
    let request = net.publish_with(publisher, options.clone(), "a.c", "x");
    net.refused(publisher, 16, request, "wamp.error.unavailable");
    net.nothing(subscriber);
    retain(&mut net, publisher, "a.b", "there already");
    net.advance(ttl);
    let request = net.publish_with(publisher, options, "a.c", "the others are too old");
    net.expect(publisher, json!([17, request, "_"]));
}

/// A router that keeps so many bytes of retained events; a publisher; and whether one more of its events is kept.
fn bounded(bytes_max: usize, ttl: Option<Duration>) -> (Net, Client) {
    let retention = RetentionConfig { bytes_max, ttl, ..RetentionConfig::default() };
    let mut net = realm(|realm| realm.retention = retention);
    let publisher = net.join("realm1");
    (net, publisher)
}

fn is_kept(net: &mut Net, publisher: Client, mut options: Json, topic: &str, text: &str) -> bool {
    options["retain"] = json!(true);
    options["acknowledge"] = json!(true);
    let request = net.publish_with(publisher, options, topic, text);
    let reply = net.take(publisher);
    if reply.code() == 17 {
        return true;
    }
    assert_eq!((reply.code(), reply.id(2), reply.text(4)), (8, request, "wamp.error.unavailable"));
    false
}

/// RET-11, ROB-01
#[test]
fn bytes_of_retained_events_are_bounded() {
    let (mut net, publisher) = bounded(10_000, None);
    let long = "x".repeat(6_000);
    assert!(is_kept(&mut net, publisher, json!({}), "a.a", &long));
    assert!(!is_kept(&mut net, publisher, json!({}), "a.b", &long));
    assert!(is_kept(&mut net, publisher, json!({}), "a.a", &long), "it replaces the other");
}

/// RET-11, ROB-01: all that an event holds counts, not only its payload.
#[test]
fn topics_receivers_and_attributes_count_as_bytes_of_retained_events() {
    let ids: Vec<u64> = (1..=2_000).collect();
    let names: Vec<String> = (0..500).map(|number| format!("name{number}")).collect();
    for options in
        [json!({"eligible": ids}), json!({"exclude_authid": names}), json!({"ppt_scheme": "x".repeat(9_900)})]
    {
        let (mut net, publisher) = bounded(10_000, None);
        assert!(!is_kept(&mut net, publisher, options.clone(), "a.b", "x"), "{options:?}");
        assert!(is_kept(&mut net, publisher, json!({}), "a.b", "x"));
    }
    let (mut net, publisher) = bounded(10_000, None);
    let kept =
        (0..100).take_while(|n| is_kept(&mut net, publisher, json!({}), &format!("a.b{n}"), "x")).count();
    assert!((10..40).contains(&kept), "{kept} small events");
    let (mut net, publisher) = bounded(10_000, None);
    let topic = |n: usize| format!("a{n}.{}", "x".repeat(2_000));
    let kept = (0..100).take_while(|n| is_kept(&mut net, publisher, json!({}), &topic(*n), "x")).count();
    assert!((2..5).contains(&kept), "{kept} events of long topics");
}

/// RET-11, ROB-01
#[test]
fn retained_events_that_are_too_old_make_room_for_others() {
    let ttl = Duration::from_secs(60);
    let (mut net, publisher) = bounded(10_000, Some(ttl));
    let long = "x".repeat(6_000);
    assert!(is_kept(&mut net, publisher, json!({}), "a.a", &long));
    assert!(!is_kept(&mut net, publisher, json!({}), "a.b", &long));
    net.advance(ttl);
    assert!(is_kept(&mut net, publisher, json!({}), "a.b", &long));
    assert_eq!(net.realm("realm1").retained_topics(), 1);
}

/// RET-07, RET-11
#[test]
fn an_event_for_some_may_use_the_room_of_the_one_it_pushes_out() {
    // Room for sixteen, and not for one more.
    let (mut net, publisher) = bounded(108_000, None);
    let text = "x".repeat(6_000);
    for other in 1..=40 {
        let options = json!({"eligible": [other]});
        assert!(
            is_kept(&mut net, publisher, options, "a.b", &text),
            "event {other} takes the place of another"
        );
    }
}

/// RET-10, BRK-17: who asks for more than fits gets what fits, and lives.
#[test]
fn retained_events_beyond_the_outbox_are_dropped_and_counted() {
    let limits = Limits { outbox_bytes_soft: 10_000, message_bytes_max: 5_000, ..Limits::default() };
    let mut net = Net::new(RouterConfig { limits, ..RouterConfig::default() });
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    for number in 0..100 {
        retain(&mut net, publisher, &format!("a.{number}"), &"x".repeat(500));
    }
    let received = retained(&mut net, subscriber, "prefix", "a.").len();
    assert!((15..20).contains(&received), "{received} events fit into the outbox");
    assert!(!net.is_closed(subscriber));
    let id = net.session_id(subscriber);
    let dropped = net.realm("realm1").session(id).expect("it stays").events_dropped();
    assert_eq!(dropped, 100 - received as u64);
    net.publish(publisher, "a.1", "live");
    assert_eq!(net.receive(subscriber).len(), 1);
}

/// RET-12
#[test]
fn a_retained_event_keeps_its_publication_and_its_publisher() {
    let (mut net, publisher, subscriber) = two();
    let options = json!({"retain": true, "acknowledge": true, "disclose_me": true});
    let request = net.publish_with(publisher, options, "a.b", "x");
    let publication = net.expect(publisher, json!([17, request, "_"])).id(2);
    let id = net.session(publisher);
    net.disconnect(publisher);
    net.subscribe_with(subscriber, json!({"get_retained": true}), "a.b");
    net.expect(
        subscriber,
        json!([36, "_", publication, {"retained": true, "publisher": id, "...": 0}, ["x"]]),
    );
}

/// RET-13
#[test]
fn event_retention_is_announced() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let features = json!({"event_retention": true, "...": 0});
    let roles = json!({"broker": {"features": features, "...": 0}, "...": 0});
    net.expect(client, json!([2, "_", {"roles": roles, "...": 0}]));
}

/// RET-14
#[test]
fn subscribing_again_brings_the_retained_event_again() {
    let (mut net, publisher, subscriber) = two();
    retain(&mut net, publisher, "a.b", "x");
    for _ in 0..2 {
        assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["x"]);
    }
}

/// RET-06, AZN-05
#[test]
fn retained_events_of_topics_that_a_role_may_not_have_are_left_out() {
    let mut net = realm(|realm| {
        let permissions =
            vec![allow("a.", MatchPolicy::Prefix, "subscribe"), allow("a.secret", MatchPolicy::Exact, "")];
        realm.roles.push(RoleConfig { name: "user".into(), permissions, allow_by_default: false });
    });
    let publisher = net.join("realm1");
    let user = net.client().identity("u", "user").join("realm1");
    retain(&mut net, publisher, "a.open", "open");
    retain(&mut net, publisher, "a.secret", "secret");
    assert_eq!(retained(&mut net, user, "prefix", "a."), ["open"]);
}

/// RET-03, SER-01
#[test]
fn a_retained_event_reaches_every_serializer() {
    let mut net = Net::open();
    let publisher = net.client().serializer(wamp::Serializer::Cbor).join("realm1");
    retain(&mut net, publisher, "a.b", "x");
    for serializer in wamp::Serializer::ALL {
        let subscriber = net.client().serializer(serializer).join("realm1");
        assert_eq!(retained(&mut net, subscriber, "exact", "a.b"), ["x"], "{serializer:?}");
    }
}
