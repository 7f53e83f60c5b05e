//! `wamp.session.*`: who is there, who comes and who leaves.
//!
//! Spec: advanced profile, "Session Meta API".

use std::sync::Arc;

use cloverleaf_router::{Limits, RealmConfig, RouterConfig};
use testkit::decide::{Next, Steps};
use testkit::{Net, json};
use wamp::Serializer;

use crate::{
    INVALID_ARGUMENT, NO_SUCH_SESSION, by_name, config, done, roles, sessions, sorted, told, value, watcher,
};

/// MSE-01, URI-06
#[test]
fn on_join_tells_who_came() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let client = net.client().identity("alice", "anonymous").join("realm1");
    let session = net.session(client);
    let event = told(
        &mut net,
        watcher,
        "wamp.session.on_join",
        json!([{
            "session": session, "authid": "alice", "authrole": "anonymous", "authmethod": "preset",
            "authprovider": "test", "...": 0,
        }]),
    );
    let details = net.value(watcher, "wamp.session.get", json!([session]));
    assert_eq!(event.at(4).as_list(), Some(&[details][..]), "as wamp.session.get has it");
    net.nothing(watcher);
}

/// MSE-02
#[test]
fn on_leave_tells_who_left() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let client = net.client().identity("alice", "anonymous").join("realm1");
    net.take(watcher);
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    let session = net.session(client);
    told(&mut net, watcher, "wamp.session.on_leave", json!([session, "alice", "anonymous"]));
    net.nothing(watcher);
}

/// MSE-01, MSE-02, SER-08: whatever the watcher speaks.
#[test]
fn the_events_come_in_each_serializer() {
    for serializer in Serializer::ALL {
        let mut net = Net::open();
        let watcher = net.client().serializer(serializer).worker(1).join("realm1");
        net.subscribe_with(watcher, json!({"match": "prefix"}), "wamp.session.");
        let client = net.client().worker(2).join("realm1");
        let session = net.session(client);
        told(&mut net, watcher, "wamp.session.on_join", json!([{"session": session, "...": 0}]));
        net.disconnect(client);
        told(&mut net, watcher, "wamp.session.on_leave", json!([session, "_", "anonymous"]));
        net.nothing(watcher);
    }
}

/// MSE-03
#[test]
fn the_events_stay_in_their_realm() {
    let realms = vec![RealmConfig::open("realm1"), RealmConfig::open("realm2")];
    let mut net = Net::new(RouterConfig { realms, ..RouterConfig::default() });
    let watcher = watcher(&mut net);
    let other = net.join("realm2");
    net.subscribe(other, "a.b");
    net.register(other, "a.b");
    net.disconnect(other);
    net.nothing(watcher);
}

/// MSE-04
#[test]
fn nobody_sees_themselves_come_or_go() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    net.nothing(watcher);
    // Its subscription is there already when it comes again.
    let second = net.client().hello("realm1");
    net.welcome(second);
    net.subscribe(second, "wamp.session.on_join");
    net.subscribe(second, "wamp.session.on_leave");
    net.send(second, json!([6, {}, "wamp.close.normal"]));
    net.expect(second, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.nothing(second);
}

/// MSE-04
#[test]
fn who_is_not_let_in_makes_no_events() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let deny = Steps::new([Next::Challenge("ticket"), Next::Deny("wamp.error.authentication_denied")]);
    let client = net.client().authenticator(deny).hello("realm1");
    net.expect(client, json!([4, "ticket", {}]));
    net.send(client, json!([5, "wrong", {}]));
    net.expect(client, json!([3, "_", "wamp.error.authentication_denied"]));
    let nobody = net.client().identity("alice", "no_such_role").hello("realm1");
    net.expect(nobody, json!([3, "_", "wamp.error.no_such_role"]));
    let waiting = Steps::new([Next::Later]);
    let gone = net.client().authenticator(Arc::<Steps>::clone(&waiting)).hello("realm1");
    net.disconnect(gone);
    net.nothing(watcher);
}

/// MSE-05, MSE-15
#[test]
fn sessions_are_counted_by_authrole() {
    let mut net = roles(&["anonymous", "user", "admin"]);
    let client = net.join("realm1");
    assert_eq!(net.value(client, "wamp.session.count", json!([])), value(json!(1)), "nobody but the caller");
    net.client().identity("a", "user").join("realm1");
    let gone = net.client().identity("b", "user").join("realm1");
    net.client().identity("c", "admin").join("realm1");
    let mut count = |args| net.value(client, "wamp.session.count", args).as_u64().unwrap();
    assert_eq!(count(json!([])), 4);
    assert_eq!(count(json!([null])), 4);
    assert_eq!(count(json!([["user"]])), 2);
    assert_eq!(count(json!([["user", "admin", "user"]])), 3);
    assert_eq!(count(json!([["nobody"]])), 0);
    assert_eq!(count(json!([[]])), 0);
    net.disconnect(gone);
    let users = by_name(&mut net, client, "wamp.session.count", json!({"filter_authroles": ["user"]}));
    assert_eq!(users, value(json!(1)));
}

