//! Sockets for the Cloverleaf router: TCP, Unix, TLS, one port for every transport.
//!
//! A [`Listener`] accepts connections and looks at their first bytes: 0x7F is a RawSocket, anything else HTTP, which
//! may become a WebSocket. What has become a session is looked after by one hand-written future per connection, which
//! reads, routes and writes; there is no other task, channel or timer per session.
//!
//! ```text
//!   Listener ── accepts ──> opening: TLS, first bytes, handshake        (async, under one timeout)
//!                              │
//!                              ├──> Connection: bytes <-> router::Link  (one future, polled when there is work)
//!                              └──> HttpHandler: requests that are no upgrade
//! ```
//!
//! What this crate deliberately does not do: it knows no WAMP message (that is `router`'s) and no frame (that is
//! `transport`'s), and it serves no web pages but a short one that says what is spoken here; other services plug in as
//! an [`HttpHandler`].
//!
//! *Invariants*
//! - Only a connection's own task writes to its socket.
//! - What a thread needs for its work (scratch buffer, routing caches) is borrowed within one poll and never across.
//! - An idle connection holds no buffer.
//! - Each wait for a peer has a limit: for its handshake, for taking what it is sent, for answering a close, and, where
//!   keepalive is on, for a sign of life.
//! - A panic ends the connection that met it, never the process.

mod admission;
mod certificate;
pub mod clock;
mod config;
mod connection;
mod edges;
mod error;
mod heartbeat;
mod here;
mod http;
mod lane;
mod listener;
mod newcomer;
mod opening;
mod poll_watch;
mod socket;
mod status_page;
mod thread;
mod tls;

pub use config::{
    ConnectionLimits, Endpoint, HttpConfig, Keepalive, ListenerConfig, RawSocketConfig, WebSocketConfig,
};
pub use edges::{ServiceOptions, ServiceThreads, SystemClock, in_turn};
pub use error::{ListenError, TlsError};
pub use here::transport_here;
pub use http::{HttpExchange, HttpHandler, HttpStream};
pub use listener::Listener;
pub use poll_watch::PollWatch;
pub use socket::{LocalAddress, PeerAddress};
pub use tls::{ClientCertificates, TlsConfig, TlsReload};
