//! What a connection keeps of its input between two polls: the begin of a frame, or frames that have to wait.
//!
//! Bytes are read into the thread's scratch buffer. What is whole is decoded there; of the rest a copy is kept. A frame
//! that doesn't fit the scratch buffer is put together here, in a buffer that grows with what has come, so that
//! announcing much costs nobody anything.

use crate::thread::Buffers;

/// What a buffer of its own begins with for a frame that doesn't fit the scratch buffer, in bytes.
const FRAME_BYTES_MIN: usize = 64 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Input {
    held: Vec<u8>,
    /// With fewer bytes than this there is no use in decoding.
    needed: usize,
}

/// Where the bytes to be decoded are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assembled {
    /// There is no whole frame yet.
    Partial,
    /// At the front of the scratch buffer, so many.
    InScratch(usize),
    /// Here.
    Large(Vec<u8>),
}

impl Input {
    /// Begins with what came behind the handshake.
    pub(super) fn new(received: Vec<u8>) -> Self {
        // A buffer that is drained has its memory still.
        let held = if received.is_empty() { Vec::new() } else { received };
        Input { held, needed: 0 }
    }

    /// Whether something can be decoded without reading.
    pub(super) fn is_ready(&self) -> bool {
        !self.held.is_empty() && self.held.len() >= self.needed
    }

    /// How many bytes wait.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Where in a scratch buffer of this size to read to: behind the room for what is held, if the frame it begins
    /// fits there.
    pub(super) fn offset(&self, scratch: usize) -> usize {
        if self.is_large(scratch) { 0 } else { self.held.len() }
    }

    /// Puts what is held before what was just read to [`Input::offset`].
    pub(super) fn assemble(&mut self, scratch: &mut [u8], fresh: usize, buffers: &mut Buffers) -> Assembled {
        if self.held.is_empty() {
            return Assembled::InScratch(fresh);
        }
        let offset = self.offset(scratch.len());
        let length = self.held.len() + fresh;
        if offset == 0 || length < self.needed {
            let fresh = scratch.get(offset..offset + fresh).unwrap_or_default();
            self.append(fresh);
            if length < self.needed {
                return Assembled::Partial;
            }
            return Assembled::Large(std::mem::take(&mut self.held));
        }
        let held = std::mem::take(&mut self.held);
        if let Some(front) = scratch.get_mut(..held.len()) {
            front.copy_from_slice(&held);
        }
        buffers.give(held);
        Assembled::InScratch(length)
    }

    /// Keeps what was left, of which at least `needed` bytes have to be there before decoding can go on.
    pub(super) fn keep(&mut self, rest: &[u8], needed: usize, buffers: &mut Buffers) {
        self.needed = needed;
        if !rest.is_empty() {
            self.held = buffers.with_bytes(rest);
        }
    }

    /// Keeps what was left of a buffer of its own.
    pub(super) fn keep_large(
        &mut self,
        bytes: Vec<u8>,
        consumed: usize,
        needed: usize,
        buffers: &mut Buffers,
    ) {
        if consumed == 0 {
            self.needed = needed;
            self.held = bytes;
            return;
        }
        self.keep(bytes.get(consumed..).unwrap_or_default(), needed, buffers);
        buffers.give(bytes);
    }

    fn is_large(&self, scratch: usize) -> bool {
        self.needed > scratch || self.held.len() >= scratch
    }

