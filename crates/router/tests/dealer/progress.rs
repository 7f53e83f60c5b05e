//! Progressive call results (PCR).

use testkit::{Net, json};

use crate::{CALL, CANCELED, join_with, net_of, pair, pair_with_callee};

const PROGRESS: &str = "progressive_call_results";

// PCR-01, FEA-08
#[test]
fn only_a_callee_that_streams_and_can_be_stopped_is_asked_to() {
    for (features, asked) in [
        (vec![PROGRESS, "call_canceling"], true),
        (vec![PROGRESS], false),
        (vec!["call_canceling"], false),
        (vec![], false),
    ] {
        let (mut net, caller, callee) = pair_with_callee(&features);
        net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
        let details = if asked { json!({"receive_progress": true}) } else { json!({}) };
        net.expect(callee, json!([68, 1, "_", details, ["?"]]));
    }
}

// PCR-02, PCR-03, PCR-04, PCR-06, ORD-06
#[test]
fn results_come_as_they_are_yielded_and_the_final_one_last() {
    let (mut net, caller, callee) = pair();
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    for n in 0..1000 {
        net.send(callee, json!([70, 1, {"progress": true}, [n]]));
        net.expect(caller, json!([50, request, {"progress": true}, [n]]));
    }
    net.send(callee, json!([70, 1, {"progress": true}]));
    net.expect(caller, json!([50, request, {"progress": true}]));
    net.send(callee, json!([70, 1, {"progress": true}, [], {"k": 1}]));
    net.expect(caller, json!([50, request, {"progress": true}, [], {"k": 1}]));
    net.send(callee, json!([70, 1, {}, ["end"]]));
    net.expect(caller, json!([50, request, {}, ["end"]]));
}

// PCR-03
#[test]
fn an_error_ends_the_stream_too() {
    let (mut net, caller, callee) = pair();
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.send(callee, json!([8, 68, 1, {}, "com.error", [2]]));
    net.expect(caller, json!([50, request, {"progress": true}, [1]]));
    net.expect(caller, json!([8, 48, request, {}, "com.error", [2]]));
}

// PCR-05
#[test]
fn a_callee_may_answer_at_once() {
    let (mut net, caller, callee) = pair();
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
}

// PCR-07
#[test]
fn nothing_follows_the_final_result() {
    let (mut net, caller, callee) = pair();
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.send(callee, json!([70, 1, {"progress": true}, ["late"]]));
    net.expect(caller, json!([50, request, {}, ["!"]]));
    net.nothing(caller);
    assert!(!net.is_closed(callee));
}

// PCR-08
#[test]
fn a_caller_that_did_not_ask_gets_the_final_result_only() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.nothing(caller);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
}

// PCR-09
#[test]
fn a_caller_that_leaves_amid_the_stream_interrupts_it() {
    let (mut net, caller, callee) = pair();
    net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.send(callee, json!([70, 1, {"progress": true}, [2]]));
    net.disconnect(caller);
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": CANCELED}]));
}

// PCR-13
#[test]
fn a_stream_that_goes_on_is_not_interrupted_again() {
    let (mut net, caller, callee) = pair();
    net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.send(caller, json!([49, 1, {"mode": "killnowait"}]));
    net.expect(callee, json!([69, 1, "_"]));
    for n in 0..10 {
        net.send(callee, json!([70, 1, {"progress": true}, [n]]));
    }
    net.nothing(callee);
    net.refused(caller, CALL, 1, CANCELED);
    net.nothing(caller);
}

// PCR-10
#[test]
fn a_callee_that_leaves_amid_the_stream_ends_it() {
    let (mut net, caller, callee) = pair();
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.disconnect(callee);
    net.expect(caller, json!([50, request, {"progress": true}, [1]]));
    net.refused(caller, CALL, request, CANCELED);
}

// PCR-12, DLR-18
#[test]
fn a_stream_to_a_caller_that_does_not_read_ends_its_call_and_nothing_else() {
    let mut net = net_of(|_| (), |limits| limits.outbox_bytes_soft = 4096);
    let (slow, quick, callee) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    net.register(callee, "com.p");
    let request = net.call_with(slow, json!({"receive_progress": true}), "com.p", "?");
    net.stall(slow);
    net.invoked(callee);
    let chunk = "x".repeat(1000);
    let mut sent = 0;
    while net.connection(callee).inbox().is_empty() {
        net.send(callee, json!([70, 1, {"progress": true}, [chunk]]));
        sent += 1;
        assert!(sent < 100, "the stream has no end");
    }
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": CANCELED}]));
    net.call(quick, "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 2, "!");
    net.expect(quick, json!([50, 1, {}, ["!"]]));
    net.resume(slow);
    let received = net.receive(slow);
    let (last, results) = received.split_last().expect("something came");
    assert_eq!(results.len(), sent - 1);
    assert_eq!((last.code(), last.id(2), last.text(4)), (8, request, CANCELED));
    assert!(!net.is_closed(slow));
}

// PCR-01, PCR-08
#[test]
fn a_callee_that_was_not_asked_may_stream_all_the_same_to_who_wants_it() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callee = join_with(&mut net, &[PROGRESS]);
    net.register(callee, "com.p");
    let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.expect(caller, json!([50, request, {"progress": true}, [1]]));
}
