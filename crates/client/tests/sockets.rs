//! Whole sessions against a scripted router, over sockets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cloverleaf_client::wamp::{Serializer, Value};
use cloverleaf_client::{CloseReason, ConnectError, Keepalive, Session, SessionBuilder, tls};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use support::{PATIENCE, Peer, Stream, WELCOME};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use transport::websocket::Subprotocol;

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn accept(listener: &TcpListener) -> Box<dyn Stream> {
    Box::new(listener.accept().await.unwrap().0)
}

/// Opens a session with a router at `listener` that does `handshake`.
async fn join(
    builder: SessionBuilder,
    listener: &TcpListener,
    handshake: impl AsyncFnOnce(Box<dyn Stream>) -> Peer,
) -> (Session, Peer) {
    let connecting = tokio::spawn(builder.connect());
    let mut peer = handshake(accept(listener).await).await;
    peer.welcome(WELCOME).await;
    (connecting.await.unwrap().unwrap(), peer)
}

fn plain(serializer: Serializer) -> Subprotocol {
    Subprotocol { serializer, batched: false }
}

/// A call with a payload of each kind, a large one included.
async fn exercise(session: &Session, peer: &mut Peer) {
    let large = "é".repeat(500_000);
    let call = session
        .call("a.b")
        .arg(large.as_str())
        .arg(1.5)
        .arg(&b"\x00\xff"[..])
        .arg(-3)
        .kwarg("k", Value::Null);
    let answer = async {
        let call = peer.receive().await.unwrap();
        assert!(
            call.starts_with(r#"[48,1,{},"a.b",["éé"#) && call.ends_with(r#","\u0000AP8=",-3],{"k":null}]"#)
        );
        peer.send(&call.replace(r#"[48,1,{},"a.b""#, "[50,1,{}")).await;
    };
    let (result, ()) = tokio::join!(call.into_future(), answer);
    let result = result.unwrap();
    assert!(result.arg::<String>(0).is_ok_and(|text| text == large));
    assert_eq!((result.arg(1), result.arg(3)), (Ok(1.5), Ok(-3)));
    assert_eq!(result.args()[2].as_bytes(), Some(&b"\x00\xff"[..]));
}

#[tokio::test]
async fn websocket_speaks_every_serializer() {
    for serializer in Serializer::ALL {
        // BJData has no name of its own on the wire; the router goes by the client's name, which isn't Autobahn's.
        if serializer == Serializer::Bjdata {
            continue;
        }
        let (listener, address) = listen().await;
        let builder = Session::builder(format!("ws://{address}/ws"), "realm1").serializer(serializer);
        let handshake = async |stream| Peer::websocket(stream, plain(serializer), false).await;
        let (session, mut peer) = join(builder, &listener, handshake).await;
        exercise(&session, &mut peer).await;
    }
}

#[tokio::test]
async fn websocket_takes_what_the_router_chooses() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("ws://{address}"), "realm1");
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Json), false).await;
    let (session, mut peer) = join(builder, &listener, handshake).await;
    assert_eq!(peer.serializer, Serializer::Json);
    exercise(&session, &mut peer).await;
}

#[tokio::test]
async fn compressed_messages_arrive_as_they_were() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("ws://{address}"), "realm1").compressed(true);
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Cbor), true).await;
    let (session, mut peer) = join(builder, &listener, handshake).await;
    assert!(matches!(peer.framing, transport::Framing::Deflate { .. }));
    exercise(&session, &mut peer).await;
}

