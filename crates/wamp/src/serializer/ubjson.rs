//! UBJSON, draft 12, and BJData: one grammar, two byte orders.
//!
//! | | UBJSON | BJData |
//! |---|---|---|
//! | byte order | big | little |
//! | integers | `i` `U` `I` `l` `L` | also `u` `m` `M` (unsigned 16, 32, 64 bits) and `B` (byte) |
//! | floats | `d` `D` | also `h` (half) |
//! | may be the type of a container (`$`) | every value | numbers of fixed size, `C` |
//! | n-dimensional arrays (`#[`) | no | refused here: no other format has them |
//!
//! An array of type `U` or `B` is a byte string. High-precision numbers (`H`) read as JSON numbers do, characters
//! (`C`) as text of one letter. No-ops (`N`) may stand before any marker of a value, a key or an end, and are nothing:
//! an array of type `N` is empty.
//!
//! *Invariant*: values that take no bytes (arrays of type `Z`, `T`, `F`, `N`) are limited to [`WEIGHTLESS_MAX`] in one
//! input, for a count of some bytes could otherwise ask for any amount of work.

use std::borrow::Cow;

use super::binary::{BinaryReader, Format, Item, Level, Passed};
use super::cursor::Cursor;
use super::number::{self, half_to_f64};
use super::{Kind, Malformed, Skipped, Token};

/// A [`Reader`](super::Reader) of UBJSON.
pub type UbjsonReader<'a> = BinaryReader<'a, Ubjson<false>>;

/// A [`Reader`](super::Reader) of BJData.
pub type BjdataReader<'a> = BinaryReader<'a, Ubjson<true>>;

/// How many values without bytes of their own one input may hold.
const WEIGHTLESS_MAX: usize = 65_536;

/// The encoding of items in UBJSON, or in BJData if `BJDATA`.
#[derive(Debug)]
pub struct Ubjson<const BJDATA: bool> {
    weightless_left: usize,
}

impl<const BJDATA: bool> Default for Ubjson<BJDATA> {
    fn default() -> Self {
        Ubjson { weightless_left: WEIGHTLESS_MAX }
    }
}

impl<const BJDATA: bool> Format for Ubjson<BJDATA> {
    const NAME: &'static str = if BJDATA { "bjdata" } else { "ubjson" };

    fn item<'a>(&mut self, cursor: &mut Cursor<'a>, within: Level) -> Result<Item<'a>, Malformed> {
        Self::pass_separators(cursor, within);
        if within.at_key() {
            let len = Self::length(cursor)?;
            return Ok(Item::Token(Token::Str(Cow::Borrowed(cursor.text(len)?))));
        }
        let start = *cursor;
        let marker = marker(cursor, within)?;
        let token = match marker {
            b'Z' => Token::Null,
            b'T' => Token::Bool(true),
            b'F' => Token::Bool(false),
            b'S' => {
                let len = Self::length(cursor)?;
                Token::Str(Cow::Borrowed(cursor.text(len)?))
            }
            b'C' => Token::Str(Cow::Borrowed(cursor.text(1)?)),
            b'H' => high_precision(cursor, Self::length)?,
            b'[' | b'{' => {
                return Ok(match self.open(cursor, marker == b'{')? {
                    Opened::Bytes(bytes) => Item::Token(Token::Bytes(Cow::Borrowed(bytes))),
                    Opened::Level(level) => Item::Open(level),
                });
            }
            _ => match Self::number(cursor, marker)? {
                Some(token) => token,
                None => return Err(start.fail("an unknown marker")),
            },
        };
        Ok(Item::Token(token))
    }

    #[inline(always)]
    fn pass(&mut self, cursor: &mut Cursor<'_>, within: Level) -> Result<Passed, Malformed> {
        Self::pass_separators(cursor, within);
        if within.at_key() {
            let len = Self::length(cursor)?;
            cursor.pass_text(len)?;
            return Ok(Passed::scalar(Kind::Str));
        }
        let start = *cursor;
        let marker = marker(cursor, within)?;
        let kind = match marker {
            b'S' => {
                let len = Self::length(cursor)?;
                cursor.pass_text(len)?;
                Kind::Str
            }
            b'C' => {
                cursor.pass_text(1)?;
                Kind::Str
            }
            b'H' => {
                high_precision(cursor, Self::length)?;
                Kind::Other
            }
            b'[' | b'{' => {
                return match self.open(cursor, marker == b'{')? {
                    Opened::Bytes(_) => Ok(Passed::scalar(Kind::Bytes)),
                    Opened::Level(level) => pass_typed::<BJDATA>(cursor, level),
                };
            }
            _ => match width::<BJDATA>(marker) {
                Some(width) => {
                    cursor.take(width)?;
                    Kind::Other
                }
                None => return Err(start.fail("an unknown marker")),
            },
        };
        Ok(Passed::scalar(kind))
    }

    #[inline(always)]
    fn ends(cursor: &mut Cursor<'_>, within: Level) -> Result<bool, Malformed> {
        if !within.is_uncounted() {
            return Ok(within.is_empty());
        }
        Self::pass_separators(cursor, within);
        let ends = match cursor.peek() {
            Some(b']') => !within.is_map(),
            Some(b'}') => within.at_key(),
            _ => false,
        };
        if ends {
            cursor.byte()?;
        }
        Ok(ends)
    }

    #[inline(always)]
    fn pass_separators(cursor: &mut Cursor<'_>, within: Level) {
        if within.element() != 0 || within.is_empty() {
            return;
        }
        while cursor.peek() == Some(b'N') && cursor.byte().is_ok() {}
    }
}

