//! Who a session is, and what its transport looks like.

use std::sync::Arc;

use transport::Framing;
use wamp::{Serializer, SessionId, Value};

/// The authrole of sessions that belong to the router itself. No client can have it.
pub const TRUSTED: &str = "trusted";

/// Who a session is, as its authentication found out (SES-23).
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The principal.
    pub authid: Arc<str>,
    /// The role, which says what the session may do.
    pub authrole: Arc<str>,
    /// How it proved it: `anonymous`, `ticket`, ...
    pub authmethod: Arc<str>,
    /// Who vouches for it: `static`, `dynamic`, ...
    pub authprovider: Arc<str>,
    /// More from the authentication, told to the client in WELCOME.
    pub authextra: Option<Box<Value>>,
}

impl Identity {
    /// Whether it is one of the router's own sessions.
    pub fn is_trusted(&self) -> bool {
        &*self.authrole == TRUSTED
    }

    /// A session of the router itself, or of the program that it is embedded in.
    pub fn trusted(authid: &str) -> Self {
        Identity {
            authid: authid.into(),
            authrole: TRUSTED.into(),
            authmethod: "internal".into(),
            authprovider: "internal".into(),
            authextra: None,
        }
    }
}

/// Who acts, by value, so that an actor need not be a session of this node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) session: SessionId,
    pub(crate) identity: &'a Identity,
}

/// How messages reach a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// How they are encoded.
    pub serializer: Serializer,
    /// How they are framed.
    pub framing: Framing,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelType {
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A Unix domain socket.
    Unix,
    /// The same process.
    Memory,
}

/// What is known of a session's transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportDetails {
    /// What carries the bytes.
    pub channel_type: ChannelType,
    /// The other end: `tcp4:IP:PORT`, `tcp6:IP:PORT`, `unix`, `unix:PATH` or `process:PID`.
    pub peer: String,
    /// This end, in the same form.
    pub own: Option<String>,
    /// `wamp.2.json` and so on, on WebSocket.
    pub websocket_protocol: Option<String>,
    /// The extensions agreed, on WebSocket.
    pub websocket_extensions: Vec<String>,
    /// The request's headers, names in lower case, on WebSocket.
    pub http_headers_received: Vec<(String, String)>,
    /// The headers that the router added to its response, on WebSocket.
    pub http_headers_sent: Vec<(String, String)>,
    /// What was agreed, on TLS.
    pub tls: Option<TlsDetails>,
    /// The client's certificate as DER, if it sent one.
    pub peer_certificate: Option<Vec<u8>>,
}

impl TransportDetails {
    /// A transport of which nothing more is known.
    pub fn new(channel_type: ChannelType, peer: &str) -> Self {
        TransportDetails {
            channel_type,
            peer: peer.to_owned(),
            own: None,
            websocket_protocol: None,
            websocket_extensions: Vec::new(),
            http_headers_received: Vec::new(),
            http_headers_sent: Vec::new(),
            tls: None,
            peer_certificate: None,
        }
    }

    /// Whether the bytes are protected on their way.
    pub fn is_secure(&self) -> bool {
        self.channel_type == ChannelType::Tls
    }
}

/// What a TLS handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDetails {
    /// `TLSv1_3` or `TLSv1_2`.
    pub protocol: String,
    /// The cipher suite.
    pub cipher: String,
    /// The application protocol, if one was agreed.
    pub alpn: Option<String>,
    /// The name the client asked for.
    pub server_name: Option<String>,
}
