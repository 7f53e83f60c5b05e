//! What a peer can do wrong, and that it does nobody else harm.
//!
//! Spec: basic profile, "Protocol Violations".

use testkit::{Client, Net, json};
use wamp::Serializer;
use wamp::message::MessageType;

use crate::realm;

fn joined() -> (Net, Client) {
    let mut net = Net::open();
    let client = net.join("realm1");
    (net, client)
}

/// PVI-01, PVI-03, PVI-10, SER-09, RAW-26, ERR-10
#[test]
fn input_that_cannot_be_read_ends_the_session() {
    for (serializer, input) in [
        (Serializer::Json, &b"[32,1"[..]),
        (Serializer::Json, b""),
        (Serializer::Json, b"\xff"),
        (Serializer::Json, br#"[32,1,{},"a.b"]x"#),
        (Serializer::MsgPack, b"\xc1"),
        (Serializer::MsgPack, b""),
        (Serializer::Cbor, b"\xff"),
        (Serializer::Ubjson, b"]"),
        (Serializer::Bjdata, b"]"),
    ] {
        let mut net = Net::open();
        let client = net.client().serializer(serializer).join("realm1");
        net.send_bytes(client, input);
        net.violated(client);
        assert_eq!(net.realm("realm1").session_count(), 0);
    }
}

/// SER-10
#[test]
fn deep_nesting_ends_the_session_and_nothing_else() {
    let (mut net, client) = joined();
    net.send_bytes(client, &vec![b'['; 1 << 20]);
    net.violated(client);
    net.join("realm1");
}

/// MSG-01, MSG-02, MSG-03, MSG-09, MSG-10
#[test]
fn what_is_no_message_ends_the_session() {
    for message in [
        json!([]),
        json!({}),
        json!(["x"]),
        json!([1.5]),
        json!([32, "1", {}, "a"]),
        json!([32, 1, {}]),
        json!([33, 1, 2, 3, 4]),
        json!([99]),
        json!([7, {}]),
        json!([300, {}]),
    ] {
        let (mut net, client) = joined();
        net.send(client, message);
        net.violated(client);
    }
}

/// PVI-02
#[test]
fn nothing_behind_a_violation_is_served() {
    let (mut net, client) = joined();
    let other = net.join("realm1");
    net.subscribe(other, "a.b");
    net.send_all(client, [json!([99]), json!([16, 1, {}, "a.b", ["x"]])]);
    net.violated(client);
    net.nothing(other);
}

/// PVI-02
#[test]
fn a_violation_disposes_of_all_that_the_session_held() {
    let (mut net, client) = joined();
    let other = net.join("realm1");
    net.subscribe(client, "a.b");
    net.register(client, "a.b");
    net.send(client, json!([99]));
    net.violated(client);
    let request = net.call(other, "a.b", "x");
    net.refused(other, 48, request, "wamp.error.no_such_procedure");
    net.register(other, "a.b");
}

/// MSG-11, PVI-04, PVI-11
#[test]
fn messages_of_a_router_or_of_another_state_are_violations() {
    let messages = [
        json!([1, "realm1", {"roles": {"caller": {}}}]),
        json!([2, 1, {"roles": {"broker": {}}}]),
        json!([4, "ticket", {}]),
        json!([5, "signature", {}]),
        json!([17, 1, 1]),
        json!([33, 1, 1]),
        json!([35, 1]),
        json!([36, 1, 1, {}]),
        json!([50, 1, {}]),
        json!([65, 1, 1]),
        json!([67, 1]),
        json!([68, 1, 1, {}]),
        json!([69, 1, {}]),
        json!([337, 1]),
    ];
    for message in messages {
        let (mut net, client) = joined();
        let name = MessageType::from_code(message[0].as_u64().expect("a code")).expect("a type").name();
        net.send(client, message);
        let abort = net.violated(client);
        let why = abort.detail(1, "message").and_then(wamp::Value::as_str).expect("a message");
        assert!(why.contains(name), "{why}");
    }
}

/// MSG-12, PVI-06
#[test]
fn a_client_fails_nothing_but_invocations() {
    for request_type in [1, 32, 48, 69, 999] {
        let (mut net, client) = joined();
        net.send(client, json!([8, request_type, 1, {}, "a.b"]));
        net.violated(client);
    }
}

/// PVI-07
#[test]
fn answering_what_was_never_asked_is_a_violation() {
    for message in [json!([70, 1, {}]), json!([8, 68, 1, {}, "a.b"])] {
        let (mut net, client) = joined();
        net.send(client, message);
        net.violated(client);
    }
}

/// PVI-13, DLR-15
#[test]
fn a_second_answer_is_dropped() {
    let (mut net, callee) = joined();
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, "one");
    net.answer(callee, invocation, "two");
    net.send(callee, json!([8, 68, invocation, {}, "a.b"]));
    net.expect(caller, json!([50, 1, {}, ["one"]]));
    net.nothing(caller);
    net.nothing(callee);
    net.send(callee, json!([70, invocation + 1, {}]));
    net.violated(callee);
}

/// PVI-08
#[test]
fn an_answer_that_nobody_waits_for_is_dropped() {
    let (mut net, callee) = joined();
    let caller = net.join("realm1");
    net.register(callee, "a.b");
    net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.send(caller, json!([49, 1, {"mode": "skip"}]));
    net.refused(caller, 48, 1, "wamp.error.canceled");
    net.answer(callee, invocation, "late");
    net.nothing(caller);
    net.nothing(callee);
    assert!(!net.is_closed(callee));
}

