//! Giving back what a file has grown by and doesn't need any more.
//!
//! Pages that trimming frees are used again, so a file is never larger than what it once held, and some. When a bound was
//! lowered a lot, most of it is free; then it is made small when the store is opened. That takes time by what is kept, not
//! by the size of the file, and is left where much is kept.

use std::path::Path;

use redb::Database;

use crate::error::{Fault, unpanicked};
use crate::tables::Row;

/// Files below this are left as they are.
const FILE_BYTES_MIN: u64 = 64 << 20;

/// Where more is kept than this it would take too long, as long as a minute.
const KEPT_BYTES_MAX: u64 = 256 << 20;

/// How much larger than what it keeps a file may be.
const SLACK: u64 = 4;

/// Whether a file of this length is mostly free, as far as its histories tell.
pub(crate) fn looks_mostly_free(file_bytes: u64, rows: &[Row]) -> bool {
    let kept = rows.iter().map(|row| row.bytes).sum::<u64>();
    file_bytes >= FILE_BYTES_MIN && kept <= KEPT_BYTES_MAX && kept.saturating_mul(SLACK) < file_bytes
}

/// Makes a file small that looks mostly free, if it is: schemas and retained events count too.
pub(crate) fn compact(path: &Path, database: &mut Database) -> Result<(), Fault> {
    unpanicked(|| {
        let length = || std::fs::metadata(path).map_or(0, |found| found.len());
        let before = length();
        let tx = database.begin_write()?;
        let stats = tx.stats()?;
        tx.abort()?;
        let kept = stats.allocated_pages().saturating_mul(stats.page_size() as u64);
        if kept > KEPT_BYTES_MAX || kept.saturating_mul(SLACK / 2) > before {
            return Ok(());
        }
        database.compact()?;
        tracing::info!(file = %path.display(), before, after = length(), "the store's file was made smaller");
        Ok(())
    })
}
