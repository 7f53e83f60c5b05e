//! Payload passthru: payloads that are nobody's business but the peers'.
//!
//! Spec: advanced profile, "Payload Passthru Mode". Here as far as publications go, and what calls share with them.

use testkit::{Client, Net, json};
use wamp::value::Dict;
use wamp::{Serializer, Value};

fn options() -> Dict {
    [
        ("ppt_scheme", Value::from("x_my_ppt")),
        ("ppt_serializer", Value::from("cbor")),
        ("ppt_cipher", Value::from("x_rot13")),
        ("ppt_keyid", Value::from("key 1")),
    ]
    .into()
}

fn publish(net: &mut Net, client: Client, options: Dict, payload: impl IntoIterator<Item = Value>) {
    let request = net.request(client);
    let head = [Value::from(16u64), Value::from(request), Value::Map(options), Value::from("a.b")];
    net.send(client, Value::List(head.into_iter().chain(payload).collect()));
}

/// PPT-09, PPT-11, PPT-12, PPT-13
#[test]
fn opaque_payloads_pass_between_all_serializers() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
    for from in Serializer::ALL {
        let mut net = Net::open();
        let publisher = net.client().serializer(from).join("realm1");
        let subscribers = Serializer::ALL.map(|to| net.client().serializer(to).join("realm1"));
        for subscriber in subscribers {
            net.subscribe(subscriber, "a.b");
        }
        publish(&mut net, publisher, options(), [Value::from(vec![Value::Bytes(bytes.clone())])]);
        for subscriber in subscribers {
            let event = net.take(subscriber);
            assert_eq!(*event.at(3), Value::Map(options()));
            assert_eq!(event.at(4).as_list().expect("args"), [Value::Bytes(bytes.clone())]);
            assert_eq!(event.len(), 5);
        }
    }
}

/// PPT-08
#[test]
fn a_subscriber_that_knows_no_passthru_gets_the_event() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let subscriber = net.client().roles(json!({"subscriber": {}})).join("realm1");
    net.subscribe(subscriber, "a.b");
    publish(&mut net, publisher, options(), [Value::from(["opaque"])]);
    net.expect(subscriber, json!([36, "_", "_", {"ppt_scheme": "x_my_ppt", "...": 0}, ["opaque"]]));
}

/// PPT-10
#[test]
fn an_empty_scheme_is_none() {
    let mut net = Net::open();
    let publisher = net.client().roles(json!({"publisher": {}})).join("realm1");
    let subscriber = net.join("realm1");
    net.subscribe(subscriber, "a.b");
    let options = [("ppt_scheme", Value::from(""))].into();
    publish(&mut net, publisher, options, [Value::from(["one", "two"])]);
    assert_eq!(net.take(subscriber).at(4).as_list().map(<[Value]>::len), Some(2));
}

/// PPT-15
#[test]
fn an_opaque_payload_is_one_item() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    net.subscribe(subscriber, "a.b");
    let kwargs = Value::Map([("k", Value::from(1u64))].into());
    let payloads = [
        vec![],
        vec![Value::from(["one", "two"])],
        vec![Value::List(vec![]), kwargs.clone()],
        vec![Value::from(["one"]), kwargs],
    ];
    for payload in payloads {
        let mut options = options();
        options.insert("acknowledge", true);
        publish(&mut net, publisher, options, payload);
        net.expect(publisher, json!([8, 16, "_", {}, "wamp.error.invalid_argument", "..."]));
    }
    net.nothing(subscriber);
}

/// PPT-14
#[test]
fn retained_events_keep_their_passthru_attributes() {
    let mut net = Net::open();
    let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
    let mut wanted = options();
    wanted.insert("retain", true);
    publish(&mut net, publisher, wanted, [Value::from(["opaque"])]);
    net.subscribe_with(subscriber, json!({"get_retained": true}), "a.b");
    let event = net.take(subscriber);
    let mut expected = options();
    expected.insert("retained", true);
    assert_eq!(*event.at(3), Value::Map(expected));
}

/// PPT-02, PPT-03, PPT-04
#[test]
fn passthru_must_have_been_announced_by_the_sender() {
    for (role, kind) in [("publisher", 16), ("caller", 48)] {
        let mut net = Net::open();
        let client = net.client().roles(json!({role: {"features": {}}})).join("realm1");
        net.send(client, json!([kind, 1, {"ppt_scheme": "mqtt"}, "a.b", ["x"]]));
        net.violated(client);
    }
    let mut net = Net::open();
    let callee = net.client().roles(json!({"callee": {}})).join("realm1");
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    let request = net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.send(callee, json!([70, invocation, {"ppt_scheme": "mqtt"}, ["x"]]));
    net.violated(callee);
    net.refused(caller, 48, request, "wamp.error.canceled");
}

/// PPT-09: older names of the same idea pass as well, with one bare byte string for a payload.
#[test]
fn transparent_payloads_of_crossbar_clients_pass() {
    let mut net = Net::open();
    let publisher = net.client().serializer(Serializer::MsgPack).join("realm1");
    let subscriber = net.join("realm1");
    net.subscribe(subscriber, "a.b");
    let options: Dict =
        [("enc_algo", Value::from("cryptobox")), ("enc_serializer", Value::from("cbor"))].into();
    publish(&mut net, publisher, options.clone(), [Value::Bytes(vec![1, 2, 3])]);
    let event = net.take(subscriber);
    assert_eq!(*event.at(3), Value::Map(options));
    assert_eq!(*event.at(4), Value::Bytes(vec![1, 2, 3]));
}
