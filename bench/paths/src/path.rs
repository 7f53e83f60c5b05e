//! Which paths there are, and what they are called: `pubsub 1x10 32B rawsocket+msgpack`.

use std::fmt;

use wamp::Serializer;

/// How messages are told apart on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// RawSocket.
    RawSocket,
    /// WebSocket without compression; what comes in is masked.
    WebSocket,
}

/// How a session is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// The transport.
    pub link: Link,
    /// The serializer.
    pub serializer: Serializer,
}

impl Wire {
    /// The cheapest.
    pub const RAWSOCKET_MSGPACK: Wire = Wire { link: Link::RawSocket, serializer: Serializer::MsgPack };
    /// What browsers speak.
    pub const WEBSOCKET_JSON: Wire = Wire { link: Link::WebSocket, serializer: Serializer::Json };
}

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// PUBLISH to EVENT: one publishes, all others receive.
    PubSub {
        /// How many receive.
        subscribers: usize,
        /// Whether they subscribe by exact match, prefix and wildcard in turn, or all by exact match.
        patterns: bool,
    },
    /// CALL to INVOCATION to YIELD to RESULT: one calls another.
    Rpc,
}

/// A path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// Who does what.
    pub shape: Shape,
    /// The size of the one text argument, in bytes.
    pub payload: usize,
    /// How the publisher or caller is connected.
    pub from: Wire,
    /// How the subscribers or the callee are connected.
    pub to: Wire,
    /// How many messages come in one read; at least 1.
    pub burst: usize,
}

const RAW: Wire = Wire::RAWSOCKET_MSGPACK;
const WEB: Wire = Wire::WEBSOCKET_JSON;

/// Those whose instructions are counted.
pub const PATHS: [Path; 15] = [
    Path::pubsub(1, 32, RAW),
    Path::pubsub(10, 32, RAW),
    Path::pubsub(10, 32, RAW).in_bursts(16),
    Path::pubsub(10, 32, RAW).by_patterns(),
    Path::pubsub(1000, 32, RAW),
    Path::pubsub(10, 64 << 10, RAW),
    Path::pubsub(1, 32, WEB),
    Path::pubsub(10, 32, WEB),
    Path::pubsub(10, 1 << 10, WEB),
    Path::pubsub(10, 64 << 10, WEB),
    Path::pubsub(10, 1 << 10, WEB).to(RAW),
    Path::rpc(32, RAW),
    Path::rpc(32, RAW).in_bursts(16),
    Path::rpc(32, WEB),
    Path::rpc(1 << 10, WEB).to(RAW),
];

/// The counted path of this name.
pub fn find(name: &str) -> Option<Path> {
    PATHS.into_iter().find(|path| path.to_string() == name)
}

impl Path {
    /// One publishes `payload` bytes at a time to so many.
    pub const fn pubsub(subscribers: usize, payload: usize, wire: Wire) -> Path {
        let shape = Shape::PubSub { subscribers, patterns: false };
        Path { shape, payload, from: wire, to: wire, burst: 1 }
    }

    /// One calls another, with `payload` bytes each way.
    pub const fn rpc(payload: usize, wire: Wire) -> Path {
        Path { shape: Shape::Rpc, payload, from: wire, to: wire, burst: 1 }
    }

    /// The same with subscribers or a callee that are connected in another way.
    #[must_use]
    pub const fn to(self, to: Wire) -> Path {
        Path { to, ..self }
    }

    /// The same with so many messages in each read.
    #[must_use]
    pub const fn in_bursts(self, burst: usize) -> Path {
        Path { burst, ..self }
    }

    /// The same with subscribers of all match policies.
    #[must_use]
    pub const fn by_patterns(self) -> Path {
        let shape = match self.shape {
            Shape::PubSub { subscribers, .. } => Shape::PubSub { subscribers, patterns: true },
            Shape::Rpc => Shape::Rpc,
        };
        Path { shape, ..self }
    }

    /// How many publications or calls are enough to count: so many that their number of deliveries times their size
    /// takes a simulator about a second. A multiple of `2 * burst`.
    pub const fn messages(&self) -> usize {
        let receivers = match self.shape {
            Shape::PubSub { subscribers, .. } => subscribers,
            Shape::Rpc => 2,
        };
        let cost = receivers + self.payload / 1024;
        let step = 2 * self.burst;
        let messages = 20_000 / cost;
        let messages = if messages > 4000 { 4000 } else { messages };
        messages.div_ceil(step) * step
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = match self.link {
            Link::RawSocket => "rawsocket",
            Link::WebSocket => "websocket",
        };
        write!(f, "{link}+{}", self.serializer.name())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape {
            Shape::PubSub { subscribers, .. } => write!(f, "pubsub 1x{subscribers}")?,
            Shape::Rpc => f.write_str("rpc 1x1")?,
        }
        match self.payload {
            bytes if bytes >= 1024 && bytes.is_multiple_of(1024) => write!(f, " {}KiB", bytes / 1024)?,
            bytes => write!(f, " {bytes}B")?,
        }
        write!(f, " {}", self.from)?;
        if self.to != self.from {
            write!(f, " to {}", self.to)?;
        }
        if matches!(self.shape, Shape::PubSub { patterns: true, .. }) {
            f.write_str(" by patterns")?;
        }
        if self.burst > 1 {
            write!(f, " burst {}", self.burst)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_path_is_found_by_a_name_of_its_own() {
        for path in PATHS {
            assert_eq!(find(&path.to_string()), Some(path));
        }
        assert_eq!(PATHS.iter().map(Path::to_string).collect::<BTreeSet<_>>().len(), PATHS.len());
        assert_eq!(find("pubsub 1x11 32B rawsocket+msgpack"), None);
    }

    #[test]
    fn half_of_the_messages_are_whole_bursts() {
        for path in PATHS {
            assert!(path.messages() >= 16, "{path}");
            assert_eq!(path.messages() % (2 * path.burst), 0, "{path}");
        }
    }
}
