//! Registrations with `concurrency`: calls that wait for a callee to be free (SHR-12).

use testkit::{Client, Net, json};

use crate::{CALL, CANCELED, UNAVAILABLE, callees, net_of};

/// A caller, and a callee of `com.p` that takes one call at a time.
fn one_at_a_time() -> (Net, Client, Client) {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"concurrency": 1}));
    (net, caller, callee)
}

// SHR-12
#[test]
fn a_busy_callee_gets_the_next_call_when_it_has_answered() {
    let (mut net, caller, callee) = one_at_a_time();
    let first = net.call(caller, "com.p", "1");
    let second = net.call(caller, "com.p", "2");
    net.expect(callee, json!([68, 1, "_", {}, ["1"]]));
    net.nothing(callee);
    net.answer(callee, 1, "one");
    net.expect(caller, json!([50, first, {}, ["one"]]));
    net.expect(callee, json!([68, 2, "_", {}, ["2"]]));
    net.answer(callee, 2, "two");
    net.expect(caller, json!([50, second, {}, ["two"]]));
}

// SHR-12
#[test]
fn an_error_frees_a_callee_as_well() {
    let (mut net, caller, callee) = one_at_a_time();
    net.call(caller, "com.p", "1");
    net.call(caller, "com.p", "2");
    net.invoked(callee);
    net.send(callee, json!([8, 68, 1, {}, "com.error"]));
    net.expect(callee, json!([68, 2, "_", {}, ["2"]]));
}

// SHR-12
#[test]
fn saturated_callees_are_skipped() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two] = callees(&mut net, json!({"invoke": "first", "concurrency": 2}));
    for _ in 0..5 {
        net.call(caller, "com.p", "?");
    }
    assert_eq!((net.receive(one).len(), net.receive(two).len()), (2, 2));
    net.answer(two, 1, "!");
    net.invoked(two);
    net.nothing(one);
}

// SHR-12, ORD-04
#[test]
fn waiting_calls_are_served_in_their_order() {
    let (mut net, caller, callee) = one_at_a_time();
    let other = net.join("realm1");
    for n in 0..10 {
        let who = if n % 3 == 0 { other } else { caller };
        net.call(who, "com.p", &n.to_string());
    }
    for n in 0..10 {
        let invocation = net.expect(callee, json!([68, "_", "_", {}, [n.to_string()]])).id(1);
        net.nothing(callee);
        net.answer(callee, invocation, "!");
    }
}

// SHR-12, DLR-19
#[test]
fn the_queue_has_an_end() {
    let mut net = net_of(|_| (), |limits| limits.queued_calls_max = 2);
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"concurrency": 1}));
    let requests: Vec<u64> = (0..4).map(|_| net.call(caller, "com.p", "?")).collect();
    net.refused(caller, CALL, requests[3], UNAVAILABLE);
    net.nothing(caller);
    net.invoked(callee);
}

// SHR-12
#[test]
fn a_full_queue_has_the_uri_that_crossbar_gives_it() {
    let mut net = net_of(|realm| realm.compat_crossbar = true, |limits| limits.queued_calls_max = 0);
    let caller = net.join("realm1");
    let [_] = callees(&mut net, json!({"concurrency": 1}));
    net.call(caller, "com.p", "?");
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, "crossbar.error.max_concurrency_reached");
}

// SHR-12
#[test]
fn one_who_joins_serves_those_who_wait() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let options = json!({"invoke": "roundrobin", "concurrency": 1});
    let [busy] = callees(&mut net, options.clone());
    net.call(caller, "com.p", "1");
    net.call(caller, "com.p", "2");
    net.invoked(busy);
    let [fresh] = callees(&mut net, options);
    net.expect(fresh, json!([68, 1, "_", {}, ["2"]]));
}

// SHR-12, ROB-10
#[test]
fn those_who_wait_are_answered_when_the_last_callee_leaves() {
    let (mut net, caller, callee) = one_at_a_time();
    for _ in 0..3 {
        net.call(caller, "com.p", "?");
    }
    net.disconnect(callee);
    let mut ended: Vec<u64> = net.receive(caller).iter().map(|error| error.id(2)).collect();
    ended.sort_unstable();
    assert_eq!(ended, [1, 2, 3]);
}

