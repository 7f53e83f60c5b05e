//! The file below the database: where it is, and whether it is waited for.

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

use crate::error::OpenError;
use crate::view::View;

/// Where the bytes of a store are. It is asked again after an error, since redb lets go of what has failed once.
pub(crate) trait Place: Debug + Send + Sync {
    /// What is there, for one database to read and write.
    fn medium(&self) -> Result<Medium, OpenError>;

    /// What is there, for reading only.
    fn view(&self) -> Result<Medium, OpenError>;
}

/// A file that exists.
#[derive(Debug)]
pub(crate) struct FilePlace {
    pub(crate) path: PathBuf,
    pub(crate) sync: bool,
}

impl Place for FilePlace {
    fn medium(&self) -> Result<Medium, OpenError> {
        open_file(&self.path, OpenOptions::new().read(true).write(true), self.sync)
    }

    fn view(&self) -> Result<Medium, OpenError> {
        Medium::view(&self.path, open_file(&self.path, OpenOptions::new().read(true), true)?.backend)
    }
}

pub(crate) fn open_file(path: &Path, how: &OpenOptions, sync: bool) -> Result<Medium, OpenError> {
    let file = how.open(path).map_err(|error| OpenError::io(path, error))?;
    Medium::of(file, path, sync)
}

/// What redb reads and writes. Without `sync`, only its end is waited for: the order of writes is kept for whoever
/// reads through the same operating system, and that is all that a killed process needs.
#[derive(Debug)]
pub(crate) struct Medium {
    pub(crate) backend: Box<dyn StorageBackend>,
    pub(crate) sync: bool,
}

impl Medium {
    /// An open file; `path` is what errors call it.
    pub(crate) fn of(file: File, path: &Path, sync: bool) -> Result<Self, OpenError> {
        let backend = FileBackend::new(file).map_err(|error| OpenError::database(path, error))?;
        Ok(Medium { backend: Box::new(backend), sync })
    }

    pub(crate) fn view(path: &Path, below: Box<dyn StorageBackend>) -> Result<Self, OpenError> {
        let view = View::new(below).map_err(|error| OpenError::io(path, error))?;
        Ok(Medium { backend: Box::new(view), sync: true })
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.backend.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.sync { self.backend.sync_data() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        let synced = if self.sync { Ok(()) } else { self.backend.sync_data() };
        self.backend.close().and(synced)
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}
