//! The thread that writes.
//!
//! It sleeps while nothing waits, and otherwise commits what has gathered once each flush interval, or earlier when the
//! buffer is half full or somebody flushes. When a commit fails it opens the database anew, since redb trusts nothing after an
//! error, and tries the same batch again, less and less often up to each ten seconds. That it began and that it is over is
//! logged, once each.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase};
use router::config::HistoryConfig;

use crate::buffer::{Batch, Buffer};
use crate::commit::{Commit, Trimming};
use crate::error::{Fault, OpenError, unpanicked};
use crate::lock::{lock, read, write};
use crate::medium::{Medium, Place};
use crate::open;
use crate::options::RedbOptions;
use crate::tables::{self, FORMAT};

/// What the handle and the writer share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The file, for logs.
    pub(crate) path: String,
    pub(crate) options: RedbOptions,
    pub(crate) configs: Vec<HistoryConfig>,
    /// How often events that became too old are looked for.
    pub(crate) trim_interval: Duration,
    pub(crate) place: Box<dyn Place>,
    /// `None` while it can't be opened, and when the store is closed.
    pub(crate) database: RwLock<Option<Open>>,
    pub(crate) buffer: Mutex<Buffer>,
    /// There is something for the writer to do.
    pub(crate) work: Condvar,
    /// A flush was answered.
    pub(crate) answered: Condvar,
}

/// The database, as far as the disk lets it be used.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) database: Database,
    /// Otherwise it is a view: what is written into it is nowhere.
    pub(crate) is_writable: bool,
}

/// The shortest and the longest wait before the next try.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The shortest time between two lines about a disk that is too slow.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

/// The writer's own state.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// When ages are looked at next.
    trim_at: Instant,
    /// Some history holds more than it should.
    is_over_bounds: bool,
    trouble: Option<Trouble>,
    /// How many events were lost, as far as it was logged.
    lost_told: u64,
    /// When it was.
    told_at: Option<Instant>,
}

/// Nothing can be written at present.
struct Trouble {
    retry_in: Duration,
    retry_at: Instant,
}