// CAN-01, CAN-03
#[test]
fn a_call_that_waits_can_be_canceled_in_every_mode() {
    for mode in ["skip", "kill", "killnowait"] {
        let (mut net, caller, callee) = one_at_a_time();
        net.call(caller, "com.p", "1");
        let waiting = net.call(caller, "com.p", "2");
        let last = net.call(caller, "com.p", "3");
        net.invoked(callee);
        net.send(caller, json!([49, waiting, {"mode": mode}]));
        net.refused(caller, CALL, waiting, CANCELED);
        net.nothing(callee);
        net.answer(callee, 1, "!");
        net.expect(caller, json!([50, 1, {}, ["!"]]));
        net.expect(callee, json!([68, 2, "_", {}, ["3"]]));
        net.answer(callee, 2, "!");
        net.expect(caller, json!([50, last, {}, ["!"]]));
    }
}

// CAN-03
#[test]
fn a_waiting_call_that_could_be_re_routed_is_killed_at_once() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [_, _] = callees(&mut net, json!({"invoke": "first", "concurrency": 1}));
    for _ in 0..3 {
        net.call(caller, "com.p", "?");
    }
    net.send(caller, json!([49, 3, {"mode": "kill"}]));
    net.refused(caller, CALL, 3, CANCELED);
}

// TMO-01, TMO-03
#[test]
fn the_timeout_of_a_call_runs_while_it_waits() {
    let (mut net, caller, callee) = one_at_a_time();
    net.call(caller, "com.p", "1");
    let waiting = net.call_with(caller, json!({"timeout": 100}), "com.p", "2");
    net.invoked(callee);
    net.advance(std::time::Duration::from_millis(100));
    net.refused(caller, CALL, waiting, "wamp.error.timeout");
    net.answer(callee, 1, "!");
    net.nothing(callee);
}

// DLR-11
#[test]
fn calls_of_a_session_that_left_wait_no_more() {
    let (mut net, caller, callee) = one_at_a_time();
    let leaver = net.join("realm1");
    net.call(caller, "com.p", "1");
    net.call(leaver, "com.p", "2");
    net.call(caller, "com.p", "3");
    net.invoked(callee);
    net.disconnect(leaver);
    net.answer(callee, 1, "!");
    net.expect(callee, json!([68, 2, "_", {}, ["3"]]));
}

// SHR-12, CAN-02
#[test]
fn a_call_that_was_given_up_keeps_its_callee_busy_until_that_answers() {
    let (mut net, caller, callee) = one_at_a_time();
    net.call(caller, "com.p", "1");
    net.send(caller, json!([49, 1, {"mode": "skip"}]));
    net.call(caller, "com.p", "2");
    net.expect(callee, json!([68, 1, "_", {}, ["1"]]));
    net.nothing(callee);
    net.answer(callee, 1, "late");
    net.expect(callee, json!([68, 2, "_", {}, ["2"]]));
}

// PCI-02, PCI-20
#[test]
fn a_progressive_call_leaves_the_queue_as_a_whole() {
    let (mut net, caller, callee) = one_at_a_time();
    let other = net.join("realm1");
    net.call(other, "com.p", "busy");
    net.invoked(callee);
    net.send(caller, json!([48, 1, {"progress": true}, "com.p", [1]]));
    net.call(other, "com.p", "behind");
    net.send(caller, json!([48, 1, {"progress": true}, "com.p", [2]]));
    net.answer(callee, 1, "!");
    net.expect(callee, json!([68, 2, "_", {"progress": true}, [1]]));
    net.expect(callee, json!([68, 2, "_", {"progress": true}, [2]]));
    net.send(caller, json!([48, 1, {}, "com.p", [3]]));
    net.expect(callee, json!([68, 2, "_", {}, [3]]));
    net.nothing(callee);
    net.answer(callee, 2, "!");
    net.expect(caller, json!([50, 1, {}, ["!"]]));
    net.expect(callee, json!([68, 3, "_", {}, ["behind"]]));
}

// SHR-12
#[test]
fn a_concurrency_of_none_is_refused() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    for bad in [json!(0), json!(-1), json!("1")] {
        let request = net.request(callee);
        net.send(callee, json!([64, request, {"concurrency": bad}, "com.p"]));
        net.refused(callee, crate::REGISTER, request, "wamp.error.invalid_argument");
    }
}

