//! A process that is killed loses what it had not written yet, and nothing else.
//!
//! The test starts itself as the process that is killed. That one appends events as fast as it can and says, line by
//! line, how many are on the disk; the test kills it at some moment and looks at what is left.

use std::io::{BufRead, BufReader, Write};
use std::ops::Bound;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata};
use router::config::HistoryConfig;
use router::store::{EventRange, Store};

use super::{Directory, all, event, from_publication, publication, read, unbounded};
use crate::lock;
use crate::tables::{EVENTS, PUBLICATIONS};
use crate::{Redb, RedbOptions};

/// Names the file to the process that is killed, and says whether it is to sync.
const FILE: &str = "CLOVERLEAF_STORE_KILL_FILE";
const SYNC: &str = "CLOVERLEAF_STORE_KILL_SYNC";

const ROUNDS: u64 = 24;

fn histories() -> [HistoryConfig; 2] {
    [
        HistoryConfig { events_max: 20_000, ..unbounded("com.long") },
        HistoryConfig { events_max: 50, ..unbounded("com.short") },
    ]
}

fn options(sync: bool) -> RedbOptions {
    RedbOptions { flush_interval: Duration::from_millis(20), sync, ..super::manual() }
}

/// Appends the events after the last there is to both histories, until somebody ends it.
fn append_until_killed(path: &Path, sync: bool) {
    let store = Redb::open(path, &options(sync), &histories()).unwrap();
    let newest = EventRange { reverse: true, ..EventRange::default() };
    let mut number = read(&store, 0, &newest).unwrap().first().copied().unwrap_or(0);
    loop {
        number += 1;
        store.append(0, event(number));
        store.append(1, event(number));
        if number.is_multiple_of(64) {
            // Slower than the bounds of the histories take hold of what waits.
            super::await_until("the writer keeps up", || store.health().pending < 10_000);
            let health = store.health();
            assert_eq!(health.lost, 0);
            // All that waits may be of one history.
            let surely_written = number.saturating_sub(health.pending);
            let mut out = std::io::stdout();
            writeln!(out, "{surely_written} {number}").and_then(|()| out.flush()).unwrap();
        }
    }
}

/// Starts this test as that process.
fn child(path: &Path, sync: bool) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::kill::a_killed_process_loses_only_what_waited", "--nocapture"])
        .env(FILE, path)
        .env(SYNC, sync.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills it once it has written something, and `delay` later; answers how many events were on the disk for sure, and how
/// many had been appended.
fn kill_after(mut child: Child, delay: Duration) -> (u64, u64) {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let surely_written = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&surely_written);
    let reader = std::thread::spawn(move || {
        let mut appended = 0;
        let mut last = None;
        for line in lines.map_while(Result::ok) {
            // The harness of the tests talks, too, and the last line may be cut.
            let Some((written, number)) = line.split_once(' ') else { continue };
            let (Ok(written), Ok(number)) = (written.parse::<u64>(), number.parse::<u64>()) else { continue };
            let first = *last.get_or_insert(written);
            if written > first {
                told.store(written, Ordering::Relaxed);
            }
            appended = number.max(appended);
        }
        appended
    });
    super::await_until("the other process writes", || surely_written.load(Ordering::Relaxed) > 0);
    std::thread::sleep(delay);
    child.kill().unwrap();
    child.wait().unwrap();
    let appended = reader.join().unwrap();
    (surely_written.load(Ordering::Relaxed), appended)
}

/// What is left is what was appended, in order and without a gap, and the index knows all of it.
fn check(store: &Redb) -> u64 {
    let long = all(store, 0);
    let short = all(store, 1);
    let newest = *long.last().unwrap();
    assert!(long.is_sorted_by(|earlier, later| earlier + 1 == *later), "a gap, or out of order");
    assert_eq!(long.len() as u64, newest.min(20_000));
    // A batch is taken between any two events, so this one may be short of one, and is so for good after each kill.
    assert!(short.is_sorted_by(|earlier, later| earlier < later));
    assert!((newest - 1..=newest).contains(short.last().unwrap()), "one transaction has both");
    assert!(short.len() == 50 || short.len() as u64 + 1 >= newest);
    for number in long.iter().step_by(97) {
        let only = EventRange {
            reverse: true,
            publication_to: Bound::Included(publication(*number)),
            ..from_publication(*number)
        };
        assert_eq!(read(store, 0, &only).unwrap(), [*number]);
    }
    let database = lock::read(&store.shared().database);
    let tx = database.as_ref().unwrap().database.begin_read().unwrap();
    let (events, index) = (tx.open_table(EVENTS).unwrap(), tx.open_table(PUBLICATIONS).unwrap());
    assert_eq!(events.len().unwrap(), index.len().unwrap());
    for entry in index.iter().unwrap() {
        let (key, number) = entry.unwrap();
        let (history, _, publication) = key.value();
        let record = events.get((history, number.value())).unwrap().unwrap();
        let head = router::store::StoredEvent::head(record.value()).unwrap();
        assert_eq!(head.publication.value(), publication);
    }
    newest
}

// HIS-18
#[test]
fn a_killed_process_loses_only_what_waited() {
    if let Some(path) = std::env::var_os(FILE) {
        return append_until_killed(Path::new(&path), std::env::var(SYNC).unwrap() == "true");
    }
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    for round in 0..ROUNDS {
        let sync = round % 2 == 0;
        let delay = Duration::from_micros(round * 7919 % 150 * 1000);
        let (surely_written, appended) = kill_after(child(&path, sync), delay);
        let store = Redb::open(&path, &options(sync), &histories()).unwrap();
        let newest = check(&store);
        assert!(
            newest >= surely_written,
            "round {round}: {newest} events, and {surely_written} were written"
        );
        assert!(newest <= appended + 64, "round {round}: {newest} events of {appended}");
    }
}
