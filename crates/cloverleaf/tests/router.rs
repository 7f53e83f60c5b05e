//! The router's command line: where it says it listens, how it ends, what it refuses to start with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use client::{CloseReason, Session};
use support::{Directory, PATIENCE, Router, cloverleaf, cloverleaf_writing_to, text_of};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("in time") })
}

/// A config file whose one port is a free one, with these limits.
fn config_with(directory: &Directory, limits: &str) -> String {
    let text = format!(
        "limits: {limits}\nrealms:\n  - name: realm1\n    roles: [{{name: anonymous, allow-by-default: true}}]\n\
         transports:\n  - type: universal\n    endpoint: {{type: tcp, interface: localhost, port: 0}}\n"
    );
    directory.write("node.yaml", &text)
}

/// A RawSocket client (JSON) that has joined `realm1` and from here on says nothing.
fn silent_client(router: &Router) -> TcpStream {
    let url = router.url("RawSocket");
    let mut socket = TcpStream::connect(url.strip_prefix("rs://").unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hello = br#"[1,"realm1",{"roles":{"subscriber":{}}}]"#;
    socket.write_all(&[0x7F, 0xF1, 0, 0]).unwrap();
    socket.write_all(&u32::try_from(hello.len()).unwrap().to_be_bytes()).unwrap();
    socket.write_all(hello).unwrap();
    let mut handshake = [0; 4];
    socket.read_exact(&mut handshake).unwrap();
    assert_eq!(&read_message(&mut socket)[..3], b"[2,", "WELCOME");
    socket
}

fn read_message(socket: &mut TcpStream) -> Vec<u8> {
    let mut prefix = [0; 4];
    socket.read_exact(&mut prefix).unwrap();
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(prefix)).unwrap()];
    socket.read_exact(&mut message).unwrap();
    message
}

#[test]
fn it_says_where_it_listens_and_how_to_connect() {
    let router = Router::start();
    let address = router.said[0].strip_prefix("listening on ").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let expected = [
        format!("listening on {address}"),
        format!("  WebSocket: ws://{address}/ws"),
        format!("  RawSocket: rs://{address}"),
        "realms: realm1".to_owned(),
        format!("try: cloverleaf subscribe --url ws://{address}/ws com.example.hello"),
        format!("     cloverleaf publish --url ws://{address}/ws com.example.hello world"),
    ];
    assert_eq!(router.said, expected);
}

#[test]
fn it_listens_in_several_places_with_several_realms() {
    let directory = Directory::new();
    let socket = text_of(&directory.path("router.sock"));
    let unix = format!("unix:{socket}");
    let router = Router::with(&[
        "start", "--listen", "[::1]:0", "--listen", &unix, "--realm", "one", "--realm", "two",
    ]);
    assert!(router.said.contains(&format!("listening on unix:{socket}")), "{:?}", router.said);
    assert!(router.said.contains(&"realms: one, two".to_owned()), "{:?}", router.said);
    for url in [router.url("WebSocket"), router.url("RawSocket"), format!("unix://{socket}")] {
        for realm in ["one", "two"] {
            let published =
                cloverleaf(&["publish", "com.a", "--ack", "--url", &url, "--realm", realm]).ended();
            assert_eq!(published.succeeded().len(), 1);
        }
        let refused = cloverleaf(&["publish", "com.a", "--url", &url, "--realm", "three"]).ended().failed();
        assert!(refused.contains("wamp.error.no_such_realm"), "{refused}");
    }
}

// SES-18
#[test]
fn both_signals_end_it_with_goodbye_to_all() {
    for signal in ["TERM", "INT"] {
        let router = Router::start();
        let session = block_on(async {
            let urls = [router.url("WebSocket"), router.url("RawSocket")];
            let open = |url: &String| Session::builder(url, "realm1").connect();
            let sessions = [open(&urls[0]).await.unwrap(), open(&urls[1]).await.unwrap()];
            router.process.signal(signal);
            for session in &sessions {
                let reason = session.closed().await;
                let CloseReason::Goodbye { reason, .. } = reason else { panic!("{reason:?}") };
                assert_eq!(reason, "wamp.close.system_shutdown");
            }
            sessions
        });
        let ended = router.process.ended();
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        drop(session);
    }
}

