//! A phase: one thing is done again and again while the [`Pulse`] goes on.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use super::caller::Answer;
use super::pulse::{Beat, Pulse};
use crate::latency::{Histogram, Percentiles};

/// The phase in which nothing is done.
pub(super) const IDLE: &str = "(nothing)";
/// The phase in which a thread of this process computes all the while, as whoever waits for large answers makes somebody
/// compute: what is longer than in here isn't for want of processors.
pub(super) const BUSY: &str = "(a busy thread)";

/// What came of a phase, as a JSON record.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Phase {
    /// What was done.
    pub(super) phase: String,
    /// Which repetition it was, from 1.
    pub(super) round: usize,
    /// How often it was done.
    pub(super) calls: usize,
    /// The bytes of the longest answer.
    pub(super) answer_bytes: usize,
    /// How long each took, in microseconds.
    pub(super) latency_us: Option<Percentiles>,
    /// How late the events of the pulse were, in microseconds.
    pub(super) pause_us: Percentiles,
    /// How long SUBSCRIBE took meanwhile, in microseconds.
    pub(super) subscribe_us: Option<Percentiles>,
    /// The load average of the machine, which says how far to trust all this.
    pub(super) load_average: f64,
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) round: usize,
    pub(super) duration: Duration,
    /// No more calls after so many; the phase lasts its time all the same.
    pub(super) calls_max: usize,
}

/// Runs a phase of calls.
pub(super) fn calls(
    pulse: &Pulse,
    name: &str,
    plan: Plan,
    mut call: impl FnMut() -> Result<Answer>,
) -> Result<Phase> {
    let (mut histogram, mut count, mut answer_bytes) = (Histogram::new(), 0, 0);
    let beat = within(pulse, plan, |end| {
        while count < plan.calls_max && (count == 0 || Instant::now() < end) {
            let answer = call()?;
            histogram.record(answer.took);
            answer_bytes = answer_bytes.max(answer.len());
            count += 1;
        }
        Ok(())
    });
    let beat = beat.with_context(|| format!("while {name} was measured"))?;
    Ok(Phase::new(name, plan.round, count, answer_bytes, histogram.percentiles(), beat))
}

/// Runs a phase in which nothing is asked of the router.
pub(super) fn baseline(pulse: &Pulse, name: &str, plan: Plan) -> Result<Phase> {
    let beat = within(pulse, plan, |end| {
        while name == BUSY && Instant::now() < end {
            std::hint::spin_loop();
        }
        Ok(())
    })?;
    Ok(Phase::new(name, plan.round, 0, 0, None, beat))
}

fn within(pulse: &Pulse, plan: Plan, work: impl FnOnce(Instant) -> Result<()>) -> Result<Beat> {
    pulse.begin()?;
    let end = Instant::now() + plan.duration;
    work(end)?;
    std::thread::sleep(end.saturating_duration_since(Instant::now()));
    pulse.end()
}

impl Phase {
    fn new(
        name: &str,
        round: usize,
        calls: usize,
        answer_bytes: usize,
        latency_us: Option<Percentiles>,
        beat: Beat,
    ) -> Self {
        Phase {
            phase: name.to_owned(),
            round,
            calls,
            answer_bytes,
            latency_us,
            pause_us: beat.events,
            subscribe_us: beat.changes,
            load_average: load_average(),
        }
    }
}

/// The load average of the last minute; 0 where it isn't known.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}

const HEAD: &str = "\
| meanwhile | calls | answer, bytes | p50, ms | max, ms | pause p99, ms | longest pause, ms | of idle | of busy | SUBSCRIBE max, ms |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
";

/// All phases as a Markdown table, a row each: medians of the rounds, but for `max`, which is the most of all.
pub(super) fn table(phases: &[Phase]) -> String {
    let mut out = HEAD.to_owned();
    let mut done: Vec<&str> = Vec::new();
    for phase in phases {
        if !done.contains(&phase.phase.as_str()) {
            done.push(&phase.phase);
            out.push_str(&row(phases, &phase.phase));
        }
    }
    out
}

fn row(phases: &[Phase], name: &str) -> String {
    let rounds: Vec<&Phase> = phases.iter().filter(|phase| phase.phase == name).collect();
    let median_of = |figure: &dyn Fn(&Phase) -> Option<f64>| {
        let mut figures: Vec<f64> = rounds.iter().filter_map(|phase| figure(phase)).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    };
    let most_of = |figure: &dyn Fn(&Phase) -> Option<f64>| {
        rounds.iter().filter_map(|phase| figure(phase)).max_by(f64::total_cmp)
    };
    let pause = median_of(&|phase| Some(phase.pause_us.max));
    let times = |other: &str| {
        let ratio = pause? / longest_pause(phases, other)?;
        Some(format!("{ratio:.1}"))
    };
    let cells = [
        name.to_owned(),
        rounds.iter().map(|phase| phase.calls).sum::<usize>().to_string(),
        rounds.iter().map(|phase| phase.answer_bytes).max().unwrap_or(0).to_string(),
        millis(median_of(&|phase| Some(phase.latency_us?.p50))),
        millis(most_of(&|phase| Some(phase.latency_us?.max))),
        millis(median_of(&|phase| Some(phase.pause_us.p99))),
        format!("{} (up to {})", millis(pause), millis(most_of(&|phase| Some(phase.pause_us.max)))),
        times(IDLE).unwrap_or_else(nothing),
        times(BUSY).unwrap_or_else(nothing),
        millis(median_of(&|phase| Some(phase.subscribe_us?.max))),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// The median over the rounds of the longest pause in each: one hiccup of the machine doesn't move it.
fn longest_pause(phases: &[Phase], name: &str) -> Option<f64> {
    let of_name = phases.iter().filter(|phase| phase.phase == name);
    let mut pauses: Vec<f64> = of_name.map(|phase| phase.pause_us.max).collect();
    pauses.sort_by(f64::total_cmp);
    pauses.get(pauses.len() / 2).copied()
}

/// Microseconds as milliseconds.
fn millis(micros: Option<f64>) -> String {
    match micros.map(|micros| micros / 1e3) {
        None => nothing(),
        Some(millis) if millis >= 10.0 => format!("{millis:.1}"),
        Some(millis) => format!("{millis:.2}"),
    }
}

fn nothing() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(name: &str, round: usize, pause: f64) -> Phase {
        let figures = |max| Percentiles { p50: 100.0, p90: 200.0, p99: 300.0, p999: 300.0, max };
        let beat = Beat { events: figures(pause), changes: None };
        Phase::new(name, round, 3, 9, Some(figures(12_340.0)), beat)
    }

    #[test]
    fn pauses_are_compared_to_those_of_phases_without_calls() {
        let mut phases = Vec::new();
        for round in 1..=3 {
            phases.push(phase(IDLE, round, 1000.0 * round as f64));
            phases.push(phase("a.b", round, 5000.0));
        }
        phases.push(phase("a.b", 4, 90_000.0));
        let table = table(&phases);
        let row = table.lines().nth(3).unwrap_or_default();
        assert_eq!(row, "| a.b | 12 | 9 | 0.10 | 12.3 | 0.30 | 5.00 (up to 90.0) | 2.5 | - | - |");
    }
}
