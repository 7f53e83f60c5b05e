//! What a session learns of its transport, and what one session can't do to the others.

mod support;

use std::sync::{Arc, Mutex};

use cloverleaf_listeners::{Endpoint, PollWatch, in_turn};
use router::decision::{Authenticator, HelloRequest, Outcome, Step, Ticket};
use router::{Address, ChannelType, Identity, Peer, TransportDetails};
use serde_json::json;
use support::{Client, Folder, Frame, Server, eventually};
use wamp::{Serializer, SessionId};

fn session(server: &Server, id: u64) -> Arc<Peer> {
    let realm = server.router.realm("realm1").expect("it is there");
    realm.session(SessionId::new(id).expect("an id")).expect("it is open")
}

/// What tells of this end of a transport is so, as the router runs in this very process.
fn check_own_end(transport: &TransportDetails) {
    assert_eq!(transport.own_pid, std::process::id());
    let proc = std::path::Path::new("/proc/self");
    if proc.is_dir() {
        let socket = std::fs::read_link(proc.join(format!("fd/{}", transport.own_fd))).expect("it is open");
        assert!(socket.to_string_lossy().starts_with("socket:"), "{socket:?}");
        assert!(proc.join(format!("task/{}", transport.own_tid)).is_dir(), "a thread of this process");
    }
}

// MSE-07
#[test]
fn a_session_over_rawsocket_knows_its_transport() {
    let server = Server::start();
    let mut raw = Client::raw(&server, Serializer::Json);
    let peer = session(&server, raw.join());
    let transport = peer.transport();
    assert_eq!((transport.channel_type, transport.is_secure()), (ChannelType::Tcp, false));
    assert!(transport.peer.to_string().starts_with("tcp4:127.0.0.1:"));
    let own = format!("tcp4:127.0.0.1:{}", server.socket_addr().port());
    assert_eq!(transport.own.as_ref().map(ToString::to_string), Some(own));
    check_own_end(transport);
    assert_eq!((&transport.http, &transport.tls), (&None, &None));
}

// MSE-07
#[test]
fn a_session_over_websocket_knows_its_transport() {
    let server = Server::with(|config| {
        if let Some(websocket) = &mut config.websocket {
            websocket.server_header = Some("Clover".into());
        }
    });
    let headers = "User-Agent: test\r\nCookie: secret=1\r\nX-Two: a\r\nx-two: b\r\n\
                   Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12\r\n";
    let (mut websocket, _) = Client::websocket_over(server.connect(), "wamp.2.cbor.batched", headers);
    let peer = session(&server, websocket.join());
    check_own_end(peer.transport());
    let http = peer.transport().http.as_deref().expect("it was opened by HTTP");
    assert_eq!(http.websocket_protocol, Some("wamp.2.cbor.batched"));
    let deflate = http.deflate.expect("compression was agreed");
    assert!(deflate.server_no_context_takeover && deflate.client_no_context_takeover);
    assert_eq!((deflate.server_max_window_bits, deflate.client_max_window_bits), (15, 12));
    let received = &http.headers_received;
    assert_eq!(received.get("user-agent"), Some("test"));
    assert_eq!(received.get("host"), Some("localhost"));
    assert_eq!(received.get("upgrade"), Some("websocket"));
    assert_eq!(received.get("cookie"), Some("secret=1"), "whoever authenticates may want it");
    assert_eq!(received.iter().filter(|(name, _)| *name == "x-two").count(), 2);
    assert!(http.headers_sent.iter().eq([("server", "Clover")]));
    assert_eq!(http.cookie_id, None);

    let mut plain = Client::websocket(&server, "wamp.2.json");
    let peer = session(&server, plain.join());
    let http = peer.transport().http.as_deref().expect("it was opened by HTTP");
    assert_eq!((http.websocket_protocol, http.deflate), (Some("wamp.2.json"), None));
}

// MSE-07
#[test]
fn a_session_over_a_unix_socket_knows_its_transport() {
    let folder = Folder::new("unix-details");
    let path = folder.file("wamp.sock");
    let server = Server::with(|config| config.endpoint = Endpoint::unix(&path));
    let mut local = Client::raw(&server, Serializer::Json);
    let peer = session(&server, local.join());
    let transport = peer.transport();
    assert_eq!((transport.channel_type, transport.peer.to_string()), (ChannelType::Unix, "unix".to_owned()));
    let own = format!("unix:{}", path.display());
    assert_eq!(transport.own.as_ref().map(ToString::to_string), Some(own));
    check_own_end(transport);
}

/// Does what the client's authid says.
#[derive(Debug, Default)]
struct Doorkeeper {
    tickets: Mutex<Vec<Ticket>>,
}

