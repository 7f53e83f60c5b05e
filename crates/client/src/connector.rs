//! From a URL to a link.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use transport::websocket::extension::DeflateOffer;
use transport::websocket::{Subprotocol, client};
use wamp::Serializer;

use crate::error::ConnectError;
use crate::link::opening::{self, Opened};
use crate::link::socket::Socket;
use crate::link::{Keepalive, Link};
use crate::url::{Place, Url};

/// Everything that is needed to connect, any number of times.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) url: Url,
    /// The preferred one first.
    pub(crate) serializers: Vec<Serializer>,
    pub(crate) message_bytes_max: usize,
    pub(crate) batched: bool,
    pub(crate) compressed: bool,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) agent: Option<String>,
    pub(crate) keepalive: Option<Keepalive>,
    /// Present iff the URL asks for TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

impl Connector {
    /// Connects, and opens the transport.
    pub(crate) async fn dial(&mut self) -> Result<Box<dyn Link>, ConnectError> {
        if let Place::WebSocket { host, port, secure, target } = &self.url.place {
            let socket = self.connect(host, *port).await?;
            return self.websocket(socket, host, *port, *secure, target).await;
        }
        self.rawsocket().await
    }

    async fn websocket(
        &self,
        socket: Socket,
        host: &str,
        port: u16,
        secure: bool,
        target: &str,
    ) -> Result<Box<dyn Link>, ConnectError> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let host = if port == if secure { 443 } else { 80 } { host } else { format!("{host}:{port}") };
        let offers = |batched| {
            self.serializers.iter().map(move |serializer| Subprotocol { serializer: *serializer, batched })
        };
        let mut protocols = Vec::new();
        if self.batched {
            protocols.extend(offers(true));
        }
        protocols.extend(offers(false));
        let options = client::Options {
            host: &host,
            path: target,
            protocols: &protocols,
            deflate: self.compressed.then(DeflateOffer::default),
            user_agent: self.agent.as_deref(),
            headers: &self.headers,
        };
        let link = opening::websocket(socket, &options, self.message_bytes_max, self.keepalive).await?;
        Ok(Box::new(link))
    }

    /// A RawSocket connection speaks one serializer, so each is tried on one of its own until one is spoken.
    async fn rawsocket(&self) -> Result<Box<dyn Link>, ConnectError> {
        for serializer in &self.serializers {
            let socket = match &self.url.place {
                Place::WebSocket { host, port, .. } | Place::RawSocket { host, port, .. } => {
                    self.connect(host, *port).await?
                }
                Place::Unix { path } => connect_unix(path).await?,
            };
            match opening::rawsocket(socket, *serializer, self.message_bytes_max, self.keepalive).await? {
                Opened::Link(link) => return Ok(link),
                Opened::OtherSerializer => {}
            }
        }
        Err(ConnectError::handshake("the router speaks none of the serializers offered"))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<Socket, ConnectError> {
        let reach = |error| ConnectError::reach(format!("{host}:{port}"), error);
        let stream = TcpStream::connect((host, port)).await.map_err(reach)?;
        // Messages are gathered before they are written, so waiting for more would only delay them.
        stream.set_nodelay(true).map_err(reach)?;
        let Some(config) = &self.tls else { return Ok(Socket::Tcp(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(ConnectError::tls)?;
        let stream =
            TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(ConnectError::tls)?;
        Ok(Socket::Tls(Box::new(stream)))
    }
}

#[cfg(unix)]
async fn connect_unix(path: &std::path::Path) -> Result<Socket, ConnectError> {
    let stream = tokio::net::UnixStream::connect(path).await;
    stream.map(Socket::Unix).map_err(|error| ConnectError::reach(path.display().to_string(), error))
}

#[cfg(not(unix))]
async fn connect_unix(path: &std::path::Path) -> Result<Socket, ConnectError> {
    let error = std::io::ErrorKind::Unsupported.into();
    Err(ConnectError::reach(path.display().to_string(), error))
}
