//! CALL to INVOCATION to YIELD to RESULT.

use anyhow::{Context, Result, ensure};
use router::{Router, RouterConfig};
use wamp::RequestId;
use wamp::message::{Call, CallOptions, Message, Register, RegisterOptions, ResultDetails, Yield};

use crate::client;
use crate::end::{End, Thread};
use crate::path::{Path, Wire};

const PROCEDURE: &str = "com.example.procedure";

pub(crate) struct Rpc {
    thread: Thread,
    caller: End,
    callee: End,
    /// What the caller sends and what the callee answers, read by read. It stays until the end, so that no run frees more
    /// of it than another.
    reads: Vec<(Vec<u8>, Vec<u8>)>,
    next: usize,
    from: Wire,
    to: Wire,
    payload: usize,
    burst: usize,
    routed: usize,
}

impl Rpc {
    pub(crate) fn prepare(path: &Path, messages: usize) -> Result<Self> {
        let router = Router::new(RouterConfig::default())?;
        let mut thread = Thread::new();
        let caller = End::join(&router, path.from, &mut thread)?;
        let mut callee = End::join(&router, path.to, &mut thread)?;
        let (request, options) = (RequestId::FIRST, RegisterOptions::default());
        callee.take(&mut thread, Register { request, options, procedure: PROCEDURE.into() })?;
        let reads = reads(path, messages);
        let Path { from, to, payload, burst, .. } = *path;
        Ok(Rpc { thread, caller, callee, reads, next: 0, from, to, payload, burst, routed: 0 })
    }

    pub(crate) fn burst(&mut self) -> Result<()> {
        let (calls, yields) = self.reads.get(self.next).context("all that was prepared is routed")?;
        self.next += 1;
        self.caller.read(&mut self.thread, calls)?;
        self.callee.wake_up(&mut self.thread)?;
        self.callee.read(&mut self.thread, yields)?;
        self.caller.wake_up(&mut self.thread)?;
        self.routed += self.burst;
        Ok(())
    }

    pub(crate) fn check(mut self) -> Result<()> {
        for end in [&mut self.caller, &mut self.callee] {
            ensure!(end.sent() >= self.routed * self.payload, "a session got less than all");
            end.keep();
        }
        self.burst()?;
        let (mut results, mut invocations) = (self.caller.kept(), self.callee.kept());
        client::check(self.from, &mut results, self.burst, self.payload, |message| match message {
            Message::Result(result) => Some(result.payload),
            _ => None,
        })?;
        client::check(self.to, &mut invocations, self.burst, self.payload, |message| match message {
            Message::Invocation(invocation) => Some(invocation.payload),
            _ => None,
        })
    }
}

fn reads(path: &Path, messages: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let (caller, callee) = (path.from.serializer, path.to.serializer);
    let (asked, answered) = (client::elements(caller, path.payload), client::elements(callee, path.payload));
    // Both count from the first, each in its session.
    let mut request = RequestId::FIRST;
    let mut read = || {
        let (mut calls, mut yields) = (Vec::new(), Vec::new());
        for _ in 0..path.burst {
            let (options, payload) = (CallOptions::default(), client::payload(caller, &asked));
            let call = Call { request, options, procedure: PROCEDURE.into(), payload };
            client::frame(path.from, call, &mut calls);
            let (options, payload) = (ResultDetails::default(), client::payload(callee, &answered));
            client::frame(path.to, Yield { request, options, payload }, &mut yields);
            request = request.next();
        }
        (calls, yields)
    };
    (0..messages / path.burst).map(|_| read()).collect()
}
