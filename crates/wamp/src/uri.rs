//! URIs: what is a valid one, and which pattern matches which.
//!
//! Spec: basic profile, "URIs"; advanced profile, "Pattern-based Subscriptions", "Pattern-based Registrations".

use std::fmt;

/// How a subscription's or registration's URI is matched against topics or procedures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MatchPolicy {
    /// The same string.
    #[default]
    Exact,
    /// A prefix of the string, not of its components: `com.app` matches `com.apple` (PBS-03).
    Prefix,
    /// The same number of components, an empty one matching any (PBS-04).
    Wildcard,
}

impl MatchPolicy {
    /// All of them, in the dealer's order of precedence.
    pub const ALL: [MatchPolicy; 3] = [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard];

    /// As in `Options.match`.
    pub const fn name(self) -> &'static str {
        match self {
            MatchPolicy::Exact => "exact",
            MatchPolicy::Prefix => "prefix",
            MatchPolicy::Wildcard => "wildcard",
        }
    }

    /// The policy of a name; `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether `pattern` under this policy matches `uri`. The plain twin of the routing tables' indexes.
    pub fn matches(self, pattern: &str, uri: &str) -> bool {
        match self {
            MatchPolicy::Exact => pattern == uri,
            MatchPolicy::Prefix => uri.starts_with(pattern),
            MatchPolicy::Wildcard => {
                let (mut pattern, mut uri) = (pattern.split('.'), uri.split('.'));
                loop {
                    match (pattern.next(), uri.next()) {
                        (None, None) => return true,
                        (Some(wanted), Some(found)) if wanted.is_empty() || wanted == found => {}
                        _ => return false,
                    }
                }
            }
        }
    }
}

impl fmt::Display for MatchPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How strictly a realm checks URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UriCheck {
    /// Components are not empty and hold no `.`, `#` or white space (URI-01, URI-13).
    #[default]
    Loose,
    /// Components are of `a-z`, `0-9` and `_` only (URI-02).
    Strict,
}

/// Where empty components may stand (URI-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Empty {
    Nowhere,
    Last,
    Anywhere,
}

impl UriCheck {
    /// Whether `uri` can be a topic, procedure or error: fully qualified (URI-04).
    pub fn is_valid(self, uri: &str) -> bool {
        self.check(uri, Empty::Nowhere)
    }

    /// Whether `pattern` can be subscribed to or registered under `policy`.
    ///
    /// Spec gap: the text has no rule for prefixes. As Crossbar.io does, their last component may be empty, and so
    /// the empty prefix matches everything.
    pub fn is_valid_pattern(self, pattern: &str, policy: MatchPolicy) -> bool {
        match policy {
            MatchPolicy::Exact => self.check(pattern, Empty::Nowhere),
            MatchPolicy::Prefix => self.check(pattern, Empty::Last),
            MatchPolicy::Wildcard => self.check(pattern, Empty::Anywhere),
        }
    }

    fn check(self, uri: &str, empty: Empty) -> bool {
        if uri.is_ascii() { self.check_ascii(uri.as_bytes(), empty) } else { self.check_unicode(uri, empty) }
    }

    /// The fast path of [`UriCheck::check_unicode`]: one pass over bytes.
    fn check_ascii(self, uri: &[u8], empty: Empty) -> bool {
        let mut component_len = 0usize;
        for &byte in uri {
            if byte == b'.' {
                if component_len == 0 && empty != Empty::Anywhere {
                    return false;
                }
                component_len = 0;
                continue;
            }
            let allowed = match self {
                UriCheck::Loose => byte != b'#' && !is_ascii_space(byte),
                UriCheck::Strict => matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'),
            };
            if !allowed {
                return false;
            }
            component_len += 1;
        }
        component_len > 0 || empty != Empty::Nowhere
    }

