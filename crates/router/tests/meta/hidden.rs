//! What is the router's own, and who sees it.

use cloverleaf_router::meta::Procedure;
use testkit::{Client, Net, json};

use crate::{NO_SUCH_SESSION, NOT_AUTHORIZED, at, done, realm, sessions, sorted, value, watcher};

/// A client, and a trusted session that registered and subscribed to something of its own and something of everybody's.
struct Scene {
    net: Net,
    client: Client,
    trusted: Client,
    /// Of `crossbar.own`.
    hidden: [u64; 2],
    /// Of `a.b`.
    open: [u64; 2],
}

fn scene() -> Scene {
    let mut net = Net::open();
    let client = net.join("realm1");
    let trusted = net.client().trusted().join("realm1");
    let hidden = [net.register(trusted, "crossbar.own"), net.subscribe(trusted, "crossbar.own")];
    let open = [net.register(trusted, "a.b"), net.subscribe(trusted, "a.b")];
    Scene { net, client, trusted, hidden, open }
}

/// MSE-15
#[test]
fn trusted_sessions_are_neither_counted_nor_listed() {
    let Scene { mut net, client, trusted, .. } = scene();
    let own = net.session(client);
    assert_eq!(net.value(client, "wamp.session.count", json!([])), value(json!(1)));
    assert_eq!(net.value(client, "wamp.session.count", json!([["trusted"]])), value(json!(0)));
    assert_eq!(net.value(client, "wamp.session.list", json!([])), value(json!([own])));
    assert_eq!(net.value(client, "wamp.session.list", json!([["trusted"]])), value(json!([])));
    let service = net.realm("realm1").service().id().value();
    assert_eq!(net.value(trusted, "wamp.session.count", json!([])), value(json!(3)));
    assert_eq!(net.value(trusted, "wamp.session.count", json!([["trusted"]])), value(json!(2)));
    assert_eq!(net.value(trusted, "wamp.session.count", json!([["anonymous"]])), value(json!(1)));
    assert_eq!(net.value(trusted, "wamp.session.count", json!([[]])), value(json!(0)));
    let mut all = vec![own, net.session(trusted), service];
    all.sort_unstable();
    assert_eq!(sorted(&net.value(trusted, "wamp.session.list", json!([]))), all);
    let mut own = vec![net.session(trusted), service];
    own.sort_unstable();
    assert_eq!(sorted(&net.value(trusted, "wamp.session.list", json!([["trusted"]]))), own);
}

/// MSE-15
#[test]
fn trusted_sessions_seem_not_to_be_there() {
    let Scene { mut net, client, trusted, open, .. } = scene();
    let service = net.realm("realm1").service().id().value();
    for id in [net.session(trusted), service] {
        for (procedure, args) in [
            ("wamp.session.get", json!([id])),
            ("wamp.session.kill", json!([id])),
            ("wamp.session.modify_details", json!([id, {"x": 1}])),
            ("wamp.registration.list", json!([id])),
            ("wamp.subscription.list", json!([id])),
            ("wamp.registration.remove_callee", json!([open[0], id])),
            ("wamp.subscription.remove_subscriber", json!([open[1], id])),
        ] {
            net.error(client, procedure, args, json!({}), NO_SUCH_SESSION);
        }
    }
    net.nothing(trusted);
}

/// MSE-15
#[test]
fn trusted_sessions_are_not_killed_with_the_others() {
    let Scene { mut net, client, trusted, .. } = scene();
    assert_eq!(net.value(client, "wamp.session.kill_by_authid", json!(["internal"])), value(json!([])));
    assert_eq!(net.value(client, "wamp.session.kill_by_authrole", json!(["trusted"])), value(json!(0)));
    assert_eq!(net.value(client, "wamp.session.kill_all", json!([])), value(json!(0)));
    net.nothing(trusted);
    assert_eq!(net.value(client, "wamp.session.count", json!([])), value(json!(1)), "and all goes on");
}

/// MSE-08, MSE-13
#[test]
fn a_trusted_session_may_kill_another_but_not_the_service_session() {
    let Scene { mut net, client, trusted, .. } = scene();
    let other = net.client().trusted().join("realm1");
    let (service, session) = (net.realm("realm1").service().id().value(), net.session(other));
    net.error(trusted, "wamp.session.kill", json!([service]), json!({}), NO_SUCH_SESSION);
    done(&mut net, trusted, "wamp.session.kill", json!([session]), json!({}));
    net.expect(other, json!([6, {}, "wamp.close.killed"]));
    let other = net.client().trusted().join("realm1");
    assert_eq!(net.value(trusted, "wamp.session.kill_by_authrole", json!(["trusted"])), value(json!(1)));
    net.expect(other, json!([6, {}, "wamp.close.killed"]));
    assert_eq!(net.value(trusted, "wamp.session.kill_all", json!([])), value(json!(1)));
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    assert_eq!(net.value(trusted, "wamp.session.count", json!([["trusted"]])), value(json!(2)));
}

/// MSE-15
#[test]
fn trusted_sessions_come_and_go_in_silence() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let trusted = net.client().trusted().join("realm1");
    net.disconnect(trusted);
    net.nothing(watcher);
}

