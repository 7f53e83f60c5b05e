//! What a peer can make the router hold, and what happens then.

use std::time::Duration;

use cloverleaf_router::config::{Limits, SlowConsumer};
use cloverleaf_router::{ChannelType, Format, Link, Millis, Router, RouterConfig, TransportDetails};
use testkit::{Client, Net, json};
use transport::Framing;
use wamp::Serializer;

fn limited(limits: Limits) -> Net {
    Net::new(RouterConfig { limits, ..RouterConfig::default() })
}

const UNAVAILABLE: &str = "wamp.error.unavailable";

/// ROB-01
#[test]
fn subscriptions_of_a_session_are_bounded() {
    let mut net = limited(Limits { subscriptions_max: 2, ..Limits::default() });
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let first = net.subscribe(client, "a.one");
    net.subscribe(client, "a.two");
    net.send(client, json!([32, 3, {}, "a.three"]));
    net.refused(client, 32, 3, UNAVAILABLE);
    net.send(client, json!([32, 4, {}, "a.one"]));
    net.expect(client, json!([33, 4, first]));
    net.subscribe(other, "a.three");
    net.send(client, json!([34, 5, first]));
    net.expect(client, json!([35, 5]));
    net.send(client, json!([32, 6, {}, "a.three"]));
    net.expect(client, json!([33, 6, "_"]));
}

/// ROB-01: nor does the refused attempt leave a subscription without subscribers.
#[test]
fn a_refused_subscription_is_not_there() {
    let mut net = limited(Limits { subscriptions_max: 0, ..Limits::default() });
    let (client, publisher) = (net.join("realm1"), net.join("realm1"));
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.refused(client, 32, 1, UNAVAILABLE);
    net.publish(publisher, "a.b", "x");
    net.nothing(client);
}

/// ROB-01
#[test]
fn registrations_of_a_session_are_bounded() {
    let mut net = limited(Limits { registrations_max: 1, ..Limits::default() });
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    net.register(client, "a.one");
    let request = net.request(client);
    net.send(client, json!([64, request, {}, "a.two"]));
    net.refused(client, 64, request, UNAVAILABLE);
    let request = net.call(other, "a.two", "x");
    net.refused(other, 48, request, "wamp.error.no_such_procedure");
    net.register(other, "a.two");
}

/// ROB-01, DLR-19
#[test]
fn pending_calls_of_a_session_are_bounded() {
    let mut net = limited(Limits { pending_calls_max: 2, ..Limits::default() });
    let (caller, other, callee) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    net.call(caller, "a.b", "1");
    net.call(caller, "a.b", "2");
    let request = net.call(caller, "a.b", "3");
    net.refused(caller, 48, request, UNAVAILABLE);
    net.call(other, "a.b", "4");
    assert_eq!(net.receive(callee).len(), 3);
    net.answer(callee, 1, "done");
    net.take(caller);
    net.call(caller, "a.b", "5");
    net.invoked(callee);
}

/// ROB-01, DLR-19
#[test]
fn pending_invocations_of_a_callee_are_bounded() {
    let mut net = limited(Limits { pending_invocations_max: 1, ..Limits::default() });
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    net.call(caller, "a.b", "1");
    let invocation = net.invoked(callee);
    let request = net.call(caller, "a.b", "2");
    let refusal = net.expect(caller, json!([8, 48, request, {}, "_", "..."]));
    assert!(["wamp.error.unavailable", "wamp.error.no_available_callee"].contains(&refusal.text(4)));
    net.nothing(callee);
    net.answer(callee, invocation, "done");
    net.take(caller);
    net.call(caller, "a.b", "3");
    net.invoked(callee);
}

/// ROB-01
#[test]
fn sessions_of_a_realm_are_bounded() {
    let mut net = limited(Limits { sessions_max: 2, ..Limits::default() });
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let third = net.client().hello("realm1");
    net.expect(third, json!([3, {"message": "_"}, UNAVAILABLE]));
    net.nothing(third);
    assert!(net.is_closed(third));
    net.disconnect(one);
    net.join("realm1");
    assert!(!net.is_closed(two));
}

/// A session whose outbox is small, and that reads nothing; and one that reads.
fn slow(policy: SlowConsumer) -> (Net, Client, Client, Client) {
    let limits = Limits {
        outbox_bytes_soft: 10_000,
        message_bytes_max: 5_000,
        slow_consumer: policy,
        ..Limits::default()
    };
    let mut net = limited(limits);
    let clients = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    net.subscribe(clients.1, "a.b");
    net.subscribe(clients.2, "a.b");
    net.stall(clients.1);
    (net, clients.0, clients.1, clients.2)
}

/// BRK-17, BRK-18
#[test]
fn who_does_not_read_is_cut_off() {
    let (mut net, publisher, slow, reader) = slow(SlowConsumer::Disconnect);
    for number in 0..100 {
        net.publish(publisher, "a.b", &format!("{number} {}", "x".repeat(500)));
        assert_eq!(net.receive(reader).len(), 1, "others get every event");
    }
    assert_eq!(net.closed(slow).map(|(code, _)| code), Some(1008));
    assert_eq!(net.realm("realm1").session_count(), 2);
    net.resume(slow);
    net.nothing(slow);
    net.publish_acknowledged(publisher, "a.b", "the publisher goes on");
}

