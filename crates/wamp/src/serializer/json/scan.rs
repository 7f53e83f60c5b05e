//! The fast paths through JSON text: strings by eight bytes, containers without tokens.
//!
//! All offsets are into the whole input, which is known to be UTF-8; nothing here looks at more than its grammar.

use super::{ENDED, NO_VALUE, TOO_DEEP, fail, number};
use crate::serializer::Malformed;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Passes over white space.
#[inline]
pub(super) fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Where the run of bytes that stand for themselves in a string ends: at a quote, a backslash, a control character, or
/// the end of the input.
#[inline]
pub(in crate::serializer) fn plain_run(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            // The lowest mark is exact; those above it may be borrows.
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// The high bit of each byte that is a quote, a backslash or a control character.
#[inline]
const fn specials(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

/// The end of a string that begins at `at`, behind its opening quote: where the closing one is, and whether there was
/// an escape.
#[inline]
pub(super) fn string(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Malformed> {
    let mut escaped = false;
    loop {
        at = plain_run(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                at = escape(bytes, at)?;
                escaped = true;
            }
            Some(_) => return Err(fail(at, "a raw control character in a string")),
            None => return Err(fail(at, ENDED)),
        }
    }
}

/// Passes over one escape.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            _ => Err(fail(at, "an escape that is not \\u and four hexadecimal digits")),
        },
        _ => Err(fail(at, "an unknown escape")),
    }
}

/// Passes over a number or a literal.
#[inline]
pub(super) fn scalar(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let rest = bytes.get(at..).unwrap_or_default();
    let len = match rest.first() {
        Some(b't') if rest.starts_with(b"true") => 4,
        Some(b'f') if rest.starts_with(b"false") => 5,
        Some(b'n') if rest.starts_with(b"null") => 4,
        Some(_) => number::scan(rest).ok_or_else(|| fail(at, NO_VALUE))?.0,
        None => return Err(fail(at, ENDED)),
    };
    Ok(at + len)
}

/// Passes over the rest of a container, from behind its opening bracket: where it ends, and its number of elements.
///
/// `room` is how many containers may be open at a time, this one included.
pub(super) fn container(
    bytes: &[u8],
    at: usize,
    map: bool,
    room: usize,
) -> Result<(usize, usize), Malformed> {
    if room == 0 {
        return Err(fail(at, TOO_DEEP));
    }
    let mut at = space(bytes, at);
    let mut kinds = u64::from(map);
    let mut depth = 1;
    let mut len = 0;
    // Whether the innermost container has had an element.
    let mut begun = false;
    loop {
        let in_map = kinds & 1 == 1;
        let next = bytes.get(at).copied();
        if next == Some(if in_map { b'}' } else { b']' }) {
            at += 1;
            depth -= 1;
            if depth == 0 {
                return Ok((at, len));
            }
            kinds >>= 1;
        } else {
            if begun {
                if next != Some(b',') {
                    return Err(fail(at, "neither a comma nor the end of the container"));
                }
                at = space(bytes, at + 1);
            }
            if in_map {
                at = key(bytes, at)?;
            }
            match bytes.get(at) {
                Some(b'"') => at = string(bytes, at + 1)?.0 + 1,
                Some(&open @ (b'[' | b'{')) => {
                    if depth == room {
                        return Err(fail(at, TOO_DEEP));
                    }
                    depth += 1;
                    kinds = kinds << 1 | u64::from(open == b'{');
                    begun = false;
                    at = space(bytes, at + 1);
                    continue;
                }
                _ => at = scalar(bytes, at)?,
            }
        }
        begun = true;
        if depth == 1 {
            len += 1;
        }
        at = space(bytes, at);
    }
}

/// Passes over a key and its colon, to where the value begins.
#[inline]
fn key(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    if bytes.get(at) != Some(&b'"') {
        return Err(fail(at, "a key that is no string"));
    }
    let (end, _) = string(bytes, at + 1)?;
    let at = space(bytes, end + 1);
    if bytes.get(at) != Some(&b':') {
        return Err(fail(at, "a key without a colon"));
    }
    Ok(space(bytes, at + 1))
}
