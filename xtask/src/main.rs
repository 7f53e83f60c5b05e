//! The one door to everything a developer or the CI does: `cargo xtask TASK`.
//!
//! What it is for: each task is a few lines that call the tool which does the work (cargo, pytest, node, the
//! WebSocket suite), plus the checks that no tool knows (`tidy`, `conformance`). What it doesn't do: hold
//! test logic. Invariant: a task can be run alone, and `test` is nothing but the others in a row.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks on its standard streams"
)]

mod autobahn;
mod bench;
mod cargo;
mod conformance;
mod instructions;
mod interop;
mod process;
mod repo;
mod suite;
mod task;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;

use crate::repo::Repo;
use crate::task::{Outcome, TASKS};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(why)) => {
            eprintln!("skipped: {why}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<Outcome> {
    let Some((name, rest)) = args.split_first() else {
        print!("{}", task::listing());
        return Ok(Outcome::Done);
    };
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        anyhow::bail!("there is no task `{name}`; these are known:\n{}", task::listing());
    };
    (task.run)(&Repo::locate()?, rest)
}
