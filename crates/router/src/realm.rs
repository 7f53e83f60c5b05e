//! A realm: an isolated namespace with its sessions, roles, broker and dealer (SES-20).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use wamp::{MatchPolicy, RegistrationId, SessionId, SubscriptionId, error_uri};

use crate::authorize::Role;
use crate::broker::{Broker, Subscription};
use crate::config::{Limits, RealmConfig};
use crate::dealer::{CallTerms, Dealer, Registration};
use crate::decision::Authorizer;
use crate::lock::{read, write};
use crate::peer::{Ending, Peer};
use crate::worker::Turn;

/// See the module.
#[derive(Debug)]
pub struct Realm {
    pub(crate) config: RealmConfig,
    roles: RwLock<HashMap<String, Arc<Role>>>,
    pub(crate) broker: Broker,
    pub(crate) dealer: Dealer,
    sessions: RwLock<Sessions>,
    session_count: AtomicUsize,
}

#[derive(Debug, Default)]
struct Sessions {
    open: HashMap<SessionId, Arc<Peer>>,
    /// Why no more are let in, once the realm is closed.
    closed: Option<&'static str>,
}

/// Why a session can't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// There are as many as there may be.
    Full,
    /// The realm is closed, for this reason.
    Closed(&'static str),
}

impl Realm {
    /// `number` names the realm in caches, and is never used again for another.
    pub(crate) fn new(number: u64, id_key: [u8; 16], config: RealmConfig, limits: &Limits) -> Self {
        let roles =
            config.roles.iter().map(|role| (role.name.clone(), Arc::new(Role::new(role, None)))).collect();
        Realm {
            roles: RwLock::new(roles),
            broker: Broker::new(number, id_key, config.retention),
            dealer: Dealer::new(number, limits, config.compat_crossbar),
            sessions: RwLock::default(),
            session_count: AtomicUsize::new(0),
            config,
        }
    }

    /// Its name, a URI.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How many sessions are open.
    pub fn session_count(&self) -> usize {
        self.session_count.load(Ordering::Relaxed)
    }

    /// The open session of an id.
    pub fn session(&self, id: SessionId) -> Option<Arc<Peer>> {
        read(&self.sessions).open.get(&id).cloned()
    }

    /// All open sessions.
    pub fn sessions(&self) -> Vec<Arc<Peer>> {
        read(&self.sessions).open.values().cloned().collect()
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

    /// Ends a session with GOODBYE; false if there is none of that id, or it ends already.
    pub fn kill(&self, id: SessionId, reason: Option<&str>, message: Option<&str>) -> bool {
        let reason = reason.map_or(Cow::Borrowed(error_uri::KILLED), |reason| Cow::Owned(reason.to_owned()));
        let goodbye = Ending::Goodbye { reason, message: message.map(str::to_owned) };
        self.session(id).is_some_and(|peer| peer.end(goodbye))
    }

    /// Takes a session out of a subscription (REV-01); false if it has no part in it.
    pub fn remove_subscriber(
        &self,
        subscription: SubscriptionId,
        session: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        self.session(session).is_some_and(|peer| self.broker.revoke(&peer, subscription, reason, turn))
    }

    /// Takes a session out of a registration (REV-04); false if it has no part in it.
    pub fn remove_callee(
        &self,
        registration: RegistrationId,
        session: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> bool {
        self.session(session).is_some_and(|peer| self.dealer.revoke(&peer, registration, reason, turn))
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
        let peers: Vec<_> = {
            let mut sessions = write(&self.sessions);
            sessions.closed = Some(reason);
            sessions.open.values().cloned().collect()
        };
        for peer in peers {
            peer.end(Ending::Goodbye { reason: Cow::Borrowed(reason), message: None });
        }
    }

    pub(crate) fn role(&self, name: &str) -> Option<Arc<Role>> {
        read(&self.roles).get(name).cloned()
    }

    /// Adds a session that is about to open.
    pub(crate) fn add(&self, peer: &Arc<Peer>) -> Result<(), NotAdded> {
        let mut sessions = write(&self.sessions);
        if let Some(reason) = sessions.closed {
            return Err(NotAdded::Closed(reason));
        }
        if sessions.open.len() >= peer.limits.sessions_max || sessions.open.contains_key(&peer.id) {
            return Err(NotAdded::Full);
        }
        sessions.open.insert(peer.id, Arc::clone(peer));
        self.session_count.store(sessions.open.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes out all of a session whose mailbox is closed: its calls, invocations, registrations, subscriptions
    /// (SES-16, PVI-02).
    pub(crate) fn remove(&self, peer: &Arc<Peer>, turn: &mut Turn<'_>) {
        self.dealer.remove_session(peer, turn);
        self.dealer.callee_left(peer, turn);
        self.dealer.caller_left(peer, turn);
        self.broker.remove_session(peer);
        let mut sessions = write(&self.sessions);
        sessions.open.remove(&peer.id);
        self.session_count.store(sessions.open.len(), Ordering::Relaxed);
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
        }
    }
}
