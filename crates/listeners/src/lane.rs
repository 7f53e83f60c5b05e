//! The runtimes that connections are dealt out to.
//!
//! One multi-thread runtime serves some eight cores well; above that there are several, and a new connection goes to
//! the one that has the fewest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::Keepalive;
use crate::heartbeat::{Watch, sweep};

/// One runtime and what this listener has in it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) handle: Handle,
    connections: AtomicUsize,
    /// The connections whose peers are asked for signs of life.
    pub(crate) watch: Arc<Watch>,
}

/// A connection's place in a lane, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Place {
    lane: Arc<Lane>,
}

impl Lane {
    pub(crate) fn new(handle: &Handle) -> Arc<Self> {
        Arc::new(Lane { handle: handle.clone(), connections: AtomicUsize::new(0), watch: Arc::default() })
    }

    /// Sweeps over the connections of this lane until it is gone.
    pub(crate) fn start_sweeping(&self, keepalives: &[Keepalive]) -> AbortHandle {
        self.handle.spawn(sweep(Arc::downgrade(&self.watch), keepalives.to_vec())).abort_handle()
    }
}

/// Takes a place where there are the fewest connections.
pub(crate) fn fewest(lanes: &[Arc<Lane>]) -> Option<Place> {
    let lane = lanes.iter().min_by_key(|lane| lane.connections.load(Ordering::Relaxed))?;
    lane.connections.fetch_add(1, Ordering::Relaxed);
    Some(Place { lane: Arc::clone(lane) })
}

impl Place {
    pub(crate) fn handle(&self) -> &Handle {
        &self.lane.handle
    }

    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.lane.watch
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lane_with_the_fewest_connections_is_next() {
        let runtimes =
            [(); 2].map(|()| tokio::runtime::Builder::new_current_thread().build().expect("a runtime"));
        let lanes = runtimes.each_ref().map(|runtime| Lane::new(runtime.handle()));
        let first = fewest(&lanes).expect("a lane");
        let second = fewest(&lanes).expect("a lane");
        assert!(!Arc::ptr_eq(&first.lane, &second.lane));
        let gone = Arc::clone(&second.lane);
        drop(second);
        let third = fewest(&lanes).expect("a lane");
        assert!(Arc::ptr_eq(&third.lane, &gone));
        assert!(fewest(&[]).is_none());
    }
}
