//! What a router is told: realms, roles, permissions, limits. Plain data, without a file format.

use std::time::Duration;

use wamp::MatchPolicy;
use wamp::uri::UriCheck;

/// Everything about a router but its sockets.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// The realms that exist from the start.
    pub realms: Vec<RealmConfig>,
    /// What a peer can make the router hold.
    pub limits: Limits,
    /// `WELCOME.Details.agent`; `None` tells nobody what this is (SES-05).
    pub agent: Option<String>,
}

impl Default for RouterConfig {
    fn default() -> Self {
        RouterConfig {
            realms: vec![RealmConfig::open("realm1")],
            limits: Limits::default(),
            agent: Some(concat!("Cloverleaf/", env!("CARGO_PKG_VERSION")).to_owned()),
        }
    }
}

/// A realm.
#[derive(Debug, Clone)]
pub struct RealmConfig {
    /// Its name, a URI.
    pub name: String,
    /// How strictly URIs are checked.
    pub uri_check: UriCheck,
    /// Who may do what.
    pub roles: Vec<RoleConfig>,
    /// Whether client request ids must be 1, 2, 3, ... (IDS-06). Old clients draw them at random, so the default is
    /// [`RequestIds::Lenient`].
    pub request_ids: RequestIds,
    /// Whether a session must have announced the role that its request belongs to (FEA-11).
    pub require_announced_roles: bool,
    /// Whether clients may ask to be disclosed (`disclose_me`) (PID-03, CID-03).
    pub allow_disclose_me: bool,
    /// Whether custom attributes (`x_...`, `_...`) travel from PUBLISH to EVENT and so on (MSG-13).
    pub forward_custom_attributes: bool,
    /// What is kept of retained events.
    pub retention: RetentionConfig,
    /// Behave as Crossbar.io does where it differs from the specification and its clients rely on it.
    pub compat_crossbar: bool,
    /// Topics whose publications bear a trust level (TRL-01), the best match counting as with permissions.
    pub trust_levels: Vec<TrustLevel>,
    /// How long a call may take at most, and takes where the caller says nothing (TMO-13).
    pub call_timeout: CallTimeout,
    /// Whether there is a meta API: its procedures, and its events.
    pub meta_api: bool,
    /// Whether session details show what stands in the headers `cookie`, `set-cookie`, `authorization` and the like, and
    /// the tracking cookie (MSE-16).
    pub show_secrets: bool,
    /// Topics and patterns whose events are kept (HIS-01).
    pub history: Vec<HistoryConfig>,
    /// Declarations of topics, procedures and errors that are there from the start: the text of each is a JSON object that
    /// maps URIs to declarations, as `wamp.schema.define` takes them.
    pub schemas: Vec<SchemaSource>,
}

impl RealmConfig {
    /// A realm whose only role, `anonymous`, may do everything.
    pub fn open(name: &str) -> Self {
        RealmConfig { roles: vec![RoleConfig::allow_all("anonymous")], ..RealmConfig::closed(name) }
    }

    /// A realm without roles, in which nobody may do anything yet.
    pub fn closed(name: &str) -> Self {
        RealmConfig {
            name: name.to_owned(),
            uri_check: UriCheck::Loose,
            roles: Vec::new(),
            request_ids: RequestIds::Lenient,
            require_announced_roles: false,
            allow_disclose_me: true,
            forward_custom_attributes: false,
            retention: RetentionConfig::default(),
            compat_crossbar: false,
            trust_levels: Vec::new(),
            call_timeout: CallTimeout::default(),
            meta_api: true,
            show_secrets: false,
            history: Vec::new(),
            schemas: Vec::new(),
        }
    }
}

/// A topic or pattern whose events are kept, and how many: whatever is over any of its bounds goes, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// The topic or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
    /// How many events.
    pub events_max: u64,
    /// Bytes of all its events together, with all that they hold besides their payloads.
    pub bytes_max: u64,
    /// How old they may become; `None`: as old as they like.
    pub age_max: Option<Duration>,
}

impl HistoryConfig {
    /// The last 100 events of a topic or pattern, and at most 64 MiB of them.
    pub fn new(uri: &str, match_policy: MatchPolicy) -> Self {
        HistoryConfig {
            uri: uri.to_owned(),
            match_policy,
            events_max: 100,
            bytes_max: 64 << 20,
            age_max: None,
        }
    }
}

/// Declarations that are there from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaSource {
    /// Where they come from, for errors: the name of a file.
    pub name: String,
    /// The text.
    pub text: String,
}

/// How a client's request ids are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RequestIds {
    /// Any id that isn't in use.
    #[default]
    Lenient,
    /// 1, 2, 3, ...; anything else is a protocol violation.
    Strict,
}

/// What sessions of an authrole may do.
#[derive(Debug, Clone)]
pub struct RoleConfig {
    /// The authrole.
    pub name: String,
    /// Rules; the most specific that matches decides (AZN-06). None matching: [`RoleConfig::allow_by_default`].
    pub permissions: Vec<Permission>,
    /// What is so where no rule matches.
    pub allow_by_default: bool,
}

impl RoleConfig {
    /// A role that may do everything.
    pub fn allow_all(name: &str) -> Self {
        let everything = Permission { allow: Actions::ALL, ..Permission::deny("", MatchPolicy::Prefix) };
        RoleConfig { name: name.to_owned(), permissions: vec![everything], allow_by_default: false }
    }
}

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The URI or pattern it is about.
    pub uri: String,
    /// How [`Permission::uri`] matches.
    pub match_policy: MatchPolicy,
    /// What may be done there.
    pub allow: Actions,
    /// Callers are disclosed to callees (CID-05).
    pub disclose_caller: bool,
    /// Publishers are disclosed to subscribers (PID-04).
    pub disclose_publisher: bool,
    /// What is published, called or yielded there has to be as declared (REF-05).
    pub validate: bool,
}

