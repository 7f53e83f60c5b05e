//! One run, as one JSON object.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::case::{Case, Shape};
use crate::latency::Percentiles;
use crate::load::Outcome;
use crate::wire::Wire;

/// Everything about a run. Every message in it was checked, else there is no record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The case, as it is written on the command line.
    pub(crate) case: String,
    /// Who was measured: `floor`, or the name of a router.
    pub(crate) contender: String,
    /// Which repetition it was, from 1.
    pub(crate) round: usize,
    /// How the sessions were connected, unless they were mixed: `rawsocket+msgpack`.
    pub(crate) wire: String,
    /// The size of the one text argument.
    pub(crate) payload_bytes: usize,
    /// The number of sessions.
    pub(crate) sessions: usize,
    /// Publications under way per publisher, or calls per caller; 0 where nothing limits them.
    pub(crate) window: usize,
    /// What is counted: `events`, `calls`, `joins` or `starts`.
    pub(crate) unit: String,
    /// How long was measured.
    pub(crate) seconds: f64,
    /// How many came in that time.
    pub(crate) completed: u64,
    /// The same per second.
    pub(crate) per_second: f64,
    /// Processor time of the contender in that time, user and system; absent where its pid is not known.
    pub(crate) cpu_seconds: Option<f64>,
    /// The same for a million of them.
    pub(crate) cpu_seconds_per_million: Option<f64>,
    /// Processor time of the load generator in that time. Near `seconds`, it was the bottleneck.
    pub(crate) generator_cpu_seconds: f64,
    /// Resident memory of the contender at the end of that time.
    pub(crate) rss_kib: Option<u64>,
    /// The most it ever had.
    pub(crate) rss_peak_kib: Option<u64>,
    /// From CALL to RESULT, from PUBLISH to EVENT, or from when something was due until it came, in microseconds.
    pub(crate) latency_us: Option<Percentiles>,
    /// What this kind of load finds out besides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) figures: BTreeMap<String, f64>,
}

impl Record {
    pub(crate) fn new(case: &Case, contender: &str, round: usize, window: usize, outcome: &Outcome) -> Self {
        let seconds = outcome.elapsed.as_secs_f64();
        let completed = outcome.completed;
        let cpu = outcome.target.map(|usage| usage.cpu.as_secs_f64());
        Self {
            case: case.to_string(),
            contender: contender.to_owned(),
            round,
            wire: case.wire.to_string(),
            payload_bytes: case.payload,
            sessions: case.sessions(),
            window: match case.shape {
                Shape::PubSub { .. }
                | Shape::Mixed { .. }
                | Shape::Rate { .. }
                | Shape::Flood { .. }
                | Shape::Stopped { .. }
                | Shape::Quiet { .. }
                | Shape::Subs(_)
                | Shape::Churn(_) => window,
                Shape::Idle(_) | Shape::Start => 1,
                Shape::Rpc { depth, .. } => depth,
            },
            unit: case.unit().to_owned(),
            seconds: rounded(seconds),
            completed,
            per_second: (completed as f64 / seconds.max(f64::MIN_POSITIVE)).round(),
            cpu_seconds: cpu.map(rounded),
            cpu_seconds_per_million: cpu
                .filter(|_| completed > 0)
                .map(|cpu| rounded(cpu * 1e6 / completed as f64)),
            generator_cpu_seconds: rounded(outcome.generator_cpu.as_secs_f64()),
            rss_kib: outcome.target.map(|usage| usage.rss_kib),
            rss_peak_kib: outcome.target.map(|usage| usage.rss_peak_kib),
            latency_us: outcome.latency,
            figures: outcome.figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect(),
        }
    }
}

impl Record {
    /// The record of something that is no case: nothing but its name and how long it went on, for the rest to be filled
    /// in.
    pub(crate) fn besides(name: &str, elapsed: Duration) -> Self {
        Record {
            case: name.to_owned(),
            contender: "router".to_owned(),
            round: 1,
            wire: Wire::RAWSOCKET_MSGPACK.to_string(),
            payload_bytes: 0,
            sessions: 0,
            window: 0,
            unit: "events".to_owned(),
            seconds: rounded(elapsed.as_secs_f64()),
            completed: 0,
            per_second: 0.0,
            cpu_seconds: None,
            cpu_seconds_per_million: None,
            generator_cpu_seconds: 0.0,
            rss_kib: None,
            rss_peak_kib: None,
            latency_us: None,
            figures: BTreeMap::new(),
        }
    }
}

/// To a ten-thousandth: more digits are noise.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

/// Prints a record as a line of JSON on standard output.
pub(crate) fn print(record: &Record) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, record)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// A record of nothing in particular.
#[cfg(test)]
pub(crate) fn made_up(case: &str, contender: &str) -> Record {
    Record { contender: contender.to_owned(), ..Record::besides(case, Duration::from_secs(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Figures;
    use crate::usage::Usage;

    fn outcome(completed: u64) -> Outcome {
        Outcome {
            elapsed: Duration::from_secs(2),
            completed,
            target: Some(Usage { cpu: Duration::from_millis(500), rss_kib: 1, rss_peak_kib: 2 }),
            generator_cpu: Duration::from_millis(1500),
            latency: None,
            figures: Figures::new(),
        }
    }

    #[test]
    fn figures_are_per_second_and_per_million() {
        let case = Case::parse("pubsub 1x10", (32, Wire::RAWSOCKET_MSGPACK)).unwrap();
        let record = Record::new(&case, "floor", 1, 256, &outcome(4_000_000));
        assert_eq!((record.per_second, record.cpu_seconds_per_million), (2e6, Some(0.125)));
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["case"], "pubsub 1x10 32B rawsocket+msgpack");
        assert_eq!(json["wire"], "rawsocket+msgpack");
        assert_eq!(json["window"], 256);
    }

    #[test]
    fn nothing_done_has_no_cost() {
        let case = Case::parse("rpc 1x1 depth 4", (32, Wire::RAWSOCKET_MSGPACK)).unwrap();
        let record = Record::new(&case, "floor", 1, 0, &outcome(0));
        assert_eq!((record.cpu_seconds_per_million, record.window), (None, 4));
    }

    #[test]
    fn a_record_reads_back_as_it_was_printed() {
        let case = Case::parse("rpc 1x1 depth 4", (32, Wire::WEBSOCKET_JSON)).unwrap();
        let figures = Figures::from([("rss_bytes_per_session", 2010.5)]);
        let record = Record::new(&case, "router", 2, 0, &Outcome { figures, ..outcome(1000) });
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
        let record = Record { figures: BTreeMap::new(), ..record };
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}
