//! What is a declaration, and what is said about what is none.

mod support;

use std::sync::Arc;

use cloverleaf_schema::{Declaration, Kind, limits};
use serde_json::json;
use support::{check, declared, invalid, nested};
use wamp::Value;
use wamp::value::Dict;

#[test]
fn the_kinds_have_names() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_name(kind.name()), Some(kind));
        assert_eq!(declared(&json!({"type": kind.name()})).unwrap().kind(), kind);
    }
    assert_eq!(Kind::from_name("Topic"), None);
}

#[test]
fn what_is_no_declaration_is_told_with_its_place() {
    let long = "x".repeat(100);
    for (json, expected) in [
        (json!([]), "found a list, expected a declaration: a dictionary"),
        (json!({}), "type: missing, expected topic, procedure or error"),
        (json!({"type": "topics"}), r#"type: found "topics", expected topic, procedure or error"#),
        (json!({"type": 1}), "type: found an integer, expected topic, procedure or error"),
        (json!({"type": long}), "type: found text, expected topic, procedure or error"),
        (json!({"type": "topic", "title": 1}), "title: found an integer, expected text"),
        (
            json!({"type": "topic", "color": 1}),
            "color: unknown key; accepted here: type, title, description, args, kwargs, result, progress, $defs and \
             what begins with x_ or x-",
        ),
        (json!({"type": "topic", "result": {}}), "result: only a procedure has one, and this is a topic"),
        (
            json!({"type": "error", "progress": {}}),
            "progress: only a procedure has one, and this is an error",
        ),
        (
            json!({"type": "procedure", "result": []}),
            "result: found a list, expected a dictionary with args and kwargs",
        ),
        (
            json!({"type": "procedure", "progress": {"arg": {}}}),
            "progress.arg: unknown key; accepted here: args, kwargs and what begins with x_ or x-",
        ),
        (
            json!({"type": "topic", "kwargs": []}),
            "kwargs: found a list, expected a schema: a dictionary or a boolean",
        ),
        (
            json!({"type": "topic", "$defs": {"a b": null}}),
            r#"$defs["a b"]: found null, expected a schema: a dictionary or a boolean"#,
        ),
        (
            json!({"type": "topic", "$defs": 5}),
            "$defs: found an integer, expected a dictionary of schemas by name",
        ),
        (
            json!({"type": "topic", "args": {"$schema": "http://example.com/mine"}}),
            "args.$schema: found \"http://example.com/mine\", expected the URI of JSON Schema's draft 2020-12, \
             2019-09, 7, 6 or 4",
        ),
    ] {
        assert_eq!(invalid(&json), expected);
    }
}

#[test]
fn what_is_no_schema_is_told_with_its_place() {
    for (json, expected) in [
        (
            json!({"type": "procedure", "result": {"args": {"type": "strin"}}}),
            r#"result.args.type: "strin" is not one of "array", "boolean" or 5 other candidates"#,
        ),
        (
            json!({"type": "topic", "args": {"prefixItems": [{"minLength": -1}]}}),
            "args.prefixItems[0].minLength: -1 is less than the minimum of 0",
        ),
        (
            json!({"type": "topic", "$defs": {"p": {"properties": {"0": 7}}}}),
            r#"$defs.p.properties.0: 7 is not of types "boolean", "object""#,
        ),
        (
            json!({"type": "topic", "args": {"$schema": "http://json-schema.org/draft-04/schema#", "required": []}}),
            "args.required: [] has less than 1 item",
        ),
    ] {
        assert_eq!(invalid(&json), expected);
    }
}

#[test]
fn text_that_is_not_json_is_told_with_its_line() {
    let error = Declaration::from_json(b"{\"type\":\n topic}").unwrap_err();
    assert_eq!(error.to_string(), "not JSON: expected ident at line 2 column 3");
    assert_eq!(error.path(), "");
    assert!(Declaration::from_json(b"{\"type\": \"topic\"} {}").is_err());
    assert!(Declaration::from_json(b"\xff").is_err());
}

#[test]
fn free_keys_hold_whatever_they_want() {
    let json = json!({"type": "procedure", "x_owner": {"$ref": "http://nowhere"}, "x-more": null, "result": {"x-y": 1}});
    assert!(declared(&json).is_ok());
    assert!(invalid(&json!({"type": "topic", "xowner": 1})).starts_with("xowner: unknown key"));
}

#[test]
fn references_lead_into_the_declaration() {
    let declaration = declared(&json!({
        "type": "procedure",
        "args": {"items": {"$ref": "#/$defs/point"}},
        "kwargs": {"properties": {
            "one": {"$ref": "#/$defs/a~1b%20%C3%A4"},
            "two": {"$ref": "#/result/args/prefixItems/0"},
            "three": {"$ref": "#/properties/four"},
            "four": {"const": 4},
        }},
        "result": {"args": {"prefixItems": [{"type": "boolean"}]}},
        "$defs": {
            "point": {"properties": {"x": {"$ref": "#/$defs/number"}}, "required": ["x"]},
            "number": {"type": "integer"},
            "a/b ä": {"const": 1},
        },
    }))
    .unwrap();
    let ok = json!({"one": 1, "two": true, "three": 4, "four": 4});
    check(&declaration, &json!([{"x": 1}]), &ok).unwrap();
    for (kwargs, expected) in [
        (json!({"one": 2}), "kwargs.one: 1 was expected"),
        (json!({"two": 2}), r#"kwargs.two: 2 is not of type "boolean""#),
        (json!({"three": 3}), "kwargs.three: 4 was expected"),
    ] {
        assert_eq!(check(&declaration, &json!([]), &kwargs).unwrap_err().to_string(), expected);
    }
    let error = check(&declaration, &json!([{"x": 1}, {"x": "a"}]), &json!({})).unwrap_err();
    assert_eq!(error.to_string(), r#"args[1].x: "a" is not of type "integer""#);
}

#[test]
fn a_schema_that_a_tool_made_is_used_as_it_is() {
    let declaration = declared(&json!({
        "type": "topic",
        "kwargs": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.com/shape.json",
            "$defs": {"size": {"minimum": 1}, "shape": {"properties": {"inner": {"$ref": "#"}, "size": {"$ref": "#/$defs/size"}}}},
            "$ref": "#/$defs/shape",
        },
        "$defs": {"size": {"maximum": 0}},
    }))
    .unwrap();
    check(&declaration, &json!([]), &json!({"inner": {"inner": {"size": 5}}})).unwrap();
    let error = check(&declaration, &json!([]), &json!({"inner": {"inner": {"size": 0}}})).unwrap_err();
    assert_eq!(error.to_string(), "kwargs.inner.inner.size: 0 is less than the minimum of 1");
}

#[test]
fn references_out_of_the_declaration_are_refused() {
    let reference = |to: &str| invalid(&json!({"type": "topic", "args": {"items": {"$ref": to}}}));
    for out in
        ["http://json-schema.org/draft-07/schema#", "point.json", "", "#point", "file:///etc/passwd#/a"]
    {
        let expected =
            format!("args.items.$ref: {out:?} leads out of the declaration; expected `#` and a JSON Pointer");
        assert_eq!(reference(out), expected);
    }
    for nowhere in ["#/$defs/point", "#/items/type", "#/type", "#/", "#/args/prefixItems/0"] {
        let expected = format!("args.items.$ref: {nowhere:?} leads to no schema of this declaration");
        assert_eq!(reference(nowhere), expected);
    }
}

#[test]
fn data_that_looks_like_a_schema_is_data() {
    let declaration = declared(&json!({
        "type": "topic",
        "args": {"prefixItems": [{"const": {"$ref": "http://nowhere", "$id": 1}}], "default": {"$anchor": 2}},
    }))
    .unwrap();
    check(&declaration, &json!([{"$ref": "http://nowhere", "$id": 1}]), &json!({})).unwrap();
    assert!(check(&declaration, &json!([1]), &json!({})).is_err());
    let into_data =
        json!({"type": "topic", "args": {"const": {"items": {}}, "items": {"$ref": "#/const/items"}}});
    assert!(invalid(&into_data).contains("leads to no schema"));
    // And what is called like a keyword is none.
    assert!(
        declared(&json!({"type": "topic", "kwargs": {"properties": {"$id": {}, "$ref": {}, "const": {}}}}))
            .is_ok()
    );
}

#[test]
fn names_of_schemas_are_refused() {
    for name in ["$id", "$anchor", "$dynamicAnchor", "$dynamicRef"] {
        let inner = json!({"type": "topic", "args": {"items": {name: "#a"}}});
        let error = invalid(&inner);
        // The meta-schema has more to say about some.
        assert!(error.starts_with(&format!("args.items.{name}: ")), "{error}");
    }
    let expected = "args.items.$anchor: not supported; expected schemas under `$defs` and references like `#/$defs/point`";
    assert_eq!(invalid(&json!({"type": "topic", "args": {"items": {"$anchor": "a"}}})), expected);
    let inner = json!({"type": "topic", "args": {"items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}}});
    assert_eq!(invalid(&inner), "args.items.$schema: expected only at the top of a schema");
}

#[test]
fn each_draft_is_read_by_its_own_rules() {
    let topic = |draft: &str, schema: serde_json::Value| {
        let mut args = schema;
        args["$schema"] = draft.into();
        declared(&json!({"type": "topic", "args": args}))
    };
    // Up to draft 2019-09 a list of `items` is by position, and from 2020-12 on there is none.
    for draft in [
        "http://json-schema.org/draft-04/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-07/schema",
        "https://json-schema.org/draft/2019-09/schema",
    ] {
        let declaration =
            topic(draft, json!({"items": [{"type": "string"}], "additionalItems": false})).unwrap();
        check(&declaration, &json!(["a"]), &json!({})).unwrap();
        let error = check(&declaration, &json!([1]), &json!({})).unwrap_err();
        assert_eq!(error.to_string(), r#"args[0]: 1 is not of type "string""#);
        let error = check(&declaration, &json!(["a", "b"]), &json!({})).unwrap_err();
        assert_eq!(error.to_string(), "args: [\"a\",\"b\"] has more than 1 items");
    }
    assert!(topic("https://json-schema.org/draft/2020-12/schema", json!({"items": [{}]})).is_err());
    // In draft 4 bounds are excluded by a flag, and `id` is a name.
    let exclusive = json!({"items": {"minimum": 1, "exclusiveMinimum": true}, "id": "http://example.com/a"});
    let declaration = topic("http://json-schema.org/draft-04/schema#", exclusive).unwrap();
    assert!(check(&declaration, &json!([1]), &json!({})).is_err());
    check(&declaration, &json!([2]), &json!({})).unwrap();
    let inner = json!({"items": {"id": "http://example.com/a"}});
    assert!(topic("http://json-schema.org/draft-04/schema#", inner.clone()).is_err());
    assert!(topic("http://json-schema.org/draft-07/schema#", inner).is_ok());
}

#[test]
fn schemas_of_two_drafts_dont_refer_to_each_other() {
    let json = json!({
        "type": "topic",
        "args": {"$schema": "http://json-schema.org/draft-07/schema#", "items": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {}},
    });
    let expected =
        r##"args.items.$ref: "#/$defs/a" leads to a schema of another draft; both need the same `$schema`"##;
    assert_eq!(invalid(&json), expected);
}

#[test]
fn the_document_is_what_json_can_say() {
    let bytes = Dict::from([
        ("type", Value::from("topic")),
        ("args", Value::from(Dict::from([("const", Value::from([Value::from(&b"\x01"[..])]))]))),
    ]);
    let declaration = Declaration::new(bytes.into()).unwrap();
    assert_eq!(declaration, declared(&json!({"type": "topic", "args": {"const": ["\u{0}AQ=="]}})).unwrap());
    assert_eq!(Declaration::from_json(&declaration.to_json()).unwrap(), declaration);

    let float = Dict::from([("type", Value::from("topic")), ("x_f", Value::from([f64::INFINITY]))]);
    let error = Declaration::new(float.into()).unwrap_err();
    assert_eq!(error.to_string(), "x_f[0]: found inf, which JSON can't say");
}

#[test]
fn declarations_are_equal_whatever_the_order() {
    let one = Declaration::from_json(br#"{"type": "topic", "x_a": {"b": 1, "c": 2}}"#).unwrap();
    let two = Declaration::from_json(br#"{"x_a": {"c": 2, "b": 1}, "type": "topic"}"#).unwrap();
    assert_eq!(one, two);
    assert_ne!(one, Declaration::from_json(br#"{"type": "topic", "x_a": {"b": 1}}"#).unwrap());
    assert_eq!(format!("{one:?}"), r#"Declaration({"type":"topic","x_a":{"b":1,"c":2}})"#);
    assert_eq!(one.document().as_dict().unwrap().len(), 2);
}

#[test]
fn many_threads_can_use_one() {
    let declaration = Arc::new(declared(&json!({"type": "topic", "args": {"maxItems": 1}})).unwrap());
    let threads: Vec<_> = (0..4)
        .map(|len| {
            let declaration = Arc::clone(&declaration);
            std::thread::spawn(move || check(&declaration, &json!(vec![0; len]), &json!({})).is_ok())
        })
        .collect();
    let results: Vec<bool> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(results, [true, true, false, false]);
}

#[test]
fn a_declaration_is_bounded() {
    let topic =
        |free: Value| Declaration::new(Dict::from([("type", Value::from("topic")), ("x_", free)]).into());
    let error = |free| topic(free).unwrap_err().to_string();
    assert!(topic(nested(limits::DECLARATION_DEPTH - 1, Value::Null)).is_ok());
    assert_eq!(error(nested(limits::DECLARATION_DEPTH, Value::Null)), "nests deeper than 64 levels");
    assert!(error(nested(5000, Value::Null)).contains("nests deeper"));
    let many = vec![Value::Null; limits::DECLARATION_VALUES];
    assert_eq!(error(many.into()), "x_[19997]: too large: more values than a declaration may hold");
    let text = "x".repeat(limits::DECLARATION_TEXT);
    assert_eq!(error(text.into()), "x_: too large: more bytes of text than a declaration may hold");
}
