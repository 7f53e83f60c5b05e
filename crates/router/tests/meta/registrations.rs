//! `wamp.registration.*`: what is registered, by whom, and no longer.
//!
//! Spec: advanced profile, "Registrations Meta API", "Registration Revocation".

use testkit::{Client, Json, Net, json};

use crate::{
    INVALID_ARGUMENT, INVALID_URI, NO_SUCH_REGISTRATION, NO_SUCH_SESSION, at, by_name, done, sorted, told,
    value, watcher,
};

const CREATED: &str = "2026-01-04T12:00:00.000000Z";

/// MRG-01, MRG-02, MRG-11
#[test]
fn the_first_callee_makes_a_registration() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let callee = net.join("realm1");
    net.take(watcher);
    let session = net.session(callee);
    for (options, uri, policy, invoke) in [
        (json!({}), "a.b", "exact", "single"),
        (json!({"match": "prefix"}), "a.b", "prefix", "single"),
        (json!({"match": "wildcard", "invoke": "roundrobin"}), "a..b", "wildcard", "roundrobin"),
        (json!({"invoke": "first"}), "a.c", "exact", "first"),
        (json!({"invoke": "last"}), "a.d", "exact", "last"),
        (json!({"invoke": "random"}), "a.e", "exact", "random"),
    ] {
        let id = net.register_with(callee, options, uri);
        let details = json!({"id": id, "created": CREATED, "uri": uri, "match": policy, "invoke": invoke});
        told(&mut net, watcher, "wamp.registration.on_create", json!([session, details]));
        told(&mut net, watcher, "wamp.registration.on_register", json!([session, id]));
        net.nothing(watcher);
    }
}

/// MRG-01, MRG-02: and registering once more tells nothing.
#[test]
fn further_callees_only_register() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let id = net.register_with(one, json!({"invoke": "last"}), "a.b");
    net.receive(watcher);
    assert_eq!(net.register_with(two, json!({"invoke": "last"}), "a.b"), id);
    let session = net.session(two);
    told(&mut net, watcher, "wamp.registration.on_register", json!([session, id]));
    net.register_with(two, json!({"invoke": "last"}), "a.b");
    net.nothing(watcher);
    let refused = net.join("realm1");
    net.take(watcher);
    let request = net.request(refused);
    net.send(refused, json!([64, request, {"invoke": "first"}, "a.b"]));
    net.refused(refused, 64, request, "wamp.error.procedure_already_exists");
    net.nothing(watcher);
}

/// MRG-03, MRG-04
#[test]
fn the_last_callee_takes_the_registration_along() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let id = net.register_with(one, json!({"invoke": "last"}), "a.b");
    net.register_with(two, json!({"invoke": "last"}), "a.b");
    net.receive(watcher);
    net.unregister(one, id);
    let (first, last) = (net.session(one), net.session(two));
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([first, id]));
    net.nothing(watcher);
    net.unregister(two, id);
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([last, id]));
    told(&mut net, watcher, "wamp.registration.on_delete", json!([last, id]));
    net.nothing(watcher);
    assert_ne!(net.register(one, "a.b"), id, "the next one is another");
}

/// MRG-01, MRG-03, MRG-04, SHR-13
#[test]
fn a_registration_that_is_replaced_ends_before_the_next_begins() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let old = net.register(one, "a.b");
    net.receive(watcher);
    let new = net.register_with(two, json!({"force_reregister": true}), "a.b");
    let (before, after) = (net.session(one), net.session(two));
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([before, old]));
    told(&mut net, watcher, "wamp.registration.on_delete", json!([before, old]));
    told(&mut net, watcher, "wamp.registration.on_create", json!([after, {"id": new, "...": 0}]));
    told(&mut net, watcher, "wamp.registration.on_register", json!([after, new]));
    net.nothing(watcher);
    net.disconnect(one);
    told(&mut net, watcher, "wamp.session.on_leave", json!([before, "_", "_"]));
    net.nothing(watcher);
}

