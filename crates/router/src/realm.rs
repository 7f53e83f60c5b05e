//! A realm: an isolated namespace with its sessions, roles, broker and dealer (SES-20).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, MutexGuard, RwLock, Weak};

use wamp::role::{Features, RouterRoles};
use wamp::{MatchPolicy, RegistrationId, SessionId, SubscriptionId, error_uri};

use crate::authorize::Role;
use crate::broker::{Broker, Subscription, stable_hash};
use crate::config::{Limits, RealmConfig};
use crate::dealer::{CallTerms, Dealer, Registration};
use crate::decision::Authorizer;
use crate::edges::{Background, Clock, Edges};
use crate::history::Memory;
use crate::identity::{Format, Identity, Origin, TransportDetails};
use crate::lock::{lock, read, try_lock, write};
use crate::meta::{MetaApi, MetaEvent, MetaEvents, MetaTopic, Procedure, Schemas};
use crate::outbox::Outbox;
use crate::peer::{Ending, Peer};
use crate::router::ConfigError;
use crate::sessions::{NotAdded, Sessions};
use crate::store::{Store, StoreHealth};
use crate::worker::Turn;

/// See the module.
#[derive(Debug)]
pub struct Realm {
    me: Weak<Realm>,
    pub(crate) config: RealmConfig,
    pub(crate) limits: Arc<Limits>,
    roles: RwLock<HashMap<String, Arc<Role>>>,
    pub(crate) broker: Broker,
    pub(crate) dealer: Dealer,
    pub(crate) sessions: Sessions,
    /// The router's own session, which registers the meta procedures and publishes the meta events.
    service: Arc<Peer>,
    pub(crate) events: Arc<MetaEvents>,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) store: Arc<dyn Store>,
    /// The last read of a history failed, and the log says so.
    pub(crate) history_fails: AtomicBool,
    background: Option<Arc<dyn Background>>,
    readers: Option<Arc<dyn Background>>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How many meta events a thread publishes before the rest is left to another one.
const EVENTS_AT_ONCE: usize = 256;

/// How many may wait before those whose requests make more of them are slowed down.
const EVENTS_WAITING_MAX: usize = 4096;

