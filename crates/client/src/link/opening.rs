//! The opening handshakes of RawSocket and WebSocket over a socket that is connected.

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::rawsocket::{
    self, ClientHandshake, HANDSHAKE_SIZE, HandshakeError, ReplyError, ServerHandshake,
};
use transport::websocket::client::{self, ResponseError};
use transport::websocket::{self, Role, Subprotocol};
use transport::{Batch, Decoder};
use wamp::Serializer;

use super::framed::{Agreed, Framed};
use super::keepalive::Keepalive;
use super::outgoing::ClientFraming;
use super::socket::Socket;
use crate::error::ConnectError;

/// How much of an answer is read at once.
const READ_SIZE: usize = 4 * 1024;

/// What became of a RawSocket handshake.
pub(crate) enum Opened {
    Link(Box<Framed>),
    /// The router doesn't speak this serializer, and may another.
    OtherSerializer,
}

/// Opens RawSocket.
pub(crate) async fn rawsocket(
    mut socket: Socket,
    serializer: Serializer,
    message_bytes_max: usize,
    keepalive: Option<Keepalive>,
) -> Result<Opened, ConnectError> {
    let max_len_exponent = rawsocket::length_exponent(message_bytes_max);
    let request = ClientHandshake { serializer_id: serializer.rawsocket_id(), max_len_exponent };
    socket.write_all(&request.encode()).await.map_err(|error| broken(&error))?;
    socket.flush().await.map_err(|error| broken(&error))?;
    let mut reply = [0; HANDSHAKE_SIZE];
    socket.read_exact(&mut reply).await.map_err(|error| broken(&error))?;
    let answer = match ServerHandshake::parse(reply, request) {
        Ok(answer) => answer,
        Err(ReplyError::Refused(HandshakeError::SerializerUnsupported)) => {
            return Ok(Opened::OtherSerializer);
        }
        Err(error) => return Err(ConnectError::handshake(error)),
    };
    let agreed = Agreed {
        serializer,
        peer_limit: rawsocket::length_limit(answer.max_len_exponent),
        decoder: Decoder::RawSocket(rawsocket::Decoder::new(rawsocket::length_limit(max_len_exponent))),
        framing: ClientFraming::RawSocket,
        input: BytesMut::new(),
    };
    Ok(Opened::Link(Box::new(Framed::new(socket, agreed, keepalive))))
}

/// Opens WebSocket.
pub(crate) async fn websocket(
    mut socket: Socket,
    options: &client::Options<'_>,
    message_bytes_max: usize,
    keepalive: Option<Keepalive>,
) -> Result<Framed, ConnectError> {
    let handshake = client::Handshake::new(options, rand::random());
    socket.write_all(&handshake.request).await.map_err(|error| broken(&error))?;
    socket.flush().await.map_err(|error| broken(&error))?;
    let mut input = BytesMut::new();
    let established = loop {
        input.reserve(READ_SIZE);
        if socket.read_buf(&mut input).await.map_err(|error| broken(&error))? == 0 {
            return Err(ConnectError::handshake("the router closed the connection in the opening handshake"));
        }
        // The parser bounds the head of the answer.
        match handshake.parse_response(&input) {
            Ok(None) => {}
            Ok(Some((established, size))) => {
                input.advance(size);
                break established;
            }
            Err(refusal @ ResponseError::Status { .. }) => {
                let said = super::refusal::body(&mut socket, input).await;
                return Err(ConnectError::handshake(match said {
                    Some(said) => format!("{refusal}: {said}"),
                    None => refusal.to_string(),
                }));
            }
            Err(error) => return Err(ConnectError::handshake(error)),
        }
    };
    let client::Established { protocol, deflate, .. } = established;
    let Subprotocol { serializer, batched } = protocol;
    let text = protocol.is_text();
    let decoder = websocket::Decoder::new(websocket::Options {
        role: Role::Client,
        expect_text: Some(text),
        max_message: message_bytes_max,
        deflate,
    });
    let agreed = Agreed {
        serializer,
        peer_limit: usize::MAX,
        decoder: Decoder::WebSocket(decoder),
        framing: ClientFraming::WebSocket { text, batch: batched.then(|| Batch::of(serializer)), deflate },
        input,
    };
    Ok(Framed::new(socket, agreed, keepalive))
}

fn broken(error: &std::io::Error) -> ConnectError {
    ConnectError::handshake(format!("the connection broke in the opening handshake: {error}"))
}