/// MRG-05
#[test]
fn registrations_are_listed_by_match_policy() {
    let mut net = Net::open();
    let (client, callee) = (net.join("realm1"), net.join("realm1"));
    let list = "wamp.registration.list";
    let none = json!({"exact": [], "prefix": [], "wildcard": []});
    assert_eq!(net.value(client, list, json!([])), value(none));
    let exact = net.register(callee, "a.b");
    let prefix = net.register_with(callee, json!({"match": "prefix"}), "a.b");
    let wildcard = net.register_with(callee, json!({"match": "wildcard"}), "a..b");
    let other = net.register(client, "a.other");
    let of_callee = json!({"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]});
    let session = net.session(callee);
    assert_eq!(net.value(client, list, json!([session])), value(of_callee.clone()));
    for name in ["session_id", "session"] {
        assert_eq!(by_name(&mut net, client, list, json!({name: session})), value(of_callee.clone()));
    }
    for nobody in [json!([0]), json!([null]), json!([])] {
        let all = net.value(client, list, nobody);
        let mut both = [exact, other];
        both.sort_unstable();
        assert_eq!(sorted(&at(&all, "exact")), both);
        assert_eq!(at(&all, "prefix"), value(json!([prefix])));
        assert_eq!(at(&all, "wildcard"), value(json!([wildcard])));
    }
    net.disconnect(callee);
    net.error(client, list, json!([session]), json!({}), NO_SUCH_SESSION);
    let rest = json!({"exact": [other], "prefix": [], "wildcard": []});
    assert_eq!(net.value(client, list, json!([])), value(rest));
}

/// MRG-06, MRG-13
#[test]
fn a_registration_is_looked_up_under_its_policy() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let exact = net.register(client, "a.b");
    let prefix = net.register_with(client, json!({"match": "prefix"}), "a.b");
    let wildcard = net.register_with(client, json!({"match": "wildcard"}), "a..b");
    let lookup = "wamp.registration.lookup";
    for (args, expected) in [
        (json!(["a.b"]), json!(exact)),
        (json!(["a.b", {}]), json!(exact)),
        (json!(["a.b", null]), json!(exact)),
        (json!(["a.b", {"match": null}]), json!(exact)),
        (json!(["a.b", {"match": "exact", "x_other": 1}]), json!(exact)),
        (json!(["a.b", {"match": "prefix"}]), json!(prefix)),
        (json!(["a.b", {"match": "wildcard"}]), json!(null)),
        (json!(["a..b", {"match": "wildcard"}]), json!(wildcard)),
        (json!(["a..b"]), json!(null)),
        (json!(["a.b.c"]), json!(null)),
        (json!([""]), json!(null)),
    ] {
        assert_eq!(net.value(client, lookup, args.clone()), value(expected), "{args}");
    }
    for name in ["procedure", "uri"] {
        let kwargs = json!({name: "a.b", "options": {"match": "prefix"}});
        assert_eq!(by_name(&mut net, client, lookup, kwargs), value(json!(prefix)));
        let kwargs = json!({name: "a.b", "match": "prefix"});
        assert_eq!(by_name(&mut net, client, lookup, kwargs), value(json!(prefix)));
    }
    for options in [json!({"match": "glob"}), json!({"match": 1}), json!("exact"), json!(1)] {
        net.error(client, lookup, json!(["a.b", options]), json!({}), INVALID_ARGUMENT);
    }
}

/// MRG-07, MRG-13, PBR-04, PBR-05, PBR-06, PBR-07
#[test]
fn match_finds_whom_a_call_would_go_to() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let mut register = |policy: &str, uri: &str| net.register_with(client, json!({"match": policy}), uri);
    let exact = register("exact", "a1.b2.c3.d4.e55");
    let long = register("prefix", "a1.b2.c3");
    let longer = register("prefix", "a1.b2.c3.d4");
    let first = register("wildcard", "a1.b2..d4.e5");
    let second = register("wildcard", "a1.b2.c99..e5");
    let open = register("wildcard", "a1..c3.d4.e5");
    let matching = "wamp.registration.match";
    for (procedure, expected) in [
        ("a1.b2.c3.d4.e55", json!(exact)),
        ("a1.b2.c3.d98.e74", json!(long)),
        ("a1.b2.c3.d4.e325", json!(longer)),
        ("a1.b2.c55.d4.e5", json!(first)),
        ("a1.b2.c99.d4.e5", json!(second)),
        ("a1.b9.c3.d4.e5", json!(open)),
        ("a2.b2.c2.d2.e2", json!(null)),
        ("", json!(null)),
        ("#", json!(null)),
    ] {
        assert_eq!(net.value(client, matching, json!([procedure])), value(expected.clone()), "{procedure}");
        for name in ["procedure", "uri"] {
            let found = by_name(&mut net, client, matching, json!({name: procedure}));
            assert_eq!(found, value(expected.clone()));
        }
    }
}

/// MRG-08, MRG-11
#[test]
fn a_registration_is_shown() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let default = net.register(client, "a.b");
    let shared = net.register_with(client, json!({"match": "prefix", "invoke": "random"}), "a.c");
    let get = "wamp.registration.get";
    let shown =
        value(json!({"id": default, "created": CREATED, "uri": "a.b", "match": "exact", "invoke": "single"}));
    assert_eq!(net.value(client, get, json!([default])), shown);
    for name in ["registration_id", "registration"] {
        assert_eq!(by_name(&mut net, client, get, json!({name: default})), shown);
    }
    let shown =
        json!({"id": shared, "created": CREATED, "uri": "a.c", "match": "prefix", "invoke": "random"});
    assert_eq!(net.value(client, get, json!([shared])), value(shown));
}

