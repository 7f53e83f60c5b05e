//! One transaction: what has gathered, and what must go for it.

use redb::{Database, ReadableTable, Table, WriteTransaction};
use router::Timestamp;
use router::config::HistoryConfig;

use crate::buffer::{Batch, Run};
use crate::error::Fault;
use crate::tables::{self, EVENTS, HISTORIES, PUBLICATIONS, RETAINED, Row, SCHEMAS};
use crate::trim::Trim;

/// What a transaction is made from.
pub(crate) struct Commit<'a> {
    pub(crate) database: &'a Database,
    pub(crate) configs: &'a [HistoryConfig],
    pub(crate) batch: &'a Batch,
    pub(crate) trimming: Trimming,
    pub(crate) now: Timestamp,
}

/// Which histories are trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trimming {
    /// Those that something is appended to.
    Appended,
    /// All, as age does not wait for anybody to publish.
    All,
}

pub(crate) type Events<'t> = Table<'t, (u32, u64), &'static [u8]>;
pub(crate) type Publications<'t> = Table<'t, (u32, u32, u64), u64>;

impl Commit<'_> {
    /// Writes it; answers whether a history still holds more than it should, because this would have taken too long.
    pub(crate) fn run(&self) -> Result<bool, Fault> {
        let mut tx = self.database.begin_write()?;
        // A few more bytes in each commit, and a start after a crash need not read the whole file.
        tx.set_quick_repair(true);
        let (is_changed, is_over_bounds) = self.write(&tx)?;
        if is_changed {
            tx.commit()?;
        } else {
            tx.abort()?;
        }
        Ok(is_over_bounds)
    }

    fn write(&self, tx: &WriteTransaction) -> Result<(bool, bool), Fault> {
        let mut is_changed = self.write_values(tx)?;
        let mut is_over_bounds = false;
        let (rows, _) = tables::rows(tx, self.configs)?;
        let mut histories = tx.open_table(HISTORIES)?;
        let mut events = tx.open_table(EVENTS)?;
        let mut publications = tx.open_table(PUBLICATIONS)?;
        let empty = Run::default();
        for (number, (config, before)) in self.configs.iter().zip(rows).enumerate() {
            let run = self.batch.runs.get(number).unwrap_or(&empty);
            if run.end() <= before.end && self.trimming == Trimming::Appended {
                continue;
            }
            let mut row = before;
            let appended = append(&mut row, run, &mut events, &mut publications)?;
            let trim = Trim { config, now: self.now, appended };
            is_over_bounds |= trim.run(&mut row, &mut events, &mut publications)?;
            if row != before {
                histories.insert(tables::history_key(config), row.fields())?;
                is_changed = true;
            }
        }
        Ok((is_changed, is_over_bounds))
    }

    fn write_values(&self, tx: &WriteTransaction) -> Result<bool, Fault> {
        let mut retained = tx.open_table(RETAINED)?;
        for (topic, events) in &self.batch.retained {
            let joined = (!events.is_empty()).then(|| tables::join(events));
            put(&mut retained, topic, joined.as_deref())?;
        }
        let mut schemas = tx.open_table(SCHEMAS)?;
        for (uri, declaration) in &self.batch.schemas {
            put(&mut schemas, uri, declaration.as_deref())?;
        }
        Ok(!self.batch.retained.is_empty() || !self.batch.schemas.is_empty())
    }
}

fn put(table: &mut Table<'_, &str, &[u8]>, key: &str, value: Option<&[u8]>) -> Result<(), Fault> {
    match value {
        Some(value) => drop(table.insert(key, value)?),
        None => drop(table.remove(key)?),
    }
    Ok(())
}

/// What a transaction has added to a history.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Appended {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

/// Writes a run behind what is there. A commit that failed may have been made all the same, so what is there already
/// is left.
fn append(
    row: &mut Row,
    run: &Run,
    events: &mut Events<'_>,
    publications: &mut Publications<'_>,
) -> Result<Appended, Fault> {
    if run.first() > row.end {
        // What would be between was trimmed before it was written, so it is what is oldest now.
        (row.first, row.end) = (run.first(), run.first());
    }
    let mut appended = Appended::default();
    let mut index = Vec::new();
    for (number, event) in run.from(row.end) {
        events.insert((row.id, number), event.encode().as_slice())?;
        index.push((row.index_key(number, event.publication()), number));
        row.end = number + 1;
        row.last = event.timestamp();
        appended.events += 1;
        appended.bytes += event.bytes() as u64;
    }
    row.bytes += appended.bytes;
    // In the order of the pages.
    index.sort_unstable();
    for (key, number) in index {
        publications.insert(key, number)?;
    }
    Ok(appended)
}

/// The first event on the disk from this number on.
pub(crate) fn number_from(events: &Events<'_>, row: &Row, number: u64) -> Result<Option<u64>, Fault> {
    let mut range = events.range((row.id, number)..(row.id, row.end))?;
    Ok(range.next().transpose()?.map(|(key, _)| key.value().1))
}
