//! RawSocket, from the handshake to the last frame.

mod support;

use std::time::Duration;

use cloverleaf_listeners::Keepalive;
use serde_json::json;
use support::{Client, Frame, Server};
use transport::rawsocket::MAX_LENGTH;
use wamp::Serializer;

/// The reply to a handshake and, if it is a refusal, everything up to the end.
fn reply(server: &Server, handshake: [u8; 4]) -> Vec<u8> {
    let mut pipe = server.connect();
    pipe.send(&handshake);
    pipe.receive_all()
}

// RAW-01, RAW-11
#[test]
fn a_handshake_is_answered_in_kind() {
    let server = Server::start();
    let mut pipe = server.connect();
    pipe.send(&[0x7F, 0xF1, 0, 0]);
    assert_eq!(pipe.receive(4), [0x7F, 0xF1, 0, 0]);
}

// RAW-02
#[test]
fn what_is_no_handshake_gets_no_answer() {
    let server = Server::start();
    assert_eq!(reply(&server, [0x00, 0xF1, 0, 0]), b"");
    let alone = Server::with(|config| {
        config.websocket = None;
        config.http = None;
    });
    assert_eq!(reply(&alone, *b"GET "), b"");
}

// RAW-03
#[test]
fn the_serializer_is_echoed_and_spoken() {
    let server = Server::start();
    for serializer in [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Bjdata] {
        let mut pipe = server.connect();
        pipe.send(&[0x7F, 0xF0 | serializer.rawsocket_id(), 0, 0]);
        assert_eq!(pipe.receive(4)[1] & 0x0F, serializer.rawsocket_id());
        Client::raw(&server, serializer).joined().probe();
    }
}

// RAW-04
#[test]
fn the_reply_names_the_own_limit() {
    let server = Server::with(|config| {
        config.rawsocket.as_mut().expect("on by default").message_bytes_max = Some(64 << 10);
    });
    let mut pipe = server.connect();
    pipe.send(&[0x7F, 0xF1, 0, 0]);
    assert_eq!(pipe.receive(4), [0x7F, 0x71, 0, 0]);
}

// RAW-05, RAW-06, RAW-08, RAW-10
#[test]
fn refusals_say_why_and_end_the_connection() {
    let server = Server::with(|config| {
        config.rawsocket.as_mut().expect("on by default").serializers = vec![Serializer::Json];
    });
    assert_eq!(reply(&server, [0x7F, 0xF0, 0, 0]), [0x7F, 0x10, 0, 0], "serializer 0");
    assert_eq!(reply(&server, [0x7F, 0xFF, 0, 0]), [0x7F, 0x10, 0, 0], "serializer 15");
    assert_eq!(reply(&server, [0x7F, 0xF2, 0, 0]), [0x7F, 0x10, 0, 0], "MessagePack, which is off");
    assert_eq!(reply(&server, [0x7F, 0xF1, 0, 1]), [0x7F, 0x30, 0, 0]);
    assert_eq!(reply(&server, [0x7F, 0xF1, 1, 0]), [0x7F, 0x30, 0, 0]);
}

// RAW-07
#[test]
fn a_client_that_takes_too_little_is_refused() {
    let server = Server::with(|config| {
        config.rawsocket.as_mut().expect("on by default").peer_message_bytes_min = 1024;
    });
    assert_eq!(reply(&server, [0x7F, 0x01, 0, 0]), [0x7F, 0x20, 0, 0]);
    Client::raw_over(server.connect(), Serializer::Json, 1).joined().probe();
}

// RAW-09
#[test]
fn one_connection_too_many_is_told_so() {
    let server = Server::with(|config| config.limits.connections_max = 1);
    let mut first = Client::raw(&server, Serializer::Json).joined();
    assert_eq!(reply(&server, [0x7F, 0xF1, 0, 0]), [0x7F, 0x40, 0, 0]);
    first.probe();
}

// RAW-12
#[test]
fn frames_have_a_type_and_a_length() {
    let server = Server::start();
    let mut client = Client::raw(&server, Serializer::Json);
    let hello = client.encoded(&Client::hello());
    let length = u32::try_from(hello.len()).expect("short").to_be_bytes();
    client.pipe.send(&length);
    client.pipe.send(&hello);
    let prefix: [u8; 4] = client.pipe.receive(4).try_into().expect("four octets");
    assert_eq!(prefix[0], 0);
    let welcome = client.pipe.receive(u32::from_be_bytes(prefix) as usize);
    assert!(welcome.starts_with(b"[2,"), "{}", String::from_utf8_lossy(&welcome));
}

