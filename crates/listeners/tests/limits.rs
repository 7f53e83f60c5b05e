//! What peers can't do: hold more than they may, stall others, stay without a sign of life.

mod support;

use std::time::Duration;

use router::config::SlowConsumer;
use serde_json::json;
use support::{Client, Frame, Server, eventually};
use wamp::Serializer;

// BRK-17
#[test]
fn a_receiver_that_stopped_reading_is_cut_off_and_others_go_on() {
    let server = Server::with_both(|router, config| {
        router.limits.outbox_bytes_soft = 256 << 10;
        config.limits.write_timeout = Duration::from_millis(300);
        config.limits.close_timeout = Duration::from_millis(100);
    });
    let mut stuck = Client::raw(&server, Serializer::Json).joined();
    let mut healthy = Client::websocket(&server, "wamp.2.cbor").joined();
    let mut publisher = Client::raw(&server, Serializer::MsgPack).joined();
    stuck.subscribe("a.b");
    healthy.subscribe("a.b");
    // More than the system's own buffers can hold for the one that doesn't read.
    let text = "x".repeat(60_000);
    for request in 1..=400 {
        publisher.publish(request, "a.b", &json!(text));
        assert_eq!(healthy.expect(36)[4][0].as_str().map(str::len), Some(60_000));
    }
    eventually("the stuck session is gone", || server.router.sessions() == 2);
    healthy.probe();
    publisher.probe();
}

// BRK-18
#[test]
fn events_can_be_dropped_instead() {
    let server = Server::with_both(|router, config| {
        router.limits.outbox_bytes_soft = 256 << 10;
        router.limits.slow_consumer = SlowConsumer::Drop;
        config.limits.write_timeout = Duration::from_secs(60);
    });
    let mut slow = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::raw(&server, Serializer::MsgPack).joined();
    slow.subscribe("a.b");
    let text = "x".repeat(60_000);
    for request in 1..=400 {
        publisher.publish(request, "a.b", &json!([request, text]));
    }
    // It reads again: what fitted comes in order, and the session goes on.
    let (mut last, mut events) = (0, 0);
    slow.send(&json!([48, 1_000_000, {}, "no.such.procedure"]));
    loop {
        let message = slow.receive();
        if message[0] == 8 {
            break;
        }
        let number = message[4][0][0].as_u64().expect("a number");
        assert!(number > last);
        (last, events) = (number, events + 1);
    }
    assert!(events < 400, "{events}");
}

#[test]
fn a_peer_that_only_writes_is_not_read_without_end() {
    let server = Server::with_both(|router, config| {
        router.limits.outbox_bytes_soft = 128 << 10;
        config.limits.write_timeout = Duration::from_millis(300);
    });
    let client = Client::raw(&server, Serializer::Json);
    let mut client = client.joined();
    let ping = client.ping(&[7; 50_000]);
    // Its pongs pile up until it isn't read any more, and then until it is cut off.
    for _ in 0..2000 {
        client.pipe.try_send(&ping);
    }
    eventually("it is cut off", || server.router.sessions() == 0);
}

// ROB-01
#[test]
fn an_address_may_not_take_all_connections() {
    let server = Server::with(|config| config.limits.connections_per_address_max = Some(2));
    let mut first = Client::raw(&server, Serializer::Json).joined();
    let second = Client::websocket(&server, "wamp.2.json").joined();
    let mut pipe = server.connect();
    pipe.send(&[0x7F, 0xF1, 0, 0]);
    assert_eq!(pipe.receive_all(), [0x7F, 0x40, 0, 0]);
    assert_eq!(Client::ask(&mut server.connect(), "/ws", "wamp.2.json", "").status, 503);
    drop(second);
    eventually("there is room again", || {
        Client::ask(&mut server.connect(), "/ws", "wamp.2.json", "").status == 101
    });
    first.probe();
}

// SES-21
#[test]
fn a_hello_that_does_not_come_is_not_waited_for() {
    let server = Server::with_both(|router, _| router.limits.handshake_timeout = Duration::from_secs(1));
    let mut joined = Client::raw(&server, Serializer::Json).joined();
    let mut raw = Client::raw(&server, Serializer::Json);
    let mut websocket = Client::websocket(&server, "wamp.2.json");
    assert_eq!(raw.frame(), Frame::End);
    assert!(matches!(websocket.frame(), Frame::Close(Some(_), _)));
    assert_eq!(websocket.frame(), Frame::End);
    // A session that is open has no such limit.
    joined.probe();
}

#[test]
fn many_sessions_come_and_go() {
    const SESSIONS: usize = 300;
    let server = Server::start();
    let mut clients: Vec<_> = (0..SESSIONS)
        .map(|index| match index % 3 {
            0 => Client::raw(&server, Serializer::Cbor),
            1 => Client::websocket(&server, "wamp.2.json"),
            _ => Client::websocket(&server, "wamp.2.msgpack.batched"),
        })
        .map(Client::joined)
        .collect();
    assert_eq!(server.router.sessions(), SESSIONS);
    for client in &mut clients {
        client.subscribe("a.b");
    }
    let mut publisher = Client::raw(&server, Serializer::Json).joined();
    publisher.publish(1, "a.b", &json!("to all"));
    for client in &mut clients {
        assert_eq!(client.expect(36)[4][0], "to all");
    }
    drop(clients);
    eventually("all but one are gone", || server.router.sessions() == 1);
    publisher.probe();
}

// ORD-01
#[test]
fn a_flood_arrives_whole_and_in_order() {
    const EVENTS: usize = 30_000;
    let server = Server::start();
    let mut subscriber = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::websocket(&server, "wamp.2.json").joined();
    subscriber.subscribe("a.b");
    let flood = std::thread::spawn(move || {
        for first in (0..EVENTS).step_by(500) {
            let messages =
                (first..first + 500).map(|n| publisher.framed(&json!([16, n + 1, {}, "a.b", [n]])));
            let burst: Vec<u8> = messages.flatten().collect();
            publisher.pipe.send(&burst);
        }
        publisher.probe();
    });
    for expected in 0..EVENTS {
        assert_eq!(subscriber.expect(36)[4][0], expected);
    }
    flood.join().expect("the publisher is fine");
}
