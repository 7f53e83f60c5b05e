//! Registrations, over all connections that the session makes, and the invocations that are being answered.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wamp::message::{self, InvocationDetails, MessageType, Passthru, RegisterOptions};
use wamp::{RegistrationId, RequestId, error_uri};

use super::command::{
    Answer, Command, Handler, InvocationKey, NewRegistration, RegistrationKey, Reply, Started,
};
use super::owned;
use super::wire::Wire;
use crate::arguments::Arguments;
use crate::error::{ApplicationError, CloseReason, EndReason, RequestError};
use crate::invocation::{Interruption, Invocation};

/// How many parts of a progressive call wait for their handler.
const PARTS_MAX: usize = 1024;

pub(super) struct Callee {
    /// In the order in which they were made, which is the one in which they are made again.
    handles: BTreeMap<RegistrationKey, Handle>,
    /// Also those whose UNREGISTER isn't answered yet: calls may come until then.
    registrations: HashMap<RegistrationId, Registered>,
    registering: HashMap<RequestId, RegistrationKey>,
    unregistering: HashMap<RequestId, (RegistrationId, Option<Reply<()>>)>,
    running: HashMap<RequestId, Running>,
    started: Vec<Started>,
    /// For the answers of handlers.
    commands: mpsc::WeakSender<Command>,
}

struct Handle {
    procedure: Arc<str>,
    options: RegisterOptions,
    handler: Handler,
    end: watch::Sender<Option<EndReason>>,
    /// Until the first answer.
    reply: Option<Reply<RegistrationId>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no connection, or no answer yet.
    Pending,
    Active(RegistrationId),
    /// Nobody wants it any more, but its REGISTER is not answered yet.
    Abandoned,
}

struct Registered {
    key: RegistrationKey,
    procedure: Arc<str>,
    handler: Handler,
}

/// An invocation that is not answered yet.
struct Running {
    signal: watch::Sender<Option<Interruption>>,
    /// While further parts may follow.
    parts: Option<mpsc::Sender<Arguments>>,
}

impl Callee {
    pub(super) fn new(commands: mpsc::WeakSender<Command>) -> Self {
        Callee {
            handles: BTreeMap::new(),
            registrations: HashMap::new(),
            registering: HashMap::new(),
            unregistering: HashMap::new(),
            running: HashMap::new(),
            started: Vec::new(),
            commands,
        }
    }

    /// Makes all registrations again, on a new connection.
    pub(super) fn connected(&mut self, wire: &mut Wire) {
        let keys: Vec<_> = self.handles.keys().copied().collect();
        for key in keys {
            self.send_register(key, wire);
        }
    }

    /// Forgets what the lost connection knew, and interrupts what runs. Registrations that were answered before stay, to
    /// be made again.
    pub(super) fn disconnected(&mut self, error: &RequestError) {
        self.registrations.clear();
        self.registering.clear();
        self.started.clear();
        self.running.clear();
        for (_, (_, reply)) in self.unregistering.drain() {
            // The registration went with the connection.
            drop(reply.map(|reply| reply.send(Ok(()))));
        }
        self.handles.retain(|_, handle| {
            if let Some(reply) = handle.reply.take() {
                drop(reply.send(Err(error.clone())));
                return false;
            }
            let wanted = handle.state != State::Abandoned;
            handle.state = State::Pending;
            wanted
        });
    }

    /// Ends all registrations.
    pub(super) fn closed(&mut self, reason: &CloseReason) {
        for handle in std::mem::take(&mut self.handles).into_values() {
            handle.end.send_replace(Some(EndReason::Closed(reason.clone())));
        }
    }

    pub(super) fn register(&mut self, new: NewRegistration, wire: &mut Wire) {
        let NewRegistration { key, procedure, options, handler, end, reply } = new;
        if reply.is_closed() {
            return;
        }
        let handle = Handle { procedure, options, handler, end, reply: Some(reply), state: State::Pending };
        self.handles.insert(key, handle);
        self.send_register(key, wire);
    }

