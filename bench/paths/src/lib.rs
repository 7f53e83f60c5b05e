//! Paths of a message through the router, without sockets: to count what they cost where time can't be measured.
//!
//! ```text
//!   bytes of a frame ─> Decoder ─> Link::receive ─> mailboxes ─> Output of each receiver
//!     made before                                                  looked at, not written
//! ```
//!
//! What a connection of the listeners does with its link and its decoder is done here in the same order, with one
//! [`Worker`](router::Worker) and under a clock that stands still. Frames are made before anything is counted, so that
//! counting two runs of different length and taking the difference leaves the cost of the router's work alone. Two
//! things are counted: instructions (by the program beside this library, under a simulator) and allocations (by a
//! test).
//!
//! *Invariant*: at the end of a run everything that has to arrive was seen to arrive ([`Ready::check`]): a path that
//! is cheap because it leads nowhere is an error.

mod client;
mod end;
mod path;
mod pubsub;
mod ready;
mod rpc;

pub use path::{Link, PATHS, Path, Shape, Wire, find};
pub use ready::Ready;