/// PVI-09
#[test]
fn nobody_answers_for_another_session() {
    let (mut net, callee) = joined();
    let (caller, intruder) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.answer(intruder, invocation, "forged");
    net.violated(intruder);
    net.nothing(caller);
    net.answer(callee, invocation, "true");
    net.expect(caller, json!([50, 1, {}, ["true"]]));
}

/// PVI-11
#[test]
fn nobody_authenticates_who_was_not_challenged() {
    let mut net = Net::open();
    let client = net.client().connect();
    net.send(client, json!([5, "signature", {}]));
    net.violated(client);
}

/// PVI-12
#[test]
fn violations_of_one_session_harm_no_other() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    for round in 0..100 {
        let violator = net.join("realm1");
        net.subscribe(violator, "a.b");
        net.send_bytes(violator, &[b'[', round]);
        net.violated(violator);
        let request = net.call(caller, "a.b", "x");
        let invocation = net.invoked(callee);
        net.answer(callee, invocation, "y");
        net.expect(caller, json!([50, request, {}, ["y"]]));
    }
    assert_eq!(net.realm("realm1").session_count(), 2);
}

/// PVI-14, PCI-03
#[test]
fn features_that_were_not_announced_must_not_be_used() {
    for (role, message) in [
        ("caller", json!([48, 1, {"progress": true}, "a.b"])),
        ("caller", json!([48, 1, {"ppt_scheme": "x_my"}, "a.b", ["x"]])),
        ("publisher", json!([16, 1, {"ppt_scheme": "x_my"}, "a.b", ["x"]])),
        ("callee", json!([70, 1, {"ppt_scheme": "x_my"}, ["x"]])),
    ] {
        let mut net = Net::open();
        let client = net.client().roles(json!({role: {}})).join("realm1");
        net.send(client, message);
        net.violated(client);
    }
}

/// IDS-10
#[test]
fn ids_out_of_range_end_the_session() {
    for id in [json!(0), json!(-1), json!((1u64 << 53) + 1), json!(1.5), json!("1")] {
        let (mut net, client) = joined();
        net.send(client, json!([32, id, {}, "a.b"]));
        net.violated(client);
    }
}

/// MSG-06, BWL-10, PBS-02, TMO-14, ERR-06: a request that is well-formed but for an option is refused, and the session goes on.
#[test]
fn a_wrong_option_is_refused_and_the_session_goes_on() {
    for (kind, message) in [
        (16, json!([16, 7, {"acknowledge": true, "exclude": ["x"]}, "a.b"])),
        (16, json!([16, 7, {"acknowledge": true, "eligible": 5}, "a.b"])),
        (16, json!([16, 7, {"acknowledge": true, "ppt_scheme": 5}, "a.b"])),
        (32, json!([32, 7, {"match": "regex"}, "a.b"])),
        (32, json!([32, 7, {"get_retained": 1}, "a.b"])),
        (48, json!([48, 7, {"timeout": -1}, "a.b"])),
        (64, json!([64, 7, {"invoke": "x"}, "a.b"])),
        (64, json!([64, 7, {"concurrency": 0}, "a.b"])),
    ] {
        let (mut net, client) = joined();
        net.send(client, message);
        net.refused(client, kind, 7, "wamp.error.invalid_argument");
        net.subscribe(client, "a.b");
    }
}

/// BRK-07, MSG-06: 1 is not true, so no answer was asked for.
#[test]
fn a_publish_that_asked_for_no_answer_gets_none_for_a_wrong_option() {
    let (mut net, client) = joined();
    let other = net.join("realm1");
    net.subscribe(other, "a.b");
    for options in
        [json!({"acknowledge": 1}), json!({"exclude": 5}), json!({"acknowledge": false, "retain": 1})]
    {
        net.send(client, json!([16, 7, options, "a.b"]));
    }
    net.nothing(client);
    net.nothing(other);
    assert!(!net.is_closed(client));
}

/// PVI-14
#[test]
fn strict_realms_count_what_was_refused_for_its_options() {
    let mut net = realm(|realm| realm.request_ids = cloverleaf_router::config::RequestIds::Strict);
    let client = net.join("realm1");
    net.send(client, json!([32, 1, {"match": "regex"}, "a.b"]));
    net.refused(client, 32, 1, "wamp.error.invalid_argument");
    net.send(client, json!([32, 3, {"match": "regex"}, "a.b"]));
    net.violated(client);
}

/// PVI-01: what the transport finds wrong is a violation like any other.
#[test]
fn a_broken_framing_ends_the_session() {
    let (mut net, client) = joined();
    net.violate(client, "a message of 17 MiB, where 16 are allowed");
    let abort = net.violated(client);
    assert!(abort.to_string().contains("17 MiB"));
    assert_eq!(net.realm("realm1").session_count(), 0);
}

/// PVI-01: WebSocket peers are told by the close code, too.
#[test]
fn a_violation_closes_with_code_1002() {
    let (mut net, client) = joined();
    net.send(client, json!([99]));
    assert_eq!(net.closed(client), Some((1002, "wamp.error.protocol_violation")));
}
