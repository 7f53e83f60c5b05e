//! Testaments: what a session leaves behind, and when it is published.
//!
//! Spec: advanced profile, "Session Testament".

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::meta::EventQuery;
use testkit::{Client, Json, Net, json};
use wamp::{MatchPolicy, Serializer};

use crate::ends::{ENDS, impatient};
use crate::{INVALID_ARGUMENT, INVALID_URI, at, config, done, realm, roles, told, watcher_of};

const ADD: &str = "wamp.session.add_testament";
const FLUSH: &str = "wamp.session.flush_testaments";

/// The client leaves one text to `a.will`.
fn leave(net: &mut Net, client: Client, text: &str, options: Json) {
    done(net, client, ADD, json!(["a.will", [text], {}]), options);
}

/// An heir, subscribed to `a.will`, and a client.
fn heir_and_client(net: &mut Net) -> (Client, Client) {
    let heir = net.join("realm1");
    net.subscribe(heir, "a.will");
    (heir, net.client().worker(1).join("realm1"))
}

/// The texts that an heir got.
fn inherited(net: &mut Net, heir: Client) -> Vec<String> {
    let text = |event: testkit::Received| {
        let text = event.at(4).as_list().and_then(|args| args.first()?.as_str()).expect("a text");
        text.to_owned()
    };
    net.receive(heir).into_iter().map(text).collect()
}

/// TST-01, TST-02
#[test]
fn whatever_ends_a_session_its_testament_is_published_once() {
    for (how, end) in ENDS {
        for scope in ["detached", "destroyed"] {
            let mut net = impatient();
            let (heir, client) = heir_and_client(&mut net);
            net.subscribe(client, "a.flood");
            leave(&mut net, client, "x", json!({"scope": scope}));
            net.nothing(heir);
            end(&mut net, client);
            assert_eq!(inherited(&mut net, heir), ["x"], "{how}, {scope}");
            net.disconnect(client);
            net.nothing(heir);
        }
    }
}

/// TST-02: when a realm ends nobody is left to hear it, but the record has it.
#[test]
fn at_the_end_of_a_realm_testaments_are_for_the_record() {
    let mut net = realm(|realm| realm.history.push(HistoryConfig::new("a.will", MatchPolicy::Exact)));
    let client = net.join("realm1");
    leave(&mut net, client, "x", json!({}));
    let realm = net.realm("realm1");
    net.router().shutdown();
    net.settle();
    net.disconnect(client);
    let api = realm.meta_api();
    let record = api.subscription_lookup("a.will", MatchPolicy::Exact).expect("it is there for its history");
    let found = api.subscription_get_events(record, &EventQuery::default()).expect("a history").events;
    assert_eq!(found.len(), 1);
}

/// TST-01
#[test]
fn a_testament_is_an_event_like_any_other() {
    for serializer in Serializer::ALL {
        let mut net = Net::open();
        let heir = net.join("realm1");
        let subscription = net.subscribe(heir, "a.will");
        let client = net.client().serializer(serializer).join("realm1");
        let args = json!(["a.will", [1, "x", null], {"k": [true]}]);
        done(&mut net, client, ADD, args, json!({}));
        net.disconnect(client);
        net.expect(heir, json!([36, subscription, "_", {}, [1, "x", null], {"k": [true]}]));
        net.nothing(heir);
    }
}

/// TST-01
#[test]
fn arguments_are_given_by_position_or_by_name_or_left_out() {
    for (args, kwargs, payload) in [
        (json!(["a.will"]), json!({}), json!([])),
        (json!(["a.will", null, null, null, null]), json!({}), json!([])),
        (json!(["a.will", ["x"]]), json!({}), json!([["x"]])),
        (json!(["a.will"]), json!({"kwargs": {"k": 1}}), json!([[], {"k": 1}])),
        (json!([]), json!({"topic": "a.will", "args": ["x"], "kwargs": {"k": 1}}), json!([["x"], {"k": 1}])),
        (json!(["a.will", ["x"], {"k": 1}, {}, "detached"]), json!({}), json!([["x"], {"k": 1}])),
        (json!(["a.will", ["x"]]), json!({"publish_options": {}, "scope": "destroyed"}), json!([["x"]])),
    ] {
        let mut net = Net::open();
        let (heir, client) = heir_and_client(&mut net);
        done(&mut net, client, ADD, args.clone(), kwargs);
        net.disconnect(client);
        let event = net.take(heir);
        let found = event.value().as_list().expect("a message")[4..].to_vec();
        assert_eq!(wamp::Value::List(found), crate::value(payload), "{args}");
    }
}

