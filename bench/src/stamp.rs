//! Payloads that say where they come from, so that whoever receives one can check it without decoding it.
//!
//! ```text
//!   ["AAAD" "AAAAAAAAABCM" "level range ..."]     one text argument of the size that was asked for
//!     |      |              |__ filler: words in no order, so that it is as hard to compress as what people send
//!     |      |__ sequence number, 48 bits
//!     |__ source, 16 bits          each letter A to P is four bits
//! ```
//!
//! Such a text looks the same in every serializer and stands at the end of every message that carries a payload. Its
//! distance from the end of the message is found out once ([`Reader`]); after that checking is a comparison of bytes.

use std::sync::LazyLock;

use anyhow::{Context, Result};
use wamp::value::Dict;
use wamp::{Payload, Serializer, Value};

/// The shortest payload in bytes: a stamp and nothing else.
pub(crate) const MIN_SIZE: usize = 16;

const SOURCE_LETTERS: usize = 4;
/// What fillers are made of.
const WORDS: [&str; 16] = [
    "level ",
    "range ",
    "sensor ",
    "status ",
    "value ",
    "unit ",
    "time ",
    "name ",
    "17 ",
    "4096 ",
    "21.5 ",
    "0.03 ",
    "true ",
    "valve ",
    "pressure ",
    "of ",
];
/// After so many bytes a filler begins again.
const PERIOD: usize = 4096;
/// So much filler is compared at each end of a payload; in 64 KiB, comparing all would cost more than receiving it.
const FILLER_CHECKED: usize = 512;
/// At most so much comes behind the text in a message: brackets, or an empty dictionary.
const TAIL_MAX: usize = 32;

/// A filler: a period, and so much of the next one that a comparison may begin anywhere in the first.
static FILLER: LazyLock<String> = LazyLock::new(|| {
    let mut state = 0x9E37_79B9_u32;
    let word = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        WORDS.get((state >> 28) as usize).copied().unwrap_or_default()
    };
    let mut text = String::new();
    text.extend(std::iter::repeat_with(word).take(PERIOD));
    text.truncate(PERIOD);
    let again = text.get(..FILLER_CHECKED).unwrap_or_default().to_owned();
    text + &again
});

/// Where a payload comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which publisher or caller sent it.
    pub(crate) source: u16,
    /// Its how-manieth message it is; 48 bits.
    pub(crate) sequence: u64,
}

/// A payload in its serializer, stamped anew for each message.
pub(crate) struct Stamped {
    serializer: Serializer,
    elements: Vec<u8>,
    text_at: usize,
}

impl Stamped {
    /// A payload of one text of `size` bytes, but at least [`MIN_SIZE`].
    pub(crate) fn new(serializer: Serializer, size: usize) -> Result<Self> {
        let text: String = FILLER.chars().take(PERIOD).cycle().take(size.max(MIN_SIZE)).collect();
        let mut elements = Vec::new();
        Payload::from_values(serializer, &[Value::Str(text)], &Dict::new(), &mut elements);
        let begin = FILLER.as_bytes().get(..MIN_SIZE).context("a filler is longer")?;
        let text_at = elements.windows(MIN_SIZE).position(|bytes| bytes == begin);
        let text_at = text_at.context("the filler is in there")?;
        Ok(Self { serializer, elements, text_at })
    }

    /// The payload with this stamp.
    pub(crate) fn with(&mut self, stamp: Stamp) -> Payload<'_> {
        if let Some(text) = self.elements.get_mut(self.text_at..) {
            let (source, rest) = text.split_at_mut(SOURCE_LETTERS.min(text.len()));
            write_letters(source, u64::from(stamp.source));
            write_letters(rest.get_mut(..MIN_SIZE - SOURCE_LETTERS).unwrap_or_default(), stamp.sequence);
        }
        Payload::from_validated(self.serializer, 1, &self.elements)
    }
}

/// Finds the stamps in received messages.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    size: usize,
    /// How many bytes follow the text, as in the last message.
    tail: usize,
}

