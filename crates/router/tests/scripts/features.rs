//! What the router announces, and how it minds what clients announce.
//!
//! Spec: advanced profile, "Feature Announcement".

use testkit::{Net, json};
use wamp::Value;
use wamp::value::Dict;

use crate::{allow, realm};
use cloverleaf_router::config::TrustLevel;

fn announced(role: &str) -> Dict {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let welcome = net.take(client);
    let roles = welcome.detail(2, "roles").and_then(Value::as_dict).expect("roles").clone();
    let role = roles.get(role).and_then(Value::as_dict).expect("the role");
    role.get("features").and_then(Value::as_dict).expect("its features").clone()
}

/// FEA-01, FEA-03, FEA-05, MSB-13
#[test]
fn the_broker_announces_what_it_can_do() {
    let features = announced("broker");
    for name in [
        "publisher_identification",
        "publication_trustlevels",
        "pattern_based_subscription",
        "publisher_exclusion",
        "subscriber_blackwhite_listing",
        "subscription_revocation",
        "event_retention",
        "sharded_subscription",
        "payload_passthru_mode",
        "session_meta_api",
        "subscription_meta_api",
    ] {
        assert_eq!(features.get(name), Some(&Value::from(true)), "{name}");
    }
}

/// FEA-01, FEA-04, FEA-05, CAN-14, PCI-06, TST-07
#[test]
fn the_dealer_announces_what_it_can_do() {
    let features = announced("dealer");
    for name in [
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
        "session_meta_api",
        "registration_meta_api",
        "testament_meta_api",
    ] {
        assert_eq!(features.get(name), Some(&Value::from(true)), "{name}");
    }
}

/// FEA-02, SHD-02: an announcement of the meta API would be kept by its first procedure.
#[test]
fn nothing_is_announced_that_is_not_there() {
    let (broker, dealer) = (announced("broker"), announced("dealer"));
    assert!(!dealer.contains_key("sharded_registration"));
    let mut net = Net::open();
    let client = net.join("realm1");
    for (feature, announced, procedure) in [
        ("session_meta_api", &broker, "wamp.session.count"),
        ("session_meta_api", &dealer, "wamp.session.count"),
        ("subscription_meta_api", &broker, "wamp.subscription.list"),
        ("registration_meta_api", &dealer, "wamp.registration.list"),
        ("testament_meta_api", &dealer, "wamp.session.flush_testaments"),
    ] {
        let request = net.request(client);
        net.send(client, json!([48, request, {}, procedure]));
        let answers = net.take(client).code() == 50;
        assert_eq!(announced.contains_key(feature), answers, "{feature}");
    }
}

/// FEA-06
#[test]
fn unknown_features_are_ignored() {
    let mut net = Net::open();
    net.client().roles(json!({"caller": {"features": {"x_new": true, "odd": [1]}}})).join("realm1");
}

/// FEA-07, FEA-08, DLR-12, CAN-07
#[test]
fn a_callee_without_features_gets_no_interrupt_and_no_progress() {
    let mut net = Net::open();
    let callee = net.client().roles(json!({"callee": {}})).join("realm1");
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    net.call_with(caller, json!({"receive_progress": true}), "a.b", "x");
    net.expect(callee, json!([68, 1, "_", {}, ["x"]]));
    net.send(caller, json!([49, 1, {"mode": "kill"}]));
    net.refused(caller, 48, 1, "wamp.error.canceled");
    net.nothing(callee);
}

/// FEA-08
#[test]
fn a_feature_that_is_announced_as_false_is_not_there() {
    let mut net = Net::open();
    let features = json!({"progressive_call_results": false, "call_canceling": true});
    let callee = net.client().roles(json!({"callee": {"features": features}})).join("realm1");
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    net.call_with(caller, json!({"receive_progress": true}), "a.b", "x");
    net.expect(callee, json!([68, 1, "_", {}, ["x"]]));
}

/// FEA-09
#[test]
fn old_spellings_of_features_are_understood() {
    let mut net = Net::open();
    let features = json!({"call_cancelling": true});
    let callee = net.client().roles(json!({"callee": {"features": features}})).join("realm1");
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    net.call(caller, "a.b", "x");
    net.invoked(callee);
    net.send(caller, json!([49, 1, {"mode": "killnowait"}]));
    net.expect(callee, json!([69, 1, "_"]));
}

