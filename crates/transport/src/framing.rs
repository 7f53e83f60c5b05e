//! How an outgoing message is wrapped for the wire.
//!
//! The sender of an event asks each receiver for its serializer and its [`Framing`], encodes once per pair, and pushes
//! the same bytes to all that share it. Frames here are those of a server, which are never masked; what a WebSocket
//! client sends is masked with a fresh key per frame and made by [`crate::websocket::frame_masked`].
//!
//! Nothing here checks what a receiver accepts: whoever frames a message compares its length with the receiver's limit
//! (RAW-17) and with [`Framing::max_body`] first.

use crate::batch::{Batch, length_prefixed};
use crate::websocket::{self, Opcode};
use crate::{rawsocket, websocket::deflate};

/// The wrapping of the messages to one receiver: part of the key under which encoded messages are shared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Framing {
    /// A RawSocket prefix and the message.
    RawSocket,
    /// One unmasked WebSocket frame per message.
    WebSocket {
        /// Whether it is a text frame.
        text: bool,
    },
    /// One unmasked WebSocket frame per batch.
    WebSocketBatched {
        /// How the messages in it are told apart, and whether it is a text frame.
        batch: Batch,
    },
    /// As `WebSocket`, compressed without context takeover where that makes it smaller.
    Deflate {
        /// Whether it is a text frame.
        text: bool,
        /// The window agreed for what the server sends, 9 to 15.
        window_bits: u8,
    },
    /// As `WebSocketBatched`, compressed like `Deflate`.
    DeflateBatched {
        /// How the messages in it are told apart, and whether it is a text frame.
        batch: Batch,
        /// The window agreed for what the server sends, 9 to 15.
        window_bits: u8,
    },
    /// A session in the same process: the message after its length as 32 bits, big-endian.
    None,
}

impl Framing {
    /// Appends the frame of a message that `body` appends; `body` must leave alone what is there already.
    ///
    /// A message longer than [`Framing::max_body`] can't be said in this framing: then nothing is appended.
    pub fn frame(self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Framing::RawSocket => rawsocket::frame_with(out, rawsocket::FrameType::Message, body),
            Framing::WebSocket { text } => websocket::frame_with(out, Opcode::data(text), body),
            Framing::WebSocketBatched { batch } => {
                websocket::frame_with(out, Opcode::data(batch.is_text()), |out| batch.item(out, body));
            }
            Framing::Deflate { text, window_bits } => {
                deflate::frame_with(out, Opcode::data(text), window_bits, body);
            }
            Framing::DeflateBatched { batch, window_bits } => {
                let opcode = Opcode::data(batch.is_text());
                deflate::frame_with(out, opcode, window_bits, |out| batch.item(out, body));
            }
            Framing::None => length_prefixed(out, body),
        }
    }

    /// [`Framing::frame`] of a message that is there already.
    pub fn frame_bytes(self, out: &mut Vec<u8>, body: &[u8]) {
        out.reserve(body.len() + MAX_OVERHEAD);
        match self {
            // Its length is known, so the header is written first and nothing moves.
            Framing::WebSocket { text } => {
                websocket::write_header(out, Opcode::data(text), true, body.len());
                out.extend_from_slice(body);
            }
            _ => self.frame(out, |out| out.extend_from_slice(body)),
        }
    }

    /// Appends a message in the form it has inside a batch, so that an outbox can put several into one WebSocket
    /// message: their items, behind a [`Framing::batch_header`] for the length of all of them (BAT-08).
    ///
    /// Framings without batches ([`Framing::is_batched`]) append a whole frame.
    pub fn batch_item(self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Framing::WebSocketBatched { batch } => batch.item(out, body),
            _ => self.frame(out, body),
        }
    }

    /// Appends the header of a WebSocket message of `length` bytes of batch items. Nothing in framings without batches.
    pub fn batch_header(self, out: &mut Vec<u8>, length: usize) {
        if let Framing::WebSocketBatched { batch } = self {
            websocket::write_header(out, Opcode::data(batch.is_text()), true, length);
        }
    }

    /// Whether several messages can be put into one frame by [`Framing::batch_item`] and [`Framing::batch_header`].
    /// (Not so with compression: there a batch always is a batch of one.)
    pub const fn is_batched(self) -> bool {
        matches!(self, Framing::WebSocketBatched { .. })
    }

    /// Whether messages are compressed where that makes them smaller.
    pub const fn is_compressed(self) -> bool {
        matches!(self, Framing::Deflate { .. } | Framing::DeflateBatched { .. })
    }

    /// The longest message in bytes that this framing has a header for.
    pub const fn max_body(self) -> usize {
        match self {
            Framing::RawSocket => rawsocket::MAX_LENGTH,
            Framing::None
            | Framing::WebSocketBatched { batch: Batch::LengthPrefix }
            | Framing::DeflateBatched { batch: Batch::LengthPrefix, .. } => u32::MAX as usize,
            Framing::WebSocket { .. }
            | Framing::WebSocketBatched { .. }
            | Framing::Deflate { .. }
            | Framing::DeflateBatched { .. } => isize::MAX as usize,
        }
    }
}

