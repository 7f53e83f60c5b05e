//! Finding peers that are gone without a word, with one task per runtime instead of a timer per session.
//!
//! Each connection keeps a [`Pulse`]: when it last heard of its peer. A sweeper walks over them now and then, and where
//! there was silence for too long it leaves a [`Signal`] and wakes the connection's task, which does what is to be
//! done: only it writes to its socket, and only it knows whether it was listening at all.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use router::Millis;
use slab::Slab;

use crate::{Keepalive, clock};

/// The least and the most time between two sweeps.
const SWEEP_MIN: Duration = Duration::from_millis(10);
const SWEEP_MAX: Duration = Duration::from_secs(5);

/// The connections of one runtime that are watched alike.
#[derive(Debug)]
pub(crate) struct Watch {
    keepalive: Keepalive,
    pulses: Mutex<Slab<Watched>>,
}

#[derive(Debug)]
struct Watched {
    pulse: Arc<Pulse>,
    /// When the present silence was answered with a ping.
    pinged_at: Option<Millis>,
}

/// What a connection and the sweeper share.
#[derive(Debug)]
struct Pulse {
    heard_at: AtomicU64,
    signal: AtomicU8,
    /// The connection's task, whose waker never changes.
    waker: Waker,
    watch: Arc<Watch>,
    /// Where the watch has it.
    slot: usize,
}

/// What the sweeper asks of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Send a ping.
    Ping,
    /// The ping wasn't answered.
    Silent,
}

const NO_SIGNAL: u8 = 0;
const PING: u8 = 1;
const SILENT: u8 = 2;

/// A connection's end of the watch. Dropping it ends the watch.
#[derive(Debug)]
pub(crate) struct Heartbeat(Arc<Pulse>);

impl Watch {
    pub(crate) fn new(keepalive: Keepalive) -> Arc<Self> {
        Arc::new(Watch { keepalive, pulses: Mutex::default() })
    }

    /// Watches a connection from now on.
    pub(crate) fn enter(self: &Arc<Self>, now: Millis, waker: &Waker) -> Heartbeat {
        let mut pulses = self.pulses();
        let place = pulses.vacant_entry();
        let pulse = Arc::new(Pulse {
            heard_at: AtomicU64::new(now.0),
            signal: AtomicU8::new(NO_SIGNAL),
            waker: waker.clone(),
            watch: Arc::clone(self),
            slot: place.key(),
        });
        place.insert(Watched { pulse: Arc::clone(&pulse), pinged_at: None });
        Heartbeat(pulse)
    }

    fn sweep(&self, now: Millis) {
        for (_, watched) in self.pulses().iter_mut() {
            watched.look(self.keepalive, now);
        }
    }

    fn pulses(&self) -> MutexGuard<'_, Slab<Watched>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn look(&mut self, keepalive: Keepalive, now: Millis) {
        let heard_at = Millis(self.pulse.heard_at.load(Ordering::Relaxed));
        if let Some(pinged_at) = self.pinged_at.filter(|pinged_at| heard_at < *pinged_at) {
            if now >= pinged_at + keepalive.timeout {
                self.pulse.leave(SILENT);
            }
        } else if now >= heard_at + keepalive.interval {
            self.pinged_at = Some(now);
            self.pulse.leave(PING);
        } else {
            self.pinged_at = None;
        }
    }
}

impl Pulse {
    fn leave(&self, signal: u8) {
        self.signal.store(signal, Ordering::Relaxed);
        self.waker.wake_by_ref();
    }
}

impl Heartbeat {
    /// The peer gave a sign of life.
    pub(crate) fn heard(&self, now: Millis) {
        self.0.heard_at.store(now.0, Ordering::Relaxed);
    }

    /// What the sweeper left, once.
    pub(crate) fn signal(&self) -> Option<Signal> {
        if self.0.signal.load(Ordering::Relaxed) == NO_SIGNAL {
            return None;
        }
        match self.0.signal.swap(NO_SIGNAL, Ordering::Relaxed) {
            PING => Some(Signal::Ping),
            SILENT => Some(Signal::Silent),
            _ => None,
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.watch.pulses().try_remove(self.0.slot);
    }
}

/// Sweeps as often as the watch needs, until nobody has it any more.
pub(crate) async fn sweep(watch: Weak<Watch>) {
    let Some(Keepalive { interval, timeout }) = watch.upgrade().map(|watch| watch.keepalive) else { return };
    let period = (interval.min(timeout) / 4).clamp(SWEEP_MIN, SWEEP_MAX);
    loop {
        tokio::time::sleep(period).await;
        let Some(watch) = watch.upgrade() else { return };
        watch.sweep(clock::now());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const KEEPALIVE: Keepalive =
        Keepalive { interval: Duration::from_millis(100), timeout: Duration::from_millis(50) };

    // WSK-14
    #[test]
    fn silence_brings_a_ping_and_then_the_end() {
        let watch = Watch::new(KEEPALIVE);
        let woken = Arc::new(Woken::default());
        let heartbeat = watch.enter(Millis(1000), &Arc::clone(&woken).into());
        watch.sweep(Millis(1099));
        assert_eq!(heartbeat.signal(), None);
        watch.sweep(Millis(1100));
        assert_eq!(heartbeat.signal(), Some(Signal::Ping));
        assert_eq!(heartbeat.signal(), None, "each signal is given once");
        watch.sweep(Millis(1149));
        assert_eq!(heartbeat.signal(), None);
        watch.sweep(Millis(1150));
        assert_eq!(heartbeat.signal(), Some(Signal::Silent));
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn any_sign_of_life_is_an_answer() {
        let watch = Watch::new(KEEPALIVE);
        let heartbeat = watch.enter(Millis(1000), Waker::noop());
        watch.sweep(Millis(1100));
        assert_eq!(heartbeat.signal(), Some(Signal::Ping));
        heartbeat.heard(Millis(1100));
        for now in [1150, 1199] {
            watch.sweep(Millis(now));
            assert_eq!(heartbeat.signal(), None, "{now}");
        }
        watch.sweep(Millis(1200));
        assert_eq!(heartbeat.signal(), Some(Signal::Ping));
    }

    #[test]
    fn a_connection_that_ends_is_forgotten() {
        let watch = Watch::new(KEEPALIVE);
        let heartbeat = watch.enter(Millis(0), Waker::noop());
        assert_eq!(watch.pulses().len(), 1);
        drop(heartbeat);
        assert_eq!((watch.pulses().len(), Arc::strong_count(&watch)), (0, 1));
    }

    #[test]
    fn what_the_sweeper_keeps_of_a_connection_is_small() {
        assert!(size_of::<Watched>() <= 24);
    }
}
