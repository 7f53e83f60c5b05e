//! What lies in the database.
//!
//! ```text
//! table         key                                   value
//! meta          "format"                              1
//! histories     match policy, URI                     id, trimmed, first, end, bytes, last
//! events        id, number                            StoredEvent::encode
//! publications  id, number / SEGMENT, publication     number
//! retained      topic                                 for each event its length (4 bytes, big-endian) and itself
//! schemas       URI                                   declaration
//! ```
//!
//! The events of a history are numbered from 0 as they are appended; what number is next outlives them all. Their numbers:
//!
//! ```text
//! trimmed          first                       end
//! |  over a bound  |  what the history holds   |  what comes next
//! |  not yet gone  |                           |
//! ```
//!
//! A history is found by what it is about, so one that is configured again finds what it had, wherever it stands in the
//! configuration; one that is not configured any more stays as it is, since a slip of the pen must not cost its events.
//!
//! *Why segments.* Publication ids are random, so an index by them alone would change as many pages as it takes events:
//! with six million events and 20,000 in a transaction that was a quarter of the speed and twice the file. Ordered by
//! segment first, only the pages of the newest one change; a publication is looked for in all of them, newest first, which
//! is 39 for ten million events, and takes some microseconds each.

use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use router::Timestamp;
use router::config::HistoryConfig;
use wamp::{MatchPolicy, PublicationId};

use crate::error::Fault;

/// The format that is described above.
pub(crate) const FORMAT: u64 = 1;

pub(crate) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(crate) const HISTORIES: TableDefinition<'_, (u8, &str), Fields> = TableDefinition::new("histories");
pub(crate) const EVENTS: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("events");
pub(crate) const PUBLICATIONS: TableDefinition<'_, (u32, u32, u64), u64> =
    TableDefinition::new("publications");
pub(crate) const RETAINED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("retained");
pub(crate) const SCHEMAS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("schemas");

/// The key in `meta` of the format.
pub(crate) const META_FORMAT: &str = "format";

/// How many events share a part of the index by publication.
const SEGMENT: u64 = 1 << 18;

type Fields = (u32, u64, u64, u64, u64, u64);

/// A history, as its row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// What stands for it in the other tables.
    pub(crate) id: u32,
    /// No event before this number is on the disk.
    pub(crate) trimmed: u64,
    /// The first event that counts.
    pub(crate) first: u64,
    /// What comes next.
    pub(crate) end: u64,
    /// The bytes of the events from `trimmed` on, as [`router::store::StoredEvent::bytes`] counts them.
    pub(crate) bytes: u64,
    /// The timestamp of the last event there ever was.
    pub(crate) last: Timestamp,
}

impl Row {
    pub(crate) fn new(id: u32) -> Self {
        Row { id, trimmed: 0, first: 0, end: 0, bytes: 0, last: Timestamp(0) }
    }

    pub(crate) fn from_fields((id, trimmed, first, end, bytes, last): Fields) -> Self {
        Row { id, trimmed, first, end, bytes, last: Timestamp(last) }
    }

    pub(crate) fn fields(self) -> Fields {
        (self.id, self.trimmed, self.first, self.end, self.bytes, self.last.0)
    }

    /// The key in `publications` of the event of this number.
    pub(crate) fn index_key(&self, number: u64, publication: PublicationId) -> (u32, u32, u64) {
        (self.id, segment(number), publication.value())
    }

    /// The keys under which a publication may be, newest first.
    pub(crate) fn index_keys(&self, publication: PublicationId) -> impl Iterator<Item = (u32, u32, u64)> {
        let segments = segment(self.first)..=segment(self.end.saturating_sub(1));
        let id = self.id;
        segments.rev().map(move |segment| (id, segment, publication.value()))
    }
}

fn segment(number: u64) -> u32 {
    u32::try_from(number / SEGMENT).unwrap_or(u32::MAX)
}

/// What a history is known by.
pub(crate) fn history_key(config: &HistoryConfig) -> (u8, &str) {
    let policy = match config.match_policy {
        MatchPolicy::Exact => 1,
        MatchPolicy::Prefix => 2,
        MatchPolicy::Wildcard => 3,
    };
    (policy, &config.uri)
}

/// Sets up an empty database.
pub(crate) fn create(tx: &WriteTransaction) -> Result<(), Fault> {
    tx.open_table(HISTORIES)?;
    tx.open_table(EVENTS)?;
    tx.open_table(PUBLICATIONS)?;
    tx.open_table(RETAINED)?;
    tx.open_table(SCHEMAS)?;
    tx.open_table(META)?.insert(META_FORMAT, FORMAT)?;
    Ok(())
}

/// The format of a database; `None`: it is nothing of ours.
pub(crate) fn format(tx: &ReadTransaction) -> Result<Option<u64>, Fault> {
    let meta = match tx.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    Ok(meta.get(META_FORMAT)?.map(|format| format.value()))
}

/// The rows of these histories, each made if it isn't there, and how many others there are.
pub(crate) fn rows(tx: &WriteTransaction, configs: &[HistoryConfig]) -> Result<(Vec<Row>, usize), Fault> {
    let mut table = tx.open_table(HISTORIES)?;
    let mut known = 0;
    let mut id_max = 0;
    for row in table.iter()? {
        known += 1;
        id_max = id_max.max(Row::from_fields(row?.1.value()).id);
    }
    let mut rows = Vec::with_capacity(configs.len());
    for config in configs {
        let found = table.get(history_key(config))?.map(|fields| Row::from_fields(fields.value()));
        let row = match found {
            Some(row) => {
                known -= 1;
                row
            }
            None => {
                id_max += 1;
                let row = Row::new(id_max);
                table.insert(history_key(config), row.fields())?;
                row
            }
        };
        rows.push(row);
    }
    Ok((rows, known))
}

/// Retained events as one value.
pub(crate) fn join(events: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(events.iter().map(|event| 4 + event.len()).sum());
    for event in events {
        // A message is at most 16 MiB by default, and never 4 GiB.
        let Ok(length) = u32::try_from(event.len()) else { continue };
        joined.extend_from_slice(&length.to_be_bytes());
        joined.extend_from_slice(event);
    }
    joined
}

/// What [`join`] joined; `None`: it didn't.
pub(crate) fn split(mut joined: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut events = Vec::new();
    while let Some((length, rest)) = joined.split_first_chunk::<4>() {
        let (event, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        events.push(event.to_vec());
        joined = rest;
    }
    joined.is_empty().then_some(events)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn retained_events_come_apart_as_they_were_joined(
            events in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5)
        ) {
            prop_assert_eq!(split(&join(&events)), Some(events));
        }

        #[test]
        fn any_bytes_come_apart_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(events) = split(&bytes) {
                prop_assert_eq!(join(&events), bytes);
            }
        }
    }

    #[test]
    fn a_publication_is_looked_for_in_each_segment_that_counts() {
        let row = Row { first: SEGMENT - 1, end: 3 * SEGMENT, ..Row::new(7) };
        let publication = PublicationId::from_bits(5);
        let keys: Vec<_> = row.index_keys(publication).collect();
        assert_eq!(keys, [(7, 2, 6), (7, 1, 6), (7, 0, 6)]);
        assert_eq!(row.index_key(SEGMENT, publication), (7, 1, 6));
    }
}
