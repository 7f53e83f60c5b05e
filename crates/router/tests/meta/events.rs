//! Meta events: in which order they come, whatever it is that ends a session, and what they don't tell of.
//!
//! Spec: advanced profile, "WAMP Meta API".

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::meta::{EventQuery, HistoryEvent, MetaTopic, Procedure};
use testkit::{Net, json};
use wamp::{MatchPolicy, Value};

use crate::ends::{ENDS, impatient};
use crate::{all_told, realm, sorted, told, value, watcher, watcher_of};

/// MSE-02, MRG-03, MRG-04, MSB-03, MSB-04
#[test]
fn whatever_ends_a_session_its_end_is_told_once_and_in_order() {
    for (how, end) in ENDS {
        let mut net = impatient();
        let watcher = watcher(&mut net);
        let victim = net.client().worker(2).identity("alice", "anonymous").join("realm1");
        let session = net.session(victim);
        let registration = net.register(victim, "a.b");
        let subscription = net.subscribe(victim, "a.flood");
        net.receive(watcher);
        end(&mut net, victim);
        let told = all_told(&mut net, watcher);
        let expected = [
            ("registration.on_unregister", json!([session, registration])),
            ("registration.on_delete", json!([session, registration])),
            ("subscription.on_unsubscribe", json!([session, subscription])),
            ("subscription.on_delete", json!([session, subscription])),
            ("session.on_leave", json!([session, "alice", "anonymous"])),
        ];
        let expected: Vec<(String, Vec<Value>)> = expected
            .into_iter()
            .map(|(topic, args)| (topic.to_owned(), value(args).as_list().expect("a list").to_vec()))
            .collect();
        assert_eq!(told, expected, "{how}");
        net.disconnect(victim);
        net.nothing(watcher);
    }
}

/// MRG-03, MSB-03
#[test]
fn each_of_many_is_told_of() {
    for (how, end) in ENDS {
        let mut net = impatient();
        let watcher = watcher(&mut net);
        let victim = net.join("realm1");
        net.subscribe(victim, "a.flood");
        for number in 0..3 {
            net.register(victim, &format!("a.b{number}"));
            net.subscribe(victim, &format!("a.b{number}"));
        }
        net.receive(watcher);
        end(&mut net, victim);
        let told = all_told(&mut net, watcher);
        let count = |wanted: &str| told.iter().filter(|(topic, _)| topic == wanted).count();
        assert_eq!(count("registration.on_unregister"), 3, "{how}");
        assert_eq!(count("registration.on_delete"), 3, "{how}");
        assert_eq!(count("subscription.on_unsubscribe"), 4, "{how}");
        assert_eq!(count("subscription.on_delete"), 4, "{how}");
        assert_eq!(count("session.on_leave"), 1, "{how}");
        assert_eq!(told.last().map(|(topic, _)| &**topic), Some("session.on_leave"), "{how}");
    }
}

/// MRG-03, MSB-03: what others still hold is not deleted.
#[test]
fn what_others_share_stays() {
    for (how, end) in ENDS {
        let mut net = impatient();
        let watcher = watcher(&mut net);
        let (victim, other) = (net.join("realm1"), net.join("realm1"));
        for client in [victim, other] {
            net.subscribe(client, "a.flood");
            net.register_with(client, json!({"invoke": "first"}), "a.b");
        }
        net.receive(watcher);
        end(&mut net, victim);
        let topics: Vec<String> = all_told(&mut net, watcher).into_iter().map(|(topic, _)| topic).collect();
        let expected = ["registration.on_unregister", "subscription.on_unsubscribe", "session.on_leave"];
        assert_eq!(topics, expected, "{how}");
    }
}

/// MSE-02: at the end of a realm all leave, and the record of it says so.
#[test]
fn a_realm_that_closes_tells_of_all_its_sessions() {
    for close in [
        (|net| net.router().shutdown()) as fn(&Net),
        |net| assert!(net.router().remove_realm("realm1")),
        |net| net.realm("realm1").close("wamp.close.system_shutdown"),
    ] {
        let topic = MetaTopic::SessionOnLeave.uri();
        let mut net = realm(|realm| realm.history.push(HistoryConfig::new(topic, MatchPolicy::Exact)));
        let realm = net.realm("realm1");
        let clients = [net.join("realm1"), net.client().worker(1).join("realm1")];
        let expected = crate::sessions(&net, clients);
        close(&net);
        net.settle();
        let api = realm.meta_api();
        let record = api.subscription_lookup(topic, MatchPolicy::Exact).expect("it is there for its history");
        let found = api.subscription_get_events(record, &EventQuery::default()).expect("a history").events;
        let who = |event: &HistoryEvent| {
            event.to_dict().get("args").and_then(|args| args.as_list()?.first().cloned())
        };
        let left: Vec<Value> = found.iter().filter_map(who).collect();
        assert_eq!(sorted(&Value::List(left)), expected);
    }
}

