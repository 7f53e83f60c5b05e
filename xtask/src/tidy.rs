//! What no other tool checks: who depends on whom, what stays out of the pure crates, and the habits of the
//! sources. Every finding is a line that says where and why; all of them are shown before the task fails.

mod arrows;
mod links;
mod sources;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// Runs all checks over the tracked files and the dependency graph.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let files = repo.tracked_files()?;
    let mut findings = arrows::check(&repo.metadata()?)?;
    for file in &files {
        if let Some(text) = repo.text(file)? {
            findings.extend(sources::check(file, &text));
            findings.extend(links::check(repo.root(), file, &text));
        }
    }
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    println!("tidy: {} files, nothing to say", files.len());
    Ok(Outcome::Done)
}
