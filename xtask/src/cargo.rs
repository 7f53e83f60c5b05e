//! The tasks that are cargo's own work: format, lints, docs, dependencies, tests.

use anyhow::Result;

use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// Formats the workspace, or checks that it is.
pub(crate) fn fmt(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["--check"])?;
    process::run(cargo().args(["fmt", "--all"]).args(args).current_dir(repo.root()))?;
    Ok(Outcome::Done)
}

/// Lints all targets; where a crate has features, with all of them and without any, too.
pub(crate) fn clippy(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let mut variants: Vec<&[&str]> = vec![&[]];
    if has_features(repo)? {
        variants.extend([["--all-features"].as_slice(), ["--no-default-features"].as_slice()]);
    }
    for variant in variants {
        process::run(
            cargo()
                .args(["clippy", "--workspace", "--all-targets"])
                .args(variant)
                .args(["--", "-D", "warnings"])
                .current_dir(repo.root()),
        )?;
    }
    Ok(Outcome::Done)
}

/// Builds the API docs of our crates.
pub(crate) fn doc(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    process::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")
            .current_dir(repo.root()),
    )?;
    Ok(Outcome::Done)
}

/// Checks dependencies against `deny.toml`. Advisories stay out: they need a database from the network, and
/// would let a green commit turn red by itself.
pub(crate) fn deny(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["--install"])?;
    if !process::succeeds("cargo-deny", &["--version"]) {
        if args.is_empty() {
            return Ok(Outcome::Skipped(
                "cargo-deny is not installed; `cargo xtask deny --install` builds it".to_owned(),
            ));
        }
        process::run(cargo().args(["install", "--locked", "cargo-deny"]))?;
    }
    process::run(
        cargo()
            .args(["deny", "--workspace", "check", "bans", "licenses", "sources"])
            .current_dir(repo.root()),
    )?;
    Ok(Outcome::Done)
}

/// Runs every Rust test. nextest where it is installed, because it runs all crates' tests side by side.
pub(crate) fn unit(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let runner: &[&str] = if process::succeeds("cargo-nextest", &["--version"]) {
        &["nextest", "run", "--workspace", "--no-tests", "fail"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests", "--examples"]
    };
    process::run(cargo().args(runner).current_dir(repo.root()))?;
    process::run(cargo().args(["test", "--workspace", "--doc"]).current_dir(repo.root()))?;
    Ok(Outcome::Done)
}

fn has_features(repo: &Repo) -> Result<bool> {
    let metadata = repo.metadata()?;
    let ours = metadata["workspace_members"].as_array().map(Vec::as_slice).unwrap_or_default();
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(packages
        .iter()
        .filter(|package| ours.contains(&package["id"]))
        .any(|package| package["features"].as_object().is_some_and(|features| !features.is_empty())))
}
