//! One reader for all binary formats: nesting, ends and counts here, the bytes of each item in its [`Format`].
//!
//! It knows nothing of markers. A format knows how an item begins and when a container is over, and nothing of the
//! items around it; so the depth limit, the walk without recursion and the bookkeeping of keys and values are written,
//! and can be wrong, only once.
//!
//! *Invariant*: the number of open containers never exceeds [`MAX_DEPTH`]; no step allocates unless more than four
//! containers are open, or text had to be put together from chunks.

use smallvec::SmallVec;

use super::cursor::Cursor;
use super::{Kind, MAX_DEPTH, Malformed, Reader, Skipped, Token};

/// How many levels [`Reader::skip`] keeps on its small stack before it starts again with a large one. Clearing a
/// stack of [`MAX_DEPTH`] levels costs more than passing over a usual payload.
const USUAL_DEPTH: usize = 8;

/// What a [`BinaryReader`] must know of an encoding. Each of its methods begins where a value, a key or an end begins.
///
/// Implementations of [`Format::pass`] and [`Format::ends`] are `inline(always)`: as parts of the loop of
/// [`Reader::skip`], with their results in registers, they take half the time that they take as calls.
pub trait Format: Default {
    /// The serializer's name, for errors.
    const NAME: &'static str;

    /// Reads one item: a scalar as its token, or the head of a container.
    ///
    /// # Errors
    /// Bytes that begin no item here.
    fn item<'a>(&mut self, cursor: &mut Cursor<'a>, within: Level) -> Result<Item<'a>, Malformed>;

    /// As [`Format::item`], but only validates.
    ///
    /// # Errors
    /// Exactly as [`Format::item`].
    fn pass(&mut self, cursor: &mut Cursor<'_>, within: Level) -> Result<Passed, Malformed>;

    /// Whether the container `within` ends here; an end marker is consumed.
    ///
    /// # Errors
    /// An end marker where a value is owed.
    fn ends(cursor: &mut Cursor<'_>, within: Level) -> Result<bool, Malformed>;

    /// Passes over what may stand between items and means nothing.
    fn pass_separators(_cursor: &mut Cursor<'_>, _within: Level) {}
}

/// One item of a binary format.
#[derive(Debug)]
pub enum Item<'a> {
    /// A scalar.
    Token(Token<'a>),
    /// The head of a container.
    Open(Level),
}

/// One item of a binary format, passed over.
#[derive(Debug)]
pub enum Passed {
    /// All of a value.
    Whole(Skipped),
    /// The head of a container.
    Open(Level),
}

impl Passed {
    /// A value that is no container.
    pub(super) const fn scalar(kind: Kind) -> Self {
        Passed::Whole(Skipped { kind, len: 0 })
    }
}

/// An open container.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Items to come, where a pair counts two. Without a count, this begins at [`Level::UNKNOWN`], which is even.
    left: usize,
    uncounted: bool,
    map: bool,
    /// The marker that all its values share, or 0.
    element: u8,
}

impl Level {
    const UNKNOWN: usize = usize::MAX - 1;

    /// The level that a bare sequence, or the one value of a message, stands in.
    const BASE: Level = Level::uncounted(false);

    /// A container that ends at a marker.
    pub(super) const fn uncounted(map: bool) -> Self {
        Level { left: Level::UNKNOWN, uncounted: true, map, element: 0 }
    }

    /// A container of `len` elements (pairs in a map), each of at least one byte.
    ///
    /// # Errors
    /// More elements than there are bytes left.
    #[inline]
    pub(super) fn counted(cursor: &Cursor<'_>, map: bool, len: u64) -> Result<Self, Malformed> {
        let left = usize::try_from(len).ok().and_then(|len| len.checked_mul(if map { 2 } else { 1 }));
        match left {
            Some(left) if left <= cursor.left() => Ok(Level { left, uncounted: false, map, element: 0 }),
            _ => Err(cursor.fail("a container of more elements than there are bytes left")),
        }
    }

    /// A container whose `len` values share one marker; the caller has compared its size with the bytes left.
    pub(super) const fn typed(map: bool, len: usize, element: u8) -> Self {
        Level { left: if map { len.saturating_mul(2) } else { len }, uncounted: false, map, element }
    }

    /// The marker that all values share, or 0.
    pub(super) const fn element(self) -> u8 {
        self.element
    }

    /// Whether it ends at a marker.
    #[inline]
    pub(super) const fn is_uncounted(self) -> bool {
        self.uncounted
    }

    /// Whether it is a map.
    #[inline]
    pub(super) const fn is_map(self) -> bool {
        self.map
    }

    /// Whether the next item is a key.
    #[inline]
    pub(super) const fn at_key(self) -> bool {
        self.map && self.left.is_multiple_of(2)
    }

    /// The number of elements left (pairs in a map).
    pub(super) const fn len(self) -> usize {
        if self.map { self.left / 2 } else { self.left }
    }

    /// Whether no item is left of a counted container.
    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.left == 0
    }
}

/// A [`Reader`] of a binary format.
#[derive(Debug)]
pub struct BinaryReader<'a, F> {
    cursor: Cursor<'a>,
    format: F,
    levels: SmallVec<[Level; 4]>,
    base: Base,
}

