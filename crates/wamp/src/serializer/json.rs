//! JSON, RFC 8259, to the letter: no byte order mark, no raw control characters, no leading zeros.
//!
//! The input is checked for UTF-8 once, as a whole. Escapes of lone surrogates, which JavaScript writes, pass, and
//! read as U+FFFD (SER-17). Strings of `\0` and Base64 read as bytes (SER-04), with bad Base64 as text (SER-06); keys
//! are always text.
//!
//! *Invariant*: `kinds` holds one bit per open container, the innermost lowest, set for maps.

mod scan;
mod text;

use std::borrow::Cow;

use super::{Kind, MAX_DEPTH, Malformed, Reader, Skipped, Token, number};

pub(super) use scan::plain_run;
pub(super) use text::BYTES_PREFIX;

/// A [`Reader`] of JSON.
#[derive(Debug)]
pub struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    kinds: u64,
    depth: usize,
    /// The depth below which a bare sequence doesn't go: 1 in a sequence, else 0.
    base: usize,
    expect: Expect,
    /// Where the input stops being UTF-8. It is reported by the first step.
    broken: Option<usize>,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    /// A container was just opened: its first element or key, or its end.
    First,
    /// After an element or a pair: a comma, or the end.
    Comma,
    /// After the comma: an element or a key.
    Element,
    /// After a key.
    Colon,
    /// A value: after the colon, or at the very start.
    Value,
    /// Nothing: the one value is complete.
    Nothing,
}

impl<'a> Reader<'a> for JsonReader<'a> {
    fn new(input: &'a [u8]) -> Self {
        JsonReader::over(input, 0)
    }

    fn sequence(input: &'a [u8]) -> Self {
        JsonReader::over(input, 1)
    }

    fn token(&mut self) -> Result<Token<'a>, Malformed> {
        self.advance()?;
        if self.close()? {
            return Ok(Token::End);
        }
        if self.at_key() {
            let (body, escaped) = self.string()?;
            self.expect = Expect::Colon;
            return Ok(Token::Str(text::decode(body, escaped)));
        }
        let start = self.at;
        match self.begin()? {
            open @ (b'[' | b'{') => {
                let map = open == b'{';
                self.at += 1;
                if self.depth >= MAX_DEPTH {
                    return Err(fail(start, TOO_DEEP));
                }
                self.kinds = self.kinds << 1 | u64::from(map);
                self.depth += 1;
                self.expect = Expect::First;
                Ok(if map { Token::Map } else { Token::Array })
            }
            b'"' => {
                let (body, escaped) = self.string()?;
                self.done();
                Ok(match text::bytes(body, escaped) {
                    Some(bytes) => Token::Bytes(Cow::Owned(bytes)),
                    None => Token::Str(text::decode(body, escaped)),
                })
            }
            b't' => self.literal("true", Token::Bool(true)),
            b'f' => self.literal("false", Token::Bool(false)),
            b'n' => self.literal("null", Token::Null),
            _ => {
                let (len, integer) = number::scan(self.rest(start)).ok_or_else(|| fail(start, NO_VALUE))?;
                self.at += len;
                self.done();
                Ok(number::parse(self.text.get(start..self.at).unwrap_or_default(), integer))
            }
        }
    }

    fn skip(&mut self) -> Result<Option<Skipped>, Malformed> {
        self.advance()?;
        if self.close()? {
            return Ok(None);
        }
        if self.at_key() {
            self.string()?;
            self.expect = Expect::Colon;
            return Ok(Some(Skipped { kind: Kind::Str, len: 0 }));
        }
        let start = self.at;
        let skipped = match self.begin()? {
            open @ (b'[' | b'{') => {
                let map = open == b'{';
                let room = MAX_DEPTH - self.depth;
                let (end, len) = scan::container(self.text.as_bytes(), start + 1, map, room)?;
                self.at = end;
                Skipped { kind: if map { Kind::Map } else { Kind::Array }, len }
            }
            b'"' => {
                let (body, escaped) = self.string()?;
                let kind = if text::bytes(body, escaped).is_some() { Kind::Bytes } else { Kind::Str };
                Skipped { kind, len: 0 }
            }
            _ => {
                self.at = scan::scalar(self.text.as_bytes(), start)?;
                Skipped { kind: Kind::Other, len: 0 }
            }
        };
        self.done();
        Ok(Some(skipped))
    }

    fn mark(&mut self) -> Result<usize, Malformed> {
        self.advance()?;
        Ok(self.at)
    }

    fn position(&self) -> usize {
        self.at
    }

    fn finish(&mut self) -> Result<(), Malformed> {
        self.advance()?;
        if self.depth > self.base {
            return Err(fail(self.at, "a container that is still open"));
        }
        if self.expect == Expect::Value {
            return Err(fail(self.at, "no value at all"));
        }
        if self.at < self.text.len() {
            return Err(fail(self.at, "bytes after the end"));
        }
        Ok(())
    }
}

