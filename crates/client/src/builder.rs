//! How a session is to be opened.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};
use wamp::role::ClientRoles;
use wamp::{Serializer, Value};

use crate::auth::Authenticator;
use crate::connector::Connector;
use crate::driver::{Driver, Pump};
use crate::error::ConnectError;
use crate::link::{Keepalive, Link};
use crate::protocol::{Identity, Protocol};
use crate::reconnect::Reconnect;
use crate::session::{Phase, Session, Status};
use crate::tls;
use crate::url::Url;

/// The limit of RawSocket, and the default one of most routers: 16 MiB.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// A session to be opened: [`Session::builder`] or [`Session::over`], options, and [`SessionBuilder::connect`] last.
#[must_use = "a session is opened by `connect`"]
pub struct SessionBuilder {
    target: Target,
    identity: Identity,
    serializers: Vec<Serializer>,
    message_bytes_max: usize,
    batched: bool,
    compressed: bool,
    headers: Vec<(String, String)>,
    keepalive: Option<Keepalive>,
    tls: Option<Arc<ClientConfig>>,
    tls_roots: Option<PathBuf>,
    open_timeout: Duration,
    reconnect: Option<Reconnect>,
    queue_limit: usize,
}

enum Target {
    Url(String),
    Link(Box<dyn Link>),
}

impl SessionBuilder {
    pub(crate) fn for_url(url: String, realm: String) -> Self {
        SessionBuilder::new(Target::Url(url), realm)
    }

    pub(crate) fn over_link(link: Box<dyn Link>, realm: String) -> Self {
        SessionBuilder::new(Target::Link(link), realm)
    }

    fn new(target: Target, realm: String) -> Self {
        SessionBuilder {
            target,
            identity: Identity {
                realm: Some(realm),
                roles: ClientRoles::complete(),
                agent: Some(concat!("Cloverleaf-client/", env!("CARGO_PKG_VERSION")).to_owned()),
                authid: None,
                authrole: None,
                authextra: None,
                authenticator: None,
            },
            serializers: vec![Serializer::MsgPack, Serializer::Cbor, Serializer::Json],
            message_bytes_max: MESSAGE_BYTES_MAX,
            batched: false,
            compressed: false,
            headers: Vec::new(),
            keepalive: Some(Keepalive::default()),
            tls: None,
            tls_roots: None,
            open_timeout: Duration::from_secs(10),
            reconnect: None,
            queue_limit: 1024,
        }
    }

    /// The serializers to offer, the preferred one first: MessagePack, CBOR and JSON if nothing is said.
    ///
    /// Over RawSocket they are tried one after the other. UBJSON and BJData have one name on the wire: ask for BJData only
    /// where it is known that the router means that by it.
    pub fn serializers(mut self, serializers: impl IntoIterator<Item = Serializer>) -> Self {
        self.serializers = serializers.into_iter().collect();
        self
    }

    /// The one serializer to speak.
    pub fn serializer(self, serializer: Serializer) -> Self {
        self.serializers([serializer])
    }

    /// The roles and features to announce: all that this client has if nothing is said.
    pub const fn roles(mut self, roles: ClientRoles) -> Self {
        self.identity.roles = roles;
        self
    }

    /// What to call the software at this end; `None` not to tell.
    pub fn agent(mut self, agent: Option<String>) -> Self {
        self.identity.agent = agent;
        self
    }

    /// Leaves the choice of the realm to the router.
    pub fn any_realm(mut self) -> Self {
        self.identity.realm = None;
        self
    }

    /// Who we are.
    pub fn authid(mut self, authid: impl Into<String>) -> Self {
        self.identity.authid = Some(authid.into());
        self
    }

    /// The role we would like to have.
    pub fn authrole(mut self, authrole: impl Into<String>) -> Self {
        self.identity.authrole = Some(authrole.into());
        self
    }

    /// More about us, unless the authenticator has something to say there.
    pub fn authextra(mut self, extra: impl Into<Value>) -> Self {
        self.identity.authextra = Some(extra.into());
        self
    }

