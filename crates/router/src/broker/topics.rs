//! Something for each of many topics, in order, so that those which a pattern matches are found without looking at all.
//!
//! A wildcard pattern is a search with jumps: where a topic departs from the pattern, the search goes on at the first
//! text behind it that could match. So runs of topics that differ only where it makes no difference are skipped.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, ControlFlow};

use wamp::MatchPolicy;

/// See the module.
#[derive(Debug)]
pub(super) struct Topics<V>(BTreeMap<Box<str>, V>);

impl<V> Default for Topics<V> {
    fn default() -> Self {
        Topics(BTreeMap::new())
    }
}

impl<V> Topics<V> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn find(&self, topic: &str) -> Option<&V> {
        self.0.get(topic)
    }

    pub(super) fn entry(&mut self, topic: &str) -> Entry<'_, Box<str>, V> {
        self.0.entry(topic.into())
    }

    pub(super) fn remove(&mut self, topic: &str) -> Option<V> {
        self.0.remove(topic)
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut V) -> bool) {
        self.0.retain(|_, value| keep(value));
    }

    /// Shows `each` what the topics that a subscription matches have, in their order, until it breaks; returns how many
    /// topics were looked at.
    pub(super) fn matching<'t>(
        &'t self,
        uri: &str,
        policy: MatchPolicy,
        mut each: impl FnMut(&'t str, &'t V) -> ControlFlow<()>,
    ) -> usize {
        match policy {
            MatchPolicy::Exact => {
                if let Some((topic, value)) = self.0.get_key_value(uri) {
                    // There is nothing behind it to break off.
                    let _ = each(topic, value);
                }
                1
            }
            MatchPolicy::Prefix => {
                let mut seen = 1;
                let from = (Bound::Included(uri), Bound::Unbounded);
                for (topic, value) in
                    self.0.range::<str, _>(from).take_while(|(topic, _)| topic.starts_with(uri))
                {
                    seen += 1;
                    if each(topic, value).is_break() {
                        break;
                    }
                }
                seen
            }
            MatchPolicy::Wildcard => self.search(uri, each),
        }
    }

    fn search<'t>(&'t self, pattern: &str, mut each: impl FnMut(&'t str, &'t V) -> ControlFlow<()>) -> usize {
        let mut seen = 0;
        let mut from = String::new();
        let mut ahead = self.0.range::<str, _>(..);
        while let Some((topic, value)) = ahead.next() {
            seen += 1;
            // A jump to the very next topic, which is common, is cheaper as a step.
            if **topic < *from {
                ahead = self.0.range::<str, _>((Bound::Included(&*from), Bound::Unbounded));
                continue;
            }
            match compare(pattern, topic, &mut from) {
                Verdict::Match if each(topic, value).is_break() => break,
                Verdict::Match | Verdict::Next | Verdict::Jump => {}
                Verdict::End => break,
            }
        }
        seen
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The topic matches.
    Match,
    /// It doesn't; the next one may.
    Next,
    /// It doesn't, and none before the text that was written to `from`.
    Jump,
    /// Nor does any topic behind it.
    End,
}

/// Whether `pattern` matches `topic`, and if it doesn't, where a topic that it matches can be at the earliest.
fn compare(pattern: &str, topic: &str, from: &mut String) -> Verdict {
    let mut wanted = pattern.split('.');
    // Where the component begins that is looked at, and where the last one ends that stands for any.
    let mut start = 0;
    let mut any_end = None;
    loop {
        let rest = topic.get(start..).unwrap_or_default();
        let length = rest.find('.').unwrap_or(rest.len());
        let Some(component) = wanted.next() else {
            // Too long, like everything that begins with what the pattern matched.
            return jump_behind(topic, start.saturating_sub(1), from);
        };
        let is_last = wanted.clone().next().is_none();
        if component.is_empty() {
            any_end = Some(start + length);
        } else if rest.get(..length) != Some(component) {
            let target = component.bytes().chain((!is_last).then_some(b'.'));
            if rest.bytes().lt(target) {
                from.clear();
                from.push_str(topic.get(..start).unwrap_or_default());
                from.push_str(component);
                from.push_str(if is_last { "" } else { "." });
                return Verdict::Jump;
            }
            return any_end.map_or(Verdict::End, |end| jump_behind(topic, end, from));
        }
        if length == rest.len() {
            return if is_last { Verdict::Match } else { Verdict::Next };
        }
        start += length + 1;
    }
}

/// Jumps to the first text behind all that begin with the first `end` bytes of `topic` and a dot.
fn jump_behind(topic: &str, end: usize, from: &mut String) -> Verdict {
    from.clear();
    from.push_str(topic.get(..end).unwrap_or_default());
    // The character after the dot.
    from.push('/');
    Verdict::Jump
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topics(all: impl IntoIterator<Item = String>) -> Topics<()> {
        let mut topics = Topics::default();
        for topic in all {
            topics.entry(&topic).or_insert(());
        }
        topics
    }

    fn found<'t>(topics: &'t Topics<()>, uri: &str, policy: MatchPolicy) -> (Vec<&'t str>, usize) {
        let mut found = Vec::new();
        let seen = topics.matching(uri, policy, |topic, ()| {
            found.push(topic);
            ControlFlow::Continue(())
        });
        (found, seen)
    }

    // RET-10, ROB-01
    #[test]
    fn a_wildcard_skips_what_it_cannot_match() {
        let mut all: Vec<String> = (0..10_000).map(|number| format!("t.aaa.{number}")).collect();
        all.extend((0..100).map(|number| format!("t.b.{number}.x.{number}")));
        all.push("t.c.zz".into());
        let topics = topics(all);
        for (pattern, matches, bound) in [
            ("..zz", 1, 10),
            ("t..zz", 1, 10),
            (".", 0, 10),
            ("u..", 0, 2),
            ("t.b..y.", 0, 250),
            ("t.b.7.x.", 1, 10),
            ("t.c.", 1, 3),
        ] {
            let (found, seen) = found(&topics, pattern, MatchPolicy::Wildcard);
            assert_eq!(found.len(), matches, "{pattern}");
            assert!(seen <= bound, "{pattern} looks at {seen} topics");
        }
    }

    #[test]
    fn a_search_can_be_broken_off() {
        let topics = topics((0..1000).map(|number| format!("a.{number}")));
        for (uri, policy) in [("a.", MatchPolicy::Prefix), ("a.", MatchPolicy::Wildcard)] {
            let mut left = 3;
            let seen = topics.matching(uri, policy, |_, ()| {
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            assert!(left == 0 && seen <= 4, "{policy}: {seen}");
        }
    }

    fn uri() -> impl Strategy<Value = String> {
        // Characters before and behind the dot in order, and components that begin alike.
        prop::collection::vec(prop_oneof!["", "a", "a-", "b", "ab", "a/", "é"], 1..5)
            .prop_map(|parts| parts.join("."))
    }

    proptest! {
        /// The search finds what the plain matching of `wamp::uri` finds, in order.
        #[test]
        fn the_search_agrees_with_its_plain_twin(all in prop::collection::btree_set(uri(), 0..60), uri in uri()) {
            let topics = topics(all.iter().cloned());
            for policy in MatchPolicy::ALL {
                let expected: Vec<&str> =
                    all.iter().map(|topic| &**topic).filter(|topic| policy.matches(&uri, topic)).collect();
                let (found, seen) = found(&topics, &uri, policy);
                prop_assert_eq!(found, expected);
                prop_assert!(seen <= all.len() + 1);
            }
        }
    }
}
