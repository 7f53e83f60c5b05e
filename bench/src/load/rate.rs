//! Publishers at a steady rate, whatever the target does: an open loop.
//!
//! A publication is due when the [`Beat`] says, and an event's latency is counted from there, not from when its PUBLISH
//! was written: a target that stands still for 10 ms has delayed everything that was due in them, and so has a generator.
//!
//! The generator's own share is kept small, and told. A system timer wakes it when the next publication is due
//! ([`Beat`]); at the rates in question it does nothing most of the time, so that it is seldom in the middle of something
//! then. It doesn't spin, which would take one of two cores from the router. How late publications were written all the
//! same is `late_p99_us` and `late_max_us`; that is part of the latencies. The clock is read when an event comes off the
//! socket, not when the poll has returned, so the reads of other subscribers before it count too, some microseconds: an
//! event is never said to have come earlier than it was there.

use std::time::Instant;

use anyhow::Result;
use mio::event::Event;
use mio::{Registry, Token};

use super::beat::Beat;
use super::pubsub::PubSub;
use super::schedule::share;
use super::timer::TIMER;
use super::{Load, Outcome};
use crate::case::Case;
use crate::connection::Scratch;
use crate::latency::Histogram;
use crate::target::Target;

/// See the module.
pub(crate) struct Rate {
    sessions: PubSub,
    publishers: usize,
    /// Of the publications of all publishers together, who take turns.
    beat: Beat,
    /// From when an event was due until it came.
    latency: Histogram,
}

impl Rate {
    /// Lets all sessions join. `run` sets the topic apart from that of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        (publishers, subscribers): (usize, usize),
        per_second: u32,
        run: u32,
    ) -> Result<Self> {
        Ok(Self {
            sessions: PubSub::join(target, case, (publishers, subscribers), None, run)?,
            publishers,
            beat: Beat::new(per_second)?,
            latency: Histogram::new(),
        })
    }

    /// Lets all sessions leave.
    pub(crate) fn leave(self) {
        self.sessions.leave();
    }

    /// Begins a new schedule, behind a pause in which nothing was due.
    pub(super) fn restart(&mut self) {
        self.beat.restart();
    }

    /// Publications so far.
    pub(super) const fn sent(&self) -> u64 {
        self.beat.sent()
    }

    pub(super) fn sessions(&mut self) -> &mut PubSub {
        &mut self.sessions
    }

    fn receive(&mut self, subscriber: usize, scratch: &mut Scratch) -> Result<()> {
        let Self { sessions, publishers, beat, latency, .. } = self;
        let schedule = beat.schedule();
        let received = sessions.receive(subscriber, scratch, usize::MAX, |stamp| {
            let number = stamp.sequence * *publishers as u64 + u64::from(stamp.source);
            if let Some(schedule) = schedule {
                latency.record(Instant::now().saturating_duration_since(schedule.due_at(number)));
            }
        });
        received.map(|_| ())
    }
}

impl Load for Rate {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        self.beat.register(registry)?;
        self.sessions.register(registry)
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        match event.token() {
            // What is due goes out with the next offer.
            TIMER => Ok(()),
            Token(token) if token < self.sessions.subscribers() => self.receive(token, scratch),
            Token(_) => self.sessions.handle(event, scratch, now),
        }
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        let (due, schedule) = self.beat.due(now);
        for publisher in 0..self.publishers {
            let count = share(due.start, due.end, publisher, self.publishers);
            if count > 0 {
                self.sessions.publish(publisher, count)?;
            }
        }
        self.beat.written(due, schedule)
    }

    fn measure(&mut self) {
        self.beat.measure();
    }

    fn completed(&self) -> u64 {
        self.sessions.completed()
    }

    fn outstanding(&self) -> u64 {
        self.sessions.outstanding()
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        Some(&mut self.latency)
    }

    /// The latencies of all that was due in the measured time: the last ones came after it.
    fn finish(&self, outcome: &mut Outcome) {
        outcome.latency = self.latency.percentiles();
        if let Some(late) = self.beat.late() {
            outcome.figures.extend([("late_p99_us", late.p99), ("late_max_us", late.max)]);
        }
    }
}
