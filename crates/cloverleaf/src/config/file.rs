//! The file as a whole, and its workers.

use crate::config::endpoint::kind;
use crate::config::error::Problem;
use crate::config::item::{Data, Item};
use crate::config::limits::LimitsSection;
use crate::config::realm::RealmSection;
use crate::config::section::{all_defaults, section};
use crate::config::setting::{Place, Reading, Setting, alternatives, distinct, one_of};
use crate::config::transport::TransportSection;

section! {
    /// The file. Either `workers` are listed, as in a Crossbar.io node, or `realms` and `transports` stand here, which
    /// is the same as one worker.
    FileSection ("The file") {
        /// The version of the format, 2.
        version: Version = Version;
        /// The URL of a schema, for editors.
        schema ("$schema"): Option<String> = None;
        /// The node.
        controller: ControllerSection = all_defaults();
        /// What the node runs, all in one process. Realms and transports of different workers know nothing of each
        /// other.
        workers: Option<Vec<WorkerSection>> = None;
        /// The realms.
        realms: Option<Vec<RealmSection>> = None;
        /// The listening transports.
        transports: Option<Vec<TransportSection>> = None;
        /// What a peer can make the router hold.
        limits: LimitsSection = all_defaults();
        /// Whether clients are told the router's name and version.
        announce_agent: bool = true;
    }
    check check_file;
}

section! {
    /// The node.
    ControllerSection ("Controller") {
        /// The node's name, for logs.
        id: Option<String> = None;
    }
    no_effect { "options": "there is one process and no process title", "connections": "Crossbar.io doesn't use it either", }
    later { "manhole", "keyring", "fabric", "blockchain", "enable_docker" }
}

section! {
    /// Realms, and the transports that lead to them.
    RouterWorkerSection ("Router worker") {
        /// `router`.
        kind ("type"): WorkerKind;
        /// A name for this worker, for logs.
        id: Option<String> = None;
        /// How the worker is run.
        options: WorkerOptions = all_defaults();
        /// The realms.
        realms: Vec<RealmSection> = Vec::new();
        /// The listening transports.
        transports: Vec<TransportSection> = Vec::new();
    }
    later { "components", "connections", "manhole" }
    check check_worker;
}

section! {
    /// How a worker is run.
    WorkerOptions ("Worker options") {
        /// Leaves the worker out: a boolean, or `"${NAME}"` to do so when that environment variable is set.
        disabled: Disabled = Disabled(false);
    }
    no_effect {
        "title": "workers are no processes of their own",
        "python": "workers are no Python processes",
        "pythonpath": "workers are no Python processes",
        "cpu_affinity": "workers are no processes of their own",
        "env": "workers are no processes of their own",
        "expose_controller": "there is no management API",
        "expose_shared": "there are no Python components",
        "extra": "there are no Python components",
    }
}

/// A worker, by its `type`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WorkerSection(pub(crate) RouterWorkerSection);

/// The `type` of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerKind {
    Router,
}

const WORKERS: [(&str, WorkerKind); 1] = [("router", WorkerKind::Router)];
const WORKERS_LATER: [&str; 6] = ["container", "guest", "proxy", "websocket-testee", "hostmonitor", "xbrmm"];

impl Setting for WorkerKind {
    fn takes() -> String {
        alternatives(&WORKERS)
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Text(text) if WORKERS_LATER.contains(&text.as_str()) => {
                Err(at.not_supported_yet::<Self>(item))
            }
            _ => one_of(&WORKERS, item, at),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl Setting for WorkerSection {
    fn takes() -> String {
        RouterWorkerSection::takes()
    }

    fn reference() -> String {
        RouterWorkerSection::reference()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match kind(item, at, reading)? {
            WorkerKind::Router => RouterWorkerSection::read(item, at, reading).map(WorkerSection),
        }
    }

    fn show(&self) -> String {
        String::new()
    }
}

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version;

impl Setting for Version {
    fn takes() -> String {
        "2".to_owned()
    }

    fn read(item: &Item, at: &Place, _: &mut Reading<'_>) -> Result<Self, Problem> {
        match item.data {
            Data::Int(2) => Ok(Version),
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        Self::takes()
    }
}

fn check_file(file: &FileSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let own = ["realms", "transports"].into_iter().find_map(|key| item.entry(key));
    if let (Some(_), Some(own)) = (&file.workers, own) {
        let text = "realms and transports stand either here or in `workers`, not in both";
        return Err(at.key(&own.key, own.line).problem(text));
    }
    check_realms(file.realms.as_deref().unwrap_or_default(), item, at)
}

fn check_worker(worker: &RouterWorkerSection, item: &Item, at: &Place) -> Result<(), Problem> {
    check_realms(&worker.realms, item, at)
}

fn check_realms(realms: &[RealmSection], item: &Item, at: &Place) -> Result<(), Problem> {
    let Some(entry) = item.entry("realms") else { return Ok(()) };
    let names = realms.iter().map(|realm| realm.name.as_str());
    distinct("realm", names, &entry.item, &at.key("realms", entry.line))
}
/// Whether a worker is left out: a boolean, or an environment variable that is set to anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disabled(pub(crate) bool);

impl Setting for Disabled {
    fn takes() -> String {
        "`true`, `false`, or \"${NAME}\" of an environment variable that is set or isn't".to_owned()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        match &item.data {
            Data::Bool(value) => Ok(Disabled(*value)),
            Data::Text(text) => {
                let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
                let name = name.ok_or_else(|| at.unexpected::<Self>(item))?;
                Ok(Disabled((reading.environment)(name).is_some_and(|value| !value.is_empty())))
            }
            _ => Err(at.unexpected::<Self>(item)),
        }
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}
