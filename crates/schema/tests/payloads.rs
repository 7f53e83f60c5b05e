//! Which payloads obey a declaration, and what is said about the others.

mod support;

use cloverleaf_schema::{Declaration, Part, limits};
use serde_json::json;
use support::{check, declared, fault, nested};
use wamp::value::Dict;
use wamp::{Serializer, Value};

// REF-05
#[test]
fn each_part_of_a_procedure_has_schemas_of_its_own() {
    let schema =
        |name: &str| json!({"args": {"prefixItems": [{"const": name}]}, "kwargs": {"required": [name]}});
    let mut json = schema("call");
    json["type"] = "procedure".into();
    json["result"] = schema("result");
    json["progress"] = schema("progress");
    let declaration = declared(&json).unwrap();
    for (part, own) in [(Part::Call, "call"), (Part::Result, "result"), (Part::Progress, "progress")] {
        for name in ["call", "result", "progress"] {
            let (args, kwargs) = ([Value::from(name)], Dict::from([(name, Value::Null)]));
            assert_eq!(declaration.check(part, &args, &kwargs).is_ok(), name == own, "{name} as {part:?}");
        }
        let error = declaration.check(part, &[Value::from(own)], &Dict::new()).unwrap_err();
        assert_eq!(error.to_string(), format!("kwargs: \"{own}\" is a required property"));
    }
}

// REF-05
#[test]
fn topics_and_errors_have_one_payload() {
    for (kind, part) in [("topic", Part::Event), ("error", Part::Error)] {
        let declaration = declared(&json!({"type": kind, "args": {"maxItems": 0}})).unwrap();
        assert!(declaration.check(part, &[], &Dict::new()).is_ok());
        let error = declaration.check(part, &[Value::Null], &Dict::new()).unwrap_err();
        assert_eq!(error.to_string(), "args: [null] has more than 0 items");
        assert_eq!(error.path(), "args");
    }
}

#[test]
fn a_part_of_another_kind_is_refused() {
    for (kind, part, expected) in [
        ("procedure", Part::Event, "declared as a procedure, not as a topic"),
        ("topic", Part::Call, "declared as a topic, not as a procedure"),
        ("topic", Part::Result, "declared as a topic, not as a procedure"),
        ("error", Part::Progress, "declared as an error, not as a procedure"),
        ("procedure", Part::Error, "declared as a procedure, not as an error"),
    ] {
        let error = declared(&json!({"type": kind})).unwrap().check(part, &[], &Dict::new()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.path()), (expected, ""));
    }
}

#[test]
fn without_a_schema_anything_goes() {
    let declaration = declared(&json!({"type": "procedure", "result": {}, "args": true})).unwrap();
    for part in [Part::Call, Part::Result, Part::Progress] {
        declaration.check(part, &[Value::Null], &Dict::from([("a", Value::Null)])).unwrap();
    }
}

