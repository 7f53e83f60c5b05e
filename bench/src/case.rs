//! What can be measured, and how it is written: `pubsub 1x10 32B rawsocket+msgpack`.
//!
//! A new kind of load is a variant of [`Shape`], a module in `load`, and a line where a case is run.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use crate::stamp::MIN_SIZE;
use crate::wire::{MAX_MESSAGE, Wire};

/// At most so many sessions of a kind: what the sources in stamps can tell apart.
const SESSIONS_MAX: usize = 20_000;
/// At most so much is sent in a second where a case says how much.
const RATE_MAX: u32 = 1_000_000;
/// At most so many calls of one caller are open.
const DEPTH_MAX: usize = 10_000;
/// The payload of cases that name none, in bytes.
pub(crate) const DEFAULT_PAYLOAD: usize = 32;

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All publishers publish to one topic, and all subscribers receive everything.
    PubSub {
        /// How many publish.
        publishers: usize,
        /// How many receive.
        subscribers: usize,
    },
    /// Each caller calls the procedures of all callees in turn.
    Rpc {
        /// How many call.
        callers: usize,
        /// How many answer, each with a procedure of its own.
        callees: usize,
        /// How many calls each caller keeps open.
        depth: usize,
    },
    /// As `PubSub`, at a steady rate.
    Rate {
        /// How many publish.
        publishers: usize,
        /// How many receive.
        subscribers: usize,
        /// Publications in a second, all publishers together.
        per_second: u32,
    },
    /// As `PubSub`, faster than subscribers read.
    Flood {
        /// How many publish.
        publishers: usize,
        /// How many receive.
        subscribers: usize,
    },
    /// As `Rate`, beside a further subscriber that stops reading.
    Stopped {
        /// How many publish.
        publishers: usize,
        /// How many receive.
        subscribers: usize,
        /// Publications in a second, all publishers together.
        per_second: u32,
    },
    /// As `Flood`, beside a session that calls at a steady rate.
    Quiet {
        /// How many publish.
        publishers: usize,
        /// How many receive.
        subscribers: usize,
        /// Calls in a second.
        per_second: u32,
    },
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    /// Who does what.
    pub(crate) shape: Shape,
    /// The size of the one text argument, in bytes.
    pub(crate) payload: usize,
    /// How all sessions are connected.
    pub(crate) wire: Wire,
}

/// The rows of `docs/performance.md`.
pub(crate) const STANDARD: [&str; 15] = [
    "pubsub 1x1",
    "pubsub 1x10",
    "pubsub 10x10",
    "pubsub 1x1000",
    "pubsub 1x10 64KiB",
    "pubsub 1x10 websocket+json",
    "pubsub 1x10 1KiB websocket+json",
    "pubsub 1x10 64KiB websocket+json",
    "rpc 1x1 depth 1",
    "rpc 10x10 depth 64",
    "rpc 10x10 depth 64 websocket+json",
    "rate 1x10 at 500",
    "flood 1x10 1KiB",
    "stopped 1x10 at 10000 1KiB",
    "quiet 1x10 at 200",
];

/// Small ones, for `smoke`: every kind of load, on both transports, with payloads that come in one read and in many.
pub(crate) const SMOKE: [&str; 9] = [
    "pubsub 2x3",
    "pubsub 2x3 64KiB websocket+json",
    "pubsub 1x2 1KiB rawsocket+cbor",
    "rpc 3x2 depth 4",
    "rpc 2x3 depth 4 websocket+json",
    "rate 2x3 at 1000 websocket+json",
    "flood 1x2",
    "stopped 1x2 at 1000 64KiB",
    "quiet 1x2 at 500",
];

impl Case {
    /// Reads a case; what it leaves out is as in `defaults`.
    pub(crate) fn parse(text: &str, defaults: (usize, Wire)) -> Result<Self> {
        Self::read(text, defaults).with_context(|| format!("in the case {text:?}"))
    }

    fn read(text: &str, (payload, wire): (usize, Wire)) -> Result<Self> {
        let mut words = text.split_whitespace();
        let kind = words.next().context("it is empty")?;
        let (left, right) = sessions(words.next().context("expected the sessions, such as 1x10")?)?;
        let mut case = match kind {
            "pubsub" => Self { shape: Shape::PubSub { publishers: left, subscribers: right }, payload, wire },
            "rpc" => Self { shape: Shape::Rpc { callers: left, callees: right, depth: 1 }, payload, wire },
            _ => Self { shape: Shape::steady(kind, left, right)?, payload, wire },
        };
        while let Some(word) = words.next() {
            match (word, &mut case.shape) {
                ("depth", Shape::Rpc { depth, .. }) => {
                    *depth = words.next().context("expected a number after depth")?.parse()?;
                    ensure!((1..=DEPTH_MAX).contains(depth), "a depth is at least 1 and at most {DEPTH_MAX}");
                }
                (
                    "at",
                    Shape::Rate { per_second, .. }
                    | Shape::Stopped { per_second, .. }
                    | Shape::Quiet { per_second, .. },
                ) => {
                    *per_second = words.next().context("expected a number after at")?.parse()?;
                    ensure!(
                        (1..=RATE_MAX).contains(per_second),
                        "a rate is at least 1 and at most {RATE_MAX}"
                    );
                }
                _ if word.starts_with(|first: char| first.is_ascii_digit()) => {
                    case.payload = word.parse::<Size>()?.0;
                }
                _ => case.wire = word.parse()?,
            }
        }
        Ok(case)
    }

