//! The meta API, by scripts: what its procedures answer, what its events tell, and in which order.
//!
//! A file is about one part of it, a test about one claim; the ids are those of the conformance checklist. What happens
//! when sessions really race is in `threads`.

mod any_arguments;
mod api;
mod arguments;
mod background;
mod endless;
mod ends;
mod events;
mod hidden;
mod history;
mod history_filters;
mod history_rights;
mod kill;
mod racer;
mod registrations;
mod schemas;
mod sessions;
mod subscriptions;
mod testament_rights;
mod testaments;
mod threads;
mod validation;
mod view;

use cloverleaf_router::config::{Actions, Permission, RealmConfig, RoleConfig, RouterConfig};
use testkit::{Client, IntoValue, Json, Net, Received, json};
use wamp::{MatchPolicy, Value};

const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
const INVALID_URI: &str = "wamp.error.invalid_uri";
const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";

/// A router with one open realm, `realm1`, after some changes.
fn realm(change: impl FnOnce(&mut RealmConfig)) -> Net {
    config(|config| change(&mut config.realms[0]))
}

/// The same with changes to all of the router's configuration.
fn config(change: impl FnOnce(&mut RouterConfig)) -> Net {
    let mut config = RouterConfig::default();
    change(&mut config);
    Net::new(config)
}

/// A router whose realm `realm1` has these roles, each of which may do everything.
fn roles(names: &[&str]) -> Net {
    realm(|realm| realm.roles = names.iter().map(|name| RoleConfig::allow_all(name)).collect())
}

/// One rule; `actions` are words.
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

/// A client that gets all meta events, but is none of those whom they tell of from now on.
fn watcher(net: &mut Net) -> Client {
    watcher_of(net, "wamp.")
}

/// A client that gets the meta events below a prefix.
fn watcher_of(net: &mut Net, prefix: &str) -> Client {
    let watcher = net.join("realm1");
    net.subscribe_with(watcher, json!({"match": "prefix"}), prefix);
    watcher
}

/// The next message of a watcher is this event.
#[track_caller]
fn told(net: &mut Net, watcher: Client, topic: &str, args: impl IntoValue) -> Received {
    let details = value(json!({"topic": topic, "...": 0}));
    net.expect(watcher, Value::List(vec![36u64.into(), "_".into(), "_".into(), details, args.into_value()]))
}

/// All events that a watcher has got: their topics, without `wamp.`, and their arguments.
fn all_told(net: &mut Net, watcher: Client) -> Vec<(String, Vec<Value>)> {
    let event = |event: Received| {
        assert_eq!(event.code(), 36, "{event}");
        let topic = event.detail(3, "topic").and_then(Value::as_str).expect("a topic");
        let args = event.at(4).as_list().expect("arguments").to_vec();
        (topic.strip_prefix("wamp.").expect("a meta event").to_owned(), args)
    };
    net.receive(watcher).into_iter().map(event).collect()
}

/// CALL with keyword arguments, and RESULT with one argument: that one.
#[track_caller]
fn by_name(net: &mut Net, client: Client, procedure: &str, kwargs: Json) -> Value {
    let result = net.result(client, procedure, json!([]), kwargs);
    match result.at(3).as_list() {
        Some([value]) => value.clone(),
        _ => panic!("{procedure} answered {result}, expected one argument"),
    }
}

/// CALL with any arguments, and RESULT without any.
#[track_caller]
fn done(net: &mut Net, client: Client, procedure: &str, args: Json, kwargs: Json) {
    let result = net.result(client, procedure, args, kwargs);
    assert_eq!(result.len(), 3, "{procedure} answered {result}, expected nothing");
}

/// A value, as a test writes it.
fn value(json: Json) -> Value {
    json.into_value()
}

/// The value of a key in a dictionary.
#[track_caller]
fn at(dict: &Value, key: &str) -> Value {
    let found = dict.as_dict().and_then(|dict| dict.get(key)).cloned();
    found.unwrap_or_else(|| panic!("no {key} in {dict}"))
}

/// The numbers in a list, in their order of size: for lists in no particular order.
#[track_caller]
fn sorted(list: &Value) -> Vec<u64> {
    let list = list.as_list().unwrap_or_else(|| panic!("{list} is no list"));
    let mut ids: Vec<u64> = list.iter().map(|id| id.as_u64().expect("an id")).collect();
    ids.sort_unstable();
    ids
}

/// The sessions of clients, in their order of size.
fn sessions<const N: usize>(net: &Net, clients: [Client; N]) -> Vec<u64> {
    let mut ids: Vec<u64> = clients.iter().map(|client| net.session(*client)).collect();
    ids.sort_unstable();
    ids
}
