//! Sessions come to take part: what each of them says before the load begins.
//!
//! A router is told so in WAMP, the relay in one word; from there on both get the same messages.

use anyhow::{Context, Result, bail};
use wamp::message::{
    Goodbye, Hello, HelloDetails, Message, Register, RegisterOptions, Subscribe, SubscribeOptions,
};
use wamp::role::ClientRoles;
use wamp::{RequestId, Serializer, error_uri};

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
}

/// Opens a connection and joins. When this returns, the subscription or registration is in force.
///
/// Sessions join one after the other, waiting for each answer: ten thousand take a few seconds, under TLS some more,
/// before anything is measured.
pub(crate) fn join(target: &Target, wire: Wire, part: Part<'_>) -> Result<Connection> {
    let (address, path) = target.place(wire)?;
    let mut opening = Opening::connect(address, path, wire)?;
    match &target.speaks {
        Speaks::Relay => join_relay(&mut opening, part)?,
        Speaks::Wamp { realm } => join_router(&mut opening, wire.serializer, realm, part)?,
    }
    opening.into_connection()
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

fn join_relay(opening: &mut Opening, part: Part<'_>) -> Result<()> {
    let role = match part {
        Part::Publisher => floor::SOURCE,
        Part::Subscriber(_) => floor::SINK,
        Part::Caller => floor::CALLER,
        Part::Callee(_) => floor::CALLEE,
    };
    opening.send(|out| out.extend_from_slice(role))?;
    opening.receive().context("the relay did not answer")?;
    Ok(())
}

fn join_router(opening: &mut Opening, serializer: Serializer, realm: &str, part: Part<'_>) -> Result<()> {
    let details = HelloDetails {
        roles: ClientRoles::complete(),
        agent: Some(concat!("cloverleaf-bench-", env!("CARGO_PKG_VERSION")).into()),
        ..HelloDetails::default()
    };
    let hello = Hello { realm: Some(realm.into()), details };
    opening.send(|out| hello.encode(serializer, out))?;
    expect(opening, serializer, |message| matches!(message, Message::Welcome(_)))?;
    let request = RequestId::FIRST;
    match part {
        Part::Publisher | Part::Caller => Ok(()),
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

fn expect(opening: &mut Opening, serializer: Serializer, is: impl Fn(&Message<'_>) -> bool) -> Result<()> {
    let bytes = opening.receive().context("the router did not answer")?;
    let message = Message::decode(serializer, &bytes)?;
    if !is(&message) {
        bail!("the router answered {message:?}");
    }
    Ok(())
}
