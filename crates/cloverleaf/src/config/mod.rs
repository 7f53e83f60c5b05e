//! The configuration of a node, and the files it is read from.
//!
//! The format is that of Crossbar.io's node configuration, version 2, as far as this version of Cloverleaf goes, with a
//! few settings of our own; for the simple case `realms` and `transports` may stand at the top. What Crossbar.io knows
//! and this version doesn't is an error that says so, and what is accepted without effect is noted: nothing is passed
//! over in silence.
//!
//! A file becomes a tree with line numbers (`item`), the tree becomes typed maps (`section` and the modules with the
//! maps, which are judged as a whole in `sense`), and those become a [`Config`] (`build`), which knows no file format. The reference is made from the same
//! declarations that read the file ([`reference()`]).

mod build;
mod endpoint;
mod error;
mod file;
mod item;
mod limits;
mod realm;
mod reference;
mod role;
mod schemas;
mod section;
mod sense;
mod setting;
mod store;
mod transport;
mod websocket;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::listeners::ListenerConfig;
use router::config::RouterConfig;

pub use error::ConfigError;
pub use item::ConfigFormat;
pub use reference::reference;

use error::Problem;
use file::FileSection;
use item::Item;
use setting::{Place, Reading, Setting};

/// What a node runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The node's name, for logs.
    pub node_id: Option<String>,
    /// The routers, each with the sockets that lead to it. Realms of the same name in different workers know nothing of
    /// each other.
    pub workers: Vec<WorkerConfig>,
}

/// One router and its sockets.
#[derive(Debug, Clone, Default)]
pub struct WorkerConfig {
    /// A name, for logs.
    pub id: Option<String>,
    /// Realms, roles and limits.
    pub router: RouterConfig,
    /// Where clients connect. None is fine for a router that only the embedding program uses.
    pub listeners: Vec<ListenerConfig>,
    /// The files in which realms, by name, keep history, schemas and retained events. A realm that isn't here keeps them in
    /// memory.
    pub stores: HashMap<String, StoreConfig>,
}

/// A file in which a realm keeps what outlives the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// The file; it is made if it isn't there.
    pub path: PathBuf,
    /// How long changes wait to be written together: what a crash may cost.
    pub flush_interval: Duration,
    /// How many events may wait; the newest are given up beyond it.
    pub pending_events_max: usize,
    /// How many bytes they may take.
    pub pending_bytes_max: usize,
    /// Whether each flush waits until the disk has it. Without, a power failure may damage the file.
    pub sync: bool,
    /// Memory for pages of the file, in bytes.
    pub cache_bytes: usize,
}

impl StoreConfig {
    /// A file, with everything else as the store has it by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let default = ::store::RedbOptions::default();
        StoreConfig {
            path: path.into(),
            flush_interval: default.flush_interval,
            pending_events_max: default.pending_events_max,
            pending_bytes_max: default.pending_bytes_max,
            sync: default.sync,
            cache_bytes: default.cache_bytes,
        }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Settings that were accepted but have no effect here, or hardly the one that is meant, a line each, for the log.
    pub notes: Vec<String>,
}

impl Default for Config {
    /// What `cloverleaf` without arguments runs: realm `realm1`, in which anonymous clients may do everything, with
    /// WebSocket (at `/` and `/ws`) and RawSocket on 127.0.0.1:8080.
    fn default() -> Self {
        let listeners = vec![ListenerConfig::default()];
        Config { node_id: None, workers: vec![WorkerConfig { listeners, ..WorkerConfig::default() }] }
    }
}

impl Config {
    /// Reads a config file; JSON if its name ends with `.json`, else YAML. Paths in it are relative to its directory,
    /// and variables are the process's.
    ///
    /// # Errors
    /// A file that can't be read, or says something that isn't understood, with line and path.
    pub fn load(file: &Path) -> Result<Loaded, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            ConfigError::new(file, Problem::of_file(None, format!("can't be read: {error}")))
        })?;
        let environment = |name: &str| std::env::var(name).ok();
        Self::parse(&text, ConfigFormat::of(file), file, &environment)
    }

    /// Reads a config file's text. `file` is named in errors, and paths are relative to its directory. The files with
    /// schemas that it names are read with it.
    ///
    /// # Errors
    /// A text that says something that isn't understood, with line and path.
    pub fn parse(
        text: &str,
        format: ConfigFormat,
        file: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Loaded, ConfigError> {
        let directory = file.parent().unwrap_or(Path::new(""));
        let mut reading = Reading { environment, directory, notes: Vec::new() };
        let section = Item::parse(text, format)
            .and_then(|item| {
                let section = FileSection::read(&item, &Place::root(), &mut reading)?;
                reading.notes.extend(sense::judge(&section, &item)?);
                Ok(section)
            })
            .map_err(|problem| ConfigError::new(file, problem))?;
        Ok(Loaded { config: section.config(directory), notes: reading.notes })
    }
}
