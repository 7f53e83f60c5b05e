//! Where a node listens, in the words of those who want to connect.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use listeners::{ListenerConfig, LocalAddress};

/// A socket that a node listens on. Displays as `127.0.0.1:8080` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListeningAt {
    /// The address, with the port it has got if it asked for any.
    pub address: LocalAddress,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it speaks RawSocket.
    pub rawsocket: bool,
    /// At which paths it speaks WebSocket.
    pub websocket_paths: Vec<String>,
}

impl ListeningAt {
    /// What will listen with this configuration, once its address is known.
    pub(crate) fn of(config: &ListenerConfig) -> impl FnOnce(LocalAddress) -> ListeningAt + use<> {
        let tls = config.tls.is_some();
        let rawsocket = config.rawsocket.is_some();
        let websocket_paths =
            config.websocket.as_ref().map(|websocket| websocket.paths.clone()).unwrap_or_default();
        move |address| ListeningAt { address, tls, rawsocket, websocket_paths }
    }

    /// A URL for WebSocket clients on this machine; `/ws` is preferred among its paths.
    pub fn websocket_url(&self) -> Option<String> {
        let address = self.reachable()?;
        let preferred = self.websocket_paths.iter().find(|path| *path == "/ws");
        let path = preferred.or(self.websocket_paths.first())?;
        let scheme = if self.tls { "wss" } else { "ws" };
        Some(format!("{scheme}://{address}{path}"))
    }

    /// A URL for RawSocket clients on this machine.
    pub fn rawsocket_url(&self) -> Option<String> {
        match (self.rawsocket, &self.address) {
            (false, _) => None,
            (true, LocalAddress::Unix(path)) => Some(format!("unix://{}", path.display())),
            (true, LocalAddress::Tcp(_)) => {
                let scheme = if self.tls { "rss" } else { "rs" };
                self.reachable().map(|address| format!("{scheme}://{address}"))
            }
        }
    }

    /// An address that a client on this machine can connect to: all interfaces include the loopback.
    fn reachable(&self) -> Option<SocketAddr> {
        let address = self.address.socket_addr()?;
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, address.port()))
    }
}

impl fmt::Display for ListeningAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            LocalAddress::Tcp(address) => write!(f, "{address}"),
            LocalAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, tls: bool) -> ListeningAt {
        let config = ListenerConfig::default();
        let address = LocalAddress::Tcp(address.parse().unwrap());
        ListeningAt { tls, ..ListeningAt::of(&config)(address) }
    }

    #[test]
    fn urls_lead_to_this_machine() {
        let open = at("127.0.0.1:8080", false);
        assert_eq!(open.websocket_url().as_deref(), Some("ws://127.0.0.1:8080/ws"));
        assert_eq!(open.rawsocket_url().as_deref(), Some("rs://127.0.0.1:8080"));
        let everywhere = at("[::]:8443", true);
        assert_eq!(everywhere.websocket_url().as_deref(), Some("wss://[::1]:8443/ws"));
        assert_eq!(everywhere.rawsocket_url().as_deref(), Some("rss://[::1]:8443"));
    }

    #[test]
    fn unix_sockets_speak_rawsocket() {
        let unix =
            ListeningAt { address: LocalAddress::Unix("/run/wamp.sock".into()), ..at("127.0.0.1:1", false) };
        assert_eq!(unix.rawsocket_url().as_deref(), Some("unix:///run/wamp.sock"));
        assert_eq!(unix.websocket_url(), None);
        assert_eq!(unix.to_string(), "unix:/run/wamp.sock");
    }
}
