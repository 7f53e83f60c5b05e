//! The application payload of a message, as received.

use crate::serializer::{Encoder, Malformed, Reader, Serializer};
use crate::value::{Dict, Value};
use crate::{transcode, with_reader};

/// `args` and `kwargs` as they stand in a message: one validated slice of encoded elements.
///
/// ```text
///   [36, 5512, 4429, {}, ["Hello"], {"n": 1}]
///                        └── elements: 2 ──┘
/// ```
///
/// *Invariant*: `bytes` holds exactly `elements` well-formed values in `serializer`, with that format's separators
/// between them. They are a list; a list and a dictionary with text keys; or, in passthru mode by Crossbar.io's older
/// rule (`enc_algo`), one byte string.
///
/// Empty trailing elements are not kept (MSG-07): `[]` is no element, `[], {}` neither; `[], {"a": 1}` are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload<'a> {
    serializer: Serializer,
    elements: u8,
    bytes: &'a [u8],
}

impl<'a> Payload<'a> {
    /// No payload.
    pub const EMPTY: Payload<'static> = Payload { serializer: Serializer::Json, elements: 0, bytes: &[] };

    /// A payload of bytes that the caller vouches for, as when a decoder passed over them or [`Payload::encode`]
    /// wrote them.
    pub const fn from_validated(serializer: Serializer, elements: u8, bytes: &'a [u8]) -> Self {
        Payload { serializer, elements, bytes }
    }

    /// The serializer of the bytes.
    pub const fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// How many elements there are: 0, 1 or 2.
    pub const fn elements(&self) -> usize {
        self.elements as usize
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.elements == 0
    }

    /// The encoded elements.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Appends the elements to a message, transcoding them if its serializer is another one.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        if self.elements == 0 {
            return;
        }
        if self.serializer == to.serializer() {
            to.raw(self.bytes);
            return;
        }
        let done = transcode::elements(self.serializer, self.bytes, to);
        debug_assert_eq!(done, Ok(self.elements()), "a payload is validated before it becomes one");
    }

    /// The same payload in another serializer, transcoded into `buffer`; as it is where it is in that one already.
    #[must_use]
    pub fn in_serializer<'b>(&self, serializer: Serializer, buffer: &'b mut Vec<u8>) -> Payload<'b>
    where
        'a: 'b,
    {
        if self.serializer == serializer || self.elements == 0 {
            return Payload { serializer, ..*self };
        }
        buffer.clear();
        self.encode(&mut Encoder::sequence(serializer, buffer));
        Payload { serializer, elements: self.elements, bytes: buffer }
    }

    /// The payload as trees.
    ///
    /// # Errors
    /// Bytes that break the invariant of this type.
    pub fn to_values(&self) -> Result<(Vec<Value>, Dict), Malformed> {
        let mut values = Value::decode_sequence(self.serializer, self.bytes)?.into_iter();
        let args = match values.next() {
            Some(Value::List(args)) => args,
            Some(other) => vec![other],
            None => Vec::new(),
        };
        let kwargs = match values.next() {
            Some(Value::Map(kwargs)) => kwargs,
            _ => Dict::default(),
        };
        Ok((args, kwargs))
    }

    /// The number of positional arguments.
    pub fn args_len(&self) -> usize {
        with_reader!(self.serializer, R => {
            let skipped = R::sequence(self.bytes).skip();
            skipped.ok().flatten().map_or(0, |skipped| skipped.len)
        })
    }

    /// Encodes `args` and `kwargs` into `out` and returns the payload over it.
    pub fn from_values(serializer: Serializer, args: &[Value], kwargs: &Dict, out: &'a mut Vec<u8>) -> Self {
        let elements: u8 = match (args.is_empty(), kwargs.is_empty()) {
            (true, true) => 0,
            (false, true) => 1,
            (_, false) => 2,
        };
        let mut encoder = Encoder::sequence(serializer, out);
        if elements >= 1 {
            encoder.array(args.len());
            for arg in args {
                arg.encode(&mut encoder);
            }
            encoder.end_array();
        }
        if elements == 2 {
            encoder.map(kwargs.len());
            for (key, value) in kwargs.iter() {
                encoder.key(key);
                value.encode(&mut encoder);
            }
            encoder.end_map();
        }
        Payload { serializer, elements, bytes: out }
    }
}
