//! Payloads that have to be as declared, where a role's permission says so.
//!
//! Spec: advanced profile, "Interface Reflection"; REF-05.

use cloverleaf_router::config::{Permission, RoleConfig, SchemaSource};
use testkit::{Client, Json, Net, json};
use wamp::MatchPolicy::{Exact, Prefix};
use wamp::Serializer;

use crate::{allow, realm};

const INVALID_PAYLOAD: &str = "wamp.error.invalid_payload";

fn validated(uri: &str, policy: wamp::MatchPolicy) -> Permission {
    Permission { validate: true, ..allow(uri, policy, "call register publish subscribe") }
}

/// A realm that declares a topic `a.t`, whose one argument is an integer, and a procedure `a.p`, all whose arguments,
/// results and progressive results are; and an open role beside one, `checked`, that is held to it.
fn net() -> Net {
    let one = json!({"args": {"items": {"type": "integer"}, "minItems": 1, "maxItems": 1}});
    let mut declarations = json!({
        "a.t": {"type": "topic", "args": one["args"]},
        "a.p": {"type": "procedure", "args": one["args"], "result": one, "progress": one},
        "a.e": {"type": "error"},
    });
    declarations["a.t"]["kwargs"] = json!({"properties": {"k": {"maxLength": 3}}});
    realm(|realm| {
        realm.schemas.push(SchemaSource { name: "test".to_owned(), text: declarations.to_string() });
        let permissions = vec![validated("", Prefix)];
        realm.roles.push(RoleConfig { name: "checked".to_owned(), permissions, allow_by_default: false });
    })
}

fn checked(net: &mut Net) -> Client {
    net.client().identity("alice", "checked").join("realm1")
}

/// REF-05, AZN-12
#[test]
fn what_is_published_is_as_declared() {
    for serializer in Serializer::ALL {
        let mut net = net();
        let (subscriber, open) = (net.join("realm1"), net.join("realm1"));
        let client = net.client().serializer(serializer).identity("alice", "checked").join("realm1");
        net.subscribe(subscriber, "a.t");
        for (payload, is_valid) in [
            (vec![json!([1])], true),
            (vec![json!([1]), json!({"k": "abc", "l": 1})], true),
            (vec![json!(["1"])], false),
            (vec![json!([1, 2])], false),
            (vec![json!([])], false),
            (vec![], false),
            (vec![json!([1]), json!({"k": "abcd"})], false),
        ] {
            for acknowledge in [true, false] {
                let request = net.request(client);
                let mut message =
                    vec![json!(16), json!(request), json!({"acknowledge": acknowledge}), json!("a.t")];
                message.extend(payload.clone());
                net.send(client, Json::Array(message));
                match (is_valid, acknowledge) {
                    (true, true) => drop(net.expect(client, json!([17, request, "_"]))),
                    (false, true) => net.refused(client, 16, request, INVALID_PAYLOAD),
                    (_, false) => net.nothing(client),
                }
                assert_eq!(net.receive(subscriber).len(), usize::from(is_valid), "{payload:?}");
            }
        }
        net.publish(open, "a.t", "whatever");
        assert_eq!(net.receive(subscriber).len(), 1, "the open role is held to nothing");
    }
}

/// REF-05: what isn't declared may be anything.
#[test]
fn what_is_not_declared_is_not_checked() {
    let mut net = net();
    let (subscriber, client) = (net.join("realm1"), checked(&mut net));
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.");
    net.publish(client, "a.other", "x");
    net.publish(client, "a.t.x", "x");
    assert_eq!(net.receive(subscriber).len(), 2);
}

/// REF-05: a procedure is no topic, and the other way round.
#[test]
fn a_uri_is_used_as_what_it_is_declared_as() {
    let mut net = net();
    let client = checked(&mut net);
    for uri in ["a.p", "a.e"] {
        let request = net.publish_with(client, json!({"acknowledge": true}), uri, "x");
        net.refused(client, 16, request, INVALID_PAYLOAD);
    }
    for uri in ["a.t", "a.e"] {
        let request = net.call(client, uri, "x");
        net.refused(client, 48, request, INVALID_PAYLOAD);
    }
}

