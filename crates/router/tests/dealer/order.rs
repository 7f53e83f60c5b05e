//! The order of what dealers send (ORD), and the numbers of it (IDS-04).

use testkit::{Net, json};
use wamp::Serializer;

use crate::pair;

// IDS-04
#[test]
fn each_callee_counts_its_invocations_from_one() {
    let mut net = Net::open();
    let callers = [net.join("realm1"), net.join("realm1")];
    let callees = [net.join("realm1"), net.join("realm1")];
    for (callee, procedure) in callees.into_iter().zip(["com.p", "com.q"]) {
        net.register(callee, procedure);
    }
    for n in 1..=50 {
        net.call(callers[0], "com.p", "?");
        net.call(callers[1], "com.p", "?");
        net.call(callers[1], "com.q", "?");
        assert_eq!([net.invoked(callees[0]), net.invoked(callees[0])], [2 * n - 1, 2 * n]);
        assert_eq!(net.invoked(callees[1]), n);
    }
}

// IDS-04
#[test]
fn calls_that_no_callee_gets_use_up_no_number() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let small = net.client().message_bytes_max(512).join("realm1");
    net.register(small, "com.p");
    net.call(caller, "com.p", &"x".repeat(600));
    net.call(caller, "com.other", "?");
    net.call(caller, "com.p", "?");
    assert_eq!(net.invoked(small), 1);
}

// ORD-04, ORD-10
#[test]
fn invocations_come_in_the_order_of_the_calls_across_procedures() {
    let mut net = Net::open();
    let caller = net.client().serializer(Serializer::Cbor).worker(1).join("realm1");
    let callee = net.client().serializer(Serializer::MsgPack).join("realm1");
    net.register(callee, "com.p");
    net.register_with(callee, json!({"match": "prefix"}), "com.q");
    net.register_with(callee, json!({"match": "wildcard"}), "org.");
    let procedures = ["com.p", "com.q.x", "org.any"];
    let calls: Vec<_> =
        (0..3000u64).map(|n| json!([48, n + 1, {}, procedures[(n % 3) as usize], [n]])).collect();
    net.send_all(caller, calls);
    for n in 0..3000u64 {
        net.expect(callee, json!([68, n + 1, "_", "_", [n]]));
    }
}

// ORD-05, SES-26
#[test]
fn registered_comes_before_the_first_invocation() {
    let mut net = Net::open();
    let both = net.join("realm1");
    net.send_all(both, [json!([64, 1, {}, "com.p"]), json!([48, 2, {}, "com.p"])]);
    net.expect(both, json!([65, 1, "_"]));
    net.expect(both, json!([68, 1, "_", {}]));
}

// ORD-06
#[test]
fn results_of_one_call_keep_their_order_and_the_final_one_is_last() {
    let (mut net, caller, callee) = pair();
    net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    let mut yields: Vec<_> = (0..2000).map(|n| json!([70, 1, {"progress": true}, [n]])).collect();
    yields.push(json!([70, 1, {}, ["end"]]));
    yields.push(json!([70, 1, {"progress": true}, ["late"]]));
    net.send_all(callee, yields);
    for n in 0..2000 {
        net.expect(caller, json!([50, 1, {"progress": true}, [n]]));
    }
    net.expect(caller, json!([50, 1, {}, ["end"]]));
    net.nothing(caller);
}

// ORD-07
#[test]
fn no_invocation_follows_unregistered() {
    let mut net = Net::open();
    let both = net.join("realm1");
    let registration = net.register(both, "com.p");
    net.send_all(
        both,
        [json!([48, 2, {}, "com.p"]), json!([66, 3, registration]), json!([48, 4, {}, "com.p"])],
    );
    net.expect(both, json!([68, 1, "_", {}]));
    net.expect(both, json!([67, 3]));
    net.expect(both, json!([8, 48, 4, {}, crate::NO_SUCH_PROCEDURE, ["_"]]));
}

// ORD-08
#[test]
fn events_and_invocations_of_one_session_keep_their_order() {
    let (mut net, caller, callee) = pair();
    net.subscribe(callee, "com.t");
    let mut messages = Vec::new();
    for n in 0..500u64 {
        messages.push(json!([16, 2 * n + 1, {}, "com.t", [n]]));
        messages.push(json!([48, 2 * n + 2, {}, "com.p", [n]]));
    }
    net.send_all(caller, messages);
    for n in 0..500 {
        net.expect(callee, json!([36, "_", "_", {}, [n]]));
        net.expect(callee, json!([68, "_", "_", {}, [n]]));
    }
}
