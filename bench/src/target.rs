//! Who is measured: an address on this machine, and what is spoken there.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::wire::{Link, Wire};

/// The path of the WebSocket where a URL names none.
const DEFAULT_PATH: &str = "/ws";

/// What answers at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// The relay of this program.
    Relay,
    /// A WAMP router.
    Wamp {
        /// The realm to join, anonymously.
        realm: String,
    },
}

/// Where sessions are opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// What is spoken where. None is empty.
    urls: Vec<Url>,
    /// What answers there.
    pub(crate) speaks: Speaks,
}

impl Target {
    /// A target that speaks everything on one port.
    pub(crate) fn at(address: SocketAddr, speaks: Speaks) -> Self {
        let url = |tls| Url { link: Link::WebSocket, tls, address, path: DEFAULT_PATH.to_owned() };
        Self { urls: vec![url(false), url(true)], speaks }
    }

    /// A router by its URLs: of those with TLS and those without, one serves both transports, of two each its own.
    pub(crate) fn router(urls: &[Url], realm: &str) -> Result<Self> {
        ensure!(!urls.is_empty(), "a router needs a URL");
        Ok(Self { urls: urls.to_vec(), speaks: Speaks::Wamp { realm: realm.to_owned() } })
    }

    /// Where a wire is spoken, and at which path if it is WebSocket.
    ///
    /// # Errors
    /// No URL has TLS, or each has.
    pub(crate) fn place(&self, wire: Wire) -> Result<(SocketAddr, &str)> {
        let alike = || self.urls.iter().filter(|url| url.tls == wire.tls);
        let url = alike().find(|url| url.link == wire.link).or_else(|| alike().next());
        let kind = if wire.tls { "wss:// or rss://" } else { "ws:// or rs://" };
        let url = url.with_context(|| format!("{wire} needs a URL with {kind}"))?;
        Ok((url.address, if url.link == Link::WebSocket { &url.path } else { DEFAULT_PATH }))
    }
}

/// `ws://127.0.0.1:8080/ws` or `rs://127.0.0.1:8080`, or `wss://` and `rss://` with TLS; on this machine only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    link: Link,
    tls: bool,
    address: SocketAddr,
    path: String,
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (scheme, rest) =
            text.split_once("://").context("expected ws://HOST:PORT/PATH or rs://HOST:PORT")?;
        let (link, tls) = match scheme {
            "ws" => (Link::WebSocket, false),
            "wss" => (Link::WebSocket, true),
            "rs" | "tcp" => (Link::RawSocket, false),
            "rss" => (Link::RawSocket, true),
            _ => bail!("expected ws://, rs://, wss:// or rss://, not {scheme}://"),
        };
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, if link == Link::WebSocket { DEFAULT_PATH } else { "" }),
        };
        Ok(Url { link, tls, address: loopback(host)?, path: path.to_owned() })
    }
}

/// The address of `HOST:PORT`, which must be on this machine: a load generator is nothing to point at others.
pub(crate) fn loopback(text: &str) -> Result<SocketAddr> {
    let addresses = text.to_socket_addrs().with_context(|| format!("{text:?} is no HOST:PORT"))?;
    let mut addresses: Vec<SocketAddr> = addresses.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let first = addresses.first().context("the host has no address")?;
    ensure!(first.ip().is_loopback(), "{text} is not on the loopback interface");
    Ok(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(urls: &[&str]) -> Result<Target> {
        let urls: Vec<Url> = urls.iter().map(|url| url.parse()).collect::<Result<_>>()?;
        Target::router(&urls, "realm1")
    }

    fn wire(text: &str) -> Wire {
        text.parse().unwrap()
    }

    #[test]
    fn one_url_serves_both_transports() {
        let target = router(&["rs://127.0.0.1:8080"]).unwrap();
        let (websocket, path) = target.place(wire("websocket")).unwrap();
        assert_eq!((websocket, path), (target.place(wire("rawsocket")).unwrap().0, "/ws"));
    }

    #[test]
    fn two_urls_serve_one_each() {
        let target = router(&["ws://127.0.0.1:8080/", "tcp://127.0.0.1:9000"]).unwrap();
        let (websocket, path) = target.place(wire("websocket")).unwrap();
        assert_eq!((websocket.port(), path), (8080, "/"));
        assert_eq!(target.place(wire("rawsocket")).unwrap().0.port(), 9000);
    }

    #[test]
    fn what_is_under_tls_has_urls_of_its_own() {
        let target = router(&["ws://127.0.0.1:8080/", "wss://127.0.0.1:8443/a"]).unwrap();
        let (websocket, path) = target.place(wire("websocket+tls")).unwrap();
        assert_eq!((websocket.port(), path), (8443, "/a"));
        assert_eq!(target.place(wire("rawsocket+tls")).unwrap().0.port(), 8443);
        let plain = router(&["rs://127.0.0.1:8080"]).unwrap();
        assert!(plain.place(wire("rawsocket+tls")).is_err());
        let secure = router(&["rss://127.0.0.1:8080"]).unwrap();
        assert!(secure.place(wire("rawsocket")).is_err());
    }

    #[test]
    fn other_machines_and_schemes_are_refused() {
        for url in ["ws://192.0.2.1:8080/", "https://127.0.0.1:1/", "127.0.0.1:1", "rs://127.0.0.1"] {
            assert!(url.parse::<Url>().is_err(), "{url}");
        }
        assert!(Target::router(&[], "realm1").is_err());
    }
}
