//! A disk that is full, breaks, and recovers: the router never waits for it, and nothing is lost that fits into memory.

use std::io::ErrorKind;
use std::ops::Bound;
use std::time::Duration;

use router::config::HistoryConfig;
use router::store::{EventRange, Store};

use super::disk::TestDisk;
use super::trimming::on_disk;
use super::{all, append, await_until, event, event_of, manual, numbers, publication, read, unbounded};
use crate::RedbOptions;

#[test]
fn a_full_disk_costs_only_what_does_not_fit_into_the_buffer() {
    let disk = TestDisk::new();
    let options = RedbOptions { pending_events_max: 1000, ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    append(&store, 0, 1..=100);
    store.keep_retained("com.r", vec![b"before".to_vec()]);
    store.flush().unwrap();
    disk.fill_up(8);
    for number in 101..=200 {
        store.append(0, event_of(number, number, 2000));
    }
    let error = store.flush().unwrap_err().to_string();
    assert!(error.starts_with("disk: ") && error.contains("no storage space"), "{error}");
    assert_eq!(store.health().failure, Some(error));
    // It goes on in memory, up to the bound; then the newest are given up.
    append(&store, 0, 201..=1500);
    store.keep_retained("com.r", vec![b"after".to_vec()]);
    store.keep_schema("com.s", Some(b"{}".to_vec()));
    let health = store.health();
    assert_eq!((health.pending, health.written, health.lost), (1002, 101, 400));
    assert_eq!(all(&store, 0), numbers(1..=1100), "what is there can be read all the time");
    assert!(store.flush().is_err());

    disk.make_room();
    store.flush().unwrap();
    let health = store.health();
    assert_eq!((health.pending, health.written, health.lost), (0, 1103, 400));
    assert_eq!(health.failure, None);
    append(&store, 0, 1501..=1600);
    drop(store);
    let store = disk.open(&options, &[unbounded("com.a")]);
    let kept: Vec<u64> = (1..=1100).chain(1501..=1600).collect();
    assert_eq!(all(&store, 0), kept);
    let restored = store.restore().unwrap();
    assert_eq!(restored.retained, [(String::from("com.r"), vec![b"after".to_vec()])]);
    assert_eq!(restored.schemas.len(), 1);
}

#[test]
fn writing_is_tried_again_without_being_asked() {
    for error in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::Other] {
        let disk = TestDisk::new();
        let options = RedbOptions { flush_interval: Duration::from_millis(1), ..manual() };
        let store = disk.open(&options, &[unbounded("com.a")]);
        append(&store, 0, 1..=10);
        store.flush().unwrap();
        disk.fail_writes(Some(error));
        append(&store, 0, 11..=20);
        await_until("the failure is told", || store.health().failure.is_some());
        disk.fail_writes(None);
        await_until("it is over", || store.health().failure.is_none());
        assert_eq!(all(&store, 0), numbers(1..=20));
        assert_eq!((store.health().pending, store.health().lost), (0, 0));
    }
}

#[test]
fn a_flush_after_a_failure_is_about_all_that_was_appended() {
    let disk = TestDisk::new();
    let store = disk.open(&manual(), &[unbounded("com.a")]);
    disk.fail_writes(Some(ErrorKind::Other));
    append(&store, 0, 1..=10);
    assert!(store.flush().is_err());
    append(&store, 0, 11..=20);
    disk.fail_writes(None);
    store.flush().unwrap();
    assert_eq!((store.health().pending, store.health().written), (0, 20));
}

#[test]
fn a_commit_that_was_made_though_it_failed_is_not_made_twice() {
    let mut was_made = false;
    for syncs in 0.. {
        let disk = TestDisk::new();
        let config = unbounded("com.a");
        let store = disk.open(&manual(), std::slice::from_ref(&config));
        append(&store, 0, 1..=10);
        store.flush().unwrap();
        disk.fail_sync_after(syncs);
        append(&store, 0, 11..=20);
        let flushed = store.flush();
        if !disk.has_failed_sync() {
            assert!(syncs > 1, "a commit is synced twice");
            break;
        }
        if flushed.is_err() {
            was_made |= on_disk(&store, &config).2.end == 20;
            store.flush().unwrap();
        }
        assert_eq!(all(&store, 0), numbers(1..=20));
        let (events, index, row) = on_disk(&store, &config);
        assert_eq!((events, index, row.end), (20, 20, 20));
    }
    assert!(was_made, "the last sync of a commit failed");
}

#[test]
fn a_file_that_can_not_be_opened_again_leaves_the_buffer_readable() {
    let disk = TestDisk::new();
    let store = disk.open(&manual(), &[unbounded("com.a")]);
    append(&store, 0, 1..=10);
    store.flush().unwrap();
    disk.fail_writes(Some(ErrorKind::Other));
    disk.fail_opening(Some(ErrorKind::NotFound));
    append(&store, 0, 11..=20);
    assert!(store.flush().is_err());
    append(&store, 0, 21..=30);
    let in_memory =
        EventRange { publication_from: Bound::Included(publication(11)), ..EventRange::default() };
    assert_eq!(read(&store, 0, &in_memory).unwrap(), numbers(11..=30));
    let error = read(&store, 0, &EventRange::default()).unwrap_err().to_string();
    assert!(error.starts_with("disk: "), "{error}");
    disk.fail_writes(None);
    disk.fail_opening(None);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), numbers(1..=30));
}

