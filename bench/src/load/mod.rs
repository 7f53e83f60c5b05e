//! Load: what keeps the target busy, checks every message that comes back, and counts them.
//!
//! One thread polls all sockets of a run. A turn takes in everything that is readable, then lets the load offer what it
//! wants to: as much as its window has room for in a closed loop, what is due or what the sockets take in an open one;
//! one write per connection. A run warms up, is measured, and drains: it isn't over until everything that was sent has
//! come back, each exactly once and in order, or a message was missing for too long.

mod beat;
mod calls;
pub(crate) mod churn;
mod flood;
pub(crate) mod idle;
mod ledger;
mod pubsub;
mod quiet;
mod rate;
mod rpc;
mod schedule;
pub(crate) mod start;
mod stopped;
pub(crate) mod subs;
mod timer;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mio::event::Event;
use mio::{Events, Poll, Registry};

use crate::connection::Scratch;
use crate::latency::{Histogram, Percentiles};
use crate::usage::Usage;

pub(crate) use flood::{Flood, Readers};
pub(crate) use pubsub::PubSub;
pub(crate) use quiet::quiet;
pub(crate) use rate::Rate;
pub(crate) use rpc::Rpc;
pub(crate) use stopped::stopped;

/// How long nothing may come although something is due.
const STALL: Duration = Duration::from_secs(10);
/// The longest sleep of the loop.
const NAP: Duration = Duration::from_millis(50);

/// A kind of load.
pub(crate) trait Load {
    /// Registers all its sockets, with tokens of its own choice.
    fn register(&mut self, registry: &Registry) -> Result<()>;

    /// Takes in what is readable and writes what waits, on the connection of an event; `now` is when it came.
    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()>;

    /// Sends as much as the window has room for, or what is due.
    fn offer(&mut self, now: Instant) -> Result<()>;

    /// Nothing more will be offered: what would wait for more is to come to its end.
    fn stop(&mut self, _now: Instant) -> Result<()> {
        Ok(())
    }

    /// Goes on, once a turn, with what no event announces.
    fn go_on(&mut self, _: &mut Scratch) -> Result<()> {
        Ok(())
    }

    /// Whether there is something to go on with, so that the loop must not sleep.
    fn is_busy(&self) -> bool {
        false
    }

    /// From here on it is measured.
    fn measure(&mut self) {}

    /// Whether there is nothing more to be measured, even if there is time left.
    fn is_over(&self) -> bool {
        false
    }

    /// Adds to the outcome, once everything has come, what this kind of load finds out besides.
    fn finish(&self, _: &mut Outcome) {}

    /// How many events or results have come, all of them checked.
    fn completed(&self) -> u64;

    /// How many are still to come.
    fn outstanding(&self) -> u64;

    /// How long answers took, for loads that have them.
    fn latency(&mut self) -> Option<&mut Histogram>;
}

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Load that isn't measured yet.
    pub(crate) warm_up: Duration,
    /// How long is measured.
    pub(crate) measured: Duration,
    /// After so many events or results the run ends, even if there is time left.
    pub(crate) count_max: u64,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// How long was measured.
    pub(crate) elapsed: Duration,
    /// Events or results in that time.
    pub(crate) completed: u64,
    /// What the target used: processor time in that time, memory at its end.
    pub(crate) target: Option<Usage>,
    /// The processor time of this process in that time.
    pub(crate) generator_cpu: Duration,
    /// How long answers took.
    pub(crate) latency: Option<Percentiles>,
    /// What this kind of load finds out besides.
    pub(crate) figures: Figures,
}

/// Figures by their names, which end in their units: `rss_bytes_per_session`.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// Runs a load against the process `pid`, if it is known.
pub(crate) fn drive(load: &mut dyn Load, plan: Plan, pid: Option<u32>) -> Result<Outcome> {
    Driver::new(load)?.run(load, plan, pid)
}

/// The loop of a load, for one run or several of them.
struct Driver {
    poll: Poll,
    events: Events,
    scratch: Scratch,
}

impl Driver {
    /// Registers the sockets of a load.
    fn new(load: &mut dyn Load) -> Result<Self> {
        let poll = Poll::new()?;
        load.register(poll.registry())?;
        Ok(Self { poll, events: Events::with_capacity(1024), scratch: Scratch::new() })
    }

