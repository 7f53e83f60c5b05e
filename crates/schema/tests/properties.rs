//! What holds for any value, any schema and any text.

mod support;

use cloverleaf_schema::{Declaration, Kind, Part, parse_catalog};
use proptest::prelude::*;
use wamp::Value;
use wamp::value::Dict;

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3i8..4).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![f64::NAN, f64::INFINITY, -0.0, 1.0, 1e300]).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
            dict(inner).prop_map(Value::Map),
        ]
    })
}

fn dict(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Dict> {
    prop::collection::vec(("[a-c]{0,2}|\\PC{0,4}", values), 0..5)
        .prop_map(|pairs| pairs.into_iter().collect())
}

/// A schema, mostly: keywords of all kinds, with what they take and sometimes with something else.
fn schema() -> impl Strategy<Value = Value> {
    let reference =
        prop::sample::select(vec!["#", "#/$defs/a", "#/$defs/b", "#/items", "#/args/items", "#/kwargs", "x"]);
    let kind =
        prop::sample::select(vec!["string", "integer", "number", "array", "object", "null", "boolean"]);
    let simple = prop_oneof![
        4 => kind.prop_map(|kind| ("type", Value::from(kind))),
        1 => reference.prop_map(|to| ("$ref", Value::from(to))),
        1 => (0u8..3).prop_map(|count| ("minItems", Value::from(count))),
        1 => (-3i8..3).prop_map(|limit| ("maximum", Value::from(limit))),
        1 => (1u8..4).prop_map(|divisor| ("multipleOf", Value::from(divisor))),
        1 => any::<bool>().prop_map(|flag| ("uniqueItems", Value::from(flag))),
        1 => "[a-c.*+()\\[\\]|^$?]{0,6}".prop_map(|pattern| ("pattern", Value::from(pattern))),
        1 => value().prop_map(|value| ("const", value)),
        1 => prop::collection::vec(value(), 1..3).prop_map(|values| ("enum", Value::List(values))),
        1 => prop::collection::vec("[a-c]{1,2}", 0..3).prop_map(|keys| ("required", Value::from(keys))),
        1 => value().prop_map(|value| ("maxLength", value)),
    ];
    let keyword = simple.prop_map(|(keyword, value)| Dict::from([(keyword, value)]));
    let flat = prop_oneof![any::<bool>().prop_map(Value::from), keyword.prop_map(Value::from)];
    flat.prop_recursive(4, 24, 3, |inner| {
        let one = prop::sample::select(vec![
            "items",
            "not",
            "if",
            "then",
            "else",
            "contains",
            "additionalProperties",
            "propertyNames",
            "unevaluatedProperties",
            "unevaluatedItems",
        ]);
        let many = prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
        let named =
            prop::sample::select(vec!["properties", "$defs", "dependentSchemas", "patternProperties"]);
        let part = prop_oneof![
            (one, inner.clone()).prop_map(|(keyword, schema)| (keyword, schema)),
            (many, prop::collection::vec(inner.clone(), 1..3))
                .prop_map(|(keyword, list)| (keyword, Value::List(list))),
            (named, prop::collection::vec(("[a-c]{1,2}", inner.clone()), 0..3))
                .prop_map(|(keyword, pairs)| (keyword, Value::Map(pairs.into_iter().collect()))),
        ];
        (prop::collection::vec(part, 1..4), inner).prop_map(|(parts, inner)| {
            let more = inner.as_dict().cloned().unwrap_or_default();
            let parts = parts.into_iter().map(|(keyword, value)| (keyword.to_owned(), value));
            Value::Map(parts.chain(more).collect())
        })
    })
}

fn declaration() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    (kind, schema(), schema(), schema(), schema(), value()).prop_map(|(kind, args, kwargs, a, b, free)| {
        Value::from(Dict::from([
            ("type", Value::from(kind.name())),
            ("args", args),
            ("kwargs", kwargs),
            ("$defs", Dict::from([("a", a), ("b", b)]).into()),
            ("x_free", free),
        ]))
    })
}

proptest! {
    #![proptest_config(config())]

    // REF-05
    #[test]
    fn any_payload_is_accepted_or_refused(
        document in declaration(),
        args in prop::collection::vec(value(), 0..4),
        kwargs in dict(value()),
    ) {
        let Ok(declaration) = Declaration::new(document) else { return Ok(()) };
        for part in Part::ALL {
            match declaration.check(part, &args, &kwargs) {
                Ok(()) => prop_assert_eq!(part.kind(), declaration.kind()),
                Err(fault) => {
                    let text = fault.to_string();
                    prop_assert!(text.chars().count() <= 300, "{}", text);
                    let root = if part.kind() == declaration.kind() { fault.path() } else { "args" };
                    prop_assert!(root.starts_with("args") || root.starts_with("kwargs"), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_declaration_survives_json(document in declaration()) {
        if let Ok(declaration) = Declaration::new(document) {
            let again = Declaration::from_json(&declaration.to_json());
            prop_assert_eq!(again.as_ref(), Ok(&declaration));
            prop_assert_eq!(again.unwrap().to_json(), declaration.to_json());
        }
    }

    #[test]
    fn any_value_is_a_declaration_or_none(document in value()) {
        let _ = Declaration::new(document);
    }

    #[test]
    fn a_value_obeys_the_schema_that_names_it(value in value()) {
        let schema = Dict::from([("const", Value::from([value.clone()]))]);
        let document = Dict::from([("type", Value::from("topic")), ("args", schema.into())]);
        // Floats that JSON can't say have no constant.
        if let Ok(declaration) = Declaration::new(document.into()) {
            prop_assert!(declaration.check(Part::Event, std::slice::from_ref(&value), &Dict::new()).is_ok());
            prop_assert!(declaration.check(Part::Event, &[value.clone(), value], &Dict::new()).is_err());
        }
    }

    #[test]
    fn any_text_is_a_catalog_or_none(text in "[{}\\[\\]\":,a-c \\\\.0-9\n]{0,60}|\\PC{0,40}") {
        let _ = parse_catalog(&text);
        let _ = Declaration::from_json(text.as_bytes());
    }
}

#[test]
fn enough_of_the_declarations_made_up_are_some() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let made =
        (0..300).filter(|_| Declaration::new(declaration().new_tree(&mut runner).unwrap().current()).is_ok());
    let made = made.count();
    assert!(made > 30, "only {made} of 300");
}
