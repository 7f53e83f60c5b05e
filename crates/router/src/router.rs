//! The router: its realms, and what goes for all of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use wamp::role::Features;
use wamp::uri::UriCheck;
use wamp::{SessionId, error_uri};

use crate::authenticate::Anonymous;
use crate::config::{HistoryConfig, Limits, RealmConfig, RouterConfig};
use crate::decision::Authenticator;
use crate::edges::Edges;
use crate::identity::TRUSTED;
use crate::lock::{read, write};
use crate::realm::Realm;

/// See the module.
#[derive(Debug)]
pub struct Router {
    pub(crate) limits: Arc<Limits>,
    pub(crate) agent: Option<String>,
    id_key: [u8; 16],
    edges: Edges,
    /// For connections that nobody else authenticates.
    pub(crate) anonymous: Arc<dyn Authenticator>,
    realms: RwLock<HashMap<String, Arc<Realm>>>,
    is_closing: AtomicBool,
}

/// A configuration that no router can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A realm's name is no URI.
    #[error("realm name {0:?} is not a URI: components without spaces or '#', separated by dots")]
    RealmName(String),
    /// Two realms of one name.
    #[error("realm {0:?} is there twice")]
    DuplicateRealm(String),
    /// Two roles of one name in a realm.
    #[error("realm {realm:?} has role {role:?} twice")]
    DuplicateRole {
        /// The realm.
        realm: String,
        /// The role.
        role: String,
    },
    /// A role that only the router itself has.
    #[error("realm {0:?} defines the role \"trusted\", which is the router's own")]
    TrustedRole(String),
    /// A history of something that can't be.
    #[error(
        "realm {realm:?}: event history of {uri:?}: it is not a URI or pattern that could match anything"
    )]
    HistoryUri {
        /// The realm.
        realm: String,
        /// The URI.
        uri: String,
    },
    /// Two histories of one topic or pattern.
    #[error("realm {realm:?}: event history of {uri:?} is there twice")]
    DuplicateHistory {
        /// The realm.
        realm: String,
        /// The URI.
        uri: String,
    },
    /// A declaration that can't be.
    #[error("realm {realm:?}: schemas of {name}: {error}")]
    Schema {
        /// The realm.
        realm: String,
        /// Where the declarations come from.
        name: String,
        /// What is wrong with them.
        error: String,
    },
    /// The store of a realm can't be read.
    #[error("realm {realm:?}: its store can't be read: {error}")]
    Store {
        /// The realm.
        realm: String,
        /// Why.
        error: String,
    },
    /// A permission for something that can't be.
    #[error("realm {realm:?}, role {role:?}: {uri:?} is not a URI or pattern that could match anything")]
    PermissionUri {
        /// The realm.
        realm: String,
        /// The role.
        role: String,
        /// The URI.
        uri: String,
    },
}

/// Names each realm ever made in the caches of worker threads.
static REALMS: AtomicU64 = AtomicU64::new(1);

impl Router {
    /// A router with the realms of `config` and nothing beside it: for tests. See [`Edges::default`].
    ///
    /// # Errors
    /// As [`Router::with_edges`].
    pub fn new(config: RouterConfig) -> Result<Arc<Router>, ConfigError> {
        Router::with_edges(config, Edges::default())
    }

    /// A router with the realms of `config`.
    ///
    /// # Errors
    /// The first thing in `config` that cannot be, or a store that can't be read.
    pub fn with_edges(config: RouterConfig, edges: Edges) -> Result<Arc<Router>, ConfigError> {
        let router = Router {
            limits: Arc::new(config.limits),
            agent: config.agent,
            // The same ids for the same subscriptions, after a restart too.
            id_key: *b"cloverleaf.ids.1",
            edges,
            anonymous: Arc::new(Anonymous::default()),
            realms: RwLock::default(),
            is_closing: AtomicBool::new(false),
        };
        for realm in config.realms {
            router.add_realm(realm)?;
        }
        Ok(Arc::new(router))
    }

    /// Adds a realm.
    ///
    /// # Errors
    /// What in `config` cannot be.
    pub fn add_realm(&self, config: RealmConfig) -> Result<Arc<Realm>, ConfigError> {
        check_realm(&config)?;
        let mut realms = write(&self.realms);
        if realms.contains_key(&config.name) {
            return Err(ConfigError::DuplicateRealm(config.name));
        }
        let name = config.name.clone();
        let number = REALMS.fetch_add(1, Ordering::Relaxed);
        let realm = Realm::new(number, self.id_key, config, &self.limits, &self.edges)?;
        realms.insert(name, Arc::clone(&realm));
        Ok(realm)
    }

