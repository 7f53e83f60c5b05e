//! MessagePack, version 5: `str` and `bin` are different types (SER-02).
//!
//! Extension types pass: as tokens they are byte strings of their data, without the type (SER-13). One of them is read as
//! null: type 0 with one zero byte, by which JavaScript encoders say `undefined`. The marker `c1`, which the format never
//! uses, is refused.

use std::borrow::Cow;

use super::binary::{BinaryReader, Format, Item, Level, Passed};
use super::cursor::Cursor;
use super::{Kind, Malformed, Token};

/// A [`Reader`](super::Reader) of MessagePack.
pub type MsgPackReader<'a> = BinaryReader<'a, MsgPack>;

/// The type and data of the extension that stands for JavaScript's `undefined`.
const UNDEFINED: &[u8] = &[0, 0];

/// The encoding of items in MessagePack.
#[derive(Debug, Default)]
pub struct MsgPack;

impl Format for MsgPack {
    const NAME: &'static str = "msgpack";

    #[inline]
    fn item<'a>(&mut self, cursor: &mut Cursor<'a>, _within: Level) -> Result<Item<'a>, Malformed> {
        let start = *cursor;
        let token = match cursor.byte()? {
            marker @ 0x00..=0x7f => Token::Uint(u64::from(marker)),
            marker @ 0x80..=0x8f => return map(cursor, u64::from(marker & 0x0f)).map(Item::Open),
            marker @ 0x90..=0x9f => return list(cursor, u64::from(marker & 0x0f)).map(Item::Open),
            marker @ 0xa0..=0xbf => text(cursor, u64::from(marker & 0x1f))?,
            0xc0 => Token::Null,
            0xc1 => return Err(start.fail("the marker c1, which is never used")),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            marker @ 0xc4..=0xc6 => {
                let len = length(cursor, marker - 0xc4)?;
                bytes(cursor, len)?
            }
            marker @ 0xc7..=0xc9 => {
                let len = length(cursor, marker - 0xc7)?;
                cursor.byte()?;
                bytes(cursor, len)?
            }
            0xca => Token::Float(f64::from(f32::from_be_bytes(cursor.array()?))),
            0xcb => Token::Float(f64::from_be_bytes(cursor.array()?)),
            0xcc => Token::Uint(u64::from(cursor.byte()?)),
            0xcd => Token::Uint(u64::from(u16::from_be_bytes(cursor.array()?))),
            0xce => Token::Uint(u64::from(u32::from_be_bytes(cursor.array()?))),
            0xcf => Token::Uint(u64::from_be_bytes(cursor.array()?)),
            0xd0 => signed(i64::from(i8::from_be_bytes(cursor.array()?))),
            0xd1 => signed(i64::from(i16::from_be_bytes(cursor.array()?))),
            0xd2 => signed(i64::from(i32::from_be_bytes(cursor.array()?))),
            0xd3 => signed(i64::from_be_bytes(cursor.array()?)),
            0xd4 => match cursor.take(2)? {
                UNDEFINED => Token::Null,
                item => Token::Bytes(Cow::Borrowed(item.get(1..).unwrap_or_default())),
            },
            marker @ 0xd5..=0xd8 => {
                cursor.byte()?;
                bytes(cursor, 1 << (marker - 0xd4))?
            }
            marker @ 0xd9..=0xdb => {
                let len = length(cursor, marker - 0xd9)?;
                text(cursor, len)?
            }
            marker @ 0xdc..=0xdd => {
                let len = length(cursor, marker - 0xdc + 1)?;
                return list(cursor, len).map(Item::Open);
            }
            marker @ 0xde..=0xdf => {
                let len = length(cursor, marker - 0xde + 1)?;
                return map(cursor, len).map(Item::Open);
            }
            marker @ 0xe0..=0xff => Token::Int(i64::from(i8::from_be_bytes([marker]))),
        };
        Ok(Item::Token(token))
    }

    #[inline(always)]
    fn pass(&mut self, cursor: &mut Cursor<'_>, _within: Level) -> Result<Passed, Malformed> {
        let start = *cursor;
        let kind = match cursor.byte()? {
            0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => Kind::Other,
            marker @ 0x80..=0x8f => return map(cursor, u64::from(marker & 0x0f)).map(Passed::Open),
            marker @ 0x90..=0x9f => return list(cursor, u64::from(marker & 0x0f)).map(Passed::Open),
            marker @ 0xa0..=0xbf => {
                cursor.pass_text(u64::from(marker & 0x1f))?;
                Kind::Str
            }
            0xc1 => return Err(start.fail("the marker c1, which is never used")),
            marker @ 0xc4..=0xc6 => {
                let len = length(cursor, marker - 0xc4)?;
                cursor.take_long(len)?;
                Kind::Bytes
            }
            marker @ 0xc7..=0xc9 => {
                let len = length(cursor, marker - 0xc7)?;
                cursor.take_long(len + 1)?;
                Kind::Bytes
            }
            0xcc | 0xd0 => fixed(cursor, 1)?,
            0xcd | 0xd1 => fixed(cursor, 2)?,
            0xca | 0xce | 0xd2 => fixed(cursor, 4)?,
            0xcb | 0xcf | 0xd3 => fixed(cursor, 8)?,
            0xd4 => match cursor.take(2)? {
                UNDEFINED => Kind::Other,
                _ => Kind::Bytes,
            },
            marker @ 0xd5..=0xd8 => {
                cursor.take(1 + (1 << (marker - 0xd4)))?;
                Kind::Bytes
            }
            marker @ 0xd9..=0xdb => {
                let len = length(cursor, marker - 0xd9)?;
                cursor.pass_text(len)?;
                Kind::Str
            }
            marker @ 0xdc..=0xdd => {
                let len = length(cursor, marker - 0xdc + 1)?;
                return list(cursor, len).map(Passed::Open);
            }
            marker @ 0xde..=0xdf => {
                let len = length(cursor, marker - 0xde + 1)?;
                return map(cursor, len).map(Passed::Open);
            }
        };
        Ok(Passed::scalar(kind))
    }

    #[inline(always)]
    fn ends(_cursor: &mut Cursor<'_>, within: Level) -> Result<bool, Malformed> {
        Ok(within.is_empty())
    }
}

