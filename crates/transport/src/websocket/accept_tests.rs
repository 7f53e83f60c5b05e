//! Tests of the server's opening handshake.

use super::*;

const BASE: &[(&str, &str)] = &[
    ("Host", "example.com"),
    ("Upgrade", "websocket"),
    ("Connection", "keep-alive, Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Protocol", "wamp.2.json"),
];

const ALL: [&str; 8] = [
    "wamp.2.json",
    "wamp.2.msgpack",
    "wamp.2.cbor",
    "wamp.2.ubjson",
    "wamp.2.json.batched",
    "wamp.2.msgpack.batched",
    "wamp.2.cbor.batched",
    "wamp.2.ubjson.batched",
];

/// The base request with some header fields replaced, added, or (where the value is empty) left out.
fn request(line: &str, changes: &[(&str, &str)]) -> Request {
    let kept = BASE.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let fields: String = kept
        .chain(changes)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let text = format!("{line}\r\n{fields}\r\n");
    Request::parse(text.as_bytes()).expect("it is well-formed").expect("it is complete").0
}

fn get(changes: &[(&str, &str)]) -> Request {
    request("GET /ws HTTP/1.1", changes)
}

fn protocols(names: &[&str]) -> Vec<Subprotocol> {
    names.iter().filter_map(|name| Subprotocol::from_name(name)).collect()
}

struct Server {
    protocols: Vec<Subprotocol>,
    origins: Vec<String>,
}

impl Server {
    fn new() -> Self {
        Self { protocols: protocols(&ALL), origins: vec!["*".to_owned()] }
    }

    fn options(&self) -> AcceptOptions<'_> {
        AcceptOptions {
            protocols: &self.protocols,
            require_subprotocol: true,
            allowed_origins: &self.origins,
            allow_null_origin: true,
            compression: None,
            server_header: Some("Cloverleaf"),
            extra_headers: &[],
        }
    }
}

fn try_accept(changes: &[(&str, &str)]) -> Result<Accepted, Refusal> {
    accept(&get(changes), &Server::new().options())
}

fn status(result: Result<Accepted, Refusal>) -> u16 {
    result.map_or_else(|refusal| refusal.status, |_| 101)
}

// WSK-01
#[test]
fn the_response_proves_the_handshake_and_names_the_subprotocol() {
    let accepted = try_accept(&[]).expect("it is a valid handshake");
    assert_eq!(
        String::from_utf8_lossy(&accepted.response),
        "HTTP/1.1 101 Switching Protocols\r\nServer: Cloverleaf\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
    );
    assert_eq!(accepted.framing(), Framing::WebSocket { text: true });
}

// WSK-02, BAT-01
#[test]
fn every_subprotocol_is_accepted_by_its_name() {
    for name in ALL {
        let accepted = try_accept(&[("Sec-WebSocket-Protocol", name)]).expect("it is spoken here");
        assert_eq!(accepted.protocol.name(), name);
        let field = format!("Sec-WebSocket-Protocol: {name}\r\n");
        assert!(String::from_utf8_lossy(&accepted.response).contains(&field));
    }
}

// WSK-03
#[test]
fn the_clients_order_decides_between_subprotocols() {
    let offer = ("Sec-WebSocket-Protocol", "x.unknown, wamp.2.cbor, wamp.2.json");
    assert_eq!(try_accept(&[offer]).map(|accepted| accepted.protocol.name()), Ok("wamp.2.cbor"));
    let split =
        [("Sec-WebSocket-Protocol", "x.unknown"), ("Sec-WebSocket-Protocol", "wamp.2.msgpack,wamp.2.cbor")];
    assert_eq!(try_accept(&split).map(|accepted| accepted.protocol.name()), Ok("wamp.2.msgpack"));
}

// WSK-04
#[test]
fn without_a_subprotocol_that_is_spoken_there_is_no_websocket() {
    for offer in ["foo", "wamp.2", ""] {
        let refusal = try_accept(&[("Sec-WebSocket-Protocol", offer)]).expect_err("nothing is spoken");
        assert_eq!(refusal.status, 400);
        assert!(refusal.reason.contains("wamp.2.json"), "{}", refusal.reason);
    }
}

#[test]
fn a_subprotocol_may_be_assumed() {
    let server = Server::new();
    let options = AcceptOptions { require_subprotocol: false, ..server.options() };
    let accepted = accept(&get(&[("Sec-WebSocket-Protocol", "")]), &options).expect("none is required");
    assert_eq!(accepted.protocol.name(), "wamp.2.json");
    assert!(!accepted.is_named);
    assert!(!String::from_utf8_lossy(&accepted.response).contains("Sec-WebSocket-Protocol"));
}

// WSK-12
#[test]
fn compression_is_agreed_only_if_both_want_it() {
    let server = Server::new();
    let offer = get(&[("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")]);
    let plain = accept(&offer, &server.options()).expect("it is a valid handshake");
    assert_eq!(plain.deflate, None);
    let options = AcceptOptions { compression: Some(CompressionOptions::default()), ..server.options() };
    assert_eq!(accept(&get(&[]), &options).map(|accepted| accepted.deflate), Ok(None));
    let accepted = accept(&offer, &options).expect("it is a valid handshake");
    assert_eq!(accepted.framing(), Framing::Deflate { text: true, window_bits: 15 });
    let field = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
    assert!(String::from_utf8_lossy(&accepted.response).contains(field));
}

