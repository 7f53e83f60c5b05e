//! What is called with, published, yielded and received: arguments, and what travels with them.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wamp::message::Passthru;
use wamp::value::{Dict, ValueError, from_value, to_value};
use wamp::{Payload, Serializer, Value};

/// Positional and keyword arguments, with the attributes that travel beside them (payload passthru).
///
/// What was received stays encoded until somebody looks at it, so that arguments which are only passed on cost no
/// decoding. Empty arguments are the default.
///
/// ```
/// use cloverleaf_client::Arguments;
///
/// let arguments = Arguments::new().with("hello").with(42).with_keyword("urgent", true);
/// assert_eq!(arguments.arg::<u32>(1), Ok(42));
/// assert_eq!(arguments.kwarg::<bool>("urgent"), Ok(true));
/// assert!(arguments.arg::<u32>(2).is_err());
/// ```
#[derive(Clone, Default)]
pub struct Arguments {
    /// As received, until something is added.
    encoded: Option<Encoded>,
    /// As trees: what `encoded` says, or all there is if that is `None`.
    values: OnceLock<Values>,
    passthru: Passthru<'static>,
}

#[derive(Clone)]
struct Encoded {
    serializer: Serializer,
    elements: u8,
    bytes: Bytes,
}

#[derive(Clone, Default)]
struct Values {
    args: Vec<Value>,
    kwargs: Dict,
}

impl Arguments {
    /// No arguments.
    pub fn new() -> Self {
        Arguments::default()
    }

    /// These arguments.
    pub fn from_values(args: Vec<Value>, kwargs: Dict) -> Self {
        Arguments { values: OnceLock::from(Values { args, kwargs }), ..Arguments::default() }
    }

    /// A received payload, which is copied, and what came with it.
    pub(crate) fn received(payload: &Payload<'_>, passthru: Passthru<'_>) -> Self {
        // There are at most two elements.
        let elements = u8::try_from(payload.elements()).unwrap_or_default();
        let encoded = (!payload.is_empty()).then(|| Encoded {
            serializer: payload.serializer(),
            elements,
            bytes: Bytes::copy_from_slice(payload.bytes()),
        });
        Arguments { encoded, values: OnceLock::new(), passthru: passthru.into_owned() }
    }

    /// These and one more positional argument.
    #[must_use]
    pub fn with(mut self, value: impl Into<Value>) -> Self {
        self.edit(|values| values.args.push(value.into()));
        self
    }

    /// These and one more positional argument, of any type that serde can serialize.
    ///
    /// # Errors
    /// A value that has no form in WAMP, such as an integer of 128 bits.
    pub fn with_serialized<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, ValueError> {
        Ok(self.with(to_value(value)?))
    }

    /// These and one more keyword argument.
    #[must_use]
    pub fn with_keyword(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.edit(|values| drop(values.kwargs.insert(key, value)));
        self
    }

    /// These and more positional arguments.
    #[must_use]
    pub fn with_all<T: Into<Value>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.edit(|values| values.args.extend(args.into_iter().map(Into::into)));
        self
    }

    /// These and more keyword arguments.
    #[must_use]
    pub fn with_keywords(mut self, kwargs: Dict) -> Self {
        self.edit(|values| values.kwargs.extend(kwargs));
        self
    }

    /// These, declared to be an opaque payload (payload passthru mode). The one argument should be a byte string.
    #[must_use]
    pub fn with_ppt(mut self, ppt: Ppt) -> Self {
        for (name, value) in ppt.attributes {
            self.passthru.set(name, value);
        }
        self
    }

    /// The positional arguments.
    pub fn args(&self) -> &[Value] {
        &self.values().args
    }

    /// The keyword arguments.
    pub fn kwargs(&self) -> &Dict {
        &self.values().kwargs
    }

    /// The positional argument at `index`, as a type of the program's.
    ///
    /// # Errors
    /// There is no such argument, or it is of another type.
    pub fn arg<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgumentError> {
        let value = self.args().get(index).ok_or_else(|| ArgumentError::missing(index))?;
        from_value(value.clone()).map_err(|source| ArgumentError::mistyped(index, source))
    }

    /// The keyword argument of this name, as a type of the program's.
    ///
    /// # Errors
    /// There is no such argument, or it is of another type.
    pub fn kwarg<T: DeserializeOwned>(&self, key: &str) -> Result<T, ArgumentError> {
        let value = self.kwargs().get(key).ok_or_else(|| ArgumentError::missing(key))?;
        from_value(value.clone()).map_err(|source| ArgumentError::mistyped(key, source))
    }

    /// The arguments as trees.
    pub fn into_values(mut self) -> (Vec<Value>, Dict) {
        self.values();
        let Values { args, kwargs } = self.values.take().unwrap_or_default();
        (args, kwargs)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.encoded.is_none() && self.values.get().is_none_or(Values::is_empty)
    }

    /// What travels with the arguments: `ppt_*` and custom attributes.
    pub const fn passthru(&self) -> &Passthru<'static> {
        &self.passthru
    }

    /// Calls `use_it` with the arguments encoded, in `serializer` unless they are still as they were received; a
    /// message's encoder transcodes those. `scratch` is overwritten.
    pub(crate) fn encoded<T>(
        &self,
        serializer: Serializer,
        scratch: &mut Vec<u8>,
        use_it: impl FnOnce(Payload<'_>) -> T,
    ) -> T {
        if let Some(Encoded { serializer, elements, bytes }) = &self.encoded {
            return use_it(Payload::from_validated(*serializer, *elements, bytes));
        }
        let Some(values) = self.values.get().filter(|values| !values.is_empty()) else {
            return use_it(Payload::EMPTY);
        };
        scratch.clear();
        use_it(Payload::from_values(serializer, &values.args, &values.kwargs, scratch))
    }

    fn values(&self) -> &Values {
        self.values.get_or_init(|| self.encoded.as_ref().map(Encoded::decode).unwrap_or_default())
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Values)) {
        self.values();
        let mut values = self.values.take().unwrap_or_default();
        edit(&mut values);
        self.encoded = None;
        self.values = OnceLock::from(values);
    }
}

