//! The file of counts, and what it makes of new ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// By how much a count may differ from the stored one, as a fraction of it.
const TOLERANCE: f64 = 0.03;
/// And where it was made with other tools: what another compiler makes of the same code, but not twice the work.
const TOLERANCE_ELSEWHERE: f64 = 0.10;

/// Counts, and what they were made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Baseline {
    pub(crate) environment: Environment,
    /// Instructions per message, by path.
    pub(crate) instructions: BTreeMap<String, u64>,
}

/// What counts depend on besides our code, each as it says its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The compiler.
    pub(crate) rustc: String,
    /// Which copies memory, in a way that it chooses by the processor.
    pub(crate) libc: String,
    /// Which also says what processor there seems to be.
    pub(crate) valgrind: String,
}

/// A path's two counts; one of them is missing where the path is new or gone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) stored: Option<u64>,
    pub(crate) counted: Option<u64>,
    pub(crate) tolerance: f64,
}

impl Baseline {
    /// Reads a file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let tool = |name: &str| {
            let version = value["counted_with"][name].as_str();
            version.map(str::to_owned).with_context(|| format!("it doesn't say which {name} counted"))
        };
        let environment =
            Environment { rustc: tool("rustc")?, libc: tool("libc")?, valgrind: tool("valgrind")? };
        let counts = value["instructions_per_message"].as_object().context("it has no counts")?;
        let count = |(path, count): (&String, &Value)| {
            let count = count.as_u64().with_context(|| format!("{path}: expected a count"))?;
            anyhow::Ok((path.clone(), count))
        };
        Ok(Baseline { environment, instructions: counts.iter().map(count).collect::<Result<_>>()? })
    }

    /// Writes a file.
    pub(crate) fn to_text(&self) -> Result<String> {
        let Environment { rustc, libc, valgrind } = &self.environment;
        let value = json!({
            "counted_with": { "rustc": rustc, "libc": libc, "valgrind": valgrind },
            "instructions_per_message": self.instructions,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// Compares new counts to these, path by path.
    pub(crate) fn compare(&self, counted: &Baseline) -> Vec<(String, Verdict)> {
        let is_same = self.environment == counted.environment;
        let tolerance = if is_same { TOLERANCE } else { TOLERANCE_ELSEWHERE };
        let mut verdicts: BTreeMap<&String, Verdict> = BTreeMap::new();
        let unknown = Verdict { stored: None, counted: None, tolerance };
        for (path, count) in &self.instructions {
            verdicts.entry(path).or_insert(unknown).stored = Some(*count);
        }
        for (path, count) in &counted.instructions {
            verdicts.entry(path).or_insert(unknown).counted = Some(*count);
        }
        verdicts.into_iter().map(|(path, verdict)| (path.clone(), verdict)).collect()
    }
}

impl Environment {
    /// What is other in `counted`: the tool, its version and the stored one.
    pub(crate) fn differences(&self, counted: &Environment) -> Vec<String> {
        let pairs = [
            ("compiler", &self.rustc, &counted.rustc),
            ("C library", &self.libc, &counted.libc),
            ("simulator", &self.valgrind, &counted.valgrind),
        ];
        let differing = pairs.into_iter().filter(|(_, stored, now)| stored != now);
        differing.map(|(tool, stored, now)| format!("{tool} ({now}, not {stored})")).collect()
    }
}

impl Verdict {
    /// By how much the new count differs, as a fraction of the stored one.
    fn change(&self) -> Option<f64> {
        Some(self.counted? as f64 / self.stored?.max(1) as f64 - 1.0)
    }

    /// It costs more than tolerated, or there is nothing to compare.
    pub(crate) fn is_failure(&self) -> bool {
        self.change().is_none_or(|change| change > self.tolerance)
    }

    /// It costs less, by more than chance.
    pub(crate) fn is_better(&self) -> bool {
        self.change().is_some_and(|change| change < -self.tolerance)
    }

    fn word(&self) -> &'static str {
        match (self.stored, self.counted) {
            (None, _) => "NOT STORED",
            (_, None) => "NOT COUNTED",
            _ if self.is_failure() => "WORSE",
            _ if self.is_better() => "better",
            _ => "",
        }
    }
}

/// A line for each path.
pub(crate) fn table(verdicts: &[(String, Verdict)]) -> String {
    let width = verdicts.iter().map(|(path, _)| path.len()).max().unwrap_or(0);
    let mut text = format!("{:width$}  {:>10}  {:>10}  {:>7}", "per message", "stored", "counted", "");
    for (path, verdict) in verdicts {
        let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let change = verdict.change().map_or_else(String::new, |change| format!("{:+.2} %", change * 100.0));
        let (stored, counted) = (count(verdict.stored), count(verdict.counted));
        // Nothing fails when text is written.
        let _ = write!(text, "\n{path:width$}  {stored:>10}  {counted:>10}  {change:>7}  {}", verdict.word());
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rustc: &str, counts: &[(&str, u64)]) -> Baseline {
        let environment = Environment {
            rustc: rustc.to_owned(),
            libc: "glibc 2.36".to_owned(),
            valgrind: "3.19".to_owned(),
        };
        let instructions = counts.iter().map(|&(path, count)| (path.to_owned(), count)).collect();
        Baseline { environment, instructions }
    }

    fn failures(verdicts: &[(String, Verdict)]) -> Vec<&str> {
        verdicts.iter().filter(|(_, verdict)| verdict.is_failure()).map(|(path, _)| path.as_str()).collect()
    }

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        let written = counts("1.95", &[("a", 1), ("b", 2)]);
        assert_eq!(Baseline::parse(&written.to_text().unwrap()).unwrap(), written);
        assert!(Baseline::parse("{}").is_err());
        assert!(Baseline::parse(r#"{"counted_with": {}, "instructions_per_message": {"a": 1}}"#).is_err());
    }

    #[test]
    fn more_than_the_tolerance_fails_and_as_much_less_is_worth_storing() {
        let stored = counts("1.95", &[("same", 1000), ("worse", 1000), ("better", 1000), ("within", 1000)]);
        let counted = counts("1.95", &[("same", 1000), ("worse", 1031), ("better", 969), ("within", 1029)]);
        let verdicts = stored.compare(&counted);
        assert_eq!(failures(&verdicts), ["worse"]);
        let better: Vec<_> = verdicts.iter().filter(|(_, verdict)| verdict.is_better()).collect();
        assert_eq!(better.len(), 1);
        assert_eq!(better[0].0, "better");
    }

    #[test]
    fn a_path_that_is_new_or_gone_has_to_be_stored() {
        let verdicts = counts("1.95", &[("gone", 1)]).compare(&counts("1.95", &[("new", 1)]));
        assert_eq!(failures(&verdicts), ["gone", "new"]);
        assert!(table(&verdicts).contains("NOT STORED") && table(&verdicts).contains("NOT COUNTED"));
    }

    #[test]
    fn another_compiler_is_told_and_tolerated() {
        let (stored, counted) = (counts("1.95", &[("a", 1000)]), counts("1.96", &[("a", 1080)]));
        assert!(failures(&stored.compare(&counted)).is_empty());
        assert_eq!(stored.environment.differences(&counted.environment), ["compiler (1.96, not 1.95)"]);
        let twice = counts("1.96", &[("a", 2000)]);
        assert_eq!(failures(&stored.compare(&twice)), ["a"]);
    }
}
