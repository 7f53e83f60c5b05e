//! Where a router is: URLs of the transports.
//!
//! | URL | transport |
//! |---|---|
//! | `ws://host[:port][/path][?query]` | WebSocket over TCP, port 80 if none is given |
//! | `wss://host[:port][/path][?query]` | WebSocket over TLS, port 443 if none is given |
//! | `rs://host:port` | RawSocket over TCP |
//! | `rss://host:port` | RawSocket over TLS |
//! | `unix:///path`, `rs+unix:///path` (also with one slash) | RawSocket over a Unix domain socket |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a router, and how to talk to it.
///
/// ```
/// use cloverleaf_client::url::Url;
///
/// let url: Url = "wss://router.example.com/ws".parse()?;
/// assert!(url.is_secure());
/// let wrong = "http://router.example.com/".parse::<Url>().map_err(|error| error.to_string());
/// assert_eq!(wrong, Err("unknown scheme `http`: expected ws, wss, rs, rss, unix or rs+unix".to_owned()));
/// # Ok::<(), cloverleaf_client::url::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    text: String,
    pub(crate) place: Place,
}

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// WebSocket: `target` is path and query.
    WebSocket { host: String, port: u16, secure: bool, target: String },
    /// RawSocket over TCP or TLS.
    RawSocket { host: String, port: u16, secure: bool },
    /// RawSocket over a Unix domain socket.
    Unix { path: PathBuf },
}

/// Why a text is no URL of a router.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// There is no `scheme:` at the front.
    #[error("`{0}` has no scheme: it should begin with ws:// or rs:// (or wss://, rss://, unix://)")]
    NoScheme(String),
    /// A scheme that stands for no transport of WAMP.
    #[error("unknown scheme `{0}`: expected ws, wss, rs, rss, unix or rs+unix")]
    UnknownScheme(String),
    /// No `//host` behind the scheme.
    #[error("`{0}` names no host")]
    NoHost(String),
    /// A port that isn't a number from 1 to 65535.
    #[error("`{0}` is no port: expected a number from 1 to 65535")]
    Port(String),
    /// RawSocket has no usual port.
    #[error("`{0}` names no port, and RawSocket has no usual one")]
    NoPort(String),
    /// A user name or password, which no transport has a place for.
    #[error("a user name or password in a URL is not supported; use an authenticator")]
    UserInfo,
    /// A path, query or fragment where there is no place for one.
    #[error("`{0}` has no place here: {1}")]
    Extra(String, &'static str),
    /// No path of a socket.
    #[error("a Unix domain socket needs a path, as in unix:///run/router.sock")]
    NoPath,
}

impl Url {
    /// Whether it is talked to over TLS.
    pub const fn is_secure(&self) -> bool {
        match self.place {
            Place::WebSocket { secure, .. } | Place::RawSocket { secure, .. } => secure,
            Place::Unix { .. } => false,
        }
    }

    /// The URL as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once(':').ok_or_else(|| UrlError::NoScheme(text.to_owned()))?;
        let place = match scheme.to_ascii_lowercase().as_str() {
            "ws" => websocket(rest, false)?,
            "wss" => websocket(rest, true)?,
            "rs" => rawsocket(rest, false)?,
            "rss" => rawsocket(rest, true)?,
            "unix" | "rs+unix" => unix(rest)?,
            // The colon of `host:port`.
            _ if !rest.starts_with("//") => return Err(UrlError::NoScheme(text.to_owned())),
            _ => return Err(UrlError::UnknownScheme(scheme.to_owned())),
        };
        Ok(Url { text: text.to_owned(), place })
    }
}

fn websocket(rest: &str, secure: bool) -> Result<Place, UrlError> {
    if let Some(at) = rest.find('#') {
        return Err(UrlError::Extra(
            rest.get(at..).unwrap_or_default().to_owned(),
            "WebSocket URLs have no fragment",
        ));
    }
    let (authority, target) = authority(rest)?;
    let (host, port) = host_and_port(authority)?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Ok(Place::WebSocket { host, port: port.unwrap_or(if secure { 443 } else { 80 }), secure, target })
}