#[test]
fn arguments_left_out_are_empty_ones() {
    let declaration = declared(&json!({"type": "topic", "args": {"minItems": 1}})).unwrap();
    assert_eq!(
        check(&declaration, &json!([]), &json!({})).unwrap_err().to_string(),
        "args: [] has less than 1 item"
    );
    let declaration = declared(&json!({"type": "topic", "kwargs": {"required": ["a"]}})).unwrap();
    let error = check(&declaration, &json!([]), &json!({})).unwrap_err();
    assert_eq!(error.to_string(), r#"kwargs: "a" is a required property"#);
    let declaration =
        declared(&json!({"type": "topic", "args": {"type": "array"}, "kwargs": {"type": "object"}}));
    check(&declaration.unwrap(), &json!([]), &json!({})).unwrap();
}

#[test]
fn every_keyword_says_what_is_wrong() {
    for (schema, arg, expected) in [
        (json!({"type": "integer"}), json!("a"), r#"args[0]: "a" is not of type "integer""#),
        (
            json!({"type": ["integer", "null"]}),
            json!("a"),
            r#"args[0]: "a" is not of types "null", "integer""#,
        ),
        (json!({"const": {"a": [1]}}), json!({"a": [2]}), r#"args[0]: {"a":[1]} was expected"#),
        (json!({"enum": [1, "b"]}), json!(2), r#"args[0]: 2 is not one of 1 or "b""#),
        (json!({"minimum": 3}), json!(2), "args[0]: 2 is less than the minimum of 3"),
        (json!({"maximum": 1}), json!(2), "args[0]: 2 is greater than the maximum of 1"),
        (json!({"exclusiveMinimum": 2}), json!(2), "args[0]: 2 is less than or equal to the minimum of 2"),
        (json!({"exclusiveMaximum": 2}), json!(2), "args[0]: 2 is greater than or equal to the maximum of 2"),
        (json!({"multipleOf": 2}), json!(3), "args[0]: 3 is not a multiple of 2"),
        (json!({"minLength": 2}), json!("ä"), r#"args[0]: "ä" is shorter than 2 characters"#),
        (json!({"maxLength": 1}), json!("äö"), r#"args[0]: "äö" is longer than 1 character"#),
        (json!({"pattern": "^a+$"}), json!("b"), r#"args[0]: "b" does not match "^a+$""#),
        (json!({"minItems": 1}), json!([]), "args[0]: [] has less than 1 item"),
        (
            json!({"uniqueItems": true}),
            json!([1, [2], [2.0]]),
            "args[0]: [1,[2],[2.0]] has non-unique elements",
        ),
        (
            json!({"contains": {"const": 1}}),
            json!([2]),
            "args[0]: None of [2] are valid under the given schema",
        ),
        (json!({"items": {"type": "null"}}), json!([null, 1]), r#"args[0][1]: 1 is not of type "null""#),
        (json!({"prefixItems": [true], "items": false}), json!([1, 2]), "args[0][1]: 2 is not allowed here"),
        (
            json!({"properties": {"a": {"minimum": 1}}}),
            json!({"a": 0}),
            "args[0].a: 0 is less than the minimum of 1",
        ),
        (json!({"properties": {"a": false}}), json!({"a": 0}), "args[0].a: 0 is not allowed here"),
        (json!({"patternProperties": {"^a": false}}), json!({"ab": 0}), "args[0].ab: 0 is not allowed here"),
        (
            json!({"properties": {"a": true}, "additionalProperties": false}),
            json!({"b": 0}),
            "args[0]: Additional properties are not allowed ('b' was unexpected)",
        ),
        (
            json!({"additionalProperties": false}),
            json!({"b": 0}),
            "args[0]: Additional properties are not allowed ('b' was unexpected)",
        ),
        (
            json!({"allOf": [{"properties": {"a": true}}], "unevaluatedProperties": false}),
            json!({"b": 0}),
            "args[0]: Unevaluated properties are not allowed ('b' was unexpected)",
        ),
        (
            json!({"prefixItems": [true], "unevaluatedItems": false}),
            json!([1, 2]),
            "args[0]: Unevaluated items are not allowed (1 item)",
        ),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"ab": 0}),
            "args[0]: the key \"ab\" is longer than 1 character",
        ),
        (json!({"minProperties": 1}), json!({}), "args[0]: {} has less than 1 property"),
        (json!({"maxProperties": 0}), json!({"a": 1}), r#"args[0]: {"a":1} has more than 0 properties"#),
        (
            json!({"dependentRequired": {"a": ["b"]}}),
            json!({"a": 1}),
            r#"args[0]: "b" is a required property"#,
        ),
        (
            json!({"not": {"type": "null"}}),
            json!(null),
            r#"args[0]: {"type":"null"} is not allowed for null"#,
        ),
        (json!({"if": {"const": 1}, "then": false}), json!(1), "args[0]: 1 is not allowed here"),
        (json!({"allOf": [{"minimum": 1}]}), json!(0), "args[0]: 0 is less than the minimum of 1"),
        (
            json!({"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
            json!(3),
            "args[0]: 3 is valid under more than one of the schemas listed in the 'oneOf' keyword",
        ),
        (
            json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
            json!(3),
            "args[0]: 3 is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
    ] {
        let found = fault(&json!({"args": {"items": schema}}), &json!([arg]), &json!({}));
        assert!(found.starts_with(expected), "{schema}: {found}, expected {expected}");
    }
}

#[test]
fn of_alternatives_the_one_that_was_meant_is_explained() {
    let schema = json!({"kwargs": {"properties": {"at": {"anyOf": [
        {"type": "null"},
        {"type": "object", "properties": {"x": {"oneOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}}},
    ]}}}});
    let found = fault(&schema, &json!([]), &json!({"at": {"x": -1}}));
    assert_eq!(found, "kwargs.at.x: -1 is less than the minimum of 0");
    let found = fault(&schema, &json!([]), &json!({"at": true}));
    assert_eq!(found, "kwargs.at: true is not valid under any of the schemas listed in the 'anyOf' keyword");
}

#[test]
fn the_path_leads_to_the_value() {
    let schema =
        json!({"kwargs": {"additionalProperties": {"items": {"additionalProperties": {"type": "integer"}}}}});
    let found = fault(&schema, &json!([]), &json!({"list": [{}, {"a key": 1, "0": "a"}]}));
    assert_eq!(found, r#"kwargs.list[1].0: "a" is not of type "integer""#);
    let found = fault(&schema, &json!([]), &json!({"a/b": [{"~": "a"}]}));
    assert_eq!(found, r#"kwargs["a/b"][0]["~"]: "a" is not of type "integer""#);
}

#[test]
fn positional_arguments_are_checked_first() {
    let schema = json!({"args": {"maxItems": 0}, "kwargs": {"maxProperties": 0}});
    assert!(fault(&schema, &json!([1]), &json!({"a": 1})).starts_with("args: "));
}

// SER-04
#[test]
fn values_beyond_json_are_what_wamp_makes_of_them() {
    let declaration =
        |schema: serde_json::Value| declared(&json!({"type": "topic", "args": {"items": schema}})).unwrap();
    let obeys = |schema, value: &Value| {
        declaration(schema).check(Part::Event, std::slice::from_ref(value), &Dict::new())
    };
    let bytes = Value::from(&b"\x01\x02"[..]);
    obeys(json!({"type": "string", "const": "\u{0}AQI=", "pattern": "^\\x00AQ", "minLength": 5, "maxLength": 5}), &bytes)
        .unwrap();
    let error = obeys(json!({"type": "integer"}), &bytes).unwrap_err();
    assert_eq!(error.to_string(), "args[0]: \"\\u0000AQI=\" is not of type \"integer\"");
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        obeys(json!({"type": "null", "const": null}), &Value::Float(float)).unwrap();
        assert!(obeys(json!({"type": "number"}), &Value::Float(float)).is_err());
    }
    let large = Value::Uint(u64::MAX);
    obeys(json!({"type": "integer", "const": u64::MAX, "minimum": u64::MAX, "maximum": u64::MAX}), &large)
        .unwrap();
    assert!(obeys(json!({"const": u64::MAX - 1}), &large).is_err());
    obeys(json!({"type": "integer", "const": i64::MIN}), &Value::Int(i64::MIN)).unwrap();
    obeys(json!({"type": "integer", "const": 1}), &Value::Float(1.0)).unwrap();
    assert!(obeys(json!({"type": "integer"}), &Value::Float(1.5)).is_err());
}

#[test]
fn a_payload_is_the_same_in_every_serializer() {
    let declaration =
        declared(&json!({"type": "topic", "args": {"items": {"type": "string", "minLength": 6}}})).unwrap();
    let list = Value::from([Value::from(&b"abc"[..]), Value::from("abcdef")]);
    for serializer in Serializer::ALL {
        let received = Value::decode(serializer, &list.to_vec(serializer)).unwrap();
        let error = declaration.check(Part::Event, received.as_list().unwrap(), &Dict::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "args[0]: \"\\u0000YWJj\" is shorter than 6 characters",
            "{serializer:?}"
        );
    }
}

#[test]
fn formats_are_for_people() {
    for draft in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] {
        let json = json!({"type": "topic", "args": {"$schema": draft, "items": {"format": "ipv4"}}});
        check(&declared(&json).unwrap(), &json!(["no address"]), &json!({})).unwrap();
    }
}

#[test]
fn a_recursive_schema_goes_as_deep_as_the_payload() {
    let declaration = declared(&json!({
        "type": "topic",
        "kwargs": {"$ref": "#/$defs/tree"},
        "$defs": {"tree": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "children": {"items": {"$ref": "#/$defs/tree"}}},
            "required": ["name"],
            "unevaluatedProperties": false,
        }},
    }))
    .unwrap();
    let tree =
        |leaf: serde_json::Value| (0..50).fold(leaf, |child, _| json!({"name": "a", "children": [child]}));
    check(&declaration, &json!([]), &tree(json!({"name": "b"}))).unwrap();
    let error = check(&declaration, &json!([]), &tree(json!({"name": 1}))).unwrap_err();
    assert_eq!(error.path(), format!("kwargs{}.name", ".children[0]".repeat(50)));
    assert!(error.to_string().ends_with(r#"…: 1 is not of type "string""#), "{error}");
}

#[test]
fn a_message_is_short_whatever_the_payload() {
    let large = json!({"k".repeat(10_000): vec!["x".repeat(10_000); 1000]});
    for schema in [
        json!({"additionalProperties": {"items": {"maxLength": 1}}}),
        json!({"additionalProperties": {"type": "integer"}}),
        json!({"additionalProperties": false}),
        json!({"properties": {"a": true}, "additionalProperties": false}),
        json!({"propertyNames": {"maxLength": 1}}),
        json!({"maxProperties": 0}),
        json!({"anyOf": [{"type": "array"}, {"type": "string"}]}),
        json!({"enum": ["e".repeat(10_000)]}),
    ] {
        let found = fault(&json!({"kwargs": schema}), &json!([]), &large);
        assert!(found.chars().count() <= 300, "{} characters for {schema}", found.chars().count());
        assert!(found.contains('…'), "{found}");
    }
}

#[test]
fn a_payload_that_is_too_deep_is_refused() {
    let declaration =
        declared(&json!({"type": "topic", "args": {"type": "array"}, "kwargs": {"type": "object"}})).unwrap();
    let event = |args: &[Value], kwargs| {
        declaration.check(Part::Event, args, &kwargs).map_err(|error| error.to_string())
    };
    assert_eq!(event(&[nested(limits::PAYLOAD_DEPTH, Value::Null)], Dict::new()), Ok(()));
    let deep = || nested(limits::PAYLOAD_DEPTH + 1, Value::Null);
    assert_eq!(event(&[deep()], Dict::new()), Err("args: nests deeper than 128 levels".into()));
    assert_eq!(event(&[], Dict::from([("a", deep())])), Err("kwargs: nests deeper than 128 levels".into()));
    // What nobody looks at may be as it likes.
    let nothing = Declaration::from_json(br#"{"type": "topic"}"#).unwrap();
    nothing.check(Part::Event, &[nested(5000, Value::Null)], &Dict::new()).unwrap();
}
