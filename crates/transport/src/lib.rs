//! The framings of WAMP as data: RawSocket and WebSocket codecs without I/O.
//!
//! Bytes that came from a peer go through a [`Decoder`], which answers with one [`Step`] at a time; a message that is
//! to be sent is written by a [`Framing`] behind whatever an outbox already holds. In between are the opening
//! handshakes of both transports ([`rawsocket`], [`websocket`]), for the server's side and the client's alike.
//!
//! What this crate deliberately does not do: it reads and writes no sockets, knows no clock and no runtime, draws no
//! random numbers (masks and keys are arguments), and looks into no WAMP message. Its only tie to the protocol is
//! [`wamp::Serializer`], since the name of the serializer is part of both handshakes.
//!
//! *Invariants*
//! - Frames of a server are the same bytes for every receiver of the same [`Framing`], so they may be shared.
//! - A decoder takes whole frames from the front of its input and keeps no copy of a partial one; between messages it
//!   owns no buffer (see [`Decoder::release`]).
//! - No input makes a decoder panic or hold more than the message limit it was made with, inflated data included.
//!
//! Spec: advanced profile, "RawSocket Transport" and "Message Batching"; basic profile, "WebSocket Transport";
//! RFC 6455 (WebSocket) and RFC 7692 (permessage-deflate).

pub mod batch;
mod decoder;
mod error;
mod framing;
pub mod http;
pub mod rawsocket;
pub mod websocket;

pub use batch::Batch;
pub use decoder::{Decoder, Step};
pub use error::FrameError;
pub use framing::Framing;
