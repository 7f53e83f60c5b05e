//! The whole router, by scripts: messages in, messages out; no sockets, no sleeping.
//!
//! A file is about one part of the specification, a test about one claim; the ids are those of the conformance
//! checklist. Calls have their own scripts beside this directory.

mod authentication;
mod authorization;
mod broker;
mod bursts;
mod decision;
mod declared;
mod features;
mod limits;
mod ordering;
mod passthru;
mod patterns;
mod receivers;
mod request_ids;
mod retention;
mod revocation;
mod serializers;
mod session;
mod threads;
mod uri;
mod violation;
mod work;

use cloverleaf_router::config::{Actions, Permission, RealmConfig, RoleConfig, RouterConfig};
use testkit::Net;
use wamp::MatchPolicy;

/// A router with one open realm, `realm1`, after some changes.
fn realm(change: impl FnOnce(&mut RealmConfig)) -> Net {
    let mut realm = RealmConfig::open("realm1");
    change(&mut realm);
    Net::new(RouterConfig { realms: vec![realm], ..RouterConfig::default() })
}

/// A router whose realm `realm1` has these roles, each of which may do everything.
fn roles(names: &[&str]) -> Net {
    realm(|realm| realm.roles = names.iter().map(|name| RoleConfig::allow_all(name)).collect())
}

/// One rule.
fn allow(uri: &str, match_policy: MatchPolicy, actions: &str) -> Permission {
    let has = |action| actions.split(' ').any(|one| one == action);
    let allow = Actions {
        call: has("call"),
        register: has("register"),
        publish: has("publish"),
        subscribe: has("subscribe"),
    };
    Permission { allow, ..Permission::deny(uri, match_policy) }
}
