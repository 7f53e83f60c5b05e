//! Call re-routing (RER).

use std::time::Duration;

use testkit::{Client, Net, Received, json};

use crate::{CALL, CANCELED, UNAVAILABLE, callees, join_with, net_of, only, pair, pair_with_callee};

const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";

/// The next message is an INVOCATION, which the callee hands back.
#[track_caller]
fn hand_back(net: &mut Net, callee: Client) {
    let invocation = net.invoked(callee);
    net.send(callee, json!([8, 68, invocation, {}, UNAVAILABLE]));
}

/// In which order the callees are asked if each hands the call back.
fn asked(policy: &str) -> Vec<usize> {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callees: [_; 4] = callees(&mut net, json!({"invoke": policy}));
    let request = net.call(caller, "com.p", "?");
    let mut order = Vec::new();
    while let Some(index) = callees.iter().position(|callee| !net.connection(*callee).inbox().is_empty()) {
        order.push(index);
        hand_back(&mut net, callees[index]);
    }
    net.refused(caller, CALL, request, NO_AVAILABLE_CALLEE);
    net.nothing(caller);
    order
}

// RER-01
#[test]
fn another_callee_serves_and_the_caller_sees_nothing_of_it() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    net.send(caller, json!([48, 1, {}, "com.p", ["payload"], {"k": 1}]));
    hand_back(&mut net, one);
    net.nothing(caller);
    net.expect(two, json!([68, 1, "_", {}, ["payload"], {"k": 1}]));
    net.answer(two, 1, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
    net.nothing(one);
}

// RER-01, SER-01
#[test]
fn the_payload_is_kept_in_whatever_serializer_it_came() {
    let mut net = Net::open();
    let caller = net.client().serializer(wamp::Serializer::Cbor).join("realm1");
    let [one] = callees(&mut net, json!({"invoke": "first"}));
    let two = net.client().serializer(wamp::Serializer::MsgPack).join("realm1");
    net.register_with(two, json!({"invoke": "first"}), "com.p");
    net.call(caller, "com.p", "ü");
    hand_back(&mut net, one);
    net.expect(two, json!([68, 1, "_", {}, ["ü"]]));
}

// RER-02
#[test]
fn a_single_callee_has_no_other() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    hand_back(&mut net, callee);
    net.refused(caller, CALL, request, NO_AVAILABLE_CALLEE);
}

// RER-03, RER-04
#[test]
fn callees_are_asked_in_the_order_of_the_policy_and_each_once() {
    assert_eq!(asked("first"), [0, 1, 2, 3]);
    assert_eq!(asked("last"), [3, 2, 1, 0]);
    assert_eq!(asked("roundrobin"), [0, 1, 2, 3]);
    let mut random = asked("random");
    random.sort_unstable();
    assert_eq!(random, [0, 1, 2, 3]);
}

// RER-03
#[test]
fn roundrobin_goes_on_from_the_callee_that_handed_back() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callees: [_; 3] = callees(&mut net, json!({"invoke": "roundrobin"}));
    assert_eq!(crate::serve(&mut net, caller, &callees), 0);
    net.call(caller, "com.p", "?");
    hand_back(&mut net, callees[1]);
    hand_back(&mut net, callees[2]);
    net.invoked(callees[0]);
}

// RER-05
#[test]
fn the_error_of_a_callee_without_the_feature_passes() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let one = join_with(&mut net, &["call_canceling"]);
    net.register_with(one, json!({"invoke": "first"}), "com.p");
    let [two] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call(caller, "com.p", "?");
    hand_back(&mut net, one);
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.nothing(two);
}

// RER-06, TMO-03
#[test]
fn the_timeout_runs_over_all_attempts() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call_with(caller, json!({"timeout": 100}), "com.p", "?");
    net.advance(Duration::from_millis(60));
    hand_back(&mut net, one);
    net.invoked(two);
    net.advance(Duration::from_millis(40));
    net.refused(caller, CALL, request, "wamp.error.timeout");
    net.expect(two, json!([69, 1, {"mode": "killnowait", "...": 0}]));
}

// RER-06, TMO-06
#[test]
fn a_timeout_that_the_first_callee_saw_to_is_not_forgotten_with_it() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [minding] = callees(&mut net, json!({"invoke": "first", "forward_timeout": true}));
    let [plain] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call_with(caller, json!({"timeout": 100}), "com.p", "?");
    net.advance(Duration::from_millis(60));
    hand_back(&mut net, minding);
    net.invoked(plain);
    net.advance(Duration::from_millis(39));
    net.nothing(caller);
    net.advance(Duration::from_millis(1));
    net.refused(caller, CALL, request, "wamp.error.timeout");
}