    fn check_unicode(self, uri: &str, empty: Empty) -> bool {
        if self == UriCheck::Strict {
            return false;
        }
        let mut components = uri.split('.').peekable();
        while let Some(component) = components.next() {
            let is_last = components.peek().is_none();
            let allowed_empty = empty == Empty::Anywhere || (empty == Empty::Last && is_last);
            if (component.is_empty() && !allowed_empty)
                || component.contains(|c: char| c == '#' || c.is_whitespace())
            {
                return false;
            }
        }
        true
    }
}

/// What `\s` of the specification's pattern takes among ASCII; the separators 0x1C to 0x1F included, as Python's does.
fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0x1C..=0x1F)
}

/// Whether the first component of `uri` is `wamp`: reserved for the router itself (URI-05).
pub fn is_reserved(uri: &str) -> bool {
    uri.strip_prefix("wamp").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URI-01, URI-13: the loose rule.
    #[test]
    fn loose_uris_have_no_empty_component_hash_or_white_space() {
        for good in ["a", "a.b", "com.Example.X-1", "com.müller.日本", "a.b!$%", "0.1"] {
            assert!(UriCheck::Loose.is_valid(good), "{good}");
        }
        for bad in [
            "",
            "a..b",
            "a.b.",
            ".a",
            "a#b",
            "a b",
            "a.\tb",
            "a.b\n",
            "a.b\u{2003}c",
            "ü.\u{a0}",
            "é..b",
            "é.",
        ] {
            assert!(!UriCheck::Loose.is_valid(bad), "{bad:?}");
        }
    }

    /// URI-02: the strict rule.
    #[test]
    fn strict_uris_are_lower_case_letters_digits_and_underscores() {
        assert!(UriCheck::Strict.is_valid("com.example.on_count2"));
        for bad in ["Com.x", "com.x-y", "com.müller", "com..x"] {
            assert!(!UriCheck::Strict.is_valid(bad), "{bad}");
        }
    }

    /// URI-03: empty components.
    #[test]
    fn empty_components_depend_on_the_match_policy() {
        let valid = |uri, policy| UriCheck::Loose.is_valid_pattern(uri, policy);
        assert!(valid("a..c", MatchPolicy::Wildcard) && valid("..", MatchPolicy::Wildcard));
        assert!(valid(".é.", MatchPolicy::Wildcard));
        assert!(!valid("a..c", MatchPolicy::Exact) && !valid("a..c", MatchPolicy::Prefix));
        assert!(valid("a.b.", MatchPolicy::Prefix) && valid("", MatchPolicy::Prefix));
        assert!(!valid("a.b.", MatchPolicy::Exact) && !valid("", MatchPolicy::Exact));
        assert!(!valid(".a", MatchPolicy::Prefix));
    }

    /// PBS-03: prefixes are of strings.
    #[test]
    fn a_prefix_matches_inside_components() {
        let matches = |uri| MatchPolicy::Prefix.matches("com.myapp.topic.emergency", uri);
        assert!(matches("com.myapp.topic.emergency.11"));
        assert!(matches("com.myapp.topic.emergency-low"));
        assert!(matches("com.myapp.topic.emergency.category.severe"));
        assert!(matches("com.myapp.topic.emergency"));
        assert!(!matches("com.myapp.topic.emerge"));
    }

    /// PBS-04, PBS-05: wildcards are whole components.
    #[test]
    fn a_wildcard_matches_whole_components() {
        let matches = |uri| MatchPolicy::Wildcard.matches("com.myapp..userevent", uri);
        assert!(matches("com.myapp.foo.userevent") && matches("com.myapp.bar.userevent"));
        assert!(!matches("com.myapp.foo.userevent.bar"));
        assert!(!matches("com.myapp.foo.user"));
        assert!(!matches("com.myapp2.foo.userevent"));
        assert!(MatchPolicy::Wildcard.matches("..", "a.b.c") && !MatchPolicy::Wildcard.matches("..", "a.b"));
    }

    /// URI-05: `wamp` is a component, not a prefix.
    #[test]
    fn wampfoo_is_not_reserved() {
        assert!(is_reserved("wamp.session.count") && is_reserved("wamp"));
        assert!(!is_reserved("wampfoo.bar") && !is_reserved("com.wamp"));
    }
}
