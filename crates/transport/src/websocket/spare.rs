//! Buffers that come from a pool of one per thread and go back to it.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// A buffer that grew beyond this is freed instead of kept.
const KEPT_CAPACITY: usize = 64 * 1024;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer whose memory the thread may reuse once it is dropped.
#[derive(Debug)]
pub(super) struct Spare(Vec<u8>);

impl Spare {
    /// An empty buffer, with the capacity of the last one that was dropped in this thread.
    pub(super) fn take() -> Self {
        Self(KEPT.try_with(Cell::take).unwrap_or_default())
    }
}

impl From<Vec<u8>> for Spare {
    fn from(buffer: Vec<u8>) -> Self {
        Self(buffer)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if self.0.capacity() > KEPT_CAPACITY {
            return;
        }
        let mut buffer = std::mem::take(&mut self.0);
        buffer.clear();
        // A thread that is ending has no pool any more; the buffer is then simply freed.
        let _ = KEPT.try_with(|kept| {
            let other = kept.take();
            kept.set(if other.capacity() > buffer.capacity() { other } else { buffer });
        });
    }
}

impl Deref for Spare {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Spare {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_buffers_are_kept_empty_and_large_ones_freed() {
        let mut small = Spare::take();
        small.resize(1000, 7);
        drop(small);
        let mut again = Spare::take();
        assert!(again.is_empty() && again.capacity() >= 1000);
        again.resize(KEPT_CAPACITY + 1, 7);
        drop(again);
        assert_eq!(Spare::take().capacity(), 0);
    }
}
