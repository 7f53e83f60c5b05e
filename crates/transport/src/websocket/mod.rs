//! WebSocket: the opening handshake, frames, and permessage-deflate, for servers and clients.
//!
//! | to do | server | client |
//! |---|---|---|
//! | open | [`Request::parse`], [`accept()`] | [`client::Handshake`] |
//! | receive | [`Decoder`] with [`Role::Server`] | [`Decoder`] with [`Role::Client`] |
//! | send messages | [`crate::Framing`] | [`frame_masked`] |
//! | send control frames | [`write_ping`], [`write_pong`], [`write_close`] | the same with `_masked` |
//!
//! The closing handshake is the connection's business: it sends a close frame once, and after it nothing else.
//!
//! Spec: RFC 6455, RFC 7692; basic profile, "WebSocket Transport".

mod accept;
pub mod client;
mod close;
mod decoder;
pub(crate) mod deflate;
pub mod extension;
mod frame;
mod header;
mod inflate;
mod mask;
mod spare;
mod subprotocol;

pub use self::accept::{AcceptOptions, Accepted, Refusal, accept};
pub use self::decoder::{Decoder, Options, Role};
pub use self::deflate::{COMPRESSION_LEVEL, COMPRESSION_THRESHOLD};
pub use self::extension::{CompressionOptions, Deflate};
pub(crate) use self::frame::frame_with;
pub use self::frame::{
    MAX_CONTROL, frame_masked, write_close, write_close_masked, write_header, write_ping, write_ping_masked,
    write_pong, write_pong_masked,
};
pub use self::header::Opcode;
pub use self::subprotocol::{Subprotocol, ubjson_dialect};
pub use crate::http::{HttpError, Request};
