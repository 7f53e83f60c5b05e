//! What can be measured, and how it is written: `pubsub 1x10 32B rawsocket+msgpack`.
//!
//! A new kind of load is a variant of [`Shape`], a module in `load`, and a line where a case is run.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail, ensure};

use wamp::Serializer;

use crate::load::churn::Churning;
use crate::load::idle::Crowd;
use crate::load::subs::Subscriptions;
use crate::setup::Needs;
use crate::stamp::MIN_SIZE;
use crate::target::Speaks;
use crate::wire::{Link, MAX_MESSAGE, Wire};

/// At most so many sessions of a kind: what the sources in stamps can tell apart.
pub(crate) const SESSIONS_MAX: usize = 20_000;
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
    /// As `PubSub`, but a router has to transcode: publishers speak JSON over WebSocket, subscribers in turn the case's
    /// wire and the same with CBOR. With the floor, which can't, all speak the case's wire.
    Mixed {
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
    /// Sessions join and stay, and do nothing.
    Idle(Crowd),
    /// Events find their way among very many subscriptions.
    Subs(Subscriptions),
    /// All publishers publish to one topic while sessions come and go.
    Churn(Churning),
    /// The program starts until it lets a session in.
    Start,
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
    /// How all sessions are connected, unless they are [`Shape::Mixed`].
    pub(crate) wire: Wire,
}

/// How the sessions of a case with publishers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wires {
    /// All publishers.
    pub(crate) publishers: Wire,
    /// The subscribers, in turn.
    pub(crate) subscribers: [Wire; 2],
}

/// What `run` runs if no case is named.
pub(crate) const STANDARD: [&str; 27] = [
    "pubsub 1x1",
    "pubsub 1x10",
    "pubsub 10x10",
    "pubsub 1x1000",
    "pubsub 1x10000",
    "pubsub 1x10 64KiB",
    "pubsub 1x10 websocket+json",
    "pubsub 1x10 1KiB websocket+json",
    "pubsub 1x10 64KiB websocket+json",
    "pubsub 1x10 rawsocket+msgpack+tls",
    "pubsub 1x10 websocket+json+tls",
    "pubsub 1x10 1KiB websocket+json+deflate",
    "mixed 1x10 1KiB",
    "rpc 1x1 depth 1",
    "rpc 10x10 depth 64",
    "rpc 10x10 depth 64 websocket+json",
    "rpc 10x10 depth 64 rawsocket+msgpack+tls",
    "rpc 10x10 depth 64 websocket+json+tls",
    "rpc 10x10 depth 64 1KiB websocket+json+deflate",
    "rate 1x10 at 500",
    "flood 1x10 1KiB",
    "stopped 1x10 at 10000 1KiB",
    "quiet 1x10 at 200",
    "churn 1x10 at 100",
    "idle 10000",
    "idle 10000 websocket+json",
    "start",
];

