//! A place in the input of a binary format.
//!
//! *Invariant*: nothing here can read past the input, and a length that the sender claims is compared with what is
//! left before anything is done with it.

use super::Malformed;

/// What is left of an input, and how much has been read.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    total: usize,
    format: &'static str,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(input: &'a [u8], format: &'static str) -> Self {
        Cursor { rest: input, total: input.len(), format }
    }

    /// The next byte.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let Some((&byte, rest)) = self.rest.split_first() else { return Err(self.ended()) };
        self.rest = rest;
        Ok(byte)
    }

    /// The next `N` bytes.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let Some((array, rest)) = self.rest.split_first_chunk() else { return Err(self.ended()) };
        self.rest = rest;
        Ok(*array)
    }

    /// The next `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else { return Err(self.ended()) };
        self.rest = rest;
        Ok(taken)
    }

    /// The next `len` bytes, for lengths that may exceed the address space.
    #[inline]
    pub(super) fn take_long(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// The next `len` bytes, which must be UTF-8.
    #[inline]
    pub(super) fn text(&mut self, len: u64) -> Result<&'a str, Malformed> {
        let start = *self;
        let bytes = self.take_long(len)?;
        simdutf8::basic::from_utf8(bytes).map_err(|_| start.fail("text that is not UTF-8"))
    }

    /// Passes over the next `len` bytes, which must be UTF-8.
    ///
    /// Most text is short and ASCII; testing for that here is cheaper than a call that works out the rest.
    #[inline]
    pub(super) fn pass_text(&mut self, len: u64) -> Result<(), Malformed> {
        let start = *self;
        let bytes = self.take_long(len)?;
        if is_ascii(bytes) || simdutf8::basic::from_utf8(bytes).is_ok() {
            return Ok(());
        }
        Err(start.fail("text that is not UTF-8"))
    }

    /// Looks at the next byte.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// How many bytes are left.
    #[inline]
    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// How many bytes have been read.
    #[inline]
    pub(super) const fn position(&self) -> usize {
        self.total - self.rest.len()
    }

    /// An error here.
    #[cold]
    pub(super) const fn fail(&self, what: &'static str) -> Malformed {
        Malformed { format: self.format, offset: self.position(), what }
    }

    #[cold]
    const fn ended(&self) -> Malformed {
        Malformed { format: self.format, offset: self.total, what: "the input ends within a value" }
    }
}

/// Whether bytes are ASCII, without a call. Words that overlap spare the loop over the last few bytes, which is what
/// short text would spend its time in.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    if let Some(last) = bytes.last_chunk::<8>() {
        let (words, _) = bytes.as_chunks::<8>();
        let seen =
            words.iter().fold(u64::from_le_bytes(*last), |seen, word| seen | u64::from_le_bytes(*word));
        return seen & HIGHS == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let seen = u32::from_le_bytes(*first) | u32::from_le_bytes(*last);
        return u64::from(seen) & HIGHS == 0;
    }
    bytes.iter().all(u8::is_ascii)
}
