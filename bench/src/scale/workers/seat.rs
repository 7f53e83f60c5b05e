//! A session without a socket: what it sends is ready-made, what it is sent is looked through and thrown away.

use std::io::IoSlice;
use std::sync::Arc;
use std::task::Waker;

use anyhow::{Context, Result, bail, ensure};
use listeners::{clock, in_turn, transport_here};
use router::{ChannelType, Flow, Format, Link, Output, Router, Turn};
use transport::Framing;
use wamp::message::{
    Call, CallOptions, Hello, HelloDetails, Message, MessageType, Publish, PublishOptions, Register,
    RegisterOptions, ResultDetails, Subscribe, SubscribeOptions, Yield,
};
use wamp::role::ClientRoles;
use wamp::{RequestId, Serializer};

use super::super::REALM;
use super::SIDE;
use crate::stamp::{Stamp, Stamped};

const FORMAT: Format = Format { serializer: Serializer::MsgPack, framing: Framing::RawSocket };
const TOPIC: &str = "org.cloverleaf.bench.workers.topic";
/// The size of the one text argument, in bytes.
const PAYLOAD: usize = 32;
/// How many publications are read at once.
const BATCH: usize = 16;
/// Open calls of each caller.
const DEPTH: usize = 64;
/// Takes nine bytes, as every request id may.
const PLACEHOLDER: u64 = 1 << 40;
/// How many pieces are looked through at once.
const SLICES_MAX: usize = 64;
/// The length of a RawSocket frame's header.
const HEADER: usize = 4;

/// What a session takes part as.
pub(super) enum Part {
    Subscriber,
    Publisher(Template),
    /// What it answers, and the invocations that it hasn't answered yet.
    Callee {
        answer: Template,
        number: usize,
        invocations: Vec<u64>,
    },
    /// A call of each procedure, and how many calls it doesn't keep open yet.
    Caller {
        calls: Vec<Template>,
        missing: usize,
    },
}

impl Part {
    pub(super) fn subscriber(_: usize) -> Self {
        Part::Subscriber
    }

    pub(super) fn publisher(_: usize) -> Self {
        Part::Publisher(Template::new(|request, stamped, out| {
            let payload = stamped.with(Stamp { source: 0, sequence: 0 });
            let options = PublishOptions::default();
            Publish { request, options, topic: TOPIC.into(), payload }.encode(FORMAT.serializer, out);
        }))
    }

    pub(super) fn callee(number: usize) -> Self {
        let answer = Template::new(|request, stamped, out| {
            let payload = stamped.with(Stamp { source: 0, sequence: 0 });
            Yield { request, options: ResultDetails::default(), payload }.encode(FORMAT.serializer, out);
        });
        Part::Callee { answer, number, invocations: Vec::new() }
    }

    pub(super) fn caller(_: usize) -> Self {
        let call = |number| {
            Template::new(|request, stamped, out| {
                let payload = stamped.with(Stamp { source: 0, sequence: 0 });
                let (options, procedure) = (CallOptions::default(), procedure(number).into());
                Call { request, options, procedure, payload }.encode(FORMAT.serializer, out);
            })
        };
        Part::Caller { calls: (0..SIDE).map(call).collect(), missing: DEPTH }
    }
}

fn procedure(number: usize) -> String {
    format!("org.cloverleaf.bench.workers.procedure.{number}")
}

/// A message in which the request id can be changed.
pub(super) struct Template {
    message: Vec<u8>,
    /// Where its eight bytes are.
    at: usize,
}

impl Template {
    fn new(encode: impl FnOnce(RequestId, &mut Stamped, &mut Vec<u8>)) -> Self {
        let mut message = Vec::new();
        if let (Some(request), Ok(mut stamped)) =
            (RequestId::new(PLACEHOLDER), Stamped::new(FORMAT.serializer, PAYLOAD))
        {
            encode(request, &mut stamped, &mut message);
        }
        let id = PLACEHOLDER.to_be_bytes();
        let at = message.windows(id.len()).position(|bytes| bytes == id).unwrap_or_default();
        Template { message, at }
    }

