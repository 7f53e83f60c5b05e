//! A disk in memory that is full, or broken, when a test says so.

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redb::StorageBackend;
use router::config::HistoryConfig;

use crate::create::initialized;
use crate::error::OpenError;
use crate::medium::{Medium, Place};
use crate::{Redb, RedbOptions, open};

/// Keeps its bytes however often it is opened.
#[derive(Debug, Default, Clone)]
pub(super) struct TestDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Pages that were ever written: what a file without holes takes.
    pages: HashSet<u64>,
    /// How many there may be.
    pages_max: Option<usize>,
    /// Why it can't be written.
    write_error: Option<ErrorKind>,
    /// Why it can't be read.
    read_error: Option<ErrorKind>,
    /// How many syncs there are until one fails, though all was written.
    syncs_left: Option<usize>,
    /// Why it can't be opened.
    open_error: Option<ErrorKind>,
    opened: usize,
}

const PAGE: u64 = 4096;

impl TestDisk {
    /// A disk with an empty store on it.
    pub(super) fn new() -> Self {
        let disk = TestDisk::default();
        let database = initialized(Path::new("disk"), disk.medium().unwrap()).unwrap();
        database.close().unwrap();
        disk
    }

    pub(super) fn open(&self, options: &RedbOptions, histories: &[HistoryConfig]) -> Redb {
        self.try_open(options, histories, Duration::from_secs(3600)).unwrap()
    }

    pub(super) fn try_open(
        &self,
        options: &RedbOptions,
        histories: &[HistoryConfig],
        trim_interval: Duration,
    ) -> std::result::Result<Redb, OpenError> {
        let path = Path::new("disk");
        let opened = open::open_at(path, self, options.cache_bytes, histories)?;
        Redb::start(path, options, histories, Box::new(self.clone()), opened, trim_interval)
    }

    /// No more pages than there are now, and these.
    pub(super) fn fill_up(&self, pages_left: usize) {
        let mut state = self.0.lock().unwrap();
        state.pages_max = Some(state.pages.len() + pages_left);
    }

    pub(super) fn make_room(&self) {
        self.0.lock().unwrap().pages_max = None;
    }

    pub(super) fn fail_writes(&self, error: Option<ErrorKind>) {
        self.0.lock().unwrap().write_error = error;
    }

    pub(super) fn fail_reads(&self, error: Option<ErrorKind>) {
        self.0.lock().unwrap().read_error = error;
    }

    /// The sync after so many is the one that fails.
    pub(super) fn fail_sync_after(&self, syncs: usize) {
        self.0.lock().unwrap().syncs_left = Some(syncs);
    }

    /// Whether that one has come.
    pub(super) fn has_failed_sync(&self) -> bool {
        self.0.lock().unwrap().syncs_left.is_none()
    }

    pub(super) fn fail_opening(&self, error: Option<ErrorKind>) {
        self.0.lock().unwrap().open_error = error;
    }

    /// How often it was opened.
    pub(super) fn opened(&self) -> usize {
        self.0.lock().unwrap().opened
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().bytes.len()
    }
}

impl Place for TestDisk {
    fn medium(&self) -> std::result::Result<Medium, OpenError> {
        let mut state = self.0.lock().unwrap();
        state.opened += 1;
        match state.open_error {
            Some(error) => Err(OpenError::io(Path::new("disk"), Error::from(error))),
            None => Ok(Medium { backend: Box::new(self.clone()), sync: true }),
        }
    }

    fn view(&self) -> std::result::Result<Medium, OpenError> {
        Medium::view(Path::new("disk"), self.medium()?.backend)
    }
}

impl State {
    fn check_write(&self) -> Result<()> {
        self.write_error.map_or(Ok(()), |error| Err(Error::from(error)))
    }
}

impl StorageBackend for TestDisk {
    fn len(&self) -> Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.0.lock().unwrap();
        if let Some(error) = state.read_error {
            return Err(Error::from(error));
        }
        let begin = usize::try_from(offset).unwrap();
        let bytes = state.bytes.get(begin..begin + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.check_write()?;
        state.bytes.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.check_write()?;
        match state.syncs_left {
            Some(0) => {
                state.syncs_left = None;
                Err(Error::from(ErrorKind::Other))
            }
            left => {
                state.syncs_left = left.map(|left| left - 1);
                Ok(())
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        state.check_write()?;
        let pages = offset / PAGE..(offset + data.len() as u64).div_ceil(PAGE);
        let new = pages.clone().filter(|page| !state.pages.contains(page)).count();
        if state.pages_max.is_some_and(|max| state.pages.len() + new > max) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        state.pages.extend(pages);
        let begin = usize::try_from(offset).unwrap();
        state.bytes.get_mut(begin..begin + data.len()).ok_or(ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        Ok(())
    }
}
