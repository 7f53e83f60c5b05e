//! The dealer: registrations, and the way of a call to a callee and of its answer back.
//!
//! # One rule
//!
//! A call lives in its caller's table ([`Calls`]), under the caller's mailbox lock. **Whoever removes it there appends the
//! only final answer in the same critical section**; whoever finds nothing drops its answer. So every call gets exactly
//! one, whatever callee, caller, timer and network do, and a progressive result, which must find the entry, never
//! follows the final one.
//!
//! Each step below takes the locks it names one after the other, never nested. **A** is the caller's mailbox, **B** the
//! callee's.
//!
//! | step (whose task) | locks |
//! |---|---|
//! | CALL (caller's) | **A** checks, insert the entry; **B** callee: if closed, inactive, full or at its concurrency: leave it and try the next; else number, note and append the INVOCATION; **A** record the callee unless the call was handed back already; nobody took it: remove, ERROR, or look for others if all had left and the registration changed since it was looked up |
//! | CALL that goes on (caller's) | **A** entry open? **B** append INVOCATION under the same number; while others wait in a queue: under its lock |
//! | YIELD, ERROR (callee's) | **B** remove the invocation (absent: ignore; never issued: violation); **A** remove, append RESULT or ERROR |
//! | YIELD with progress (callee's) | **B** look up; **A** entry there and asked for it: append, restart the deadline; no room: remove, ERROR, then **B** INTERRUPT |
//! | CANCEL skip, killnowait (caller's) | **A** remove, ERROR; **B** abandon the invocation, INTERRUPT if killnowait |
//! | CANCEL kill (caller's) | **A** mark; **B** INTERRUPT; a callee without the feature: as skip |
//! | timeout (caller's) | as killnowait, with `wamp.error.timeout` |
//! | callee leaves (its own) | **B** close, take the invocations; for each **A** remove, ERROR |
//! | caller leaves (its own) | **A** close, take the calls; for each **B** abandon, INTERRUPT |
//! | re-route (callee's) | **B** remove; **A** entry there, not marked, no progress: no callee; **B'** as CALL; **A** record; if it is gone: **B'** abandon, INTERRUPT; if it was marked: **B'** INTERRUPT |
//! | call from a queue (any) | under the queue's lock as the re-route from **B'** on, then its continuations |
//!
//! An abandoned invocation still counts for its callee's concurrency, and as a pending call of its caller, until the
//! callee answers or leaves; so nobody fills a callee with calls that it cancels at once.
//!
//! Spec: basic profile, "Remote Procedure Calls"; advanced profile, "Advanced RPC".

mod answer;
mod cancel;
mod dispatch;
mod queue;
mod registration;
mod table;

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use wamp::message::{InvocationPolicy, Register, RegisterOptions, Registered, Unregister, Unregistered};
use wamp::role::{ClientRole, Features};
use wamp::{MatchPolicy, RegistrationId, error_uri};

use crate::config::Limits;
use crate::edges::Clock;
use crate::index::{Generations, Index};
use crate::lock::lock;
use crate::meta::{MetaEvent, MetaEvents, MetaTopic, Schemas};
use crate::peer::Peer;
use crate::rejection::Rejection;
use crate::roster::List;
use crate::table::Table;
use crate::worker::{Cached, Turn};
pub(crate) use dispatch::{CallTerms, send_rejection};
pub(crate) use registration::Callee;
pub use registration::Registration;
pub(crate) use table::{Call, Calls, Invocations};

/// The registrations of a realm.
#[derive(Debug)]
pub(crate) struct Dealer {
    realm: u64,
    index: Index<Registration>,
    by_id: Table<RegistrationId, Registration>,
    events: Arc<MetaEvents>,
    schemas: Arc<Schemas>,
    clock: Arc<dyn Clock>,
    queued_calls_max: usize,
    queued_calls_bytes_max: usize,
    compat_crossbar: bool,
}

/// Who answers calls of a procedure, as found at some time.
#[derive(Debug)]
pub(crate) struct CallRoute {
    realm: u64,
    procedure: Box<str>,
    generations: Generations,
    target: Option<Target>,
}

#[derive(Debug, Clone)]
struct Target {
    registration: Arc<Registration>,
    callees: List<Callee>,
    /// Some callee may ask for another one, so that the call's payload has to be kept.
    may_reroute: bool,
}

/// A callee that joined a registration.
#[derive(Debug)]
struct Joined {
    registration: Arc<Registration>,
    /// The registration came to be.
    is_first: bool,
    /// The session wasn't a callee of it before.
    is_new: bool,
}