/// TST-03
#[test]
fn testaments_are_published_in_the_order_in_which_they_were_added() {
    let mut net = Net::open();
    let (heir, client) = heir_and_client(&mut net);
    net.subscribe(heir, "a.other");
    for number in 0..20 {
        let topic = if number % 3 == 0 { "a.other" } else { "a.will" };
        done(&mut net, client, ADD, json!([topic, [number.to_string()]]), json!({}));
    }
    net.disconnect(client);
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(inherited(&mut net, heir), expected);
}

/// TST-04
#[test]
fn those_of_detached_come_before_those_of_destroyed() {
    let mut net = Net::open();
    let (heir, client) = heir_and_client(&mut net);
    for (text, scope) in [("3", "destroyed"), ("1", "detached"), ("4", "destroyed"), ("2", "detached")] {
        leave(&mut net, client, text, json!({"scope": scope}));
    }
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    assert_eq!(inherited(&mut net, heir), ["1", "2", "3", "4"]);
}

/// TST-05
#[test]
fn one_scope_can_be_flushed() {
    for (flush, expected) in [
        (json!([]), "detached"),
        (json!([null]), "detached"),
        (json!(["destroyed"]), "detached"),
        (json!(["detached"]), "destroyed"),
    ] {
        let mut net = Net::open();
        let (heir, client) = heir_and_client(&mut net);
        for scope in ["destroyed", "detached", "destroyed"] {
            leave(&mut net, client, scope, json!({"scope": scope}));
        }
        done(&mut net, client, FLUSH, flush, json!({}));
        net.disconnect(client);
        let mut found = inherited(&mut net, heir);
        found.dedup();
        assert_eq!(found, [expected]);
    }
}

/// TST-05
#[test]
fn what_is_flushed_makes_room_and_others_keep_theirs() {
    let mut net = config(|config| config.limits.testaments_max = 2);
    let (heir, client) = heir_and_client(&mut net);
    let other = net.join("realm1");
    leave(&mut net, other, "other", json!({}));
    leave(&mut net, client, "1", json!({}));
    leave(&mut net, client, "2", json!({}));
    done(&mut net, client, FLUSH, json!([]), json!({"scope": "destroyed"}));
    done(&mut net, client, FLUSH, json!([]), json!({}));
    leave(&mut net, client, "3", json!({}));
    leave(&mut net, client, "4", json!({}));
    net.disconnect(client);
    net.disconnect(other);
    assert_eq!(inherited(&mut net, heir), ["3", "4", "other"]);
}

/// TST-05
#[test]
fn a_realm_like_crossbar_says_how_many_were_flushed() {
    let mut net = realm(|realm| realm.compat_crossbar = true);
    let (_, client) = heir_and_client(&mut net);
    assert_eq!(net.value(client, FLUSH, json!([])), 0u64.into());
    leave(&mut net, client, "1", json!({}));
    leave(&mut net, client, "2", json!({}));
    leave(&mut net, client, "3", json!({"scope": "detached"}));
    assert_eq!(net.value(client, FLUSH, json!([])), 2u64.into());
    assert_eq!(net.value(client, FLUSH, json!(["detached"])), 1u64.into());
    assert_eq!(net.value(client, FLUSH, json!(["detached"])), 0u64.into());
}

/// TST-06
#[test]
fn lists_of_receivers_are_honoured() {
    for (options, expected) in [
        (json!({}), [true, true]),
        (json!({"eligible": ["#0"]}), [true, false]),
        (json!({"exclude": ["#0"]}), [false, true]),
        (json!({"eligible_authid": ["bob"]}), [false, true]),
        (json!({"exclude_authid": ["bob"]}), [true, false]),
        (json!({"eligible_authrole": ["user"]}), [true, false]),
        (json!({"exclude_authrole": ["user"]}), [false, true]),
        (json!({"eligible": []}), [false, false]),
        (json!({"eligible": ["#0"], "exclude_authrole": ["user"]}), [false, false]),
    ] {
        let mut net = roles(&["user", "admin", "anonymous"]);
        let heirs = [("alice", "user"), ("bob", "admin")]
            .map(|(authid, authrole)| net.client().identity(authid, authrole).join("realm1"));
        for heir in heirs {
            net.subscribe(heir, "a.will");
        }
        let client = net.join("realm1");
        let mut given = options.clone();
        for list in ["eligible", "exclude"] {
            if let Some(first) = given.get_mut(list).and_then(|list| list.get_mut(0)) {
                *first = json!(net.session(heirs[0]));
            }
        }
        leave(&mut net, client, "x", json!({"publish_options": given}));
        net.disconnect(client);
        let found = heirs.map(|heir| !inherited(&mut net, heir).is_empty());
        assert_eq!(found, expected, "{options}");
    }
}

