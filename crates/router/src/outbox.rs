//! What waits to be written to one peer: bytes, ready for the wire, bounded, in order.
//!
//! Small frames are copied behind each other into buffers of some [`CHUNK_BYTES`]; frames over [`SHARE_BYTES_MIN`] are shared
//! by reference count, but for those that come in bursts. On a batched transport the messages appended since the last write become one WebSocket message
//! (BAT-08).
//!
//! *Invariants*: an outbox from which everything was taken owns no memory; one that is full owns little more than what is
//! in it, and lets go of it as it is written.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use smallvec::SmallVec;
use transport::Framing;

use crate::pool;

/// Frames from this size on, in bytes, are shared among receivers; smaller ones are copied, which costs no more than
/// counting references up to here (measured: copying 512 bytes takes 15 ns, sharing 20; 1,024 bytes 30).
pub(crate) const SHARE_BYTES_MIN: usize = 1024;

/// A buffer with so many bytes in it gets no further frame: what waits for a slow peer lies in many buffers, none of which
/// has to be moved as it grows, and each goes back to the pool when it is written.
const CHUNK_BYTES: usize = 24 << 10;

/// The most bytes of one batch: what fits a WebSocket header with a 16-bit length.
const BATCH_BYTES_MAX: usize = u16::MAX as usize;
/// Room for that header.
const BATCH_HEADER: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// What comes before the tail.
    chunks: Option<Box<Chunks>>,
    chunk_bytes: usize,
    /// The buffer that small frames are appended to.
    tail: Vec<u8>,
    /// Bytes that were taken and are not on the wire yet.
    in_flight: usize,
    /// Where in `tail` the batch that is still open begins, header room included.
    batch: Option<usize>,
}

/// Whole buffers and shared frames, in order. Boxed: nearly every session has none, and with one there is nothing else to
/// allocate.
#[derive(Debug, Default)]
struct Chunks(SmallVec<[Chunk; 1]>);

/// A message that its receiver has said it won't take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

impl Outbox {
    /// Bytes that the peer has not got yet.
    pub(crate) fn queued(&self) -> usize {
        self.chunk_bytes + self.tail.len() + self.in_flight
    }

    /// Appends the frame of the message that `body` writes.
    ///
    /// # Errors
    /// A message longer than `bytes_max`; then nothing was appended.
    pub(crate) fn append(
        &mut self,
        framing: Framing,
        bytes_max: usize,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), TooLong> {
        let bytes_max = bytes_max.min(framing.max_body());
        let mut too_long = false;
        let checked = |out: &mut Vec<u8>| {
            let start = out.len();
            body(out);
            too_long = out.len() - start > bytes_max;
        };
        self.make_room(framing);
        let before = self.tail.len();
        if framing.is_batched() {
            let open = self.open_batch();
            let start = self.tail.len();
            framing.batch_item(&mut self.tail, checked);
            if too_long {
                self.tail.truncate(start);
                if start == open + BATCH_HEADER {
                    self.tail.truncate(open);
                    self.batch = None;
                }
            } else {
                self.bound_batch(framing, open, start);
            }
        } else {
            framing.frame(&mut self.tail, checked);
            if too_long {
                self.tail.truncate(before);
            }
        }
        if !too_long {
            return Ok(());
        }
        self.give_back();
        Err(TooLong)
    }

    /// Appends a frame that is ready, or on a batched transport an item that is.
    pub(crate) fn push(&mut self, framing: Framing, frame: &Frame<'_>) {
        match frame {
            Frame::Copied(bytes) if framing.is_batched() => {
                self.make_room(framing);
                let open = self.open_batch();
                let start = self.tail.len();
                self.tail.extend_from_slice(bytes);
                self.bound_batch(framing, open, start);
            }
            Frame::Copied(bytes) => {
                self.make_room(framing);
                self.tail.extend_from_slice(bytes);
            }
            Frame::Shared(bytes) => {
                self.close_batch(framing);
                self.seal();
                self.append_chunk(Chunk::Shared(Bytes::clone(bytes)));
            }
        }
    }

    /// Appends bytes of the transport itself, such as a PONG.
    pub(crate) fn push_raw(&mut self, framing: Framing, bytes: &[u8]) {
        self.close_batch(framing);
        self.make_room(framing);
        self.tail.extend_from_slice(bytes);
    }

