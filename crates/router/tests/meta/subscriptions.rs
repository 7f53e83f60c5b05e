//! `wamp.subscription.*`: what is subscribed to, by whom, and no longer.
//!
//! Spec: advanced profile, "Subscriptions Meta API", "Subscription Revocation".

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::{RealmConfig, RouterConfig};
use testkit::{Client, Json, Net, json};
use wamp::MatchPolicy;

use crate::{
    INVALID_ARGUMENT, INVALID_URI, NO_SUCH_SESSION, NO_SUCH_SUBSCRIPTION, at, by_name, done, realm, sorted,
    told, value, watcher,
};

const CREATED: &str = "2026-01-04T12:00:00.000000Z";

/// MSB-01, MSB-02
#[test]
fn the_first_subscriber_makes_a_subscription() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let client = net.join("realm1");
    net.take(watcher);
    let session = net.session(client);
    for (options, uri, policy) in [
        (json!({}), "a.b", "exact"),
        (json!({"match": "prefix"}), "a.b", "prefix"),
        (json!({"match": "wildcard"}), "a..b", "wildcard"),
    ] {
        let id = net.subscribe_with(client, options, uri);
        let details = json!({"id": id, "created": CREATED, "uri": uri, "match": policy});
        told(&mut net, watcher, "wamp.subscription.on_create", json!([session, details]));
        told(&mut net, watcher, "wamp.subscription.on_subscribe", json!([session, id]));
        net.nothing(watcher);
    }
}

/// MSB-01, MSB-02: and subscribing once more tells nothing, on another node of a sharded subscription neither.
#[test]
fn further_subscribers_only_subscribe() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let id = net.subscribe(one, "a.b");
    net.receive(watcher);
    assert_eq!(net.subscribe(two, "a.b"), id);
    let session = net.session(two);
    told(&mut net, watcher, "wamp.subscription.on_subscribe", json!([session, id]));
    net.subscribe(two, "a.b");
    net.subscribe_with(two, json!({"nkey": "n1"}), "a.b");
    net.nothing(watcher);
    net.unsubscribe(two, id);
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([session, id]));
    net.nothing(watcher);
}

/// MSB-03, MSB-04
#[test]
fn the_last_subscriber_takes_the_subscription_along() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let id = net.subscribe(one, "a.b");
    net.subscribe(two, "a.b");
    net.receive(watcher);
    net.unsubscribe(one, id);
    let (first, last) = (net.session(one), net.session(two));
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([first, id]));
    net.nothing(watcher);
    net.unsubscribe(two, id);
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([last, id]));
    told(&mut net, watcher, "wamp.subscription.on_delete", json!([last, id]));
    net.nothing(watcher);
}

/// MSB-01, MSB-04, HIS-16: to those who watch, a subscription that is kept for its history comes and goes like any other.
#[test]
fn a_subscription_with_a_history_is_told_of_while_it_has_subscribers() {
    let mut net = realm(|realm| realm.history.push(HistoryConfig::new("a.b", MatchPolicy::Exact)));
    let watcher = watcher(&mut net);
    let client = net.join("realm1");
    net.take(watcher);
    let session = net.session(client);
    for _ in 0..2 {
        let id = net.subscribe(client, "a.b");
        told(&mut net, watcher, "wamp.subscription.on_create", json!([session, {"id": id, "...": 0}]));
        told(&mut net, watcher, "wamp.subscription.on_subscribe", json!([session, id]));
        net.unsubscribe(client, id);
        told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([session, id]));
        told(&mut net, watcher, "wamp.subscription.on_delete", json!([session, id]));
    }
    net.nothing(watcher);
}

/// MSB-05
#[test]
fn subscriptions_are_listed_by_match_policy() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let list = "wamp.subscription.list";
    let none = json!({"exact": [], "prefix": [], "wildcard": []});
    assert_eq!(net.value(client, list, json!([])), value(none));
    let exact = net.subscribe(other, "a.b");
    let prefix = net.subscribe_with(other, json!({"match": "prefix"}), "a.b");
    let wildcard = net.subscribe_with(other, json!({"match": "wildcard"}), "a..b");
    let own = net.subscribe(client, "a.other");
    let of_other = value(json!({"exact": [exact], "prefix": [prefix], "wildcard": [wildcard]}));
    let session = net.session(other);
    assert_eq!(net.value(client, list, json!([session])), of_other);
    for name in ["session_id", "session"] {
        assert_eq!(by_name(&mut net, client, list, json!({name: session})), of_other);
    }
    for nobody in [json!([0]), json!([null]), json!([])] {
        let all = net.value(client, list, nobody);
        let mut both = [exact, own];
        both.sort_unstable();
        assert_eq!(sorted(&at(&all, "exact")), both);
        assert_eq!(at(&all, "prefix"), value(json!([prefix])));
        assert_eq!(at(&all, "wildcard"), value(json!([wildcard])));
    }
    net.disconnect(other);
    net.error(client, list, json!([session]), json!({}), NO_SUCH_SESSION);
    let rest = json!({"exact": [own], "prefix": [], "wildcard": []});
    assert_eq!(net.value(client, list, json!([])), value(rest));
}

