//! Calls and their answers (DLR).

use testkit::{Net, json};

use crate::{CALL, CANCELED, NO_SUCH_PROCEDURE, join_with, pair, pair_with_callee};

// DLR-05, DLR-06, IDS-05
#[test]
fn a_call_becomes_an_invocation_and_its_yield_a_result() {
    let (mut net, caller, callee) = pair();
    net.send(caller, json!([48, 1, {}, "com.p", [1, "two"], {"three": [3]}]));
    let invocation = net.expect(callee, json!([68, 1, "_", {}, [1, "two"], {"three": [3]}])).id(1);
    net.send(callee, json!([70, invocation, {}, ["done"], {"and": null}]));
    net.expect(caller, json!([50, 1, {}, ["done"], {"and": null}]));
    net.nothing(callee);
}

// DLR-05, SHR-04
#[test]
fn an_invocation_names_the_registration() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "com.p");
    net.call(caller, "com.p", "?");
    net.expect(callee, json!([68, 1, registration, {}, ["?"]]));
}

// DLR-07
#[test]
fn an_error_of_the_callee_passes_unchanged() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.send(callee, json!([8, 68, invocation, {}, "com.my.error", ["no"], {"why": "because"}]));
    net.expect(caller, json!([8, 48, request, {}, "com.my.error", ["no"], {"why": "because"}]));
}

// DLR-08, ERR-02, ERR-21
#[test]
fn a_call_of_what_nobody_registered_is_refused() {
    let (mut net, caller, _) = pair();
    let request = net.call(caller, "com.other", "?");
    net.expect(caller, json!([8, 48, request, {}, NO_SUCH_PROCEDURE, ["_"]]));
}

// DLR-09
#[test]
fn results_come_in_the_order_of_the_answers() {
    let (mut net, caller, callee) = pair();
    let requests: Vec<u64> = (0..100).map(|_| net.call(caller, "com.p", "?")).collect();
    let invocations: Vec<u64> = (0..100).map(|_| net.invoked(callee)).collect();
    for invocation in invocations.iter().rev() {
        net.answer(callee, *invocation, &invocation.to_string());
    }
    for (request, invocation) in requests.iter().zip(&invocations).rev() {
        net.expect(caller, json!([50, request, {}, [invocation.to_string()]]));
    }
}

// DLR-10
#[test]
fn a_session_may_call_itself() {
    let mut net = Net::open();
    let both = net.join("realm1");
    net.register(both, "com.p");
    let request = net.call(both, "com.p", "?");
    let invocation = net.invoked(both);
    net.answer(both, invocation, "!");
    net.expect(both, json!([50, request, {}, ["!"]]));
}

// DLR-10, ROB-10
#[test]
fn a_session_that_calls_itself_may_leave() {
    let mut net = Net::open();
    let both = net.join("realm1");
    net.register(both, "com.p");
    net.call(both, "com.p", "?");
    net.disconnect(both);
    assert_eq!(net.router().sessions(), 0);
}

// DLR-11, PCR-09
#[test]
fn a_caller_that_leaves_interrupts_its_callees() {
    for by_goodbye in [false, true] {
        let (mut net, caller, callee) = pair();
        net.call(caller, "com.p", "?");
        let invocation = net.invoked(callee);
        if by_goodbye {
            net.send(caller, json!([6, {}, "wamp.close.close_realm"]));
        } else {
            net.disconnect(caller);
        }
        net.expect(callee, json!([69, invocation, {"mode": "killnowait", "reason": CANCELED}]));
        net.nothing(callee);
    }
}

// DLR-12, DLR-20, FEA-07
#[test]
fn a_callee_that_cannot_be_interrupted_is_not_told_and_answers_nobody() {
    let (mut net, caller, callee) = pair_with_callee(&[]);
    net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.disconnect(caller);
    net.nothing(callee);
    net.answer(callee, invocation, "late");
    net.nothing(callee);
    assert!(!net.is_closed(callee));
}

// DLR-13, ERR-07, ROB-09
#[test]
fn calls_of_a_callee_that_leaves_are_canceled() {
    let (mut net, caller, callee) = pair();
    let requests = [net.call(caller, "com.p", "1"), net.call(caller, "com.p", "2")];
    net.disconnect(callee);
    let mut ended: Vec<u64> =
        (0..2).map(|_| net.expect(caller, json!([8, 48, "_", {}, CANCELED, ["_"]])).id(2)).collect();
    ended.sort_unstable();
    assert_eq!(ended, requests);
    net.nothing(caller);
}

// DLR-14, REV-08
#[test]
fn a_callee_that_unregisters_may_still_answer() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let registration = net.register(callee, "com.p");
    let request = net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.unregister(callee, registration);
    net.answer(callee, invocation, "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
}