/// A length of 1, 2 or 4 bytes, for widths 0, 1 and 2.
#[inline]
fn length(cursor: &mut Cursor<'_>, width: u8) -> Result<u64, Malformed> {
    Ok(match width {
        0 => u64::from(cursor.byte()?),
        1 => u64::from(u16::from_be_bytes(cursor.array()?)),
        _ => u64::from(u32::from_be_bytes(cursor.array()?)),
    })
}

#[inline]
fn list(cursor: &Cursor<'_>, len: u64) -> Result<Level, Malformed> {
    Level::counted(cursor, false, len)
}

#[inline]
fn map(cursor: &Cursor<'_>, len: u64) -> Result<Level, Malformed> {
    Level::counted(cursor, true, len)
}

#[inline]
fn fixed(cursor: &mut Cursor<'_>, len: usize) -> Result<Kind, Malformed> {
    cursor.take(len)?;
    Ok(Kind::Other)
}

fn text<'a>(cursor: &mut Cursor<'a>, len: u64) -> Result<Token<'a>, Malformed> {
    Ok(Token::Str(Cow::Borrowed(cursor.text(len)?)))
}

fn bytes<'a>(cursor: &mut Cursor<'a>, len: u64) -> Result<Token<'a>, Malformed> {
    Ok(Token::Bytes(Cow::Borrowed(cursor.take_long(len)?)))
}

fn signed(value: i64) -> Token<'static> {
    u64::try_from(value).map_or(Token::Int(value), Token::Uint)
}
