//! The meta API for programs that the router is a part of: typed, and with nothing hidden.

use std::time::Duration;

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::meta::{ByMatch, EventQuery, Farewell, MetaApi, Scope, Testament};
use cloverleaf_router::store::EventRange;
use cloverleaf_router::{Rejection, TRUSTED};
use schema::Kind;
use testkit::{Client, Net, json};
use wamp::message::InvocationPolicy;
use wamp::value::Dict;
use wamp::{MatchPolicy, PublicationId, RegistrationId, SessionId, SubscriptionId, Value};

use crate::{
    INVALID_ARGUMENT, INVALID_URI, NO_SUCH_REGISTRATION, NO_SUCH_SESSION, NO_SUCH_SUBSCRIPTION, realm, roles,
    told, value, watcher,
};

fn api(net: &Net) -> MetaApi {
    net.realm("realm1").meta_api()
}

fn nobody() -> SessionId {
    SessionId::new(1).expect("an id")
}

/// The URI of an error.
#[track_caller]
fn error<T: std::fmt::Debug>(result: Result<T, Rejection>) -> &'static str {
    let rejection = result.expect_err("it can't be");
    assert!(rejection.message.is_some(), "{rejection}");
    rejection.uri
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// MSE-05, MSE-06, MSE-07
#[test]
fn the_program_sees_all_sessions() {
    let mut net = roles(&["anonymous", "user"]);
    let api = api(&net);
    let service = net.realm("realm1").service().id();
    assert_eq!(api.session_list(None), [service]);
    let client = net.client().identity("alice", "user").join("realm1");
    let trusted = net.client().trusted().join("realm1");
    assert_eq!(api.session_count(None), 3);
    assert_eq!(api.session_count(Some(&names(&["user"]))), 1);
    assert_eq!(api.session_count(Some(&names(&["user", TRUSTED]))), 3);
    assert_eq!(api.session_count(Some(&[])), 0);
    assert_eq!(api.session_list(Some(&names(&["user"]))), [net.session_id(client)]);
    let mut own = api.session_list(Some(&names(&[TRUSTED])));
    own.sort_unstable();
    let mut expected = vec![service, net.session_id(trusted)];
    expected.sort_unstable();
    assert_eq!(own, expected);
    for (session, authid) in [
        (net.session_id(client), "alice"),
        (net.session_id(trusted), "internal"),
        (service, "realm-realm1-serviceagent"),
    ] {
        let shown = api.session_get(session).expect("it is there");
        assert_eq!(shown.get("authid"), Some(&Value::from(authid)));
    }
    assert_eq!(error(api.session_get(nobody())), NO_SUCH_SESSION);
}

/// MSE-08, MSE-09, MSE-10, MSE-11, MSE-12, MSE-13
#[test]
fn the_program_kills_whom_it_likes_but_the_service_session() {
    let mut net = roles(&["anonymous", "user"]);
    let api = api(&net);
    let service = net.realm("realm1").service().id();
    let mut join = |authid, authrole| net.client().identity(authid, authrole).join("realm1");
    let [one, two, three, four] =
        [join("a", "user"), join("b", "user"), join("c", "user"), join("d", "anonymous")];
    let trusted = net.client().trusted().join("realm1");
    let ids = [one, two, three, four, trusted].map(|client| net.session_id(client));
    let farewell = Farewell { reason: Some("a.reason"), message: Some("text") };
    let bad = Farewell { reason: Some("a b"), message: None };
    net.elsewhere(|_, turn| {
        assert_eq!(error(api.session_kill(ids[0], bad, turn)), INVALID_URI);
        assert_eq!(error(api.session_kill_by_authid("a", bad, turn)), INVALID_URI);
        assert_eq!(error(api.session_kill_by_authrole("user", bad, turn)), INVALID_URI);
        assert_eq!(error(api.session_kill_all(bad, turn)), INVALID_URI);
        for id in [service, nobody()] {
            assert_eq!(error(api.session_kill(id, farewell, turn)), NO_SUCH_SESSION);
        }
        api.session_kill(ids[0], farewell, turn).expect("it is there");
        assert_eq!(error(api.session_kill(ids[0], farewell, turn)), NO_SUCH_SESSION);
        assert_eq!(error(api.session_get(ids[0])), NO_SUCH_SESSION);
        assert_eq!(api.session_kill_by_authid("a", farewell, turn), Ok(vec![]));
        assert_eq!(api.session_kill_by_authid("b", farewell, turn), Ok(vec![ids[1]]));
        assert_eq!(api.session_kill_by_authrole("user", farewell, turn), Ok(vec![ids[2]]));
        let mut rest = api.session_kill_all(Farewell::default(), turn).expect("a reason isn't needed");
        rest.sort_unstable();
        let mut expected = vec![ids[3], ids[4]];
        expected.sort_unstable();
        assert_eq!(rest, expected, "trusted sessions too");
        assert_eq!(api.session_list(None), [service]);
    });
    for client in [one, two, three] {
        net.expect(client, json!([6, {"message": "text"}, "a.reason"]));
    }
    for client in [four, trusted] {
        net.expect(client, json!([6, {}, "wamp.close.killed"]));
    }
}

