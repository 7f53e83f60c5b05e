//! Sessions come to take part: what each of them says before the load begins.
//!
//! A router is told so in WAMP, the relay in one word; from there on both get the same messages.

use anyhow::{Context, Result, bail};
use wamp::message::{
    Goodbye, Hello, HelloDetails, Message, Register, RegisterOptions, Subscribe, SubscribeOptions,
};
use wamp::role::ClientRoles;
use wamp::{RequestId, Serializer, Value, error_uri};

use crate::connection::Connection;
use crate::floor;
use crate::opening::Opening;
use crate::target::{Speaks, Target};
use crate::wire::Wire;

/// What a session takes part as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// It publishes.
    Publisher,
    /// It subscribes to this topic.
    Subscriber(&'a str),
    /// It calls.
    Caller,
    /// It registers this procedure.
    Callee(&'a str),
    /// It will subscribe by itself; the relay sends it everything.
    Sink,
    /// It will subscribe by itself; the relay gives it a share of what callers send.
    Taker,
}

/// Opens a connection and joins. When this returns, the subscription or registration is in force.
///
/// Sessions join one after the other, waiting for each answer: ten thousand take a few seconds, under TLS some more,
/// before anything is measured.
pub(crate) fn join(target: &Target, wire: Wire, part: Part<'_>) -> Result<Connection> {
    let mut opening = knock(target, wire, part, None)?;
    enter(&mut opening, target, wire.serializer)?;
    if matches!(target.speaks, Speaks::Wamp { .. }) {
        take_part(&mut opening, wire.serializer, part)?;
    }
    opening.into_connection()
}

/// Opens a connection and asks to be let in, without waiting for the answer: so others can do the same meanwhile.
pub(crate) fn knock(
    target: &Target,
    wire: Wire,
    part: Part<'_>,
    authextra: Option<Value>,
) -> Result<Opening> {
    let (address, path) = target.place(wire)?;
    let mut opening = Opening::connect(address, path, wire)?;
    match &target.speaks {
        Speaks::Relay => opening.send(|out| out.extend_from_slice(role_at_relay(part)))?,
        Speaks::Wamp { realm } => {
            let hello = Hello { realm: Some(realm.into()), details: hello_details(authextra) };
            opening.send(|out| hello.encode(wire.serializer, out))?;
        }
    }
    Ok(opening)
}

/// Waits until whoever knocked is let in.
pub(crate) fn enter(opening: &mut Opening, target: &Target, serializer: Serializer) -> Result<()> {
    match &target.speaks {
        Speaks::Relay => opening.receive().context("the relay did not answer").map(drop),
        Speaks::Wamp { .. } => expect(opening, serializer, |message| matches!(message, Message::Welcome(_))),
    }
}

/// Leaves, as far as that goes without waiting.
pub(crate) fn leave(mut connection: Connection, target: &Target, serializer: Serializer) {
    if matches!(target.speaks, Speaks::Wamp { .. }) {
        let goodbye = Goodbye { message: None, reason: error_uri::CLOSE_REALM.into() };
        connection.outbox.message(|out| goodbye.encode(serializer, out));
    }
    // Whoever is gone already needs no goodbye.
    let _ = connection.finish();
}

const fn role_at_relay(part: Part<'_>) -> &'static [u8] {
    match part {
        Part::Publisher => floor::SOURCE,
        Part::Subscriber(_) | Part::Sink => floor::SINK,
        Part::Caller => floor::CALLER,
        Part::Callee(_) => floor::CALLEE,
        Part::Taker => floor::TAKER,
    }
}

fn hello_details(authextra: Option<Value>) -> HelloDetails<'static> {
    HelloDetails {
        roles: ClientRoles::complete(),
        agent: Some(concat!("cloverleaf-bench-", env!("CARGO_PKG_VERSION")).into()),
        authextra,
        ..HelloDetails::default()
    }
}

fn take_part(opening: &mut Opening, serializer: Serializer, part: Part<'_>) -> Result<()> {
    let request = RequestId::FIRST;
    match part {
        Part::Publisher | Part::Caller | Part::Sink | Part::Taker => Ok(()),
        Part::Subscriber(topic) => {
            let options = SubscribeOptions::default();
            let subscribe = Subscribe { request, options, topic: topic.into() };
            opening.send(|out| subscribe.encode(serializer, out))?;
            expect(opening, serializer, |message| matches!(message, Message::Subscribed(_)))
        }
        Part::Callee(procedure) => {
            let options = RegisterOptions::default();
            let register = Register { request, options, procedure: procedure.into() };
            opening.send(|out| register.encode(serializer, out))?;
            expect(opening, serializer, |message| matches!(message, Message::Registered(_)))
        }
    }
}

/// Waits for the next message, which must be such a one.
pub(crate) fn expect(
    opening: &mut Opening,
    serializer: Serializer,
    is: impl Fn(&Message<'_>) -> bool,
) -> Result<()> {
    let bytes = opening.receive().context("the router did not answer")?;
    let message = Message::decode(serializer, &bytes)?;
    if !is(&message) {
        bail!("the router answered {message:?}");
    }
    Ok(())
}
