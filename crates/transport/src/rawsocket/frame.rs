//! The frames of RawSocket.
//!
//! ```text
//!   7 6 5 4   3   2 1 0    23                    0
//!  +-------+-----+-------+------------------------+--------------------+
//!  | R R R R |  X  |  T T T  |  length, big-endian  |  payload ...       |
//!  +-------+-----+-------+------------------------+--------------------+
//!    zero     |     |__ 0 message, 1 ping, 2 pong
//!             |__ the length is 2^24 (its 24 bits are zero then)
//! ```

use crate::{FrameError, Step};

/// The longest payload of a frame, in bytes: 2^24.
pub const MAX_LENGTH: usize = 1 << 24;

const PREFIX_SIZE: usize = 4;
const TYPE_MASK: u8 = 0b0000_0111;
const FULL_LENGTH: u8 = 0b0000_1000;
const RESERVED: u8 = 0b1111_0000;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameType {
    Message,
    Ping,
    Pong,
}

impl FrameType {
    const fn bits(self) -> u8 {
        match self {
            FrameType::Message => 0,
            FrameType::Ping => 1,
            FrameType::Pong => 2,
        }
    }

    const fn from_bits(bits: u8) -> Result<Self, FrameError> {
        match bits {
            0 => Ok(FrameType::Message),
            1 => Ok(FrameType::Ping),
            2 => Ok(FrameType::Pong),
            _ => Err(FrameError::RawReservedType(bits)),
        }
    }
}

/// Takes frames apart, up to the length that was announced in the handshake.
///
/// A frame without payload is reported like any other: an empty message is for the session to refuse (RAW-26).
#[derive(Debug, Clone)]
pub struct Decoder {
    max_len: u32,
}

impl Decoder {
    /// A decoder that accepts payloads of up to `max_len` bytes: the limit that the own side announced
    /// ([`super::length_limit`]).
    pub const fn new(max_len: usize) -> Self {
        let max_len = if max_len > MAX_LENGTH { MAX_LENGTH } else { max_len };
        // At most 2^24, just seen to.
        Self { max_len: max_len as u32 }
    }

    /// Takes in at most one frame from the front of `input`. Nothing is unmasked or kept: payloads always borrow from
    /// `input`.
    ///
    /// # Errors
    /// A prefix with reserved bits, a reserved type or a length above the limit; as soon as the prefix is there.
    pub fn decode<'b>(&self, input: &'b [u8]) -> Result<Step<'b>, FrameError> {
        let Some((prefix, _)) = input.split_first_chunk::<PREFIX_SIZE>() else {
            return Ok(Step::Incomplete { needed: PREFIX_SIZE });
        };
        let (kind, length) = parse_prefix(*prefix)?;
        if length > self.max_len as usize {
            return Err(FrameError::TooBig { limit: u64::from(self.max_len) });
        }
        let consumed = PREFIX_SIZE + length;
        let Some(payload) = input.get(PREFIX_SIZE..consumed) else {
            return Ok(Step::Incomplete { needed: consumed });
        };
        Ok(match kind {
            FrameType::Message => Step::Message { consumed, text: false, payload },
            FrameType::Ping => Step::Ping { consumed, payload },
            FrameType::Pong => Step::Pong { consumed, payload },
        })
    }
}

fn parse_prefix([first, high, middle, low]: [u8; PREFIX_SIZE]) -> Result<(FrameType, usize), FrameError> {
    if first & RESERVED != 0 {
        return Err(FrameError::RawReservedBits);
    }
    let kind = FrameType::from_bits(first & TYPE_MASK)?;
    let length = u32::from_be_bytes([0, high, middle, low]) as usize;
    match (first & FULL_LENGTH != 0, length) {
        (false, length) => Ok((kind, length)),
        (true, 0) => Ok((kind, MAX_LENGTH)),
        (true, _) => Err(FrameError::RawAmbiguousLength),
    }
}

/// Appends a frame with what `body` appends; nothing if that is longer than [`MAX_LENGTH`].
pub(crate) fn frame_with(out: &mut Vec<u8>, kind: FrameType, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_SIZE]);
    body(out);
    let length = out.len().saturating_sub(start + PREFIX_SIZE);
    match (prefix(kind, length), out.get_mut(start..start + PREFIX_SIZE)) {
        (Some(prefix), Some(gap)) => gap.copy_from_slice(&prefix),
        _ => out.truncate(start),
    }
}