fn rawsocket(rest: &str, secure: bool) -> Result<Place, UrlError> {
    let (authority, target) = authority(rest)?;
    if !matches!(target, "" | "/") {
        return Err(UrlError::Extra(target.to_owned(), "RawSocket knows no paths"));
    }
    let (host, port) = host_and_port(authority)?;
    let port = port.ok_or_else(|| UrlError::NoPort(authority.to_owned()))?;
    Ok(Place::RawSocket { host, port, secure })
}

fn unix(rest: &str) -> Result<Place, UrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path == "/" {
        return Err(UrlError::NoPath);
    }
    Ok(Place::Unix { path: PathBuf::from(path) })
}

/// Splits what follows the scheme into `host:port` and the rest, which begins with `/`, `?` or `#` if there is one.
fn authority(rest: &str) -> Result<(&str, &str), UrlError> {
    let behind = rest.strip_prefix("//").ok_or_else(|| UrlError::NoHost(rest.to_owned()))?;
    let (authority, target) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
    if authority.contains('@') {
        return Err(UrlError::UserInfo);
    }
    Ok((authority, target))
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        // An IPv6 address, which is full of colons.
        Some(literal) => match literal.split_once(']') {
            Some((host, behind)) => (host, behind),
            None => return Err(UrlError::NoHost(authority.to_owned())),
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if host.is_empty() {
        return Err(UrlError::NoHost(authority.to_owned()));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        None => return Err(UrlError::Port(port.to_owned())),
        Some(digits) => {
            let number = digits.parse::<u16>().ok().filter(|port| *port != 0 && !digits.starts_with('+'));
            Some(number.ok_or_else(|| UrlError::Port(digits.to_owned()))?)
        }
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse::<Url>().unwrap().place
    }

    fn error(text: &str) -> UrlError {
        text.parse::<Url>().unwrap_err()
    }

    #[test]
    fn websocket_urls_have_default_ports_and_a_target() {
        let expected = |port, secure, target: &str| Place::WebSocket {
            host: "h".to_owned(),
            port,
            secure,
            target: target.to_owned(),
        };
        assert_eq!(place("ws://h"), expected(80, false, "/"));
        assert_eq!(place("wss://h/ws"), expected(443, true, "/ws"));
        assert_eq!(place("WS://h:8080/a/b?c=d"), expected(8080, false, "/a/b?c=d"));
        assert_eq!(place("ws://h?x"), expected(80, false, "/?x"));
    }

    #[test]
    fn rawsocket_urls_name_a_port() {
        assert_eq!(place("rs://h:1"), Place::RawSocket { host: "h".to_owned(), port: 1, secure: false });
        assert_eq!(
            place("rss://[::1]:8080/"),
            Place::RawSocket { host: "::1".to_owned(), port: 8080, secure: true }
        );
        assert!(matches!(error("rs://h"), UrlError::NoPort(_)));
        assert!(matches!(error("rs://h:1/path"), UrlError::Extra(..)));
    }

    #[test]
    fn unix_urls_are_paths() {
        for text in ["unix:///run/r.sock", "unix:/run/r.sock", "rs+unix:/run/r.sock"] {
            assert_eq!(place(text), Place::Unix { path: "/run/r.sock".into() });
        }
        assert_eq!(error("unix://"), UrlError::NoPath);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for text in ["nothing", "localhost:8080", "127.0.0.1:8080/ws"] {
            assert_eq!(error(text), UrlError::NoScheme(text.to_owned()));
        }
        assert_eq!(error("http://h/"), UrlError::UnknownScheme("http".to_owned()));
        assert_eq!(error("ws:/h"), UrlError::NoHost("/h".to_owned()));
        assert_eq!(error("ws://:80"), UrlError::NoHost(":80".to_owned()));
        assert_eq!(error("ws://[::1"), UrlError::NoHost("[::1".to_owned()));
        assert_eq!(error("ws://u:p@h/"), UrlError::UserInfo);
        for port in ["0", "65536", "-1", "+1", "x", ""] {
            assert_eq!(error(&format!("ws://h:{port}/")), UrlError::Port(port.to_owned()));
        }
        assert!(matches!(error("ws://h/#f"), UrlError::Extra(..)));
    }
}
