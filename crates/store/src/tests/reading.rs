//! Reads while there is something in each place: on the disk, in the writer's batch and in the buffer.

use std::ops::{Bound, ControlFlow};
use std::sync::atomic::{AtomicBool, Ordering};

use router::Timestamp;
use router::store::{EventRange, Store, StoreError};

use super::disk::TestDisk;
use super::{Directory, all, append, from_publication, manual, numbers, open, publication, read, unbounded};
use crate::{Redb, RedbOptions};

/// 1 to 1000 on the disk, 1001 to 2000 in a batch that can't be written, 2001 to 3000 behind it.
fn in_three_places(disk: &TestDisk) -> Redb {
    let store = disk.open(&manual(), &[unbounded("com.a")]);
    append(&store, 0, 1..=1000);
    store.flush().unwrap();
    disk.fail_writes(Some(std::io::ErrorKind::StorageFull));
    append(&store, 0, 1001..=2000);
    assert!(store.flush().is_err());
    append(&store, 0, 2001..=3000);
    store
}

#[test]
fn a_read_goes_through_disk_and_buffer() {
    let disk = TestDisk::new();
    let store = in_three_places(&disk);
    assert_eq!(store.health().written, 1000);
    let edges = [1, 2, 17, 999, 1000, 1001, 1500, 2000, 2001, 2999, 3000];
    for from in edges {
        for to in edges.into_iter().filter(|to| *to >= from) {
            let mut expected = numbers(from..=to);
            let by_publication = EventRange {
                publication_from: Bound::Included(publication(from)),
                publication_to: Bound::Included(publication(to)),
                ..EventRange::default()
            };
            assert_eq!(read(&store, 0, &by_publication).unwrap(), expected);
            let by_time = EventRange {
                time_from: Bound::Included(Timestamp(from)),
                time_to: Bound::Excluded(Timestamp(to + 1)),
                reverse: true,
                ..EventRange::default()
            };
            expected.reverse();
            assert_eq!(read(&store, 0, &by_time).unwrap(), expected);
        }
    }
}

#[test]
fn a_read_stops_where_it_is_told_to() {
    let disk = TestDisk::new();
    let store = in_three_places(&disk);
    for reverse in [false, true] {
        let mut seen = 0;
        let range = EventRange { reverse, ..EventRange::default() };
        store
            .read(0, &range, &mut |_| {
                seen += 1;
                if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!(seen, 10);
    }
}

#[test]
fn publications_that_are_not_there_are_told() {
    let disk = TestDisk::new();
    let store = in_three_places(&disk);
    let gone = read(&store, 0, &from_publication(3001));
    assert_eq!(gone, Err(StoreError::NoSuchPublication(publication(3001))));
    assert_eq!(read(&store, 7, &EventRange::default()), Ok(Vec::new()), "there is no such history");
}

#[test]
fn a_long_read_passes_over_what_is_trimmed_meanwhile() {
    let directory = Directory::new();
    let bounded = router::config::HistoryConfig { events_max: 2000, ..unbounded("com.a") };
    let store = open(&directory.file("realm1.redb"), &[bounded]);
    append(&store, 0, 1..=2000);
    store.flush().unwrap();
    let mut seen = Vec::new();
    store
        .read(0, &EventRange::default(), &mut |event| {
            if seen.len() == 100 {
                append(&store, 0, 2001..=3500);
                store.flush().unwrap();
            }
            seen.push(event.publication().value());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.first(), Some(&1));
    assert_eq!(seen.last(), Some(&2000), "what was published after the read began is not in it");
    assert!(seen.contains(&1501) && !seen.contains(&1400));
}

#[test]
fn events_are_seen_as_soon_as_they_are_appended_while_the_writer_is_at_work() {
    let directory = Directory::new();
    let options = RedbOptions { flush_interval: std::time::Duration::from_millis(1), ..manual() };
    let store = Redb::open(&directory.file("realm1.redb"), &options, &[unbounded("com.a")]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let newest = EventRange { reverse: true, ..EventRange::default() };
            while !done.load(Ordering::Relaxed) {
                let mut seen: Vec<u64> = Vec::new();
                store
                    .read(0, &newest, &mut |event| {
                        seen.push(event.publication().value());
                        if seen.len() < 2000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    })
                    .unwrap();
                // No gap and nothing twice, wherever it lay.
                assert!(seen.is_sorted_by(|later, earlier| *later == earlier + 1));
            }
        });
        for number in 1..=20_000 {
            append(&store, 0, [number]);
            if number % 500 == 0 {
                let newest = EventRange { reverse: true, ..from_publication(number) };
                assert_eq!(read(&store, 0, &newest).unwrap(), [number]);
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(all(&store, 0), numbers(1..=20_000));
}
