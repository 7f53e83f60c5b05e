//! What is over the bounds of a history goes, oldest first, a little in each transaction.
//!
//! A bound that was lowered may put millions of events over it. They are taken away over many transactions, so that none
//! of them takes long or much memory; each transaction takes more than it adds, so the end is reached under any load.

use redb::ReadableTable;
use router::Timestamp;
use router::config::HistoryConfig;
use router::store::StoredEvent;
use wamp::PublicationId;

use crate::buffer::is_too_old;
use crate::commit::{Appended, Events, Publications, number_from};
use crate::error::Fault;
use crate::tables::Row;

/// The trimming of one history in one transaction.
pub(crate) struct Trim<'a> {
    pub(crate) config: &'a HistoryConfig,
    pub(crate) now: Timestamp,
    /// What the transaction has added.
    pub(crate) appended: Appended,
}

/// What a transaction may take away besides as much as it has added.
const EVENTS_MAX: u64 = 20_000;
const BYTES_MAX: u64 = 64 << 20;

/// What is found to be over the bounds.
struct Doomed {
    /// Index keys of the events that go, with their numbers.
    index: Vec<(u64, PublicationId)>,
    events: u64,
    bytes: u64,
    /// The number behind the last of them.
    end: u64,
    /// There would have been more.
    is_cut: bool,
}

impl Trim<'_> {
    /// Takes away what it may; answers whether there is more.
    pub(crate) fn run(
        &self,
        row: &mut Row,
        events: &mut Events<'_>,
        publications: &mut Publications<'_>,
    ) -> Result<bool, Fault> {
        row.first = row.first.max(row.end.saturating_sub(self.config.events_max));
        let doomed = self.find(row, events)?;
        if doomed.end > row.trimmed {
            events.retain_in((row.id, row.trimmed)..(row.id, doomed.end), |_, _| false)?;
            self.forget(row, &doomed, publications)?;
        }
        row.bytes = row.bytes.saturating_sub(doomed.bytes);
        row.trimmed = match doomed.is_cut {
            true => doomed.end,
            false => number_from(events, row, doomed.end)?.unwrap_or(row.end),
        };
        row.first = row.first.max(row.trimmed);
        if row.trimmed == row.end {
            // Should the count ever have been wrong, it is right again.
            row.bytes = 0;
        }
        Ok(doomed.is_cut)
    }

    fn find(&self, row: &Row, events: &Events<'_>) -> Result<Doomed, Fault> {
        let now = self.now.max(row.last);
        let mut doomed = Doomed { index: Vec::new(), events: 0, bytes: 0, end: row.trimmed, is_cut: false };
        for record in events.range((row.id, row.trimmed)..(row.id, row.end))? {
            let (key, value) = record?;
            let (number, record) = (key.value().1, value.value());
            // A record that can't be read is taken away like any other.
            let head = StoredEvent::head(record).ok();
            let is_over = number < row.first
                || row.bytes - doomed.bytes.min(row.bytes) > self.config.bytes_max
                || head.is_some_and(|head| is_too_old(head.timestamp, self.config, now));
            if !is_over {
                break;
            }
            if doomed.events >= self.appended.events + EVENTS_MAX
                || doomed.bytes >= self.appended.bytes + BYTES_MAX
            {
                doomed.is_cut = true;
                break;
            }
            doomed.index.extend(head.map(|head| (number, head.publication)));
            doomed.events += 1;
            doomed.bytes += head.map_or(record.len(), |head| head.bytes) as u64;
            doomed.end = number + 1;
        }
        Ok(doomed)
    }

    fn forget(&self, row: &Row, doomed: &Doomed, publications: &mut Publications<'_>) -> Result<(), Fault> {
        let mut index: Vec<_> = doomed
            .index
            .iter()
            .map(|(number, publication)| (row.index_key(*number, *publication), *number))
            .collect();
        index.sort_unstable();
        for (key, number) in index {
            // An id that was drawn twice belongs to the later event.
            let is_its = publications.get(key)?.is_some_and(|found| found.value() == number);
            if is_its {
                publications.remove(key)?;
            }
        }
        Ok(())
    }
}
