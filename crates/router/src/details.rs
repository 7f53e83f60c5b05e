//! A session as `wamp.session.get` and `wamp.session.on_join` show it, in the keys of Crossbar.io, all of which are there
//! whatever the transport.
//!
//! Where Crossbar.io leaves something empty that we know, it is filled: `serializer` and `channel_serializer` name the
//! serializer of every transport, `own` and `own_fd` are those of the socket. `transport.tls` is ours alone.
//!
//! What proves who somebody is, so that whoever reads it could pass for that one, is not shown to anybody unless the realm
//! says so (MSE-16).

use transport::Framing;
use transport::websocket::{Deflate, Subprotocol};
use wamp::value::Dict;
use wamp::{SessionId, Value};

use crate::identity::{
    Address, Authextra, ChannelType, Format, HttpDetails, HttpHeaders, Identity, TlsDetails, TransportDetails,
};
use crate::peer::Peer;

/// In the place of a secret.
const REDACTED: &str = "(redacted)";

/// zlib's default, which what compresses here uses.
const MEM_LEVEL: u64 = 8;

/// The details of a session in `realm` (MSE-01, MSE-07).
pub(crate) fn session_details(realm: &str, peer: &Peer, show_secrets: bool) -> Dict {
    details(realm, peer.id, &peer.identity, peer.format, &peer.transport, show_secrets)
}

fn details(
    realm: &str,
    session: SessionId,
    identity: &Identity,
    format: Format,
    transport: &TransportDetails,
    show_secrets: bool,
) -> Dict {
    let authextra = identity.authextra.as_ref().map(Authextra::to_value).filter(|extra| !extra.is_null());
    Dict::from([
        ("realm", Value::from(realm)),
        ("session", session.value().into()),
        ("authid", (&*identity.authid).into()),
        ("authrole", (&*identity.authrole).into()),
        ("authmethod", (&*identity.authmethod).into()),
        ("authprovider", (&*identity.authprovider).into()),
        ("authextra", authextra.unwrap_or_else(|| Dict::new().into())),
        ("serializer", format.serializer.name().into()),
        ("transport", transport_details(format, transport, show_secrets).into()),
        ("resumed", false.into()),
        ("resumable", false.into()),
        ("resume_token", Value::Null),
    ])
}

fn transport_details(format: Format, transport: &TransportDetails, show_secrets: bool) -> Dict {
    let http = transport.http.as_deref();
    let tls = transport.tls.as_deref();
    let headers = |headers: &HttpHeaders| headers_dict(headers, show_secrets);
    let cookie_id = http.and_then(|http| http.cookie_id.as_deref());
    let cookie_id = cookie_id.map(|id| if show_secrets { id } else { REDACTED });
    Dict::from([
        ("channel_type", Value::from(channel_type(transport.channel_type))),
        ("channel_framing", channel_framing(format.framing).into()),
        ("channel_serializer", format.serializer.name().into()),
        ("own", transport.own.as_ref().map(Address::to_string).into()),
        ("peer", transport.peer.to_string().into()),
        ("is_server", true.into()),
        ("own_pid", transport.own_pid.into()),
        ("own_tid", transport.own_tid.into()),
        ("own_fd", transport.own_fd.into()),
        ("is_secure", transport.is_secure().into()),
        ("channel_id", channel_id(tls).into()),
        ("peer_cert", peer_certificate(tls).into()),
        ("websocket_protocol", websocket_protocol(format, http).into()),
        ("websocket_extensions_in_use", http.map(|http| extensions(http.deflate)).into()),
        ("http_headers_received", http.map(|http| headers(&http.headers_received)).into()),
        ("http_headers_sent", http.map(|http| headers(&http.headers_sent)).into()),
        ("http_cbtid", cookie_id.into()),
        ("tls", tls.map(tls_dict).into()),
    ])
}

/// The names are those that Crossbar.io's clients know. It has none for Unix sockets and calls them `tcp`; `peer` and `own`
/// tell them apart.
const fn channel_type(channel_type: ChannelType) -> &'static str {
    match channel_type {
        ChannelType::Tcp | ChannelType::Unix => "tcp",
        ChannelType::Tls => "tls",
        ChannelType::Memory => "memory",
    }
}

const fn channel_framing(framing: Framing) -> &'static str {
    match framing {
        Framing::RawSocket => "rawsocket",
        Framing::WebSocket { .. }
        | Framing::WebSocketBatched { .. }
        | Framing::Deflate { .. }
        | Framing::DeflateBatched { .. } => "websocket",
        Framing::None => "native",
    }
}

