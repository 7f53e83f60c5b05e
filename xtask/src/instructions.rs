//! Instructions per message on the router's hot paths, counted by a simulator and compared to those of a file.
//!
//! Time can't be measured where others use the machine too; instructions can. The program `cloverleaf-paths` routes a
//! number of messages, and then twice as many, under valgrind's callgrind; the difference is what the messages cost,
//! without warm-up. What is left of chance (hashers have random seeds) is far below the tolerance.
//!
//! The file says what the counts were made with. Another compiler, processor or simulator counts differently, so there
//! the tolerance is wider.

mod baseline;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::instructions::baseline::{Baseline, Environment, Verdict};
use crate::process::{self, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// The file.
const BASELINE: &str = "bench/instructions.json";
const PACKAGE: &str = "cloverleaf-paths";
const PROFILE: &str = "instructions";
/// The function that is counted, with all that it calls. What a run does before and after is not always the same.
const COUNTED: &str = "cloverleaf_paths::ready::Ready::run*";

/// Counts, shows, and fails where a path became more expensive; with `--store` what was counted becomes the new file.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["--store"])?;
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Outcome::Skipped("instructions are compared on x86-64 and Linux only".to_owned()));
    }
    find_valgrind()?;
    let target = repo.target_dir()?;
    let program = build(repo, &target)?;
    let counted = Baseline { environment: environment(repo)?, instructions: count(&program, &target)? };

    let path = repo.path(BASELINE);
    if !args.is_empty() {
        std::fs::write(&path, counted.to_text()?).with_context(|| format!("cannot write {BASELINE}"))?;
        println!("{}", baseline::table(&counted.compare(&counted)));
        println!("instructions: {} paths stored in {BASELINE}", counted.instructions.len());
        return Ok(Outcome::Done);
    }
    let stored = std::fs::read_to_string(&path).with_context(|| format!("cannot read {BASELINE}"))?;
    let stored = Baseline::parse(&stored).with_context(|| BASELINE.to_owned())?;
    let verdicts = stored.compare(&counted);
    println!("{}", baseline::table(&verdicts));
    for difference in stored.environment.differences(&counted.environment) {
        println!("instructions: counted with another {difference}; the tolerance is wider");
    }
    judge(&verdicts, &target)
}

fn judge(verdicts: &[(String, Verdict)], target: &Path) -> Result<Outcome> {
    let failed: Vec<&str> =
        verdicts.iter().filter(|(_, verdict)| verdict.is_failure()).map(|(path, _)| path.as_str()).collect();
    if !failed.is_empty() {
        bail!(
            "not as {BASELINE} says: {}\nwhere the instructions are: callgrind_annotate {}; if they are worth it: \
             cargo xtask instructions --store",
            failed.join(", "),
            profile(target, failed.first().unwrap_or(&"")).display()
        );
    }
    let better = verdicts.iter().filter(|(_, verdict)| verdict.is_better()).count();
    if better > 0 {
        println!("instructions: {better} paths became cheaper: cargo xtask instructions --store keeps that");
    }
    println!("instructions: {} paths as {BASELINE} says", verdicts.len());
    Ok(Outcome::Done)
}

/// Installs it where that needs no question: as the user who may, on a machine with the package manager that has it.
fn find_valgrind() -> Result<()> {
    if process::succeeds("valgrind", &["--version"]) {
        return Ok(());
    }
    let is_root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root || !process::succeeds("apt-get", &["--version"]) {
        bail!(
            "valgrind is not installed, and without it no instructions are counted: apt-get install valgrind"
        );
    }
    let apt = |args: &[&str]| process::run(Command::new("apt-get").args(args));
    apt(&["update", "-qq"])?;
    apt(&["install", "-qq", "--yes", "--no-install-recommends", "valgrind"])
}

fn build(repo: &Repo, target: &Path) -> Result<PathBuf> {
    process::run(
        cargo()
            .args(["build", "--profile", PROFILE, "--package", PACKAGE])
            // Counts are of the code as it is for everybody.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(repo.root()),
    )?;
    Ok(target.join(PROFILE).join(PACKAGE))
}

fn environment(repo: &Repo) -> Result<Environment> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let line = |mut command: Command| {
        let text = process::output(command.current_dir(repo.root()))?;
        anyhow::Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let mut compiler = Command::new(rustc);
    compiler.arg("--version");
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version");
    let mut libc = Command::new("getconf");
    libc.arg("GNU_LIBC_VERSION");
    Ok(Environment { rustc: line(compiler)?, libc: line(libc)?, valgrind: line(valgrind)? })
}

/// Instructions per message, by path.
fn count(program: &Path, target: &Path) -> Result<BTreeMap<String, u64>> {
    let listing = process::output(&mut Command::new(program))?;
    eprintln!("$ valgrind --tool=callgrind {} ...", program.display());
    let mut instructions = BTreeMap::new();
    for line in listing.lines() {
        let (path, messages) = line.split_once('\t').context("a path without a number of messages")?;
        let messages: u64 = messages.parse().context("expected a number of messages")?;
        let half = collect(program, path, messages / 2, target)?;
        let all = collect(program, path, messages, target)?;
        let difference = all.checked_sub(half).context("more messages took fewer instructions")?;
        instructions.insert(path.to_owned(), difference / (messages - messages / 2));
    }
    Ok(instructions)
}

/// Instructions of one run.
fn collect(program: &Path, path: &str, messages: u64, target: &Path) -> Result<u64> {
    let out = profile(target, path);
    if let Some(directory) = out.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]);
    valgrind.arg(format!("--toggle-collect={COUNTED}"));
    valgrind.arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(program).arg(path).arg(messages.to_string());
    process::output(&mut valgrind)?;
    let profile = std::fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    let total = total(&profile).with_context(|| format!("{} has no total", out.display()))?;
    ensure!(total > 0, "no function is called {COUNTED}, so nothing was counted");
    Ok(total)
}

/// Where the profile of a path lies, for whoever wants to know what costs so much.
fn profile(target: &Path, path: &str) -> PathBuf {
    let name: String = path.chars().map(|c| if c == ' ' { '-' } else { c }).collect();
    target.join("instructions-counted").join(name)
}

/// The instructions that a profile of callgrind counts in all.
fn total(profile: &str) -> Option<u64> {
    let total = |prefix| profile.lines().rev().find_map(|line| line.strip_prefix(prefix));
    total("totals: ").or_else(|| total("summary: "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_the_end_of_a_profile() {
        assert_eq!(
            total("version: 1\nevents: Ir\nsummary: 12\n\nfn=(1) totals: x\n\ntotals: 34\n"),
            Some(34)
        );
        assert_eq!(total("events: Ir\nsummary: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn a_profile_has_a_name_that_a_shell_takes() {
        let name = profile(Path::new("t"), "pubsub 1x10 32B rawsocket+msgpack");
        assert_eq!(name, Path::new("t/instructions-counted/pubsub-1x10-32B-rawsocket+msgpack"));
    }

    #[test]
    fn a_path_that_costs_more_fails_the_task() {
        let worse = ("pubsub".to_owned(), Verdict { stored: Some(100), counted: Some(120), tolerance: 0.03 });
        let better = ("rpc".to_owned(), Verdict { stored: Some(100), counted: Some(80), tolerance: 0.03 });
        assert!(judge(std::slice::from_ref(&better), Path::new("t")).is_ok());
        let Err(error) = judge(&[better, worse], Path::new("t")) else { panic!("it passed") };
        assert!(error.to_string().starts_with("not as bench/instructions.json says: pubsub\n"), "{error}");
    }
}