#[test]
fn a_read_error_passes_when_the_disk_is_well_again() {
    let disk = TestDisk::new();
    let options = RedbOptions { cache_bytes: 0, ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    append(&store, 0, 1..=5000);
    store.flush().unwrap();
    let opened = disk.opened();
    disk.fail_reads(Some(ErrorKind::Other));
    let error = read(&store, 0, &EventRange::default()).unwrap_err().to_string();
    assert!(error.starts_with("disk: "), "{error}");
    disk.fail_reads(None);
    await_until("it is opened anew", || {
        read(&store, 0, &EventRange::default()).is_ok_and(|events| events == numbers(1..=5000))
    });
    assert!(disk.opened() > opened);
    append(&store, 0, [5001]);
    store.flush().unwrap();
}

#[test]
fn bytes_that_wait_are_bounded() {
    let disk = TestDisk::new();
    let one = event(1).bytes();
    let options = RedbOptions { pending_bytes_max: 10 * one, ..manual() };
    let store = disk.open(&options, &[unbounded("com.a")]);
    disk.fail_writes(Some(ErrorKind::Other));
    append(&store, 0, 1..=30);
    assert_eq!((store.health().pending, store.health().lost), (10, 20));
    disk.fail_writes(None);
    store.flush().unwrap();
    // One that is larger than the whole buffer is taken when it is alone.
    disk.fail_writes(Some(ErrorKind::Other));
    store.append(0, event_of(31, 31, 20 * one));
    store.append(0, event(32));
    assert_eq!((store.health().pending, store.health().lost), (1, 21));
    disk.fail_writes(None);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), [numbers(1..=10), vec![31]].concat());
}

#[test]
fn a_short_history_goes_on_when_another_has_filled_the_buffer() {
    let disk = TestDisk::new();
    let short = HistoryConfig { events_max: 3, ..unbounded("com.short") };
    let options = RedbOptions { pending_events_max: 100, ..manual() };
    let store = disk.open(&options, &[short, unbounded("com.a")]);
    disk.fail_writes(Some(ErrorKind::StorageFull));
    append(&store, 1, 11..=20);
    assert!(store.flush().is_err());
    append(&store, 0, 1..=3);
    append(&store, 1, 21..=200);
    assert_eq!((store.health().pending, store.health().lost), (100, 93));
    append(&store, 0, 4..=50);
    assert_eq!((store.health().pending, store.health().lost), (100, 93));
    assert_eq!(all(&store, 0), [48, 49, 50]);
    store.append(0, event_of(51, 51, 60 << 20));
    assert_eq!(all(&store, 0), [49, 50, 51]);
    store.append(0, event_of(52, 52, 60 << 20));
    assert_eq!(store.health().lost, 94, "it would not fit");
}

#[test]
fn a_short_history_loses_nothing_however_long_the_disk_is_full() {
    let disk = TestDisk::new();
    let short = HistoryConfig { events_max: 10, ..unbounded("com.a") };
    let options = RedbOptions { pending_events_max: 100, ..manual() };
    let store = disk.open(&options, &[short]);
    append(&store, 0, 1..=20);
    store.flush().unwrap();
    disk.fail_writes(Some(ErrorKind::StorageFull));
    append(&store, 0, 21..=25);
    assert!(store.flush().is_err());
    append(&store, 0, 26..=10_000);
    assert_eq!(store.health().lost, 0);
    assert_eq!(all(&store, 0), numbers(9991..=10_000));
    disk.fail_writes(None);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), numbers(9991..=10_000));
}

#[test]
fn closing_on_a_full_disk_ends_and_counts_what_is_lost() {
    let disk = TestDisk::new();
    let store = disk.open(&manual(), &[unbounded("com.a")]);
    append(&store, 0, 1..=10);
    store.flush().unwrap();
    disk.fail_writes(Some(ErrorKind::StorageFull));
    append(&store, 0, 11..=20);
    store.close();
    assert_eq!((store.health().pending, store.health().lost), (0, 10));
    drop(store);
    disk.fail_writes(None);
    let store = disk.open(&manual(), &[unbounded("com.a")]);
    assert_eq!(all(&store, 0), numbers(1..=10));
}

#[test]
fn a_disk_that_takes_nothing_keeps_nobody_from_starting() {
    for error in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::Other] {
        let disk = TestDisk::new();
        let store = disk.open(&manual(), &[unbounded("com.a")]);
        append(&store, 0, 1..=10);
        store.keep_schema("com.s", Some(b"{}".to_vec()));
        drop(store);

        disk.fail_writes(Some(error));
        // One more history is configured, which can't be noted on the disk yet.
        let histories = [unbounded("com.b"), unbounded("com.a")];
        let store = disk.open(&manual(), &histories);
        assert_eq!(store.restore().unwrap().schemas.len(), 1, "{error}");
        assert_eq!(all(&store, 1), numbers(1..=10), "what is there is read");
        append(&store, 1, 11..=20);
        append(&store, 0, 21..=30);
        assert!(store.flush().is_err());
        assert!(store.health().failure.is_some());
        assert_eq!(all(&store, 1), numbers(1..=20));

        disk.fail_writes(None);
        store.flush().unwrap();
        assert_eq!(store.health().failure, None);
        drop(store);
        let store = disk.open(&manual(), &histories);
        assert_eq!((all(&store, 0), all(&store, 1)), (numbers(21..=30), numbers(1..=20)), "{error}");
    }
}