fn prefix(kind: FrameType, length: usize) -> Option<[u8; PREFIX_SIZE]> {
    if length == MAX_LENGTH {
        return Some([kind.bits() | FULL_LENGTH, 0, 0, 0]);
    }
    match u32::try_from(length).ok()?.to_be_bytes() {
        [0, high, middle, low] => Some([kind.bits(), high, middle, low]),
        _ => None,
    }
}

/// Appends a PING. Its payload is at most [`MAX_LENGTH`] long, else nothing is appended.
pub fn write_ping(out: &mut Vec<u8>, payload: &[u8]) {
    frame_with(out, FrameType::Ping, |out| out.extend_from_slice(payload));
}

/// Appends the PONG for a PING with this payload (RAW-16).
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    frame_with(out, FrameType::Pong, |out| out.extend_from_slice(payload));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Framing;

    fn message(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Framing::RawSocket.frame_bytes(&mut out, body);
        out
    }

    // RAW-12
    #[test]
    fn the_prefix_is_a_type_and_a_length_without_the_prefix() {
        assert_eq!(message(b"[1]"), b"\0\0\0\x03[1]");
        let long = message(&[7; 0x01_02_03]);
        assert_eq!(long[..4], [0, 1, 2, 3]);
        assert_eq!(
            Decoder::new(MAX_LENGTH).decode(&long),
            Ok(Step::Message { consumed: long.len(), text: false, payload: &[7; 0x01_02_03] })
        );
    }

    // RAW-13
    #[test]
    fn the_x_bit_means_sixteen_mebibytes() {
        let full = message(&vec![7; MAX_LENGTH]);
        assert_eq!(full[..4], [8, 0, 0, 0]);
        let step = Decoder::new(MAX_LENGTH).decode(&full);
        assert!(matches!(step, Ok(Step::Message { payload, .. }) if payload.len() == MAX_LENGTH));
        let below = message(&vec![7; MAX_LENGTH - 1]);
        assert_eq!(below[..4], [0, 0xFF, 0xFF, 0xFF]);
        assert_eq!(Decoder::new(MAX_LENGTH).decode(&[8, 0, 0, 1]), Err(FrameError::RawAmbiguousLength));
    }

    // RAW-14
    #[test]
    fn reserved_bits_are_refused() {
        for bit in 4..8 {
            assert_eq!(Decoder::new(512).decode(&[1 << bit, 0, 0, 0]), Err(FrameError::RawReservedBits));
        }
    }

    // RAW-15
    #[test]
    fn reserved_types_are_refused() {
        for kind in 3..8 {
            assert_eq!(Decoder::new(512).decode(&[kind, 0, 0, 0]), Err(FrameError::RawReservedType(kind)));
        }
    }

    // RAW-16
    #[test]
    fn pings_and_pongs_carry_any_payload() {
        for len in [0, 1, 125, 10_000] {
            let payload = vec![7; len];
            let (mut ping, mut pong) = (Vec::new(), Vec::new());
            write_ping(&mut ping, &payload);
            write_pong(&mut pong, &payload);
            let decoder = Decoder::new(MAX_LENGTH);
            assert_eq!(decoder.decode(&ping), Ok(Step::Ping { consumed: len + 4, payload: &payload }));
            assert_eq!(decoder.decode(&pong), Ok(Step::Pong { consumed: len + 4, payload: &payload }));
            assert_eq!((ping[0], pong[0]), (1, 2));
        }
    }

    // RAW-18
    #[test]
    fn a_length_above_the_limit_is_refused_before_the_body_is_there() {
        let decoder = Decoder::new(512);
        assert_eq!(decoder.decode(&[0, 0, 2, 1]), Err(FrameError::TooBig { limit: 512 }));
        assert_eq!(decoder.decode(&[8, 0, 0, 0]), Err(FrameError::TooBig { limit: 512 }));
        assert_eq!(decoder.decode(&[0, 0, 2, 0]), Ok(Step::Incomplete { needed: 516 }));
    }

    // RAW-22
    #[test]
    fn what_is_needed_is_known_from_the_prefix_on() {
        let frame = message(b"hello");
        for len in 0..frame.len() {
            let needed = if len < 4 { 4 } else { frame.len() };
            assert_eq!(Decoder::new(512).decode(&frame[..len]), Ok(Step::Incomplete { needed }));
        }
    }

    // RAW-26
    #[test]
    fn a_frame_without_payload_is_an_empty_message() {
        let step = Decoder::new(512).decode(&[0, 0, 0, 0]);
        assert_eq!(step, Ok(Step::Message { consumed: 4, text: false, payload: b"" }));
    }
}
