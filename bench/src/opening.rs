//! The beginning of a connection, blocking: the transport's handshake, and messages one at a time.
//!
//! Opening is not what is measured, so it may be simple: blocking sockets with a time limit. What was opened goes on as a
//! [`Connection`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use rustls::ServerConfig;
use transport::rawsocket::{self, ClientHandshake, ServerHandshake};
use transport::websocket::extension::DeflateOffer;
use transport::websocket::{self, AcceptOptions, CompressionOptions, Deflate, Request, Role, Subprotocol};
use transport::{Decoder, Step};
use wamp::Serializer;

use crate::connection::Connection;
use crate::stream::Stream;
use crate::wire::{Framer, Link, MAX_MESSAGE, Wire};

/// How much is read at once of what comes in small messages, in bytes.
const READ_MIN: usize = 4096;
/// And of one large message.
const READ_MAX: usize = 1 << 20;

/// What a client is called. Routers tell from the name which of its two dialects `ubjson` is on WebSocket, and this is
/// one that speaks BJData.
const BJDATA_AGENT: &str = "AutobahnPython/26.6.1 (cloverleaf-bench)";
/// And one that doesn't.
const AGENT: &str = "cloverleaf-bench";

/// The subprotocols that the floor takes.
const SPOKEN: [Subprotocol; 5] = [
    Subprotocol { serializer: Serializer::Json, batched: false },
    Subprotocol { serializer: Serializer::MsgPack, batched: false },
    Subprotocol { serializer: Serializer::Cbor, batched: false },
    Subprotocol { serializer: Serializer::Ubjson, batched: false },
    Subprotocol { serializer: Serializer::Bjdata, batched: false },
];

/// A connection that is being opened.
pub(crate) struct Opening {
    stream: Stream,
    decoder: Decoder,
    framer: Framer,
    unread: Vec<u8>,
}

impl Opening {
    /// Connects and does the client's side of the handshakes.
    pub(crate) fn connect(address: SocketAddr, path: &str, wire: Wire) -> Result<Self> {
        let stream = Stream::connect(address, wire.tls)?;
        match wire.link {
            Link::RawSocket => Self::connect_rawsocket(stream, wire),
            Link::WebSocket => Self::connect_websocket(stream, &address.to_string(), path, wire),
        }
    }

    fn connect_rawsocket(mut stream: Stream, wire: Wire) -> Result<Self> {
        let request = ClientHandshake {
            serializer_id: wire.serializer.rawsocket_id(),
            max_len_exponent: rawsocket::length_exponent(MAX_MESSAGE),
        };
        stream.write_all(&request.encode())?;
        let mut answer = [0; rawsocket::HANDSHAKE_SIZE];
        stream.read_exact(&mut answer).context("no answer to the RawSocket handshake")?;
        ServerHandshake::parse(answer, request)?;
        let decoder = Decoder::RawSocket(rawsocket::Decoder::new(MAX_MESSAGE));
        Ok(Self { stream, decoder, framer: Framer::client(wire, None), unread: Vec::new() })
    }

    fn connect_websocket(mut stream: Stream, host: &str, path: &str, wire: Wire) -> Result<Self> {
        let options = websocket::client::Options {
            host,
            path,
            protocols: &[Subprotocol { serializer: wire.serializer, batched: false }],
            deflate: wire.deflate.then(DeflateOffer::default),
            user_agent: Some(if wire.serializer == Serializer::Bjdata { BJDATA_AGENT } else { AGENT }),
            headers: &[],
        };
        let handshake = websocket::client::Handshake::new(&options, *b"cloverleaf-bench");
        stream.write_all(&handshake.request)?;
        let mut unread = Vec::new();
        let (established, size) = loop {
            read_more(&mut stream, &mut unread).context("no answer to the WebSocket handshake")?;
            if let Some(parsed) = handshake.parse_response(&unread)? {
                break parsed;
            }
        };
        let deflate = established.deflate;
        ensure!(deflate.is_some() == wire.deflate, "the other side doesn't compress");
        unread.drain(..size.min(unread.len()));
        let decoder = websocket_decoder(Role::Client, wire.serializer.is_text(), deflate);
        Ok(Self { stream, decoder, framer: Framer::client(wire, deflate), unread })
    }

    /// Does the server's side of the handshakes, of whichever transport the client speaks, under TLS or not.
    pub(crate) fn accept(socket: TcpStream, tls: &Arc<ServerConfig>) -> Result<Self> {
        let mut stream = Stream::accept(socket, tls)?;
        let mut unread = Vec::new();
        read_more(&mut stream, &mut unread)?;
        if unread.first() == Some(&rawsocket::MAGIC) {
            Self::accept_rawsocket(stream, unread)
        } else {
            Self::accept_websocket(stream, unread)
        }
    }

    fn accept_rawsocket(mut stream: Stream, mut unread: Vec<u8>) -> Result<Self> {
        let octets = loop {
            if let Some((octets, _)) = unread.split_first_chunk::<{ rawsocket::HANDSHAKE_SIZE }>() {
                break *octets;
            }
            read_more(&mut stream, &mut unread)?;
        };
        let request = ClientHandshake::parse(octets)?;
        stream.write_all(&request.accept(rawsocket::length_exponent(MAX_MESSAGE)))?;
        unread.drain(..octets.len());
        let decoder = Decoder::RawSocket(rawsocket::Decoder::new(MAX_MESSAGE));
        let framer = Framer::Plain(transport::Framing::RawSocket);
        Ok(Self { stream, decoder, framer, unread })
    }

