//! Who is at a URI: exact, prefix and wildcard entries behind striped locks, with generations for route caches.
//!
//! Used by the broker for subscriptions and by the dealer for registrations. What is at a URI knows that URI itself, so
//! that it is not kept a second time.
//!
//! *Generations*: a reader that wants to keep what it found loads [`Index::generations`] **before** it looks anything
//! up, and keeps both. A writer changes a table and then counts its generation up, both under the write lock. So a kept
//! result whose generations are still the current ones is as good as a new look.

mod prefix;
mod wildcard;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use hashbrown::HashTable;
use wamp::MatchPolicy;

use crate::lock::{read, write};
use prefix::PrefixTree;
use wildcard::WildcardTree;

/// How many stripes there are. A table that grows is locked until all that it has is in its new place: with a million
/// topics that took 10 ms for each of 16 stripes.
const STRIPES: usize = 128;

/// See the module.
#[derive(Debug)]
pub(crate) struct Index<T> {
    stripes: [Stripe<T>; STRIPES],
    patterns: RwLock<Patterns<T>>,
    pattern_count: AtomicUsize,
    pattern_generation: AtomicU64,
    hasher: RandomState,
}

#[derive(Debug)]
struct Stripe<T> {
    table: RwLock<HashTable<Exact<T>>>,
    generation: AtomicU64,
}

/// What is at exactly one URI. The hash is kept so that a table that grows needn't look at any URI.
#[derive(Debug)]
struct Exact<T> {
    hash: u64,
    entry: Arc<T>,
}

/// What can be in an [`Index`].
pub(crate) trait Located {
    /// Where: the URI that it is put at.
    fn uri(&self) -> &str;
}

#[derive(Debug)]
struct Patterns<T> {
    prefixes: PrefixTree<Arc<T>>,
    wildcards: WildcardTree<Arc<T>>,
}

/// When something was looked up: the generation of its stripe and that of the patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generations {
    /// Of the URI that was looked up: it tells the stripe, so that nobody has to hash the URI again.
    hash: u64,
    stripe: u64,
    patterns: u64,
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Index {
            stripes: std::array::from_fn(|_| Stripe {
                table: RwLock::default(),
                generation: AtomicU64::new(0),
            }),
            patterns: RwLock::new(Patterns {
                prefixes: PrefixTree::default(),
                wildcards: WildcardTree::default(),
            }),
            pattern_count: AtomicUsize::new(0),
            pattern_generation: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }
}

impl<T> Exact<T> {
    fn is_at(&self, hash: u64, uri: &str) -> bool
    where
        T: Located,
    {
        self.hash == hash && self.entry.uri() == uri
    }
}

impl<T: Located> Index<T> {
    /// Shows the entry at `uri` under `policy` to `change`, which may fill or empty it, under the write lock; then
    /// whatever was kept of it is out of date.
    pub(crate) fn update<R>(
        &self,
        uri: &str,
        policy: MatchPolicy,
        change: impl FnOnce(&mut Option<Arc<T>>) -> R,
    ) -> R {
        if policy == MatchPolicy::Exact {
            return self.update_exact(uri, change);
        }
        let mut patterns = write(&self.patterns);
        let found = match policy {
            MatchPolicy::Prefix => patterns.prefixes.find(uri),
            _ => patterns.wildcards.find(uri),
        };
        let mut entry = found.cloned();
        let was_there = entry.is_some();
        let result = change(&mut entry);
        let is_there = entry.is_some();
        match (policy, entry) {
            (MatchPolicy::Prefix, Some(entry)) => patterns.prefixes.insert(uri, entry),
            (MatchPolicy::Prefix, None) => patterns.prefixes.remove(uri),
            (_, Some(entry)) => patterns.wildcards.insert(uri, entry),
            (_, None) => patterns.wildcards.remove(uri),
        }
        match (was_there, is_there) {
            (false, true) => {
                self.pattern_count.fetch_add(1, Ordering::Release);
            }
            (true, false) => {
                self.pattern_count.fetch_sub(1, Ordering::Release);
            }
            _ => {}
        }
        self.pattern_generation.fetch_add(1, Ordering::Release);
        result
    }

    fn update_exact<R>(&self, uri: &str, change: impl FnOnce(&mut Option<Arc<T>>) -> R) -> R {
        let hash = self.hash(uri);
        let stripe = self.stripe(hash);
        let mut table = write(&stripe.table);
        let mut entry =
            table.find(hash, |exact| exact.is_at(hash, uri)).map(|exact| Arc::clone(&exact.entry));
        let result = change(&mut entry);
        debug_assert!(entry.as_ref().is_none_or(|entry| entry.uri() == uri));
        match (table.find_entry(hash, |exact| exact.is_at(hash, uri)), entry) {
            (Ok(mut found), Some(entry)) => found.get_mut().entry = entry,
            (Ok(found), None) => drop(found.remove()),
            (Err(absent), Some(entry)) => {
                absent.into_table().insert_unique(hash, Exact { hash, entry }, |exact| exact.hash);
            }
            (Err(_), None) => {}
        }
        stripe.generation.fetch_add(1, Ordering::Release);
        result
    }