impl Reader {
    /// A reader of payloads of [`Stamped::new`] with this size.
    pub(crate) fn new(size: usize) -> Self {
        Self { size: size.max(MIN_SIZE), tail: 0 }
    }

    /// The stamp in a message, or in the payload of one; `None` where there is no whole payload of the right size.
    pub(crate) fn read(&mut self, message: &[u8]) -> Option<Stamp> {
        if let Some(stamp) = self.read_at(message, self.tail) {
            return Some(stamp);
        }
        let (tail, stamp) =
            (0..TAIL_MAX).find_map(|tail| self.read_at(message, tail).map(|stamp| (tail, stamp)))?;
        self.tail = tail;
        Some(stamp)
    }

    fn read_at(&self, message: &[u8], tail: usize) -> Option<Stamp> {
        let end = message.len().checked_sub(tail)?;
        let text = message.get(end.checked_sub(self.size)?..end)?;
        let (stamp, filler) = text.split_at_checked(MIN_SIZE)?;
        let (source, sequence) = stamp.split_at_checked(SOURCE_LETTERS)?;
        let front = filler.get(..FILLER_CHECKED).unwrap_or(filler);
        let back_at = text.len() - front.len();
        if !is_filler(front, MIN_SIZE) || !is_filler(text.get(back_at..)?, back_at) {
            return None;
        }
        let source = u16::try_from(read_letters(source)?).ok()?;
        Some(Stamp { source, sequence: read_letters(sequence)? })
    }
}

/// Whether these are the bytes of a filler at this place of a text, which are at most [`FILLER_CHECKED`].
fn is_filler(bytes: &[u8], at: usize) -> bool {
    let at = at % PERIOD;
    FILLER.as_bytes().get(at..at + bytes.len()) == Some(bytes)
}

fn write_letters(to: &mut [u8], mut number: u64) {
    for letter in to.iter_mut().rev() {
        *letter = b'A' + (number & 0xF) as u8;
        number >>= 4;
    }
}

fn read_letters(letters: &[u8]) -> Option<u64> {
    let (number, strange) = letters.iter().fold((0, 0), |(number, strange), letter| {
        let nibble = letter.wrapping_sub(b'A');
        (number << 4 | u64::from(nibble & 0xF), strange | (nibble & 0xF0))
    });
    (strange == 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { source: 513, sequence: 0x0123_4567_89AB };

    #[test]
    fn a_stamp_is_found_in_every_serializer_and_size() {
        for serializer in Serializer::ALL {
            for size in [MIN_SIZE, 32, 1024, 65_536] {
                let mut stamped = Stamped::new(serializer, size).unwrap();
                let mut message = b"head".to_vec();
                message.extend_from_slice(stamped.with(STAMP).bytes());
                message.extend_from_slice(b"]");
                let mut reader = Reader::new(size);
                assert_eq!(reader.read(&message), Some(STAMP), "{serializer:?} {size}");
                assert_eq!(reader.read(&message), Some(STAMP));
            }
        }
    }

    #[test]
    fn a_payload_is_one_text_of_the_size_asked_for() {
        let mut stamped = Stamped::new(Serializer::Json, 32).unwrap();
        let (args, _) = stamped.with(STAMP).to_values().unwrap();
        assert_eq!(args, [Value::Str(format!("ACABABCDEFGHIJKL{}", &FILLER[16..32]))]);
    }

    #[test]
    fn what_was_changed_or_cut_has_no_stamp() {
        for size in [32, 4096, 65_536] {
            let mut stamped = Stamped::new(Serializer::MsgPack, size).unwrap();
            let whole = stamped.with(STAMP).bytes().to_vec();
            let text_at = whole.len() - size;
            for at in [text_at, text_at + 15, text_at + 16, whole.len() - 1] {
                let mut changed = whole.clone();
                changed[at] = b'!';
                assert_eq!(Reader::new(size).read(&changed), None, "{at} of {size}");
            }
            assert_eq!(Reader::new(size).read(&whole[..whole.len() - 1]), None);
            assert_eq!(Reader::new(size).read(b""), None);
        }
    }
}
