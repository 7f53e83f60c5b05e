//! What is told to an operator whose store can't be opened, and what is made where there is none.

use std::io::ErrorKind;
use std::time::Duration;

use redb::{Database, TableDefinition};
use router::config::HistoryConfig;
use wamp::MatchPolicy;

use super::disk::TestDisk;
use super::{Directory, all, append, manual, numbers, open, unbounded};
use crate::tables::{FORMAT, META, META_FORMAT};
use crate::{OpenError, Redb, RedbOptions};

fn error(path: &std::path::Path) -> String {
    let error = Redb::open(path, &manual(), &[unbounded("com.a")]).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&path.display().to_string()), "{text}");
    text
}

#[test]
fn missing_directories_are_made() {
    let directory = Directory::new();
    let path = directory.file("a/b/realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    append(&store, 0, 1..=3);
    drop(store);
    assert_eq!(all(&open(&path, &[unbounded("com.a")]), 0), [1, 2, 3]);
    assert_eq!(std::fs::read_dir(directory.file("a/b")).unwrap().count(), 1);
}

#[test]
fn what_a_killed_creation_left_is_no_hindrance() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    for number in 0..200 {
        let unfinished = directory.file(&format!("realm1.redb.new-{}-{number}", std::process::id()));
        std::fs::write(&unfinished, [0; 5000]).unwrap();
    }
    std::fs::write(&path, []).unwrap();
    let store = open(&path, &[unbounded("com.a")]);
    append(&store, 0, 1..=3);
    store.flush().unwrap();
    assert_eq!(all(&store, 0), [1, 2, 3]);
}

#[test]
fn of_two_that_make_the_store_at_once_one_has_it() {
    for _ in 0..20 {
        let directory = Directory::new();
        let path = directory.file("realm1.redb");
        let (one, two) = std::thread::scope(|scope| {
            let open = || Redb::open(&path, &manual(), &[unbounded("com.a")]);
            let other = scope.spawn(open);
            (open(), other.join().unwrap())
        });
        let (store, error) = match (one, two) {
            (Ok(store), Err(error)) | (Err(error), Ok(store)) => (store, error),
            both => panic!("{both:?}"),
        };
        assert!(matches!(error, OpenError::Locked { .. }), "{error:?}");
        append(&store, 0, 1..=3);
        drop(store);
        assert_eq!(all(&open(&path, &[unbounded("com.a")]), 0), [1, 2, 3]);
    }
}

#[test]
fn a_store_is_open_once() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[]);
    let text = error(&path);
    assert!(text.contains("open in another process"), "{text}");
    // And free again when it is closed, though the handle is still there.
    store.close();
    drop(open(&path, &[]));
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    let directory = Directory::new();
    let path = directory.file("notes.txt");
    std::fs::write(&path, "These are my notes.").unwrap();
    assert!(error(&path).contains("a file of something else"));
    assert_eq!(std::fs::read(&path).unwrap(), b"These are my notes.");

    let path = directory.file("other.redb");
    let database = Database::create(&path).unwrap();
    let tx = database.begin_write().unwrap();
    tx.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap().insert(1, 1).unwrap();
    tx.commit().unwrap();
    drop(database);
    assert!(error(&path).contains("a file of something else"));
}

#[test]
fn a_later_format_is_refused() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    drop(open(&path, &[]));
    let database = Database::open(&path).unwrap();
    let tx = database.begin_write().unwrap();
    tx.open_table(META).unwrap().insert(META_FORMAT, FORMAT + 1).unwrap();
    tx.commit().unwrap();
    drop(database);
    let text = error(&path);
    assert!(text.contains("a later version (format 2, and this one knows 1)"), "{text}");
}

#[test]
fn a_damaged_file_is_refused_or_read_but_ends_nothing() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let store = open(&path, &[unbounded("com.a")]);
    append(&store, 0, 1..=2000);
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let text = error(&path);
    assert!(text.contains("damaged"), "{text}");

    // Wherever bytes were changed behind the store's back: an error, or events.
    for page in (1..whole.len() / 4096).step_by(7) {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0x5a);
        std::fs::write(&path, damaged).unwrap();
        if let Ok(store) = Redb::open(&path, &manual(), &[unbounded("com.a")]) {
            let _ = super::read(&store, 0, &router::store::EventRange::default());
            append(&store, 0, 3000..=3001);
            let _ = store.flush();
        }
    }
}

#[test]
fn a_place_that_can_not_be_written_is_told() {
    let directory = Directory::new();
    std::fs::write(directory.file("file"), "x").unwrap();
    let error = Redb::open(&directory.file("file/realm1.redb"), &manual(), &[]).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, OpenError::Directory { .. } | OpenError::Unusable { .. }), "{error:?}");
    assert!(text.starts_with(&directory.file("file").display().to_string()), "{text}");

    std::fs::create_dir(directory.file("directory")).unwrap();
    assert!(self::error(&directory.file("directory")).contains("can't be opened"));
}

#[test]
fn a_store_that_can_not_be_made_is_called_by_its_own_name() {
    let directory = Directory::new();
    // With what is appended while it is made it is longer than a name may be.
    let path = directory.file(&"x".repeat(250));
    let text = error(&path);
    assert!(text.starts_with(&format!("{}: ", path.display())), "{text}");
}

// Permissions bind nobody who runs the tests as root, so a disk says it here.
#[test]
fn a_file_that_can_not_even_be_read_is_told() {
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem] {
        let disk = TestDisk::new();
        disk.fail_opening(Some(kind));
        let opened = disk.try_open(&manual(), &[], Duration::from_secs(60));
        let text = opened.unwrap_err().to_string();
        assert!(text.contains("must be writable for the router's user"), "{text}");
    }
}

#[test]
fn one_history_twice_is_refused() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let twice = [unbounded("com.a"), unbounded("com.a")];
    assert!(matches!(Redb::open(&path, &manual(), &twice), Err(OpenError::Twice { .. })));
    let two = [unbounded("com.a"), HistoryConfig { match_policy: MatchPolicy::Prefix, ..unbounded("com.a") }];
    drop(open(&path, &two));
}

#[test]
fn without_sync_a_closed_store_has_it_all() {
    let directory = Directory::new();
    let path = directory.file("realm1.redb");
    let options = RedbOptions { sync: false, ..manual() };
    let store = Redb::open(&path, &options, &[unbounded("com.a")]).unwrap();
    append(&store, 0, 1..=1000);
    store.flush().unwrap();
    append(&store, 0, 1001..=2000);
    drop(store);
    assert_eq!(all(&open(&path, &[unbounded("com.a")]), 0), numbers(1..=2000));
}