/// A registration that was replaced, and those who were its callees.
#[derive(Debug)]
struct Dismissed {
    registration: Arc<Registration>,
    callees: List<Callee>,
}

impl Cached for CallRoute {
    fn is_for(&self, realm: u64, procedure: &str) -> bool {
        self.realm == realm && *self.procedure == *procedure
    }
}

impl Dealer {
    pub(crate) fn new(
        realm: u64,
        limits: &Limits,
        compat_crossbar: bool,
        events: Arc<MetaEvents>,
        schemas: Arc<Schemas>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Dealer {
            realm,
            index: Index::default(),
            by_id: Table::default(),
            events,
            schemas,
            clock,
            queued_calls_max: limits.queued_calls_max,
            queued_calls_bytes_max: limits.queued_calls_bytes_max,
            compat_crossbar,
        }
    }

    /// Registers a procedure that the router answers itself.
    pub(crate) fn register_service(&self, service: &Arc<Peer>, procedure: &str, id: RegistrationId) {
        let options = RegisterOptions::default();
        let mut registration = Registration::new(id, procedure, options, self.clock.timestamp());
        registration.is_service = true;
        let registration = Arc::new(registration);
        let callee = registration.callees.join(|place| {
            Arc::new(Callee::new(Arc::clone(service), Arc::clone(&registration), place, options, false))
        });
        callee.active.set(&mut service.mailbox(), true);
        lock(&service.holdings).registrations.insert(id, callee);
        self.by_id.insert(id, &registration);
        self.index.update(procedure, MatchPolicy::Exact, |entry| *entry = Some(registration));
    }

    /// Handles a REGISTER that is valid and authorized.
    ///
    /// `validate`: what the callee yields has to be as declared.
    pub(crate) fn register(
        &self,
        peer: &Arc<Peer>,
        register: &Register<'_>,
        validate: bool,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let options = &register.options;
        let (dismissed, joined) = self.index.update(&register.procedure, options.match_policy, |entry| {
            if let Some(registration) = entry
                && !options.force_reregister
            {
                self.check_shared(registration, options.invocation_policy)?;
            }
            let replaced = if options.force_reregister { entry.take() } else { None };
            match self.join(peer, register, validate, entry, turn) {
                Ok(joined) => {
                    let dismissed = replaced.map(|replaced| self.replace(replaced));
                    self.note_joined(&joined, peer);
                    Ok((dismissed, joined.registration))
                }
                Err(rejection) => {
                    // What was to be replaced stays.
                    *entry = replaced.or_else(|| entry.take());
                    Err(rejection)
                }
            }
        })?;
        if let Some(dismissed) = dismissed {
            self.tell_dismissed(&dismissed, turn);
        }
        // One more callee is one that is free.
        self.drain_queue(&joined, turn);
        Ok(())
    }

    fn note_joined(&self, joined: &Joined, peer: &Peer) {
        let registration = &joined.registration;
        if joined.is_first {
            self.events.note(&[MetaTopic::RegistrationOnCreate], || {
                MetaEvent::RegistrationCreated(peer.id, Arc::clone(registration))
            });
        }
        if joined.is_new {
            self.events.note(&[MetaTopic::RegistrationOnRegister], || {
                MetaEvent::Registered(peer.id, Arc::clone(registration))
            });
        }
    }

    /// Whether one more callee may join what is registered already (SHR-02, SHR-03).
    fn check_shared(&self, registration: &Registration, wanted: InvocationPolicy) -> Result<(), Rejection> {
        let present = registration.invocation_policy;
        if present != InvocationPolicy::Single && present == wanted {
            return Ok(());
        }
        let uri = if self.compat_crossbar && present != InvocationPolicy::Single {
            error_uri::PROCEDURE_EXISTS_WITH_DIFFERENT_POLICY
        } else {
            error_uri::PROCEDURE_ALREADY_EXISTS
        };
        Err(Rejection::new(uri).because(format!(
            "{} is registered with invoke={}, and cannot be registered with invoke={}",
            registration.uri,
            present.name(),
            wanted.name()
        )))
    }

