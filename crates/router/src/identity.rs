//! Who a session is, and what its transport looks like.

use core::net::{IpAddr, SocketAddr, SocketAddrV4};
use std::fmt;
use std::sync::Arc;

use transport::Framing;
use transport::websocket::Deflate;
use wamp::value::Dict;
use wamp::{Serializer, SessionId, Value};

/// The authrole of sessions that belong to the router itself. No client can have it.
pub const TRUSTED: &str = "trusted";

/// Who a session is, as its authentication found out (SES-23).
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The principal.
    pub authid: Arc<str>,
    /// The role, which says what the session may do.
    pub authrole: Arc<str>,
    /// How it proved it: `anonymous`, `ticket`, ...
    pub authmethod: Arc<str>,
    /// Who vouches for it: `static`, `dynamic`, ...
    pub authprovider: Arc<str>,
    /// More from the authentication, told to the client in WELCOME.
    pub authextra: Option<Authextra>,
}

impl Identity {
    /// Whether it is one of the router's own sessions.
    pub fn is_trusted(&self) -> bool {
        &*self.authrole == TRUSTED
    }

    /// A session of the router itself, or of the program that it is embedded in.
    pub fn trusted(authid: &str) -> Self {
        Identity {
            authid: authid.into(),
            authrole: TRUSTED.into(),
            authmethod: "internal".into(),
            authprovider: "internal".into(),
            authextra: None,
        }
    }
}

/// What an authentication told beyond a session's identity, or an anonymous client of itself. It stays as long as the
/// session and is hardly ever looked at, so it is kept as bytes: a third of the size of a tree.
#[derive(Clone, PartialEq, Eq)]
pub struct Authextra(Box<[u8]>);

impl Authextra {
    /// How it is kept: in a serialization that has all that a [`Value`] may be.
    const SERIALIZER: Serializer = Serializer::MsgPack;

    /// Keeps a value.
    pub fn new(value: &Value) -> Self {
        Authextra(value.to_vec(Self::SERIALIZER).into_boxed_slice())
    }

    /// The value; null for one that is nested more deeply than messages can be.
    pub fn to_value(&self) -> Value {
        Value::decode(Self::SERIALIZER, &self.0).unwrap_or_default()
    }
}

impl From<Value> for Authextra {
    fn from(value: Value) -> Self {
        Authextra::new(&value)
    }
}

impl fmt::Debug for Authextra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authextra").field(&self.to_value()).finish()
    }
}

/// Who acts, by value, so that an actor need not be a session of this node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) session: SessionId,
    pub(crate) identity: &'a Identity,
}

/// How messages reach a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// How they are encoded.
    pub serializer: Serializer,
    /// How they are framed.
    pub framing: Framing,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelType {
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A Unix domain socket.
    Unix,
    /// The same process.
    Memory,
}

/// One end of a transport: `tcp4:IP:PORT`, `tcp6:IP:PORT`, `unix`, `unix:PATH` or `process:PID`.
///
/// Nearly all are of IPv4, of which the text is only made where it is looked at.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Tcp4(SocketAddrV4),
    Text(Box<str>),
}

impl From<SocketAddr> for Address {
    /// An end of a TCP connection. An IPv4 address in an IPv6 one counts as what it is.
    fn from(address: SocketAddr) -> Self {
        let port = address.port();
        Address(match address.ip().to_canonical() {
            IpAddr::V4(ip) => Kind::Tcp4(SocketAddrV4::new(ip, port)),
            IpAddr::V6(ip) => Kind::Text(format!("tcp6:{ip}:{port}").into()),
        })
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Address(Kind::Text(text.into()))
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Address(Kind::Text(text.into()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Tcp4(address) => write!(f, "tcp4:{address}"),
            Kind::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is known of a session's transport. It stays as long as the session, so it is small: what most sessions don't
/// have is behind a pointer.
#[derive(Debug, Clone, PartialEq)]
pub struct TransportDetails {
    /// What carries the bytes.
    pub channel_type: ChannelType,
    /// The other end.
    pub peer: Address,
    /// This end.
    pub own: Option<Address>,
    /// The process of this end; 0 where that isn't known.
    pub own_pid: u32,
    /// The thread of this end that accepted the transport, by the number that the system gave it; 0 where that isn't known.
    pub own_tid: u32,
    /// The file descriptor of this end; -1 where there is none.
    pub own_fd: i32,
    /// What came and went with the HTTP request that opened it, on WebSocket.
    pub http: Option<Box<HttpDetails>>,
    /// What was agreed and shown, on TLS.
    pub tls: Option<Box<TlsDetails>>,
}

impl TransportDetails {
    /// A transport of which nothing more is known.
    pub fn new(channel_type: ChannelType, peer: impl Into<Address>) -> Self {
        TransportDetails {
            channel_type,
            peer: peer.into(),
            own: None,
            own_pid: 0,
            own_tid: 0,
            own_fd: -1,
            http: None,
            tls: None,
        }
    }

    /// Whether the bytes are protected on their way.
    pub fn is_secure(&self) -> bool {
        self.channel_type == ChannelType::Tls
    }
}

/// What is known of the HTTP request that a session was opened by.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpDetails {
    /// The header fields of the request.
    pub headers_received: HttpHeaders,
    /// The header fields that the router added to its response.
    pub headers_sent: HttpHeaders,
    /// `wamp.2.json` and so on, if the client named one.
    pub websocket_protocol: Option<&'static str>,
    /// What was agreed about compression.
    pub deflate: Option<Deflate>,
    /// The cookie by which the client is known again.
    pub cookie_id: Option<Box<str>>,
}

/// Without the cookie's id, for the same reason as [`HttpHeaders`].
impl fmt::Debug for HttpDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpDetails")
            .field("headers_received", &self.headers_received)
            .field("headers_sent", &self.headers_sent)
            .field("websocket_protocol", &self.websocket_protocol)
            .field("deflate", &self.deflate)
            .finish_non_exhaustive()
    }
}

/// Header fields in the order in which they stood, in one piece of memory.
///
/// It is line after line, of which the odd ones are names, in lower case, and the even ones values. Neither can have a
/// line's end in it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpHeaders(Box<str>);

impl HttpHeaders {
    /// These fields.
    pub fn new<'h>(fields: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let mut lines = String::new();
        let mut push = |line: &str| {
            lines.extend(line.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c }));
            lines.push('\n');
        };
        for (name, value) in fields {
            push(&name.to_ascii_lowercase());
            push(value);
        }
        HttpHeaders(lines.into_boxed_str())
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut lines = self.0.lines();
        std::iter::from_fn(move || Some((lines.next()?, lines.next()?)))
    }

    /// The value of the first field of this name, which is given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// Whether fields of this name, which is given in lower case, prove who somebody is, so that whoever reads them could
    /// pass for that one (MSE-16).
    pub fn is_secret(name: &str) -> bool {
        const PARTS: [&str; 9] =
            ["cookie", "auth", "token", "secret", "password", "credential", "session", "api-key", "apikey"];
        PARTS.iter().any(|part| name.contains(part))
    }
}

