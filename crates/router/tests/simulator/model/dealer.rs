//! Registrations, calls, invocations.

use wamp::message::{CancelMode, InvocationPolicy};
use wamp::value::Dict;
use wamp::{MatchPolicy, Value};

use super::{Act, Model, flag, list, options, with_args};
use crate::run::QUEUE_MAX;
use crate::step::{Calling, Registering};

const CANCELED: &str = "wamp.error.canceled";
const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
const UNAVAILABLE: &str = "wamp.error.unavailable";

#[derive(Debug)]
pub(super) struct Registration {
    uri: &'static str,
    policy: MatchPolicy,
    invoke: InvocationPolicy,
    live: bool,
    callees: Vec<Callee>,
    /// The place behind that of the callee that was last in the round.
    round: usize,
    places: usize,
    queue: Vec<Waiting>,
}

#[derive(Debug, Clone)]
struct Callee {
    client: usize,
    /// Its number among all that ever registered.
    place: usize,
    options: Registering,
}

/// A call, or one more part of one, that waits for a callee.
#[derive(Debug, Clone)]
struct Waiting {
    call: usize,
    args: Vec<Value>,
    progress: bool,
}

#[derive(Debug)]
pub(super) struct Call {
    caller: usize,
    request: u64,
    registration: usize,
    procedure: &'static str,
    options: Calling,
    args: Vec<Value>,
    pending: bool,
    /// More parts follow.
    open: bool,
    progressed: bool,
    killing: bool,
    may_reroute: bool,
    tried: Vec<usize>,
    invocation: Option<usize>,
    /// When its timeout ends, if nobody else sees to that.
    deadline: Option<u64>,
    due: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Invocation {
    client: usize,
    /// One of how many of this client.
    number: usize,
    call: usize,
    callee: Callee,
    /// The callee has not answered.
    running: bool,
    /// Nobody waits for the answer.
    abandoned: bool,
}

enum Refused {
    Busy,
    Gone,
    Unsupported,
}

/// What a script may still refer to: the last so many of them.
const RECENT: usize = 8;

impl Model {
    pub(crate) fn progressive_calls(&self) -> Vec<usize> {
        let sent = |call: &usize| {
            let call = &self.calls[*call];
            // One that has ended may be continued too; one that is pending only while it is open.
            call.options.progress && self.sessions[call.caller].open && (call.open || !call.pending)
        };
        (0..self.calls.len()).rev().take(RECENT).filter(sent).collect()
    }

    pub(crate) fn recent_calls(&self) -> Vec<usize> {
        let open = |call: &usize| self.sessions[self.calls[*call].caller].open;
        (0..self.calls.len()).rev().take(RECENT).filter(open).collect()
    }

    pub(crate) fn recent_invocations(&self) -> Vec<usize> {
        let open = |invocation: &usize| self.sessions[self.invocations[*invocation].client].open;
        let all = (0..self.invocations.len()).rev().filter(open);
        // Mostly such as still want an answer.
        let (running, ended): (Vec<_>, Vec<_>) = all.partition(|index| self.invocations[*index].running);
        running.into_iter().take(2 * RECENT).chain(ended.into_iter().take(1)).collect()
    }

    pub(super) fn register(
        &mut self,
        client: usize,
        uri: &'static str,
        policy: MatchPolicy,
        asked: Registering,
    ) -> Act {
        let request = self.request(client);
        let found =
            self.registrations.iter().position(|one| one.live && one.uri == uri && one.policy == policy);
        let conflict = found.is_some_and(|index| {
            let invoke = self.registrations[index].invoke;
            !asked.force && (invoke == InvocationPolicy::Single || invoke != asked.invoke)
        });
        if conflict {
            self.refuse(client, 64, request, "wamp.error.procedure_already_exists");
        } else {
            let replaced = found.filter(|_| asked.force);
            let index =
                found.filter(|_| !asked.force).unwrap_or_else(|| self.new_registration(uri, policy, asked));
            self.send(client, list([65u64.into(), request.into(), format!("$r.{index}").into()]));
            let registration = &mut self.registrations[index];
            if !registration.callees.iter().any(|callee| callee.client == client) {
                registration.callees.push(Callee { client, place: registration.places, options: asked });
                registration.places += 1;
            }
            if let Some(replaced) = replaced {
                self.replace(replaced);
            }
            self.drain_all();
        }
        let options = options([
            ("match", Some(policy.name().into())),
            ("invoke", Some(asked.invoke.name().into())),
            ("concurrency", asked.concurrency.map(Value::from)),
            ("force_reregister", flag(asked.force)),
            ("disclose_caller", flag(asked.disclose_caller)),
            ("forward_timeout", flag(asked.forward_timeout)),
        ]);
        Act::Send(client, list([64u64.into(), request.into(), options, uri.into()]))
    }

