//! What a thread of the router allocates while messages pass through it, from socket to socket: reading, routing and
//! writing, once everything is warm.

mod support;

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc::{channel, sync_channel};
use std::thread::{self, JoinHandle};

use cloverleaf_listeners::{Endpoint, Listener, ListenerConfig};
use densa_alloc::{CountingAllocator, is_active, thread_stats};
use router::Router;
use router::config::RouterConfig;
use serde_json::json;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use wamp::Serializer;

use support::{Client, Frame, PATIENCE, Pipe};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::system();

/// So many messages go before those that are counted.
const WARM_UP: u64 = 200;
/// What may be asked for once in a while: a read may end within a frame, whose begin is kept in a buffer that is kept,
/// and a buffer or table grow when more came together than before.
const ONCE: u64 = 16;

/// A router behind a listener, all on one thread of its own.
struct Counted {
    address: SocketAddr,
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Counted {
    fn start() -> Self {
        assert!(is_active(), "nothing is counted");
        let (ready, is_ready) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            let router = Router::new(RouterConfig::default()).expect("a good configuration");
            let config = ListenerConfig::new(Endpoint::tcp((Ipv4Addr::LOCALHOST, 0).into()));
            let listener = Listener::bind(config, router, &[runtime.handle().clone()]).expect("a free port");
            let address = listener.local_address().socket_addr().expect("it listens on TCP");
            ready.send((address, runtime.handle().clone())).expect("somebody waits");
            runtime.block_on(listener.run(async {
                let _ = stopped.await;
            }));
        });
        let (address, runtime) = is_ready.recv_timeout(PATIENCE).expect("it starts");
        Counted { address, runtime, stop: Some(stop), thread: Some(thread) }
    }

    /// How often the router's thread has asked for memory so far. Growing counts, too.
    fn allocations(&self) -> u64 {
        // Who sends into a channel of a fixed size allocates nothing.
        let (answer, answered) = sync_channel(1);
        drop(self.runtime.spawn(async move {
            let stats = thread_stats();
            let _ = answer.send(stats.allocs + stats.reallocs);
        }));
        answered.recv_timeout(PATIENCE).expect("the thread goes on")
    }

    fn connect(&self, wire: Wire) -> Client {
        let pipe = Pipe::tcp(TcpStream::connect(self.address).expect("it listens"));
        let client = match wire {
            Wire::Raw(serializer) => Client::raw_over(pipe, serializer, 15),
            Wire::Web(subprotocol) => Client::websocket_over(pipe, subprotocol, "").0,
        };
        client.joined()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            panic!("the router's thread ended by a panic");
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Wire {
    Raw(Serializer),
    Web(&'static str),
}

const RAW: Wire = Wire::Raw(Serializer::MsgPack);
const WEB: Wire = Wire::Web("wamp.2.json");

/// So many messages of so many bytes, `burst` of them in each write.
#[derive(Debug, Clone, Copy)]
struct Load {
    messages: u64,
    payload: usize,
    burst: u64,
}

/// Expects this many messages of a client, and nothing between.
fn take(client: &mut Client, count: u64) {
    for _ in 0..count {
        assert!(matches!(client.frame(), Frame::Message { .. }));
    }
}

/// Allocations while one publishes and so many receive, each write after the last was received by all.
fn of_pubsub(from: Wire, to: Wire, subscribers: usize, patterns: bool, load: Load) -> u64 {
    let server = Counted::start();
    let mut publisher = server.connect(from);
    let policies = [("exact", "com.example.topic"), ("prefix", "com.example"), ("wildcard", "com..topic")];
    let policies = if patterns { &policies[..] } else { &policies[..1] };
    let subscribe = |&(policy, topic): &(&str, &str)| {
        let mut client = server.connect(to);
        client.send(&json!([32, 1, { "match": policy }, topic]));
        client.expect(33);
        client
    };
    let mut clients: Vec<Client> = policies.iter().cycle().take(subscribers).map(subscribe).collect();
    let text = "x".repeat(load.payload);
    let mut publish = |requests: std::ops::Range<u64>| {
        for first in requests.step_by(load.burst as usize) {
            let message = |request| publisher.framed(&json!([16, request, {}, "com.example.topic", [text]]));
            let bytes: Vec<u8> = (first..first + load.burst).flat_map(message).collect();
            publisher.pipe.send(&bytes);
            for client in &mut clients {
                take(client, load.burst);
            }
        }
    };
    publish(1..WARM_UP.next_multiple_of(load.burst) + 1);
    let first = WARM_UP.next_multiple_of(load.burst) + 1;
    let before = server.allocations();
    publish(first..first + load.messages);
    server.allocations() - before
}

/// Allocations while one calls another, each write after the last was answered.
fn of_rpc(from: Wire, to: Wire, load: Load) -> u64 {
    let server = Counted::start();
    let (mut caller, mut callee) = (server.connect(from), server.connect(to));
    callee.send(&json!([64, 1, {}, "com.example.procedure"]));
    callee.expect(65);
    let text = "x".repeat(load.payload);
    let mut call = |requests: std::ops::Range<u64>| {
        for first in requests.step_by(load.burst as usize) {
            let requests = first..first + load.burst;
            let call = |request| caller.framed(&json!([48, request, {}, "com.example.procedure", [text]]));
            let bytes: Vec<u8> = requests.clone().flat_map(call).collect();
            caller.pipe.send(&bytes);
            take(&mut callee, load.burst);
            let answer = |request| callee.framed(&json!([70, request, {}, [text]]));
            let bytes: Vec<u8> = requests.flat_map(answer).collect();
            callee.pipe.send(&bytes);
            take(&mut caller, load.burst);
        }
    };
    call(1..WARM_UP.next_multiple_of(load.burst) + 1);
    let first = WARM_UP.next_multiple_of(load.burst) + 1;
    let before = server.allocations();
    call(first..first + load.messages);
    server.allocations() - before
}

/// Small messages, one after the other.
const fn small(messages: u64) -> Load {
    Load { messages, payload: 32, burst: 1 }
}

#[track_caller]
fn assert_at_most(allocations: u64, expected: u64) {
    assert!(allocations <= expected + ONCE, "{allocations} allocations instead of {expected}");
}

#[test]
fn ten_thousand_small_events_pass_without_an_allocation() {
    for wire in [RAW, WEB] {
        assert_at_most(of_pubsub(wire, wire, 1, false, small(10_000)), 0);
    }
}

#[test]
fn a_fan_out_of_small_events_allocates_nothing_in_any_serializer() {
    let (cbor, binary) = (Wire::Raw(Serializer::Cbor), Wire::Web("wamp.2.msgpack"));
    for (from, to) in
        [(RAW, RAW), (WEB, WEB), (cbor, cbor), (binary, binary), (WEB, RAW), (RAW, WEB), (RAW, cbor)]
    {
        assert_at_most(of_pubsub(from, to, 10, false, small(500)), 0);
    }
}

#[test]
fn small_events_by_all_match_policies_allocate_nothing() {
    for wire in [RAW, WEB] {
        assert_at_most(of_pubsub(wire, wire, 9, true, small(500)), 0);
    }
}

#[test]
fn a_fan_out_to_two_hundred_allocates_nothing() {
    assert_at_most(of_pubsub(RAW, RAW, 200, false, small(50)), 0);
}

#[test]
fn small_events_in_bursts_allocate_nothing() {
    for wire in [RAW, WEB] {
        assert_at_most(of_pubsub(wire, wire, 10, false, Load { burst: 16, ..small(1600) }), 0);
    }
}

/// The frame and what counts its references, and for each delivery the place in the mailbox.
#[test]
fn a_large_event_allocates_once_for_each_delivery_and_twice_for_its_frame() {
    for (from, to) in [(RAW, RAW), (WEB, WEB), (WEB, RAW)] {
        let load = Load { payload: 4096, ..small(500) };
        assert_at_most(of_pubsub(from, to, 10, false, load), load.messages * (10 + 2));
    }
}

#[test]
fn a_call_allocates_once() {
    for (from, to) in [(RAW, RAW), (WEB, WEB), (WEB, RAW)] {
        for load in [small(2000), Load { burst: 16, ..small(1600) }] {
            let allocations = of_rpc(from, to, load);
            assert_at_most(allocations, load.messages);
            assert!(
                allocations >= load.messages,
                "{allocations}: the router is not on the thread that counts"
            );
        }
    }
}