/// BRK-18
#[test]
fn events_for_who_does_not_read_are_dropped_and_counted() {
    let (mut net, publisher, slow, reader) = slow(SlowConsumer::Drop);
    for _ in 0..100 {
        net.publish(publisher, "a.b", &"x".repeat(500));
    }
    let session = net.session_id(slow);
    let peer = net.realm("realm1").session(session).expect("it stays");
    net.resume(slow);
    let received = net.receive(slow).len();
    assert!((15..20).contains(&received), "{received} events fit into the outbox");
    assert_eq!(peer.events_dropped(), 100 - received as u64);
    net.publish(publisher, "a.b", "again");
    assert_eq!(net.receive(slow).len(), 1, "there is room again");
    assert_eq!(net.receive(reader).len(), 101);
    let id = net.session_id(reader);
    assert_eq!(net.realm("realm1").session(id).expect("it is there").events_dropped(), 0);
}

/// BRK-18: replies are not dropped where events are.
#[test]
fn replies_reach_a_session_that_misses_events() {
    let (mut net, publisher, slow, _) = slow(SlowConsumer::Drop);
    let answered = net.call(slow, "no.such", "x");
    for _ in 0..100 {
        net.publish(publisher, "a.b", &"x".repeat(500));
    }
    net.register(publisher, "a.c");
    net.resume(slow);
    let messages = net.receive(slow);
    assert!(messages.iter().any(|message| message.code() == 8 && message.id(2) == answered));
    assert!(messages.iter().any(|message| message.code() == 36));
}

/// BRK-17, ROB-01: even replies have a bound.
#[test]
fn replies_beyond_the_hard_bound_end_the_session() {
    let limits = Limits { outbox_bytes_soft: 1_000, message_bytes_max: 1_000, ..Limits::default() };
    let hard = limits.outbox_bytes_hard();
    let mut net = limited(limits);
    let (callee, caller) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    let text = "x".repeat(900);
    let calls = 2 * hard / 900;
    for n in 1..=calls {
        net.send(caller, json!([48, n, {}, "a.b"]));
    }
    net.stall(caller);
    let invocations: Vec<u64> = net.receive(callee).iter().map(|message| message.id(1)).collect();
    assert_eq!(invocations.len(), calls);
    for invocation in invocations {
        net.answer(callee, invocation, &text);
    }
    assert_eq!(net.closed(caller).map(|(code, _)| code), Some(1008));
    assert!(!net.is_closed(callee));
}

/// BRK-17: who leaves its replies unread is not read either.
#[test]
fn a_session_that_does_not_read_is_not_read() {
    let limits = Limits { outbox_bytes_soft: 10_000, ..Limits::default() };
    let mut net = limited(limits);
    let client = net.join("realm1");
    net.stall(client);
    net.send_all(client, (1..=1000).map(|n| json!([32, n, {}, format!("a.b{n}")])));
    let unread = net.connection(client).unread();
    assert!((1..900).contains(&unread), "{unread} requests are left unread");
    net.resume(client);
    assert_eq!(net.connection(client).unread(), 0);
    assert_eq!(net.receive(client).len(), 1000);
    assert!(!net.is_closed(client));
}

/// BRK-17: a publisher waits a moment for receivers that are nearly full, and only for such as still read.
#[test]
fn a_publisher_is_paced_by_receivers_that_still_read() {
    let (mut net, publisher, slow, _) = slow(SlowConsumer::Drop);
    let publish = |net: &mut Net| {
        net.publish(publisher, "a.b", &"x".repeat(500));
        net.connection(publisher).take_paced()
    };
    let unpaced = (0..30).take_while(|_| !publish(&mut net)).count();
    assert!((12..16).contains(&unpaced), "{unpaced} events fill three quarters of the outbox");
    net.advance(Duration::from_secs(1));
    assert!(!publish(&mut net), "it has stopped reading");
    net.resume(slow);
    net.stall(slow);
    let unpaced = (0..30).take_while(|_| !publish(&mut net)).count();
    assert!((12..16).contains(&unpaced), "it reads again");
}

/// RAW-17, RAW-19
#[test]
fn an_event_too_long_for_a_receiver_is_left_out_for_it_alone() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let small = net.client().message_bytes_max(512).join("realm1");
    let large = net.join("realm1");
    net.subscribe(small, "a.b");
    net.subscribe(large, "a.b");
    net.publish(publisher, "a.b", &"x".repeat(4096));
    net.publish(publisher, "a.b", "short");
    net.expect(small, json!([36, "_", "_", {}, ["short"]]));
    assert_eq!(net.receive(large).len(), 2);
    let id = net.session_id(small);
    assert_eq!(net.realm("realm1").session(id).expect("it is there").events_dropped(), 1);
}

