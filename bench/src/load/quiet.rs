//! A quiet session calls at a steady rate, first alone, then beside publishers at full speed.
//!
//! The publishers and their subscribers are a [`Flood`] whose subscribers take all there is: no window, but what sockets
//! hold. Caller and callee are a [`Pair`] on a thread of its own with a poll of its own, so that a call doesn't wait for the
//! generator to be done with a turn of the flood. With two cores that thread, the flood's and the router's still compete
//! for them. How long the pair's thread itself was waited for is told by `late_p99_us_beside` (from when a call was due to
//! when it was written), and the relay of the same round has the same neighbours. Both phases have a warm-up and the measured
//! time each; in the first the flood's sessions are there and silent.
//!
//! A call's latency counts from when it was due. What is counted as completed, and what processor time is divided by, are
//! the flood's events.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use mio::Registry;
use mio::event::Event;

use super::beat::Beat;
use super::flood::{Flood, Readers};
use super::rpc::Rpc;
use super::timer::TIMER;
use super::{Driver, Load, Outcome, Plan, drive};
use crate::case::Case;
use crate::connection::Scratch;
use crate::latency::Histogram;
use crate::target::Target;

/// Runs both phases; the outcome is that of the second, with figures of both.
pub(crate) fn quiet(
    (target, pid): (&Target, Option<u32>),
    case: &Case,
    sessions: (usize, usize),
    per_second: u32,
    plan: Plan,
    run: u32,
) -> Result<Outcome> {
    let mut flood = Flood::join(target, case, sessions, Readers::Eager, run)?;
    let mut pair = Pair::join(target, case, per_second, run)?;
    // Limits in time only: the phases of both threads are to be equally long.
    let plan = Plan { count_max: u64::MAX, ..plan };
    let mut driver = Driver::new(&mut pair)?;
    let alone = driver.run(&mut pair, plan, None)?;
    pair.beat.restart();
    let (calls, events) = thread::scope(|scope| {
        let calls = scope.spawn(|| driver.run(&mut pair, plan, None));
        let events = drive(&mut flood, plan, pid);
        (calls.join(), events)
    });
    let beside = calls.map_err(|_| anyhow!("the thread of the quiet session panicked"))??;
    let outcome = with_figures(events?, &alone, &beside).context("no call came back")?;
    pair.rpc.leave();
    flood.leave();
    Ok(outcome)
}

fn with_figures(events: Outcome, alone: &Outcome, beside: &Outcome) -> Option<Outcome> {
    let (before, after) = (alone.latency?, beside.latency?);
    let mut figures = events.figures;
    figures.extend([
        ("call_p50_us_alone", before.p50),
        ("call_p99_us_alone", before.p99),
        ("call_max_us_alone", before.max),
        ("call_p50_us_beside", after.p50),
        ("call_p99_us_beside", after.p99),
        ("call_max_us_beside", after.max),
        ("call_p99_ratio", after.p99 / before.p99),
    ]);
    let late = |outcome: &Outcome| outcome.figures.get(LATE).copied();
    figures.extend([("late_p99_us_alone", late(alone)?), ("late_p99_us_beside", late(beside)?)]);
    Some(Outcome { latency: beside.latency, figures, ..events })
}

/// What a pair says of its own delays, before it is known which phase it was.
const LATE: &str = "late_p99_us";

/// A caller and a callee at a steady rate.
struct Pair {
    rpc: Rpc,
    beat: Beat,
}

impl Pair {
    fn join(target: &Target, case: &Case, per_second: u32, run: u32) -> Result<Self> {
        Ok(Self { rpc: Rpc::join(target, case, (1, 1), 1, run)?, beat: Beat::new(per_second)? })
    }
}

impl Load for Pair {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        self.beat.register(registry)?;
        self.rpc.register(registry)
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, _: Instant) -> Result<()> {
        if event.token() == TIMER {
            return Ok(());
        }
        self.rpc.handle(event, scratch, Instant::now())
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        let (due, schedule) = self.beat.due(now);
        for number in due.clone() {
            self.rpc.begin(0, schedule.due_at(number))?;
        }
        self.rpc.flush(0)?;
        self.beat.written(due, schedule)
    }

    fn measure(&mut self) {
        self.beat.measure();
    }

    fn completed(&self) -> u64 {
        self.rpc.completed()
    }

    fn outstanding(&self) -> u64 {
        self.rpc.outstanding()
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        self.rpc.latency()
    }

    fn finish(&self, outcome: &mut Outcome) {
        outcome.latency = self.rpc.percentiles();
        outcome.figures.extend(self.beat.late().map(|late| (LATE, late.p99)));
    }
}
