//! `docs/conformance.md`: every check of the list, and the tests that show it.
//!
//! The list is `conformance/checks.txt`; the tests are found by what they cite in the comment above them. The
//! page is a file of the project, so that a reader of the repository sees it and a review sees it change.

mod checks;
mod citations;
mod page;

use anyhow::{Context, Result, bail};

use crate::conformance::checks::Checklist;
use crate::conformance::citations::Citations;
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

const LIST: &str = "conformance/checks.txt";
const PAGE: &str = "docs/conformance.md";

/// Writes the page, or with `--check` fails if writing would change it.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["--check"])?;
    let list = std::fs::read_to_string(repo.path(LIST)).with_context(|| format!("cannot read {LIST}"))?;
    let list = Checklist::parse(&list).with_context(|| LIST.to_owned())?;

    let mut citations = Citations::default();
    for file in repo.tracked_files()? {
        if citations::may_cite(&file)
            && let Some(text) = repo.text(&file)?
        {
            citations.collect(&file, &text);
        }
    }
    let unknown = citations.unknown(&list);
    if !unknown.is_empty() {
        bail!("cited, but not in {LIST}:\n  {}", unknown.join("\n  "));
    }

    let page = page::render(&list, &citations);
    let counts = page::Counts::of(&list, &citations);
    println!(
        "conformance: {} checks: {} shown by tests, {} with a reason, {} not yet shown",
        counts.total, counts.shown, counts.reasoned, counts.open
    );
    if args.is_empty() {
        std::fs::write(repo.path(PAGE), page).with_context(|| format!("cannot write {PAGE}"))?;
    } else if std::fs::read_to_string(repo.path(PAGE)).unwrap_or_default() != page {
        bail!("{PAGE} is stale: run `cargo xtask conformance` and commit it");
    }
    Ok(Outcome::Done)
}
