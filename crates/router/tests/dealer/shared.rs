//! Shared registration (SHR).

use testkit::{Net, json};

use crate::{CALL, NO_SUCH_PROCEDURE, REGISTER, callees, serve};

const ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";

// SHR-01, SHR-11
#[test]
fn the_five_policies_are_known_and_no_others() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    for policy in ["single", "roundrobin", "random", "first", "last"] {
        net.register_with(callee, json!({"invoke": policy}), &format!("com.{policy}"));
    }
    let request = net.request(callee);
    net.send(callee, json!([64, request, {"invoke": "x"}, "com.x"]));
    net.refused(callee, REGISTER, request, "wamp.error.invalid_argument");
}

// SHR-03
#[test]
fn callees_of_one_registration_agree_on_the_policy() {
    let mut net = Net::open();
    let [_] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let other = net.join("realm1");
    for options in [json!({"invoke": "random"}), json!({"invoke": "single"}), json!({})] {
        let request = net.request(other);
        net.send(other, json!([64, request, options, "com.p"]));
        net.refused(other, REGISTER, request, ALREADY_EXISTS);
    }
    net.register_with(other, json!({"invoke": "roundrobin"}), "com.p");
}

// SHR-03
#[test]
fn crossbar_has_a_uri_of_its_own_for_another_policy() {
    let mut net = crate::net_of(|realm| realm.compat_crossbar = true, |_| ());
    let [_] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let other = net.join("realm1");
    net.send(other, json!([64, 1, {"invoke": "random"}, "com.p"]));
    let uri = "wamp.error.procedure_exists_with_different_invocation_policy";
    net.refused(other, REGISTER, 1, uri);
}

// SHR-04
#[test]
fn all_callees_of_a_registration_have_its_id() {
    let mut net = Net::open();
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let options = json!({"invoke": "last"});
    let id = net.register_with(one, options.clone(), "com.p");
    assert_eq!(net.register_with(two, options, "com.p"), id);
}

// SHR-05
#[test]
fn roundrobin_goes_round_in_the_order_of_registration() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callees: [_; 3] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let served: Vec<usize> = (0..9).map(|_| serve(&mut net, caller, &callees)).collect();
    assert_eq!(served, [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

// SHR-06
#[test]
fn random_reaches_every_callee_about_as_often() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callees: [_; 3] = callees(&mut net, json!({"invoke": "random"}));
    let mut counts = [0; 3];
    for _ in 0..3000 {
        counts[serve(&mut net, caller, &callees)] += 1;
    }
    assert!(counts.iter().all(|count| (800..=1200).contains(count)), "{counts:?}");
}

// SHR-07
#[test]
fn first_and_last_fall_over_when_their_callee_leaves() {
    for (policy, order) in [("first", [0, 1, 2]), ("last", [2, 1, 0])] {
        let mut net = Net::open();
        let caller = net.join("realm1");
        let callees: [_; 3] = callees(&mut net, json!({"invoke": policy}));
        for expected in order {
            assert_eq!(serve(&mut net, caller, &callees), expected, "{policy}");
            assert_eq!(serve(&mut net, caller, &callees), expected, "{policy}");
            net.disconnect(callees[expected]);
        }
        let request = net.call(caller, "com.p", "?");
        net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
    }
}

// SHR-08
#[test]
fn the_round_goes_on_when_a_callee_leaves() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callees: [_; 4] = callees(&mut net, json!({"invoke": "roundrobin"}));
    assert_eq!(serve(&mut net, caller, &callees), 0);
    net.disconnect(callees[1]);
    let served: Vec<usize> = (0..6).map(|_| serve(&mut net, caller, &callees)).collect();
    assert_eq!(served, [2, 3, 0, 2, 3, 0]);
}

// SHR-08
#[test]
fn one_who_joins_has_its_turn_last() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let old: [_; 2] = callees(&mut net, json!({"invoke": "roundrobin"}));
    assert_eq!(serve(&mut net, caller, &old), 0);
    let [new] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let all = [old[0], old[1], new];
    let served: Vec<usize> = (0..4).map(|_| serve(&mut net, caller, &all)).collect();
    assert_eq!(served, [1, 2, 0, 1]);
}

// SHR-09
#[test]
fn a_session_that_registers_twice_is_one_callee() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    let options = json!({"invoke": "roundrobin"});
    let id = net.register_with(callee, options.clone(), "com.p");
    assert_eq!(net.register_with(callee, options, "com.p"), id);
    net.unregister(callee, id);
    let request = net.call(caller, "com.p", "?");
    net.refused(caller, CALL, request, NO_SUCH_PROCEDURE);
}

// SHR-10
#[test]
fn the_policy_is_free_when_the_last_callee_left() {
    let mut net = Net::open();
    let callees: [_; 2] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let other = net.join("realm1");
    net.disconnect(callees[0]);
    net.send(other, json!([64, 1, {"invoke": "first"}, "com.p"]));
    net.refused(other, REGISTER, 1, ALREADY_EXISTS);
    net.disconnect(callees[1]);
    net.send(other, json!([64, 2, {"invoke": "first"}, "com.p"]));
    net.expect(other, json!([65, 2, "_"]));
}

// SHR-13, SHR-10
#[test]
fn force_reregister_dismisses_all_callees_and_sets_the_policy() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let old: [_; 2] = callees(&mut net, json!({"invoke": "roundrobin"}));
    let new: [_; 1] = callees(&mut net, json!({"invoke": "last", "force_reregister": true}));
    for callee in old {
        net.expect(callee, json!([67, 0, {"registration": "_", "reason": "_"}]));
    }
    assert_eq!(serve(&mut net, caller, &[old[0], old[1], new[0]]), 2);
    net.register_with(old[0], json!({"invoke": "last"}), "com.p");
}

// SHD-02
#[test]
fn sharding_is_not_announced_and_its_options_change_nothing() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({}));
    net.call_with(caller, json!({"runmode": "partition"}), "com.p", "?");
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
    net.call_with(caller, json!({"rkey": "k"}), "com.p", "?");
    net.expect(callee, json!([68, 2, "_", {}, ["?"]]));
}
