//! `store`: where a realm keeps event history, schemas and retained events.

use std::path::{Path, PathBuf};
use std::time::Duration;

use router::config::HistoryConfig;
use wamp::MatchPolicy;
use wamp::uri::UriCheck;

use crate::config::StoreConfig;
use crate::config::endpoint::kind;
use crate::config::error::Problem;
use crate::config::item::Item;
use crate::config::role::expected_uri;
use crate::config::section::section;
use crate::config::setting::{Bytes, Ms, Place, Reading, Setting, alternatives, distinct, one_of};

/// Where a realm keeps what it keeps, by its `type`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StoreSection {
    Memory(MemoryStoreSection),
    Redb(RedbStoreSection),
    Cfxdb(CfxdbStoreSection),
}

section! {
    /// History in memory: it ends with the router.
    MemoryStoreSection ("Memory store") {
        /// `memory`.
        kind ("type"): StoreKind;
        /// Events that each history keeps, at least 1, unless it says how many itself.
        limit: u64 = LIMIT;
        /// The topics and patterns whose events are kept.
        event_history ("event-history"): Vec<HistorySection> = Vec::new();
    }
    no_effect { "call-queue": "calls that wait are bounded by `queued_calls_max` of the limits", }
    check check_memory;
}

section! {
    /// History, schemas and retained events in one file, which outlives the router.
    RedbStoreSection ("Redb store") {
        /// `redb`.
        kind ("type"): StoreKind;
        /// The file; it is made if it isn't there, and its directory too. Each realm needs one of its own.
        path: String;
        /// Events that each history keeps, at least 1, unless it says how many itself.
        limit: u64 = LIMIT;
        /// The topics and patterns whose events are kept.
        event_history ("event-history"): Vec<HistorySection> = Vec::new();
        /// How long changes wait to be written together: what a crash may cost.
        flush_interval: Ms = Ms(StoreConfig::new("").flush_interval);
        /// Events that may wait to be written; the newest are given up beyond it, as when the disk is full.
        max_pending: usize = StoreConfig::new("").pending_events_max;
        /// Bytes that they may take.
        max_pending_bytes: Bytes = Bytes(StoreConfig::new("").pending_bytes_max);
        /// Whether each flush waits until the disk has it. Without, a power failure may damage the file.
        sync: bool = true;
        /// Memory for pages of the file.
        cache: Bytes = Bytes(StoreConfig::new("").cache_bytes);
    }
    no_effect { "call-queue": "calls that wait are bounded by `queued_calls_max` of the limits", }
    check check_redb;
}

section! {
    /// The store of a Crossbar.io configuration: the same as `redb`, in the file `cloverleaf.redb` of a directory. What
    /// Crossbar.io has written there is neither read nor touched.
    CfxdbStoreSection ("Cfxdb store") {
        /// `cfxdb`.
        kind ("type"): StoreKind;
        /// The directory; it is made if it isn't there. Each realm needs one of its own.
        path: String;
        /// Events that each history keeps, at least 1, unless it says how many itself.
        limit: u64 = LIMIT;
        /// The topics and patterns whose events are kept.
        event_history ("event-history"): Vec<HistorySection> = Vec::new();
        /// How long changes wait to be written together.
        buffer_flush ("buffer-flush"): Ms = Ms(StoreConfig::new("").flush_interval);
        /// Whether each flush waits until the disk has it.
        sync: bool = true;
        /// Accepted as `false`.
        readonly: bool = false;
    }
    no_effect {
        "maxsize": "the file grows and shrinks with what is in it",
        "max-buffer": "what waits has the default bounds of a `redb` store",
        "call-queue": "calls that wait are bounded by `queued_calls_max` of the limits",
    }
    check check_cfxdb;
}

section! {
    /// A topic or pattern whose events are kept. What is over any bound goes, oldest first.
    HistorySection ("Event history") {
        /// The topic or pattern.
        uri: String;
        /// How `uri` matches.
        match_policy ("match"): MatchPolicy = MatchPolicy::Exact;
        /// How many events are kept, at least 1; left out, it is the `limit` of the store.
        limit: Option<u64> = None;
        /// Bytes of all its events together, with all that they hold besides their payloads.
        max_bytes: Bytes = Bytes(64 << 20);
        /// How old an event may become; 0 is without end.
        max_age: Ms = Ms(Duration::ZERO);
    }
    check check_history;
}

/// As in Crossbar.io.
const LIMIT: u64 = 100;

/// What a `cfxdb` store's file is called in its directory.
const CFXDB_FILE: &str = "cloverleaf.redb";

/// The `type` of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Memory,
    Redb,
    Cfxdb,
}

const KINDS: [(&str, StoreKind); 3] =
    [("memory", StoreKind::Memory), ("redb", StoreKind::Redb), ("cfxdb", StoreKind::Cfxdb)];

