//! What is too much for a callee, a caller, or the router.

use testkit::{Net, json};

use crate::{CALL, UNAVAILABLE, callees, join_with, net_of};

const TOO_LONG: &str = "wamp.error.payload_size_exceeded";

// RAW-20, DLR-17, ERR-08
#[test]
fn a_call_too_long_for_its_callee_is_refused() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let small = net.client().message_bytes_max(512).join("realm1");
    net.register(small, "com.p");
    let request = net.call(caller, "com.p", &"x".repeat(4096));
    net.refused(caller, CALL, request, TOO_LONG);
    net.nothing(small);
    net.call(caller, "com.p", "short");
    net.expect(small, json!([68, 1, "_", {}, ["short"]]));
}

// RAW-20, DLR-17
#[test]
fn a_callee_that_takes_more_is_found() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let options = json!({"invoke": "first"});
    let small = net.client().message_bytes_max(512).join("realm1");
    net.register_with(small, options.clone(), "com.p");
    let [large] = callees(&mut net, options);
    net.call(caller, "com.p", &"x".repeat(4096));
    net.invoked(large);
    net.nothing(small);
}

// RAW-20, RAW-17, DLR-15
#[test]
fn an_answer_too_long_for_its_caller_becomes_an_error() {
    let text = "x".repeat(4096);
    for answer in [
        json!([70, 1, {}, [text]]),
        json!([70, 1, {}, ["x".repeat(100_000)]]),
        json!([70, 1, {"progress": true}, [text]]),
        json!([8, 68, 1, {}, "com.error", [text]]),
    ] {
        let mut net = Net::open();
        let small = net.client().message_bytes_max(512).join("realm1");
        let [callee] = callees(&mut net, json!({}));
        let request = net.call_with(small, json!({"receive_progress": true}), "com.p", "?");
        net.invoked(callee);
        let is_progress = answer[2]["progress"] == true;
        net.send(callee, answer);
        net.refused(small, CALL, request, TOO_LONG);
        net.nothing(small);
        if is_progress {
            net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": "wamp.error.canceled"}]));
        }
        net.send(callee, json!([70, 1, {}, ["late"]]));
        net.nothing(small);
    }
}

// RAW-17, RAW-20, ROB-10
#[test]
fn an_error_whose_words_are_too_long_for_its_receiver_comes_without_them() {
    let mut net = Net::open();
    let small = net.client().message_bytes_max(512).join("realm1");
    let long = format!("com.{}", "x".repeat(600));
    let request = net.call(small, &long, "?");
    net.expect(small, json!([8, 48, request, {}, crate::NO_SUCH_PROCEDURE]));
    let request = net.request(small);
    net.send(small, json!([64, request, {}, format!("{long}..y")]));
    net.expect(small, json!([8, 64, request, {}, "wamp.error.invalid_uri", "..."]));
}

// PCI-02, RAW-20
#[test]
fn a_continuation_too_long_for_its_callee_ends_the_call() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let small = net.client().message_bytes_max(512).join("realm1");
    net.register(small, "com.p");
    net.send(caller, json!([48, 1, {"progress": true}, "com.p"]));
    net.invoked(small);
    net.send(caller, json!([48, 1, {"progress": true}, "com.p", ["x".repeat(4096)]]));
    net.refused(caller, CALL, 1, TOO_LONG);
    net.expect(small, json!([69, 1, {"mode": "killnowait", "...": 0}]));
}

// DLR-17
#[test]
fn a_callee_that_does_not_read_makes_calls_fail_at_once() {
    let mut net = net_of(|_| (), |limits| limits.outbox_bytes_soft = 2000);
    let caller = net.join("realm1");
    let [stuck] = callees(&mut net, json!({}));
    net.stall(stuck);
    let text = "x".repeat(500);
    let requests: Vec<u64> = (0..8).map(|_| net.call(caller, "com.p", &text)).collect();
    let refused = net.receive(caller);
    assert!(!refused.is_empty() && refused.len() < requests.len());
    assert!(refused.iter().all(|error| error.text(4) == UNAVAILABLE));
    net.resume(stuck);
    assert_eq!(net.receive(stuck).len() + refused.len(), requests.len());
    net.call(caller, "com.p", "?");
    net.invoked(stuck);
}

