//! The longest time that one poll of a connection keeps its thread, on the listener as it is, under loads that give it as
//! much to do as they can.
//!
//! A host in a process of its own watches its polls ([`super::poll_log`]); each load gets a fresh one. The loads are cases
//! of `run` with a wide window, so that a poll finds all the input that it may take, and the [`super::bursts`].

use std::env;
use std::io::{Write, stderr};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use wamp::Serializer;

use super::REALM;
use super::bursts::{self, Burst};
use super::host::POLLS;
use super::poll_log::PollTimes;
use crate::case::{Case, DEFAULT_PAYLOAD, Shape};
use crate::load::Plan;
use crate::process::Server;
use crate::report::budget::figure;
use crate::report::{Record, print};
use crate::run::{Contender, Options, run_all};
use crate::target::{Speaks, Target};
use crate::wire::Wire;

/// So many publications are under way in all, unless their events are too many.
const WINDOW: usize = 16_384;
/// So many events may be under way to all subscribers.
const WINDOW_EVENTS: usize = 1 << 19;
/// So many bytes of payload may be under way to each subscriber: less than what ends a session.
const WINDOW_BYTES: usize = 4 << 20;

/// What there is besides bursts.
const CASES: [&str; 9] = [
    "pubsub 10x10",
    "pubsub 10x10 websocket+json",
    "pubsub 1x1000",
    "pubsub 1x10000",
    "pubsub 1x10 64KiB",
    "pubsub 1x10 64KiB websocket+json",
    "pubsub 1x1000 64KiB",
    "rpc 10x10 depth 64",
    "rpc 10x10 depth 64 websocket+json",
];

/// Measures how long one poll of a connection keeps its thread: JSON records on stdout, a table on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct PollsBench {
    /// Cases of `run`, or `transcoding`, `subscribe`, `large`, `large numbers` and `large transcoding`; all if none is
    /// given.
    loads: Vec<String>,
    /// How long each load goes on, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often each is run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
}

/// What gives the listener something to do.
#[derive(Debug, Clone, Copy)]
enum Drive {
    Case(Case),
    Burst(Burst),
}

impl Drive {
    fn parse(text: &str) -> Result<Self> {
        if let Some(burst) = Burst::named(text) {
            return Ok(Drive::Burst(burst));
        }
        Case::parse(text, (DEFAULT_PAYLOAD, Wire::RAWSOCKET_MSGPACK)).map(Drive::Case)
    }

    fn run(self, server: &Server, duration: Duration) -> Result<Record> {
        match self {
            Drive::Burst(burst) => burst.run(server.address(), duration),
            Drive::Case(case) => run_case(&case, server, duration),
        }
    }

    /// Whose connection it is that came as this one.
    fn role(self, connection: usize) -> String {
        let (first, count, then) = match self {
            Drive::Case(Case { shape: Shape::PubSub { subscribers, .. }, .. }) => {
                ("subscriber", subscribers, "publisher")
            }
            Drive::Case(Case { shape: Shape::Rpc { callees, .. }, .. }) => ("callee", callees, "caller"),
            Drive::Burst(burst) => ("subscriber", burst.subscribers(), burst.sender()),
            Drive::Case(_) => ("connection", usize::MAX, ""),
        };
        if connection < count { format!("{first} {connection}") } else { then.to_owned() }
    }
}

impl PollsBench {
    pub(crate) fn run(self) -> Result<()> {
        let (rounds, loads) = (usize::from(self.rounds), self.loads());
        let duration = Duration::try_from_secs_f64(self.seconds)?;
        let mut out = stderr();
        out.write_all(HEAD.as_bytes())?;
        for load in loads {
            measure(load, duration, rounds, |record, times, drive| {
                print(record)?;
                Ok(stderr().write_all(row(load, record.round, times, drive).as_bytes())?)
            })?;
        }
        Ok(())
    }

    /// The cases among the loads.
    pub(crate) fn cases(&self) -> Result<Vec<Case>> {
        cases(&self.loads())
    }

    fn loads(&self) -> Vec<&str> {
        match self.loads.is_empty() {
            true => all_loads(),
            false => self.loads.iter().map(String::as_str).collect(),
        }
    }
}

fn all_loads() -> Vec<&'static str> {
    CASES.into_iter().chain(Burst::ALL.map(Burst::name)).collect()
}

/// The cases among all loads.
pub(crate) fn all_cases() -> Result<Vec<Case>> {
    cases(&all_loads())
}

fn cases(loads: &[&str]) -> Result<Vec<Case>> {
    let case = |load: &&str| match Drive::parse(load) {
        Ok(Drive::Case(case)) => Some(Ok(case)),
        Ok(Drive::Burst(_)) => None,
        Err(error) => Some(Err(error)),
    };
    loads.iter().filter_map(case).collect()
}

/// The same with records only.
pub(crate) fn measure_all(
    duration: Duration,
    rounds: usize,
    mut report: impl FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for load in all_loads() {
        records.extend(measure(load, duration, rounds, |record, _, _| report(record))?);
    }
    Ok(records)
}

