//! Logs go to stderr, as text or as lines of JSON.

use std::io::{self, IsTerminal};

use anyhow::{Result, anyhow};
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

/// What the words of a log level let through. A word by itself has to be a level: `EnvFilter` would take it for the
/// name of a part.
fn filter(text: &str) -> Result<EnvFilter> {
    let is_known =
        |part: &str| part.contains('=') || LEVELS.iter().any(|level| part.eq_ignore_ascii_case(level));
    let unknown = text.split(',').find(|part| !is_known(part));
    let filter = EnvFilter::try_new(text).ok().filter(|_| unknown.is_none());
    filter.ok_or_else(|| {
        let text = unknown.unwrap_or(text);
        anyhow!(
            "{text:?} is not a log level; there are: {}; or by part, as in info,cloverleaf_router=debug",
            LEVELS.join(", ")
        )
    })
}

/// From nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl Logging {
    /// Begins to log.
    pub(crate) fn start(&self) -> Result<()> {
        let filter = filter(&self.log_level)?;
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
        let started = match self.log_format {
            Format::Text => logs.with_ansi(io::stderr().is_terminal()).try_init(),
            Format::Json => logs.json().try_init(),
        };
        started.map_err(|error| anyhow!("can't log: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_level_is_one_of_the_words_or_said_by_part() {
        for known in ["info", "OFF", "info,cloverleaf_router=debug", "warn,cloverleaf_client=off"] {
            assert!(filter(known).is_ok(), "{known}");
        }
        for (text, unknown) in [("loud", "loud"), ("info,verbose", "verbose"), ("", ""), ("a=loud", "a=loud")]
        {
            let error = filter(text).unwrap_err().to_string();
            let expected =
                format!("{unknown:?} is not a log level; there are: off, error, warn, info, debug, trace; ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
