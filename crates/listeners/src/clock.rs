//! The clock of the process, which the routing core doesn't have: it is told the moment with each turn.
//!
//! Everything that drives the router in one process, sessions inside the process included, must use this clock, since
//! moments of different origins can't be compared.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use router::Millis;

static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// This moment.
pub fn now() -> Millis {
    Millis(u64::try_from(ORIGIN.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// When a timer has to fire so that [`now`] has reached `moment`.
pub(crate) fn instant(moment: Millis) -> tokio::time::Instant {
    let since = Duration::from_millis(moment.0);
    let far = Duration::from_secs(365 * 24 * 60 * 60);
    (*ORIGIN + since.min(ORIGIN.elapsed() + far)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_runs_backwards() {
        let first = now();
        assert!(now() >= first);
    }

    #[test]
    fn a_moment_that_never_comes_is_still_an_instant() {
        assert!(instant(Millis(u64::MAX)) > instant(now()));
    }
}