/// Why the writer woke up.
struct Turn {
    batch: Arc<Batch>,
    trimming: Trimming,
    flushes_asked: u64,
    is_ailing: bool,
    is_closing: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let trim_at = Instant::now() + shared.trim_interval;
        // What a changed configuration has put over a bound is looked for in the first transaction.
        Writer { shared, trim_at, is_over_bounds: true, trouble: None, lost_told: 0, told_at: None }
    }

    /// Writes until the store is closed.
    pub(crate) fn run(mut self) {
        loop {
            let turn = self.wait();
            if turn.is_ailing {
                self.reopen();
            }
            let answered = match self.shared.commit(&turn.batch, turn.trimming) {
                Ok(is_over_bounds) => {
                    self.succeeded(&turn, is_over_bounds);
                    turn.batch.flushes_asked
                }
                Err(fault) => {
                    self.failed(&fault);
                    turn.flushes_asked
                }
            };
            let is_done = turn.is_closing && (self.trouble.is_some() || lock(&self.shared.buffer).is_empty());
            if is_done {
                self.close();
                // Nobody is to wait for a thread that has ended.
                return self.answer(u64::MAX);
            }
            self.answer(answered);
        }
    }

    /// Waits for something to do.
    fn wait(&mut self) -> Turn {
        let shared = Arc::clone(&self.shared);
        let mut buffer = lock(&shared.buffer);
        let mut began: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let is_asked = buffer.closing || buffer.flushes_asked > buffer.flushes_answered;
            let has_work = !buffer.is_empty() || self.is_over_bounds;
            if has_work && began.is_none() {
                began = Some(now);
            }
            let until = match &self.trouble {
                Some(trouble) => trouble.retry_at,
                None if buffer.urged || buffer.ailing => now,
                None => began
                    .map_or(self.trim_at, |began| self.trim_at.min(began + shared.options.flush_interval)),
            };
            if is_asked || until <= now {
                break;
            }
            buffer = wait_timeout(&shared.work, buffer, until - now);
        }
        let trims_all = self.is_over_bounds
            || self.trim_at <= Instant::now()
            || buffer.flushes_asked > buffer.flushes_answered;
        Turn {
            batch: buffer.take_batch(),
            trimming: if trims_all { Trimming::All } else { Trimming::Appended },
            flushes_asked: buffer.flushes_asked,
            is_ailing: std::mem::take(&mut buffer.ailing),
            is_closing: buffer.closing,
        }
    }

    fn succeeded(&mut self, turn: &Turn, is_over_bounds: bool) {
        if turn.trimming == Trimming::All {
            self.trim_at = Instant::now() + self.shared.trim_interval;
        }
        self.is_over_bounds = is_over_bounds;
        let (written, lost) = {
            let mut buffer = lock(&self.shared.buffer);
            buffer.failure = None;
            (buffer.batch_written(), buffer.lost())
        };
        drop(written);
        if self.trouble.take().is_some() {
            let lost = lost - std::mem::replace(&mut self.lost_told, lost);
            tracing::info!(file = self.shared.path, lost, "the store is written again");
        } else if lost > self.lost_told {
            self.tell_lost(lost);
        }
    }

    /// The disk works, but is slower than what is published.
    fn tell_lost(&mut self, lost: u64) {
        if self.told_at.is_some_and(|told| told.elapsed() < TELL_INTERVAL) {
            return;
        }
        self.told_at = Some(Instant::now());
        let lost = lost - std::mem::replace(&mut self.lost_told, lost);
        tracing::warn!(
            file = self.shared.path,
            lost,
            "more is published than the disk takes: events were lost to event history"
        );
    }

    fn failed(&mut self, fault: &Fault) {
        lock(&self.shared.buffer).failure = Some(format!("{}: {fault}", self.shared.path));
        if self.trouble.is_none() {
            let options = &self.shared.options;
            tracing::error!(
                file = self.shared.path,
                error = %fault,
                "the store can't be written: up to {} events and {} bytes wait in memory, then new ones are lost to event \
                 history; routing, retained events and schemas go on, and it is tried again",
                options.pending_events_max,
                options.pending_bytes_max,
            );
        }
        let retry_in = match &self.trouble {
            Some(trouble) => (trouble.retry_in * 2).min(RETRY_MAX),
            None => RETRY_MIN,
        };
        self.reopen();
        self.trouble = Some(Trouble { retry_in, retry_at: Instant::now() + retry_in });
    }

    /// Lets go of a database that failed, so that at least what is there can be read again.
    fn reopen(&self) {
        let mut open = write(&self.shared.database);
        let failed = open.take();
        let closed = unpanicked(|| {
            drop(failed);
            Ok(())
        });
        // What keeps it from being written is met and told by the next commit.
        *open = closed.and_then(|()| self.shared.opened().or_else(|_| self.shared.viewed())).ok();
    }

    fn answer(&self, flushes_asked: u64) {
        lock(&self.shared.buffer).flushes_answered = flushes_asked;
        self.shared.answered.notify_all();
    }

    fn close(&self) {
        let open = write(&self.shared.database).take();
        let closed = match open {
            Some(open) => unpanicked(|| open.database.close().map_err(|error| Fault(error.to_string()))),
            None => Ok(()),
        };
        if let Err(fault) = closed {
            tracing::error!(file = self.shared.path, error = %fault, "the store was not closed in order");
        }
        let given_up = {
            let mut buffer = lock(&self.shared.buffer);
            let given_up = buffer.give_up();
            buffer.failure = Some(format!("{}: the store is closed", self.shared.path));
            given_up
        };
        if given_up > 0 {
            tracing::error!(
                file = self.shared.path,
                lost = given_up,
                "the store was closed before all was written"
            );
        }
    }
}

impl Shared {
    /// Wakes the writer.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    fn commit(&self, batch: &Batch, trimming: Trimming) -> Result<bool, Fault> {
        let is_writable = read(&self.database).as_ref().is_some_and(|open| open.is_writable);
        if !is_writable {
            let mut open = write(&self.database);
            // A view holds a lock on the file.
            drop(open.take());
            *open = Some(self.opened()?);
        }
        let open = read(&self.database);
        let Some(Open { database, .. }) = &*open else { return Err(Fault("it is not open".to_owned())) };
        let now = self.options.clock.timestamp();
        let commit = Commit { database, configs: &self.configs, batch, trimming, now };
        unpanicked(|| commit.run())
    }

    fn opened(&self) -> Result<Open, Fault> {
        Ok(Open { database: self.database_on(self.place.medium())?, is_writable: true })
    }

    fn viewed(&self) -> Result<Open, Fault> {
        Ok(Open { database: self.database_on(self.place.view())?, is_writable: false })
    }

    fn database_on(&self, medium: Result<Medium, OpenError>) -> Result<Database, Fault> {
        let medium = medium.map_err(|error| Fault(error.to_string()))?;
        unpanicked(|| {
            let database = open::builder(self.options.cache_bytes)
                .create_with_backend(medium)
                .map_err(|error| Fault(error.to_string()))?;
            match tables::format(&database.begin_read()?)? {
                Some(FORMAT) => Ok(database),
                _ => Err(Fault("what is there now is not the store any more".to_owned())),
            }
        })
    }
}

fn wait_timeout<'a>(
    condvar: &Condvar,
    buffer: MutexGuard<'a, Buffer>,
    timeout: Duration,
) -> MutexGuard<'a, Buffer> {
    condvar.wait_timeout(buffer, timeout).unwrap_or_else(PoisonError::into_inner).0
}
