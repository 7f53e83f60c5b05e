//! The other side of a connection: makes the bytes that a client sends, and reads those that it gets.

use anyhow::{Context, Result, bail, ensure};
use transport::websocket::{self, Options, Role};
use transport::{Decoder, Framing, Step, rawsocket};
use wamp::message::Message;
use wamp::value::Dict;
use wamp::{Payload, Serializer, Value};

use crate::path::{Link, Wire};

/// The longest message either side takes, in bytes.
const MESSAGE_MAX: usize = 16 << 20;
/// Not zero, which would cost nothing to remove.
const MASK: [u8; 4] = [0x9E, 0x37, 0x79, 0xB9];

/// Appends the frame of a message as a client sends it.
pub(crate) fn frame<'m>(wire: Wire, message: impl Into<Message<'m>>, out: &mut Vec<u8>) {
    let mut body = Vec::new();
    message.into().encode(wire.serializer, &mut body);
    match wire.link {
        Link::RawSocket => Framing::RawSocket.frame_bytes(out, &body),
        Link::WebSocket => websocket::frame_masked(out, wire.serializer.is_text(), &body, MASK, None),
    }
}

/// How the router frames what it sends.
pub(crate) fn framing(wire: Wire) -> Framing {
    match wire.link {
        Link::RawSocket => Framing::RawSocket,
        Link::WebSocket => Framing::WebSocket { text: wire.serializer.is_text() },
    }
}

/// A decoder of what this side of a connection gets.
pub(crate) fn decoder(wire: Wire, role: Role) -> Decoder {
    match wire.link {
        Link::RawSocket => Decoder::RawSocket(rawsocket::Decoder::new(rawsocket::MAX_LENGTH)),
        Link::WebSocket => Decoder::WebSocket(websocket::Decoder::new(Options {
            role,
            expect_text: Some(wire.serializer.is_text()),
            max_message: MESSAGE_MAX,
            deflate: None,
        })),
    }
}

/// The one argument of everything that is sent.
fn argument(size: usize) -> Value {
    Value::Str("x".repeat(size))
}

/// The elements of a payload of one text of so many bytes; a [`Payload`] is [`payload`] of it.
pub(crate) fn elements(serializer: Serializer, size: usize) -> Vec<u8> {
    let mut elements = Vec::new();
    Payload::from_values(serializer, &[argument(size)], &Dict::new(), &mut elements);
    elements
}

/// See [`elements`].
pub(crate) fn payload(serializer: Serializer, elements: &[u8]) -> Payload<'_> {
    Payload::from_validated(serializer, 1, elements)
}

/// Sees that `received` is `count` messages and nothing else, each of the kind that `payload_of` takes and with the one
/// argument of that size.
///
/// # Errors
/// It is not.
pub(crate) fn check(
    wire: Wire,
    received: &mut [u8],
    count: usize,
    size: usize,
    payload_of: impl for<'m> Fn(Message<'m>) -> Option<Payload<'m>>,
) -> Result<()> {
    let mut decoder = decoder(wire, Role::Client);
    let (mut at, mut found) = (0, 0);
    while let Some(rest @ [_, ..]) = received.get_mut(at..) {
        let step = decoder.decode(rest)?;
        at += step.consumed();
        let Step::Message { payload: message, .. } = step else { bail!("not a message: {step:?}") };
        let message = Message::decode(wire.serializer, message)?;
        let kind = message.message_type();
        let payload = payload_of(message).with_context(|| format!("an unexpected {kind}"))?;
        let (args, _) = payload.to_values()?;
        ensure!(args == [argument(size)], "a {kind} with another payload");
        found += 1;
    }
    ensure!(found == count, "{found} messages came instead of {count}");
    Ok(())
}
