//! Records of earlier runs, read from files, so that a long series can be run in pieces.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::{Record, budget_table, table};

/// Makes the tables from records of earlier runs: the budgets, and a row per case and contender.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Files with a record a line, as `run` prints them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The contender that the budgets are for.
    #[arg(long, default_value = "router")]
    name: String,
}

impl Report {
    pub(crate) fn run(&self) -> Result<()> {
        let records = read(&self.files)?;
        let tables = [budget_table(&records, &self.name), table(&records)];
        Ok(stdout().write_all(tables.join("\n").as_bytes())?)
    }
}

/// All records of these files. A case that is in several files goes on counting its rounds, so that each of a round is
/// compared to its own floor.
pub(crate) fn read(files: &[PathBuf]) -> Result<Vec<Record>> {
    let mut all: Vec<Record> = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        append(&mut all, parse(&text, file)?);
    }
    ensure!(!all.is_empty(), "there is no record");
    Ok(all)
}

fn parse(text: &str, file: &Path) -> Result<Vec<Record>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let record = |(index, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("line {} of {}", index + 1, file.display()))
    };
    lines.map(record).collect()
}

fn append(all: &mut Vec<Record>, more: Vec<Record>) {
    let mut rounds: BTreeMap<String, usize> = BTreeMap::new();
    for Record { case, round, .. } in &*all {
        let last = rounds.entry(case.clone()).or_default();
        *last = (*last).max(*round);
    }
    all.extend(more.into_iter().map(|mut record| {
        record.round += rounds.get(&record.case).copied().unwrap_or_default();
        record
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::record::made_up;

    #[test]
    fn rounds_of_a_case_go_on_in_the_next_file() {
        let rounds = |case: &str, last| -> Vec<Record> {
            (1..=last).map(|round| Record { round, ..made_up(case, "router") }).collect()
        };
        let mut all = rounds("a", 2);
        append(&mut all, [rounds("a", 2), rounds("b", 1)].concat());
        let found: Vec<(&str, usize)> =
            all.iter().map(|record| (record.case.as_str(), record.round)).collect();
        assert_eq!(found, [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1)]);
    }

    #[test]
    fn lines_are_records_or_errors_that_name_them() {
        let line = serde_json::to_string(&made_up("a", "router")).unwrap();
        let read = |text: &str| parse(text, Path::new("some.jsonl"));
        assert_eq!(read(&format!("{line}\n\n{line}\n")).unwrap().len(), 2);
        let error = read(&format!("{line}\nnonsense")).unwrap_err();
        assert_eq!(error.to_string(), "line 2 of some.jsonl");
    }
}
