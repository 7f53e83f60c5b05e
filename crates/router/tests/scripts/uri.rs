//! URIs: which are taken, which are refused, which belong to the router.
//!
//! Spec: basic profile, "URIs", "Reserved URIs".

use cloverleaf_router::config::Limits;
use cloverleaf_router::{RouterConfig, config};
use testkit::{Client, Net, json};
use wamp::uri::UriCheck;

use crate::realm;

const INVALID: &str = "wamp.error.invalid_uri";

/// Tries a URI in all four requests; answers the codes of the replies' types, in order SUBSCRIBE, REGISTER, PUBLISH, CALL.
fn tried(net: &mut Net, client: Client, uri: &str) -> Vec<String> {
    let mut outcomes = Vec::new();
    for (kind, options) in
        [(32, json!({})), (64, json!({})), (16, json!({"acknowledge": true})), (48, json!({}))]
    {
        let request = net.request(client);
        net.send(client, json!([kind, request, options, uri]));
        let reply = net.take(client);
        outcomes.push(if reply.code() == 8 { reply.text(4).to_owned() } else { "done".to_owned() });
    }
    outcomes
}

/// URI-01, URI-04, URI-08, URI-13, ERR-01
#[test]
fn a_uri_has_no_empty_component_no_hash_and_no_white_space() {
    let mut net = Net::open();
    let client = net.join("realm1");
    for uri in ["a..b", "a.b.", ".a", "a#b", "a b", "", "a.\tb", "a.b\u{2003}c", "a\u{a0}"] {
        assert_eq!(tried(&mut net, client, uri), [INVALID; 4], "{uri:?}");
    }
}

/// URI-10
#[test]
fn a_uri_may_be_written_in_any_script() {
    let mut net = Net::open();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    net.register(callee, "com.müller.日本");
    net.call(caller, "com.müller.日本", "x");
    net.invoked(callee);
}

/// URI-02
#[test]
fn strict_realms_take_small_letters_digits_and_underscores_only() {
    let mut strict = realm(|realm| realm.uri_check = UriCheck::Strict);
    let client = strict.join("realm1");
    for uri in ["Com.X", "com.x-y", "com.é"] {
        assert_eq!(tried(&mut strict, client, uri), [INVALID; 4], "{uri:?}");
    }
    strict.subscribe(client, "com.x_1");
    let mut loose = Net::open();
    let client = loose.join("realm1");
    loose.subscribe(client, "Com.X");
}

/// URI-03
#[test]
fn empty_components_are_for_wildcards() {
    let mut net = Net::without_meta_api();
    let client = net.join("realm1");
    for uri in ["a..c", ".b", "a.", ".."] {
        net.subscribe_with(client, json!({"match": "wildcard"}), uri);
        net.register_with(client, json!({"match": "wildcard"}), uri);
    }
    for uri in ["a..c", ".b", ".."] {
        let request = net.request(client);
        net.send(client, json!([32, request, {"match": "prefix"}, uri]));
        net.refused(client, 32, request, INVALID);
    }
}

/// URI-03: what the text leaves open, as Crossbar.io has it.
#[test]
fn a_prefix_may_end_in_a_dot_or_be_empty() {
    let mut net = Net::without_meta_api();
    let client = net.join("realm1");
    for uri in ["a.b.", ""] {
        net.subscribe_with(client, json!({"match": "prefix"}), uri);
        net.register_with(client, json!({"match": "prefix"}), uri);
    }
}

/// URI-05
#[test]
fn reserved_uris_cannot_be_registered_or_published_to() {
    let mut net = Net::open();
    let client = net.join("realm1");
    for uri in ["wamp.foo", "wamp.session.on_join", "wamp"] {
        let outcomes = tried(&mut net, client, uri);
        assert_eq!(outcomes[1..3], [INVALID; 2], "{uri}");
    }
    assert_eq!(tried(&mut net, client, "wampfoo.bar")[..3], ["done"; 3]);
}

/// URI-05
#[test]
fn the_routers_own_sessions_may_use_reserved_uris() {
    let mut net = Net::open();
    let (own, client) = (net.client().trusted().join("realm1"), net.join("realm1"));
    net.register(own, "wamp.foo");
    net.subscribe(client, "wamp.bar");
    net.publish(own, "wamp.bar", "x");
    assert_eq!(net.take(client).code(), 36);
    net.call(client, "wamp.foo", "x");
    net.invoked(own);
}

/// URI-06, REF-06
#[test]
fn reserved_uris_can_be_subscribed_to_and_called() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.subscribe(client, "wamp.session.on_join");
    let request = net.call(client, "wamp.no.such", "x");
    net.refused(client, 48, request, "wamp.error.no_such_procedure");
}

/// URI-07
#[test]
fn topics_and_procedures_do_not_collide() {
    let mut net = Net::open();
    let (one, two) = (net.join("realm1"), net.join("realm1"));
    let subscription = net.subscribe(one, "a.b");
    net.register(one, "a.b");
    net.publish(two, "a.b", "event");
    net.expect(one, json!([36, subscription, "_", {}, ["event"]]));
    net.call(two, "a.b", "call");
    net.expect(one, json!([68, "_", "_", {}, ["call"]]));
    net.nothing(one);
}

/// URI-08, BRK-07
#[test]
fn a_publish_to_no_topic_is_silent_unless_acknowledged() {
    let mut net = Net::open();
    let client = net.join("realm1");
    net.publish(client, "a..b", "x");
    net.publish(client, "wamp.session.on_join", "x");
    net.nothing(client);
    assert!(!net.is_closed(client));
}

