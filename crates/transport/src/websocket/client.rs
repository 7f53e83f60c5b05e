//! The opening handshake, the client's side.
//!
//! Spec: RFC 6455, "Client Requirements" (4.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::accept::accept_key;
use super::extension::DeflateOffer;
use super::{Deflate, Subprotocol};
use crate::http::{MAX_HEAD, MAX_HEADERS, all, head, list, owned, push_header};

/// Where a client connects to, and what it would like.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The host of the URL, with its port unless it is the default one of the scheme.
    pub host: &'a str,
    /// The path of the URL with its query; empty means `/`.
    pub path: &'a str,
    /// The subprotocols, the preferred one first.
    pub protocols: &'a [Subprotocol],
    /// Compression, if it is wanted.
    pub deflate: Option<DeflateOffer>,
    /// The value of `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// Further header fields, such as an origin or a cookie.
    pub headers: &'a [(String, String)],
}

/// A handshake under way.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// The bytes of the request.
    pub request: Vec<u8>,
    accept_key: String,
    protocols: Vec<Subprotocol>,
    deflate: Option<DeflateOffer>,
}

/// A handshake that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Established {
    /// What is spoken.
    pub protocol: Subprotocol,
    /// What was agreed about compression.
    pub deflate: Option<Deflate>,
    /// The header fields of the response, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// Why a response doesn't open the WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// It isn't HTTP/1.x.
    #[error("the server did not answer in HTTP/1.1")]
    Malformed,
    /// Its head is longer than [`MAX_HEAD`] or has more than [`MAX_HEADERS`] fields.
    #[error("the head of the server's answer is too large")]
    TooLarge,
    /// The server refused, or sends the client elsewhere.
    #[error("the server answered {status} {reason}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// Its phrase.
        reason: String,
    },
    /// The headers of the upgrade are missing or wrong.
    #[error("the server's answer is no upgrade to WebSocket")]
    NotAnUpgrade,
    /// The proof that the server understood the request is wrong.
    #[error("the server's answer belongs to another request")]
    WrongKey,
    /// No subprotocol was named, several, or one that wasn't offered.
    #[error("the server chose no subprotocol that was offered")]
    Subprotocol,
    /// An extension, or a parameter of one, that wasn't offered.
    #[error("the server chose an extension that was not offered: {0}")]
    Extension(String),
}

impl From<httparse::Error> for ResponseError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => ResponseError::TooLarge,
            _ => ResponseError::Malformed,
        }
    }
}

impl Handshake {
    /// Makes the request. `nonce` is random.
    ///
    /// Characters that could end a line of the request are replaced, so that a URL can't smuggle in header fields.
    pub fn new(options: &Options<'_>, nonce: [u8; 16]) -> Self {
        let key = BASE64.encode(nonce);
        let mut request = format!("GET {} HTTP/1.1\r\n", target(options.path));
        push_header(&mut request, "Host", options.host);
        push_header(&mut request, "Upgrade", "websocket");
        push_header(&mut request, "Connection", "Upgrade");
        push_header(&mut request, "Sec-WebSocket-Key", &key);
        push_header(&mut request, "Sec-WebSocket-Version", "13");
        let names: Vec<_> = options.protocols.iter().map(|protocol| protocol.name()).collect();
        push_header(&mut request, "Sec-WebSocket-Protocol", &names.join(", "));
        if let Some(offer) = options.deflate {
            push_header(&mut request, "Sec-WebSocket-Extensions", &offer.to_field());
        }
        if let Some(user_agent) = options.user_agent {
            push_header(&mut request, "User-Agent", user_agent);
        }
        for (name, value) in options.headers {
            push_header(&mut request, name, value);
        }
        request.push_str("\r\n");
        Self {
            request: request.into_bytes(),
            accept_key: accept_key(&key),
            protocols: options.protocols.to_vec(),
            deflate: options.deflate,
        }
    }

    /// Reads the head of the response at the front of `input`; `None` if it isn't all there yet, otherwise also how
    /// many bytes it took (frames may follow at once).
    ///
    /// # Errors
    /// A response that doesn't open the WebSocket, or opens another one than was asked for.
    pub fn parse_response(&self, input: &[u8]) -> Result<Option<(Established, usize)>, ResponseError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut fields);
        let size = match response.parse(head(input))? {
            httparse::Status::Complete(size) => size,
            httparse::Status::Partial if input.len() >= MAX_HEAD => return Err(ResponseError::TooLarge),
            httparse::Status::Partial => return Ok(None),
        };
        let status = response.code.unwrap_or_default();
        if status != 101 {
            let reason = response.reason.unwrap_or_default().to_owned();
            return Err(ResponseError::Status { status, reason });
        }
        let established = self.establish(owned(response.headers))?;
        Ok(Some((established, size)))
    }

    fn establish(&self, headers: Vec<(String, String)>) -> Result<Established, ResponseError> {
        let has = |name, token: &str| list(&headers, name).any(|element| element.eq_ignore_ascii_case(token));
        if !has("upgrade", "websocket") || !has("connection", "upgrade") {
            return Err(ResponseError::NotAnUpgrade);
        }
        if all(&headers, "sec-websocket-accept").next() != Some(&self.accept_key) {
            return Err(ResponseError::WrongKey);
        }
        let mut chosen = all(&headers, "sec-websocket-protocol");
        let protocol = match (chosen.next(), chosen.next()) {
            (Some(name), None) => self.protocols.iter().copied().find(|protocol| protocol.name() == name),
            _ => None,
        };
        let protocol = protocol.ok_or(ResponseError::Subprotocol)?;
        let deflate = self.agree(all(&headers, "sec-websocket-extensions"))?;
        drop(chosen);
        Ok(Established { protocol, deflate, headers })
    }

    /// What the extensions in the response mean: at most one was offered, so at most one may be there.
    fn agree<'h>(&self, fields: impl Iterator<Item = &'h str>) -> Result<Option<Deflate>, ResponseError> {
        let mut agreed = None;
        for field in fields {
            let answer = self.deflate.filter(|_| agreed.is_none()).and_then(|offer| offer.agree(field));
            agreed = Some(answer.ok_or_else(|| ResponseError::Extension(field.to_owned()))?);
        }
        Ok(agreed)
    }
}