    fn new_registration(&mut self, uri: &'static str, policy: MatchPolicy, asked: Registering) -> usize {
        self.registrations.push(Registration {
            uri,
            policy,
            invoke: asked.invoke,
            live: true,
            callees: Vec::new(),
            round: 0,
            places: 0,
            queue: Vec::new(),
        });
        self.registrations.len() - 1
    }

    fn replace(&mut self, index: usize) {
        self.rank += 1;
        for callee in std::mem::take(&mut self.registrations[index].callees) {
            if self.sessions[callee.client].full {
                let details = options([
                    ("registration", Some(format!("$r.{index}").into())),
                    ("reason", Some("wamp.error.unregistered".into())),
                ]);
                self.send_alike(callee.client, list([67u64.into(), 0u64.into(), details]));
            }
        }
        self.delete(index);
    }

    /// Those who wait for a registration that is no more are told so.
    fn delete(&mut self, index: usize) {
        self.registrations[index].live = false;
        for waiting in std::mem::take(&mut self.registrations[index].queue) {
            self.end(waiting.call, CANCELED);
        }
    }

    /// Also of a registration that the client doesn't hold.
    pub(super) fn unregister(&mut self, client: usize, index: usize) -> Act {
        let request = self.request(client);
        let held = self
            .registrations
            .get(index)
            .is_some_and(|registration| registration.callees.iter().any(|callee| callee.client == client));
        if held {
            self.send(client, list([67u64.into(), request.into()]));
            self.leave_registration(client, index);
            self.drain_all();
        } else {
            self.refuse(client, 66, request, "wamp.error.no_such_registration");
        }
        let name =
            if index < self.registrations.len() { format!("$r.{index}").into() } else { Value::from(1u64) };
        Act::Send(client, list([66u64.into(), request.into(), name]))
    }

    fn leave_registration(&mut self, client: usize, index: usize) {
        let registration = &mut self.registrations[index];
        let before = registration.callees.len();
        registration.callees.retain(|callee| callee.client != client);
        if before > 0 && registration.callees.is_empty() {
            self.delete(index);
        }
    }

    pub(super) fn call(
        &mut self,
        client: usize,
        procedure: &'static str,
        mut asked: Calling,
        args: &[Value],
    ) -> Act {
        let request = self.request(client);
        // Of two timeouts at the same moment either may come first.
        while asked.timeout.is_some_and(|timeout| {
            timeout > 0 && self.calls.iter().any(|call| call.pending && call.due == Some(self.now + timeout))
        }) {
            asked.timeout = asked.timeout.map(|timeout| timeout + 1);
        }
        match self.best(procedure) {
            None => self.refuse(client, 48, request, NO_SUCH_PROCEDURE),
            Some(registration) => {
                let callees = &self.registrations[registration].callees;
                let reroutable = callees.iter().any(|callee| self.sessions[callee.client].full);
                let due = asked.timeout.filter(|timeout| *timeout > 0).map(|timeout| self.now + timeout);
                self.calls.push(Call {
                    caller: client,
                    request,
                    registration,
                    procedure,
                    options: asked,
                    args: args.to_vec(),
                    pending: true,
                    open: asked.progress,
                    progressed: false,
                    killing: false,
                    may_reroute: callees.len() > 1 && reroutable && !asked.progress,
                    tried: Vec::new(),
                    invocation: None,
                    deadline: due,
                    due,
                });
                self.place(self.calls.len() - 1);
            }
        }
        let options = options([
            ("receive_progress", flag(asked.receive_progress)),
            ("progress", flag(asked.progress)),
            ("disclose_me", flag(asked.disclose_me)),
            ("timeout", asked.timeout.map(Value::from)),
        ]);
        Act::Send(client, with_args([48u64.into(), request.into(), options, procedure.into()], args))
    }

