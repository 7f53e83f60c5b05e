//! `cargo xtask test`: the tasks of the CI in a row. A failing step doesn't keep the later ones from showing
//! what they know; the summary at the end decides.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::task::{Outcome, TASKS, expect_only};

/// What the CI runs: cheap first, so that a careless commit is told within seconds.
const STEPS: &[(&str, &[&str])] = &[
    ("fmt", &["--check"]),
    ("tidy", &[]),
    ("conformance", &["--check"]),
    ("deny", &[]),
    ("clippy", &[]),
    ("doc", &[]),
    ("unit", &[]),
    ("interop", &[]),
    ("autobahn", &["--quick"]),
    ("bench-smoke", &[]),
    ("instructions", &[]),
];

struct Report {
    name: &'static str,
    took: Duration,
    result: Result<Outcome>,
}

/// Runs all steps and fails if one did.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &[])?;
    let mut reports = Vec::new();
    for (name, options) in STEPS {
        let Some(task) = TASKS.iter().find(|task| task.name == *name) else {
            bail!("the step `{name}` is no task");
        };
        eprintln!("\n== {name} {}", options.join(" "));
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let started = Instant::now();
        let result = (task.run)(repo, &options);
        if let Err(error) = &result {
            eprintln!("error: {name}: {error:#}");
        }
        reports.push(Report { name, took: started.elapsed(), result });
    }
    println!("\n{}", summary(&reports));
    if reports.iter().any(|report| report.result.is_err()) {
        bail!("not all steps passed");
    }
    Ok(Outcome::Done)
}

/// One line a step, and a closing line that counts them.
fn summary(reports: &[Report]) -> String {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut text = String::new();
    for Report { name, took, result } in reports {
        let word = match result {
            Ok(Outcome::Done) => {
                passed += 1;
                "ok".to_owned()
            }
            Ok(Outcome::Skipped(why)) => {
                skipped += 1;
                format!("skipped: {why}")
            }
            Err(error) => {
                failed += 1;
                let message = error.to_string();
                format!("FAILED: {}", message.lines().next().unwrap_or_default())
            }
        };
        text.push_str(&format!("{name:12} {:6.1} s  {word}\n", took.as_secs_f64()));
    }
    text.push_str(&format!("steps: {passed} passed, {failed} failed, {skipped} skipped"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_a_task() {
        for (name, _) in STEPS {
            assert!(TASKS.iter().any(|task| task.name == *name), "{name}");
        }
    }

    #[test]
    fn the_summary_counts_what_happened() {
        let report = |name, result| Report { name, took: Duration::from_millis(1500), result };
        let text = summary(&[
            report("fmt", Ok(Outcome::Done)),
            report("deny", Ok(Outcome::Skipped("not here".to_owned()))),
            report("unit", Err(anyhow::anyhow!("two tests\nand more"))),
        ]);
        assert!(text.contains("skipped: not here") && text.contains("FAILED: two tests\n"), "{text}");
        assert_eq!(text.lines().last(), Some("steps: 1 passed, 1 failed, 1 skipped"));
    }
}
