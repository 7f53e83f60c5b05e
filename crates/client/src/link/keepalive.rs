//! Finding out that a router is gone although its connection isn't.

use std::time::Duration;

use tokio::time::Instant;

/// When to ping a silent router, and when to give it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// After so long without a sign of life it is pinged.
    pub interval: Duration,
    /// After so long without an answer the connection is given up.
    pub timeout: Duration,
}

impl Default for Keepalive {
    /// A ping after 30 s, and another 30 s for the answer.
    fn default() -> Self {
        Keepalive { interval: Duration::from_secs(30), timeout: Duration::from_secs(30) }
    }
}

/// The signs of life of one connection. No clock in here: time is an argument.
#[derive(Debug)]
pub(super) struct Pulse {
    policy: Keepalive,
    heard: Instant,
    pinged: Option<Instant>,
}

/// What is to be done at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Ping,
    GiveUp,
}

impl Pulse {
    pub(super) const fn new(policy: Keepalive, now: Instant) -> Self {
        Pulse { policy, heard: now, pinged: None }
    }

    /// Something has come.
    pub(super) const fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    pub(super) fn next_deadline(&self) -> Instant {
        match self.pinged {
            Some(pinged) => pinged + self.policy.timeout,
            None => self.heard + self.policy.interval,
        }
    }

    pub(super) fn beat(&mut self, now: Instant) -> Beat {
        if now < self.next_deadline() {
            return Beat::Nothing;
        }
        if self.pinged.is_some() {
            return Beat::GiveUp;
        }
        self.pinged = Some(now);
        Beat::Ping
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.policy.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_router_is_pinged_once_and_then_given_up() {
        let policy = Keepalive { interval: Duration::from_secs(10), timeout: Duration::from_secs(3) };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(policy, start);
        assert_eq!(
            (pulse.beat(at(9)), pulse.beat(at(10)), pulse.beat(at(12))),
            (Beat::Nothing, Beat::Ping, Beat::Nothing)
        );
        pulse.heard(at(12));
        assert_eq!(pulse.next_deadline(), at(22));
        assert_eq!((pulse.beat(at(22)), pulse.beat(at(25))), (Beat::Ping, Beat::GiveUp));
    }
}
