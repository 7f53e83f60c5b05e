//! Which budgets are met, as a Markdown table: a row per budget, with what was measured and what the floor took.

use super::Record;
use super::budget::{BUDGETS, Bound, Budget, Figure, in_full};
use super::table::{median, nothing, significant};
use crate::run::FLOOR;

const HEAD: &str = "\
| what | case | budget | ours (lowest to highest) | floor | |
|---|---|---|---:|---:|---|
";

/// The table, with a line feed at its end. `ours`: the contender that the budgets are for.
pub(crate) fn budget_table(records: &[Record], ours: &str) -> String {
    let rows = BUDGETS.iter().map(|budget| row(budget, records, ours));
    HEAD.to_owned() + &rows.collect::<String>()
}

fn row(budget: &Budget, records: &[Record], ours: &str) -> String {
    let Budget { what, case, figure, bound } = budget;
    let name = in_full(case);
    let of = |contender| records.iter().filter(move |record| record.contender == contender);
    let of_case = |contender| of(contender).filter(|record| record.case == name);
    let measured = Measured::new(of_case(ours).filter_map(|record| figure.read(record, records)));
    let floor = median(of_case(FLOOR).filter_map(|record| figure.of_floor(record)));
    let cells = [
        (*what).to_owned(),
        case.to_string(),
        format!("{} {}", bound.text(), figure.unit()),
        measured.as_ref().map_or_else(nothing, Measured::text),
        floor.map_or_else(nothing, significant),
        measured.map_or("not measured", |measured| measured.verdict(*bound)).to_owned(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// A figure over all rounds.
struct Measured {
    median: f64,
    lowest: f64,
    highest: f64,
}

impl Measured {
    /// `None`: there was no round.
    fn new(figures: impl Iterator<Item = f64>) -> Option<Self> {
        let figures: Vec<f64> = figures.collect();
        let lowest = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        median(figures).map(|median| Measured { median, lowest, highest })
    }

    fn text(&self) -> String {
        let [median, lowest, highest] = [self.median, self.lowest, self.highest].map(significant);
        format!("{median} ({lowest} to {highest})")
    }

    /// The median decides.
    fn verdict(&self, bound: Bound) -> &'static str {
        let worst = if let Bound::AtMost(_) = bound { self.highest } else { self.lowest };
        match (bound.allows(self.median), bound.allows(worst)) {
            (true, true) => "met",
            (true, false) => "met, but not in each round",
            (false, _) => "**not met**",
        }
    }
}

impl Figure {
    /// What a record of ours says; `None` if it says nothing, or there is nothing to compare it to.
    fn read(self, record: &Record, records: &[Record]) -> Option<f64> {
        let beside = |contender: &str, case: &str| {
            let is_it = |other: &&Record| {
                other.contender == contender && other.case == case && other.round == record.round
            };
            records.iter().find(is_it)
        };
        let to_floor = |figure: fn(&Record) -> Option<f64>| {
            quotient(figure(record)?, figure(beside(FLOOR, &record.case)?)?)
        };
        match self {
            Figure::Cpu => cpu(record),
            Figure::CpuToFloor => to_floor(cpu),
            Figure::P50ToFloor => to_floor(p50),
            Figure::P99ToFloor => to_floor(p99),
            Figure::CpuTo(case) => quotient(cpu(record)?, cpu(beside(&record.contender, &in_full(case))?)?),
            Figure::Named(name) => record.figures.get(name).copied(),
            Figure::Quotient(name, of) => quotient(*record.figures.get(name)?, *record.figures.get(of)?),
        }
    }

    /// The same of the floor, or what ours is a multiple of.
    fn of_floor(self, record: &Record) -> Option<f64> {
        match self {
            Figure::Cpu | Figure::CpuToFloor | Figure::CpuTo(_) => cpu(record),
            Figure::P50ToFloor => p50(record),
            Figure::P99ToFloor => p99(record),
            Figure::Named(_) | Figure::Quotient(..) => self.read(record, &[]),
        }
    }

    fn unit(self) -> String {
        match self {
            Figure::Cpu => "CPU-s/M".to_owned(),
            Figure::CpuToFloor => "x floor".to_owned(),
            Figure::P50ToFloor => "x floor's p50, us".to_owned(),
            Figure::P99ToFloor => "x floor's p99, us".to_owned(),
            Figure::CpuTo(case) => format!("x {case}"),
            Figure::Named(name) => name.to_owned(),
            Figure::Quotient(name, of) => format!("{name} / {of}"),
        }
    }
}

fn cpu(record: &Record) -> Option<f64> {
    record.cpu_seconds_per_million
}

fn p50(record: &Record) -> Option<f64> {
    Some(record.latency_us?.p50)
}

fn p99(record: &Record) -> Option<f64> {
    Some(record.latency_us?.p99)
}

fn quotient(figure: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| figure / of)
}

impl Bound {
    fn allows(self, figure: f64) -> bool {
        match self {
            Bound::AtMost(limit) => figure <= limit,
            Bound::AtLeast(limit) => figure >= limit,
        }
    }

    fn text(self) -> String {
        match self {
            Bound::AtMost(limit) => format!("<= {limit}"),
            Bound::AtLeast(limit) => format!(">= {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Percentiles;
    use crate::report::record::made_up;

    fn row_of(table: &str, what: &str) -> String {
        let start = format!("| {what} |");
        table.lines().find(|line| line.starts_with(&start)).unwrap_or_default().to_owned()
    }

    fn measured(case: &str, contender: &str, round: usize, cost: f64) -> Record {
        Record { round, cpu_seconds_per_million: Some(cost), ..made_up(&in_full(case), contender) }
    }

    fn with_figures(case: &str, figures: &[(&str, f64)]) -> Record {
        let figures = figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect();
        Record { figures, ..made_up(case, "router") }
    }

    #[test]
    fn costs_are_compared_to_the_floor_of_the_same_round() {
        let mut records = Vec::new();
        for (round, floor, ours) in [(1, 0.2, 0.3), (2, 0.4, 0.5), (3, 0.1, 0.21)] {
            records.push(measured("pubsub 1x10", FLOOR, round, floor));
            records.push(measured("pubsub 1x10", "router", round, ours));
        }
        let row = row_of(&budget_table(&records, "router"), "fan-out to 10");
        let expected = "| fan-out to 10 | pubsub 1x10 | <= 2 x floor | 1.50 (1.25 to 2.10) | 0.200 | met, but not in each round |";
        assert_eq!(row, expected);
    }

    #[test]
    fn costs_are_compared_to_those_of_another_case() {
        let records =
            [measured("subs 1000 exact", "router", 1, 0.5), measured("subs 1000000 exact", "router", 1, 1.5)];
        let row = row_of(&budget_table(&records, "router"), "among 1,000,000 topics");
        assert!(row.ends_with("| <= 2 x subs 1000 exact | 3.00 (3.00 to 3.00) | - | **not met** |"), "{row}");
    }

    #[test]
    fn latencies_are_compared_to_the_floors() {
        let case = in_full("rpc 1x1 depth 1");
        let with = |contender, p50| {
            let latency_us = Some(Percentiles { p50, p90: p50, p99: p50, p999: p50, max: p50 });
            Record { latency_us, ..made_up(&case, contender) }
        };
        let table = budget_table(&[with(FLOOR, 100.0), with("router", 110.0)], "router");
        let row = row_of(&table, "one call at a time, p50");
        assert!(row.ends_with("| 1.10 (1.10 to 1.10) | 100.0 | met |"), "{row}");
    }

    #[test]
    fn figures_are_read_by_name() {
        let records = [
            with_figures("workers pubsub 10x10", &[("rate_of_two_to_one", 1.5)]),
            with_figures(
                "quiet 1x10 at 200 32B rawsocket+msgpack",
                &[("call_p99_us_beside", 300.0), ("call_p99_us_alone", 200.0)],
            ),
        ];
        let table = budget_table(&records, "router");
        let row = row_of(&table, "two workers, 10x10");
        assert!(
            row.ends_with("| >= 1.6 rate_of_two_to_one | 1.50 (1.50 to 1.50) | - | **not met** |"),
            "{row}"
        );
        let row = row_of(&table, "a quiet session beside a flood, p99");
        assert!(row.ends_with("| 1.50 (1.50 to 1.50) | - | met |"), "{row}");
    }

    #[test]
    fn what_was_not_measured_says_so() {
        let table = budget_table(&[made_up("start", "another")], "router");
        assert_eq!(table.lines().count(), BUDGETS.len() + 2);
        assert!(table.lines().skip(2).all(|row| row.ends_with("| - | - | not measured |")), "{table}");
    }
}
