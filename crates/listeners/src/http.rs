//! The seam for HTTP requests that don't ask for a WebSocket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use transport::http::Request;

use crate::PeerAddress;

/// Who answers HTTP requests that don't ask for a WebSocket: static files, bridges, metrics.
///
/// It gets the connection with the first request read, and does with it what it likes, several requests one after the
/// other included. The limits of the listener on connections hold, those on time end with the head of the request: a
/// handler has to see to its own.
pub trait HttpHandler: Send + Sync + fmt::Debug {
    /// Answers the request and whatever follows on its connection, which is closed by dropping it.
    fn handle(&self, exchange: HttpExchange) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// A connection on which a request came in.
pub struct HttpExchange {
    /// The head of the request.
    pub request: Request,
    /// What was read behind the head: the begin of a body, or the next request.
    pub received: Vec<u8>,
    /// The connection.
    pub stream: Box<dyn HttpStream>,
    /// The other end.
    pub peer: PeerAddress,
    /// Whether it is a TLS connection.
    pub is_secure: bool,
}

impl fmt::Debug for HttpExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpExchange { request, peer, is_secure, .. } = self;
        f.debug_struct("HttpExchange")
            .field("request", request)
            .field("peer", peer)
            .field("is_secure", is_secure)
            .finish_non_exhaustive()
    }
}

/// A connection of any kind.
pub trait HttpStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> HttpStream for S {}