    /// Moves all there is to `output`; false if there is nothing.
    pub(crate) fn take(&mut self, framing: Framing, output: &mut Output) -> bool {
        self.close_batch(framing);
        let bytes = self.chunk_bytes + self.tail.len();
        if bytes == 0 {
            self.give_back();
            return false;
        }
        self.in_flight += bytes;
        self.chunk_bytes = 0;
        if let Some(chunks) = self.chunks.take() {
            chunks.0.into_iter().for_each(|chunk| output.append(chunk));
        }
        match std::mem::take(&mut self.tail) {
            tail if tail.is_empty() => pool::give(tail),
            tail => output.append(Chunk::Owned(tail, 0)),
        }
        true
    }

    /// So many of the bytes that were taken are on the wire.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// Lets go of room that nothing is in, such as a message left that was refused in the end.
    fn give_back(&mut self) {
        if self.tail.is_empty() {
            pool::give(std::mem::take(&mut self.tail));
        } else {
            self.tail.shrink_to(self.tail.len().max(pool::CAPACITY_MAX));
        }
    }

    /// Has a tail with room for another frame.
    fn make_room(&mut self, framing: Framing) {
        if self.tail.len() >= CHUNK_BYTES {
            self.close_batch(framing);
            self.seal();
        }
        if self.tail.capacity() == 0 {
            self.tail = pool::take();
        }
    }

    /// Puts the tail among what comes before it.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            let mut tail = std::mem::take(&mut self.tail);
            if tail.capacity() > pool::CAPACITY_MAX {
                // A long message was in here, before it was compressed.
                tail.shrink_to_fit();
            }
            self.append_chunk(Chunk::Owned(tail, 0));
        }
    }

    fn append_chunk(&mut self, chunk: Chunk) {
        self.chunk_bytes += chunk.bytes().len();
        self.chunks.get_or_insert_default().0.push(chunk);
    }

    fn open_batch(&mut self) -> usize {
        *self.batch.get_or_insert_with(|| {
            let open = self.tail.len();
            self.tail.extend_from_slice(&[0; BATCH_HEADER]);
            open
        })
    }

    /// Closes the batch before the item at `start` if it would get too big with it.
    fn bound_batch(&mut self, framing: Framing, open: usize, start: usize) {
        if self.tail.len() - open - BATCH_HEADER <= BATCH_BYTES_MAX {
            return;
        }
        let item = self.tail.split_off(start);
        if start == open + BATCH_HEADER {
            self.tail.truncate(open);
            self.batch = None;
        } else {
            self.close_batch(framing);
        }
        if item.len() > BATCH_BYTES_MAX {
            framing.batch_header(&mut self.tail, item.len());
        } else {
            self.open_batch();
        }
        self.tail.extend_from_slice(&item);
    }

    fn close_batch(&mut self, framing: Framing) {
        let Some(open) = self.batch.take() else { return };
        let items = open + BATCH_HEADER..self.tail.len();
        let mut header = Vec::with_capacity(BATCH_HEADER);
        framing.batch_header(&mut header, items.len());
        let moved_to = open + header.len();
        self.tail[open..moved_to].copy_from_slice(&header);
        if header.len() < BATCH_HEADER {
            let length = items.len();
            self.tail.copy_within(items, moved_to);
            self.tail.truncate(moved_to + length);
        }
    }
}

/// A frame that is ready for every receiver of its format.
#[derive(Debug, Clone)]
pub(crate) enum Frame<'a> {
    /// Small: each receiver gets a copy.
    Copied(&'a [u8]),
    /// Large: each receiver gets a reference.
    Shared(Bytes),
}

/// The bytes of a frame to be shared, without the room that a message had in there before it was compressed.
pub(crate) fn shared(mut frame: Vec<u8>) -> Bytes {
    if frame.capacity() > frame.len() * 2 {
        frame.shrink_to_fit();
    }
    frame.into()
}

/// Bytes on their way to one socket, owned by the connection's task.
#[derive(Debug, Default)]
pub struct Output {
    /// The chunk that is being written. Nearly always it is the only one, and then nothing is allocated for the others.
    first: Option<Chunk>,
    behind: Option<Box<Queue>>,
}

/// Chunks that wait for the first. Boxed: nearly every connection has none.
#[derive(Debug, Default)]
struct Queue(VecDeque<Chunk>);

#[derive(Debug)]
enum Chunk {
    /// A buffer from here on, to be given back.
    Owned(Vec<u8>, usize),
    Shared(Bytes),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Owned(buffer, start) => buffer.get(*start..).unwrap_or_default(),
            Chunk::Shared(bytes) => bytes,
        }
    }

    /// Leaves out the first so many bytes, which are no more than there are.
    fn skip(&mut self, bytes: usize) {
        match self {
            Chunk::Owned(_, start) => *start += bytes,
            Chunk::Shared(shared) => shared.advance(bytes),
        }
    }
}