/// RawSocket, which has no subprotocols, gets the name of the one that means the same.
fn websocket_protocol(format: Format, http: Option<&HttpDetails>) -> Option<&'static str> {
    match format.framing {
        Framing::RawSocket => Some(Subprotocol { serializer: format.serializer, batched: false }.name()),
        Framing::None => None,
        Framing::WebSocket { .. }
        | Framing::WebSocketBatched { .. }
        | Framing::Deflate { .. }
        | Framing::DeflateBatched { .. } => http.and_then(|http| http.websocket_protocol),
    }
}

fn extensions(deflate: Option<Deflate>) -> Vec<Dict> {
    let in_use = deflate.map(|deflate| {
        Dict::from([
            ("extension", Value::from("permessage-deflate")),
            ("is_server", true.into()),
            ("server_no_context_takeover", deflate.server_no_context_takeover.into()),
            ("client_no_context_takeover", deflate.client_no_context_takeover.into()),
            ("server_max_window_bits", deflate.server_max_window_bits.into()),
            ("client_max_window_bits", deflate.client_max_window_bits.into()),
            ("mem_level", MEM_LEVEL.into()),
        ])
    });
    in_use.into_iter().collect()
}

/// Fields that are there more than once are joined, as HTTP allows.
fn headers_dict(headers: &HttpHeaders, show_secrets: bool) -> Dict {
    let mut shown = Dict::new();
    for (name, value) in headers.iter() {
        let value = if show_secrets { value } else { without_secrets(name, value) };
        if value == REDACTED {
            shown.insert(name, REDACTED);
        } else if let Some(Value::Str(before)) = shown.get_mut(name) {
            before.push_str(", ");
            before.push_str(value);
        } else {
            shown.insert(name, value);
        }
    }
    shown
}

/// What of a field is shown to everybody. Some fields that are no secret themselves are used to carry one: the address of
/// a page has it in its query, and browsers, which can't set other fields, have it among the subprotocols.
fn without_secrets<'h>(name: &str, value: &'h str) -> &'h str {
    match name {
        _ if HttpHeaders::is_secret(name) => REDACTED,
        "referer" => value.split(['?', '#']).next().unwrap_or_default(),
        "sec-websocket-protocol" if !value.split(',').all(|offered| offered.trim().starts_with("wamp.")) => {
            REDACTED
        }
        _ => value,
    }
}

fn channel_id(tls: Option<&TlsDetails>) -> Dict {
    let binding = tls.and_then(|tls| tls.channel_binding);
    binding.map(|bytes| ("tls-exporter".to_owned(), Value::from(&bytes[..]))).into_iter().collect()
}

fn peer_certificate(tls: Option<&TlsDetails>) -> Option<Dict> {
    Some(tls?.peer_certificate.as_ref()?.details.clone())
}

fn tls_dict(tls: &TlsDetails) -> Dict {
    Dict::from([
        ("protocol", Value::from(tls.protocol)),
        ("cipher", tls.cipher.into()),
        ("alpn", tls.alpn.as_deref().into()),
        ("server_name", tls.server_name.as_deref().into()),
    ])
}

#[cfg(test)]
mod tests {
    use transport::Batch;
    use wamp::Serializer;

    use super::*;
    use crate::identity::PeerCertificate;

    const RAW: Format = Format { serializer: Serializer::Cbor, framing: Framing::RawSocket };
    const WEB: Format = Format { serializer: Serializer::Json, framing: Framing::WebSocket { text: true } };

    fn tcp() -> TransportDetails {
        TransportDetails::new(ChannelType::Tcp, "tcp4:127.0.0.1:50110")
    }

    fn over_http(http: HttpDetails) -> TransportDetails {
        TransportDetails { http: Some(Box::new(http)), ..tcp() }
    }

    fn shown(format: Format, transport: &TransportDetails) -> Dict {
        transport_details(format, transport, false)
    }

    fn received(fields: &[(&str, &str)], show_secrets: bool) -> Dict {
        let headers_received = HttpHeaders::new(fields.iter().copied());
        let transport = over_http(HttpDetails { headers_received, ..HttpDetails::default() });
        let details = transport_details(WEB, &transport, show_secrets);
        details.get("http_headers_received").and_then(Value::as_dict).cloned().expect("they are there")
    }

    // MSE-01, MSE-07
    #[test]
    fn a_session_is_shown_with_all_its_keys() {
        let session = SessionId::new(4711).expect("an id");
        let identity = Identity { authextra: None, ..Identity::trusted("somebody") };
        let details = details("realm1", session, &identity, RAW, &tcp(), false);
        let keys = [
            "realm",
            "session",
            "authid",
            "authrole",
            "authmethod",
            "authprovider",
            "authextra",
            "serializer",
            "transport",
            "resumed",
            "resumable",
            "resume_token",
        ];
        assert!(details.keys().eq(keys), "{details}");
        let is = |key, value: Value| assert_eq!(details.get(key), Some(&value), "{key}");
        is("realm", "realm1".into());
        is("session", 4711u64.into());
        is("authid", "somebody".into());
        is("authrole", "trusted".into());
        is("serializer", "cbor".into());
        is("authextra", Dict::new().into());
        is("resumed", false.into());
        is("resume_token", Value::Null);
    }

