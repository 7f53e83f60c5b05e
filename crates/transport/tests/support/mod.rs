//! What the tests of whole streams share: a frame writer of their own, so that the crate isn't tested against itself,
//! and a driver that feeds a decoder as a socket would.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use cloverleaf_transport::{Decoder, FrameError, Step};

/// What a decoder reported, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Failed(FrameError),
}

/// Opcodes on the wire.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// Bits of the first byte.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const RSV1: u8 = 0x40;

/// Writes a WebSocket frame, plainly.
pub(crate) fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..=125 => out.push(masked | short as u8),
        medium @ 126..=65_535 => {
            out.push(masked | 126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(masked | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    out.extend(mask.into_iter().flatten());
    out.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ key[index % 4]));
    out
}

/// Feeds a stream in pieces, the lengths of which are repeated as often as needed, and collects what is seen until the
/// end, a close frame or an error.
pub(crate) fn drive(decoder: &mut Decoder, stream: &[u8], pieces: &[usize]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut buffer = Vec::new();
    let mut arrived = 0;
    for piece in pieces.iter().cycle() {
        let next = stream.len().min(arrived + (*piece).max(1));
        buffer.extend_from_slice(&stream[arrived..next]);
        arrived = next;
        if !drain(decoder, &mut buffer, &mut seen) || arrived == stream.len() {
            break;
        }
    }
    seen
}

/// Decodes what is there. `false` if nothing more is to be decoded.
fn drain(decoder: &mut Decoder, buffer: &mut Vec<u8>, seen: &mut Vec<Seen>) -> bool {
    let mut start = 0;
    let goes_on = loop {
        let input = &mut buffer[start..];
        let available = input.len();
        let step = match decoder.decode(input) {
            Ok(step) => step,
            Err(error) => {
                seen.push(Seen::Failed(error));
                break false;
            }
        };
        let consumed = step.consumed();
        assert!(consumed <= available, "it took in more than there was");
        match step {
            Step::Incomplete { needed } => {
                assert!(needed > available, "{needed} bytes are there");
                break true;
            }
            Step::Consumed { .. } => {}
            Step::Message { text: true, payload, .. } => seen.push(Seen::Text(payload.to_vec())),
            Step::Message { text: false, payload, .. } => seen.push(Seen::Binary(payload.to_vec())),
            Step::Ping { payload, .. } => seen.push(Seen::Ping(payload.to_vec())),
            Step::Pong { payload, .. } => seen.push(Seen::Pong(payload.to_vec())),
            Step::Close { code, reason, .. } => {
                seen.push(Seen::Close(code, reason.to_owned()));
                break false;
            }
        }
        assert!(consumed > 0, "a step that takes in nothing would never end");
        start += consumed;
    };
    buffer.drain(..start);
    goes_on
}