/// MSB-06
#[test]
fn a_subscription_is_looked_up_under_its_policy() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let exact = net.subscribe(client, "a.b");
    let prefix = net.subscribe_with(client, json!({"match": "prefix"}), "a.b");
    let wildcard = net.subscribe_with(client, json!({"match": "wildcard"}), "a..b");
    let lookup = "wamp.subscription.lookup";
    for (args, expected) in [
        (json!(["a.b"]), json!(exact)),
        (json!(["a.b", {}]), json!(exact)),
        (json!(["a.b", {"match": "exact"}]), json!(exact)),
        (json!(["a.b", {"match": "prefix"}]), json!(prefix)),
        (json!(["a.b", {"match": "wildcard"}]), json!(null)),
        (json!(["a..b", {"match": "wildcard"}]), json!(wildcard)),
        (json!(["a.b.c"]), json!(null)),
    ] {
        assert_eq!(net.value(client, lookup, args.clone()), value(expected), "{args}");
    }
    for name in ["topic", "uri"] {
        let kwargs = json!({name: "a.b", "options": {"match": "prefix"}});
        assert_eq!(by_name(&mut net, client, lookup, kwargs), value(json!(prefix)));
    }
    net.error(client, lookup, json!(["a.b", {"match": "glob"}]), json!({}), INVALID_ARGUMENT);
    net.unsubscribe(client, exact);
    assert_eq!(net.value(client, lookup, json!(["a.b"])), value(json!(null)));
}

/// MSB-07
#[test]
fn match_finds_all_that_would_receive() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let exact = net.subscribe(client, "a.b.c");
    let short = net.subscribe_with(client, json!({"match": "prefix"}), "a");
    let long = net.subscribe_with(client, json!({"match": "prefix"}), "a.b");
    let wildcard = net.subscribe_with(client, json!({"match": "wildcard"}), "a..c");
    let matching = "wamp.subscription.match";
    let all = json!([exact, short, long, wildcard]);
    assert_eq!(net.value(client, matching, json!(["a.b.c"])), value(all.clone()));
    for name in ["topic", "uri"] {
        assert_eq!(by_name(&mut net, client, matching, json!({name: "a.b.c"})), value(all.clone()));
    }
    assert_eq!(net.value(client, matching, json!(["a.x"])), value(json!([short])));
    for nothing in ["b", "", "#"] {
        assert_eq!(net.value(client, matching, json!([nothing])), value(json!(null)));
    }
}

/// MSB-08, MSB-09, MSB-10
#[test]
fn a_subscription_is_shown_with_its_subscribers() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let subscribers: Vec<Client> = (0..3).map(|worker| net.client().worker(worker).join("realm1")).collect();
    let mut id = 0;
    for subscriber in &subscribers {
        id = net.subscribe_with(*subscriber, json!({"match": "prefix"}), "a.b");
    }
    let ids: Vec<u64> = subscribers.iter().map(|subscriber| net.session(*subscriber)).collect();
    let shown = value(json!({"id": id, "created": CREATED, "uri": "a.b", "match": "prefix"}));
    for (procedure, expected) in [
        ("wamp.subscription.get", shown),
        ("wamp.subscription.list_subscribers", value(json!(ids))),
        ("wamp.subscription.count_subscribers", value(json!(3))),
    ] {
        assert_eq!(net.value(client, procedure, json!([id])), expected);
        for name in ["subscription_id", "subscription"] {
            assert_eq!(by_name(&mut net, client, procedure, json!({name: id})), expected);
        }
    }
    net.disconnect(subscribers[0]);
    let rest = net.value(client, "wamp.subscription.list_subscribers", json!([id]));
    assert_eq!(rest, value(json!(ids[1..])));
}

