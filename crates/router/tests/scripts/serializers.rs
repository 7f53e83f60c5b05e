//! Peers of different serializers and framings in one realm.
//!
//! Spec: basic profile, "Serializers". What each conversion does is tested where it is done.

use testkit::{Client, Net, json};
use transport::{Batch, Framing};
use wamp::{Serializer, Value};

/// Every way in which a peer may be connected.
fn wires() -> Vec<(Serializer, Framing)> {
    let mut wires = Vec::new();
    for serializer in Serializer::ALL {
        let (text, batch) = (serializer.is_text(), Batch::of(serializer));
        for framing in [
            Framing::None,
            Framing::RawSocket,
            Framing::WebSocket { text },
            Framing::WebSocketBatched { batch },
            Framing::Deflate { text, window_bits: 15 },
            Framing::DeflateBatched { batch, window_bits: 9 },
        ] {
            wires.push((serializer, framing));
        }
    }
    wires
}

fn join(net: &mut Net, (serializer, framing): (Serializer, Framing)) -> Client {
    net.client().serializer(serializer).framing(framing).join("realm1")
}

/// SER-01, SER-16, ROB-06
#[test]
fn all_serializers_and_framings_hear_each_other() {
    let mut net = Net::open();
    let clients: Vec<Client> = wires().into_iter().map(|wire| join(&mut net, wire)).collect();
    for client in &clients {
        net.subscribe(*client, "a.b");
    }
    // Short events are copied into outboxes, long ones shared, longer ones compressed.
    for text in ["short", &"long ".repeat(1000), &"x".repeat(70_000)] {
        for publisher in &clients {
            net.publish(*publisher, "a.b", text);
            for receiver in clients.iter().filter(|client| *client != publisher) {
                net.expect(*receiver, json!([36, "_", "_", {}, [text]]));
            }
            net.nothing(*publisher);
        }
    }
}

/// SER-01
#[test]
fn calls_pass_between_all_serializers() {
    let mut net = Net::open();
    let callees = Serializer::ALL.map(|serializer| net.client().serializer(serializer).join("realm1"));
    for callee in callees {
        let procedure = format!("a.p{}", net.session(callee));
        net.register(callee, &procedure);
    }
    for caller in callees {
        for callee in callees {
            let procedure = format!("a.p{}", net.session(callee));
            let request = net.call(caller, &procedure, "x");
            let invocation = net.invoked(callee);
            net.send(callee, json!([70, invocation, {}, [1, -2, 0.5], {"k": [null, true, "ü"]}]));
            net.expect(caller, json!([50, request, {}, [1, -2, 0.5], {"k": [null, true, "ü"]}]));
        }
    }
}

/// SER-03, SER-13, SER-14
#[test]
fn payloads_are_the_same_bytes_for_the_same_serializer() {
    for (serializer, head, payload) in [
        (
            Serializer::Json,
            &br#"[16,1,{},"a.b","#[..],
            &br#"[1.0,1e400,123456789012345678901234567890, "\ud83d\ude00\u00e9", {"b":1,"a":2,"b":3}]"#[..],
        ),
        // Two forms of 1, a timestamp, a map with an integer key.
        (
            Serializer::MsgPack,
            b"\x95\x10\x01\x80\xa3a.b",
            b"\x94\x01\xcd\x00\x01\xd6\xff\x00\x00\x00\x01\x81\x05\x06",
        ),
        // An indefinite list of a date tag, a bignum, a NaN with a payload, half a float.
        (
            Serializer::Cbor,
            b"\x85\x10\x01\xa0\x63a.b",
            b"\x9f\xc0\x611\xc2\x42\x01\x00\xfa\x7f\xc0\x00\x01\xf9\x3c\x00\xff",
        ),
    ] {
        let mut net = Net::open();
        let (publisher, subscriber) = (
            net.client().serializer(serializer).join("realm1"),
            net.client().serializer(serializer).join("realm1"),
        );
        net.subscribe(subscriber, "a.b");
        let mut message = [head, payload].concat();
        if serializer == Serializer::Json {
            message.push(b']');
        }
        net.send_bytes(publisher, &message);
        let event = net.take(subscriber);
        assert!(event.bytes().windows(payload.len()).any(|part| part == payload), "{serializer:?}: {event}");
    }
}

/// SER-13
#[test]
fn what_other_serializers_have_no_word_for_still_arrives() {
    let mut net = Net::open();
    let publisher = net.client().serializer(Serializer::Cbor).join("realm1");
    let subscribers = Serializer::ALL.map(|serializer| net.client().serializer(serializer).join("realm1"));
    for subscriber in subscribers {
        net.subscribe(subscriber, "a.b");
    }
    // Tag 0 on a text, and an integer as a key.
    net.send_bytes(publisher, b"\x85\x10\x01\xa0\x63a.b\x82\xc0\x612\xa1\x05\x06");
    for subscriber in subscribers {
        let event = net.take(subscriber);
        let args = event.at(4).as_list().expect("args");
        assert_eq!(args[0], Value::from("2"));
        assert_eq!(args[1].as_dict().and_then(|dict| dict.get("5")), Some(&Value::from(6u64)));
    }
}

/// SER-04, SER-05
#[test]
fn bytes_in_json_are_bytes_elsewhere() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let subscriber = net.client().serializer(Serializer::MsgPack).join("realm1");
    net.subscribe(subscriber, "a.b");
    net.send_bytes(publisher, br#"[16,1,{},"a.b",["\u0000EOP/kFMHXFJvX8BtT+N82w==",{"k":"\u0000AAE="}]]"#);
    let event = net.take(subscriber);
    let expected = testkit::vectors::hex("10e3ff9053075c526f5fc06d4fe37cdb");
    let inner = Value::Map([("k", Value::Bytes(vec![0, 1]))].into());
    assert_eq!(event.at(4).as_list().expect("args"), [Value::Bytes(expected), inner]);
}

