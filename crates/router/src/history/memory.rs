//! Histories in the router's memory: the store of realms that have no other.

use std::collections::{HashMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use wamp::PublicationId;

use super::StoredEvent;
use crate::config::HistoryConfig;
use crate::lock::lock;
use crate::store::{EventRange, Restored, Store, StoreError, StoreHealth, Visit};
use crate::timestamp::Timestamp;

/// Event history in memory, gone when the process ends; schemas and retained events are left to the router's memory.
///
/// Reads hold no lock while events are looked at.
#[derive(Debug)]
pub struct Memory {
    histories: Vec<(HistoryConfig, Mutex<History>)>,
}

/// The events of one history, numbered from the first there ever was.
#[derive(Debug, Default)]
struct History {
    events: VecDeque<Arc<StoredEvent>>,
    /// The number of the first that is still there.
    first: u64,
    bytes: u64,
    /// The numbers of publications.
    numbers: HashMap<PublicationId, u64>,
}

/// How many events a read takes at a time under the lock.
const CHUNK: u64 = 256;

impl Memory {
    /// A store for these histories, by their numbers.
    pub fn new(histories: &[HistoryConfig]) -> Self {
        Memory { histories: histories.iter().map(|config| (config.clone(), Mutex::default())).collect() }
    }
}

impl Store for Memory {
    fn restore(&self) -> Result<Restored, StoreError> {
        Ok(Restored::default())
    }

    fn append(&self, history: usize, event: Arc<StoredEvent>) {
        if let Some((config, history)) = self.histories.get(history) {
            lock(history).append(event, config);
        }
    }

    fn read(&self, history: usize, range: &EventRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let Some((_, history)) = self.histories.get(history) else { return Ok(()) };
        let (mut from, mut to) = lock(history).numbers_in(range)?;
        while from < to {
            let chunk: Vec<Arc<StoredEvent>> = {
                let history = lock(history);
                from = from.max(history.first);
                let (begin, end) = if range.reverse {
                    (from.max(to.saturating_sub(CHUNK)), to)
                } else {
                    (from, to.min(from + CHUNK))
                };
                (begin..end).filter_map(|number| history.event(number)).collect()
            };
            if range.reverse {
                to = to.saturating_sub(CHUNK).max(from);
            } else {
                from += CHUNK;
            }
            let visited = if range.reverse {
                chunk.iter().rev().try_for_each(|event| visit(event))
            } else {
                chunk.iter().try_for_each(|event| visit(event))
            };
            if visited.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn keep_retained(&self, _topic: &str, _events: Vec<Vec<u8>>) {}

    fn keep_schema(&self, _uri: &str, _declaration: Option<Vec<u8>>) {}

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }
}

impl History {
    fn append(&mut self, mut event: Arc<StoredEvent>, config: &HistoryConfig) {
        let last = self.events.back().map_or(Timestamp(0), |last| last.timestamp());
        if event.timestamp() < last {
            event = Arc::new(Arc::unwrap_or_clone(event).at(last));
        }
        let number = self.first + self.events.len() as u64;
        let now = event.timestamp();
        self.numbers.insert(event.publication(), number);
        self.bytes += event.bytes() as u64;
        self.events.push_back(event);
        let is_over = |history: &History| {
            let oldest = history.events.front().map_or(now, |event| event.timestamp());
            history.events.len() as u64 > config.events_max
                || history.bytes > config.bytes_max
                || config.age_max.is_some_and(|age| is_older(oldest, age, now))
        };
        while is_over(self) {
            let Some(oldest) = self.events.pop_front() else { break };
            self.first += 1;
            self.bytes -= oldest.bytes() as u64;
            self.numbers.remove(&oldest.publication());
        }
    }

    fn event(&self, number: u64) -> Option<Arc<StoredEvent>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.events.get(index).cloned()
    }

    /// The numbers of the events in a range: from the first on, up to but without the second.
    fn numbers_in(&self, range: &EventRange) -> Result<(u64, u64), StoreError> {
        let number = |publication: PublicationId| {
            self.numbers.get(&publication).copied().ok_or(StoreError::NoSuchPublication(publication))
        };
        let by_publication = match range.publication_from {
            Bound::Included(publication) => number(publication)?,
            Bound::Excluded(publication) => number(publication)? + 1,
            Bound::Unbounded => self.first,
        };
        let to_publication = match range.publication_to {
            Bound::Included(publication) => number(publication)? + 1,
            Bound::Excluded(publication) => number(publication)?,
            Bound::Unbounded => u64::MAX,
        };
        let before = |time: Timestamp| self.events.partition_point(|event| event.timestamp() < time) as u64;
        let through = |time: Timestamp| self.events.partition_point(|event| event.timestamp() <= time) as u64;
        let by_time = match range.time_from {
            Bound::Included(time) => before(time),
            Bound::Excluded(time) => through(time),
            Bound::Unbounded => 0,
        };
        let to_time = match range.time_to {
            Bound::Included(time) => through(time),
            Bound::Excluded(time) => before(time),
            Bound::Unbounded => self.events.len() as u64,
        };
        Ok((by_publication.max(self.first + by_time), to_publication.min(self.first + to_time)))
    }
}

/// Whether something of the moment `then` is older than `age`.
fn is_older(then: Timestamp, age: std::time::Duration, now: Timestamp) -> bool {
    u128::from(now.0.saturating_sub(then.0)) > age.as_micros()
}