impl Realm {
    /// `number` names the realm in caches, and is never used again for another.
    ///
    /// # Errors
    /// Schemas that can't be read, or a store that can't.
    pub(crate) fn new(
        number: u64,
        id_key: [u8; 16],
        config: RealmConfig,
        limits: &Arc<Limits>,
        edges: &Edges,
    ) -> Result<Arc<Self>, ConfigError> {
        let roles =
            config.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role, None)))).collect();
        let store = match edges.stores.get(&config.name) {
            Some(store) => Arc::clone(store),
            None => Arc::new(Memory::new(&config.history)),
        };
        let restored = store
            .restore()
            .map_err(|error| ConfigError::Store { realm: config.name.clone(), error: error.to_string() })?;
        let events = Arc::new(MetaEvents::new(config.meta_api));
        let schemas = Arc::new(Schemas::new(&config, limits, Arc::clone(&store), &restored)?);
        let clock = Arc::clone(&edges.clock);
        let broker =
            Broker::new(number, id_key, &config, Arc::clone(&events), Arc::clone(&store), Arc::clone(&clock));
        for (topic, retained) in &restored.retained {
            broker.restore_retained(topic, retained);
        }
        let dealer = Dealer::new(
            number,
            limits,
            config.compat_crossbar,
            Arc::clone(&events),
            Arc::clone(&schemas),
            Arc::clone(&clock),
        );
        let service = service_session(&config.name, &id_key, limits);
        if config.meta_api {
            for procedure in Procedure::ALL {
                let bits = stable_hash(&id_key, procedure.uri(), MatchPolicy::Exact);
                dealer.register_service(&service, procedure.uri(), RegistrationId::from_bits(bits));
            }
        }
        Ok(Arc::new_cyclic(|me| Realm {
            me: Weak::clone(me),
            config,
            limits: Arc::clone(limits),
            roles: RwLock::new(roles),
            broker,
            dealer,
            sessions: Sessions::default(),
            service,
            events,
            schemas,
            store,
            history_fails: AtomicBool::new(false),
            background: edges.background.clone(),
            readers: edges.readers.clone(),
            clock,
        }))
    }

    /// Its name, a URI.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The meta API, for the program that the router is a part of: nothing is hidden from it, and nothing forbidden.
    pub fn meta_api(&self) -> MetaApi {
        MetaApi::of_router(self.me())
    }

    /// How many sessions are open, but for the service session.
    pub fn session_count(&self) -> usize {
        self.sessions.count()
    }

    /// The open session of an id.
    pub fn session(&self, id: SessionId) -> Option<Arc<Peer>> {
        if id == self.service.id {
            return Some(Arc::clone(&self.service));
        }
        self.sessions.get(id)
    }

    /// All open sessions but the service session.
    pub fn sessions(&self) -> Vec<Arc<Peer>> {
        self.sessions.collect(|_| true)
    }

    /// The realm's own session, which answers the meta procedures and publishes the meta events.
    pub fn service(&self) -> &Arc<Peer> {
        &self.service
    }

    /// The subscription of an id.
    pub fn subscription(&self, id: SubscriptionId) -> Option<Arc<Subscription>> {
        self.broker.subscription(id)
    }

    /// The registration of an id.
    pub fn registration(&self, id: RegistrationId) -> Option<Arc<Registration>> {
        self.dealer.registration(id)
    }

    /// How many topics hold retained events.
    pub fn retained_topics(&self) -> usize {
        self.broker.retained_topics()
    }

    /// How the store of history, schemas and retained events is doing.
    pub fn store_health(&self) -> StoreHealth {
        self.store.health()
    }

    /// Ends a session with GOODBYE: by the time this returns it has no part in the realm any more (MSE-18). False if
    /// there is none of that id, or it ends already.
    ///
    /// `reason`: a URI; `None` for `wamp.close.killed`.
    pub fn kill(
        &self,
        id: SessionId,
        reason: Option<&str>,
        message: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        self.sessions.get(id).is_some_and(|peer| self.end(&peer, reason, message, false, turn))
    }

    /// `quietly`: neither testaments nor meta events of sessions tell of it (MSE-13).
    pub(crate) fn end(
        &self,
        peer: &Arc<Peer>,
        reason: Option<&str>,
        message: Option<&str>,
        quietly: bool,
        turn: &mut Turn<'_>,
    ) -> bool {
        let reason = reason.map_or(Cow::Borrowed(error_uri::KILLED), |reason| Cow::Owned(reason.to_owned()));
        let goodbye = Ending::Goodbye { reason, message: message.map(str::to_owned), quietly };
        if !peer.end(goodbye) {
            return false;
        }
        // If its own task was faster, this waits until that is done.
        self.remove(peer, lock(&peer.removal), turn);
        true
    }

    /// Takes a session out of a subscription (REV-01); false if it has no part in it.
    pub fn remove_subscriber(
        &self,
        subscription: SubscriptionId,
        session: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let removed =
            self.session(session).is_some_and(|peer| self.broker.revoke(&peer, subscription, reason, turn));
        self.publish_events(turn);
        removed
    }

    /// Takes a session out of a registration (REV-04); false if it has no part in it.
    pub fn remove_callee(
        &self,
        registration: RegistrationId,
        session: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let removed =
            self.session(session).is_some_and(|peer| self.dealer.revoke(&peer, registration, reason, turn));
        self.publish_events(turn);
        removed
    }

    /// Lets `authorizer` decide for a role instead of its static rules.
    pub fn set_authorizer(&self, role: &str, authorizer: Arc<dyn Authorizer>) -> bool {
        let mut roles = write(&self.roles);
        let Some(config) = self.config.roles.iter().find(|config| config.name == role) else { return false };
        roles.insert(role.to_owned(), Arc::new(Role::new(config, Some(authorizer))));
        true
    }

    /// Says GOODBYE to all sessions, and lets no more in.
    pub fn close(&self, reason: &'static str) {
        for peer in self.sessions.close(reason) {
            peer.end(Ending::Goodbye { reason: Cow::Borrowed(reason), message: None, quietly: false });
        }
    }

    /// A handle of this realm that can be kept.
    pub(crate) fn me(&self) -> Arc<Realm> {
        // It exists while one of its methods runs, and is never anywhere but in an `Arc`.
        self.me.upgrade().expect("a realm lives in an Arc")
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        read(&self.roles).get(name).cloned()
    }

    /// What the router announces in WELCOME: all that it implements and this realm offers, and nothing else (FEA-01 to
    /// FEA-04).
    pub(crate) fn announced_roles(&self) -> RouterRoles {
        let mut broker = crate::router::BROKER;
        let mut dealer = crate::router::DEALER;
        if self.config.meta_api {
            let both = Features::SESSION_META_API | Features::REFLECTION;
            broker |= both | Features::SUBSCRIPTION_META_API;
            dealer |= both | Features::REGISTRATION_META_API | Features::TESTAMENT_META_API;
            if !self.config.history.is_empty() {
                broker |= Features::EVENT_HISTORY;
            }
        }
        RouterRoles { broker: Some(broker), dealer: Some(dealer) }
    }

    /// Adds a session that is about to open.
    pub(crate) fn add(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) -> Result<(), NotAdded> {
        let joined = || MetaEvent::Joined(Arc::clone(peer));
        self.sessions.add(peer, || self.events.note(&[MetaTopic::SessionOnJoin], joined))?;
        self.publish_events(turn);
        Ok(())
    }

    /// A session's own task is done with it: whatever is left of it is taken out.
    pub(crate) fn leave(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        match try_lock(&peer.removal) {
            Some(removal) => self.remove(peer, removal, turn),
            // Somebody kills it and takes out everything, which may take a while and is nothing to wait for here. Only the
            // calls that this task made in the meantime may escape that one.
            None => self.dealer.caller_left(peer, turn),
        }
    }

    /// Takes out all of a session whose mailbox accepts nothing any more: its testaments are published; then its
    /// registrations, invocations, calls and subscriptions end; then it has left (SES-16, PVI-02, TST-11).
    ///
    /// Whoever kills a session does this, and its own task may want to at the same time. Only one does, so that nobody is
    /// told that the session has left while another thread still takes out what it held.
    fn remove(&self, peer: &Arc<Peer>, removal: MutexGuard<'_, ()>, turn: &mut Turn<'_>) {
        let quietly = peer.mailbox().ends_quietly();
        crate::meta::publish_testaments(self, peer, quietly, turn);
        self.dealer.remove_session(peer, turn);
        self.dealer.callee_left(peer, turn);
        self.dealer.caller_left(peer, turn);
        self.broker.remove_session(peer);
        self.sessions.remove(peer, || {
            if !quietly {
                self.events.note(&[MetaTopic::SessionOnLeave], || MetaEvent::Left(Arc::clone(peer)));
            }
        });
        drop(removal);
        self.publish_events(turn);
    }

    /// Publishes the meta events that wait, or leaves them to whoever does so already. To be called where something may
    /// have been noted, without a lock.
    pub(crate) fn publish_events(&self, turn: &mut Turn<'_>) {
        self.publish_waiting(turn);
        if self.events.waiting() > EVENTS_WAITING_MAX {
            turn.pace();
        }
    }

    fn publish_waiting(&self, turn: &mut Turn<'_>) {
        while !self.events.drain(EVENTS_AT_ONCE, |event| self.publish_event(&event, turn)) {
            let realm = self.me();
            let rest = Box::new(move |turn: &mut Turn<'_>| realm.publish_events(turn));
            if self.background.as_ref().is_some_and(|background| background.run(rest).is_ok()) {
                break;
            }
        }
    }

    fn publish_event(&self, event: &MetaEvent, turn: &mut Turn<'_>) {
        let (args, hide_from) = event.arguments(self);
        let origin = Origin { session: self.service.id, identity: &self.service.identity };
        for topic in event.topics() {
            if self.events.is_wanted(*topic) {
                self.broker.publish_own(&origin, topic.uri(), &args, hide_from, turn);
            }
        }
    }

    /// What answers calls of `procedure`, if that is the router itself.
    pub(crate) fn service_procedure(&self, procedure: &str) -> Option<Procedure> {
        if !wamp::uri::is_reserved(procedure) {
            return None;
        }
        let found = Procedure::from_uri(procedure)?;
        self.dealer.best(procedure).is_some_and(|registration| registration.is_service).then_some(found)
    }

    /// Who answers a procedure in the place of the thread that routes, where it may take long.
    pub(crate) fn background_for(&self, procedure: Procedure) -> Option<&Arc<dyn Background>> {
        let readers = self.readers.as_ref().filter(|_| procedure == Procedure::SubscriptionGetEvents);
        readers.or_else(|| self.background.as_ref().filter(|_| procedure.is_long()))
    }

    /// The trust level configured for what a role does at a URI: the best match, as with permissions (TRL-01).
    pub(crate) fn trustlevel(&self, uri: &str, authrole: &str) -> Option<u64> {
        let rank = |policy: MatchPolicy| u8::from(policy == MatchPolicy::Exact);
        self.config
            .trust_levels
            .iter()
            .filter(|rule| rule.authrole.as_deref().is_none_or(|role| role == authrole))
            .filter(|rule| rule.match_policy.matches(&rule.uri, uri))
            .max_by_key(|rule| (rank(rule.match_policy), rule.uri.len(), rule.authrole.is_some()))
            .map(|rule| rule.level)
    }

    /// The timeout of a call that asked for `asked` milliseconds (TMO-01, TMO-13).
    pub(crate) fn call_timeout(&self, asked: Option<u64>) -> Option<u64> {
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bounds = &self.config.call_timeout;
        let wanted = asked.filter(|timeout| *timeout > 0).or(bounds.default.map(millis));
        match (wanted, bounds.max.map(millis)) {
            (Some(wanted), Some(max)) => Some(wanted.min(max)),
            (wanted, max) => wanted.or(max),
        }
    }

    pub(crate) fn call_terms(
        &self,
        procedure: &str,
        peer: &Peer,
        disclose: bool,
        asked: Option<u64>,
    ) -> CallTerms {
        CallTerms {
            disclose,
            trustlevel: self.trustlevel(procedure, &peer.identity.authrole),
            timeout: self.call_timeout(asked),
            never_forward_timeout: self.config.call_timeout.never_forward,
            validate: false,
        }
    }
}

/// The router's own session in a realm. Nothing is ever sent to it: what it is called for is answered by whoever calls.
fn service_session(realm: &str, id_key: &[u8; 16], limits: &Arc<Limits>) -> Arc<Peer> {
    let identity = Identity::trusted(&format!("realm-{realm}-serviceagent"));
    let format = Format { serializer: wamp::Serializer::MsgPack, framing: transport::Framing::None };
    let transport = TransportDetails::new(crate::identity::ChannelType::Memory, "internal");
    // Another realm's service session has another name, and a client never gets an id that is in use.
    let bits = stable_hash(id_key, &identity.authid, MatchPolicy::Exact);
    Arc::new(Peer::new(
        SessionId::from_bits(bits),
        identity,
        wamp::role::ClientRoles::complete(),
        format,
        limits.message_bytes_max,
        Arc::clone(limits),
        Arc::new(transport),
        Outbox::default(),
        None,
    ))
}