    /// Exact, else the longest prefix, else the wildcard with the longest literal parts from the left.
    fn best(&self, procedure: &str) -> Option<usize> {
        let live = (0..self.registrations.len()).filter(|index| {
            let registration = &self.registrations[*index];
            registration.live && registration.policy.matches(registration.uri, procedure)
        });
        live.max_by_key(|index| {
            let registration = &self.registrations[*index];
            match registration.policy {
                MatchPolicy::Exact => (2, 0, Vec::new()),
                MatchPolicy::Prefix => (1, registration.uri.len(), Vec::new()),
                MatchPolicy::Wildcard => {
                    (0, 0, registration.uri.split('.').map(|part| !part.is_empty()).collect())
                }
            }
        })
    }

    /// A new call gets a callee, waits, or fails.
    fn place(&mut self, call: usize) {
        let registration = self.calls[call].registration;
        let (args, progress) = (self.calls[call].args.clone(), self.calls[call].options.progress);
        if self.registrations[registration].queue.is_empty() {
            match self.assign(call, None) {
                Ok(()) => return,
                Err(Refused::Busy) => {}
                Err(refused) => return self.fail(call, &refused),
            }
        }
        self.wait_in_queue(Waiting { call, args, progress });
    }

    fn wait_in_queue(&mut self, waiting: Waiting) {
        let call = waiting.call;
        let queue = &mut self.registrations[self.calls[call].registration].queue;
        if queue.len() < QUEUE_MAX {
            queue.push(waiting);
        } else {
            self.end(call, UNAVAILABLE);
        }
        self.drain_all();
    }

    fn fail(&mut self, call: usize, refused: &Refused) {
        let error = match refused {
            Refused::Busy => UNAVAILABLE,
            Refused::Gone => NO_SUCH_PROCEDURE,
            Refused::Unsupported => "wamp.error.feature_not_supported",
        };
        self.end(call, error);
    }

    /// Asks the callees in the order of the policy; `after`: from the one behind this place on, in a re-route.
    fn assign(&mut self, call: usize, after: Option<usize>) -> Result<(), Refused> {
        let index = self.calls[call].registration;
        let mut order = self.registrations[index].callees.clone();
        match self.registrations[index].invoke {
            InvocationPolicy::Last => order.reverse(),
            InvocationPolicy::RoundRobin if !order.is_empty() => {
                let begin = after.map_or(self.registrations[index].round, |place| place + 1);
                let first = order.iter().position(|callee| callee.place >= begin).unwrap_or(0);
                order.rotate_left(first);
                if after.is_none() {
                    self.registrations[index].round = order[0].place + 1;
                }
            }
            _ => {}
        }
        let mut why = Refused::Gone;
        for callee in order {
            if self.calls[call].tried.contains(&callee.place) {
                continue;
            }
            if self.calls[call].options.progress && !self.sessions[callee.client].full {
                if matches!(why, Refused::Gone) {
                    why = Refused::Unsupported;
                }
                continue;
            }
            let working = self.invocations.iter().filter(|invocation| {
                let same = self.calls[invocation.call].registration == index;
                invocation.running && same && invocation.callee.place == callee.place
            });
            if callee.options.concurrency.is_some_and(|limit| working.count() as u64 >= limit) {
                why = Refused::Busy;
                continue;
            }
            self.invoke(call, callee);
            return Ok(());
        }
        Err(why)
    }

    fn invoke(&mut self, call: usize, callee: Callee) {
        let client = callee.client;
        let number = self.invocations.iter().filter(|invocation| invocation.client == client).count() + 1;
        if self.minds_timeouts(&callee) {
            self.calls[call].deadline = None;
        }
        self.invocations.push(Invocation { client, number, call, callee, running: true, abandoned: false });
        let invocation = self.invocations.len() - 1;
        self.calls[call].invocation = Some(invocation);
        let (args, progress) = (self.calls[call].args.clone(), self.calls[call].options.progress);
        self.send_part(invocation, &args, progress);
    }

    fn minds_timeouts(&self, callee: &Callee) -> bool {
        callee.options.forward_timeout && self.sessions[callee.client].full
    }

