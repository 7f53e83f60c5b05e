//! Which events are due: every subscriber receives every publication, once, in the order of its publisher.

use std::collections::VecDeque;
use std::ops::Range;

use crate::stamp::Stamp;

/// What is wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disorder {
    /// From a publisher that there isn't, or with a number that wasn't sent yet.
    #[error("subscriber {subscriber} got an event that nobody published: {stamp:?}")]
    Invented { subscriber: usize, stamp: Stamp },
    /// A second time, or after a later one.
    #[error("subscriber {subscriber} got {stamp:?} again or late; it was due number {due}")]
    Again { subscriber: usize, stamp: Stamp, due: u64 },
    /// Others should have come before it.
    #[error("subscriber {subscriber} got {stamp:?} too early; it was due number {due}")]
    Early { subscriber: usize, stamp: Stamp, due: u64 },
}

/// The account of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    subscribers: usize,
    publishers: Vec<Account>,
    /// The number that is due next, for each subscriber and, within it, each publisher.
    due: Vec<u64>,
    delivered: u64,
    /// Whether a subscriber may miss events; those that it gets come in order all the same.
    allows_gaps: bool,
    lost: u64,
}

/// One publisher's publications that are under way.
#[derive(Debug, Default)]
struct Account {
    /// The number of the first one that some subscriber still lacks.
    first: u64,
    /// How many subscribers still lack it and those after it.
    missing: VecDeque<usize>,
}

impl Account {
    /// One subscriber needn't get these any more.
    fn settle(&mut self, numbers: Range<u64>) {
        let begin = usize::try_from(numbers.start.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let count = usize::try_from(numbers.end.saturating_sub(numbers.start)).unwrap_or(usize::MAX);
        self.missing.iter_mut().skip(begin).take(count).for_each(|missing| *missing -= 1);
    }

    /// Forgets those that everybody has.
    fn close(&mut self) {
        while self.missing.front() == Some(&0) {
            self.missing.pop_front();
            self.first += 1;
        }
    }
}

impl Ledger {
    pub(crate) fn new(publishers: usize, subscribers: usize) -> Self {
        Self {
            subscribers,
            publishers: (0..publishers).map(|_| Account::default()).collect(),
            due: vec![0; publishers * subscribers],
            delivered: 0,
            allows_gaps: false,
            lost: 0,
        }
    }

    /// For a target that may drop events: from here on, what is left out is counted.
    pub(crate) fn allow_gaps(&mut self) {
        self.allows_gaps = true;
    }

    /// Enters a publication and answers its number.
    pub(crate) fn publish(&mut self, publisher: usize) -> u64 {
        let subscribers = self.subscribers;
        self.publishers.get_mut(publisher).map_or(0, |account| {
            account.missing.push_back(subscribers);
            account.first + account.missing.len() as u64 - 1
        })
    }

    /// Enters an event.
    pub(crate) fn deliver(&mut self, subscriber: usize, stamp: Stamp) -> Result<(), Disorder> {
        let source = usize::from(stamp.source);
        let invented = Disorder::Invented { subscriber, stamp };
        let account = self.publishers.len();
        let (Some(account), Some(due)) =
            (self.publishers.get_mut(source), self.due.get_mut(subscriber * account + source))
        else {
            return Err(invented);
        };
        if stamp.sequence < *due {
            return Err(Disorder::Again { subscriber, stamp, due: *due });
        }
        // Everything before `first` came to everybody, so it is below what is due.
        let ahead = usize::try_from(stamp.sequence - account.first.min(stamp.sequence)).unwrap_or(usize::MAX);
        let missing = account.missing.get_mut(ahead).ok_or(invented)?;
        if stamp.sequence > *due && !self.allows_gaps {
            return Err(Disorder::Early { subscriber, stamp, due: *due });
        }
        *missing -= 1;
        if stamp.sequence > *due {
            self.lost += stamp.sequence - *due;
            account.settle(*due..stamp.sequence);
        }
        *due = stamp.sequence + 1;
        self.delivered += 1;
        account.close();
        Ok(())
    }

    /// A subscriber isn't owed anything any more.
    pub(crate) fn excuse(&mut self, subscriber: usize) {
        let publishers = self.publishers.len();
        let due = self.due.iter_mut().skip(subscriber * publishers);
        for (account, due) in self.publishers.iter_mut().zip(due) {
            let end = account.first + account.missing.len() as u64;
            account.settle(*due..end);
            account.close();
            // Whatever comes for it is not due.
            *due = u64::MAX;
        }
        self.subscribers -= 1;
    }

    /// How many publications of one publisher are under way.
    pub(crate) fn open(&self, publisher: usize) -> usize {
        self.publishers.get(publisher).map_or(0, |account| account.missing.len())
    }