impl Permission {
    /// A rule that allows and discloses nothing.
    pub fn deny(uri: &str, match_policy: MatchPolicy) -> Self {
        Permission {
            uri: uri.to_owned(),
            match_policy,
            allow: Actions::default(),
            disclose_caller: false,
            disclose_publisher: false,
            validate: false,
        }
    }
}

/// The four actions that can be allowed (AZN-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actions {
    /// CALL.
    pub call: bool,
    /// REGISTER.
    pub register: bool,
    /// PUBLISH.
    pub publish: bool,
    /// SUBSCRIBE.
    pub subscribe: bool,
}

impl Actions {
    /// All of them.
    pub const ALL: Actions = Actions { call: true, register: true, publish: true, subscribe: true };
}

/// A trust level for what a role publishes or calls below a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustLevel {
    /// The URI or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
    /// The publisher's or caller's authrole; `None`: any.
    pub authrole: Option<String>,
    /// 0 is the lowest.
    pub level: u64,
}

/// Timeouts of calls, as the realm sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallTimeout {
    /// Where the caller sets none.
    pub default: Option<Duration>,
    /// No call takes longer, whatever its caller says.
    pub max: Option<Duration>,
    /// Whether timeouts are handed to callees that ask for it (`forward_timeout`) (TMO-08).
    pub never_forward: bool,
}

/// Bounds of the retained events of a realm (RET-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How many topics may hold retained events; more are refused.
    pub topics_max: usize,
    /// Bytes of all retained events together: an estimate of all that they hold, not only of their payloads.
    pub bytes_max: usize,
    /// How long an event stays; `None`: as long as the realm.
    pub ttl: Option<Duration>,
    /// Whether a retaining PUBLISH without payload clears its topic.
    pub clear_by_empty: bool,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        RetentionConfig { topics_max: 100_000, bytes_max: 64 << 20, ttl: None, clear_by_empty: true }
    }
}

/// What becomes of an event for a receiver whose outbox is full (BRK-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowConsumer {
    /// Its session ends.
    #[default]
    Disconnect,
    /// The event, the newest one, is dropped for this receiver and counted.
    Drop,
}

/// What a peer can make the router hold, and for how long (ROB-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest message accepted, in bytes.
    pub message_bytes_max: usize,
    /// The longest URI accepted, in bytes (URI-11).
    pub uri_bytes_max: usize,
    /// Outgoing bytes a session may have queued before events meet [`Limits::slow_consumer`], invocations go to
    /// another callee and progressive results end their call.
    pub outbox_bytes_soft: usize,
    /// What happens to events then.
    pub slow_consumer: SlowConsumer,
    /// Calls a session may have outstanding (DLR-19).
    pub pending_calls_max: usize,
    /// Invocations a callee may have outstanding.
    pub pending_invocations_max: usize,
    /// Calls that may wait for a callee of a registration with `concurrency`, per registration.
    pub queued_calls_max: usize,
    /// Payload bytes of the calls that wait so, per registration.
    pub queued_calls_bytes_max: usize,
    /// Payload bytes of a session's outstanding calls that are kept for another callee (RER-01). A call beyond that is
    /// made, but not made again.
    pub kept_call_bytes_max: usize,
    /// Subscriptions a session may hold.
    pub subscriptions_max: usize,
    /// Registrations a session may hold.
    pub registrations_max: usize,
    /// Sessions a realm may have.
    pub sessions_max: usize,
    /// Testaments a session may have, in both scopes together (TST-10).
    pub testaments_max: usize,
    /// Bytes of a session's testaments, with all that they hold besides their payloads.
    pub testaments_bytes_max: usize,
    /// Bytes of the details that `wamp.session.modify_details` may add to a session.
    pub details_bytes_max: usize,
    /// Declarations a realm may have.
    pub schemas_max: usize,
    /// The longest declaration, in bytes of JSON.
    pub schema_bytes_max: usize,
    /// Bytes of JSON of all declarations of a realm together. Those of the configuration and of an earlier process count,
    /// but are never refused.
    pub schemas_bytes_max: usize,
    /// The most events that one call of `wamp.subscription.get_events` returns.
    pub history_events_max: usize,
    /// From connecting to WELCOME (SES-21, AUT-12).
    pub handshake_timeout: Duration,
    /// How long a peer may take to answer GOODBYE, and how long a connection may stay without a session after it
    /// (SES-12, WSK-15).
    pub goodbye_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes_max: 16 << 20,
            uri_bytes_max: 4096,
            outbox_bytes_soft: 16 << 20,
            slow_consumer: SlowConsumer::Disconnect,
            pending_calls_max: 65_536,
            pending_invocations_max: 65_536,
            queued_calls_max: 1024,
            queued_calls_bytes_max: 16 << 20,
            kept_call_bytes_max: 16 << 20,
            subscriptions_max: 100_000,
            registrations_max: 100_000,
            sessions_max: 1_000_000,
            testaments_max: 100,
            testaments_bytes_max: 1 << 20,
            details_bytes_max: 64 << 10,
            schemas_max: 10_000,
            schema_bytes_max: 1 << 20,
            schemas_bytes_max: 32 << 20,
            history_events_max: 10_000,
            handshake_timeout: Duration::from_secs(10),
            goodbye_timeout: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// The bound that replies and final answers may go up to; beyond it a session ends.
    pub const fn outbox_bytes_hard(&self) -> usize {
        self.outbox_bytes_soft + self.message_bytes_max + (1 << 20)
    }
}
