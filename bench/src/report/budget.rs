//! What the router is allowed to cost: each budget once, with the case and the figure that it is read from.
//!
//! Ratios decide wherever there is a floor: machines differ, and what else they do meets both of a round alike.

use crate::case::{Case, DEFAULT_PAYLOAD};
use crate::wire::Wire;

/// The names of figures, as the kinds of load spell them.
pub(crate) mod figure {
    pub(crate) const SESSION: &str = "rss_bytes_per_session";
    pub(crate) const SUBSCRIPTION: &str = "rss_bytes_per_subscription";
    pub(crate) const FURTHER_SUBSCRIBER: &str = "rss_bytes_per_further_subscriber";
    pub(crate) const GROWTH: &str = "rss_growth_bytes";
    pub(crate) const JOIN: &str = "join_cpu_ms";
    pub(crate) const OTHERS_BEFORE: &str = "others_p99_us_before";
    pub(crate) const OTHERS_DURING: &str = "others_p99_us_during";
    pub(crate) const CUT_AFTER: &str = "cut_after_seconds";
    pub(crate) const QUIET_ALONE: &str = "call_p99_us_alone";
    pub(crate) const QUIET_BESIDE: &str = "call_p99_us_beside";
    pub(crate) const START: &str = "start_ms";
    pub(crate) const BASE_MEMORY: &str = "base_rss_bytes";
    pub(crate) const BINARY: &str = "binary_bytes";
    /// The longest poll of a connection, in processor time of its thread.
    pub(crate) const LONGEST_POLL: &str = "poll_cpu_ms_max";
    /// What two threads route in a second, against one.
    pub(crate) const TWO_WORKERS: &str = "rate_of_two_to_one";
}

/// One promise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Of what, for people.
    pub(crate) what: &'static str,
    /// The case, without what all cases have by default.
    pub(crate) case: &'static str,
    /// What is read from its records.
    pub(crate) figure: Figure,
    /// How much it may be.
    pub(crate) bound: Bound,
}

