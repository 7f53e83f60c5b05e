//! What goes wrong: at the start, told to the operator; later, told by the store's health.

use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};
use wamp::MatchPolicy;

/// Why a store can't be opened. Displays as sentences for the operator, with the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody else has it open.
    #[error(
        "{}: the store is open in another process; is another router running? Each realm of each router needs a file of its own",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// It may not be written, or nothing may be made beside it.
    #[error(
        "{}: the store can't be written ({source}); the file and its directory must be writable for the router's user",
        path.display()
    )]
    ReadOnly {
        /// The file or the directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory can't be made.
    #[error("{}: the directory of the store can't be made: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Not a file of ours.
    #[error("{}: this is a file of something else, not a store; it was left as it is", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A file of a later version.
    #[error(
        "{}: the store was written by a later version (format {found}, and this one knows {known}); \
         use that version, or another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest that can be read.
        known: u64,
    },
    /// What is in it can't be.
    #[error(
        "{}: the store is damaged ({reason}); put a backup in its place, or move it away to start with an empty one",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Anything else that the disk or the operating system has against it.
    #[error("{}: the store can't be opened: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
    /// One history is configured twice.
    #[error("{}: the history of {uri} ({match_policy}) is configured twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The topic or pattern.
        uri: String,
        /// How it matches.
        match_policy: MatchPolicy,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly { path, source }
            }
            _ => OpenError::Unusable { path, reason: source.to_string() },
        }
    }

    pub(crate) fn database(path: &Path, error: DatabaseError) -> Self {
        let owned = || path.to_owned();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                OpenError::Locked { path: owned() }
            }
            DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
                // So redb tells that the magic number at the beginning is not its own.
                io::ErrorKind::InvalidData => OpenError::Foreign { path: owned() },
                io::ErrorKind::UnexpectedEof => {
                    OpenError::Damaged { path: owned(), reason: "it ends too early".to_owned() }
                }
                _ => OpenError::io(path, source),
            },
            // Formats that no version of this crate wrote.
            DatabaseError::UpgradeRequired(_) => OpenError::Foreign { path: owned() },
            DatabaseError::RepairAborted | DatabaseError::Storage(StorageError::Corrupted(_)) => {
                OpenError::Damaged { path: owned(), reason: error.to_string() }
            }
            _ => OpenError::Unusable { path: owned(), reason: error.to_string() },
        }
    }
}

/// Why something could not be read or written once the store was open. Ours, never sent to a peer in detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    pub(crate) fn damaged(what: impl Display) -> Self {
        Fault(format!("the file is damaged: {what}"))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! faults {
    ($($error:ty),*) => {$(
        impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                Fault(error.to_string())
            }
        }
    )*};
}

faults!(StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::CompactionError);

/// What redb does with a page that was changed behind its back may be a panic: a damaged file must not end a thread.
pub(crate) fn unpanicked<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::damaged("what is in it contradicts itself")))
}