/// At most so many bytes does a framing add: a WebSocket header of ten and a length of four.
const MAX_OVERHEAD: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Framing; 10] = [
        Framing::RawSocket,
        Framing::WebSocket { text: true },
        Framing::WebSocket { text: false },
        Framing::WebSocketBatched { batch: Batch::RecordSeparator },
        Framing::WebSocketBatched { batch: Batch::Cancel },
        Framing::WebSocketBatched { batch: Batch::LengthPrefix },
        Framing::Deflate { text: true, window_bits: 15 },
        Framing::Deflate { text: false, window_bits: 9 },
        Framing::DeflateBatched { batch: Batch::LengthPrefix, window_bits: 12 },
        Framing::None,
    ];

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn both_ways_to_frame_agree_and_leave_alone_what_is_there() {
        for framing in ALL {
            for len in [0, 1, 124, 125, 126, 127, 255, 256, 1000, 65_534, 65_535, 65_536, 70_000] {
                for body in [noise(len), vec![b'a'; len]] {
                    let mut by_closure = b"before".to_vec();
                    let mut by_slice = by_closure.clone();
                    framing.frame(&mut by_closure, |out| out.extend_from_slice(&body));
                    framing.frame_bytes(&mut by_slice, &body);
                    assert_eq!(by_closure, by_slice, "{framing:?} {len}");
                    assert!(by_closure.starts_with(b"before"));
                    assert!(by_closure.len() <= 6 + len + MAX_OVERHEAD);
                }
            }
        }
    }

    #[test]
    fn a_framing_is_a_small_key() {
        assert!(size_of::<Framing>() <= 4);
    }

    #[test]
    fn the_header_of_a_short_message_has_two_bytes() {
        let mut out = Vec::new();
        Framing::WebSocket { text: true }.frame(&mut out, |out| out.extend_from_slice(b"[1]"));
        assert_eq!(out, b"\x81\x03[1]");
    }

    // BAT-04
    #[test]
    fn a_single_message_is_framed_as_a_batch_of_one() {
        let mut out = Vec::new();
        Framing::WebSocketBatched { batch: Batch::RecordSeparator }.frame_bytes(&mut out, b"[1]");
        Framing::WebSocketBatched { batch: Batch::LengthPrefix }.frame_bytes(&mut out, b"[1]");
        assert_eq!(out, b"\x81\x04[1]\x1e\x82\x07\0\0\0\x03[1]");
    }

    // BAT-08
    #[test]
    fn items_behind_a_header_are_one_batch() {
        let framing = Framing::WebSocketBatched { batch: Batch::RecordSeparator };
        let mut items = Vec::new();
        framing.batch_item(&mut items, |out| out.extend_from_slice(b"[1]"));
        framing.batch_item(&mut items, |out| out.extend_from_slice(b"[2]"));
        let mut out = Vec::new();
        framing.batch_header(&mut out, items.len());
        out.extend_from_slice(&items);
        assert_eq!(out, b"\x81\x08[1]\x1e[2]\x1e");
    }

    #[test]
    fn without_batching_an_item_is_a_whole_frame() {
        for framing in ALL.into_iter().filter(|framing| !framing.is_batched()) {
            let (mut item, mut frame) = (Vec::new(), Vec::new());
            framing.batch_item(&mut item, |out| out.extend_from_slice(b"[1]"));
            framing.batch_header(&mut item, 3);
            framing.frame_bytes(&mut frame, b"[1]");
            assert_eq!(item, frame);
        }
    }

    #[test]
    fn in_the_same_process_only_a_length_is_added() {
        let mut out = Vec::new();
        Framing::None.frame_bytes(&mut out, b"abc");
        assert_eq!(out, b"\0\0\0\x03abc");
    }

    #[test]
    fn a_message_too_long_for_its_framing_leaves_no_trace() {
        let mut out = b"before".to_vec();
        Framing::RawSocket
            .frame(&mut out, |out| out.resize(out.len() + Framing::RawSocket.max_body() + 1, 0));
        assert_eq!(out, b"before");
    }
}
