//! The header of a frame.
//!
//! ```text
//!  7 6 5 4 3 2 1 0   7 6           0
//! +-+-+-+-+-------+ +-+-------------+---------------------+----------------+
//! |F|R|R|R| opcode| |M| length 0-125|  16 bits if 126,    |  mask, 4 bytes |
//! |I|1|2|3|       | | | 126, 127    |  64 bits if 127     |  if M          |
//! +-+-+-+-+-------+ +-+-------------+---------------------+----------------+
//! ```

use crate::FrameError;

pub(super) const FIN: u8 = 0x80;
pub(super) const RSV1: u8 = 0x40;
const RSV2_AND_3: u8 = 0x30;
const OPCODE: u8 = 0x0F;
pub(super) const MASKED: u8 = 0x80;
pub(super) const LENGTH_16: u8 = 126;
pub(super) const LENGTH_64: u8 = 127;

/// The kind of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A further part of the message that was begun.
    Continuation,
    /// A text message, or its first part.
    Text,
    /// A binary message, or its first part.
    Binary,
    /// The begin or the answer of the closing handshake.
    Close,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
}

impl Opcode {
    /// The opcode of whole messages.
    pub const fn data(text: bool) -> Self {
        if text { Opcode::Text } else { Opcode::Binary }
    }

    /// Whether it is a control frame's.
    pub const fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }

    /// The number on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xA,
        }
    }

    const fn from_bits(bits: u8) -> Result<Self, FrameError> {
        Ok(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return Err(FrameError::ReservedOpcode(bits)),
        })
    }
}

/// A header that was read, valid as far as that can be said without knowing the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fin: bool,
    /// RSV1, which permessage-deflate gives a meaning.
    pub(super) compressed: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<[u8; 4]>,
    /// The header's own size in bytes.
    pub(super) size: usize,
    /// The payload's length in bytes, below 2^63.
    pub(super) length: u64,
}

/// A header, or how many bytes are needed to read on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Header(Header),
    Incomplete(usize),
}

impl Header {
    /// Reads the header at the front of `input`; what the first two bytes give away is checked from them alone.
    pub(super) fn parse(input: &[u8]) -> Result<Parsed, FrameError> {
        let Some(&[first, second]) = input.first_chunk() else { return Ok(Parsed::Incomplete(2)) };
        if first & RSV2_AND_3 != 0 {
            return Err(FrameError::ReservedBits);
        }
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        let opcode = Opcode::from_bits(first & OPCODE)?;
        let short = second & !MASKED;
        if opcode.is_control() {
            check_control(fin, compressed, short)?;
        }
        let masked = second & MASKED != 0;
        let length_size = match short {
            LENGTH_16 => 2,
            LENGTH_64 => 8,
            _ => 0,
        };
        let size = 2 + length_size + if masked { 4 } else { 0 };
        let Some(long) = input.get(2..size) else { return Ok(Parsed::Incomplete(size)) };
        let length = match short {
            LENGTH_16 => u64::from(long.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes))),
            LENGTH_64 => long.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)),
            short => u64::from(short),
        };
        let shortest = match short {
            LENGTH_16 => u64::from(LENGTH_16)..=u64::from(u16::MAX),
            LENGTH_64 => u64::from(u16::MAX) + 1..=u64::MAX >> 1,
            _ => 0..=u64::from(LENGTH_16 - 1),
        };
        if !shortest.contains(&length) {
            return Err(FrameError::LengthEncoding);
        }
        let mask = if masked { long.last_chunk().copied() } else { None };
        Ok(Parsed::Header(Header { fin, compressed, opcode, mask, size, length }))
    }
}

fn check_control(fin: bool, compressed: bool, short: u8) -> Result<(), FrameError> {
    if compressed {
        return Err(FrameError::ReservedBits);
    }
    if !fin {
        return Err(FrameError::FragmentedControl);
    }
    if short > 125 {
        return Err(FrameError::OversizedControl);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(input: &[u8]) -> Header {
        match Header::parse(input) {
            Ok(Parsed::Header(header)) => header,
            other => panic!("{input:02x?}: {other:?}"),
        }
    }

    #[test]
    fn lengths_come_in_three_sizes() {
        assert_eq!((header(&[0x82, 125]).length, header(&[0x82, 125]).size), (125, 2));
        assert_eq!((header(&[0x82, 126, 0, 126]).length, header(&[0x82, 126, 0, 126]).size), (126, 4));
        let long = header(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!((long.length, long.size), (65_536, 10));
    }

    #[test]
    fn lengths_must_be_in_their_shortest_form() {
        for input in [
            &[0x82, 126, 0, 125][..],
            &[0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(Header::parse(input), Err(FrameError::LengthEncoding));
        }
    }

    #[test]
    fn the_mask_is_the_last_part_of_the_header() {
        let short = header(&[0x81, 0x85, 1, 2, 3, 4, 9]);
        assert_eq!((short.mask, short.size), (Some([1, 2, 3, 4]), 6));
        let long = header(&[0x01, 0xFE, 0, 200, 1, 2, 3, 4]);
        assert_eq!((long.mask, long.size, long.fin), (Some([1, 2, 3, 4]), 8, false));
        assert_eq!(header(&[0x81, 0]).mask, None);
    }

    #[test]
    fn a_partial_header_says_how_much_it_needs() {
        assert_eq!(Header::parse(&[]), Ok(Parsed::Incomplete(2)));
        assert_eq!(Header::parse(&[0x81]), Ok(Parsed::Incomplete(2)));
        assert_eq!(Header::parse(&[0x81, 0xFE]), Ok(Parsed::Incomplete(8)));
        assert_eq!(Header::parse(&[0x81, 0xFF, 0]), Ok(Parsed::Incomplete(14)));
    }

    #[test]
    fn the_first_two_bytes_are_enough_to_refuse() {
        assert_eq!(Header::parse(&[0xA1, 0xFF]), Err(FrameError::ReservedBits));
        assert_eq!(Header::parse(&[0x91, 0xFF]), Err(FrameError::ReservedBits));
        assert_eq!(Header::parse(&[0xC9, 0x80]), Err(FrameError::ReservedBits));
        assert_eq!(Header::parse(&[0x09, 0x80]), Err(FrameError::FragmentedControl));
        assert_eq!(Header::parse(&[0x89, 0xFE]), Err(FrameError::OversizedControl));
        for bits in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
            assert_eq!(Header::parse(&[0x80 | bits, 0x80]), Err(FrameError::ReservedOpcode(bits)));
        }
    }
}
