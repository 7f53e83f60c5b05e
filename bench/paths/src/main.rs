//! Routes messages along a path and ends: what a simulator counts the instructions of.
//!
//! ```text
//!   cloverleaf-paths                 the names of the paths, a line each, and how many messages are enough to count
//!   cloverleaf-paths NAME MESSAGES   routes so many, after preparing as many as are enough
//! ```
//!
//! As the preparation doesn't depend on how many messages are routed, the difference between two runs is the cost of
//! the messages that one has routed and the other hasn't.

use std::env;
use std::io::{Write, stdout};

use anyhow::{Context, Result, bail};
use cloverleaf_paths::{PATHS, Ready, find};

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => list(),
        [name, messages] => {
            let path = find(name).with_context(|| format!("there is no path {name:?}"))?;
            let mut ready = Ready::prepare(&path, path.messages())?;
            ready.run(messages.parse().context("expected a number of messages")?)?;
            ready.check()
        }
        _ => bail!("expected nothing, or the name of a path and a number of messages"),
    }
}

fn list() -> Result<()> {
    let mut out = stdout().lock();
    for path in PATHS {
        writeln!(out, "{path}\t{}", path.messages())?;
    }
    Ok(())
}
