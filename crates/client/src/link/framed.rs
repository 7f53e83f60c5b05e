//! A link over a socket.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::Instant;
use transport::{Decoder, FrameError, Step, batch};
use wamp::Serializer;

use super::keepalive::{Beat, Keepalive, Pulse};
use super::outgoing::{ClientFraming, Outgoing};
use super::socket::Socket;
use super::{Link, LinkError};

/// How many bytes are read at once, at least.
const READ_MIN: usize = 8 * 1024;
/// How many bytes are read at once, at most, and what is kept of the buffer when it is empty.
const READ_MAX: usize = 64 * 1024;

/// RawSocket or WebSocket over a socket whose handshake is done.
#[derive(Debug)]
pub(crate) struct Framed {
    socket: Socket,
    serializer: Serializer,
    peer_limit: usize,
    decoder: Decoder,
    input: BytesMut,
    /// So many bytes of input are needed before there is anything to decode.
    needed: usize,
    /// The other end has said that no more will come.
    peer_closed: Option<Result<(), LinkError>>,
    outgoing: Outgoing,
    pulse: Option<Pulse>,
}

/// What a handshake has agreed on.
pub(super) struct Agreed {
    pub(super) serializer: Serializer,
    /// The longest message that the other end receives, in bytes.
    pub(super) peer_limit: usize,
    pub(super) decoder: Decoder,
    pub(super) framing: ClientFraming,
    /// What came behind the other end's handshake.
    pub(super) input: BytesMut,
}

impl Framed {
    pub(super) fn new(socket: Socket, agreed: Agreed, keepalive: Option<Keepalive>) -> Self {
        let Agreed { serializer, peer_limit, decoder, framing, input } = agreed;
        Framed {
            socket,
            serializer,
            peer_limit,
            decoder,
            input,
            needed: 1,
            peer_closed: None,
            outgoing: Outgoing::new(framing),
            pulse: keepalive.map(|policy| Pulse::new(policy, Instant::now())),
        }
    }

    /// Decodes all that is there; whether there was a message.
    fn decode(&mut self, deliver: &mut dyn FnMut(&[u8])) -> Result<bool, FrameError> {
        let is_batched = self.outgoing.is_batched();
        let mut delivered = false;
        while self.input.len() >= self.needed && self.peer_closed.is_none() {
            let step = self.decoder.decode(&mut self.input)?;
            let consumed = step.consumed();
            self.needed = 1;
            match step {
                Step::Incomplete { needed } => self.needed = needed,
                Step::Consumed { .. } | Step::Pong { .. } => {}
                Step::Message { text, payload, .. } => {
                    delivered = true;
                    if is_batched {
                        for message in batch::split(text, payload) {
                            deliver(message?);
                        }
                    } else {
                        deliver(payload);
                    }
                }
                Step::Ping { payload, .. } => self.outgoing.pong(payload),
                Step::Close { code, reason, .. } => {
                    self.outgoing.close(code, "");
                    self.peer_closed = Some(closing(code, reason));
                }
            }
            self.input.advance(consumed);
        }
        if self.input.is_empty() && self.input.capacity() > READ_MAX {
            self.input = BytesMut::new();
        }
        Ok(delivered)
    }

    /// Reads once. 0 is the end.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // A long message is not believed in before its bytes come: the buffer grows with them.
        let missing = self.needed.saturating_sub(self.input.len());
        self.input.reserve(missing.clamp(READ_MIN, READ_MAX.max(self.input.len())));
        let read = pin!(self.socket.read_buf(&mut self.input)).poll(cx);
        if let (Poll::Ready(Ok(1..)), Some(pulse)) = (&read, &mut self.pulse) {
            pulse.heard(Instant::now());
        }
        read
    }

    fn receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), LinkError>>> {
        loop {
            match self.decode(deliver) {
                Ok(true) => return Poll::Ready(Some(Ok(()))),
                Ok(false) => {}
                Err(error) => {
                    self.outgoing.close(Some(error.close_code()), &error.to_string());
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
            if let Some(closed) = self.peer_closed.take() {
                self.peer_closed = Some(Ok(()));
                return Poll::Ready(closed.err().map(Err));
            }
            match self.poll_read(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => {
                    self.peer_closed = Some(Ok(()));
                    let is_whole = self.input.is_empty();
                    let error = LinkError::new("the connection ended in the middle of a message");
                    return Poll::Ready((!is_whole).then_some(Err(error)));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    self.peer_closed = Some(Ok(()));
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }
}

/// What a close frame of the other end means: 1000 and none at all are ends in order.
fn closing(code: Option<u16>, reason: &str) -> Result<(), LinkError> {
    match code {
        None | Some(1000) => Ok(()),
        Some(code) if reason.is_empty() => {
            Err(LinkError::new(format!("the router closed the WebSocket: {code}")))
        }
        Some(code) => Err(LinkError::new(format!("the router closed the WebSocket: {code} {reason}"))),
    }
}

impl Link for Framed {
    fn serializer(&self) -> Serializer {
        self.serializer
    }

    fn message_bytes_max(&self) -> usize {
        self.peer_limit
    }

    fn send(&mut self, message: &[u8]) {
        self.outgoing.message(message);
    }

    fn queued(&self) -> usize {
        self.outgoing.queued()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.outgoing.poll_flush(&mut self.socket, cx).map_err(LinkError::from)
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        deliver: &mut dyn FnMut(&[u8]),
    ) -> Poll<Option<Result<(), LinkError>>> {
        self.receive(cx, deliver)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        // WebSocket is closed when both have said so; what comes in between is of no use any more.
        let has_close_frames = self.outgoing.close(Some(1000), "");
        match self.poll_flush(cx) {
            Poll::Ready(Ok(())) => {}
            unfinished => return unfinished,
        }
        while has_close_frames && self.peer_closed.is_none() {
            match self.receive(cx, &mut |_| {}) {
                Poll::Ready(Some(Ok(()))) => {}
                Poll::Ready(None | Some(Err(_))) => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        std::pin::Pin::new(&mut self.socket).poll_shutdown(cx).map_err(LinkError::from)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pulse.as_ref().map(Pulse::next_deadline)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), LinkError> {
        let Some(pulse) = &mut self.pulse else { return Ok(()) };
        match pulse.beat(now) {
            Beat::Nothing => Ok(()),
            Beat::Ping => {
                self.outgoing.ping();
                Ok(())
            }
            Beat::GiveUp => {
                // There is nobody whose close frame could be waited for.
                self.peer_closed = Some(Ok(()));
                Err(LinkError::new(format!("the router answered no ping within {:?}", pulse.timeout())))
            }
        }
    }
}
