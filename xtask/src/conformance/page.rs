//! The page: a table a section, and at the top how much of it is shown.

use std::fmt::Write;

use crate::conformance::checks::{Check, Checklist};
use crate::conformance::citations::{Citations, Test};

/// A check shown by more tests than this names only so many.
const NAMED_MAX: usize = 4;

/// How many checks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: usize,
    pub(crate) shown: usize,
    pub(crate) reasoned: usize,
    pub(crate) open: usize,
}

impl Counts {
    /// Counts the whole list.
    pub(crate) fn of(list: &Checklist, citations: &Citations) -> Self {
        Self::count(list.checks(), citations)
    }

    fn count<'a>(checks: impl Iterator<Item = &'a Check>, citations: &Citations) -> Self {
        let mut counts = Self::default();
        for check in checks {
            counts.total += 1;
            match (citations.of(&check.id).next(), &check.reason) {
                (Some(_), _) => counts.shown += 1,
                (None, Some(_)) => counts.reasoned += 1,
                (None, None) => counts.open += 1,
            }
        }
        counts
    }
}

/// The whole page.
pub(crate) fn render(list: &Checklist, citations: &Citations) -> String {
    let mut page = String::from(
        "# Conformance\n\n\
         What the WAMP specification asks of a router, check by check, and the test that shows it. Written by\n\
         `cargo xtask conformance` from `conformance/checks.txt` and from the ids that tests cite; don't edit it by hand.\n\n\
         MUST, SHOULD and MAY are the specification's; REC is what this project asks of itself where the specification\n\
         is silent. *Not yet shown* means that neither a test nor a reason is on record.\n\n",
    );
    let Counts { total, shown, reasoned, open } = Counts::of(list, citations);
    let _ = writeln!(
        page,
        "**{total} checks: {shown} shown by tests, {reasoned} without a test for a reason, {open} not yet shown.**\n"
    );
    page.push_str("| Section | Checks | Shown | With a reason | Not yet shown |\n|---|---|---|---|---|\n");
    for section in &list.sections {
        let Counts { total, shown, reasoned, open } = Counts::count(section.checks.iter(), citations);
        let (prefix, title) = (&section.prefix, &section.title);
        let anchor = anchor(&format!("{title} ({prefix})"));
        let _ =
            writeln!(page, "| [{title} ({prefix})](#{anchor}) | {total} | {shown} | {reasoned} | {open} |");
    }
    for section in &list.sections {
        let _ = writeln!(page, "\n## {} ({})\n", section.title, section.prefix);
        page.push_str("| Check | Level | What | Shown by |\n|---|---|---|---|\n");
        for check in &section.checks {
            let Check { id, level, what, .. } = check;
            let _ = writeln!(
                page,
                "| {id} | {} | {} | {} |",
                level.word(),
                cell(what),
                evidence(check, citations)
            );
        }
    }
    page
}

fn evidence(check: &Check, citations: &Citations) -> String {
    let tests: Vec<&Test> = citations.of(&check.id).collect();
    if tests.is_empty() {
        return check.reason.as_deref().map_or_else(|| "*not yet shown*".to_owned(), cell);
    }
    let named = tests.iter().take(NAMED_MAX).map(|test| format!("`{}::{}`", test.file, cell(&test.name)));
    let mut text = named.collect::<Vec<_>>().join("<br>");
    if tests.len() > NAMED_MAX {
        let _ = write!(text, "<br>and {} more", tests.len() - NAMED_MAX);
    }
    text
}

/// A text as it may stand in a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The anchor that a Markdown reader makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_tests_before_reasons_and_says_when_there_is_neither() {
        let list = Checklist::parse(
            "## RAW RawSocket\nRAW-01 MUST one\n  reason: later\nRAW-02 MAY two\n  reason: because\nRAW-03 REC three | four\n",
        )
        .unwrap();
        let mut citations = Citations::default();
        citations.collect("t.py", "# RAW-01\ndef test_a():\n");
        let page = render(&list, &citations);
        assert!(page.contains("| RAW-01 | MUST | one | `t.py::test_a` |"), "{page}");
        assert!(page.contains("| RAW-02 | MAY | two | because |"), "{page}");
        assert!(page.contains("| RAW-03 | REC | three \\| four | *not yet shown* |"), "{page}");
        assert!(page.contains("| [RawSocket (RAW)](#rawsocket-raw) | 3 | 1 | 1 | 1 |"), "{page}");
    }

    #[test]
    fn many_tests_are_counted_after_the_first_few() {
        let list = Checklist::parse("## RAW r\nRAW-01 MUST one\n").unwrap();
        let mut citations = Citations::default();
        for name in ["a", "b", "c", "d", "e", "f"] {
            citations.collect("t.py", &format!("# RAW-01\ndef test_{name}():\n"));
        }
        assert!(render(&list, &citations).contains("`t.py::test_d`<br>and 2 more |"));
    }
}