    /// What proves who we are. Without it the session is anonymous.
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.identity.authenticator = Some(Box::new(authenticator));
        self
    }

    /// How TLS is to be spoken, for `wss` and `rss` (see [`tls`]).
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// A PEM file with the certificates to trust, for `wss` and `rss`. [`SessionBuilder::tls`] takes precedence.
    pub fn tls_roots(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls_roots = Some(file.into());
        self
    }

    /// The longest message to receive, in bytes: 16 MiB if nothing is said. RawSocket rounds it up to a power of two,
    /// and has no more than 16 MiB.
    pub const fn message_bytes_max(mut self, limit: usize) -> Self {
        self.message_bytes_max = limit;
        self
    }

    /// Prefers batched subprotocols over WebSocket: many small messages in one frame.
    pub const fn batched(mut self, batched: bool) -> Self {
        self.batched = batched;
        self
    }

    /// Offers compression over WebSocket (permessage-deflate).
    pub const fn compressed(mut self, compressed: bool) -> Self {
        self.compressed = compressed;
        self
    }

    /// Adds a header field to the opening request of WebSocket, such as an origin or a cookie.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// When to ping a silent router, and when to give it up; `None` for never.
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// How long opening may take, from the name lookup to WELCOME: 10 s if nothing is said.
    pub const fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// Makes lost connections again, and with them all subscriptions and registrations. Off if nothing is said.
    ///
    /// It applies to a session that was open: if the first connection can't be made, that is told at once. A connection
    /// counts as lost if it breaks or if the router shuts down; if the router ends the session for another reason, it is
    /// over. While there is no connection, requests fail at once
    /// ([`is_network_lost`](crate::RequestError::is_network_lost)), as do those that were not answered yet. A session
    /// over a link of one's own ([`Session::over`]) can't be made again.
    pub const fn reconnect(mut self, policy: Reconnect) -> Self {
        self.reconnect = Some(policy);
        self
    }

    /// How many requests wait in the session's queue before further ones wait for room: at least 1; 1,024 if nothing
    /// is said.
    pub const fn queue_limit(mut self, commands: usize) -> Self {
        self.queue_limit = commands;
        self
    }

    /// Opens the session. The task that keeps it is spawned on the current runtime.
    ///
    /// # Errors
    /// There is no router at the URL, or it refuses.
    pub async fn connect(mut self) -> Result<Session, ConnectError> {
        let timeout = self.open_timeout;
        tokio::time::timeout(timeout, async {
            let mut connector = self.connector()?;
            let link = match self.target {
                Target::Link(link) => link,
                Target::Url(_) => match &mut connector {
                    Some(connector) => connector.dial().await?,
                    None => return Err(ConnectError::handshake("there is nothing to connect to")),
                },
            };
            let (commands, queued) = mpsc::channel(self.queue_limit.max(1));
            let (taken_back, queued_back) = mpsc::unbounded_channel();
            let protocol = Protocol::new(self.identity, commands.downgrade());
            let mut driver = Driver::new(protocol, queued, queued_back, taken_back.clone());
            let mut pump = Pump::new(link);
            let welcomed = driver.open(&mut pump).await?;
            let (status, statuses) = watch::channel(Status { welcomed, phase: Phase::Open });
            let again = self.reconnect.zip(connector).map(|(policy, connector)| (policy, connector, timeout));
            tokio::spawn(driver.run(pump, status, again));
            Ok(Session::new(commands, taken_back, statuses))
        })
        .await
        .unwrap_or_else(|_| Err(ConnectError::timeout(timeout)))
    }

    /// What connects to the URL, if there is one.
    fn connector(&mut self) -> Result<Option<Connector>, ConnectError> {
        let Target::Url(url) = &self.target else { return Ok(None) };
        let url: Url = url.parse()?;
        let tls = match (self.tls.take(), &self.tls_roots) {
            _ if !url.is_secure() => None,
            (Some(config), _) => Some(config),
            (None, Some(file)) => Some(tls::trusting_file(file).map_err(ConnectError::tls)?),
            (None, None) => {
                return Err(ConnectError::tls(
                    "whom to trust was not said: SessionBuilder::tls_roots or ::tls",
                ));
            }
        };
        Ok(Some(Connector {
            url,
            serializers: std::mem::take(&mut self.serializers),
            message_bytes_max: self.message_bytes_max,
            batched: self.batched,
            compressed: self.compressed,
            headers: std::mem::take(&mut self.headers),
            agent: self.identity.agent.clone(),
            keepalive: self.keepalive,
            tls,
        }))
    }
}
