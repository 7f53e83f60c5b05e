//! CBOR, RFC 8949, with definite and indefinite lengths (SER-12).
//!
//! Read leniently in meaning and strictly in form: every well-formed item passes, whatever its tag. Tags are passed
//! over and their content stands for itself, so that a date is its text or number; only bignums (tags 2 and 3) become
//! the integer that they are, or the nearest double (SER-13). `undefined` and unassigned simple values are null.

use std::borrow::Cow;

use super::binary::{BinaryReader, Format, Item, Level, Passed};
use super::cursor::Cursor;
use super::number::{half_to_f64, integer_from_bytes};
use super::{Kind, Malformed, Token};

/// A [`Reader`](super::Reader) of CBOR.
pub type CborReader<'a> = BinaryReader<'a, Cbor>;

/// The encoding of items in CBOR.
#[derive(Debug, Default)]
pub struct Cbor;

const BREAK: u8 = 0xff;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const TAG_BIGNUM: u64 = 2;
const TAG_NEGATIVE_BIGNUM: u64 = 3;

impl Format for Cbor {
    const NAME: &'static str = "cbor";

    fn item<'a>(&mut self, cursor: &mut Cursor<'a>, _within: Level) -> Result<Item<'a>, Malformed> {
        let mut tag = None;
        loop {
            let head = Head::read(cursor)?;
            let token = match head.major {
                0 => Token::Uint(head.definite(cursor)?),
                1 => negative(head.definite(cursor)?),
                BYTES => {
                    let bytes = bytes(cursor, head)?;
                    match tag {
                        Some(TAG_BIGNUM) => integer_from_bytes(&bytes, false),
                        Some(TAG_NEGATIVE_BIGNUM) => integer_from_bytes(&bytes, true),
                        _ => Token::Bytes(bytes),
                    }
                }
                TEXT => Token::Str(text(cursor, head)?),
                4 | 5 => return container(cursor, head).map(Item::Open),
                6 => {
                    tag = Some(head.definite(cursor)?);
                    continue;
                }
                _ => simple(cursor, head)?,
            };
            return Ok(Item::Token(token));
        }
    }

    #[inline(always)]
    fn pass(&mut self, cursor: &mut Cursor<'_>, _within: Level) -> Result<Passed, Malformed> {
        let mut tag = None;
        loop {
            let head = Head::read(cursor)?;
            let kind = match head.major {
                0 | 1 => {
                    head.definite(cursor)?;
                    Kind::Other
                }
                BYTES => {
                    match head.argument {
                        Some(len) => {
                            cursor.take_long(len)?;
                        }
                        None => {
                            while let Some(len) = chunk_len(cursor, BYTES)? {
                                cursor.take_long(len)?;
                            }
                        }
                    }
                    match tag {
                        Some(TAG_BIGNUM | TAG_NEGATIVE_BIGNUM) => Kind::Other,
                        _ => Kind::Bytes,
                    }
                }
                TEXT => {
                    match head.argument {
                        Some(len) => cursor.pass_text(len)?,
                        None => {
                            while let Some(len) = chunk_len(cursor, TEXT)? {
                                cursor.pass_text(len)?;
                            }
                        }
                    }
                    Kind::Str
                }
                4 | 5 => return container(cursor, head).map(Passed::Open),
                6 => {
                    tag = Some(head.definite(cursor)?);
                    continue;
                }
                _ => {
                    simple(cursor, head)?;
                    Kind::Other
                }
            };
            return Ok(Passed::scalar(kind));
        }
    }

    #[inline(always)]
    fn ends(cursor: &mut Cursor<'_>, within: Level) -> Result<bool, Malformed> {
        if !within.is_uncounted() {
            return Ok(within.is_empty());
        }
        if cursor.peek() != Some(BREAK) {
            return Ok(false);
        }
        if within.is_map() && !within.at_key() {
            return Err(cursor.fail("a break where a map owes a value"));
        }
        cursor.byte()?;
        Ok(true)
    }
}

/// The first byte of an item and the argument after it.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    info: u8,
    /// `None` for indefinite lengths (and the break).
    argument: Option<u64>,
}

impl Head {
    #[inline]
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let start = *cursor;
        let byte = cursor.byte()?;
        let info = byte & 0x1f;
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24 => Some(u64::from(cursor.byte()?)),
            25 => Some(u64::from(u16::from_be_bytes(cursor.array()?))),
            26 => Some(u64::from(u32::from_be_bytes(cursor.array()?))),
            27 => Some(u64::from_be_bytes(cursor.array()?)),
            28..=30 => return Err(start.fail("reserved additional information")),
            _ => None,
        };
        Ok(Head { major: byte >> 5, info, argument })
    }

    /// The argument of a type that knows no indefinite length.
    #[inline]
    fn definite(self, cursor: &Cursor<'_>) -> Result<u64, Malformed> {
        self.argument.ok_or_else(|| cursor.fail("an indefinite length where there can be none"))
    }
}

fn container(cursor: &Cursor<'_>, head: Head) -> Result<Level, Malformed> {
    let map = head.major == 5;
    match head.argument {
        Some(len) => Level::counted(cursor, map, len),
        None => Ok(Level::uncounted(map)),
    }
}

/// A major type 1 integer: -1 - n.
fn negative(n: u64) -> Token<'static> {
    match i64::try_from(n) {
        Ok(n) => Token::Int(-1 - n),
        Err(_) => Token::Float(-((u128::from(n) + 1) as f64)),
    }
}

/// Major type 7.
#[inline]
fn simple(cursor: &Cursor<'_>, head: Head) -> Result<Token<'static>, Malformed> {
    let Some(argument) = head.argument else {
        return Err(cursor.fail("a break outside an indefinite length"));
    };
    Ok(match head.info {
        20 => Token::Bool(false),
        21 => Token::Bool(true),
        24 if argument < 32 => return Err(cursor.fail("a simple value in two bytes that fits in one")),
        25 => Token::Float(half_to_f64(u16::try_from(argument).unwrap_or(0))),
        26 => Token::Float(f64::from(f32::from_bits(u32::try_from(argument).unwrap_or(0)))),
        27 => Token::Float(f64::from_bits(argument)),
        _ => Token::Null,
    })
}

fn bytes<'a>(cursor: &mut Cursor<'a>, head: Head) -> Result<Cow<'a, [u8]>, Malformed> {
    if let Some(len) = head.argument {
        return cursor.take_long(len).map(Cow::Borrowed);
    }
    let mut whole = Vec::new();
    while let Some(len) = chunk_len(cursor, BYTES)? {
        whole.extend_from_slice(cursor.take_long(len)?);
    }
    Ok(Cow::Owned(whole))
}

fn text<'a>(cursor: &mut Cursor<'a>, head: Head) -> Result<Cow<'a, str>, Malformed> {
    if let Some(len) = head.argument {
        return cursor.text(len).map(Cow::Borrowed);
    }
    let mut whole = String::new();
    while let Some(len) = chunk_len(cursor, TEXT)? {
        whole.push_str(cursor.text(len)?);
    }
    Ok(Cow::Owned(whole))
}

/// The length of the next chunk of an indefinite-length string, or `None` at its break.
fn chunk_len(cursor: &mut Cursor<'_>, major: u8) -> Result<Option<u64>, Malformed> {
    if cursor.peek() == Some(BREAK) {
        cursor.byte()?;
        return Ok(None);
    }
    let start = *cursor;
    let head = Head::read(cursor)?;
    if head.major != major {
        return Err(start.fail("a chunk of another type than its string"));
    }
    head.definite(cursor).map(Some)
}
