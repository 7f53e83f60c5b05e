//! Payload passthru mode (PPT), for calls and publications.

use testkit::{Client, Net, json};
use wamp::value::Dict;
use wamp::{Serializer, Value};

use crate::{CALL, CANCELED, join_with, only, pair, pair_with_callee};

const NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
const PPT: &str = "payload_passthru_mode";

/// All four keys.
fn attributes() -> Dict {
    Dict::from([
        ("ppt_scheme", "x_my_ppt".into()),
        ("ppt_serializer", "flatbuffers".into()),
        ("ppt_cipher", "xsalsa20poly1305".into()),
        ("ppt_keyid", "key-7".into()),
    ])
}

fn list(elements: impl IntoIterator<Item = Value>) -> Value {
    Value::List(elements.into_iter().collect())
}

fn call(details: Value, args: Value) -> Value {
    list([48u64.into(), 1u64.into(), details, "com.p".into(), args])
}

/// The message has all four keys at `index`, besides `more`, and this as its only argument behind them.
#[track_caller]
fn carries(net: &mut Net, client: Client, index: usize, more: &[&str], blob: &[u8]) {
    let message = net.take(client);
    for (key, value) in attributes().iter() {
        assert_eq!(message.detail(index, key), Some(value), "{message}");
    }
    let details = message.at(index).as_dict().expect("details");
    assert_eq!(details.len(), 4 + more.len(), "{message}");
    let args = message.value().as_list().and_then(<[Value]>::last).and_then(Value::as_list).expect("args");
    assert_eq!(args.len(), 1, "{message}");
    assert_eq!(args[0].as_bytes(), Some(blob), "{message}");
}

/// A pair of clients in two serializers, each callee of `com.p` or caller.
fn mixed(caller: Serializer, callee: Serializer) -> (Net, Client, Client) {
    let mut net = Net::open();
    let caller = net.client().serializer(caller).join("realm1");
    let callee = net.client().serializer(callee).join("realm1");
    net.register(callee, "com.p");
    net.subscribe(callee, "com.t");
    (net, caller, callee)
}

// PPT-09, PPT-11, PPT-12, PPT-13, SER-04
#[test]
fn all_four_keys_and_the_blob_pass_on_every_way() {
    let blob: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let ppt = Value::Map(attributes());
    let args = list([Value::Bytes(blob.clone())]);
    for (one, two) in [
        (Serializer::Json, Serializer::Cbor),
        (Serializer::MsgPack, Serializer::MsgPack),
        (Serializer::Cbor, Serializer::Json),
        (Serializer::Ubjson, Serializer::MsgPack),
    ] {
        let (mut net, caller, callee) = mixed(one, two);
        net.send(caller, call(ppt.clone(), args.clone()));
        carries(&mut net, callee, 3, &[], &blob);
        net.send(callee, list([70u64.into(), 1u64.into(), ppt.clone(), args.clone()]));
        carries(&mut net, caller, 2, &[], &blob);
        net.send(caller, list([48u64.into(), 2u64.into(), json_dict(), "com.p".into()]));
        net.invoked(callee);
        let error = [8u64.into(), 68u64.into(), 2u64.into(), ppt.clone(), "com.error".into(), args.clone()];
        net.send(callee, list(error));
        carries(&mut net, caller, 3, &[], &blob);
        net.send(caller, list([16u64.into(), 3u64.into(), ppt.clone(), "com.t".into(), args.clone()]));
        carries(&mut net, callee, 3, &[], &blob);
    }
}

fn json_dict() -> Value {
    Value::Map(Dict::new())
}

// PPT-02, PPT-03, PPT-04, PVI-14
#[test]
fn who_did_not_announce_it_breaks_the_protocol() {
    let without = ["call_canceling"];
    for message in [
        json!([48, 1, {"ppt_scheme": "mqtt"}, "com.p", ["x"]]),
        json!([16, 1, {"ppt_scheme": "mqtt"}, "com.t", ["x"]]),
    ] {
        let mut net = Net::open();
        let client = join_with(&mut net, &without);
        net.send(client, message);
        net.violated(client);
    }
    let (mut net, caller, callee) = pair_with_callee(&without);
    let request = net.call(caller, "com.p", "?");
    net.invoked(callee);
    net.send(callee, json!([70, 1, {"ppt_scheme": "mqtt"}, ["x"]]));
    net.violated(callee);
    net.refused(caller, CALL, request, CANCELED);
}

// PPT-06
#[test]
fn a_callee_that_cannot_read_it_is_not_asked() {
    let (mut net, caller, callee) = pair_with_callee(&["call_canceling"]);
    net.send(caller, json!([48, 1, {"ppt_scheme": "mqtt"}, "com.p", ["x"]]));
    net.refused(caller, CALL, 1, NOT_SUPPORTED);
    net.nothing(callee);
}