/// URI-09
#[test]
fn a_realm_is_named_by_a_uri() {
    let mut net = Net::open();
    for name in ["a b", "", "a..b", "#"] {
        let client = net.client().hello(name);
        net.expect(client, json!([3, {"message": "_"}, INVALID]));
        assert!(net.is_closed(client));
    }
}

/// URI-11, ROB-01
#[test]
fn a_uri_has_a_greatest_length() {
    let limits = Limits { uri_bytes_max: 100, ..Limits::default() };
    let mut net = Net::new(RouterConfig { limits, ..RouterConfig::default() });
    let client = net.join("realm1");
    assert_eq!(tried(&mut net, client, &"a".repeat(101)), [INVALID; 4]);
    assert_eq!(tried(&mut net, client, &"a".repeat(100))[..3], ["done"; 3]);
}

/// URI-11: nor is it repeated at length.
#[test]
fn the_refusal_of_a_long_uri_is_short() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let request = net.request(client);
    net.send(client, json!([32, request, {}, "a".repeat(100_000)]));
    let refusal = net.take(client);
    assert_eq!(refusal.text(4), INVALID);
    assert!(refusal.bytes().len() < 1000, "{}", refusal.bytes().len());
}

/// URI-12
#[test]
fn no_pattern_takes_the_calls_of_reserved_procedures() {
    let mut net = Net::without_meta_api();
    let (caller, callee) = (net.join("realm1"), net.join("realm1"));
    for uri in ["", "wam"] {
        net.register_with(callee, json!({"match": "prefix"}), uri);
    }
    net.register_with(callee, json!({"match": "wildcard"}), ".session.count");
    let request = net.call(caller, "wamp.session.count", "x");
    net.refused(caller, 48, request, "wamp.error.no_such_procedure");
    net.nothing(callee);
    for uri in ["wamp", "wamp."] {
        let request = net.request(callee);
        net.send(callee, json!([64, request, {"match": "prefix"}, uri]));
        net.refused(callee, 64, request, INVALID);
    }
}

/// A configuration names realms by URIs, too.
#[test]
fn a_realm_without_a_name_cannot_be_configured() {
    for name in ["a b", "", "a.", "#"] {
        let realms = vec![config::RealmConfig::open(name)];
        let config = RouterConfig { realms, ..RouterConfig::default() };
        assert!(cloverleaf_router::Router::new(config).is_err(), "{name:?}");
    }
}

/// ERR-20
#[test]
fn no_error_has_a_uri_that_is_not_in_the_specification() {
    let mut net = realm(|realm| {
        let permissions = vec![crate::allow("com.", wamp::MatchPolicy::Prefix, "call register")];
        realm.roles.push(config::RoleConfig { name: "user".into(), permissions, allow_by_default: false });
    });
    let callee = net.join("realm1");
    net.register(callee, "com.taken");
    net.register_with(callee, json!({"invoke": "roundrobin"}), "com.shared");
    let everything = net.join("realm1");
    let little = net.client().identity("u", "user").join("realm1");
    let mut uris = std::collections::BTreeSet::new();
    let refused = [
        json!([32, 1, {}, "a..b"]),
        json!([32, 1, {"match": "regex"}, "a.b"]),
        json!([34, 1, 77]),
        json!([16, 1, {"acknowledge": true}, "wamp.mine"]),
        json!([16, 1, {"acknowledge": true, "eligible": "x"}, "a.b"]),
        json!([64, 1, {}, "com.taken"]),
        json!([64, 1, {"invoke": "random"}, "com.shared"]),
        json!([64, 1, {"concurrency": 0}, "a.b"]),
        json!([64, 1, {}, "wamp.mine"]),
        json!([66, 1, 77]),
        json!([48, 1, {}, "com.nobody"]),
        json!([48, 1, {}, "com nobody"]),
        json!([48, 1, {"timeout": -1}, "com.taken"]),
    ];
    for message in refused {
        // Each on its own, so that request ids begin anew.
        let client = net.join("realm1");
        net.send(client, message);
        let reply = net.take(client);
        assert_eq!(reply.code(), 8, "{reply:?}");
        uris.insert(reply.text(4).to_owned());
    }
    for (kind, uri) in [(32, "a.b"), (64, "org.x"), (48, "org.x"), (16, "a.b")] {
        let request = net.request(little);
        net.send(little, json!([kind, request, {"acknowledge": true}, uri]));
        uris.insert(net.take(little).text(4).to_owned());
    }
    for mode in ["skip", "killnowait"] {
        let request = net.call(everything, "com.taken", "?");
        net.send(everything, json!([49, request, {"mode": mode}]));
        uris.insert(net.take(everything).text(4).to_owned());
    }
    net.call(everything, "com.taken", "?");
    net.disconnect(callee);
    uris.insert(net.take(everything).text(4).to_owned());
    for hello in [json!([1, "nowhere", {"roles": {"caller": {}}}]), json!([1, "realm1", {}]), json!([77])] {
        let client = net.client().connect();
        net.send(client, hello);
        let abort = net.take(client);
        assert_eq!(abort.code(), 3, "{abort:?}");
        uris.insert(abort.text(2).to_owned());
    }
    assert!(uris.len() >= 10, "there are many ways to fail: {uris:?}");
    let unknown: Vec<&String> =
        uris.iter().filter(|uri| !wamp::error_uri::ALL.contains(&uri.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
