//! A non-blocking connection under load: whole messages in, batched writes out.
//!
//! Used by the generator and by the floor. Input is read in chunks into a buffer that all connections share and decoded
//! there; a connection itself only keeps what belongs to a frame that isn't complete yet. Output collects until
//! somebody flushes, so that a turn of the poll loop costs one write per connection however many messages it made.
//!
//! With TLS what was read is decrypted from a second shared buffer into the first, and what is flushed is encrypted on
//! its way; without, neither costs anything.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;
use transport::{Decoder, Step};

use crate::tls::{RECORD_MAX, Tls};
use crate::wire::Framer;

/// How much is read at once, in bytes.
const CHUNK: usize = 256 * 1024;

/// The buffers that connections read into.
pub(crate) struct Scratch {
    plain: Vec<u8>,
    /// What is to be decrypted.
    encrypted: Vec<u8>,
    chunk: usize,
}

impl Scratch {
    /// Empty buffers.
    pub(crate) fn new() -> Self {
        Self::of(CHUNK)
    }

    /// Empty buffers with which at most so many bytes are read at once.
    pub(crate) fn of(chunk: usize) -> Self {
        Self { plain: Vec::new(), encrypted: vec![0; chunk], chunk }
    }

    /// Whole buffers, the first with room behind `kept` bytes for what a chunk can be decrypted to, together with a
    /// record of which a part was there already.
    fn with_room(&mut self, kept: usize) -> (&mut [u8], &mut [u8]) {
        let wanted = kept + self.chunk + RECORD_MAX;
        if self.plain.len() < wanted {
            self.plain.resize(wanted, 0);
        }
        (&mut self.plain, &mut self.encrypted)
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
    tls: Option<Tls>,
    /// What goes out.
    pub(crate) outbox: Outbox,
    /// Whether the last call of [`Connection::receive_some`] left something in the socket.
    pub(crate) has_more: bool,
    decoder: Decoder,
    /// The beginning of a frame.
    partial: Vec<u8>,
}

impl Connection {
    /// Goes on where blocking handshakes stopped.
    pub(crate) fn new(stream: TcpStream, tls: Option<Tls>, decoder: Decoder, framer: Framer) -> Self {
        Self { stream, tls, outbox: Outbox::new(framer), has_more: false, decoder, partial: Vec::new() }
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
            let (buffer, encrypted) = scratch.with_room(kept);
            let (front, room) = buffer.split_at_mut(kept);
            let chunk = encrypted.len();
            let into =
                if self.tls.is_some() { &mut *encrypted } else { room.get_mut(..chunk).unwrap_or_default() };
            let read = match self.stream.read(into) {
                Ok(0) => return Ok(Peer::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Peer::Open),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(Peer::Closed),
                Err(error) => return Err(error).context("can't read from the connection"),
            };
            // A read that left room has emptied the socket: with edge-triggered epoll the next byte is an event.
            let is_drained = read < into.len();
            let read = match &mut self.tls {
                Some(tls) => tls.decrypt(encrypted.get(..read).unwrap_or_default(), room)?,
                None => read,
            };
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
        let due = bytes.get(*written..).unwrap_or_default();
        let (taken, is_full) = write_now(&mut self.stream, self.tls.as_mut(), due)?;
        *written += taken;
        if !is_full {
            bytes.clear();
            *written = 0;
        }
        Ok(())
    }

    /// Writes what is left and ends our side of the connection, as far as that goes without waiting.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(tls) = &mut self.tls {
            tls.close(&mut self.stream)?;
        }
        self.stream.shutdown(Shutdown::Write)
    }

    /// Writes what lies elsewhere than in the outbox, until the socket is full or `bytes` end. Answers how many were
    /// taken, and whether the socket is full: then the rest, of which some may lie in here, waits until it isn't.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) -> io::Result<(usize, bool)> {
        write_now(&mut self.stream, self.tls.as_mut(), bytes)
    }
}

fn write_now(stream: &mut TcpStream, tls: Option<&mut Tls>, bytes: &[u8]) -> io::Result<(usize, bool)> {
    match tls {
        None => write_all_now(stream, bytes).map(|taken| (taken, taken < bytes.len())),
        Some(tls) => tls.write(stream, bytes).map(|taken| (taken, !tls.is_written())),
    }
}

fn write_all_now(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
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
        let framer = Framer::client(Wire::RAWSOCKET_MSGPACK, None);
        (near, Connection::new(TcpStream::from_std(far), None, decoder, framer))
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
        Framer::client(Wire::RAWSOCKET_MSGPACK, None).copy(out, message);
    }
}
