//! The store as the router uses it, on real files and on a disk that fails when it is told to.

mod disk;
mod kill;
mod log;
mod model;
mod opening;
mod reading;
mod restart;
mod trimming;
mod trouble;

use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use router::Timestamp;
use router::config::HistoryConfig;
use router::edges::{Clock, Stopped};
use router::store::{EventPublisher, EventRange, Store, StoreError, StoredEvent};
use wamp::{MatchPolicy, PublicationId, Serializer, SessionId};

use crate::{Redb, RedbOptions};

/// A directory that goes when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cloverleaf-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A clock that a test sets.
#[derive(Debug, Default)]
struct SetClock(AtomicU64);

impl Clock for SetClock {
    fn timestamp(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A store that writes when it is told to, and whose clock stands still.
fn manual() -> RedbOptions {
    RedbOptions {
        flush_interval: Duration::from_secs(3600),
        clock: Arc::new(Stopped),
        ..RedbOptions::default()
    }
}

fn unbounded(uri: &str) -> HistoryConfig {
    HistoryConfig { events_max: u64::MAX, bytes_max: u64::MAX, ..HistoryConfig::new(uri, MatchPolicy::Exact) }
}

fn open(path: &Path, histories: &[HistoryConfig]) -> Redb {
    Redb::open(path, &manual(), histories).unwrap()
}

/// An event of this publication, which says when it was published.
fn event_of(publication: u64, micros: u64, payload_bytes: usize) -> Arc<StoredEvent> {
    let publisher = EventPublisher {
        session: SessionId::new(7).unwrap(),
        authid: "joe".into(),
        authrole: "user".into(),
        trustlevel: None,
    };
    let publication = PublicationId::new(publication).unwrap();
    let publish = vec![0; payload_bytes];
    Arc::new(StoredEvent::from_publish(Timestamp(micros), publication, publisher, Serializer::Cbor, publish))
}

/// The event of this number: so many are its publication and its time.
fn event(number: u64) -> Arc<StoredEvent> {
    event_of(number, number, 20)
}

fn append(store: &Redb, history: usize, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        store.append(history, event(number));
    }
}

/// The publications in a range.
fn read(store: &dyn Store, history: usize, range: &EventRange) -> Result<Vec<u64>, StoreError> {
    let mut publications = Vec::new();
    store.read(history, range, &mut |event| {
        publications.push(event.publication().value());
        ControlFlow::Continue(())
    })?;
    Ok(publications)
}

fn all(store: &Redb, history: usize) -> Vec<u64> {
    read(store, history, &EventRange::default()).unwrap()
}

fn numbers(range: std::ops::RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

fn publication(number: u64) -> PublicationId {
    PublicationId::new(number).unwrap()
}

fn from_publication(number: u64) -> EventRange {
    EventRange { publication_from: Bound::Included(publication(number)), ..EventRange::default() }
}

/// Waits for what the writer does by itself. A store that never does it fails the test.
fn await_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain: {what}");
}