    /// The number of sessions it needs.
    pub(crate) const fn sessions(&self) -> usize {
        match self.shape {
            Shape::PubSub { publishers, subscribers }
            | Shape::Rate { publishers, subscribers, .. }
            | Shape::Flood { publishers, subscribers } => publishers + subscribers,
            Shape::Rpc { callers, callees, .. } => callers + callees,
            Shape::Stopped { publishers, subscribers, .. } => publishers + subscribers + 1,
            Shape::Quiet { publishers, subscribers, .. } => publishers + subscribers + 2,
        }
    }

    /// Whether the relay can take part. It gives up no receiver that it could wait for.
    pub(crate) const fn has_floor(&self) -> bool {
        !matches!(self.shape, Shape::Stopped { .. })
    }

    /// What is counted.
    pub(crate) const fn unit(&self) -> &'static str {
        match self.shape {
            Shape::PubSub { .. }
            | Shape::Rate { .. }
            | Shape::Flood { .. }
            | Shape::Stopped { .. }
            | Shape::Quiet { .. } => "events",
            Shape::Rpc { .. } => "calls",
        }
    }
}

impl Shape {
    /// The kinds of load that don't wait for what they sent.
    fn steady(kind: &str, publishers: usize, subscribers: usize) -> Result<Self> {
        Ok(match kind {
            "rate" => Shape::Rate { publishers, subscribers, per_second: 500 },
            "flood" => Shape::Flood { publishers, subscribers },
            "stopped" => Shape::Stopped { publishers, subscribers, per_second: 10_000 },
            "quiet" => Shape::Quiet { publishers, subscribers, per_second: 200 },
            _ => bail!("unknown kind of load {kind:?}: expected pubsub, rpc, rate, flood, stopped or quiet"),
        })
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { shape, payload, wire } = self;
        write!(f, "{shape} {} {wire}", Size(*payload))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::PubSub { publishers, subscribers } => write!(f, "pubsub {publishers}x{subscribers}"),
            Shape::Rpc { callers, callees, depth } => write!(f, "rpc {callers}x{callees} depth {depth}"),
            Shape::Rate { publishers, subscribers, per_second } => {
                write!(f, "rate {publishers}x{subscribers} at {per_second}")
            }
            Shape::Flood { publishers, subscribers } => write!(f, "flood {publishers}x{subscribers}"),
            Shape::Stopped { publishers, subscribers, per_second } => {
                write!(f, "stopped {publishers}x{subscribers} at {per_second}")
            }
            Shape::Quiet { publishers, subscribers, per_second } => {
                write!(f, "quiet {publishers}x{subscribers} at {per_second}")
            }
        }
    }
}

fn sessions(text: &str) -> Result<(usize, usize)> {
    let (left, right) = text.split_once('x').context("expected the sessions, such as 1x10")?;
    let (left, right) = (left.parse()?, right.parse()?);
    let allowed = 1..=SESSIONS_MAX;
    ensure!(
        allowed.contains(&left) && allowed.contains(&right),
        "on either side there is at least one session and at most {SESSIONS_MAX}"
    );
    Ok((left, right))
}

/// A number of bytes, such as `32B` or `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (digits, factor) = match (text.strip_suffix("KiB"), text.strip_suffix('B')) {
            (Some(digits), _) => (digits, 1024),
            (None, Some(digits)) => (digits, 1),
            (None, None) => (text, 1),
        };
        let bytes = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
        let bytes = bytes.with_context(|| format!("{text:?} is no size such as 32B or 64KiB"))?;
        let allowed = MIN_SIZE..=MAX_MESSAGE / 2;
        ensure!(allowed.contains(&bytes), "a payload has {} to {} bytes", allowed.start(), allowed.end());
        Ok(Size(bytes))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes >= 1024 && bytes.is_multiple_of(1024) => write!(f, "{}KiB", bytes / 1024),
            bytes => write!(f, "{bytes}B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: (usize, Wire) = (DEFAULT_PAYLOAD, Wire::RAWSOCKET_MSGPACK);

    #[test]
    fn a_case_reads_back_as_it_is_written() {
        for text in STANDARD.into_iter().chain(SMOKE) {
            let case = Case::parse(text, DEFAULTS).unwrap();
            assert_eq!(Case::parse(&case.to_string(), DEFAULTS).unwrap(), case);
        }
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let case = Case::parse("rpc 10x5", (1024, Wire::WEBSOCKET_JSON)).unwrap();
        assert_eq!(case.to_string(), "rpc 10x5 depth 1 1KiB websocket+json");
        let case = Case::parse("pubsub 1x2 33", DEFAULTS).unwrap();
        assert_eq!(case.to_string(), "pubsub 1x2 33B rawsocket+msgpack");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "pubsub",
            "pubsub 1",
            "pubsub 0x1",
            "pubsub 1x99999",
            "pubsub 1x1 depth 4",
            "rpc 1x1 depth",
            "rpc 1x1 depth 0",
            "chat 1x1",
            "rate 1x1 at",
            "rate 1x1 at 0",
            "rate 1x1 at 1000001",
            "flood 1x1 at 5",
            "pubsub 1x1 at 5",
            "quiet 1x1 depth 2",
            "pubsub 1x1 1B",
            "pubsub 1x1 9999999999KiB",
            "pubsub 1x1 pigeon+json",
        ] {
            assert!(Case::parse(text, DEFAULTS).is_err(), "{text}");
        }
    }
}
