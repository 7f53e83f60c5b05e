//! What each thread has for the connections it polls: the router's worker, a scratch buffer to read into, and buffers
//! for what is left over.
//!
//! It is lent for one poll. It is taken out of its place meanwhile, so that a panic in a poll loses it instead of
//! leaving it half changed; the next poll makes a new one.

use std::cell::Cell;

use router::Worker;

/// How many bytes are read at once: several messages of 64 KiB, so that what goes to their receivers is several, too. (With
/// small messages a poll ends by its work before.)
pub(crate) const SCRATCH_BYTES: usize = 256 << 10;

/// How many buffers a thread keeps for partial frames.
const BUFFERS_MAX: usize = 32;
/// The largest of them, in bytes; larger ones are freed.
const BUFFER_BYTES_MAX: usize = 64 << 10;

thread_local! {
    static LOCAL: Cell<Option<Box<Local>>> = const { Cell::new(None) };
}

/// What a thread lends to the connection that it polls.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) worker: Worker,
    pub(crate) scratch: Box<[u8]>,
    pub(crate) buffers: Buffers,
}

impl Local {
    fn new() -> Box<Self> {
        Box::new(Local {
            worker: Worker::new(entropy()),
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            buffers: Buffers::default(),
        })
    }
}

/// Does one poll's work with what this thread has.
pub(crate) fn with<R>(work: impl FnOnce(&mut Local) -> R) -> R {
    // While a thread ends its place is gone already, and what still has to be cleaned up gets a new one.
    let mut local = LOCAL.try_with(Cell::take).ok().flatten().unwrap_or_else(Local::new);
    let result = work(&mut local);
    let _ = LOCAL.try_with(|place| place.set(Some(local)));
    result
}

/// Buffers that wait for the next connection with a partial frame.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Vec<Vec<u8>>);

impl Buffers {
    /// A buffer with these bytes in it.
    pub(crate) fn with_bytes(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.0.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        buffer
    }

    /// Takes back a buffer; one that grew beyond [`BUFFER_BYTES_MAX`] is freed.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        if self.0.len() < BUFFERS_MAX && (1..=BUFFER_BYTES_MAX).contains(&buffer.capacity()) {
            buffer.clear();
            self.0.push(buffer);
        }
    }
}

fn entropy() -> [u8; 32] {
    let mut seed = [0; 32];
    // From the system: the generator of the TLS library takes 20 ms of processor time before its first bytes. Without
    // randomness session ids could be guessed: then there had better be none.
    getrandom::fill(&mut seed).expect("the operating system has random bytes");
    seed
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_thread_keeps_its_scratch_between_polls() {
        with(|local| local.scratch[0] = 7);
        assert_eq!(with(|local| local.scratch[0]), 7);
    }

    #[test]
    fn a_panic_loses_what_it_may_have_broken() {
        with(|local| local.scratch[0] = 7);
        let panicked = catch_unwind(AssertUnwindSafe(|| with(|_| panic!("in a poll"))));
        assert!(panicked.is_err());
        assert_eq!(with(|local| local.scratch[0]), 0);
    }

    #[test]
    fn a_poll_within_a_poll_has_its_own() {
        with(|outer| {
            outer.scratch[0] = 7;
            assert_eq!(with(|inner| inner.scratch[0]), 0);
        });
    }

    #[test]
    fn a_buffer_that_grew_large_is_not_kept() {
        let mut buffers = Buffers::default();
        buffers.give(Vec::with_capacity(BUFFER_BYTES_MAX + 1));
        buffers.give(Vec::new());
        assert!(buffers.0.is_empty());
        buffers.give(vec![1; 100]);
        let again = buffers.with_bytes(&[2]);
        assert_eq!(again, [2]);
        assert!(again.capacity() >= 100);
    }

    #[test]
    fn two_threads_have_different_seeds() {
        assert_ne!(entropy(), entropy());
    }
}
