//! One thread: its sessions, and the list of those that were woken.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::PATIENCE;
use super::seat::Seat;
use crate::scale::poll_log::thread_time;

/// So many events may be under way, of all publishers and to all subscribers: a worker that isn't let run for a while
/// stops the other instead of losing its sessions.
const UNDER_WAY_MAX: u64 = 1 << 15;

/// What the workers of a run know of each other.
pub(super) struct Shared {
    /// How many receive each of what is begun.
    receivers: u64,
    progress: Vec<Progress>,
    stopped: AtomicBool,
    /// How many workers begin nothing more.
    finishing: AtomicUsize,
    failed: AtomicBool,
}

/// Written by one worker only, and by no two in one cache line.
#[derive(Default)]
#[repr(align(128))]
struct Progress {
    /// Publications, or calls.
    begun: AtomicU64,
    /// Events, or results.
    completed: AtomicU64,
    /// The processor time in which there was nothing to do, in nanoseconds.
    idle: AtomicU64,
}

impl Shared {
    pub(super) fn new(workers: usize, receivers: u64) -> Self {
        Shared {
            receivers,
            progress: (0..workers).map(|_| Progress::default()).collect(),
            stopped: AtomicBool::new(false),
            finishing: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// Nothing more is begun.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn completed(&self) -> u64 {
        self.sum(|progress| &progress.completed)
    }

    pub(super) fn idle(&self) -> Duration {
        Duration::from_nanos(self.sum(|progress| &progress.idle))
    }

    /// How many events or results are still to come.
    fn under_way(&self) -> u64 {
        // In this order: what is completed was begun before.
        let completed = self.completed();
        (self.sum(|progress| &progress.begun) * self.receivers).saturating_sub(completed)
    }

    /// Whether nothing will come any more.
    fn is_over(&self) -> bool {
        let all_finish = self.finishing.load(Ordering::Acquire) == self.progress.len();
        self.failed.load(Ordering::Acquire) || (all_finish && self.under_way() == 0)
    }

    /// When all workers have ended: whether there came exactly what was due.
    pub(super) fn check(&self) -> Result<()> {
        let due = self.sum(|progress| &progress.begun) * self.receivers;
        let completed = self.completed();
        ensure!(completed == due, "{completed} messages came instead of {due}");
        Ok(())
    }

    fn sum(&self, of: impl Fn(&Progress) -> &AtomicU64) -> u64 {
        self.progress.iter().map(|progress| of(progress).load(Ordering::Acquire)).sum()
    }
}

/// The sessions of a worker that were woken.
#[derive(Default)]
struct Rung(Mutex<Vec<usize>>);

impl Rung {
    fn add(&self, seat: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(seat);
    }

    /// Swaps the list with an empty one.
    fn take(&self, empty: &mut Vec<usize>) {
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), empty);
    }
}

/// Wakes a session: like a runtime's waker, once until it has run.
struct Bell {
    rung: Arc<Rung>,
    seat: usize,
    has_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.has_rung.swap(true, Ordering::AcqRel) {
            self.rung.add(self.seat);
        }
    }
}

/// See the module.
pub(super) struct Worker {
    number: usize,
    seats: Vec<(Seat, Arc<Bell>, Waker)>,
    rung: Arc<Rung>,
    shared: Arc<Shared>,
}

impl Worker {
    pub(super) fn new(number: usize, seats: Vec<Seat>, shared: Arc<Shared>) -> Self {
        let rung = Arc::new(Rung::default());
        let with_bell = |(number, seat)| {
            let bell = Bell { rung: Arc::clone(&rung), seat: number, has_rung: AtomicBool::new(false) };
            let bell = Arc::new(bell);
            let waker = Waker::from(Arc::clone(&bell));
            (seat, bell, waker)
        };
        let seats = seats.into_iter().enumerate().map(with_bell).collect();
        Worker { number, seats, rung, shared }
    }

    /// Works until it is stopped, and then until nothing is under way any more.
    ///
    /// # Errors
    /// Something came that shouldn't have, or didn't come that should.
    pub(super) fn run(&mut self) -> Result<()> {
        let worked = self.work();
        if worked.is_err() {
            // The others would wait for what never comes.
            self.shared.failed.store(true, Ordering::Release);
            self.shared.stop();
        }
        worked
    }

    fn work(&mut self) -> Result<()> {
        let mut rung = Vec::new();
        let mut idle_since = None;
        // Nobody is woken who was never polled.
        for seat in 0..self.seats.len() {
            self.take(seat)?;
        }
        let mut stopped_at = None;
        loop {
            let is_stopped = self.shared.stopped.load(Ordering::Acquire);
            if is_stopped {
                let since = *stopped_at.get_or_insert_with(|| {
                    self.shared.finishing.fetch_add(1, Ordering::AcqRel);
                    Instant::now()
                });
                if self.shared.is_over() {
                    return Ok(());
                }
                let missing = self.shared.under_way();
                ensure!(since.elapsed() < PATIENCE, "{missing} messages never came");
            }
            self.rung.take(&mut rung);
            let may_begin = !is_stopped && self.shared.under_way() < UNDER_WAY_MAX;
            let has_input = |(seat, ..): &(Seat, _, _)| seat.has_input(may_begin);
            if rung.is_empty() && !self.seats.iter().any(has_input) {
                idle_since.get_or_insert_with(thread_time);
                thread::yield_now();
                continue;
            }
            self.end_idling(&mut idle_since);
            for seat in rung.drain(..) {
                self.take(seat)?;
            }
            self.route(may_begin)?;
        }
    }

    /// Routes what the sessions have to say.
    fn route(&mut self, may_begin: bool) -> Result<()> {
        let progress = self.shared.progress.get(self.number).context("a worker has a number")?;
        for (seat, ..) in &mut self.seats {
            if seat.has_input(may_begin) {
                // Before: others may receive it at once.
                progress.begun.fetch_add(seat.requests(), Ordering::Release);
                seat.route()?;
            }
        }
        Ok(())
    }

    fn take(&mut self, seat: usize) -> Result<()> {
        let (seat, bell, waker) = self.seats.get_mut(seat).context("whoever is woken is there")?;
        bell.has_rung.store(false, Ordering::Release);
        let completed = seat.take(waker)?;
        let progress = self.shared.progress.get(self.number).context("a worker has a number")?;
        progress.completed.fetch_add(completed, Ordering::Release);
        Ok(())
    }

    fn end_idling(&self, since: &mut Option<Duration>) {
        if let (Some(since), Some(progress)) = (since.take(), self.shared.progress.get(self.number)) {
            let idle = thread_time().saturating_sub(since);
            progress.idle.fetch_add(u64::try_from(idle.as_nanos()).unwrap_or_default(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_rings_once_until_it_was_heard() {
        let rung = Arc::new(Rung::default());
        let bell = Arc::new(Bell { rung: Arc::clone(&rung), seat: 3, has_rung: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&bell));
        waker.wake_by_ref();
        waker.wake_by_ref();
        let mut heard = Vec::new();
        rung.take(&mut heard);
        assert_eq!(heard, [3]);
        bell.has_rung.store(false, Ordering::Release);
        waker.wake();
        heard.clear();
        rung.take(&mut heard);
        assert_eq!(heard, [3]);
    }

    #[test]
    fn what_is_under_way_is_what_was_begun_for_all_receivers() {
        let shared = Shared::new(2, 10);
        shared.progress[0].begun.fetch_add(5, Ordering::Relaxed);
        shared.progress[1].completed.fetch_add(42, Ordering::Relaxed);
        assert_eq!((shared.under_way(), shared.completed()), (8, 42));
    }
}
