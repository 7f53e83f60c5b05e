//! Loads that no case of `run` has: one message of many megabytes, a hundred thousand SUBSCRIBEs, and payloads that the
//! router has to put into another serializer.
//!
//! They are simple, blocking and checked: nothing here is about their own cost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use wamp::message::{
    Hello, HelloDetails, Message, MessageType, Publish, PublishOptions, Subscribe, SubscribeOptions,
};
use wamp::role::ClientRoles;
use wamp::{Payload, RequestId, Serializer};

use super::REALM;
use crate::opening::Opening;
use crate::report::Record;
use crate::stamp::{Reader, Stamp, Stamped};
use crate::wire::Wire;

/// The topic of all that is published here.
const TOPIC: &str = "org.cloverleaf.bench.burst";
/// The length of a large message's payload.
const LARGE: usize = 15 << 20;
/// Subscriptions of one session.
const SUBSCRIPTIONS: u64 = 100_000;
/// SUBSCRIBEs in one write, before their answers are read.
const SUBSCRIBES_AT_ONCE: u64 = 5000;
/// Who receives what is transcoded, how much that is, and how many of it come in one write.
const RECEIVERS: usize = 10;
const TRANSCODED: usize = 1024;
const TRANSCODED_AT_ONCE: u64 = 64;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Burst {
    /// Events of 1 KiB from JSON to CBOR, to ten.
    Transcoding,
    /// 100,000 subscriptions of one session.
    Subscribe,
    /// 15 MiB of text.
    Large,
    /// 15 MiB of small numbers.
    LargeNumbers,
    /// The same from JSON to CBOR.
    LargeTranscoding,
}

impl Burst {
    pub(super) const ALL: [Burst; 5] =
        [Burst::Transcoding, Burst::Subscribe, Burst::Large, Burst::LargeNumbers, Burst::LargeTranscoding];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Burst::Transcoding => "transcoding",
            Burst::Subscribe => "subscribe",
            Burst::Large => "large",
            Burst::LargeNumbers => "large numbers",
            Burst::LargeTranscoding => "large transcoding",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Burst::ALL.into_iter().find(|burst| burst.name() == name)
    }

    /// How many subscribers come, before anybody else does.
    pub(super) const fn subscribers(self) -> usize {
        match self {
            Burst::Transcoding => RECEIVERS,
            Burst::Subscribe => 0,
            Burst::Large | Burst::LargeNumbers | Burst::LargeTranscoding => 1,
        }
    }

    /// What the last to come is.
    pub(super) const fn sender(self) -> &'static str {
        match self {
            Burst::Subscribe => "subscriber",
            Burst::Transcoding | Burst::Large | Burst::LargeNumbers | Burst::LargeTranscoding => "publisher",
        }
    }

    /// Goes on for `duration`, but does each thing once at least.
    pub(super) fn run(self, address: SocketAddr, duration: Duration) -> Result<Record> {
        let began = Instant::now();
        let until = began + duration;
        let completed = match self {
            Burst::Transcoding => transcoding(address, until)?,
            Burst::Subscribe => subscribe(address, until)?,
            Burst::Large => large(address, until, [Serializer::MsgPack; 2], &text(LARGE))?,
            Burst::LargeNumbers => large(address, until, [Serializer::MsgPack; 2], &numbers(LARGE))?,
            Burst::LargeTranscoding => {
                large(address, until, [Serializer::Json, Serializer::Cbor], &json_numbers(LARGE))?
            }
        };
        Ok(Record { completed, ..Record::besides(self.name(), began.elapsed()) })
    }
}

/// One session, which blocks.
pub(super) struct Session {
    opening: Opening,
    serializer: Serializer,
    request: RequestId,
}

impl Session {
    pub(super) fn join(address: SocketAddr, serializer: Serializer) -> Result<Self> {
        let opening = Opening::connect(address, "", Wire { serializer, ..Wire::RAWSOCKET_MSGPACK })?;
        let mut session = Session { opening, serializer, request: RequestId::FIRST };
        let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
        let hello = Hello { realm: Some(REALM.into()), details };
        session.opening.send(|out| hello.encode(serializer, out))?;
        session.expect(MessageType::Welcome)?;
        Ok(session)
    }

    /// Subscribes to all of them in one write, and waits for the answers.
    fn subscribe(&mut self, topics: impl IntoIterator<Item = String>) -> Result<u64> {
        let Session { opening, serializer, request } = self;
        let before = request.value();
        opening.send_all(topics, |topic, out| {
            let options = SubscribeOptions::default();
            Subscribe { request: *request, options, topic: topic.into() }.encode(*serializer, out);
            *request = request.next();
        })?;
        let count = self.request.value() - before;
        for _ in 0..count {
            self.expect(MessageType::Subscribed)?;
        }
        Ok(count)
    }

    fn publish(&mut self, payload: Payload<'_>, to: &mut Vec<u8>) {
        let options = PublishOptions::default();
        Publish { request: self.request, options, topic: TOPIC.into(), payload }.encode(self.serializer, to);
        self.request = self.request.next();
    }

