//! What a process has used, from `/proc`.

use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result};

/// Memory is settled when it has not changed for so long.
const STILL: Duration = Duration::from_millis(100);
/// Nothing is waited for longer.
const SETTLE_MAX: Duration = Duration::from_secs(5);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(5);

/// A process's use of processor and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time of all its threads, those that ended included.
    pub(crate) cpu: Duration,
    /// Resident memory in KiB.
    pub(crate) rss_kib: u64,
    /// The most resident memory it ever had, in KiB.
    pub(crate) rss_peak_kib: u64,
}

impl Usage {
    /// What this process has used so far.
    pub(crate) fn of_self() -> Result<Self> {
        Self::of_path("/proc/self")
    }

    /// What the process with this id has used so far.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        Self::of_path(&format!("/proc/{pid}"))
    }

    /// The same as soon as its resident memory has not changed for 100 ms, or after five seconds all the same.
    ///
    /// For what remains of some work: an allocator gives memory back a little later, and answers are out before the
    /// last buffer is dropped.
    pub(crate) fn settled(pid: u32) -> Result<Self> {
        let begin = Instant::now();
        let (mut usage, mut since) = (Self::of(pid)?, begin);
        while since.elapsed() < STILL && begin.elapsed() < SETTLE_MAX {
            thread::sleep(GLANCE);
            let next = Self::of(pid)?;
            if next.rss_kib != usage.rss_kib {
                since = Instant::now();
            }
            usage = next;
        }
        Ok(usage)
    }

    /// How much more memory there is than at another time, in bytes; less is negative.
    pub(crate) fn grown_since(&self, before: &Usage) -> f64 {
        (self.rss_kib as f64 - before.rss_kib as f64) * 1024.0
    }

    /// How much processor time was used since another time.
    pub(crate) fn cpu_since(&self, before: &Usage) -> Duration {
        self.cpu.saturating_sub(before.cpu)
    }

    fn of_path(folder: &str) -> Result<Self> {
        let read = |name| fs::read_to_string(format!("{folder}/{name}")).context("the process is not there");
        let ticks = cpu_ticks(&read("stat")?).context("unexpected format of /proc/PID/stat")?;
        let status = read("status")?;
        let kib = |name| kib(&status, name).context("unexpected format of /proc/PID/status");
        let tick = Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second())?;
        let coarse = Duration::from_secs_f64(ticks as f64 * tick.as_secs_f64());
        Ok(Usage {
            cpu: finer(coarse, of_threads(folder), tick),
            rss_kib: kib("VmRSS:")?,
            rss_peak_kib: kib("VmHWM:")?,
        })
    }
}

/// `utime` and `stime` of a line of `/proc/PID/stat`. The name, which may have anything in it, ends at the last `)`.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

/// The processor time of all threads that there are, to the nanosecond.
fn of_threads(folder: &str) -> Option<Duration> {
    let threads = fs::read_dir(format!("{folder}/task")).ok()?;
    let nanos = threads.map(|thread| {
        let account = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        account.split_whitespace().next()?.parse::<u64>().ok()
    });
    nanos.sum::<Option<u64>>().map(Duration::from_nanos)
}

/// The finer of two accounts of the same time, if they agree. The coarse one has user and system time in whole ticks, cut
/// off, which is too little to tell what a quiet target costs; in the fine one, threads that have ended are missing.
fn finer(coarse: Duration, fine: Option<Duration>, tick: Duration) -> Duration {
    fine.filter(|fine| (coarse..coarse + 2 * tick).contains(fine)).unwrap_or(coarse)
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 25 17 0 0 20 0 1 0 123 4096 1";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("42 (a"), None);
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
    }

    #[test]
    fn the_finer_account_counts_where_both_agree() {
        let ms = Duration::from_millis;
        let finer = |fine| finer(ms(120), fine, ms(10));
        assert_eq!(finer(Some(ms(133))), ms(133));
        assert_eq!(finer(Some(ms(141))), ms(120));
        assert_eq!(finer(Some(ms(90))), ms(120));
        assert_eq!(finer(None), ms(120));
    }

    #[test]
    fn memory_is_found_by_name() {
        let status = "VmPeak:\t  9 kB\nVmHWM:\t  120 kB\nVmRSS:\t   96 kB\n";
        assert_eq!((kib(status, "VmRSS:"), kib(status, "VmHWM:")), (Some(96), Some(120)));
        assert_eq!(kib(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Usage::of_self().unwrap();
        assert!(usage.rss_kib > 0 && usage.rss_peak_kib >= usage.rss_kib / 2);
        assert!(Usage::of(std::process::id()).is_ok());
    }

    #[test]
    fn growth_is_in_bytes_and_may_be_negative() {
        let usage = |millis, rss_kib| Usage { cpu: Duration::from_millis(millis), rss_kib, rss_peak_kib: 9 };
        let (before, after) = (usage(20, 5), usage(50, 7));
        assert_eq!((after.grown_since(&before), before.grown_since(&after)), (2048.0, -2048.0));
        assert_eq!(after.cpu_since(&before), Duration::from_millis(30));
    }

    #[test]
    fn a_process_that_does_nothing_is_settled() {
        let usage = Usage::settled(std::process::id()).unwrap();
        assert!(usage.rss_kib > 0);
    }
}
