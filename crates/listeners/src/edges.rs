//! What the router needs from outside and can't do itself: the time of day, and threads for work that takes long.
//!
//! *What is bounded*: the jobs that wait. One too many goes back to whoever brought it, who does it at once or refuses.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use router::edges::{Background, Clock, Job};
use router::{Timestamp, Turn};
use tracing::error;

use crate::clock;

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn timestamp(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Does something in a turn of the router, with what this thread keeps for routing.
///
/// For whoever drives a router from outside of a connection: sessions inside the process, background work, a program that
/// publishes. What `work` leaves in mailboxes is on its way when this returns.
pub fn in_turn<R>(work: impl FnOnce(&mut Turn<'_>) -> R) -> R {
    crate::thread::with(|local| work(&mut local.worker.turn(clock::now())))
}

/// How many service threads there are, and how much may wait for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceOptions {
    /// What the threads are called, with a number.
    pub name: &'static str,
    /// How many threads; none at all would be one.
    pub threads: usize,
    /// How many jobs may wait.
    pub jobs_max: usize,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        ServiceOptions { name: "service", threads: 1, jobs_max: 1024 }
    }
}

/// Threads that do what would take too long for those that route, each job in a turn of its own.
///
/// A job that panics is logged, and its thread goes on. Dropping this drops the jobs that wait; a thread ends after the job
/// that it is at, and isn't waited for, since that job may be what drops this.
pub struct ServiceThreads {
    queue: Arc<Queue>,
}

impl ServiceThreads {
    /// Starts the threads, `service-1`, `service-2` and so on unless they have another name.
    ///
    /// # Errors
    /// The system has no thread for it; then there is none.
    pub fn start(options: ServiceOptions) -> io::Result<ServiceThreads> {
        let queue =
            Queue { jobs_max: options.jobs_max, waiting: Mutex::default(), has_changed: Condvar::new() };
        let threads = ServiceThreads { queue: Arc::new(queue) };
        for number in 1..=options.threads.max(1) {
            let queue = Arc::clone(&threads.queue);
            thread::Builder::new().name(format!("{}-{number}", options.name)).spawn(move || serve(&queue))?;
        }
        Ok(threads)
    }
}

impl Background for ServiceThreads {
    fn run(&self, job: Job) -> Result<(), Job> {
        self.queue.push(job)
    }
}

impl Drop for ServiceThreads {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

impl fmt::Debug for ServiceThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceThreads").field("jobs_max", &self.queue.jobs_max).finish_non_exhaustive()
    }
}

/// What one service thread does.
fn serve(queue: &Queue) {
    while let Some(job) = queue.pop() {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| in_turn(job))) {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            error!("a job of the service threads ended by a panic: {}", text.unwrap_or("it doesn't say why"));
        }
    }
}

/// Jobs on their way to the threads.
struct Queue {
    jobs_max: usize,
    waiting: Mutex<Waiting>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    has_ended: bool,
}

impl Queue {
    fn push(&self, job: Job) -> Result<(), Job> {
        let mut waiting = self.lock();
        if waiting.has_ended || waiting.jobs.len() >= self.jobs_max {
            return Err(job);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.has_changed.notify_one();
        Ok(())
    }

    /// Waits for the next job; `None` when there will be none.
    fn pop(&self) -> Option<Job> {
        let waiting = self.lock();
        let mut waiting = self
            .has_changed
            .wait_while(waiting, |waiting| waiting.jobs.is_empty() && !waiting.has_ended)
            .unwrap_or_else(PoisonError::into_inner);
        waiting.jobs.pop_front()
    }

    fn stop(&self) {
        let mut waiting = self.lock();
        waiting.has_ended = true;
        let dropped = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        self.has_changed.notify_all();
        // Not under the lock: what a job holds may be the last of its kind.
        drop(dropped);
    }

    /// No job runs while this is held, so nothing is left half changed by a panic.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::time::Duration;

    use super::*;

    /// How long something may take that takes microseconds.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn threads(count: usize, jobs_max: usize) -> ServiceThreads {
        ServiceThreads::start(ServiceOptions { threads: count, jobs_max, ..ServiceOptions::default() })
            .expect("threads")
    }

