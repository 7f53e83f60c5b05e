//! What a realm keeps, in one file: event history, schemas and retained events, behind [`router::store::Store`].
//!
//! | room | what |
//! |---|---|
//! | `handle` | [`Redb`], the store: what the router calls |
//! | `options`, `error` | how it is opened, and why it can't be |
//! | `open`, `create`, `compact` | from a path to a database that is ours |
//! | `medium`, `view` | the file below the database; the same where it can't be written |
//! | `tables` | what lies in the database, drawn |
//! | `buffer` | what waits to be written, and what of it is given up |
//! | `writer`, `commit`, `trim` | the one thread that writes; a transaction; what is over the bounds |
//! | `read`, `range` | events in order, from disk and buffer; which ones |
//!
//! **The life of an event.** [`Store::append`](router::store::Store::append) numbers it within its history and leaves it in
//! the buffer, under a mutex that is never held across I/O. Each flush interval the writer takes all that waits, in one
//! step, and commits it in one transaction together with the trimming it makes necessary. A read goes by numbers: those
//! below the buffer's are on the disk, so it misses nothing and sees nothing twice, without a lock on either.
//!
//! **Bounds.** How many events a history has is bounded at every moment; its bytes and the age of its events when
//! something is written, and age each minute at least. A lowered bound is reached over some transactions.
//!
//! **What a crash costs.** At most what waited: a flush interval of changes, and the commit that was under way, which is
//! there as a whole or not at all. Each commit carries what the next start needs, so that a large file opens at once.
//!
//! *Invariants*: nobody but the writer waits for the disk when something is written. The numbers of a history's events on
//! the disk have no gap between the first that counts and the last; their timestamps never decrease. Whatever the
//! disk does, the buffer stays within its bounds.

mod buffer;
mod commit;
mod compact;
mod create;
mod error;
mod handle;
mod lock;
mod medium;
mod open;
mod options;
mod range;
mod read;
mod tables;
mod trim;
mod view;
mod writer;

#[cfg(test)]
mod tests;

pub use error::OpenError;
pub use handle::Redb;
pub use options::{RedbOptions, SystemClock};
