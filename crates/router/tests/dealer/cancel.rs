//! Call canceling (CAN).

use testkit::{Client, Net, json};

use crate::{CALL, CANCELED, pair, pair_with_callee};

fn cancel(net: &mut Net, caller: Client, request: u64, mode: &str) {
    net.send(caller, json!([49, request, {"mode": mode}]));
}

// CAN-01, CAN-02, CAN-05, PVI-08
#[test]
fn skip_answers_the_caller_and_leaves_the_callee_alone() {
    for late in [json!([70, 1, {}, ["late"]]), json!([8, 68, 1, {}, "com.late"])] {
        let (mut net, caller, callee) = pair();
        let request = net.call(caller, "com.p", "?");
        net.invoked(callee);
        cancel(&mut net, caller, request, "skip");
        net.expect(caller, json!([8, 48, request, {}, CANCELED, ["_"]]));
        net.nothing(callee);
        net.send(callee, late);
        net.nothing(caller);
        assert!(!net.is_closed(callee));
    }
}

// CAN-01, CAN-03, CAN-13
#[test]
fn kill_waits_for_the_callee() {
    for (answer, expected) in [
        (json!([8, 68, 1, {}, CANCELED]), json!([8, 48, 1, {}, CANCELED])),
        (json!([8, 68, 1, {}, "com.other", [1]]), json!([8, 48, 1, {}, "com.other", [1]])),
        (json!([70, 1, {}, ["done anyway"]]), json!([50, 1, {}, ["done anyway"]])),
    ] {
        let (mut net, caller, callee) = pair();
        net.call(caller, "com.p", "?");
        net.invoked(callee);
        cancel(&mut net, caller, 1, "kill");
        net.nothing(caller);
        net.expect(callee, json!([69, 1, {"mode": "kill", "reason": CANCELED}]));
        net.send(callee, answer);
        net.expect(caller, expected);
        net.nothing(caller);
    }
}

// CAN-01, CAN-04
#[test]
fn killnowait_answers_the_caller_and_interrupts_the_callee() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, caller, request, "killnowait");
    net.refused(caller, CALL, request, CANCELED);
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": CANCELED}]));
    net.answer(callee, 1, "late");
    net.nothing(caller);
}

// CAN-06
#[test]
fn only_the_callee_of_the_call_is_interrupted() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = crate::callees(&mut net, json!({"invoke": "roundrobin"}));
    net.call(caller, "com.p", "?");
    net.call(caller, "com.p", "?");
    net.invoked(one);
    net.invoked(two);
    cancel(&mut net, caller, 2, "killnowait");
    net.expect(two, json!([69, 1, "_"]));
    net.nothing(one);
}

// CAN-07
#[test]
fn for_a_callee_that_cannot_be_interrupted_every_mode_is_skip() {
    for mode in ["skip", "kill", "killnowait"] {
        let (mut net, caller, callee) = pair_with_callee(&[]);
        let request = net.call(caller, "com.p", "?");
        net.invoked(callee);
        cancel(&mut net, caller, request, mode);
        net.refused(caller, CALL, request, CANCELED);
        net.nothing(callee);
        net.send(callee, json!([8, 68, 1, {}, "wamp.error.unavailable"]));
        net.nothing(caller);
    }
}

// CAN-08, IDS-08
#[test]
fn a_cancel_of_what_is_not_there_does_nothing() {
    let (mut net, caller, callee) = pair();
    cancel(&mut net, caller, 77, "kill");
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
    cancel(&mut net, caller, request, "killnowait");
    net.nothing(caller);
    net.nothing(callee);
    assert!(!net.is_closed(caller));
}

// CAN-09
#[test]
fn nobody_cancels_the_calls_of_others() {
    let (mut net, caller, callee) = pair();
    let other = net.join("realm1");
    net.call(caller, "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, other, 1, "killnowait");
    net.nothing(callee);
    net.nothing(other);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
}

// CAN-10
#[test]
fn a_second_cancel_escalates_but_is_not_repeated() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, caller, 1, "kill");
    cancel(&mut net, caller, 1, "kill");
    net.expect(callee, json!([69, 1, {"mode": "kill", "...": 0}]));
    net.nothing(callee);
    cancel(&mut net, caller, 1, "killnowait");
    net.refused(caller, CALL, 1, CANCELED);
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "...": 0}]));
    cancel(&mut net, caller, 1, "killnowait");
    net.nothing(callee);
    net.nothing(caller);
}

// CAN-11
#[test]
fn without_a_mode_it_is_killnowait() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.send(caller, json!([49, 1, {}]));
    net.refused(caller, CALL, 1, CANCELED);
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "...": 0}]));
}

// CAN-12
#[test]
fn an_unknown_mode_leaves_the_call_pending() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, caller, 1, "x");
    net.nothing(callee);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
    assert!(!net.is_closed(caller));
}

// CAN-15, DLR-13
#[test]
fn a_callee_that_leaves_after_kill_ends_the_call() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, caller, 1, "kill");
    net.disconnect(callee);
    net.refused(caller, CALL, 1, CANCELED);
    net.nothing(caller);
}

// CAN-03, PCR-02
#[test]
fn results_still_come_while_the_callee_is_being_killed() {
    let (mut net, caller, callee) = pair();
    net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
    net.invoked(callee);
    cancel(&mut net, caller, 1, "kill");
    net.send(callee, json!([70, 1, {"progress": true}, ["more"]]));
    net.expect(caller, json!([50, 1, {"progress": true}, ["more"]]));
    net.send(callee, json!([8, 68, 1, {}, CANCELED]));
    net.refused(caller, CALL, 1, CANCELED);
}

// CAN-08, PVI-08
#[test]
fn an_id_that_is_used_again_is_another_call() {
    let (mut net, caller, callee) = pair();
    net.send(caller, json!([48, 9, {}, "com.p", ["first"]]));
    cancel(&mut net, caller, 9, "skip");
    net.refused(caller, CALL, 9, CANCELED);
    // An old client that draws its ids at random: announces nothing, so that this is no late continuation.
    let old = crate::join_with(&mut net, &[]);
    net.send(old, json!([48, 9, {}, "com.p", ["second"]]));
    cancel(&mut net, old, 9, "skip");
    net.refused(old, CALL, 9, CANCELED);
    net.send(old, json!([48, 9, {}, "com.p", ["third"]]));
    assert_eq!(net.receive(callee).len(), 3);
    net.answer(callee, 2, "for the second");
    net.nothing(old);
    net.answer(callee, 3, "for the third");
    net.expect(old, json!([50, 9, {}, ["for the third"]]));
}