impl Authenticator for Doorkeeper {
    fn hello(&self, request: &HelloRequest<'_>, ticket: Ticket) -> Step {
        match request.details.authid.as_deref() {
            Some("fall") => panic!("an authenticator falls over"),
            Some("wait") => {
                self.tickets.lock().expect("nobody panics with it").push(ticket);
                Step::Later
            }
            _ => {
                ticket.discard();
                Step::Accept(Identity { authrole: "anonymous".into(), ..Identity::trusted("somebody") })
            }
        }
    }
}

fn hello(authid: &str) -> serde_json::Value {
    json!([1, "realm1", { "authid": authid, "roles": { "caller": {}, "subscriber": {} } }])
}

#[test]
fn a_panic_ends_the_connection_that_met_it_and_no_other() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let server = Server::with(|config| config.authenticator = Some(doorkeeper));
    let mut bystander = Client::raw(&server, Serializer::Json);
    bystander.send(&hello("somebody"));
    bystander.welcome();
    for _ in 0..8 {
        let mut unlucky = Client::websocket(&server, "wamp.2.json");
        unlucky.send(&hello("fall"));
        assert_eq!(unlucky.frame(), Frame::End);
        bystander.probe();
    }
    let mut next = Client::raw(&server, Serializer::Json);
    next.send(&hello("somebody"));
    next.welcome();
    assert_eq!(server.router.sessions(), 2);
}

#[test]
fn a_decision_that_comes_later_wakes_the_connection() {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let server = Server::with(|config| config.authenticator = Some(doorkeeper.clone()));
    let mut client = Client::websocket(&server, "wamp.2.msgpack");
    // What follows the HELLO waits with it.
    let both = [client.framed(&hello("wait")), client.framed(&json!([32, 1, {}, "a.b"]))].concat();
    client.pipe.send(&both);
    let mut ticket = None;
    eventually("the question is asked", || {
        ticket = doorkeeper.tickets.lock().expect("nobody panics with it").pop();
        ticket.is_some()
    });
    assert_eq!(server.router.sessions(), 0);
    let identity = Identity { authrole: "anonymous".into(), ..Identity::trusted("late") };
    ticket.expect("it is there").resolve(Outcome::Authenticated(Step::Accept(identity)));
    client.welcome();
    client.expect(33);
}

#[test]
fn a_session_that_is_killed_gets_its_goodbye_at_once() {
    let server = Server::start();
    for subprotocol in ["wamp.2.json", "wamp.2.cbor.batched"] {
        let mut client = Client::websocket(&server, subprotocol);
        let id = SessionId::new(client.join()).expect("an id");
        let realm = server.router.realm("realm1").expect("it is there");
        assert!(in_turn(|turn| realm.kill(id, Some("wamp.close.killed"), None, turn)));
        assert_eq!(client.expect(6)[2], "wamp.close.killed");
        eventually("it is gone", || server.router.sessions() == 0);
    }
}

#[test]
fn a_connection_that_is_torn_down_ends_its_session() {
    let server = Server::start();
    let mut callee = Client::raw(&server, Serializer::Json).joined();
    callee.send(&json!([64, 1, {}, "a.procedure"]));
    callee.expect(65);
    let mut caller = Client::websocket(&server, "wamp.2.json").joined();
    caller.send(&json!([48, 1, {}, "a.procedure"]));
    callee.expect(68);
    drop(callee);
    let error = caller.expect(8);
    assert_eq!((error[1].as_u64(), error[2].as_u64()), (Some(48), Some(1)));
    caller.send(&json!([48, 2, {}, "a.procedure"]));
    assert_eq!(caller.expect(8)[4], "wamp.error.no_such_procedure");
}

/// Whose polls it was there at.
#[derive(Debug, Default)]
struct Seen(Mutex<Vec<Address>>);

impl PollWatch for Seen {
    fn around(&self, peer: &Address, poll: &mut dyn FnMut()) {
        self.0.lock().expect("no panic").push(peer.clone());
        poll();
    }
}

#[test]
fn a_watch_is_there_at_each_poll() {
    let seen = Arc::new(Seen::default());
    let watch: Arc<dyn PollWatch> = seen.clone();
    let server = Server::with(|config| config.poll_watch = Some(watch));
    let mut client = Client::raw(&server, Serializer::Json);
    let peer = session(&server, client.join());
    let before = seen.0.lock().expect("no panic").len();
    client.subscribe("com.topic");
    let polls = seen.0.lock().expect("no panic");
    assert!((1..polls.len()).contains(&before), "{before} of {}", polls.len());
    assert!(polls.iter().all(|poll| *poll == peer.transport().peer), "{polls:?}");
}