impl Output {
    /// Nothing to write.
    pub fn new() -> Self {
        Output::default()
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Bytes to write.
    pub fn len(&self) -> usize {
        self.chunks().map(|chunk| chunk.bytes().len()).sum()
    }

    /// Fills `slices` with what comes first; returns how many were filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.io_slices_within(slices, usize::MAX)
    }

    /// The same with no more than `bytes_max` in all of them together.
    pub fn io_slices_within<'a>(&'a self, slices: &mut [IoSlice<'a>], mut bytes_max: usize) -> usize {
        let mut filled = 0;
        for (slot, chunk) in slices.iter_mut().zip(self.chunks()) {
            if bytes_max == 0 {
                break;
            }
            let rest = chunk.bytes();
            let bytes = rest.get(..bytes_max).unwrap_or(rest);
            *slot = IoSlice::new(bytes);
            bytes_max -= bytes.len();
            filled += 1;
        }
        filled
    }

    /// `bytes` were written.
    pub fn advance(&mut self, bytes: usize) {
        let mut left = bytes;
        while let Some(first) = &mut self.first {
            let length = first.bytes().len();
            if left < length {
                first.skip(left);
                return;
            }
            left -= length;
            let next = self.behind.as_mut().and_then(|queue| queue.0.pop_front());
            if let Some(Chunk::Owned(buffer, _)) = std::mem::replace(&mut self.first, next) {
                pool::give(buffer);
            }
        }
        // An idle connection keeps nothing.
        self.behind = None;
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.first.iter().chain(self.behind.iter().flat_map(|queue| &queue.0))
    }