    fn join(
        &self,
        peer: &Arc<Peer>,
        register: &Register<'_>,
        validate: bool,
        entry: &mut Option<Arc<Registration>>,
        turn: &mut Turn<'_>,
    ) -> Result<Joined, Rejection> {
        let mut holdings = lock(&peer.holdings);
        if let Some(registration) = entry
            && let Some(callee) = holdings.registrations.get(&registration.id)
            && callee.active.is_set(&peer.mailbox())
        {
            // The same session once more: it stays one callee (SHR-09).
            let reply = Registered { request: register.request, registration: registration.id };
            peer.send(reply, turn);
            return Ok(Joined { registration: Arc::clone(registration), is_first: false, is_new: false });
        }
        if holdings.registrations.len() >= peer.limits.registrations_max {
            return Err(Rejection::limit("registrations of this session", peer.limits.registrations_max));
        }
        // As for subscriptions: whoever ends a session from elsewhere takes its holdings after saying so.
        if !peer.mailbox().is_open() {
            return Err(Rejection::new(error_uri::CANCELED).because("the session is being closed"));
        }
        let is_first = entry.is_none();
        let registration = Arc::clone(entry.get_or_insert_with(|| {
            let (id, created) = (self.free_id(turn), self.clock.timestamp());
            let registration =
                Arc::new(Registration::new(id, &register.procedure, register.options, created));
            self.by_id.insert(id, &registration);
            registration
        }));
        let callee = registration.callees.join(|place| {
            let (peer, registration) = (Arc::clone(peer), Arc::clone(&registration));
            Arc::new(Callee::new(peer, registration, place, register.options, validate))
        });
        holdings.registrations.insert(registration.id, Arc::clone(&callee));
        drop(holdings);
        // REGISTERED first, then active, under one lock: no invocation can come before it (ORD-05).
        let mut mailbox = peer.mailbox();
        mailbox.send(peer, Registered { request: register.request, registration: registration.id }, turn);
        callee.active.set(&mut mailbox, true);
        drop(mailbox);
        Ok(Joined { registration, is_first, is_new: true })
    }

    fn free_id(&self, turn: &mut Turn<'_>) -> RegistrationId {
        loop {
            let id = RegistrationId::from_bits(turn.random());
            if !self.by_id.contains(id) {
                return id;
            }
        }
    }

    /// Another registration takes the place of this one (SHR-13): its callees leave it.
    fn replace(&self, registration: Arc<Registration>) -> Dismissed {
        let callees = registration.callees.list();
        for callee in callees.iter() {
            self.note_left(callee);
        }
        self.by_id.remove(registration.id);
        Dismissed { registration, callees }
    }

    /// Tells callees that their registration was replaced. What they are working at goes on.
    fn tell_dismissed(&self, dismissed: &Dismissed, turn: &mut Turn<'_>) {
        for callee in dismissed.callees.iter() {
            Self::dismiss(callee, Some("wamp.error.unregistered"), turn);
        }
        self.close_queue(&dismissed.registration, turn);
    }

    /// Takes a callee off the roster, if it is still there, and notes what that means; true if nobody is left.
    fn note_left(&self, callee: &Callee) -> bool {
        let (session, registration) = (callee.peer.id, &callee.registration);
        if !registration.callees.leave(callee.place) {
            return false;
        }
        self.events.note(&[MetaTopic::RegistrationOnUnregister], || {
            MetaEvent::Unregistered(session, Arc::clone(registration))
        });
        let is_empty = registration.callees.is_empty();
        if is_empty {
            self.events.note(&[MetaTopic::RegistrationOnDelete], || {
                MetaEvent::RegistrationDeleted(session, Arc::clone(registration))
            });
        }
        is_empty
    }

    /// Handles an UNREGISTER.
    pub(crate) fn unregister(
        &self,
        peer: &Arc<Peer>,
        unregister: &Unregister,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let held = lock(&peer.holdings).registrations.remove(&unregister.registration);
        let Some(callee) = held else { return Err(Rejection::new(error_uri::NO_SUCH_REGISTRATION)) };
        let mut mailbox = peer.mailbox();
        if !callee.active.is_set(&mailbox) {
            return Err(Rejection::new(error_uri::NO_SUCH_REGISTRATION));
        }
        callee.active.set(&mut mailbox, false);
        mailbox.send(peer, Unregistered::Reply(unregister.request), turn);
        drop(mailbox);
        self.leave(&callee, turn);
        Ok(())
    }

    /// Ends one session's part in a registration on the router's own account (REV-04, REV-05); false if it has none.
    pub(crate) fn revoke(
        &self,
        peer: &Arc<Peer>,
        registration: RegistrationId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let held = lock(&peer.holdings).registrations.get(&registration).cloned();
        held.is_some_and(|callee| self.leave_if(&callee, |turn| Self::dismiss(&callee, reason, turn), turn))
    }

