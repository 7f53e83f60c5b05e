//! WebSocket, from the upgrade to the close frames.

mod support;

use std::time::Duration;

use cloverleaf_listeners::Keepalive;
use serde_json::json;
use support::{Client, Frame, Server};
use transport::websocket::{Opcode, write_header};

const PLAIN: [&str; 4] = ["wamp.2.json", "wamp.2.msgpack", "wamp.2.cbor", "wamp.2.ubjson"];

// WSK-01, WSK-02
#[test]
fn each_subprotocol_opens_a_session() {
    let server = Server::start();
    for name in PLAIN {
        let (client, opened) = Client::websocket_over(server.connect(), name, "");
        assert_eq!(opened.header("sec-websocket-protocol"), Some(name));
        assert_eq!(opened.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        client.joined().probe();
    }
}

// WSK-03
#[test]
fn the_first_known_subprotocol_in_the_clients_order_is_chosen() {
    let server = Server::start();
    let opened = Client::ask(&mut server.connect(), "/", "x.unknown, wamp.2.cbor, wamp.2.json", "");
    assert_eq!((opened.status, opened.header("sec-websocket-protocol")), (101, Some("wamp.2.cbor")));
}

// WSK-04
#[test]
fn without_a_subprotocol_there_is_no_session() {
    let server = Server::start();
    let mut pipe = server.connect();
    let opened = Client::ask(&mut pipe, "/ws", "foo", "");
    assert_eq!(opened.status, 400);
    assert!(String::from_utf8(pipe.receive_all()).expect("it is text").contains("wamp.2.json"));
}

#[test]
fn json_is_assumed_where_no_subprotocol_is_required() {
    let server = Server::with(|config| {
        config.websocket.as_mut().expect("on by default").require_subprotocol = false;
    });
    let opened = Client::ask(&mut server.connect(), "/ws", "foo", "");
    assert_eq!((opened.status, opened.header("sec-websocket-protocol")), (101, None));
}

/// What comes between the last message and the end: ABORT, as the session has it, and a close frame.
fn failed(client: &mut Client) -> Option<u16> {
    assert_eq!(client.receive()[0], 3, "ABORT");
    let Frame::Close(code, _) = client.frame() else { panic!("not a close frame") };
    assert_eq!(client.frame(), Frame::End);
    code
}

// WSK-05, WSK-06
#[test]
fn the_wrong_kind_of_message_fails_the_connection() {
    let server = Server::start();
    for name in PLAIN {
        let mut client = Client::websocket(&server, name).joined();
        let mut frame = client.framed(&json!([32, 1, {}, "a.b"]));
        frame[0] ^= Opcode::Text.bits() ^ Opcode::Binary.bits();
        client.pipe.send(&frame);
        assert_eq!(failed(&mut client), Some(1003), "{name}");
    }
}

// WSK-07
#[test]
fn fragments_are_put_together_around_a_ping() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.json").joined();
    let message = client.encoded(&json!([32, 1, {}, "a.b"]));
    let third = message.len() / 3;
    let part = |opcode: Opcode, fin: bool, part: &[u8]| {
        let mut frame = Vec::new();
        write_header(&mut frame, opcode, fin, part.len());
        frame[1] |= 0x80;
        // A mask of zeros leaves the payload as it is.
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(part);
        frame
    };
    client.pipe.send(&part(Opcode::Text, false, &message[..third]));
    client.pipe.send(&part(Opcode::Continuation, false, &message[third..2 * third]));
    let ping = client.ping(b"between");
    client.pipe.send(&ping);
    assert_eq!(client.frame(), Frame::Pong(b"between".to_vec()));
    client.pipe.send(&part(Opcode::Continuation, true, &message[2 * third..]));
    assert_eq!(client.receive()[0], 33);
}

// WSK-08
#[test]
fn pings_and_closes_are_answered() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.cbor").joined();
    for payload in [&b""[..], b"x", &[7; 125]] {
        let ping = client.ping(payload);
        client.pipe.send(&ping);
        assert_eq!(client.frame(), Frame::Pong(payload.to_vec()));
    }
    client.pipe.send(&Client::close(1000));
    assert_eq!(client.frame(), Frame::Close(Some(1000), String::new()));
    assert_eq!(client.frame(), Frame::End);
    support::eventually("the session is gone", || server.router.sessions() == 0);
}

