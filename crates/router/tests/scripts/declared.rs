//! Payloads that have to be as declared, where a permission says `validate`.
//!
//! Spec: advanced profile, "Interface Reflection".

use cloverleaf_router::config::SchemaSource;
use testkit::{Client, Json, Net, json};
use wamp::MatchPolicy;

use crate::{allow, realm};

/// A topic whose events are a number, and a procedure that takes a number and gives a text.
const DECLARED: &str = r#"{
    "com.level": {"type": "topic", "args": {"items": {"type": "number"}}},
    "com.name": {
        "type": "procedure",
        "args": {"items": {"type": "number"}},
        "result": {"args": {"items": {"type": "string"}}},
        "progress": {"args": {"items": {"type": "null"}}}
    }
}"#;

/// Two sessions whose payloads are checked.
fn checked() -> (Net, Client, Client) {
    let mut net = realm(|realm| {
        let mut everything = allow("", MatchPolicy::Prefix, "call register publish subscribe");
        everything.validate = true;
        realm.roles[0].permissions = vec![everything];
        realm.schemas = vec![SchemaSource { name: "schemas.json".into(), text: DECLARED.into() }];
    });
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    (net, one, two)
}

fn refused(request: u64, code: u64, sentence: &str) -> Json {
    json!([8, code, request, {}, "wamp.error.invalid_payload", [sentence]])
}

/// REF-05
#[test]
fn what_is_published_otherwise_is_refused() {
    let (mut net, publisher, subscriber) = checked();
    net.subscribe(subscriber, "com.level");
    net.send(publisher, json!([16, 1, {"acknowledge": true}, "com.level", ["high"]]));
    net.expect(publisher, refused(1, 16, "<com.level>: args[0]: \"high\" is not of type \"number\""));
    net.nothing(subscriber);
    net.send(publisher, json!([16, 2, {}, "com.level", [7]]));
    net.expect(subscriber, json!([36, "_", "_", {}, [7]]));
}

/// REF-05
#[test]
fn a_testament_is_refused_while_somebody_can_be_told() {
    let (mut net, client, subscriber) = checked();
    net.subscribe(subscriber, "com.level");
    let add = |request: u64, args: Json| {
        json!([48, request, {}, "wamp.session.add_testament", ["com.level", args, {}]])
    };
    net.send(client, add(1, json!(["high"])));
    net.expect(client, refused(1, 48, "<com.level>: args[0]: \"high\" is not of type \"number\""));
    net.send(client, add(2, json!([7])));
    net.expect(client, json!([50, 2, {}]));
    net.disconnect(client);
    net.expect(subscriber, json!([36, "_", "_", {}, [7]]));
}

/// REF-05
#[test]
fn a_fault_of_a_result_is_not_taken_for_one_of_the_call() {
    let (mut net, caller, callee) = checked();
    net.register(callee, "com.name");
    net.send(caller, json!([48, 1, {}, "com.name", ["x"]]));
    net.expect(caller, refused(1, 48, "<com.name>: args[0]: \"x\" is not of type \"number\""));
    net.nothing(callee);
    net.send(caller, json!([48, 2, {}, "com.name", [7]]));
    net.expect(callee, json!([68, 1, "_", {}, [7]]));
    net.send(callee, json!([70, 1, {}, [7]]));
    net.expect(caller, refused(2, 48, "result of <com.name>: args[0]: 7 is not of type \"string\""));
    net.send(caller, json!([48, 3, {"receive_progress": true}, "com.name", [7]]));
    net.expect(callee, json!([68, 2, "_", {"receive_progress": true}, [7]]));
    net.send(callee, json!([70, 2, {"progress": true}, [7]]));
    net.expect(
        caller,
        refused(3, 48, "progressive result of <com.name>: args[0]: 7 is not of type \"null\""),
    );
}
