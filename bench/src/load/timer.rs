//! A timer that a poll waits for besides its sockets.
//!
//! A poll's own timeout counts whole milliseconds, and the system may add its timer slack to it. What is due in between
//! needs a timer of the system's that is neither: it wakes the poll as a readable socket does, within some microseconds.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use anyhow::{Context, Result};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// The token of a load's timer: no load has so many sockets.
pub(super) const TIMER: Token = Token(usize::MAX);

/// See the module.
#[derive(Debug)]
pub(super) struct Timer(OwnedFd);

impl Timer {
    /// A timer that isn't set.
    pub(super) fn new() -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags).context("there is no timer")?))
    }

    /// Has a poll woken by it, with [`TIMER`].
    pub(super) fn register(&self, registry: &Registry) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.0.as_raw_fd()), TIMER, Interest::READABLE)
    }

    /// Sets it, whatever it was set to before, to go off once. It needn't be read after that: setting it clears it.
    pub(super) fn set(&self, wait: Duration) -> Result<()> {
        // No time at all would mean never.
        let wait = wait.max(Duration::from_nanos(1));
        let it_value = Timespec::try_from(wait)?;
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use mio::{Events, Poll};

    use super::*;

    #[test]
    fn it_goes_off_again_each_time_it_is_set_and_not_before() {
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(4));
        let timer = Timer::new().unwrap();
        timer.register(poll.registry()).unwrap();
        for wait in [Duration::from_micros(300), Duration::ZERO, Duration::from_millis(2)] {
            let before = Instant::now();
            timer.set(wait).unwrap();
            events.clear();
            while events.is_empty() {
                poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
            }
            assert!(before.elapsed() >= wait);
            assert!(events.iter().all(|event| event.token() == TIMER));
        }
    }
}