// WSK-09
#[test]
fn frames_without_a_mask_fail_the_connection() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.json").joined();
    let mut frame = Vec::new();
    write_header(&mut frame, Opcode::Text, true, 2);
    frame.extend_from_slice(b"[]");
    client.pipe.send(&frame);
    assert_eq!(failed(&mut client), Some(1002));
}

// WSK-10
#[test]
fn text_that_is_not_utf8_fails_the_connection() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.json").joined();
    let frame = client.framed_bytes(&[0xC3, 0x28]);
    client.pipe.send(&frame);
    assert_eq!(failed(&mut client), Some(1007));
}

// WSK-11
#[test]
fn a_message_beyond_the_limit_fails_the_connection_alone() {
    let server = Server::with(|config| {
        config.websocket.as_mut().expect("on by default").message_bytes_max = Some(2000);
    });
    let mut other = Client::websocket(&server, "wamp.2.json").joined();
    let mut client = Client::websocket(&server, "wamp.2.json").joined();
    let frame = client.framed_bytes(&[b' '; 2001]);
    client.pipe.try_send(&frame);
    assert_eq!(failed(&mut client), Some(1009));
    other.probe();
}

// WSK-12
#[test]
fn compression_is_there_for_those_who_want_it() {
    let server = Server::start();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (compressing, opened) = Client::websocket_over(server.connect(), "wamp.2.json", offer);
    let agreed = opened.header("sec-websocket-extensions").expect("compression");
    assert!(
        agreed.starts_with("permessage-deflate") && agreed.contains("server_no_context_takeover"),
        "{agreed}"
    );
    let (plain, opened) = Client::websocket_over(server.connect(), "wamp.2.json", "");
    assert_eq!(opened.header("sec-websocket-extensions"), None);
    let mut clients = [compressing.joined(), plain.joined()];
    let text = "compress me, please ".repeat(3500);
    for (request, publisher, subscriber) in [(1, 0, 1), (2, 1, 0)] {
        clients[subscriber].subscribe("a.b");
        clients[publisher].publish(request, "a.b", &json!(text));
        assert_eq!(clients[subscriber].expect(36)[4][0], text);
        // Out of the way of the other direction.
        clients[subscriber].send(&json!([6, {}, "wamp.close.normal"]));
        clients[subscriber].expect(6);
        clients[subscriber].join();
    }
}

#[test]
fn compression_can_be_off() {
    let server = Server::with(|config| config.websocket.as_mut().expect("on by default").compression = None);
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let (client, opened) = Client::websocket_over(server.connect(), "wamp.2.json", offer);
    assert_eq!(opened.header("sec-websocket-extensions"), None);
    client.joined().probe();
}

// WSK-13
#[test]
fn origins_are_checked() {
    let server = Server::with(|config| {
        let websocket = config.websocket.as_mut().expect("on by default");
        websocket.allowed_origins = vec!["https://*.example.com".to_owned()];
        websocket.allow_null_origin = false;
    });
    let status = |origin: &str| {
        let header = format!("Origin: {origin}\r\n");
        Client::ask(&mut server.connect(), "/ws", "wamp.2.json", &header).status
    };
    assert_eq!(status("https://app.example.com"), 101);
    assert_eq!(status("https://evil.example"), 403);
    assert_eq!(status("null"), 403);
    assert_eq!(Client::ask(&mut server.connect(), "/ws", "wamp.2.json", "").status, 101, "no browser");
}

// WSK-14, ROB-02
#[test]
fn a_peer_that_answers_no_ping_is_dropped() {
    let keepalive = Keepalive { interval: Duration::from_millis(50), timeout: Duration::from_secs(1) };
    let server = Server::with(|config| {
        config.websocket.as_mut().expect("on by default").keepalive = Some(keepalive);
    });
    let mut silent = Client::websocket(&server, "wamp.2.json").joined();
    let mut lively = Client::websocket(&server, "wamp.2.json").joined();
    for _ in 0..5 {
        let Frame::Ping(payload) = lively.frame() else { panic!("not a ping") };
        let pong = lively.pong(&payload);
        lively.pipe.send(&pong);
    }
    assert!(matches!(silent.frame(), Frame::Ping(_)));
    assert_eq!(silent.frame(), Frame::End);
    support::eventually("one session is left", || server.router.sessions() == 1);
}

