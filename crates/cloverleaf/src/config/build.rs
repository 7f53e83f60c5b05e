//! From the maps of a file to what router and listeners are told.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use listeners::{
    ClientCertificates, Endpoint, Keepalive, ListenerConfig, RawSocketConfig, TlsConfig, WebSocketConfig,
};
use router::authenticate::Anonymous;
use router::config::RouterConfig;
use transport::websocket::{CompressionOptions, Subprotocol};
use wamp::Serializer;

use crate::config::endpoint::EndpointSection;
use crate::config::file::FileSection;
use crate::config::limits::LimitsSection;
use crate::config::realm::RealmSection;
use crate::config::setting::Bytes;
use crate::config::transport::{
    RawSocketItem, RawSocketSection, TransportSection, WebSocketItem, WebSocketSection,
};
use crate::config::websocket::{Compression, WebSocketOptions};
use crate::config::{Config, WorkerConfig};

impl FileSection {
    /// The configuration, with files relative to `directory`.
    pub(crate) fn config(&self, directory: &Path) -> Config {
        let workers = match &self.workers {
            None => {
                let realms = self.realms.as_deref().unwrap_or_default();
                vec![self.worker(None, realms, self.transports.as_deref().unwrap_or_default(), directory)]
            }
            Some(workers) => {
                let enabled =
                    workers.iter().map(|worker| &worker.0).filter(|worker| !worker.options.disabled.0);
                enabled
                    .map(|worker| {
                        self.worker(worker.id.clone(), &worker.realms, &worker.transports, directory)
                    })
                    .collect()
            }
        };
        Config { node_id: self.controller.id.clone(), workers }
    }

    fn worker(
        &self,
        id: Option<String>,
        realms: &[RealmSection],
        transports: &[TransportSection],
        directory: &Path,
    ) -> WorkerConfig {
        let agent = self.announce_agent.then(|| RouterConfig::default().agent).flatten();
        let router = RouterConfig {
            realms: realms.iter().map(RealmSection::router).collect(),
            limits: self.limits.router(),
            agent,
        };
        let listeners = transports.iter().map(|transport| transport.listener(&self.limits, directory));
        let stores = realms
            .iter()
            .filter_map(|realm| Some((realm.name.clone(), realm.store.as_ref()?.on_disk(directory)?)));
        WorkerConfig { id, router, listeners: listeners.collect(), stores: stores.collect() }
    }
}

impl TransportSection {
    fn listener(&self, limits: &LimitsSection, directory: &Path) -> ListenerConfig {
        let (endpoint, rawsocket, websocket) = match self {
            TransportSection::WebSocket(section) => {
                (&section.endpoint, None, Some(section.item().websocket(section.paths())))
            }
            TransportSection::RawSocket(section) => {
                (&section.endpoint, Some(section.item().rawsocket()), None)
            }
            TransportSection::Universal(section) => {
                let websocket = section.websocket.as_ref().and_then(|paths| at_paths(&paths.0));
                let rawsocket = section.rawsocket.as_ref().map(RawSocketItem::rawsocket);
                match (&rawsocket, &websocket) {
                    (None, None) => (
                        &section.endpoint,
                        Some(RawSocketConfig::default()),
                        Some(WebSocketConfig::default()),
                    ),
                    _ => (&section.endpoint, rawsocket, websocket),
                }
            }
            TransportSection::Web(section) => {
                let paths: Vec<(String, WebSocketItem)> =
                    section.paths.0.iter().map(|(path, item)| (path.clone(), item.0.clone())).collect();
                (&section.endpoint, None, at_paths(&paths))
            }
        };
        let mut connections = limits.connections();
        if let Some(timeout) = self.open_handshake_timeout() {
            connections.handshake_timeout = timeout;
        }
        ListenerConfig {
            tls: endpoint.tls(directory),
            rawsocket,
            websocket,
            limits: connections,
            authenticator: Some(Arc::new(Anonymous::new(self.role()))),
            ..ListenerConfig::new(endpoint.listener(directory))
        }
    }
}

impl TransportSection {
    /// The shortest handshake timeout that a WebSocket of this transport asks for.
    fn open_handshake_timeout(&self) -> Option<Duration> {
        let options: Vec<&WebSocketOptions> = match self {
            TransportSection::WebSocket(section) => section.options.iter().collect(),
            TransportSection::RawSocket(_) => Vec::new(),
            TransportSection::Universal(section) => {
                let items = section.websocket.iter().flat_map(|paths| &paths.0);
                items.filter_map(|(_, item)| item.options.as_ref()).collect()
            }
            TransportSection::Web(section) => {
                section.paths.0.iter().filter_map(|(_, path)| path.0.options.as_ref()).collect()
            }
        };
        options.into_iter().filter_map(|options| options.open_handshake_timeout?.unless_zero()).min()
    }
}

