//! The WAMP router without I/O: realms, sessions, broker and dealer.
//!
//! A message goes in at [`Link::receive`]; what comes out lies in the mailboxes of the sessions it concerns, ready for
//! the wire, and their tasks are woken when the [`Turn`] ends. There is no socket here, no clock and no runtime: time,
//! ids and randomness are arguments, so every rule of the protocol is tested by reading mailboxes.
//!
//! | room | what |
//! |---|---|
//! | `link`, `session` | the life of a session; what each message does in it |
//! | [`decision`], `authorize`, [`authenticate`] | who somebody is, what they may do, and how input waits for that |
//! | `broker` | from PUBLISH to EVENT |
//! | `dealer` | from CALL to RESULT |
//! | `index`, `roster`, `table` | who is at a URI, and who are they; things by their ids |
//! | `peer`, `outbox`, `pool` | the mailbox: what waits for one session, and how much of it may |
//! | [`meta`] | the service session: what the router tells of itself, and lets be changed |
//! | `history`, [`store`] | what is kept of events, schemas and retained events, and where |
//! | [`edges`] | what the router has to be given: a clock, threads, stores |
//! | `worker` | what one thread keeps between turns: caches, scratch, randomness |
//! | `lock` | the order of locks |
//!
//! *Invariants*: only a connection's own task writes to its socket. All barriers (SUBSCRIBED before EVENT, nothing after
//! UNSUBSCRIBED, REGISTERED before INVOCATION) are decided under the mailbox lock of the session concerned. Every call
//! has exactly one final answer (`dealer`).

pub mod authenticate;
mod authorize;
mod broker;
pub mod config;
mod dealer;
pub mod decision;
mod details;
pub mod edges;
mod history;
mod identity;
mod index;
mod link;
mod lock;
pub mod meta;
mod outbox;
mod peer;
mod pool;
mod realm;
mod rejection;
mod roster;
mod router;
mod session;
mod sessions;
pub mod store;
mod table;
mod time;
mod timestamp;
mod violation;
mod worker;

pub use broker::Subscription;
pub use config::{Limits, RealmConfig, RouterConfig};
pub use dealer::Registration;
pub use edges::Edges;
pub use identity::{
    Address, Authextra, ChannelType, Format, HttpDetails, HttpHeaders, Identity, PeerCertificate, TRUSTED,
    TlsDetails, TransportDetails,
};
pub use link::{Flow, Link};
pub use outbox::Output;
pub use peer::Peer;
pub use realm::Realm;
pub use rejection::Rejection;
pub use router::{ConfigError, Router};
pub use time::Millis;
pub use timestamp::{NotATimestamp, Timestamp};
pub use violation::Violation;
pub use worker::{Turn, Worker};
