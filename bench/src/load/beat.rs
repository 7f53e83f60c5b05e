//! What is due at a steady rate: how much by now, how late it was written, and a timer for what is due next.

use std::ops::Range;
use std::time::Instant;

use anyhow::Result;
use mio::Registry;

use super::schedule::Schedule;
use super::timer::Timer;
use crate::latency::{Histogram, Percentiles};

/// See the module.
pub(super) struct Beat {
    per_second: u32,
    timer: Timer,
    /// Begins with the first look at what is due.
    schedule: Option<Schedule>,
    /// So much was written already.
    sent: u64,
    /// From when something was due until it was written.
    late: Histogram,
}

impl Beat {
    pub(super) fn new(per_second: u32) -> Result<Self> {
        Ok(Self { per_second, timer: Timer::new()?, schedule: None, sent: 0, late: Histogram::new() })
    }

    pub(super) fn register(&mut self, registry: &Registry) -> Result<()> {
        Ok(self.timer.register(registry)?)
    }

    /// Begins a new schedule, behind a pause in which nothing was due.
    pub(super) fn restart(&mut self) {
        self.schedule = None;
    }

    /// How much was written so far.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// When everything is due, once something was.
    pub(super) const fn schedule(&self) -> Option<Schedule> {
        self.schedule
    }

    /// The numbers of what is due by `now` and wasn't written yet, and when each is due.
    pub(super) fn due(&mut self, now: Instant) -> (Range<u64>, Schedule) {
        let schedule = *self.schedule.get_or_insert_with(|| Schedule::new(now, self.sent, self.per_second));
        (self.sent..schedule.due_by(now), schedule)
    }

    /// All that was due is written; the timer is set for the next.
    pub(super) fn written(&mut self, due: Range<u64>, schedule: Schedule) -> Result<()> {
        let written = Instant::now();
        self.sent = due.end;
        for number in due {
            self.late.record(written.saturating_duration_since(schedule.due_at(number)));
        }
        self.timer.set(schedule.due_at(self.sent).saturating_duration_since(written))
    }

    /// From here on lateness is measured.
    pub(super) fn measure(&mut self) {
        self.late.clear();
    }

    /// How late what was due was written.
    pub(super) fn late(&self) -> Option<Percentiles> {
        self.late.percentiles()
    }
}
