//! Publishers at a steady rate, beside whose subscribers a further one stops reading.
//!
//! ```text
//!   before: warm-up, measured     all read                     others_p99_us_before
//!   during: until it was cut off, one doesn't any more         others_p99_us_during, rss_growth_bytes, cut_after_seconds,
//!           but 15 s at most                                   owed_bytes
//! ```
//!
//! Both are a [`Rate`], so latencies count from when publications were due, and are those of the other subscribers only.
//! The others must get everything, in order, all the while.
//!
//! *When it is cut off* can't be seen at its socket: the end of the stream lies behind what it doesn't read. It is seen at
//! the router's process, which has a file less open; so its pid must be known. The time counts from when the receiver's
//! system took its last byte (`FIONREAD` grew no more). Until then nobody could know that it has stopped. The router's own
//! send buffer, up to 4 MiB, fills after that and counts into it: at a low rate a write timeout seems longer than it is.
//!
//! *Why it was cut off* shows in `owed_bytes`, payload that it wasn't sent or didn't take by then: more than the router
//! lets anybody have waiting, or less, in which case the router was out of patience. `rss_growth_bytes` is the most memory
//! the router ever had, less what it had when the receiver stopped. A router that cuts nobody off within the time has
//! no `cut_after_seconds`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::event::Event;
use mio::{Registry, Token};
use rustix::io::ioctl_fionread;

use super::rate::Rate;
use super::{Driver, Load, Outcome, Plan};
use crate::case::Case;
use crate::connection::Scratch;
use crate::latency::{Histogram, Percentiles};
use crate::target::Target;
use crate::usage::Usage;

/// The longest a run waits for the cut.
const LIMIT: Duration = Duration::from_secs(15);
/// How long it goes on after that, so that what the cut itself costs is in the latencies.
const AFTER: Duration = Duration::from_millis(250);
/// Between two looks at the process.
const GLANCE: Duration = Duration::from_millis(5);

/// Runs both phases; the outcome is that of the second, with figures of both.
pub(crate) fn stopped(
    (target, pid): (&Target, Option<u32>),
    case: &Case,
    (publishers, subscribers): (usize, usize),
    per_second: u32,
    plan: Plan,
    run: u32,
) -> Result<Outcome> {
    let pid = pid.context("the router's process must be known, to see when it gives a receiver up")?;
    let rate = Rate::join(target, case, (publishers, subscribers + 1), per_second, run)?;
    let mut load = Stopped { rate, subscriber: subscribers, pid, silence: None };
    let mut driver = Driver::new(&mut load)?;
    let before = driver.run(&mut load, plan, Some(pid))?;
    load.stop()?;
    let until_cut = Plan { warm_up: Duration::ZERO, measured: LIMIT, count_max: u64::MAX };
    let mut during = driver.run(&mut load, until_cut, Some(pid))?;
    let (calm, beside) = before.latency.zip(during.latency).context("no event came")?;
    during.figures.extend(compare(calm, beside));
    if let Some(silence) = &load.silence {
        let peak = Usage::of(pid)?.rss_peak_kib;
        during.figures.extend(silence.figures(peak, case.payload));
    }
    load.rate.leave();
    Ok(during)
}