    /// Takes a registration out. `wire` is `None` where there is no connection to unregister on.
    pub(super) fn unregister(
        &mut self,
        key: RegistrationKey,
        reply: Option<Reply<()>>,
        wire: Option<&mut Wire>,
    ) {
        match (self.handles.get_mut(&key).map(|handle| (handle.state, handle)), wire) {
            (Some((State::Pending, handle)), Some(_)) => handle.state = State::Abandoned,
            (Some((State::Active(id), _)), Some(wire)) => {
                self.end(key, EndReason::Ended);
                self.send_unregister(id, reply, wire);
                return;
            }
            (Some(_), None) => self.end(key, EndReason::Ended),
            (Some((State::Abandoned, _)) | None, _) => {}
        }
        drop(reply.map(|reply| reply.send(Ok(()))));
    }

    pub(super) fn registered(&mut self, request: RequestId, id: RegistrationId, wire: &mut Wire) {
        let Some(key) = self.registering.remove(&request) else { return };
        let Some(handle) = self.handles.get_mut(&key) else { return };
        let (procedure, handler) = (Arc::clone(&handle.procedure), handle.handler.clone());
        let unwanted = match handle.reply.take() {
            Some(reply) => reply.send(Ok(id)).is_err(),
            None => false,
        };
        let unwanted = unwanted || handle.state == State::Abandoned;
        handle.state = State::Active(id);
        // The same id again: the session took its own registration's place (`force_reregister`).
        if let Some(replaced) = self.registrations.insert(id, Registered { key, procedure, handler }) {
            self.end(replaced.key, EndReason::Revoked(None));
        }
        if unwanted {
            self.end(key, EndReason::Ended);
            self.send_unregister(id, None, wire);
        }
    }

    pub(super) fn register_failed(&mut self, request: RequestId, error: ApplicationError) {
        if let Some(key) = self.registering.remove(&request) {
            self.refuse(key, error.into());
        }
    }

    pub(super) fn unregistered(&mut self, request: RequestId, outcome: Result<(), ApplicationError>) {
        let Some((id, reply)) = self.unregistering.remove(&request) else { return };
        // It may have been made again meanwhile, under the same id.
        if self.registrations.get(&id).is_some_and(|registered| !self.handles.contains_key(&registered.key)) {
            self.registrations.remove(&id);
        }
        drop(reply.map(|reply| reply.send(outcome.map_err(RequestError::from))));
    }

    /// What runs may still be answered.
    ///
    /// Spec: advanced profile, "Registration Revocation" (REV-04, REV-08).
    pub(super) fn revoked(&mut self, id: RegistrationId, reason: Option<&str>) {
        if let Some(registered) = self.registrations.remove(&id) {
            self.end(registered.key, EndReason::Revoked(reason.map(str::to_owned)));
        }
    }

    pub(super) fn invocation(&mut self, message: message::Invocation<'_>, connection: u64, wire: &mut Wire) {
        let message::Invocation { request, registration: id, details, payload } = message;
        let is_open = details.progress;
        if self.running.contains_key(&request) {
            self.part(request, Arguments::received(&payload, details.passthru), is_open, wire);
            return;
        }
        let Some(registered) = self.registrations.get(&id) else {
            // We left the registration. Another callee may have it (RER).
            send_error(request, &ApplicationError::new(error_uri::UNAVAILABLE), wire);
            return;
        };
        let arguments = Arguments::received(&payload, details.passthru);
        let procedure =
            details.procedure.map_or_else(|| Arc::clone(&registered.procedure), |uri| Arc::from(&*uri));
        let (signal, signaled) = watch::channel(None);
        let (parts, next_parts) = is_open.then(|| mpsc::channel(PARTS_MAX)).unzip();
        self.running.insert(request, Running { signal, parts });
        let invocation = Invocation {
            key: InvocationKey { connection, request },
            registration: id,
            procedure,
            details: InvocationDetails {
                caller: details.caller,
                caller_authid: owned(details.caller_authid),
                caller_authrole: owned(details.caller_authrole),
                procedure: None,
                receive_progress: details.receive_progress,
                progress: is_open,
                timeout: details.timeout,
                trustlevel: details.trustlevel,
                passthru: Passthru::NONE,
            },
            arguments,
            parts: next_parts,
            signal: signaled,
            commands: self.commands.clone(),
        };
        self.started.push(Started { handler: registered.handler.clone(), invocation });
    }

    /// Spec: advanced profile, "Call Canceling".
    pub(super) fn interrupt(&mut self, interrupt: message::Interrupt<'_>) {
        let message::Interrupt { request, mode, reason } = interrupt;
        // Our answer may have crossed it.
        if let Some(running) = self.running.get_mut(&request) {
            running.parts = None;
            let reason = reason.map(Cow::into_owned);
            running.signal.send_replace(Some(Interruption { mode: Some(mode.unwrap_or_default()), reason }));
        }
    }

