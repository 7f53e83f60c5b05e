//! Sharded subscriptions: of the nodes that subscribed to one thing, one receives what bears a routing key.
//!
//! Spec: advanced profile, "Sharded Subscription", which leaves open how a node is chosen. `// Spec gap:` rendezvous
//! hashing: the node with the highest hash of (node key, routing key), so that a key stays with its node whoever else
//! comes and goes. Subscribers without a node key receive everything, and publications without a routing key reach
//! everybody (SHS-01, SHS-02).

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::quality::FixedState;

use super::Membership;

/// The node that `rkey` belongs to; `None` where nobody has a node key.
pub(super) fn choose<'m>(rkey: &str, members: &'m [Arc<Membership>]) -> Option<&'m str> {
    let nodes = members.iter().filter_map(|membership| membership.nkey());
    best(rkey, nodes)
}

fn best<'n>(rkey: &str, nodes: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    nodes.max_by_key(|node| (weight(node, rkey), *node))
}

fn weight(node: &str, rkey: &str) -> u64 {
    // A fixed seed: the choice is the same on every thread, node and day.
    let mut hasher = FixedState::with_seed(0x636c_6f76_6572).build_hasher();
    hasher.write(node.as_bytes());
    hasher.write_u8(0xFF);
    hasher.write(rkey.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    // SHS-02
    #[test]
    fn keys_spread_evenly_and_stay_where_they_are() {
        let nodes = ["n1", "n2", "n3", "n4"];
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for key in 0..1000 {
            let key = key.to_string();
            let node = best(&key, nodes.into_iter()).expect("there are nodes");
            *counts.entry(node).or_default() += 1;
            let fewer = nodes.into_iter().filter(|other| *other != "n1");
            if node != "n1" {
                assert_eq!(best(&key, fewer), Some(node), "another node's leaving moves nothing");
            }
        }
        assert!(counts.len() == 4 && counts.values().all(|count| (180..320).contains(count)), "{counts:?}");
    }
}
