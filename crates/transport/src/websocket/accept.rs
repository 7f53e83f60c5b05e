//! The opening handshake, the server's side: from a request to a response.
//!
//! Spec: RFC 6455, "Server-Side Requirements" (4.2); basic profile, "WebSocket Transport".

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use wamp::Serializer;

use super::extension::negotiate;
use super::{CompressionOptions, Deflate, Subprotocol, ubjson_dialect};
use crate::http::{Request, push_header, reason_phrase, response};
use crate::{Batch, Framing};

/// What a listener is willing to accept.
#[derive(Debug, Clone, Copy)]
pub struct AcceptOptions<'a> {
    /// The subprotocols that are spoken here. Of those the first one in the *client's* order is chosen (WSK-03).
    pub protocols: &'a [Subprotocol],
    /// Refuse clients that offer none of them (WSK-04). If not, JSON is assumed and no subprotocol is named.
    pub require_subprotocol: bool,
    /// Patterns of allowed origins, in which `*` stands for anything: `https://*.example.com`. Each is compared with
    /// the origin as it was sent, and with its port written out (`https://a.example.com:443`). Clients that send no
    /// origin, which are those outside of browsers, are always allowed (WSK-13).
    pub allowed_origins: &'a [String],
    /// Whether the origin `null`, which local files have, is allowed.
    pub allow_null_origin: bool,
    /// Offer compression, if the client wants it.
    pub compression: Option<CompressionOptions>,
    /// The value of `Server` in responses.
    pub server_header: Option<&'a str>,
    /// Further header fields of the response, such as a cookie.
    pub extra_headers: &'a [(String, String)],
}

/// A handshake that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The bytes of the response; frames follow them.
    pub response: Vec<u8>,
    /// What is spoken. For `wamp.2.ubjson` the dialect was chosen by the client's user agent.
    pub protocol: Subprotocol,
    /// Whether the client named it, or it was assumed.
    pub is_named: bool,
    /// The form of batches this client most likely expects, by its user agent. (What it sends itself tells for sure:
    /// [`Batch::spoken_in`].)
    pub batch: Batch,
    /// What was agreed about compression.
    pub deflate: Option<Deflate>,
}

impl Accepted {
    /// How messages to this client are framed.
    pub fn framing(&self) -> Framing {
        self.protocol.framing(self.deflate, self.batch)
    }
}

/// A handshake that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {reason}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// Why, in a sentence; the body of the response.
    pub reason: String,
    /// The bytes of the response, after which the connection is closed.
    pub response: Vec<u8>,
}

/// Answers a request to open a WebSocket.
///
/// # Errors
/// A request that is no valid opening handshake (400, 405, 426, 505), whose origin isn't allowed (403), or that offers
/// nothing that is spoken here (400).
pub fn accept(request: &Request, options: &AcceptOptions<'_>) -> Result<Accepted, Refusal> {
    let server_header = options.server_header;
    let refuse = |Problem { status, reason }: Problem| refusal(status, reason, server_header);
    let key = check(request).map_err(refuse)?;
    check_origin(request, options).map_err(refuse)?;
    let chosen = choose(request, options).map_err(refuse)?;
    let user_agent = request.header("user-agent");
    let protocol = in_dialect(chosen.unwrap_or(ASSUMED), user_agent);
    let negotiated = options
        .compression
        .and_then(|compression| negotiate(request.header_all("sec-websocket-extensions"), &compression));
    let (deflate, extensions) = negotiated.unzip();
    let response = switching(key, chosen, extensions.as_deref(), options);
    let batch = Batch::expected_by(user_agent, protocol.serializer);
    Ok(Accepted { response, protocol, is_named: chosen.is_some(), batch, deflate })
}

/// What is spoken where none was named and none is required.
const ASSUMED: Subprotocol = Subprotocol { serializer: Serializer::Json, batched: false };

