//! What a store has when it is opened again.

use std::ops::Bound;

use router::Timestamp;
use router::config::HistoryConfig;
use router::store::{EventRange, Store};
use wamp::MatchPolicy;

use super::{
    Directory, all, append, event_of, from_publication, manual, numbers, open, publication, read, unbounded,
};
use crate::Redb;

// HIS-18
#[test]
fn history_survives_a_restart_in_order() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    for round in 0..5 {
        let store = open(&path, &[unbounded("com.a")]);
        assert_eq!(all(&store, 0), numbers(1..=round * 100));
        append(&store, 0, round * 100 + 1..=round * 100 + 60);
        store.flush().unwrap();
        append(&store, 0, round * 100 + 61..=round * 100 + 100);
        assert_eq!(all(&store, 0), numbers(1..=round * 100 + 100));
    }
}

// HIS-20
#[test]
fn time_never_runs_backwards_across_restarts() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    for (publication, micros) in [(1, 500), (2, 300), (3, 500), (4, 501)] {
        store.append(0, event_of(publication, micros, 0));
    }
    drop(store);
    let store = open(&path, &[unbounded("com.a")]);
    for (publication, micros) in [(5, 100), (6, 502)] {
        store.append(0, event_of(publication, micros, 0));
    }
    store.flush().unwrap();
    let mut times = Vec::new();
    let every = EventRange::default();
    store
        .read(0, &every, &mut |event| {
            times.push(event.timestamp().0);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(times, [500, 500, 500, 501, 501, 502]);
    let range = EventRange { time_from: Bound::Excluded(Timestamp(500)), ..every };
    assert_eq!(read(&store, 0, &range).unwrap(), [4, 5, 6]);
}

// HIS-20
#[test]
fn time_does_not_run_backwards_after_all_events_have_gone() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    store.append(0, event_of(1, 500, 0));
    drop(store);
    let none = HistoryConfig { events_max: 0, ..unbounded("com.a") };
    let store = open(&path, &[none]);
    store.flush().unwrap();
    drop(store);
    let store = open(&path, &[unbounded("com.a")]);
    assert!(all(&store, 0).is_empty());
    store.append(0, event_of(2, 100, 0));
    let range = EventRange { time_from: Bound::Included(Timestamp(500)), ..EventRange::default() };
    assert_eq!(read(&store, 0, &range).unwrap(), [2]);
}

#[test]
fn histories_keep_what_is_theirs_when_the_configuration_changes() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let prefix = |uri| HistoryConfig { match_policy: MatchPolicy::Prefix, ..unbounded(uri) };
    let store = open(&path, &[unbounded("com.a"), prefix("com.a"), unbounded("com.b")]);
    append(&store, 0, 1..=3);
    append(&store, 1, 11..=13);
    append(&store, 2, 21..=23);
    drop(store);

    let store = open(&path, &[unbounded("com.b"), unbounded("com.c"), unbounded("com.a")]);
    append(&store, 0, [24]);
    append(&store, 1, [31]);
    assert_eq!(all(&store, 0), [21, 22, 23, 24]);
    assert_eq!(all(&store, 1), [31]);
    assert_eq!(all(&store, 2), [1, 2, 3]);
    assert!(read(&store, 2, &from_publication(21)).is_err());
    drop(store);

    let store = open(&path, &[prefix("com.a"), unbounded("com.c")]);
    assert_eq!(all(&store, 0), [11, 12, 13]);
    assert_eq!(all(&store, 1), [31]);
    assert_eq!(read(&store, 0, &from_publication(12)).unwrap(), [12, 13]);
}

#[test]
fn retained_events_and_schemas_come_back() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[]);
    assert!(store.restore().unwrap().retained.is_empty());
    store.keep_retained("com.b", vec![b"old".to_vec()]);
    store.keep_retained("com.a", vec![b"one".to_vec(), Vec::new(), b"three".to_vec()]);
    store.keep_retained("com.gone", vec![b"x".to_vec()]);
    store.keep_schema("com.schema", Some(b"{}".to_vec()));
    store.keep_schema("com.other", Some(b"{1}".to_vec()));
    store.flush().unwrap();
    store.keep_retained("com.b", vec![b"new".to_vec()]);
    store.keep_retained("com.gone", Vec::new());
    store.keep_schema("com.other", None);
    drop(store);

    let restored = open(&path, &[]).restore().unwrap();
    let a = vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
    let b = vec![b"new".to_vec()];
    assert_eq!(restored.retained, [(String::from("com.a"), a), (String::from("com.b"), b)]);
    assert_eq!(restored.schemas, [(String::from("com.schema"), b"{}".to_vec())]);
}

#[test]
fn updates_of_one_topic_are_one_write() {
    let directory = Directory::new();
    let store = open(&directory.file("realm1.redb"), &[]);
    for number in 0..100u8 {
        store.keep_retained("com.a", vec![vec![number]]);
        store.keep_schema("com.a", Some(vec![number]));
    }
    assert_eq!(store.health().pending, 2);
    store.flush().unwrap();
    assert_eq!((store.health().pending, store.health().written), (0, 2));
    assert_eq!(store.restore().unwrap().retained, [(String::from("com.a"), vec![vec![99]])]);
}

#[test]
fn a_closed_store_takes_nothing_and_says_so() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    append(&store, 0, 1..=3);
    store.close();
    store.close();
    append(&store, 0, 4..=5);
    assert_eq!(store.health().lost, 2);
    assert!(store.flush().unwrap_err().to_string().contains("closed"));
    let error = read(&store, 0, &EventRange::default()).unwrap_err();
    assert!(error.to_string().contains("the store is closed"), "{error}");
    assert!(store.restore().is_err());
    drop(store);
    assert_eq!(all(&open(&path, &[unbounded("com.a")]), 0), [1, 2, 3]);
}

#[test]
fn what_waits_is_written_without_being_asked() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let options = crate::RedbOptions { flush_interval: std::time::Duration::from_millis(5), ..manual() };
    let store = Redb::open(&path, &options, &[unbounded("com.a")]).unwrap();
    for number in 1..=20 {
        append(&store, 0, [number]);
        super::await_until("the flush interval ends", || store.health().written == number);
    }
    // As is a buffer that is half full, however long the interval.
    let options = crate::RedbOptions { pending_events_max: 100, ..manual() };
    let store = Redb::open(&directory.file("realm2.redb"), &options, &[unbounded("com.a")]).unwrap();
    append(&store, 0, 1..=50);
    super::await_until("half of the buffer is written", || store.health().written >= 50);
    assert_eq!(
        read(
            &store,
            0,
            &EventRange { publication_to: Bound::Included(publication(2)), ..EventRange::default() }
        ),
        Ok(vec![1, 2])
    );
}