fn compare(before: Percentiles, during: Percentiles) -> [(&'static str, f64); 5] {
    [
        ("others_p99_us_before", before.p99),
        ("others_p99_us_during", during.p99),
        ("others_p99_ratio", during.p99 / before.p99),
        ("others_max_us_before", before.max),
        ("others_max_us_during", during.max),
    ]
}

struct Stopped {
    rate: Rate,
    /// The one that stops.
    subscriber: usize,
    pid: u32,
    silence: Option<Silence>,
}

/// What is seen of a receiver that has stopped.
#[derive(Debug)]
struct Silence {
    /// Memory of the process when it stopped, in KiB.
    rss_kib: u64,
    /// Files that the process had open then.
    files: usize,
    /// Publications before it.
    sent: u64,
    looked: Instant,
    /// Bytes in the receiver's socket, and when they grew last.
    unread: u64,
    fed: Instant,
    cut: Option<Cut>,
}

#[derive(Debug)]
struct Cut {
    at: Instant,
    /// Publications that the receiver should have got.
    owed: u64,
}

impl Stopped {
    /// From here on the one subscriber reads no more.
    fn stop(&mut self) -> Result<()> {
        let now = Instant::now();
        self.rate.restart();
        self.rate.sessions().excuse(self.subscriber);
        self.silence = Some(Silence {
            rss_kib: Usage::of(self.pid)?.rss_kib,
            files: open_files(self.pid)?,
            sent: self.rate.sent(),
            looked: now,
            unread: 0,
            fed: now,
            cut: None,
        });
        Ok(())
    }

    /// Looks at the process and at the receiver's socket, every few milliseconds until the cut.
    fn look(&mut self, now: Instant) -> Result<()> {
        let Some(silence) = self.silence.as_mut().filter(|silence| silence.cut.is_none()) else {
            return Ok(());
        };
        if now.duration_since(silence.looked) < GLANCE {
            return Ok(());
        }
        silence.looked = now;
        let stream = self.rate.sessions().stream(self.subscriber).context("it is a subscriber")?;
        let unread = ioctl_fionread(stream)?;
        if unread > silence.unread {
            (silence.unread, silence.fed) = (unread, now);
        }
        if open_files(self.pid)? < silence.files {
            silence.cut = Some(Cut { at: now, owed: self.rate.sent() - silence.sent });
        }
        Ok(())
    }
}

impl Silence {
    fn figures(&self, rss_peak_kib: u64, payload: usize) -> Vec<(&'static str, f64)> {
        let mut figures =
            vec![("rss_growth_bytes", rss_peak_kib.saturating_sub(self.rss_kib) as f64 * 1024.0)];
        if let Some(cut) = &self.cut {
            let owed = (cut.owed * payload as u64).saturating_sub(self.unread);
            figures.push(("cut_after_seconds", cut.at.duration_since(self.fed).as_secs_f64()));
            figures.push(("owed_bytes", owed as f64));
        }
        figures
    }
}

/// How many files a process has open, sockets included.
fn open_files(pid: u32) -> Result<usize> {
    let files =
        fs::read_dir(format!("/proc/{pid}/fd")).context("the router's open files can't be counted")?;
    Ok(files.count())
}

impl Load for Stopped {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        self.rate.register(registry)
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        match (event.token(), &self.silence) {
            (Token(token), Some(_)) if token == self.subscriber => Ok(()),
            // It is no other, so its latencies don't count.
            (Token(token), None) if token == self.subscriber => {
                self.rate.sessions().receive(token, scratch, usize::MAX, |_| {}).map(|_| ())
            }
            _ => self.rate.handle(event, scratch, now),
        }
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        self.rate.offer(now)
    }

    fn go_on(&mut self, _: &mut Scratch) -> Result<()> {
        self.look(Instant::now())
    }

    fn measure(&mut self) {
        self.rate.measure();
    }

    fn is_over(&self) -> bool {
        let cut = self.silence.as_ref().and_then(|silence| silence.cut.as_ref());
        cut.is_some_and(|cut| cut.at.elapsed() >= AFTER)
    }

    fn completed(&self) -> u64 {
        self.rate.completed()
    }

    fn outstanding(&self) -> u64 {
        self.rate.outstanding()
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        self.rate.latency()
    }

    fn finish(&self, outcome: &mut Outcome) {
        self.rate.finish(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(cut: Option<Cut>) -> Silence {
        let now = Instant::now();
        Silence { rss_kib: 1000, files: 9, sent: 0, looked: now, unread: 500, fed: now, cut }
    }

    #[test]
    fn figures_tell_what_it_was_owed_and_how_long_it_was_waited_for() {
        let mut cut = silence(None);
        cut.cut = Some(Cut { at: cut.fed + Duration::from_millis(1500), owed: 10 });
        let expected =
            [("rss_growth_bytes", 24.0 * 1024.0), ("cut_after_seconds", 1.5), ("owed_bytes", 9740.0)];
        assert_eq!(cut.figures(1024, 1024), expected);
    }

    #[test]
    fn who_is_never_cut_off_has_no_time_of_it() {
        assert_eq!(silence(None).figures(900, 1024), [("rss_growth_bytes", 0.0)]);
    }

    #[test]
    fn a_file_that_is_opened_counts() {
        let pid = std::process::id();
        assert!(open_files(pid).unwrap() > 0);
        assert!(open_files(u32::MAX).is_err());
    }
}