// RAW-13
#[test]
fn sixteen_mebibytes_are_one_frame_both_ways() {
    let server = Server::with_both(|router, _| {
        router.limits.message_bytes_max = 32 << 20;
        router.limits.outbox_bytes_soft = 64 << 20;
    });
    let mut subscriber = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::raw(&server, Serializer::Json).joined();
    let subscription = subscriber.subscribe("a.b");
    publisher.publish(1, "a.b", &json!(""));
    let event = match subscriber.frame() {
        Frame::Message { payload, .. } => String::from_utf8(payload).expect("it is JSON"),
        other => panic!("not an event: {other:?}"),
    };
    // Most publication ids have 16 digits: an event with such a one is to fill a frame exactly.
    let publication = event.split(',').nth(2).expect("the publication's id");
    assert!(event.starts_with(&format!("[36,{subscription},{publication},")));
    let fill = MAX_LENGTH - (event.len() + 16 - publication.len());
    for request in 2.. {
        let message = format!(r#"[16,{request},{{"acknowledge":true}},"a.b",["{}"]]"#, "x".repeat(fill));
        let frame = publisher.framed_bytes(message.as_bytes());
        publisher.pipe.send(&frame);
        publisher.expect(17);
        // An event with a shorter id is shorter, one with a longer id would be too long.
        match subscriber.pipe.receive(4)[..] {
            [8, 0, 0, 0] => break,
            [0, high, middle, low] => {
                let length = u32::from_be_bytes([0, high, middle, low]) as usize;
                subscriber.pipe.receive(length);
            }
            ref other => panic!("a prefix of {other:?}"),
        }
    }
    assert_eq!(subscriber.pipe.receive(MAX_LENGTH).last(), Some(&b']'));
    let body = format!(r#"[16,1,{{}},"c.d",["{}"]]"#, "x".repeat(MAX_LENGTH - 20));
    assert_eq!(body.len(), MAX_LENGTH);
    let frame = publisher.framed_bytes(body.as_bytes());
    assert_eq!(frame[..4], [8, 0, 0, 0]);
    publisher.pipe.send(&frame);
    publisher.probe();
}

// RAW-14, RAW-15, RAW-18
#[test]
fn broken_prefixes_end_the_connection() {
    let server = Server::with(|config| {
        config.rawsocket.as_mut().expect("on by default").message_bytes_max = Some(512);
    });
    for prefix in [[0x80, 0, 0, 1], [0x10, 0, 0, 1], [3, 0, 0, 0], [7, 0, 0, 0], [0, 0, 2, 1], [8, 0, 0, 0]] {
        let mut client = Client::raw(&server, Serializer::Json).joined();
        client.pipe.send(&prefix);
        assert_eq!(client.receive()[0], 3, "{prefix:?}: ABORT");
        assert_eq!(client.frame(), Frame::End, "{prefix:?}");
    }
}

// RAW-16
#[test]
fn pings_are_answered_at_once_and_in_order() {
    let server = Server::start();
    let mut client = Client::raw(&server, Serializer::Json).joined();
    for length in [0, 1, 125, 10_000, 100_000] {
        let payload = vec![7; length];
        let ping = client.ping(&payload);
        client.pipe.send(&ping);
        assert_eq!(client.frame(), Frame::Pong(payload));
    }
    let both = [client.ping(b"first"), client.ping(b"second")].concat();
    client.pipe.send(&both);
    assert_eq!(client.frame(), Frame::Pong(b"first".to_vec()));
    assert_eq!(client.frame(), Frame::Pong(b"second".to_vec()));
    client.probe();
}

// RAW-17, RAW-19
#[test]
fn nobody_gets_more_than_it_takes() {
    let server = Server::start();
    let mut small = Client::raw_over(server.connect(), Serializer::Json, 0).joined();
    let mut large = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::raw(&server, Serializer::Json).joined();
    small.subscribe("a.b");
    large.subscribe("a.b");
    publisher.publish(1, "a.b", &json!("x".repeat(4096)));
    publisher.publish(2, "a.b", &json!("short"));
    assert_eq!(large.expect(36)[4][0].as_str().map(str::len), Some(4096));
    assert_eq!(large.expect(36)[4][0], "short");
    assert_eq!(small.expect(36)[4][0], "short");
}

// RAW-21
#[test]
fn a_hello_may_come_with_the_handshake() {
    let server = Server::start();
    let client = Client::raw(&server, Serializer::Json);
    let mut pipe = server.connect();
    pipe.send(&[&[0x7F, 0xF1, 0, 0], &client.framed(&Client::hello())[..]].concat());
    assert_eq!(pipe.receive(4), [0x7F, 0xF1, 0, 0]);
    let prefix: [u8; 4] = pipe.receive(4).try_into().expect("four octets");
    assert!(pipe.receive(u32::from_be_bytes(prefix) as usize).starts_with(b"[2,"));
}

// RAW-22
#[test]
fn one_octet_at_a_time_is_enough() {
    let server = Server::start();
    let template = Client::raw(&server, Serializer::MsgPack);
    let mut pipe = server.connect();
    let handshake = [0x7F, 0xF2, 0, 0];
    for octet in handshake {
        pipe.send(&[octet]);
    }
    assert_eq!(pipe.receive(4), [0x7F, 0xF2, 0, 0]);
    for octet in template.framed(&Client::hello()) {
        pipe.send(&[octet]);
    }
    let prefix: [u8; 4] = pipe.receive(4).try_into().expect("four octets");
    assert_eq!(pipe.receive(u32::from_be_bytes(prefix) as usize)[1], 2, "WELCOME");
    let ping = template.ping(&[9; 300]);
    for octet in &ping {
        pipe.send(&[*octet]);
    }
    assert_eq!(pipe.receive(ping.len())[4..], [9; 300]);
}

// RAW-22
#[test]
fn a_session_may_be_cut_anywhere() {
    let server = Server::start();
    let template = Client::raw(&server, Serializer::Json);
    let session = [
        &[0x7F, 0xF1, 0, 0],
        &template.framed(&Client::hello())[..],
        &template.ping(b"between"),
        &template.framed(&json!([32, 1, {}, "a.b"])),
    ]
    .concat();
    for cut in 1..session.len() {
        let mut pipe = server.connect();
        pipe.send(&session[..cut]);
        pipe.send(&session[cut..]);
        assert_eq!(pipe.receive(4), [0x7F, 0xF1, 0, 0], "cut at {cut}");
        for expected in [&b"[2,"[..], b"between", b"[33,1,"] {
            let prefix: [u8; 4] = pipe.receive(4).try_into().expect("four octets");
            let length = u32::from_be_bytes([0, prefix[1], prefix[2], prefix[3]]) as usize;
            assert!(pipe.receive(length).starts_with(expected), "cut at {cut}");
        }
    }
}

// RAW-24
#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let server = Server::with(|config| config.limits.handshake_timeout = Duration::from_secs(1));
    let mut done = Client::raw(&server, Serializer::Json).joined();
    let mut begun = [&b""[..], b"\x7f", b"\x7f\xf1\x00", b"GET / HT"].map(|begin| {
        let mut pipe = server.connect();
        pipe.send(begin);
        pipe
    });
    for pipe in &mut begun {
        assert_eq!(pipe.receive_all(), b"");
    }
    done.probe();
}

// RAW-26
#[test]
fn an_empty_message_is_a_violation() {
    let server = Server::start();
    let mut client = Client::raw(&server, Serializer::Json).joined();
    client.pipe.send(&[0, 0, 0, 0]);
    assert_eq!(client.receive()[0], 3, "ABORT");
    assert_eq!(client.frame(), Frame::End);
}

// ROB-02
#[test]
fn a_silent_peer_is_asked_and_then_dropped() {
    let keepalive = Keepalive { interval: Duration::from_millis(50), timeout: Duration::from_secs(1) };
    let server = Server::with(|config| {
        config.rawsocket.as_mut().expect("on by default").keepalive = Some(keepalive);
    });
    let mut silent = Client::raw(&server, Serializer::Json).joined();
    let mut lively = Client::raw(&server, Serializer::Json).joined();
    for _ in 0..5 {
        let Frame::Ping(payload) = lively.frame() else { panic!("not a ping") };
        let pong = lively.pong(&payload);
        lively.pipe.send(&pong);
    }
    let mut pings = 0;
    while silent.frame() != Frame::End {
        pings += 1;
    }
    assert_eq!(pings, 1, "one ping, then it is given up");
    support::eventually("one session is left", || server.router.sessions() == 1);
}

#[test]
fn a_frame_may_be_much_longer_than_what_is_read_at_once() {
    let server = Server::start();
    let mut subscriber = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::raw(&server, Serializer::Cbor).joined();
    subscriber.subscribe("a.b");
    for (request, length) in [60_000_usize, 65_536, 70_000, 1_000_000, 5_000_000, 10].into_iter().enumerate()
    {
        let text: String = ('a'..='z').cycle().take(length).collect();
        publisher.publish(request as u64 + 1, "a.b", &json!(text));
        assert_eq!(subscriber.expect(36)[4][0], text);
    }
}