/// TST-06, RET-03
#[test]
fn a_testament_may_be_retained() {
    let mut net = Net::open();
    let client = net.join("realm1");
    leave(&mut net, client, "x", json!({"publish_options": {"retain": true}}));
    assert_eq!(net.realm("realm1").retained_topics(), 0);
    net.disconnect(client);
    assert_eq!(net.realm("realm1").retained_topics(), 1);
    let heir = net.join("realm1");
    let subscription = net.subscribe_with(heir, json!({"get_retained": true}), "a.will");
    net.expect(heir, json!([36, subscription, "_", {"retained": true}, ["x"]]));
}

/// TST-06, RET-11: one without a payload clears its topic, as a publication would.
#[test]
fn an_empty_testament_clears_what_is_retained() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.publish_with(client, json!({"retain": true}), "a.will", "x");
    assert_eq!(net.realm("realm1").retained_topics(), 1);
    done(&mut net, client, ADD, json!(["a.will", [], {}, {"retain": true}]), json!({}));
    net.disconnect(client);
    assert_eq!(net.realm("realm1").retained_topics(), 0);
}

/// TST-06, TST-13
#[test]
fn the_session_that_left_is_disclosed_if_it_wanted_to_be() {
    let mut net = Net::open();
    let heir = net.join("realm1");
    net.subscribe(heir, "a.will");
    let client = net.client().identity("alice", "anonymous").join("realm1");
    let session = net.session(client);
    leave(&mut net, client, "x", json!({"publish_options": {"disclose_me": true}}));
    leave(&mut net, client, "y", json!({"publish_options": {"disclose_me": false, "exclude_me": false}}));
    leave(&mut net, client, "z", json!({"publish_options": {"acknowledge": true}}));
    net.disconnect(client);
    let details =
        json!({"publisher": session, "publisher_authid": "alice", "publisher_authrole": "anonymous"});
    net.expect(heir, json!([36, "_", "_", details, ["x"]]));
    net.expect(heir, json!([36, "_", "_", {}, ["y"]]));
    net.expect(heir, json!([36, "_", "_", {}, ["z"]]));
    net.nothing(heir);
}

/// TST-13, PID-03
#[test]
fn where_nobody_may_be_disclosed_on_request_no_testament_is() {
    let mut net = realm(|realm| realm.allow_disclose_me = false);
    let (heir, client) = heir_and_client(&mut net);
    let wish = json!({"publish_options": {"disclose_me": true}});
    let error = "wamp.error.option_disallowed.disclose_me";
    net.error(client, ADD, json!(["a.will"]), wish, error);
    net.disconnect(client);
    net.nothing(heir);
}

/// TST-09
#[test]
fn what_cannot_be_published_is_refused() {
    let mut net = Net::open();
    let (heir, client) = heir_and_client(&mut net);
    for topic in ["", "a b", "a..b", "#", "wamp.session.on_join", "wamp.x", "wamp"] {
        net.error(client, ADD, json!([topic, ["x"]]), json!({}), INVALID_URI);
    }
    for scope in ["Destroyed", "", "both"] {
        net.error(client, ADD, json!(["a.will"]), json!({"scope": scope}), INVALID_ARGUMENT);
        net.error(client, FLUSH, json!([scope]), json!({}), INVALID_ARGUMENT);
    }
    for options in [
        json!({"exclude": "x"}),
        json!({"eligible_authid": [1]}),
        json!({"retain": "yes"}),
        json!({"disclose_me": 1}),
    ] {
        let said =
            net.error(client, ADD, json!(["a.will"]), json!({"publish_options": options}), INVALID_ARGUMENT);
        assert!(said.contains("publish_options"), "{said}");
    }
    net.disconnect(client);
    net.nothing(heir);
}