/// Small ones, for `smoke`: every kind of load and every serializer on both transports, with all options, and with
/// payloads that come in one read and in many.
pub(crate) const SMOKE: [&str; 28] = [
    "pubsub 2x3",
    "pubsub 2x3 64KiB websocket+json",
    "pubsub 1x2 1KiB rawsocket+cbor",
    "pubsub 1x2 rawsocket+json",
    "pubsub 1x2 rawsocket+ubjson",
    "pubsub 1x2 rawsocket+bjdata",
    "pubsub 1x2 websocket+msgpack",
    "pubsub 1x2 websocket+cbor",
    "pubsub 1x2 websocket+ubjson",
    "pubsub 1x2 websocket+bjdata",
    "pubsub 2x3 64KiB rawsocket+msgpack+tls",
    "pubsub 2x3 1KiB websocket+json+deflate+tls",
    "mixed 2x3 1KiB",
    "mixed 1x2 1KiB websocket+msgpack+deflate",
    "rpc 3x2 depth 4",
    "rpc 2x3 depth 4 websocket+json+tls",
    "rpc 2x3 depth 4 1KiB websocket+json+deflate",
    "idle 40 websocket+json",
    "subs 500 exact",
    "subs 300 prefix changes 200",
    "subs 300 wildcard websocket+json",
    "subs 200 shared",
    "churn 2x3 at 100",
    "start",
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
        let shape = match kind {
            "pubsub" => {
                let (publishers, subscribers) = sessions(words.next())?;
                Shape::PubSub { publishers, subscribers }
            }
            "mixed" => {
                let (publishers, subscribers) = sessions(words.next())?;
                Shape::Mixed { publishers, subscribers }
            }
            "rpc" => {
                let (callers, callees) = sessions(words.next())?;
                Shape::Rpc { callers, callees, depth: 1 }
            }
            "idle" => Shape::Idle(Crowd::read(&mut words)?),
            "subs" => Shape::Subs(Subscriptions::read(&mut words)?),
            "churn" => Shape::Churn(Churning::read(&mut words)?),
            "start" => Shape::Start,
            _ => {
                let (publishers, subscribers) = sessions(words.next())?;
                Shape::steady(kind, publishers, subscribers)?
            }
        };
        let mut case = Self { shape, payload, wire };
        while let Some(word) = words.next() {
            match (word, &mut case.shape) {
                ("depth", Shape::Rpc { depth, .. }) => {
                    *depth = words.next().context("expected a number after depth")?.parse()?;
                    ensure!((1..=DEPTH_MAX).contains(depth), "a depth is at least 1 and at most {DEPTH_MAX}");
                }
                ("changes", Shape::Subs(subscriptions)) => subscriptions.read_changes(&mut words)?,
                (_, Shape::Idle(_) | Shape::Start) => case.wire = word.parse()?,
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
            | Shape::Mixed { publishers, subscribers }
            | Shape::Rate { publishers, subscribers, .. }
            | Shape::Flood { publishers, subscribers } => publishers + subscribers,
            Shape::Stopped { publishers, subscribers, .. } => publishers + subscribers + 1,
            Shape::Quiet { publishers, subscribers, .. } => publishers + subscribers + 2,
            Shape::Rpc { callers, callees, .. } => callers + callees,
            Shape::Idle(crowd) => crowd.sessions,
            Shape::Subs(subscriptions) => subscriptions.sessions(),
            Shape::Churn(churning) => churning.publishers + churning.subscribers,
            Shape::Start => 1,
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
            | Shape::Mixed { .. }
            | Shape::Rate { .. }
            | Shape::Flood { .. }
            | Shape::Stopped { .. }
            | Shape::Quiet { .. }
            | Shape::Subs(_)
            | Shape::Churn(_) => "events",
            Shape::Rpc { .. } => "calls",
            Shape::Idle(_) => "joins",
            Shape::Start => "starts",
        }
    }

    /// What a router has to be started with.
    pub(crate) fn needs(&self) -> Needs {
        let Wire { link, serializer, deflate, tls } = self.wire;
        Needs { tls, deflate, ubjson: link == Link::RawSocket && serializer == Serializer::Ubjson }
    }

    /// How publishers and subscribers are connected to what speaks so.
    pub(crate) fn wires(&self, speaks: &Speaks) -> Wires {
        let Case { shape, wire, .. } = *self;
        match (shape, speaks) {
            (Shape::Mixed { .. }, Speaks::Wamp { .. }) => Wires {
                publishers: Wire { link: Link::WebSocket, serializer: Serializer::Json, ..wire },
                subscribers: [wire, Wire { serializer: Serializer::Cbor, ..wire }],
            },
            _ => Wires { publishers: wire, subscribers: [wire; 2] },
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
        match shape {
            // Nothing is published.
            Shape::Idle(_) | Shape::Start => write!(f, "{shape} {wire}"),
            _ => write!(f, "{shape} {} {wire}", Size(*payload)),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::PubSub { publishers, subscribers } => write!(f, "pubsub {publishers}x{subscribers}"),
            Shape::Mixed { publishers, subscribers } => write!(f, "mixed {publishers}x{subscribers}"),
            Shape::Rpc { callers, callees, depth } => write!(f, "rpc {callers}x{callees} depth {depth}"),
            Shape::Idle(crowd) => crowd.fmt(f),
            Shape::Subs(subscriptions) => subscriptions.fmt(f),
            Shape::Churn(churning) => churning.fmt(f),
            Shape::Start => f.write_str("start"),
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

/// Reads a word such as `1x10`.
pub(crate) fn sessions(word: Option<&str>) -> Result<(usize, usize)> {
    let sides = word.and_then(|word| word.split_once('x'));
    let (left, right) = sides.context("expected the sessions, such as 1x10")?;
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
    fn only_a_router_is_spoken_to_in_three_ways() {
        let case = Case::parse("mixed 1x10 rawsocket+msgpack+tls", DEFAULTS).unwrap();
        let wires = |speaks| {
            let Wires { publishers, subscribers: [first, second] } = case.wires(&speaks);
            [publishers, first, second].map(|wire| wire.to_string())
        };
        let router = wires(Speaks::Wamp { realm: "realm1".to_owned() });
        assert_eq!(router, ["websocket+json+tls", "rawsocket+msgpack+tls", "rawsocket+cbor+tls"]);
        assert_eq!(wires(Speaks::Relay), ["rawsocket+msgpack+tls"; 3]);
    }

    #[test]
    fn a_router_is_told_only_what_it_does_not_do_anyway() {
        let needs = |text| Case::parse(text, DEFAULTS).unwrap().needs();
        assert_eq!(needs("pubsub 1x1"), Needs::default());
        assert_eq!(needs("rpc 1x1 websocket+ubjson"), Needs::default());
        assert!(needs("pubsub 1x1 rawsocket+ubjson").ubjson);
        let both = needs("pubsub 1x1 websocket+json+deflate+tls");
        assert_eq!(both, Needs { tls: true, deflate: true, ubjson: false });
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
            "idle",
            "idle 0",
            "idle 10 32B",
            "idle 20001",
            "subs 0 exact",
            "subs 100",
            "subs 100 fuzzy",
            "subs 2000001 exact",
            "subs 100 shared changes 10",
            "subs 100 exact changes 0",
            "churn 1x1",
            "churn 1x1 at",
            "churn 1x1 at 0",
            "start 5",
        ] {
            assert!(Case::parse(text, DEFAULTS).is_err(), "{text}");
        }
    }
}
