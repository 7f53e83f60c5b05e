//! permessage-deflate, the receiving side: inflating whole messages, up to a limit.
//!
//! Where the peer compresses each message from scratch, inflaters come from the thread and none is kept per
//! connection. Where it may refer to earlier messages ("context takeover"), the connection keeps one, boxed.
//!
//! Spec: RFC 7692, "Decompression" (7.2.2).

use std::cell::Cell;

use flate2::{Decompress, FlushDecompress, Status};

use super::deflate::TAIL;
use super::spare::Spare;
use crate::FrameError;

/// The least room that is made for output at a time.
const STEP: usize = 512;
/// How far back DEFLATE reaches at most.
const MAX_WINDOW: usize = 32 * 1024;
/// How many blocks of a message may say that they are the last one. Senders write one such block a message, or one a
/// fragment; each costs a whole window, and takes two octets.
const LAST_BLOCKS_MAX: usize = 16;

thread_local! {
    static INFLATER: Cell<Option<Decompress>> = const { Cell::new(None) };
}

/// Where a connection's inflater is.
#[derive(Debug)]
pub(super) enum Inflation {
    /// Compression wasn't agreed.
    Off,
    /// Each message stands alone.
    PerMessage,
    /// Messages refer to earlier ones.
    Kept(Box<Decompress>),
}

impl Inflation {
    /// For a peer that keeps its context, with a window of 8 to 15 bits.
    pub(super) fn kept(window_bits: u8) -> Self {
        Inflation::Kept(Box::new(Decompress::new_with_window_bits(false, window_bits.clamp(9, 15))))
    }

    /// Whether compressed messages may come.
    pub(super) const fn is_on(&self) -> bool {
        !matches!(self, Inflation::Off)
    }

    /// Inflates a whole message, of at most `limit` bytes.
    pub(super) fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<Spare, FrameError> {
        match self {
            Inflation::Off => Err(FrameError::ReservedBits),
            Inflation::Kept(inflater) => inflate(inflater, payload, limit),
            Inflation::PerMessage => {
                // The largest window understands what was compressed with any other.
                let mut inflater =
                    INFLATER.take().unwrap_or_else(|| Decompress::new_with_window_bits(false, 15));
                let plain = inflate(&mut inflater, payload, limit);
                inflater.reset(false);
                INFLATER.set(Some(inflater));
                plain
            }
        }
    }
}

fn inflate(inflater: &mut Decompress, payload: &[u8], limit: usize) -> Result<Spare, FrameError> {
    let mut out = Spare::take();
    // A guess at the ratio saves most messages a second round.
    out.reserve(payload.len().saturating_mul(4).clamp(STEP, limit.max(STEP)));
    let mut last_blocks = 0;
    for part in [payload, &TAIL] {
        inflate_part(inflater, part, limit, &mut out, &mut last_blocks)?;
    }
    Ok(out)
}

fn inflate_part(
    inflater: &mut Decompress,
    mut input: &[u8],
    limit: usize,
    out: &mut Vec<u8>,
    last_blocks: &mut usize,
) -> Result<(), FrameError> {
    loop {
        if out.len() == out.capacity() {
            let room = limit.saturating_sub(out.len()).saturating_add(1);
            out.reserve(room.min(out.len().max(STEP)));
        }
        let (consumed_before, length_before) = (inflater.total_in(), out.len());
        let status =
            inflater.decompress_vec(input, out, FlushDecompress::Sync).map_err(|_| FrameError::Inflate)?;
        if out.len() > limit {
            return Err(FrameError::TooBig { limit: limit as u64 });
        }
        let consumed = usize::try_from(inflater.total_in() - consumed_before).unwrap_or(usize::MAX);
        input = input.get(consumed..).unwrap_or_default();
        if status == Status::StreamEnd {
            *last_blocks += 1;
            if *last_blocks > LAST_BLOCKS_MAX {
                return Err(FrameError::Inflate);
            }
            begin_again(inflater, out)?;
        }
        let drained = out.len() < out.capacity();
        if input.is_empty() && drained {
            return Ok(());
        }
        let stuck = consumed == 0 && out.len() == length_before && status != Status::StreamEnd;
        if stuck && drained {
            return Err(FrameError::Inflate);
        }
    }
}

/// A message may hold a block that says it is the last one, and go on behind it (RFC 7692, 7.2.3.4). zlib has to be
/// told to, and what the message holds so far becomes its dictionary.
fn begin_again(inflater: &mut Decompress, so_far: &[u8]) -> Result<(), FrameError> {
    inflater.reset(false);
    let window = so_far.get(so_far.len().saturating_sub(MAX_WINDOW)..).unwrap_or_default();
    if !window.is_empty() {
        inflater.set_dictionary(window).map_err(|_| FrameError::Inflate)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"Hello";

    fn per_message(payload: &[u8], limit: usize) -> Result<Vec<u8>, FrameError> {
        Inflation::PerMessage.inflate(payload, limit).map(|plain| plain.clone())
    }

    #[test]
    fn the_examples_of_the_rfc_inflate() {
        for payload in [
            &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00][..],
            // a stored block
            &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
            // a block that says it is the last one
            &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
            // two blocks
            &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        ] {
            assert_eq!(per_message(payload, 5).as_deref(), Ok(HELLO), "{payload:02x?}");
        }
    }

    #[test]
    fn a_kept_context_is_referred_to() {
        let mut inflation = Inflation::kept(15);
        let first = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
        let second = [0xF2, 0x00, 0x11, 0x00, 0x00];
        for payload in [&first[..], &second] {
            assert_eq!(inflation.inflate(payload, 100).as_deref().map(Vec::as_slice), Ok(HELLO));
        }
        assert_eq!(
            per_message(&second, 100),
            Err(FrameError::Inflate),
            "without context it refers to nothing"
        );
    }

    #[test]
    fn an_empty_message_inflates_to_nothing() {
        assert_eq!(per_message(&[0x00], 0).as_deref(), Ok(&b""[..]));
        assert_eq!(per_message(&[0x02, 0x00], 0).as_deref(), Ok(&b""[..]));
    }

    // WSK-11
    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = super::super::deflate::compress(&vec![0; 50_000_000], 15).expect("zeros get smaller");
        assert!(bomb.len() < 500_000);
        assert_eq!(per_message(&bomb, 1_000_000), Err(FrameError::TooBig { limit: 1_000_000 }));
        assert_eq!(per_message(&bomb, 50_000_000).map(|plain| plain.len()), Ok(50_000_000));
        assert_eq!(per_message(&bomb, 49_999_999), Err(FrameError::TooBig { limit: 49_999_999 }));
    }

    // ROB-01
    #[test]
    fn last_blocks_are_few() {
        let blocks = |count| [0x03, 0x00].repeat(count);
        assert_eq!(per_message(&blocks(LAST_BLOCKS_MAX), 100).as_deref(), Ok(&b""[..]));
        assert_eq!(per_message(&blocks(LAST_BLOCKS_MAX + 1), 100), Err(FrameError::Inflate));
        assert_eq!(per_message(&blocks(1), 100).as_deref(), Ok(&b""[..]), "each message has its own");
    }

    #[test]
    fn data_that_is_not_deflate_is_refused_and_spoils_nothing() {
        assert_eq!(per_message(&[0xFF; 20], 1000), Err(FrameError::Inflate));
        assert_eq!(per_message(&[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], 5).as_deref(), Ok(HELLO));
    }
}