    /// Sends what a handler says, unless the invocation was answered already.
    pub(super) fn answer(&mut self, request: RequestId, answer: Answer, wire: &mut Wire) {
        if !self.running.contains_key(&request) {
            return;
        }
        let (progress, arguments) = match answer {
            Answer::Progress(arguments) => (true, arguments),
            Answer::Result(arguments) => (false, arguments),
            Answer::Error(error) => {
                self.running.remove(&request);
                send_error(request, &error, wire);
                return;
            }
        };
        let sent = wire.send_with(&arguments, |payload, serializer, out| {
            let options = message::ResultDetails { progress, passthru: arguments.passthru().clone() };
            message::Yield { request, options, payload }.encode(serializer, out);
        });
        if let Err(error) = &sent {
            let error = ApplicationError::with_message(error_uri::PAYLOAD_SIZE_EXCEEDED, error.to_string());
            send_error(request, &error, wire);
        }
        if sent.is_err() || !progress {
            self.running.remove(&request);
        }
    }

    /// What is to be handed to handlers.
    pub(super) fn take_started(&mut self) -> Vec<Started> {
        std::mem::take(&mut self.started)
    }

    /// The next part of a progressive call.
    fn part(&mut self, request: RequestId, arguments: Arguments, is_open: bool, wire: &mut Wire) {
        let Some(running) = self.running.get_mut(&request) else { return };
        let Some(parts) = &running.parts else { return };
        let queued = parts.try_send(arguments);
        if !is_open {
            running.parts = None;
        }
        // Closed: the handler doesn't want the rest, and answers when it likes.
        if let Err(mpsc::error::TrySendError::Full(_)) = queued {
            let message = "the parts of this call came faster than they were handled";
            let error = ApplicationError::with_message(error_uri::CANCELED, message);
            // Without its sender the handler sees an interruption.
            self.answer(request, Answer::Error(error), wire);
        }
    }

    fn send_register(&mut self, key: RegistrationKey, wire: &mut Wire) {
        let Some(handle) = self.handles.get(&key) else { return };
        let sent = wire.request(|request, serializer, out| {
            let (options, procedure) = (handle.options, Cow::Borrowed(&*handle.procedure));
            message::Register { request, options, procedure }.encode(serializer, out);
        });
        match sent {
            Ok(request) => drop(self.registering.insert(request, key)),
            Err(error) => self.refuse(key, error),
        }
    }

    fn send_unregister(&mut self, id: RegistrationId, reply: Option<Reply<()>>, wire: &mut Wire) {
        let sent = wire.request(|request, serializer, out| {
            message::Unregister { request, registration: id }.encode(serializer, out);
        });
        match (sent, reply) {
            (Ok(request), reply) => drop(self.unregistering.insert(request, (id, reply))),
            (Err(error), Some(reply)) => drop(reply.send(Err(error))),
            (Err(_), None) => {}
        }
    }

    /// A registration that was not made, or not made again.
    fn refuse(&mut self, key: RegistrationKey, error: RequestError) {
        let Some(handle) = self.handles.remove(&key) else { return };
        match handle.reply {
            Some(reply) => drop(reply.send(Err(error))),
            None => drop(handle.end.send_replace(Some(EndReason::Refused(error)))),
        }
    }

    fn end(&mut self, key: RegistrationKey, reason: EndReason) {
        if let Some(handle) = self.handles.remove(&key) {
            handle.end.send_replace(Some(reason));
        }
    }
}

/// Answers an invocation with an error; without its arguments if it is too long with them.
fn send_error(request: RequestId, error: &ApplicationError, wire: &mut Wire) {
    let request_type = MessageType::Invocation.code();
    let mut send = |arguments: &Arguments| {
        wire.send_with(arguments, |payload, serializer, out| {
            let (passthru, uri) = (arguments.passthru().clone(), Cow::Borrowed(error.uri()));
            message::Error { request_type, request, passthru, error: uri, payload }.encode(serializer, out);
        })
    };
    if send(error.arguments()).is_err() && send(&Arguments::new()).is_err() {
        tracing::error!(uri = error.uri(), "an error URI is longer than the router's message limit");
    }
}
