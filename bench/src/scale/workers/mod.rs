//! How much more two threads route than one, where nothing but routing takes time: sessions without sockets.
//!
//! ```text
//!   worker 1: half of the publishers ──turn──> router ──wakes──> bells of both workers
//!             half of the subscribers <── outboxes taken, looked through, thrown away
//!   worker 2: the other halves
//! ```
//!
//! A generator that shares the processors with the router can't show this through sockets. Here a worker does what the
//! runtime and the connection tasks do: it takes a batch of a session's input in a turn, and then whoever was woken takes
//! its outbox ([`seat`]). The sessions stay with their worker; a runtime may move them.
//!
//! *Invariant*: a figure exists only if every event and every result came, and nothing else did.

mod seat;
mod worker;

use std::collections::BTreeMap;
use std::io::{Write, stderr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use router::{Router, RouterConfig};

use self::seat::{Part, Seat};
use self::worker::{Shared, Worker};
use crate::report::budget::figure;
use crate::report::{Record, print, table};
use crate::usage::Usage;

/// The most workers in a run.
const WORKERS: usize = 2;
/// Sessions on either side.
const SIDE: usize = 10;
/// How long everything that is under way at the end may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Measures how much more two threads route than one, without sockets: JSON records on stdout, a table on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkersBench {
    /// How long each run is measured, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How long each run goes on before that, in seconds.
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// How often one and two workers are run in turn.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Measure nothing but so many workers, as for a profile.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=WORKERS as i64))]
    only: Option<u8>,
    /// Measure nothing but this load: pubsub or rpc.
    #[arg(long)]
    load: Option<Load>,
}

/// What the sessions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Load {
    /// 10 publish to one topic, 10 receive.
    Pubsub,
    /// 10 call the procedures of 10, each with 64 open calls.
    Rpc,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) rounds: usize,
}

impl WorkersBench {
    pub(crate) fn run(self) -> Result<()> {
        let plan = Plan {
            warm_up: Duration::try_from_secs_f64(self.warm_up)?,
            measured: Duration::try_from_secs_f64(self.seconds)?,
            rounds: usize::from(self.rounds),
        };
        let loads: Vec<Load> = self.load.map_or_else(|| vec![Load::Pubsub, Load::Rpc], |load| vec![load]);
        if let Some(workers) = self.only {
            for load in loads {
                let run = measure(load, usize::from(workers), plan)?;
                let (rate, cost) = (run.per_second(), run.cost());
                writeln!(stderr(), "{}: {rate:.0} a second, {cost:.3} CPU-s/M", load.name())?;
            }
            return Ok(());
        }
        let records = measure_loads(&loads, plan, print)?;
        Ok(stderr().write_all(table(&records).as_bytes())?)
    }
}

/// Both loads, one and two workers in turn.
pub(crate) fn measure_all(plan: Plan, report: impl FnMut(&Record) -> Result<()>) -> Result<Vec<Record>> {
    measure_loads(&[Load::Pubsub, Load::Rpc], plan, report)
}

fn measure_loads(
    loads: &[Load],
    plan: Plan,
    mut report: impl FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for load in loads {
        for round in 1..=plan.rounds {
            // Whoever comes second may find a processor that is warm, or hot.
            let (one, two) = if round % 2 == 1 {
                let one = measure(*load, 1, plan)?;
                (one, measure(*load, 2, plan)?)
            } else {
                let two = measure(*load, 2, plan)?;
                (measure(*load, 1, plan)?, two)
            };
            let record = load.record(round, one, two);
            report(&record)?;
            records.push(record);
        }
    }
    Ok(records)
}

/// What came of one run.
#[derive(Debug, Clone, Copy)]
struct Run {
    completed: u64,
    elapsed: Duration,
    /// Processor time of the workers in which they had something to do.
    busy: Duration,
}

impl Run {
    fn per_second(self) -> f64 {
        self.completed as f64 / self.elapsed.as_secs_f64()
    }

    /// Processor seconds per million.
    fn cost(self) -> f64 {
        self.busy.as_secs_f64() * 1e6 / self.completed.max(1) as f64
    }
}

