//! Where guests come in: a thread that opens connections at a fixed rate, so that the one that polls never waits for a
//! handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::Waker;

use crate::connection::Connection;
use crate::join::{Part, knock};
use crate::target::Target;
use crate::wire::Wire;

/// So many guests are there at once at most. When it is full, those that are due don't come at all.
const GUESTS_MAX: usize = 64;

/// The near side of the door. It closes when this is dropped.
pub(super) struct Door {
    guests: Receiver<Result<Connection>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_closed: AtomicBool,
    /// Guests that are opening or inside.
    inside: AtomicUsize,
}

impl Door {
    /// Lets `per_second` guests in, each of which has said HELLO and waits; `waker` tells of each.
    pub(super) fn open(target: &Target, wire: Wire, per_second: u32, waker: Waker) -> Self {
        let shared = Arc::new(Shared::default());
        let (send, guests) = mpsc::channel();
        let (target, far) = (target.clone(), Arc::clone(&shared));
        let thread = thread::spawn(move || far.let_in(&target, wire, per_second, (&send, &waker)));
        Self { guests, shared, thread: Some(thread) }
    }

    /// The next one who has come in.
    pub(super) fn next(&self) -> Option<Result<Connection>> {
        self.guests.try_recv().ok()
    }

    /// One has left.
    pub(super) fn out(&self) {
        self.shared.inside.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many are opening or inside.
    pub(super) fn inside(&self) -> usize {
        self.shared.inside.load(Ordering::Relaxed)
    }

    /// Lets nobody in any more, but who is on the way.
    pub(super) fn close(&mut self) {
        self.shared.is_closed.store(true, Ordering::Relaxed);
        // It sleeps or opens a connection, neither for long; then who came last is in the channel.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn let_in(
        &self,
        target: &Target,
        wire: Wire,
        per_second: u32,
        (send, waker): (&Sender<Result<Connection>>, &Waker),
    ) {
        let (begin, interval) = (Instant::now(), Duration::from_secs(1) / per_second.max(1));
        for turn in 1.. {
            thread::sleep((begin + interval * turn).saturating_duration_since(Instant::now()));
            if self.is_closed.load(Ordering::Relaxed) {
                return;
            }
            if self.inside.load(Ordering::Relaxed) >= GUESTS_MAX {
                continue;
            }
            self.inside.fetch_add(1, Ordering::Relaxed);
            let guest = knock(target, wire, Part::Sink, None).and_then(|guest| guest.into_connection());
            let is_over = guest.is_err();
            let guest = guest.context("a session that comes and goes");
            if send.send(guest).is_err() || waker.wake().is_err() || is_over {
                return;
            }
        }
    }
}
