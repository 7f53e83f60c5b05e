//! A session in a race, served by whichever thread holds it.

use std::sync::Arc;

use cloverleaf_router::{ChannelType, Format, Link, Millis, Router, TransportDetails, Worker};
use testkit::{Connection, IntoValue, Json, Received, Wire, all_roles, json};
use wamp::Value;

const NOW: Millis = Millis(1);

/// See the module.
pub(crate) struct Racer {
    connection: Connection,
    worker: Worker,
    /// Its id; another one each time that it joins.
    pub(crate) id: u64,
    /// It was told to go.
    pub(crate) is_dismissed: bool,
    request: u64,
}

impl Racer {
    /// Joins `realm1`. `seed`: its own, since ids come from it.
    pub(crate) fn join(router: &Arc<Router>, seed: u8) -> Self {
        let (connection, worker) = (connect(router), Worker::new([seed; 32]));
        let mut session = Racer { connection, worker, id: 0, is_dismissed: false, request: 0 };
        session.hello();
        session
    }

    /// Joins again after the end of a session, over the same transport if that is still there.
    pub(crate) fn join_again(&mut self, router: &Arc<Router>) {
        if self.connection.closed().is_some() {
            self.connection = connect(router);
        }
        self.hello();
    }

    fn hello(&mut self) {
        (self.is_dismissed, self.request) = (false, 0);
        let roles = Value::Map([("roles", all_roles())].into());
        let received = self.send(Value::List(vec![1u64.into(), "realm1".into(), roles]));
        assert_eq!(received.first().map(Received::code), Some(2), "{received:?}");
        self.id = received[0].id(1);
    }

    /// Sends a message; answers all that came in until then.
    pub(crate) fn send(&mut self, message: impl IntoValue) -> Vec<Received> {
        self.connection.send(message);
        self.run()
    }

    /// Sends a request with the next id, unless it was told to go.
    pub(crate) fn request(&mut self, code: u64, rest: &[Json]) -> Vec<Received> {
        if self.is_dismissed {
            return Vec::new();
        }
        self.request += 1;
        let mut message = vec![json!(code), json!(self.request)];
        message.extend_from_slice(rest);
        self.send(Json::Array(message))
    }

    /// Answers all that came in.
    pub(crate) fn run(&mut self) -> Vec<Received> {
        self.connection.run(&mut self.worker.turn(NOW));
        let received: Vec<Received> = std::iter::from_fn(|| self.connection.take()).collect();
        self.is_dismissed |= received.iter().any(|message| message.code() == 6);
        received
    }

    /// Leaves politely, or answers that it was told to go.
    pub(crate) fn leave(&mut self) {
        let reason = if self.is_dismissed { "wamp.close.goodbye_and_out" } else { "wamp.close.normal" };
        self.send(json!([6, {}, reason]));
        // Who was told to go in this very moment has answered without knowing it.
        while !self.is_dismissed {
            self.run();
        }
    }

    /// Breaks the protocol, which ends the session, unless it was told to go in this very moment.
    pub(crate) fn misbehave(&mut self) {
        self.send(json!([2, 1, {}]));
        if self.connection.closed().is_none() {
            self.leave();
        }
    }

    /// Its transport is lost.
    pub(crate) fn disconnect(&mut self) {
        self.connection.disconnect(&mut self.worker.turn(NOW));
    }
}

fn connect(router: &Arc<Router>) -> Connection {
    let wire = Wire::default();
    let format = Format { serializer: wire.serializer, framing: wire.framing };
    let transport = TransportDetails::new(ChannelType::Memory, "test");
    Connection::new(Link::new(router, format, wire.message_bytes_max, transport, NOW), wire)
}
