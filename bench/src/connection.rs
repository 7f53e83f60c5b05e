//! A non-blocking connection under load: whole messages in, batched writes out.
//!
//! Used by the generator and by the floor. Input is read in chunks into a buffer that all connections share and decoded
//! there; a connection itself only keeps what belongs to a frame that isn't complete yet. Output collects until
//! somebody flushes, so that a turn of the poll loop costs one write per connection however many messages it made.

use std::io::{self, ErrorKind, Read, Write};

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use transport::{Decoder, Step};

use crate::wire::Framer;

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// The buffer that connections read into.
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    chunk: usize,
}

impl Scratch {
    /// An empty buffer.
    pub(crate) fn new() -> Self {
        Self::of(CHUNK)
    }

    /// An empty buffer with which at most so many bytes are read at once.
    pub(crate) fn of(chunk: usize) -> Self {
        Self { bytes: vec![0; chunk], chunk }
    }

    /// The whole buffer up to a chunk of room behind `kept` bytes.
    fn with_room(&mut self, kept: usize) -> &mut [u8] {
        let wanted = kept + self.chunk;
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        self.bytes.get_mut(..wanted).unwrap_or_default()
    }
}

/// What waits to be written to a connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    framer: Framer,
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    pub(crate) fn new(framer: Framer) -> Self {
        Self { framer, bytes: Vec::new(), written: 0 }
    }

    /// Appends a message that `write` appends.
    pub(crate) fn message(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.framer.message(&mut self.bytes, write);
    }

    /// Appends a message that is there already.
    pub(crate) fn copy(&mut self, message: &[u8]) {
        self.framer.copy(&mut self.bytes, message);
    }

    /// Whether everything was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Whether the other side is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It may send more.
    Open,
    /// It will not.
    Closed,
}

/// One end of a connection whose opening handshake is done.
pub(crate) struct Connection {
    /// The socket, to be registered with a poll.
    pub(crate) stream: TcpStream,
    /// What goes out.
    pub(crate) outbox: Outbox,
    /// Whether the last call of [`Connection::receive_some`] left something in the socket.
    pub(crate) has_more: bool,
    decoder: Decoder,
    /// The beginning of a frame.
    partial: Vec<u8>,
}

impl Connection {
    /// Goes on where a blocking handshake stopped; `partial` was read already.
    pub(crate) fn new(stream: TcpStream, decoder: Decoder, framer: Framer, partial: Vec<u8>) -> Self {
        Self { stream, outbox: Outbox::new(framer), has_more: false, decoder, partial }
    }

    /// Reads what is there and hands over each whole message, with the outbox to answer into.
    pub(crate) fn receive(
        &mut self,
        scratch: &mut Scratch,
        on_message: impl FnMut(&[u8], &mut Outbox) -> Result<()>,
    ) -> Result<Peer> {
        self.receive_some(scratch, usize::MAX, on_message)
    }