impl EndpointSection {
    fn listener(&self, directory: &Path) -> Endpoint {
        match self {
            EndpointSection::Tcp(tcp) => Endpoint::Tcp {
                address: SocketAddr::new(tcp.ip(), tcp.port.0),
                backlog: tcp.backlog,
                v6_only: None,
                shared: tcp.shared,
            },
            EndpointSection::Unix(unix) => {
                Endpoint::Unix { path: directory.join(&unix.path.0), mode: unix.mode.map(|mode| mode.0) }
            }
        }
    }

    fn tls(&self, directory: &Path) -> Option<TlsConfig> {
        let EndpointSection::Tcp(tcp) = self else { return None };
        let files = |names: &[String]| names.iter().map(|name| directory.join(name)).collect();
        tcp.tls.as_ref().map(|tls| TlsConfig {
            certificate: directory.join(&tls.certificate),
            chain_certificates: files(&tls.chain_certificates),
            key: directory.join(&tls.key),
            client_certificates: match tls.ca_certificates.as_slice() {
                [] => ClientCertificates::No,
                authorities => ClientCertificates::Required { authorities: files(authorities) },
            },
        })
    }
}

impl WebSocketSection {
    fn item(&self) -> WebSocketItem {
        WebSocketItem {
            kind: None,
            id: None,
            serializers: self.serializers.clone(),
            options: self.options.clone(),
            auth: self.auth.clone(),
        }
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = WebSocketConfig::default().paths;
        paths.extend(self.url.as_deref().and_then(path_of).filter(|path| !paths.contains(path)));
        paths
    }
}

/// The path of a URL; `None` where it has none.
fn path_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(format!("/{path}"))
}

impl RawSocketSection {
    fn item(&self) -> RawSocketItem {
        RawSocketItem {
            serializers: self.serializers.clone(),
            options: self.options.clone(),
            auth: self.auth.clone(),
        }
    }
}

impl RawSocketItem {
    fn rawsocket(&self) -> RawSocketConfig {
        let default = RawSocketConfig::default();
        RawSocketConfig {
            serializers: self.serializers.clone().map_or(default.serializers, |serializers| serializers.0),
            message_bytes_max: bytes(self.options.as_ref().and_then(|options| options.max_message_size)),
            peer_message_bytes_min: default.peer_message_bytes_min,
            keepalive: default.keepalive,
        }
    }
}

/// WebSocket at several paths, which were checked to be alike but for their names.
fn at_paths(items: &[(String, WebSocketItem)]) -> Option<WebSocketConfig> {
    let (_, first) = items.first()?;
    let paths = items.iter().map(|(path, _)| if path == "/" { path.clone() } else { format!("/{path}") });
    Some(first.websocket(paths.collect()))
}

impl WebSocketItem {
    fn websocket(&self, paths: Vec<String>) -> WebSocketConfig {
        let config = WebSocketConfig { paths, ..WebSocketConfig::default() };
        let config = match &self.serializers {
            Some(serializers) => WebSocketConfig { subprotocols: subprotocols(&serializers.0), ..config },
            None => config,
        };
        match &self.options {
            Some(options) => options.apply(config),
            None => config,
        }
    }
}

fn subprotocols(serializers: &[Serializer]) -> Vec<Subprotocol> {
    let both = |&serializer: &Serializer| {
        // A subprotocol's name doesn't tell the dialects of UBJSON apart; the client's user agent will.
        let serializer = if serializer == Serializer::Bjdata { Serializer::Ubjson } else { serializer };
        [false, true].map(|batched| Subprotocol { serializer, batched })
    };
    serializers.iter().flat_map(both).collect()
}

impl WebSocketOptions {
    fn apply(&self, config: WebSocketConfig) -> WebSocketConfig {
        WebSocketConfig {
            require_subprotocol: self.require_websocket_subprotocol,
            allowed_origins: self.allowed_origins.clone(),
            allow_null_origin: self.allow_null_origin,
            compression: match &self.compression {
                None => config.compression,
                Some(Compression::Off) => None,
                Some(Compression::Deflate(deflate)) => Some(CompressionOptions {
                    max_window_bits: deflate.max_window_bits.0,
                    request_no_context_takeover: deflate.request_no_context_takeover,
                    request_max_window_bits: Some(deflate.request_max_window_bits).filter(|bits| *bits != 0),
                }),
            },
            message_bytes_max: bytes(self.max_message_size),
            keepalive: self.keepalive(config.keepalive.unwrap_or_default()),
            ..config
        }
    }

    /// Pings, unless their interval is set to 0; a timeout of 0 is one that hardly ends.
    fn keepalive(&self, default: Keepalive) -> Option<Keepalive> {
        let interval = self.auto_ping_interval.map_or(default.interval, |interval| interval.0);
        let timeout = match self.auto_ping_timeout {
            None => default.timeout,
            Some(timeout) => timeout.unless_zero().unwrap_or(WITHOUT_END),
        };
        (!interval.is_zero()).then_some(Keepalive { interval, timeout })
    }
}

/// A wait that nobody sees the end of.
const WITHOUT_END: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A size where 0, like nothing, means that no limit of its own is set.
fn bytes(size: Option<Bytes>) -> Option<usize> {
    size.map(|size| size.0).filter(|size| *size != 0)
}
