//! How long to wait before a lost connection is made again.

use std::time::Duration;

/// Exponential backoff with jitter.
///
/// The wait before attempt `n` (from 0) is drawn from the upper half of `initial * factor^n`, which is never more than
/// `max`. When the session is open again, it starts over.
///
/// ```
/// use std::time::Duration;
/// use cloverleaf_client::Reconnect;
///
/// let patient = Reconnect { max_attempts: None, ..Reconnect::default() };
/// assert_eq!(patient.delay(0, 1.0), Some(Duration::from_millis(250)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reconnect {
    /// The longest wait before the first attempt.
    pub initial: Duration,
    /// The longest wait before any attempt.
    pub max: Duration,
    /// By how much the wait grows with each attempt.
    pub factor: f64,
    /// After how many failures in a row the session ends; `None`: never.
    pub max_attempts: Option<u32>,
}

impl Default for Reconnect {
    /// From 250 ms to 30 s, doubling, without an end.
    fn default() -> Self {
        Reconnect {
            initial: Duration::from_millis(250),
            max: Duration::from_secs(30),
            factor: 2.0,
            max_attempts: None,
        }
    }
}

impl Reconnect {
    /// How long to wait before attempt number `attempt` (from 0), `random` being uniform in 0 to 1; `None` to give up.
    pub fn delay(&self, attempt: u32, random: f64) -> Option<Duration> {
        if self.max_attempts.is_some_and(|max| attempt >= max) {
            return None;
        }
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let grown = self.initial.as_secs_f64() * self.factor.max(1.0).powi(exponent);
        let longest = grown.min(self.max.as_secs_f64());
        let random = random.clamp(0.0, 1.0);
        Some(Duration::try_from_secs_f64(longest * (0.5 + random / 2.0)).unwrap_or(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Reconnect = Reconnect {
        initial: Duration::from_secs(1),
        max: Duration::from_secs(10),
        factor: 2.0,
        max_attempts: Some(50),
    };

    #[test]
    fn waits_grow_up_to_the_maximum() {
        let longest: Vec<_> = (0..6).filter_map(|attempt| POLICY.delay(attempt, 1.0)).collect();
        assert_eq!(longest, [1, 2, 4, 8, 10, 10].map(Duration::from_secs));
        assert_eq!(POLICY.delay(49, 1.0), Some(POLICY.max));
    }

    #[test]
    fn jitter_takes_at_most_half() {
        assert_eq!(POLICY.delay(1, 0.0), Some(Duration::from_secs(1)));
        assert_eq!(POLICY.delay(1, 0.5), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn it_gives_up_after_so_many_attempts() {
        assert_eq!(POLICY.delay(50, 0.0), None);
        let endless = Reconnect { max_attempts: None, ..POLICY };
        assert_eq!(endless.delay(u32::MAX, 1.0), Some(POLICY.max));
    }
}