    /// The chunk has something in it.
    fn append(&mut self, chunk: Chunk) {
        match &self.first {
            None => self.first = Some(chunk),
            Some(_) => self.behind.get_or_insert_default().0.push_back(chunk),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use transport::{Batch, batch};

    use super::*;

    const RAW: Framing = Framing::RawSocket;

    fn drained(outbox: &mut Outbox, framing: Framing) -> Vec<u8> {
        let mut output = Output::new();
        outbox.take(framing, &mut output);
        let mut bytes = Vec::new();
        while !output.is_empty() {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = output.io_slices(&mut slices);
            let first = slices[..filled].iter().find(|slice| !slice.is_empty()).expect("something to write");
            // One byte less than offered, to exercise partial writes.
            let part = first.len().div_ceil(2);
            bytes.extend_from_slice(&first[..part]);
            output.advance(part);
        }
        bytes
    }

    #[test]
    fn a_drained_outbox_owns_no_memory() {
        let mut outbox = Outbox::default();
        outbox.append(RAW, 100, |out| out.extend_from_slice(b"abc")).expect("short");
        assert_eq!(outbox.queued(), 7);
        let bytes = drained(&mut outbox, RAW);
        assert_eq!(bytes, b"\0\0\0\x03abc");
        assert_eq!(outbox.queued(), 7, "taken, not sent");
        outbox.sent(7);
        assert_eq!((outbox.queued(), outbox.tail.capacity()), (0, 0));
    }

    fn capacity(chunk: &Chunk) -> usize {
        match chunk {
            Chunk::Owned(buffer, _) => buffer.capacity(),
            Chunk::Shared(bytes) => bytes.len(),
        }
    }

    /// BRK-17
    #[test]
    fn a_full_outbox_owns_little_more_than_what_is_in_it() {
        let mut outbox = Outbox::default();
        let frame = [7; 100];
        for _ in 0..10_000 {
            outbox.push(RAW, &Frame::Copied(&frame));
        }
        let mut output = Output::new();
        outbox.take(RAW, &mut output);
        let owned = |output: &Output| output.chunks().map(capacity).sum::<usize>();
        assert_eq!(output.len(), 1_000_000);
        assert!(owned(&output) < 1_500_000, "{}", owned(&output));
        output.advance(900_000);
        assert!(owned(&output) < 150_000 + pool::CAPACITY_MAX, "{}", owned(&output));
    }

    /// BRK-17: what a message was before it was compressed is not kept.
    #[test]
    fn a_full_outbox_of_compressed_messages_owns_little_more_than_what_is_in_it() {
        let framing = Framing::Deflate { text: false, window_bits: 15 };
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.append(framing, 1 << 20, |out| out.resize(out.len() + 500_000, 7)).expect("short");
        }
        let owned: usize = outbox.chunks.iter().flat_map(|chunks| &chunks.0).map(capacity).sum();
        assert!(outbox.queued() < 1_000_000, "{}", outbox.queued());
        assert!(owned <= outbox.queued() + pool::CAPACITY_MAX, "{owned}");
    }

    #[test]
    fn what_is_offered_to_be_written_at_once_can_be_bounded() {
        let mut outbox = Outbox::default();
        outbox.push(RAW, &Frame::Copied(b"abcd"));
        outbox.push(RAW, &Frame::Shared(Bytes::from_static(b"efgh")));
        let mut output = Output::new();
        outbox.take(RAW, &mut output);
        let offered = |output: &Output, bytes_max| {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = output.io_slices_within(&mut slices, bytes_max);
            slices[..filled].iter().map(|slice| slice.to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(offered(&output, 0), [b""; 0]);
        assert_eq!(offered(&output, 4), [b"abcd"]);
        assert_eq!(offered(&output, 6), [b"abcd".to_vec(), b"ef".to_vec()]);
        output.advance(1);
        assert_eq!(offered(&output, 4), [b"bcd".to_vec(), b"e".to_vec()]);
        assert_eq!(offered(&output, 99), [b"bcd".to_vec(), b"efgh".to_vec()]);
    }

    /// RAW-17: what is too long for the receiver leaves no trace.
    #[test]
    fn a_message_too_long_is_refused_and_leaves_no_trace() {
        for framing in [RAW, Framing::WebSocketBatched { batch: Batch::RecordSeparator }] {
            let mut outbox = Outbox::default();
            outbox.append(framing, 8, |out| out.extend_from_slice(b"first")).expect("short");
            let one = outbox.queued();
            let long = vec![b'x'; 1 << 20];
            assert_eq!(outbox.append(framing, 8, |out| out.extend_from_slice(&long)), Err(TooLong));
            assert_eq!(outbox.queued(), one);
            assert!(outbox.tail.capacity() <= pool::CAPACITY_MAX);
            let mut empty = Outbox::default();
            assert_eq!(empty.append(framing, 8, |out| out.extend_from_slice(&long)), Err(TooLong));
            assert_eq!((empty.queued(), empty.tail.capacity()), (0, 0));
        }
    }

    /// BAT-08: what is queued together leaves as one batch, unless it is too much.
    #[test]
    fn queued_messages_are_one_batch() {
        let framing = Framing::WebSocketBatched { batch: Batch::RecordSeparator };
        let mut outbox = Outbox::default();
        for _ in 0..2 {
            outbox.append(framing, 100, |out| out.extend_from_slice(b"[1]")).expect("short");
        }
        assert_eq!(drained(&mut outbox, framing), b"\x81\x08[1]\x1e[1]\x1e");
    }

    proptest! {
        /// Whatever is appended, in whatever sizes, comes out in order, and batches stay within their bound.
        #[test]
        fn everything_comes_out_in_order(
            lengths in prop::collection::vec(prop_oneof![1usize..200, 60_000usize..70_000], 1..12),
            shared in prop::collection::vec(any::<bool>(), 12),
        ) {
            let framing = Framing::WebSocketBatched { batch: Batch::LengthPrefix };
            let mut outbox = Outbox::default();
            for (index, (&length, &is_shared)) in lengths.iter().zip(&shared).enumerate() {
                let body = vec![u8::try_from(index).expect("few"); length];
                if is_shared {
                    let mut frame = Vec::new();
                    framing.frame_bytes(&mut frame, &body);
                    outbox.push(framing, &Frame::Shared(frame.into()));
                } else {
                    outbox.append(framing, usize::MAX, |out| out.extend_from_slice(&body)).expect("no bound");
                }
            }
            let queued_before = outbox.queued();
            let bytes = drained(&mut outbox, framing);
            prop_assert!(bytes.len() <= queued_before);
            let mut found = Vec::new();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (header, length) = match rest[1] {
                    127 => (10, usize::try_from(u64::from_be_bytes(rest[2..10].try_into().expect("8"))).expect("fits")),
                    126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                    short => (2, usize::from(short)),
                };
                for message in batch::split(false, &rest[header..header + length]) {
                    found.push(message.expect("whole").len());
                }
                rest = &rest[header + length..];
            }
            prop_assert_eq!(found, lengths);
        }
    }
}