// RER-06, CAN-04
#[test]
fn cancel_reaches_the_callee_that_has_the_call_now() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call(caller, "com.p", "?");
    hand_back(&mut net, one);
    net.invoked(two);
    net.send(caller, json!([49, request, {"mode": "killnowait"}]));
    net.refused(caller, CALL, request, CANCELED);
    net.expect(two, json!([69, 1, "_"]));
    net.nothing(one);
}

// RER-06, CAN-03
#[test]
fn a_killed_call_is_not_re_routed() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call(caller, "com.p", "?");
    net.invoked(one);
    net.send(caller, json!([49, request, {"mode": "kill"}]));
    net.send(one, json!([8, 68, 1, {}, UNAVAILABLE]));
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.nothing(two);
}

// RER-07
#[test]
fn a_call_that_has_progressed_is_not_re_routed() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(one);
    net.send(one, json!([70, 1, {"progress": true}, [1]]));
    net.send(one, json!([8, 68, 1, {}, UNAVAILABLE]));
    net.expect(caller, json!([50, request, {"progress": true}, [1]]));
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.nothing(two);
}

// RER-07, PCI-08
#[test]
fn a_progressive_call_is_not_re_routed() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first"}));
    net.send(caller, json!([48, 1, {"progress": true}, "com.p"]));
    net.send(caller, json!([48, 1, {"progress": true}, "com.p"]));
    net.invoked(one);
    net.invoked(one);
    net.send(one, json!([8, 68, 1, {}, UNAVAILABLE]));
    net.refused(caller, CALL, 1, UNAVAILABLE);
    net.nothing(two);
}

// RER-08, DLR-17
#[test]
fn a_callee_that_does_not_read_is_passed_over() {
    let mut net = net_of(|_| (), |limits| limits.outbox_bytes_soft = 2000);
    let caller = net.join("realm1");
    let [stuck, other] = callees(&mut net, json!({"invoke": "first"}));
    net.stall(stuck);
    let text = "x".repeat(500);
    for _ in 0..8 {
        net.call(caller, "com.p", &text);
    }
    let passed_on: Vec<Received> = net.receive(other);
    net.resume(stuck);
    let kept = net.receive(stuck);
    assert!(!kept.is_empty() && !passed_on.is_empty());
    assert_eq!(kept.len() + passed_on.len(), 8);
    net.nothing(caller);
}

// RER-01, CAN-07
#[test]
fn a_callee_without_call_canceling_can_be_re_routed_from() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let one = net.client().roles(only(&["call_reroute"])).join("realm1");
    net.register_with(one, json!({"invoke": "first"}), "com.p");
    let [two] = callees(&mut net, json!({"invoke": "first"}));
    net.call(caller, "com.p", "?");
    hand_back(&mut net, one);
    net.invoked(two);
}

// RER-05
#[test]
fn other_errors_are_never_re_routed() {
    let (mut net, caller, callee) = pair_with_callee(&["call_reroute"]);
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([8, 68, 1, {}, "com.error"]));
    net.refused(caller, CALL, request, "com.error");
}

// RER-01, ROB-01
#[test]
fn calls_beyond_what_is_kept_for_another_callee_get_no_other() {
    let mut net = crate::net_of(|_| (), |limits| limits.kept_call_bytes_max = 1000);
    let caller = net.join("realm1");
    let [one, two] = crate::callees(&mut net, json!({"invoke": "first"}));
    let text = "x".repeat(600);
    let (kept, not_kept) = (net.call(caller, "com.p", &text), net.call(caller, "com.p", &text));
    assert_eq!(net.receive(one).len(), 2);
    let hand_back = |invocation: u64| json!([8, 68, invocation, {}, "wamp.error.unavailable"]);
    net.send(one, hand_back(2));
    net.refused(caller, crate::CALL, not_kept, "wamp.error.no_available_callee");
    net.nothing(two);
    net.send(one, hand_back(1));
    net.expect(two, json!([68, 1, "_", {}, [text.as_str()]]));
    net.answer(two, 1, "!");
    net.expect(caller, json!([50, kept, {}, ["!"]]));
    net.call(caller, "com.p", &text);
    net.invoked(one);
    net.send(one, hand_back(3));
    net.invoked(two);
}