    /// The generations that something found at `uri` now would have.
    pub(crate) fn generations(&self, uri: &str) -> Generations {
        self.generations_of(self.hash(uri))
    }

    /// Whether what was found with these generations would still be found.
    pub(crate) fn is_current(&self, found: Generations) -> bool {
        self.generations_of(found.hash) == found
    }

    fn generations_of(&self, hash: u64) -> Generations {
        let stripe = self.stripe(hash).generation.load(Ordering::Acquire);
        Generations { hash, stripe, patterns: self.pattern_generation.load(Ordering::Acquire) }
    }

    /// All entries that match `uri`: the exact one, the prefixes from short to long, the wildcards; and how many nodes
    /// were looked at to find them, which depends on `uri` and on what matches it, not on how many patterns there are
    /// (PBS-11).
    pub(crate) fn matching(&self, uri: &str) -> (Vec<Arc<T>>, usize) {
        let mut found: Vec<Arc<T>> = self.exact(uri).into_iter().collect();
        let mut nodes = 1;
        if self.pattern_count.load(Ordering::Acquire) > 0 {
            let patterns = read(&self.patterns);
            nodes += patterns.prefixes.matching(uri, |entry| found.push(Arc::clone(entry)));
            nodes += patterns.wildcards.matching(uri, |entry| found.push(Arc::clone(entry)));
        }
        (found, nodes)
    }

    /// The exact entry at `uri`.
    pub(crate) fn exact(&self, uri: &str) -> Option<Arc<T>> {
        let hash = self.hash(uri);
        let table = read(&self.stripe(hash).table);
        table.find(hash, |exact| exact.is_at(hash, uri)).map(|exact| Arc::clone(&exact.entry))
    }

    /// The entry at `uri` under `policy`.
    pub(crate) fn find(&self, uri: &str, policy: MatchPolicy) -> Option<Arc<T>> {
        match policy {
            MatchPolicy::Exact => self.exact(uri),
            MatchPolicy::Prefix => read(&self.patterns).prefixes.find(uri).cloned(),
            MatchPolicy::Wildcard => read(&self.patterns).wildcards.find(uri).cloned(),
        }
    }

    /// The best entry for `uri`: the exact one, else the longest prefix, else the wildcard with the most literal
    /// components from the left (PBR-04 to PBR-07).
    ///
    /// Spec: advanced profile, "Pattern-based Registrations". `// Spec gap:` one of its examples takes prefixes by whole
    /// components; its text, and every router we know of, takes them by characters, as for subscriptions.
    pub(crate) fn best(&self, uri: &str) -> Option<Arc<T>> {
        if let Some(exact) = self.exact(uri) {
            return Some(exact);
        }
        if self.pattern_count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let patterns = read(&self.patterns);
        let mut longest = None;
        patterns.prefixes.matching(uri, |entry| longest = Some(Arc::clone(entry)));
        longest.or_else(|| patterns.wildcards.best(uri).cloned())
    }

    fn hash(&self, uri: &str) -> u64 {
        self.hasher.hash_one(uri)
    }