    /// How many of one publisher's publications every subscriber has, and how many there are.
    pub(crate) fn progress(&self, publisher: usize) -> (u64, u64) {
        self.publishers
            .get(publisher)
            .map_or((0, 0), |account| (account.first, account.first + account.missing.len() as u64))
    }

    /// How many events have come.
    pub(crate) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// How many were left out before others that came.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    /// How many are still to come.
    pub(crate) fn missing(&self) -> u64 {
        let missing: usize = self.publishers.iter().flat_map(|account| &account.missing).sum();
        missing as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn stamp(source: u16, sequence: u64) -> Stamp {
        Stamp { source, sequence }
    }

    fn published(publishers: usize, subscribers: usize, each: u64) -> Ledger {
        let mut ledger = Ledger::new(publishers, subscribers);
        for publisher in 0..publishers {
            for number in 0..each {
                assert_eq!(ledger.publish(publisher), number);
            }
        }
        ledger
    }

    #[test]
    fn what_comes_once_and_in_order_is_fine() {
        let mut ledger = published(2, 2, 3);
        assert_eq!(ledger.missing(), 12);
        for (subscriber, sources) in [(0, [0, 0, 1, 1, 0, 1]), (1, [1, 0, 1, 0, 1, 0])] {
            let mut next = [0, 0];
            for source in sources {
                let number = &mut next[source];
                ledger.deliver(subscriber, stamp(source as u16, *number)).unwrap();
                *number += 1;
            }
        }
        assert_eq!((ledger.delivered(), ledger.missing(), ledger.open(0)), (12, 0, 0));
    }

    #[test]
    fn a_publication_is_open_until_the_last_subscriber_has_it() {
        let mut ledger = published(1, 2, 2);
        ledger.deliver(0, stamp(0, 0)).unwrap();
        ledger.deliver(0, stamp(0, 1)).unwrap();
        assert_eq!((ledger.open(0), ledger.progress(0)), (2, (0, 2)));
        ledger.deliver(1, stamp(0, 0)).unwrap();
        assert_eq!((ledger.open(0), ledger.progress(0)), (1, (1, 2)));
        assert_eq!(ledger.publish(0), 2);
    }

    #[test]
    fn a_second_delivery_is_found() {
        let mut ledger = published(1, 2, 2);
        ledger.deliver(0, stamp(0, 0)).unwrap();
        let again = Disorder::Again { subscriber: 0, stamp: stamp(0, 0), due: 1 };
        assert_eq!(ledger.deliver(0, stamp(0, 0)), Err(again));
        ledger.deliver(1, stamp(0, 0)).unwrap();
        assert_eq!(ledger.deliver(0, stamp(0, 0)), Err(again));
    }

    #[test]
    fn a_gap_is_found() {
        let mut ledger = published(1, 1, 3);
        let early = Disorder::Early { subscriber: 0, stamp: stamp(0, 1), due: 0 };
        assert_eq!(ledger.deliver(0, stamp(0, 1)), Err(early));
    }

    #[test]
    fn gaps_are_counted_where_they_are_allowed() {
        let mut ledger = published(1, 2, 5);
        ledger.allow_gaps();
        for number in [1, 2, 4] {
            ledger.deliver(0, stamp(0, number)).unwrap();
        }
        ledger.deliver(1, stamp(0, 0)).unwrap();
        assert_eq!((ledger.delivered(), ledger.lost(), ledger.missing()), (4, 2, 4));
        assert_eq!(ledger.open(0), 4);
        assert!(ledger.deliver(0, stamp(0, 3)).is_err());
        assert!(ledger.deliver(1, stamp(0, 5)).is_err());
    }

    #[test]
    fn who_is_excused_is_owed_nothing() {
        let mut ledger = published(2, 2, 3);
        ledger.deliver(0, stamp(0, 0)).unwrap();
        ledger.deliver(1, stamp(0, 0)).unwrap();
        ledger.excuse(1);
        assert_eq!((ledger.missing(), ledger.open(0), ledger.open(1)), (5, 2, 3));
        assert!(ledger.deliver(1, stamp(0, 1)).is_err());
        assert_eq!(ledger.publish(0), 3);
        for number in 1..4 {
            ledger.deliver(0, stamp(0, number)).unwrap();
        }
        assert_eq!((ledger.missing(), ledger.open(0)), (3, 0));
    }

    #[test]
    fn what_nobody_published_is_found() {
        let mut ledger = published(1, 1, 1);
        for invented in [stamp(0, 1), stamp(0, u64::MAX), stamp(1, 0), stamp(u16::MAX, 0)] {
            assert_eq!(
                ledger.deliver(0, invented),
                Err(Disorder::Invented { subscriber: 0, stamp: invented })
            );
        }
        assert!(ledger.deliver(1, stamp(0, 0)).is_err());
    }
}