/// What is read from the records of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Figure {
    /// Processor seconds per million events or calls.
    Cpu,
    /// The same, in multiples of the floor's in the same round.
    CpuToFloor,
    /// The median latency in multiples of the floor's.
    P50ToFloor,
    /// The latency that 99 of 100 don't exceed, in multiples of the floor's.
    P99ToFloor,
    /// Processor seconds per million in multiples of those of another case.
    CpuTo(&'static str),
    /// A figure of this kind of load.
    Named(&'static str),
    /// One of them divided by another of the same run.
    Quotient(&'static str, &'static str),
}

/// The limit of a figure, which is within.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};
use Figure::{Cpu, CpuTo, CpuToFloor, Named, P50ToFloor, P99ToFloor, Quotient};

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// All of them, in the order of the report.
pub(crate) const BUDGETS: &[Budget] = &[
    of("one publisher, one subscriber", "pubsub 1x1", CpuToFloor, AtMost(2.0)),
    of("fan-out to 10", "pubsub 1x10", CpuToFloor, AtMost(2.0)),
    of("10 publishers, 10 subscribers", "pubsub 10x10", CpuToFloor, AtMost(2.5)),
    of("fan-out to 1,000", "pubsub 1x1000", CpuToFloor, AtMost(1.5)),
    of("fan-out to 10,000", "pubsub 1x10000", CpuToFloor, AtMost(1.5)),
    of("WebSocket and JSON, 32 B", "pubsub 1x10 websocket+json", CpuToFloor, AtMost(2.0)),
    of("WebSocket and JSON, 1 KiB", "pubsub 1x10 1KiB websocket+json", Cpu, AtMost(0.8)),
    of("64 KiB", "pubsub 1x10 64KiB", CpuToFloor, AtMost(1.3)),
    of("WebSocket and JSON, 64 KiB", "pubsub 1x10 64KiB websocket+json", Cpu, AtMost(25.0)),
    of("JSON to MessagePack and CBOR, 1 KiB", "mixed 1x10 1KiB", Cpu, AtMost(1.0)),
    of("calls, 64 open", "rpc 10x10 depth 64", CpuToFloor, AtMost(5.0)),
    of("calls, WebSocket and JSON", "rpc 10x10 depth 64 websocket+json", CpuToFloor, AtMost(5.0)),
    of("one call at a time", "rpc 1x1 depth 1", CpuToFloor, AtMost(1.3)),
    of("one call at a time, p50", "rpc 1x1 depth 1", P50ToFloor, AtMost(1.2)),
    of("500 events a second to 10", "rate 1x10 at 500", CpuToFloor, AtMost(2.0)),
    of("500 events a second to 10, p99", "rate 1x10 at 500", P99ToFloor, AtMost(1.5)),
    of("among 1,000,000 topics", "subs 1000000 exact", CpuTo("subs 1000 exact"), AtMost(2.0)),
    of("among 1,000,000 prefixes", "subs 1000000 prefix", CpuTo("subs 1000 prefix"), AtMost(2.0)),
    of("among 1,000,000 wildcards", "subs 1000000 wildcard", CpuTo("subs 1000 wildcard"), AtMost(2.0)),
    of(
        "the same while 1,000 topics change a second",
        "subs 1000000 exact changes 1000",
        CpuTo("subs 1000 exact"),
        AtMost(3.0),
    ),
    of(
        "the same while 1,000 prefixes change a second",
        "subs 1000000 prefix changes 1000",
        CpuTo("subs 1000 prefix"),
        AtMost(3.0),
    ),
    of(
        "the same while 1,000 wildcards change a second",
        "subs 1000000 wildcard changes 1000",
        CpuTo("subs 1000 wildcard"),
        AtMost(3.0),
    ),
    of("two workers, 10x10", "workers pubsub 10x10", Named(figure::TWO_WORKERS), AtLeast(1.6)),
    of("two workers, calls 10x10", "workers rpc 10x10", Named(figure::TWO_WORKERS), AtLeast(1.6)),
    of("idle session, RawSocket", "idle 10000", Named(figure::SESSION), AtMost(2.0 * KIB)),
    of("idle session, WebSocket", "idle 10000 websocket+json", Named(figure::SESSION), AtMost(2.5 * KIB)),
    of("idle session, TLS", "idle 10000 rawsocket+msgpack+tls", Named(figure::SESSION), AtMost(12.0 * KIB)),
    of("subscription, exact", "subs 1000000 exact", Named(figure::SUBSCRIPTION), AtMost(400.0)),
    of("subscription, prefix", "subs 1000000 prefix", Named(figure::SUBSCRIPTION), AtMost(600.0)),
    of("subscription, wildcard", "subs 1000000 wildcard", Named(figure::SUBSCRIPTION), AtMost(600.0)),
    of("one more subscriber", "subs 1000000 shared", Named(figure::FURTHER_SUBSCRIBER), AtMost(100.0)),
    of("join, RawSocket", "idle 10000", Named(figure::JOIN), AtMost(0.05)),
    of("join, WebSocket", "idle 10000 websocket+json", Named(figure::JOIN), AtMost(0.08)),
    of(
        "the others, when one stops reading, p99",
        "stopped 1x10 at 10000 1KiB",
        Quotient(figure::OTHERS_DURING, figure::OTHERS_BEFORE),
        AtMost(1.2),
    ),
    // What may wait for it, a message and a MiB more.
    of(
        "memory for one that stopped reading",
        "stopped 1x10 at 10000 1KiB",
        Named(figure::GROWTH),
        AtMost(33.0 * MIB),
    ),
    // The default write timeout, and a second in which it is noticed.
    of(
        "a receiver that stopped is cut",
        "stopped 1x10 at 10000 1KiB",
        Named(figure::CUT_AFTER),
        AtMost(11.0),
    ),
    of(
        "a quiet session beside a flood, p99",
        "quiet 1x10 at 200",
        Quotient(figure::QUIET_BESIDE, figure::QUIET_ALONE),
        AtMost(2.0),
    ),
    of("longest poll, 10x10", "polls pubsub 10x10", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, fan-out to 1,000", "polls pubsub 1x1000", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, 64 KiB", "polls pubsub 1x10 64KiB", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, calls", "polls rpc 10x10 depth 64", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, transcoding", "polls transcoding", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, 100,000 SUBSCRIBEs", "polls subscribe", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("longest poll, a message of 15 MiB", "polls large", Named(figure::LONGEST_POLL), AtMost(2.0)),
    of("start to the first WELCOME", "start", Named(figure::START), AtMost(20.0)),
    of("memory after the start", "start", Named(figure::BASE_MEMORY), AtMost(12.0 * MIB)),
    of("binary", "start", Named(figure::BINARY), AtMost(20e6)),
];

const fn of(what: &'static str, case: &'static str, figure: Figure, bound: Bound) -> Budget {
    Budget { what, case, figure, bound }
}

/// The cases that the budgets are read from, each once; without those of `polls` and `workers`, which are measured by
/// commands of their own.
pub(crate) fn cases() -> Vec<&'static str> {
    let mut cases = Vec::new();
    for budget in BUDGETS {
        let base = if let CpuTo(base) = budget.figure { Some(base) } else { None };
        for case in [base, Some(budget.case)].into_iter().flatten() {
            if !cases.contains(&case) && !is_of_a_command(case) {
                cases.push(case);
            }
        }
    }
    cases
}

fn is_of_a_command(case: &str) -> bool {
    matches!(case.split_whitespace().next(), Some("polls" | "workers"))
}

/// A case as records spell it: with all that it leaves out.
pub(crate) fn in_full(case: &str) -> String {
    let defaults = (DEFAULT_PAYLOAD, Wire::RAWSOCKET_MSGPACK);
    Case::parse(case, defaults).map_or_else(|_| case.to_owned(), |case| case.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_budget_is_there_once() {
        let whats: BTreeSet<&str> = BUDGETS.iter().map(|budget| budget.what).collect();
        assert_eq!(whats.len(), BUDGETS.len());
    }

    #[test]
    fn a_case_is_run_once_and_after_what_it_is_compared_to() {
        let cases = cases();
        let unique: BTreeSet<&&str> = cases.iter().collect();
        assert_eq!(unique.len(), cases.len());
        let position = |case: &str| cases.iter().position(|other| *other == case);
        assert!(position("subs 1000 prefix") < position("subs 1000000 prefix"));
        assert_eq!(position("workers pubsub 10x10"), None);
    }

    #[test]
    fn a_case_is_found_under_its_full_name() {
        assert_eq!(in_full("rpc 1x1 depth 1"), "rpc 1x1 depth 1 32B rawsocket+msgpack");
        assert_eq!(in_full("workers rpc 10x10"), "workers rpc 10x10");
    }
}
