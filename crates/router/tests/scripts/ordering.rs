//! What comes before what.
//!
//! Spec: basic profile, "Ordering Guarantees".

use testkit::{Client, Net, Received, json};

use crate::realm;

fn text(message: &Received, at: usize) -> String {
    message.at(at).as_list().and_then(|args| args[0].as_str()).expect("one text").to_owned()
}

fn texts(net: &mut Net, client: Client, code: u64) -> Vec<String> {
    let messages = net.receive(client);
    messages.iter().filter(|message| message.code() == code).map(|message| text(message, 4)).collect()
}

/// ORD-01
#[test]
fn events_of_a_publisher_keep_their_order_across_topics() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    net.subscribe(subscriber, "a.one");
    net.subscribe(subscriber, "a.two");
    let sent: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    for (number, text) in sent.iter().enumerate() {
        net.publish(publisher, if number % 3 == 0 { "a.one" } else { "a.two" }, text);
    }
    assert_eq!(texts(&mut net, subscriber, 36), sent);
}

/// ORD-02
#[test]
fn events_keep_their_order_across_match_policies() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.exact.x");
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.prefix");
    net.subscribe_with(subscriber, json!({"match": "wildcard"}), "a..wild");
    let sent: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    for (number, text) in sent.iter().enumerate() {
        net.publish(publisher, ["a.exact.x", "a.prefix.y", "a.z.wild"][number % 3], text);
    }
    assert_eq!(texts(&mut net, subscriber, 36), sent);
}

/// ORD-01: long events travel another way through the outbox than short ones.
#[test]
fn short_and_long_events_keep_their_order() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    net.stall(subscriber);
    let sent: Vec<String> =
        (0..60usize).map(|number| format!("{number} {}", "x".repeat(number * number))).collect();
    for text in &sent {
        net.publish(publisher, "a.b", text);
    }
    net.resume(subscriber);
    assert_eq!(texts(&mut net, subscriber, 36), sent);
}

/// ORD-03
#[test]
fn subscribed_comes_before_the_first_event() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    net.stall(subscriber);
    for round in 1..=50 {
        net.publish(publisher, "a.b", "before");
        net.send(subscriber, json!([32, 2 * round - 1, {}, "a.b"]));
        net.publish(publisher, "a.b", "within");
        net.resume(subscriber);
        let subscription = net.expect(subscriber, json!([33, 2 * round - 1, "_"])).id(2);
        net.expect(subscriber, json!([36, subscription, "_", {}, ["within"]]));
        net.stall(subscriber);
        net.send(subscriber, json!([34, 2 * round, subscription]));
        net.publish(publisher, "a.b", "after");
        net.resume(subscriber);
        net.expect(subscriber, json!([35, 2 * round]));
        net.nothing(subscriber);
        net.stall(subscriber);
    }
}

/// ORD-04
#[test]
fn invocations_of_a_caller_keep_their_order_across_procedures() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    net.register(callee, "a.one");
    net.register_with(callee, json!({"match": "prefix"}), "a.t");
    let sent: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    for (number, text) in sent.iter().enumerate() {
        net.call(caller, if number % 3 == 0 { "a.one" } else { "a.two" }, text);
    }
    assert_eq!(texts(&mut net, callee, 68), sent);
}

/// ORD-05
#[test]
fn registered_comes_before_the_first_invocation() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    net.stall(callee);
    let request = net.call(caller, "a.b", "before");
    net.refused(caller, 48, request, "wamp.error.no_such_procedure");
    net.send(callee, json!([64, 1, {}, "a.b"]));
    net.call(caller, "a.b", "after");
    net.resume(callee);
    net.expect(callee, json!([65, 1, "_"]));
    net.expect(callee, json!([68, 1, "_", {}, ["after"]]));
}

/// ORD-06, PCR-06
#[test]
fn progressive_results_keep_their_order_and_the_final_one_is_last() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    let request = net.call_with(caller, json!({"receive_progress": true}), "a.b", "x");
    let invocation = net.invoked(callee);
    let parts = (0..200).map(|part| json!([70, invocation, {"progress": true}, [part]]));
    net.send_all(callee, parts.chain([json!([70, invocation, {}, ["end"]])]));
    for part in 0..200 {
        net.expect(caller, json!([50, request, {"progress": true}, [part]]));
    }
    net.expect(caller, json!([50, request, {}, ["end"]]));
    net.nothing(caller);
}

/// ORD-07
#[test]
fn no_invocation_comes_after_unregistered() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "a.b");
    net.stall(callee);
    net.call(caller, "a.b", "before");
    net.send(callee, json!([66, 2, registration]));
    let request = net.call(caller, "a.b", "after");
    net.refused(caller, 48, request, "wamp.error.no_such_procedure");
    net.resume(callee);
    net.expect(callee, json!([68, 1, registration, {}, ["before"]]));
    net.expect(callee, json!([67, 2]));
    net.nothing(callee);
}

/// ORD-08
#[test]
fn an_event_and_a_call_of_one_session_arrive_as_they_were_sent() {
    let mut net = Net::open();
    let (sender, receiver) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(receiver, "a.b");
    net.register(receiver, "a.b");
    let requests = [json!([16, 1, {}, "a.b"]), json!([48, 2, {}, "a.b"]), json!([16, 3, {}, "a.b"])];
    net.send_all(sender, requests);
    let codes: Vec<u64> = net.receive(receiver).iter().map(Received::code).collect();
    assert_eq!(codes, [36, 68, 36]);
}

/// BAT-06, ORD-08: what was subscribed to in the same packet is there for the publication behind it.
#[test]
fn requests_are_served_in_the_order_they_came() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send_all(client, [json!([32, 1, {}, "a.b"]), json!([16, 2, {"exclude_me": false}, "a.b"])]);
    net.expect(client, json!([33, 1, "_"]));
    net.expect(client, json!([36, "_", "_", {}]));
}

/// ORD-11
#[test]
fn a_retained_event_does_not_overtake_or_repeat_a_live_one() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    net.stall(subscriber);
    net.publish_with(publisher, json!({"retain": true}), "a.b", "old");
    net.send(subscriber, json!([32, 1, {"get_retained": true}, "a.b"]));
    net.publish_with(publisher, json!({"retain": true}), "a.b", "new");
    net.resume(subscriber);
    net.expect(subscriber, json!([33, 1, "_"]));
    net.expect(subscriber, json!([36, "_", "_", {"retained": true}, ["old"]]));
    net.expect(subscriber, json!([36, "_", "_", {}, ["new"]]));
    net.nothing(subscriber);
}

/// ORD-09
#[test]
fn decisions_that_take_time_reorder_nothing() {
    let mut net = realm(|_| ());
    let undecided = testkit::decide::Undecided::new();
    let (plain, receiver) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(receiver, "a.b");
    net.register(receiver, "a.b");
    let authorizer = std::sync::Arc::<testkit::decide::Undecided>::clone(&undecided);
    assert!(net.realm("realm1").set_authorizer("anonymous", authorizer));
    let asking = net.join("realm1");
    net.send_all(asking, (1..=4).map(|n| json!([if n % 2 == 0 { 48 } else { 16 }, n, {}, "a.b", [n]])));
    for _ in 0..4 {
        net.publish(plain, "a.b", "between");
        undecided.answer(true);
        net.settle();
    }
    let own: Vec<(u64, u64)> = (net.receive(receiver).iter())
        .filter_map(|message| Some((message.code(), message.at(4).as_list()?[0].as_u64()?)))
        .collect();
    assert_eq!(own, [(36, 1), (68, 2), (36, 3), (68, 4)]);
}
