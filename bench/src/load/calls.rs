//! Which results are due: one for each call, in any order.

use std::collections::VecDeque;
use std::time::Instant;

use wamp::RequestId;

/// A result that answers no open call: of a call that was answered already, or never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a result for request {0}, which is not open")]
pub(crate) struct NotOpen(pub(crate) u64);

/// The open calls of one caller.
#[derive(Debug)]
pub(crate) struct Calls {
    /// The request that the first entry is about.
    first: u64,
    /// When calls from there on were made; `None` for those that are answered.
    made: VecDeque<Option<Instant>>,
    open: usize,
}

impl Calls {
    pub(crate) const fn new() -> Self {
        Self { first: RequestId::FIRST.value(), made: VecDeque::new(), open: 0 }
    }

    /// Enters a call and answers its request id: 1, 2, 3, ...
    pub(crate) fn begin(&mut self, now: Instant) -> Option<RequestId> {
        let request = RequestId::new(self.first + self.made.len() as u64)?;
        self.made.push_back(Some(now));
        self.open += 1;
        Some(request)
    }

    /// Enters a result and answers when its call was made.
    pub(crate) fn finish(&mut self, request: RequestId) -> Result<Instant, NotOpen> {
        let ahead = request.value().checked_sub(self.first).and_then(|ahead| usize::try_from(ahead).ok());
        let entry = ahead.and_then(|ahead| self.made.get_mut(ahead));
        let made = entry.and_then(Option::take).ok_or(NotOpen(request.value()))?;
        self.open -= 1;
        while self.made.front() == Some(&None) {
            self.made.pop_front();
            self.first += 1;
        }
        Ok(made)
    }

    /// How many are open.
    pub(crate) const fn open(&self) -> usize {
        self.open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(value: u64) -> RequestId {
        RequestId::new(value).unwrap()
    }

    #[test]
    fn results_may_come_in_any_order() {
        let (mut calls, now) = (Calls::new(), Instant::now());
        let made: Vec<_> = (0..4).filter_map(|_| calls.begin(now)).collect();
        assert_eq!(made, [id(1), id(2), id(3), id(4)]);
        for request in [3, 1, 2, 4] {
            assert_eq!(calls.finish(id(request)), Ok(now));
        }
        assert_eq!(calls.open(), 0);
        assert_eq!(calls.begin(now), Some(id(5)));
        assert_eq!(calls.open(), 1);
    }

    #[test]
    fn a_second_result_is_found() {
        let (mut calls, now) = (Calls::new(), Instant::now());
        calls.begin(now);
        calls.begin(now);
        calls.finish(id(2)).unwrap();
        assert_eq!(calls.finish(id(2)), Err(NotOpen(2)));
        calls.finish(id(1)).unwrap();
        assert_eq!(calls.finish(id(1)), Err(NotOpen(1)));
    }

    #[test]
    fn a_result_without_a_call_is_found() {
        let mut calls = Calls::new();
        assert_eq!(calls.finish(id(1)), Err(NotOpen(1)));
        calls.begin(Instant::now());
        assert_eq!(calls.finish(id(2)), Err(NotOpen(2)));
    }
}