impl<'a> JsonReader<'a> {
    /// A reader at the start of a message that is known to be UTF-8, as the text of a WebSocket message is.
    pub const fn from_utf8(text: &'a str) -> Self {
        JsonReader { text, at: 0, kinds: 0, depth: 0, base: 0, expect: Expect::Value, broken: None }
    }

    fn over(input: &'a [u8], base: usize) -> Self {
        let (text, broken) = match simdutf8::basic::from_utf8(input) {
            Ok(text) => (text, None),
            Err(_) => ("", std::str::from_utf8(input).err().map(|error| error.valid_up_to())),
        };
        let expect = if base == 0 { Expect::Value } else { Expect::First };
        JsonReader { broken, depth: base, base, expect, ..JsonReader::from_utf8(text) }
    }

    /// Passes over white space, and over the comma or colon that is owed, to where the next token begins.
    fn advance(&mut self) -> Result<(), Malformed> {
        if let Some(offset) = self.broken {
            return Err(fail(offset, "text that is not UTF-8"));
        }
        let bytes = self.text.as_bytes();
        self.at = scan::space(bytes, self.at);
        match (self.expect, bytes.get(self.at)) {
            (Expect::Comma, Some(b',')) => self.expect = Expect::Element,
            (Expect::Colon, Some(b':')) => self.expect = Expect::Value,
            (Expect::Colon, _) => return Err(fail(self.at, "a key without a colon")),
            _ => return Ok(()),
        }
        self.at = scan::space(bytes, self.at + 1);
        Ok(())
    }

    /// Consumes the end of the innermost container if it stands here.
    fn close(&mut self) -> Result<bool, Malformed> {
        if !matches!(self.expect, Expect::First | Expect::Comma) {
            return Ok(false);
        }
        let next = self.text.as_bytes().get(self.at);
        if self.depth == self.base {
            if next.is_none() {
                return Ok(true);
            }
        } else if next == Some(if self.in_map() { &b'}' } else { &b']' }) {
            self.at += 1;
            self.kinds >>= 1;
            self.depth -= 1;
            self.done();
            return Ok(true);
        }
        match self.expect {
            Expect::Comma => Err(fail(self.at, "neither a comma nor the end of the container")),
            _ => Ok(false),
        }
    }

    /// The first byte of the value that begins here.
    fn begin(&self) -> Result<u8, Malformed> {
        if self.expect == Expect::Nothing {
            return Err(fail(self.at, "a value after the end"));
        }
        self.text.as_bytes().get(self.at).copied().ok_or_else(|| fail(self.at, ENDED))
    }

    /// Reads a string: what stands between its quotes, and whether there are escapes in it.
    fn string(&mut self) -> Result<(&'a str, bool), Malformed> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return Err(fail(self.at, "a key that is no string"));
        }
        let start = self.at + 1;
        let (end, escaped) = scan::string(bytes, start)?;
        self.at = end + 1;
        Ok((self.text.get(start..end).unwrap_or_default(), escaped))
    }

    fn literal(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, Malformed> {
        if !self.rest(self.at).starts_with(word.as_bytes()) {
            return Err(fail(self.at, NO_VALUE));
        }
        self.at += word.len();
        self.done();
        Ok(token)
    }

    /// A value is complete.
    fn done(&mut self) {
        self.expect = if self.depth == 0 { Expect::Nothing } else { Expect::Comma };
    }

    fn rest(&self, start: usize) -> &'a [u8] {
        self.text.as_bytes().get(start..).unwrap_or_default()
    }

    fn in_map(&self) -> bool {
        self.kinds & 1 == 1
    }

    fn at_key(&self) -> bool {
        self.in_map() && matches!(self.expect, Expect::First | Expect::Element)
    }
}

const ENDED: &str = "the input ends within a value";
const NO_VALUE: &str = "no JSON value begins like this";
const TOO_DEEP: &str = "containers nested too deep";

#[cold]
const fn fail(offset: usize, what: &'static str) -> Malformed {
    Malformed { format: "json", offset, what }
}