/// The proof that a server understood the handshake.
pub(super) fn accept_key(key: &str) -> String {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

struct Problem {
    status: u16,
    reason: String,
}

fn problem<T>(status: u16, reason: &str) -> Result<T, Problem> {
    Err(Problem { status, reason: reason.to_owned() })
}

/// Checks what RFC 6455 asks of the request itself; answers its key.
fn check(request: &Request) -> Result<&str, Problem> {
    let has = |name, token: &str| request.list(name).any(|element| element.eq_ignore_ascii_case(token));
    if request.minor_version < 1 {
        return problem(505, "A WebSocket is opened by HTTP/1.1.");
    }
    if request.method != "GET" {
        return problem(405, "A WebSocket is opened by GET.");
    }
    if request.header("host").is_none() {
        return problem(400, "The Host header is missing.");
    }
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        return problem(426, "This is a WebSocket: ask to upgrade to it.");
    }
    match request.header("sec-websocket-version") {
        Some("13") => {}
        Some(_) => return problem(426, "Only version 13 of the WebSocket protocol is spoken here."),
        None => return problem(400, "The Sec-WebSocket-Version header is missing."),
    }
    let has_body = request.header("transfer-encoding").is_some()
        || request.header("content-length").is_some_and(|length| length != "0");
    if has_body {
        return problem(400, "A request to open a WebSocket has no body.");
    }
    let mut keys = request.header_all("sec-websocket-key");
    match (keys.next(), keys.next()) {
        (Some(key), None) if BASE64.decode(key).is_ok_and(|nonce| nonce.len() == 16) => Ok(key),
        _ => problem(400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64."),
    }
}

fn check_origin(request: &Request, options: &AcceptOptions<'_>) -> Result<(), Problem> {
    let Some(origin) = request.header("origin") else { return Ok(()) };
    let origin = origin.to_ascii_lowercase();
    let allowed = if origin == "null" || origin.starts_with("file:") {
        options.allow_null_origin
    } else {
        let with_port = with_port(&origin);
        options.allowed_origins.iter().any(|pattern| {
            let pattern = pattern.to_ascii_lowercase();
            matches(pattern.as_bytes(), origin.as_bytes())
                || with_port.as_ref().is_some_and(|origin| matches(pattern.as_bytes(), origin.as_bytes()))
        })
    };
    if allowed { Ok(()) } else { problem(403, "This origin is not allowed to connect here.") }
}

/// The origin with the default port of its scheme, unless it has a port.
fn with_port(origin: &str) -> Option<String> {
    let (scheme, authority) = origin.split_once("://")?;
    let port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    // The colons of an IPv6 address stand in brackets.
    let host_end = authority.rfind(']').unwrap_or(0);
    let has_port = authority.get(host_end..).is_some_and(|rest| rest.contains(':'));
    (!has_port).then(|| format!("{origin}:{port}"))
}

/// Whether a pattern with `*` for any number of bytes matches all of a text. Linear but for backtracking to the last
/// star.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
        } else if pattern.get(p) == text.get(t) {
            p += 1;
            t += 1;
        } else if let Some((after_star, from)) = retry {
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        } else {
            return false;
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

/// The first subprotocol in the client's order that is spoken here.
fn choose(request: &Request, options: &AcceptOptions<'_>) -> Result<Option<Subprotocol>, Problem> {
    let spoken = |name: &str| options.protocols.iter().copied().find(|protocol| protocol.name() == name);
    let chosen = request.list("sec-websocket-protocol").find_map(spoken);
    if chosen.is_none() && options.require_subprotocol {
        let names: Vec<_> = options.protocols.iter().map(|protocol| protocol.name()).collect();
        let reason = format!("The subprotocols spoken here are {}.", names.join(", "));
        return Err(Problem { status: 400, reason });
    }
    Ok(chosen)
}

fn in_dialect(protocol: Subprotocol, user_agent: Option<&str>) -> Subprotocol {
    match protocol.serializer {
        Serializer::Ubjson | Serializer::Bjdata => {
            Subprotocol { serializer: ubjson_dialect(user_agent), ..protocol }
        }
        Serializer::Json | Serializer::MsgPack | Serializer::Cbor => protocol,
    }
}

fn switching(
    key: &str,
    protocol: Option<Subprotocol>,
    extensions: Option<&str>,
    options: &AcceptOptions<'_>,
) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 101 {}\r\n", reason_phrase(101));
    if let Some(server) = options.server_header {
        push_header(&mut out, "Server", server);
    }
    push_header(&mut out, "Upgrade", "websocket");
    push_header(&mut out, "Connection", "Upgrade");
    push_header(&mut out, "Sec-WebSocket-Accept", &accept_key(key));
    if let Some(protocol) = protocol {
        push_header(&mut out, "Sec-WebSocket-Protocol", protocol.name());
    }
    if let Some(extensions) = extensions {
        push_header(&mut out, "Sec-WebSocket-Extensions", extensions);
    }
    for (name, value) in options.extra_headers {
        push_header(&mut out, name, value);
    }
    out.push_str("\r\n");
    out.into_bytes()
}

fn refusal(status: u16, reason: String, server_header: Option<&str>) -> Refusal {
    let mut headers = Vec::new();
    headers.extend(server_header.map(|server| ("Server", server)));
    match status {
        405 => headers.push(("Allow", "GET")),
        426 => headers.extend([("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]),
        _ => {}
    }
    let response = response(status, &headers, &format!("{reason}\n"));
    Refusal { status, reason, response }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
