//! A path with everything in place: sessions joined, frames made, caches warm.

use anyhow::{Result, ensure};

use crate::path::{Path, Shape};
use crate::pubsub::PubSub;
use crate::rpc::Rpc;

/// So many messages go before those that are counted, and fill what is kept for the next: buffers, tables, routes.
pub(crate) const WARM_UP: usize = 256;

/// See the module.
pub struct Ready {
    route: Route,
    burst: usize,
    left: usize,
}

enum Route {
    PubSub(Box<PubSub>),
    Rpc(Box<Rpc>),
}

impl Ready {
    /// Prepares so many publications or calls; they are whole bursts.
    ///
    /// # Errors
    /// The router doesn't do what it should.
    pub fn prepare(path: &Path, messages: usize) -> Result<Self> {
        let burst = path.burst;
        ensure!(burst > 0 && messages.is_multiple_of(burst), "{messages} messages are no whole bursts");
        let warm_up = WARM_UP.next_multiple_of(burst);
        // One burst more is for the check at the end.
        let all = warm_up + messages + burst;
        let route = match path.shape {
            Shape::PubSub { subscribers, patterns } => {
                Route::PubSub(Box::new(PubSub::prepare(path, subscribers, patterns, all)?))
            }
            Shape::Rpc => Route::Rpc(Box::new(Rpc::prepare(path, all)?)),
        };
        let mut ready = Ready { route, burst, left: warm_up + messages };
        ready.run(warm_up)?;
        Ok(ready)
    }

    /// Routes the next so many messages: this is what is counted.
    ///
    /// # Errors
    /// The router doesn't do what it should, or there are not that many whole bursts left.
    // It is found by its name.
    #[inline(never)]
    pub fn run(&mut self, messages: usize) -> Result<()> {
        ensure!(messages <= self.left && messages.is_multiple_of(self.burst), "{} are left", self.left);
        self.left -= messages;
        for _ in 0..messages / self.burst {
            match &mut self.route {
                Route::PubSub(route) => route.burst()?,
                Route::Rpc(route) => route.burst()?,
            }
        }
        Ok(())
    }

    /// Routes one burst more and looks at what arrives; and whether all that was to arrive before can have arrived.
    ///
    /// # Errors
    /// Something else came, or less.
    pub fn check(self) -> Result<()> {
        match self.route {
            Route::PubSub(route) => route.check(),
            Route::Rpc(route) => route.check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{PATHS, Wire};

    #[test]
    fn every_path_leads_somewhere() {
        for path in PATHS {
            let mut ready = Ready::prepare(&path, 2 * path.burst).unwrap();
            ready.run(path.burst).unwrap();
            ready.check().unwrap_or_else(|error| panic!("{path}: {error:#}"));
        }
    }

    #[test]
    fn no_more_is_routed_than_was_prepared() {
        let path = Path::rpc(32, Wire::WEBSOCKET_JSON);
        let mut ready = Ready::prepare(&path, 2).unwrap();
        assert!(ready.run(3).is_err());
        assert!(ready.run(2).is_ok());
        assert!(ready.run(1).is_err());
        assert!(Ready::prepare(&path.in_bursts(2), 3).is_err());
    }
}