impl Encoded {
    fn decode(&self) -> Values {
        let payload = Payload::from_validated(self.serializer, self.elements, &self.bytes);
        // The message decoder has validated the payload when it came.
        payload.to_values().map(|(args, kwargs)| Values { args, kwargs }).unwrap_or_default()
    }
}

impl Values {
    fn is_empty(&self) -> bool {
        self.args.is_empty() && self.kwargs.is_empty()
    }
}

/// Arguments are equal if their values are, and what travels with them.
impl PartialEq for Arguments {
    fn eq(&self, other: &Self) -> bool {
        self.args() == other.args() && self.kwargs() == other.kwargs() && self.passthru == other.passthru
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arguments").field("args", &self.args()).field("kwargs", self.kwargs()).finish()
    }
}

impl From<()> for Arguments {
    fn from((): ()) -> Self {
        Arguments::new()
    }
}

impl From<Dict> for Arguments {
    fn from(kwargs: Dict) -> Self {
        Arguments::from_values(Vec::new(), kwargs)
    }
}

impl From<(Vec<Value>, Dict)> for Arguments {
    fn from((args, kwargs): (Vec<Value>, Dict)) -> Self {
        Arguments::from_values(args, kwargs)
    }
}

macro_rules! single {
    ($($type:ty),*) => {$(
        /// The one positional argument.
        impl From<$type> for Arguments {
            fn from(value: $type) -> Self {
                Arguments::new().with(value)
            }
        }
    )*};
}

single!(Value, &str, String, bool, f32, f64, u8, u16, u32, u64, usize, i8, i16, i32, i64);

impl<T: Into<Value>> FromIterator<T> for Arguments {
    /// The positional arguments.
    fn from_iter<I: IntoIterator<Item = T>>(args: I) -> Self {
        Arguments::new().with_all(args)
    }
}

/// An argument that isn't there, or isn't of the type wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ArgumentError {
    problem: String,
    #[source]
    source: Option<ValueError>,
}

impl ArgumentError {
    fn missing(which: impl fmt::Display) -> Self {
        ArgumentError { problem: format!("there is no argument {which}"), source: None }
    }

    fn mistyped(which: impl fmt::Display, source: ValueError) -> Self {
        ArgumentError { problem: format!("argument {which}: {source}"), source: Some(source) }
    }

    /// Whether the argument isn't there at all.
    pub const fn is_missing(&self) -> bool {
        self.source.is_none()
    }
}

/// How an opaque payload is to be read: the attributes of payload passthru mode.
///
/// Spec: advanced profile, "Payload Passthru Mode" (PPT-09).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ppt {
    attributes: Vec<(&'static str, String)>,
}

impl Ppt {
    /// `scheme` names the kind of payload: `wamp`, `mqtt`, or a name of one's own that begins with `x_`.
    pub fn new(scheme: impl Into<String>) -> Self {
        Ppt { attributes: vec![("ppt_scheme", scheme.into())] }
    }

    /// How the payload is serialized.
    #[must_use]
    pub fn serializer(self, name: impl Into<String>) -> Self {
        self.and("ppt_serializer", name)
    }

    /// How the payload is encrypted.
    #[must_use]
    pub fn cipher(self, name: impl Into<String>) -> Self {
        self.and("ppt_cipher", name)
    }

    /// With which key.
    #[must_use]
    pub fn key_id(self, id: impl Into<String>) -> Self {
        self.and("ppt_keyid", id)
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }
}