// WSK-15
#[test]
fn a_connection_may_carry_one_session_after_the_other() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.json");
    let first = client.join();
    client.send(&json!([6, {}, "wamp.close.close_realm"]));
    client.expect(6);
    client.send(&Client::hello());
    let second = client.welcome();
    assert_ne!(first, second);
    client.probe();
}

#[test]
fn other_versions_and_broken_requests_are_refused() {
    let server = Server::start();
    let refused = |change: &dyn Fn(String) -> String| {
        let mut pipe = server.connect();
        pipe.send(change(Client::request("/ws", "wamp.2.json", "")).as_bytes());
        let answer = String::from_utf8(pipe.receive_all()).expect("it is text");
        answer[9..12].parse::<u16>().expect("a status")
    };
    assert_eq!(refused(&|request| request.replace("Version: 13", "Version: 12")), 426);
    assert_eq!(refused(&|request| request.replace("dGhlIHNhbXBsZSBub25jZQ==", "short")), 400);
    assert_eq!(refused(&|request| request.replace("Host: localhost\r\n", "")), 400);
    assert_eq!(refused(&|request| request.replace("GET ", "POST ")), 405);
    assert_eq!(refused(&|request| request.replace("/ws", "/elsewhere")), 404);
    assert_eq!(refused(&|request| request.replace("HTTP/1.1", "HTTP/3.7")), 400);
    let long = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(refused(&|request| request.replace("\r\n\r\n", &format!("\r\n{long}\r\n"))), 431);
}

// RAW-22 in spirit
#[test]
fn an_upgrade_may_be_cut_anywhere() {
    let server = Server::start();
    let template = Client::websocket(&server, "wamp.2.json");
    let request = Client::request("/ws", "wamp.2.json", "");
    let session =
        [request.as_bytes(), &template.framed(&Client::hello()), &template.ping(b"between")].concat();
    for cut in 1..session.len() {
        let mut pipe = server.connect();
        pipe.send(&session[..cut]);
        pipe.send(&session[cut..]);
        assert!(pipe.receive_head().starts_with("HTTP/1.1 101 "), "cut at {cut}");
        let header = pipe.receive(4);
        assert_eq!(header[..2], [0x81, 126], "cut at {cut}");
        let welcome = pipe.receive(usize::from(header[2]) << 8 | usize::from(header[3]));
        assert!(welcome.starts_with(b"[2,"), "cut at {cut}");
        assert_eq!(pipe.receive(9), b"\x8a\x07between", "cut at {cut}");
    }
}

#[test]
fn one_byte_at_a_time_is_enough() {
    let server = Server::start();
    let template = Client::websocket(&server, "wamp.2.json");
    let request = Client::request("/ws", "wamp.2.json", "");
    let mut pipe = server.connect();
    for byte in [request.as_bytes(), &template.framed(&Client::hello())].concat() {
        pipe.send(&[byte]);
    }
    assert!(pipe.receive_head().starts_with("HTTP/1.1 101 "));
    let header = pipe.receive(4);
    assert!(pipe.receive(usize::from(header[2]) << 8 | usize::from(header[3])).starts_with(b"[2,"));
}

// SES-12
#[test]
fn a_session_that_is_shut_down_ends_with_a_close_frame() {
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.json").joined();
    server.router.shutdown();
    assert_eq!(client.expect(6)[2], "wamp.close.system_shutdown");
    client.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    let Frame::Close(code, _) = client.frame() else { panic!("not a close frame") };
    assert!(matches!(code, Some(1000 | 1001)), "{code:?}");
    client.pipe.send(&Client::close(1000));
    assert_eq!(client.frame(), Frame::End);
}

#[test]
fn a_frame_may_be_much_longer_than_what_is_read_at_once() {
    let server = Server::start();
    let mut subscriber = Client::websocket(&server, "wamp.2.json").joined();
    let mut publisher = Client::websocket(&server, "wamp.2.msgpack").joined();
    subscriber.subscribe("a.b");
    for (request, length) in [65_500_usize, 65_536, 200_000, 4_000_000, 10].into_iter().enumerate() {
        let text: String = ('a'..='z').cycle().take(length).collect();
        publisher.publish(request as u64 + 1, "a.b", &json!(text));
        assert_eq!(subscriber.expect(36)[4][0], text);
    }
}