// DLR-15, PVI-13
#[test]
fn a_second_answer_is_dropped() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, "first");
    net.answer(callee, invocation, "second");
    net.send(callee, json!([8, 68, invocation, {}, "com.third"]));
    net.expect(caller, json!([50, request, {}, ["first"]]));
    net.nothing(caller);
    assert!(!net.is_closed(callee));
}

// PVI-07, PVI-13
#[test]
fn an_answer_to_what_was_never_asked_breaks_the_protocol() {
    for answer in [json!([70, 2, {}]), json!([70, 2, {"progress": true}]), json!([8, 68, 2, {}, "com.error"])]
    {
        let (mut net, caller, callee) = pair();
        net.call(caller, "com.p", "?");
        net.invoked(callee);
        net.send(callee, answer);
        net.violated(callee);
        net.refused(caller, CALL, 1, CANCELED);
    }
}

// PVI-09
#[test]
fn a_session_cannot_answer_for_another() {
    let (mut net, caller, callee) = pair();
    let other = net.join("realm1");
    let request = net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.answer(other, invocation, "forged");
    net.violated(other);
    net.nothing(caller);
    net.answer(callee, invocation, "true");
    net.expect(caller, json!([50, request, {}, ["true"]]));
}

// DLR-18
#[test]
fn a_caller_that_does_not_read_holds_nobody_up() {
    let (mut net, slow, callee) = pair();
    let quick = net.join("realm1");
    net.stall(slow);
    for _ in 0..20 {
        net.call(slow, "com.p", "?");
        let invocation = net.invoked(callee);
        net.answer(callee, invocation, "!");
    }
    let request = net.call(quick, "com.p", "?");
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, "!");
    net.expect(quick, json!([50, request, {}, ["!"]]));
    net.resume(slow);
    assert_eq!(net.receive(slow).len(), 20);
}

// DLR-21
#[test]
fn options_of_a_yield_are_not_passed_on() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    let invocation = net.invoked(callee);
    net.send(callee, json!([70, invocation, {"foo_bar": 1, "x_mine": 2}, ["!"]]));
    net.expect(caller, json!([50, request, {}, ["!"]]));
}

// MSG-07, MSG-08
#[test]
fn empty_arguments_are_not_sent_on() {
    let (mut net, caller, callee) = pair();
    net.send(caller, json!([48, 1, {}, "com.p", [], {}]));
    net.expect(callee, json!([68, 1, "_", {}]));
    net.send(callee, json!([70, 1, {}, [], {"a": 1}]));
    net.expect(caller, json!([50, 1, {}, [], {"a": 1}]));
}

// SER-01, SER-03
#[test]
fn callers_and_callees_need_not_speak_the_same_serializer() {
    for serializer in wamp::Serializer::ALL {
        let (mut net, caller, _) = pair();
        let callee = net.client().serializer(serializer).join("realm1");
        net.register(callee, "com.q");
        let request = net.call(caller, "com.q", "ü");
        net.expect(callee, json!([68, 1, "_", {}, ["ü"]]));
        net.answer(callee, 1, "é");
        net.expect(caller, json!([50, request, {}, ["é"]]));
        let request = net.call(caller, "com.q", "?");
        net.invoked(callee);
        net.send(callee, json!([8, 68, 2, {}, "com.error", [], {"n": -1}]));
        net.expect(caller, json!([8, 48, request, {}, "com.error", [], {"n": -1}]));
    }
}

// SES-20
#[test]
fn calls_stay_in_their_realm() {
    let mut net = Net::new(cloverleaf_router::RouterConfig {
        realms: vec![
            cloverleaf_router::RealmConfig::open("realm1"),
            cloverleaf_router::RealmConfig::open("realm2"),
        ],
        ..cloverleaf_router::RouterConfig::default()
    });
    let (here, there) = (net.join("realm1"), net.join("realm2"));
    net.register(there, "com.p");
    let request = net.call(here, "com.p", "?");
    net.refused(here, CALL, request, NO_SUCH_PROCEDURE);
}

// FEA-11
#[test]
fn a_call_without_the_role_is_served_unless_roles_are_required() {
    let (mut net, _, callee) = pair();
    let shy = net.client().roles(json!({"publisher": {}})).join("realm1");
    net.call(shy, "com.p", "?");
    net.invoked(callee);
    let mut strict = crate::net_of(|realm| realm.require_announced_roles = true, |_| ());
    let shy = strict.client().roles(json!({"publisher": {}})).join("realm1");
    strict.call(shy, "com.p", "?");
    strict.violated(shy);
    let plain = join_with(&mut strict, &[]);
    strict.register(plain, "com.p");
}