    /// The same with at most so many reads. What they leave is no event any more: `has_more` says that it is there.
    pub(crate) fn receive_some(
        &mut self,
        scratch: &mut Scratch,
        reads_max: usize,
        mut on_message: impl FnMut(&[u8], &mut Outbox) -> Result<()>,
    ) -> Result<Peer> {
        self.has_more = false;
        for _ in 0..reads_max {
            let kept = self.partial.len();
            let buffer = scratch.with_room(kept);
            let (front, room) = buffer.split_at_mut(kept);
            let read = match self.stream.read(room) {
                Ok(0) => return Ok(Peer::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Peer::Open),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Peer::Closed),
                Err(error) => return Err(error).context("can't read from the connection"),
            };
            // A read that left room has emptied the socket: with edge-triggered epoll the next byte is an event.
            let is_drained = read < room.len();
            front.copy_from_slice(&self.partial);
            self.partial.clear();
            let filled = buffer.get_mut(..kept + read).unwrap_or_default();
            if self.take_in(filled, &mut on_message)? == Peer::Closed {
                return Ok(Peer::Closed);
            }
            if is_drained {
                return Ok(Peer::Open);
            }
        }
        self.has_more = true;
        Ok(Peer::Open)
    }

    fn take_in(
        &mut self,
        mut input: &mut [u8],
        on_message: &mut impl FnMut(&[u8], &mut Outbox) -> Result<()>,
    ) -> Result<Peer> {
        while !input.is_empty() {
            let step = self.decoder.decode(input)?;
            let consumed = step.consumed();
            match step {
                Step::Incomplete { .. } => break,
                Step::Consumed { .. } | Step::Pong { .. } => {}
                Step::Message { payload, .. } => on_message(payload, &mut self.outbox)?,
                Step::Ping { payload, .. } => self.outbox.framer.pong(&mut self.outbox.bytes, payload),
                Step::Close { .. } => return Ok(Peer::Closed),
            }
            let Some(rest) = input.get_mut(consumed..) else { bail!("a decoder took more than there was") };
            input = rest;
        }
        self.partial.extend_from_slice(input);
        Ok(Peer::Open)
    }

    /// Writes as much of the outbox as the socket takes; what remains goes with the next call.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Outbox { bytes, written, .. } = &mut self.outbox;
        *written += write_all_now(&mut self.stream, bytes.get(*written..).unwrap_or_default())?;
        if *written == bytes.len() {
            bytes.clear();
            *written = 0;
        }
        Ok(())
    }
}

/// Writes until the socket is full or `bytes` end; says how many were taken.
pub(crate) fn write_all_now(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use transport::rawsocket;

    use super::*;
    use crate::wire::Wire;

    fn pair() -> (std::net::TcpStream, Connection) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_nonblocking(true).unwrap();
        let decoder = Decoder::RawSocket(rawsocket::Decoder::new(1 << 20));
        let framer = Framer::client(Wire::RAWSOCKET_MSGPACK);
        (near, Connection::new(TcpStream::from_std(far), decoder, framer, Vec::new()))
    }

    /// Receives until `count` messages are there, or the other side closes.
    fn receive(connection: &mut Connection, count: usize) -> (Vec<Vec<u8>>, Peer) {
        let (mut scratch, mut messages) = (Scratch::new(), Vec::new());
        loop {
            let peer = connection.receive(&mut scratch, |message, outbox| {
                outbox.copy(message);
                messages.push(message.to_vec());
                Ok(())
            });
            let peer = peer.unwrap();
            if messages.len() >= count || peer == Peer::Closed {
                return (messages, peer);
            }
        }
    }

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let (mut near, mut connection) = pair();
        let long = vec![7; 600_000];
        let mut bytes = Vec::new();
        for message in [b"a".as_slice(), &long, b"bc"] {
            wamp_frame(&mut bytes, message);
        }
        let writer = std::thread::spawn(move || {
            for part in bytes.chunks(100_003) {
                near.write_all(part).unwrap();
            }
            near
        });
        let (messages, _) = receive(&mut connection, 3);
        assert_eq!(messages, [b"a".to_vec(), vec![7; 600_000], b"bc".to_vec()]);
        drop(writer.join().unwrap());
        assert_eq!(receive(&mut connection, 1), (Vec::new(), Peer::Closed));
    }

    #[test]
    fn answers_wait_for_the_flush_and_pings_are_answered() {
        let (mut near, mut connection) = pair();
        let mut bytes = Vec::new();
        rawsocket::write_ping(&mut bytes, b"?");
        wamp_frame(&mut bytes, b"hi");
        near.write_all(&bytes).unwrap();
        receive(&mut connection, 1);
        assert!(!connection.outbox.is_empty());
        connection.flush().unwrap();
        assert!(connection.outbox.is_empty());
        let mut answer = [0; 11];
        near.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"\x02\0\0\x01?\0\0\0\x02hi");
    }

    fn wamp_frame(out: &mut Vec<u8>, message: &[u8]) {
        Framer::client(Wire::RAWSOCKET_MSGPACK).copy(out, message);
    }
}