    fn accept_websocket(mut stream: Stream, mut unread: Vec<u8>) -> Result<Self> {
        let (request, size) = loop {
            if let Some(parsed) = Request::parse(&unread)? {
                break parsed;
            }
            read_more(&mut stream, &mut unread)?;
        };
        let options = AcceptOptions {
            protocols: &SPOKEN,
            require_subprotocol: true,
            allowed_origins: &[],
            allow_null_origin: false,
            compression: Some(CompressionOptions::default()),
            server_header: None,
            extra_headers: &[],
        };
        let accepted = websocket::accept(&request, &options)?;
        stream.write_all(&accepted.response)?;
        unread.drain(..size.min(unread.len()));
        let decoder = websocket_decoder(Role::Server, accepted.protocol.is_text(), accepted.deflate);
        Ok(Self { stream, decoder, framer: Framer::Plain(accepted.framing()), unread })
    }

    /// Sends a message that `write` appends.
    pub(crate) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut frame = Vec::new();
        self.framer.message(&mut frame, write);
        Ok(self.stream.write_all(&frame)?)
    }

    /// Sends messages in one write, each of which `write` appends.
    pub(crate) fn send_all<M>(
        &mut self,
        messages: impl IntoIterator<Item = M>,
        mut write: impl FnMut(M, &mut Vec<u8>),
    ) -> Result<()> {
        let mut frames = Vec::new();
        for message in messages {
            self.framer.message(&mut frames, |out| write(message, out));
        }
        Ok(self.stream.write_all(&frames)?)
    }

    /// Waits for the next message.
    pub(crate) fn receive(&mut self) -> Result<Vec<u8>> {
        loop {
            let step = self.decoder.decode(&mut self.unread)?;
            let consumed = step.consumed();
            let (mut message, mut pong) = (None, Vec::new());
            match step {
                Step::Incomplete { needed } => {
                    let missing = needed.saturating_sub(self.unread.len());
                    read_some(&mut self.stream, &mut self.unread, missing.clamp(READ_MIN, READ_MAX))?;
                }
                Step::Consumed { .. } | Step::Pong { .. } => {}
                Step::Message { payload, .. } => message = Some(payload.to_vec()),
                Step::Ping { payload, .. } => self.framer.pong(&mut pong, payload),
                Step::Close { reason, .. } => bail!("the other side closed the WebSocket: {reason}"),
            }
            self.unread.drain(..consumed.min(self.unread.len()));
            self.stream.write_all(&pong)?;
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    /// Goes on without blocking.
    pub(crate) fn into_connection(self) -> Result<Connection> {
        // Whole messages in here would never cause an event; none is due before the load begins.
        ensure!(self.unread.is_empty(), "the other side sent more than its answer");
        let (socket, tls) = self.stream.into_parts()?;
        socket.set_nonblocking(true)?;
        let stream = mio::net::TcpStream::from_std(socket);
        Ok(Connection::new(stream, tls, self.decoder, self.framer))
    }

    /// How this side frames messages; `None` for a WebSocket client.
    pub(crate) const fn framing(&self) -> Option<transport::Framing> {
        match &self.framer {
            Framer::Plain(framing) => Some(*framing),
            Framer::Masked { .. } => None,
        }
    }
}

fn websocket_decoder(role: Role, text: bool, deflate: Option<Deflate>) -> Decoder {
    let options = websocket::Options { role, expect_text: Some(text), max_message: MAX_MESSAGE, deflate };
    Decoder::WebSocket(websocket::Decoder::new(options))
}

fn read_more(stream: &mut Stream, unread: &mut Vec<u8>) -> Result<()> {
    read_some(stream, unread, READ_MIN)
}

/// Reads once, at most so much.
fn read_some(stream: &mut Stream, unread: &mut Vec<u8>, most: usize) -> Result<()> {
    let before = unread.len();
    unread.resize(before + most, 0);
    let read = stream.read(unread.get_mut(before..).unwrap_or_default());
    unread.truncate(before + *read.as_ref().unwrap_or(&0));
    ensure!(read? > 0, "the other side closed the connection");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::tls;

    #[test]
    fn both_ends_find_each_other_on_every_wire() {
        let tls = tls::server_config().unwrap();
        // Long enough to be compressed where that was agreed.
        let text = b"hello".repeat(1000);
        for wire in Wire::all() {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let tls = Arc::clone(&tls);
            let server = std::thread::spawn(move || {
                let mut opening = Opening::accept(listener.accept().unwrap().0, &tls).unwrap();
                let message = opening.receive().unwrap();
                opening.send(|out| out.extend_from_slice(&message)).unwrap();
            });
            let mut client = Opening::connect(address, "/ws", wire).unwrap();
            client.send(|out| out.extend_from_slice(&text)).unwrap();
            assert_eq!(client.receive().unwrap(), text, "{wire}");
            server.join().unwrap();
        }
    }
}