    #[test]
    fn the_extra_of_the_authentication_is_shown() {
        let extra = Value::Map(Dict::from([("team", Value::from("red"))]));
        let identity = Identity { authextra: Some(Authextra::new(&extra)), ..Identity::trusted("a") };
        let details = details("r", SessionId::new(1).expect("an id"), &identity, RAW, &tcp(), false);
        assert_eq!(details.get("authextra"), Some(&extra));
    }

    #[test]
    fn a_transport_is_shown_with_all_its_keys_whatever_it_is() {
        let keys = [
            "channel_type",
            "channel_framing",
            "channel_serializer",
            "own",
            "peer",
            "is_server",
            "own_pid",
            "own_tid",
            "own_fd",
            "is_secure",
            "channel_id",
            "peer_cert",
            "websocket_protocol",
            "websocket_extensions_in_use",
            "http_headers_received",
            "http_headers_sent",
            "http_cbtid",
            "tls",
        ];
        let native = Format { framing: Framing::None, ..RAW };
        let memory = TransportDetails::new(ChannelType::Memory, "process:1");
        for (format, transport) in
            [(RAW, &tcp()), (WEB, &over_http(HttpDetails::default())), (native, &memory)]
        {
            let details = shown(format, transport);
            assert!(details.keys().eq(keys), "{details}");
        }
    }

    #[test]
    fn a_rawsocket_has_nulls_where_there_is_no_http() {
        let transport = TransportDetails {
            own: Some("tcp4:127.0.0.1:80".into()),
            own_pid: 7,
            own_tid: 8,
            own_fd: 9,
            ..tcp()
        };
        let details = shown(RAW, &transport);
        let is = |key, value: Value| assert_eq!(details.get(key), Some(&value), "{key}");
        is("channel_type", "tcp".into());
        is("channel_framing", "rawsocket".into());
        is("channel_serializer", "cbor".into());
        is("own", "tcp4:127.0.0.1:80".into());
        is("peer", "tcp4:127.0.0.1:50110".into());
        is("is_server", true.into());
        is("own_pid", 7u64.into());
        is("own_tid", 8u64.into());
        is("own_fd", 9u64.into());
        is("is_secure", false.into());
        is("channel_id", Dict::new().into());
        is("websocket_protocol", "wamp.2.cbor".into());
        for key in ["peer_cert", "websocket_extensions_in_use", "http_headers_received", "http_cbtid", "tls"]
        {
            is(key, Value::Null);
        }
    }

    #[test]
    fn a_websocket_shows_what_was_agreed() {
        let deflate = Deflate { client_max_window_bits: 12, ..Deflate::default() };
        let transport = over_http(HttpDetails {
            websocket_protocol: Some("wamp.2.cbor.batched"),
            deflate: Some(deflate),
            ..HttpDetails::default()
        });
        let framing = Framing::DeflateBatched { batch: Batch::LengthPrefix, window_bits: 15 };
        let details = shown(Format { framing, ..RAW }, &transport);
        assert_eq!(details.get("channel_framing"), Some(&"websocket".into()));
        assert_eq!(details.get("websocket_protocol"), Some(&"wamp.2.cbor.batched".into()));
        let extension = Dict::from([
            ("extension", Value::from("permessage-deflate")),
            ("is_server", true.into()),
            ("server_no_context_takeover", false.into()),
            ("client_no_context_takeover", false.into()),
            ("server_max_window_bits", 15u64.into()),
            ("client_max_window_bits", 12u64.into()),
            ("mem_level", 8u64.into()),
        ]);
        assert_eq!(details.get("websocket_extensions_in_use"), Some(&vec![extension].into()));
        let plain = shown(WEB, &over_http(HttpDetails::default()));
        assert_eq!(plain.get("websocket_extensions_in_use"), Some(&Value::List(Vec::new())));
        assert_eq!(plain.get("websocket_protocol"), Some(&Value::Null), "the client named none");
    }

