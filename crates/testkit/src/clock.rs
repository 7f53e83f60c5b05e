//! A clock of a [`Net`](crate::Net), which shows what it is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use router::Timestamp;
use router::edges::Clock;

/// See the module. It begins at 2026-01-04T12:00:00Z and goes on by [`Net::advance`](crate::Net::advance).
#[derive(Debug)]
pub struct FakeClock(AtomicU64);

impl Default for FakeClock {
    fn default() -> Self {
        FakeClock(AtomicU64::new(1_767_528_000_000_000))
    }
}

impl FakeClock {
    /// Sets it, backwards too.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.0, Ordering::SeqCst);
    }

    /// Time passes.
    pub fn advance(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn timestamp(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}