/// MSE-01, PID-04: the router itself is the publisher, and says so.
#[test]
fn the_events_come_from_the_service_session() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let (exact, prefix, wildcard) = (
        net.subscribe(client, "wamp.session.on_join"),
        net.subscribe_with(client, json!({"match": "prefix"}), "wamp.ses"),
        net.subscribe_with(client, json!({"match": "wildcard"}), "wamp..on_join"),
    );
    net.join("realm1");
    let service = net.realm("realm1").service().id().value();
    let from = json!({
        "publisher": service, "publisher_authid": "realm-realm1-serviceagent",
        "publisher_authrole": "trusted",
    });
    let mut below = from.clone();
    below["topic"] = json!("wamp.session.on_join");
    let first = net.expect(client, json!([36, exact, "_", from, ["_"]]));
    net.expect(client, json!([36, prefix, first.id(2), below, ["_"]]));
    net.expect(client, json!([36, wildcard, first.id(2), below, ["_"]]));
    net.nothing(client);
}

/// MSB-12, MRG-12
#[test]
fn those_who_watch_do_not_watch_themselves() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let other = net.join("realm1");
    net.take(watcher);
    for (policy, topic) in [
        ("exact", "wamp.subscription.on_create"),
        ("prefix", "wamp.subscription."),
        ("prefix", "wamp"),
        ("wildcard", "wamp..on_create"),
    ] {
        let id = net.subscribe_with(other, json!({"match": policy}), topic);
        net.receive(other);
        net.nothing(watcher);
        net.unsubscribe(other, id);
        net.nothing(watcher);
    }
    let own = net.client().trusted().join("realm1");
    net.register(own, "wamp.own");
    net.disconnect(own);
    net.nothing(watcher);
}

/// MSB-12: a subscription to everything is nobody's secret, and gets what it brings about itself.
#[test]
fn a_subscription_to_everything_is_told_of() {
    let mut net = Net::open();
    let watcher = watcher_of(&mut net, "wamp.subscription.");
    let client = net.join("realm1");
    let id = net.subscribe_with(client, json!({"match": "prefix"}), "");
    let session = net.session(client);
    told(&mut net, watcher, "wamp.subscription.on_create", json!([session, {"id": id, "...": 0}]));
    told(&mut net, watcher, "wamp.subscription.on_subscribe", json!([session, id]));
    net.nothing(watcher);
}

/// MSB-02, ORD-02: to one session all meta events come in the order of what happened, under however many subscriptions.
#[test]
fn events_keep_their_order_across_topics() {
    let mut net = Net::open();
    let client = net.join("realm1");
    for topic in MetaTopic::ALL {
        net.subscribe(client, topic.uri());
    }
    let other = net.client().worker(1).join("realm1");
    let id = net.subscribe(other, "a.b");
    net.register(other, "a.b");
    net.unsubscribe(other, id);
    net.disconnect(other);
    let topics: Vec<u64> = net.receive(client).iter().map(|event| event.id(1)).collect();
    let expected = [
        MetaTopic::SessionOnJoin,
        MetaTopic::SubscriptionOnCreate,
        MetaTopic::SubscriptionOnSubscribe,
        MetaTopic::RegistrationOnCreate,
        MetaTopic::RegistrationOnRegister,
        MetaTopic::SubscriptionOnUnsubscribe,
        MetaTopic::SubscriptionOnDelete,
        MetaTopic::RegistrationOnUnregister,
        MetaTopic::RegistrationOnDelete,
        MetaTopic::SessionOnLeave,
    ];
    let expected: Vec<u64> = expected.iter().map(|topic| net.subscribe(client, topic.uri())).collect();
    assert_eq!(topics, expected);
}

/// BRK-01, URI-06: whoever comes to watch sees what happens from then on.
#[test]
fn a_watcher_sees_nothing_of_the_past() {
    let mut net = Net::open();
    let other = net.join("realm1");
    net.subscribe(other, "a.b");
    let watcher = watcher(&mut net);
    net.nothing(watcher);
    net.disconnect(other);
    let topics: Vec<String> = all_told(&mut net, watcher).into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["subscription.on_unsubscribe", "subscription.on_delete", "session.on_leave"]);
}

/// URI-06: who watches needs the permission to.
#[test]
fn watching_needs_permission() {
    let mut net = realm(|realm| {
        let rules = &mut realm.roles[0].permissions;
        rules.push(crate::allow("wamp.session.on_join", MatchPolicy::Exact, "call"));
    });
    let client = net.join("realm1");
    let request = net.request(client);
    net.send(client, json!([32, request, {}, "wamp.session.on_join"]));
    net.refused(client, 32, request, crate::NOT_AUTHORIZED);
    let watcher = watcher(&mut net);
    let other = net.join("realm1");
    net.disconnect(other);
    let topics: Vec<String> = all_told(&mut net, watcher).into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(topics, ["session.on_leave"], "what a pattern covers is left out where it is denied");
}

/// FEA-02, REF-06: where the realm has no meta API there are neither events nor procedures.
#[test]
fn a_realm_without_a_meta_api_has_none_of_it() {
    let mut net = Net::without_meta_api();
    let watcher = watcher(&mut net);
    let client = net.client().hello("realm1");
    let welcome = net.welcome(client);
    net.subscribe(client, "a.b");
    net.disconnect(client);
    net.nothing(watcher);
    for procedure in Procedure::ALL {
        let request = net.request(watcher);
        net.send(watcher, json!([48, request, {}, procedure.uri()]));
        net.refused(watcher, 48, request, "wamp.error.no_such_procedure");
    }
    let roles = welcome.detail(2, "roles").expect("roles").to_string();
    for name in ["meta_api", "reflection", "event_history"] {
        assert!(!roles.contains(name), "{roles}");
    }
}