/// RAW-17: the limit is on the message as this receiver gets it.
#[test]
fn length_is_measured_in_the_receivers_serializer() {
    let mut net = Net::open();
    let publisher = net.client().serializer(wamp::Serializer::MsgPack).join("realm1");
    for serializer in wamp::Serializer::ALL {
        let small = net.client().serializer(serializer).message_bytes_max(512).join("realm1");
        net.subscribe(small, "a.b");
        // 300 bytes are 300 in binary formats and 400 in Base64.
        for (bytes, arrives) in [(300, true), (420, serializer != wamp::Serializer::Json), (600, false)] {
            let args = wamp::Value::from(vec![wamp::Value::Bytes(vec![7; bytes])]);
            let request = net.request(publisher);
            let head = [wamp::Value::from(16u64), wamp::Value::from(request), wamp::Value::Map([].into())];
            let message = head.into_iter().chain([wamp::Value::from("a.b"), args]).collect();
            net.send(publisher, wamp::Value::List(message));
            assert_eq!(!net.receive(small).is_empty(), arrives, "{bytes} bytes in {serializer:?}");
        }
        net.disconnect(small);
    }
}

/// RAW-17: retained events are no exception.
#[test]
fn a_retained_event_too_long_for_a_receiver_is_left_out() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let small = net.client().message_bytes_max(512).join("realm1");
    net.publish_with(publisher, json!({"retain": true}), "a.b", &"x".repeat(4096));
    net.subscribe_with(small, json!({"get_retained": true}), "a.b");
    net.nothing(small);
}

/// RAW-17, FEA-07: a device that takes little is told less, but is let in.
#[test]
fn welcome_fits_a_receiver_that_takes_little() {
    let mut net = Net::open();
    for serializer in wamp::Serializer::ALL {
        let client = net.client().serializer(serializer).message_bytes_max(512).hello("realm1");
        let welcome = net.welcome(client);
        for key in ["realm", "authid", "authrole", "authmethod", "authprovider"] {
            assert!(welcome.detail(2, key).is_some(), "{key}");
        }
    }
}

/// RAW-20, ERR-08
#[test]
fn a_call_too_long_for_the_callee_is_answered_at_once() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    let callee = net.client().message_bytes_max(512).join("realm1");
    net.register(callee, "a.b");
    let request = net.call(caller, "a.b", &"x".repeat(4096));
    net.refused(caller, 48, request, "wamp.error.payload_size_exceeded");
    net.nothing(callee);
    net.call(caller, "a.b", "short");
    assert_eq!(net.invoked(callee), 1, "no number was used up");
}

/// RAW-20, ERR-08
#[test]
fn a_result_too_long_for_the_caller_is_an_error_for_it() {
    let mut net = Net::open();
    let caller = net.client().message_bytes_max(512).join("realm1");
    let callee = net.join("realm1");
    net.register(callee, "a.b");
    let request = net.call(caller, "a.b", "x");
    let invocation = net.invoked(callee);
    net.answer(callee, invocation, &"x".repeat(4096));
    net.refused(caller, 48, request, "wamp.error.payload_size_exceeded");
    net.nothing(caller);
    net.nothing(callee);
}

/// ROB-01: whoever has no session yet can't make the router hold answers to its pings either.
#[test]
fn a_connection_that_does_not_read_is_not_read_before_hello() {
    let router = Router::new(RouterConfig::default()).expect("a router");
    let format = Format { serializer: Serializer::Json, framing: Framing::RawSocket };
    let transport = TransportDetails::new(ChannelType::Tcp, "tcp4:127.0.0.1:1");
    let mut link = Link::new(&router, format, usize::MAX, transport, Millis(0));
    assert!(link.wants_input());
    link.send_raw(&[0; 100_000]);
    assert!(!link.wants_input());
}

/// ROB-01, URI-11: patterns of very many components are refused.
#[test]
fn wildcard_patterns_have_a_bounded_number_of_components() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let pattern = |components: usize| ".".repeat(components - 1);
    net.subscribe_with(client, json!({"match": "wildcard"}), &pattern(64));
    let request = net.request(client);
    net.send(client, json!([32, request, {"match": "wildcard"}, pattern(65)]));
    net.refused(client, 32, request, "wamp.error.invalid_uri");
}

/// SER-01, WSK-11: transcoding makes no message longer than any may be.
#[test]
fn a_message_that_transcoding_makes_too_long_is_refused_to_its_sender() {
    let mut net = limited(Limits { message_bytes_max: 10_000, ..Limits::default() });
    let callee = net.client().serializer(Serializer::Json).join("realm1");
    let caller = net.client().serializer(Serializer::MsgPack).join("realm1");
    net.register(callee, "a.b");
    // Six characters of JSON for each of these.
    let call = net.call(caller, "a.b", &"\u{1}".repeat(5_000));
    net.refused(caller, 48, call, "wamp.error.payload_size_exceeded");
    assert!(!net.is_closed(callee));
}
