//! What a role may do: its static rules, compiled, and the cache of what they came to.
//!
//! The most specific rule that matches decides (AZN-06): an exact one; else the longest pattern; between a prefix and a
//! wildcard of one length, the prefix. No rule: the role's default, which is to deny.
//!
//! A pattern (SUBSCRIBE, REGISTER) is allowed by a rule that covers all it could ever match, not by one that matches its
//! text (AZN-04). What lies below it and is denied by a narrower rule is filtered at delivery of events (AZN-05). Calls
//! can't be filtered so without hiding them from whoever else may answer, so a pattern is not registered at all where a
//! narrower rule denies REGISTER for some of what it matches.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::quality::RandomState;
use wamp::MatchPolicy;

use crate::config::{Permission, RoleConfig};
use crate::decision::{Action, Authorizer, Decision};

/// A role of a realm.
#[derive(Debug)]
pub(crate) struct Role {
    /// Names this very set of rules in caches.
    number: u64,
    exact: HashMap<String, Permission>,
    /// Longest first; of one length, prefixes first.
    patterns: Vec<Permission>,
    default: bool,
    authorizer: Option<Arc<dyn Authorizer>>,
    /// The decisions where one rule, for everything, is all there is.
    uniform: Option<Permission>,
}

static ROLES: AtomicU64 = AtomicU64::new(1);

impl Role {
    pub(crate) fn new(config: &RoleConfig, authorizer: Option<Arc<dyn Authorizer>>) -> Self {
        let mut exact = HashMap::new();
        let mut patterns = Vec::new();
        for permission in &config.permissions {
            match permission.match_policy {
                MatchPolicy::Exact => {
                    exact.insert(permission.uri.clone(), permission.clone());
                }
                MatchPolicy::Prefix | MatchPolicy::Wildcard => patterns.push(permission.clone()),
            }
        }
        patterns.sort_by_key(|rule| (std::cmp::Reverse(rule.uri.len()), rule.match_policy));
        let uniform = match (&exact.is_empty(), &*patterns) {
            (true, [rule]) if rule.match_policy == MatchPolicy::Prefix && rule.uri.is_empty() => {
                Some(rule.clone())
            }
            _ => None,
        };
        let number = ROLES.fetch_add(1, Ordering::Relaxed);
        Role { number, exact, patterns, default: config.allow_by_default, authorizer, uniform }
    }

    /// The role of the router's own sessions, whose rules nobody asks for.
    pub(crate) fn trusted() -> Self {
        Role::new(&RoleConfig::allow_all(crate::identity::TRUSTED), None)
    }

    /// Whoever has to be asked for this role.
    pub(crate) fn authorizer(&self) -> Option<&Arc<dyn Authorizer>> {
        self.authorizer.as_ref()
    }

    /// What the rules say about an action at a URI or pattern.
    pub(crate) fn decide(&self, action: Action, uri: &str, policy: MatchPolicy) -> Decision {
        let rule = match &self.uniform {
            Some(rule) => Some(rule),
            None => self.rule(uri, policy),
        };
        let is_pierced = action == Action::Register && self.is_pierced(uri, policy);
        match rule {
            None => Decision { allow: self.default && !is_pierced, ..Decision::default() },
            Some(rule) => Decision {
                allow: action.is_in(rule.allow) && !is_pierced,
                disclose: match action {
                    Action::Call => rule.disclose_caller,
                    Action::Publish => rule.disclose_publisher,
                    Action::Register | Action::Subscribe => false,
                },
                validate: rule.validate && action != Action::Subscribe,
            },
        }
    }

    /// [`Role::decide`] for a URI, remembered.
    pub(crate) fn decide_cached(&self, action: Action, uri: &str, cache: &mut DecisionCache) -> Decision {
        if self.uniform.is_some() {
            return self.decide(action, uri, MatchPolicy::Exact);
        }
        cache.find(self.number, action, uri, || self.decide(action, uri, MatchPolicy::Exact))
    }

    /// Whether some topic below a pattern that may be subscribed to may not be. An authorizer has decided about all of the
    /// pattern, and isn't asked again for each topic; the rules are not in force beside it.
    pub(crate) fn denies_some_topics(&self) -> bool {
        if self.authorizer.is_some() {
            return false;
        }
        self.exact.values().chain(&self.patterns).any(|rule| !rule.allow.subscribe)
            || (!self.default && self.uniform.is_none())
    }

    fn rule(&self, uri: &str, policy: MatchPolicy) -> Option<&Permission> {
        if policy == MatchPolicy::Exact
            && let Some(rule) = self.exact.get(uri)
        {
            return Some(rule);
        }
        self.patterns.iter().find(|rule| covers(rule, uri, policy))
    }

