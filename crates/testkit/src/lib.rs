//! What the tests of Cloverleaf share: scripted peers, a fake clock, deciders, and the specification's vectors.
//!
//! A script is messages in and messages out, without a socket and without sleeping:
//!
//! ```
//! use cloverleaf_testkit::{Net, json};
//!
//! let mut net = Net::open();
//! let (publisher, subscriber) = (net.join("realm1"), net.join("realm1"));
//! net.send(subscriber, json!([32, 1, {}, "com.example.topic"]));
//! let subscribed = net.expect(subscriber, json!([33, 1, "_"]));
//! net.send(publisher, json!([16, 1, {}, "com.example.topic", ["hello"]]));
//! net.expect(subscriber, json!([36, subscribed.id(2), "_", {}, ["hello"]]));
//! net.nothing(publisher);
//! ```
//!
//! | room | what |
//! |---|---|
//! | [`Net`] | a router, a clock, worker threads by name only, and the clients of a script |
//! | [`Setup`] | how a client connects: serializer, framing, roles, identity |
//! | [`Received`], [`pattern`] | what came, and what was expected |
//! | [`decide`] | authorizers and authenticators that answer when the test says so |
//! | [`vectors`] | the message vectors of the specification's repository |
//!
//! Whoever needs real threads uses a [`Connection`] on each, which is what a [`Net`] is made of.
//!
//! *Invariants*: the same script gives the same messages, ids included: randomness comes from fixed seeds, time from
//! [`Net::advance`]. Everything here panics at what it doesn't expect, and says what it expected: it is for tests only.

mod clock;
mod connection;
pub mod decide;
mod net;
pub mod pattern;
mod received;
mod requests;
mod setup;
mod unframe;
pub mod vectors;

pub use clock::FakeClock;
pub use connection::{Connection, Wire};
pub use net::{Client, Net};
pub use received::{IntoValue, Received};
pub use serde_json::{Value as Json, json};
pub use setup::{Setup, all_roles};