    #[test]
    fn other_channels_have_the_names_that_clients_know() {
        let unix = shown(RAW, &TransportDetails::new(ChannelType::Unix, "unix"));
        assert_eq!((unix.get("channel_type"), unix.get("peer")), (Some(&"tcp".into()), Some(&"unix".into())));
        let memory = TransportDetails::new(ChannelType::Memory, "process:1");
        let memory = shown(Format { framing: Framing::None, ..RAW }, &memory);
        assert_eq!(memory.get("channel_type"), Some(&"memory".into()));
        assert_eq!(memory.get("channel_framing"), Some(&"native".into()));
        assert_eq!(memory.get("own_fd"), Some(&Value::from(-1)));
    }

    #[test]
    fn a_tls_channel_shows_its_binding_and_the_clients_certificate() {
        let certificate = Dict::from([("sha1", Value::from("AA:BB"))]);
        let tls = TlsDetails {
            protocol: "TLSv1_3",
            cipher: "TLS13_AES_256_GCM_SHA384",
            alpn: Some("http/1.1".into()),
            server_name: None,
            channel_binding: Some([7; 32]),
            peer_certificate: Some(Box::new(PeerCertificate {
                der: Box::default(),
                details: certificate.clone(),
            })),
        };
        let transport =
            TransportDetails { tls: Some(Box::new(tls)), ..TransportDetails::new(ChannelType::Tls, "x") };
        let details = shown(RAW, &transport);
        let is = |key, value: Value| assert_eq!(details.get(key), Some(&value), "{key}");
        is("channel_type", "tls".into());
        is("is_secure", true.into());
        is("channel_id", Dict::from([("tls-exporter", Value::Bytes(vec![7; 32]))]).into());
        is("peer_cert", certificate.into());
        let tls = Dict::from([
            ("protocol", Value::from("TLSv1_3")),
            ("cipher", "TLS13_AES_256_GCM_SHA384".into()),
            ("alpn", "http/1.1".into()),
            ("server_name", Value::Null),
        ]);
        is("tls", tls.into());
    }

    // MSE-16
    #[test]
    fn secrets_are_not_shown_unless_the_realm_says_so() {
        let secrets = [
            "cookie",
            "authorization",
            "proxy-authorization",
            "x-api-key",
            "x-auth-token",
            "x-csrf-token",
            "client-secret",
            "x-password-hash",
            "apikey",
            "x-auth-request-user",
            "x-session-id",
            "x-user-credentials",
        ];
        for name in secrets {
            let fields = [(name, "hidden"), ("host", "here")];
            let redacted = Dict::from([(name, Value::from("(redacted)")), ("host", "here".into())]);
            assert_eq!(received(&fields, false), redacted);
            assert_eq!(received(&fields, true).get(name), Some(&"hidden".into()));
        }
        let harmless =
            [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("user-agent", "x"), ("origin", "y")];
        assert_eq!(received(&harmless, false), received(&harmless, true));
    }

    // MSE-16
    #[test]
    fn what_was_set_and_the_tracking_cookie_are_secrets_too() {
        let http = HttpDetails {
            headers_sent: HttpHeaders::new([("Server", "x"), ("Set-Cookie", "cbtid=hidden")]),
            cookie_id: Some("hidden".into()),
            ..HttpDetails::default()
        };
        let transport = over_http(http);
        let text = shown(WEB, &transport).to_string();
        assert!(!text.contains("hidden") && text.contains("set-cookie"), "{text}");
        let shown = transport_details(WEB, &transport, true);
        assert_eq!(shown.get("http_cbtid"), Some(&"hidden".into()));
        assert!(shown.to_string().contains("cbtid=hidden"));
    }

    #[test]
    fn fields_that_came_more_than_once_are_joined() {
        let fields = [("x-one", "a"), ("cookie", "b"), ("x-one", "c"), ("cookie", "d")];
        assert_eq!(received(&fields, false).get("x-one"), Some(&"a, c".into()));
        assert_eq!(received(&fields, false).get("cookie"), Some(&"(redacted)".into()));
        assert_eq!(received(&fields, true).get("cookie"), Some(&"b, d".into()));
    }

    // MSE-16
    #[test]
    fn fields_that_are_used_to_carry_secrets_are_shown_without_them() {
        let fields = [
            ("referer", "https://example.com/page?token=s3cret#top"),
            ("sec-websocket-protocol", "wamp.2.json, bearer.s3cret"),
        ];
        let shown = received(&fields, false);
        assert_eq!(shown.get("referer"), Some(&"https://example.com/page".into()));
        assert_eq!(shown.get("sec-websocket-protocol"), Some(&REDACTED.into()));
        assert_eq!(received(&fields, true).get("referer"), Some(&fields[0].1.into()));
        let plain = received(&[("sec-websocket-protocol", "wamp.2.json,wamp.2.cbor")], false);
        assert_eq!(plain.get("sec-websocket-protocol"), Some(&"wamp.2.json,wamp.2.cbor".into()));
    }
}
