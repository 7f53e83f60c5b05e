//! Which transport and serializer a run speaks, and how its messages become bytes on either side.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use transport::{Framing, rawsocket, websocket};
use wamp::Serializer;

/// The longest message that either side takes, in bytes.
pub(crate) const MAX_MESSAGE: usize = 16 << 20;

/// How messages are told apart on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// RawSocket over TCP.
    RawSocket,
    /// WebSocket without compression over TCP.
    WebSocket,
}

/// A transport together with a serializer: `rawsocket+msgpack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    /// The transport.
    pub(crate) link: Link,
    /// The serializer.
    pub(crate) serializer: Serializer,
}

impl Wire {
    /// The default of a run: the cheapest pair.
    pub(crate) const RAWSOCKET_MSGPACK: Wire =
        Wire { link: Link::RawSocket, serializer: Serializer::MsgPack };
    /// What browsers speak.
    pub(crate) const WEBSOCKET_JSON: Wire = Wire { link: Link::WebSocket, serializer: Serializer::Json };

    /// How the server frames messages.
    pub(crate) const fn framing(self) -> Framing {
        match self.link {
            Link::RawSocket => Framing::RawSocket,
            Link::WebSocket => Framing::WebSocket { text: self.serializer.is_text() },
        }
    }
}

impl FromStr for Wire {
    type Err = anyhow::Error;

    /// Reads `rawsocket+msgpack`; the serializer may be left out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (link, serializer) = match text.split_once('+') {
            Some((link, serializer)) => (link, Some(serializer)),
            None => (text, None),
        };
        let default = match link {
            "rawsocket" => Wire::RAWSOCKET_MSGPACK,
            "websocket" => Wire::WEBSOCKET_JSON,
            _ => bail!("unknown transport {link:?}: expected rawsocket or websocket"),
        };
        let Some(name) = serializer else { return Ok(default) };
        let serializer = Serializer::from_name(name).with_context(|| {
            format!("unknown serializer {name:?}: expected json, msgpack, cbor or ubjson")
        })?;
        Ok(Wire { serializer, ..default })
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = match self.link {
            Link::RawSocket => "rawsocket",
            Link::WebSocket => "websocket",
        };
        write!(f, "{link}+{}", self.serializer.name())
    }
}

/// Wraps the messages that one end of a connection sends.
#[derive(Debug)]
pub(crate) enum Framer {
    /// Frames as a server writes them, or RawSocket frames, which are alike in both directions.
    Plain(Framing),
    /// WebSocket frames of a client.
    Masked {
        /// Whether messages are text.
        text: bool,
        /// What the next mask is made of.
        state: u32,
        /// Where a message is written before it is masked.
        body: Vec<u8>,
    },
}

impl Framer {
    /// The framer of a client.
    pub(crate) fn client(wire: Wire) -> Self {
        match wire.link {
            Link::RawSocket => Framer::Plain(wire.framing()),
            Link::WebSocket => {
                Framer::Masked { text: wire.serializer.is_text(), state: 0x9E37_79B9, body: Vec::new() }
            }
        }
    }

    /// Appends the frame of a message that `write` appends.
    pub(crate) fn message(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Framer::Plain(framing) => framing.frame(out, write),
            Framer::Masked { text, state, body } => {
                body.clear();
                write(body);
                websocket::frame_masked(out, *text, body, next_key(state), None);
            }
        }
    }

    /// Appends the frame of a message that is there already.
    pub(crate) fn copy(&mut self, out: &mut Vec<u8>, message: &[u8]) {
        match self {
            Framer::Plain(framing) => framing.frame_bytes(out, message),
            Framer::Masked { text, state, .. } => {
                websocket::frame_masked(out, *text, message, next_key(state), None);
            }
        }
    }

    /// Appends the answer to a ping.
    pub(crate) fn pong(&mut self, out: &mut Vec<u8>, payload: &[u8]) {
        match self {
            Framer::Plain(Framing::RawSocket) => rawsocket::write_pong(out, payload),
            Framer::Plain(_) => websocket::write_pong(out, payload),
            Framer::Masked { state, .. } => websocket::write_pong_masked(out, payload, next_key(state)),
        }
    }
}

/// The next mask: never the same twice in a row, and never zero, which would cost the router nothing to remove.
/// Unpredictable it is not; masks protect proxies, and there is none on the loopback.
fn next_key(state: &mut u32) -> [u8; 4] {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    state.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_reads_back_as_it_is_written() {
        for text in ["rawsocket+msgpack", "rawsocket+json", "websocket+json", "websocket+cbor"] {
            assert_eq!(text.parse::<Wire>().unwrap().to_string(), text);
        }
        assert_eq!("websocket".parse::<Wire>().unwrap(), Wire::WEBSOCKET_JSON);
        assert!("pigeon+json".parse::<Wire>().is_err());
        assert!("websocket+xml".parse::<Wire>().is_err());
    }

    #[test]
    fn a_client_masks_each_frame_with_another_key() {
        let mut framer = Framer::client(Wire::WEBSOCKET_JSON);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        framer.copy(&mut first, b"[1]");
        framer.message(&mut second, |out| out.extend_from_slice(b"[1]"));
        assert_eq!(first.len(), second.len());
        assert_ne!(first[2..6], second[2..6]);
        assert_ne!(first[2..6], [0; 4]);
    }
}
