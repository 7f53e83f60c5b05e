//! When what is sent at a steady rate is due.
//!
//! The times are fixed in advance and move for nobody: whoever was held up sends late, and what it sends counts as late.

use std::time::{Duration, Instant};

/// A schedule of numbered things, so many per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// When the one with number `first` is due.
    begin: Instant,
    first: u64,
    per_second: u32,
}

impl Schedule {
    /// A schedule in which the one with number `first` is due at `begin`.
    pub(super) fn new(begin: Instant, first: u64, per_second: u32) -> Self {
        Self { begin, first, per_second: per_second.max(1) }
    }

    /// When the one with this number is due.
    pub(super) fn due_at(&self, number: u64) -> Instant {
        let ahead = number.saturating_sub(self.first);
        let rate = u64::from(self.per_second);
        // In two steps: a long run has more of them than a Duration could be multiplied by.
        self.begin + Duration::from_secs(ahead / rate) + Duration::from_secs(ahead % rate) / self.per_second
    }

    /// The number of the first one that isn't due yet.
    pub(super) fn due_by(&self, now: Instant) -> u64 {
        let Some(elapsed) = now.checked_duration_since(self.begin) else { return self.first };
        let passed = elapsed.as_nanos() * u128::from(self.per_second) / 1_000_000_000;
        let mut next = self.first + u64::try_from(passed).unwrap_or(u64::MAX - self.first);
        // Both round down: what is due by this account may be due a nanosecond later by the other, and the other way round.
        while self.due_at(next) <= now {
            next += 1;
        }
        next
    }
}

/// How many of the numbers from `sent` to before `due` go to one of several senders that take turns, number 0 to the first.
pub(super) fn share(sent: u64, due: u64, sender: usize, senders: usize) -> usize {
    let (sender, senders) = (sender as u64, senders.max(1) as u64);
    let before = |number: u64| (number + senders - 1 - sender) / senders;
    usize::try_from(before(due) - before(sent)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_when_its_turn_comes_and_not_before() {
        let begin = Instant::now();
        for rate in [1, 3, 500, 7777, 1_000_000] {
            let schedule = Schedule::new(begin, 10, rate);
            assert_eq!(schedule.due_at(10), begin);
            assert_eq!(schedule.due_at(10 + u64::from(rate) * 3600), begin + Duration::from_secs(3600));
            for number in (10..60).chain(1_000_000..1_000_050) {
                let due = schedule.due_at(number);
                assert_eq!(schedule.due_by(due), number + 1, "{rate} a second");
                assert_eq!(schedule.due_by(due - Duration::from_nanos(1)), number, "{rate} a second");
            }
        }
    }

    #[test]
    fn nothing_is_due_before_the_beginning() {
        let begin = Instant::now() + Duration::from_secs(1);
        assert_eq!(Schedule::new(begin, 7, 500).due_by(begin - Duration::from_millis(3)), 7);
    }

    #[test]
    fn senders_take_turns() {
        for senders in 1..5 {
            for sent in 0..9 {
                for due in sent..12 {
                    for sender in 0..senders {
                        let its = (sent..due).filter(|number| *number as usize % senders == sender).count();
                        assert_eq!(share(sent, due, sender, senders), its);
                    }
                }
            }
        }
    }
}
