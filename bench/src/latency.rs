//! Durations, counted in buckets that are at most 1/32 wide of what they hold.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets per power of two, as a power of two.
const PRECISION: u32 = 5;
const PER_OCTAVE: usize = 1 << PRECISION;
/// Enough for 2^40 ns, 18 minutes; what is longer counts as that.
const BUCKETS: usize = PER_OCTAVE * (40 - PRECISION as usize + 1);

/// A histogram of durations from 1 ns to 18 minutes.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

/// The figures of a histogram that go into a record, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    /// Half of them took at most so long.
    pub(crate) p50: f64,
    /// 90 %.
    pub(crate) p90: f64,
    /// 99 %.
    pub(crate) p99: f64,
    /// 99.9 %.
    pub(crate) p999: f64,
    /// The longest one.
    pub(crate) max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram::new()
    }
}

impl Histogram {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, longest: Duration::ZERO }
    }

    /// Counts a duration.
    pub(crate) fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos).min(BUCKETS - 1)) {
            *count += 1;
        }
        self.total += 1;
        self.longest = self.longest.max(duration);
    }

    /// How many were counted.
    pub(crate) const fn count(&self) -> u64 {
        self.total
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.longest = Duration::ZERO;
    }

    /// The usual percentiles; `None` where nothing was counted.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        let max = self.longest.as_nanos() as f64 / 1e3;
        let at = |share: f64| (self.percentile(share) as f64 / 1e3).min(max);
        (self.total > 0).then(|| Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max,
        })
    }

    /// The upper end of the bucket, in ns, up to which a share of all durations lies.
    fn percentile(&self, share: f64) -> u64 {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        upper_end(found.unwrap_or(BUCKETS - 1))
    }
}

/// Values below `PER_OCTAVE` have a bucket each; above, each octave is cut into `PER_OCTAVE` of them.
fn bucket(nanos: u64) -> usize {
    let octave = (u64::BITS - nanos.leading_zeros()).saturating_sub(PRECISION + 1);
    // At most 64 octaves of 32 buckets.
    (octave as usize) * PER_OCTAVE + (nanos >> octave) as usize
}

const fn upper_end(bucket: usize) -> u64 {
    if bucket < 2 * PER_OCTAVE {
        return bucket as u64;
    }
    let octave = bucket / PER_OCTAVE - 1;
    let inside = (bucket % PER_OCTAVE + PER_OCTAVE) as u64;
    ((inside + 1) << octave) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_at_or_little_above_what_it_holds() {
        for nanos in (0..2000).chain([12_345, 1 << 20, (1 << 30) + 7, (1 << 40) - 1]) {
            let end = upper_end(bucket(nanos));
            assert!(end >= nanos && end - nanos <= nanos / 32, "{nanos} {end}");
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentiles(), None);
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        let Percentiles { p50, p90, p99, p999, max } = histogram.percentiles().unwrap();
        let near = |found: f64, expected: f64| found >= expected && found <= expected * 1.04;
        assert!(near(p50, 50.0) && near(p90, 90.0) && near(p99, 99.0), "{p50} {p90} {p99}");
        assert_eq!((p999, max), (100.0, 100.0));
        histogram.clear();
        assert_eq!(histogram.percentiles(), None);
    }

    #[test]
    fn the_longest_durations_have_a_place() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert!(histogram.percentiles().is_some());
    }
}
