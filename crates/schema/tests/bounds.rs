//! Schemas and payloads made to do harm: each is refused, or checked in bounded steps and on a small stack.

mod support;

use cloverleaf_schema::{Declaration, Fault, Part};
use serde_json::{Map, Value as Json, json};
use support::{declared, invalid, nested};
use wamp::Value;
use wamp::value::Dict;

/// A topic whose arguments are what the first of these schemas says; `schema(n)` makes the one called `n`.
fn topic(schemas: usize, schema: impl Fn(usize) -> Json) -> Json {
    let defs: Map<String, Json> = (0..schemas).map(|at| (at.to_string(), schema(at))).collect();
    json!({"type": "topic", "args": {"items": {"$ref": "#/$defs/0"}}, "$defs": defs})
}

fn to(at: usize) -> Json {
    json!({"$ref": format!("#/$defs/{at}")})
}

fn event(declaration: &Declaration, arg: Value) -> Result<(), Fault> {
    declaration.check(Part::Event, &[arg], &Dict::new())
}

/// Half of what a thread has.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(work);
    thread.expect("a thread starts").join().expect("it comes to its end");
}

#[test]
fn a_schema_that_comes_back_to_itself_is_refused() {
    for (args, expected) in [
        (json!({"$ref": "#"}), "args: comes back to itself without going into the value"),
        (json!({"anyOf": [true, {"$ref": "#"}]}), "args: comes back to itself without going into the value"),
        (
            json!({"if": {"not": {"$ref": "#/if"}}}),
            "args.if: comes back to itself without going into the value",
        ),
    ] {
        assert_eq!(invalid(&json!({"type": "topic", "args": args})), expected);
    }
    // By way of others.
    let error = invalid(&topic(5, |at| json!({"allOf": [to((at + 1) % 5), {"minimum": at}]})));
    assert!(error.ends_with("comes back to itself without going into the value"), "{error}");
}

#[test]
fn cycles_that_go_into_the_value_are_none() {
    let declaration =
        declared(&topic(3, |at| json!({"type": "array", "items": to((at + 1) % 3), "maxItems": 3 - at})));
    let declaration = declaration.unwrap();
    event(&declaration, nested(100, Value::List(Vec::new()))).unwrap();
    let error = event(&declaration, nested(100, Value::Null)).unwrap_err();
    assert!(error.to_string().ends_with(r#": null is not of type "array""#), "{error}");
}

#[test]
fn short_schemas_that_are_never_done_are_refused() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let doubling =
            topic(60, |at| if at == 59 { json!({}) } else { json!({keyword: [to(at + 1), to(at + 1)]}) });
        let error = invalid(&doubling);
        assert!(error.contains("applies too many schemas to one value"), "{error}");
    }
}

#[test]
fn nests_of_unevaluated_are_refused() {
    let nest = |schemas: usize| {
        topic(schemas, |at| {
            let inner = if at + 1 == schemas { json!(true) } else { to(at + 1) };
            let all = json!({"allOf": [&inner, &inner], "unevaluatedProperties": false});
            json!({"allOf": [all, inner], "unevaluatedItems": all, "items": all})
        })
    };
    assert!(declared(&nest(2)).is_ok());
    assert!(invalid(&nest(6)).contains("go through too many schemas"));
    let inner = |at| json!({"anyOf": (0..6).filter(|other| *other != at).map(to).collect::<Vec<_>>(), "unevaluatedItems": false});
    let tangle = topic(6, |at| json!({"items": inner(at), "unevaluatedProperties": inner(at)}));
    assert!(invalid(&tangle).contains("go through too many schemas"));
}

#[test]
fn usual_uses_of_unevaluated_are_taken() {
    // Thirty kinds of nodes in a tree, each a base and more, with nothing else.
    let node = |at: usize| {
        json!({
            "allOf": [to(1)],
            "properties": {"kind": {"const": at}, "children": {"items": to(0)}, "other": to(2 + at % 30)},
            "unevaluatedProperties": false,
        })
    };
    let grammar = topic(32, |at| match at {
        0 => json!({"anyOf": (2..32).map(to).collect::<Vec<_>>()}),
        1 => json!({"properties": {"line": {"type": "integer"}}}),
        at => node(at),
    });
    let declaration = declared(&grammar).unwrap();
    let tree = |kind: Json| {
        support::value(&json!({"kind": 7, "line": 1, "children": [{"kind": kind, "children": []}]}))
    };
    event(&declaration, tree(json!(9))).unwrap();
    assert!(event(&declaration, tree(json!(99))).is_err());
}

#[test]
fn work_that_grows_with_the_payload_is_given_up() {
    // Each level is checked by two schemas that each check the next by two.
    let both = || json!([{"type": "array", "items": {"$ref": "#"}}, {"minItems": 1, "items": {"$ref": "#"}}]);
    let declaration =
        json!({"type": "topic", "args": {"anyOf": both(), "not": {"allOf": both(), "maxItems": 0}}});
    let declaration = declared(&declaration).unwrap();
    let error = event(&declaration, nested(127, Value::from([Value::from("a"), Value::Null]))).err();
    if let Some(error) = error {
        let text = error.to_string();
        assert!(text.contains("too large") || text.contains("doesn't obey"), "{text}");
    }
    // And the thread goes on as if nothing had been.
    event(&declared(&json!({"type": "topic", "args": {"maxItems": 1}})).unwrap(), Value::Null).unwrap();
}

