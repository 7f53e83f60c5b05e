//! What routing asks of the allocator once everything is warm: nothing for an event and its deliveries while its frame is
//! copied to each receiver, what is shared and a reference to it where it is too large for that, and one for a call.

use cloverleaf_paths::{Link, Path, Ready, Wire};
use densa_alloc::{CountingAllocator, is_active, measure};
use wamp::Serializer;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::system();

const RAW: Wire = Wire::RAWSOCKET_MSGPACK;
const WEB: Wire = Wire::WEBSOCKET_JSON;

/// A table or a buffer may grow once more in a long run, when more of them than ever before came together.
const GROWTH: u64 = 4;

/// How often memory is asked for while so many messages are routed. To ask for more of it counts, too.
fn allocations(path: &Path, messages: usize) -> u64 {
    assert!(is_active(), "nothing is counted");
    let mut ready = Ready::prepare(path, messages).expect("a path that leads somewhere");
    let (done, stats) = measure(|| ready.run(messages));
    done.expect("it is routed");
    ready.check().expect("it has arrived");
    stats.allocs + stats.reallocs
}

fn wires() -> impl Iterator<Item = Wire> {
    let of = |serializer| {
        [Link::RawSocket, Link::WebSocket].into_iter().map(move |link| Wire { link, serializer })
    };
    Serializer::ALL.into_iter().flat_map(of)
}

#[test]
fn ten_thousand_small_events_are_routed_without_an_allocation() {
    for wire in [RAW, WEB] {
        assert_eq!(allocations(&Path::pubsub(1, 32, wire), 10_000), 0, "{wire}");
        assert_eq!(allocations(&Path::pubsub(10, 32, wire), 10_000), 0, "{wire}");
    }
}

#[test]
fn no_serializer_allocates_for_small_events_nor_for_transcoding_them() {
    for from in wires() {
        for to in wires() {
            let path = Path::pubsub(3, 32, from).to(to);
            assert_eq!(allocations(&path, 100), 0, "{path}");
        }
    }
}

#[test]
fn an_event_for_subscribers_by_all_match_policies_allocates_nothing() {
    for wire in [RAW, WEB] {
        assert_eq!(allocations(&Path::pubsub(10, 32, wire).by_patterns(), 1000), 0, "{wire}");
    }
}

#[test]
fn a_fan_out_to_a_thousand_allocates_nothing() {
    for wire in [RAW, WEB] {
        assert_eq!(allocations(&Path::pubsub(1000, 32, wire), 50), 0, "{wire}");
    }
}

#[test]
fn events_that_come_in_bursts_allocate_nothing() {
    for path in [Path::pubsub(10, 32, RAW), Path::pubsub(10, 512, WEB).to(RAW), Path::pubsub(10, 512, RAW)] {
        assert!(allocations(&path.in_bursts(16), 1600) <= GROWTH, "{path}");
    }
}

#[test]
fn an_event_that_is_still_copied_allocates_nothing() {
    for wire in [RAW, WEB] {
        // What is alone with its subscription goes in bursts.
        assert_eq!(allocations(&Path::pubsub(10, 2000, wire), 1000), 0, "{wire}");
        // With the rest of the frame it has some thousand bytes, which is where frames begin to be shared.
        assert_eq!(allocations(&Path::pubsub(10, 900, wire).by_patterns(), 1000), 0, "{wire}");
    }
}

/// The frame and what counts its references, and for each delivery the place in the mailbox.
#[test]
fn a_large_event_allocates_once_for_each_delivery_and_twice_for_each_frame() {
    let messages = 1000;
    for wire in [RAW, WEB] {
        for payload in [2100, 64 << 10] {
            let path = Path::pubsub(10, payload, wire);
            assert_eq!(allocations(&path, messages), messages as u64 * (10 + 2), "{path}");
        }
        // A frame for each of three subscriptions.
        let path = Path::pubsub(10, 1024, wire).by_patterns();
        assert_eq!(allocations(&path, messages), messages as u64 * (10 + 3 * 2), "{path}");
    }
    let path = Path::pubsub(10, 4096, WEB).to(RAW);
    assert_eq!(allocations(&path, messages), messages as u64 * (10 + 2), "{path}");
}

#[test]
fn large_events_in_bursts_allocate_no_more_than_alone() {
    let messages = 1600;
    let path = Path::pubsub(10, 4096, RAW).in_bursts(16);
    assert!(allocations(&path, messages) <= messages as u64 * (10 + 2), "{path}");
}

#[test]
fn a_call_allocates_once() {
    let messages = 10_000;
    for wire in [RAW, WEB] {
        let path = Path::rpc(32, wire);
        assert_eq!(allocations(&path, messages), messages as u64, "{path}");
    }
    let path = Path::rpc(32, RAW).in_bursts(16);
    assert!(allocations(&path, messages) <= messages as u64 + GROWTH, "{path}");
}

#[test]
fn a_call_between_serializers_allocates_once_too() {
    let messages = 100;
    for from in wires() {
        for to in wires() {
            let path = Path::rpc(32, from).to(to);
            assert_eq!(allocations(&path, messages), messages as u64, "{path}");
        }
    }
    let path = Path::rpc(4096, WEB).to(RAW);
    assert_eq!(allocations(&path, messages), messages as u64, "{path}");
}