/// MSE-06, MSE-15
#[test]
fn sessions_are_listed_by_authrole() {
    let mut net = roles(&["anonymous", "user", "admin"]);
    let client = net.join("realm1");
    let one = net.client().identity("a", "user").join("realm1");
    let two = net.client().identity("b", "user").join("realm1");
    let admin = net.client().identity("c", "admin").join("realm1");
    let (all, users) = (sessions(&net, [client, one, two, admin]), sessions(&net, [one, two]));
    let mut list = |args| sorted(&net.value(client, "wamp.session.list", args));
    assert_eq!(list(json!([])), all);
    assert_eq!(list(json!([["user"]])), users);
    assert_eq!(list(json!([["nobody"]])), [0; 0]);
    assert_eq!(list(json!([[]])), [0; 0]);
    net.disconnect(one);
    let users = by_name(&mut net, client, "wamp.session.list", json!({"filter_authroles": ["user"]}));
    assert_eq!(users, value(json!([net.session(two)])));
}

/// MSE-07
#[test]
fn a_session_is_shown() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let other = net.client().identity("alice", "anonymous").join("realm1");
    let session = net.session(other);
    let shown = net.value(client, "wamp.session.get", json!([session]));
    let expected = json!({
        "session": session, "authid": "alice", "authrole": "anonymous", "authmethod": "preset",
        "authprovider": "test", "...": 0,
    });
    assert!(testkit::pattern::matches(&value(expected), &shown), "{shown}");
    for name in ["session_id", "session"] {
        assert_eq!(by_name(&mut net, client, "wamp.session.get", json!({name: session})), shown);
    }
    let own = net.session(client);
    let shown = net.value(client, "wamp.session.get", json!([own]));
    assert_eq!(shown.as_dict().and_then(|dict| dict.get("session")), Some(&value(json!(own))));
}

/// MSE-07
#[test]
fn who_is_not_there_is_not_shown() {
    let mut net = Net::open();
    let (client, gone) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(gone);
    net.disconnect(gone);
    for id in [session, 1, 1 << 53] {
        let said = net.error(client, "wamp.session.get", json!([id]), json!({}), NO_SUCH_SESSION);
        assert!(said.contains(&id.to_string()), "{said}");
    }
}

/// MSE-07: JavaScript writes large numbers as floats.
#[test]
fn an_id_may_be_a_float() {
    let mut net = Net::open();
    let client = net.client().serializer(Serializer::MsgPack).join("realm1");
    let session = net.session(client);
    #[expect(clippy::cast_precision_loss, reason = "ids are exact up to 2^53")]
    let float = wamp::Value::Float(session as f64);
    let shown = net.value(client, "wamp.session.get", wamp::Value::List(vec![float]));
    assert_eq!(shown.as_dict().and_then(|dict| dict.get("session")), Some(&value(json!(session))));
}

/// MSE-17
#[test]
fn details_can_be_added_changed_and_taken_away() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(other);
    let before = net.value(client, "wamp.session.get", json!([session]));
    let modify = "wamp.session.modify_details";
    done(
        &mut net,
        client,
        modify,
        json!([session, {"x_room": "one", "x_list": [1, {"k": null}]}]),
        json!({}),
    );
    let shown = net.value(client, "wamp.session.get", json!([session]));
    let has = |shown: &wamp::Value, key: &str| shown.as_dict().and_then(|dict| dict.get(key)).cloned();
    assert_eq!(has(&shown, "x_room"), Some(value(json!("one"))));
    assert_eq!(has(&shown, "x_list"), Some(value(json!([1, {"k": null}]))));
    done(&mut net, client, modify, json!([]), json!({"session": session, "details": {"x_room": "two"}}));
    done(&mut net, client, modify, json!([session]), json!({"details": {"x_list": null, "x_none": null}}));
    let shown = net.value(client, "wamp.session.get", json!([session]));
    assert_eq!(has(&shown, "x_room"), Some(value(json!("two"))));
    assert_eq!(has(&shown, "x_list"), None);
    done(&mut net, client, modify, json!([session, {"x_room": null}]), json!({}));
    assert_eq!(net.value(client, "wamp.session.get", json!([session])), before);
    net.nothing(other);
}

/// MSE-17
#[test]
fn what_the_router_found_out_itself_stays() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(other);
    let before = net.value(client, "wamp.session.get", json!([session]));
    for key in before.as_dict().expect("details").keys() {
        let change = json!([session, {"x_new": 1, key: "changed"}]);
        let said = net.error(client, "wamp.session.modify_details", change, json!({}), INVALID_ARGUMENT);
        assert!(said.contains(key), "{said}");
    }
    assert_eq!(net.value(client, "wamp.session.get", json!([session])), before, "nor is anything added");
    net.error(client, "wamp.session.modify_details", json!([1, {}]), json!({}), NO_SUCH_SESSION);
}

/// MSE-17, ROB-01
#[test]
fn what_is_added_is_bounded() {
    let mut net = config(|config| config.limits = Limits { details_bytes_max: 100, ..Limits::default() });
    let client = net.join("realm1");
    let session = net.session(client);
    let modify = "wamp.session.modify_details";
    done(&mut net, client, modify, json!([session, {"a": "x".repeat(80)}]), json!({}));
    let more = json!([session, {"b": "y".repeat(30)}]);
    net.error(client, modify, more.clone(), json!({}), "wamp.error.unavailable");
    let shown = net.value(client, "wamp.session.get", json!([session]));
    assert!(!shown.as_dict().expect("details").contains_key("b"));
    done(&mut net, client, modify, json!([session, {"a": null}]), json!({}));
    done(&mut net, client, modify, more, json!({}));
}
