//! The page at the WebSocket paths for those who come with a browser: what this is and how to connect.
//!
//! It says nothing that an attacker would like to know: no version, no host, no process.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use transport::http::{reason_phrase, response};

use crate::opening::say_and_close;
use crate::{HttpExchange, HttpHandler, ListenerConfig};

/// See the module.
#[derive(Debug)]
pub(crate) struct StatusPage {
    paths: Vec<String>,
    page: String,
    close_timeout: Duration,
}

impl StatusPage {
    pub(crate) fn new(config: &ListenerConfig) -> Self {
        let paths = config.websocket.as_ref().map_or_else(Vec::new, |websocket| websocket.paths.clone());
        StatusPage { page: page(config), paths, close_timeout: config.limits.close_timeout }
    }

    fn answer(&self, method: &str, path: &str) -> Vec<u8> {
        let is_here = path == "/" || self.paths.iter().any(|other| other == path);
        match method {
            _ if !is_here => response(404, &[], "There is nothing here.\n"),
            "GET" => self.head_and(&self.page),
            "HEAD" => self.head_and(""),
            _ => response(405, &[("Allow", "GET, HEAD")], "This can only be read.\n"),
        }
    }

    fn head_and(&self, body: &str) -> Vec<u8> {
        let length = self.page.len();
        let status = reason_phrase(200);
        format!(
            "HTTP/1.1 200 {status}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {length}\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Cache-Control: no-store\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl HttpHandler for StatusPage {
    fn handle(&self, exchange: HttpExchange) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let HttpExchange { request, stream, .. } = exchange;
        let answer = self.answer(&request.method, &request.path);
        Box::pin(async move { say_and_close(stream, &answer, self.close_timeout).await })
    }
}

fn page(config: &ListenerConfig) -> String {
    let mut ways = String::new();
    if let Some(websocket) = &config.websocket {
        let scheme = if config.tls.is_some() { "wss" } else { "ws" };
        for path in &websocket.paths {
            ways += &format!(
                "<li>WebSocket: <code>{scheme}://</code>this address<code>{}</code></li>\n",
                escaped(path)
            );
        }
        let names: Vec<_> = websocket
            .subprotocols
            .iter()
            .map(|protocol| format!("<code>{}</code>", protocol.name()))
            .collect();
        ways += &format!("<li>Subprotocols: {}</li>\n", names.join(", "));
    }
    if let Some(rawsocket) = &config.rawsocket {
        let names: Vec<_> = rawsocket.serializers.iter().map(|serializer| serializer.name()).collect();
        ways += &format!("<li>RawSocket on the same port: {}</li>\n", names.join(", "));
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>WAMP router</title>\n\
         <style>body {{ font-family: sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; \
         line-height: 1.5; color-scheme: light dark }}</style>\n</head>\n<body>\n<h1>WAMP router</h1>\n\
         <p>This is a router for the <a href=\"https://wamp-proto.org/\">Web Application Messaging Protocol</a>. \
         It is spoken to by WAMP clients:</p>\n<ul>\n{ways}</ul>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &str, path: &str) -> String {
        let page = StatusPage::new(&ListenerConfig::default());
        String::from_utf8(page.answer(method, path)).expect("it is text")
    }

    #[test]
    fn it_says_how_to_connect() {
        for path in ["/", "/ws"] {
            let answer = answer("GET", path);
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
            for part in ["ws://", "wamp.2.json", "wamp.2.cbor.batched", "RawSocket"] {
                assert!(answer.contains(part), "{part}");
            }
        }
    }

    #[test]
    fn it_does_not_say_which_version_this_is() {
        assert!(!answer("GET", "/").contains(env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn the_head_alone_has_no_body() {
        let head = answer("HEAD", "/");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
    }

    #[test]
    fn there_is_nothing_elsewhere_and_nothing_to_be_changed() {
        assert!(answer("GET", "/secret").starts_with("HTTP/1.1 404 "));
        assert!(answer("POST", "/secret").starts_with("HTTP/1.1 404 "));
        let refused = answer("POST", "/");
        assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn a_path_can_not_break_the_page() {
        assert_eq!(escaped("/<b>&\""), "/&lt;b&gt;&amp;&quot;");
    }
}
