//! Realms and their options.

use router::config::{CallTimeout, RealmConfig, RequestIds, RetentionConfig, TrustLevel};
use wamp::MatchPolicy;
use wamp::uri::UriCheck;

use crate::config::error::Problem;
use crate::config::item::Item;
use crate::config::role::RoleSection;
use crate::config::schemas::{SchemaFile, check_schemas};
use crate::config::section::{all_defaults, section};
use crate::config::setting::{Bytes, Ms, Place, distinct, words};
use crate::config::store::StoreSection;

words!(UriCheck { "loose" => UriCheck::Loose, "strict" => UriCheck::Strict });
words!(RequestIds { "lenient" => RequestIds::Lenient, "strict" => RequestIds::Strict });

/// Whose behaviour counts where another router's differs from the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compat {
    /// The specification's.
    None,
    /// Crossbar.io's, as far as its clients rely on it.
    Crossbar,
}
words!(Compat { "none" => Compat::None, "crossbar" => Compat::Crossbar });

section! {
    /// A realm: a name space for topics and procedures of its own, with its sessions and roles.
    RealmSection ("Realm") {
        /// The name that clients ask for.
        name: String;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// How the realm behaves.
        options: RealmOptions = all_defaults();
        /// Who may do what. Without roles nobody may do anything.
        roles: Vec<RoleSection> = Vec::new();
        /// Where it keeps event history, schemas and retained events; left out, there is no history, and the others
        /// are kept in memory.
        store: Option<StoreSection> = None;
        /// Files with the declarations of topics, procedures and errors, each a map from URIs to declarations.
        schemas: Vec<SchemaFile> = Vec::new();
    }
    later { "stats", "inventory", "rlinks" }
    check check_realm;
}

section! {
    /// How a realm behaves.
    RealmOptions ("Realm options") {
        /// How URIs are checked: `loose` refuses empty components, white space and `#`; `strict` allows lower case
        /// letters, digits and `_` only.
        uri_check: UriCheck = UriCheck::Loose;
        /// Whether a client's request ids must be 1, 2, 3, ...; `lenient` takes any that isn't in use.
        request_ids: RequestIds = RequestIds::Lenient;
        /// Whether a session must have announced the role that a request belongs to.
        require_announced_roles: bool = false;
        /// Whether clients may ask to be disclosed (`disclose_me`).
        allow_disclose_me: bool = true;
        /// Whether custom attributes (`x_...`, `_...`) travel with messages.
        forward_custom_attributes: bool = false;
        /// Whose behaviour counts where Crossbar.io's differs from the specification.
        compat: Compat = Compat::None;
        /// What is kept of retained events.
        retention: RetentionSection = all_defaults();
        /// How long calls may take.
        call_timeout: CallTimeoutSection = all_defaults();
        /// Trust levels that publications and calls bear.
        trust_levels: Vec<TrustLevelSection> = Vec::new();
        /// Whether there is a meta API: its procedures, and its events.
        enable_meta_api: bool = true;
        /// Whether session details, which the meta API tells, show cookies, `Authorization` and other header fields that
        /// prove who somebody is.
        show_secrets_in_session_details: bool = false;
        /// Accepted as `false`: meta events don't leave their realm.
        bridge_meta_api: bool = false;
    }
    no_effect {
        "event_dispatching_chunk_size": "events are delivered without being cut into chunks",
    }
    check check_options;
}

section! {
    /// Bounds of a realm's retained events.
    RetentionSection ("Retention") {
        /// Topics that may hold a retained event; more are refused.
        topics_max: usize = RetentionConfig::default().topics_max;
        /// Bytes of all retained events together, with all that they hold besides their payloads.
        bytes_max: Bytes = Bytes(RetentionConfig::default().bytes_max);
        /// How long an event stays; 0 is without end.
        ttl: Ms = Ms(RetentionConfig::default().ttl.unwrap_or_default());
        /// Whether a retaining PUBLISH without payload clears its topic.
        clear_by_empty: bool = RetentionConfig::default().clear_by_empty;
    }
}

