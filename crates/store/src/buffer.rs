//! What waits to be written.
//!
//! Events wait in two places: in `waiting`, where new ones are put, and in the batch that the writer has in hand and that
//! stays readable until it is on the disk. Both together stay within the bounds of the options; when they are full,
//! because the disk is too slow or doesn't take anything, the newest event is given up. An event that is over the bounds
//! of its history before it was written never is, so a history of the last hundred events can't fill the buffer.
//!
//! Of a retained topic or a schema only the last value waits, so there are no more than the router itself holds.
//!
//! *Invariants*: the numbers of what is on the disk, in the batch and in `waiting` go up in this order, and whatever
//! lies between the last of one and the first of the next was trimmed, so that nothing before counts any more.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use router::Timestamp;
use router::config::HistoryConfig;
use router::store::{StoreHealth, StoredEvent};
use wamp::PublicationId;

use crate::tables::Row;

/// See the module. All of it is guarded by one mutex.
#[derive(Debug)]
pub(crate) struct Buffer {
    events_max: usize,
    bytes_max: usize,
    histories: Vec<History>,
    retained: HashMap<String, Vec<Vec<u8>>>,
    schemas: HashMap<String, Option<Vec<u8>>>,
    /// What the writer has in hand.
    batch: Option<Arc<Batch>>,
    /// Events in `histories`, and their bytes.
    events: usize,
    bytes: usize,
    /// For the writer: it is not to wait for the flush interval to end.
    pub(crate) urged: bool,
    /// For the writer: the database failed somebody who read.
    pub(crate) ailing: bool,
    /// How many flushes were asked for, and how many of them were answered.
    pub(crate) flushes_asked: u64,
    pub(crate) flushes_answered: u64,
    /// Nothing is taken any more.
    pub(crate) closing: bool,
    written: u64,
    lost: u64,
    /// Why nothing can be written.
    pub(crate) failure: Option<String>,
}

/// What waits of one history.
#[derive(Debug)]
struct History {
    config: HistoryConfig,
    waiting: Run,
    /// The last timestamp there was.
    last: Timestamp,
}

/// Events with consecutive numbers.
#[derive(Debug, Default, Clone)]
pub(crate) struct Run {
    /// Where it began: the first number of what was put here.
    began: u64,
    /// The number of the first, or of the next if there is none.
    first: u64,
    /// Publications stand beside the events, so that one is found without looking at these.
    events: VecDeque<(PublicationId, Arc<StoredEvent>)>,
    bytes: usize,
}

/// What one transaction writes.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// By the numbers of histories.
    pub(crate) runs: Vec<Run>,
    pub(crate) retained: HashMap<String, Vec<Vec<u8>>>,
    pub(crate) schemas: HashMap<String, Option<Vec<u8>>>,
    /// Events in `runs`, and their bytes.
    events: usize,
    bytes: usize,
    /// The flushes that were asked for before it was taken: it has all that they are about.
    pub(crate) flushes_asked: u64,
}

/// Whether the writer should hear of what was put into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    Yes,
    No,
}

/// The buffer's part of one history at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Numbers from here on count, as far as the buffer can tell.
    pub(crate) counts_from: u64,
    /// Numbers below are on the disk, if they are anywhere.
    pub(crate) disk_end: u64,
    /// Where `waiting` begins.
    pub(crate) waiting_from: u64,
    /// What comes next.
    pub(crate) end: u64,
    /// Why the disk may not answer.
    pub(crate) failure: Option<String>,
    batch: Option<Arc<Batch>>,
    history: usize,
}

impl Buffer {
    pub(crate) fn new(configs: &[HistoryConfig], rows: &[Row], events_max: usize, bytes_max: usize) -> Self {
        let histories = configs.iter().zip(rows).map(|(config, row)| History {
            config: config.clone(),
            waiting: Run::at(row.end),
            last: row.last,
        });
        Buffer {
            events_max,
            bytes_max,
            histories: histories.collect(),
            retained: HashMap::new(),
            schemas: HashMap::new(),
            batch: None,
            events: 0,
            bytes: 0,
            urged: false,
            ailing: false,
            flushes_asked: 0,
            flushes_answered: 0,
            closing: false,
            written: 0,
            lost: 0,
            failure: None,
        }
    }