    fn with(&mut self, request: u64) -> &[u8] {
        if let Some(id) = self.message.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut()) {
            *id = request.to_be_bytes();
        }
        &self.message
    }
}

/// See the module.
pub(super) struct Seat {
    link: Link,
    output: Output,
    part: Part,
    /// The last request of its own.
    request: u64,
}

impl Seat {
    /// Joins and takes its part. What is answered to that is taken out.
    pub(super) fn join(router: &Arc<Router>, part: Part) -> Result<Self> {
        let transport = transport_here(ChannelType::Memory, format!("process:{}", std::process::id()));
        let link = Link::new(router, FORMAT, usize::MAX, transport, clock::now());
        let mut seat = Seat { link, output: Output::new(), part, request: 0 };
        let details = HelloDetails { roles: ClientRoles::complete(), ..HelloDetails::default() };
        seat.say(Hello { realm: Some(REALM.into()), details }, MessageType::Welcome)?;
        let request = RequestId::FIRST;
        match seat.part {
            Part::Subscriber => {
                let options = SubscribeOptions::default();
                seat.say(Subscribe { request, options, topic: TOPIC.into() }, MessageType::Subscribed)?;
            }
            Part::Callee { number, .. } => {
                let (options, procedure) = (RegisterOptions::default(), procedure(number).into());
                seat.say(Register { request, options, procedure }, MessageType::Registered)?;
            }
            Part::Publisher(_) | Part::Caller { .. } => {}
        }
        Ok(seat)
    }

