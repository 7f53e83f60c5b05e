//! Which transport and serializer a run speaks, and how its messages become bytes on either side.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use transport::websocket::Deflate;
use transport::{Framing, rawsocket, websocket};
use wamp::Serializer;

/// The longest message that either side takes, in bytes.
pub(crate) const MAX_MESSAGE: usize = 16 << 20;

/// How messages are told apart on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// RawSocket over TCP.
    RawSocket,
    /// WebSocket over TCP.
    WebSocket,
}

/// A transport together with a serializer and options: `rawsocket+msgpack`, `websocket+json+deflate+tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wire {
    /// The transport.
    pub(crate) link: Link,
    /// The serializer.
    pub(crate) serializer: Serializer,
    /// Whether messages are compressed, where that makes them smaller: permessage-deflate, and WebSocket only.
    pub(crate) deflate: bool,
    /// Whether all of it is under TLS.
    pub(crate) tls: bool,
}

impl Wire {
    /// The default of a run: the cheapest pair.
    pub(crate) const RAWSOCKET_MSGPACK: Wire =
        Wire { link: Link::RawSocket, serializer: Serializer::MsgPack, deflate: false, tls: false };
    /// What browsers speak.
    pub(crate) const WEBSOCKET_JSON: Wire =
        Wire { link: Link::WebSocket, serializer: Serializer::Json, deflate: false, tls: false };

    /// How a server frames messages that aren't compressed.
    const fn framing(self) -> Framing {
        match self.link {
            Link::RawSocket => Framing::RawSocket,
            Link::WebSocket => Framing::WebSocket { text: self.serializer.is_text() },
        }
    }

    fn set(&mut self, option: &str) -> Result<()> {
        let flag = match option {
            "deflate" => &mut self.deflate,
            "tls" => &mut self.tls,
            _ => bail!(
                "unknown serializer or option {option:?}: expected json, msgpack, cbor, ubjson or bjdata, then \
                 deflate and tls"
            ),
        };
        ensure!(!*flag, "{option} is there twice");
        *flag = true;
        Ok(())
    }

    /// The name of the serializer. On the wire, BJData has none of its own.
    const fn serializer_name(self) -> &'static str {
        match self.serializer {
            Serializer::Bjdata => "bjdata",
            serializer => serializer.name(),
        }
    }
}

impl FromStr for Wire {
    type Err = anyhow::Error;

    /// Reads `rawsocket+msgpack+tls`; all behind the transport may be left out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split('+').peekable();
        let mut wire = match words.next() {
            Some("rawsocket") => Wire::RAWSOCKET_MSGPACK,
            Some("websocket") => Wire::WEBSOCKET_JSON,
            link => bail!("unknown transport {link:?}: expected rawsocket or websocket"),
        };
        if let Some(serializer) = words.peek().and_then(|name| Serializer::from_name(name)) {
            wire.serializer = serializer;
            words.next();
        }
        for option in words {
            wire.set(option)?;
        }
        ensure!(wire.link == Link::WebSocket || !wire.deflate, "RawSocket knows no compression");
        Ok(wire)
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = match self.link {
            Link::RawSocket => "rawsocket",
            Link::WebSocket => "websocket",
        };
        write!(f, "{link}+{}", self.serializer_name())?;
        f.write_str(if self.deflate { "+deflate" } else { "" })?;
        f.write_str(if self.tls { "+tls" } else { "" })
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
        /// What was agreed about compression, if anything.
        deflate: Option<Deflate>,
    },
}

impl Framer {
    /// The framer of a client, with what was agreed about compression.
    pub(crate) fn client(wire: Wire, deflate: Option<Deflate>) -> Self {
        match wire.link {
            Link::RawSocket => Framer::Plain(wire.framing()),
            Link::WebSocket => {
                let text = wire.serializer.is_text();
                Framer::Masked { text, state: 0x9E37_79B9, body: Vec::new(), deflate }
            }
        }
    }

    /// Appends the frame of a message that `write` appends.
    pub(crate) fn message(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Framer::Plain(framing) => framing.frame(out, write),
            Framer::Masked { text, state, body, deflate } => {
                body.clear();
                write(body);
                websocket::frame_masked(out, *text, body, next_key(state), *deflate);
            }
        }
    }

    /// Appends the frame of a message that is there already.
    pub(crate) fn copy(&mut self, out: &mut Vec<u8>, message: &[u8]) {
        match self {
            Framer::Plain(framing) => framing.frame_bytes(out, message),
            Framer::Masked { text, state, deflate, .. } => {
                websocket::frame_masked(out, *text, message, next_key(state), *deflate);
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

    impl Wire {
        /// All there are.
        pub(crate) fn all() -> impl Iterator<Item = Wire> {
            let links = [(Link::RawSocket, false), (Link::WebSocket, false), (Link::WebSocket, true)];
            let options = links.into_iter().flat_map(|link| [(link, false), (link, true)]);
            options.flat_map(|((link, deflate), tls)| {
                Serializer::ALL.map(|serializer| Wire { link, serializer, deflate, tls })
            })
        }
    }

    #[test]
    fn a_wire_reads_back_as_it_is_written() {
        for wire in Wire::all() {
            assert_eq!(wire.to_string().parse::<Wire>().unwrap(), wire);
        }
        let text = "websocket+json+deflate+tls";
        assert_eq!(text.parse::<Wire>().unwrap().to_string(), text);
    }

    #[test]
    fn what_is_left_out_is_what_is_usual() {
        assert_eq!("websocket".parse::<Wire>().unwrap(), Wire::WEBSOCKET_JSON);
        let wire = "rawsocket+tls".parse::<Wire>().unwrap();
        assert_eq!(wire, Wire { tls: true, ..Wire::RAWSOCKET_MSGPACK });
    }

    #[test]
    fn nonsense_is_no_wire() {
        for text in [
            "pigeon+json",
            "websocket+xml",
            "websocket+",
            "websocket+tls+tls",
            "websocket+tls+json",
            "rawsocket+msgpack+deflate",
        ] {
            assert!(text.parse::<Wire>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_client_compresses_what_is_long_if_that_was_agreed() {
        let long = vec![b'a'; 1000];
        let length = |deflate| {
            let mut out = Vec::new();
            Framer::client(Wire::WEBSOCKET_JSON, deflate).copy(&mut out, &long);
            out.len()
        };
        assert!(length(Some(Deflate::default())) < 100 && length(None) > 1000);
    }

    #[test]
    fn a_client_masks_each_frame_with_another_key() {
        let mut framer = Framer::client(Wire::WEBSOCKET_JSON, None);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        framer.copy(&mut first, b"[1]");
        framer.message(&mut second, |out| out.extend_from_slice(b"[1]"));
        assert_eq!(first.len(), second.len());
        assert_ne!(first[2..6], second[2..6]);
        assert_ne!(first[2..6], [0; 4]);
    }
}