impl Setting for StoreKind {
    fn takes() -> String {
        alternatives(&KINDS)
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        one_of(&KINDS, item, at)
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Setting for StoreSection {
    fn takes() -> String {
        "a map".to_owned()
    }

    fn reference() -> String {
        let (memory, redb) = (MemoryStoreSection::reference(), RedbStoreSection::reference());
        format!("{memory}, {redb} or {}", CfxdbStoreSection::reference())
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match kind(item, at, reading)? {
            StoreKind::Memory => MemoryStoreSection::read(item, at, reading).map(StoreSection::Memory),
            StoreKind::Redb => RedbStoreSection::read(item, at, reading).map(StoreSection::Redb),
            StoreKind::Cfxdb => {
                let section = CfxdbStoreSection::read(item, at, reading)?;
                let file = Path::new(&section.path).join(CFXDB_FILE);
                reading.notes.push(format!(
                    "line {}: {}: a Crossbar.io database is not read; this realm starts with its own file, {}",
                    at.line,
                    at.path,
                    file.display()
                ));
                Ok(StoreSection::Cfxdb(section))
            }
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

fn check_memory(store: &MemoryStoreSection, item: &Item, at: &Place) -> Result<(), Problem> {
    check_limit(store.limit, item, at)?;
    check_histories(&store.event_history, item, at)
}

fn check_redb(store: &RedbStoreSection, item: &Item, at: &Place) -> Result<(), Problem> {
    check_path(&store.path, item, at)?;
    check_limit(store.limit, item, at)?;
    check_histories(&store.event_history, item, at)
}

fn check_cfxdb(store: &CfxdbStoreSection, item: &Item, at: &Place) -> Result<(), Problem> {
    if let (true, Some(entry)) = (store.readonly, item.entry("readonly")) {
        let place = at.key("readonly", entry.item.line);
        return Err(
            place.problem("not supported: true; expected `false`, since a store is there to be written")
        );
    }
    check_path(&store.path, item, at)?;
    check_limit(store.limit, item, at)?;
    check_histories(&store.event_history, item, at)
}

fn check_path(path: &str, item: &Item, at: &Place) -> Result<(), Problem> {
    match item.entry("path") {
        Some(entry) if path.is_empty() => {
            Err(at.key("path", entry.item.line).problem("expected a path, found \"\""))
        }
        _ => Ok(()),
    }
}

fn check_limit(limit: u64, item: &Item, at: &Place) -> Result<(), Problem> {
    match item.entry("limit") {
        Some(entry) if limit == 0 => {
            Err(at.key("limit", entry.item.line).problem("expected an integer from 1, found 0"))
        }
        _ => Ok(()),
    }
}

fn check_histories(histories: &[HistorySection], item: &Item, at: &Place) -> Result<(), Problem> {
    let Some(entry) = item.entry("event-history") else { return Ok(()) };
    let names: Vec<String> =
        histories.iter().map(|history| format!("{} ({})", history.uri, history.match_policy)).collect();
    let place = at.key("event-history", entry.line);
    distinct("event history of", names.iter().map(String::as_str), &entry.item, &place)
}

fn check_history(history: &HistorySection, item: &Item, at: &Place) -> Result<(), Problem> {
    check_limit(history.limit.unwrap_or(LIMIT), item, at)?;
    let line = item.entry("uri").map_or(at.line, |entry| entry.item.line);
    let wrong = |text: String| Err(at.key("uri", line).problem(text));
    if history.uri.contains('*') && item.entry("match").is_none() {
        let text = "stars have no meaning here: a `match` of `prefix` or `wildcard` makes it a pattern";
        return wrong(format!("{text}, found {:?}", history.uri));
    }
    if !UriCheck::Loose.is_valid_pattern(&history.uri, history.match_policy) {
        return wrong(format!("expected {}, found {:?}", expected_uri(history.match_policy), history.uri));
    }
    Ok(())
}

impl StoreSection {
    /// The histories, as the router is told.
    pub(crate) fn histories(&self) -> Vec<HistoryConfig> {
        let (limit, histories) = match self {
            StoreSection::Memory(store) => (store.limit, &store.event_history),
            StoreSection::Redb(store) => (store.limit, &store.event_history),
            StoreSection::Cfxdb(store) => (store.limit, &store.event_history),
        };
        histories.iter().map(|history| history.router(limit)).collect()
    }

    /// The file, if there is one, as the config file names it.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            StoreSection::Memory(_) => None,
            StoreSection::Redb(store) => Some(PathBuf::from(&store.path)),
            StoreSection::Cfxdb(store) => Some(Path::new(&store.path).join(CFXDB_FILE)),
        }
    }

    /// How the file is written, if there is one; its path is relative to `directory`.
    pub(crate) fn on_disk(&self, directory: &Path) -> Option<StoreConfig> {
        let config = StoreConfig::new(directory.join(self.file()?));
        Some(match self {
            StoreSection::Memory(_) => return None,
            StoreSection::Redb(store) => StoreConfig {
                flush_interval: store.flush_interval.0,
                pending_events_max: store.max_pending,
                pending_bytes_max: store.max_pending_bytes.0,
                sync: store.sync,
                cache_bytes: store.cache.0,
                ..config
            },
            StoreSection::Cfxdb(store) => {
                StoreConfig { flush_interval: store.buffer_flush.0, sync: store.sync, ..config }
            }
        })
    }
}

impl HistorySection {
    fn router(&self, limit: u64) -> HistoryConfig {
        HistoryConfig {
            events_max: self.limit.unwrap_or(limit),
            bytes_max: u64::try_from(self.max_bytes.0).unwrap_or(u64::MAX),
            age_max: self.max_age.unless_zero(),
            ..HistoryConfig::new(&self.uri, self.match_policy)
        }
    }
}
