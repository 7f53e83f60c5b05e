//! How frames travel on one connection.

use std::fmt;

use transport::{Decoder, rawsocket, websocket};

/// The decoder of a connection, and what is said on its wire.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) decoder: Decoder,
}

impl Wire {
    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self.decoder, Decoder::WebSocket(_))
    }

    /// A ping of ours. What its answer repeats doesn't matter, since any sign of life does.
    pub(crate) fn ping(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        match self.decoder {
            Decoder::RawSocket(_) => rawsocket::write_ping(&mut frame, b""),
            Decoder::WebSocket(_) => websocket::write_ping(&mut frame, b""),
        }
        frame
    }

    /// The close frame, where there is such a thing.
    pub(crate) fn close(&self, code: Option<u16>, reason: &str) -> Vec<u8> {
        let mut frame = Vec::new();
        if self.is_websocket() {
            websocket::write_close(&mut frame, code, reason);
        }
        frame
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_websocket() { "WebSocket" } else { "RawSocket" })
    }
}
