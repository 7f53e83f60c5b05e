//! Writing messages: one encoder for all serializers.
//!
//! It picks the smallest form of integers and lengths; containers of UBJSON are written without counts. It keeps no
//! stack: what it writes is well-formed if its caller opens and closes containers in order and keeps its word about
//! their lengths, which the round trips of the tests check and nothing does at run time.

mod binary;
mod json;
mod ubjson;

use smallvec::SmallVec;

use super::Serializer;
pub(super) use json::float_text;

/// Appends one encoded message, or part of one, to a byte buffer.
///
/// Where a length is known it is given up front, as all messages of the router are of known shape
/// ([`Encoder::array`]); where it isn't, [`Encoder::open_array`] leaves room for it and [`Encoder::close_array`] fills
/// it in.
#[derive(Debug)]
pub struct Encoder<'b> {
    serializer: Serializer,
    out: &'b mut Vec<u8>,
    /// JSON: the next value or key is preceded by a comma.
    comma: bool,
}

/// Where a container of unknown length began.
#[derive(Debug, Clone, Copy)]
#[must_use = "a container that is opened must be closed"]
pub struct Mark(usize);

/// A place to come back to when what was written since must not stay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpoint {
    len: usize,
    comma: bool,
}

impl<'b> Encoder<'b> {
    /// An encoder that appends one value to `out`.
    pub const fn new(serializer: Serializer, out: &'b mut Vec<u8>) -> Self {
        Encoder { serializer, out, comma: false }
    }

    /// An encoder that appends a bare sequence of elements to `out`, as [`Reader::sequence`] reads it.
    ///
    /// [`Reader::sequence`]: super::Reader::sequence
    pub const fn sequence(serializer: Serializer, out: &'b mut Vec<u8>) -> Self {
        Encoder::new(serializer, out)
    }

    /// The serializer it writes.
    pub const fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Begins a list of `len` elements.
    pub fn array(&mut self, len: usize) {
        match self.serializer {
            Serializer::Json => self.open_json(b'['),
            Serializer::MsgPack => binary::msgpack_array(self.out, len),
            Serializer::Cbor => binary::cbor_head(self.out, binary::CBOR_ARRAY, len as u64),
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(b'['),
        }
    }

    /// Ends a list.
    pub fn end_array(&mut self) {
        match self.serializer {
            Serializer::Json => self.close_json(b']'),
            Serializer::MsgPack | Serializer::Cbor => {}
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(b']'),
        }
    }

    /// Begins a dictionary of `len` pairs: [`Encoder::key`] and a value for each.
    pub fn map(&mut self, len: usize) {
        match self.serializer {
            Serializer::Json => self.open_json(b'{'),
            Serializer::MsgPack => binary::msgpack_map(self.out, len),
            Serializer::Cbor => binary::cbor_head(self.out, binary::CBOR_MAP, len as u64),
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(b'{'),
        }
    }

    /// Ends a dictionary.
    pub fn end_map(&mut self) {
        match self.serializer {
            Serializer::Json => self.close_json(b'}'),
            Serializer::MsgPack | Serializer::Cbor => {}
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(b'}'),
        }
    }

    /// Begins a list of a length that is not known yet.
    pub fn open_array(&mut self) -> Mark {
        let mark = Mark(self.out.len());
        self.array(0);
        mark
    }

    /// Ends the list that began at `mark` and turned out to have `len` elements.
    pub fn close_array(&mut self, mark: Mark, len: usize) {
        self.end_array();
        let serializer = self.serializer;
        self.patch(mark, |out| match serializer {
            Serializer::MsgPack => binary::msgpack_array(out, len),
            _ => binary::cbor_head(out, binary::CBOR_ARRAY, len as u64),
        });
    }

    /// Begins a dictionary of a length that is not known yet.
    pub fn open_map(&mut self) -> Mark {
        let mark = Mark(self.out.len());
        self.map(0);
        mark
    }

    /// Ends the dictionary that began at `mark` and turned out to have `len` pairs.
    pub fn close_map(&mut self, mark: Mark, len: usize) {
        self.end_map();
        let serializer = self.serializer;
        self.patch(mark, |out| match serializer {
            Serializer::MsgPack => binary::msgpack_map(out, len),
            _ => binary::cbor_head(out, binary::CBOR_MAP, len as u64),
        });
    }

    /// The key of the next pair of a dictionary.
    pub fn key(&mut self, key: &str) {
        match self.serializer {
            Serializer::Json => {
                self.separate();
                json::string(self.out, key);
                self.out.push(b':');
                self.comma = false;
            }
            Serializer::MsgPack => binary::msgpack_str(self.out, key),
            Serializer::Cbor => binary::cbor_str(self.out, key),
            Serializer::Ubjson => ubjson::key::<false>(self.out, key),
            Serializer::Bjdata => ubjson::key::<true>(self.out, key),
        }
    }