    /// Warms that load up, measures and drains it.
    fn run(&mut self, load: &mut dyn Load, plan: Plan, pid: Option<u32>) -> Result<Outcome> {
        let mut phases = Phases::new(plan, pid);
        let mut watch = Watch::new(load.completed());
        loop {
            if phases.is_offering() {
                load.offer(Instant::now())?;
            } else if load.outstanding() == 0 {
                let mut outcome = phases.outcome()?;
                load.finish(&mut outcome);
                return Ok(outcome);
            }
            let nap = if load.is_busy() { Duration::ZERO } else { NAP };
            match self.poll.poll(&mut self.events, Some(nap)) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                polled => polled?,
            }
            let now = Instant::now();
            for event in &self.events {
                load.handle(event, &mut self.scratch, now)?;
            }
            load.go_on(&mut self.scratch)?;
            let was_offering = phases.is_offering();
            phases.advance(load, now)?;
            if was_offering && !phases.is_offering() {
                load.stop(now)?;
            }
            watch.look(load, now)?;
        }
    }
}

/// Notices a target that has lost something, or fell asleep.
struct Watch {
    completed: u64,
    since: Instant,
}

impl Watch {
    fn new(completed: u64) -> Self {
        Self { completed, since: Instant::now() }
    }

    fn look(&mut self, load: &dyn Load, now: Instant) -> Result<()> {
        if load.completed() != self.completed {
            *self = Self { completed: load.completed(), since: now };
        }
        if now.duration_since(self.since) > STALL {
            bail!("nothing came for {STALL:?}; {} messages are missing", load.outstanding());
        }
        Ok(())
    }
}

/// Where a run stands.
enum Phase {
    WarmUp { until: Instant },
    Measuring { until: Instant, begin: Sample },
    Draining(Box<Outcome>),
}

struct Phases {
    plan: Plan,
    pid: Option<u32>,
    phase: Phase,
}

/// What is read at the beginning and at the end of the measured time.
struct Sample {
    at: Instant,
    completed: u64,
    target: Option<Usage>,
    generator: Usage,
}

impl Phases {
    fn new(plan: Plan, pid: Option<u32>) -> Self {
        Self { plan, pid, phase: Phase::WarmUp { until: Instant::now() + plan.warm_up } }
    }

    const fn is_offering(&self) -> bool {
        !matches!(self.phase, Phase::Draining(_))
    }

    fn advance(&mut self, load: &mut dyn Load, now: Instant) -> Result<()> {
        let is_enough = load.completed() >= self.plan.count_max || load.is_over();
        match &self.phase {
            Phase::WarmUp { until } if now >= *until || is_enough => {
                if let Some(latency) = load.latency() {
                    latency.clear();
                }
                load.measure();
                let begin = self.sample(load)?;
                self.phase = Phase::Measuring { until: begin.at + self.plan.measured, begin };
            }
            Phase::Measuring { until, begin } if now >= *until || is_enough => {
                let end = self.sample(load)?;
                let latency = load.latency().and_then(|latency| latency.percentiles());
                self.phase = Phase::Draining(Box::new(begin.to(&end, latency)));
            }
            Phase::WarmUp { .. } | Phase::Measuring { .. } | Phase::Draining(_) => {}
        }
        Ok(())
    }

    fn sample(&self, load: &dyn Load) -> Result<Sample> {
        Ok(Sample {
            at: Instant::now(),
            completed: load.completed(),
            target: self.pid.map(Usage::of).transpose()?,
            generator: Usage::of_self()?,
        })
    }

    fn outcome(self) -> Result<Outcome> {
        match self.phase {
            Phase::Draining(outcome) => Ok(*outcome),
            Phase::WarmUp { .. } | Phase::Measuring { .. } => bail!("the run is not over"),
        }
    }
}

impl Sample {
    fn to(&self, end: &Sample, latency: Option<Percentiles>) -> Outcome {
        let target = self.target.zip(end.target);
        Outcome {
            elapsed: end.at.duration_since(self.at),
            completed: end.completed - self.completed,
            target: target.map(|(begin, end)| Usage { cpu: end.cpu.saturating_sub(begin.cpu), ..end }),
            generator_cpu: end.generator.cpu.saturating_sub(self.generator.cpu),
            latency,
            figures: Figures::new(),
        }
    }
}
