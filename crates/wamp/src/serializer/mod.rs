//! Bytes and messages: the five encodings behind one reader and one writer.
//!
//! | serializer | subprotocol | RawSocket id | WebSocket frames |
//! |---|---|---|---|
//! | [`Serializer::Json`] | `wamp.2.json` | 1 | text |
//! | [`Serializer::MsgPack`] | `wamp.2.msgpack` | 2 | binary |
//! | [`Serializer::Cbor`] | `wamp.2.cbor` | 3 | binary |
//! | [`Serializer::Ubjson`], [`Serializer::Bjdata`] | `wamp.2.ubjson` | 4 | binary |
//!
//! UBJSON (draft 12, big-endian) and BJData (little-endian, more integer types) travel under the same name, and
//! clients of both kinds are about. They are two encodings here; which one a connection speaks is decided by whoever
//! negotiates it.
//!
//! *Invariant*: a [`Reader`] never recurses, never reads past its input, checks every length against what is left
//! before it uses it, and refuses more than [`MAX_DEPTH`] levels of nesting. What it has passed over is well-formed.
//!
//! Spec: basic profile, "Serializers"; advanced profile, "Binary conversion of JSON Strings".

mod binary;
mod cbor;
mod cursor;
mod encoder;
mod json;
mod key;
mod msgpack;
mod number;
mod ubjson;

use std::borrow::Cow;

pub use binary::BinaryReader;
pub use cbor::CborReader;
pub use encoder::{Encoder, Mark};
pub use json::JsonReader;
pub use key::text_key;
pub use msgpack::MsgPackReader;
pub use ubjson::{BjdataReader, UbjsonReader};

/// How deep containers may nest in a message, the message's own list included (SER-10).
pub const MAX_DEPTH: usize = 64;

/// An encoding of WAMP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// JSON, RFC 8259, UTF-8; binary values as strings of `\0` and Base64.
    Json,
    /// MessagePack, version 5 or later (`str` and `bin` are different types).
    MsgPack,
    /// CBOR, RFC 8949.
    Cbor,
    /// UBJSON, draft 12: big-endian numbers.
    Ubjson,
    /// BJData: little-endian numbers, unsigned integer types; what Autobahn|Python from 26.6 calls `ubjson`.
    Bjdata,
}

impl Serializer {
    /// All of them, in no particular order of preference.
    pub const ALL: [Serializer; 5] =
        [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Ubjson, Serializer::Bjdata];

    /// The name used in subprotocols, configuration and session details.
    pub const fn name(self) -> &'static str {
        match self {
            Serializer::Json => "json",
            Serializer::MsgPack => "msgpack",
            Serializer::Cbor => "cbor",
            Serializer::Ubjson | Serializer::Bjdata => "ubjson",
        }
    }

    /// The serializer of a name as in [`Serializer::name`]; `bjdata` is accepted as a name of its own.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Serializer::Json,
            "msgpack" => Serializer::MsgPack,
            "cbor" => Serializer::Cbor,
            "ubjson" => Serializer::Ubjson,
            "bjdata" => Serializer::Bjdata,
            _ => return None,
        })
    }

    /// The serializer nibble of the RawSocket handshake (RAW-03).
    pub const fn rawsocket_id(self) -> u8 {
        match self {
            Serializer::Json => 1,
            Serializer::MsgPack => 2,
            Serializer::Cbor => 3,
            Serializer::Ubjson | Serializer::Bjdata => 4,
        }
    }

    /// The serializer of a RawSocket nibble; `None` for those that are not spoken here.
    pub const fn from_rawsocket_id(id: u8) -> Option<Self> {
        match id {
            1 => Some(Serializer::Json),
            2 => Some(Serializer::MsgPack),
            3 => Some(Serializer::Cbor),
            // What the clients in use today mean by it; the handshake can't tell.
            4 => Some(Serializer::Bjdata),
            _ => None,
        }
    }

    /// Whether WebSocket carries it in text messages (WSK-05, WSK-06).
    pub const fn is_text(self) -> bool {
        matches!(self, Serializer::Json)
    }

    /// A small number for tables indexed by serializer, below `Serializer::ALL.len()`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One step of a [`Reader`] through its input.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    /// `null`; CBOR's `undefined` and other simple values without a meaning of their own read as this too.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer that is zero or more.
    Uint(u64),
    /// A negative integer.
    Int(i64),
    /// A floating point number, or an integer that fits neither of the two above (nearest double).
    Float(f64),
    /// Text, with escapes resolved; borrowed from the input where there were none.
    Str(Cow<'a, str>),
    /// A byte string. In JSON: a string that begins with `\0` and goes on with valid Base64 (SER-04 to SER-06).
    Bytes(Cow<'a, [u8]>),
    /// A list begins; its elements follow, then [`Token::End`].
    Array,
    /// A dictionary begins; keys and values follow in turn, then [`Token::End`]. Keys need not be text in formats
    /// that allow others.
    Map,
    /// The innermost open list or dictionary ends.
    End,
}

/// What [`Reader::skip`] passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped {
    /// What kind of value it was.
    pub kind: Kind,
    /// Its number of direct elements (pairs in a map); 0 for values that are no containers.
    pub len: usize,
}

