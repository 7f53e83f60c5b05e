//! From one serializer to another, as a stream.
//!
//! A message is transcoded once for all receivers of a serialization, and an EVENT has nobody to be told of a failure.
//! So this is total: whatever a reader has found well-formed becomes something in every other serializer, by this
//! table. What isn't in it is the same on both sides.
//!
//! | from | to | becomes |
//! |---|---|---|
//! | byte string | JSON | a string of `\0` and Base64, at any depth (SER-04) |
//! | JSON string of `\0` and Base64 | others | a byte string, at any depth (SER-05) |
//! | JSON string of `\0` and anything else | others | the same text (SER-06) |
//! | text of `\0` and Base64 | JSON | the same text, and so a byte string to whoever reads it |
//! | float that isn't finite | JSON, UBJSON | null |
//! | JSON integer beyond 64 bits | others | the nearest double, an infinity from about 1.8e308 |
//! | JSON `-0` | others | the double -0.0 |
//! | JSON escape of a lone surrogate | others | U+FFFD (SER-17) |
//! | float | JSON | its shortest digits, always with a fraction or an exponent |
//! | float of 16 or 32 bits | others | the same value as a double |
//! | unsigned integer of 64 bits | UBJSON | a high-precision number |
//! | UBJSON high-precision number | others | as a JSON number |
//! | UBJSON character | others | text of one letter |
//! | UBJSON typed array | others | a list; of type `U` (BJData: also `B`), a byte string |
//! | CBOR bignum | others | the integer if 64 bits hold it, else the nearest double |
//! | CBOR integer below -2^63 | others | the nearest double |
//! | CBOR tag | others | its content, as if it had none: a date is its text or number (SER-13) |
//! | CBOR `undefined`, simple value | others | null |
//! | CBOR string in chunks | others | one string |
//! | MessagePack ext | others | a byte string of its data, without the type (SER-13) |
//! | key that isn't text | others | text, by the table of [`text_key`] |
//!
//! Within one serializer nothing is transcoded: the bytes are copied as they are (SER-03, SER-14).
//!
//! *Invariant*: no recursion and no tree; the memory taken is that of one string, and of [`MAX_DEPTH`] levels.
//!
//! [`MAX_DEPTH`]: crate::serializer::MAX_DEPTH

use smallvec::SmallVec;

use crate::serializer::{Encoder, Malformed, Mark, Reader, Serializer, Token, text_key};
use crate::with_reader;

/// Appends a bare sequence of elements in `from` to `to`, in the serializer of `to`, and says how many they were.
///
/// # Errors
/// Bytes that are not well-formed in `from`; nothing is appended then.
pub fn elements(from: Serializer, bytes: &[u8], to: &mut Encoder<'_>) -> Result<usize, Malformed> {
    let before = to.checkpoint();
    let done = with_reader!(from, R => {
        if from == to.serializer() {
            count(R::sequence(bytes)).inspect(|_| to.raw(bytes))
        } else {
            stream(R::sequence(bytes), bytes, to)
        }
    });
    done.inspect_err(|_| to.restore(before))
}

fn count<'a, R: Reader<'a>>(mut reader: R) -> Result<usize, Malformed> {
    let mut count = 0;
    while reader.skip()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// A container on its way.
struct Open {
    mark: Mark,
    map: bool,
    len: usize,
}

fn stream<'a, R: Reader<'a>>(
    mut reader: R,
    input: &'a [u8],
    to: &mut Encoder<'_>,
) -> Result<usize, Malformed> {
    let mut open: SmallVec<[Open; 8]> = SmallVec::new();
    let mut count = 0;
    loop {
        let token = match open.last() {
            Some(Open { map: true, .. }) => match text_key(&mut reader, input)? {
                Some(key) => {
                    to.key(&key);
                    reader.token()?
                }
                None => Token::End,
            },
            _ => reader.token()?,
        };
        if token == Token::End {
            match open.pop() {
                Some(Open { mark, map: false, len }) => to.close_array(mark, len),
                Some(Open { mark, map: true, len }) => to.close_map(mark, len),
                None => return Ok(count),
            }
            continue;
        }
        *open.last_mut().map_or(&mut count, |around| &mut around.len) += 1;
        match token {
            Token::Array => open.push(Open { mark: to.open_array(), map: false, len: 0 }),
            Token::Map => open.push(Open { mark: to.open_map(), map: true, len: 0 }),
            scalar => write_scalar(&scalar, to),
        }
    }
}

/// Writes a token that is a whole value; the others are containers', and write nothing.
fn write_scalar(token: &Token<'_>, to: &mut Encoder<'_>) {
    match token {
        Token::Null => to.null(),
        Token::Bool(value) => to.bool(*value),
        Token::Uint(value) => to.uint(*value),
        Token::Int(value) => to.int(*value),
        Token::Float(value) => to.float(*value),
        Token::Str(text) => to.str(text),
        Token::Bytes(bytes) => to.bytes(bytes),
        Token::Array | Token::Map | Token::End => {}
    }
}
