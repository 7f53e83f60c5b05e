//! What the suite's `index.json` says, case by case.

use anyhow::{Context, Result};
use serde_json::Value;

/// Verdicts of the suite that need no work: right, right but not in the strictest reading (closing a moment
/// later than it might), and cases that only inform.
const GOOD: [&str; 3] = ["OK", "NON-STRICT", "INFORMATIONAL"];

/// A report, counted.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// How many cases are as they should be.
    pub(crate) good: usize,
    /// One line for each case that isn't, in the order of the suite.
    pub(crate) bad: Vec<String>,
}

impl Verdicts {
    /// Reads the part of the report that is about `agent`. A report without cases is an error: it shows nothing.
    pub(crate) fn parse(index: &str, agent: &str) -> Result<Self> {
        let index: Value = serde_json::from_str(index).context("the report is not JSON")?;
        let cases =
            index[agent].as_object().with_context(|| format!("the report says nothing of {agent}"))?;
        anyhow::ensure!(!cases.is_empty(), "the suite ran no case");
        let mut bad: Vec<(Vec<u32>, String)> = Vec::new();
        for (case, result) in cases {
            let behavior = result["behavior"].as_str().unwrap_or("missing");
            let closing = result["behaviorClose"].as_str().unwrap_or("missing");
            if !GOOD.contains(&behavior) || !GOOD.contains(&closing) {
                bad.push((order(case), format!("case {case}: {behavior}, closing: {closing}")));
            }
        }
        bad.sort();
        Ok(Self { good: cases.len() - bad.len(), bad: bad.into_iter().map(|(_, line)| line).collect() })
    }
}

fn order(case: &str) -> Vec<u32> {
    case.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_and_unclean_cases_are_listed_in_order() {
        let index = r#"{"us": {
            "10.1.1": {"behavior": "FAILED", "behaviorClose": "OK"},
            "2.3": {"behavior": "OK", "behaviorClose": "UNCLEAN"},
            "6.4.1": {"behavior": "NON-STRICT", "behaviorClose": "OK"},
            "7.13.1": {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"},
            "12.1.1": {"behavior": "UNIMPLEMENTED", "behaviorClose": "OK"}
        }}"#;
        let verdicts = Verdicts::parse(index, "us").unwrap();
        assert_eq!(verdicts.good, 2);
        let expected = [
            "case 2.3: OK, closing: UNCLEAN",
            "case 10.1.1: FAILED, closing: OK",
            "case 12.1.1: UNIMPLEMENTED, closing: OK",
        ];
        assert_eq!(verdicts.bad, expected);
    }

    #[test]
    fn a_report_that_shows_nothing_is_an_error() {
        assert!(Verdicts::parse(r#"{"us": {}}"#, "us").is_err());
        assert!(Verdicts::parse(r#"{"them": {"1.1": {}}}"#, "us").is_err());
        assert!(Verdicts::parse("", "us").is_err());
    }
}