    /// An INVOCATION.
    fn send_part(&mut self, invocation: usize, args: &[Value], progress: bool) {
        let Invocation { client, number, call, callee, .. } = &self.invocations[invocation];
        let call = &self.calls[*call];
        let mut details = Dict::new();
        if self.registrations[call.registration].policy != MatchPolicy::Exact {
            details.insert("procedure", call.procedure);
        }
        if call.options.receive_progress && self.sessions[*client].full {
            details.insert("receive_progress", true);
        }
        if progress {
            details.insert("progress", true);
        }
        if let Some(timeout) =
            call.options.timeout.filter(|timeout| *timeout > 0 && self.minds_timeouts(callee))
        {
            details.insert("timeout", timeout);
        }
        if call.options.disclose_me || callee.options.disclose_caller {
            self.disclose(&mut details, "caller", call.caller);
        }
        let (name, registration) = (format!("$i{client}.{number}"), format!("$r.{}", call.registration));
        let client = *client;
        let head = [68u64.into(), name.into(), registration.into(), Value::Map(details)];
        self.send(client, with_args(head, args));
    }

    pub(super) fn continue_call(&mut self, index: usize, last: bool, args: &[Value]) -> Act {
        let call = &mut self.calls[index];
        let (client, request, procedure) = (call.caller, call.request, call.procedure);
        if call.pending {
            call.open = !last;
            call.progressed = true;
            match call.invocation {
                Some(invocation) => self.send_part(invocation, args, !last),
                None => self.wait_in_queue(Waiting { call: index, args: args.to_vec(), progress: !last }),
            }
        }
        let options = options([("progress", flag(!last))]);
        Act::Send(client, with_args([48u64.into(), request.into(), options, procedure.into()], args))
    }

    /// The call ends with an error of the router.
    fn end(&mut self, call: usize, error: &str) {
        if !std::mem::replace(&mut self.calls[call].pending, false) {
            return;
        }
        let (caller, request) = (self.calls[call].caller, self.calls[call].request);
        self.refuse(caller, 48, request, error);
        self.registrations[self.calls[call].registration].queue.retain(|waiting| waiting.call != call);
    }

    /// Nobody waits for the call any more: its callee is told, if it can be.
    fn abandon(&mut self, call: usize, mode: CancelMode, reason: &str) {
        let Some(index) = self.calls[call].invocation else { return };
        let invocation = &mut self.invocations[index];
        if !invocation.running || invocation.abandoned {
            return;
        }
        invocation.abandoned = true;
        if mode != CancelMode::Skip {
            self.interrupt(index, mode, reason);
        }
    }

    fn interrupt(&mut self, invocation: usize, mode: CancelMode, reason: &str) {
        let Invocation { client, number, .. } = &self.invocations[invocation];
        let (client, name) = (*client, format!("$i{client}.{number}"));
        if self.sessions[client].full {
            let options = options([("mode", Some(mode.name().into())), ("reason", Some(reason.into()))]);
            self.send(client, list([69u64.into(), name.into(), options]));
        }
    }

    pub(super) fn cancel(&mut self, index: usize, mode: Option<CancelMode>) -> Act {
        let call = &self.calls[index];
        let (client, request) = (call.caller, call.request);
        let kills = mode == Some(CancelMode::Kill);
        if call.pending {
            let working =
                call.invocation.filter(|invocation| self.sessions[self.invocations[*invocation].client].full);
            match working {
                Some(invocation) if kills => {
                    if !std::mem::replace(&mut self.calls[index].killing, true) {
                        self.interrupt(invocation, CancelMode::Kill, CANCELED);
                    }
                }
                _ => {
                    self.end(index, CANCELED);
                    self.abandon(index, mode.unwrap_or(CancelMode::KillNoWait), CANCELED);
                    self.drain_all();
                }
            }
        }
        let options = options([("mode", mode.map(|mode| mode.name().into()))]);
        Act::Send(client, list([49u64.into(), request.into(), options]))
    }

