//! Options of a WebSocket.

use crate::config::error::Problem;
use crate::config::item::{Data, Item};
use crate::config::section::{all_defaults, section};
use crate::config::setting::{Bytes, Ms, Place, Reading, Setting};

section! {
    /// How a WebSocket behaves.
    WebSocketOptions ("WebSocket options") {
        /// Patterns of the origins whose pages may connect; `*` stands for anything.
        allowed_origins: Vec<String> = vec!["*".to_owned()];
        /// Whether pages without an origin (from files, sandboxes) may connect.
        allow_null_origin: bool = true;
        /// The longest message accepted, after inflation; left out or 0, it is `message_bytes_max` of the limits.
        max_message_size: Option<Bytes> = None;
        /// How often an idle peer is sent a PING; 0 is never.
        auto_ping_interval: Option<Ms> = None;
        /// How long a peer may take to answer a PING before it is dropped; 0 is without end.
        auto_ping_timeout: Option<Ms> = None;
        /// How long a peer may take for the opening handshake.
        open_handshake_timeout: Option<Ms> = None;
        /// permessage-deflate; left out, it is used with clients that offer it.
        compression: Option<Compression> = None;
        /// Whether a client must ask for a subprotocol; without one, `false` assumes `wamp.2.json`.
        require_websocket_subprotocol: bool = true;
    }
    no_effect {
        "apply_mask": "frames are masked as RFC 6455 says",
        "auto_fragment_size": "messages are sent in one piece",
        "auto_ping_restart_on_any_traffic": "any traffic answers a PING",
        "auto_ping_size": "the payload of a PING is the router's own",
        "close_handshake_timeout": "closing is bounded in any case",
        "echo_close_codereason": "a close frame is answered with its own code",
        "enable_flash_policy": "there is no Flash any more",
        "enable_hybi10": "only version 13 (RFC 6455) is spoken",
        "enable_rfc6455": "only version 13 (RFC 6455) is spoken",
        "enable_webstatus": "a plain GET is always answered",
        "external_port": "clients are not told their URL",
        "fail_by_drop": "violations are answered with a close frame, then the connection is dropped",
        "flash_policy": "there is no Flash any more",
        "mask_server_frames": "frames are masked as RFC 6455 says",
        "max_frame_size": "the message is what is bounded",
        "require_masked_client_frames": "frames are masked as RFC 6455 says",
        "show_server_version": "the version is never shown",
        "tcp_nodelay": "it is always set",
        "validate_utf8": "text is always checked",
    }
}

section! {
    /// permessage-deflate.
    DeflateSection ("Deflate") {
        /// The router's window, in bits, from 9 to 15.
        max_window_bits: WindowBits = WindowBits(15);
        /// Asks clients for a window of at most so many bits, from 9 to 15; 0 doesn't ask.
        request_max_window_bits: u8 = 0;
        /// Whether clients are told to compress each message from scratch. If not, each of their connections costs some
        /// dozen KiB.
        request_no_context_takeover: bool = true;
    }
    no_effect {
        "memory_level": "compressors are pooled for the whole process",
        "no_context_takeover": "messages are compressed once for all receivers, and so without context",
    }
    check check_deflate;
}

section! {
    /// Compression methods of a WebSocket.
    CompressionSection ("Compression") {
        /// permessage-deflate.
        deflate: DeflateSection = all_defaults();
    }
}

/// Whether messages are compressed, and how.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Compression {
    Off,
    Deflate(DeflateSection),
}

impl Setting for Compression {
    fn takes() -> String {
        "`false` or a map".to_owned()
    }

    fn reference() -> String {
        format!("`false`, or {}", CompressionSection::reference())
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match item.data {
            Data::Bool(false) => Ok(Compression::Off),
            Data::Map(_) => CompressionSection::read(item, at, reading)
                .map(|section| Compression::Deflate(section.deflate)),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

/// The size of a compression window, as its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowBits(pub(crate) u8);

impl Setting for WindowBits {
    fn takes() -> String {
        "an integer from 9 to 15".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match item.data {
            Data::Int(bits @ 9..=15) => {
                u8::try_from(bits).map(WindowBits).map_err(|_| at.unexpected::<Self>(item))
            }
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

fn check_deflate(deflate: &DeflateSection, item: &Item, at: &Place) -> Result<(), Problem> {
    match (deflate.request_max_window_bits, item.entry("request_max_window_bits")) {
        (1..=8 | 16.., Some(entry)) => {
            let text = format!("expected 0, or an integer from 9 to 15, found {}", entry.item.describe());
            Err(at.key("request_max_window_bits", entry.item.line).problem(text))
        }
        _ => Ok(()),
    }
}
