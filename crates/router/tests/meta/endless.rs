//! Histories that are searched for longer than anybody waits.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::store::{
    EventPublisher, EventRange, Restored, Store, StoreError, StoreHealth, StoredEvent, Visit,
};
use cloverleaf_router::{Edges, Millis, Realm, RouterConfig, Timestamp, Worker};
use testkit::{Net, json};
use wamp::{MatchPolicy, PublicationId, Serializer, SessionId};

/// How many events a search gets before its caller is killed, and how many there are.
const PATIENCE: u64 = 1000;
const EVENTS: u64 = 100_000;

/// A store whose history has very many events, all the same, in the midst of which the caller of the search is killed.
#[derive(Debug, Default)]
struct Endless {
    caller: Mutex<Option<(Arc<Realm>, SessionId)>>,
    visited: AtomicU64,
}

impl Endless {
    fn kill_the_caller(&self) {
        let caller = self.caller.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((realm, session)) = caller {
            let mut worker = Worker::new([7; 32]);
            assert!(realm.kill(session, None, None, &mut worker.turn(Millis::default())));
        }
    }
}

fn event() -> StoredEvent {
    let publisher = EventPublisher {
        session: SessionId::from_bits(1),
        authid: "joe".into(),
        authrole: "anonymous".into(),
        trustlevel: None,
    };
    let publish = json!([16, 1, {}, "a.b", ["x"]]).to_string().into_bytes();
    StoredEvent::from_publish(Timestamp(1), PublicationId::from_bits(1), publisher, Serializer::Json, publish)
}

impl Store for Endless {
    fn restore(&self) -> Result<Restored, StoreError> {
        Ok(Restored::default())
    }

    fn append(&self, _history: usize, _event: Arc<StoredEvent>) {}

    fn read(&self, _history: usize, _range: &EventRange, visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let event = event();
        for number in 1..=EVENTS {
            self.visited.store(number, Ordering::Relaxed);
            if visit(&event) == ControlFlow::Break(()) {
                break;
            }
            if number == PATIENCE {
                self.kill_the_caller();
            }
        }
        Ok(())
    }

    fn keep_retained(&self, _topic: &str, _events: Vec<Vec<u8>>) {}

    fn keep_schema(&self, _uri: &str, _declaration: Option<Vec<u8>>) {}

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }
}

fn open() -> (Net, Arc<Endless>) {
    let store = Arc::new(Endless::default());
    let mut config = RouterConfig::default();
    config.realms[0].history.push(HistoryConfig::new("a.b", MatchPolicy::Exact));
    let stores = [("realm1".to_owned(), Arc::<Endless>::clone(&store) as Arc<dyn Store>)].into();
    (Net::with_edges(config, Edges { stores, ..Edges::default() }), store)
}

/// HIS-08, ROB-01: a filter that nothing passes keeps nobody busy for a caller that has left.
#[test]
fn a_search_ends_with_its_call() {
    let (mut net, store) = open();
    let client = net.join("realm1");
    let id = net.value(client, "wamp.subscription.lookup", json!(["a.b"])).as_u64().expect("an id");
    *store.caller.lock().expect("nobody panicked") = Some((net.realm("realm1"), net.session_id(client)));
    let call = json!([48, 9, {}, "wamp.subscription.get_events", [id], {"topic": "nothing.like.it"}]);
    net.send(client, call);
    let visited = store.visited.load(Ordering::Relaxed);
    assert!((PATIENCE..PATIENCE + 1000).contains(&visited), "{visited} events were looked at");
    net.expect(client, json!([6, {}, "wamp.close.killed"]));
    net.nothing(client);
}

/// HIS-08, HIS-12: while somebody waits, it goes on to the end.
#[test]
fn a_search_that_is_waited_for_goes_on() {
    let (mut net, store) = open();
    let client = net.join("realm1");
    let id = net.value(client, "wamp.subscription.lookup", json!(["a.b"])).as_u64().expect("an id");
    let filter = json!({"topic": "nothing.like.it"});
    let found = net.result(client, "wamp.subscription.get_events", json!([id]), filter);
    assert_eq!(found.len(), 3, "it has no events");
    assert_eq!(store.visited.load(Ordering::Relaxed), EVENTS);
}
