//! What a listener is told: where it listens, what it speaks there, and how long it waits for whom. Plain data, without
//! a file format.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use router::decision::Authenticator;
use transport::websocket::{CompressionOptions, Subprotocol};
use wamp::Serializer;

use crate::{HttpHandler, PollWatch, TlsConfig};

/// One listening socket and everything that is spoken on it.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Where to listen.
    pub endpoint: Endpoint,
    /// Listen for TLS, and for nothing but TLS; only on TCP.
    pub tls: Option<TlsConfig>,
    /// Speak RawSocket.
    pub rawsocket: Option<RawSocketConfig>,
    /// Speak WebSocket.
    pub websocket: Option<WebSocketConfig>,
    /// Answer HTTP requests that don't ask for a WebSocket.
    pub http: Option<HttpConfig>,
    /// Who finds out who the clients are; `None`: all are anonymous.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// What peers can make this listener hold, and for how long.
    pub limits: ConnectionLimits,
    /// Who measures the polls of connections; `None`, as in earnest, costs a branch.
    pub poll_watch: Option<Arc<dyn PollWatch>>,
}

impl ListenerConfig {
    /// Everything that is spoken without TLS, on one port (RAW-23).
    pub fn new(endpoint: Endpoint) -> Self {
        ListenerConfig {
            endpoint,
            tls: None,
            rawsocket: Some(RawSocketConfig::default()),
            websocket: Some(WebSocketConfig::default()),
            http: Some(HttpConfig::default()),
            authenticator: None,
            limits: ConnectionLimits::default(),
            poll_watch: None,
        }
    }
}

impl Default for ListenerConfig {
    fn default() -> Self {
        ListenerConfig::new(Endpoint::tcp((Ipv4Addr::LOCALHOST, 8080).into()))
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// Address and port; port 0 is any free one, see [`crate::Listener::local_address`].
        address: SocketAddr,
        /// How many connections may wait to be accepted.
        backlog: u32,
        /// Whether an IPv6 socket takes IPv6 only; `None` leaves it to the system.
        v6_only: Option<bool>,
        /// Whether other processes (or listeners) may listen there too (`SO_REUSEPORT`).
        shared: bool,
    },
    /// A Unix domain socket.
    Unix {
        /// Its path. A socket that nobody listens on any more is replaced.
        path: PathBuf,
        /// Its permissions, such as 0o660; `None` leaves them to the umask (TLS-03).
        mode: Option<u32>,
    },
}

impl Endpoint {
    /// A TCP port with the usual options.
    pub fn tcp(address: SocketAddr) -> Self {
        Endpoint::Tcp { address, backlog: 1024, v6_only: None, shared: false }
    }

    /// A Unix domain socket with the permissions that the umask gives.
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Endpoint::Unix { path: path.into(), mode: None }
    }
}

/// RawSocket on a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSocketConfig {
    /// What is spoken. UBJSON and BJData share one number, so the first of them in this list is meant by it: BJData by
    /// default, as Autobahn|Python has it since 26.6.
    pub serializers: Vec<Serializer>,
    /// The longest message accepted, in bytes: rounded up to the next power of two from 512 bytes to 16 MiB, which is
    /// what the handshake can say (RAW-04). `None`: the router's limit.
    pub message_bytes_max: Option<usize>,
    /// What a client must at least accept itself, in bytes; others are refused (RAW-07).
    pub peer_message_bytes_min: usize,
    /// PINGs of ours. Off by default, since Autobahn|Python's RawSocket knows no PING and breaks on it; TCP keepalive
    /// finds peers that are gone.
    pub keepalive: Option<Keepalive>,
}

impl Default for RawSocketConfig {
    fn default() -> Self {
        RawSocketConfig {
            serializers: vec![Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Bjdata],
            message_bytes_max: None,
            peer_message_bytes_min: 512,
            keepalive: None,
        }
    }
}

/// WebSocket on a listener.
#[derive(Debug, Clone)]
pub struct WebSocketConfig {
    /// The paths at which it is spoken, as they stand in requests.
    pub paths: Vec<String>,
    /// What is spoken; of those, the first in the client's order is taken (WSK-03).
    pub subprotocols: Vec<Subprotocol>,
    /// Refuse clients that name none of [`WebSocketConfig::subprotocols`] (WSK-04); if not, JSON is assumed.
    pub require_subprotocol: bool,
    /// Patterns of origins, with `*` for anything, from which browsers may connect (WSK-13).
    pub allowed_origins: Vec<String>,
    /// Whether pages without an origin (local files) may connect.
    pub allow_null_origin: bool,
    /// permessage-deflate with clients that want it (WSK-12); `None` never compresses.
    pub compression: Option<CompressionOptions>,
    /// The longest message accepted, in bytes, inflated and put together (WSK-11). `None`: the router's limit.
    pub message_bytes_max: Option<usize>,
    /// Pings of ours (WSK-14).
    pub keepalive: Option<Keepalive>,
    /// The `Server` header of responses; `None` tells nobody what this is.
    pub server_header: Option<String>,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        let serializers = [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Ubjson];
        let both = |serializer| [false, true].map(|batched| Subprotocol { serializer, batched });
        WebSocketConfig {
            paths: vec!["/".to_owned(), "/ws".to_owned()],
            subprotocols: serializers.into_iter().flat_map(both).collect(),
            require_subprotocol: true,
            allowed_origins: vec!["*".to_owned()],
            allow_null_origin: true,
            compression: Some(CompressionOptions::default()),
            message_bytes_max: None,
            keepalive: Some(Keepalive::default()),
            server_header: None,
        }
    }
}

/// When a silent peer is asked for a sign of life, and when it is given up (ROB-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// A peer that sent nothing for so long gets a ping.
    pub interval: Duration,
    /// A peer that sent nothing for so long after that is dropped. Anything counts as an answer.
    pub timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Keepalive { interval: Duration::from_secs(30), timeout: Duration::from_secs(20) }
    }
}

/// HTTP requests that don't ask for a WebSocket.
#[derive(Debug, Clone, Default)]
pub struct HttpConfig {
    /// Who answers them; `None`: a short page at the WebSocket paths that says what is spoken here.
    pub handler: Option<Arc<dyn HttpHandler>>,
}

/// What peers can make a listener hold, and for how long (ROB-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at a time; more are told so and closed (RAW-09).
    pub connections_max: usize,
    /// Connections at a time from one IPv4 address, or one /64 network of IPv6. Unix sockets aren't counted.
    pub connections_per_address_max: Option<usize>,
    /// From accepting to the end of the transport's handshake, TLS included (RAW-24).
    pub handshake_timeout: Duration,
    /// A peer that takes none of what it is sent for so long is dropped (BRK-17).
    pub write_timeout: Duration,
    /// How long the end of a connection may take: the last bytes, and the peer's answer to a close frame.
    pub close_timeout: Duration,
    /// How long connections may go on after the listener was told to end.
    pub drain_timeout: Duration,
    /// TCP keepalive: after so long without traffic the system asks whether the peer still is there. `None`: never.
    pub tcp_keepalive: Option<Duration>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits {
            connections_max: 1_000_000,
            connections_per_address_max: None,
            handshake_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(10),
            tcp_keepalive: Some(Duration::from_secs(60)),
        }
    }
}
