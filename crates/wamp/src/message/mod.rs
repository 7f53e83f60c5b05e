//! WAMP messages: one struct a message, borrowed from the bytes it was read from.
//!
//! [`Message::decode`] reads the envelope (type, ids, options, URI) and validates everything else without building it;
//! [`Message::encode`] writes it in any serializer. Both work for clients and routers; who may send what, and when, is
//! the business of the session.
//!
//! Spec: basic profile, "Messages"; checks MSG-01 to MSG-13.

mod attributes;
mod fields;
mod passthru;
mod pubsub;
mod rpc;
mod session;

use std::fmt;

pub use passthru::{Forwarded, Passthru};
pub use pubsub::{
    Event, EventDetails, EventReceived, Publish, PublishOptions, Published, Receivers, Subscribe,
    SubscribeOptions, Subscribed, Unsubscribe, Unsubscribed,
};
pub use rpc::{
    Call, CallOptions, Cancel, CancelMode, CancelOptions, Error, Interrupt, Invocation, InvocationDetails,
    InvocationPolicy, Register, RegisterOptions, Registered, Result, ResultDetails, Unregister, Unregistered,
    Yield,
};
pub use session::{Abort, Authenticate, Challenge, Goodbye, Hello, HelloDetails, Welcome, WelcomeDetails};

use crate::id::RequestId;
use crate::serializer::{Encoder, Malformed, Reader, Serializer};
use crate::with_reader;
use fields::Fields;

macro_rules! messages {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal $(<$life:lifetime>)?;)*) => {
        /// The type of a message, by its name and code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MessageType {
            $($(#[$doc])* $variant = $code,)*
        }

        impl MessageType {
            /// All of them.
            pub const ALL: &'static [MessageType] = &[$(MessageType::$variant),*];

            /// The type of a code; `None` for codes without a meaning (MSG-09, MSG-10).
            pub const fn from_code(code: u64) -> Option<Self> {
                match code {
                    $($code => Some(MessageType::$variant),)*
                    _ => None,
                }
            }

            /// The number on the wire.
            pub const fn code(self) -> u64 {
                self as u64
            }

            /// The name in the specification: `HELLO`, `PUBLISH`, ...
            pub const fn name(self) -> &'static str {
                match self {
                    $(MessageType::$variant => $name,)*
                }
            }
        }

        /// Any message.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Message<'a> {
            $($(#[$doc])* $variant($variant $(<$life>)?),)*
        }

        impl<'a> Message<'a> {
            /// The type of this message.
            pub const fn message_type(&self) -> MessageType {
                match self {
                    $(Message::$variant(_) => MessageType::$variant,)*
                }
            }

            fn decode_as<R: Reader<'a>>(
                message: MessageType,
                fields: &mut Fields<'a, R>,
            ) -> std::result::Result<Self, DecodeError> {
                Ok(match message {
                    $(MessageType::$variant => Message::$variant($variant::decode(fields)?),)*
                })
            }

            fn encode_fields(&self, to: &mut Encoder<'_>) {
                match self {
                    $(Message::$variant(message) => message.encode_fields(to),)*
                }
            }
        }

        $(impl<'a> From<$variant $(<$life>)?> for Message<'a> {
            fn from(message: $variant $(<$life>)?) -> Self {
                Message::$variant(message)
            }
        })*

        $(impl $(<$life>)? $variant $(<$life>)? {
            /// Appends the whole message in `serializer`.
            pub fn encode(&self, serializer: Serializer, out: &mut Vec<u8>) {
                self.encode_fields(&mut Encoder::new(serializer, out));
            }
        })*
    };
}

