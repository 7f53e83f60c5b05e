//! Slowing down a sender whose receivers can't quite follow.
//!
//! A receiver that is nearly full, and still takes bytes, would be cut off within a tenth of a second by a sender at
//! full speed. So the sender isn't read for a moment, longer with each batch that meets such a receiver, up to
//! [`PAUSE_MAX`], and less is read at a time, down to [`BYTES_MIN`]: there may be many such senders, and what all of them
//! bring together is what the receiver has to take. A receiver that takes nothing slows nobody down (the router sees to
//! that).

use std::time::Duration;

use router::Millis;

/// The longest pause for one batch of input, in milliseconds.
const PAUSE_MAX: u8 = 10;

/// How much is read at once after the longest pause, in bytes.
const BYTES_MIN: usize = 4 << 10;

/// See the module. Most senders are never slowed down, so it is small as long as they aren't.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Box<Pause>>);

#[derive(Debug, Default)]
struct Pause {
    until: Option<Millis>,
    length_ms: u8,
}

impl Pace {
    /// Pauses after a batch that met a receiver which is nearly full.
    pub(super) fn slow_down(&mut self, now: Millis) {
        let pause = self.0.get_or_insert_default();
        pause.length_ms = (pause.length_ms * 2).clamp(1, PAUSE_MAX);
        pause.until = Some(now + Duration::from_millis(pause.length_ms.into()));
    }

    /// The last batch met no such receiver: the next may be twice as large.
    pub(super) fn speed_up(&mut self) {
        let shorter = self.0.take().filter(|pause| pause.length_ms > 1);
        self.0 = shorter.map(|pause| Box::new(Pause { until: None, length_ms: pause.length_ms / 2 }));
    }

    /// How much of `bytes` may be read at once.
    pub(super) fn share_of(&self, bytes: usize) -> usize {
        let Some(pause) = &self.0 else { return bytes };
        let halvings = u8::BITS - pause.length_ms.leading_zeros();
        (bytes >> (2 * halvings)).max(BYTES_MIN).min(bytes)
    }

    /// Whether the pause goes on.
    pub(super) fn holds(&self, now: Millis) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    pub(super) fn until(&self) -> Option<Millis> {
        self.0.as_ref().and_then(|pause| pause.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_ten_milliseconds_and_end() {
        let mut pace = Pace::default();
        assert!(!pace.holds(Millis(0)));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            pace.slow_down(Millis(100));
            let pause = (100..).find(|now| !pace.holds(Millis(*now)));
            pauses.push(pause.expect("it ends") - 100);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        pace.speed_up();
        assert_eq!((pace.until(), pace.holds(Millis(100))), (None, false));
    }

    /// BRK-17
    #[test]
    fn less_is_read_while_receivers_are_full_and_more_again_step_by_step() {
        let mut pace = Pace::default();
        let shares = |pace: &mut Pace, change: fn(&mut Pace)| {
            [(); 5].map(|()| {
                change(pace);
                pace.share_of(256 << 10) >> 10
            })
        };
        assert_eq!(pace.share_of(256 << 10), 256 << 10);
        assert_eq!(shares(&mut pace, |pace| pace.slow_down(Millis(1))), [64, 16, 4, 4, 4]);
        assert_eq!(shares(&mut pace, Pace::speed_up), [4, 16, 64, 256, 256]);
        assert_eq!(pace.share_of(100), 100);
    }
}
