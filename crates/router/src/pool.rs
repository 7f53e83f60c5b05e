//! Buffers that wait, per thread, for the next outbox that needs one: an idle session holds none, a busy one allocates
//! none.

use std::cell::RefCell;

use wamp::{Payload, Serializer};

/// How much a thread keeps, in bytes. An event that goes to thousands needs a buffer for each of them at once, of some
/// hundred bytes; not their number is bounded but what they hold.
const BYTES_MAX: usize = 4 << 20;
/// The largest buffer that is kept, in bytes; larger ones are freed.
pub(crate) const CAPACITY_MAX: usize = 64 << 10;
/// What a new buffer begins with: a few replies. Smaller ones aren't kept.
const CAPACITY_MIN: usize = 512;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { buffers: Vec::new(), bytes: 0 }) };
}

#[derive(Debug)]
struct Pool {
    buffers: Vec<Vec<u8>>,
    /// What they can hold together.
    bytes: usize,
}

/// An empty buffer with room in it.
pub(crate) fn take() -> Vec<u8> {
    POOL.with_borrow_mut(Pool::pop).unwrap_or_else(|| Vec::with_capacity(CAPACITY_MIN))
}

/// Gives a buffer back.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if !(CAPACITY_MIN..=CAPACITY_MAX).contains(&buffer.capacity()) {
        return;
    }
    buffer.clear();
    POOL.with_borrow_mut(|pool| pool.push(buffer));
}

impl Pool {
    fn pop(&mut self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    fn push(&mut self, buffer: Vec<u8>) {
        if self.bytes + buffer.capacity() <= BYTES_MAX {
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

/// Room for a payload in another serializer, which goes back when this is dropped. There is none until it is needed.
#[derive(Debug, Default)]
pub(crate) struct Transcoding(Vec<u8>);

impl Transcoding {
    /// The payload in that serializer; as it is where it is in that one already.
    pub(crate) fn of<'b>(&'b mut self, payload: &Payload<'b>, serializer: Serializer) -> Payload<'b> {
        if payload.serializer() != serializer && self.0.capacity() == 0 {
            self.0 = take();
        }
        payload.in_serializer(serializer, &mut self.0)
    }
}

impl Drop for Transcoding {
    fn drop(&mut self) {
        give(std::mem::take(&mut self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty_pool() {
        while POOL.with_borrow_mut(Pool::pop).is_some() {}
    }

    fn kept() -> (usize, usize) {
        POOL.with_borrow(|pool| (pool.buffers.len(), pool.bytes))
    }

    #[test]
    fn a_buffer_that_grew_large_is_not_kept() {
        empty_pool();
        give(Vec::with_capacity(CAPACITY_MAX + 1));
        give(Vec::with_capacity(CAPACITY_MIN - 1));
        assert_eq!(kept(), (0, 0));
        let mut full = Vec::with_capacity(CAPACITY_MIN);
        full.push(1);
        give(full);
        assert_eq!(kept(), (1, CAPACITY_MIN));
        assert!(take().is_empty());
        assert_eq!(kept(), (0, 0));
    }

    #[test]
    fn thousands_of_small_buffers_are_kept_but_few_large_ones() {
        for (capacity, number) in [(CAPACITY_MIN, 8192), (CAPACITY_MAX, 64)] {
            empty_pool();
            for _ in 0..10_000 {
                give(Vec::with_capacity(capacity));
            }
            assert_eq!(kept(), (number, BYTES_MAX));
        }
        empty_pool();
    }

    #[test]
    fn room_to_transcode_is_taken_only_where_it_is_needed() {
        empty_pool();
        give(Vec::with_capacity(CAPACITY_MIN));
        let payload = Payload::from_validated(Serializer::Json, 1, b"[1]");
        let mut room = Transcoding::default();
        assert_eq!(room.of(&payload, Serializer::Json).bytes(), b"[1]");
        assert_eq!(kept().0, 1);
        assert_eq!(room.of(&payload, Serializer::MsgPack).bytes(), b"\x91\x01");
        assert_eq!(kept().0, 0);
        drop(room);
        assert_eq!(kept().0, 1);
        empty_pool();
    }
}
