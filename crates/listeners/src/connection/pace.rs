//! Slowing down a sender whose receivers can't quite follow.
//!
//! A receiver that is nearly full, and still takes bytes, would be cut off within a tenth of a second by a sender at
//! full speed. So the sender isn't read for a moment, longer with each batch that meets such a receiver, up to
//! [`PAUSE_MAX`]; a receiver that takes nothing slows nobody down (the router sees to that).

use std::time::Duration;

use router::Millis;

/// The longest pause for one batch of input, in milliseconds.
const PAUSE_MAX: u8 = 10;

/// See the module.
/// Most senders are never slowed down, so it is small as long as they aren't.
#[derive(Debug, Default)]
pub(super) struct Pace(Option<Box<Pause>>);

#[derive(Debug, Default)]
struct Pause {
    until: Millis,
    length_ms: u8,
}

impl Pace {
    /// Pauses after a batch that met a receiver which is nearly full.
    pub(super) fn slow_down(&mut self, now: Millis) {
        let pause = self.0.get_or_insert_default();
        pause.length_ms = (pause.length_ms * 2).clamp(1, PAUSE_MAX);
        pause.until = now + Duration::from_millis(pause.length_ms.into());
    }

    /// The last batch met no such receiver.
    pub(super) fn speed_up(&mut self) {
        self.0 = None;
    }

    /// Whether the pause goes on.
    pub(super) fn holds(&self, now: Millis) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    pub(super) fn until(&self) -> Option<Millis> {
        self.0.as_ref().map(|pause| pause.until)
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
}