    /// Grows by doubling from [`FRAME_BYTES_MIN`], but not beyond what is needed.
    fn append(&mut self, fresh: &[u8]) {
        let length = self.held.len() + fresh.len();
        if length > self.held.capacity() {
            let doubled = (self.held.capacity() * 2).max(FRAME_BYTES_MIN.min(self.needed));
            let target = doubled.min(self.needed).max(length);
            self.held.reserve_exact(target - self.held.len());
        }
        self.held.extend_from_slice(fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRATCH: usize = 16;

    struct Desk {
        input: Input,
        scratch: [u8; SCRATCH],
        buffers: Buffers,
    }

    impl Desk {
        fn new() -> Self {
            Desk { input: Input::default(), scratch: [0; SCRATCH], buffers: Buffers::default() }
        }

        /// As if these bytes had been read; answers what there is to decode.
        fn read(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
            let offset = self.input.offset(SCRATCH);
            self.scratch[offset..offset + bytes.len()].copy_from_slice(bytes);
            match self.input.assemble(&mut self.scratch, bytes.len(), &mut self.buffers) {
                Assembled::Partial => None,
                Assembled::InScratch(length) => Some(self.scratch[..length].to_vec()),
                Assembled::Large(bytes) => Some(bytes),
            }
        }

        fn keep(&mut self, rest: &[u8], needed: usize) {
            self.input.keep(rest, needed, &mut self.buffers);
        }
    }

    #[test]
    fn what_was_kept_comes_before_what_is_read() {
        let mut desk = Desk::new();
        assert_eq!(desk.read(b"abc"), Some(b"abc".to_vec()));
        desk.keep(b"c", 3);
        assert_eq!(desk.read(b"d"), None);
        assert_eq!(desk.read(b"ef"), Some(b"cdef".to_vec()));
        desk.keep(b"", 1);
        assert_eq!(desk.read(b"g"), Some(b"g".to_vec()));
    }

    #[test]
    fn an_idle_connection_holds_no_buffer() {
        let mut desk = Desk::new();
        desk.keep(b"ab", 3);
        assert!(desk.input.held.capacity() > 0);
        assert_eq!(desk.read(b"c"), Some(b"abc".to_vec()));
        desk.keep(b"", 1);
        assert_eq!(desk.input.held.capacity(), 0);
    }

    #[test]
    fn nothing_is_kept_of_a_handshake() {
        assert_eq!(Input::new(Vec::with_capacity(2048)).held.capacity(), 0);
        assert!(Input::new(b"HELLO".to_vec()).is_ready());
    }

    #[test]
    fn a_frame_beyond_the_scratch_buffer_grows_as_it_comes() {
        let mut desk = Desk::new();
        desk.read(b"head");
        desk.keep(b"head", 1 << 20);
        assert!(desk.input.held.capacity() < 1024);
        for _ in 0..4 {
            assert_eq!(desk.read(&[7; SCRATCH]), None);
        }
        assert!(desk.input.held.capacity() <= FRAME_BYTES_MIN);
        desk.input.needed = 4 + 5 * SCRATCH;
        let whole = desk.read(&[7; SCRATCH]).expect("it is whole");
        assert_eq!(whole.len(), 4 + 5 * SCRATCH);
        assert!(whole.starts_with(b"head\x07"));
    }

    #[test]
    fn frames_that_wait_are_ready_without_reading() {
        let mut desk = Desk::new();
        assert!(!desk.input.is_ready());
        desk.keep(b"two frames", 0);
        assert!(desk.input.is_ready());
        assert_eq!(desk.read(b""), Some(b"two frames".to_vec()));
        assert!(!desk.input.is_ready());
    }

    #[test]
    fn more_than_the_scratch_buffer_holds_can_wait_too() {
        let mut desk = Desk::new();
        let all = [1; SCRATCH + 9];
        desk.keep(&all, 0);
        assert_eq!(desk.read(b""), Some(all.to_vec()));
        desk.input.keep_large(all.to_vec(), 0, 0, &mut desk.buffers);
        assert_eq!(desk.input.held(), all.len());
        let Assembled::Large(bytes) = desk.input.assemble(&mut desk.scratch, 0, &mut desk.buffers) else {
            panic!("it does not fit the scratch buffer");
        };
        desk.input.keep_large(bytes, SCRATCH, 0, &mut desk.buffers);
        assert_eq!(desk.read(b"x"), Some(b"\x01\x01\x01\x01\x01\x01\x01\x01\x01x".to_vec()));
    }
}
