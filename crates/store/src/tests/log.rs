//! What the operator reads in the log: when it begins and when it is over, and nothing per event.

use std::fmt::{Debug, Write};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use router::store::Store;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::disk::TestDisk;
use super::{append, await_until, event_of, manual, unbounded};
use crate::RedbOptions;

/// Keeps the lines.
#[derive(Debug, Default, Clone)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Log {
    fn lines(&self) -> Vec<(Level, String)> {
        self.0.lock().unwrap().clone()
    }
}

/// The fields of a line, one after the other.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn trouble_is_one_line_and_its_end_another() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let disk = TestDisk::new();
    let options = RedbOptions { pending_events_max: 10, ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    disk.fail_writes(Some(ErrorKind::StorageFull));
    for round in 0..5 {
        append(&store, 0, round * 20 + 1..=round * 20 + 20);
        assert!(store.flush().is_err());
    }
    let [(Level::ERROR, line)] = &*log.lines() else { panic!("{:?}", log.lines()) };
    for part in ["file=\"disk\"", "no storage space", "up to 10 events", "routing"] {
        assert!(line.contains(part), "{line}");
    }
    disk.fail_writes(None);
    store.flush().unwrap();
    store.flush().unwrap();
    let [_, (Level::INFO, line)] = &*log.lines() else { panic!("{:?}", log.lines()) };
    assert!(line.contains("written again") && line.contains("lost=90"), "{line}");
}

#[test]
fn a_disk_that_is_too_slow_is_one_line() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let disk = TestDisk::new();
    let one = event_of(1, 1, 100).bytes();
    let options = RedbOptions { pending_bytes_max: one, ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    for number in 1..=100_000 {
        store.append(0, event_of(number, number, 100));
    }
    assert!(store.health().lost > 0);
    store.flush().unwrap();
    let [(Level::WARN, line)] = &*log.lines() else { panic!("{:?}", log.lines()) };
    assert!(line.contains("events were lost"), "{line}");
}

#[test]
fn histories_that_are_kept_without_being_configured_are_told() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let disk = TestDisk::new();
    drop(disk.open(&manual(), &[unbounded("com.a"), unbounded("com.b")]));
    assert!(log.lines().is_empty());
    drop(disk.open(&manual(), &[unbounded("com.b")]));
    let [(Level::INFO, line)] = &*log.lines() else { panic!("{:?}", log.lines()) };
    assert!(line.contains("histories=1"), "{line}");
}

#[test]
fn what_is_lost_at_the_end_is_told() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let disk = TestDisk::new();
    let options = RedbOptions { flush_interval: Duration::from_millis(1), ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    disk.fail_writes(Some(ErrorKind::StorageFull));
    append(&store, 0, 1..=5);
    await_until("it fails", || store.health().failure.is_some());
    drop(store);
    let lines = log.lines();
    assert!(lines.iter().any(|(level, line)| *level == Level::ERROR && line.contains("lost=5")), "{lines:?}");
}