/// Gives a type with a field `arguments` the accessors of [`Arguments`].
macro_rules! arguments_accessors {
    ($type:ty) => {
        impl $type {
            /// The arguments, and what travels with them.
            pub const fn arguments(&self) -> &$crate::Arguments {
                &self.arguments
            }

            /// The arguments alone.
            pub fn into_arguments(self) -> $crate::Arguments {
                self.arguments
            }

            /// The positional arguments.
            pub fn args(&self) -> &[wamp::Value] {
                self.arguments.args()
            }

            /// The keyword arguments.
            pub fn kwargs(&self) -> &wamp::value::Dict {
                self.arguments.kwargs()
            }

            /// The positional argument at `index`, as a type of the program's.
            ///
            /// # Errors
            /// There is no such argument, or it is of another type.
            pub fn arg<T: serde::de::DeserializeOwned>(
                &self,
                index: usize,
            ) -> std::result::Result<T, $crate::ArgumentError> {
                self.arguments.arg(index)
            }

            /// The keyword argument of this name, as a type of the program's.
            ///
            /// # Errors
            /// There is no such argument, or it is of another type.
            pub fn kwarg<T: serde::de::DeserializeOwned>(
                &self,
                key: &str,
            ) -> std::result::Result<T, $crate::ArgumentError> {
                self.arguments.kwarg(key)
            }
        }
    };
}

/// Gives a request builder with a field `arguments` the methods that fill it.
macro_rules! arguments_builder {
    ($type:ty $(, $parameter:ident)?) => {
        impl $(<$parameter>)? $type {
            /// Adds a positional argument.
            pub fn arg(mut self, value: impl Into<wamp::Value>) -> Self {
                self.arguments = self.arguments.with(value);
                self
            }

            /// Adds positional arguments.
            pub fn args<V: Into<wamp::Value>>(mut self, args: impl IntoIterator<Item = V>) -> Self {
                self.arguments = self.arguments.with_all(args);
                self
            }

            /// Adds a keyword argument.
            pub fn kwarg(mut self, key: impl Into<String>, value: impl Into<wamp::Value>) -> Self {
                self.arguments = self.arguments.with_keyword(key, value);
                self
            }

            /// Adds keyword arguments.
            pub fn kwargs(mut self, kwargs: wamp::value::Dict) -> Self {
                self.arguments = self.arguments.with_keywords(kwargs);
                self
            }

            /// Replaces all arguments, and what travels with them: also the way to pass on what was received.
            pub fn arguments(mut self, arguments: impl Into<$crate::Arguments>) -> Self {
                self.arguments = arguments.into();
                self
            }

            /// Declares the payload to be opaque (payload passthru mode).
            pub fn ppt(mut self, ppt: $crate::Ppt) -> Self {
                self.arguments = self.arguments.with_ppt(ppt);
                self
            }
        }
    };
}

pub(crate) use {arguments_accessors, arguments_builder};

#[cfg(test)]
mod tests {
    use super::*;
    use wamp::RequestId;
    use wamp::message::{Message, Publish, PublishOptions};

    fn received(serializer: Serializer, arguments: &Arguments) -> Arguments {
        let mut out = Vec::new();
        arguments.encoded(serializer, &mut Vec::new(), |payload| {
            let (request, topic) = (RequestId::FIRST, "a".into());
            Publish { request, options: PublishOptions::default(), topic, payload }
                .encode(serializer, &mut out);
        });
        match Message::decode(serializer, &out) {
            Ok(Message::Publish(publish)) => Arguments::received(&publish.payload, publish.options.passthru),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn arguments_survive_every_serializer_and_being_passed_on() {
        let sent = Arguments::new().with("x").with(1).with_keyword("k", vec![1, 2]);
        for first in Serializer::ALL {
            for second in Serializer::ALL {
                assert_eq!(received(second, &received(first, &sent)), sent);
            }
        }
        assert!(received(Serializer::Json, &Arguments::new()).is_empty());
    }

    #[test]
    fn received_arguments_can_be_added_to() {
        let more = received(Serializer::Cbor, &Arguments::from("x")).with(true);
        assert_eq!(more.args(), [Value::from("x"), Value::from(true)]);
        assert_eq!(more.into_values().0.len(), 2);
    }

    #[test]
    fn a_wrong_type_is_told_from_a_missing_argument() {
        let arguments = Arguments::from("text");
        assert!(arguments.arg::<u64>(0).is_err_and(|error| !error.is_missing()));
        assert!(arguments.arg::<u64>(1).is_err_and(|error| error.is_missing()));
        assert!(arguments.kwarg::<u64>("k").is_err_and(|error| error.is_missing()));
    }

    /// PPT-09: the four attributes.
    #[test]
    fn ppt_attributes_travel_with_the_arguments() {
        let ppt = Ppt::new("x_mine").serializer("cbor").cipher("xsalsa20poly1305").key_id("k1");
        let arguments = Arguments::new().with(&b"\x01\x02"[..]).with_ppt(ppt);
        assert_eq!(arguments.passthru().ppt_scheme(), Some("x_mine"));
        assert_eq!(arguments.passthru().ppt().count(), 4);
    }
}
