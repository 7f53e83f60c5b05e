//! Listeners begin and end.

mod support;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use cloverleaf_listeners::{Endpoint, ListenError, Listener, ListenerConfig};
use router::Router;
use router::config::RouterConfig;
use serde_json::json;
use support::{Client, Folder, Frame, Server, eventually};
use tokio::runtime::{Handle, Runtime};
use wamp::Serializer;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn bind(config: ListenerConfig, runtimes: &[Handle]) -> Result<Listener, ListenError> {
    let router = Router::new(RouterConfig::default()).expect("a good configuration");
    Listener::bind(config, router, runtimes)
}

#[test]
fn an_address_in_use_is_named() {
    let runtime = runtime();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let config = ListenerConfig::new(Endpoint::tcp(address));
    let error = bind(config, &[runtime.handle().clone()]).expect_err("it is in use");
    assert!(error.is_address_in_use());
    assert_eq!(error.to_string(), format!("can't listen on tcp://{address}: the address is in use"));
}

#[test]
fn configurations_without_sense_are_refused() {
    let runtime = runtime();
    let port = || Endpoint::tcp((Ipv4Addr::LOCALHOST, 0).into());
    let mute = ListenerConfig { rawsocket: None, websocket: None, http: None, ..ListenerConfig::new(port()) };
    let refused = bind(mute, &[runtime.handle().clone()]);
    assert!(matches!(refused, Err(ListenError::NothingSpoken { .. })));
    assert!(matches!(bind(ListenerConfig::new(port()), &[]), Err(ListenError::NoRuntime { .. })));
}

#[test]
fn two_listeners_can_share_a_port_if_both_say_so() {
    let runtime = runtime();
    let shared = |port| Endpoint::Tcp {
        address: (Ipv4Addr::LOCALHOST, port).into(),
        backlog: 16,
        v6_only: None,
        shared: true,
    };
    let handles = [runtime.handle().clone()];
    let first = bind(ListenerConfig::new(shared(0)), &handles).expect("a free port");
    let port = first.local_address().socket_addr().expect("TCP").port();
    bind(ListenerConfig::new(shared(port)), &handles).expect("it is shared");
}

// TLS-03
#[test]
fn a_unix_socket_has_the_mode_it_was_given_and_goes_with_its_listener() {
    let folder = Folder::new("unix-mode");
    let path = folder.file("wamp.sock");
    let runtime = runtime();
    let config = ListenerConfig::new(Endpoint::Unix { path: path.clone(), mode: Some(0o600) });
    let listener = bind(config, &[runtime.handle().clone()]).expect("nothing is there");
    let mode = fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(listener);
    assert!(!path.exists());
}

// TLS-03
#[test]
fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let folder = Folder::new("unix-stale");
    let path = folder.file("wamp.sock");
    let runtime = runtime();
    let handles = [runtime.handle().clone()];
    let config = || ListenerConfig::new(Endpoint::unix(&path));
    // As a process that was killed leaves it: the file is there, nobody listens.
    drop(UnixListener::bind(&path).expect("nothing is there"));
    assert!(path.exists());
    let first = bind(config(), &handles).expect("nobody answers there");
    let error = bind(config(), &handles).expect_err("somebody answers there");
    assert!(error.is_address_in_use(), "{error}");
    assert!(UnixStream::connect(&path).is_ok(), "the first one is unharmed");
    drop(first);
    fs::write(&path, "a file of somebody's").expect("a file");
    let error = bind(config(), &handles).expect_err("that is no socket");
    assert!(matches!(error, ListenError::NotASocket { .. }));
    assert_eq!(fs::read_to_string(&path).expect("it is still there"), "a file of somebody's");
}

// SES-18, ROB-07
#[test]
fn a_shutdown_flushes_what_is_queued_and_waits_for_goodbyes() {
    let mut server = Server::start();
    let mut subscriber = Client::raw(&server, Serializer::Json).joined();
    let mut publisher = Client::websocket(&server, "wamp.2.json").joined();
    subscriber.subscribe("a.b");
    let text = "z".repeat(1_000_000);
    for request in 1..=5 {
        publisher.publish(request, "a.b", &json!(text));
    }
    server.router.shutdown();
    server.stop_listening();
    for _ in 0..5 {
        assert_eq!(subscriber.expect(36)[4][0].as_str().map(str::len), Some(1_000_000));
    }
    assert_eq!(subscriber.expect(6)[2], "wamp.close.system_shutdown");
    subscriber.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(subscriber.frame(), Frame::End);
    assert_eq!(publisher.expect(6)[2], "wamp.close.system_shutdown");
    publisher.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert!(matches!(publisher.frame(), Frame::Close(..)));
    publisher.pipe.send(&Client::close(1000));
    assert_eq!(publisher.frame(), Frame::End);
    server.join();
    eventually("nobody listens", || TcpStream::connect(server.socket_addr()).is_err());
}

#[test]
fn who_does_not_leave_is_cut_off_in_the_end() {
    let mut server = Server::with(|config| config.limits.drain_timeout = Duration::from_millis(100));
    let mut stubborn = Client::raw(&server, Serializer::Json).joined();
    let mut undecided = server.connect();
    undecided.send(b"\x7f");
    server.stop_listening();
    assert_eq!(undecided.receive_all(), b"", "who isn't connected yet is let go at once");
    server.join();
    assert_eq!(stubborn.frame(), Frame::End);
    eventually("its session has ended", || server.router.sessions() == 0);
}

#[test]
fn connections_are_dealt_out_to_all_runtimes() {
    let server = Server::on_runtimes(3, |_, _| {});
    let mut clients: Vec<_> = (0..9)
        .map(|index| match index % 2 {
            0 => Client::raw(&server, Serializer::Json).joined(),
            _ => Client::websocket(&server, "wamp.2.cbor").joined(),
        })
        .collect();
    for client in &mut clients {
        client.subscribe("a.b");
    }
    let (first, others) = clients.split_first_mut().expect("there are some");
    first.publish(2, "a.b", &json!("across runtimes"));
    for other in others {
        assert_eq!(other.expect(36)[4][0], "across runtimes");
    }
}

#[test]
fn a_runtime_that_ends_ends_its_sessions() {
    let router = {
        let server = Server::start();
        let _client = Client::raw(&server, Serializer::Json).joined();
        assert_eq!(server.router.sessions(), 1);
        Arc::clone(&server.router)
    };
    eventually("the session has ended", || router.sessions() == 0);
}