/// REF-05, AZN-12
#[test]
fn a_call_that_is_not_as_declared_never_reaches_its_callee() {
    let mut net = net();
    let (callee, client) = (net.join("realm1"), checked(&mut net));
    net.register(callee, "a.p");
    let request = net.request(client);
    net.send(client, json!([48, request, {}, "a.p", ["x"]]));
    let error = net.expect(client, json!([8, 48, request, {}, INVALID_PAYLOAD, ["_"]]));
    let said = error.at(5).as_list().and_then(|args| args[0].as_str()).expect("a sentence");
    assert!(said.contains("a.p") && said.contains("args[0]"), "{said}");
    net.nothing(callee);
    let request = net.request(client);
    net.send(client, json!([48, request, {}, "a.p", [1]]));
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, "the open role yields what it likes");
    net.expect(client, json!([50, request, {}, ["_"]]));
}

/// REF-05: a call of nothing at all is refused for its payload first, whoever asks.
#[test]
fn a_call_is_checked_before_its_callee_is_looked_for() {
    let mut net = net();
    let client = checked(&mut net);
    let request = net.call(client, "a.p", "x");
    net.refused(client, 48, request, INVALID_PAYLOAD);
    net.send(client, json!([48, request + 1, {}, "a.p", [1]]));
    net.refused(client, 48, request + 1, "wamp.error.no_such_procedure");
}

/// REF-05
#[test]
fn a_result_that_is_not_as_declared_is_an_error_for_the_caller() {
    let mut net = net();
    let (callee, client) = (checked(&mut net), net.join("realm1"));
    net.register(callee, "a.p");
    for (payload, is_valid) in
        [(vec![json!([7])], true), (vec![json!(["x"])], false), (vec![], false), (vec![json!([1, 2])], false)]
    {
        let request = net.call(client, "a.p", "what the open role asks is its own business");
        let invocation = net.invoked(callee);
        let mut message = vec![json!(70), json!(invocation), json!({})];
        message.extend(payload);
        net.send(callee, Json::Array(message));
        if is_valid {
            net.expect(client, json!([50, request, {}, [7]]));
        } else {
            net.refused(client, 48, request, INVALID_PAYLOAD);
        }
        net.nothing(callee);
        net.nothing(client);
    }
}

/// REF-05
#[test]
fn a_progressive_result_that_is_not_as_declared_ends_the_call() {
    let mut net = net();
    let (callee, client) = (checked(&mut net), net.join("realm1"));
    net.register(callee, "a.p");
    let request = net.call_with(client, json!({"receive_progress": true}), "a.p", "x");
    let invocation = net.invoked(callee);
    net.send(callee, json!([70, invocation, {"progress": true}, [1]]));
    net.expect(client, json!([50, request, {"progress": true}, [1]]));
    net.send(callee, json!([70, invocation, {"progress": true}, ["x"]]));
    net.refused(client, 48, request, INVALID_PAYLOAD);
    net.expect(callee, json!([69, invocation, {"mode": "killnowait", "reason": INVALID_PAYLOAD}]));
    net.send(callee, json!([70, invocation, {}, [1]]));
    net.nothing(client);
    net.nothing(callee);
}

/// REF-05, PCI-01: each part of what is handed over bit by bit.
#[test]
fn what_follows_a_call_is_as_declared_too() {
    let mut net = net();
    let (callee, client) = (net.join("realm1"), checked(&mut net));
    net.register(callee, "a.p");
    let request = net.request(client);
    let part = |net: &mut Net, progress: bool, payload: Json| {
        let mut call = json!([48, request, {"progress": progress}, "a.p", null]);
        call[4] = payload;
        net.send(client, call);
    };
    part(&mut net, true, json!([1]));
    let invocation = net.invoked(callee);
    part(&mut net, true, json!([2]));
    net.expect(callee, json!([68, invocation, "_", {"progress": true}, [2]]));
    part(&mut net, true, json!(["x"]));
    net.refused(client, 48, request, INVALID_PAYLOAD);
    net.expect(callee, json!([69, invocation, {"mode": "killnowait", "reason": INVALID_PAYLOAD}]));
    // What was on its way behind it, and the callee's late answer, are nothing any more.
    part(&mut net, false, json!([3]));
    net.answer(callee, invocation, "x");
    net.nothing(client);
    net.nothing(callee);
}

