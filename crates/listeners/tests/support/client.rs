//! A WAMP client that does nothing on its own: it frames and takes apart, and a test says what and when.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::{Value as Json, json};
use transport::http::Request;
use transport::rawsocket::{ClientHandshake, ServerHandshake};
use transport::websocket::{self, Deflate, Options, Role, Subprotocol};
use transport::{Batch, Decoder, Framing, Step, batch, rawsocket};
use wamp::{Serializer, Value};

use super::{PATIENCE, Server};

trait Duplex: Read + Write + Send {}
impl<S: Read + Write + Send> Duplex for S {}

/// A connection as bytes.
pub(crate) struct Pipe(Box<dyn Duplex>);

impl Pipe {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        Pipe(Box::new(stream))
    }

    pub(crate) fn unix(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Pipe(Box::new(stream))
    }

    pub(crate) fn over(stream: impl Read + Write + Send + 'static) -> Self {
        Pipe(Box::new(stream))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the peer takes it");
        self.0.flush().expect("the peer takes it");
    }

    /// Sends what a peer that may have closed already needn't take.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).and_then(|()| self.0.flush());
    }

    pub(crate) fn receive(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("the bytes come");
        bytes
    }

    /// What comes next, however much; nothing at the end.
    pub(crate) fn receive_some(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64 << 10];
        match self.0.read(&mut bytes) {
            Ok(count) => bytes.truncate(count),
            Err(error) if is_end(&error) => bytes.clear(),
            Err(error) => panic!("nothing comes: {error}"),
        }
        bytes
    }

    /// Everything up to the end of the connection.
    pub(crate) fn receive_all(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let some = self.receive_some();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    /// Up to the end of an HTTP head.
    pub(crate) fn receive_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.receive(1));
        }
        String::from_utf8(head).expect("it is text")
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

/// What a server sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Message { text: bool, payload: Vec<u8> },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    End,
}

/// The server's answer to an opening handshake.
pub(crate) struct Opened {
    pub(crate) head: String,
    pub(crate) status: u16,
}

impl Opened {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let is_it = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        let line = self.head.lines().find(is_it)?;
        Some(line[name.len() + 1..].trim())
    }
}

/// A WAMP client, which does nothing on its own.
pub(crate) struct Client {
    pub(crate) pipe: Pipe,
    pub(crate) serializer: Serializer,
    batch: Option<Batch>,
    deflate: Option<Deflate>,
    decoder: Decoder,
    input: Vec<u8>,
    /// Messages of a batch that were not asked for yet.
    unbatched: Vec<Vec<u8>>,
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

impl Client {
    /// A RawSocket that takes messages of up to 16 MiB.
    pub(crate) fn raw(server: &Server, serializer: Serializer) -> Self {
        Client::raw_over(server.connect(), serializer, 15)
    }

    pub(crate) fn raw_over(mut pipe: Pipe, serializer: Serializer, max_len_exponent: u8) -> Self {
        let asked = ClientHandshake { serializer_id: serializer.rawsocket_id(), max_len_exponent };
        pipe.send(&asked.encode());
        let reply = pipe.receive(4).try_into().expect("four octets");
        ServerHandshake::parse(reply, asked).expect("it is accepted");
        let decoder = Decoder::RawSocket(rawsocket::Decoder::new(rawsocket::MAX_LENGTH));
        Client::new(pipe, serializer, None, None, decoder)
    }

    /// A WebSocket at `/ws`.
    pub(crate) fn websocket(server: &Server, subprotocol: &str) -> Self {
        Client::websocket_over(server.connect(), subprotocol, "").0
    }

    /// A WebSocket with further header fields, each ended by CR LF.
    pub(crate) fn websocket_over(mut pipe: Pipe, subprotocol: &str, headers: &str) -> (Self, Opened) {
        let opened = Client::ask(&mut pipe, "/ws", subprotocol, headers);
        assert_eq!(opened.status, 101, "{}", opened.head);
        let chosen = opened.header("sec-websocket-protocol").expect("a subprotocol");
        let Subprotocol { serializer, batched } = Subprotocol::from_name(chosen).expect("one of WAMP's");
        let deflate = opened.header("sec-websocket-extensions").map(|_| Deflate {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            ..Deflate::default()
        });
        let decoder = Decoder::WebSocket(websocket::Decoder::new(Options {
            role: Role::Client,
            expect_text: None,
            max_message: 64 << 20,
            deflate,
        }));
        let batch = batched.then(|| Batch::of(serializer));
        (Client::new(pipe, serializer, batch, deflate, decoder), opened)
    }

    /// Asks for a WebSocket.
    pub(crate) fn ask(pipe: &mut Pipe, path: &str, subprotocol: &str, headers: &str) -> Opened {
        pipe.send(Client::request(path, subprotocol, headers).as_bytes());
        let head = pipe.receive_head();
        let status = head[9..12].parse().expect("a status");
        Opened { head, status }
    }

    pub(crate) fn request(path: &str, subprotocol: &str, headers: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Protocol: {subprotocol}\r\n{headers}\r\n"
        );
        assert!(Request::parse(request.as_bytes()).is_ok_and(|parsed| parsed.is_some()));
        request
    }

    fn new(
        pipe: Pipe,
        serializer: Serializer,
        batch: Option<Batch>,
        deflate: Option<Deflate>,
        decoder: Decoder,
    ) -> Self {
        Client { pipe, serializer, batch, deflate, decoder, input: Vec::new(), unbatched: Vec::new() }
    }

