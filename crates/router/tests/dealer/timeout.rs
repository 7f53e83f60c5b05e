//! Call timeouts (TMO).

use std::time::Duration;

use testkit::{Client, Net, json};

use crate::{CALL, callees, join_with, net_of, only, pair, pair_with_callee};

const TIMEOUT: &str = "wamp.error.timeout";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn call(net: &mut Net, caller: Client, timeout: u64) -> u64 {
    net.call_with(caller, json!({"timeout": timeout}), "com.p", "?")
}

// TMO-01, TMO-03, TMO-04, ERR-14, CAN-13
#[test]
fn a_call_ends_after_its_timeout_in_milliseconds() {
    let (mut net, caller, callee) = pair();
    let request = call(&mut net, caller, 200);
    net.invoked(callee);
    net.advance(ms(199));
    net.nothing(caller);
    net.advance(ms(1));
    net.expect(caller, json!([8, 48, request, {}, TIMEOUT, ["_"]]));
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": TIMEOUT}]));
}

// TMO-01
#[test]
fn no_timeout_and_zero_are_the_same() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    call(&mut net, caller, 0);
    net.advance(ms(1_000_000_000));
    net.nothing(caller);
    assert_eq!(net.receive(callee).len(), 2);
}

// TMO-02, TMO-04, TMO-11
#[test]
fn nobody_needs_a_feature_to_time_out() {
    let mut net = Net::open();
    let (caller, callee) = (join_with(&mut net, &[]), join_with(&mut net, &[]));
    net.register(callee, "com.p");
    let request = call(&mut net, caller, 50);
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
    net.advance(ms(50));
    net.refused(caller, CALL, request, TIMEOUT);
    net.nothing(callee);
}

// TMO-05
#[test]
fn an_answer_after_the_timeout_is_dropped() {
    for late in [json!([70, 1, {}, ["late"]]), json!([8, 68, 1, {}, "com.late"])] {
        let (mut net, caller, callee) = pair();
        let request = call(&mut net, caller, 50);
        net.advance(ms(60));
        net.send(callee, late);
        net.refused(caller, CALL, request, TIMEOUT);
        net.nothing(caller);
        assert!(!net.is_closed(callee));
    }
}

// TMO-06
#[test]
fn a_callee_that_asks_for_timeouts_sees_to_them_itself() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"forward_timeout": true}));
    call(&mut net, caller, 50);
    net.expect(callee, json!([68, 1, "_", {"timeout": 50}, ["?"]]));
    net.advance(ms(1000));
    net.nothing(caller);
    net.nothing(callee);
}

// TMO-06, TMO-07
#[test]
fn it_takes_both_the_feature_and_the_option() {
    for (features, options) in
        [(vec!["call_timeout"], json!({})), (vec!["call_canceling"], json!({"forward_timeout": true}))]
    {
        let mut net = Net::open();
        let caller = net.join("realm1");
        let callee = net.client().roles(only(&features)).join("realm1");
        net.register_with(callee, options, "com.p");
        let request = call(&mut net, caller, 50);
        net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
        net.advance(ms(50));
        net.refused(caller, CALL, request, TIMEOUT);
    }
}

// TMO-08
#[test]
fn a_realm_may_keep_timeouts_to_itself() {
    let mut net = net_of(|realm| realm.call_timeout.never_forward = true, |_| ());
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({"forward_timeout": true, "concurrency": 1}));
    let requests = [call(&mut net, caller, 50), call(&mut net, caller, 80)];
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
    net.advance(ms(50));
    net.refused(caller, CALL, requests[0], TIMEOUT);
    net.expect(callee, json!([69, 1, "_"]));
    net.answer(callee, 1, "late");
    net.expect(callee, json!([68, 2, "_", {}, ["?"]]));
    net.advance(ms(30));
    net.refused(caller, CALL, requests[1], TIMEOUT);
}

// TMO-09
#[test]
fn a_timeout_of_the_callee_passes() {
    let (mut net, caller, callee) = pair();
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([8, 68, 1, {}, TIMEOUT, ["mine"]]));
    net.expect(caller, json!([8, 48, request, {}, TIMEOUT, ["mine"]]));
}

// TMO-10
#[test]
fn the_timer_ends_with_the_call() {
    let (mut net, caller, callee) = pair();
    let request = call(&mut net, caller, 200);
    net.invoked(callee);
    net.advance(ms(100));
    net.answer(callee, 1, "!");
    net.expect(caller, json!([50, request, {}, ["!"]]));
    net.advance(ms(1000));
    net.nothing(caller);
    net.nothing(callee);
}

// TMO-12
#[test]
fn many_timers_run_at_once_and_each_on_time() {
    let (mut net, caller, _) = pair();
    let requests: Vec<u64> = (0..2000).map(|n| call(&mut net, caller, 10 + (n * 7) % 500)).collect();
    let mut count = 0;
    for step in 0..520 {
        net.advance(ms(1));
        for ended in net.receive(caller) {
            let index = requests.iter().position(|request| *request == ended.id(2)).expect("one of ours");
            assert_eq!(u64::try_from(index * 7 % 500).expect("small") + 10, step + 1);
            count += 1;
        }
    }
    assert_eq!(count, 2000);
}

// TMO-13
#[test]
fn a_realm_sets_a_default_and_a_maximum() {
    let mut net = net_of(
        |realm| {
            realm.call_timeout.default = Some(ms(100));
            realm.call_timeout.max = Some(ms(300));
        },
        |_| (),
    );
    let caller = net.join("realm1");
    let [_] = callees(&mut net, json!({}));
    let (plain, short, long) =
        (net.call(caller, "com.p", "?"), call(&mut net, caller, 50), call(&mut net, caller, 5000));
    for (after, request) in [(50, short), (50, plain), (200, long)] {
        net.advance(ms(after));
        net.refused(caller, CALL, request, TIMEOUT);
        net.nothing(caller);
    }
}

// TMO-14
#[test]
fn a_timeout_is_a_whole_number_of_milliseconds() {
    let (mut net, caller, callee) = pair();
    for bad in [json!(-1), json!(1.5), json!("1"), json!([1])] {
        let request = net.request(caller);
        net.send(caller, json!([48, request, {"timeout": bad}, "com.p"]));
        net.refused(caller, CALL, request, "wamp.error.invalid_argument");
    }
    net.nothing(callee);
}

// PCR-11
#[test]
fn the_limit_runs_from_one_result_to_the_next() {
    let (mut net, caller, callee) = pair();
    let options = json!({"timeout": 300, "receive_progress": true});
    let request = net.call_with(caller, options, "com.p", "?");
    net.invoked(callee);
    for n in 0..10 {
        net.advance(ms(200));
        net.send(callee, json!([70, 1, {"progress": true}, [n]]));
        net.expect(caller, json!([50, request, {"progress": true}, [n]]));
    }
    net.advance(ms(299));
    net.nothing(caller);
    net.advance(ms(1));
    net.refused(caller, CALL, request, TIMEOUT);
    net.expect(callee, json!([69, 1, "_"]));
}

// TMO-04, CAN-07
#[test]
fn a_callee_without_call_canceling_is_not_told_of_a_timeout() {
    let (mut net, caller, callee) = pair_with_callee(&["call_timeout"]);
    let request = call(&mut net, caller, 50);
    net.invoked(callee);
    net.advance(ms(50));
    net.refused(caller, CALL, request, TIMEOUT);
    net.nothing(callee);
}
