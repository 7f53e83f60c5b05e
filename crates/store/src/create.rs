//! The first start: directories and an empty store.
//!
//! It is made under another name and takes its own when it is whole, so that a process which is killed meanwhile leaves
//! nothing that the next one can't open, and of two that start at once neither gets in the way of the other.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use redb::Database;

use crate::error::{Fault, OpenError, unpanicked};
use crate::medium::Medium;
use crate::open::builder;
use crate::tables;

/// Makes the store unless there is something of that name that isn't empty.
pub(crate) fn create_if_missing(path: &Path, sync: bool) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(found) if found.len() > 0 || !found.is_file() => Ok(()),
        Ok(_) => {
            fs::remove_file(path).map_err(|error| OpenError::io(path, error))?;
            create(path, sync)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, sync),
        Err(error) => Err(OpenError::io(path, error)),
    }
}

/// For names of this process alone.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn create(path: &Path, sync: bool) -> Result<(), OpenError> {
    let directory = directory(path);
    fs::create_dir_all(&directory).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path: directory.clone(), source }
        }
        _ => OpenError::Directory { path: directory.clone(), source },
    })?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".new-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    let unfinished = PathBuf::from(unfinished);
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).truncate(true);
    // Errors speak of the name that people know.
    let file = how.open(&unfinished).map_err(|error| OpenError::io(path, error))?;
    drop(initialized(path, Medium::of(file, path, sync)?)?);
    publish(&unfinished, path).map_err(|error| OpenError::io(path, error))?;
    if sync {
        // So that the name outlives a power failure too, where a directory can be synced.
        let _ = File::open(&directory).and_then(|directory| directory.sync_all());
    }
    Ok(())
}

/// Gives a whole file its name, unless another process was first.
fn publish(unfinished: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(unfinished, path) {
        Ok(()) => fs::remove_file(unfinished),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(unfinished),
        // Not every file system has links.
        Err(_) => fs::rename(unfinished, path),
    }
}

/// An empty store on an empty medium.
pub(crate) fn initialized(path: &Path, medium: Medium) -> Result<Database, OpenError> {
    let database =
        builder(0).create_with_backend(medium).map_err(|error| OpenError::database(path, error))?;
    let created = unpanicked(|| {
        let mut tx = database.begin_write()?;
        tx.set_quick_repair(true);
        tables::create(&tx)?;
        Ok(tx.commit()?)
    });
    match created {
        Ok(()) => Ok(database),
        Err(Fault(reason)) => Err(OpenError::Unusable { path: path.to_owned(), reason }),
    }
}

fn directory(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
