//! What is subscribed to, and which topic matches which subscription: exactly one of them, whatever the match policy.
//!
//! ```text
//!   topic                    org.cloverleaf.bench.0123abcd.g00042.i0004207.state
//!   exact                    org.cloverleaf.bench.0123abcd.g00042.i0004207.state
//!   prefix                   org.cloverleaf.bench.0123abcd.g00042.i0004207
//!   wildcard, even numbers   org.cloverleaf.bench.0123abcd.g00042.i0004206.
//!   wildcard, odd numbers    org.cloverleaf.bench.0123abcd..i0004207.state
//! ```
//!
//! A group has a hundred subscriptions. With wildcards a router has to look into two branches for each topic.

use std::fmt::Write;

use wamp::MatchPolicy;

/// Subscriptions of a group.
const GROUP: usize = 100;

/// The names of one run.
#[derive(Debug, Clone)]
pub(super) struct Topics {
    /// Everything up to the group.
    root: String,
    policy: MatchPolicy,
}

impl Topics {
    /// `run` sets them apart from those of other runs.
    pub(super) fn new(run: u32, policy: MatchPolicy) -> Self {
        Self { root: format!("org.cloverleaf.bench.{run:08x}"), policy }
    }

    /// How subscriptions match.
    pub(super) const fn policy(&self) -> MatchPolicy {
        self.policy
    }

    /// Writes the topic that only one subscription matches.
    pub(super) fn topic(&self, number: usize, out: &mut String) {
        out.clear();
        // Writing to a string can't fail.
        let _ = write!(out, "{}.g{:05}.i{number:07}.state", self.root, number / GROUP);
    }

    /// What that subscription is to.
    pub(super) fn subscribed(&self, number: usize) -> String {
        self.pattern(number / GROUP, 'i', number)
    }

    /// What a session that comes and goes subscribes to: a neighbour of `number`, and no topic matches it.
    pub(super) fn passing(&self, number: usize, turn: usize) -> String {
        self.pattern(number / GROUP, 'c', turn)
    }

    fn pattern(&self, group: usize, kind: char, number: usize) -> String {
        let root = &self.root;
        match self.policy {
            MatchPolicy::Exact => format!("{root}.g{group:05}.{kind}{number:07}.state"),
            MatchPolicy::Prefix => format!("{root}.g{group:05}.{kind}{number:07}"),
            MatchPolicy::Wildcard if number.is_multiple_of(2) => {
                format!("{root}.g{group:05}.{kind}{number:07}.")
            }
            MatchPolicy::Wildcard => format!("{root}..{kind}{number:07}.state"),
        }
    }
}

/// Picks numbers, each as likely as any other and the same ones in every run: what was used lately says nothing about
/// what comes next, so that a table larger than the processor's caches pays for it.
#[derive(Debug, Clone)]
pub(super) struct Picker(u64);

impl Picker {
    pub(super) const fn new() -> Self {
        Self(0)
    }

    /// A number below `count`.
    pub(super) fn pick(&mut self, count: usize) -> usize {
        // SplitMix64, whose high half is spread over the range by multiplication.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from((u128::from(mixed) * count as u128) >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_topic_is_matched_by_its_own_subscription_only() {
        for policy in MatchPolicy::ALL {
            let topics = Topics::new(7, policy);
            let numbers: Vec<usize> = (0..250).chain([1_999_998, 1_999_999]).collect();
            let mut topic = String::new();
            for number in &numbers {
                topics.topic(*number, &mut topic);
                let matching: Vec<&usize> = numbers
                    .iter()
                    .filter(|number| policy.matches(&topics.subscribed(**number), &topic))
                    .collect();
                assert_eq!(matching, [number], "{policy}");
                let passing = (0..4).map(|turn| topics.passing(*number, turn));
                assert_eq!(passing.filter(|pattern| policy.matches(pattern, &topic)).count(), 0);
            }
        }
    }

    #[test]
    fn picks_are_spread_over_everything() {
        let mut picker = Picker::new();
        let picked: Vec<usize> = (0..10_000).map(|_| picker.pick(1000)).collect();
        assert!(picked.iter().all(|number| *number < 1000));
        assert_eq!(picked.iter().collect::<BTreeSet<_>>().len(), 1000);
        let low_half = picked.iter().filter(|number| **number < 500).count();
        assert!((4700..5300).contains(&low_half), "{low_half}");
        assert_eq!(picker.pick(1), 0);
    }
}
