//! Subscriptions by prefix and wildcard, and sharded ones.
//!
//! Spec: advanced profile, "Pattern-based Subscriptions", "Sharded Subscription".

use std::collections::HashMap;

use testkit::{Client, Net, json};

fn two() -> (Net, Client, Client) {
    let mut net = Net::without_meta_api();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    (net, publisher, subscriber)
}

/// Whether an event published to `topic` reaches a subscription.
fn reaches(policy: &str, pattern: &str, topic: &str) -> bool {
    let (mut net, publisher, subscriber) = two();
    net.subscribe_with(subscriber, json!({"match": policy}), pattern);
    net.publish(publisher, topic, "x");
    !net.receive(subscriber).is_empty()
}

/// PBS-01
#[test]
fn a_subscription_is_exact_unless_it_says_otherwise() {
    let (mut net, publisher, subscriber) = two();
    let plain = net.subscribe(subscriber, "a.b");
    assert_eq!(net.subscribe_with(subscriber, json!({"match": "exact"}), "a.b"), plain);
    net.publish(publisher, "a.b.c", "x");
    net.nothing(subscriber);
    for policy in ["prefix", "wildcard"] {
        assert_ne!(net.subscribe_with(subscriber, json!({"match": policy}), "a.b"), plain);
    }
}

/// PBS-02
#[test]
fn there_are_no_other_match_policies() {
    let (mut net, _, subscriber) = two();
    for policy in [json!("regex"), json!(""), json!(1), json!("Prefix")] {
        let request = net.request(subscriber);
        net.send(subscriber, json!([32, request, {"match": policy}, "a.b"]));
        net.refused(subscriber, 32, request, "wamp.error.invalid_argument");
    }
}

/// PBS-03
#[test]
fn a_prefix_is_of_the_text_not_of_its_components() {
    let pattern = "com.myapp.topic.emergency";
    for topic in [
        "com.myapp.topic.emergency.11",
        "com.myapp.topic.emergency-low",
        "com.myapp.topic.emergency.category.severe",
        "com.myapp.topic.emergency",
    ] {
        assert!(reaches("prefix", pattern, topic), "{topic}");
    }
    for topic in ["com.myapp.topic.emerge", "org.myapp.topic.emergency"] {
        assert!(!reaches("prefix", pattern, topic), "{topic}");
    }
}

/// PBS-04
#[test]
fn a_wildcard_is_one_whole_component() {
    let pattern = "com.myapp..userevent";
    for topic in ["com.myapp.foo.userevent", "com.myapp.bar.userevent", "com.myapp.a12.userevent"] {
        assert!(reaches("wildcard", pattern, topic), "{topic}");
    }
    for topic in ["com.myapp.foo.userevent.bar", "com.myapp.foo.user", "com.myapp2.foo.userevent"] {
        assert!(!reaches("wildcard", pattern, topic), "{topic}");
    }
}

/// PBS-05
#[test]
fn wildcards_may_stand_anywhere() {
    for (pattern, hit, miss) in [
        (".b.c", "a.b.c", "a.x.c"),
        ("a.b.", "a.b.c", "a.b"),
        ("a...d", "a.b.c.d", "a.b.d"),
        ("..", "a.b.c", "a.b"),
        ("a", "a", "b"),
    ] {
        assert!(reaches("wildcard", pattern, hit), "{pattern} {hit}");
        assert!(!reaches("wildcard", pattern, miss), "{pattern} {miss}");
    }
}

/// PBS-06, PBS-07, PBS-08, BRK-10
#[test]
fn an_event_comes_once_for_each_subscription_it_matches() {
    let (mut net, publisher, subscriber) = two();
    let exact = net.subscribe(subscriber, "a.b.c");
    let prefix = net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.b");
    let wildcard = net.subscribe_with(subscriber, json!({"match": "wildcard"}), "a..c");
    let publication = net.publish_acknowledged(publisher, "a.b.c", "x");
    let mut events = net.receive(subscriber);
    assert_eq!(events.len(), 3);
    events.sort_by_key(|event| [exact, prefix, wildcard].iter().position(|id| *id == event.id(1)));
    assert_eq!(events[0], json!([36, exact, publication, {}, ["x"]]));
    assert_eq!(events[1], json!([36, prefix, publication, {"topic": "a.b.c"}, ["x"]]));
    assert_eq!(events[2], json!([36, wildcard, publication, {"topic": "a.b.c"}, ["x"]]));
}

