//! Each bound of a history holds on the disk, when it is reached and when it was lowered.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use router::Timestamp;
use router::config::HistoryConfig;
use router::store::{EventRange, Store};

use super::disk::TestDisk;
use super::{
    Directory, SetClock, all, append, await_until, event, event_of, from_publication, manual, numbers, open,
    read, unbounded,
};
use crate::lock;
use crate::tables::{EVENTS, HISTORIES, PUBLICATIONS, Row, history_key};
use crate::{Redb, RedbOptions};

/// How many events and index entries are on the disk, and what the row of the history says.
pub(super) fn on_disk(store: &Redb, config: &HistoryConfig) -> (u64, u64, Row) {
    let database = lock::read(&store.shared().database);
    let tx = database.as_ref().unwrap().database.begin_read().unwrap();
    let row = tx.open_table(HISTORIES).unwrap().get(history_key(config)).unwrap().unwrap().value();
    let events = tx.open_table(EVENTS).unwrap();
    let bytes: usize = events
        .iter()
        .unwrap()
        .map(|record| router::store::StoredEvent::head(record.unwrap().1.value()).unwrap().bytes)
        .sum();
    let row = Row::from_fields(row);
    assert_eq!(row.bytes, bytes as u64);
    (events.len().unwrap(), tx.open_table(PUBLICATIONS).unwrap().len().unwrap(), row)
}

#[test]
fn the_newest_events_stay() {
    let directory = Directory::new();
    let config = HistoryConfig { events_max: 100, ..unbounded("com.a") };
    let store = open(&directory.file("realm1.redb"), std::slice::from_ref(&config));
    for round in 0..20 {
        append(&store, 0, round * 70 + 1..=round * 70 + 70);
        // Even before anything was written or trimmed.
        let first = (round * 70 + 70u64).saturating_sub(99).max(1);
        assert_eq!(all(&store, 0), numbers(first..=round * 70 + 70));
        store.flush().unwrap();
        assert_eq!(all(&store, 0), numbers(first..=round * 70 + 70));
    }
    let (events, index, row) = on_disk(&store, &config);
    assert_eq!((events, index), (100, 100));
    assert_eq!((row.trimmed, row.first, row.end), (1300, 1300, 1400));
    assert!(read(&store, 0, &from_publication(1300)).is_err());
    assert_eq!(read(&store, 0, &from_publication(1399)).unwrap(), [1399, 1400]);
}

#[test]
fn what_is_over_a_bound_before_it_is_written_never_is() {
    let directory = Directory::new();
    let config = HistoryConfig { events_max: 10, ..unbounded("com.a") };
    let options = RedbOptions { pending_events_max: 20, ..manual() };
    let path = directory.file("realm1.redb");
    let store = Redb::open(&path, &options, std::slice::from_ref(&config)).unwrap();
    append(&store, 0, 1..=5);
    store.flush().unwrap();
    append(&store, 0, 6..=5000);
    store.flush().unwrap();
    assert_eq!(store.health().lost, 0, "it fits into the buffer");
    assert!(store.health().written < 5000);
    assert_eq!(all(&store, 0), numbers(4991..=5000));
    let (events, index, row) = on_disk(&store, &config);
    assert_eq!((events, index, row.end), (10, 10, 5000));
    drop(store);
    let store = open(&path, &[config]);
    append(&store, 0, 5001..=5003);
    assert_eq!(all(&store, 0), numbers(4994..=5003));
}

#[test]
fn bytes_are_bounded() {
    let directory = Directory::new();
    let one = event(1).bytes() as u64;
    let config = HistoryConfig { bytes_max: 10 * one, ..unbounded("com.a") };
    let store = open(&directory.file("realm1.redb"), std::slice::from_ref(&config));
    for number in 1..=35 {
        append(&store, 0, [number]);
        if number % 4 == 0 {
            store.flush().unwrap();
        }
    }
    store.flush().unwrap();
    assert_eq!(all(&store, 0), numbers(26..=35));
    // What is over the bound in the buffer already says that nothing on the disk counts.
    append(&store, 0, 36..=50);
    assert_eq!(all(&store, 0), numbers(41..=50));
    let too_early = EventRange { time_from: Bound::Included(Timestamp(30)), ..EventRange::default() };
    assert_eq!(read(&store, 0, &too_early).unwrap(), numbers(41..=50));
    assert!(read(&store, 0, &from_publication(35)).is_err());
    // One that is larger than all of it leaves nothing, and does no harm.
    store.append(0, event_of(51, 51, 4000));
    store.flush().unwrap();
    assert!(all(&store, 0).is_empty());
    append(&store, 0, [52]);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), [52]);
    let (events, index, row) = on_disk(&store, &config);
    assert_eq!((events, index, row.bytes), (1, 1, one));
}