fn measure(
    load: &str,
    duration: Duration,
    rounds: usize,
    mut report: impl FnMut(&Record, &PollTimes, Drive) -> Result<()>,
) -> Result<Vec<Record>> {
    let drive = Drive::parse(load)?;
    let own = env::current_exe().context("where is this program?")?;
    let nobody = ["host", "--polls", "--sessions=0", "--registrations=0", "--victims=0"];
    let mut records = Vec::new();
    for round in 1..=rounds {
        let mut server = Server::start(own.as_os_str(), &nobody)?;
        // The first poll of a process does what is done once; it counts apart. The session stays, and is silent.
        let _first = bursts::Session::join(server.address(), Serializer::MsgPack)?;
        let first: PollTimes = serde_json::from_str(&server.ask(POLLS)?)?;
        let record = drive.run(&server, duration).with_context(|| format!("in the load {load:?}"))?;
        let times: PollTimes = serde_json::from_str(&server.ask(POLLS)?)?;
        let record =
            Record { case: format!("polls {load}"), round, figures: figures(&first, &times), ..record };
        report(&record, &times, drive)?;
        records.push(record);
    }
    Ok(records)
}

fn run_case(case: &Case, server: &Server, duration: Duration) -> Result<Record> {
    let speaks = Speaks::Wamp { realm: REALM.to_owned() };
    let target = Target::at(server.address(), speaks);
    let contender = Contender::Running { target, pid: Some(server.pid()), name: "router".to_owned() };
    let plan = Plan { warm_up: Duration::ZERO, measured: duration, count_max: u64::MAX };
    let receivers = if let Shape::PubSub { subscribers, .. } = case.shape { subscribers } else { 1 };
    let options = Options { plan, rounds: 1, window: Some(window(case.payload, receivers)) };
    let records = run_all(&[*case], &[contender], &options, |_| Ok(()))?;
    records.into_iter().next().context("a run has a record")
}

/// As many publications as there may be under way without making anybody a slow consumer.
fn window(payload: usize, subscribers: usize) -> usize {
    WINDOW.min(WINDOW_BYTES / payload.max(1)).min(WINDOW_EVENTS / subscribers.max(1)).max(1)
}

fn figures(first: &PollTimes, times: &PollTimes) -> std::collections::BTreeMap<String, f64> {
    let millis = |name: &str, micros: Option<f64>| Some((name.to_owned(), micros? / 1e3));
    let processor = |of: fn(&crate::latency::Percentiles) -> f64| times.processor_us.as_ref().map(of);
    [
        millis(figure::LONGEST_POLL, processor(|times| times.max)),
        millis("first_poll_cpu_ms", first.processor_us.map(|times| times.max)),
        millis("poll_cpu_ms_p50", processor(|times| times.p50)),
        millis("poll_cpu_ms_p99", processor(|times| times.p99)),
        millis("poll_wall_ms_max", times.wall_us.as_ref().map(|times| times.max)),
        Some(("polls".to_owned(), times.polls as f64)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

const HEAD: &str = "\
| load | round | polls | p50, ms of processor | p99 | longest | longest on the wall, ms | the three longest |
|---|---:|---:|---:|---:|---:|---:|---|
";

fn row(load: &str, round: usize, times: &PollTimes, drive: Drive) -> String {
    let millis = |micros: f64| format!("{:.3}", micros / 1e3);
    let processor = |of: fn(&crate::latency::Percentiles) -> f64| {
        times.processor_us.as_ref().map_or_else(|| "-".to_owned(), |times| millis(of(times)))
    };
    let longest = times.longest.iter().take(3).map(|poll| {
        format!("{} of {} (poll {})", millis(poll.processor_us), drive.role(poll.connection), poll.poll)
    });
    let cells = [
        load.to_owned(),
        round.to_string(),
        times.polls.to_string(),
        processor(|times| times.p50),
        processor(|times| times.p99),
        processor(|times| times.max),
        times.wall_us.as_ref().map_or_else(|| "-".to_owned(), |times| millis(times.max)),
        longest.collect::<Vec<_>>().join(", "),
    ];
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::super::poll_log::LongPoll;
    use super::*;
    use crate::latency::Percentiles;

    #[test]
    fn all_loads_can_be_run() {
        for load in all_loads() {
            Drive::parse(load).unwrap();
        }
        assert!(Drive::parse("large pigeons").is_err());
    }

    #[test]
    fn windows_are_as_wide_as_receivers_stand() {
        assert_eq!(window(32, 10), 16_384);
        assert_eq!(window(32, 10_000), 52);
        assert_eq!(window(65_536, 10), 64);
    }

    #[test]
    fn a_long_poll_is_told_with_whose_it_was() {
        let long = |connection, processor_us| LongPoll { connection, poll: 7, processor_us, wall_us: 9000.0 };
        let times = |max| Some(Percentiles { p50: 10.0, p90: 20.0, p99: 100.0, p999: max, max });
        let times = PollTimes {
            polls: 12,
            processor_us: times(1500.0),
            wall_us: times(9000.0),
            longest: vec![long(10, 1500.0), long(9, 1000.0)],
        };
        let row = row("pubsub 10x10", 1, &times, Drive::parse("pubsub 10x10").unwrap());
        let longest = "1.500 of publisher (poll 7), 1.000 of subscriber 9 (poll 7)";
        let expected = format!("| pubsub 10x10 | 1 | 12 | 0.010 | 0.100 | 1.500 | 9.000 | {longest} |\n");
        assert_eq!(row, expected);
        assert_eq!(figures(&times, &times).get(figure::LONGEST_POLL), Some(&1.5));
    }
}
