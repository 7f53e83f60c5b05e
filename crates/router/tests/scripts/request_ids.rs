//! Ids: of requests, publications, subscriptions, registrations.
//!
//! Spec: basic profile, "Identifiers".

use std::collections::HashSet;

use cloverleaf_router::config::RequestIds;
use testkit::{Net, json};

use crate::realm;

fn strict() -> Net {
    realm(|realm| realm.request_ids = RequestIds::Strict)
}

/// IDS-01, IDS-02
#[test]
fn publication_ids_are_random_over_the_whole_range() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let ids: Vec<u64> = (0..2000).map(|_| net.publish_acknowledged(client, "a.b", "x")).collect();
    assert!(ids.iter().all(|id| (1..=1 << 53).contains(id)));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "no id twice");
    let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((800..1200).contains(&rising), "{rising} of 1999 rise");
    for eighth in 0..8 {
        let count = ids.iter().filter(|id| (*id - 1) >> 50 == eighth).count();
        assert!((170..330).contains(&count), "{count} of 2000 in eighth {eighth}");
    }
}

/// IDS-02
#[test]
fn session_ids_are_random() {
    let mut net = Net::open();
    let mut ids: Vec<u64> = Vec::new();
    for _ in 0..64 {
        let client = net.join("realm1");
        ids.push(net.session(client));
    }
    assert!(ids.iter().all(|id| (1..=1 << 53).contains(id)));
    assert!(ids.iter().any(|id| *id > 1 << 52) && ids.iter().any(|id| *id < 1 << 52));
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
}

/// IDS-01, IDS-03
#[test]
fn live_subscriptions_and_registrations_have_ids_of_their_own() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let (mut subscriptions, mut registrations) = (HashSet::new(), HashSet::new());
    for number in 0..1000 {
        subscriptions.insert(net.subscribe(client, &format!("a.b{number}")));
        registrations.insert(net.register(client, &format!("a.b{number}")));
    }
    assert_eq!((subscriptions.len(), registrations.len()), (1000, 1000));
    assert!(subscriptions.union(&registrations).all(|id| (1..=1 << 53).contains(id)));
}

/// IDS-04
#[test]
fn invocations_are_counted_from_1_per_callee() {
    let mut net = Net::open();
    let (caller, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    net.register(one, "a.one");
    net.register(two, "a.two");
    for expected in 1..=3 {
        net.call(caller, "a.one", "x");
        net.call(caller, "a.two", "x");
        assert_eq!((net.invoked(one), net.invoked(two)), (expected, expected));
    }
}

/// IDS-05
#[test]
fn replies_bear_the_id_of_their_request() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.send(client, json!([32, 101, {}, "a.b"]));
    let subscription = net.expect(client, json!([33, 101, "_"])).id(2);
    net.send(client, json!([34, 102, subscription]));
    net.expect(client, json!([35, 102]));
    net.send(client, json!([64, 103, {}, "a.b"]));
    let registration = net.expect(client, json!([65, 103, "_"])).id(2);
    net.send(client, json!([16, 104, {"acknowledge": true}, "a.b"]));
    net.expect(client, json!([17, 104, "_"]));
    net.send(client, json!([66, 105, registration]));
    net.expect(client, json!([67, 105]));
    net.send(client, json!([48, 106, {}, "a.b"]));
    net.expect(client, json!([8, 48, 106, {}, "wamp.error.no_such_procedure", "_"]));
}

/// IDS-06
#[test]
fn in_strict_realms_request_ids_begin_at_1_and_rise_by_1() {
    for (first, second) in [(5, 6), (1, 3), (1, 1), (2, 1)] {
        // A second CALL with the same id may be the rest of a progressive one (PCI-11).
        for kind in if second == 1 { &[16, 32, 64][..] } else { &[16, 32, 48, 64] } {
            let mut net = strict();
            let client = net.join("realm1");
            net.send(client, json!([kind, first, {}, "a.b"]));
            if first == 1 {
                net.receive(client);
                net.send(client, json!([kind, second, {}, "a.b"]));
            }
            net.violated(client);
        }
    }
}

/// IDS-06
#[test]
fn in_strict_realms_unsubscribe_and_unregister_count_too() {
    for kind in [34, 66] {
        let mut net = strict();
        let client = net.join("realm1");
        net.send(client, json!([kind, 2, 1]));
        net.violated(client);
    }
}

/// IDS-06: clients of old versions draw them at random.
#[test]
fn in_other_realms_request_ids_are_as_the_client_likes() {
    let mut net = Net::open();
    let client = net.join("realm1");
    for request in [713_845_233, 5, 5, 1u64 << 53] {
        net.send(client, json!([32, request, {}, "a.b"]));
        net.expect(client, json!([33, request, "_"]));
    }
}

/// IDS-07
#[test]
fn all_requests_share_one_sequence() {
    let mut net = strict();
    let client = net.join("realm1");
    let subscription = net.subscribe(client, "a.b");
    let registration = net.register(client, "a.b");
    let request = net.call(client, "no.such", "x");
    net.refused(client, 48, request, "wamp.error.no_such_procedure");
    net.publish(client, "a.c", "x");
    net.publish_acknowledged(client, "a.c", "x");
    net.unsubscribe(client, subscription);
    net.unregister(client, registration);
    assert_eq!(net.request(client), 8);
}

/// IDS-08
#[test]
fn cancel_uses_up_no_id() {
    let mut net = strict();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    net.send(caller, json!([48, 1, {}, "a.b"]));
    net.send(caller, json!([49, 1, {}]));
    net.refused(caller, 48, 1, "wamp.error.canceled");
    net.send(caller, json!([48, 2, {}, "a.b"]));
    net.nothing(caller);
}

/// IDS-09, PCI-02
#[test]
fn the_parts_of_a_progressive_call_share_an_id() {
    let mut net = strict();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "a.b");
    net.send(caller, json!([48, 1, {"progress": true}, "a.b", [1]]));
    net.send(caller, json!([48, 2, {}, "a.b", ["other"]]));
    net.send(caller, json!([48, 1, {}, "a.b", [2]]));
    net.expect(callee, json!([68, 1, "_", {"progress": true}, [1]]));
    net.expect(callee, json!([68, 2, "_", {}, ["other"]]));
    net.expect(callee, json!([68, 1, "_", {}, [2]]));
    net.nothing(caller);
}

/// IDS-06: a refused request has used up its id.
#[test]
fn refused_requests_count() {
    let mut net = strict();
    let client = net.join("realm1");
    for request in 1..=3 {
        net.send(client, json!([32, request, {}, "a..b"]));
        net.refused(client, 32, request, "wamp.error.invalid_uri");
    }
    net.send(client, json!([32, 4, {}, "a.b"]));
    net.expect(client, json!([33, 4, "_"]));
}

/// IDS-04, WSK-15
#[test]
fn a_new_session_counts_anew() {
    let mut net = strict();
    let client = net.join("realm1");
    net.subscribe(client, "a.b");
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    net.take(client);
    net.send(client, json!([1, "realm1", {"roles": {"subscriber": {}}}]));
    net.welcome(client);
    net.send(client, json!([32, 1, {}, "a.b"]));
    net.expect(client, json!([33, 1, "_"]));
}
