//! Buffers that wait, per thread, for the next outbox that needs one: an idle session holds none, a busy one allocates
//! none.

use std::cell::RefCell;

/// How many buffers a thread keeps.
const BUFFERS_MAX: usize = 64;
/// The largest buffer that is kept, in bytes; larger ones are freed.
pub(crate) const CAPACITY_MAX: usize = 64 << 10;
/// What a new buffer begins with: a few replies.
const CAPACITY_MIN: usize = 512;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer with room in it.
pub(crate) fn take() -> Vec<u8> {
    BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(CAPACITY_MIN))
}

/// Gives a buffer back.
pub(crate) fn give(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > CAPACITY_MAX {
        return;
    }
    buffer.clear();
    BUFFERS.with_borrow_mut(|buffers| {
        if buffers.len() < BUFFERS_MAX {
            buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_grew_large_is_not_kept() {
        while BUFFERS.with_borrow_mut(Vec::pop).is_some() {}
        give(Vec::with_capacity(CAPACITY_MAX + 1));
        assert_eq!(BUFFERS.with_borrow(Vec::len), 0);
        give(vec![1; 100]);
        assert!(take().is_empty());
    }
}
