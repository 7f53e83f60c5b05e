//! What a client puts on the wire: its frames, and the bytes that wait for the socket.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use transport::websocket::{self, Deflate};
use transport::{Batch, Framing, rawsocket};

use super::socket::Socket;

/// A batch that has grown beyond this many bytes is sent as it is.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// What is kept of a buffer when it is empty, in bytes.
const CAPACITY_AT_REST: usize = 64 * 1024;

/// How a client's messages are framed.
#[derive(Debug, Clone, Copy)]
pub(super) enum ClientFraming {
    RawSocket,
    WebSocket { text: bool, batch: Option<Batch>, deflate: Option<Deflate> },
}

/// Frames on their way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    framing: ClientFraming,
    bytes: Vec<u8>,
    written: usize,
    /// The messages of the next batch, where messages are batched.
    batch: Vec<u8>,
    /// A close frame was queued: nothing may follow it.
    is_closing: bool,
}

impl Outgoing {
    pub(super) const fn new(framing: ClientFraming) -> Self {
        Outgoing { framing, bytes: Vec::new(), written: 0, batch: Vec::new(), is_closing: false }
    }

    pub(super) const fn queued(&self) -> usize {
        self.bytes.len() - self.written + self.batch.len()
    }

    /// Whether received messages are batches.
    pub(super) const fn is_batched(&self) -> bool {
        matches!(self.framing, ClientFraming::WebSocket { batch: Some(_), .. })
    }

    pub(super) fn message(&mut self, message: &[u8]) {
        if self.is_closing {
            return;
        }
        match self.framing {
            ClientFraming::RawSocket => Framing::RawSocket.frame_bytes(&mut self.bytes, message),
            ClientFraming::WebSocket { text, batch: None, deflate } => {
                websocket::frame_masked(&mut self.bytes, text, message, rand::random(), deflate);
            }
            ClientFraming::WebSocket { batch: Some(batch), .. } => {
                batch.item(&mut self.batch, |out| out.extend_from_slice(message));
                if self.batch.len() > BATCH_BYTES_MAX {
                    self.end_batch();
                }
            }
        }
    }

    pub(super) fn ping(&mut self) {
        match self.framing {
            _ if self.is_closing => {}
            ClientFraming::RawSocket => rawsocket::write_ping(&mut self.bytes, b""),
            ClientFraming::WebSocket { .. } => {
                websocket::write_ping_masked(&mut self.bytes, b"", rand::random());
            }
        }
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        match self.framing {
            _ if self.is_closing => {}
            ClientFraming::RawSocket => rawsocket::write_pong(&mut self.bytes, payload),
            ClientFraming::WebSocket { .. } => {
                websocket::write_pong_masked(&mut self.bytes, payload, rand::random());
            }
        }
    }

    /// Queues a close frame, once. Answers whether this transport has them.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) -> bool {
        match self.framing {
            ClientFraming::RawSocket => false,
            ClientFraming::WebSocket { .. } => {
                if !self.is_closing {
                    self.end_batch();
                    websocket::write_close_masked(&mut self.bytes, code, reason, rand::random());
                    self.is_closing = true;
                }
                true
            }
        }
    }

    pub(super) fn poll_flush(
        &mut self,
        socket: &mut Socket,
        cx: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.end_batch();
        while let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *socket).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(std::io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.forget_written();
                    return Poll::Pending;
                }
            }
        }
        self.bytes.clear();
        self.bytes.shrink_to(CAPACITY_AT_REST);
        self.written = 0;
        Pin::new(socket).poll_flush(cx)
    }

    fn end_batch(&mut self) {
        let ClientFraming::WebSocket { text, deflate, .. } = self.framing else { return };
        if !self.batch.is_empty() {
            websocket::frame_masked(&mut self.bytes, text, &self.batch, rand::random(), deflate);
            self.batch.clear();
            self.batch.shrink_to(CAPACITY_AT_REST);
        }
    }

    /// Moves the rest to the front where it is the smaller part, so that each byte moves once at most.
    fn forget_written(&mut self) {
        if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}
