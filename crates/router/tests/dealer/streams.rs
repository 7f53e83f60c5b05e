//! Progressive call invocations (PCI).

use testkit::{Client, Net, json};

use crate::{CALL, CANCELED, callees, join_with, net_of, only, pair, pair_with_callee};

/// The client sends one part of call `request`: its number, and whether more follow.
fn part(net: &mut Net, caller: Client, request: u64, number: u64, more: bool) {
    let options = if more { json!({"progress": true}) } else { json!({}) };
    net.send(caller, json!([48, request, options, "com.p", [number]]));
}

// PCI-01, PCI-02, PCI-07, IDS-09
#[test]
fn all_parts_of_a_call_have_one_request_on_either_side() {
    for last in [json!({}), json!({"progress": false})] {
        let (mut net, caller, callee) = pair();
        for number in 1..=4 {
            part(&mut net, caller, 1, number, true);
            net.expect(callee, json!([68, 1, "_", {"progress": true}, [number]]));
        }
        net.send(caller, json!([48, 1, last, "com.p", [5]]));
        net.expect(callee, json!([68, 1, "_", {}, [5]]));
        net.answer(callee, 1, "!");
        net.expect(caller, json!([50, 1, {}, ["!"]]));
    }
}

// PCI-03, PVI-14
#[test]
fn a_caller_that_did_not_announce_it_breaks_the_protocol() {
    let mut net = Net::open();
    let caller = join_with(&mut net, &["call_canceling"]);
    part(&mut net, caller, 1, 1, true);
    net.violated(caller);
}

// PCI-05
#[test]
fn a_callee_that_cannot_take_it_is_not_asked() {
    for features in [vec!["progressive_call_invocations"], vec!["call_canceling"], vec![]] {
        let (mut net, caller, callee) = pair_with_callee(&features);
        part(&mut net, caller, 1, 1, true);
        net.refused(caller, CALL, 1, "wamp.error.feature_not_supported");
        net.nothing(callee);
    }
}

// PCI-08
#[test]
fn all_parts_go_to_the_callee_that_got_the_first() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let [one, two, three] = callees(&mut net, json!({"invoke": "roundrobin"}));
    for number in 1..=3 {
        part(&mut net, caller, 1, number, true);
    }
    net.call(three, "com.p", "goes on with the round");
    assert_eq!([one, two, three].map(|callee| net.receive(callee).len()), [3, 1, 0]);
}

// PCI-09
#[test]
fn a_caller_that_leaves_interrupts_the_callee() {
    let (mut net, caller, callee) = pair();
    part(&mut net, caller, 1, 1, true);
    part(&mut net, caller, 1, 2, true);
    assert_eq!(net.receive(callee).len(), 2);
    net.disconnect(caller);
    net.expect(callee, json!([69, 1, {"mode": "killnowait", "reason": CANCELED}]));
}

// PCI-10
#[test]
fn a_callee_that_leaves_ends_the_call() {
    let (mut net, caller, callee) = pair();
    part(&mut net, caller, 1, 1, true);
    net.disconnect(callee);
    net.refused(caller, CALL, 1, CANCELED);
}

// PCI-11
#[test]
fn what_follows_a_call_that_has_ended_is_dropped() {
    let (mut net, caller, callee) = pair();
    part(&mut net, caller, 1, 1, true);
    net.invoked(callee);
    net.send(callee, json!([8, 68, 1, {}, "com.error"]));
    net.expect(caller, json!([8, 48, 1, {}, "com.error"]));
    part(&mut net, caller, 1, 2, true);
    part(&mut net, caller, 1, 3, false);
    net.nothing(caller);
    net.nothing(callee);
    assert!(!net.is_closed(caller));
}

// PCI-12
#[test]
fn a_strict_realm_wants_new_calls_in_order() {
    let mut net = net_of(|realm| realm.request_ids = cloverleaf_router::config::RequestIds::Strict, |_| ());
    let caller = net.join("realm1");
    let [callee] = callees(&mut net, json!({}));
    part(&mut net, caller, 1, 1, true);
    part(&mut net, caller, 2, 1, false);
    part(&mut net, caller, 1, 2, false);
    assert_eq!(net.receive(callee).len(), 3);
    part(&mut net, caller, 4, 1, false);
    net.violated(caller);
}

// PCI-13
#[test]
fn a_pending_plain_call_takes_no_continuation() {
    let (mut net, caller, _) = pair();
    part(&mut net, caller, 1, 1, false);
    part(&mut net, caller, 1, 2, false);
    net.violated(caller);
}

// PCI-13
#[test]
fn nothing_follows_the_last_part() {
    let (mut net, caller, _) = pair();
    part(&mut net, caller, 1, 1, true);
    part(&mut net, caller, 1, 2, false);
    part(&mut net, caller, 1, 3, false);
    net.violated(caller);
}