#[test]
fn a_large_product_of_schema_and_payload_is_given_up() {
    let alternatives: Vec<Json> = (0..3000).map(|at| json!({"minimum": at})).collect();
    let declaration =
        declared(&json!({"type": "topic", "args": {"items": {"items": {"not": {"anyOf": alternatives}}}}}));
    let declaration = declaration.unwrap();
    let numbers = |count: usize| Value::List(vec![Value::from(-1i8); count]);
    event(&declaration, numbers(10)).unwrap();
    let error = event(&declaration, numbers(100_000)).unwrap_err();
    assert_eq!(error.to_string(), "args: too large, or too deep, to be checked against its schema");
}

#[test]
fn a_large_payload_of_a_plain_schema_is_checked() {
    let declaration =
        declared(&json!({"type": "topic", "args": {"items": {"items": {"type": "integer", "minimum": 0}}}}));
    let declaration = declaration.unwrap();
    let mut numbers: Vec<Value> = (0..300_000u32).map(Value::from).collect();
    event(&declaration, Value::List(numbers.clone())).unwrap();
    numbers.push(Value::from(-1i8));
    let error = event(&declaration, Value::List(numbers)).unwrap_err();
    assert_eq!(error.to_string(), "args[0][300000]: -1 is less than the minimum of 0");
}

#[test]
fn reasons_that_are_too_many_are_not_told() {
    let schema =
        json!({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"items": {"type": "boolean"}}]});
    let declaration = declared(&json!({"type": "topic", "args": {"items": schema}})).unwrap();
    let error = event(&declaration, Value::List(vec![Value::from(1u8); 300_000])).unwrap_err();
    assert_eq!(error.to_string(), "args: doesn't obey its schema");
}

#[test]
fn patterns_take_time_linear_in_the_text() {
    let declaration = declared(&json!({"type": "topic", "args": {"items": {"pattern": "^(a+)+$"}}})).unwrap();
    let error = event(&declaration, Value::from("a".repeat(100_000) + "!")).unwrap_err();
    assert!(error.to_string().contains("does not match"), "{error}");
}

#[test]
fn patterns_are_bounded() {
    for pattern in ["(a", r"(a)\1", "^(?=.*a)(?!.*b).*(?<=c)$", r"^(\w{1,100}[^\x00-\x7f]{1,100}){1,100}$"] {
        let error = invalid(&json!({"type": "topic", "args": {"items": {"pattern": pattern}}}));
        let begin = "args.items.pattern: \"";
        assert!(
            error.starts_with(begin) && error.contains("no regular expression that is accepted"),
            "{error}"
        );
        let error = invalid(&json!({"type": "topic", "kwargs": {"patternProperties": {pattern: true}}}));
        assert!(error.starts_with("kwargs.patternProperties"), "{error}");
    }
    let patterns: Vec<Json> = (0..101).map(|at| json!({"pattern": at.to_string()})).collect();
    let error = invalid(&json!({"type": "topic", "args": {"prefixItems": patterns}}));
    assert_eq!(error, "args.prefixItems[100]: too many patterns: a declaration may hold 100");
}

#[test]
fn deep_schemas_need_little_stack() {
    on_a_small_stack(|| {
        for wrap in [
            |inner: Json| json!({"properties": {"a": inner}, "additionalProperties": false}),
            |inner: Json| json!({"properties": {"b": true}, "additionalProperties": inner}),
            |inner: Json| json!({"items": [inner], "prefixItems": [true]}),
            |inner: Json| json!({"items": {"contains": inner}}),
        ] {
            // As deep as they may be, and each leads to the next.
            let chain = topic(60, |at| (0..28).fold(to((at + 1) % 60), |inner, _| wrap(inner)));
            if let Ok(declaration) = declared(&chain) {
                let _ = event(&declaration, nested(128, Value::Null));
                let deep = (0..128).fold(Value::Null, |inner, _| Dict::from([("a", inner)]).into());
                let _ = event(&declaration, deep);
            }
        }
    });
}

#[test]
fn long_rows_of_schemas_need_little_stack() {
    on_a_small_stack(|| {
        let row =
            |len: usize| topic(len, move |at| if at + 1 == len { json!({"minimum": 1}) } else { to(at + 1) });
        let declaration = declared(&row(250)).unwrap();
        let error = event(&declaration, Value::from(0u8)).unwrap_err();
        assert_eq!(error.to_string(), "args[0]: 0 is less than the minimum of 1");
        assert!(invalid(&row(2000)).contains("too many schemas"));
        // What goes into the value at each step is bounded by that.
        let steps = declared(&topic(3000, |at| json!({"items": to((at + 1) % 3000)}))).unwrap();
        event(&steps, nested(128, Value::Null)).unwrap();
    });
}

#[test]
fn recursion_at_every_level_needs_little_stack() {
    on_a_small_stack(|| {
        // A hundred schemas in a row at each level of a deep payload.
        let deep = (0..45).fold(json!({"items": {"$ref": "#"}}), |inner, _| json!({"not": {"not": inner}}));
        if let Ok(declaration) = declared(&json!({"type": "topic", "args": deep})) {
            let _ = event(&declaration, nested(128, Value::Null));
        }
        let row =
            topic(200, |at| if at == 199 { json!({"items": to(0)}) } else { json!({"allOf": [to(at + 1)]}) });
        if let Ok(declaration) = declared(&row) {
            let _ = event(&declaration, nested(128, Value::Null));
        }
        let row =
            topic(100, |at| if at == 99 { json!({"items": to(0)}) } else { json!({"allOf": [to(at + 1)]}) });
        let error = event(&declared(&row).unwrap(), nested(128, Value::Null)).unwrap_err();
        assert_eq!(error.to_string(), "args: too large, or too deep, to be checked against its schema");
    });
}