/// MRG-05, MSB-05, MRG-12
#[test]
fn what_is_the_routers_own_is_not_listed() {
    let Scene { mut net, client, trusted, hidden, open } = scene();
    let mine = net.subscribe(client, "wamp.session.on_join");
    for (list, kind) in [("wamp.registration.list", 0), ("wamp.subscription.list", 1)] {
        let visible = value(json!({"exact": [open[kind]], "prefix": [], "wildcard": []}));
        assert_eq!(net.value(client, list, json!([])), visible);
        let all = net.value(trusted, list, json!([]));
        let all = sorted(&at(&all, "exact"));
        assert!(all.contains(&hidden[kind]) && all.contains(&open[kind]), "{all:?}");
    }
    let all = net.value(trusted, "wamp.registration.list", json!([]));
    let all = sorted(&at(&all, "exact"));
    assert_eq!(all.len(), 2 + Procedure::ALL.len(), "the meta procedures are there");
    // But those of one session are all told.
    let own = net.session(client);
    let held = value(json!({"exact": [mine], "prefix": [], "wildcard": []}));
    assert_eq!(net.value(client, "wamp.subscription.list", json!([own])), held);
    let service = net.realm("realm1").service().id().value();
    let of_service = net.value(trusted, "wamp.registration.list", json!([service]));
    let of_service = sorted(&at(&of_service, "exact"));
    assert_eq!(of_service.len(), Procedure::ALL.len());
}

/// MRG-06, MRG-07, MSB-06, MSB-07
#[test]
fn what_is_the_routers_own_is_not_found() {
    let Scene { mut net, client, trusted, hidden, .. } = scene();
    let everything = net.subscribe_with(client, json!({"match": "prefix"}), "");
    net.receive(client);
    for (procedure, expected) in [
        ("wamp.registration.lookup", json!(hidden[0])),
        ("wamp.registration.match", json!(hidden[0])),
        ("wamp.subscription.lookup", json!(hidden[1])),
    ] {
        assert_eq!(net.value(client, procedure, json!(["crossbar.own"])), value(json!(null)));
        assert_eq!(net.value(trusted, procedure, json!(["crossbar.own"])), value(expected));
    }
    let matching = "wamp.subscription.match";
    assert_eq!(net.value(client, matching, json!(["crossbar.own"])), value(json!([everything])));
    assert_eq!(net.value(trusted, matching, json!(["crossbar.own"])), value(json!([hidden[1], everything])));
    for procedure in ["wamp.registration.lookup", "wamp.registration.match"] {
        let own = json!(["wamp.session.count"]);
        assert_eq!(net.value(client, procedure, own.clone()), value(json!(null)));
        assert!(net.value(trusted, procedure, own).as_u64().is_some());
    }
}

/// MRG-08, MRG-09, MRG-10, MSB-08, MSB-09, MSB-10, REV-06
#[test]
fn what_is_the_routers_own_is_forbidden_by_its_id() {
    let Scene { mut net, client, trusted, hidden, .. } = scene();
    let own = net.session(client);
    for (procedure, kind) in [
        ("wamp.registration.get", 0),
        ("wamp.registration.list_callees", 0),
        ("wamp.registration.count_callees", 0),
        ("wamp.subscription.get", 1),
        ("wamp.subscription.list_subscribers", 1),
        ("wamp.subscription.count_subscribers", 1),
        ("wamp.subscription.get_events", 1),
    ] {
        net.error(client, procedure, json!([hidden[kind]]), json!({}), NOT_AUTHORIZED);
    }
    for (procedure, kind) in
        [("wamp.registration.remove_callee", 0), ("wamp.subscription.remove_subscriber", 1)]
    {
        net.error(client, procedure, json!([hidden[kind], own]), json!({}), NOT_AUTHORIZED);
    }
    let session = net.session(trusted);
    let callees = net.value(trusted, "wamp.registration.list_callees", json!([hidden[0]]));
    assert_eq!(callees, value(json!([session])));
    assert_eq!(
        net.value(trusted, "wamp.subscription.count_subscribers", json!([hidden[1]])),
        value(json!(1))
    );
    let shown = net.value(trusted, "wamp.registration.get", json!([hidden[0]]));
    assert_eq!(at(&shown, "uri"), value(json!("crossbar.own")));
}

/// MRG-09, MSB-09: a trusted session that shares what is everybody's is named there, as with Crossbar.io.
#[test]
fn who_takes_part_in_what_is_open_is_named() {
    let Scene { mut net, client, trusted, open, .. } = scene();
    let session = net.session(trusted);
    let callees = net.value(client, "wamp.registration.list_callees", json!([open[0]]));
    assert_eq!(callees, value(json!([session])));
    let subscribers = net.value(client, "wamp.subscription.list_subscribers", json!([open[1]]));
    assert_eq!(subscribers, value(json!([session])));
}

/// URI-06, AZN-10: procedures are called by those who may call them.
#[test]
fn calling_needs_permission() {
    let mut net = realm(|realm| {
        let rules = &mut realm.roles[0].permissions;
        rules.push(crate::allow("wamp.session.kill", wamp::MatchPolicy::Prefix, ""));
    });
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(other);
    net.error(client, "wamp.session.kill", json!([session]), json!({}), NOT_AUTHORIZED);
    net.error(client, "wamp.session.kill_all", json!([]), json!({}), NOT_AUTHORIZED);
    net.nothing(other);
    let both = sessions(&net, [client, other]);
    assert_eq!(sorted(&net.value(client, "wamp.session.list", json!([]))), both);
}