/// BAT-02, BAT-03: batches of JSON, and of the others.
#[tokio::test]
async fn batches_are_written_and_read() {
    for serializer in [Serializer::Json, Serializer::MsgPack, Serializer::Cbor] {
        let (listener, address) = listen().await;
        let builder = Session::builder(format!("ws://{address}"), "realm1").batched(true);
        let speaks = Subprotocol { serializer, batched: true };
        let (session, mut peer) =
            join(builder, &listener, async |stream| Peer::websocket(stream, speaks, false).await).await;
        for _ in 0..100 {
            session.publish("a.b").arg("x").await.unwrap();
        }
        for id in 1..=100 {
            peer.expect(&format!(r#"[16,{id},{{}},"a.b",["x"]]"#)).await;
        }
        let (result, ()) = tokio::join!(session.call("c.d").into_future(), async {
            peer.receive().await;
            peer.send("[50,101,{},[1]]").await;
        });
        assert_eq!(result.unwrap().arg(0), Ok(1));
    }
}

#[tokio::test]
async fn rawsocket_speaks_every_serializer() {
    for serializer in Serializer::ALL {
        let (listener, address) = listen().await;
        let builder = Session::builder(format!("rs://{address}"), "realm1").serializer(serializer);
        let handshake = async |stream| Peer::rawsocket(stream, serializer, 15).await.unwrap();
        let (session, mut peer) = join(builder, &listener, handshake).await;
        exercise(&session, &mut peer).await;
    }
}

/// RAW-06: a router that doesn't speak one serializer may speak the next.
#[tokio::test]
async fn rawsocket_tries_one_serializer_after_the_other() {
    let (listener, address) = listen().await;
    let connecting = tokio::spawn(Session::builder(format!("rs://{address}"), "realm1").connect());
    for _ in 0..2 {
        assert!(Peer::rawsocket(accept(&listener).await, Serializer::Json, 15).await.is_none());
    }
    let mut peer = Peer::rawsocket(accept(&listener).await, Serializer::Json, 15).await.unwrap();
    peer.welcome(WELCOME).await;
    let session = connecting.await.unwrap().unwrap();
    exercise(&session, &mut peer).await;

    let connecting = tokio::spawn(
        Session::builder(format!("rs://{address}"), "realm1").serializer(Serializer::Cbor).connect(),
    );
    assert!(Peer::rawsocket(accept(&listener).await, Serializer::Json, 15).await.is_none());
    assert!(connecting.await.unwrap().unwrap_err().to_string().contains("none of the serializers"));
}

/// RAW-17, the other way round: the client keeps to what the router receives.
#[tokio::test]
async fn what_the_router_does_not_receive_is_not_sent() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("rs://{address}"), "realm1");
    let (session, mut peer) = join(builder, &listener, async |stream| {
        Peer::rawsocket(stream, Serializer::MsgPack, 2).await.unwrap()
    })
    .await;
    let error = session.call("a.b").arg("x".repeat(3000)).await.unwrap_err();
    assert!(error.is_too_long(), "{error}");
    session.publish("a.b").await.unwrap();
    peer.expect(r#"[16,1,{},"a.b"]"#).await;
}

/// RAW-22: any segmentation.
#[tokio::test]
async fn messages_may_come_in_any_pieces() {
    let (listener, address) = listen().await;
    for url in [format!("rs://{address}"), format!("ws://{address}")] {
        let is_raw = url.starts_with("rs");
        let builder = Session::builder(url, "realm1").serializer(Serializer::Json);
        let (session, mut peer) = join(builder, &listener, async |stream| match is_raw {
            true => Peer::rawsocket(stream, Serializer::Json, 15).await.unwrap(),
            false => Peer::websocket(stream, plain(Serializer::Json), false).await,
        })
        .await;
        let (result, ()) = tokio::join!(session.call("a.b").into_future(), async {
            peer.receive().await;
            let frame = peer.frame("[50,1,{},[\"ä\"]]");
            for byte in frame {
                peer.write(&[byte]).await;
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(result.unwrap().arg(0), Ok("ä".to_owned()));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_carry_rawsocket() {
    let directory = std::env::temp_dir().join(format!("cloverleaf-client-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("router.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let connecting = tokio::spawn(Session::builder(format!("unix://{}", path.display()), "realm1").connect());
    let stream = Box::new(listener.accept().await.unwrap().0);
    let mut peer = Peer::rawsocket(stream, Serializer::MsgPack, 15).await.unwrap();
    peer.welcome(WELCOME).await;
    exercise(&connecting.await.unwrap().unwrap(), &mut peer).await;
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(
        Session::builder("unix:/nowhere/router.sock", "realm1").connect().await.unwrap_err().is_unreachable()
    );
}

/// A certificate for the loopback address, and a server that has it.
fn secured() -> (CertificateDer<'static>, TlsAcceptor) {
    secured_as("127.0.0.1", |_| {})
}

/// The same for another name, with a certificate that `change` was made to.
fn secured_as(
    name: &str,
    change: impl FnOnce(&mut rcgen::CertificateParams),
) -> (CertificateDer<'static>, TlsAcceptor) {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    (cert.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn tls_carries_both_transports_to_those_who_are_trusted() {
    let (certificate, acceptor) = secured();
    let (listener, address) = listen().await;
    let trusting = tls::trusting([certificate]).unwrap();
    for (url, config) in [
        (format!("wss://{address}/"), trusting.clone()),
        (format!("rss://{address}"), trusting),
        (format!("wss://{address}/"), tls::danger_trusting_anybody().unwrap()),
    ] {
        let is_raw = url.starts_with("rss");
        let connecting = tokio::spawn(Session::builder(url, "realm1").tls(config).connect());
        let stream = Box::new(acceptor.accept(listener.accept().await.unwrap().0).await.unwrap());
        let mut peer = match is_raw {
            true => Peer::rawsocket(stream, Serializer::MsgPack, 15).await.unwrap(),
            false => Peer::websocket(stream, plain(Serializer::MsgPack), false).await,
        };
        peer.welcome(WELCOME).await;
        exercise(&connecting.await.unwrap().unwrap(), &mut peer).await;
    }
}

#[tokio::test]
async fn a_router_that_is_not_trusted_is_not_spoken_to() {
    let (_, acceptor) = secured();
    let (other, _) = secured();
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("wss://{address}"), "realm1").tls(tls::trusting([other]).unwrap());
    let connecting = tokio::spawn(builder.connect());
    assert!(acceptor.accept(listener.accept().await.unwrap().0).await.is_err());
    let error = connecting.await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("TLS: "), "{error}");
    let error = Session::builder(format!("wss://{address}"), "realm1").connect().await.unwrap_err();
    assert!(error.to_string().contains("whom to trust"), "{error}");
}

/// What `openssl req -x509` makes is an authority, too.
#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted_for_its_name_and_time() {
    let authority = |params: &mut rcgen::CertificateParams| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    };
    let expired = |params: &mut rcgen::CertificateParams| {
        authority(params);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    };
    async fn outcome((certificate, acceptor): (CertificateDer<'static>, TlsAcceptor)) -> Option<String> {
        let (listener, address) = listen().await;
        let builder = Session::builder(format!("rss://{address}"), "realm1");
        let connecting = tokio::spawn(builder.tls(tls::trusting([certificate]).unwrap()).connect());
        match acceptor.accept(listener.accept().await.unwrap().0).await {
            Ok(stream) => {
                let mut peer = Peer::rawsocket(Box::new(stream), Serializer::MsgPack, 15).await.unwrap();
                peer.welcome(WELCOME).await;
                connecting.await.unwrap().unwrap();
                None
            }
            Err(_) => Some(connecting.await.unwrap().unwrap_err().to_string()),
        }
    }
    assert_eq!(outcome(secured_as("127.0.0.1", authority)).await, None);
    let error = outcome(secured_as("localhost", authority)).await.unwrap();
    assert!(error.contains("not valid for name"), "{error}");
    let error = outcome(secured_as("127.0.0.1", expired)).await.unwrap();
    assert!(error.contains("expired"), "{error}");
}

#[tokio::test]
async fn trust_can_be_read_from_a_file() {
    let (certificate, _) = secured();
    let file = std::env::temp_dir().join(format!("cloverleaf-client-{}.pem", std::process::id()));
    assert!(tls::trusting_file(&file).is_err());
    std::fs::write(&file, "no certificate at all").unwrap();
    assert!(matches!(tls::trusting_file(&file), Err(tls::TlsError::Empty)));
    std::fs::write(&file, pem(&certificate)).unwrap();
    assert!(tls::trusting_file(&file).is_ok());
    std::fs::remove_file(&file).unwrap();
}

fn pem(certificate: &[u8]) -> String {
    // JSON has binary values in Base64, behind a mark.
    let text = Value::from(certificate).to_string();
    let base64 = text.trim_matches('"').trim_start_matches("\\u0000");
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}

/// WSK-08, RAW-16: pings are answered with what they carry.
#[tokio::test]
async fn pings_are_answered() {
    let (listener, address) = listen().await;
    for url in [format!("rs://{address}"), format!("ws://{address}")] {
        let is_raw = url.starts_with("rs");
        let builder = Session::builder(url, "realm1").serializer(Serializer::Cbor);
        let (_session, mut peer) = join(builder, &listener, async |stream| match is_raw {
            true => Peer::rawsocket(stream, Serializer::Cbor, 15).await.unwrap(),
            false => Peer::websocket(stream, plain(Serializer::Cbor), false).await,
        })
        .await;
        peer.ping().await;
        peer.read_control().await;
        assert_eq!(peer.pongs, 1);
    }
}

#[tokio::test]
async fn a_silent_router_is_given_up() {
    let (listener, address) = listen().await;
    let keepalive = Keepalive { interval: Duration::from_millis(50), timeout: Duration::from_millis(50) };
    let builder = Session::builder(format!("ws://{address}"), "realm1").keepalive(Some(keepalive));
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Json), false).await;
    let (session, _peer) = join(builder, &listener, handshake).await;
    let reason = tokio::time::timeout(PATIENCE, session.closed()).await.unwrap();
    assert!(reason.to_string().contains("answered no ping"), "{reason}");
}

#[tokio::test]
async fn leaving_closes_the_websocket_in_order() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("ws://{address}"), "realm1");
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Json), false).await;
    let (session, mut peer) = join(builder, &listener, handshake).await;
    let (reason, ()) = tokio::join!(session.leave(), async {
        peer.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
        peer.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
        peer.read_control().await;
        assert_eq!(peer.closed, Some(Some(1000)));
        let mut close = Vec::new();
        transport::websocket::write_close(&mut close, Some(1000), "");
        peer.write(&close).await;
    });
    assert_eq!(reason, CloseReason::Left);
    assert_eq!(peer.receive().await, None);
}

