//! Calls that wait for their outcome.
//!
//! *Invariant*: each call gets exactly one outcome, from whoever removes it from the table here.

use std::borrow::Cow;
use std::collections::HashMap;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use wamp::message::{self, CallOptions, CancelMode, CancelOptions};
use wamp::{RequestId, error_uri};

use super::command::{CallKey, NewCall, Reply};
use super::wire::Wire;
use crate::arguments::Arguments;
use crate::call::CallResult;
use crate::error::{ApplicationError, RequestError};

#[derive(Default)]
pub(super) struct Caller {
    calls: HashMap<RequestId, Pending>,
    requests: HashMap<CallKey, RequestId>,
    /// Whether the router announced `call_canceling`; without it a CANCEL would be a protocol violation.
    can_cancel: bool,
}

struct Pending {
    key: CallKey,
    /// The procedure, while further parts may follow.
    open: Option<String>,
    progress: Option<mpsc::Sender<CallResult>>,
    outcome: Reply<CallResult>,
}

impl Caller {
    pub(super) fn connected(&mut self, can_cancel: bool) {
        self.can_cancel = can_cancel;
    }

    /// Fails all calls: their answers can't come any more.
    pub(super) fn disconnected(&mut self, error: &RequestError) {
        self.requests.clear();
        for (_, call) in self.calls.drain() {
            drop(call.outcome.send(Err(error.clone())));
        }
    }

    pub(super) fn call(&mut self, call: NewCall, wire: &mut Wire) {
        let NewCall { key, procedure, options, arguments, progress, outcome } = call;
        if outcome.is_closed() {
            return;
        }
        let is_open = options.progress;
        let sent = wire.request_with(&arguments, |request, payload, serializer, out| {
            let procedure = Cow::Borrowed(procedure.as_str());
            message::Call { request, options, procedure, payload }.encode(serializer, out);
        });
        match sent {
            Ok(request) => {
                let open = is_open.then_some(procedure);
                self.requests.insert(key, request);
                self.calls.insert(request, Pending { key, open, progress, outcome });
            }
            Err(error) => drop(outcome.send(Err(error))),
        }
    }

    /// Sends the next part of an open call; nothing if the call is over (PCI-11).
    ///
    /// Spec: advanced profile, "Progressive Call Invocations" (PCI-02, PCI-07, PCI-16).
    pub(super) fn part(&mut self, key: CallKey, arguments: &Arguments, last: bool, wire: &mut Wire) {
        let Some((request, call)) = self.find(key) else { return };
        let Some(procedure) = call.open.as_deref() else { return };
        let sent = wire.send_with(arguments, |payload, serializer, out| {
            let options = CallOptions { progress: !last, ..CallOptions::default() };
            message::Call { request, options, procedure: Cow::Borrowed(procedure), payload }
                .encode(serializer, out);
        });
        match sent {
            Ok(()) if last => call.open = None,
            Ok(()) => {}
            Err(error) => self.give_up(request, error, wire),
        }
    }

    /// Cancels a call; nothing if it is over.
    ///
    /// Spec: advanced profile, "Call Canceling".
    pub(super) fn cancel(&mut self, key: CallKey, mode: CancelMode, wire: &mut Wire) {
        let Some((request, call)) = self.find(key) else { return };
        call.open = None;
        if self.can_cancel {
            send_cancel(request, mode, wire);
            return;
        }
        // All that can be done is to stop waiting. Its answer, should it come, finds nobody.
        self.finish(request, Err(ApplicationError::new(error_uri::CANCELED).into()));
    }

    pub(super) fn result(&mut self, result: message::Result<'_>, wire: &mut Wire) {
        let message::Result { request, details, payload } = result;
        let arguments = Arguments::received(&payload, details.passthru);
        if !details.progress {
            self.finish(request, Ok(CallResult { arguments, is_progress: false }));
            return;
        }
        let Some(progress) = self.calls.get(&request).and_then(|call| call.progress.as_ref()) else { return };
        match progress.try_send(CallResult { arguments, is_progress: true }) {
            // Closed: whoever waits wants the outcome alone.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(_)) => self.give_up(request, RequestError::overflow(), wire),
        }
    }

    pub(super) fn failed(&mut self, request: RequestId, error: ApplicationError) {
        self.finish(request, Err(error.into()));
    }

    /// Ends a call that can't go on from our side.
    fn give_up(&mut self, request: RequestId, error: RequestError, wire: &mut Wire) {
        if self.can_cancel {
            send_cancel(request, CancelMode::KillNoWait, wire);
        }
        self.finish(request, Err(error));
    }

    fn finish(&mut self, request: RequestId, outcome: Result<CallResult, RequestError>) {
        // An answer to a call that we gave up is no violation.
        let Some(call) = self.calls.remove(&request) else { return };
        self.requests.remove(&call.key);
        drop(call.outcome.send(outcome));
    }

    fn find(&mut self, key: CallKey) -> Option<(RequestId, &mut Pending)> {
        let request = *self.requests.get(&key)?;
        Some((request, self.calls.get_mut(&request)?))
    }
}

fn send_cancel(request: RequestId, mode: CancelMode, wire: &mut Wire) {
    let cancel = message::Cancel { request, options: CancelOptions { mode: Some(mode) } };
    // Some twenty bytes fit every router's limit.
    drop(wire.send(|serializer, out| cancel.encode(serializer, out)));
}
