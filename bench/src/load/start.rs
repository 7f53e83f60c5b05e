//! How fast a program is there, and how large it is.
//!
//! A start is over when the program has let a session in, from the moment before its process was made. It is repeated
//! and the median told, since the first one of a day reads the program from disk.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Figures, Outcome};
use crate::case::Case;
use crate::join::{Part, join, leave};
use crate::run::Started;
use crate::target::{Speaks, Target};
use crate::usage::Usage;

/// Starts of a run.
const STARTS: usize = 5;

/// What one start came to.
struct Start {
    took: Duration,
    /// When the first session has come and gone.
    usage: Usage,
    binary_bytes: u64,
}

/// Starts a program a few times, each time until a session is in. `start` answers when it says where it listens.
pub(crate) fn measure(case: &Case, speaks: &Speaks, start: impl Fn() -> Result<Started>) -> Result<Outcome> {
    let generator = Usage::of_self()?;
    let starts: Vec<Start> = (0..STARTS).map(|_| start_once(case, speaks, &start)).collect::<Result<_>>()?;
    let generator_cpu = Usage::of_self()?.cpu_since(&generator);
    let last = starts.last().context("it was started")?;
    let cpu = starts.iter().map(|start| start.usage.cpu).sum();
    Ok(Outcome {
        elapsed: starts.iter().map(|start| start.took).sum(),
        completed: starts.len() as u64,
        target: Some(Usage { cpu, ..last.usage }),
        generator_cpu,
        latency: None,
        figures: figures(&starts),
    })
}

fn start_once(case: &Case, speaks: &Speaks, start: impl Fn() -> Result<Started>) -> Result<Start> {
    let begin = Instant::now();
    let started = start()?;
    let server = started.server().context("it runs already")?;
    let target = Target::at(server.address(), speaks.clone());
    let session = join(&target, case.wire, Part::Publisher)?;
    let took = begin.elapsed();
    leave(session, &target, case.wire.serializer);
    let usage = Usage::settled(server.pid())?;
    let binary_bytes = fs::metadata(format!("/proc/{}/exe", server.pid()))?.len();
    Ok(Start { took, usage, binary_bytes })
}

fn figures(starts: &[Start]) -> Figures {
    let middle = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    };
    let of = |figure: &dyn Fn(&Start) -> f64| middle(starts.iter().map(figure).collect());
    let longest = starts.iter().map(|start| start.took).max().unwrap_or_default();
    Figures::from([
        ("start_ms", of(&|start| start.took.as_secs_f64() * 1e3)),
        ("start_max_ms", longest.as_secs_f64() * 1e3),
        ("base_rss_bytes", of(&|start| start.usage.rss_kib as f64 * 1024.0)),
        ("binary_bytes", of(&|start| start.binary_bytes as f64)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_in_the_middle_is_told() {
        let start = |millis, rss_kib| Start {
            took: Duration::from_millis(millis),
            usage: Usage { cpu: Duration::ZERO, rss_kib, rss_peak_kib: rss_kib },
            binary_bytes: 5,
        };
        let figures = figures(&[start(90, 1), start(4, 2), start(5, 9)]);
        assert_eq!((figures["start_ms"], figures["start_max_ms"]), (5.0, 90.0));
        assert_eq!((figures["base_rss_bytes"], figures["binary_bytes"]), (2048.0, 5.0));
    }
}