/// A path that fits into the first line of a request: an absolute one, with what doesn't belong there percent-encoded.
fn target(path: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    let encoded = path.bytes().map(|byte| match byte {
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    std::iter::once(slash.to_owned()).chain(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::{AcceptOptions, CompressionOptions, Request, accept};
    use wamp::Serializer;

    const CBOR: Subprotocol = Subprotocol { serializer: Serializer::Cbor, batched: false };
    const BJDATA: Subprotocol = Subprotocol { serializer: Serializer::Bjdata, batched: true };

    fn options() -> Options<'static> {
        Options {
            host: "example.com:8080",
            path: "/ws",
            protocols: &[CBOR, BJDATA],
            deflate: Some(DeflateOffer::default()),
            user_agent: Some("Cloverleaf"),
            headers: &[],
        }
    }

    fn handshake() -> Handshake {
        Handshake::new(&options(), *b"the sample nonce")
    }

    fn response(changes: &[(&str, &str)]) -> String {
        let base = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", "wamp.2.cbor"),
        ];
        let kept = base.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let fields = kept.chain(changes).filter(|(_, value)| !value.is_empty());
        let fields: String = fields.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n")
    }

    fn parse(changes: &[(&str, &str)]) -> Result<Established, ResponseError> {
        let response = response(changes);
        handshake().parse_response(response.as_bytes()).map(|parsed| parsed.expect("it is complete").0)
    }

    #[test]
    fn the_request_has_what_a_server_needs() {
        assert_eq!(
            String::from_utf8_lossy(&handshake().request),
            "GET /ws HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: wamp.2.cbor, wamp.2.ubjson.batched\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
             client_no_context_takeover; client_max_window_bits\r\nUser-Agent: Cloverleaf\r\n\r\n"
        );
    }

    #[test]
    fn a_response_is_complete_at_its_empty_line() {
        let response = response(&[]);
        for len in 0..response.len() {
            assert_eq!(handshake().parse_response(&response.as_bytes()[..len]), Ok(None));
        }
        let with_frame = format!("{response}\u{1}");
        let parsed = handshake().parse_response(with_frame.as_bytes());
        assert!(
            matches!(parsed, Ok(Some((Established { protocol: CBOR, deflate: None, .. }, size))) if size == response.len())
        );
    }

    #[test]
    fn a_response_to_something_else_is_refused() {
        for (change, error) in [
            (("Upgrade", ""), ResponseError::NotAnUpgrade),
            (("Connection", "close"), ResponseError::NotAnUpgrade),
            (("Sec-WebSocket-Accept", ""), ResponseError::WrongKey),
            (("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), ResponseError::WrongKey),
            (("Sec-WebSocket-Protocol", ""), ResponseError::Subprotocol),
            (("Sec-WebSocket-Protocol", "wamp.2.json"), ResponseError::Subprotocol),
        ] {
            assert_eq!(parse(&[change]), Err(error), "{change:?}");
        }
        for extension in
            ["x-other", "permessage-deflate", "permessage-deflate; server_no_context_takeover, x-other"]
        {
            let result = parse(&[("Sec-WebSocket-Extensions", extension)]);
            assert_eq!(result, Err(ResponseError::Extension(extension.to_owned())));
        }
        let twice = ("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover");
        assert!(parse(&[twice]).is_ok());
        assert!(parse(&[twice, twice]).is_err());
    }

    #[test]
    fn a_refusal_says_why() {
        let error = handshake().parse_response(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(error, Err(ResponseError::Status { status: 403, reason: "Forbidden".to_owned() }));
        assert_eq!(handshake().parse_response(b"\x7F\x10\0\0"), Err(ResponseError::Malformed));
        let endless = format!("HTTP/1.1 101 OK\r\nX: {}", "x".repeat(MAX_HEAD));
        assert_eq!(handshake().parse_response(endless.as_bytes()), Err(ResponseError::TooLarge));
    }

    #[test]
    fn a_url_can_not_smuggle_in_headers() {
        let smuggling = Options { path: "a b\r\nX: y", host: "h\r\nX: y", ..options() };
        let request = Handshake::new(&smuggling, [0; 16]).request;
        assert!(request.starts_with(b"GET /a%20b%0D%0AX:%20y HTTP/1.1\r\nHost: h  X: y\r\n"));
    }

    #[test]
    fn server_and_client_understand_each_other() {
        let handshake = handshake();
        let (request, size) =
            Request::parse(&handshake.request).expect("it is well-formed").expect("it is complete");
        assert_eq!(size, handshake.request.len());
        let accepted = accept(
            &request,
            &AcceptOptions {
                protocols: &[Subprotocol { serializer: Serializer::Ubjson, batched: true }],
                require_subprotocol: true,
                allowed_origins: &[],
                allow_null_origin: false,
                compression: Some(CompressionOptions::default()),
                server_header: None,
                extra_headers: &[],
            },
        )
        .expect("they have a subprotocol in common");
        let (established, size) =
            handshake.parse_response(&accepted.response).expect("it is accepted").expect("it is complete");
        assert_eq!(size, accepted.response.len());
        assert_eq!(established.protocol, BJDATA);
        assert_eq!(established.deflate, accepted.deflate);
        assert!(established.deflate.is_some());
    }
}