    /// Whether a rule denies REGISTER for some of what a pattern matches, and is more specific than the one that covers
    /// all of it.
    fn is_pierced(&self, uri: &str, policy: MatchPolicy) -> bool {
        if policy == MatchPolicy::Exact {
            return false;
        }
        let narrower = self.patterns.iter().take_while(|rule| !covers(rule, uri, policy));
        self.exact
            .values()
            .chain(narrower)
            .any(|rule| !rule.allow.register && may_intersect((&rule.uri, rule.match_policy), (uri, policy)))
    }
}

/// Whether some URI may be matched by both; never false where there is one.
fn may_intersect(a: (&str, MatchPolicy), b: (&str, MatchPolicy)) -> bool {
    let ((a, a_policy), (b, b_policy)) = (a, b);
    match (a_policy, b_policy) {
        (MatchPolicy::Exact, _) => b_policy.matches(b, a),
        (_, MatchPolicy::Exact) => a_policy.matches(a, b),
        (MatchPolicy::Prefix, MatchPolicy::Prefix) => a.starts_with(b) || b.starts_with(a),
        (MatchPolicy::Prefix, MatchPolicy::Wildcard) => begins_some(a, b),
        (MatchPolicy::Wildcard, MatchPolicy::Prefix) => begins_some(b, a),
        (MatchPolicy::Wildcard, MatchPolicy::Wildcard) => {
            a.split('.').count() == b.split('.').count()
                && a.split('.').zip(b.split('.')).all(|(a, b)| a.is_empty() || b.is_empty() || a == b)
        }
    }
}

/// Whether something that a wildcard pattern matches begins with `prefix`, whose last component may be a part of one.
fn begins_some(prefix: &str, pattern: &str) -> bool {
    let mut components = pattern.split('.');
    let mut prefix = prefix.split('.').peekable();
    while let Some(head) = prefix.next() {
        let Some(component) = components.next() else { return false };
        let fits = if prefix.peek().is_some() { component == head } else { component.starts_with(head) };
        if !component.is_empty() && !fits {
            return false;
        }
    }
    true
}

/// Whether all that `uri` under `policy` matches is matched by the rule too.
fn covers(rule: &Permission, uri: &str, policy: MatchPolicy) -> bool {
    match (rule.match_policy, policy) {
        (_, MatchPolicy::Exact) => rule.match_policy.matches(&rule.uri, uri),
        (MatchPolicy::Prefix, MatchPolicy::Prefix) => uri.starts_with(&rule.uri),
        (MatchPolicy::Prefix, MatchPolicy::Wildcard) => literal_head(uri).starts_with(&rule.uri),
        // A wildcard component of the rule is empty and so matches an empty one, which may stand for anything.
        (MatchPolicy::Wildcard, MatchPolicy::Wildcard) => MatchPolicy::Wildcard.matches(&rule.uri, uri),
        (MatchPolicy::Exact, _) | (MatchPolicy::Wildcard, MatchPolicy::Prefix) => false,
    }
}

/// The text that everything matched by a wildcard pattern begins with.
fn literal_head(pattern: &str) -> &str {
    if pattern.starts_with('.') {
        return "";
    }
    match pattern.find("..") {
        Some(at) => &pattern[..=at],
        None => pattern,
    }
}

const SLOTS: usize = 1024;

/// Decisions of static rules, by (role, action, URI); direct-mapped, so bounded.
#[derive(Debug, Default)]
pub(crate) struct DecisionCache {
    slots: Vec<Option<Remembered>>,
    hasher: RandomState,
}

#[derive(Debug, Clone)]
struct Remembered {
    role: u64,
    action: Action,
    uri: Box<str>,
    decision: Decision,
}

