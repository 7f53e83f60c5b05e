//! What a realm keeps: event history, schemas, retained events. The traits are here, what is durable is elsewhere.
//!
//! Schemas and retained events live in the router's memory; a [`Store`] is told of each change, and what it knows is read
//! once, when the realm starts. Event history lives in the store alone.
//!
//! *Invariants*: what is written never waits for a disk, and what is read sees all that was written before it, on
//! whatever thread.

use std::fmt::Debug;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use wamp::PublicationId;

pub use crate::history::{BadRecord, EventPublisher, Memory, RecordHead, StoredEvent};
use crate::timestamp::Timestamp;

/// Where a realm keeps what it keeps.
pub trait Store: Debug + Send + Sync {
    /// What an earlier process left. Asked once, before anything is written.
    ///
    /// # Errors
    /// The store can't be read.
    fn restore(&self) -> Result<Restored, StoreError>;

    /// Appends an event to the history of this number, an index into [`crate::RealmConfig::history`].
    ///
    /// Events of one history come in the order in which they are kept. Their timestamps may run backwards, as clocks are
    /// set and threads overtake each other; a store raises those that do, by [`StoredEvent::at`], so that in a history
    /// they never decrease (HIS-20). What is over the bounds of the history is trimmed, oldest first.
    fn append(&self, history: usize, event: Arc<StoredEvent>);

    /// Shows `visit` the events of a history within `range`, until it breaks. May block; not called where routing is
    /// done, unless there is no other place.
    ///
    /// # Errors
    /// The store can't be read, or a publication that bounds the range isn't there.
    fn read(&self, history: usize, range: &EventRange, visit: &mut Visit<'_>) -> Result<(), StoreError>;

    /// Whether it outlives the process: to one that doesn't, what the router has in memory needn't be told.
    fn is_durable(&self) -> bool {
        true
    }

    /// Keeps the retained events of a topic, encoded, in place of those before; none: the topic has none any more.
    fn keep_retained(&self, topic: &str, events: Vec<Vec<u8>>);

    /// Keeps a declaration, encoded; `None`: there is none any more.
    fn keep_schema(&self, uri: &str, declaration: Option<Vec<u8>>);

    /// How it is doing.
    fn health(&self) -> StoreHealth;
}

/// Looks at one event of a history.
pub type Visit<'v> = dyn FnMut(&StoredEvent) -> ControlFlow<()> + 'v;

/// What a store had from before.
#[derive(Debug, Default)]
pub struct Restored {
    /// Topics, each with its retained events, oldest first.
    pub retained: Vec<(String, Vec<Vec<u8>>)>,
    /// URIs with their declarations.
    pub schemas: Vec<(String, Vec<u8>)>,
}

/// Which events of a history, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRange {
    /// Not before this time.
    pub time_from: Bound<Timestamp>,
    /// Not after this time.
    pub time_to: Bound<Timestamp>,
    /// Not before this publication: both bounds hold where there are two.
    pub publication_from: Bound<PublicationId>,
    /// Not after this publication.
    pub publication_to: Bound<PublicationId>,
    /// The newest first.
    pub reverse: bool,
}

impl Default for EventRange {
    /// All of them, oldest first.
    fn default() -> Self {
        EventRange {
            time_from: Bound::Unbounded,
            time_to: Bound::Unbounded,
            publication_from: Bound::Unbounded,
            publication_to: Bound::Unbounded,
            reverse: false,
        }
    }
}

/// Why a store can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A publication by which a range is bounded is not in the history, or not any more.
    #[error("publication {0} is not in this history (any more)")]
    NoSuchPublication(PublicationId),
    /// The disk, or what is on it.
    #[error("{0}")]
    Unavailable(String),
}

/// How a store is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// Changes that wait to be written.
    pub pending: u64,
    /// Changes that were written, since the process started.
    pub written: u64,
    /// Changes that were given up, because they could not be written and no more could wait.
    pub lost: u64,
    /// Why nothing can be written at present.
    pub failure: Option<String>,
}