    pub(crate) fn append(&mut self, history: usize, event: Arc<StoredEvent>) -> Wake {
        let was_empty = self.is_empty();
        let bytes = event.bytes();
        let (is_full, has_no_room) = (self.is_full(), self.has_no_room_for(bytes));
        let Some(history) = self.histories.get_mut(history) else { return Wake::No };
        let fits = !(is_full || has_no_room) || history.would_replace(bytes, has_no_room);
        if self.closing || !fits {
            self.lost += 1;
            return Wake::No;
        }
        let (events_before, bytes_before) = (history.waiting.events.len(), history.waiting.bytes);
        history.append(event);
        self.events = self.events - events_before + history.waiting.events.len();
        self.bytes = self.bytes - bytes_before + history.waiting.bytes;
        let is_half_full = self.events >= self.events_max / 2 || self.bytes >= self.bytes_max / 2;
        self.wake(was_empty, is_half_full)
    }

    pub(crate) fn keep_retained(&mut self, topic: &str, events: Vec<Vec<u8>>) -> Wake {
        let was_empty = self.is_empty();
        if self.closing {
            self.lost += 1;
            return Wake::No;
        }
        put(&mut self.retained, topic, events);
        self.wake(was_empty, false)
    }

    pub(crate) fn keep_schema(&mut self, uri: &str, declaration: Option<Vec<u8>>) -> Wake {
        let was_empty = self.is_empty();
        if self.closing {
            self.lost += 1;
            return Wake::No;
        }
        put(&mut self.schemas, uri, declaration);
        self.wake(was_empty, false)
    }

    /// What is to be written next: the batch that could not be, or else all that waits.
    pub(crate) fn take_batch(&mut self) -> Arc<Batch> {
        self.urged = false;
        if let Some(batch) = &self.batch {
            return Arc::clone(batch);
        }
        let runs = self.histories.iter_mut().map(History::take).collect();
        let batch = Arc::new(Batch {
            runs,
            retained: std::mem::take(&mut self.retained),
            schemas: std::mem::take(&mut self.schemas),
            events: self.events,
            bytes: self.bytes,
            flushes_asked: self.flushes_asked,
        });
        (self.events, self.bytes) = (0, 0);
        self.batch = Some(Arc::clone(&batch));
        batch
    }

    /// The batch is on the disk.
    #[must_use = "to be dropped where it holds up nobody"]
    pub(crate) fn batch_written(&mut self) -> Option<Arc<Batch>> {
        let batch = self.batch.take();
        self.written += batch.as_ref().map_or(0, |batch| batch.len());
        batch
    }

    /// Nothing that still waits will be written; answers how much that is.
    pub(crate) fn give_up(&mut self) -> u64 {
        let waiting = self.pending();
        self.lost += waiting;
        self.batch = None;
        for history in &mut self.histories {
            history.take();
        }
        self.retained.clear();
        self.schemas.clear();
        (self.events, self.bytes) = (0, 0);
        waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events == 0 && self.retained.is_empty() && self.schemas.is_empty() && self.batch.is_none()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) fn health(&self) -> StoreHealth {
        StoreHealth {
            pending: self.pending(),
            written: self.written,
            lost: self.lost,
            failure: self.failure.clone(),
        }
    }

    pub(crate) fn snapshot(&self, number: usize) -> Option<Snapshot> {
        let history = self.histories.get(number)?;
        let end = history.waiting.end();
        let batch = self.batch.clone();
        let taken = batch.as_ref().and_then(|batch| batch.runs.get(number));
        let disk_end = taken.map_or(history.waiting.began, |run| run.first);
        // What was trimmed before it was written leaves a gap, and then nothing before it counts.
        let trimmed = [Some(&history.waiting), taken].into_iter().flatten().find(|run| run.first > run.began);
        let gap = trimmed.map_or(0, |run| run.first);
        Some(Snapshot {
            counts_from: gap.max(end.saturating_sub(history.config.events_max)),
            disk_end,
            waiting_from: history.waiting.first,
            end,
            failure: self.failure.clone(),
            batch,
            history: number,
        })
    }

    /// What waits of a history besides the batch.
    pub(crate) fn waiting(&self, history: usize) -> Option<&Run> {
        self.histories.get(history).map(|history| &history.waiting)
    }

    fn is_full(&self) -> bool {
        self.events + self.batch.as_ref().map_or(0, |batch| batch.events) >= self.events_max
    }

    fn has_no_room_for(&self, bytes: usize) -> bool {
        let taken = self.bytes + self.batch.as_ref().map_or(0, |batch| batch.bytes);
        taken > 0 && taken + bytes > self.bytes_max
    }

    /// The writer sleeps while there is nothing to do, and is called earlier than planned once.
    fn wake(&mut self, was_empty: bool, is_urgent: bool) -> Wake {
        let becomes_urgent = is_urgent && !self.urged;
        self.urged |= is_urgent;
        if was_empty || becomes_urgent { Wake::Yes } else { Wake::No }
    }

