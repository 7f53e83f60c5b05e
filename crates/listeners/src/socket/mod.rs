//! Listening sockets: binding them, and accepting from them.

mod tcp;
mod unix;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

use router::Address;
use tokio::net::{TcpStream, UnixStream};

use self::tcp::TcpSocket;
use self::unix::UnixSocket;
use crate::{Endpoint, ListenError};

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalAddress {
    /// On TCP; the port is the one it has got if it asked for 0.
    Tcp(SocketAddr),
    /// On a Unix domain socket.
    Unix(PathBuf),
}

impl LocalAddress {
    /// The address of a TCP listener.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            LocalAddress::Tcp(address) => Some(*address),
            LocalAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for LocalAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalAddress::Tcp(address) => write!(f, "tcp://{address}"),
            LocalAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<&Endpoint> for LocalAddress {
    fn from(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Tcp { address, .. } => LocalAddress::Tcp(*address),
            Endpoint::Unix { path, .. } => LocalAddress::Unix(path.clone()),
        }
    }
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// A TCP peer.
    Tcp(SocketAddr),
    /// A process on the same machine.
    Unix,
}

impl fmt::Display for PeerAddress {
    /// As session details have it: `tcp4:IP:PORT`, `tcp6:IP:PORT` or `unix`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Address::from(*self).fmt(f)
    }
}

impl From<PeerAddress> for Address {
    fn from(peer: PeerAddress) -> Self {
        match peer {
            PeerAddress::Tcp(address) => Address::from(address),
            PeerAddress::Unix => Address::from("unix"),
        }
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpSocket),
    Unix(UnixSocket),
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Incoming {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

impl Socket {
    /// Binds a socket; the runtime whose context this is called in drives it.
    pub(crate) fn bind(endpoint: &Endpoint, keepalive: Option<Duration>) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Bind { address: endpoint.into(), source };
        match endpoint {
            Endpoint::Tcp { address, backlog, v6_only, shared } => {
                TcpSocket::bind(*address, *backlog, *v6_only, *shared, keepalive)
                    .map(Socket::Tcp)
                    .map_err(failed)
            }
            Endpoint::Unix { path, mode } => UnixSocket::bind(path, *mode).map(Socket::Unix),
        }
    }

    /// Where it listens, the port that was found for port 0 included.
    pub(crate) fn local_address(&self) -> LocalAddress {
        match self {
            Socket::Tcp(socket) => LocalAddress::Tcp(socket.address()),
            Socket::Unix(socket) => LocalAddress::Unix(socket.path().to_owned()),
        }
    }

    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Incoming>> {
        match self {
            Socket::Tcp(socket) => socket.poll_accept(cx),
            Socket::Unix(socket) => socket.poll_accept(cx),
        }
    }
}

/// Whether an error of accepting is about that one connection, not about the listener.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_in_session_details() {
        let peer = |address: &str| PeerAddress::Tcp(address.parse().expect("an address")).to_string();
        assert_eq!(peer("127.0.0.1:80"), "tcp4:127.0.0.1:80");
        assert_eq!(peer("[::1]:80"), "tcp6:::1:80");
        assert_eq!(peer("[::ffff:127.0.0.1]:80"), "tcp4:127.0.0.1:80");
        assert_eq!(PeerAddress::Unix.to_string(), "unix");
    }

    #[test]
    fn local_addresses_read_as_urls() {
        let tcp = Endpoint::tcp(([127, 0, 0, 1], 8080).into());
        assert_eq!(LocalAddress::from(&tcp).to_string(), "tcp://127.0.0.1:8080");
        let unix = Endpoint::unix("/run/cloverleaf.sock");
        assert_eq!(LocalAddress::from(&unix).to_string(), "unix:/run/cloverleaf.sock");
    }
}
