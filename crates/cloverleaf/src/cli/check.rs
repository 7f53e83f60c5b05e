//! `cloverleaf check`: a config file, without starting anything.

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use clap::Args;
use cloverleaf::config::{Config, Loaded};
use cloverleaf::{StartError, WorkerConfig};
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
        let file = self.config.display();
        for note in &notes {
            output::tell(&format!("{file}: {note}"));
        }
        let count = |of: fn(&WorkerConfig) -> usize| config.workers.iter().map(of).sum::<usize>();
        let realms = count(|worker| worker.router.realms.len());
        let transports = count(|worker| worker.listeners.len());
        if let Err(error) = check_use(&config).and_then(|()| check_parts(config)) {
            bail!("{file}: {error}");
        }
        let (realms, transports) = (counted(realms, "realm"), counted(transports, "transport"));
        output::line(&format!("{file}: ok ({realms}, {transports})"))
    }
}

/// A number of things by their name in the singular.
fn counted(count: usize, name: &str) -> String {
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

/// A router that nobody can reach, or where there is nothing to reach, is not what a file is for. (A program that
/// embeds one may well want it.)
pub(crate) fn check_use(config: &Config) -> Result<()> {
    if config.workers.is_empty() {
        return Err(StartError::NothingToRun.into());
    }
    for (index, worker) in config.workers.iter().enumerate() {
        let lacking = match (worker.router.realms.is_empty(), worker.listeners.is_empty()) {
            (true, true) => "no realms and no transports",
            (true, false) => "no realms",
            (false, true) => "no transports",
            (false, false) => continue,
        };
        match &worker.id {
            _ if config.workers.len() == 1 => bail!("there are {lacking}"),
            Some(id) => bail!("the worker {id:?} has {lacking}"),
            None => bail!("worker {} has {lacking}", index + 1),
        }
    }
    Ok(())
}

/// What starting would find wrong, but for the sockets.
fn check_parts(config: Config) -> Result<()> {
    for worker in config.workers {
        for listener in &worker.listeners {
            let Some(tls) = &listener.tls else { continue };
            let address = listeners::LocalAddress::from(&listener.endpoint);
            tls.check().map_err(|error| anyhow!("TLS on {address}: {error}"))?;
        }
        Router::new(worker.router)?;
    }
    Ok(())
}