    fn run(threads: &ServiceThreads, job: impl FnOnce() + Send + 'static) -> bool {
        threads.run(Box::new(move |_| job())).is_ok()
    }

    /// Occupies one thread: tells that it is at it, and until when.
    fn occupy(threads: &ServiceThreads) -> Sender<()> {
        let (is_at_it, started) = channel();
        let (release, released): (Sender<()>, Receiver<()>) = channel();
        assert!(run(threads, move || {
            is_at_it.send(()).expect("somebody waits");
            let _ = released.recv();
        }));
        started.recv_timeout(PATIENCE).expect("it starts");
        release
    }

    #[test]
    fn the_time_of_day_is_told_in_microseconds() {
        let told = SystemClock.timestamp();
        assert!(told.to_string().as_str() > "2024-01-01", "{told}");
        assert!(told.to_string().as_str() < "2124-01-01", "{told}");
    }

    #[test]
    fn a_job_is_done_elsewhere_in_a_turn_of_its_own() {
        let threads = threads(1, 8);
        let (done, results) = channel();
        let before = clock::now();
        let job: Job = Box::new(move |turn| {
            let name = thread::current().name().map(str::to_owned);
            done.send((name, turn.now, turn.work())).expect("somebody waits");
        });
        threads.run(job).ok().expect("there is room");
        let (name, now, work) = results.recv_timeout(PATIENCE).expect("it is done");
        assert_eq!((name.as_deref(), work), (Some("service-1"), 0));
        assert!(now >= before);
    }

    #[test]
    fn two_threads_do_two_jobs_at_once() {
        let threads = threads(2, 8);
        let (first, second) = (occupy(&threads), occupy(&threads));
        drop((first, second));
    }

    #[test]
    fn a_job_that_panics_stops_no_other() {
        let threads = threads(1, 8);
        for _ in 0..3 {
            assert!(run(&threads, || panic!("a bad job")));
        }
        let (done, results) = channel();
        assert!(run(&threads, move || done.send(()).expect("somebody waits")));
        results.recv_timeout(PATIENCE).expect("the thread goes on");
    }

    // ROB-01
    #[test]
    fn one_job_too_many_comes_back_undone() {
        let threads = threads(1, 2);
        let release = occupy(&threads);
        let (done, results) = channel();
        let job = |number: u32| -> Job {
            let done = done.clone();
            Box::new(move |_| done.send(number).expect("somebody waits"))
        };
        assert!(threads.run(job(1)).is_ok());
        assert!(threads.run(job(2)).is_ok());
        let back = threads.run(job(3)).expect_err("there is no room");
        in_turn(back);
        assert_eq!(results.recv_timeout(PATIENCE), Ok(3), "it can still be done");
        drop(release);
        assert_eq!(results.recv_timeout(PATIENCE), Ok(1));
        assert_eq!(results.recv_timeout(PATIENCE), Ok(2));
    }

    #[test]
    fn the_end_drops_what_waits_and_ends_the_threads() {
        let threads = threads(1, 8);
        let queue = Arc::downgrade(&threads.queue);
        let release = occupy(&threads);
        let (done, results) = channel::<()>();
        assert!(run(&threads, move || done.send(()).expect("somebody waits")));
        drop(threads);
        assert_eq!(results.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected), "dropped, undone");
        drop(release);
        let end = std::time::Instant::now() + PATIENCE;
        while queue.upgrade().is_some() {
            assert!(std::time::Instant::now() < end, "the thread never ended");
            thread::yield_now();
        }
    }

    #[test]
    fn a_job_may_be_what_ends_the_threads() {
        let threads = Arc::new(threads(1, 8));
        let queue = Arc::downgrade(&threads.queue);
        let (done, results) = channel();
        let last = Arc::clone(&threads);
        let release = occupy(&threads);
        assert!(run(&threads, move || {
            drop(last);
            done.send(()).expect("somebody waits");
        }));
        drop(threads);
        drop(release);
        results.recv_timeout(PATIENCE).expect("it doesn't wait for itself");
        let end = std::time::Instant::now() + PATIENCE;
        while queue.upgrade().is_some() {
            assert!(std::time::Instant::now() < end, "the thread never ended");
            thread::yield_now();
        }
    }
}
