//! The names under which WAMP is spoken over WebSocket.

use std::fmt;

use wamp::Serializer;

use crate::{Batch, Framing};

use super::Deflate;

/// A WAMP subprotocol: `wamp.2.json`, `wamp.2.cbor.batched` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subprotocol {
    /// The encoding of messages.
    pub serializer: Serializer,
    /// Whether WebSocket messages hold batches of WAMP messages.
    pub batched: bool,
}

impl Subprotocol {
    /// The subprotocol of a name; `None` for one that isn't spoken here. `wamp.2.ubjson` is taken for
    /// [`Serializer::Ubjson`], see [`ubjson_dialect`].
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("wamp.2.")?;
        let (serializer, batched) = match name.strip_suffix(".batched") {
            Some(serializer) => (serializer, true),
            None => (name, false),
        };
        // BJData has no name of its own on the wire.
        let serializer = Serializer::from_name(serializer).filter(|found| found.name() == serializer)?;
        Some(Self { serializer, batched })
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match (self.serializer, self.batched) {
            (Serializer::Json, false) => "wamp.2.json",
            (Serializer::Json, true) => "wamp.2.json.batched",
            (Serializer::MsgPack, false) => "wamp.2.msgpack",
            (Serializer::MsgPack, true) => "wamp.2.msgpack.batched",
            (Serializer::Cbor, false) => "wamp.2.cbor",
            (Serializer::Cbor, true) => "wamp.2.cbor.batched",
            (Serializer::Ubjson | Serializer::Bjdata, false) => "wamp.2.ubjson",
            (Serializer::Ubjson | Serializer::Bjdata, true) => "wamp.2.ubjson.batched",
        }
    }

    /// Whether messages are WebSocket text messages.
    pub const fn is_text(self) -> bool {
        self.serializer.is_text()
    }

    /// How a server frames what it sends; `batch` is the form of batches if they were agreed.
    pub fn framing(self, deflate: Option<Deflate>, batch: Batch) -> Framing {
        let text = self.is_text();
        let window_bits = deflate.map(|deflate| deflate.server_max_window_bits);
        match (self.batched, window_bits) {
            (false, None) => Framing::WebSocket { text },
            (true, None) => Framing::WebSocketBatched { batch },
            (false, Some(window_bits)) => Framing::Deflate { text, window_bits },
            (true, Some(window_bits)) => Framing::DeflateBatched { batch, window_bits },
        }
    }
}

impl fmt::Display for Subprotocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client means by `ubjson` that called itself `user_agent`.
///
/// Autobahn|Python writes BJData under that name from release 26.6 on, and draft 12 of UBJSON before; the name is all
/// that the handshake has. RawSocket has no user agent: there it is decided by configuration or by the first message.
pub fn ubjson_dialect(user_agent: Option<&str>) -> Serializer {
    const FIRST_WITH_BJDATA: (u32, u32) = (26, 6);
    let release = user_agent.and_then(|name| name.strip_prefix("AutobahnPython/")).and_then(|version| {
        let mut parts = version.split('.');
        let mut part = || parts.next()?.parse::<u32>().ok();
        Some((part()?, part()?))
    });
    match release {
        Some(release) if release >= FIRST_WITH_BJDATA => Serializer::Bjdata,
        _ => Serializer::Ubjson,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // WSK-02, BAT-01
    #[test]
    fn names_and_subprotocols_are_two_sides_of_one_thing() {
        for name in ["json", "msgpack", "cbor", "ubjson"] {
            for suffix in ["", ".batched"] {
                let name = format!("wamp.2.{name}{suffix}");
                let subprotocol = Subprotocol::from_name(&name).expect("it is spoken here");
                assert_eq!((subprotocol.name(), subprotocol.batched), (name.as_str(), !suffix.is_empty()));
                assert_eq!(subprotocol.to_string(), name);
            }
        }
    }

    #[test]
    fn other_names_are_not_spoken() {
        for name in [
            "",
            "wamp.2.",
            "wamp.2.flatbuffers",
            "wamp.1.json",
            "wamp.2.json.",
            "wamp.2.bjdata",
            "WAMP.2.JSON",
        ] {
            assert_eq!(Subprotocol::from_name(name), None, "{name}");
        }
    }

    // WSK-05, WSK-06
    #[test]
    fn json_is_text_and_the_rest_binary() {
        for serializer in Serializer::ALL {
            let subprotocol = Subprotocol { serializer, batched: false };
            assert_eq!(subprotocol.is_text(), serializer == Serializer::Json);
            let framing = subprotocol.framing(None, Batch::of(serializer));
            assert_eq!(framing, Framing::WebSocket { text: serializer == Serializer::Json });
        }
    }

    #[test]
    fn framings_follow_what_was_agreed() {
        let deflate = Some(Deflate { server_max_window_bits: 11, ..Deflate::default() });
        let cbor = Subprotocol { serializer: Serializer::Cbor, batched: true };
        let batch = Batch::LengthPrefix;
        assert_eq!(cbor.framing(None, batch), Framing::WebSocketBatched { batch });
        assert_eq!(cbor.framing(deflate, batch), Framing::DeflateBatched { batch, window_bits: 11 });
        let json = Subprotocol { serializer: Serializer::Json, batched: false };
        assert_eq!(
            json.framing(deflate, Batch::RecordSeparator),
            Framing::Deflate { text: true, window_bits: 11 }
        );
    }

    #[test]
    fn the_dialect_of_ubjson_is_known_from_the_user_agent() {
        for bjdata in [
            "AutobahnPython/26.6",
            "AutobahnPython/26.6.1",
            "AutobahnPython/26.10.2",
            "AutobahnPython/27.1.1",
        ] {
            assert_eq!(ubjson_dialect(Some(bjdata)), Serializer::Bjdata, "{bjdata}");
        }
        for other in
            ["AutobahnPython/26.5.9", "AutobahnPython/23.6.2", "AutobahnPython/x", "AutobahnJS/30.1", "curl"]
        {
            assert_eq!(ubjson_dialect(Some(other)), Serializer::Ubjson, "{other}");
        }
        assert_eq!(ubjson_dialect(None), Serializer::Ubjson);
    }
}
