//! TLS: both transports, client certificates, new certificates without a restart.

mod support;

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use cloverleaf_listeners::{ClientCertificates, Endpoint, ListenError, Listener, ListenerConfig, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use router::config::RouterConfig;
use router::{ChannelType, Peer, Router};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use support::{Client, Folder, PATIENCE, Pipe, Server};
use wamp::{Serializer, SessionId};

/// An authority with the files of what it issued.
struct Authority {
    folder: Folder,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate");
        let folder = Folder::new(name);
        std::fs::write(folder.file("ca.pem"), issuer.pem()).expect("a file");
        Authority { folder, issuer }
    }

    /// Writes a certificate and its key.
    fn issue(&self, file: &str, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a good name");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let paths = (self.folder.file(&format!("{file}.pem")), self.folder.file(&format!("{file}.key")));
        std::fs::write(&paths.0, certificate.pem()).expect("a file");
        std::fs::write(&paths.1, key.serialize_pem()).expect("a file");
        paths
    }

    fn server(&self, clients: ClientCertificates) -> Server {
        let (certificate, key) = self.issue("server", "localhost");
        Server::with(|config| {
            let files = TlsConfig { client_certificates: clients, ..TlsConfig::new(certificate, key) };
            config.tls = Some(files);
        })
    }
}

/// How a client connects.
struct Manner {
    versions: Vec<&'static SupportedProtocolVersion>,
    certificate: Option<(PathBuf, PathBuf)>,
    alpn: Vec<Vec<u8>>,
}