section! {
    /// How long calls may take.
    CallTimeoutSection ("Call timeout") {
        /// Where the caller says nothing; 0 is without end.
        default: Ms = Ms(std::time::Duration::ZERO);
        /// At most, whatever the caller says; 0 is without end.
        max: Ms = Ms(std::time::Duration::ZERO);
        /// Whether the router watches timeouts itself even where the callee asked to do it.
        never_forward: bool = false;
    }
}

section! {
    /// A trust level, shown to those who receive the publication or call.
    TrustLevelSection ("Trust level") {
        /// The topic or procedure.
        uri: String;
        /// How `uri` matches.
        match_policy ("match"): MatchPolicy = MatchPolicy::Exact;
        /// The authrole of the publisher or caller; left out, it is any.
        authrole: Option<String> = None;
        /// The level; 0 is the lowest.
        level: u64;
    }
    check check_trust_level;
}

fn check_realm(realm: &RealmSection, item: &Item, at: &Place) -> Result<(), Problem> {
    if !UriCheck::Loose.is_valid(&realm.name) {
        let line = item.entry("name").map_or(at.line, |entry| entry.item.line);
        let text = format!(
            "expected a URI: components between dots, none of them empty, without white space and `#`, found {:?}",
            realm.name
        );
        return Err(at.key("name", line).problem(text));
    }
    if let Some(roles) = item.entry("roles") {
        let names = realm.roles.iter().map(|role| role.name.as_str());
        distinct("role", names, &roles.item, &at.key("roles", roles.line))?;
    }
    if let Some(schemas) = item.entry("schemas") {
        check_schemas(&realm.schemas, &schemas.item, &at.key("schemas", schemas.line))?;
    }
    Ok(())
}

fn check_options(options: &RealmOptions, item: &Item, at: &Place) -> Result<(), Problem> {
    match item.entry("bridge_meta_api") {
        Some(entry) if options.bridge_meta_api => {
            let place = at.key("bridge_meta_api", entry.item.line);
            Err(place.problem("not supported yet: true; expected `false`"))
        }
        _ => Ok(()),
    }
}

fn check_trust_level(level: &TrustLevelSection, item: &Item, at: &Place) -> Result<(), Problem> {
    if UriCheck::Loose.is_valid_pattern(&level.uri, level.match_policy) {
        return Ok(());
    }
    let line = item.entry("uri").map_or(at.line, |entry| entry.item.line);
    let text = format!("{:?} is not a URI that can match as {}", level.uri, level.match_policy);
    Err(at.key("uri", line).problem(text))
}

impl RealmSection {
    pub(crate) fn router(&self) -> RealmConfig {
        let options = &self.options;
        RealmConfig {
            name: self.name.clone(),
            uri_check: options.uri_check,
            roles: self.roles.iter().map(RoleSection::router).collect(),
            request_ids: options.request_ids,
            require_announced_roles: options.require_announced_roles,
            allow_disclose_me: options.allow_disclose_me,
            forward_custom_attributes: options.forward_custom_attributes,
            retention: RetentionConfig {
                topics_max: options.retention.topics_max,
                bytes_max: options.retention.bytes_max.0,
                ttl: options.retention.ttl.unless_zero(),
                clear_by_empty: options.retention.clear_by_empty,
            },
            compat_crossbar: options.compat == Compat::Crossbar,
            trust_levels: options.trust_levels.iter().map(TrustLevelSection::router).collect(),
            call_timeout: CallTimeout {
                default: options.call_timeout.default.unless_zero(),
                max: options.call_timeout.max.unless_zero(),
                never_forward: options.call_timeout.never_forward,
            },
            meta_api: options.enable_meta_api,
            show_secrets: options.show_secrets_in_session_details,
            history: self.store.as_ref().map(StoreSection::histories).unwrap_or_default(),
            schemas: self.schemas.iter().map(|file| file.source.clone()).collect(),
        }
    }
}

impl TrustLevelSection {
    fn router(&self) -> TrustLevel {
        TrustLevel {
            uri: self.uri.clone(),
            match_policy: self.match_policy,
            authrole: self.authrole.clone(),
            level: self.level,
        }
    }
}