/// SER-02, SER-07
#[test]
fn binary_formats_keep_text_and_bytes_and_large_integers_apart() {
    let values = Value::from(vec![
        Value::from("text"),
        Value::Bytes(b"text".to_vec()),
        Value::from(u64::MAX),
        Value::from(i64::MIN),
        Value::from((1u64 << 53) + 1),
    ]);
    for from in [Serializer::MsgPack, Serializer::Cbor] {
        for to in [Serializer::MsgPack, Serializer::Cbor] {
            let mut net = Net::open();
            let publisher = net.client().serializer(from).join("realm1");
            let subscriber = net.client().serializer(to).join("realm1");
            net.subscribe(subscriber, "a.b");
            let request = net.request(publisher);
            let head = [Value::from(16u64), Value::from(request), Value::Map([].into()), Value::from("a.b")];
            net.send(publisher, Value::List(head.into_iter().chain([values.clone()]).collect()));
            assert_eq!(*net.take(subscriber).at(4), values, "{from:?} to {to:?}");
        }
    }
}

/// SER-06, SER-17
#[test]
fn odd_text_does_no_harm() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let subscribers = Serializer::ALL.map(|serializer| net.client().serializer(serializer).join("realm1"));
    for subscriber in subscribers {
        net.subscribe(subscriber, "a.b");
    }
    net.send_bytes(publisher, br#"[16,1,{},"a.b",["\u0000%%%"]]"#);
    for subscriber in subscribers {
        net.expect(subscriber, json!([36, "_", "_", {}, ["\0%%%"]]));
    }
    net.send_bytes(publisher, br#"[16,2,{},"a.b",["\ud800"]]"#);
    for subscriber in subscribers {
        // Either everybody gets something, or the publisher is told off: nobody is left with half of it.
        assert_eq!(net.receive(subscriber).len(), usize::from(!net.is_closed(publisher)));
    }
}

/// SER-12
#[test]
fn cbor_of_indefinite_length_opens_a_session() {
    let mut net = Net::open();
    let client = net.client().serializer(Serializer::Cbor).connect();
    net.send_bytes(client, b"\x9f\x01\x66realm1\xbf\x65roles\xbf\x66caller\xbf\xff\xff\xff\xff");
    net.welcome(client);
}

/// BAT-04, BAT-08
#[test]
fn what_is_queued_for_a_batched_transport_goes_out_in_order() {
    let mut net = Net::open();
    let publisher = net.join("realm1");
    let framing = Framing::WebSocketBatched { batch: Batch::RecordSeparator };
    let subscriber = net.client().framing(framing).join("realm1");
    net.subscribe(subscriber, "a.b");
    net.stall(subscriber);
    let sent: Vec<String> =
        (0..50).map(|number| if number % 10 == 0 { "x".repeat(3000) } else { number.to_string() }).collect();
    for text in &sent {
        net.publish(publisher, "a.b", text);
    }
    net.resume(subscriber);
    for text in &sent {
        net.expect(subscriber, json!([36, "_", "_", {}, [text]]));
    }
}

/// BAT-08, SER-01: long results are framed apart from what else waits for the caller, and stay between it.
#[test]
fn results_of_any_length_reach_every_caller_in_order() {
    let mut net = Net::open();
    let callee = net.join("realm1");
    net.register(callee, "a.b");
    for wire in wires() {
        let caller = join(&mut net, wire);
        net.stall(caller);
        let answers = ["short".to_owned(), "long ".repeat(20_000), "short again".to_owned()];
        let mut requests = Vec::new();
        for answer in &answers {
            requests.push(net.call(caller, "a.b", "?"));
            let invocation = net.invoked(callee);
            net.answer(callee, invocation, answer);
        }
        net.resume(caller);
        for (request, answer) in requests.into_iter().zip(&answers) {
            net.expect(caller, json!([50, request, {}, [answer]]));
        }
    }
}

/// MSG-06, the specification's own samples: options are accepted or refused by name, in a whole session.
#[test]
fn the_specifications_validation_samples_hold_in_a_session() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../wamp/tests/vectors");
    let mut tried = 0;
    for vectors in
        testkit::vectors::load(directory.as_ref()).into_iter().filter(|one| [16, 32].contains(&one.code))
    {
        for validation in vectors.validations {
            let mut net = Net::open();
            let client = net.join("realm1");
            let mut message = validation.message.clone();
            let is_publish = vectors.code == 16;
            if is_publish && message[2].get("acknowledge").is_none() {
                message[2]["acknowledge"] = json!(true);
            }
            let wants_answer = !is_publish || message[2]["acknowledge"] == json!(true);
            net.send(client, message);
            match &validation.wrong_option {
                None if wants_answer => {
                    assert_eq!(net.take(client).code(), vectors.code + 1, "{}", validation.description);
                }
                Some(option) if wants_answer => {
                    let refusal = net.expect(
                        client,
                        json!([8, vectors.code, 123, {}, "wamp.error.invalid_argument", "_"]),
                    );
                    assert!(refusal.to_string().contains(option.as_str()), "{refusal}");
                }
                _ => net.nothing(client),
            }
            assert!(!net.is_closed(client));
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried}");
}
