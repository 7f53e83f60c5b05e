//! Logs go to stderr, as text or as lines of JSON.

use std::io::{self, IsTerminal};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// What is logged, and how.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// off, error, warn, info, debug or trace; also by part, as in `info,cloverleaf_router=debug`
    #[arg(long, value_name = "LEVEL", env = "CLOVERLEAF_LOG", default_value = "info")]
    log_level: String,
    /// How log lines are written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Logging {
    /// Begins to log.
    pub(crate) fn start(&self) -> Result<()> {
        let filter = EnvFilter::try_new(&self.log_level)
            .with_context(|| format!("{:?} is not a log level", self.log_level))?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        let started = match self.log_format {
            Format::Text => logs.with_ansi(io::stderr().is_terminal()).try_init(),
            Format::Json => logs.json().try_init(),
        };
        started.map_err(|error| anyhow!("can't log: {error}"))
    }
}
