//! The benchmark: measured on a release build, or only tried for correctness.

use std::fs::File;

use anyhow::Result;

use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// What measures something else than the cases of `run`, on a router in a process of the generator's own, or nothing.
const COMMANDS: &[&str] = &["meta", "history", "polls", "workers", "report", "picture"];

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
const SMALL_POLLS: &[&str] =
    &["polls", "pubsub 2x3", "rpc 2x3", "transcoding", "subscribe", "--seconds=0.05", "--rounds=1"];
const SMALL_WORKERS: &[&str] = &["workers", "--seconds=0.05", "--warm-up=0", "--rounds=1"];
/// And a case that the tables and the picture are made of, long enough to use some ticks of the processor.
const SMALL_RUN: &[&str] = &["run", "pubsub 1x1", "--seconds=0.5", "--warm-up=0", "--rounds=1"];

/// Builds router and load generator for release and measures; `args` are the generator's own.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    let packages = ["--package", "cloverleaf", "--package", "cloverleaf-bench"];
    process::run(cargo().args(["build", "--release"]).args(packages).current_dir(repo.root()))?;
    let release = repo.target_dir()?.join("release");
    let mut generator = std::process::Command::new(release.join("cloverleaf-bench"));
    if args.first().is_some_and(|first| COMMANDS.contains(&first.as_str())) {
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
    process::run(generator().args(SMALL_POLLS))?;
    process::run(generator().args(SMALL_WORKERS))?;
    let records = debug.join("bench-smoke.jsonl");
    process::run(generator().args(SMALL_RUN).stdout(File::create(&records)?))?;
    process::run(generator().arg("report").arg(&records))?;
    process::run(generator().arg("picture").arg(&records).arg("--out").arg(debug.join("bench-smoke.svg")))?;
    Ok(Outcome::Done)
}