    /// The stripe of a hash: by bits from its middle, since its table goes by the lowest and the highest.
    fn stripe(&self, hash: u64) -> &Stripe<T> {
        &self.stripes[usize::try_from((hash >> 32) % STRIPES as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Pattern = (MatchPolicy, String);

    impl Located for Pattern {
        fn uri(&self) -> &str {
            &self.1
        }
    }

    fn put(index: &Index<Pattern>, uri: &str, policy: MatchPolicy) {
        index.update(uri, policy, |entry| *entry = Some(Arc::new((policy, uri.to_owned()))));
    }

    fn index(entries: &[(&str, MatchPolicy)]) -> Index<Pattern> {
        let index = Index::default();
        entries.iter().for_each(|(uri, policy)| put(&index, uri, *policy));
        index
    }

    fn best(index: &Index<Pattern>, uri: &str) -> Option<String> {
        index.best(uri).map(|entry| format!("{} {}", entry.0, entry.1))
    }

    // The specification's own example, but for one dot: its prefix `a1.b2.c3` is a prefix of `a1.b2.c33.d4.e5` too, and
    // so would take the call that the example gives to a wildcard.
    // PBR-04, PBR-05, PBR-06, PBR-07
    #[test]
    fn the_best_entry_is_exact_then_longest_prefix_then_most_literal_wildcard() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let index = index(&[
            ("a1.b2.c3.d4.e55", Exact),
            ("a1.b2.c3.", Prefix),
            ("a1.b2.c3.d4", Prefix),
            ("a1.b2..d4.e5", Wildcard),
            ("a1.b2.c33..e5", Wildcard),
            ("a1.b2..d4.e5..g7", Wildcard),
            ("a1.b2..d4..f6.g7", Wildcard),
        ]);
        let found = |uri| best(&index, uri);
        assert_eq!(found("a1.b2.c3.d4.e55").as_deref(), Some("exact a1.b2.c3.d4.e55"));
        assert_eq!(found("a1.b2.c3.d98.e74").as_deref(), Some("prefix a1.b2.c3."));
        assert_eq!(found("a1.b2.c3.d4.e325").as_deref(), Some("prefix a1.b2.c3.d4"));
        assert_eq!(found("a1.b2.c55.d4.e5").as_deref(), Some("wildcard a1.b2..d4.e5"));
        assert_eq!(found("a1.b2.c33.d4.e5").as_deref(), Some("wildcard a1.b2.c33..e5"));
        assert_eq!(found("a1.b2.c88.d4.e5.f6.g7").as_deref(), Some("wildcard a1.b2..d4.e5..g7"));
        assert_eq!(found("a2.b2.c2.d2.e2"), None);
    }

    // PBR-12
    #[test]
    fn removing_the_best_entry_shows_the_next_best() {
        let index =
            index(&[("a.b", MatchPolicy::Exact), ("a", MatchPolicy::Prefix), ("a.", MatchPolicy::Wildcard)]);
        for expected in [Some("exact a.b"), Some("prefix a"), Some("wildcard a."), None] {
            assert_eq!(best(&index, "a.b").as_deref(), expected);
            for (uri, policy) in
                [("a.b", MatchPolicy::Exact), ("a", MatchPolicy::Prefix), ("a.", MatchPolicy::Wildcard)]
            {
                if expected == Some(&format!("{policy} {uri}")) {
                    index.update(uri, policy, |entry| *entry = None);
                }
            }
        }
    }

    #[test]
    fn a_change_makes_what_was_kept_out_of_date() {
        let index = index(&[]);
        let before = index.generations("a.b");
        put(&index, "a.b", MatchPolicy::Exact);
        let between = index.generations("a.b");
        assert_ne!(before, between);
        put(&index, "x", MatchPolicy::Prefix);
        assert_ne!(between, index.generations("a.b"));
    }

    #[test]
    fn an_exact_entry_takes_a_hash_and_a_reference() {
        assert_eq!(size_of::<Exact<Pattern>>(), 16);
    }

    #[test]
    fn an_entry_can_be_replaced_by_another_at_the_same_uri() {
        let index = index(&[("a.b", MatchPolicy::Exact)]);
        let before = index.exact("a.b").expect("it was put there");
        put(&index, "a.b", MatchPolicy::Exact);
        let after = index.exact("a.b").expect("it was put there");
        assert!(!Arc::ptr_eq(&before, &after));
        assert_eq!(index.matching("a.b").0.len(), 1);
    }

    // PBS-11
    #[test]
    fn matching_costs_the_same_among_many_patterns_as_among_few() {
        let nodes_among = |others: usize| {
            let index = index(&[("com.app", MatchPolicy::Prefix), ("com..status", MatchPolicy::Wildcard)]);
            for number in 0..others {
                for uri in
                    [format!("com.{number}."), format!("com..{number}"), format!("com.{number}..status")]
                {
                    put(&index, &uri, MatchPolicy::Wildcard);
                    put(&index, &uri, MatchPolicy::Prefix);
                }
            }
            let (found, nodes) = index.matching("com.app.status");
            assert_eq!(found.len(), 2);
            nodes
        };
        let (few, many) = (nodes_among(10), nodes_among(10_000));
        assert!(many <= few + 2 && many < 20, "{few} nodes among few, {many} among many");
    }

    fn uri() -> impl Strategy<Value = String> {
        prop::collection::vec(prop_oneof!["", "a", "b", "ab", "é"], 1..5).prop_map(|parts| parts.join("."))
    }

    fn policy() -> impl Strategy<Value = MatchPolicy> {
        prop::sample::select(MatchPolicy::ALL.to_vec())
    }

    proptest! {
        /// The index finds what the plain matching of `wamp::uri` finds, after any inserts and removals.
        #[test]
        fn the_index_agrees_with_its_plain_twin(
            steps in prop::collection::vec((any::<bool>(), uri(), policy()), 0..40),
            probes in prop::collection::vec(uri(), 1..8),
        ) {
            let index = Index::default();
            let mut plain = std::collections::BTreeSet::new();
            for (insert, uri, policy) in steps {
                index.update(&uri, policy, |entry| *entry = insert.then(|| Arc::new((policy, uri.clone()))));
                if insert { plain.insert((policy, uri)); } else { plain.remove(&(policy, uri)); }
            }
            for probe in probes {
                let mut found: Vec<_> = index.matching(&probe).0.iter().map(|entry| (**entry).clone()).collect();
                found.sort();
                let expected: Vec<_> =
                    plain.iter().filter(|(policy, uri)| policy.matches(uri, &probe)).cloned().collect();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(index.best(&probe).is_some(), !expected.is_empty());
                if let Some(best) = index.best(&probe) {
                    prop_assert!(expected.contains(&best));
                    prop_assert!(expected.iter().all(|(policy, _)| *policy >= best.0));
                    if best.0 == MatchPolicy::Prefix {
                        let longest = expected.iter().filter(|(p, _)| *p == best.0).map(|(_, uri)| uri.len()).max();
                        prop_assert_eq!(Some(best.1.len()), longest);
                    }
                }
            }
        }
    }
}