/// The kind of a value, as far as WAMP's message layouts tell values apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A list.
    Array,
    /// A dictionary all of whose own keys are text (SER-11).
    Map,
    /// A dictionary with at least one key of its own that isn't text.
    OddMap,
    /// Text.
    Str,
    /// A byte string (in JSON: as in [`Token::Bytes`]).
    Bytes,
    /// Anything else.
    Other,
}

/// Input that is not well-formed in its serializer: the sender's violation (SER-09).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {format} at byte {offset}: {what}")]
pub struct Malformed {
    /// The serializer's name.
    pub format: &'static str,
    /// Where in the input, in bytes.
    pub offset: usize,
    /// What is wrong, and what was expected.
    pub what: &'static str,
}

/// A validating pull reader over one encoded message.
///
/// It is used in two ways, freely mixed: token by token ([`Reader::token`]), or a whole value at a time
/// ([`Reader::skip`]), which is the fast path for payloads and must accept and refuse exactly what the tokens do.
pub trait Reader<'a>: Sized {
    /// A reader at the start of one message (or any one value).
    fn new(input: &'a [u8]) -> Self;

    /// A reader of a bare sequence of elements, as they stand inside a list without its brackets (in JSON: with
    /// commas between them). It behaves as if that list had just been opened: where the input ends,
    /// [`Reader::token`] gives [`Token::End`] and [`Reader::skip`] gives `None`, each time it is asked.
    fn sequence(input: &'a [u8]) -> Self;

    /// The next token. Between the elements of an open container this is the next element's first token or
    /// [`Token::End`].
    ///
    /// # Errors
    /// Input that is not well-formed, too deep, or that ends too early.
    fn token(&mut self) -> Result<Token<'a>, Malformed>;

    /// Passes over the next whole value, validating all of it, and says what it was; `None` where the innermost open
    /// container ends instead (which is then consumed, as with [`Token::End`]).
    ///
    /// # Errors
    /// As [`Reader::token`].
    fn skip(&mut self) -> Result<Option<Skipped>, Malformed>;

    /// Where the *next element* begins, in bytes from the start of the input: separators (JSON's comma and white
    /// space, UBJSON's no-op) before it are passed over first. At the end of a container, the offset of the end
    /// marker (or, in formats without one, just behind the last element).
    fn mark(&mut self) -> Result<usize, Malformed>;

    /// The offset just behind what was last read, without passing over separators.
    fn position(&self) -> usize;

    /// Checks that nothing follows the message (JSON: white space only) (SER-08).
    ///
    /// # Errors
    /// Trailing bytes, or a container that is still open.
    fn finish(&mut self) -> Result<(), Malformed>;
}

/// Calls a generic function with the [`Reader`] type of a [`Serializer`]: `with_reader!(serializer, R => f::<R>(x))`.
#[macro_export]
macro_rules! with_reader {
    ($serializer:expr, $reader:ident => $body:expr) => {
        match $serializer {
            $crate::Serializer::Json => {
                type $reader<'r> = $crate::serializer::JsonReader<'r>;
                $body
            }
            $crate::Serializer::MsgPack => {
                type $reader<'r> = $crate::serializer::MsgPackReader<'r>;
                $body
            }
            $crate::Serializer::Cbor => {
                type $reader<'r> = $crate::serializer::CborReader<'r>;
                $body
            }
            $crate::Serializer::Ubjson => {
                type $reader<'r> = $crate::serializer::UbjsonReader<'r>;
                $body
            }
            $crate::Serializer::Bjdata => {
                type $reader<'r> = $crate::serializer::BjdataReader<'r>;
                $body
            }
        }
    };
}