/// FEA-11
#[test]
fn a_role_need_not_be_announced_unless_the_realm_wants_it() {
    let requests = [
        ("publisher", json!([16, 1, {"acknowledge": true}, "a.b"])),
        ("subscriber", json!([32, 1, {}, "a.b"])),
        ("caller", json!([48, 1, {}, "a.b"])),
        ("callee", json!([64, 1, {}, "a.b"])),
    ];
    for (index, (role, _)) in requests.iter().enumerate() {
        for (other, (_, request)) in requests.iter().enumerate() {
            for is_strict in [false, true] {
                let mut net = realm(|realm| realm.require_announced_roles = is_strict);
                let client = net.client().roles(json!({*role: {}})).join("realm1");
                net.send(client, request.clone());
                if is_strict && index != other {
                    net.violated(client);
                } else {
                    assert_ne!(net.take(client).code(), 3);
                }
            }
        }
    }
}

/// MSG-05, SES-04
#[test]
fn the_routers_own_keys_are_named_as_the_specification_wants() {
    fn check(dict: &Dict) {
        for (key, value) in dict.iter() {
            let first_is_letter = key.starts_with(|first: char| first.is_ascii_lowercase());
            let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(first_is_letter && key.len() >= 3 && key.chars().all(rest), "{key}");
            if let Some(inner) = value.as_dict() {
                check(inner);
            }
        }
    }
    let mut net = realm(|realm| {
        let level = |uri: &str| TrustLevel {
            uri: uri.to_owned(),
            match_policy: wamp::MatchPolicy::Prefix,
            authrole: None,
            level: 1,
        };
        realm.trust_levels = vec![level("a.")];
        realm.roles[0].permissions =
            vec![allow("", wamp::MatchPolicy::Prefix, "call register publish subscribe")];
    });
    let (caller, callee) = (net.client().hello("realm1"), net.join("realm1"));
    let welcome = net.welcome(caller);
    net.subscribe_with(callee, json!({"match": "prefix"}), "a.");
    net.register_with(callee, json!({"match": "prefix"}), "a.");
    net.publish_with(caller, json!({"disclose_me": true, "retain": true}), "a.b", "x");
    let event = net.take(callee);
    net.call_with(caller, json!({"disclose_me": true, "receive_progress": true}), "a.b", "x");
    let invocation = net.take(callee);
    assert!(event.detail(3, "topic").is_some() && invocation.detail(3, "trustlevel").is_some());
    for (message, at) in [(&welcome, 2), (&event, 3), (&invocation, 3)] {
        check(message.at(at).as_dict().expect("details"));
    }
}

/// MSG-04
#[test]
fn unknown_options_change_nothing() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let odd = json!({"foo_bar": {"deep": [1]}, "x_my": 1, "_own": 2});
    net.send(client, json!([32, 1, odd, "a.b"]));
    let subscription = net.expect(client, json!([33, 1, "_"])).id(2);
    net.send(client, json!([64, 2, odd, "a.b"]));
    net.expect(client, json!([65, 2, "_"]));
    net.send(client, json!([16, 3, {"foo_bar": 1, "acknowledge": true, "exclude_me": false}, "a.b"]));
    net.expect(client, json!([36, subscription, "_", {}]));
    net.expect(client, json!([17, 3, "_"]));
    net.send(client, json!([48, 4, odd, "a.b"]));
    net.expect(client, json!([68, 1, "_", {}]));
    net.send(client, json!([70, 1, odd]));
    net.expect(client, json!([50, 4, {}]));
    net.send(client, json!([49, 4, odd]));
    net.nothing(client);
}

/// MSG-13
#[test]
fn custom_attributes_are_passed_on_only_where_the_realm_says_so() {
    for forward in [false, true] {
        let mut net = realm(|realm| realm.forward_custom_attributes = forward);
        let (one, two) = (net.join("realm1"), net.join("realm1"));
        net.subscribe(two, "a.b");
        net.register(two, "a.b");
        let expected = if forward { json!({"x_my": {"k": [1]}, "_own": null}) } else { json!({}) };
        let custom = json!({"x_my": {"k": [1]}, "_own": null, "other_one": 1});
        net.publish_with(one, custom.clone(), "a.b", "x");
        net.expect(two, json!([36, "_", "_", expected, ["x"]]));
        net.call_with(one, custom.clone(), "a.b", "x");
        net.expect(two, json!([68, 1, "_", expected, ["x"]]));
        net.send(two, json!([70, 1, custom, ["y"]]));
        net.expect(one, json!([50, "_", expected, ["y"]]));
    }
}

/// MSG-13, PPT-09: hops of links between routers are the router's own to tell.
#[test]
fn clients_cannot_claim_that_others_forwarded_a_message() {
    let mut net = Net::open();
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(two, "a.b");
    let hops = json!({"forward_for": [{"session": 1, "authid": "router", "authrole": "trusted"}]});
    net.publish_with(one, hops, "a.b", "x");
    net.expect(two, json!([36, "_", "_", {}, ["x"]]));
}