/// MSB-08, MSB-09, MSB-10, REV-06
#[test]
fn what_is_not_subscribed_to_is_not_found() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let session = net.session(client);
    let id = net.subscribe(client, "a.b");
    net.unsubscribe(client, id);
    for id in [id, 1, 1 << 53] {
        for procedure in ["get", "list_subscribers", "count_subscribers", "remove_subscriber"] {
            let mut args = vec![json!(id)];
            if procedure == "remove_subscriber" {
                args.push(json!(session));
            }
            let procedure = format!("wamp.subscription.{procedure}");
            net.error(client, &procedure, Json::Array(args), json!({}), NO_SUCH_SUBSCRIPTION);
        }
    }
}

/// MSB-11
#[test]
fn procedures_answer_for_the_realm_of_their_caller() {
    let realms = vec![RealmConfig::open("realm1"), RealmConfig::open("realm2")];
    let mut net = Net::new(RouterConfig { realms, ..RouterConfig::default() });
    let (here, there) = (net.join("realm1"), net.join("realm2"));
    let subscription = net.subscribe(there, "a.b");
    let registration = net.register(there, "a.b");
    assert_eq!(net.value(here, "wamp.subscription.lookup", json!(["a.b"])), value(json!(null)));
    assert_eq!(net.value(here, "wamp.registration.match", json!(["a.b"])), value(json!(null)));
    assert_eq!(net.value(here, "wamp.session.count", json!([])), value(json!(1)));
    let session = net.session(there);
    net.error(here, "wamp.session.get", json!([session]), json!({}), NO_SUCH_SESSION);
    net.error(here, "wamp.session.kill", json!([session]), json!({}), NO_SUCH_SESSION);
    net.error(here, "wamp.subscription.get", json!([subscription]), json!({}), NO_SUCH_SUBSCRIPTION);
    let unknown = "wamp.error.no_such_registration";
    net.error(here, "wamp.registration.get", json!([registration]), json!({}), unknown);
    assert_eq!(net.value(here, "wamp.session.kill_all", json!([])), value(json!(0)));
    net.nothing(there);
}

/// REV-01, REV-03, REV-06
#[test]
fn a_subscriber_is_removed_and_told() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (client, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let id = net.subscribe(one, "a.b");
    net.subscribe(two, "a.b");
    net.receive(watcher);
    let remove = "wamp.subscription.remove_subscriber";
    let (first, second) = (net.session(one), net.session(two));
    done(&mut net, client, remove, json!([id, first, "a.reason"]), json!({}));
    net.expect(one, json!([35, 0, {"subscription": id, "reason": "a.reason"}]));
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([first, id]));
    net.nothing(watcher);
    net.publish(client, "a.b", "x");
    net.nothing(one);
    net.expect(two, json!([36, id, "_", {}, ["x"]]));
    done(&mut net, client, remove, json!([]), json!({"subscription_id": id, "subscriber_id": second}));
    net.expect(two, json!([35, 0, {"subscription": id}]));
    told(&mut net, watcher, "wamp.subscription.on_unsubscribe", json!([second, id]));
    told(&mut net, watcher, "wamp.subscription.on_delete", json!([second, id]));
    net.nothing(watcher);
}

/// REV-02, REV-06
#[test]
fn who_knows_no_revocation_is_removed_in_silence() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let old = net.client().roles(json!({"subscriber": {}})).join("realm1");
    let session = net.session(old);
    for name in ["subscriber_id", "subscriber", "session"] {
        let id = net.subscribe(old, "a.b");
        let kwargs = json!({"subscription": id, name: session});
        done(&mut net, client, "wamp.subscription.remove_subscriber", json!([]), kwargs);
        net.publish(client, "a.b", "x");
        net.nothing(old);
    }
}

/// REV-06
#[test]
fn who_has_no_part_cannot_be_removed() {
    let mut net = Net::open();
    let (client, subscriber) = (net.join("realm1"), net.join("realm1"));
    let id = net.subscribe(subscriber, "a.b");
    let (own, session) = (net.session(client), net.session(subscriber));
    let remove = "wamp.subscription.remove_subscriber";
    net.error(client, remove, json!([id, own]), json!({}), NO_SUCH_SUBSCRIPTION);
    net.error(client, remove, json!([id, 1]), json!({}), NO_SUCH_SESSION);
    for reason in ["", "a b", "a..b"] {
        net.error(client, remove, json!([id, session, reason]), json!({}), INVALID_URI);
    }
    net.nothing(subscriber);
    done(&mut net, client, remove, json!([id, session]), json!({}));
    net.take(subscriber);
    net.error(client, remove, json!([id, session]), json!({}), NO_SUCH_SUBSCRIPTION);
}
