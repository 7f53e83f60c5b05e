//! How many connections there may be, altogether and from one address.
//!
//! A connection too many isn't just dropped: it gets as far as being told so in its own protocol. That costs a handshake,
//! so only some are told at a time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{ConnectionLimits, PeerAddress};

/// How many connections are told at a time that they are too many.
const TURNED_AWAY_MAX: usize = 256;

/// The counts of one listener.
#[derive(Debug)]
pub(crate) struct Admission {
    connections_max: usize,
    per_address_max: Option<usize>,
    connections: AtomicUsize,
    turned_away: AtomicUsize,
    /// Empty unless there is a limit per address.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that was counted, for as long as this lives.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// It is served.
    Welcome {
        admission: Arc<Admission>,
        /// It was counted for this address, too, if there is a limit for each; boxed, since few listeners have one.
        network: Option<Box<IpAddr>>,
    },
    /// It is one too many, to be told so.
    TurnedAway { admission: Arc<Admission> },
}

impl Admission {
    pub(crate) fn new(limits: &ConnectionLimits) -> Arc<Self> {
        Arc::new(Admission {
            connections_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
            connections: AtomicUsize::new(0),
            turned_away: AtomicUsize::new(0),
            addresses: Mutex::default(),
        })
    }

    /// Counts a new connection; `None` if it isn't even worth an answer.
    pub(crate) fn admit(self: &Arc<Self>, peer: &PeerAddress) -> Option<Admitted> {
        let admission = Arc::clone(self);
        match self.enter(peer) {
            Some(network) => Some(Admitted::Welcome { admission, network: network.map(Box::new) }),
            None if try_count(&self.turned_away, TURNED_AWAY_MAX) => Some(Admitted::TurnedAway { admission }),
            None => None,
        }
    }

    fn enter(&self, peer: &PeerAddress) -> Option<Option<IpAddr>> {
        if !try_count(&self.connections, self.connections_max) {
            return None;
        }
        let (Some(max), PeerAddress::Tcp(address)) = (self.per_address_max, peer) else { return Some(None) };
        let network = network(address.ip());
        let mut addresses = self.addresses();
        let count = addresses.entry(network).or_insert(0);
        if *count >= max {
            drop(addresses);
            self.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        *count += 1;
        Some(Some(network))
    }

    fn leave(&self, network: Option<&IpAddr>) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(network) = network else { return };
        let mut addresses = self.addresses();
        if let Some(count) = addresses.get_mut(network) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(network);
            }
        }
    }

    fn addresses(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admitted {
    /// Whether the connection is one too many, to be told so.
    pub(crate) fn is_turned_away(&self) -> bool {
        matches!(self, Admitted::TurnedAway { .. })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        match self {
            Admitted::Welcome { admission, network } => admission.leave(network.as_deref()),
            Admitted::TurnedAway { admission } => {
                admission.turned_away.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// Counts one more unless there are `max` already.
fn try_count(counter: &AtomicUsize, max: usize) -> bool {
    counter
        .try_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < max).then_some(count + 1))
        .is_ok()
}

/// What counts as one address: a whole /64 of IPv6, since that is what one customer has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> PeerAddress {
        PeerAddress::Tcp(address.parse().expect("an address"))
    }

    fn admission(connections_max: usize, per_address: Option<usize>) -> Arc<Admission> {
        Admission::new(&ConnectionLimits {
            connections_max,
            connections_per_address_max: per_address,
            ..ConnectionLimits::default()
        })
    }

    // RAW-09
    #[test]
    fn one_too_many_is_turned_away_until_another_leaves() {
        let admission = admission(1, None);
        let first = admission.admit(&peer("10.0.0.1:1")).expect("there is room");
        assert!(!first.is_turned_away());
        assert!(admission.admit(&peer("10.0.0.2:1")).is_some_and(|second| second.is_turned_away()));
        drop(first);
        assert!(admission.admit(&peer("10.0.0.2:1")).is_some_and(|second| !second.is_turned_away()));
    }

    #[test]
    fn a_crowd_is_not_even_told() {
        let admission = admission(0, None);
        let told: Vec<_> = (0..TURNED_AWAY_MAX).map(|_| admission.admit(&peer("10.0.0.1:1"))).collect();
        assert!(told.iter().all(Option::is_some));
        assert!(admission.admit(&peer("10.0.0.1:1")).is_none());
        drop(told);
        assert!(admission.admit(&peer("10.0.0.1:1")).is_some());
    }

    // ROB-01
    #[test]
    fn an_address_has_its_own_limit() {
        let admission = admission(100, Some(1));
        let first = admission.admit(&peer("10.0.0.1:1")).expect("there is room");
        assert!(admission.admit(&peer("10.0.0.1:2")).is_some_and(|second| second.is_turned_away()));
        assert!(admission.admit(&peer("10.0.0.2:1")).is_some_and(|other| !other.is_turned_away()));
        drop(first);
        assert!(admission.addresses().is_empty());
        assert_eq!(admission.connections.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn addresses_of_one_network_are_one_address() {
        let admission = admission(100, Some(1));
        let _first = admission.admit(&peer("[2001:db8::1]:1")).expect("there is room");
        assert!(admission.admit(&peer("[2001:db8::2]:1")).is_some_and(|second| second.is_turned_away()));
        assert!(admission.admit(&peer("[2001:db8:0:1::1]:1")).is_some_and(|other| !other.is_turned_away()));
        let _mapped = admission.admit(&peer("[::ffff:10.0.0.1]:1")).expect("there is room");
        assert!(admission.admit(&peer("10.0.0.1:1")).is_some_and(|same| same.is_turned_away()));
    }

    #[test]
    fn unix_sockets_have_no_address_to_count() {
        let admission = admission(100, Some(1));
        let _first = admission.admit(&PeerAddress::Unix).expect("there is room");
        assert!(admission.admit(&PeerAddress::Unix).is_some_and(|second| !second.is_turned_away()));
    }
}
