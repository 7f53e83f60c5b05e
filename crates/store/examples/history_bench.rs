//! How fast event history is written and read, on a real file.
//!
//! ```console
//! $ cargo run --release -p cloverleaf-store --example history_bench [EVENTS [FILE]]
//! ```
//!
//! Stores EVENTS (1,000,000 by default) events of 32 bytes as fast as the disk takes them, a tenth as many of 1 KiB in a
//! second file, and then reads the first: the 10 newest, a page of 100 from a random publication, a page of 100 from a random time.
//! The files are made beside FILE (in the directory for temporary files by default) and removed at the end.

use std::error::Error;
use std::ops::{Bound, ControlFlow};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloverleaf_store::{Redb, RedbOptions};
use router::Timestamp;
use router::config::HistoryConfig;
use router::store::{EventPublisher, EventRange, Store, StoreError, StoredEvent};

use wamp::{MatchPolicy, PublicationId, Serializer, SessionId};

/// Events are a millisecond apart.
const STEP_MICROS: u64 = 1000;

/// What is read, for a random event, and how much of it.
type Query<'q> = &'q dyn Fn(u64) -> (EventRange, usize);

const READS: u64 = 2000;

#[expect(clippy::print_stdout, reason = "a bench tells what it measured")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().map_or(Ok(1_000_000), |events| events.parse())?;
    let base = args.next().map_or_else(|| std::env::temp_dir().join("history_bench"), PathBuf::from);

    let large = base.with_extension("1k.redb");
    let written = write(&large, events / 10, 1024)?;
    println!("{:<34} {:>12}", format!("stored, 1 KiB, {} events", events / 10), rate(events / 10, written));
    println!("{:<34} {:>12}", "  file", mebibytes(&large)?);
    std::fs::remove_file(&large)?;

    let small = base.with_extension("32.redb");
    let written = write(&small, events, 32)?;
    println!("{:<34} {:>12}", format!("stored, 32 B, {events} events"), rate(events, written));
    println!("{:<34} {:>12}", "  file", mebibytes(&small)?);

    let began = Instant::now();
    let store = open(&small)?;
    println!("{:<34} {:>12}", "opened", format!("{:.1?}", began.elapsed()));
    println!("{:<34} {:>12} {:>12}", "read", "p50", "p99");
    let newest = |_| (EventRange { reverse: true, ..EventRange::default() }, 10);
    let publication = |number| {
        let publication_from = Bound::Included(publication(number));
        (EventRange { publication_from, ..EventRange::default() }, 100)
    };
    let time = |number| {
        let time_from = Bound::Included(Timestamp(number * STEP_MICROS));
        (EventRange { time_from, ..EventRange::default() }, 100)
    };
    let reads: [(&str, Query<'_>); 3] = [
        ("  10 newest", &newest),
        ("  100 from a random publication", &publication),
        ("  100 from a random time", &time),
    ];
    for (name, query) in reads {
        let (p50, p99) = latency(&store, events, query)?;
        println!("{name:<34} {:>12} {:>12}", format!("{p50:.1?}"), format!("{p99:.1?}"));
    }
    drop(store);
    std::fs::remove_file(&small)?;
    Ok(())
}

fn open(path: &Path) -> Result<Redb, Box<dyn Error>> {
    let history = HistoryConfig {
        events_max: u64::MAX,
        bytes_max: u64::MAX,
        ..HistoryConfig::new("com.example", MatchPolicy::Prefix)
    };
    Ok(Redb::open(path, &RedbOptions::default(), &[history])?)
}

/// Writes so many events; answers how long it took until they were all on the disk.
fn write(path: &Path, events: u64, payload_bytes: usize) -> Result<Duration, Box<dyn Error>> {
    let store = open(path)?;
    let (authid, authrole): (Arc<str>, Arc<str>) = ("joe".into(), "user".into());
    let session = SessionId::from_bits(1);
    let began = Instant::now();
    for number in 0..events {
        let publisher =
            EventPublisher { session, authid: authid.clone(), authrole: authrole.clone(), trustlevel: None };
        let event = StoredEvent::from_publish(
            Timestamp(number * STEP_MICROS),
            publication(number),
            publisher,
            Serializer::MsgPack,
            vec![7; payload_bytes],
        );
        store.append(0, Arc::new(event));
        // Whoever publishes would not wait, and what doesn't fit would be lost; here it is to be stored.
        while number % 1024 == 0 && is_behind(&store, payload_bytes) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    store.flush()?;
    let written = began.elapsed();
    match store.health().lost {
        0 => Ok(written),
        lost => Err(format!("{lost} events were lost").into()),
    }
}

fn is_behind(store: &Redb, payload_bytes: usize) -> bool {
    let options = RedbOptions::default();
    let bytes_each = payload_bytes as u64 + 160;
    let pending = store.health().pending + 2048;
    pending > options.pending_events_max as u64 || pending * bytes_each > options.pending_bytes_max as u64
}

/// The median and the 99th percentile of reads.
fn latency(store: &Redb, events: u64, query: Query<'_>) -> Result<(Duration, Duration), StoreError> {
    let mut took = Vec::new();
    for read in 0..READS {
        let (range, wanted) = query(mixed(read) % events);
        let mut seen = 0;
        let began = Instant::now();
        store.read(0, &range, &mut |event| {
            seen += usize::from(event.bytes() > 0);
            if seen < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let at = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    Ok((at(50), at(99)))
}

/// As random as those of a router, and known by number.
fn publication(number: u64) -> PublicationId {
    PublicationId::from_bits(mixed(number))
}

/// One to one, and without an order to it.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn rate(events: u64, took: Duration) -> String {
    format!("{:.0}/s", events as f64 / took.as_secs_f64())
}

fn mebibytes(path: &Path) -> std::io::Result<String> {
    Ok(format!("{} MiB", std::fs::metadata(path)?.len() >> 20))
}