impl Load {
    const fn name(self) -> &'static str {
        match self {
            Load::Pubsub => "workers pubsub 10x10",
            Load::Rpc => "workers rpc 10x10",
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Load::Pubsub => "events",
            Load::Rpc => "calls",
        }
    }

    fn record(self, round: usize, one: Run, two: Run) -> Record {
        let figures = [
            (figure::TWO_WORKERS, two.per_second() / one.per_second()),
            // What the ratio would be if nothing else ran on the machine.
            ("rate_of_two_to_one_by_cpu", 2.0 * one.cost() / two.cost()),
            ("per_second_of_one", one.per_second().round()),
            ("per_second_of_two", two.per_second().round()),
            ("cpu_seconds_per_million_of_one", one.cost()),
            ("cpu_seconds_per_million_of_two", two.cost()),
        ];
        let figures: BTreeMap<String, f64> =
            figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect();
        Record {
            round,
            sessions: 2 * SIDE,
            unit: self.unit().to_owned(),
            completed: one.completed + two.completed,
            figures,
            ..Record::besides(self.name(), one.elapsed + two.elapsed)
        }
    }

    /// All sessions, those who receive first: what they receive is in force.
    fn seats(self, router: &Arc<Router>) -> Result<Vec<Seat>> {
        let [receiver, sender]: [fn(usize) -> Part; 2] = match self {
            Load::Pubsub => [Part::subscriber, Part::publisher],
            Load::Rpc => [Part::callee, Part::caller],
        };
        let seat = |number: usize| match number.checked_sub(SIDE) {
            None => Seat::join(router, receiver(number)),
            Some(number) => Seat::join(router, sender(number)),
        };
        (0..2 * SIDE).map(seat).collect()
    }
}

fn measure(load: Load, workers: usize, plan: Plan) -> Result<Run> {
    let router = Router::new(RouterConfig::default())?;
    let seats = load.seats(&router)?;
    let receivers = if load == Load::Pubsub { SIDE as u64 } else { 1 };
    let shared = Arc::new(Shared::new(workers, receivers));
    let mut dealt: Vec<Vec<Seat>> = (0..workers).map(|_| Vec::new()).collect();
    for (number, seat) in seats.into_iter().enumerate() {
        dealt.get_mut(number % workers).context("there is a worker")?.push(seat);
    }
    let start = |(number, seats)| {
        let mut worker = Worker::new(number, seats, Arc::clone(&shared));
        thread::spawn(move || worker.run())
    };
    let threads: Vec<_> = dealt.into_iter().enumerate().map(start).collect();
    thread::sleep(plan.warm_up);
    let begin = sample(&shared)?;
    thread::sleep(plan.measured);
    let end = sample(&shared)?;
    shared.stop();
    for thread in threads {
        thread.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??;
    }
    shared.check()?;
    ensure!(end.completed > begin.completed, "nothing came");
    Ok(Run {
        completed: end.completed - begin.completed,
        elapsed: end.at - begin.at,
        busy: (end.processor - begin.processor).saturating_sub(end.idle.saturating_sub(begin.idle)),
    })
}

struct Sample {
    at: Instant,
    completed: u64,
    processor: Duration,
    idle: Duration,
}

fn sample(shared: &Shared) -> Result<Sample> {
    Ok(Sample {
        at: Instant::now(),
        completed: shared.completed(),
        processor: Usage::of_self()?.cpu,
        idle: shared.idle(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loads_come_back_whole_on_one_and_on_two_workers() {
        let plan = Plan { warm_up: Duration::ZERO, measured: Duration::from_millis(20), rounds: 1 };
        for load in [Load::Pubsub, Load::Rpc] {
            for workers in [1, 2] {
                // On a busy machine a worker may not be let run in that time.
                let found = (0..50).find_map(|_| measure(load, workers, plan).ok());
                assert!(found.is_some_and(|run| run.completed > 0), "{}, {workers} workers", load.name());
            }
        }
    }

    #[test]
    fn two_workers_are_compared_to_one() {
        let run = |completed, busy| Run { completed, elapsed: Duration::from_secs(1), busy };
        let one = run(1_000_000, Duration::from_secs(1));
        let two = run(1_500_000, Duration::from_secs(2));
        let record = Load::Pubsub.record(2, one, two);
        assert_eq!(record.figures.get(figure::TWO_WORKERS), Some(&1.5));
        assert_eq!(record.figures.get("rate_of_two_to_one_by_cpu"), Some(&1.5));
        assert_eq!((record.round, record.completed), (2, 2_500_000));
    }
}