/// TST-09, PPT-03, PPT-15
#[test]
fn a_payload_to_pass_through_is_checked_as_in_publish() {
    let mut net = Net::open();
    let (heir, client) = heir_and_client(&mut net);
    let old = net.client().roles(json!({"caller": {}, "publisher": {}})).join("realm1");
    let options = json!({"ppt_scheme": "x_custom", "ppt_serializer": "cbor"});
    let kwargs = json!({"publish_options": options});
    let unknown = "wamp.error.feature_not_supported";
    net.error(old, ADD, json!(["a.will", ["one"]]), kwargs.clone(), unknown);
    for payload in [json!([]), json!([["one", "two"]]), json!([["one"], {"k": 1}]), json!([null, {"k": 1}])] {
        let mut args = vec![json!("a.will")];
        args.extend(payload.as_array().expect("a list").clone());
        net.error(client, ADD, Json::Array(args), kwargs.clone(), INVALID_ARGUMENT);
    }
    done(&mut net, client, ADD, json!(["a.will", ["one"]]), kwargs);
    net.disconnect(client);
    net.disconnect(old);
    net.expect(heir, json!([36, "_", "_", options, ["one"]]));
    net.nothing(heir);
}

/// TST-10
#[test]
fn their_number_and_size_are_bounded() {
    let mut net = config(|config| {
        config.limits.testaments_max = 3;
        config.limits.testaments_bytes_max = 2000;
    });
    let (heir, client) = heir_and_client(&mut net);
    leave(&mut net, client, &"x".repeat(1500), json!({}));
    let unavailable = "wamp.error.unavailable";
    net.error(client, ADD, json!(["a.will", ["y".repeat(500)]]), json!({}), unavailable);
    leave(&mut net, client, "1", json!({"scope": "detached"}));
    leave(&mut net, client, "2", json!({}));
    for scope in ["detached", "destroyed"] {
        net.error(client, ADD, json!(["a.will", ["3"]]), json!({"scope": scope}), unavailable);
    }
    net.disconnect(client);
    assert_eq!(inherited(&mut net, heir).len(), 3);
}

/// TST-11: testaments first, then what the session held, then the session.
#[test]
fn a_testament_comes_before_the_meta_events() {
    for (how, end) in ENDS {
        let mut net = impatient();
        let heir = watcher_of(&mut net, "wamp.s");
        net.subscribe(heir, "a.will");
        let client = net.join("realm1");
        let session = net.session(client);
        let subscription = net.subscribe(client, "a.flood");
        leave(&mut net, client, "x", json!({}));
        net.receive(heir);
        end(&mut net, client);
        let event = net.expect(heir, json!([36, "_", "_", {}, ["x"]]));
        assert_eq!(event.len(), 5, "{how}");
        told(&mut net, heir, "wamp.subscription.on_unsubscribe", json!([session, subscription]));
        told(&mut net, heir, "wamp.subscription.on_delete", json!([session, subscription]));
        told(&mut net, heir, "wamp.session.on_leave", json!([session, "_", "anonymous"]));
        net.nothing(heir);
    }
}

/// TST-02: a session doesn't receive its own, and a later one of the same transport is another session.
#[test]
fn a_testament_is_of_one_session() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.subscribe(client, "a.will");
    leave(&mut net, client, "x", json!({"publish_options": {"exclude_me": false}}));
    net.send(client, json!([6, {}, "wamp.close.normal"]));
    net.expect(client, json!([6, {}, "wamp.close.goodbye_and_out"]));
    net.send(client, json!([1, "realm1", {"roles": {"caller": {}, "subscriber": {}}}]));
    net.welcome(client);
    net.subscribe(client, "a.will");
    net.disconnect(client);
    let heir = net.join("realm1");
    net.nothing(heir);
    assert_eq!(net.realm("realm1").session_count(), 1);
}

/// TST-07, FEA-04
#[test]
fn testaments_are_announced() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let welcome = net.take(client);
    let dealer = at(welcome.detail(2, "roles").expect("roles"), "dealer");
    assert_eq!(at(&at(&dealer, "features"), "testament_meta_api"), true.into());
}
