//! How a store is opened.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use router::Timestamp;
use router::edges::Clock;

/// How a [`crate::Redb`] writes, and what it may take for it.
#[derive(Debug, Clone)]
pub struct RedbOptions {
    /// How long changes wait to be written together: what a crash may cost. 200 ms.
    pub flush_interval: Duration,
    /// How many events may wait at once. The newest are given up beyond it, as when the disk is full. 100,000.
    pub pending_events_max: usize,
    /// How many bytes they may take, as [`router::store::StoredEvent::bytes`] counts them. 64 MiB.
    pub pending_bytes_max: usize,
    /// Whether each flush waits until the disk has it: then a power failure costs no more than a crash of the process.
    /// Without, the operating system writes when it likes: a killed process still loses no more than the flush interval,
    /// but a power failure may damage the file. On.
    pub sync: bool,
    /// Memory for pages of the file. 64 MiB.
    pub cache_bytes: usize,
    /// What time it is, for the age of events.
    pub clock: Arc<dyn Clock>,
}

impl Default for RedbOptions {
    fn default() -> Self {
        RedbOptions {
            flush_interval: Duration::from_millis(200),
            pending_events_max: 100_000,
            pending_bytes_max: 64 << 20,
            sync: true,
            cache_bytes: 64 << 20,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn timestamp(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX))
    }
}