// PPT-07
#[test]
fn a_caller_that_cannot_read_the_result_gets_an_error_and_so_does_the_callee() {
    for progress in [false, true] {
        let mut net = Net::open();
        let caller = net.client().roles(only(&["progressive_call_results"])).join("realm1");
        let callee = net.join("realm1");
        net.register(callee, "com.p");
        let request = net.call_with(caller, json!({"receive_progress": true}), "com.p", "?");
        net.invoked(callee);
        net.send(callee, json!([70, 1, {"ppt_scheme": "mqtt", "progress": progress}, ["x"]]));
        net.refused(callee, 70, 1, NOT_SUPPORTED);
        net.refused(caller, CALL, request, NOT_SUPPORTED);
        if progress {
            net.expect(callee, json!([69, 1, "_"]));
        }
        net.nothing(caller);
        net.nothing(callee);
        net.send(callee, json!([70, 1, {}, ["late"]]));
        net.nothing(caller);
    }
}

// PPT-08
#[test]
fn a_subscriber_that_did_not_announce_it_gets_it_all_the_same() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), join_with(&mut net, &[]));
    net.subscribe(subscriber, "com.t");
    net.publish_with(publisher, json!({"ppt_scheme": "mqtt"}), "com.t", "x");
    net.expect(subscriber, json!([36, "_", "_", {"ppt_scheme": "mqtt"}, ["x"]]));
}

// PPT-10
#[test]
fn an_empty_scheme_is_none() {
    let (mut net, caller, callee) = pair_with_callee(&[]);
    net.send(caller, json!([48, 1, {"ppt_scheme": ""}, "com.p", ["x", "y"]]));
    net.expect(callee, json!([68, 1, "...",]));
}

// PPT-14
#[test]
fn it_works_with_progress_both_ways_and_with_retention() {
    let (mut net, caller, callee) = pair();
    let options = json!({"ppt_scheme": "mqtt", "progress": true, "receive_progress": true});
    net.send(caller, json!([48, 1, options, "com.p", ["a"]]));
    let details = json!({"ppt_scheme": "mqtt", "progress": true, "receive_progress": true});
    net.expect(callee, json!([68, 1, "_", details, ["a"]]));
    net.send(callee, json!([70, 1, {"ppt_scheme": "mqtt", "progress": true}, ["b"]]));
    net.expect(caller, json!([50, 1, {"ppt_scheme": "mqtt", "progress": true}, ["b"]]));
    net.send(caller, json!([16, 2, {"ppt_scheme": "mqtt", "retain": true}, "com.t", ["c"]]));
    net.send(callee, json!([32, 2, {"get_retained": true}, "com.t"]));
    net.expect(callee, json!([33, 2, "_"]));
    net.expect(callee, json!([36, "_", "_", {"ppt_scheme": "mqtt", "retained": true}, ["c"]]));
}

// PPT-15
#[test]
fn it_is_one_argument_and_no_others() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.register(client, "com.p");
    for payload in [json!([["x", "y"]]), json!([["x"], {"k": 1}]), json!([[]]), json!([])] {
        for (code, uri, options) in [
            (48, "com.p", json!({"ppt_scheme": "mqtt"})),
            (16, "com.t", json!({"ppt_scheme": "mqtt", "acknowledge": true})),
        ] {
            let request = net.request(client);
            let mut message = json!([code, request, options, uri]);
            for element in payload.as_array().into_iter().flatten() {
                message.as_array_mut().expect("a list").push(element.clone());
            }
            net.send(client, message);
            net.refused(client, code, request, "wamp.error.invalid_argument");
        }
    }
}

// PPT-16
#[test]
fn attributes_are_text() {
    for key in ["ppt_scheme", "ppt_serializer", "ppt_cipher", "ppt_keyid"] {
        for bad in [json!(5), json!(null), json!(["x"])] {
            let (mut net, caller, callee) = pair();
            net.send(caller, json!([48, 1, {key: bad}, "com.p", ["x"]]));
            net.refused(caller, CALL, 1, "wamp.error.invalid_argument");
            net.send(caller, json!([16, 2, {key: bad, "acknowledge": true}, "com.t", ["x"]]));
            net.refused(caller, 16, 2, "wamp.error.invalid_argument");
            net.send(caller, json!([48, 3, {}, "com.p", ["x"]]));
            net.invoked(callee);
            net.send(callee, json!([70, 1, {key: bad}, ["x"]]));
            net.violated(callee);
            net.refused(caller, CALL, 3, CANCELED);
        }
    }
}

// PPT-01
#[test]
fn broker_and_dealer_announce_it() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let welcome = net.welcome(client);
    let roles = welcome.detail(2, "roles").and_then(Value::as_dict).expect("roles");
    for role in ["broker", "dealer"] {
        let role = roles.get(role).and_then(Value::as_dict).expect("a role");
        let features = role.get("features").and_then(Value::as_dict).expect("features");
        assert_eq!(features.get(PPT), Some(&true.into()));
    }
}
