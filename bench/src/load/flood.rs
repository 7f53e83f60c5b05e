//! Publishers that write whatever their sockets take, to subscribers that can't follow.
//!
//! ```text
//!   each turn:         the publishers together write 512 KiB of publications, or until their sockets are full
//!   each millisecond:  each subscriber reads once, at most 32 KiB
//! ```
//!
//! There is no window: only the target can hold publishers back, by not reading from them. Subscribers take 32 MB a second
//! each, less than a core can bring to ten of them; a machine too busy to be in time for the next millisecond makes them
//! slower still. (A limit by turn would not do: where the target is what is slow, there are turns enough to read everything.)
//! So what is delivered in a second says how well the target keeps subscribers supplied while it slows publishers down, and
//! not what it could deliver. A target that reads on has to keep what its subscribers don't take, or drop it, or drop
//! them. How far publishers got ahead of the slowest subscriber at most is `ahead_events_max`, counted from what they made to
//! what was checked; the sockets' buffers are in it.
//!
//! With [`Readers::Eager`], for what runs beside a flood, subscribers take all there is.
//!
//! Whatever comes is checked as in a closed loop, but for gaps: a router may have been told to drop events rather than to
//! slow publishers down. What is left out is counted as `lost_events`, and so is what hasn't come when nothing came for
//! [`PATIENCE`]. A subscriber that is disconnected ends the run as a failure. The pace at which subscribers read is the
//! generator's to keep: where it gets too little of the processor for that, they are slow enough to be cut off rightly.

use std::time::{Duration, Instant};

use anyhow::Result;
use mio::event::Event;
use mio::{Registry, Token};

use super::pubsub::PubSub;
use super::timer::{TIMER, Timer};
use super::{Load, Outcome};
use crate::case::Case;
use crate::connection::Scratch;
use crate::latency::Histogram;
use crate::target::Target;

/// What a subscriber reads at once, in bytes.
const READ_BYTES: usize = 32 * 1024;
/// From one read of a slow subscriber to its next.
const PAUSE: Duration = Duration::from_millis(1);
/// What a publisher writes at once, in bytes of payload and about what comes with it.
const BATCH_BYTES: usize = 64 * 1024;
/// What a PUBLISH has besides its payload, about, in bytes.
const ENVELOPE_BYTES: usize = 64;
/// Batches that all publishers together write in a turn; at least one each.
const BATCHES: usize = 8;
/// What hasn't come when nothing came for so long is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Flood {
    sessions: PubSub,
    publishers: usize,
    readers: Readers,
    timer: Timer,
    /// When slow subscribers read next.
    next_read: Instant,
    scratch: Scratch,
    /// Which subscribers may have something to read.
    readable: Vec<bool>,
    /// Which of them the target has closed. That is announced once, and what it sent before may take many reads.
    closed: Vec<bool>,
    /// Whether some publisher's socket would have taken more.
    is_writable: bool,
    /// When something came last.
    heard: Instant,
    ahead_max: usize,
}

/// How subscribers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Less than publishers write.
    Slow,
    /// All there is.
    Eager,
}

impl Flood {
    /// Lets all sessions join. `run` sets the topic apart from that of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        (publishers, subscribers): (usize, usize),
        readers: Readers,
        run: u32,
    ) -> Result<Self> {
        let mut sessions = PubSub::join(target, case, (publishers, subscribers), None, run)?;
        sessions.allow_gaps();
        Ok(Self {
            sessions,
            publishers,
            readers,
            timer: Timer::new()?,
            next_read: Instant::now(),
            scratch: Scratch::of(READ_BYTES),
            readable: vec![false; subscribers],
            closed: vec![false; subscribers],
            is_writable: false,
            heard: Instant::now(),
            ahead_max: 0,
        })
    }

    /// Lets all sessions leave.
    pub(crate) fn leave(self) {
        self.sessions.leave();
    }

    /// Has each subscriber that may have something to read do so, at most so often.
    fn read(&mut self, reads_max: usize) -> Result<()> {
        let before = self.sessions.completed();
        for (subscriber, (readable, closed)) in self.readable.iter_mut().zip(&self.closed).enumerate() {
            if *readable || *closed {
                *readable = self.sessions.receive(subscriber, &mut self.scratch, reads_max, |_| {})?;
            }
        }
        if self.sessions.completed() != before {
            self.heard = Instant::now();
        }
        Ok(())
    }

    /// Has a publisher write until its socket is full, or it is another's turn; says which.
    fn write(&mut self, publisher: usize) -> Result<bool> {
        let batch = batch(self.sessions.payload());
        for _ in 0..(BATCHES / self.publishers).max(1) {
            if !self.sessions.is_written(publisher) {
                return Ok(false);
            }
            self.sessions.publish(publisher, batch)?;
        }
        Ok(self.sessions.is_written(publisher))
    }
}

/// Publications of a batch.
const fn batch(payload: usize) -> usize {
    let fitting = BATCH_BYTES / (payload + ENVELOPE_BYTES);
    if fitting == 0 { 1 } else { fitting }
}

impl Load for Flood {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        self.timer.register(registry)?;
        self.sessions.register(registry)
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Token(token) = event.token();
        match self.readable.get_mut(token) {
            Some(readable) => {
                *readable = true;
                if let Some(closed) = self.closed.get_mut(token) {
                    *closed |= event.is_read_closed();
                }
            }
            None if event.token() == TIMER => {}
            None => self.sessions.handle(event, scratch, now)?,
        }
        Ok(())
    }

    fn offer(&mut self, _: Instant) -> Result<()> {
        for publisher in 0..self.publishers {
            self.is_writable |= self.write(publisher)?;
        }
        self.ahead_max = self.ahead_max.max(self.sessions.ahead());
        Ok(())
    }

    fn go_on(&mut self, _: &mut Scratch) -> Result<()> {
        self.is_writable = false;
        match self.readers {
            Readers::Eager => self.read(usize::MAX),
            Readers::Slow if Instant::now() < self.next_read => Ok(()),
            Readers::Slow => {
                self.read(1)?;
                self.next_read = Instant::now() + PAUSE;
                self.timer.set(PAUSE)
            }
        }
    }

    fn is_busy(&self) -> bool {
        self.is_writable
    }

    fn completed(&self) -> u64 {
        self.sessions.completed()
    }

    fn outstanding(&self) -> u64 {
        if self.heard.elapsed() > PATIENCE { 0 } else { self.sessions.outstanding() }
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        None
    }

    fn finish(&self, outcome: &mut Outcome) {
        let lost = self.sessions.lost() + self.sessions.outstanding();
        outcome.figures.extend([("lost_events", lost as f64), ("ahead_events_max", self.ahead_max as f64)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_as_many_as_fit_and_at_least_one() {
        assert_eq!(batch(32), 682);
        assert_eq!(batch(1024), 60);
        assert_eq!(batch(1 << 20), 1);
    }
}
