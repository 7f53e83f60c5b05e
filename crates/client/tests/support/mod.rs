//! A router that does what a test's script says, over memory or sockets. Messages are written as JSON whatever is
//! spoken.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use cloverleaf_client::link::memory::{self, MemoryLink};
use cloverleaf_client::{Link, Session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use transport::rawsocket::{self, ClientHandshake, HandshakeError};
use transport::websocket::{self, AcceptOptions, CompressionOptions, Request, Role, Subprotocol, accept};
use transport::{Decoder, Framing, Step, batch};
use wamp::{Serializer, Value};

/// No test waits longer than this for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const WELCOME: &str =
    r#"[2,1,{"roles":{"broker":{},"dealer":{"features":{"call_canceling":true,"call_timeout":true}}}}]"#;

/// A client and a scripted router with memory between them, the session open.
pub(crate) async fn joined() -> (Session, Memory) {
    joined_by(WELCOME).await
}

/// As [`joined`], with another WELCOME.
pub(crate) async fn joined_by(welcome: &str) -> (Session, Memory) {
    let (ours, theirs) = memory::pair(Serializer::Json);
    let mut router = Memory { link: theirs, received: Vec::new() };
    let connecting = tokio::spawn(Session::over(ours, "realm1").connect());
    router.welcome(welcome).await;
    (connecting.await.unwrap().unwrap(), router)
}

/// The router's end of a memory link.
pub(crate) struct Memory {
    pub(crate) link: MemoryLink,
    received: Vec<String>,
}

impl Memory {
    pub(crate) fn new(link: MemoryLink) -> Self {
        Memory { link, received: Vec::new() }
    }

    /// The next message; `None` when the client has gone.
    pub(crate) async fn receive(&mut self) -> Option<String> {
        while self.received.is_empty() {
            let mut messages = Vec::new();
            let received = poll_fn(|cx| {
                self.link.poll_receive(cx, &mut |message| {
                    messages.push(String::from_utf8(message.to_vec()).unwrap());
                })
            });
            timeout(PATIENCE, received).await.expect("the client says something")?.unwrap();
            self.received = messages;
        }
        Some(self.received.remove(0))
    }

    /// The next message is this one.
    pub(crate) async fn expect(&mut self, message: &str) {
        assert_eq!(self.receive().await.as_deref(), Some(message));
    }

    pub(crate) async fn send(&mut self, message: &str) {
        self.link.send(message.as_bytes());
        poll_fn(|cx| self.link.poll_flush(cx)).await.unwrap();
    }

    pub(crate) async fn welcome(&mut self, welcome: &str) {
        let hello = self.receive().await.unwrap();
        assert!(hello.starts_with(r#"[1,"realm1",{"roles":{"#), "{hello}");
        self.send(welcome).await;
    }

    /// Answers the GOODBYE that comes next.
    pub(crate) async fn expect_goodbye(&mut self) {
        self.expect(r#"[6,{},"wamp.close.close_realm"]"#).await;
        self.send(r#"[6,{},"wamp.close.goodbye_and_out"]"#).await;
    }
}

/// What sockets have in common.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The router's end of a socket, its handshake done.
pub(crate) struct Peer {
    stream: Box<dyn Stream>,
    pub(crate) serializer: Serializer,
    pub(crate) framing: Framing,
    decoder: Decoder,
    input: BytesMut,
    received: Vec<Vec<u8>>,
    /// Pongs that have come.
    pub(crate) pongs: usize,
    /// The code of the client's close frame.
    pub(crate) closed: Option<Option<u16>>,
}

impl Peer {
    /// Does the server's part of a RawSocket handshake; `None` if the client asks for another serializer.
    pub(crate) async fn rawsocket(
        mut stream: Box<dyn Stream>,
        speaks: Serializer,
        exponent: u8,
    ) -> Option<Self> {
        let mut octets = [0; 4];
        stream.read_exact(&mut octets).await.unwrap();
        let request = ClientHandshake::parse(octets).unwrap();
        if request.serializer_id != speaks.rawsocket_id() {
            let refusal = HandshakeError::SerializerUnsupported.reply().unwrap();
            stream.write_all(&refusal).await.unwrap();
            return None;
        }
        stream.write_all(&request.accept(exponent)).await.unwrap();
        let decoder = Decoder::RawSocket(rawsocket::Decoder::new(rawsocket::length_limit(exponent)));
        Some(Peer::new(stream, speaks, Framing::RawSocket, decoder, BytesMut::new()))
    }

    /// Does the server's part of a WebSocket handshake.
    pub(crate) async fn websocket(
        mut stream: Box<dyn Stream>,
        speaks: Subprotocol,
        compressed: bool,
    ) -> Self {
        let mut input = BytesMut::new();
        let (request, size) = loop {
            if let Some(parsed) = Request::parse(&input).unwrap() {
                break parsed;
            }
            assert_ne!(stream.read_buf(&mut input).await.unwrap(), 0);
        };
        input.advance(size);
        let accepted = accept(
            &request,
            &AcceptOptions {
                protocols: &[speaks],
                require_subprotocol: true,
                allowed_origins: &[],
                allow_null_origin: false,
                compression: compressed.then(CompressionOptions::default),
                server_header: None,
                extra_headers: &[],
            },
        )
        .unwrap();
        stream.write_all(&accepted.response).await.unwrap();
        let decoder = Decoder::WebSocket(websocket::Decoder::new(websocket::Options {
            role: Role::Server,
            expect_text: Some(speaks.is_text()),
            max_message: 32 << 20,
            deflate: accepted.deflate,
        }));
        Peer::new(stream, accepted.protocol.serializer, accepted.framing(), decoder, input)
    }

    fn new(
        stream: Box<dyn Stream>,
        serializer: Serializer,
        framing: Framing,
        decoder: Decoder,
        input: BytesMut,
    ) -> Self {
        Peer { stream, serializer, framing, decoder, input, received: Vec::new(), pongs: 0, closed: None }
    }

    /// The next message, as JSON; `None` when the client has gone.
    pub(crate) async fn receive(&mut self) -> Option<String> {
        while self.received.is_empty() {
            self.decode();
            if !self.received.is_empty() {
                break;
            }
            self.read().await?;
        }
        let message = self.received.remove(0);
        Some(Value::decode(self.serializer, &message).unwrap().to_string())
    }

    /// Reads some bytes; `None` at the end.
    async fn read(&mut self) -> Option<()> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.input))
            .await
            .expect("the client says something");
        (read.unwrap_or(0) > 0).then_some(())
    }

    /// Reads until a pong or a close frame has come, or the client has gone.
    pub(crate) async fn read_control(&mut self) {
        let pongs = self.pongs;
        while self.pongs == pongs && self.closed.is_none() && self.read().await.is_some() {
            self.decode();
        }
    }

    fn decode(&mut self) {
        loop {
            let step = self.decoder.decode(&mut self.input).unwrap();
            let consumed = step.consumed();
            match step {
                Step::Incomplete { .. } => return,
                Step::Message { text, payload, .. } if self.framing.is_batched() => {
                    self.received
                        .extend(batch::split(text, payload).map(|message| message.unwrap().to_vec()));
                }
                Step::Message { payload, .. } => self.received.push(payload.to_vec()),
                Step::Pong { payload, .. } => {
                    assert_eq!(payload, b"are you there");
                    self.pongs += 1;
                }
                Step::Close { code, .. } => self.closed = Some(code),
                Step::Consumed { .. } | Step::Ping { .. } => {}
            }
            self.input.advance(consumed);
        }
    }

    pub(crate) async fn expect(&mut self, message: &str) {
        assert_eq!(self.receive().await.as_deref(), Some(message));
    }

    /// The bytes of the frame of a message.
    pub(crate) fn frame(&self, message: &str) -> Vec<u8> {
        let value = Value::decode(Serializer::Json, message.as_bytes()).unwrap();
        let mut frame = Vec::new();
        self.framing.frame_bytes(&mut frame, &value.to_vec(self.serializer));
        frame
    }

    pub(crate) async fn send(&mut self, message: &str) {
        let frame = self.frame(message);
        self.write(&frame).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn ping(&mut self) {
        let mut frame = Vec::new();
        match self.framing {
            Framing::RawSocket => rawsocket::write_ping(&mut frame, b"are you there"),
            _ => websocket::write_ping(&mut frame, b"are you there"),
        }
        self.write(&frame).await;
    }

    pub(crate) async fn welcome(&mut self, welcome: &str) {
        let hello = self.receive().await.unwrap();
        assert!(hello.starts_with(r#"[1,"realm1",{"roles":{"#), "{hello}");
        self.send(welcome).await;
    }

    pub(crate) async fn shutdown(&mut self) {
        Pin::new(&mut self.stream).shutdown().await.unwrap();
    }
}
