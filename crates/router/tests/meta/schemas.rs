//! `wamp.schema.*`, `wamp.reflect.*` and `wamp.reflection.*`: what URIs are declared to be.
//!
//! Spec: advanced profile, "Interface Reflection".

use cloverleaf_router::config::SchemaSource;
use cloverleaf_router::{ConfigError, Router, RouterConfig};
use testkit::{Client, IntoValue, Json, Net, json};
use wamp::{Serializer, Value};

use crate::{INVALID_ARGUMENT, INVALID_URI, at, by_name, config, realm, told, value, watcher};

const DEFINE: &str = "wamp.schema.define";
const DESCRIBE: &str = "wamp.schema.describe";

fn topic() -> Json {
    json!({"type": "topic", "title": "Where it is", "args": {"items": {"type": "integer"}}})
}

fn procedure() -> Json {
    json!({"type": "procedure", "kwargs": {"required": ["to"]}, "x_mine": [1, null]})
}

/// A realm with these declarations.
fn declared(text: &Json) -> Net {
    let source = SchemaSource { name: "test.json".to_owned(), text: text.to_string() };
    realm(|realm| realm.schemas.push(source))
}

#[track_caller]
fn define(net: &mut Net, client: Client, uri: &str, schema: impl IntoValue) -> Value {
    net.value(client, DEFINE, Value::List(vec![uri.into(), schema.into_value()]))
}

/// REF-02
#[test]
fn what_was_defined_is_described() {
    let mut net = Net::open();
    let (client, other) = (net.join("realm1"), net.client().worker(1).join("realm1"));
    assert_eq!(net.value(client, DESCRIBE, json!(["a.b"])), Value::Null);
    assert_eq!(net.value(client, DESCRIBE, json!([])), value(json!({})));
    assert_eq!(define(&mut net, client, "a.b", topic()), value(json!(true)), "it is new");
    assert_eq!(define(&mut net, client, "a.b", topic()), Value::Null, "nothing changed");
    assert_eq!(net.value(other, DESCRIBE, json!(["a.b"])), value(topic()));
    assert_eq!(define(&mut net, client, "a.b", procedure()), value(json!(false)), "it was changed");
    assert_eq!(define(&mut net, client, "a.c", topic()), value(json!(true)));
    let all = value(json!({"a.b": procedure(), "a.c": topic()}));
    assert_eq!(net.value(other, DESCRIBE, json!([])), all);
    assert_eq!(net.value(other, DESCRIBE, json!([null])), all);
    assert_eq!(define(&mut net, client, "a.b", json!(null)), value(json!(false)), "it was taken away");
    assert_eq!(define(&mut net, client, "a.b", json!(null)), Value::Null, "there was none");
    assert_eq!(net.value(other, DESCRIBE, json!(["a.b"])), Value::Null);
}

/// REF-02
#[test]
fn procedures_go_by_two_names() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let kwargs = json!({"uri": "a.b", "schema": topic()});
    assert_eq!(by_name(&mut net, client, "wamp.reflect.define", kwargs), value(json!(true)));
    for describe in [DESCRIBE, "wamp.reflect.describe"] {
        assert_eq!(by_name(&mut net, client, describe, json!({"uri": "a.b"})), value(topic()));
        assert_eq!(net.value(client, describe, json!([])), value(json!({"a.b": topic()})));
    }
    let kwargs = json!({"uri": "a.b", "schema": null});
    assert_eq!(by_name(&mut net, client, DEFINE, kwargs), value(json!(false)));
}

/// REF-02
#[test]
fn each_change_is_told_once_under_both_names() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let client = net.join("realm1");
    net.take(watcher);
    for (schema, args) in [
        (topic(), Some(json!(["a.b", topic(), true]))),
        (topic(), None),
        (procedure(), Some(json!(["a.b", procedure(), false]))),
    ] {
        define(&mut net, client, "a.b", schema);
        if let Some(args) = args {
            told(&mut net, watcher, "wamp.schema.on_define", args.clone());
            told(&mut net, watcher, "wamp.reflect.on_define", args);
        }
        net.nothing(watcher);
    }
    for is_there in [true, false] {
        define(&mut net, client, "a.b", json!(null));
        if is_there {
            told(&mut net, watcher, "wamp.schema.on_undefine", json!(["a.b"]));
            told(&mut net, watcher, "wamp.reflect.on_undefine", json!(["a.b"]));
        }
        net.nothing(watcher);
    }
}