/// MRG-09, MRG-10
#[test]
fn callees_are_listed_in_the_order_in_which_they_came() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let callees: Vec<Client> = (0..3).map(|worker| net.client().worker(worker).join("realm1")).collect();
    let ids: Vec<u64> =
        callees.iter().map(|callee| net.register_with(*callee, json!({"invoke": "last"}), "a.b")).collect();
    let id = ids[0];
    let ids: Vec<u64> = callees.iter().map(|callee| net.session(*callee)).collect();
    let (list, count) = ("wamp.registration.list_callees", "wamp.registration.count_callees");
    assert_eq!(net.value(client, list, json!([id])), value(json!(ids)));
    assert_eq!(net.value(client, count, json!([id])), value(json!(3)));
    net.disconnect(callees[1]);
    for name in ["registration_id", "registration"] {
        let named = json!({name: id});
        assert_eq!(by_name(&mut net, client, list, named.clone()), value(json!([ids[0], ids[2]])));
        assert_eq!(by_name(&mut net, client, count, named), value(json!(2)));
    }
}

/// MRG-08, MRG-09, MRG-10, REV-06
#[test]
fn what_is_not_registered_is_not_found() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let session = net.session(client);
    let id = net.register(client, "a.b");
    net.unregister(client, id);
    for id in [id, 1, 1 << 53] {
        for procedure in ["get", "list_callees", "count_callees", "remove_callee"] {
            let mut args = vec![json!(id)];
            if procedure == "remove_callee" {
                args.push(json!(session));
            }
            let procedure = format!("wamp.registration.{procedure}");
            net.error(client, &procedure, Json::Array(args), json!({}), NO_SUCH_REGISTRATION);
        }
    }
}

/// REV-04, REV-06, MRG-03, MRG-04
#[test]
fn a_callee_is_removed_and_told() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (client, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let id = net.register_with(one, json!({"invoke": "last"}), "a.b");
    net.register_with(two, json!({"invoke": "last"}), "a.b");
    net.receive(watcher);
    let remove = "wamp.registration.remove_callee";
    let (first, second) = (net.session(one), net.session(two));
    done(&mut net, client, remove, json!([id, first, "a.reason"]), json!({}));
    net.expect(one, json!([67, 0, {"registration": id, "reason": "a.reason"}]));
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([first, id]));
    net.nothing(watcher);
    done(&mut net, client, remove, json!([]), json!({"registration_id": id, "callee_id": second}));
    net.expect(two, json!([67, 0, {"registration": id}]));
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([second, id]));
    told(&mut net, watcher, "wamp.registration.on_delete", json!([second, id]));
    let request = net.call(client, "a.b", "x");
    net.refused(client, 48, request, "wamp.error.no_such_procedure");
    for client in [one, two, watcher] {
        net.nothing(client);
    }
}

/// REV-06
#[test]
fn the_names_of_the_arguments_have_short_forms() {
    let mut net = Net::open();
    let (client, callee) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(callee);
    for name in ["callee_id", "callee", "session"] {
        let id = net.register(callee, "a.b");
        let kwargs = json!({"registration": id, name: session, "reason": "a.reason"});
        done(&mut net, client, "wamp.registration.remove_callee", json!([]), kwargs);
        net.expect(callee, json!([67, 0, {"registration": id, "reason": "a.reason"}]));
    }
}

/// REV-05
#[test]
fn a_callee_that_knows_no_revocation_is_removed_in_silence() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let callee = net.client().roles(json!({"callee": {}})).join("realm1");
    let id = net.register(callee, "a.b");
    net.receive(watcher);
    let session = net.session(callee);
    let request = net.request(watcher);
    net.send(watcher, json!([48, request, {}, "wamp.registration.remove_callee", [id, session]]));
    told(&mut net, watcher, "wamp.registration.on_unregister", json!([session, id]));
    told(&mut net, watcher, "wamp.registration.on_delete", json!([session, id]));
    net.expect(watcher, json!([50, request, {}]));
    net.nothing(callee);
    let request = net.call(watcher, "a.b", "x");
    net.refused(watcher, 48, request, "wamp.error.no_such_procedure");
    net.nothing(callee);
}

/// REV-06
#[test]
fn who_has_no_part_cannot_be_removed() {
    let mut net = Net::open();
    let (client, callee) = (net.join("realm1"), net.join("realm1"));
    let id = net.register(callee, "a.b");
    let (own, session) = (net.session(client), net.session(callee));
    let remove = "wamp.registration.remove_callee";
    net.error(client, remove, json!([id, own]), json!({}), NO_SUCH_REGISTRATION);
    net.error(client, remove, json!([id, 1]), json!({}), NO_SUCH_SESSION);
    for reason in ["", "a b", "a..b"] {
        net.error(client, remove, json!([id, session, reason]), json!({}), INVALID_URI);
    }
    net.nothing(callee);
    done(&mut net, client, remove, json!([id, session]), json!({}));
    net.take(callee);
    net.error(client, remove, json!([id, session]), json!({}), NO_SUCH_REGISTRATION);
}
