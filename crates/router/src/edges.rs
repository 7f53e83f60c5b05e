//! What the router can't do itself, since it has no clock, no threads and no files: narrow traits, implemented outside.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use crate::store::Store;
use crate::timestamp::Timestamp;
use crate::worker::Turn;

/// What a router is given beside its configuration. The default is for tests: a clock that stands still, no threads, and
/// nothing that outlives the router.
#[derive(Debug, Clone)]
pub struct Edges {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who does what would take too long for a thread that routes; `None`: that thread.
    pub background: Option<Arc<dyn Background>>,
    /// Who reads event history, where a search may go through millions of events, so that nothing else waits for it; `None`:
    /// who does the rest of what takes long.
    pub readers: Option<Arc<dyn Background>>,
    /// Where realms, by name, keep history, schemas and retained events. A realm that isn't here keeps them in memory.
    pub stores: HashMap<String, Arc<dyn Store>>,
}

impl Default for Edges {
    fn default() -> Self {
        Edges { clock: Arc::new(Stopped), background: None, readers: None, stores: HashMap::new() }
    }
}

/// The time of day.
pub trait Clock: Debug + Send + Sync {
    /// This moment. It may run backwards, as clocks do when they are set.
    fn timestamp(&self) -> Timestamp;
}

/// A clock that stands at the beginning of 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stopped;

impl Clock for Stopped {
    fn timestamp(&self) -> Timestamp {
        Timestamp(0)
    }
}

/// Work for which a caller waits, but nobody else should.
pub type Job = Box<dyn FnOnce(&mut Turn<'_>) + Send>;

/// Threads besides those that route.
///
/// What is done there: meta procedures that look at very many sessions or subscriptions, and reads of event history.
pub trait Background: Debug + Send + Sync {
    /// Does `job` soon, in a turn of its own, and returns at once. Jobs may overtake each other.
    ///
    /// # Errors
    /// The job, undone, where too many wait already.
    fn run(&self, job: Job) -> Result<(), Job>;
}