// DLR-19, ROB-01
#[test]
fn a_caller_has_so_many_calls_pending() {
    let mut net = net_of(|_| (), |limits| limits.pending_calls_max = 3);
    let (caller, other) = (net.join("realm1"), net.join("realm1"));
    let [callee] = callees(&mut net, json!({}));
    for _ in 0..3 {
        net.call(caller, "com.p", "?");
        net.invoked(callee);
    }
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.call(other, "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
    net.call(caller, "com.p", "?");
    net.invoked(callee);
}

// DLR-19, ROB-01
#[test]
fn a_callee_has_so_many_invocations_pending() {
    let mut net = net_of(|_| (), |limits| limits.pending_invocations_max = 2);
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({}));
    net.call(caller, "com.p", "?");
    net.call(caller, "com.p", "?");
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.call(caller, "com.p", "?");
    assert_eq!(net.receive(callee).len(), 2);
}

// ROB-01
#[test]
fn a_session_has_so_many_registrations() {
    let mut net = net_of(|_| (), |limits| limits.registrations_max = 2);
    let callee = net.join("realm1");
    let first = net.register(callee, "com.a");
    net.register(callee, "com.b");
    let request = net.request(callee);
    net.send(callee, json!([64, request, {}, "com.c"]));
    net.refused(callee, crate::REGISTER, request, UNAVAILABLE);
    net.unregister(callee, first);
    net.register(callee, "com.c");
}

// RAW-20, PPT-06
#[test]
fn the_reason_of_a_refusal_is_that_of_the_best_callee() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let options = json!({"invoke": "first"});
    let plain = join_with(&mut net, &[]);
    net.register_with(plain, options, "com.p");
    let [busy] = callees(&mut net, json!({"invoke": "first", "concurrency": 1}));
    net.send(caller, json!([48, 1, {"progress": true}, "com.p"]));
    net.invoked(busy);
    net.send(caller, json!([48, 2, {"progress": true}, "com.p"]));
    net.nothing(caller);
    net.answer(busy, 1, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
    net.expect(busy, json!([68, 2, "_", {"progress": true}]));
    net.nothing(plain);
}

// DLR-19, ROB-01, CAN-02
#[test]
fn calls_that_were_given_up_count_until_they_are_answered() {
    let mut net = net_of(|_| (), |limits| limits.pending_calls_max = 3);
    let (caller, other) = (net.join("realm1"), net.join("realm1"));
    let [callee] = callees(&mut net, json!({}));
    for mode in ["skip", "killnowait", "skip"] {
        let request = net.call(caller, "com.p", "?");
        net.invoked(callee);
        net.send(caller, json!([49, request, {"mode": mode}]));
        net.refused(caller, CALL, request, crate::CANCELED);
        net.receive(callee);
    }
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, UNAVAILABLE);
    net.nothing(callee);
    net.call(other, "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 1, "late");
    net.send(callee, json!([8, 68, 2, {}, "wamp.error.canceled"]));
    for _ in 0..2 {
        net.call(caller, "com.p", "?");
        net.invoked(callee);
    }
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, UNAVAILABLE);
}

// DLR-19, ROB-01
#[test]
fn a_callee_that_left_owes_no_answers() {
    let mut net = net_of(|_| (), |limits| limits.pending_calls_max = 1);
    let caller = net.join("realm1");
    for _ in 0..3 {
        let [callee] = callees(&mut net, json!({}));
        let request = net.call(caller, "com.p", "?");
        net.invoked(callee);
        net.send(caller, json!([49, request, {"mode": "skip"}]));
        net.refused(caller, CALL, request, crate::CANCELED);
        net.disconnect(callee);
    }
}