    fn expect(&mut self, expected: MessageType) -> Result<Vec<u8>> {
        let message = self.opening.receive().with_context(|| format!("no {expected:?} came"))?;
        if MessageType::peek(self.serializer, &message) != Some(expected) {
            bail!("expected {expected:?}, not {:?}", Message::decode(self.serializer, &message));
        }
        Ok(message)
    }
}

fn transcoding(address: SocketAddr, until: Instant) -> Result<u64> {
    let mut receivers = Vec::new();
    for _ in 0..RECEIVERS {
        let mut session = Session::join(address, Serializer::Cbor)?;
        session.subscribe([TOPIC.to_owned()])?;
        receivers.push((session, Reader::new(TRANSCODED)));
    }
    let mut publisher = Session::join(address, Serializer::Json)?;
    let mut stamped = Stamped::new(Serializer::Json, TRANSCODED)?;
    let mut sent = 0;
    while sent == 0 || Instant::now() < until {
        let stamps = sent..sent + TRANSCODED_AT_ONCE;
        let messages: Vec<Vec<u8>> = stamps
            .clone()
            .map(|sequence| {
                let mut message = Vec::new();
                publisher.publish(stamped.with(Stamp { source: 0, sequence }), &mut message);
                message
            })
            .collect();
        publisher.opening.send_all(messages, |message, out| out.extend_from_slice(&message))?;
        for (receiver, reader) in &mut receivers {
            for sequence in stamps.clone() {
                let event = receiver.expect(MessageType::Event)?;
                let stamp = reader.read(&event).context("an event is not what was published")?;
                ensure!(stamp.sequence == sequence, "event {} came instead of {sequence}", stamp.sequence);
            }
        }
        sent = stamps.end;
    }
    Ok(sent * RECEIVERS as u64)
}

fn subscribe(address: SocketAddr, until: Instant) -> Result<u64> {
    let mut session = Session::join(address, Serializer::MsgPack)?;
    let mut done = 0;
    while done == 0 || (done < SUBSCRIPTIONS && Instant::now() < until) {
        let topics = (done..done + SUBSCRIBES_AT_ONCE).map(|number| format!("{TOPIC}.device.{number}"));
        done += session.subscribe(topics)?;
    }
    Ok(done)
}

/// Publishes one large message again and again. Its end must come through as it is, of numbers in any serializer.
fn large(address: SocketAddr, until: Instant, [from, to]: [Serializer; 2], payload: &[u8]) -> Result<u64> {
    let mut subscriber = Session::join(address, to)?;
    subscriber.subscribe([TOPIC.to_owned()])?;
    let mut publisher = Session::join(address, from)?;
    let (mut done, mut length) = (0, None);
    while done == 0 || Instant::now() < until {
        let mut message = Vec::new();
        publisher.publish(Payload::from_validated(from, 1, payload), &mut message);
        publisher.opening.send(|out| out.append(&mut message))?;
        let event = subscriber.expect(MessageType::Event)?;
        let is_whole = match from == to {
            true => event.ends_with(payload),
            // Each number of JSON takes two bytes, of CBOR one.
            false => {
                event.len() > LARGE / 2 && event.iter().rev().take(LARGE / 2 - 64).all(|byte| *byte == 1)
            }
        };
        // The ids of a publication differ in their lengths.
        let is_alike = length.is_none_or(|length: usize| length.abs_diff(event.len()) <= 16);
        ensure!(is_whole && is_alike, "a large event of {} bytes is not what was published", event.len());
        (done, length) = (done + 1, Some(event.len()));
    }
    Ok(done)
}

/// A list with a text, in MessagePack.
fn text(bytes: usize) -> Vec<u8> {
    let mut payload = vec![0x91, 0xdb];
    payload.extend_from_slice(&length(bytes));
    payload.resize(payload.len() + bytes, b'x');
    payload
}

/// A list with a list of small numbers, in MessagePack.
fn numbers(bytes: usize) -> Vec<u8> {
    let mut payload = vec![0x91, 0xdd];
    payload.extend_from_slice(&length(bytes));
    payload.resize(payload.len() + bytes, 1);
    payload
}

/// The same in JSON, of as many bytes.
fn json_numbers(bytes: usize) -> Vec<u8> {
    let mut payload = b"[[1".to_vec();
    payload.extend(b",1".repeat(bytes / 2 - 1));
    payload.extend_from_slice(b"]]");
    payload
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use wamp::Value;

    use super::*;

    fn args(serializer: Serializer, payload: &[u8]) -> Vec<Value> {
        let (args, kwargs) = Payload::from_validated(serializer, 1, payload).to_values().unwrap();
        assert!(kwargs.is_empty());
        args
    }

    #[test]
    fn a_burst_is_found_by_its_name() {
        for burst in Burst::ALL {
            assert_eq!(Burst::named(burst.name()), Some(burst));
        }
        assert_eq!(Burst::named("pubsub 1x1"), None);
    }

    #[test]
    fn large_payloads_are_what_they_say() {
        assert_eq!(args(Serializer::MsgPack, &text(100)), [Value::from("x".repeat(100).as_str())]);
        let ones = [Value::List(vec![1_u64.into(); 100])];
        assert_eq!(args(Serializer::MsgPack, &numbers(100)), ones);
        assert_eq!(args(Serializer::Json, &json_numbers(200)), ones);
    }
}
