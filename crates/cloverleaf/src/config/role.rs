//! Roles and their permissions.

use router::config::{Actions, Permission, RoleConfig};
use wamp::MatchPolicy;
use wamp::uri::UriCheck;

use crate::config::error::Problem;
use crate::config::item::{Data, Item};
use crate::config::section::{all_defaults, section};
use crate::config::setting::{Place, Reading, Setting, distinct, words};

words!(MatchPolicy {
    "exact" => MatchPolicy::Exact,
    "prefix" => MatchPolicy::Prefix,
    "wildcard" => MatchPolicy::Wildcard,
});

section! {
    /// What sessions of an authrole may do in the realm: by `permissions`, or everything or nothing by
    /// `allow-by-default`. A session whose authrole isn't a role of its realm may do nothing.
    RoleSection ("Role") {
        /// The authrole. `trusted` is the router's own.
        name: String;
        /// A name for this entry; nothing depends on it.
        id: Option<String> = None;
        /// The rules; for each request the most specific one that matches decides.
        permissions: Vec<PermissionSection> = Vec::new();
        /// Whether what no rule is about is allowed.
        allow_by_default ("allow-by-default"): bool = false;
    }
    later { "authorizer" }
    check check_role;
}

section! {
    /// A rule about a URI or a pattern of URIs.
    PermissionSection ("Permission") {
        /// The URI or pattern. Without `match` stars make it a pattern: a single one at the end makes it a prefix
        /// (`com.example.*`; `*` is everything), any other stands for one component (`com.*.start`).
        uri: String;
        /// How `uri` matches; stars have no meaning then.
        match_policy ("match"): Option<MatchPolicy> = None;
        /// What is allowed.
        allow: AllowSection = all_defaults();
        /// Who is disclosed without asking for it.
        disclose: DiscloseSection = all_defaults();
        /// Accepted for Crossbar.io's sake; decisions by rules are always remembered.
        cache: bool = false;
        /// Whether what is published, called or yielded there has to be as declared by the realm's `schemas`.
        validate: Validate = Validate(false);
    }
    check check_permission;
}

section! {
    /// The actions that a permission allows.
    AllowSection ("Allow") {
        /// Calling procedures.
        call: bool = false;
        /// Registering procedures.
        register: bool = false;
        /// Publishing to topics.
        publish: bool = false;
        /// Subscribing to topics.
        subscribe: bool = false;
    }
}

section! {
    /// Whose identity a permission discloses.
    DiscloseSection ("Disclose") {
        /// Callers, to the callees of the procedure.
        caller: bool = false;
        /// Publishers, to the subscribers of the topic.
        publisher: bool = false;
    }
}

/// Whether payloads are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validate(bool);

impl Setting for Validate {
    fn takes() -> String {
        bool::takes()
    }

    fn read(item: &Item, at: &Place, reading: &mut Reading<'_>) -> Result<Self, Problem> {
        if let Data::Map(_) = item.data {
            let text = "types of a Crossbar.io inventory are not supported; expected `true` or `false`: with `true` payloads \
                        have to be as declared by the `schemas` of the realm or by `wamp.schema.define`";
            return Err(at.problem(text));
        }
        bool::read(item, at, reading).map(Validate)
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

fn check_role(role: &RoleSection, item: &Item, at: &Place) -> Result<(), Problem> {
    if role.name.is_empty() || role.name == "trusted" {
        let line = item.entry("name").map_or(at.line, |entry| entry.item.line);
        let text = "expected the name of a role; the empty one and `trusted` can't be defined";
        return Err(at.key("name", line).problem(text));
    }
    if let Some(permissions) = item.entry("permissions") {
        let uris: Vec<String> = role
            .permissions
            .iter()
            .map(PermissionSection::pattern)
            .map(|(uri, policy)| format!("{uri} ({policy})"))
            .collect();
        let place = at.key("permissions", permissions.line);
        distinct("permission for", uris.iter().map(String::as_str), &permissions.item, &place)?;
    }
    Ok(())
}

fn check_permission(permission: &PermissionSection, item: &Item, at: &Place) -> Result<(), Problem> {
    let (uri, policy) = permission.pattern();
    if UriCheck::Loose.is_valid_pattern(&uri, policy) {
        return Ok(());
    }
    let line = item.entry("uri").map_or(at.line, |entry| entry.item.line);
    let text = format!("expected {}, found {:?}", expected_uri(policy), permission.uri);
    Err(at.key("uri", line).problem(text))
}

pub(crate) fn expected_uri(policy: MatchPolicy) -> &'static str {
    match policy {
        MatchPolicy::Exact => {
            "a URI: components between dots, none of them empty, without white space and `#`"
        }
        MatchPolicy::Prefix => {
            "the beginning of URIs: components between dots, none but the last empty, without white space and `#`"
        }
        MatchPolicy::Wildcard => {
            "a pattern: components between dots, the empty ones matching any, without white space and `#`"
        }
    }
}

impl RoleSection {
    pub(crate) fn router(&self) -> RoleConfig {
        RoleConfig {
            name: self.name.clone(),
            permissions: self.permissions.iter().map(PermissionSection::router).collect(),
            allow_by_default: self.allow_by_default,
        }
    }
}

impl PermissionSection {
    fn router(&self) -> Permission {
        let (uri, match_policy) = self.pattern();
        Permission {
            uri,
            match_policy,
            allow: Actions {
                call: self.allow.call,
                register: self.allow.register,
                publish: self.allow.publish,
                subscribe: self.allow.subscribe,
            },
            disclose_caller: self.disclose.caller,
            disclose_publisher: self.disclose.publisher,
            validate: self.validate.0,
        }
    }

    /// The URI without stars, and how it matches.
    fn pattern(&self) -> (String, MatchPolicy) {
        if let Some(policy) = self.match_policy {
            return (self.uri.clone(), policy);
        }
        match self.uri.matches('*').count() {
            0 => (self.uri.clone(), MatchPolicy::Exact),
            1 if self.uri.ends_with('*') => (self.uri.replace('*', ""), MatchPolicy::Prefix),
            _ => (self.uri.replace('*', ""), MatchPolicy::Wildcard),
        }
    }
}