/// Debug output ends up in logs, where nobody's cookies belong.
impl fmt::Debug for HttpHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| (name, if HttpHeaders::is_secret(name) { "(redacted)" } else { value });
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

/// What a TLS handshake agreed on, and what the client showed in it.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsDetails {
    /// `TLSv1_3` or `TLSv1_2`.
    pub protocol: &'static str,
    /// The cipher suite.
    pub cipher: &'static str,
    /// The application protocol, if one was agreed.
    pub alpn: Option<Box<str>>,
    /// The name the client asked for.
    pub server_name: Option<Box<str>>,
    /// What is the same at both ends of this one connection, and nowhere else: `tls-exporter` of RFC 9266. It is no secret.
    /// `None` where the connection can't vouch for that.
    pub channel_binding: Option<[u8; 32]>,
    /// The client's certificate, if it showed one.
    pub peer_certificate: Option<Box<PeerCertificate>>,
}

/// A client's certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerCertificate {
    /// As it was shown.
    pub der: Box<[u8]>,
    /// What stands in it, for session details.
    pub details: Dict,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_as_they_were() {
        let fields = [("host", "a.example.com"), ("x-empty", ""), ("x-tab", "a\tb: c"), ("host", "b")];
        let headers = HttpHeaders::new(fields);
        assert!(headers.iter().eq(fields));
        assert_eq!((headers.get("host"), headers.get("none")), (Some("a.example.com"), None));
        assert_eq!(HttpHeaders::default().iter().count(), 0);
    }

    #[test]
    fn no_value_can_add_a_field() {
        let headers = HttpHeaders::new([("Server", "x\r\nset-cookie\nhidden")]);
        assert!(headers.iter().eq([("server", "x  set-cookie hidden")]));
    }

    // MSE-16
    #[test]
    fn logs_show_no_secrets() {
        let headers = HttpHeaders::new([("cookie", "id=1234"), ("host", "here")]);
        let http = HttpDetails {
            headers_received: headers,
            cookie_id: Some("1234".into()),
            ..HttpDetails::default()
        };
        let shown = format!("{http:?}");
        assert!(shown.contains("here") && shown.contains("cookie") && !shown.contains("1234"), "{shown}");
    }

    #[test]
    fn what_is_known_of_a_plain_transport_is_small() {
        assert!(size_of::<TransportDetails>() <= 72);
    }

    #[test]
    fn addresses_read_as_in_session_details() {
        assert_eq!(size_of::<Address>(), size_of::<Box<str>>());
        let peer =
            |address: &str| Address::from(address.parse::<SocketAddr>().expect("an address")).to_string();
        assert_eq!(peer("127.0.0.1:80"), "tcp4:127.0.0.1:80");
        assert_eq!(peer("[::1]:80"), "tcp6:::1:80");
        assert_eq!(peer("[::ffff:127.0.0.1]:80"), "tcp4:127.0.0.1:80");
        assert_eq!(Address::from("unix:/run/x").to_string(), "unix:/run/x");
    }

    #[test]
    fn what_was_told_beside_an_identity_comes_back_as_it_was() {
        let list =
            vec![Value::Null, true.into(), 7.into(), (-7).into(), 0.5.into(), Value::Bytes(vec![0, 255])];
        let told =
            Value::from(Dict::from([("z", Value::List(list)), ("a", "text".into()), ("", u64::MAX.into())]));
        let kept = Authextra::new(&told);
        assert_eq!(kept.to_value().to_string(), told.to_string());
        assert_eq!((kept.to_value(), format!("{kept:?}").contains("text")), (told, true));
    }
}