/// A container's head.
enum Opened<'a> {
    Bytes(&'a [u8]),
    Level(Level),
}

impl<const BJDATA: bool> Ubjson<BJDATA> {
    /// Reads what follows `[` or `{`: nothing, a count, or a type and a count.
    fn open<'a>(&mut self, cursor: &mut Cursor<'a>, map: bool) -> Result<Opened<'a>, Malformed> {
        let start = *cursor;
        let mut element = 0;
        if cursor.peek() == Some(b'$') {
            cursor.byte()?;
            element = cursor.byte()?;
            if !may_be_shared::<BJDATA>(element, map) {
                return Err(start.fail("a container of a type that can't be shared"));
            }
        }
        if cursor.peek() != Some(b'#') {
            return match element {
                0 => Ok(Opened::Level(Level::uncounted(map))),
                _ => Err(start.fail("a container with a type and no count")),
            };
        }
        cursor.byte()?;
        if BJDATA && cursor.peek() == Some(b'[') {
            return Err(start.fail("an n-dimensional array"));
        }
        let len = Self::length(cursor)?;
        if element == 0 {
            return Level::counted(cursor, map, len).map(Opened::Level);
        }
        if !map && matches!(element, b'U' | b'B') {
            return cursor.take_long(len).map(Opened::Bytes);
        }
        self.typed(cursor, map, len, element).map(Opened::Level)
    }

    /// A container whose values share a marker, its size compared with what is left.
    fn typed(&mut self, cursor: &Cursor<'_>, map: bool, len: u64, element: u8) -> Result<Level, Malformed> {
        let too_many = || cursor.fail("a container of more elements than there are bytes left");
        let len = usize::try_from(len).map_err(|_| too_many())?;
        let of_value = if element == b'N' { 0 } else { width::<BJDATA>(element).unwrap_or(1) };
        if of_value == 0 {
            let left = self.weightless_left.checked_sub(len);
            self.weightless_left = left.ok_or_else(|| cursor.fail("too many values without bytes"))?;
        }
        let of_key = if map { 2 } else { 0 };
        match len.checked_mul(of_value + of_key) {
            Some(size) if size <= cursor.left() => {}
            _ => return Err(too_many()),
        }
        Ok(Level::typed(map, if element == b'N' { 0 } else { len }, element))
    }

    /// A length or count: an integer with its marker, not negative.
    #[inline]
    fn length(cursor: &mut Cursor<'_>) -> Result<u64, Malformed> {
        let start = *cursor;
        match cursor.byte()? {
            b'U' => cursor.byte().map(u64::from),
            marker => Self::long_length(cursor, marker).map_err(|what| start.fail(what)),
        }
    }

    #[inline(never)]
    fn long_length(cursor: &mut Cursor<'_>, marker: u8) -> Result<u64, &'static str> {
        const ENDED: &str = "the input ends within a length";
        match marker {
            b'd' | b'D' | b'h' | b'B' => Err("a length that is no integer"),
            _ => match Self::number(cursor, marker).map_err(|_| ENDED)? {
                Some(Token::Uint(value)) => Ok(value),
                Some(_) => Err("a negative length"),
                None => Err("a length that is no integer"),
            },
        }
    }

    /// The number after its marker; `None` if the marker is no number's.
    fn number(cursor: &mut Cursor<'_>, marker: u8) -> Result<Option<Token<'static>>, Malformed> {
        Ok(Some(match marker {
            b'U' => Token::Uint(u64::from(cursor.byte()?)),
            b'i' => signed(i64::from(i8::from_be_bytes(cursor.array()?))),
            b'I' => signed(i64::from(i16::from_be_bytes(Self::ordered(cursor)?))),
            b'l' => signed(i64::from(i32::from_be_bytes(Self::ordered(cursor)?))),
            b'L' => signed(i64::from_be_bytes(Self::ordered(cursor)?)),
            b'd' => Token::Float(f64::from(f32::from_be_bytes(Self::ordered(cursor)?))),
            b'D' => Token::Float(f64::from_be_bytes(Self::ordered(cursor)?)),
            b'B' if BJDATA => Token::Uint(u64::from(cursor.byte()?)),
            b'u' if BJDATA => Token::Uint(u64::from(u16::from_be_bytes(Self::ordered(cursor)?))),
            b'm' if BJDATA => Token::Uint(u64::from(u32::from_be_bytes(Self::ordered(cursor)?))),
            b'M' if BJDATA => Token::Uint(u64::from_be_bytes(Self::ordered(cursor)?)),
            b'h' if BJDATA => Token::Float(half_to_f64(u16::from_be_bytes(Self::ordered(cursor)?))),
            _ => return Ok(None),
        }))
    }

    /// The bytes of a number, the most significant one first.
    #[inline]
    fn ordered<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u8; N], Malformed> {
        let mut bytes = cursor.array()?;
        if BJDATA {
            bytes.reverse();
        }
        Ok(bytes)
    }
}

