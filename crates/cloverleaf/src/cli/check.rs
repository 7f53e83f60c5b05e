//! `cloverleaf check`: a config file, without starting anything.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use cloverleaf::config::{Config, Loaded};
use router::Router;

use crate::cli::output;

/// The file to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The config file, YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Check {
    pub(crate) fn run(self) -> Result<()> {
        let Loaded { config, notes } = Config::load(&self.config)?;
        for note in &notes {
            output::tell(&format!("{}: {note}", self.config.display()));
        }
        let count = |of: fn(&cloverleaf::WorkerConfig) -> usize| config.workers.iter().map(of).sum::<usize>();
        let realms = count(|worker| worker.router.realms.len());
        let transports = count(|worker| worker.listeners.len());
        for worker in config.workers {
            Router::new(worker.router).with_context(|| self.config.display().to_string())?;
        }
        output::line(&format!("{}: ok ({realms} realms, {transports} transports)", self.config.display()))
    }
}