// PCI-14
#[test]
fn a_continuation_names_the_same_procedure() {
    let (mut net, caller, callee) = pair();
    net.register(callee, "com.q");
    part(&mut net, caller, 1, 1, true);
    net.send(caller, json!([48, 1, {"progress": true}, "com.q", [2]]));
    net.violated(caller);
}

// PCI-14, PBR-09
#[test]
fn continuations_work_through_patterns() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register_with(callee, json!({"match": "prefix"}), "com.");
    for options in [json!({"progress": true}), json!({})] {
        net.send(caller, json!([48, 1, options.clone(), "com.x.y"]));
        let details = net.take(callee);
        assert_eq!(details.detail(3, "procedure"), Some(&"com.x.y".into()));
        assert_eq!(details.id(1), 1);
    }
}

// PCI-16, PCI-17, CID-01
#[test]
fn options_are_those_of_the_first_part() {
    let (mut net, caller, callee) = pair();
    let session = net.session(caller);
    let first = json!({"progress": true, "disclose_me": true, "receive_progress": true});
    net.send(caller, json!([48, 1, first, "com.p"]));
    let frozen = json!({"progress": true, "caller": session, "caller_authid": "_", "caller_authrole": "_",
        "receive_progress": true});
    net.expect(callee, json!([68, 1, "_", frozen]));
    let other = json!({"progress": true, "timeout": 5, "ppt_scheme": "x_mine", "disclose_me": false});
    net.send(caller, json!([48, 1, other, "com.p", ["x"]]));
    net.expect(callee, json!([68, 1, "_", frozen, ["x"]]));
    net.advance(std::time::Duration::from_millis(10));
    net.nothing(caller);
}

// PCI-16
#[test]
fn what_the_first_part_did_not_ask_for_is_not_done() {
    let (mut net, caller, callee) = pair();
    part(&mut net, caller, 1, 1, true);
    net.invoked(callee);
    let late = json!({"progress": true, "disclose_me": true, "receive_progress": true});
    net.send(caller, json!([48, 1, late, "com.p", [2]]));
    net.expect(callee, json!([68, 1, "_", {"progress": true}, [2]]));
    net.send(callee, json!([70, 1, {"progress": true}, [1]]));
    net.nothing(caller);
}

// PCI-18, PCR-02
#[test]
fn parts_and_results_flow_both_ways() {
    let (mut net, caller, callee) = pair();
    net.send(caller, json!([48, 1, {"progress": true, "receive_progress": true}, "com.p", [0]]));
    net.invoked(callee);
    for n in 1..5 {
        net.send(callee, json!([70, 1, {"progress": true}, [n]]));
        net.expect(caller, json!([50, 1, {"progress": true}, [n]]));
        part(&mut net, caller, 1, n, true);
        net.expect(callee, json!([68, 1, "_", "_", [n]]));
    }
    net.answer(callee, 1, "enough");
    net.expect(caller, json!([50, 1, {}, ["enough"]]));
    part(&mut net, caller, 1, 9, false);
    net.nothing(callee);
}

// PCI-19
#[test]
fn a_transfer_can_be_canceled() {
    let (mut net, caller, callee) = pair();
    part(&mut net, caller, 1, 1, true);
    part(&mut net, caller, 1, 2, true);
    assert_eq!(net.receive(callee).len(), 2);
    net.send(caller, json!([49, 1, {"mode": "killnowait"}]));
    net.expect(callee, json!([69, 1, "_"]));
    net.refused(caller, CALL, 1, CANCELED);
    part(&mut net, caller, 1, 3, false);
    net.nothing(callee);
    net.nothing(caller);
}

// PCI-20
#[test]
fn parts_keep_their_order() {
    let (mut net, caller, callee) = pair();
    let parts = (0..1000).map(|n| json!([48, 1, {"progress": true}, "com.p", [n]]));
    net.send_all(caller, parts.collect::<Vec<_>>());
    for n in 0..1000 {
        net.expect(callee, json!([68, 1, "_", {"progress": true}, [n]]));
    }
}

// PCI-06, FEA-04
#[test]
fn the_dealer_announces_what_it_takes() {
    let mut net = Net::open();
    let client = net.client().roles(only(&[])).hello("realm1");
    let welcome = net.welcome(client);
    let roles = welcome.detail(2, "roles").and_then(wamp::Value::as_dict).expect("roles");
    let dealer = roles.get("dealer").and_then(wamp::Value::as_dict).expect("a dealer");
    let features = dealer.get("features").and_then(wamp::Value::as_dict).expect("features");
    for feature in [
        "progressive_call_results",
        "progressive_call_invocations",
        "call_timeout",
        "call_canceling",
        "call_reroute",
        "caller_identification",
        "call_trustlevels",
        "pattern_based_registration",
        "shared_registration",
        "registration_revocation",
        "payload_passthru_mode",
    ] {
        assert_eq!(features.get(feature), Some(&true.into()), "{feature}");
    }
    assert_eq!(features.get("sharded_registration"), None);
}
