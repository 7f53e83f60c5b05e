//! Everything on one port, and the requests that are no upgrade.

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cloverleaf_listeners::{Endpoint, HttpExchange, HttpHandler};
use support::{Client, Folder, Server};
use tokio::io::AsyncWriteExt;
use wamp::Serializer;

fn answer(server: &Server, request: &str) -> String {
    let mut pipe = server.connect();
    pipe.send(request.as_bytes());
    String::from_utf8(pipe.receive_all()).expect("it is text")
}

// RAW-23
#[test]
fn one_port_speaks_everything() {
    let server = Server::start();
    Client::raw(&server, Serializer::Json).joined().probe();
    Client::websocket(&server, "wamp.2.cbor").joined().probe();
    Client::websocket(&server, "wamp.2.json.batched").joined().probe();
    assert!(answer(&server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
}

// RAW-25
#[test]
fn a_unix_socket_speaks_everything_too() {
    let folder = Folder::new("unix-everything");
    let server = Server::with(|config| config.endpoint = Endpoint::unix(folder.file("wamp.sock")));
    Client::raw(&server, Serializer::MsgPack).joined().probe();
    Client::websocket(&server, "wamp.2.json").joined().probe();
    assert!(answer(&server, "GET /ws HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(server.address.to_string(), format!("unix:{}", folder.file("wamp.sock").display()));
}

// RAW-02
#[test]
fn what_is_off_is_not_spoken() {
    let http_only = Server::with(|config| config.rawsocket = None);
    let mut pipe = http_only.connect();
    pipe.send(&[0x7F, 0xF1, 0, 0]);
    assert_eq!(pipe.receive_all(), b"");
    let raw_only = Server::with(|config| (config.websocket, config.http) = (None, None));
    assert_eq!(answer(&raw_only, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "");
    let no_pages = Server::with(|config| config.http = None);
    assert!(answer(&no_pages, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 426 "));
    assert!(answer(&no_pages, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_status_page_is_all_there_is_to_read() {
    let server = Server::start();
    let page = answer(&server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(page.contains("<title>WAMP router</title>") && page.contains("wamp.2.msgpack"));
    assert!(answer(&server, "GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(answer(&server, "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(answer(&server, "NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn paths_are_configurable() {
    let server = Server::with(|config| {
        config.websocket.as_mut().expect("on by default").paths = vec!["/wamp".to_owned()];
    });
    assert_eq!(Client::ask(&mut server.connect(), "/wamp", "wamp.2.json", "").status, 101);
    assert_eq!(Client::ask(&mut server.connect(), "/ws", "wamp.2.json", "").status, 404);
}

#[derive(Debug)]
struct Greeter;

impl HttpHandler for Greeter {
    fn handle(&self, mut exchange: HttpExchange) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let body = format!(
                "{} {} {} {}",
                exchange.request.method,
                exchange.request.path,
                String::from_utf8_lossy(&exchange.received),
                exchange.peer.to_string().starts_with("tcp4:127.0.0.1:"),
            );
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            exchange.stream.write_all(answer.as_bytes()).await.expect("the test reads it");
            exchange.stream.shutdown().await.expect("the test reads it");
        })
    }
}

#[test]
fn another_crate_can_answer_requests() {
    let server =
        Server::with(|config| config.http.as_mut().expect("on by default").handler = Some(Arc::new(Greeter)));
    let answer = answer(&server, "POST /call?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody");
    assert!(answer.ends_with("\r\n\r\nPOST /call body true"), "{answer}");
    Client::websocket(&server, "wamp.2.json").joined().probe();
}
