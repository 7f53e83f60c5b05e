//! The one timer of a connection, which exists only while it may be needed.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;

use router::Millis;
use tokio::time::{Sleep, sleep_until};

use crate::clock;

/// A timer that is set anew only when it would be too late: one that is too early wakes its task once for nothing, which
/// is cheaper than following every deadline that moves.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Has the task woken at `deadline` at the latest.
    pub(super) fn arm(&mut self, cx: &mut Context<'_>, deadline: Option<Millis>) {
        let Some(deadline) = deadline else {
            if self.0.as_ref().is_some_and(|sleep| sleep.is_elapsed()) {
                self.0 = None;
            }
            return;
        };
        let at = clock::instant(deadline);
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= at {
                // The deadline itself has passed in the meantime.
                cx.waker().wake_by_ref();
                return;
            }
            sleep.as_mut().reset(at);
        }
    }
}

/// When something is due, if anything is: in half the room of an `Option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Millis);

impl Deadline {
    /// Nothing is due. No clock gets there.
    pub(super) const NONE: Deadline = Deadline(Millis(u64::MAX));

    pub(super) fn is_due(self, now: Millis) -> bool {
        self.moment().is_some_and(|moment| moment <= now)
    }

    pub(super) fn moment(self) -> Option<Millis> {
        (self != Deadline::NONE).then_some(self.0)
    }
}

impl From<Option<Millis>> for Deadline {
    fn from(moment: Option<Millis>) -> Self {
        moment.map_or(Deadline::NONE, Deadline)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    /// Waits, woken by nothing but the alarm, until `deadline`; answers how often it was polled.
    async fn wait(alarm: &mut Alarm, deadline: Millis) -> usize {
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if clock::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.arm(cx, Some(deadline));
            Poll::Pending
        })
        .await;
        polls
    }

    #[test]
    fn it_wakes_at_the_deadline_whatever_it_was_set_to_before() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let mut alarm = Alarm::default();
            let now = clock::now();
            poll_fn(|cx| {
                alarm.arm(cx, Some(now + Duration::from_secs(3600)));
                Poll::Ready(())
            })
            .await;
            assert!(
                wait(&mut alarm, now + Duration::from_millis(20)).await >= 2,
                "earlier than it was set to"
            );
            let later = clock::now() + Duration::from_millis(20);
            assert!(wait(&mut alarm, later).await >= 2, "again, after it went off");
        });
    }

    #[test]
    fn nothing_is_due_without_a_deadline() {
        assert!(!Deadline::NONE.is_due(Millis(u64::MAX)));
        let deadline = Deadline::from(Some(Millis(5)));
        assert_eq!((deadline.is_due(Millis(4)), deadline.is_due(Millis(5))), (false, true));
        assert_eq!((deadline.moment(), Deadline::from(None).moment()), (Some(Millis(5)), None));
    }

    #[test]
    fn it_goes_when_nobody_needs_it_any_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let mut alarm = Alarm::default();
            wait(&mut alarm, clock::now() + Duration::from_millis(5)).await;
            assert!(alarm.0.is_some());
            poll_fn(|cx| {
                // The timer may be a tick later than the clock.
                if let Some(sleep) = &mut alarm.0
                    && sleep.as_mut().poll(cx).is_pending()
                {
                    return Poll::Pending;
                }
                alarm.arm(cx, None);
                Poll::Ready(())
            })
            .await;
            assert!(alarm.0.is_none());
        });
    }
}
