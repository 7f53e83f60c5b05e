//! From an accepted connection to a session or a request: the first bytes, and the handshake they begin.
//!
//! ```text
//!   0x7F  ─> RawSocket handshake ─────────────────────────> Connection
//!   other ─> HTTP ─┬─ asks for a WebSocket ── accepted ───> Connection
//!                  │                      └── refused ────> said so, closed
//!                  └─ anything else ──────────────────────> HttpHandler
//! ```
//!
//! All of it runs under one timeout (RAW-24), in any segmentation (RAW-22); what the client sent behind its handshake
//! is handed on (RAW-21). This is plain `async`: it is boxed, and gone when the connection is open.

mod rawsocket;
mod websocket;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use router::{Format, Link, Router, TransportDetails};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;
use transport::rawsocket::MAGIC;

use crate::admission::Admitted;
use crate::connection::{Parts, Wire};
use crate::http::HttpExchange;
use crate::lane::Place;
use crate::status_page::StatusPage;
use crate::{HttpHandler, ListenerConfig, PeerAddress, clock};

/// What all connections of a listener share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: ListenerConfig,
    pub(crate) router: Arc<Router>,
    /// Who answers requests that are no upgrade, if anybody.
    handler: Option<Arc<dyn HttpHandler>>,
}

impl Context {
    pub(crate) fn new(config: ListenerConfig, router: Arc<Router>) -> Arc<Self> {
        let handler = config.http.as_ref().map(|http| match &http.handler {
            Some(handler) => Arc::clone(handler),
            None => Arc::new(StatusPage::new(&config)),
        });
        Arc::new(Context { config, router, handler })
    }

    /// The router's end of a connection whose handshake is done.
    fn link(&self, format: Format, peer_bytes_max: usize, transport: TransportDetails) -> Link {
        let link = Link::new(&self.router, format, peer_bytes_max, transport, clock::now());
        match &self.config.authenticator {
            Some(authenticator) => link.with_authenticator(Arc::clone(authenticator)),
            None => link,
        }
    }
}

/// One connection before it is known what it will be.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    pub(crate) stream: S,
    pub(crate) peer: PeerAddress,
    /// What is known of the transport so far, for the session's details.
    pub(crate) transport: TransportDetails,
    pub(crate) admitted: Admitted,
    pub(crate) place: Place,
    pub(crate) context: Arc<Context>,
    /// What was read and isn't understood yet.
    received: Vec<u8>,
}

/// Why a connection is closed before it was open.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it was closed by its peer")]
    Eof,
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is closed without a word.
    #[error("{0}")]
    Silently(&'static str),
    /// It gets an answer first.
    #[error("{0}")]
    Answered(String, Vec<u8>),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Opening<S> {
    pub(crate) fn new(
        stream: S,
        peer: PeerAddress,
        transport: TransportDetails,
        admitted: Admitted,
        place: Place,
        context: Arc<Context>,
    ) -> Self {
        Opening { stream, peer, transport, admitted, place, context, received: Vec::new() }
    }

    /// Opens the connection; `None` if it came to nothing, or to requests that were answered.
    pub(crate) async fn open(mut self) -> Option<Parts<S>> {
        let limits = &self.context.config.limits;
        let close_timeout = limits.close_timeout;
        let greeting = match timeout(limits.handshake_timeout, self.greet()).await {
            Ok(greeting) => greeting,
            Err(_) => Err(Refused::Silently("its handshake took too long")),
        };
        match greeting {
            Ok(Greeting::Session(wire, link)) => Some(Parts {
                stream: self.stream,
                link,
                wire,
                received: self.received,
                admitted: self.admitted,
                place: self.place,
                context: self.context,
            }),
            Ok(Greeting::Request(request, handler)) => {
                let exchange = HttpExchange {
                    request,
                    received: self.received,
                    stream: Box::new(self.stream),
                    peer: self.peer,
                    is_secure: self.transport.is_secure(),
                };
                handler.handle(exchange).await;
                None
            }
            Err(refused) => {
                debug!(peer = %self.peer, "connection not opened: {refused}");
                if let Refused::Answered(_, answer) = refused {
                    say_and_close(self.stream, &answer, close_timeout).await;
                }
                None
            }
        }
    }

    async fn greet(&mut self) -> Result<Greeting, Refused> {
        self.receive().await?;
        match self.received.first() {
            Some(&MAGIC) => rawsocket::greet(self).await,
            _ => websocket::greet(self).await,
        }
    }

    /// Waits for more bytes.
    async fn receive(&mut self) -> Result<(), Refused> {
        // A handshake is short; what follows it is read in larger pieces.
        let mut bytes = [0; 2048];
        let count = self.stream.read(&mut bytes).await?;
        if count == 0 {
            return Err(Refused::Eof);
        }
        self.received.extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }
}

/// What the first bytes came to.
enum Greeting {
    Session(Wire, Link),
    Request(transport::http::Request, Arc<dyn HttpHandler>),
}

/// Sends the last bytes there are for a peer and closes the connection so that they arrive: a socket that is closed
/// while unread bytes are in it takes back what it sent last.
pub(crate) async fn say_and_close(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
    within: Duration,
) {
    let farewell = async {
        stream.write_all(bytes).await?;
        stream.shutdown().await?;
        let mut rest = [0; 2048];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Whether it arrived can't be known, and nothing more can be done.
    let _ = timeout(within, farewell).await;
}
