//! Who is measured: an address on this machine, and what is spoken there.

use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::wire::Link;

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
    /// Where RawSocket is spoken.
    pub(crate) rawsocket: SocketAddr,
    /// Where WebSocket is spoken.
    pub(crate) websocket: SocketAddr,
    /// At which path.
    pub(crate) path: String,
    /// What answers there.
    pub(crate) speaks: Speaks,
}

impl Target {
    /// A target that speaks everything on one port.
    pub(crate) fn at(address: SocketAddr, speaks: Speaks) -> Self {
        Self { rawsocket: address, websocket: address, path: DEFAULT_PATH.to_owned(), speaks }
    }

    /// A router by its URLs: one of them serves both transports, of two each its own.
    pub(crate) fn router(urls: &[Url], realm: &str) -> Result<Self> {
        let of = |link| urls.iter().find(|url| url.link == link);
        let any = urls.first().context("a router needs a URL")?;
        Ok(Self {
            rawsocket: of(Link::RawSocket).unwrap_or(any).address,
            websocket: of(Link::WebSocket).unwrap_or(any).address,
            path: of(Link::WebSocket).map_or(DEFAULT_PATH, |url| &url.path).to_owned(),
            speaks: Speaks::Wamp { realm: realm.to_owned() },
        })
    }

    /// The address of one transport.
    pub(crate) const fn address(&self, link: Link) -> SocketAddr {
        match link {
            Link::RawSocket => self.rawsocket,
            Link::WebSocket => self.websocket,
        }
    }
}

/// `ws://127.0.0.1:8080/ws` or `rs://127.0.0.1:8080`, on this machine only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    link: Link,
    address: SocketAddr,
    path: String,
}

impl FromStr for Url {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (scheme, rest) =
            text.split_once("://").context("expected ws://HOST:PORT/PATH or rs://HOST:PORT")?;
        let link = match scheme {
            "ws" => Link::WebSocket,
            "rs" | "tcp" => Link::RawSocket,
            _ => bail!("expected ws:// or rs://, not {scheme}://"),
        };
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, if link == Link::WebSocket { DEFAULT_PATH } else { "" }),
        };
        Ok(Url { link, address: loopback(host)?, path: path.to_owned() })
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

    #[test]
    fn one_url_serves_both_transports() {
        let target = router(&["rs://127.0.0.1:8080"]).unwrap();
        assert_eq!(target.address(Link::WebSocket), target.address(Link::RawSocket));
        assert_eq!(target.path, "/ws");
    }

    #[test]
    fn two_urls_serve_one_each() {
        let target = router(&["ws://127.0.0.1:8080/", "tcp://127.0.0.1:9000"]).unwrap();
        assert_eq!(target.address(Link::WebSocket).port(), 8080);
        assert_eq!(target.address(Link::RawSocket).port(), 9000);
        assert_eq!(target.path, "/");
    }

    #[test]
    fn other_machines_and_schemes_are_refused() {
        for url in ["ws://192.0.2.1:8080/", "wss://127.0.0.1:1/", "127.0.0.1:1", "rs://127.0.0.1"] {
            assert!(url.parse::<Url>().is_err(), "{url}");
        }
        assert!(Target::router(&[], "realm1").is_err());
    }
}