    fn say<'m>(&mut self, message: impl Into<Message<'m>>, expected: MessageType) -> Result<()> {
        let mut bytes = Vec::new();
        message.into().encode(FORMAT.serializer, &mut bytes);
        in_turn(|turn| proceed(self.link.receive(&bytes, turn)))?;
        let mut answers = 0;
        look_through(&mut self.link, &mut self.output, |message| {
            ensure!(
                MessageType::peek(FORMAT.serializer, message) == Some(expected),
                "expected {expected:?}, not {:?}",
                Message::decode(FORMAT.serializer, message)
            );
            answers += 1;
            Ok(())
        })?;
        ensure!(answers == 1, "{answers} messages came instead of one {expected:?}");
        Ok(())
    }

    /// Whether there is input of it to be routed; what ends what others began is, even if nothing more may be begun.
    pub(super) fn has_input(&self, may_begin: bool) -> bool {
        match &self.part {
            Part::Callee { invocations, .. } => !invocations.is_empty(),
            Part::Subscriber | Part::Publisher(_) | Part::Caller { .. } => may_begin && self.requests() > 0,
        }
    }

    /// How many publications or calls it begins with its next batch of input.
    pub(super) fn requests(&self) -> u64 {
        match &self.part {
            Part::Publisher(_) => BATCH as u64,
            Part::Caller { missing, .. } => *missing as u64,
            Part::Subscriber | Part::Callee { .. } => 0,
        }
    }

    /// What its connection would do with a readable socket: routes a batch of input in one turn.
    pub(super) fn route(&mut self) -> Result<()> {
        let Seat { link, part, request, .. } = self;
        let mut send = |message: &[u8], turn: &mut Turn<'_>| proceed(link.receive(message, turn));
        in_turn(|turn| {
            match part {
                Part::Subscriber => {}
                Part::Publisher(publish) => {
                    for _ in 0..BATCH {
                        *request += 1;
                        send(publish.with(*request), turn)?;
                    }
                }
                Part::Callee { answer, invocations, .. } => {
                    for invocation in invocations.drain(..) {
                        send(answer.with(invocation), turn)?;
                    }
                }
                Part::Caller { calls, missing } => {
                    for _ in 0..std::mem::take(missing) {
                        *request += 1;
                        let procedure = (*request % SIDE as u64) as usize;
                        let call = calls.get_mut(procedure).context("there is a procedure")?;
                        send(call.with(*request), turn)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// What its connection would do when it was woken: takes what others left. Answers how many events or results that
    /// were.
    pub(super) fn take(&mut self, waker: &Waker) -> Result<u64> {
        let Seat { link, output, part, .. } = self;
        in_turn(|turn| proceed(link.poll(waker, turn)))?;
        let mut completed = 0;
        look_through(link, output, |message| {
            match (MessageType::peek(FORMAT.serializer, message), &mut *part) {
                (Some(MessageType::Event), Part::Subscriber) => completed += 1,
                (Some(MessageType::Result), Part::Caller { missing, .. }) => {
                    completed += 1;
                    *missing += 1;
                }
                (Some(MessageType::Invocation), Part::Callee { invocations, .. }) => {
                    invocations.push(request_of(message).context("an INVOCATION without a request")?);
                }
                (found, _) => bail!("{found:?} came to somebody who doesn't expect it"),
            }
            Ok(())
        })?;
        Ok(completed)
    }
}

fn proceed(flow: Flow) -> Result<()> {
    match flow {
        Flow::Continue => Ok(()),
        Flow::Pause | Flow::Close { .. } => bail!("a session was told {flow:?}"),
    }
}

/// Takes what is queued as a socket would, and shows each message.
fn look_through(
    link: &mut Link,
    output: &mut Output,
    mut show: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    while !output.is_empty() || link.take_output(output) {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let filled = output.io_slices(&mut slices);
        let mut bytes = 0;
        for slice in slices.iter().take(filled) {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                let (message, behind) = split_frame(rest).context("a small frame comes in one piece")?;
                show(message)?;
                rest = behind;
            }
            bytes += slice.len();
        }
        output.advance(bytes);
        link.sent(bytes);
    }
    Ok(())
}

/// The message in the first RawSocket frame, and what is behind it.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([kind, length @ ..], rest) = bytes.split_first_chunk::<HEADER>()?;
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if *kind == 0 { rest.split_at_checked(length) } else { None }
}

/// The request id of an INVOCATION: its third element, behind the heads of the list and of a message type below 128.
fn request_of(message: &[u8]) -> Option<u64> {
    let (marker, rest) = message.get(2..)?.split_first()?;
    let of = |width: usize| Some(rest.get(..width)?.iter().fold(0, |id, byte| id << 8 | u64::from(*byte)));
    match marker {
        0..=0x7f => Some(u64::from(*marker)),
        0xcc => of(1),
        0xcd => of(2),
        0xce => of(4),
        0xcf => of(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use wamp::message::Invocation;
    use wamp::{Payload, RegistrationId};

    use super::*;

    #[test]
    fn a_template_is_a_message_with_any_request_id() {
        let Part::Publisher(mut publish) = Part::publisher(0) else { unreachable!("it is a publisher") };
        for request in [1, 300, 1 << 50] {
            let Ok(Message::Publish(read)) = Message::decode(FORMAT.serializer, publish.with(request)) else {
                panic!("it is a PUBLISH");
            };
            assert_eq!((read.request.value(), &*read.topic), (request, TOPIC));
        }
    }

    #[test]
    fn an_invocations_request_is_found_whatever_its_length() {
        for number in [1, 127, 128, 255, 256, 65_536, 1 << 33] {
            let invocation = Invocation {
                request: RequestId::new(number).unwrap(),
                registration: RegistrationId::new(7).unwrap(),
                details: Default::default(),
                payload: Payload::EMPTY,
            };
            let mut message = Vec::new();
            invocation.encode(FORMAT.serializer, &mut message);
            assert_eq!(request_of(&message), Some(number));
        }
    }

    #[test]
    fn frames_are_told_apart() {
        let frames = [0, 0, 0, 2, 8, 9, 0, 0, 0, 0];
        let (first, rest) = split_frame(&frames).unwrap();
        assert_eq!(first, [8, 9]);
        assert_eq!(split_frame(rest), Some((&[][..], &[][..])));
        assert_eq!(split_frame(&frames[..5]), None);
        assert_eq!(split_frame(&[1, 0, 0, 0]), None);
    }
}
