//! Looking at polls from outside: who wants to know how long one connection keeps a thread measures it here.

use std::fmt;

use router::Address;

/// Is there at each poll of each open connection of a listener, see [`crate::ListenerConfig::poll_watch`].
///
/// It reads whichever clock it likes before and after; this crate reads none for it.
pub trait PollWatch: fmt::Debug + Send + Sync {
    /// Calls `poll` once, on this thread: the connection with `peer` does what there is to do. Runs on the connection's
    /// thread, so what it does besides is time that others wait.
    fn around(&self, peer: &Address, poll: &mut dyn FnMut());
}