impl DecisionCache {
    fn find(&mut self, role: u64, action: Action, uri: &str, decide: impl FnOnce() -> Decision) -> Decision {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(role);
        hasher.write_u8(action as u8);
        hasher.write(uri.as_bytes());
        let Some(slot) = self.slots.get_mut(usize::try_from(hasher.finish() % SLOTS as u64).unwrap_or(0))
        else {
            return decide();
        };
        match slot {
            Some(found) if found.role == role && found.action == action && *found.uri == *uri => {
                found.decision
            }
            _ => {
                let decision = decide();
                *slot = Some(Remembered { role, action, uri: uri.into(), decision });
                decision
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Actions;

    const CALL: Actions = Actions { call: true, register: false, publish: false, subscribe: false };
    const SUBSCRIBE: Actions = Actions { call: false, register: false, publish: false, subscribe: true };

    fn role(rules: &[(&str, MatchPolicy, Actions)]) -> Role {
        let permissions = rules
            .iter()
            .map(|(uri, policy, allow)| Permission { allow: *allow, ..Permission::deny(uri, *policy) })
            .collect();
        Role::new(&RoleConfig { name: "r".into(), permissions, allow_by_default: false }, None)
    }

    // AZN-01, AZN-06
    #[test]
    fn the_most_specific_rule_decides() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let role = role(&[
            ("com.", Prefix, CALL),
            ("com.foo", Exact, Actions::default()),
            ("com.secret.", Prefix, Actions::default()),
            ("com.secret..open", Wildcard, CALL),
        ]);
        let may_call = |uri| role.decide(Action::Call, uri, Exact).allow;
        assert!(may_call("com.foobar"), "an exact rule doesn't hide a prefix from longer URIs");
        assert!(!may_call("com.foo"));
        assert!(!may_call("com.secret.a.closed"));
        assert!(may_call("com.secret.a.open"));
        assert!(!may_call("org.x"), "no rule denies");
        assert!(!role.decide(Action::Register, "com.x", Exact).allow);
    }

    // AZN-04
    #[test]
    fn a_pattern_needs_a_rule_that_covers_all_of_it() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let role =
            role(&[("a.b", Exact, SUBSCRIBE), ("c.", Prefix, SUBSCRIBE), ("x..z", Wildcard, SUBSCRIBE)]);
        let may = |uri, policy| role.decide(Action::Subscribe, uri, policy).allow;
        assert!(may("a.b", Exact) && !may("a.b", Prefix) && !may("a", Prefix) && !may("", Prefix));
        assert!(may("c.", Prefix) && may("c.d", Prefix) && !may("c", Prefix));
        assert!(may("c..d", Wildcard) && !may(".d", Wildcard) && may("c.d.", Wildcard));
        assert!(may("x..z", Wildcard) && !may("x..", Wildcard) && !may("x.", Prefix));
    }

    // AZN-04
    #[test]
    fn a_pattern_is_not_registered_over_a_narrower_denial() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        const REGISTER: Actions = Actions { call: false, register: true, publish: false, subscribe: false };
        let rules = [
            ("com.", Prefix, REGISTER),
            ("com.secret.", Prefix, Actions::default()),
            ("com.secret.open.", Prefix, REGISTER),
            ("com.a..locked", Wildcard, Actions::default()),
            ("com.one", Exact, Actions::default()),
        ];
        let mut role = role(&rules);
        for default in [false, true] {
            role.default = default;
            let may = |uri, policy| role.decide(Action::Register, uri, policy).allow;
            for uri in ["com.", "com.s", "com.o", "com.secret.x", "com.a.", "com.a.b.locked", "com.one"] {
                assert!(!may(uri, Prefix), "{uri}");
            }
            for uri in ["com..pay", "com.", "com..", "com.a..", "com.a.b."] {
                assert!(!may(uri, Wildcard), "{uri}");
            }
            for uri in ["com.b", "com.secret.open.", "com.a.b.open", "com.ones"] {
                assert!(may(uri, Prefix), "{uri}");
            }
            for uri in ["com.b..", "com.a..open", "com.two."] {
                assert!(may(uri, Wildcard), "{uri}");
            }
            assert!(may("com.secret.open.x", Exact) && may("com.a", Exact) && !may("com.one", Exact));
            assert_eq!(may("org.", Prefix), default, "the default holds where nothing denies");
            assert!(!may("", Prefix) && !may("..", Wildcard));
        }
    }

    // AZN-04
    #[test]
    fn patterns_that_share_a_uri_are_never_told_apart() {
        use MatchPolicy::{Exact, Prefix, Wildcard};
        let mut texts = vec![String::new()];
        for length in 0..4 {
            let longest: Vec<String> = texts.iter().filter(|text| text.len() == length).cloned().collect();
            texts.extend(longest.iter().flat_map(|text| ["a", "b", "."].map(|next| format!("{text}{next}"))));
        }
        let is_uri = |text: &&String| !text.split('.').any(str::is_empty);
        let uris: Vec<&String> = texts.iter().filter(is_uri).collect();
        let patterns: Vec<&String> = texts.iter().filter(|text| text.len() < 4).collect();
        for a in &patterns {
            for b in &patterns {
                for (p, q) in [(Prefix, Prefix), (Prefix, Wildcard), (Wildcard, Wildcard), (Exact, Wildcard)]
                {
                    let shared = uris.iter().find(|uri| p.matches(a, uri) && q.matches(b, uri));
                    if let Some(uri) = shared {
                        assert!(may_intersect((a, p), (b, q)), "{a} {p:?}, {b} {q:?}: {uri}");
                        assert!(may_intersect((b, q), (a, p)), "{b} {q:?}, {a} {p:?}: {uri}");
                    }
                }
            }
        }
    }

    #[test]
    fn remembered_decisions_are_the_same() {
        let role = role(&[("com.", MatchPolicy::Prefix, CALL), ("com.x", MatchPolicy::Exact, SUBSCRIBE)]);
        let mut cache = DecisionCache::default();
        for uri in ["com.x", "com.y", "com.x", "org"] {
            for action in [Action::Call, Action::Subscribe, Action::Call] {
                let plain = role.decide(action, uri, MatchPolicy::Exact);
                assert_eq!(role.decide_cached(action, uri, &mut cache), plain);
            }
        }
    }
}