/// REF-02: whoever watches one name only gets it once.
#[test]
fn one_name_can_be_watched_alone() {
    let mut net = Net::open();
    let client = net.join("realm1");
    let id = net.subscribe(client, "wamp.reflect.on_define");
    let other = net.join("realm1");
    define(&mut net, other, "a.b", topic());
    net.expect(client, json!([36, id, "_", "_", ["a.b", topic(), true]]));
    define(&mut net, other, "a.b", json!(null));
    net.nothing(client);
}

/// REF-01, REF-02
#[test]
fn declarations_are_listed_and_described_by_kind() {
    let error = json!({"type": "error"});
    let mut net = declared(&json!({"a.t2": topic(), "a.p": procedure(), "a.e": error, "a.t1": topic()}));
    let client = net.join("realm1");
    for (kind, uris) in
        [("topic", json!(["a.t1", "a.t2"])), ("procedure", json!(["a.p"])), ("error", json!(["a.e"]))]
    {
        let (list, describe) =
            (format!("wamp.reflection.{kind}.list"), format!("wamp.reflection.{kind}.describe"));
        assert_eq!(net.value(client, &list, json!([])), value(uris.clone()));
        for (uri, declaration) in
            [("a.t1", topic()), ("a.t2", topic()), ("a.p", procedure()), ("a.e", error.clone())]
        {
            let is_of_kind = uris.as_array().expect("a list").contains(&json!(uri));
            let expected = if is_of_kind { value(declaration) } else { Value::Null };
            assert_eq!(net.value(client, &describe, json!([uri])), expected);
            assert_eq!(by_name(&mut net, client, &describe, json!({"uri": uri})), expected);
        }
        assert_eq!(net.value(client, &describe, json!(["a.none"])), Value::Null);
    }
}

/// REF-03, FEA-10
#[test]
fn reflection_is_announced_for_both_roles() {
    let mut net = Net::open();
    let client = net.client().hello("realm1");
    let welcome = net.take(client);
    let roles = welcome.detail(2, "roles").expect("roles").clone();
    for role in ["broker", "dealer"] {
        assert_eq!(at(&at(&roles, role), "reflection"), value(json!(true)));
        assert!(!at(&at(&roles, role), "features").as_dict().expect("features").contains_key("reflection"));
    }
}

/// REF-02: whatever is spoken.
#[test]
fn a_declaration_travels_in_each_serializer() {
    for (number, serializer) in Serializer::ALL.into_iter().enumerate() {
        let mut net = Net::open();
        let client = net.client().serializer(serializer).join("realm1");
        let reader = Serializer::ALL[(number + 1) % Serializer::ALL.len()];
        let reader = net.client().serializer(reader).join("realm1");
        assert_eq!(define(&mut net, client, "a.b", procedure()), value(json!(true)));
        assert_eq!(net.value(reader, DESCRIBE, json!(["a.b"])), value(procedure()));
        assert_eq!(define(&mut net, reader, "a.b", procedure()), Value::Null);
    }
}

/// REF-02
#[test]
fn what_is_no_declaration_is_refused_with_the_place() {
    let mut net = Net::open();
    let watcher = watcher(&mut net);
    let client = net.join("realm1");
    net.take(watcher);
    for (schema, place) in [
        (json!(1), ""),
        (json!([]), ""),
        (json!({}), "type"),
        (json!({"type": "topics"}), "type"),
        (json!({"type": "topic", "result": {}}), "result"),
        (json!({"type": "topic", "args": {"type": "intger"}}), "args"),
        (json!({"type": "topic", "args": {"$ref": "http://example.com/"}}), "args"),
        (json!({"type": "procedure", "kwargs": {"pattern": "("}}), "kwargs"),
    ] {
        let said = net.error(client, DEFINE, json!(["a.b", schema]), json!({}), INVALID_ARGUMENT);
        assert!(said.contains(place), "{said}");
    }
    net.error(client, DEFINE, json!(["a.b"]), json!({}), INVALID_ARGUMENT);
    let long = format!("a.{}", "b".repeat(4096));
    for uri in ["", "a b", "a..b", "wamp.own", "wamp", &*long] {
        net.error(client, DEFINE, json!([uri, topic()]), json!({}), INVALID_URI);
    }
    assert_eq!(net.value(client, DESCRIBE, json!([])), value(json!({})));
    net.nothing(watcher);
}

/// REF-02: a trusted session may declare what is the router's own.
#[test]
fn the_routers_own_sessions_may_declare_reserved_uris() {
    let mut net = Net::open();
    let (trusted, client) = (net.client().trusted().join("realm1"), net.join("realm1"));
    assert_eq!(define(&mut net, trusted, "wamp.own", topic()), value(json!(true)));
    assert_eq!(net.value(client, DESCRIBE, json!(["wamp.own"])), value(topic()));
}