#[test]
fn old_events_go_though_nobody_publishes() {
    let disk = TestDisk::new();
    let clock = Arc::new(SetClock::default());
    let config = HistoryConfig { age_max: Some(Duration::from_micros(100)), ..unbounded("com.a") };
    let options = RedbOptions { clock: clock.clone(), ..manual() };
    let store = disk.try_open(&options, std::slice::from_ref(&config), Duration::from_millis(1)).unwrap();
    append(&store, 0, 1..=50);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), numbers(1..=50));
    clock.0.store(120, Ordering::Relaxed);
    await_until("what is older than 100 went", || all(&store, 0) == numbers(20..=50));
    // A clock that is set back brings nothing back and takes nothing away.
    clock.0.store(0, Ordering::Relaxed);
    append(&store, 0, [51]);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), numbers(20..=51));
    clock.0.store(1000, Ordering::Relaxed);
    await_until("all went", || all(&store, 0).is_empty());
    let (events, index, row) = on_disk(&store, &config);
    assert_eq!((events, index, row.bytes, row.end), (0, 0, 0, 51));
}

#[test]
fn a_lowered_bound_is_reached_in_steps() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    append(&store, 0, 1..=50_000);
    store.flush().unwrap();
    append(&store, 0, 50_001..=70_000);
    drop(store);

    let bounds = [
        HistoryConfig { events_max: 60_000, ..unbounded("com.a") },
        HistoryConfig { bytes_max: 45_000 * event(1).bytes() as u64, ..unbounded("com.a") },
        HistoryConfig { age_max: Some(Duration::from_micros(1000)), ..unbounded("com.a") },
    ];
    for (config, left) in bounds.into_iter().zip([60_000, 45_000, 1001]) {
        let store = open(&path, std::slice::from_ref(&config));
        let mut flushes = 0;
        let mut before = u64::MAX;
        loop {
            let (events, index, _) = on_disk(&store, &config);
            assert_eq!(events, index);
            assert!(events < before, "each transaction takes some");
            if events == left {
                break;
            }
            before = events;
            store.flush().unwrap();
            flushes += 1;
        }
        assert!(flushes < 5);
        assert_eq!(all(&store, 0), numbers(70_001 - left..=70_000));
    }
}

#[test]
fn trimming_keeps_up_with_any_load() {
    let disk = TestDisk::new();
    let config = HistoryConfig { events_max: 1000, ..unbounded("com.a") };
    let store = disk.open(&manual(), std::slice::from_ref(&config));
    for round in 0..10 {
        append(&store, 0, round * 900 + 1..=round * 900 + 900);
        store.flush().unwrap();
    }
    let grown = disk.len();
    for round in 10..100 {
        append(&store, 0, round * 900 + 1..=round * 900 + 900);
        store.flush().unwrap();
    }
    assert_eq!(on_disk(&store, &config).0, 1000);
    assert!(disk.len() <= 2 * grown, "freed pages are used again: {} after {grown} bytes", disk.len());
}

#[test]
fn a_file_that_became_mostly_free_is_made_smaller() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let length = || std::fs::metadata(&path).unwrap().len();
    let store = open(&path, &[unbounded("com.a")]);
    for number in 1..=100 {
        store.append(0, event_of(number, number, 1 << 20));
        if number % 50 == 0 {
            store.flush().unwrap();
        }
    }
    drop(store);
    assert!(length() > 100 << 20);
    let few = HistoryConfig { events_max: 3, ..unbounded("com.a") };
    let store = open(&path, std::slice::from_ref(&few));
    for _ in 0..5 {
        store.flush().unwrap();
    }
    assert_eq!(on_disk(&store, &few).0, 3);
    drop(store);
    let store = open(&path, &[few]);
    assert!(length() < 20 << 20, "{}", length());
    assert_eq!(read(&store, 0, &EventRange::default()).unwrap(), [98, 99, 100]);
}
