//! From a path to a database that is ours.

use std::collections::HashSet;
use std::path::Path;

use redb::{Builder, Database, ReadableDatabase};
use router::config::HistoryConfig;

use crate::error::{Fault, OpenError, unpanicked};
use crate::medium::{Medium, Place};
use crate::tables::{self, FORMAT, Row};

/// A database, checked, and the rows of the histories that are configured.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) rows: Vec<Row>,
    /// How many histories it has besides.
    pub(crate) others: usize,
    /// Otherwise it is a view of what can't be written at present.
    pub(crate) is_writable: bool,
}

/// Opens the store at a place; one that can't be written at present as a view of what is in it, since a disk that is full
/// or read-only must not keep a router from starting.
pub(crate) fn open_at(
    path: &Path,
    place: &dyn Place,
    cache_bytes: usize,
    configs: &[HistoryConfig],
) -> Result<Opened, OpenError> {
    let error = match place.medium().and_then(|medium| open(path, medium, cache_bytes, configs)) {
        Err(error @ (OpenError::ReadOnly { .. } | OpenError::Unusable { .. })) => error,
        opened => return opened,
    };
    match place.view().and_then(|view| open(path, view, cache_bytes, configs)) {
        Ok(opened) => Ok(Opened { is_writable: false, ..opened }),
        // Why it can't be written says more than why it can't even be read.
        Err(_) => Err(error),
    }
}

pub(crate) fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

/// Opens what is on a medium, if it is a store.
pub(crate) fn open(
    path: &Path,
    medium: Medium,
    cache_bytes: usize,
    configs: &[HistoryConfig],
) -> Result<Opened, OpenError> {
    check(path, configs)?;
    let damaged = |Fault(reason)| OpenError::Damaged { path: path.to_owned(), reason };
    let database = unpanicked(|| Ok(builder(cache_bytes).create_with_backend(medium)))
        .map_err(damaged)?
        .map_err(|error| OpenError::database(path, error))?;
    let format = unpanicked(|| tables::format(&database.begin_read()?)).map_err(damaged)?;
    match format {
        Some(FORMAT) => {}
        Some(found) => return Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT }),
        None => return Err(OpenError::Foreign { path: path.to_owned() }),
    }
    let unusable = |Fault(reason)| OpenError::Unusable { path: path.to_owned(), reason };
    let (rows, others) = unpanicked(|| rows(&database, configs)).map_err(unusable)?;
    Ok(Opened { database, rows, others, is_writable: true })
}

fn rows(database: &Database, configs: &[HistoryConfig]) -> Result<(Vec<Row>, usize), Fault> {
    let mut tx = database.begin_write()?;
    tx.set_quick_repair(true);
    let rows = tables::rows(&tx, configs)?;
    tx.commit()?;
    Ok(rows)
}

fn check(path: &Path, configs: &[HistoryConfig]) -> Result<(), OpenError> {
    let mut seen = HashSet::new();
    match configs.iter().find(|config| !seen.insert(tables::history_key(config))) {
        None => Ok(()),
        Some(twice) => Err(OpenError::Twice {
            path: path.to_owned(),
            uri: twice.uri.clone(),
            match_policy: twice.match_policy,
        }),
    }
}