/// MSE-17
#[test]
fn the_program_adds_details() {
    let mut net = Net::open();
    let (api, client) = (api(&net), net.join("realm1"));
    let session = net.session_id(client);
    let change = |key: &str, value: Value| Dict::from([(key, value)]);
    api.session_modify_details(session, &change("x", 1u64.into())).expect("it is there");
    assert_eq!(api.session_get(session).expect("it is there").get("x"), Some(&Value::from(1u64)));
    api.session_modify_details(session, &change("x", Value::Null)).expect("it is there");
    assert!(!api.session_get(session).expect("it is there").contains_key("x"));
    let fixed = api.session_modify_details(session, &change("authid", "x".into()));
    assert_eq!(error(fixed), INVALID_ARGUMENT);
    assert_eq!(error(api.session_modify_details(nobody(), &Dict::new())), NO_SUCH_SESSION);
    net.kill(client, None, None);
    assert_eq!(error(api.session_modify_details(session, &Dict::new())), NO_SUCH_SESSION);
}

/// MRG-05, MRG-06, MRG-07, MRG-08, MRG-09, MRG-10, REV-04, REV-06
#[test]
fn the_program_looks_at_registrations_and_ends_them() {
    let mut net = Net::open();
    let (api, callee) = (api(&net), net.join("realm1"));
    let session = net.session_id(callee);
    let id = |number| RegistrationId::new(number).expect("an id");
    let exact = id(net.register(callee, "a.b"));
    let prefix = id(net.register_with(callee, json!({"match": "prefix", "invoke": "last"}), "crossbar."));
    let held = ByMatch { exact: vec![exact], prefix: vec![prefix], wildcard: vec![] };
    assert_eq!(api.registration_list(Some(session)), Ok(held));
    let all = api.registration_list(None).expect("a list");
    assert!(all.exact.contains(&exact) && all.exact.len() > 1, "with the meta procedures");
    assert_eq!(all.prefix, [prefix]);
    assert_eq!(error(api.registration_list(Some(nobody()))), NO_SUCH_SESSION);
    assert_eq!(api.registration_lookup("crossbar.", MatchPolicy::Prefix), Some(prefix));
    assert_eq!(api.registration_lookup("crossbar.", MatchPolicy::Exact), None);
    assert_eq!(api.registration_match("crossbar.x"), Some(prefix));
    let own = api.registration_match("wamp.session.count").expect("it is registered");
    assert_eq!(api.registration_list_callees(own), Ok(vec![net.realm("realm1").service().id()]));
    let shown = api.registration_get(prefix).expect("it is there");
    assert_eq!((shown.id, &*shown.uri, shown.match_policy), (prefix, "crossbar.", MatchPolicy::Prefix));
    assert_eq!(shown.invocation_policy, InvocationPolicy::Last);
    assert_eq!(shown.created.to_string(), "2026-01-04T12:00:00.000000Z");
    assert_eq!(api.registration_list_callees(prefix), Ok(vec![session]));
    assert_eq!(api.registration_count_callees(prefix), Ok(1));
    net.elsewhere(|_, turn| {
        assert_eq!(error(api.registration_remove_callee(prefix, session, Some(""), turn)), INVALID_URI);
        assert_eq!(error(api.registration_remove_callee(prefix, nobody(), None, turn)), NO_SUCH_SESSION);
        assert_eq!(api.registration_remove_callee(prefix, session, Some("a.reason"), turn), Ok(()));
        let again = api.registration_remove_callee(prefix, session, None, turn);
        assert_eq!(error(again), NO_SUCH_REGISTRATION);
    });
    net.expect(callee, json!([67, 0, {"registration": prefix.value(), "reason": "a.reason"}]));
    assert_eq!(error(api.registration_get(prefix)), NO_SUCH_REGISTRATION);
    assert_eq!(error(api.registration_list_callees(prefix)), NO_SUCH_REGISTRATION);
    assert_eq!(error(api.registration_count_callees(prefix)), NO_SUCH_REGISTRATION);
}