    /// Removes a realm: its sessions get GOODBYE `wamp.close.close_realm` (SES-19). False if there is none of that name.
    pub fn remove_realm(&self, name: &str) -> bool {
        let removed = write(&self.realms).remove(name);
        if let Some(realm) = &removed {
            realm.close(error_uri::CLOSE_REALM);
        }
        removed.is_some()
    }

    /// The realm of a name.
    pub fn realm(&self, name: &str) -> Option<Arc<Realm>> {
        read(&self.realms).get(name).cloned()
    }

    /// All realms, in no particular order.
    pub fn realms(&self) -> Vec<Arc<Realm>> {
        read(&self.realms).values().cloned().collect()
    }

    /// What peers can make this router hold.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many sessions are open, over all realms.
    pub fn sessions(&self) -> usize {
        read(&self.realms).values().map(|realm| realm.session_count()).sum()
    }

    /// Says GOODBYE `wamp.close.system_shutdown` to every session, and lets no new one in (SES-18).
    pub fn shutdown(&self) {
        self.is_closing.store(true, Ordering::Release);
        for realm in self.realms() {
            realm.close(error_uri::SYSTEM_SHUTDOWN);
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    pub(crate) fn has_session(&self, id: SessionId) -> bool {
        read(&self.realms).values().any(|realm| realm.session(id).is_some())
    }
}

/// What the broker of every realm announces.
pub(crate) const BROKER: Features = Features::PUBLISHER_IDENTIFICATION
    .with(Features::PUBLICATION_TRUSTLEVELS)
    .with(Features::PATTERN_BASED_SUBSCRIPTION)
    .with(Features::PUBLISHER_EXCLUSION)
    .with(Features::SUBSCRIBER_BLACKWHITE_LISTING)
    .with(Features::SUBSCRIPTION_REVOCATION)
    .with(Features::EVENT_RETENTION)
    .with(Features::SHARDED_SUBSCRIPTION)
    .with(Features::PAYLOAD_PASSTHRU_MODE);

/// What the dealer of every realm announces.
pub(crate) const DEALER: Features = Features::PROGRESSIVE_CALL_RESULTS
    .with(Features::PROGRESSIVE_CALL_INVOCATIONS)
    .with(Features::CALL_TIMEOUT)
    .with(Features::CALL_CANCELING)
    .with(Features::CALL_REROUTE)
    .with(Features::CALLER_IDENTIFICATION)
    .with(Features::CALL_TRUSTLEVELS)
    .with(Features::PATTERN_BASED_REGISTRATION)
    .with(Features::SHARED_REGISTRATION)
    .with(Features::REGISTRATION_REVOCATION)
    .with(Features::PAYLOAD_PASSTHRU_MODE);

fn check_realm(config: &RealmConfig) -> Result<(), ConfigError> {
    let realm = config.name.clone();
    if !UriCheck::Loose.is_valid(&realm) {
        return Err(ConfigError::RealmName(realm));
    }
    for (index, history) in config.history.iter().enumerate() {
        let uri = history.uri.clone();
        if !UriCheck::Loose.is_valid_pattern(&uri, history.match_policy) {
            return Err(ConfigError::HistoryUri { realm, uri });
        }
        let is_same = |other: &HistoryConfig| other.uri == uri && other.match_policy == history.match_policy;
        if config.history[..index].iter().any(is_same) {
            return Err(ConfigError::DuplicateHistory { realm, uri });
        }
    }
    for (index, role) in config.roles.iter().enumerate() {
        if role.name == TRUSTED {
            return Err(ConfigError::TrustedRole(realm));
        }
        if config.roles[..index].iter().any(|other| other.name == role.name) {
            return Err(ConfigError::DuplicateRole { realm, role: role.name.clone() });
        }
        for permission in &role.permissions {
            if !UriCheck::Loose.is_valid_pattern(&permission.uri, permission.match_policy) {
                let (role, uri) = (role.name.clone(), permission.uri.clone());
                return Err(ConfigError::PermissionUri { realm, role, uri });
            }
        }
    }
    Ok(())
}