/// REF-05, PCI-01: as is what waits for a callee.
#[test]
fn what_waits_for_a_callee_is_as_declared_too() {
    let mut net = net();
    let (callee, client) = (net.join("realm1"), checked(&mut net));
    net.register_with(callee, json!({"invoke": "roundrobin", "concurrency": 1}), "a.p");
    let open = net.join("realm1");
    net.call(open, "a.p", "x");
    let busy = net.invoked(callee);
    let request = net.request(client);
    net.send(client, json!([48, request, {"progress": true}, "a.p", [1]]));
    net.nothing(client);
    net.send(client, json!([48, request, {"progress": true}, "a.p", ["x"]]));
    net.refused(client, 48, request, INVALID_PAYLOAD);
    net.answer(callee, busy, "y");
    net.nothing(callee);
}

/// REF-05: an error is the callee's own word.
#[test]
fn an_error_passes() {
    let mut net = net();
    let (callee, client) = (checked(&mut net), net.join("realm1"));
    net.register(callee, "a.p");
    let request = net.call(client, "a.p", "x");
    let invocation = net.invoked(callee);
    net.send(callee, json!([8, 68, invocation, {}, "a.e", ["x"]]));
    net.expect(client, json!([8, 48, request, {}, "a.e", ["x"]]));
}

/// REF-05: the most specific rule says whether, as with everything else; and a declaration counts from the moment it is
/// made.
#[test]
fn the_rule_that_decides_says_whether_payloads_are_checked() {
    let mut net = realm(|realm| {
        let permissions = vec![allow("", Prefix, "call publish subscribe"), validated("a.checked", Exact)];
        realm.roles.push(RoleConfig { name: "user".to_owned(), permissions, allow_by_default: false });
    });
    let (subscriber, user) = (net.join("realm1"), net.client().identity("alice", "user").join("realm1"));
    net.subscribe_with(subscriber, json!({"match": "prefix"}), "a.");
    let delivered = |net: &mut Net, topic: &str| {
        net.publish(user, topic, "x");
        net.receive(subscriber).len()
    };
    assert_eq!(delivered(&mut net, "a.checked"), 1);
    let never = json!({"type": "topic", "args": {"maxItems": 0}});
    for topic in ["a.checked", "a.unchecked"] {
        net.value(user, "wamp.schema.define", json!([topic, never]));
    }
    assert_eq!(delivered(&mut net, "a.checked"), 0);
    assert_eq!(delivered(&mut net, "a.unchecked"), 1);
    net.value(user, "wamp.schema.define", json!(["a.checked", null]));
    assert_eq!(delivered(&mut net, "a.checked"), 1);
}

/// REF-05: the router's own procedures can be declared too, by whoever may.
#[test]
fn a_call_of_a_meta_procedure_is_checked_like_any_other() {
    let mut net = net();
    let (trusted, client) = (net.client().trusted().join("realm1"), checked(&mut net));
    let no_arguments = json!({"type": "procedure", "args": {"maxItems": 0}});
    net.value(trusted, "wamp.schema.define", json!(["wamp.session.count", no_arguments]));
    net.error(client, "wamp.session.count", json!([["anonymous"]]), json!({}), INVALID_PAYLOAD);
    assert_eq!(net.value(client, "wamp.session.count", json!([])), 1u64.into());
    assert_eq!(net.value(trusted, "wamp.session.count", json!([[]])), 0u64.into());
}
