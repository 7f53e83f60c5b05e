//! The benchmark: measured on a release build, or only tried for correctness.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// What measures something else than the cases of `run`: a router in a process of the generator's own.
const AT_SCALE: &[&str] = &["meta", "history"];

/// Small ones of these, for correctness.
const SMALL_META: &[&str] = &[
    "meta",
    "--sessions=300",
    "--registrations=50",
    "--victims=2",
    "--subscriptions-per-victim=100",
    "--seconds=0.1",
    "--rounds=1",
];
const SMALL_HISTORY: &[&str] = &["history", "--events=20000", "--seconds=0.1", "--rounds=1"];

/// Builds router and load generator for release and measures; `args` are the generator's own.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    let packages = ["--package", "cloverleaf", "--package", "cloverleaf-bench"];
    process::run(cargo().args(["build", "--release"]).args(packages).current_dir(repo.root()))?;
    let release = repo.target_dir()?.join("release");
    let mut generator = std::process::Command::new(release.join("cloverleaf-bench"));
    if args.first().is_some_and(|first| AT_SCALE.contains(&first.as_str())) {
        generator.args(args);
    } else {
        generator.arg("run").args(args).arg("--router").arg(release.join("cloverleaf"));
    }
    process::run(&mut generator)?;
    Ok(Outcome::Done)
}

/// Sends a small load through the router as it was built for the tests, and checks every message of it.
pub(crate) fn smoke(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let packages = ["--package", "cloverleaf", "--package", "cloverleaf-bench"];
    process::run(cargo().arg("build").args(packages).current_dir(repo.root()))?;
    let debug = repo.target_dir()?.join("debug");
    let generator = || std::process::Command::new(debug.join("cloverleaf-bench"));
    process::run(generator().arg("smoke").arg("--router").arg(debug.join("cloverleaf")))?;
    process::run(generator().args(SMALL_META))?;
    process::run(generator().args(SMALL_HISTORY))?;
    Ok(Outcome::Done)
}
