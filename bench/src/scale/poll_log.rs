//! How long each poll of a connection kept its thread.
//!
//! What counts is the processor time of the thread: where others wait for the processor too, a poll that was preempted
//! lasts longer without doing more. The time on the wall is kept beside it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use listeners::PollWatch;
use router::Address;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::latency::{Histogram, Percentiles};

/// How many of the longest polls are told apart.
const LONGEST: usize = 8;

/// Collects the polls of all connections of a listener.
#[derive(Debug)]
pub(super) struct PollLog(Mutex<Polls>);

#[derive(Debug, Default)]
struct Polls {
    /// Connections by their peers, and how many were polled for the first time before each.
    connections: HashMap<String, usize>,
    processor: Histogram,
    wall: Histogram,
    /// By processor time, the longest first.
    longest: Vec<LongPoll>,
}

/// One poll.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct LongPoll {
    /// Whose it was: connections count from 0, in the order in which they came.
    pub(super) connection: usize,
    /// The how-manieth poll of all connections it was.
    pub(super) poll: u64,
    /// The processor time of the thread in it, in microseconds.
    pub(super) processor_us: f64,
    /// How long it lasted, in microseconds.
    pub(super) wall_us: f64,
}

/// What a log answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PollTimes {
    /// How many polls there were.
    pub(super) polls: u64,
    /// Their processor time; none without a poll.
    pub(super) processor_us: Option<Percentiles>,
    /// How long they lasted.
    pub(super) wall_us: Option<Percentiles>,
    /// The longest by processor time, the longest first.
    pub(super) longest: Vec<LongPoll>,
}

impl PollLog {
    pub(super) fn new() -> Self {
        PollLog(Mutex::default())
    }

    /// What came since the last time, forgotten with this: connections count anew.
    pub(super) fn take(&self) -> PollTimes {
        let polls = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        PollTimes {
            polls: polls.processor.count(),
            processor_us: polls.processor.percentiles(),
            wall_us: polls.wall.percentiles(),
            longest: polls.longest,
        }
    }

    fn add(&self, peer: &Address, processor: Duration, wall: Duration) {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        polls.add(peer.to_string(), processor, wall);
    }
}

impl PollWatch for PollLog {
    fn around(&self, peer: &Address, poll: &mut dyn FnMut()) {
        let (processor, wall) = (thread_time(), Instant::now());
        poll();
        let (wall, processor) = (wall.elapsed(), thread_time().saturating_sub(processor));
        self.add(peer, processor, wall);
    }
}

impl Polls {
    fn add(&mut self, peer: String, processor: Duration, wall: Duration) {
        let newest = self.connections.len();
        let connection = *self.connections.entry(peer).or_insert(newest);
        let poll = self.processor.count();
        self.processor.record(processor);
        self.wall.record(wall);
        let micros = |duration: Duration| duration.as_nanos() as f64 / 1e3;
        let (processor_us, wall_us) = (micros(processor), micros(wall));
        let shorter = |other: &LongPoll| other.processor_us < processor_us;
        let place = self.longest.iter().position(shorter).unwrap_or(self.longest.len());
        if place < LONGEST {
            self.longest.insert(place, LongPoll { connection, poll, processor_us, wall_us });
            self.longest.truncate(LONGEST);
        }
    }
}

/// The processor time of this thread.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(port: u16) -> Address {
        std::net::SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    #[test]
    fn the_longest_polls_are_known_by_their_connections() {
        let log = PollLog::new();
        let micros = Duration::from_micros;
        for port in 1..=10 {
            log.add(&peer(port), micros(10 * u64::from(port)), micros(5000));
        }
        log.add(&peer(3), micros(95), micros(96));
        let times = log.take();
        assert_eq!(times.polls, 11);
        let longest: Vec<(usize, f64)> =
            times.longest.iter().map(|poll| (poll.connection, poll.processor_us)).collect();
        assert_eq!(longest.len(), LONGEST);
        assert_eq!(longest[..3], [(9, 100.0), (2, 95.0), (8, 90.0)]);
        assert_eq!(times.longest[1].poll, 10);
        assert_eq!(times.processor_us.map(|times| times.max), Some(100.0));
    }

    #[test]
    fn a_poll_is_made_once_and_measured() {
        let (log, mut polls) = (PollLog::new(), 0);
        log.around(&peer(1), &mut || polls += 1);
        assert_eq!((polls, log.take().polls, log.take().polls), (1, 1, 0));
    }

    #[test]
    fn work_takes_processor_time() {
        let before = thread_time();
        while thread_time() == before {
            std::hint::spin_loop();
        }
        assert!(thread_time() > before);
    }
}
