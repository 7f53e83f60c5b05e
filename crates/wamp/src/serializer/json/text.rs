//! What JSON strings mean: escapes resolved, and byte strings told from text.
//!
//! The strings have been validated: each backslash begins a whole escape.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What stands before the Base64 of a byte string: `\0`, which only an escape can say.
pub(in crate::serializer) const BYTES_PREFIX: &str = "\\u0000";

/// The text of a string, given what stands between its quotes.
pub(super) fn decode(body: &str, escaped: bool) -> Cow<'_, str> {
    if escaped { Cow::Owned(unescape(body)) } else { Cow::Borrowed(body) }
}

/// The bytes that a string stands for, if it is `\0` and Base64 (RFC 4648, section 4, padded).
///
/// Spec: advanced profile, "Binary conversion of JSON Strings".
pub(super) fn bytes(body: &str, escaped: bool) -> Option<Vec<u8>> {
    let encoded = body.strip_prefix(BYTES_PREFIX)?;
    debug_assert!(escaped, "a control character must be escaped");
    // Base64 has no character that needs an escape, but "/" may have one.
    if encoded.contains('\\') {
        return STANDARD.decode(unescape(encoded)).ok();
    }
    STANDARD.decode(encoded).ok()
}

fn unescape(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (letter, tail) = take_char(escape);
        rest = tail;
        text.push(match letter {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (char, tail) = unicode(tail);
                rest = tail;
                char
            }
            other => other,
        });
    }
    text.push_str(rest);
    text
}

/// The character of a `\u` escape, from its digits on, and what follows. Two escapes that are a pair of surrogates are
/// one character; a surrogate alone is U+FFFD.
fn unicode(digits: &str) -> (char, &str) {
    let (unit, rest) = take_unit(digits);
    if !(0xd800..0xdc00).contains(&unit) {
        return (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), rest);
    }
    if let Some(second) = rest.strip_prefix("\\u") {
        let (low, after) = take_unit(second);
        if (0xdc00..0xe000).contains(&low) {
            let scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), after);
        }
    }
    (char::REPLACEMENT_CHARACTER, rest)
}

fn take_unit(digits: &str) -> (u32, &str) {
    let (unit, rest) = digits.split_at_checked(4).unwrap_or((digits, ""));
    (u32::from_str_radix(unit, 16).unwrap_or(0xfffd), rest)
}

fn take_char(text: &str) -> (char, &str) {
    let mut chars = text.chars();
    (chars.next().unwrap_or(char::REPLACEMENT_CHARACTER), chars.as_str())
}
