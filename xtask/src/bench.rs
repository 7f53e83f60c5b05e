//! The benchmark: measured on a release build, or only tried for correctness.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// Builds router and load generator for release and measures; `args` are the generator's own.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    let packages = ["--package", "cloverleaf", "--package", "cloverleaf-bench"];
    process::run(cargo().args(["build", "--release"]).args(packages).current_dir(repo.root()))?;
    let release = repo.target_dir()?.join("release");
    let mut generator = std::process::Command::new(release.join("cloverleaf-bench"));
    process::run(generator.arg("run").args(args).arg("--router").arg(release.join("cloverleaf")))?;
    Ok(Outcome::Done)
}

/// Sends a small load through the router as it was built for the tests, and checks every message of it.
pub(crate) fn smoke(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let packages = ["--package", "cloverleaf", "--package", "cloverleaf-bench"];
    process::run(cargo().arg("build").args(packages).current_dir(repo.root()))?;
    let debug = repo.target_dir()?.join("debug");
    let mut generator = std::process::Command::new(debug.join("cloverleaf-bench"));
    process::run(generator.arg("smoke").arg("--router").arg(debug.join("cloverleaf")))?;
    Ok(Outcome::Done)
}