// WSK-13
#[test]
fn origins_are_compared_with_patterns() {
    let mut server = Server::new();
    let try_origin = |server: &Server, origin| status(accept(&get(&[("Origin", origin)]), &server.options()));
    assert_eq!(try_origin(&server, "https://anything.example:99"), 101);
    server.origins = vec!["https://*.example.com".to_owned(), "http://localhost:*".to_owned()];
    for origin in [
        "https://a.example.com",
        "https://A.b.Example.com",
        "http://localhost:8080",
        "http://localhost",
        "null",
        "",
    ] {
        assert_eq!(try_origin(&server, origin), 101, "{origin}");
    }
    for origin in [
        "https://example.com",
        "http://a.example.com",
        "https://a.example.com.evil.org",
        "https://a.example.com:8443",
        "http://localhost.evil.org:80",
        "nonsense",
    ] {
        assert_eq!(try_origin(&server, origin), 403, "{origin}");
    }
    server.origins = vec!["http://[::1]:80".to_owned()];
    assert_eq!(try_origin(&server, "http://[::1]"), 101);
    server.origins.clear();
    assert_eq!(try_origin(&server, "https://a.example.com"), 403);
    assert_eq!(try_origin(&server, ""), 101, "clients outside of browsers send none");
}

// WSK-13
#[test]
fn the_null_origin_can_be_refused() {
    let server = Server::new();
    let options = AcceptOptions { allow_null_origin: false, ..server.options() };
    for origin in ["null", "file://"] {
        assert_eq!(status(accept(&get(&[("Origin", origin)]), &options)), 403);
    }
}

#[test]
fn another_version_is_told_which_one_is_spoken() {
    let refusal = try_accept(&[("Sec-WebSocket-Version", "8")]).expect_err("only 13 is spoken");
    assert_eq!(refusal.status, 426);
    assert!(String::from_utf8_lossy(&refusal.response).contains("\r\nSec-WebSocket-Version: 13\r\n"));
}

#[test]
fn requests_that_are_no_handshake_are_refused() {
    for (change, expected) in [
        (("Host", ""), 400),
        (("Upgrade", ""), 426),
        (("Upgrade", "h2c"), 426),
        (("Connection", "keep-alive"), 426),
        (("Sec-WebSocket-Version", ""), 400),
        (("Sec-WebSocket-Key", ""), 400),
        (("Sec-WebSocket-Key", "c2hvcnQ="), 400),
        (("Sec-WebSocket-Key", "not base64, at all"), 400),
        (("Content-Length", "5"), 400),
        (("Transfer-Encoding", "chunked"), 400),
    ] {
        assert_eq!(status(try_accept(&[change])), expected, "{change:?}");
    }
    let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(status(try_accept(&[key, key])), 400);
    let server = Server::new();
    assert_eq!(status(accept(&request("POST / HTTP/1.1", &[]), &server.options())), 405);
    assert_eq!(status(accept(&request("GET / HTTP/1.0", &[]), &server.options())), 505);
}

#[test]
fn names_of_headers_and_tokens_are_compared_without_case() {
    let changes = [("Upgrade", ""), ("Connection", ""), ("UPGRADE", "WebSocket"), ("connection", "UPGRADE")];
    assert_eq!(status(try_accept(&changes)), 101);
}

#[test]
fn the_user_agent_decides_about_dialects() {
    let autobahn = ("User-Agent", "AutobahnPython/26.10.2");
    let ubjson = ("Sec-WebSocket-Protocol", "wamp.2.ubjson");
    let serializer = |changes: &[_]| try_accept(changes).map(|accepted| accepted.protocol.serializer);
    assert_eq!(serializer(&[ubjson]), Ok(Serializer::Ubjson));
    assert_eq!(serializer(&[ubjson, autobahn]), Ok(Serializer::Bjdata));
    let batched = ("Sec-WebSocket-Protocol", "wamp.2.json.batched");
    let batch = |changes: &[_]| try_accept(changes).map(|accepted| accepted.framing());
    assert_eq!(batch(&[batched]), Ok(Framing::WebSocketBatched { batch: Batch::RecordSeparator }));
    assert_eq!(batch(&[batched, autobahn]), Ok(Framing::WebSocketBatched { batch: Batch::Cancel }));
}

#[test]
fn further_headers_are_sent() {
    let server = Server::new();
    let extra = [("Set-Cookie".to_owned(), "cbtid=1;max-age=5".to_owned())];
    let options = AcceptOptions { extra_headers: &extra, ..server.options() };
    let accepted = accept(&get(&[]), &options).expect("it is a valid handshake");
    assert!(accepted.response.ends_with(b"\r\nSet-Cookie: cbtid=1;max-age=5\r\n\r\n"));
}
