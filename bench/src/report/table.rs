//! The records of all rounds as a Markdown table, a row per case and contender: medians, and the ratio to the floor.
//!
//! Floor and router of one round ran right after each other, so their ratio is taken per round; its median is what
//! noise moves least.

use std::collections::BTreeSet;

use super::Record;
use crate::run::FLOOR;

const HEAD: &str = "\
| case | contender | CPU-s/M | ratio (lowest to highest) | per second | p50 / p99, us | RSS, peak, MiB | generator |
|---|---|---:|---:|---:|---:|---:|---:|
";

/// The table, with a line feed at its end; behind it another of the figures that some kinds of load have besides.
pub(crate) fn table(records: &[Record]) -> String {
    let mut out = HEAD.to_owned();
    let mut figures = String::new();
    let mut done: Vec<(&str, &str)> = Vec::new();
    for Record { case, contender, .. } in records {
        if !done.contains(&(case, contender)) {
            done.push((case, contender));
            out.push_str(&row(records, case, contender));
            figures.push_str(&figure_rows(records, case, contender));
        }
    }
    if !figures.is_empty() {
        out.push_str(
            "\n| case | contender | figure | median | lowest to highest |\n|---|---|---|---:|---:|\n",
        );
        out.push_str(&figures);
    }
    out
}

/// A row per figure: `| idle 10000 | router | rss_bytes_per_session | 2010 | 2003 to 2051 |`.
fn figure_rows(records: &[Record], case: &str, contender: &str) -> String {
    let rounds = || records.iter().filter(|record| record.case == case && record.contender == contender);
    let names: BTreeSet<&str> =
        rounds().flat_map(|record| record.figures.keys().map(String::as_str)).collect();
    let row = |name: &str| {
        let of_rounds: Vec<f64> = rounds().filter_map(|record| record.figures.get(name).copied()).collect();
        let lowest = of_rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = of_rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let middle = median(of_rounds).map_or_else(nothing, significant);
        let range = format!("{} to {}", significant(lowest), significant(highest));
        format!("| {case} | {contender} | {name} | {middle} | {range} |\n")
    };
    names.into_iter().map(row).collect()
}

fn row(records: &[Record], case: &str, contender: &str) -> String {
    let rounds: Vec<&Record> =
        records.iter().filter(|record| record.case == case && record.contender == contender).collect();
    let of =
        |figure: &dyn Fn(&Record) -> Option<f64>| median(rounds.iter().filter_map(|record| figure(record)));
    let cpu = of(&|record| record.cpu_seconds_per_million);
    let rate = of(&|record| Some(record.per_second));
    let p50 = of(&|record| record.latency_us.map(|latency| latency.p50));
    let p99 = of(&|record| record.latency_us.map(|latency| latency.p99));
    let rss = of(&|record| record.rss_kib.map(|kib| kib as f64 / 1024.0));
    let peak = of(&|record| record.rss_peak_kib.map(|kib| kib as f64 / 1024.0));
    let generator = of(&|record| Some(100.0 * record.generator_cpu_seconds / record.seconds));
    let cells = [
        case.to_owned(),
        contender.to_owned(),
        cpu.map_or_else(nothing, significant),
        if contender == FLOOR { nothing() } else { ratio(records, &rounds) },
        rate.map_or_else(nothing, |rate| format!("{rate:.0}")),
        p50.zip(p99).map_or_else(nothing, |(p50, p99)| format!("{p50:.0} / {p99:.0}")),
        rss.zip(peak).map_or_else(nothing, |(rss, peak)| format!("{rss:.1}, {peak:.1}")),
        generator.map_or_else(nothing, |share| format!("{share:.0} %")),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// How much more processor time than the floor in the same round: `1.52 (1.48 to 1.60)`.
fn ratio(records: &[Record], rounds: &[&Record]) -> String {
    let floor_of = |record: &Record| {
        let is_it = |other: &&Record| {
            other.contender == FLOOR && other.case == record.case && other.round == record.round
        };
        records.iter().find(is_it)?.cpu_seconds_per_million.filter(|cost| *cost > 0.0)
    };
    let ratios: Vec<f64> = rounds
        .iter()
        .filter_map(|record| Some(record.cpu_seconds_per_million? / floor_of(record)?))
        .collect();
    let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = ratios.iter().copied().fold(0.0, f64::max);
    median(ratios).map_or_else(nothing, |middle| format!("{middle:.2} ({lowest:.2} to {highest:.2})"))
}

pub(super) fn nothing() -> String {
    "-".to_owned()
}

/// Two or three digits that count.
pub(super) fn significant(number: f64) -> String {
    match number {
        number if number >= 1000.0 => format!("{number:.0}"),
        number if number >= 10.0 => format!("{number:.1}"),
        number if number >= 1.0 => format!("{number:.2}"),
        number => format!("{number:.3}"),
    }
}

/// The one in the middle; of two, their mean.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    let lower = *figures.get((figures.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::case::Case;
    use crate::load::{Figures, Outcome};
    use crate::usage::Usage;
    use crate::wire::Wire;

    fn record(contender: &str, round: usize, cpu_ms: u64) -> Record {
        let case = Case::parse("pubsub 1x1", (32, Wire::RAWSOCKET_MSGPACK)).unwrap();
        let usage = Usage { cpu: Duration::from_millis(cpu_ms), rss_kib: 2048, rss_peak_kib: 4096 };
        let outcome = Outcome {
            elapsed: Duration::from_secs(1),
            completed: 1_000_000,
            target: Some(usage),
            generator_cpu: Duration::from_millis(900),
            latency: None,
            figures: Figures::new(),
        };
        Record::new(&case, contender, round, 1, &outcome)
    }

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let mut records = Vec::new();
        for (round, floor, router) in [(1, 100, 200), (2, 400, 600), (3, 100, 250)] {
            records.push(record("floor", round, floor));
            records.push(record("router", round, router));
        }
        let table = table(&records);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let case = "pubsub 1x1 32B rawsocket+msgpack";
        assert_eq!(
            rows,
            [
                format!("| {case} | floor | 0.100 | - | 1000000 | - | 2.0, 4.0 | 90 % |"),
                format!("| {case} | router | 0.250 | 2.00 (1.50 to 2.50) | 1000000 | - | 2.0, 4.0 | 90 % |"),
            ]
        );
    }

    #[test]
    fn figures_have_a_table_of_their_own() {
        let with = |round, bytes| {
            let figures = BTreeMap::from([("rss_bytes_per_session".to_owned(), bytes)]);
            Record { figures, ..record("router", round, 100) }
        };
        let table = table(&[with(1, 2010.0), with(2, 2051.0), with(3, 950.5)]);
        let case = "pubsub 1x1 32B rawsocket+msgpack";
        let expected = format!("| {case} | router | rss_bytes_per_session | 2010 | 950.5 to 2051 |");
        assert_eq!(table.lines().last(), Some(expected.as_str()));
    }

    #[test]
    fn without_a_floor_there_is_no_ratio() {
        let table = table(&[record("router", 1, 100)]);
        assert!(table.lines().nth(2).is_some_and(|row| row.contains("| 0.100 | - |")));
    }
}