    /// `null`.
    pub fn null(&mut self) {
        match self.serializer {
            Serializer::Json => self.word(b"null"),
            Serializer::MsgPack => self.out.push(0xc0),
            Serializer::Cbor => self.out.push(0xf6),
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(b'Z'),
        }
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) {
        match self.serializer {
            Serializer::Json => self.word(if value { b"true" } else { b"false" }),
            Serializer::MsgPack => self.out.push(if value { 0xc3 } else { 0xc2 }),
            Serializer::Cbor => self.out.push(if value { 0xf5 } else { 0xf4 }),
            Serializer::Ubjson | Serializer::Bjdata => self.out.push(if value { b'T' } else { b'F' }),
        }
    }

    /// An integer that is zero or more. UBJSON has no integer beyond 63 bits and writes it as a high-precision number.
    pub fn uint(&mut self, value: u64) {
        match self.serializer {
            Serializer::Json => {
                self.separate();
                json::uint(self.out, value);
                self.comma = true;
            }
            Serializer::MsgPack => binary::msgpack_uint(self.out, value),
            Serializer::Cbor => binary::cbor_head(self.out, binary::CBOR_UINT, value),
            Serializer::Ubjson => ubjson::uint::<false>(self.out, value),
            Serializer::Bjdata => ubjson::uint::<true>(self.out, value),
        }
    }

    /// An integer of either sign.
    pub fn int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            return self.uint(value);
        }
        match self.serializer {
            Serializer::Json => {
                self.separate();
                self.out.push(b'-');
                json::uint(self.out, value.unsigned_abs());
                self.comma = true;
            }
            Serializer::MsgPack => binary::msgpack_negative(self.out, value),
            Serializer::Cbor => binary::cbor_head(self.out, binary::CBOR_NEGATIVE, !value.cast_unsigned()),
            Serializer::Ubjson => ubjson::negative::<false>(self.out, value),
            Serializer::Bjdata => ubjson::negative::<true>(self.out, value),
        }
    }

    /// A floating point number, which stays one: JSON writes it with a fraction or an exponent. JSON and UBJSON have
    /// none that are not finite, and write `null` for them.
    pub fn float(&mut self, value: f64) {
        match self.serializer {
            Serializer::Json | Serializer::Ubjson if !value.is_finite() => self.null(),
            Serializer::Json => {
                self.separate();
                json::float(self.out, value);
                self.comma = true;
            }
            Serializer::MsgPack => binary::float(self.out, 0xcb, value),
            Serializer::Cbor => binary::float(self.out, 0xfb, value),
            Serializer::Ubjson => ubjson::float::<false>(self.out, value),
            Serializer::Bjdata => ubjson::float::<true>(self.out, value),
        }
    }

    /// Text.
    pub fn str(&mut self, text: &str) {
        match self.serializer {
            Serializer::Json => {
                self.separate();
                json::string(self.out, text);
                self.comma = true;
            }
            Serializer::MsgPack => binary::msgpack_str(self.out, text),
            Serializer::Cbor => binary::cbor_str(self.out, text),
            Serializer::Ubjson => ubjson::str::<false>(self.out, text),
            Serializer::Bjdata => ubjson::str::<true>(self.out, text),
        }
    }

    /// A byte string; in JSON a string of `\0` and Base64 (SER-04).
    pub fn bytes(&mut self, bytes: &[u8]) {
        match self.serializer {
            Serializer::Json => {
                self.separate();
                json::bytes(self.out, bytes);
                self.comma = true;
            }
            Serializer::MsgPack => binary::msgpack_bytes(self.out, bytes),
            Serializer::Cbor => binary::cbor_bytes(self.out, bytes),
            Serializer::Ubjson => ubjson::bytes::<false>(self.out, bytes),
            Serializer::Bjdata => ubjson::bytes::<true>(self.out, bytes),
        }
    }

    /// One or more elements that are already encoded in this serializer, with its separators between them.
    pub fn raw(&mut self, elements: &[u8]) {
        if elements.is_empty() {
            return;
        }
        self.separate();
        self.out.extend_from_slice(elements);
        self.comma = true;
    }

    /// Where it stands.
    pub(crate) const fn checkpoint(&self) -> Checkpoint {
        Checkpoint { len: self.out.len(), comma: self.comma }
    }

    /// Takes back what was written since `checkpoint`.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) {
        self.out.truncate(checkpoint.len);
        self.comma = checkpoint.comma;
    }

    /// Replaces the one-byte head at `mark` by the one that `head` writes, in formats that count.
    fn patch(&mut self, mark: Mark, head: impl FnOnce(&mut Vec<u8>)) {
        if !matches!(self.serializer, Serializer::MsgPack | Serializer::Cbor) {
            return;
        }
        // Written at the end first. Usually it is one byte again; else what is in the container moves, once for each
        // container around it, which the limit of nesting bounds.
        let end = self.out.len();
        head(self.out);
        let head: SmallVec<[u8; 9]> = self.out.drain(end..).collect();
        self.out.splice(mark.0..=mark.0, head);
    }

    fn open_json(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
    }

    fn close_json(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    fn word(&mut self, word: &[u8]) {
        self.separate();
        self.out.extend_from_slice(word);
        self.comma = true;
    }

    /// Writes the comma that is owed.
    fn separate(&mut self) {
        if self.comma && self.serializer == Serializer::Json {
            self.out.push(b',');
        }
    }
}
