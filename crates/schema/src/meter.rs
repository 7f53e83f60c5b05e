//! A bound on what a check costs.
//!
//! The schema library has none of its own: by references, a small schema can ask for more work than there is time, and
//! nest deeper than there is stack. But it sees payloads through [`Node`](crate::node::Node) alone, and each look at one
//! is counted here. Where there are too many, the stack is unwound up to [`metered`]; there is no other way to end a
//! check in the middle. Nothing that the library keeps between checks changes during one, so nothing is left half-done.
//!
//! The meter belongs to the thread, as the library makes some nodes without having another at hand.

use std::any::Any;
use std::cell::Cell;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::limits;

/// A check was given up: it took too many steps, or too much stack.
#[derive(Debug)]
pub(crate) struct Exhausted;

#[derive(Clone, Copy)]
struct Meter {
    steps: u64,
    /// An address in the stack frame where it was started.
    stack: usize,
}

thread_local! {
    /// `None` outside of a check: looks cost nothing then.
    static METER: Cell<Option<Meter>> = const { Cell::new(None) };
}

/// Does something that may take so many steps.
///
/// # Errors
/// It took more, or too much stack.
///
/// # Panics
/// What it does panics.
pub(crate) fn metered<T>(steps: u64, work: impl FnOnce() -> T) -> Result<T, Exhausted> {
    let outer = METER.replace(Some(Meter { steps, stack: stack() }));
    let outcome = catch_unwind(AssertUnwindSafe(work));
    METER.set(outer);
    outcome.map_err(given_up)
}

/// Counts steps.
#[inline]
pub(crate) fn spend(steps: usize) {
    let Some(meter) = METER.get() else { return };
    match meter.steps.checked_sub(steps as u64) {
        Some(steps) if stack().abs_diff(meter.stack) <= limits::STACK => {
            METER.set(Some(Meter { steps, ..meter }));
        }
        _ => give_up(),
    }
}

/// An address in the current stack frame, or the next.
#[inline]
fn stack() -> usize {
    let here = 0u8;
    std::ptr::from_ref(black_box(&here)).addr()
}

#[cold]
fn give_up() {
    // Unlike a panic, this prints nothing.
    resume_unwind(Box::new(Exhausted));
}

fn given_up(panic: Box<dyn Any + Send>) -> Exhausted {
    match panic.downcast::<Exhausted>() {
        Ok(exhausted) => *exhausted,
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_steps_as_allowed_are_taken() {
        assert!(metered(3, || spend(3)).is_ok());
        assert!(metered(3, || spend(4)).is_err());
        // Outside there is no bound, not even after a check was given up.
        spend(usize::MAX);
    }

    #[test]
    fn a_deep_recursion_is_given_up() {
        fn recurse(levels: usize) -> usize {
            spend(1);
            if levels == 0 { 0 } else { black_box([levels; 16]).len() + recurse(levels - 1) }
        }
        assert!(metered(u64::MAX, || recurse(10)).is_ok());
        assert!(metered(u64::MAX, || recurse(usize::MAX)).is_err());
    }

    #[test]
    #[should_panic(expected = "a mistake")]
    fn other_panics_go_on() {
        let _ = metered(3, || panic!("a mistake"));
    }
}