    fn pending(&self) -> u64 {
        let waiting = self.events + self.retained.len() + self.schemas.len();
        waiting as u64 + self.batch.as_ref().map_or(0, |batch| batch.len())
    }
}

fn put<V>(map: &mut HashMap<String, V>, key: &str, value: V) {
    match map.get_mut(key) {
        Some(waiting) => *waiting = value,
        None => drop(map.insert(key.to_owned(), value)),
    }
}

impl History {
    fn append(&mut self, event: Arc<StoredEvent>) {
        // HIS-20: a clock that was set back doesn't change the order, so that times can be searched.
        let event = if event.timestamp() < self.last {
            Arc::new(StoredEvent::clone(&event).at(self.last))
        } else {
            event
        };
        self.last = event.timestamp();
        self.waiting.push(event);
        let (config, now) = (&self.config, self.last);
        let is_over = |run: &Run| {
            run.len() > config.events_max
                || run.bytes as u64 > config.bytes_max
                || run.events.front().is_some_and(|(_, oldest)| is_too_old(oldest.timestamp(), config, now))
        };
        while is_over(&self.waiting) {
            self.waiting.pop();
        }
    }

    /// Whether an event of this size would only take the place of the oldest that waits.
    fn would_replace(&self, bytes: usize, must_be_smaller: bool) -> bool {
        let oldest = self.waiting.events.front().filter(|_| self.waiting.len() >= self.config.events_max);
        oldest.is_some_and(|(_, oldest)| !must_be_smaller || bytes <= oldest.bytes())
    }

    fn take(&mut self) -> Run {
        let next = Run::at(self.waiting.end());
        std::mem::replace(&mut self.waiting, next)
    }
}

/// Whether an event of the moment `then` is too old for its history.
pub(crate) fn is_too_old(then: Timestamp, config: &HistoryConfig, now: Timestamp) -> bool {
    config.age_max.is_some_and(|age| u128::from(now.0.saturating_sub(then.0)) > age.as_micros())
}

impl Run {
    fn at(number: u64) -> Self {
        Run { began: number, first: number, ..Run::default() }
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// The number that comes next.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.len()
    }

    fn len(&self) -> u64 {
        self.events.len() as u64
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events from this number on, with their numbers.
    pub(crate) fn from(&self, number: u64) -> impl Iterator<Item = (u64, &Arc<StoredEvent>)> {
        let skipped = self.index(number);
        (self.first + skipped as u64..).zip(self.events.range(skipped..).map(|(_, event)| event))
    }

    /// Copies up to `max` events with numbers in `from..to`, the last ones if `reverse`, which come last first.
    pub(crate) fn slice(&self, from: u64, to: u64, max: usize, reverse: bool) -> Vec<Arc<StoredEvent>> {
        let (from, to) = (self.index(from), self.index(to));
        if from >= to {
            return Vec::new();
        }
        let events = self.events.range(from..to).map(|(_, event)| Arc::clone(event));
        if reverse { events.rev().take(max).collect() } else { events.take(max).collect() }
    }

    pub(crate) fn number_of(&self, publication: PublicationId) -> Option<u64> {
        // The newest, should an id ever have been drawn twice.
        let index = self.events.iter().rposition(|(candidate, _)| *candidate == publication)?;
        Some(self.first + index as u64)
    }

    /// The number of the first event whose time isn't `early`; `None` if that could be one before this run, or if
    /// there is none.
    pub(crate) fn first_not(&self, early: &dyn Fn(Timestamp) -> bool) -> Option<u64> {
        let index = self.events.partition_point(|(_, event)| early(event.timestamp()));
        (index > 0).then(|| self.first + index as u64)
    }

    fn push(&mut self, event: Arc<StoredEvent>) {
        self.bytes += event.bytes();
        self.events.push_back((event.publication(), event));
    }

    fn pop(&mut self) {
        if let Some((_, event)) = self.events.pop_front() {
            self.bytes -= event.bytes();
            self.first += 1;
        }
    }

    fn index(&self, number: u64) -> usize {
        let index = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        index.min(self.events.len())
    }
}

impl Batch {
    /// How many changes there are in it.
    pub(crate) fn len(&self) -> u64 {
        (self.events + self.retained.len() + self.schemas.len()) as u64
    }
}

impl Snapshot {
    /// What of the history the writer has in hand.
    pub(crate) fn batch(&self) -> Option<&Run> {
        let run = self.batch.as_ref()?.runs.get(self.history)?;
        (!run.is_empty()).then_some(run)
    }
}