/// PBS-07: of two topics in a row, each event has its own.
#[test]
fn the_topic_is_that_of_the_publication() {
    let (mut net, publisher, subscriber) = two();
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.");
    for topic in ["a.b", "a.c.d", "a.b"] {
        net.publish(publisher, topic, "x");
        net.expect(subscriber, json!([36, "_", "_", {"topic": topic}, ["x"]]));
    }
}

/// PBS-09
#[test]
fn leaving_one_pattern_leaves_the_others() {
    let (mut net, publisher, subscriber) = two();
    let broad = net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.");
    let narrow = net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.b.");
    net.unsubscribe(subscriber, broad);
    net.publish(publisher, "a.b.c", "x");
    net.expect(subscriber, json!([36, narrow, "_", {"topic": "a.b.c"}, ["x"]]));
    net.nothing(subscriber);
}

/// PBS-10
#[test]
fn patterns_reach_into_the_routers_own_topics() {
    for (policy, pattern) in [("prefix", "wamp."), ("wildcard", "wamp..on_join")] {
        let mut net = Net::open();
        let subscriber = net.join("realm1");
        net.subscribe_with(subscriber, json!({"match": policy}), pattern);
        net.join("realm1");
        net.expect(subscriber, json!([36, "_", "_", {"topic": "wamp.session.on_join", "...": 0}, ["_"]]));
    }
}

/// BRK-14: the last one out takes the subscription with it, and it comes back under the same id.
#[test]
fn a_pattern_without_subscribers_is_forgotten() {
    let (mut net, publisher, subscriber) = two();
    let id = net.subscribe_with(subscriber, json!({"match": "wildcard"}), "a..c");
    let held = |net: &Net| {
        let id = wamp::SubscriptionId::new(id).expect("an id");
        net.realm("realm1").subscription(id).map(|found| found.subscribers().len())
    };
    assert_eq!(held(&net), Some(1));
    net.unsubscribe(subscriber, id);
    assert_eq!(held(&net), None);
    net.publish(publisher, "a.b.c", "x");
    net.nothing(subscriber);
    assert_eq!(net.subscribe_with(subscriber, json!({"match": "wildcard"}), "a..c"), id);
}

/// SHS-01, SHS-02
#[test]
fn of_the_nodes_of_a_sharded_subscription_one_gets_what_has_a_routing_key() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let nodes: Vec<Client> = (0..4).map(|_| net.join("realm1")).collect();
    for (number, node) in nodes.iter().enumerate() {
        net.subscribe_with(*node, json!({"nkey": format!("node{number}")}), "a.b");
    }
    let mut owners: HashMap<String, usize> = HashMap::new();
    for round in 0..400 {
        let key = (round % 200).to_string();
        net.publish_with(publisher, json!({"rkey": key}), "a.b", "x");
        let reached: Vec<usize> = (0..4).filter(|node| !net.receive(nodes[*node]).is_empty()).collect();
        assert_eq!(reached.len(), 1, "one node for {key}");
        assert_eq!(*owners.entry(key).or_insert(reached[0]), reached[0], "always the same");
    }
    for node in 0..4 {
        let share = owners.values().filter(|owner| **owner == node).count();
        assert!((20..=80).contains(&share), "{share} of 200 keys at node {node}");
    }
}

/// SHS-02
#[test]
fn who_has_no_node_key_gets_everything() {
    let mut net = Net::open();
    let (publisher, all) = (net.join("realm1"), net.join("realm1"));
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(all, "a.b");
    net.subscribe_with(one, json!({"nkey": "1"}), "a.b");
    net.subscribe_with(two, json!({"nkey": "2"}), "a.b");
    for key in 0..20 {
        net.publish_with(publisher, json!({"rkey": key.to_string()}), "a.b", "x");
    }
    assert_eq!(net.receive(all).len(), 20);
    assert_eq!(net.receive(one).len() + net.receive(two).len(), 20);
    net.publish(publisher, "a.b", "for all");
    for client in [all, one, two] {
        assert_eq!(net.receive(client).len(), 1);
    }
}

/// SHS-02: two sessions of one node both get what belongs to it.
#[test]
fn sessions_of_one_node_share_its_keys() {
    let mut net = Net::open();
    let (publisher, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    for client in [one, two] {
        net.subscribe_with(client, json!({"nkey": "1"}), "a.b");
    }
    net.publish_with(publisher, json!({"rkey": "k"}), "a.b", "x");
    assert_eq!((net.receive(one).len(), net.receive(two).len()), (1, 1));
}
