//! Caller identification and trust (CID, CTL).

use cloverleaf_router::config::{Actions, Permission, RoleConfig, TrustLevel};
use testkit::{Net, json};
use wamp::MatchPolicy;

use crate::{CALL, REGISTER, net_of, pair};

const DISALLOWED: &str = "wamp.error.option_disallowed.disclose_me";

// CID-01, CID-02
#[test]
fn a_caller_that_asks_is_disclosed() {
    let mut net = Net::open();
    let caller = net.client().identity("joe", "anonymous").join("realm1");
    let callee = net.join("realm1");
    net.register(callee, "com.p");
    net.call_with(caller, json!({"disclose_me": true}), "com.p", "?");
    let details =
        json!({"caller": net.session(caller), "caller_authid": "joe", "caller_authrole": "anonymous"});
    net.expect(callee, json!([68, 1, "_", details, ["?"]]));
}

// CID-03, ERR-15
#[test]
fn a_realm_may_refuse_to_disclose() {
    let mut net = net_of(|realm| realm.allow_disclose_me = false, |_| ());
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "com.p");
    let request = net.call_with(caller, json!({"disclose_me": true}), "com.p", "?");
    net.refused(caller, CALL, request, DISALLOWED);
    net.nothing(callee);
    net.call_with(caller, json!({"disclose_me": false}), "com.p", "?");
    net.invoked(callee);
}

// CID-04
#[test]
fn a_callee_may_have_all_its_callers_disclosed() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register_with(callee, json!({"disclose_caller": true}), "com.p");
    net.call(caller, "com.p", "?");
    let invocation = net.take(callee);
    assert_eq!(invocation.detail(3, "caller").and_then(wamp::Value::as_u64), Some(net.session(caller)));
}

// CID-05
#[test]
fn a_realm_may_disclose_callers_by_its_rules() {
    let mut net = net_of(
        |realm| {
            let all = Permission { allow: Actions::ALL, ..Permission::deny("", MatchPolicy::Prefix) };
            let told = Permission { uri: "com.told".to_owned(), disclose_caller: true, ..all };
            realm.roles = vec![RoleConfig {
                name: "anonymous".to_owned(),
                permissions: vec![all, told],
                allow_by_default: false,
            }];
        },
        |_| (),
    );
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    for (procedure, is_told) in [("com.told.x", true), ("com.p", false)] {
        net.register(callee, procedure);
        net.call(caller, procedure, "?");
        assert_eq!(net.take(callee).detail(3, "caller").is_some(), is_told, "{procedure}");
    }
}

// CID-06
#[test]
fn nobody_is_disclosed_unasked() {
    let (mut net, caller, callee) = pair();
    net.call(caller, "com.p", "?");
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
}

// CID-07
#[test]
fn a_callee_cannot_ask_for_what_its_realm_refuses() {
    let mut net = net_of(|realm| realm.allow_disclose_me = false, |_| ());
    let callee = net.join("realm1");
    net.send(callee, json!([64, 1, {"disclose_caller": true}, "com.p"]));
    net.refused(callee, REGISTER, 1, DISALLOWED);
}

// CID-08, CTL-02
#[test]
fn a_caller_cannot_say_who_it_is_nor_how_far_to_trust_it() {
    let (mut net, caller, callee) = pair();
    let forged = json!({"caller": 1, "caller_authid": "root", "caller_authrole": "admin", "trustlevel": 9});
    net.call_with(caller, forged, "com.p", "?");
    net.expect(callee, json!([68, 1, "_", {}, ["?"]]));
}

// CTL-01
#[test]
fn the_trust_level_is_the_realms() {
    let level = |uri: &str, authrole: Option<&str>, level| TrustLevel {
        uri: uri.to_owned(),
        match_policy: MatchPolicy::Prefix,
        authrole: authrole.map(str::to_owned),
        level,
    };
    let mut net = net_of(
        |realm| {
            realm.roles.push(RoleConfig::allow_all("staff"));
            realm.trust_levels = vec![level("com.", None, 1), level("com.p", Some("staff"), 5)];
        },
        |_| (),
    );
    let callee = net.join("realm1");
    net.register_with(callee, json!({"match": "prefix"}), "");
    let guest = net.join("realm1");
    let staff = net.client().identity("ann", "staff").join("realm1");
    for (caller, procedure, expected) in [
        (guest, "com.p", Some(1)),
        (staff, "com.p", Some(5)),
        (staff, "com.q", Some(1)),
        (guest, "org", None),
    ] {
        net.call(caller, procedure, "?");
        let found = net.take(callee).detail(3, "trustlevel").and_then(wamp::Value::as_u64);
        assert_eq!(found, expected, "{procedure}");
    }
}
