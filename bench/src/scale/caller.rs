//! A session that does one thing after the other and waits for each: calls above all.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use wamp::message::{
    Call, CallOptions, Hello, HelloDetails, Message, MessageType, Publish, PublishOptions, Subscribe,
    SubscribeOptions, Unsubscribe,
};
use wamp::role::ClientRoles;
use wamp::value::Dict;
use wamp::{MatchPolicy, Payload, RequestId, Serializer, SubscriptionId, Value};

use super::REALM;
use crate::opening::Opening;
use crate::wire::Wire;

/// What all of them speak.
pub(super) const SERIALIZER: Serializer = Serializer::MsgPack;

/// See the module.
pub(super) struct Caller {
    opening: Opening,
    request: RequestId,
}

/// The answer to a call as it came, to be looked at when time is not measured.
pub(super) struct Answer {
    message: Vec<u8>,
    /// From CALL to the last byte of RESULT.
    pub(super) took: Duration,
}

impl Answer {
    /// Its length, in bytes.
    pub(super) fn len(&self) -> usize {
        self.message.len()
    }

    /// The arguments of the RESULT.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn read(&self) -> Result<(Vec<Value>, Dict)> {
        match Message::decode(SERIALIZER, &self.message)? {
            Message::Result(result) => Ok(result.payload.to_values()?),
            other => bail!("expected a RESULT, not {other:?}"),
        }
    }

    /// The one argument of the RESULT.
    pub(super) fn one(&self) -> Result<Value> {
        self.read()?.0.into_iter().next().context("a RESULT without arguments")
    }
}

impl Caller {
    /// Joins.
    pub(super) fn join(address: SocketAddr) -> Result<Self> {
        let mut opening = Opening::connect(address, "", Wire::RAWSOCKET_MSGPACK)?;
        let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
        let hello = Hello { realm: Some(REALM.into()), details };
        opening.send(|out| hello.encode(SERIALIZER, out))?;
        let mut caller = Caller { opening, request: RequestId::FIRST };
        match Message::decode(SERIALIZER, &caller.answer()?)? {
            Message::Welcome(_) => Ok(caller),
            other => bail!("expected WELCOME, not {other:?}"),
        }
    }

    /// Calls, and waits for the answer.
    pub(super) fn call(&mut self, procedure: &str, args: &[Value], kwargs: &Dict) -> Result<Answer> {
        let mut buffer = Vec::new();
        let payload = Payload::from_values(SERIALIZER, args, kwargs, &mut buffer);
        let (request, options) = (self.next_request(), CallOptions::default());
        let call = Call { request, options, procedure: procedure.into(), payload };
        let began = Instant::now();
        self.opening.send(|out| call.encode(SERIALIZER, out))?;
        let message = self.answer().with_context(|| format!("no answer from {procedure}"))?;
        Ok(Answer { message, took: began.elapsed() })
    }

    /// Subscribes, and waits until it is in force.
    pub(super) fn subscribe(&mut self, topic: &str, match_policy: MatchPolicy) -> Result<SubscriptionId> {
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        let subscribe = Subscribe { request: self.next_request(), options, topic: topic.into() };
        self.opening.send(|out| subscribe.encode(SERIALIZER, out))?;
        match Message::decode(SERIALIZER, &self.answer()?)? {
            Message::Subscribed(subscribed) => Ok(subscribed.subscription),
            other => bail!("expected SUBSCRIBED, not {other:?}"),
        }
    }

    /// Unsubscribes, and waits for the end.
    pub(super) fn unsubscribe(&mut self, subscription: SubscriptionId) -> Result<()> {
        let unsubscribe = Unsubscribe { request: self.next_request(), subscription };
        self.opening.send(|out| unsubscribe.encode(SERIALIZER, out))?;
        match Message::decode(SERIALIZER, &self.answer()?)? {
            Message::Unsubscribed(_) => Ok(()),
            other => bail!("expected UNSUBSCRIBED, not {other:?}"),
        }
    }

    /// Publishes, and waits for nothing.
    pub(super) fn publish(&mut self, topic: &str, payload: Payload<'_>) -> Result<()> {
        let (request, options) = (self.next_request(), PublishOptions::default());
        let publish = Publish { request, options, topic: topic.into(), payload };
        self.opening.send(|out| publish.encode(SERIALIZER, out))
    }

    /// The next message.
    pub(super) fn receive(&mut self) -> Result<Vec<u8>> {
        self.opening.receive()
    }

    /// The next message that is no event.
    fn answer(&mut self) -> Result<Vec<u8>> {
        loop {
            let message = self.receive()?;
            if MessageType::peek(SERIALIZER, &message) != Some(MessageType::Event) {
                return Ok(message);
            }
        }
    }

    fn next_request(&mut self) -> RequestId {
        let request = self.request;
        self.request = request.next();
        request
    }
}