#[tokio::test]
async fn a_close_frame_of_the_router_is_answered_and_told() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("ws://{address}"), "realm1");
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Json), false).await;
    let (session, mut peer) = join(builder, &listener, handshake).await;
    let mut close = Vec::new();
    transport::websocket::write_close(&mut close, Some(1001), "going away");
    peer.write(&close).await;
    peer.read_control().await;
    assert_eq!(peer.closed, Some(Some(1001)));
    peer.shutdown().await;
    let reason = session.closed().await.to_string();
    assert!(reason.contains("1001 going away"), "{reason}");
}

#[tokio::test]
async fn broken_frames_end_the_connection() {
    let (listener, address) = listen().await;
    let builder = Session::builder(format!("ws://{address}"), "realm1");
    let handshake = async |stream| Peer::websocket(stream, plain(Serializer::Json), false).await;
    let (session, mut peer) = join(builder, &listener, handshake).await;
    peer.write(b"\x83\x00").await;
    peer.read_control().await;
    assert_eq!(peer.closed, Some(Some(1002)));
    peer.shutdown().await;
    assert!(matches!(session.closed().await, CloseReason::NetworkLost(_)));
}

#[tokio::test]
async fn what_is_no_router_is_told_apart() {
    async fn error(scheme: &str, answer: &[u8]) -> ConnectError {
        let (listener, address) = listen().await;
        let connecting = tokio::spawn(Session::builder(format!("{scheme}://{address}"), "realm1").connect());
        let mut stream = accept(&listener).await;
        stream.read_u8().await.unwrap();
        stream.write_all(answer).await.unwrap();
        stream.shutdown().await.unwrap();
        let error = connecting.await.unwrap().unwrap_err();
        drop(stream);
        error
    }
    assert!(error("ws", b"HTTP/1.1 404 Not Found\r\n\r\n").await.to_string().contains("404 Not Found"));
    let refusal = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nNobody speaks that here.";
    let error_text = error("ws", refusal).await.to_string();
    assert!(error_text.ends_with("400 Bad Request: Nobody speaks that here."), "{error_text}");
    assert!(error("rs", b"HTTP").await.to_string().contains("does not speak RawSocket"));
    assert!(error("rs", b"\x7F\x40\0\0").await.to_string().contains("maximum connection count"));
    assert!(error("rs", b"\x7F").await.to_string().contains("broke in the opening handshake"));
    assert!(error("ws", b"").await.to_string().contains("in the opening handshake"));
    assert!(Session::builder("http://h/", "realm1").connect().await.unwrap_err().is_url());
    let (listener, address) = listen().await;
    drop(listener);
    assert!(
        Session::builder(format!("ws://{address}"), "realm1").connect().await.unwrap_err().is_unreachable()
    );
}