    pub(super) fn yielded(&mut self, index: usize, progress: bool, args: &[Value]) -> Act {
        let Invocation { client, number, call, running, abandoned, .. } = self.invocations[index];
        let (caller, request) = (self.calls[call].caller, self.calls[call].request);
        let waits = running && !abandoned && self.calls[call].pending;
        if progress {
            if waits && self.calls[call].options.receive_progress {
                let now = self.now;
                let call = &mut self.calls[call];
                call.progressed = true;
                if let (Some(_), Some(timeout)) = (call.deadline, call.options.timeout) {
                    call.deadline = Some(now + timeout);
                    call.due = call.deadline;
                }
                let details = options([("progress", flag(true))]);
                self.send(caller, with_args([50u64.into(), request.into(), details], args));
            }
        } else if running {
            self.invocations[index].running = false;
            if waits {
                self.calls[call].pending = false;
                self.send(caller, with_args([50u64.into(), request.into(), options([])], args));
            }
            self.drain_all();
        }
        let options = options([("progress", flag(progress))]);
        Act::Send(client, with_args([70u64.into(), format!("$i{client}.{number}").into(), options], args))
    }

    pub(super) fn failed(&mut self, index: usize, error: &str) -> Act {
        let Invocation { client, number, call, running, abandoned, .. } = self.invocations[index];
        if running {
            self.invocations[index].running = false;
            let place = self.invocations[index].callee.place;
            let full = self.sessions[client].full;
            let state = &self.calls[call];
            if !abandoned && state.pending {
                let reroutes = error == UNAVAILABLE && full;
                if reroutes && !state.options.progress && !state.killing && !state.progressed {
                    self.reroute(call, place);
                } else {
                    self.calls[call].pending = false;
                    let (caller, request) = (self.calls[call].caller, self.calls[call].request);
                    let message = [8u64.into(), 48u64.into(), request.into(), options([]), error.into()];
                    self.send(caller, list(message));
                }
            }
            self.drain_all();
        }
        let name = format!("$i{client}.{number}");
        Act::Send(client, list([8u64.into(), 68u64.into(), name.into(), options([]), error.into()]))
    }

    fn reroute(&mut self, index: usize, place: usize) {
        let call = &mut self.calls[index];
        call.invocation = None;
        call.tried.push(place);
        call.deadline = call.due;
        if !call.may_reroute || self.assign(index, Some(place)).is_err() {
            self.end(index, "wamp.error.no_available_callee");
        }
    }

    /// Whoever waits for a callee gets one, if there is one, in order.
    fn drain_all(&mut self) {
        for index in 0..self.registrations.len() {
            let mut failed = Vec::new();
            while let Some(first) = self.registrations[index].queue.first().cloned() {
                let assigned = self.assign(first.call, None);
                if matches!(assigned, Err(Refused::Busy)) {
                    break;
                }
                let queue = &mut self.registrations[index].queue;
                let parts: Vec<Waiting> =
                    queue.iter().filter(|waiting| waiting.call == first.call).skip(1).cloned().collect();
                queue.retain(|waiting| waiting.call != first.call);
                match (assigned, self.calls[first.call].invocation) {
                    (Ok(()), Some(invocation)) => {
                        for part in parts {
                            self.send_part(invocation, &part.args, part.progress);
                        }
                    }
                    (Err(refused), _) => failed.push((first.call, refused)),
                    (Ok(()), None) => {}
                }
            }
            for (call, refused) in failed {
                self.fail(call, &refused);
            }
        }
    }

    /// Time passes: calls end when their time is up, one after the other.
    pub(super) fn wait(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        loop {
            let due = |call: &usize| {
                let call = &self.calls[*call];
                call.deadline.filter(|deadline| call.pending && *deadline <= end)
            };
            let Some(next) = (0..self.calls.len()).filter(|call| due(call).is_some()).min_by_key(due) else {
                break;
            };
            self.now = self.calls[next].deadline.unwrap_or(end).max(self.now);
            self.end(next, "wamp.error.timeout");
            self.abandon(next, CancelMode::KillNoWait, "wamp.error.timeout");
            self.drain_all();
        }
        self.now = end;
    }

    pub(super) fn dealer_left(&mut self, client: usize) {
        for index in 0..self.registrations.len() {
            self.leave_registration(client, index);
        }
        for index in 0..self.invocations.len() {
            let invocation = &mut self.invocations[index];
            if invocation.client == client && std::mem::replace(&mut invocation.running, false) {
                let call = invocation.call;
                if !invocation.abandoned {
                    self.end(call, CANCELED);
                }
            }
        }
        for index in 0..self.calls.len() {
            if self.calls[index].caller == client && self.calls[index].pending {
                self.end(index, CANCELED);
                self.abandon(index, CancelMode::KillNoWait, CANCELED);
            }
        }
        self.drain_all();
    }
}
