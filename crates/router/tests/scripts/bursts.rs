//! Publications in a row: given to the receivers together, they are what they would be one by one.

use cloverleaf_router::RealmConfig;
use cloverleaf_router::config::{RoleConfig, RouterConfig, SlowConsumer};
use proptest::prelude::*;
use testkit::{Client, Json, Net, Received, json};
use transport::{Batch, Framing};
use wamp::Serializer;

const TOPICS: [&str; 4] = ["a.b", "a.b.c", "c.d", "nobody.listens"];

/// One message of the publisher, before it has its request id.
#[derive(Debug, Clone)]
enum Step {
    Publish { topic: usize, size: usize, options: Json },
    Subscribe { topic: usize },
    Call,
    Invalid,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let options = prop_oneof![
        12 => Just(json!({})),
        1 => Just(json!({"acknowledge": true})),
        2 => Just(json!({"exclude_me": false})),
        1 => Just(json!({"exclude_me": false, "acknowledge": true})),
        1 => Just(json!({"eligible_authrole": ["nobody"]})),
        1 => Just(json!({"rkey": "k"})),
        1 => Just(json!({"retain": true})),
        1 => Just(json!({"disclose_me": true})),
    ];
    let size = prop_oneof![8 => 0usize..40, 2 => 400usize..600, 1 => 900usize..1100, 1 => 3000usize..4000];
    let publish = (0..TOPICS.len(), size, options).prop_map(|(topic, size, options)| Step::Publish {
        topic,
        size,
        options,
    });
    let step = prop_oneof![
        20 => publish,
        1 => (0..TOPICS.len()).prop_map(|topic| Step::Subscribe { topic }),
        1 => Just(Step::Call),
        1 => Just(Step::Invalid),
    ];
    prop::collection::vec(step, 1..60)
}

fn message(id: usize, step: &Step) -> Json {
    match step {
        Step::Publish { topic, size, options } => {
            json!([16, id, options, TOPICS[*topic], [format!("{id} {}", "x".repeat(*size))]])
        }
        Step::Subscribe { topic } => json!([32, id, {}, TOPICS[*topic]]),
        Step::Call => json!([48, id, {}, "a.procedure", [id]]),
        Step::Invalid => json!([16, id, {"acknowledge": true}, "not a uri"]),
    }
}

/// What everybody receives of these messages, which the router reads in one turn or one by one.
fn received(steps: &[Step], together: bool) -> Vec<Vec<Received>> {
    let mut net = Net::without_meta_api();
    let publisher = net.join("realm1");
    let mut clients: Vec<Client> = vec![publisher];
    let framings = [
        (Serializer::MsgPack, Framing::RawSocket),
        (Serializer::Json, Framing::WebSocket { text: true }),
        (Serializer::Json, Framing::WebSocketBatched { batch: Batch::RecordSeparator }),
        (Serializer::Cbor, Framing::Deflate { text: false, window_bits: 15 }),
        (Serializer::MsgPack, Framing::RawSocket),
    ];
    for (serializer, framing) in framings {
        let client = net.client().serializer(serializer).framing(framing).join("realm1");
        net.subscribe(client, "a.b");
        clients.push(client);
    }
    let small = net.client().message_bytes_max(512).join("realm1");
    net.subscribe(small, "a.b");
    net.subscribe_with(small, json!({"match": "prefix"}), "c");
    let many = net.join("realm1");
    net.subscribe_with(many, json!({"match": "prefix", "nkey": "n"}), "a.b.c");
    net.subscribe_with(many, json!({"match": "wildcard"}), "a..c");
    net.register(many, "a.procedure");
    clients.extend([small, many]);
    let messages: Vec<Json> =
        steps.iter().enumerate().map(|(index, step)| message(index + 1, step)).collect();
    if together {
        net.send_all(publisher, messages);
    } else {
        messages.into_iter().for_each(|message| net.send(publisher, message));
    }
    clients.into_iter().map(|client| net.receive(client)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// ORD-01: whatever the publisher does in a row, each receiver gets the same, in the same order.
    #[test]
    fn publications_in_a_row_are_received_as_one_by_one(steps in steps()) {
        prop_assert_eq!(received(&steps, true), received(&steps, false));
    }
}

/// ORD-03: a topic that somebody subscribes to in the middle of a row brings the rest of it.
#[test]
fn a_subscription_in_the_middle_of_a_row_counts_from_there() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let publish = |n: u64| json!([16, n, {"exclude_me": false}, "a.b", [n]]);
    net.send_all(client, [publish(1), publish(2), json!([32, 3, {}, "a.b"]), publish(4), publish(5)]);
    net.expect(client, json!([33, 3, "_"]));
    net.expect(client, json!([36, "_", "_", {}, [4]]));
    net.expect(client, json!([36, "_", "_", {}, [5]]));
    net.nothing(client);
}

/// ORD-01: what was published before the end of the session comes before it.
#[test]
fn a_violation_behind_a_row_does_not_overtake_it() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.subscribe(client, "a.b");
    let publish = json!([16, 2, {"exclude_me": false}, "a.b", ["x"]]);
    net.send_all(client, [publish, json!([2, 3, {}])]);
    net.expect(client, json!([36, "_", "_", {}, ["x"]]));
    net.expect(client, json!([3, {"message": "_"}, "wamp.error.protocol_violation"]));
}

/// BRK-17: events that are dropped together are counted one by one.
#[test]
fn events_dropped_together_are_counted_one_by_one() {
    let roles = vec![RoleConfig::allow_all("anonymous")];
    let realms = vec![RealmConfig { roles, ..RealmConfig::open("realm1") }];
    let mut config = RouterConfig { realms, ..RouterConfig::default() };
    config.limits.slow_consumer = SlowConsumer::Drop;
    config.limits.outbox_bytes_soft = 4096;
    let mut net = Net::new(config);
    let (publisher, slow) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(slow, "a.b");
    net.stall(slow);
    let row = |from: u64| (from..from + 20).map(|n| json!([16, n, {}, "a.b", ["x".repeat(500)]]));
    net.send_all(publisher, row(1));
    net.send_all(publisher, row(21));
    let peer = net.realm("realm1").session(net.session_id(slow)).expect("it is there");
    assert_eq!(peer.events_dropped(), 20);
    net.resume(slow);
    assert_eq!(net.receive(slow).len(), 20);
}
