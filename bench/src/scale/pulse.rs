//! Routing that goes on while something is measured: a publisher and its subscriber, at a steady rate, and a session that
//! subscribes and unsubscribes all the while, so that routes have to be looked up again and again.
//!
//! An event is late by what passed since the moment at which it was *due*. A publisher that was held up sends what has
//! become due in one go, so each of these events counts with its whole delay, and a stall is as long as the latest of
//! them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wamp::MatchPolicy;

use super::caller::{Caller, SERIALIZER};
use super::crowd::SHARED;
use crate::latency::{Histogram, Percentiles};
use crate::stamp::{MIN_SIZE, Reader, Stamp, Stamped};

/// The topic of its events.
pub(super) const TOPIC: &str = "org.cloverleaf.bench.pulse";
/// Events in a second.
const RATE: u32 = 2000;
/// Changes of subscriptions in a second.
const CHANGES: u32 = 100;
/// The number of the event that ends the subscriber.
const LAST: u64 = (1 << 48) - 1;
/// How long the last event of a phase may be late before the run is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The sessions that a pulse has.
pub(super) const SESSIONS: usize = 3;
/// Subscriptions of these sessions to something that nobody else subscribed to: at least, and at most.
pub(super) const SUBSCRIPTIONS: (usize, usize) = (1, 2);

/// See the module.
pub(super) struct Pulse {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Result<()>>>,
}

struct Shared {
    began: Instant,
    stop: AtomicBool,
    seen: Mutex<Seen>,
}

struct Seen {
    /// The event that comes next.
    next: u64,
    events: Histogram,
    changes: Histogram,
}

/// How long routing took in a phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat {
    /// How late events were.
    pub(super) events: Percentiles,
    /// From SUBSCRIBE to SUBSCRIBED; absent where the phase was too short for one.
    pub(super) changes: Option<Percentiles>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due_at(&self, event: u64) -> Instant {
        self.began + Duration::from_secs(event) / RATE
    }

    /// How many are due by now.
    fn due(&self) -> u64 {
        (self.began.elapsed().as_nanos() * u128::from(RATE) / 1_000_000_000) as u64
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Pulse {
    /// Joins with all sessions and begins.
    pub(super) fn start(address: SocketAddr) -> Result<Self> {
        let mut subscriber = Caller::join(address)?;
        subscriber.subscribe(TOPIC, MatchPolicy::Exact)?;
        let (publisher, changer) = (Caller::join(address)?, Caller::join(address)?);
        let seen = Seen { next: 0, events: Histogram::new(), changes: Histogram::new() };
        let shared =
            Arc::new(Shared { began: Instant::now(), stop: AtomicBool::new(false), seen: Mutex::new(seen) });
        let of = || Arc::clone(&shared);
        let (a, b, c) = (of(), of(), of());
        let threads = vec![
            thread::spawn(move || receive(subscriber, &a)),
            thread::spawn(move || publish(publisher, &b)),
            thread::spawn(move || change(changer, &c)),
        ];
        Ok(Pulse { shared, threads })
    }

    /// A phase begins. What was sent before it is waited for, so that it isn't counted.
    pub(super) fn begin(&self) -> Result<()> {
        self.settle()?;
        let mut seen = self.shared.seen();
        seen.events.clear();
        seen.changes.clear();
        Ok(())
    }

    /// A phase ends: all that was due in it has come.
    pub(super) fn end(&self) -> Result<Beat> {
        self.settle()?;
        let seen = self.shared.seen();
        let events = seen.events.percentiles().context("no event came")?;
        Ok(Beat { events, changes: seen.changes.percentiles() })
    }

    fn settle(&self) -> Result<()> {
        let (due, since) = (self.shared.due(), Instant::now());
        while self.shared.seen().next < due {
            if let Some(ended) = self.threads.iter().position(JoinHandle::is_finished) {
                bail!("thread {ended} of the pulse has ended");
            }
            ensure!(since.elapsed() < PATIENCE, "events did not come for {PATIENCE:?}");
            thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    /// Ends it; whether everything that was sent has come.
    pub(super) fn stop(self) -> Result<()> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a thread of the pulse panicked"))??;
        }
        Ok(())
    }
}

fn publish(mut session: Caller, shared: &Shared) -> Result<()> {
    let mut stamped = Stamped::new(SERIALIZER, MIN_SIZE)?;
    let mut sent = 0;
    while !shared.is_stopped() {
        while sent < shared.due() {
            session.publish(TOPIC, stamped.with(Stamp { source: 0, sequence: sent }))?;
            sent += 1;
        }
        thread::sleep(shared.due_at(sent + 1).saturating_duration_since(Instant::now()));
    }
    session.publish(TOPIC, stamped.with(Stamp { source: 0, sequence: LAST }))
}

fn receive(mut session: Caller, shared: &Shared) -> Result<()> {
    let mut reader = Reader::new(MIN_SIZE);
    loop {
        let message = session.receive().context("the subscriber of the pulse")?;
        let now = Instant::now();
        let stamp = reader.read(&message).context("an event of the pulse is not what was published")?;
        if stamp.sequence == LAST {
            return Ok(());
        }
        let mut seen = shared.seen();
        ensure!(stamp.sequence == seen.next, "event {} came instead of {}", stamp.sequence, seen.next);
        seen.next += 1;
        // The event of number 0 was due when one event was.
        let due = shared.due_at(stamp.sequence + 1);
        seen.events.record(now.saturating_duration_since(due));
    }
}

fn change(mut session: Caller, shared: &Shared) -> Result<()> {
    let began = Instant::now();
    let mut number = 0;
    while !shared.is_stopped() {
        let before = Instant::now();
        let subscription = match number % 3 {
            0 => session.subscribe("org.cloverleaf.bench.change.", MatchPolicy::Prefix)?,
            1 => session.subscribe("org.cloverleaf.bench.change", MatchPolicy::Exact)?,
            _ => session.subscribe(SHARED, MatchPolicy::Exact)?,
        };
        let took = before.elapsed();
        session.unsubscribe(subscription)?;
        shared.seen().changes.record(took);
        number += 1;
        let due = began + Duration::from_secs(number) / CHANGES;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