// SHR-12, ROB-10
#[test]
fn a_call_that_only_one_callee_could_serve_ends_when_that_leaves() {
    for leaves in [false, true] {
        let mut net = Net::open();
        let caller = net.join("realm1");
        let options = json!({"invoke": "first", "concurrency": 1});
        let [able] = callees(&mut net, options.clone());
        let plain = crate::join_with(&mut net, &[]);
        let registration = net.register_with(plain, options, "com.p");
        net.send(caller, json!([48, 1, {"progress": true}, "com.p"]));
        net.send(caller, json!([48, 2, {"progress": true}, "com.p"]));
        net.send(caller, json!([48, 3, {}, "com.p"]));
        net.invoked(able);
        net.nothing(plain);
        if leaves {
            net.disconnect(able);
            // In one order or the other.
            let ended: Vec<u64> = net.receive(caller).iter().map(|error| error.id(2)).collect();
            assert!(ended == [1, 2] || ended == [2, 1], "{ended:?}");
        } else {
            net.unregister(able, registration);
            net.refused(caller, CALL, 2, "wamp.error.feature_not_supported");
        }
        net.expect(plain, json!([68, 1, "_", {}]));
    }
}

// SHR-12, PCI-02
#[test]
fn a_call_whose_continuation_finds_the_queue_full_leaves_it() {
    let mut net = net_of(|_| (), |limits| limits.queued_calls_max = 1);
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"concurrency": 1}));
    net.call(caller, "com.p", "busy");
    net.send(caller, json!([48, 2, {"progress": true}, "com.p"]));
    net.send(caller, json!([48, 2, {"progress": true}, "com.p"]));
    net.refused(caller, CALL, 2, UNAVAILABLE);
    net.send(caller, json!([48, 3, {}, "com.p", ["next"]]));
    net.nothing(caller);
    net.invoked(callee);
    net.answer(callee, 1, "!");
    net.expect(callee, json!([68, 2, "_", {}, ["next"]]));
}

// SHR-12, ROB-01
#[test]
fn a_queue_holds_so_many_bytes() {
    let mut net = net_of(|_| (), |limits| limits.queued_calls_bytes_max = 1000);
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"concurrency": 1}));
    let text = "x".repeat(400);
    let requests: Vec<u64> = (0..4).map(|_| net.call(caller, "com.p", &text)).collect();
    net.refused(caller, CALL, requests[3], UNAVAILABLE);
    net.invoked(callee);
    net.send(caller, json!([49, requests[1], {}]));
    net.refused(caller, CALL, requests[1], CANCELED);
    net.call(caller, "com.p", &text);
    net.nothing(caller);
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, requests[0], {}, ["!"]]));
    net.call(caller, "com.p", &text);
    let request = net.call(caller, "com.p", &text);
    net.refused(caller, CALL, request, UNAVAILABLE);
}

// SHR-12, ROB-10
#[test]
fn those_who_wait_for_one_that_leaves_are_told_if_no_other_can_take_them() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let options = json!({"invoke": "first", "concurrency": 1});
    let plain = crate::join_with(&mut net, &[]);
    net.register_with(plain, options.clone(), "com.p");
    let [busy] = callees(&mut net, options);
    for request in [1, 2] {
        net.send(caller, json!([48, request, {"progress": true}, "com.p"]));
    }
    net.invoked(busy);
    net.nothing(caller);
    net.disconnect(busy);
    let mut ended: Vec<u64> = net.receive(caller).iter().map(|error| error.id(2)).collect();
    ended.sort_unstable();
    assert_eq!(ended, [1, 2]);
    net.nothing(plain);
}

// SHR-12, DLR-17
#[test]
fn nobody_waits_for_a_callee_that_is_free_and_does_not_read() {
    let mut net = net_of(|_| (), |limits| limits.outbox_bytes_soft = 2000);
    let caller = net.join("realm1");
    let [busy] = callees(&mut net, json!({"invoke": "first", "concurrency": 1}));
    let [stuck] = callees(&mut net, json!({"invoke": "first"}));
    net.call(caller, "com.p", "1");
    net.invoked(busy);
    net.stall(stuck);
    let text = "x".repeat(3000);
    net.call(caller, "com.p", &text);
    net.nothing(caller);
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, UNAVAILABLE);
}