/// The marker of the next value: the container's own, or the next byte.
#[inline]
fn marker(cursor: &mut Cursor<'_>, within: Level) -> Result<u8, Malformed> {
    match within.element() {
        0 => cursor.byte(),
        element => Ok(element),
    }
}

/// How many bytes follow the marker of a value of fixed size.
#[inline]
const fn width<const BJDATA: bool>(marker: u8) -> Option<usize> {
    Some(match marker {
        b'Z' | b'T' | b'F' => 0,
        b'i' | b'U' | b'C' => 1,
        b'I' => 2,
        b'l' | b'd' => 4,
        b'L' | b'D' => 8,
        b'B' if BJDATA => 1,
        b'u' | b'h' if BJDATA => 2,
        b'm' if BJDATA => 4,
        b'M' if BJDATA => 8,
        _ => return None,
    })
}

/// Whether a container may declare `element` as the marker of all its values.
fn may_be_shared<const BJDATA: bool>(element: u8, map: bool) -> bool {
    match element {
        b'Z' | b'T' | b'F' | b'S' | b'H' | b'[' | b'{' => !BJDATA,
        b'N' => !BJDATA && !map,
        _ => width::<BJDATA>(element).is_some(),
    }
}

/// Passes over all of an array of fixed-size numbers at once.
fn pass_typed<const BJDATA: bool>(cursor: &mut Cursor<'_>, level: Level) -> Result<Passed, Malformed> {
    let len = level.len();
    match width::<BJDATA>(level.element()) {
        Some(width) if !level.is_map() && level.element() != b'C' => {
            cursor.take(len.saturating_mul(width))?;
            Ok(Passed::Whole(Skipped { kind: Kind::Array, len }))
        }
        _ => Ok(Passed::Open(level)),
    }
}

/// The number written as text after an `H`.
fn high_precision(
    cursor: &mut Cursor<'_>,
    length: impl Fn(&mut Cursor<'_>) -> Result<u64, Malformed>,
) -> Result<Token<'static>, Malformed> {
    let len = length(cursor)?;
    let start = *cursor;
    let text = cursor.text(len)?;
    match number::scan(text.as_bytes()) {
        Some((end, integer)) if end == text.len() => Ok(number::parse(text, integer)),
        _ => Err(start.fail("a high-precision number that is none")),
    }
}

fn signed(value: i64) -> Token<'static> {
    u64::try_from(value).map_or(Token::Int(value), Token::Uint)
}
