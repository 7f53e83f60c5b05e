//! How much a declaration may be, and how much checking a payload may cost.

/// How deep a declaration may nest. What comes in a WAMP message is never deeper.
pub const DECLARATION_DEPTH: usize = 64;

/// How many values a declaration may hold, scalars, lists and dictionaries alike.
pub const DECLARATION_VALUES: usize = 20_000;

/// How many bytes all text of a declaration may be together, keys included.
pub const DECLARATION_TEXT: usize = 1 << 20;

/// How many regular expressions a declaration may hold.
pub const PATTERNS: usize = 200;

/// How large, in bytes, a compiled regular expression may be, and the cache that a thread keeps to match it.
pub const PATTERN_SIZE: usize = 256 << 10;

/// How deep a payload may nest to be checked, the list or dictionary of arguments not counted.
pub const PAYLOAD_DEPTH: usize = 128;

/// How many steps a check may take: looks at a value, about. A list of a million numbers takes some three million; these
/// many are done in about half a second.
pub const STEPS: u64 = 20_000_000;

/// How many steps may be spent on finding out why a payload was refused. Where they don't suffice, the message is less
/// precise.
pub const EXPLAINING_STEPS: u64 = 500_000;

/// How many bytes of stack a check may use. Threads have 2 MiB by default.
pub const STACK: usize = 512 << 10;
