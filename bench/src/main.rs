//! The load generator for WAMP routers, and the floor that they are compared to.
//!
//! ```text
//!   cloverleaf-bench run            one thread, epoll               the contender, a process of its own
//!   ┌──────────────────────────────────────────────┐  loopback   ┌──────────────────────────────┐
//!   │ load: sessions, window, checks  <- Connection│ <---------> │ a router      (HELLO ...)    │
//!   │ usage: /proc/PID of the contender            │             │ or the floor  (source, sink) │
//!   └──────────────────────────────────────────────┘             └──────────────────────────────┘
//!       report: a JSON record per run, a table of medians
//! ```
//!
//! What it is for: figures that can be repeated and compared, above all the processor time that a router spends per
//! delivered event and per call. It must cost less than what it measures: writes are batched, payloads are compared as
//! bytes and never decoded, and its own processor time is in every record.
//!
//! What it deliberately doesn't do: it loads no other machine than this one, keeps no results, and ends no process that
//! it didn't start.
//!
//! *Invariant*: a record exists only if every message of its run came exactly once, in order, and with its payload as it
//! was sent (of large ones both ends are compared, see [`stamp`]). Only where a target may drop events are those that
//! didn't come counted instead.

mod case;
mod cli;
mod connection;
mod floor;
mod join;
mod latency;
mod load;
mod opening;
mod process;
mod report;
mod run;
mod scale;
mod setup;
mod stamp;
mod stream;
mod target;
mod tls;
mod usage;
mod wire;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    cli::Cli::parse().run()
}