    /// The bytes that carry a message.
    pub(crate) fn framed(&self, message: &Json) -> Vec<u8> {
        self.framed_bytes(&self.encoded(message))
    }

    pub(crate) fn encoded(&self, message: &Json) -> Vec<u8> {
        let value = wamp::value::to_value(message).expect("JSON is a value");
        value.to_vec(self.serializer)
    }

    pub(crate) fn framed_bytes(&self, message: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        match &self.decoder {
            Decoder::RawSocket(_) => Framing::RawSocket.frame_bytes(&mut bytes, message),
            Decoder::WebSocket(_) => {
                let mut body = Vec::new();
                match self.batch {
                    Some(batch) => batch.item(&mut body, |out| out.extend_from_slice(message)),
                    None => body.extend_from_slice(message),
                }
                websocket::frame_masked(&mut bytes, self.serializer.is_text(), &body, MASK, self.deflate);
            }
        }
        bytes
    }

    /// A ping as a client sends it.
    pub(crate) fn ping(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        match &self.decoder {
            Decoder::RawSocket(_) => rawsocket::write_ping(&mut bytes, payload),
            Decoder::WebSocket(_) => websocket::write_ping_masked(&mut bytes, payload, MASK),
        }
        bytes
    }

    pub(crate) fn pong(&self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        match &self.decoder {
            Decoder::RawSocket(_) => rawsocket::write_pong(&mut bytes, payload),
            Decoder::WebSocket(_) => websocket::write_pong_masked(&mut bytes, payload, MASK),
        }
        bytes
    }

    /// A close frame as a client sends it.
    pub(crate) fn close(code: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        websocket::write_close_masked(&mut bytes, Some(code), "", MASK);
        bytes
    }

    pub(crate) fn send(&mut self, message: &Json) {
        let bytes = self.framed(message);
        self.pipe.send(&bytes);
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> Frame {
        loop {
            let mut input = std::mem::take(&mut self.input);
            let step = self.decoder.decode(&mut input).expect("the server's frames are good");
            let consumed = step.consumed();
            let frame = match step {
                Step::Incomplete { .. } | Step::Consumed { .. } => None,
                Step::Message { text, payload, .. } => {
                    Some(Frame::Message { text, payload: payload.to_vec() })
                }
                Step::Ping { payload, .. } => Some(Frame::Ping(payload.to_vec())),
                Step::Pong { payload, .. } => Some(Frame::Pong(payload.to_vec())),
                Step::Close { code, reason, .. } => Some(Frame::Close(code, reason.to_owned())),
            };
            input.drain(..consumed);
            self.input = input;
            if let Some(frame) = frame {
                return frame;
            }
            if consumed > 0 {
                continue;
            }
            let some = self.pipe.receive_some();
            if some.is_empty() {
                assert!(self.input.is_empty(), "the connection ends within a frame");
                return Frame::End;
            }
            self.input.extend(some);
        }
    }

    /// The next message; anything else is a failure.
    pub(crate) fn receive(&mut self) -> Json {
        while self.unbatched.is_empty() {
            let Frame::Message { text, payload } = self.frame() else { panic!("not a message") };
            if matches!(self.decoder, Decoder::WebSocket(_)) {
                assert_eq!(text, self.serializer.is_text(), "text for JSON, binary for the others");
            }
            if self.batch.is_none() {
                self.unbatched.push(payload);
                continue;
            }
            for message in batch::split(text, &payload) {
                self.unbatched.push(message.expect("a good batch").to_vec());
            }
        }
        let message = self.unbatched.remove(0);
        let value = Value::decode(self.serializer, &message).expect("well-formed");
        wamp::value::from_value(value).expect("a value is JSON")
    }

    /// The next message, which has to be of this type.
    pub(crate) fn expect(&mut self, message_type: u64) -> Json {
        let message = self.receive();
        assert_eq!(message[0], message_type, "{message}");
        message
    }

    pub(crate) fn hello() -> Json {
        Client::hello_to("realm1")
    }

    pub(crate) fn hello_to(realm: &str) -> Json {
        let roles = json!({ "caller": {}, "callee": {}, "publisher": {}, "subscriber": {} });
        json!([1, realm, { "roles": roles }])
    }

    /// Opens a session; answers its id.
    pub(crate) fn join(&mut self) -> u64 {
        self.send(&Client::hello());
        self.welcome()
    }

    pub(crate) fn welcome(&mut self) -> u64 {
        self.expect(2)[1].as_u64().expect("a session id")
    }

    pub(crate) fn joined(mut self) -> Self {
        self.join();
        self
    }

    pub(crate) fn subscribe(&mut self, topic: &str) -> u64 {
        self.send(&json!([32, 1, {}, topic]));
        self.expect(33)[2].as_u64().expect("a subscription id")
    }

    /// Publishes one argument, with acknowledgement.
    pub(crate) fn publish(&mut self, request: u64, topic: &str, argument: &Json) {
        self.send(&json!([16, request, { "acknowledge": true }, topic, [argument]]));
        self.expect(17);
    }

    /// Shows that the session is alive: a call that the router answers at once.
    pub(crate) fn probe(&mut self) {
        self.send(&json!([48, 1_000_000, {}, "no.such.procedure"]));
        let error = self.expect(8);
        assert_eq!((error[1].as_u64(), error[4].as_str()), (Some(48), Some("wamp.error.no_such_procedure")));
    }
}
