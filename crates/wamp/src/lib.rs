//! WAMP v2 as data: ids, URIs, messages, serializers, payload slices.
//!
//! Everything here is a pure function of bytes. There is no I/O, no clock, no randomness and no `async`, so that a
//! router, a client, a fuzzer and a simulator share one and the same protocol.
//!
//! *Invariant*: a payload (`args`, `kwargs`) is never built into a tree on the way through. It is a validated slice
//! of the received bytes ([`Payload`]), and becomes something else only by [`transcode`] between serializers.

pub mod error_uri;
pub mod id;
pub mod message;
pub mod payload;
pub mod role;
pub mod serializer;
pub mod transcode;
pub mod uri;
pub mod value;

pub use id::{PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId};
pub use message::Message;
pub use payload::Payload;
pub use serializer::Serializer;
pub use uri::MatchPolicy;
pub use value::Value;
