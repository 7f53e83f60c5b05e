//! WebSocket with batches of messages.

mod support;

use serde_json::json;
use support::{Client, Frame, Server};
use transport::batch;
use transport::websocket::frame_masked;

const BATCHED: [&str; 4] =
    ["wamp.2.json.batched", "wamp.2.msgpack.batched", "wamp.2.cbor.batched", "wamp.2.ubjson.batched"];

/// The messages of one frame, as the client would frame each alone.
fn in_one_frame(client: &Client, messages: &[Vec<u8>]) -> Vec<u8> {
    let form = batch::Batch::of(client.serializer);
    let mut body = Vec::new();
    for message in messages {
        form.item(&mut body, |out| out.extend_from_slice(message));
    }
    frame(client, &body)
}

fn frame(client: &Client, body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame_masked(&mut frame, client.serializer.is_text(), body, [1, 2, 3, 4], None);
    frame
}

// BAT-01
#[test]
fn each_batched_subprotocol_opens_a_session() {
    let server = Server::start();
    for name in BATCHED {
        let (client, opened) = Client::websocket_over(server.connect(), name, "");
        assert_eq!(opened.header("sec-websocket-protocol"), Some(name));
        client.joined().probe();
    }
}

// BAT-02, BAT-03, BAT-04
#[test]
fn a_welcome_is_a_batch_of_one() {
    let server = Server::start();
    let mut json = Client::websocket(&server, BATCHED[0]);
    json.send(&Client::hello());
    let Frame::Message { text: true, payload } = json.frame() else { panic!("not a text message") };
    assert!(payload.starts_with(b"[2,") && payload.ends_with(b"]\x1e"));
    for name in &BATCHED[1..] {
        let mut binary = Client::websocket(&server, name);
        binary.send(&Client::hello());
        let Frame::Message { text: false, payload } = binary.frame() else { panic!("not a binary message") };
        let length = u32::from_be_bytes(payload[..4].try_into().expect("four bytes"));
        assert_eq!(payload.len(), 4 + length as usize);
    }
}

// BAT-02
#[test]
fn json_is_answered_with_the_separator_that_the_client_uses() {
    let server = Server::start();
    for separator in [0x1E, 0x18] {
        let mut client = Client::websocket(&server, BATCHED[0]);
        let mut hello = client.encoded(&Client::hello());
        hello.push(separator);
        let hello = frame(&client, &hello);
        client.pipe.send(&hello);
        let Frame::Message { payload, .. } = client.frame() else { panic!("not a message") };
        assert_eq!(payload.last(), Some(&separator));
    }
    let autobahn = "User-Agent: AutobahnPython/26.10.2\r\n";
    let (mut client, _) = Client::websocket_over(server.connect(), BATCHED[0], autobahn);
    server.router.shutdown();
    client.send(&Client::hello());
    let Frame::Message { payload, .. } = client.frame() else { panic!("not a message") };
    assert_eq!(payload.last(), Some(&0x1E), "what it sends counts for more than its name");
}

// BAT-05
#[test]
fn an_empty_batch_fails_the_connection() {
    let server = Server::start();
    for name in BATCHED {
        let mut client = Client::websocket(&server, name).joined();
        let empty = frame(&client, b"");
        client.pipe.send(&empty);
        assert_eq!(client.receive()[0], 3, "{name}: ABORT");
        assert!(matches!(client.frame(), Frame::Close(Some(1002), _)), "{name}");
        assert_eq!(client.frame(), Frame::End, "{name}");
    }
}

// BAT-06
#[test]
fn messages_of_a_batch_are_processed_in_order() {
    let server = Server::start();
    for name in BATCHED {
        let mut client = Client::websocket(&server, name).joined();
        let messages = [
            client.encoded(&json!([32, 1, {}, "a.b"])),
            client.encoded(&json!([16, 2, { "exclude_me": false, "acknowledge": true }, "a.b", ["x"]])),
        ];
        let both = in_one_frame(&client, &messages);
        client.pipe.send(&both);
        client.expect(33);
        let mut after = [client.receive()[0].as_u64(), client.receive()[0].as_u64()];
        after.sort_unstable();
        assert_eq!(after, [Some(17), Some(36)], "{name}");
    }
}

// BAT-07
#[test]
fn a_truncated_batch_fails_the_connection() {
    let server = Server::start();
    for name in BATCHED {
        let mut client = Client::websocket(&server, name).joined();
        let message = client.encoded(&json!([32, 1, {}, "a.b"]));
        let mut body = Vec::new();
        batch::Batch::of(client.serializer).item(&mut body, |out| out.extend_from_slice(&message));
        body.pop();
        let truncated = frame(&client, &body);
        client.pipe.send(&truncated);
        assert_eq!(client.receive()[0], 3, "{name}: ABORT");
        assert!(matches!(client.frame(), Frame::Close(Some(1002), _)), "{name}");
    }
}

// BAT-08
#[test]
fn a_burst_comes_in_fewer_frames_than_messages() {
    const EVENTS: usize = 1000;
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.cbor.batched").joined();
    client.subscribe("a.b");
    let publish = client.encoded(&json!([16, 2, { "exclude_me": false }, "a.b", ["x"]]));
    let burst = in_one_frame(&client, &vec![publish; EVENTS]);
    client.pipe.send(&burst);
    let (mut frames, mut events) = (0, 0);
    while events < EVENTS {
        let Frame::Message { text, payload } = client.frame() else { panic!("not a message") };
        frames += 1;
        events += batch::split(text, &payload).filter(|message| message.is_ok()).count();
    }
    assert!(frames < EVENTS / 10, "{frames} frames");
    assert_eq!(events, EVENTS);
}

#[test]
fn more_deliveries_than_one_poll_makes_all_arrive() {
    const EVENTS: usize = 20_000;
    let server = Server::start();
    let mut client = Client::websocket(&server, "wamp.2.msgpack.batched").joined();
    client.subscribe("a.b");
    let messages: Vec<_> = (0..EVENTS)
        .map(|n| client.encoded(&json!([16, n + 2, { "exclude_me": false }, "a.b", [n]])))
        .collect();
    let burst = in_one_frame(&client, &messages);
    client.pipe.send(&burst);
    for expected in 0..EVENTS {
        assert_eq!(client.expect(36)[4][0], expected);
    }
    client.probe();
}
