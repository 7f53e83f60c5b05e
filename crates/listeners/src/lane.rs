//! The runtimes that connections are dealt out to.
//!
//! One multi-thread runtime serves some eight cores well; above that there are several, and a new connection goes to
//! the one that has the fewest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::ListenerConfig;
use crate::heartbeat::{Watch, sweep};

/// One runtime and what this listener has in it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) handle: Handle,
    connections: AtomicUsize,
    /// The connections whose peers are asked for signs of life, by what they speak.
    rawsocket: Option<Arc<Watch>>,
    websocket: Option<Arc<Watch>>,
}

/// A connection's place in a lane, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Place {
    lane: Arc<Lane>,
}

impl Lane {
    pub(crate) fn new(handle: &Handle, config: &ListenerConfig) -> Arc<Self> {
        Arc::new(Lane {
            handle: handle.clone(),
            connections: AtomicUsize::new(0),
            rawsocket: config.rawsocket.as_ref().and_then(|rawsocket| rawsocket.keepalive).map(Watch::new),
            websocket: config.websocket.as_ref().and_then(|websocket| websocket.keepalive).map(Watch::new),
        })
    }

    /// Sweeps over the connections of this lane until it is gone.
    pub(crate) fn start_sweeping(&self) -> impl Iterator<Item = AbortHandle> {
        let watches = [&self.rawsocket, &self.websocket].into_iter().flatten();
        watches.map(|watch| self.handle.spawn(sweep(Arc::downgrade(watch))).abort_handle())
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

    /// Who watches over connections of such a transport, if anybody.
    pub(crate) fn watch(&self, is_websocket: bool) -> Option<&Arc<Watch>> {
        if is_websocket { self.lane.websocket.as_ref() } else { self.lane.rawsocket.as_ref() }
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
        let lanes =
            runtimes.each_ref().map(|runtime| Lane::new(runtime.handle(), &ListenerConfig::default()));
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
