//! What the meta API and event history cost at scale, and whether routing stalls meanwhile.
//!
//! ```text
//!   this process, outside                           a process of this program's own, with a router in it
//!   ┌──────────────────────────────┐               ┌───────────────────────────────────────────────┐
//!   │ Caller: a procedure at a time│ <- RawSocket->│ Host: listener, threads and clock as in earnest│
//!   │ Pulse: publisher, subscriber,│ <- RawSocket->│ Crowd: 100,000 sessions without sockets        │
//!   │        a session that changes│               │ or a file with ten million events              │
//!   │        its subscriptions     │               └───────────────────────────────────────────────┘
//!   └──────────────────────────────┘
//! ```
//!
//! The machine has no sockets for that many sessions, so the crowd's are the router's own: joined and subscribed through
//! its `Link`, with the same messages. Whoever measures comes from outside, through sockets.
//!
//! The same host tells how long the polls of its connections are ([`polls`]).
//!
//! And without any socket, what a second thread adds ([`workers`]).
//!
//! *Invariant*: what is answered is checked. Lists have as many ids as were set up, events come whole and in order.

mod bursts;
mod caller;
mod crowd;
mod history;
mod host;
mod meta;
mod phase;
mod poll_log;
mod polls;
mod pulse;
mod workers;

pub(crate) use history::HistoryBench;
pub(crate) use host::Host;
pub(crate) use meta::MetaBench;
pub(crate) use polls::{PollsBench, all_cases as polls_cases, measure_all as measure_polls};
pub(crate) use workers::{Plan as WorkersPlan, WorkersBench, measure_all as measure_workers};

/// The realm of everything here.
const REALM: &str = "realm1";
