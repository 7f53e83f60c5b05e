//! RawSocket: four octets of handshake each way, then messages with a prefix of four octets.
//!
//! Sending is [`crate::Framing::RawSocket`] for messages, [`write_ping`] and [`write_pong`] for the rest, the same on
//! both sides. This module holds no state of a connection but a [`Decoder`]'s limit.
//!
//! Spec: advanced profile, "RawSocket Transport" (transport_rawsocket.md).

mod frame;
mod handshake;

pub use frame::{Decoder, MAX_LENGTH, write_ping, write_pong};
pub(crate) use frame::{FrameType, frame_with};
pub use handshake::{
    ClientHandshake, HANDSHAKE_SIZE, HandshakeError, MAGIC, ReplyError, ServerHandshake, length_exponent,
    length_limit,
};
