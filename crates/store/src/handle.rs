//! The store, as the router sees it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTable};
use router::config::HistoryConfig;
use router::store::{EventRange, Restored, Store, StoreError, StoreHealth, StoredEvent, Visit};

use tracing::dispatcher;

use crate::buffer::{Buffer, Wake};
use crate::compact;
use crate::create::create_if_missing;
use crate::error::{Fault, OpenError, unpanicked};
use crate::lock::{lock, read};
use crate::medium::{FilePlace, Place};
use crate::open::{Opened, open_at};
use crate::options::RedbOptions;
use crate::read::Reader;
use crate::tables::{self, RETAINED, SCHEMAS};
use crate::writer::{Open, Shared, Writer};

/// What one realm keeps, in one file: a [`Store`].
///
/// Dropped, it writes what waits and closes the file.
#[derive(Debug)]
pub struct Redb {
    shared: Arc<Shared>,
    /// `None` when the store is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// How often events that became too old are looked for while nothing is published.
const TRIM_INTERVAL: Duration = Duration::from_secs(60);

impl Redb {
    /// Opens the store in the file `path`, which is made if it isn't there, with its directories, for the histories of a
    /// realm, [`router::RealmConfig::history`].
    ///
    /// Blocks: for a moment usually, longer where the file is made smaller because most of it is free. What the file has of
    /// histories that are not among these stays in it.
    ///
    /// A store that can be read and not written, on a disk that is full or read-only, is opened all the same: it is as if
    /// the disk had failed a moment later. See [`Store::health`].
    ///
    /// # Errors
    /// The file is in use, can't be made or read, or is not a store that this version knows.
    pub fn open(path: &Path, options: &RedbOptions, histories: &[HistoryConfig]) -> Result<Self, OpenError> {
        create_if_missing(path, options.sync)?;
        let place = FilePlace { path: path.to_owned(), sync: options.sync };
        let mut opened = open_at(path, &place, options.cache_bytes, histories)?;
        let file_bytes = std::fs::metadata(path).map_or(0, |found| found.len());
        if opened.is_writable && opened.others == 0 && compact::looks_mostly_free(file_bytes, &opened.rows) {
            compact::compact(path, &mut opened.database)
                .map_err(|Fault(reason)| OpenError::Unusable { path: path.to_owned(), reason })?;
        }
        Self::start(path, options, histories, Box::new(place), opened, TRIM_INTERVAL)
    }

    /// The store in a database that was opened.
    pub(crate) fn start(
        path: &Path,
        options: &RedbOptions,
        histories: &[HistoryConfig],
        place: Box<dyn Place>,
        opened: Opened,
        trim_interval: Duration,
    ) -> Result<Self, OpenError> {
        let Opened { database, rows, others, is_writable } = opened;
        if others > 0 {
            tracing::info!(
                file = %path.display(),
                histories = others,
                "the store keeps histories that are not configured any more"
            );
        }
        let buffer = Buffer::new(histories, &rows, options.pending_events_max, options.pending_bytes_max);
        let shared = Arc::new(Shared {
            path: path.display().to_string(),
            options: options.clone(),
            configs: histories.to_vec(),
            trim_interval,
            place,
            database: RwLock::new(Some(Open { database, is_writable })),
            buffer: Mutex::new(buffer),
            work: Condvar::new(),
            answered: Condvar::new(),
        });
        let writer = Writer::new(Arc::clone(&shared));
        // Where whoever opens the store logs, it does too.
        let dispatch = dispatcher::get_default(Clone::clone);
        let thread = Builder::new()
            .name(format!("store-{}", name(path)))
            .spawn(move || dispatcher::with_default(&dispatch, || writer.run()))
            .map_err(|error| OpenError::io(path, error))?;
        Ok(Redb { shared, writer: Mutex::new(Some(thread)) })
    }

    /// Waits until all that was given to the store before is on the disk. Blocks.
    ///
    /// # Errors
    /// It can't be written at present, or the store is closed.
    pub fn flush(&self) -> Result<(), StoreError> {
        let mut buffer = lock(&self.shared.buffer);
        if buffer.closing {
            return Err(StoreError::Unavailable(format!("{}: the store is closed", self.shared.path)));
        }
        buffer.flushes_asked += 1;
        let asked = buffer.flushes_asked;
        self.shared.wake();
        while buffer.flushes_answered < asked {
            buffer = self.shared.answered.wait(buffer).unwrap_or_else(PoisonError::into_inner);
        }
        match &buffer.failure {
            None => Ok(()),
            Some(failure) => Err(StoreError::Unavailable(failure.clone())),
        }
    }

    /// Writes what waits and lets go of the file. What is given to the store afterwards is lost, and nothing can be read
    /// any more. Blocks; does nothing the second time.
    pub fn close(&self) {
        lock(&self.shared.buffer).closing = true;
        self.shared.wake();
        if let Some(writer) = lock(&self.writer).take() {
            // It has told what it had to tell.
            let _ = writer.join();
        }
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn restored(&self) -> Result<Restored, Fault> {
        let open = read(&self.shared.database);
        let Some(Open { database, .. }) = &*open else { return Err(Fault("it is not open".to_owned())) };
        unpanicked(|| {
            let tx = database.begin_read()?;
            let mut restored = Restored::default();
            for entry in tx.open_table(RETAINED)?.iter()? {
                let (topic, joined) = entry?;
                let events = tables::split(joined.value())
                    .ok_or_else(|| Fault::damaged("retained events can't be told apart"))?;
                restored.retained.push((topic.value().to_owned(), events));
            }
            for entry in tx.open_table(SCHEMAS)?.iter()? {
                let (uri, declaration) = entry?;
                restored.schemas.push((uri.value().to_owned(), declaration.value().to_vec()));
            }
            Ok(restored)
        })
    }

    fn wake(&self, wake: Wake) {
        match wake {
            Wake::Yes => self.shared.wake(),
            Wake::No => {}
        }
    }
}

impl Store for Redb {
    fn restore(&self) -> Result<Restored, StoreError> {
        self.restored().map_err(|fault| StoreError::Unavailable(format!("{}: {fault}", self.shared.path)))
    }

    fn append(&self, history: usize, event: Arc<StoredEvent>) {
        let wake = lock(&self.shared.buffer).append(history, event);
        self.wake(wake);
    }

    fn read(&self, history: usize, range: &EventRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        match Reader::new(&self.shared, history) {
            Some(reader) => reader.read(range, visit),
            None => Ok(()),
        }
    }

    fn keep_retained(&self, topic: &str, events: Vec<Vec<u8>>) {
        let wake = lock(&self.shared.buffer).keep_retained(topic, events);
        self.wake(wake);
    }

    fn keep_schema(&self, uri: &str, declaration: Option<Vec<u8>>) {
        let wake = lock(&self.shared.buffer).keep_schema(uri, declaration);
        self.wake(wake);
    }

    fn health(&self) -> StoreHealth {
        lock(&self.shared.buffer).health()
    }
}

impl Drop for Redb {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a file is called, without its ending: usually the realm.
fn name(path: &Path) -> String {
    PathBuf::from(path.file_stem().unwrap_or_default()).display().to_string()
}
