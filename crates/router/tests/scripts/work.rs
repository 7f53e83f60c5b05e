//! What counts as work of a turn, so that a connection stops for others.

use cloverleaf_router::Worker;
use testkit::{Client, Json, Net, json};
use transport::Framing;
use wamp::Serializer;

/// The work of the turn in which the router reads this message.
fn work_of(net: &mut Net, client: Client, message: Json) -> usize {
    let mut worker = Worker::new([7; 32]);
    let mut turn = worker.turn(net.now());
    net.connection(client).send(message);
    net.connection(client).run(&mut turn);
    let work = turn.work();
    drop(turn);
    net.settle();
    work
}

fn retained_topics(net: &mut Net, number: usize) {
    let publisher = net.join("realm1");
    for n in 0..number {
        net.publish_with(publisher, json!({"retain": true}), &format!("a.b.{n}"), "x");
    }
}

/// ROB-01, RET-10
#[test]
fn looking_for_retained_events_is_work() {
    let mut net = Net::open();
    retained_topics(&mut net, 1000);
    let client = net.join("realm1");
    let get = |n: u64, policy: &str, uri: &str| json!([32, n, {"get_retained": true, "match": policy}, uri]);
    assert!(work_of(&mut net, client, get(1, "prefix", "a.")) >= 2000, "a thousand found and sent");
    assert!(work_of(&mut net, client, get(2, "wildcard", ".c.")) < 80, "others are skipped");
    assert!(work_of(&mut net, client, get(3, "exact", "a.b.7")) < 80);
    assert_eq!(net.receive(client).len(), 3 + 1000 + 1);
}

/// ROB-01
#[test]
fn receivers_that_are_left_out_are_work() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let receivers: Vec<Client> = (0..50).map(|_| net.join("realm1")).collect();
    for receiver in &receivers {
        net.subscribe(*receiver, "a.b");
    }
    assert!(work_of(&mut net, publisher, json!([16, 1, {"eligible": [1]}, "a.b"])) >= 50);
    assert!(work_of(&mut net, publisher, json!([16, 2, {}, "a.c"])) < 10);
    receivers.iter().for_each(|receiver| net.nothing(*receiver));
}

/// ROB-01, PBS-11
#[test]
fn patterns_that_match_are_work() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let publish = |n: u64| json!([16, n, {"exclude_me": false, "eligible": []}, "a.a.a.a.a.a"]);
    let without = work_of(&mut net, publisher, publish(1));
    for shape in 0..64 {
        let component = |at: usize| if shape >> at & 1 == 1 { "a" } else { "" };
        let pattern: Vec<&str> = (0..6).map(component).collect();
        net.subscribe_with(subscriber, json!({"match": "wildcard"}), &pattern.join("."));
    }
    assert!(
        work_of(&mut net, publisher, publish(2)) >= without + 128,
        "each is found, and its subscriber looked at"
    );
}

/// ROB-01, MSB-07
#[test]
fn to_ask_what_matches_is_work_too() {
    let mut net = Net::open();
    let (client, subscriber) = (net.join("realm1"), net.join("realm1"));
    let ask = |n: u64| json!([48, n, {}, "wamp.subscription.match", ["a.a.a.a.a.a"]]);
    assert!(work_of(&mut net, client, ask(1)) < 20);
    for shape in 0..64 {
        let component = |at: usize| if shape >> at & 1 == 1 { "a" } else { "" };
        let pattern: Vec<&str> = (0..6).map(component).collect();
        net.subscribe_with(subscriber, json!({"match": "wildcard"}), &pattern.join("."));
    }
    assert!(work_of(&mut net, client, ask(2)) >= 128, "64 are found, by as many nodes at least");
    assert_eq!(net.receive(client).len(), 2);
}

/// ROB-01, REF-05: of what is published, called and yielded.
#[test]
fn to_check_a_payload_is_work_too() {
    let worked = |validate: bool| {
        let mut net = crate::realm(|realm| realm.roles[0].permissions[0].validate = validate);
        let client = net.join("realm1");
        net.value(client, "wamp.schema.define", json!(["a.topic", {"type": "topic"}]));
        net.value(client, "wamp.schema.define", json!(["a.procedure", {"type": "procedure"}]));
        net.register(client, "a.procedure");
        let long = "x".repeat(64_000);
        let published = work_of(&mut net, client, json!([16, 4, {}, "a.topic", [long]]));
        let called = work_of(&mut net, client, json!([48, 5, {}, "a.procedure", [long]]));
        let invocation = net.invoked(client);
        let yielded = work_of(&mut net, client, json!([70, invocation, {}, [long]]));
        [published, called, yielded]
    };
    for (checked, unchecked) in worked(true).into_iter().zip(worked(false)) {
        assert!(checked >= unchecked + 1000, "{checked} against {unchecked}");
    }
}

/// ROB-01: a publication in a row costs what is copied and compressed for it, not only that it is one.
#[test]
fn bytes_copied_and_compressed_are_work() {
    let work = |framing: Framing, bytes: usize| {
        let mut net = Net::without_meta_api();
        let publisher = net.join("realm1");
        for _ in 0..50 {
            let receiver = net.client().serializer(Serializer::MsgPack).framing(framing).join("realm1");
            net.subscribe(receiver, "a.b");
        }
        work_of(&mut net, publisher, json!([16, 1, {}, "a.b", ["x".repeat(bytes)]]))
    };
    let [small, large] = [10, 2000].map(|bytes| work(Framing::RawSocket, bytes));
    assert!(large >= small + 50 * 2000 / 1024, "{large} after {small}");
    let compressed = work(Framing::Deflate { text: false, window_bits: 15 }, 2000);
    assert!(compressed >= large + 2000 / 8, "{compressed} after {large}");
}
