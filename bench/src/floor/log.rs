//! What all sinks receive: one stream of frames, kept as long as somebody still lacks a part of it.

use transport::Framing;

/// A sink may lack so many bytes before sources are kept waiting for it: as many as a router may have waiting for a
/// receiver by default.
const LAG_MAX: u64 = 16 << 20;
/// What everybody has is cut off when there is so much of it, in bytes.
const CUT: usize = 4 << 20;

/// A stream of bytes with positions that only grow.
#[derive(Debug)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// The position of the first byte that is kept.
    start: u64,
}

impl Log {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0 }
    }

    /// Appends a message in its frame.
    pub(super) fn append(&mut self, framing: Framing, message: &[u8]) {
        framing.frame_bytes(&mut self.bytes, message);
    }

    /// Forgets what lies before a position, if that is worth it.
    pub(super) fn forget_before(&mut self, position: u64) {
        let count = self.offset(position);
        if count == self.bytes.len() {
            self.start += count as u64;
            self.bytes.clear();
        } else if count >= CUT {
            self.start += count as u64;
            self.bytes.drain(..count);
        }
    }

    /// Everything from a position on.
    pub(super) fn from(&self, position: u64) -> &[u8] {
        self.bytes.get(self.offset(position)..).unwrap_or_default()
    }

    /// The position behind the last byte.
    pub(super) const fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Whether a sink at this position is far behind.
    pub(super) const fn is_far(&self, position: u64) -> bool {
        self.end() - position > LAG_MAX
    }

    fn offset(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX).min(self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_outlive_what_is_forgotten() {
        let mut log = Log::new();
        log.append(Framing::RawSocket, b"ab");
        let middle = log.end();
        log.append(Framing::RawSocket, b"c");
        assert_eq!((middle, log.end()), (6, 11));
        assert_eq!(log.from(middle), b"\0\0\0\x01c");
        log.forget_before(middle);
        assert_eq!(log.from(middle), b"\0\0\0\x01c");
        log.forget_before(log.end());
        assert_eq!((log.bytes.len(), log.end()), (0, 11));
        log.append(Framing::RawSocket, b"d");
        assert_eq!(log.from(11), b"\0\0\0\x01d");
    }

    #[test]
    fn a_long_past_is_cut_off_though_somebody_lags() {
        let mut log = Log::new();
        let message = vec![7; CUT / 4];
        for _ in 0..6 {
            log.append(Framing::RawSocket, &message);
        }
        let position = (CUT + 5) as u64;
        let kept = log.from(position).to_vec();
        log.forget_before(position);
        assert_eq!(log.start, position);
        assert_eq!(log.from(position), kept);
        assert!(!log.is_far(position));
    }
}