messages! {
    /// Client: opens a session on a realm.
    Hello = 1 "HELLO" <'a>;
    /// Router: the session is open.
    Welcome = 2 "WELCOME" <'a>;
    /// Both: ends a session that isn't open yet, or that broke the protocol.
    Abort = 3 "ABORT" <'a>;
    /// Router: asks for proof of identity.
    Challenge = 4 "CHALLENGE" <'a>;
    /// Client: answers a CHALLENGE.
    Authenticate = 5 "AUTHENTICATE" <'a>;
    /// Both: closes an open session.
    Goodbye = 6 "GOODBYE" <'a>;
    /// Both: the answer to a request that failed.
    Error = 8 "ERROR" <'a>;
    /// Client: publishes an event.
    Publish = 16 "PUBLISH" <'a>;
    /// Router: acknowledges a PUBLISH.
    Published = 17 "PUBLISHED";
    /// Client: subscribes to a topic or pattern.
    Subscribe = 32 "SUBSCRIBE" <'a>;
    /// Router: acknowledges a SUBSCRIBE.
    Subscribed = 33 "SUBSCRIBED";
    /// Client: ends a subscription.
    Unsubscribe = 34 "UNSUBSCRIBE";
    /// Router: acknowledges an UNSUBSCRIBE, or revokes a subscription.
    Unsubscribed = 35 "UNSUBSCRIBED" <'a>;
    /// Router: delivers an event.
    Event = 36 "EVENT" <'a>;
    /// Client: calls a procedure.
    Call = 48 "CALL" <'a>;
    /// Client: cancels a call.
    Cancel = 49 "CANCEL";
    /// Router: the result of a call.
    Result = 50 "RESULT" <'a>;
    /// Client: registers a procedure or pattern.
    Register = 64 "REGISTER" <'a>;
    /// Router: acknowledges a REGISTER.
    Registered = 65 "REGISTERED";
    /// Client: ends a registration.
    Unregister = 66 "UNREGISTER";
    /// Router: acknowledges an UNREGISTER, or revokes a registration.
    Unregistered = 67 "UNREGISTERED" <'a>;
    /// Router: hands a call to a callee.
    Invocation = 68 "INVOCATION" <'a>;
    /// Router: a call that the callee works at was canceled.
    Interrupt = 69 "INTERRUPT" <'a>;
    /// Client: the result of an invocation.
    Yield = 70 "YIELD" <'a>;
    /// Client: acknowledges an EVENT; Crossbar.io's extension, which the router doesn't ask for.
    EventReceived = 337 "EVENT_RECEIVED";
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'a> Message<'a> {
    /// Reads the one message in `input`.
    ///
    /// # Errors
    /// [`DecodeError`]: every way in which bytes can fail to be a WAMP message.
    pub fn decode(serializer: Serializer, input: &'a [u8]) -> std::result::Result<Self, DecodeError> {
        with_reader!(serializer, R => Self::decode_with::<R<'a>>(serializer, input))
    }

    fn decode_with<R: Reader<'a>>(
        serializer: Serializer,
        input: &'a [u8],
    ) -> std::result::Result<Self, DecodeError> {
        let (mut fields, message) = Fields::<R>::open(serializer, input)?;
        let decoded = Self::decode_as(message, &mut fields)?;
        fields.close()?;
        Ok(decoded)
    }

    /// Appends this message in `serializer`.
    pub fn encode(&self, serializer: Serializer, out: &mut Vec<u8>) {
        self.encode_fields(&mut Encoder::new(serializer, out));
    }
}

impl MessageType {
    /// The type of the message in `input` without reading the rest of it; `None` where it has none.
    pub fn peek(serializer: Serializer, input: &[u8]) -> Option<Self> {
        with_reader!(serializer, R => Fields::<R<'_>>::open(serializer, input).ok().map(|(_, message)| message))
    }
}

/// Why bytes are not a WAMP message. All of it is the sender's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not well-formed in the serializer (SER-09).
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Well-formed, but no list that begins with an integer (MSG-01).
    #[error("a WAMP message is a list that begins with its type, an integer")]
    NotAMessage,
    /// A message type without a meaning (MSG-09, MSG-10).
    #[error("unknown message type {0}")]
    UnknownType(u64),
    /// An element that the message doesn't have room for, lacks, or wants of another type (MSG-02, MSG-03).
    #[error("{message}: {expected} expected at element {element}")]
    Layout {
        /// Of which message.
        message: MessageType,
        /// Which element, counted from 0, the type being element 0.
        element: usize,
        /// What should have been there.
        expected: &'static str,
    },
    /// An option or detail of the wrong type or value (MSG-06). The message is well-formed otherwise, so that a request
    /// can be answered with ERROR.
    #[error("{message}: {option} must be {expected}")]
    Option {
        /// Of which message.
        message: MessageType,
        /// The request's id, if the message has one.
        request: Option<RequestId>,
        /// The key.
        option: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
}
