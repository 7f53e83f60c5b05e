//! How often something happens: counts of the interval that runs, and of those that are over.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cli::meta::Kind;
use crate::cli::top::state::Happening;

/// How many intervals are remembered: more than a terminal is wide.
const REMEMBERED: usize = 300;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    Joins,
    Leaves,
    Subscribes,
    Unsubscribes,
    Registers,
    Unregisters,
}

impl Rate {
    pub(crate) const ALL: [Rate; 6] =
        [Rate::Joins, Rate::Leaves, Rate::Subscribes, Rate::Unsubscribes, Rate::Registers, Rate::Unregisters];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Rate::Joins => "joins",
            Rate::Leaves => "leaves",
            Rate::Subscribes => "subscribes",
            Rate::Unsubscribes => "unsubscribes",
            Rate::Registers => "registers",
            Rate::Unregisters => "unregisters",
        }
    }

    /// As what it counts.
    pub(crate) const fn of(happening: &Happening) -> Option<Rate> {
        match happening {
            Happening::Joined(_) => Some(Rate::Joins),
            Happening::Left(_) => Some(Rate::Leaves),
            Happening::Entered(Kind::Subscription, _) => Some(Rate::Subscribes),
            Happening::Exited(Kind::Subscription, _) => Some(Rate::Unsubscribes),
            Happening::Entered(Kind::Registration, _) => Some(Rate::Registers),
            Happening::Exited(Kind::Registration, _) => Some(Rate::Unregisters),
            // Each comes with an `Entered` or `Exited`.
            Happening::Created(..) | Happening::Deleted(..) => None,
        }
    }
}

/// All rates.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    counters: [Counter; Rate::ALL.len()],
}

#[derive(Debug, Default)]
struct Counter {
    running: u64,
    /// The newest first.
    over: VecDeque<u64>,
    per_second: f64,
}

impl Rates {
    pub(crate) fn count(&mut self, rate: Rate) {
        self.counters[rate as usize].running += 1;
    }

    /// An interval is over, which was so long.
    pub(crate) fn tick(&mut self, interval: Duration) {
        for counter in &mut self.counters {
            let count = std::mem::take(&mut counter.running);
            counter.per_second = count as f64 / interval.as_secs_f64().max(0.001);
            counter.over.truncate(REMEMBERED - 1);
            counter.over.push_front(count);
        }
    }

    /// How often it happened in the last interval, per second.
    pub(crate) const fn per_second(&self, rate: Rate) -> f64 {
        self.counters[rate as usize].per_second
    }

    /// Its counts in the last intervals, the newest last.
    pub(crate) fn last(&self, rate: Rate, intervals: usize) -> Vec<u64> {
        let mut last: Vec<u64> = self.counters[rate as usize].over.iter().take(intervals).copied().collect();
        last.reverse();
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_whatever_the_interval() {
        let mut rates = Rates::default();
        for _ in 0..10 {
            rates.count(Rate::Joins);
        }
        rates.count(Rate::Unregisters);
        assert_eq!(rates.per_second(Rate::Joins), 0.0, "the interval isn't over");
        rates.tick(Duration::from_secs(4));
        assert_eq!((rates.per_second(Rate::Joins), rates.per_second(Rate::Unregisters)), (2.5, 0.25));
        rates.tick(Duration::from_secs(4));
        assert_eq!(rates.per_second(Rate::Joins), 0.0);
        assert_eq!(rates.last(Rate::Joins, 10), [10, 0]);
        assert_eq!(rates.last(Rate::Joins, 1), [0]);
    }

    #[test]
    fn no_more_intervals_are_remembered_than_can_be_shown() {
        let mut rates = Rates::default();
        for _ in 0..2 * REMEMBERED {
            rates.tick(Duration::from_secs(1));
        }
        assert_eq!(rates.last(Rate::Leaves, usize::MAX).len(), REMEMBERED);
    }
}