/// MSB-05, MSB-06, MSB-07, MSB-08, MSB-09, MSB-10, REV-01, REV-03, REV-06
#[test]
fn the_program_looks_at_subscriptions_and_ends_them() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (api, client) = (api(&net), net.join("realm1"));
    let session = net.session_id(client);
    let id = |number| SubscriptionId::new(number).expect("an id");
    let exact = id(net.subscribe(client, "a.b"));
    let wildcard = id(net.subscribe_with(client, json!({"match": "wildcard"}), "a."));
    let held = ByMatch { exact: vec![exact], prefix: vec![], wildcard: vec![wildcard] };
    assert_eq!(api.subscription_list(Some(session)), Ok(held));
    assert_eq!(error(api.subscription_list(Some(nobody()))), NO_SUCH_SESSION);
    let all = api.subscription_list(None).expect("a list");
    assert_eq!(
        (all.exact, all.wildcard, all.prefix.len()),
        (vec![exact], vec![wildcard], 1),
        "with the watcher's"
    );
    assert_eq!(api.subscription_lookup("a.", MatchPolicy::Wildcard), Some(wildcard));
    assert_eq!(api.subscription_lookup("a.", MatchPolicy::Prefix), None);
    assert_eq!(api.subscription_match("a.b"), [exact, wildcard]);
    assert_eq!(api.subscription_match("b"), []);
    let shown = api.subscription_get(wildcard).expect("it is there");
    assert_eq!((shown.id, &*shown.uri, shown.match_policy), (wildcard, "a.", MatchPolicy::Wildcard));
    assert_eq!(api.subscription_list_subscribers(exact), Ok(vec![session]));
    assert_eq!(api.subscription_count_subscribers(exact), Ok(1));
    net.receive(watcher);
    net.elsewhere(|_, turn| {
        assert_eq!(error(api.subscription_remove_subscriber(exact, session, Some(""), turn)), INVALID_URI);
        assert_eq!(error(api.subscription_remove_subscriber(exact, nobody(), None, turn)), NO_SUCH_SESSION);
        assert_eq!(api.subscription_remove_subscriber(exact, session, None, turn), Ok(()));
        let again = api.subscription_remove_subscriber(exact, session, None, turn);
        assert_eq!(error(again), NO_SUCH_SUBSCRIPTION);
    });
    net.expect(client, json!([35, 0, {"subscription": exact.value()}]));
    let args = json!([session.value(), exact.value()]);
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", args.clone());
    told(&mut net, watcher, "wamp.subscription.on_delete", args);
    assert_eq!(error(api.subscription_get(exact)), NO_SUCH_SUBSCRIPTION);
    assert_eq!(error(api.subscription_list_subscribers(exact)), NO_SUCH_SUBSCRIPTION);
    assert_eq!(error(api.subscription_count_subscribers(exact)), NO_SUCH_SUBSCRIPTION);
}

/// HIS-02, HIS-05, HIS-11, HIS-14: no list keeps anything from the program.
#[test]
fn the_program_reads_histories() {
    let mut net = realm(|realm| {
        realm.history = vec![
            HistoryConfig::new("a.b", MatchPolicy::Exact),
            HistoryConfig::new("crossbar.", MatchPolicy::Prefix),
        ];
    });
    let (api, client) = (api(&net), net.join("realm1"));
    let kept = api.subscription_lookup("a.b", MatchPolicy::Exact).expect("it is there for its history");
    let hidden =
        api.subscription_lookup("crossbar.", MatchPolicy::Prefix).expect("it is there for its history");
    let first = net.publish_acknowledged(client, "a.b", "1");
    net.advance(Duration::from_secs(1));
    net.publish_with(client, json!({"eligible_authid": []}), "a.b", "2");
    net.publish(client, "crossbar.x", "3");
    let all = api.subscription_get_events(kept, &EventQuery::default()).expect("a history");
    assert!(!all.is_limit_reached);
    let publications: Vec<PublicationId> = all.events.iter().map(|event| event.publication()).collect();
    assert_eq!(publications.len(), 2);
    assert_eq!(publications[0].value(), first);
    assert_eq!(all.events[1].timestamp().to_string(), "2026-01-04T12:00:01.000000Z");
    let last = EventQuery {
        limit: Some(1),
        range: EventRange { reverse: true, ..EventRange::default() },
        topic: Some("a.b".to_owned()),
    };
    let last = api.subscription_get_events(kept, &last).expect("a history").events;
    assert_eq!(last.iter().map(|event| event.publication()).collect::<Vec<_>>(), publications[1..]);
    let none = EventQuery { limit: Some(0), ..EventQuery::default() };
    assert!(api.subscription_get_events(kept, &none).expect("a history").events.is_empty());
    assert_eq!(
        api.subscription_get_events(hidden, &EventQuery::default()).expect("a history").events.len(),
        1
    );
    let other = SubscriptionId::new(net.subscribe(client, "a.c")).expect("an id");
    let without = api.subscription_get_events(other, &EventQuery::default());
    assert_eq!(error(without), "wamp.error.history_unavailable");
    let unknown = SubscriptionId::new(1).expect("an id");
    assert_eq!(error(api.subscription_get_events(unknown, &EventQuery::default())), NO_SUCH_SUBSCRIPTION);
}

