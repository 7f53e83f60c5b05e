//! The table of tasks: names, one line about each, and the function that does it.

use anyhow::Result;

use crate::repo::Repo;
use crate::{autobahn, bench, cargo, conformance, instructions, interop, suite, tidy};

/// How a task ended when it did not fail.
pub(crate) enum Outcome {
    /// It did what its line in the listing says.
    Done,
    /// It could not run here, for the given reason, and that is no failure.
    Skipped(String),
}

/// One entry of `cargo xtask`.
pub(crate) struct Task {
    /// The word on the command line.
    pub(crate) name: &'static str,
    /// What follows it on the command line.
    pub(crate) options: &'static str,
    /// What it does, in one line.
    pub(crate) about: &'static str,
    /// Does it.
    pub(crate) run: fn(&Repo, &[String]) -> Result<Outcome>,
}

/// Every task, in the order of the listing.
pub(crate) const TASKS: &[Task] = &[
    Task {
        name: "test",
        options: "",
        about: "everything the CI runs: all the checks below in a row, with a summary",
        run: suite::run,
    },
    Task {
        name: "fmt",
        options: "[--check]",
        about: "format the Rust sources, or check that they are",
        run: cargo::fmt,
    },
    Task {
        name: "clippy",
        options: "",
        about: "lint every target of every crate; a warning is a failure",
        run: cargo::clippy,
    },
    Task { name: "doc", options: "", about: "build the API docs; a warning is a failure", run: cargo::doc },
    Task {
        name: "deny",
        options: "[--install]",
        about: "licences, bans and sources of all dependencies, where cargo-deny is installed",
        run: cargo::deny,
    },
    Task {
        name: "tidy",
        options: "",
        about: "who may depend on whom, what stays out of the pure crates, and the habits of the sources",
        run: tidy::run,
    },
    Task {
        name: "unit",
        options: "",
        about: "unit, integration and doc tests of the workspace",
        run: cargo::unit,
    },
    Task {
        name: "conformance",
        options: "[--check]",
        about: "write docs/conformance.md from the checks that tests cite, or check that it is current",
        run: conformance::run,
    },
    Task {
        name: "interop",
        options: "[python|wire|js]...",
        about: "foreign clients and raw bytes against the built router (Autobahn|Python, Autobahn|JS, Wampy)",
        run: interop::run,
    },
    Task {
        name: "autobahn",
        options: "[--quick]",
        about: "the Autobahn WebSocket suite against our codec: complete, or a choice of a few minutes",
        run: autobahn::run,
    },
    Task {
        name: "bench",
        options: "[case...] | meta | history",
        about: "measure a release build: beside the floor, the meta API at scale, or event history; some minutes",
        run: bench::run,
    },
    Task {
        name: "bench-smoke",
        options: "",
        about: "a few seconds of load, for correctness",
        run: bench::smoke,
    },
    Task {
        name: "instructions",
        options: "[--store]",
        about: "count the instructions of hot paths under valgrind and compare them to bench/instructions.json",
        run: instructions::run,
    },
];

/// The text of `cargo xtask` without arguments.
pub(crate) fn listing() -> String {
    let usage = |task: &Task| format!("{} {}", task.name, task.options);
    let width = TASKS.iter().map(|task| usage(task).len()).max().unwrap_or(0);
    let mut text = String::from("cargo xtask TASK\n\n");
    for task in TASKS {
        text.push_str(&format!("  {:width$}  {}\n", usage(task), task.about));
    }
    text
}

/// Fails unless every argument is one of `known`.
pub(crate) fn expect_only(args: &[String], known: &[&str]) -> Result<()> {
    match args.iter().find(|arg| !known.contains(&arg.as_str())) {
        Some(arg) if known.is_empty() => anyhow::bail!("`{arg}`: this task takes no arguments"),
        Some(arg) => anyhow::bail!("`{arg}`: expected {}", known.join(" or ")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_names_every_task_once() {
        let text = listing();
        for task in TASKS {
            let lines = text.lines().filter(|line| line.split_whitespace().next() == Some(task.name));
            assert_eq!(lines.count(), 1, "{}", task.name);
        }
    }

    #[test]
    fn an_unknown_argument_is_refused_with_what_is_known() {
        let error = expect_only(&["--chek".to_owned()], &["--check"]).unwrap_err();
        assert_eq!(error.to_string(), "`--chek`: expected --check");
        assert!(expect_only(&["--check".to_owned()], &["--check"]).is_ok());
    }
}
