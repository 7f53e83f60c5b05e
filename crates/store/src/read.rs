//! Events in the order of their numbers, wherever they are.
//!
//! A read knows its numbers from the start and goes through them in chunks. For each chunk it looks anew where the next
//! number is: in the buffer, in the writer's batch, or on the disk. So nothing is locked, and no transaction open, while
//! events are looked at, however long that takes. What is trimmed meanwhile is passed over.

use std::sync::Arc;

use redb::{ReadOnlyTable, ReadTransaction, ReadableDatabase};
use router::store::{BadRecord, EventRange, StoreError, StoredEvent, Visit};

use crate::buffer::Snapshot;
use crate::error::{Fault, unpanicked};
use crate::lock::{lock, read};
use crate::tables::{self, EVENTS, HISTORIES, Row};
use crate::writer::{Open, Shared};

/// Reads one history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) history: usize,
}

/// One history on the disk, at one moment.
pub(crate) struct Disk {
    pub(crate) tx: ReadTransaction,
    pub(crate) row: Row,
    pub(crate) events: ReadOnlyTable<(u32, u64), &'static [u8]>,
}

/// Numbers that are to be read: `from..to`.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
    reverse: bool,
}

/// Some events, in the order of the read, and what is to be read after them.
struct Chunk {
    events: Vec<Result<Arc<StoredEvent>, BadRecord>>,
    rest: Span,
}

/// How many events are taken at a time: few at first, since most reads want few.
const CHUNK_MIN: usize = 16;
const CHUNK_MAX: usize = 512;

/// A chunk ends when it has more than this.
const CHUNK_BYTES: usize = 1 << 20;

impl<'s> Reader<'s> {
    /// `None`: there is no such history.
    pub(crate) fn new(shared: &'s Shared, history: usize) -> Option<Self> {
        (history < shared.configs.len()).then_some(Reader { shared, history })
    }

    pub(crate) fn read(&self, range: &EventRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let (from, to) = self.numbers_in(range)?;
        let mut span = Span { from, to, reverse: range.reverse };
        let mut size = CHUNK_MIN;
        while span.from < span.to {
            let chunk = self.chunk(span, size)?;
            for event in chunk.events {
                let event = event.map_err(|error| self.unavailable(&Fault::damaged(error)))?;
                if visit(&event).is_break() {
                    return Ok(());
                }
            }
            span = chunk.rest;
            size = (size * 2).min(CHUNK_MAX);
        }
        Ok(())
    }

    pub(crate) fn snapshot(&self) -> Option<Snapshot> {
        lock(&self.shared.buffer).snapshot(self.history)
    }

    /// Asks the disk.
    pub(crate) fn disk<T>(
        &self,
        snapshot: &Snapshot,
        question: impl FnOnce(&Disk) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let answer = {
            let open = read(&self.shared.database);
            let Some(Open { database, .. }) = &*open else {
                let closed = || format!("{}: the store is closed", self.shared.path);
                return Err(StoreError::Unavailable(snapshot.failure.clone().unwrap_or_else(closed)));
            };
            unpanicked(|| {
                let tx = database.begin_read()?;
                let histories = tx.open_table(HISTORIES)?;
                let config = self.shared.configs.get(self.history);
                let row = match config {
                    Some(config) => histories.get(tables::history_key(config))?,
                    None => None,
                };
                let row = row.ok_or_else(|| Fault::damaged("a history is missing"))?;
                let row = Row::from_fields(row.value());
                let events = tx.open_table(EVENTS)?;
                question(&Disk { tx, row, events })
            })
        };
        answer.map_err(|fault| {
            // After an error redb answers nothing until it is opened anew, which is the writer's business.
            lock(&self.shared.buffer).ailing = true;
            self.shared.wake();
            self.unavailable(&fault)
        })
    }

    fn unavailable(&self, fault: &Fault) -> StoreError {
        StoreError::Unavailable(format!("{}: {fault}", self.shared.path))
    }

    fn chunk(&self, span: Span, max: usize) -> Result<Chunk, StoreError> {
        let (waiting, snapshot) = {
            let buffer = lock(&self.shared.buffer);
            let snapshot = buffer.snapshot(self.history);
            let waiting = buffer.waiting(self.history).zip(snapshot.as_ref()).and_then(|(run, snapshot)| {
                let span = span.cut(snapshot.counts_from);
                span.reaches(run.first())
                    .then(|| run.slice(span.from.max(run.first()), span.to, max, span.reverse))
            });
            (waiting, snapshot)
        };
        let Some(snapshot) = snapshot else { return Ok(Chunk::none(span)) };
        let span = span.cut(snapshot.counts_from);
        if let Some(events) = waiting {
            return Ok(Chunk::buffered(events, span));
        }
        if let Some(run) = snapshot.batch().filter(|run| span.reaches(run.first())) {
            let span = if span.reverse { Span { to: span.to.min(run.end()), ..span } } else { span };
            let events = run.slice(span.from, span.to, max, span.reverse);
            return Ok(Chunk::buffered(events, span));
        }
        let part = Span { to: span.to.min(snapshot.disk_end), ..span };
        if part.from >= part.to {
            // Forward: between the disk and the buffer there is nothing that counts. Reverse: this is the end.
            return Ok(Chunk::none(Span { from: snapshot.waiting_from, ..span }));
        }
        let mut chunk = self.disk(&snapshot, |disk| disk.chunk(part, max))?;
        if !span.reverse {
            chunk.rest.to = span.to;
        }
        Ok(chunk)
    }
}

impl Span {
    /// Without what doesn't count.
    fn cut(self, counts_from: u64) -> Self {
        Span { from: self.from.max(counts_from), ..self }
    }

    /// Whether what is read next is from this number on.
    fn reaches(self, number: u64) -> bool {
        self.from < self.to && if self.reverse { self.to > number } else { self.from >= number }
    }
}

impl Chunk {
    fn none(rest: Span) -> Self {
        Chunk { events: Vec::new(), rest }
    }

    /// From the buffer, where numbers have no gaps.
    fn buffered(events: Vec<Arc<StoredEvent>>, span: Span) -> Self {
        let taken = events.len() as u64;
        let rest = match (taken, span.reverse) {
            (0, _) => Span { from: span.to, ..span },
            (_, true) => Span { to: span.to - taken, ..span },
            (_, false) => Span { from: span.from + taken, ..span },
        };
        Chunk { events: events.into_iter().map(Ok).collect(), rest }
    }
}

impl Disk {
    fn chunk(&self, span: Span, max: usize) -> Result<Chunk, Fault> {
        let from = span.from.max(self.row.first);
        let to = span.to.min(self.row.end);
        if from >= to {
            let end =
                if span.reverse { Span { to: span.from, ..span } } else { Span { from: span.to, ..span } };
            return Ok(Chunk::none(end));
        }
        let mut records = self.events.range((self.row.id, from)..(self.row.id, to))?;
        let mut chunk = Chunk::none(span);
        let mut bytes = 0;
        while chunk.events.len() < max && bytes < CHUNK_BYTES {
            let record = if span.reverse { records.next_back() } else { records.next() };
            let Some(record) = record else {
                chunk.rest = if span.reverse { Span { to: from, ..span } } else { Span { from: to, ..span } };
                break;
            };
            let (key, value) = record?;
            let number = key.value().1;
            bytes += value.value().len();
            chunk.events.push(StoredEvent::decode(value.value()).map(Arc::new));
            chunk.rest =
                if span.reverse { Span { to: number, ..span } } else { Span { from: number + 1, ..span } };
        }
        Ok(chunk)
    }
}
