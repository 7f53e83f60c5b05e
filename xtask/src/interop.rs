//! Other people's clients, and raw bytes, against our built binary.
//!
//! The suites are programs of their own below `conformance/`; this module installs what they need below the
//! target directory (once for each version of their requirements), builds the router and hands it to them.

pub(crate) mod setup;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// The variable by which the suites find the router; setting it keeps this task from building one.
const BINARY: &str = "CLOVERLEAF_BIN";

/// A JavaScript test file that has left something running would else keep the runner waiting for ever.
const FILE_TIMEOUT_MS: &str = "120000";

/// Runs the suites that `args` name, or all of them; a failing one doesn't keep the others from running.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["python", "wire", "js"])?;
    let wanted = |suite: &str| args.is_empty() || args.iter().any(|arg| arg == suite);
    let target = repo.target_dir()?;
    let binary = binary(repo, &target)?;

    let mut failures = Vec::new();
    let directories = [("python", "conformance/interop/python"), ("wire", "conformance/wire")];
    let directories: Vec<&str> =
        directories.iter().filter(|(suite, _)| wanted(suite)).map(|(_, directory)| *directory).collect();
    if !directories.is_empty()
        && let Err(error) = pytest(repo, &target, &binary, &directories)
    {
        failures.push(error);
    }
    if wanted("js")
        && let Err(error) = node(repo, &target, &binary)
    {
        failures.push(error);
    }
    match failures.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(Outcome::Done),
    }
}

/// The router under test: the one named by the environment, or the workspace's, built without optimisation
/// because CI has just done so for the tests.
fn binary(repo: &Repo, target: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY) {
        return std::path::absolute(path).context("CLOVERLEAF_BIN is not a path");
    }
    process::run(cargo().args(["build", "--package", "cloverleaf"]).current_dir(repo.root()))?;
    Ok(target.join("debug/cloverleaf"))
}

fn pytest(repo: &Repo, target: &Path, binary: &Path, directories: &[&str]) -> Result<()> {
    let python = setup::python(repo, target)?;
    process::run(
        Command::new(python)
            .args(["-m", "pytest", "--quiet"])
            .args(directories)
            .env(BINARY, binary)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(repo.root()),
    )
}

fn node(repo: &Repo, target: &Path, binary: &Path) -> Result<()> {
    setup::node_packages(repo, target)?;
    let directory = "conformance/interop/js/";
    let tests: Vec<String> = repo
        .tracked_files()?
        .into_iter()
        .filter_map(|file| file.strip_prefix(directory).map(str::to_owned))
        .filter(|file| file.ends_with(".test.js"))
        .collect();
    if tests.is_empty() {
        bail!("there is no test below {directory}");
    }
    process::run(
        Command::new("node")
            .args(["--test", "--test-reporter", "spec", "--test-timeout", FILE_TIMEOUT_MS])
            .args(tests)
            .env(BINARY, binary)
            .current_dir(repo.path(directory)),
    )
}
