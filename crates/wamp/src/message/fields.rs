//! Reading the elements of a message, one after the other.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{DecodeError, MessageType};
use crate::id::{ID_MAX, RequestId};
use crate::payload::Payload;
use crate::serializer::{Kind, Reader, Serializer, Token};
use crate::value::{Dict, Value};

/// How many keys one of our dictionaries (options, details, roles, features) may have. They are compared pair by pair
/// to find duplicates, which the largest dictionary in use (a dozen keys) makes cheaper than hashing.
const DICT_LEN_MAX: usize = 128;

/// The elements of one message, read in order.
///
/// Options of the wrong type don't end the reading: the first is remembered and reported by [`Fields::close`], when all
/// the rest is known to be well-formed.
pub(super) struct Fields<'a, R> {
    reader: R,
    serializer: Serializer,
    input: &'a [u8],
    message: MessageType,
    /// The element that is read next.
    element: usize,
    /// The end of the message's list was read.
    ended: bool,
    request: Option<RequestId>,
    fault: Option<(&'static str, &'static str)>,
}

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a, R: Reader<'a>> Fields<'a, R> {
    /// Enters the list and reads the message type.
    pub(super) fn open(serializer: Serializer, input: &'a [u8]) -> Result<(Self, MessageType)> {
        let mut reader = R::new(input);
        if reader.token()? != Token::Array {
            return Err(DecodeError::NotAMessage);
        }
        let Token::Uint(code) = reader.token()? else { return Err(DecodeError::NotAMessage) };
        let message = MessageType::from_code(code).ok_or(DecodeError::UnknownType(code))?;
        let fields = Fields {
            reader,
            serializer,
            input,
            message,
            element: 1,
            ended: false,
            request: None,
            fault: None,
        };
        Ok((fields, message))
    }

    /// Checks that the message ends here, and that all its options were what they must be.
    pub(super) fn close(mut self) -> Result<()> {
        if !self.ended && self.reader.skip()?.is_some() {
            return Err(self.layout("nothing more"));
        }
        self.reader.finish()?;
        match self.fault {
            None => Ok(()),
            Some((option, expected)) => {
                Err(DecodeError::Option { message: self.message, request: self.request, option, expected })
            }
        }
    }

    fn layout(&self, expected: &'static str) -> DecodeError {
        DecodeError::Layout { message: self.message, element: self.element, expected }
    }

    /// An id in 1 ..= 2^53.
    pub(super) fn id<T>(&mut self, new: impl FnOnce(u64) -> Option<T>) -> Result<T> {
        let id = match integral(self.reader.token()?) {
            Token::Uint(id) => new(id),
            _ => None,
        };
        let id = id.ok_or_else(|| self.layout("an id from 1 to 2^53"))?;
        self.element += 1;
        Ok(id)
    }

    /// The request id, which an ERROR about this message will name.
    pub(super) fn request(&mut self) -> Result<RequestId> {
        let id = self.id(RequestId::new)?;
        self.request = Some(id);
        Ok(id)
    }

    /// A request id or 0, which stands for none (revocation).
    pub(super) fn request_or_zero(&mut self) -> Result<Option<RequestId>> {
        self.id(|id| if id == 0 { Some(None) } else { RequestId::new(id).map(Some) })
    }

    /// A text element.
    pub(super) fn text(&mut self, expected: &'static str) -> Result<Cow<'a, str>> {
        match self.reader.token()? {
            Token::Str(text) => {
                self.element += 1;
                Ok(text)
            }
            _ => Err(self.layout(expected)),
        }
    }

    /// A text element or null.
    pub(super) fn text_or_null(&mut self, expected: &'static str) -> Result<Option<Cow<'a, str>>> {
        let text = match self.reader.token()? {
            Token::Str(text) => Some(text),
            Token::Null => None,
            _ => return Err(self.layout(expected)),
        };
        self.element += 1;
        Ok(text)
    }

    /// A dictionary element; `each` is called at each value, to read it by one of the methods below or to skip it.
    pub(super) fn dict(&mut self, each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        match self.reader.token()? {
            Token::Map => {}
            _ => return Err(self.layout("a dictionary")),
        }
        self.entries(each)?;
        self.element += 1;
        Ok(())
    }

    /// A dictionary element that may be missing at the end of the message.
    pub(super) fn optional_dict(
        &mut self,
        each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>,
    ) -> Result<bool> {
        match self.reader.token()? {
            Token::End => {
                self.ended = true;
                return Ok(false);
            }
            Token::Map => {}
            _ => return Err(self.layout("a dictionary")),
        }
        self.entries(each)?;
        self.element += 1;
        Ok(true)
    }

    fn entries(&mut self, mut each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        let mut seen: SmallVec<[Cow<'a, str>; 8]> = SmallVec::new();
        loop {
            match self.reader.token()? {
                Token::End => return Ok(()),
                Token::Str(key) => {
                    if seen.contains(&key) {
                        return Err(self.layout("a dictionary without duplicate keys"));
                    }
                    if seen.len() == DICT_LEN_MAX {
                        return Err(self.layout("a dictionary of at most 128 keys"));
                    }
                    seen.push(key.clone());
                    each(self, key)?;
                }
                _ => return Err(self.layout("a dictionary with text keys")),
            }
        }
    }

    /// Remembers that an option is not what it must be.
    pub(super) fn fault(&mut self, option: &'static str, expected: &'static str) {
        self.fault.get_or_insert((option, expected));
    }

    /// Reads an option's value, or remembers the fault. Null is as good as absent.
    fn option<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        take: impl FnOnce(Token<'a>) -> std::result::Result<T, Token<'a>>,
    ) -> Result<Option<T>> {
        match self.reader.token()? {
            Token::Null => Ok(None),
            token => match take(token) {
                Ok(value) => Ok(Some(value)),
                Err(token) => {
                    self.discard(&token)?;
                    self.fault(option, expected);
                    Ok(None)
                }
            },
        }
    }

    pub(super) fn bool(&mut self, option: &'static str) -> Result<Option<bool>> {
        self.option(option, "a boolean", |token| match token {
            Token::Bool(value) => Ok(value),
            other => Err(other),
        })
    }

    pub(super) fn uint(&mut self, option: &'static str, expected: &'static str) -> Result<Option<u64>> {
        self.option(option, expected, |token| match integral(token) {
            Token::Uint(value) => Ok(value),
            other => Err(other),
        })
    }

    pub(super) fn id_option<T>(
        &mut self,
        option: &'static str,
        new: impl FnOnce(u64) -> Option<T>,
    ) -> Result<Option<T>> {
        self.option(option, "an id from 1 to 2^53", |token| match integral(token) {
            Token::Uint(value) => new(value).ok_or(Token::Uint(value)),
            other => Err(other),
        })
    }

    pub(super) fn string(&mut self, option: &'static str) -> Result<Option<Cow<'a, str>>> {
        self.option(option, "a string", |token| match token {
            Token::Str(value) => Ok(value),
            other => Err(other),
        })
    }

    /// A string that must not be null either (PPT-16).
    pub(super) fn string_not_null(&mut self, option: &'static str) -> Result<Option<Cow<'a, str>>> {
        match self.reader.token()? {
            Token::Str(value) => Ok(Some(value)),
            token => {
                self.discard(&token)?;
                self.fault(option, "a string");
                Ok(None)
            }
        }
    }

    /// One word of a closed set.
    pub(super) fn word<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        from_name: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        self.option(option, expected, |token| match token {
            Token::Str(ref name) => from_name(name).ok_or(token),
            other => Err(other),
        })
    }

    pub(super) fn ids(&mut self, option: &'static str) -> Result<Option<Vec<u64>>> {
        self.list(option, "a list of session ids", |token| match integral(token) {
            Token::Uint(id) if id <= ID_MAX => Ok(id),
            other => Err(other),
        })
    }

    pub(super) fn strings(&mut self, option: &'static str) -> Result<Option<Vec<Cow<'a, str>>>> {
        self.list(option, "a list of strings", |token| match token {
            Token::Str(text) => Ok(text),
            other => Err(other),
        })
    }

    fn list<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        mut take: impl FnMut(Token<'a>) -> std::result::Result<T, Token<'a>>,
    ) -> Result<Option<Vec<T>>> {
        match self.reader.token()? {
            Token::Array => {}
            Token::Null => return Ok(None),
            token => {
                self.discard(&token)?;
                self.fault(option, expected);
                return Ok(None);
            }
        }
        let mut items = Vec::new();
        loop {
            match self.reader.token()? {
                Token::End => return Ok(Some(items)),
                token => match take(token) {
                    Ok(item) => items.push(item),
                    Err(token) => {
                        self.discard(&token)?;
                        self.fault(option, expected);
                    }
                },
            }
        }
    }

    /// A list of dictionaries; `each` reads the entries of one by [`Fields::nested`].
    pub(super) fn dicts(
        &mut self,
        option: &'static str,
        expected: &'static str,
        mut each: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        match self.reader.token()? {
            Token::Array => {}
            Token::Null => return Ok(()),
            token => {
                self.discard(&token)?;
                self.fault(option, expected);
                return Ok(());
            }
        }
        loop {
            match self.reader.token()? {
                Token::End => return Ok(()),
                Token::Map => each(self)?,
                token => {
                    self.discard(&token)?;
                    self.fault(option, expected);
                }
            }
        }
    }

    /// The entries of a dictionary whose begin was read.
    pub(super) fn nested(&mut self, each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>) -> Result<()> {
        self.entries(each)
    }

    /// A dictionary as an option's value; false (and the fault remembered) where there is something else.
    pub(super) fn dict_option(
        &mut self,
        option: &'static str,
        each: impl FnMut(&mut Self, Cow<'a, str>) -> Result<()>,
    ) -> Result<bool> {
        match self.reader.token()? {
            Token::Map => self.entries(each).map(|()| true),
            token => {
                self.discard(&token)?;
                self.fault(option, "a dictionary");
                Ok(false)
            }
        }
    }

    /// The value at hand as its encoded bytes.
    pub(super) fn slice(&mut self) -> Result<&'a [u8]> {
        let start = self.reader.mark()?;
        self.reader.skip()?;
        Ok(self.input.get(start..self.reader.position()).unwrap_or_default())
    }

    /// The value at hand as a tree.
    pub(super) fn value(&mut self) -> Result<Value> {
        let serializer = self.serializer;
        Ok(Value::decode(serializer, self.slice()?)?)
    }

    /// A dictionary element as a tree.
    pub(super) fn tree(&mut self) -> Result<Dict> {
        match self.value()? {
            Value::Map(dict) => {
                self.element += 1;
                Ok(dict)
            }
            _ => Err(self.layout("a dictionary")),
        }
    }

    /// Passes over the value at hand.
    pub(super) fn skip(&mut self) -> Result<()> {
        self.reader.skip()?;
        Ok(())
    }

    /// Passes over the rest of the value that `token` began.
    fn discard(&mut self, token: &Token<'a>) -> Result<()> {
        let mut open = usize::from(matches!(token, Token::Array | Token::Map));
        while open > 0 {
            match self.reader.token()? {
                Token::Array | Token::Map => open += 1,
                Token::End => open -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) const fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// `args` and `kwargs`, up to the end of the message. `transparent`: one string or byte string may stand in place of
    /// `args` (payload transparency by `enc_algo`).
    pub(super) fn payload(&mut self, transparent: bool) -> Result<Payload<'a>> {
        let start = self.reader.mark()?;
        let Some(args) = self.reader.skip()? else {
            self.ended = true;
            return Ok(Payload::from_validated(self.serializer, 0, &[]));
        };
        let end_of_args = self.reader.position();
        let is_opaque = match args.kind {
            Kind::Array => false,
            Kind::Str | Kind::Bytes if transparent => true,
            _ => return Err(self.layout("a list of arguments")),
        };
        self.element += 1;
        let kwargs = self.reader.skip()?;
        let end_of_kwargs = self.reader.position();
        self.ended = kwargs.is_none();
        let (elements, end) = match kwargs {
            None if args.len == 0 && !is_opaque => (0, start),
            None => (1, end_of_args),
            Some(kwargs) if kwargs.kind == Kind::Map && !is_opaque => {
                self.element += 1;
                match (args.len, kwargs.len) {
                    (0, 0) => (0, start),
                    (_, 0) => (1, end_of_args),
                    _ => (2, end_of_kwargs),
                }
            }
            Some(_) => return Err(self.layout("a dictionary of arguments with text keys")),
        };
        let bytes = self.input.get(start..end).unwrap_or_default();
        Ok(Payload::from_validated(self.serializer, elements, bytes))
    }
}

/// A floating point number without a fraction, within the range of ids, as the integer it is: JavaScript has only such
/// numbers, and some of its encoders write large ones as what they are there (SER-15).
fn integral(token: Token<'_>) -> Token<'_> {
    match token {
        Token::Float(value) if value.fract() == 0.0 && (0.0..=ID_MAX as f64).contains(&value) => {
            Token::Uint(value as u64)
        }
        other => other,
    }
}