/// What the input as a whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// One value, not begun yet.
    Value,
    /// One value, at least begun.
    Begun,
    /// A bare sequence.
    Sequence,
}

impl<'a, F: Format> Reader<'a> for BinaryReader<'a, F> {
    fn new(input: &'a [u8]) -> Self {
        BinaryReader::over(input, Base::Value)
    }

    fn sequence(input: &'a [u8]) -> Self {
        BinaryReader::over(input, Base::Sequence)
    }

    #[inline]
    fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let Some(within) = self.begin()? else { return Ok(Token::End) };
        match self.format.item(&mut self.cursor, within)? {
            Item::Token(token) => Ok(token),
            Item::Open(level) => {
                if self.room() == 0 {
                    return Err(self.cursor.fail("containers nested too deep"));
                }
                self.levels.push(level);
                Ok(if level.map { Token::Map } else { Token::Array })
            }
        }
    }

    #[inline]
    fn skip(&mut self) -> Result<Option<Skipped>, Malformed> {
        let Some(within) = self.begin()? else { return Ok(None) };
        match self.format.pass(&mut self.cursor, within)? {
            Passed::Whole(skipped) => Ok(Some(skipped)),
            Passed::Open(level) => self.skip_container(level).map(Some),
        }
    }

    fn mark(&mut self) -> Result<usize, Malformed> {
        let within = self.levels.last().copied().unwrap_or(Level::BASE);
        F::pass_separators(&mut self.cursor, within);
        Ok(self.cursor.position())
    }

    fn position(&self) -> usize {
        self.cursor.position()
    }

    fn finish(&mut self) -> Result<(), Malformed> {
        if !self.levels.is_empty() {
            return Err(self.cursor.fail("a container that is still open"));
        }
        if self.base == Base::Value {
            return Err(self.cursor.fail("no value at all"));
        }
        if self.cursor.left() > 0 {
            return Err(self.cursor.fail("bytes after the end"));
        }
        Ok(())
    }
}

impl<'a, F: Format> BinaryReader<'a, F> {
    fn over(input: &'a [u8], base: Base) -> Self {
        BinaryReader {
            cursor: Cursor::new(input, F::NAME),
            format: F::default(),
            levels: SmallVec::new(),
            base,
        }
    }

    /// Counts the item that comes next and says what it stands in, or `None` where the innermost container ends.
    #[inline]
    fn begin(&mut self) -> Result<Option<Level>, Malformed> {
        if let Some(level) = self.levels.last_mut() {
            if F::ends(&mut self.cursor, *level)? {
                self.levels.pop();
                return Ok(None);
            }
            let within = *level;
            level.left -= 1;
            return Ok(Some(within));
        }
        match self.base {
            Base::Value => self.base = Base::Begun,
            Base::Begun => return Err(self.cursor.fail("a value after the end")),
            Base::Sequence => {
                F::pass_separators(&mut self.cursor, Level::BASE);
                if self.cursor.left() == 0 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(Level::BASE))
    }

    /// How many more containers may be opened. A bare sequence stands within a message's list.
    fn room(&self) -> usize {
        let around = usize::from(self.base == Base::Sequence);
        MAX_DEPTH.saturating_sub(self.levels.len() + around)
    }

    fn skip_container(&mut self, outer: Level) -> Result<Skipped, Malformed> {
        let room = self.room();
        let start = self.cursor;
        if let Some(skipped) = self.skip_levels::<USUAL_DEPTH>(outer, room)? {
            return Ok(skipped);
        }
        self.cursor = start;
        match self.skip_levels::<MAX_DEPTH>(outer, room)? {
            Some(skipped) => Ok(skipped),
            None => Err(self.cursor.fail("containers nested too deep")),
        }
    }

    /// Passes over the rest of a container; `None` if it needs a larger stack.
    #[inline]
    fn skip_levels<const N: usize>(
        &mut self,
        outer: Level,
        room: usize,
    ) -> Result<Option<Skipped>, Malformed> {
        let mut around = [Level::BASE; N];
        let mut depth = 0;
        let mut level = outer;
        let mut odd = false;
        if room == 0 {
            return Err(self.cursor.fail("containers nested too deep"));
        }
        loop {
            if F::ends(&mut self.cursor, level)? {
                if depth == 0 {
                    break;
                }
                depth -= 1;
                level = around.get(depth).copied().unwrap_or(Level::BASE);
                continue;
            }
            let passed = self.format.pass(&mut self.cursor, level)?;
            if depth == 0
                && level.at_key()
                && !matches!(passed, Passed::Whole(Skipped { kind: Kind::Str, .. }))
            {
                odd = true;
            }
            level.left -= 1;
            if let Passed::Open(inner) = passed {
                if depth + 1 >= room {
                    return Err(self.cursor.fail("containers nested too deep"));
                }
                let Some(slot) = around.get_mut(depth) else { return Ok(None) };
                *slot = level;
                depth += 1;
                level = inner;
            }
        }
        let items = outer.left - level.left;
        Ok(Some(match (outer.map, odd) {
            (false, _) => Skipped { kind: Kind::Array, len: items },
            (true, false) => Skipped { kind: Kind::Map, len: items / 2 },
            (true, true) => Skipped { kind: Kind::OddMap, len: items / 2 },
        }))
    }
}