// SES-12, SES-18
#[test]
fn a_client_that_does_not_answer_goodbye_is_waited_for_within_bounds() {
    let directory = Directory::new();
    let router = Router::with(&["--config", &config_with(&directory, "{goodbye_timeout: 200ms}")]);
    let mut client = silent_client(&router);
    router.process.signal("TERM");
    router.process.said("waiting for 1 sessions to say goodbye");
    let goodbye = read_message(&mut client);
    assert!(goodbye.ends_with(br#""wamp.close.system_shutdown"]"#), "{}", String::from_utf8_lossy(&goodbye));
    assert_eq!(router.process.ended().status.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let directory = Directory::new();
    let limits = "{goodbye_timeout: 10min, drain_timeout: 10min}";
    let router = Router::with(&["--config", &config_with(&directory, limits)]);
    let mut client = silent_client(&router);
    router.process.signal("TERM");
    assert!(read_message(&mut client).starts_with(b"[6,"), "GOODBYE");
    router.process.signal("TERM");
    let ended = router.process.ended();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn a_router_whose_stdout_takes_nothing_serves_all_the_same() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let router = cloverleaf_writing_to(full.into(), &["--listen", &free.to_string()]);
    router.said("can't announce where to connect");
    let url = format!("rs://{free}");
    assert!(cloverleaf(&["publish", "com.a", "--url", &url]).ended().succeeded().is_empty());
}

#[test]
fn a_port_in_use_is_an_error_that_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let failed = cloverleaf(&["--listen", &address]).ended().failed();
    assert_eq!(failed, format!("cloverleaf: can't listen on tcp://{address}: the address is in use"));
}

#[test]
fn a_config_file_with_an_error_starts_nothing() {
    let directory = Directory::new();
    let file = directory.write("node.yaml", "realms:\n  - name: realm1\n    role: []\n");
    let expected = format!(
        "cloverleaf: {file}:3: realms[0].role: unknown key; accepted here: name, id, options, roles, store, schemas"
    );
    assert_eq!(cloverleaf(&["--config", &file]).ended().failed(), expected);
    assert_eq!(cloverleaf(&["check", "--config", &file]).ended().failed(), expected);

    let missing = text_of(&directory.path("missing.yaml"));
    let failed = cloverleaf(&["--config", &missing]).ended().failed();
    assert!(failed.starts_with(&format!("cloverleaf: {missing}: can't be read: ")), "{failed}");

    let empty = directory.write("empty.yaml", "workers: []\n");
    let failed = cloverleaf(&["--config", &empty]).ended().failed();
    assert!(failed.contains("nothing to run"), "{failed}");
}

#[test]
fn check_says_what_is_there_and_what_has_no_effect() {
    let directory = Directory::new();
    let text = "realms:\n  - name: realm1\n    roles: [{name: anonymous}]\n    options: {event_dispatching_chunk_size: 100}\ntransports:\n  - type: websocket\n    \
                endpoint: {type: tcp, port: 8080}\n";
    let file = directory.write("node.yaml", text);
    let checked = cloverleaf(&["check", "--config", &file]).ended();
    let expected = format!(
        "{file}: line 4: realms[0].options.event_dispatching_chunk_size has no effect: events are delivered without \
         being cut into chunks"
    );
    assert_eq!(checked.stderr, [expected]);
    assert_eq!(checked.succeeded(), [format!("{file}: ok (1 realm, 1 transport)")]);
}

#[test]
fn what_check_refuses_does_not_start_either() {
    let directory = Directory::new();
    let certify = |name: &str| {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        directory.write(&format!("{name}.key"), &certified.signing_key.serialize_pem());
        directory.write(&format!("{name}.crt"), &certified.cert.pem());
    };
    certify("one");
    certify("other");
    let with = |text: &str| directory.write("node.yaml", text);
    let refused = |file: &str| {
        let checked = cloverleaf(&["check", "--config", file]).ended().failed();
        cloverleaf(&["--config", file, "--log-level", "off"]).ended().failed();
        checked.strip_prefix(&format!("cloverleaf: {file}: ")).map(str::to_owned).unwrap_or(checked)
    };
    let realms = "realms:\n  - name: realm1\n    roles: [{name: anonymous}]\n";
    assert_eq!(refused(&with(realms)), "there are no transports");
    let transport = "transports: [{type: rawsocket, endpoint: {type: tcp, interface: localhost, port: 0}}]\n";
    assert_eq!(refused(&with(transport)), "there are no realms");
    assert_eq!(refused(&with("workers: [{type: router}]\n")), "there are no realms and no transports");
    let nothing = refused(&with("workers: []\n"));
    assert!(nothing.starts_with("there is nothing to run"), "{nothing}");

    let tls = |key: &str, certificate: &str| {
        refused(&with(&format!(
            "{realms}transports:\n  - type: rawsocket\n    endpoint: {{type: tcp, interface: localhost, port: 0, \
             tls: {{key: {key}, certificate: {certificate}}}}}\n"
        )))
    };
    let path = |name: &str| text_of(&directory.path(name));
    let start = "TLS on tcp://127.0.0.1:0: ";
    let missing = tls("one.key", "missing.crt");
    assert!(missing.starts_with(&format!("{start}{}: ", path("missing.crt"))), "{missing}");
    let swapped = tls("one.crt", "one.key");
    let expected = format!("{start}{}: there is no certificate in it, but a private key", path("one.key"));
    assert_eq!(swapped, expected);
    let expected = format!("{start}{}: there is no private key in it, but a certificate", path("one.crt"));
    assert_eq!(tls("one.crt", "one.crt"), expected);
    let expected = format!(
        "{start}the key in {} is not that of the certificate in {}",
        path("one.key"),
        path("other.crt")
    );
    assert_eq!(tls("one.key", "other.crt"), expected);
}

// AZN-01, AZN-06
#[test]
fn permissions_and_roles_of_a_config_file_apply() {
    let directory = Directory::new();
    let text = "
realms:
  - name: realm1
    roles:
      - name: guest
        permissions:
          - {uri: com.open.*, allow: {publish: true, subscribe: true}}
          - {uri: com.open.but.not.this, allow: {}}
transports:
  - type: universal
    endpoint: {type: tcp, interface: 127.0.0.1, port: 0}
    websocket:
      ws:
        auth: {anonymous: {type: static, role: guest}}
";
    let router = Router::with(&["--config", &directory.write("node.yaml", text)]);
    let session = block_on(Session::builder(router.url("WebSocket"), "realm1").connect()).unwrap();
    assert_eq!(session.welcomed().details.authrole.as_deref(), Some("guest"));

    let publish = |topic| router.client(&["publish", topic, "--ack"]).ended();
    assert_eq!(publish("com.open.news").succeeded().len(), 1);
    for topic in ["com.open.but.not.this", "com.closed"] {
        let refused = publish(topic).failed();
        assert!(refused.starts_with("cloverleaf: wamp.error.not_authorized"), "{refused}");
    }
}

// TLS-01, TLS-04
#[test]
fn certificates_are_read_again_at_sighup() {
    let directory = Directory::new();
    let certify = || {
        let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        directory.write("server.key", &certified.signing_key.serialize_pem());
        directory.write("server.crt", &certified.cert.pem());
        certified.cert.pem()
    };
    let text = "
realms:
  - name: realm1
    roles: [{name: anonymous, allow-by-default: true}]
transports:
  - type: universal
    endpoint: {type: tcp, interface: 127.0.0.1, port: 0, tls: {key: server.key, certificate: server.crt}}
";
    let first = directory.write("first.crt", &certify());
    let router = Router::with(&["--config", &directory.write("node.yaml", text)]);
    assert!(router.said[0].ends_with(" (TLS)"), "{:?}", router.said);
    let roots = format!(" --tls-roots {} ", text_of(&directory.path("server.crt")));
    assert!(router.said.iter().filter(|line| line.contains(&roots)).count() == 2, "{:?}", router.said);
    let websocket = router.url("WebSocket").replace("127.0.0.1", "localhost");
    let rawsocket = router.url("RawSocket").replace("127.0.0.1", "localhost");
    let publish = |url: &str, roots: &str| {
        cloverleaf(&["publish", "com.a", "--ack", "--url", url, "--tls-roots", roots]).ended()
    };
    assert_eq!(publish(&websocket, &first).succeeded().len(), 1);
    assert_eq!(publish(&rawsocket, &first).succeeded().len(), 1);
    let refused = cloverleaf(&["publish", "com.a", "--url", &websocket]).ended().failed();
    assert!(refused.contains("whom to trust was not said: --tls-roots FILE"), "{refused}");

    let second = directory.write("second.crt", &certify());
    router.process.signal("HUP");
    router.process.said("certificates were read again");
    assert_eq!(publish(&websocket, &second).succeeded().len(), 1);
    let refused = publish(&websocket, &first).failed();
    assert!(refused.starts_with(&format!("cloverleaf: {websocket}: ")), "{refused}");

    directory.write("server.crt", "no certificate");
    router.process.signal("HUP");
    router.process.said("certificates were not read again");
    assert_eq!(publish(&websocket, &second).succeeded().len(), 1, "it goes on with what it had");
}

#[test]
fn logs_name_the_node_and_its_workers() {
    let directory = Directory::new();
    let text = "
controller: {id: greenhouse}
workers:
  - type: router
    id: measurements
    realms: [{name: realm1}]
    transports: [{type: universal, endpoint: {type: tcp, interface: 127.0.0.1, port: 0}}]
";
    let router = Router::with(&["--config", &directory.write("node.yaml", text)]);
    let line = router.process.said("a router starts");
    assert!(line.contains("greenhouse") && line.contains("measurements"), "{line}");
}

#[test]
fn logs_are_json_if_asked_for() {
    let router = Router::with(&["--listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug"]);
    router.process.signal("TERM");
    let ended = router.process.ended();
    assert!(ended.stderr.len() >= 2, "{ended:?}");
    for line in &ended.stderr {
        let log: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(log["level"].is_string() && log["timestamp"].is_string(), "{line}");
    }
    let refused = cloverleaf(&["--listen", "127.0.0.1:0", "--log-level", "loud=="]).ended().failed();
    assert!(refused.starts_with("cloverleaf: \"loud==\" is not a log level; there are: off, "), "{refused}");
}
