//! How many subscriptions there are, how they are written, and which session holds which of them.

use std::fmt;
use std::str::SplitWhitespace;

use anyhow::{Context, Result, ensure};
use wamp::MatchPolicy;

/// Sessions that hold the subscriptions. A router lets one have a hundred thousand of them unless it is told otherwise.
const HOLDERS: usize = 20;
/// At most so many subscriptions.
const SUBSCRIPTIONS_MAX: usize = HOLDERS * 100_000;
/// At most so many changes per second.
const CHANGES_MAX: u32 = 100_000;

/// How many subscriptions there are, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriptions {
    /// All sessions together.
    pub(crate) count: usize,
    pub(crate) kind: Kind,
    /// How many others come and go per second meanwhile.
    pub(crate) changes: Option<u32>,
}

/// Who subscribes to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No two to the same.
    Each(MatchPolicy),
    /// All sessions to the same topics.
    Shared,
}

impl Subscriptions {
    /// Reads what follows `subs`.
    pub(crate) fn read(words: &mut SplitWhitespace<'_>) -> Result<Self> {
        let count = words.next().context("expected the number of subscriptions")?.parse()?;
        ensure!((1..=SUBSCRIPTIONS_MAX).contains(&count), "there are 1 to {SUBSCRIPTIONS_MAX} subscriptions");
        let kind = match words.next() {
            Some("shared") => Kind::Shared,
            word => {
                let policy = word.and_then(MatchPolicy::from_name);
                Kind::Each(policy.context("expected exact, prefix, wildcard or shared")?)
            }
        };
        Ok(Self { count, kind, changes: None })
    }

    /// Reads what follows `changes`.
    pub(crate) fn read_changes(&mut self, words: &mut SplitWhitespace<'_>) -> Result<()> {
        let changes = words.next().context("expected a number after changes")?.parse()?;
        ensure!((1..=CHANGES_MAX).contains(&changes), "there are 1 to {CHANGES_MAX} changes per second");
        ensure!(self.kind != Kind::Shared, "shared subscriptions don't change");
        self.changes = Some(changes);
        Ok(())
    }

    /// The number of sessions.
    pub(crate) const fn sessions(&self) -> usize {
        self.holders() + 1 + self.changes.is_some() as usize
    }

    /// How many sessions hold them.
    pub(super) const fn holders(&self) -> usize {
        if self.count < HOLDERS { self.count } else { HOLDERS }
    }

    /// How many different ones there are.
    pub(super) const fn distinct(&self) -> usize {
        match self.kind {
            Kind::Each(_) => self.count,
            Kind::Shared => self.count / self.holders(),
        }
    }

    /// How their topics are matched.
    pub(super) const fn policy(&self) -> MatchPolicy {
        match self.kind {
            Kind::Each(policy) => policy,
            Kind::Shared => MatchPolicy::Exact,
        }
    }

    /// What one session subscribes to, by number.
    pub(super) fn of_holder(&self, holder: usize) -> Vec<usize> {
        match self.kind {
            Kind::Each(_) => (holder..self.count).step_by(self.holders()).collect(),
            Kind::Shared => (0..self.distinct()).collect(),
        }
    }
}

impl fmt::Display for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Each(policy) => write!(f, "subs {} {policy}", self.count)?,
            Kind::Shared => write!(f, "subs {} shared", self.count)?,
        }
        self.changes.map_or(Ok(()), |changes| write!(f, " changes {changes}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Subscriptions {
        Subscriptions::read(&mut text.split_whitespace()).unwrap()
    }

    #[test]
    fn subscriptions_are_dealt_out_to_the_same_sessions_however_many_they_are() {
        for count in [1000, 1_000_000] {
            let size = size(&format!("{count} prefix"));
            assert_eq!((size.holders(), size.distinct()), (20, count));
            assert_eq!(size.of_holder(19).len(), count / 20);
            assert!(size.of_holder(7).iter().all(|number| number % size.holders() == 7));
        }
        assert_eq!(size("3 exact").holders(), 3);
    }

    #[test]
    fn shared_subscriptions_are_the_same_for_all() {
        let size = size("1000 shared");
        assert_eq!((size.distinct(), size.holders()), (50, 20));
        assert_eq!(size.of_holder(0), size.of_holder(19));
    }
}