impl Default for Manner {
    fn default() -> Self {
        Manner { versions: vec![&TLS13, &TLS12], certificate: None, alpn: vec![b"http/1.1".to_vec()] }
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn try_connect(server: &Server, authority: &Authority, manner: Manner) -> std::io::Result<Stream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&manner.versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match manner.certificate {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_file(key).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    config.alpn_protocols = manner.alpn;
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a configuration");
    let socket = TcpStream::connect(server.socket_addr())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

fn connect(server: &Server, authority: &Authority, manner: Manner) -> Stream {
    try_connect(server, authority, manner).expect("a TLS connection")
}

fn session(server: &Server, id: u64) -> Arc<Peer> {
    let realm = server.router.realm("realm1").expect("it is there");
    realm.session(SessionId::new(id).expect("an id")).expect("it is open")
}

// TLS-01, RAW-25
#[test]
fn both_transports_run_over_tls() {
    let authority = Authority::new("tls-both");
    let server = authority.server(ClientCertificates::No);
    let pipe = Pipe::over(connect(&server, &authority, Manner::default()));
    Client::raw_over(pipe, Serializer::Cbor, 15).joined().probe();
    let pipe = Pipe::over(connect(&server, &authority, Manner::default()));
    Client::websocket_over(pipe, "wamp.2.json", "").0.joined().probe();
    let mut pipe = Pipe::over(connect(&server, &authority, Manner::default()));
    pipe.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let page = String::from_utf8(pipe.receive_all()).expect("it is text");
    assert!(page.contains("wss://"), "{page}");
}

#[test]
fn long_messages_run_over_tls() {
    let authority = Authority::new("tls-long");
    let server = authority.server(ClientCertificates::No);
    let client = |serializer| {
        Client::raw_over(Pipe::over(connect(&server, &authority, Manner::default())), serializer, 15).joined()
    };
    let (mut subscriber, mut publisher) = (client(Serializer::Json), client(Serializer::MsgPack));
    subscriber.subscribe("a.b");
    let text = "0123456789abcdef".repeat(100_000);
    for request in 1..4 {
        publisher.publish(request, "a.b", &serde_json::json!(text));
        assert_eq!(subscriber.expect(36)[4][0], text);
    }
}

// TLS-02
#[test]
fn client_certificates_are_asked_for_and_checked() {
    let authority = Authority::new("tls-clients");
    let stranger = Authority::new("tls-stranger");
    let authorities = vec![authority.folder.file("ca.pem")];
    let required = authority.server(ClientCertificates::Required { authorities: authorities.clone() });
    let optional = authority.server(ClientCertificates::Optional { authorities });
    let own = || Manner { certificate: Some(authority.issue("client", "client")), ..Manner::default() };
    let foreign = || Manner { certificate: Some(stranger.issue("client", "client")), ..Manner::default() };
    let joins = |server: &Server, manner: Manner| {
        // With TLS 1.3 a client learns only by reading that its certificate was refused.
        let Ok(stream) = try_connect(server, &authority, manner) else { return false };
        let mut pipe = Pipe::over(stream);
        pipe.try_send(&[0x7F, 0xF1, 0, 0]);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pipe.receive(4))).is_ok()
    };
    assert!(joins(&required, own()));
    assert!(!joins(&required, Manner::default()));
    assert!(!joins(&required, foreign()));
    assert!(joins(&optional, own()));
    assert!(joins(&optional, Manner::default()));
    assert!(!joins(&optional, foreign()));
}

// MSE-07, TLS-02
#[test]
fn a_session_over_tls_knows_what_was_agreed_and_shown() {
    let authority = Authority::new("tls-details");
    let authorities = vec![authority.folder.file("ca.pem")];
    let server = authority.server(ClientCertificates::Optional { authorities });
    let (certificate, key) = authority.issue("client", "client.example.com");
    let der = CertificateDer::from_pem_file(&certificate).expect("a certificate");
    let stream = connect(
        &server,
        &authority,
        Manner { certificate: Some((certificate, key)), versions: vec![&TLS13], ..Manner::default() },
    );
    let binding = stream.conn.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    let peer = session(&server, Client::raw_over(Pipe::over(stream), Serializer::Cbor, 15).join());
    let transport = peer.transport();
    assert_eq!((transport.channel_type, transport.is_secure()), (ChannelType::Tls, true));
    assert!(transport.own_fd >= 0);
    let tls = transport.tls.as_deref().expect("it is TLS");
    assert_eq!(tls.protocol, "TLSv1_3");
    assert!(tls.cipher.starts_with("TLS13_"), "{}", tls.cipher);
    assert_eq!((tls.alpn.as_deref(), tls.server_name.as_deref()), (Some("http/1.1"), Some("localhost")));
    assert_eq!(tls.channel_binding, binding.ok(), "both ends know the same");
    let shown = tls.peer_certificate.as_deref().expect("the client has shown one");
    assert_eq!(&*shown.der, der.as_ref());
    assert!(shown.details.contains_key("sha1") && shown.details.contains_key("sha256"));
    assert!(shown.details.to_string().contains("DNS:client.example.com"), "{}", shown.details);
}

// MSE-07
#[test]
fn a_session_over_tls_claims_nothing_that_was_not_agreed() {
    let authority = Authority::new("tls-bare");
    let server = authority.server(ClientCertificates::No);
    let stream =
        connect(&server, &authority, Manner { versions: vec![&TLS12], alpn: vec![], ..Manner::default() });
    let peer = session(&server, Client::raw_over(Pipe::over(stream), Serializer::Cbor, 15).join());
    let tls = peer.transport().tls.as_deref().expect("it is TLS");
    assert_eq!((tls.protocol, &tls.alpn), ("TLSv1_2", &None));
    assert_eq!((tls.channel_binding, &tls.peer_certificate), (None, &None));
}

// TLS-04
#[test]
fn new_certificates_are_used_after_a_reload_and_old_connections_go_on() {
    let authority = Authority::new("tls-reload");
    let server = authority.server(ClientCertificates::No);
    let shown = |stream: &Stream| stream.conn.peer_certificates().expect("a certificate")[0].clone();
    let stream = connect(&server, &authority, Manner::default());
    let old = shown(&stream);
    let mut client = Client::raw_over(Pipe::over(stream), Serializer::Json, 15).joined();
    authority.issue("server", "localhost");
    assert_eq!(shown(&connect(&server, &authority, Manner::default())), old, "not before the reload");
    let reload = server.tls.clone().expect("there is TLS");
    reload.reload().expect("good files");
    let new = shown(&connect(&server, &authority, Manner::default()));
    assert_ne!(new, old);
    client.probe();
    std::fs::write(authority.folder.file("server.key"), "nonsense").expect("a file");
    let error = reload.reload().expect_err("that is no key").to_string();
    assert!(error.contains("server.key"), "{error}");
    assert_eq!(shown(&connect(&server, &authority, Manner::default())), new, "as if nothing had happened");
}

// TLS-05
#[test]
fn versions_and_application_protocols_are_agreed() {
    let authority = Authority::new("tls-versions");
    let server = authority.server(ClientCertificates::No);
    for (version, expected) in
        [(&TLS12, rustls::ProtocolVersion::TLSv1_2), (&TLS13, rustls::ProtocolVersion::TLSv1_3)]
    {
        let stream = connect(&server, &authority, Manner { versions: vec![version], ..Manner::default() });
        assert_eq!(stream.conn.protocol_version(), Some(expected));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let alpn = |names: &[&[u8]]| Manner {
        alpn: names.iter().map(|name| name.to_vec()).collect(),
        ..Manner::default()
    };
    let both = connect(&server, &authority, alpn(&[b"h2", b"http/1.1"]));
    assert_eq!(both.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(connect(&server, &authority, alpn(&[])).conn.alpn_protocol(), None);
    assert!(try_connect(&server, &authority, alpn(&[b"h2"])).is_err());
}

#[test]
fn what_is_no_tls_is_not_served() {
    let authority = Authority::new("tls-plain");
    let server = authority.server(ClientCertificates::No);
    let mut pipe = server.connect();
    pipe.send(b"\x7f\xf1\0\0\0\0\0");
    let answer = pipe.receive_all();
    // An alert at most: a record of type 21.
    assert!(answer.first().is_none_or(|first| *first == 21), "{answer:?}");
}

#[test]
fn files_that_can_not_be_used_are_named() {
    let authority = Authority::new("tls-files");
    let (certificate, key) = authority.issue("server", "localhost");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let router = Router::new(RouterConfig::default()).expect("a good configuration");
    let error = |endpoint: Endpoint, files: TlsConfig| {
        let config = ListenerConfig { tls: Some(files), ..ListenerConfig::new(endpoint) };
        let bound = Listener::bind(config, Arc::clone(&router), &[runtime.handle().clone()]);
        bound.expect_err("it can't be")
    };
    let port = || Endpoint::tcp(([127, 0, 0, 1], 0).into());
    let missing = error(port(), TlsConfig::new("/nowhere/cert.pem", &key)).to_string();
    assert!(missing.contains("/nowhere/cert.pem") && missing.contains("tcp://127.0.0.1:0"), "{missing}");
    let empty = authority.folder.file("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    assert!(error(port(), TlsConfig::new(&empty, &key)).to_string().contains("no certificate"));
    assert!(error(port(), TlsConfig::new(&certificate, &empty)).to_string().contains("empty.pem"));
    let (other, _) = authority.issue("other", "localhost");
    assert!(matches!(error(port(), TlsConfig::new(other, &key)), ListenError::Tls { .. }));
    let unix = Endpoint::unix(authority.folder.file("tls.sock"));
    assert!(matches!(error(unix, TlsConfig::new(&certificate, &key)), ListenError::TlsOnUnix { .. }));
}
