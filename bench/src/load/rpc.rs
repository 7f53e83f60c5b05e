//! Callers and callees. Each caller keeps a number of calls open and goes round all procedures; each callee answers a
//! call with its own arguments.
//!
//! Payloads are passed on as slices and never decoded; a result must bring back the stamp of its own call.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mio::event::Event;
use mio::{Interest, Registry, Token};
use wamp::message::{Call, CallOptions, Message, ResultDetails, Yield};
use wamp::{Payload, RequestId, Serializer};

use super::Load;
use super::calls::Calls;
use super::pubsub::ensure_open;
use crate::case::Case;
use crate::connection::{Connection, Scratch};
use crate::join::{Part, join, leave};
use crate::latency::{Histogram, Percentiles};
use crate::stamp::{Reader, Stamp, Stamped};
use crate::target::Target;

/// The sessions of one run, callees first: their index is their token.
pub(crate) struct Rpc {
    target: Target,
    serializer: Serializer,
    depth: usize,
    procedures: Vec<String>,
    callees: Vec<Connection>,
    callers: Vec<Caller>,
    stamped: Stamped,
    completed: u64,
    latency: Histogram,
}

struct Caller {
    connection: Connection,
    calls: Calls,
    reader: Reader,
}

impl Rpc {
    /// Lets all sessions join. `run` sets the procedures apart from those of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        (callers, callees): (usize, usize),
        depth: usize,
        run: u32,
    ) -> Result<Self> {
        let procedures: Vec<String> =
            (0..callees).map(|callee| format!("org.cloverleaf.bench.{run:08x}.procedure.{callee}")).collect();
        let callee =
            |procedure: &String| join(target, case.wire, Part::Callee(procedure)).context("a callee");
        let caller = |_| {
            let connection = join(target, case.wire, Part::Caller).context("a caller")?;
            Ok(Caller { connection, calls: Calls::new(), reader: Reader::new(case.payload) })
        };
        Ok(Self {
            callees: procedures.iter().map(callee).collect::<Result<_>>()?,
            callers: (0..callers).map(caller).collect::<Result<_>>()?,
            target: target.clone(),
            serializer: case.wire.serializer,
            depth,
            procedures,
            stamped: Stamped::new(case.wire.serializer, case.payload)?,
            completed: 0,
            latency: Histogram::new(),
        })
    }

    /// Lets all sessions leave.
    pub(crate) fn leave(self) {
        for connection in self.callees.into_iter().chain(self.callers.into_iter().map(|c| c.connection)) {
            leave(connection, &self.target, self.serializer);
        }
    }

    fn answer(&mut self, callee: usize, scratch: &mut Scratch) -> Result<()> {
        let serializer = self.serializer;
        let Some(connection) = self.callees.get_mut(callee) else { return Ok(()) };
        let peer = connection.receive(scratch, |bytes, outbox| {
            let message = Message::decode(serializer, bytes)?;
            let Some((request, payload)) = called(&message) else { bail!("a callee got {message:?}") };
            let answer = Yield { request, options: ResultDetails::default(), payload };
            outbox.message(|out| answer.encode(serializer, out));
            Ok(())
        })?;
        connection.flush()?;
        ensure_open(peer, "callee")
    }

    fn receive(&mut self, index: usize, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Self { callers, serializer, completed, latency, .. } = self;
        let Some(Caller { connection, calls, reader }) = callers.get_mut(index) else { return Ok(()) };
        let peer = connection.receive(scratch, |bytes, _| {
            let message = Message::decode(*serializer, bytes)?;
            let Some((request, payload)) = answered(&message) else { bail!("a caller got {message:?}") };
            let made = calls.finish(request)?;
            let stamp = reader.read(payload.bytes()).context("a result is not what was called with")?;
            ensure!(
                stamp == stamp_of(index, request)?,
                "request {request} of caller {index} got the result of another call: {stamp:?}"
            );
            latency.record(now.duration_since(made));
            *completed += 1;
            Ok(())
        })?;
        connection.flush()?;
        ensure_open(peer, "caller")
    }

    fn call(&mut self, index: usize, now: Instant) -> Result<()> {
        while self.callers.get(index).is_some_and(|caller| caller.calls.open() < self.depth) {
            self.begin(index, now)?;
        }
        self.flush(index)
    }

    /// Has a caller make one more call, which counts as made at `made`; the next flush writes it.
    pub(super) fn begin(&mut self, index: usize, made: Instant) -> Result<()> {
        let Some(Caller { connection, calls, .. }) = self.callers.get_mut(index) else { return Ok(()) };
        let request = calls.begin(made).context("request ids are used up")?;
        let turn = index as u64 + request.value() - 1;
        let procedure = usize::try_from(turn % self.procedures.len() as u64)?;
        let procedure = self.procedures.get(procedure).context("there is a procedure")?;
        let call = Call {
            request,
            options: CallOptions::default(),
            procedure: procedure.as_str().into(),
            payload: self.stamped.with(stamp_of(index, request)?),
        };
        connection.outbox.message(|out| call.encode(self.serializer, out));
        Ok(())
    }

    /// Writes what a caller has to say.
    pub(super) fn flush(&mut self, index: usize) -> Result<()> {
        let Some(Caller { connection, .. }) = self.callers.get_mut(index) else { return Ok(()) };
        Ok(connection.flush()?)
    }

    /// How long calls took so far.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        self.latency.percentiles()
    }
}

fn stamp_of(caller: usize, request: RequestId) -> Result<Stamp> {
    Ok(Stamp { source: u16::try_from(caller)?, sequence: request.value() })
}

/// What a callee is to answer: a router's INVOCATION, or the CALL as the relay passes it on.
fn called<'a>(message: &Message<'a>) -> Option<(RequestId, Payload<'a>)> {
    match message {
        Message::Invocation(invocation) => Some((invocation.request, invocation.payload)),
        Message::Call(call) => Some((call.request, call.payload)),
        _ => None,
    }
}

/// What a caller gets back: a router's RESULT, or the YIELD as the relay passes it on.
fn answered<'a>(message: &Message<'a>) -> Option<(RequestId, Payload<'a>)> {
    match message {
        Message::Result(result) => Some((result.request, result.payload)),
        Message::Yield(answer) => Some((answer.request, answer.payload)),
        _ => None,
    }
}

impl Load for Rpc {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        let callers = self.callers.iter_mut().map(|caller| &mut caller.connection);
        for (index, connection) in self.callees.iter_mut().chain(callers).enumerate() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut connection.stream, Token(index), interest)?;
        }
        Ok(())
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Token(token) = event.token();
        match token.checked_sub(self.callees.len()) {
            None => self.answer(token, scratch),
            Some(caller) => self.receive(caller, scratch, now),
        }
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        for index in 0..self.callers.len() {
            let is_due = self.callers.get(index).is_some_and(|caller| {
                caller.connection.outbox.is_empty() && caller.calls.open() < self.depth
            });
            if is_due {
                self.call(index, now)?;
            }
        }
        Ok(())
    }

    fn completed(&self) -> u64 {
        self.completed
    }

    fn outstanding(&self) -> u64 {
        let open: usize = self.callers.iter().map(|caller| caller.calls.open()).sum();
        open as u64
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        Some(&mut self.latency)
    }
}
