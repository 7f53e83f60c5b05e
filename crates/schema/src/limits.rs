//! How much a declaration may be, and how much checking a payload may cost.

/// How deep a declaration may nest. What comes in a WAMP message is never deeper.
pub const DECLARATION_DEPTH: usize = 64;

/// How many values a declaration may hold, scalars, lists and dictionaries alike.
pub const DECLARATION_VALUES: usize = 20_000;

/// How many bytes all text of a declaration may be together, keys included.
pub const DECLARATION_TEXT: usize = 1 << 20;

/// How many schemas may apply to one value at once, by references and keywords such as `anyOf`.
pub const SCHEMAS_AT_ONCE: u64 = 10_000;

/// How many schemas may apply to one value by each other, one inside or behind the other. Checking recurses so deep before
/// it looks at the value again.
pub const SCHEMAS_IN_A_ROW: u32 = 300;

/// How many schemas the `unevaluatedProperties` and `unevaluatedItems` of a declaration may lead through.
pub const UNEVALUATED_STEPS: usize = 1_000_000;

/// How many regular expressions a declaration may hold.
pub const PATTERNS: usize = 100;

/// How large, in bytes, a compiled regular expression may be, and the cache that a thread keeps to match it.
pub const PATTERN_SIZE: usize = 512 << 10;

/// How deep a payload may nest to be checked, the list or dictionary of arguments not counted.
pub const PAYLOAD_DEPTH: usize = 128;

/// How many steps a check may take: looks at a value, about. To find out what is wrong may take as many again. A list of a
/// million numbers takes some three million; these many take a second or two without optimization.
pub const STEPS: u64 = 20_000_000;

/// How many steps it takes to note one thing that is wrong with a payload. Some keywords note all that is, and this is
/// what bounds the memory for it.
pub const NOTING_STEPS: usize = 400;

/// How many bytes of stack a check may use. Threads have 2 MiB by default.
pub const STACK: usize = 512 << 10;