/// REF-02, ROB-01
#[test]
fn declarations_are_bounded_in_number_and_size() {
    let mut net = config(|config| {
        config.limits.schemas_max = 2;
        config.limits.schema_bytes_max = 200;
    });
    let client = net.join("realm1");
    let unavailable = "wamp.error.unavailable";
    let large = json!({"type": "topic", "title": "x".repeat(200)});
    net.error(client, DEFINE, json!(["a.b", large]), json!({}), unavailable);
    define(&mut net, client, "a.b", topic());
    define(&mut net, client, "a.c", topic());
    net.error(client, DEFINE, json!(["a.d", topic()]), json!({}), unavailable);
    assert_eq!(
        define(&mut net, client, "a.c", procedure()),
        value(json!(false)),
        "a change takes no more room"
    );
    define(&mut net, client, "a.b", json!(null));
    assert_eq!(define(&mut net, client, "a.d", topic()), value(json!(true)));
}

/// REF-02, ROB-01
#[test]
fn declarations_are_bounded_in_their_size_together() {
    let mut net = config(|config| config.limits.schemas_bytes_max = 500);
    let client = net.join("realm1");
    let sized = |length: usize| json!({"type": "topic", "title": "x".repeat(length)});
    define(&mut net, client, "a.b", sized(150));
    define(&mut net, client, "a.c", sized(150));
    let unavailable = "wamp.error.unavailable";
    net.error(client, DEFINE, json!(["a.d", sized(150)]), json!({}), unavailable);
    net.error(client, DEFINE, json!(["a.c", sized(300)]), json!({}), unavailable);
    assert_eq!(net.value(client, DESCRIBE, json!(["a.c"])), value(sized(150)), "what was there stays");
    assert_eq!(define(&mut net, client, "a.c", sized(250)), value(json!(false)), "in place of the old one");
    assert_eq!(define(&mut net, client, "a.c", sized(10)), value(json!(false)));
    define(&mut net, client, "a.d", sized(150));
    define(&mut net, client, "a.b", json!(null));
    assert_eq!(define(&mut net, client, "a.e", sized(150)), value(json!(true)));
}

/// REF-02, ROB-01: what is configured is never refused, and can be made smaller but not larger.
#[test]
fn configured_declarations_may_be_more_than_clients_may_add() {
    let sized = |length: usize| json!({"type": "topic", "title": "x".repeat(length)});
    let mut net = config(|config| {
        config.limits.schemas_bytes_max = 100;
        let text = json!({"a.b": sized(300)}).to_string();
        config.realms[0].schemas.push(SchemaSource { name: "test.json".to_owned(), text });
    });
    let client = net.join("realm1");
    net.error(client, DEFINE, json!(["a.c", topic()]), json!({}), "wamp.error.unavailable");
    net.error(client, DEFINE, json!(["a.b", sized(301)]), json!({}), "wamp.error.unavailable");
    assert_eq!(define(&mut net, client, "a.b", sized(200)), value(json!(false)));
    assert_eq!(define(&mut net, client, "a.b", json!(null)), value(json!(false)));
    assert_eq!(define(&mut net, client, "a.c", topic()), value(json!(true)));
}

/// REF-02
#[test]
fn configured_declarations_can_be_changed_until_the_next_start() {
    let mut net = declared(&json!({"a.b": topic()}));
    let client = net.join("realm1");
    assert_eq!(net.value(client, DESCRIBE, json!([])), value(json!({"a.b": topic()})));
    assert_eq!(define(&mut net, client, "a.b", procedure()), value(json!(false)));
    assert_eq!(net.value(client, DESCRIBE, json!(["a.b"])), value(procedure()));
}

/// REF-02
#[test]
fn a_realm_with_wrong_declarations_does_not_start() {
    for text in ["", "[]", "{", r#"{"a.b": {}}"#, r#"{"a b": {"type": "topic"}}"#] {
        let mut config = RouterConfig::default();
        let source = SchemaSource { name: "test.json".to_owned(), text: text.to_owned() };
        config.realms[0].schemas.push(source);
        let error = Router::new(config).expect_err("it can't be");
        assert!(matches!(error, ConfigError::Schema { .. }), "{error}");
        assert!(error.to_string().contains("test.json"), "{error}");
    }
}

/// REF-06
#[test]
fn reserved_names_without_a_procedure_answer_so() {
    let mut net = Net::open();
    let client = net.join("realm1");
    for name in [
        "wamp.interface.list",
        "wamp.schema.undefine",
        "wamp.reflection.list",
        "wamp.session",
        "wamp.session.count.x",
        "wamp.Session.count",
        "wamp.subscription.on_create",
    ] {
        let request = net.call(client, name, "x");
        net.refused(client, 48, request, "wamp.error.no_such_procedure");
    }
}
