//! Keys that are not text, made into text.
//!
//! JSON and UBJSON know only text as keys, MessagePack and CBOR know any value. Whoever needs text gets it by this rule:
//!
//! | key | text |
//! |---|---|
//! | text | itself |
//! | integer | decimal |
//! | float | as in JSON: the shortest digits that read back the same, `null` if not finite |
//! | boolean, null | `true`, `false`, `null` |
//! | bytes | Base64 |
//! | list, dictionary | Base64 of its bytes as encoded |
//!
//! The last one is an arbitrary rule, but a total one that keeps different keys apart and costs no nesting of escapes.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::encoder::float_text;
use super::{Malformed, Reader, Token};

/// Reads the key that comes next from `reader`, which reads `input`, as text; `None` where the dictionary ends.
///
/// # Errors
/// As [`Reader::token`].
pub fn text_key<'a, R: Reader<'a>>(
    reader: &mut R,
    input: &'a [u8],
) -> Result<Option<Cow<'a, str>>, Malformed> {
    let start = reader.mark()?;
    Ok(Some(match reader.token()? {
        Token::Str(text) => text,
        Token::End => return Ok(None),
        Token::Uint(value) => Cow::Owned(value.to_string()),
        Token::Int(value) => Cow::Owned(value.to_string()),
        Token::Float(value) if value.is_finite() => Cow::Owned(float_text(value)),
        Token::Bool(true) => Cow::Borrowed("true"),
        Token::Bool(false) => Cow::Borrowed("false"),
        Token::Float(_) | Token::Null => Cow::Borrowed("null"),
        Token::Bytes(bytes) => Cow::Owned(STANDARD.encode(bytes)),
        Token::Array | Token::Map => {
            while reader.skip()?.is_some() {}
            let encoded = input.get(start..reader.position()).unwrap_or_default();
            Cow::Owned(STANDARD.encode(encoded))
        }
    }))
}