/// REF-01, REF-02
#[test]
fn the_program_declares() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let api = api(&net);
    let (topic, error_of) = (value(json!({"type": "topic"})), value(json!({"type": "error"})));
    net.elsewhere(|_, turn| {
        assert_eq!(api.schema_define("wamp.own", Some(topic.clone()), turn), Ok(Some(true)));
        assert_eq!(api.schema_define("a.e", Some(error_of.clone()), turn), Ok(Some(true)));
        assert_eq!(api.schema_define("a.e", Some(error_of.clone()), turn), Ok(None));
        assert_eq!(error(api.schema_define("a b", None, turn)), INVALID_URI);
        assert_eq!(error(api.schema_define("a.b", Some(Value::Null), turn)), INVALID_ARGUMENT);
    });
    for (uri, declaration) in [("wamp.own", &topic), ("a.e", &error_of)] {
        let event = told(&mut net, watcher, "wamp.schema.on_define", json!([uri, "_", true]));
        assert_eq!(&event.at(4).as_list().expect("arguments")[1], declaration);
        told(&mut net, watcher, "wamp.reflect.on_define", json!([uri, "_", true]));
    }
    assert_eq!(api.schema_describe("wamp.own"), Some(topic.clone()));
    assert_eq!(api.schema_describe("a.b"), None);
    let all = vec![("a.e".to_owned(), error_of.clone()), ("wamp.own".to_owned(), topic)];
    assert_eq!(api.schema_describe_all(), all);
    assert_eq!(api.reflection_list(Kind::Error), ["a.e"]);
    assert_eq!(api.reflection_list(Kind::Procedure), [""; 0]);
    assert_eq!(api.reflection_describe(Kind::Error, "a.e"), Some(error_of));
    assert_eq!(api.reflection_describe(Kind::Topic, "a.e"), None);
}

/// TST-01, TST-05, TST-08
#[test]
fn the_program_leaves_word_for_a_session() {
    let mut net = Net::open();
    let (api, heir, client) = (api(&net), net.join("realm1"), net.join("realm1"));
    net.subscribe(heir, "a.will");
    let session = net.session_id(client);
    let will = |topic: &str, text: &str, scope| Testament {
        topic: topic.to_owned(),
        args: vec![text.into()],
        scope,
        ..Testament::default()
    };
    let mut add_to = |session, testament: &Testament| {
        net.elsewhere(|_, turn| api.session_add_testament(session, testament, turn))
    };
    let to_nobody = add_to(nobody(), &will("a.will", "x", Scope::Detached));
    assert_eq!(error(to_nobody), NO_SUCH_SESSION);
    let mut add = |testament: &Testament| add_to(session, testament);
    assert_eq!(add(&will("a.will", "1", Scope::Destroyed)), Ok(()));
    assert_eq!(add(&will("a.will", "2", Scope::Detached)), Ok(()));
    assert_eq!(error(add(&will("a b", "3", Scope::Detached))), INVALID_URI);
    assert_eq!(error(add(&will("wamp.own", "3", Scope::Detached))), INVALID_URI, "it is the session's word");
    let options = Dict::from([("exclude", Value::from("x"))]);
    let wrong = Testament { publish_options: options, ..will("a.will", "3", Scope::Detached) };
    assert_eq!(error(add(&wrong)), INVALID_ARGUMENT);
    assert_eq!(api.session_flush_testaments(session, Scope::Detached), Ok(1));
    assert_eq!(api.session_flush_testaments(session, Scope::Detached), Ok(0));
    assert_eq!(error(api.session_flush_testaments(nobody(), Scope::Detached)), NO_SUCH_SESSION);
    net.disconnect(client);
    net.expect(heir, json!([36, "_", "_", {}, ["1"]]));
    net.nothing(heir);
    assert_eq!(error(api.session_flush_testaments(session, Scope::Detached)), NO_SUCH_SESSION);
}

/// MSE-03: a realm that was removed is empty, whoever still holds it.
#[test]
fn what_is_held_of_a_realm_outlives_it_harmlessly() {
    let mut net = Net::open();
    let (api, client): (MetaApi, Client) = (api(&net), net.join("realm1"));
    let service = net.realm("realm1").service().id();
    net.router().remove_realm("realm1");
    net.settle();
    net.expect(client, json!([6, {}, "_"]));
    assert_eq!(api.session_list(None), [service]);
    assert_eq!(api.session_count(None), 1);
    assert_eq!(format!("{api:?}"), "MetaApi { realm: \"realm1\", .. }");
}
