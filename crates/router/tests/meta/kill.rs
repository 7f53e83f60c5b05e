//! `wamp.session.kill` and its kin.
//!
//! Spec: advanced profile, "Session Meta API".

use testkit::{Client, IntoValue, Net, json};
use wamp::Value;

use crate::{
    INVALID_ARGUMENT, INVALID_URI, NO_SUCH_SESSION, all_told, by_name, done, realm, roles, sessions, sorted,
    told, value, watcher, watcher_of,
};

/// The client is told to go, and no more; it answers.
#[track_caller]
fn killed(net: &mut Net, client: Client, details: impl IntoValue, reason: &str) {
    net.expect(client, Value::List(vec![6u64.into(), details.into_value(), reason.into()]));
    net.send(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.nothing(client);
}

/// MSE-08
#[test]
fn kill_says_goodbye() {
    let mut net = Net::open();
    let (killer, victim) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(victim);
    done(&mut net, killer, "wamp.session.kill", json!([session]), json!({}));
    killed(&mut net, victim, json!({}), "wamp.close.killed");
}

/// MSE-08
#[test]
fn kill_hands_on_reason_and_message() {
    let mut net = Net::open();
    let killer = net.join("realm1");
    let full = json!({"message": "no more"});
    for (args, kwargs, details, reason) in [
        (json!(["_", "a.b", "no more"]), json!({}), full.clone(), "a.b"),
        (json!(["_"]), json!({"reason": "a.b", "message": "no more"}), full.clone(), "a.b"),
        (json!(["_", null, "no more"]), json!({}), full.clone(), "wamp.close.killed"),
        (json!(["_", "a.b"]), json!({"message": null}), json!({}), "a.b"),
        (json!([]), json!({"session": "_", "message": "no more"}), full, "wamp.close.killed"),
        (json!([]), json!({"session_id": "_", "message": ""}), json!({"message": ""}), "wamp.close.killed"),
    ] {
        let victim = net.join("realm1");
        let session = json!(net.session(victim));
        let (mut args, mut kwargs) = (args, kwargs);
        if let Some(first) = args.get_mut(0) {
            *first = session.clone();
        }
        for name in ["session", "session_id"] {
            if let Some(given) = kwargs.get_mut(name) {
                *given = session.clone();
            }
        }
        done(&mut net, killer, "wamp.session.kill", args, kwargs);
        killed(&mut net, victim, details, reason);
    }
}

/// MSE-18: nothing of the victim is left when the killer knows.
#[test]
fn the_victim_is_out_before_the_killer_is_told() {
    let mut net = Net::open();
    let (killer, victim) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    let session = net.session(victim);
    net.subscribe(victim, "a.b");
    net.register(victim, "a.b");
    // All at once: the victim's own task has had no turn in between.
    net.send_all(
        killer,
        [
            json!([48, 1, {}, "wamp.session.kill", [session]]),
            json!([48, 2, {}, "wamp.session.get", [session]]),
            json!([48, 3, {}, "wamp.subscription.lookup", ["a.b"]]),
            json!([48, 4, {}, "wamp.registration.lookup", ["a.b"]]),
            json!([48, 5, {}, "wamp.session.count"]),
            json!([48, 6, {}, "a.b"]),
        ],
    );
    net.expect(killer, json!([50, 1, {}]));
    net.refused(killer, 48, 2, NO_SUCH_SESSION);
    net.expect(killer, json!([50, 3, {}, [null]]));
    net.expect(killer, json!([50, 4, {}, [null]]));
    net.expect(killer, json!([50, 5, {}, [1]]));
    net.refused(killer, 48, 6, "wamp.error.no_such_procedure");
}

/// MSE-09, ERR-19
#[test]
fn nobody_kills_themselves_or_who_is_not_there() {
    let mut net = Net::open();
    let (killer, gone) = (net.join("realm1"), net.join("realm1"));
    let (own, left) = (net.session(killer), net.session(gone));
    net.disconnect(gone);
    for id in [own, left, 1] {
        net.error(killer, "wamp.session.kill", json!([id]), json!({}), NO_SUCH_SESSION);
    }
    assert!(!net.is_closed(killer));
    net.nothing(killer);
}

/// MSE-09: a session that ends already can't be killed once more.
#[test]
fn a_session_is_killed_once() {
    let mut net = Net::open();
    let (one, two, victim) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let session = net.session(victim);
    net.stall(victim);
    done(&mut net, one, "wamp.session.kill", json!([session]), json!({}));
    net.error(two, "wamp.session.kill", json!([session]), json!({}), NO_SUCH_SESSION);
    net.resume(victim);
    killed(&mut net, victim, json!({}), "wamp.close.killed");
}

/// MSE-10, MSE-14
#[test]
fn a_wrong_reason_kills_nobody() {
    let mut net = Net::open();
    let (killer, victim) = (net.join("realm1"), net.client().identity("alice", "anonymous").join("realm1"));
    let session = net.session(victim);
    for (procedure, target) in [
        ("wamp.session.kill", json!([session])),
        ("wamp.session.kill_by_authid", json!(["alice"])),
        ("wamp.session.kill_by_authrole", json!(["anonymous"])),
        ("wamp.session.kill_all", json!([])),
    ] {
        for reason in ["", "a b", "a..b", "#"] {
            net.error(killer, procedure, target.clone(), json!({"reason": reason}), INVALID_URI);
        }
        let wrong = json!({"reason": 7});
        net.error(killer, procedure, target.clone(), wrong, INVALID_ARGUMENT);
        net.error(killer, procedure, target.clone(), json!({"message": ["x"]}), INVALID_ARGUMENT);
    }
    net.nothing(victim);
    let count = net.value(killer, "wamp.session.count", json!([]));
    assert_eq!(count, value(json!(2)));
}

/// MSE-11
#[test]
fn all_of_an_authid_are_killed_but_the_caller() {
    let mut net = Net::open();
    let mut alice = || net.client().identity("alice", "anonymous").join("realm1");
    let (killer, one, two) = (alice(), alice(), alice());
    let bob = net.client().identity("bob", "anonymous").join("realm1");
    let reason = json!({"reason": "a.b", "message": "x"});
    let result = net.result(killer, "wamp.session.kill_by_authid", json!(["alice"]), reason);
    let ids = result.at(3).as_list().and_then(|args| args.first()).expect("a list");
    assert_eq!(sorted(ids), sessions(&net, [one, two]));
    for victim in [one, two] {
        killed(&mut net, victim, json!({"message": "x"}), "a.b");
    }
    net.nothing(bob);
    net.nothing(killer);
    let none = by_name(&mut net, killer, "wamp.session.kill_by_authid", json!({"authid": "alice"}));
    assert_eq!(none, value(json!([])));
}

/// MSE-12
#[test]
fn all_of_an_authrole_are_killed_and_counted_but_the_caller() {
    let mut net = roles(&["user", "admin"]);
    let mut user = |authid| net.client().identity(authid, "user").join("realm1");
    let (killer, one, two) = (user("a"), user("b"), user("c"));
    let admin = net.client().identity("d", "admin").join("realm1");
    let count = net.value(killer, "wamp.session.kill_by_authrole", json!(["user", "a.b", "x"]));
    assert_eq!(count, value(json!(2)));
    for victim in [one, two] {
        killed(&mut net, victim, json!({"message": "x"}), "a.b");
    }
    net.nothing(admin);
    let count = by_name(&mut net, killer, "wamp.session.kill_by_authrole", json!({"authrole": "user"}));
    assert_eq!(count, value(json!(0)));
}

/// MSE-13, TST-12
#[test]
fn kill_all_is_silent_about_sessions() {
    let mut net = Net::open();
    let watcher = watcher_of(&mut net, "wamp.session.");
    net.subscribe(watcher, "a.will");
    let (victim, other) = (net.join("realm1"), net.join("realm1"));
    done(&mut net, victim, "wamp.session.add_testament", json!(["a.will", ["x"], {}]), json!({}));
    net.receive(watcher);
    let count = net.value(watcher, "wamp.session.kill_all", json!(["a.b", "all of you"]));
    assert_eq!(count, value(json!(2)));
    for client in [victim, other] {
        killed(&mut net, client, json!({"message": "all of you"}), "a.b");
    }
    net.disconnect(other);
    net.nothing(watcher);
}

/// MSE-13, MRG-03, MRG-04, MSB-03, MSB-04: what the sessions held is told of.
#[test]
fn kill_all_tells_what_became_of_subscriptions_and_registrations() {
    let mut net = Net::open();
    let (watcher, victim) = (watcher(&mut net), net.join("realm1"));
    let session = net.session(victim);
    let subscription = net.subscribe(victim, "a.b");
    let registration = net.register(victim, "a.b");
    net.receive(watcher);
    let request = net.request(watcher);
    net.send(watcher, json!([48, request, {}, "wamp.session.kill_all"]));
    for (topic, args) in [
        ("wamp.registration.on_unregister", json!([session, registration])),
        ("wamp.registration.on_delete", json!([session, registration])),
        ("wamp.subscription.on_unsubscribe", json!([session, subscription])),
        ("wamp.subscription.on_delete", json!([session, subscription])),
    ] {
        told(&mut net, watcher, topic, args);
    }
    net.expect(watcher, json!([50, request, {}, [1]]));
    killed(&mut net, victim, json!({}), "wamp.close.killed");
    net.nothing(watcher);
}

/// MSE-02: once, though the killer and the victim's own task both clear up.
#[test]
fn a_killed_session_leaves_once() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let (killer, victim) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    let session = net.session(victim);
    net.receive(watcher);
    done(&mut net, killer, "wamp.session.kill", json!([session]), json!({}));
    net.send(victim, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.disconnect(victim);
    let told = all_told(&mut net, watcher);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "session.on_leave");
    assert_eq!(told[0].1[0], value(json!(session)));
}

/// MSE-02, WSK-15: the transport of a killed session may carry another one, which is another session.
#[test]
fn a_killed_client_may_come_again() {
    let mut net = Net::open();
    let (killer, victim) = (net.join("realm1"), net.join("realm1"));
    let session = net.session(victim);
    done(&mut net, killer, "wamp.session.kill", json!([session]), json!({}));
    killed(&mut net, victim, json!({}), "wamp.close.killed");
    net.send(victim, json!([1, "realm1", {"roles": {"caller": {}}}]));
    net.welcome(victim);
    assert_ne!(net.session(victim), session);
}

/// MSE-12, MSE-13
#[test]
fn a_realm_like_crossbar_lists_whom_it_killed() {
    let mut net = realm(|realm| realm.compat_crossbar = true);
    let (killer, one, two) = (net.join("realm1"), net.join("realm1"), net.join("realm1"));
    let both = sessions(&net, [one, two]);
    let ids = net.value(killer, "wamp.session.kill_by_authrole", json!(["anonymous"]));
    assert_eq!(sorted(&ids), both);
    let three = net.join("realm1");
    let ids = net.value(killer, "wamp.session.kill_all", json!([]));
    assert_eq!(sorted(&ids), sessions(&net, [three]));
}