    /// Makes a callee inactive, and tells it so if it can be told; false if it was inactive already.
    fn dismiss(callee: &Arc<Callee>, reason: Option<&str>, turn: &mut Turn<'_>) -> bool {
        let peer = &callee.peer;
        let registration = callee.registration.id;
        if let Entry::Occupied(held) = lock(&peer.holdings).registrations.entry(registration)
            && Arc::ptr_eq(held.get(), callee)
        {
            held.remove();
        }
        let mut mailbox = peer.mailbox();
        if !callee.active.is_set(&mailbox) {
            return false;
        }
        callee.active.set(&mut mailbox, false);
        if peer.roles.features(ClientRole::Callee).contains(Features::REGISTRATION_REVOCATION) {
            mailbox.send(
                peer,
                Unregistered::Revoked { registration, reason: reason.map(Cow::Borrowed) },
                turn,
            );
        }
        true
    }

    /// Takes out all registrations of a session that ends; its mailbox is closed already.
    pub(crate) fn remove_session(&self, peer: &Peer, turn: &mut Turn<'_>) {
        let held = std::mem::take(&mut lock(&peer.holdings).registrations);
        for callee in held.values() {
            callee.active.set(&mut peer.mailbox(), false);
            self.leave(callee, turn);
        }
    }

    fn leave(&self, callee: &Callee, turn: &mut Turn<'_>) {
        self.leave_if(callee, |_| true, turn);
    }

    /// Takes a callee out of its registration if `may_leave` says so, in one step with what that does: whoever registers
    /// again meanwhile does so before it or after it, and is told of in that order.
    fn leave_if(
        &self,
        callee: &Callee,
        may_leave: impl FnOnce(&mut Turn<'_>) -> bool,
        turn: &mut Turn<'_>,
    ) -> bool {
        let registration = &callee.registration;
        let left = self.index.update(&registration.uri, registration.match_policy, |entry| {
            if !may_leave(turn) {
                return None;
            }
            let is_empty = self.note_left(callee);
            let is_current = entry.as_ref().is_some_and(|current| Arc::ptr_eq(current, registration));
            let is_deleted = is_current && is_empty;
            if is_deleted {
                *entry = None;
                self.by_id.remove(registration.id);
            }
            Some(is_deleted)
        });
        let Some(is_deleted) = left else { return false };
        if is_deleted {
            self.close_queue(registration, turn);
        } else {
            // Those who wait for this one wait for the others now, or for nobody.
            self.drain_queue(registration, turn);
        }
        true
    }

    /// The registration of an id.
    pub(crate) fn registration(&self, id: RegistrationId) -> Option<Arc<Registration>> {
        self.by_id.get(id)
    }

    /// Shows `each` all registrations.
    pub(crate) fn for_each_registration(&self, each: impl FnMut(&Arc<Registration>)) {
        self.by_id.for_each(each);
    }

    /// The registration of exactly this, under this policy.
    pub(crate) fn lookup(&self, uri: &str, policy: MatchPolicy) -> Option<Arc<Registration>> {
        self.index.find(uri, policy)
    }

    /// The registration to which a call of `procedure` goes.
    ///
    /// Reserved procedures are answered by whoever registered exactly them, never by a pattern (URI-12).
    pub(crate) fn best(&self, procedure: &str) -> Option<Arc<Registration>> {
        if wamp::uri::is_reserved(procedure) {
            self.index.exact(procedure)
        } else {
            self.index.best(procedure)
        }
    }

    /// Who answers calls of `procedure`: the best registration and its callees.
    fn route(&self, procedure: &str, turn: &mut Turn<'_>) -> Option<Target> {
        if let Some(route) = turn.worker.call_routes.find(self.realm, procedure)
            && self.index.is_current(route.generations)
        {
            return route.target.clone();
        }
        // Before the look, as the index wants it.
        let generations = self.index.generations(procedure);
        let target = self.best(procedure).map(|registration| {
            let callees = registration.callees.list();
            let may_reroute =
                callees.len() > 1 && callees.iter().any(|callee| callee.can(Features::CALL_REROUTE));
            Target { registration, callees, may_reroute }
        });
        let route =
            CallRoute { realm: self.realm, procedure: procedure.into(), generations, target: target.clone() };
        turn.worker.call_routes.insert(self.realm, procedure, Arc::new(route));
        target
    }
}
