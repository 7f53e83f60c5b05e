//! Whatever somebody may send to a meta procedure is answered once, and the router goes on.

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::meta::Procedure;
use proptest::prelude::*;
use testkit::json;
use wamp::{MatchPolicy, Serializer, Value};

use crate::arguments::{Ids, answer, parameters, things};
use crate::realm;

/// Values of every kind, more often such as a procedure may take.
fn any_value() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "a.b",
        "a..b",
        "a b",
        "wamp.session.count",
        "crossbar.x",
        "exact",
        "prefix",
        "destroyed",
        "detached",
        "anonymous",
        "somebody",
        "2026-01-04T12:00:00Z",
        "9999-12-31T23:59:59.999999999+23:59",
        "topic",
    ]);
    let leaf = prop_oneof![
        4 => words.prop_map(Value::from),
        2 => (0u64..4).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::Float),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => ".{0,8}".prop_map(Value::from),
        1 => prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let keys = prop::sample::select(vec![
            "match",
            "type",
            "args",
            "kwargs",
            "eligible",
            "exclude",
            "exclude_authid",
            "retain",
            "ppt_scheme",
            "disclose_me",
            "acknowledge",
            "$ref",
            "items",
            "x",
            "authid",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((keys, inner), 0..4).prop_map(|entries| Value::Map(
                entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

/// Keyword arguments: names that procedures know, and others.
fn any_kwargs() -> impl Strategy<Value = Value> {
    let names: Vec<&'static str> = Procedure::ALL
        .iter()
        .flat_map(|procedure| parameters(*procedure))
        .flat_map(|(names, ..)| names.iter().copied())
        .chain([
            "match",
            "reverse",
            "from_time",
            "until_time",
            "after_publication",
            "before_publication",
            "other",
        ])
        .collect();
    prop::collection::vec((prop::sample::select(names), any_value()), 0..4).prop_map(|entries| {
        Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    })
}

/// Marks the place of an id of something that is there.
fn with_ids(value: Value, ids: &Ids) -> Value {
    match value.as_u64() {
        Some(1) => ids.session.into(),
        Some(2) => ids.registration.into(),
        Some(3) => ids.subscription.into(),
        _ => value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// MSE-14, DLR-15, ROB-01
    #[test]
    fn any_arguments_are_answered_once(
        calls in prop::collection::vec((
            prop::sample::select(Procedure::ALL.to_vec()),
            prop::collection::vec(any_value(), 0..4),
            any_kwargs(),
        ), 1..20),
        serializer in prop::sample::select(Serializer::ALL.to_vec()),
        trusted in any::<bool>(),
    ) {
        let mut net = realm(|realm| realm.history.push(HistoryConfig::new("a.b", MatchPolicy::Exact)));
        let setup = net.client().serializer(serializer);
        let caller = if trusted { setup.trusted() } else { setup }.join("realm1");
        let (mut ids, mut client) = things(&mut net);
        for (procedure, args, kwargs) in calls {
            if net.is_closed(client) || !net.receive(client).is_empty() {
                (ids, client) = things(&mut net);
            }
            let args: Vec<Value> = args.into_iter().map(|arg| with_ids(arg, &ids)).collect();
            net.publish(client, "a.b", "x");
            // That there is exactly one answer is asserted inside.
            if let Some((error, said)) = answer(&mut net, caller, procedure.uri(), Value::List(args), kwargs) {
                prop_assert!(error.starts_with("wamp.error."), "{}", error);
                prop_assert!(!said.is_empty() && said.len() < 2000, "{}", said);
            }
        }
        prop_assert_eq!(net.value(caller, "wamp.session.count", json!([["nobody"]])), Value::from(0u64));
        let held = net.realm("realm1").session_count();
        prop_assert!(held >= usize::from(!trusted));
        net.disconnect(client);
    }
}
