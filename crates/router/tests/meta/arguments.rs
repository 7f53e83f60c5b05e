//! Arguments of every procedure: what is missing, wrong, given twice or too much; and whatever else somebody may send.
//!
//! Spec: advanced profile, "WAMP Meta API"; MSE-14 is this project's.

use cloverleaf_router::config::HistoryConfig;
use cloverleaf_router::meta::Procedure;
use testkit::{Client, Json, Net, json};
use wamp::{MatchPolicy, Value};

use crate::{INVALID_ARGUMENT, realm, value};

/// A parameter: its names, a value of the right type, and whether it must be given.
pub(crate) type Parameter = (&'static [&'static str], fn(&Ids) -> Json, bool);

/// Ids of things that are there.
pub(crate) struct Ids {
    pub(crate) session: u64,
    pub(crate) registration: u64,
    pub(crate) subscription: u64,
}

const SESSION: &[&str] = &["session_id", "session"];
const REGISTRATION: &[&str] = &["registration_id", "registration"];
const SUBSCRIPTION: &[&str] = &["subscription_id", "subscription"];
const FILTER: Parameter = (&["filter_authroles"], |_| json!(["x"]), false);
const REASON: Parameter = (&["reason"], |_| json!("a.reason"), false);
const MESSAGE: Parameter = (&["message"], |_| json!("text"), false);
const URI: Parameter = (&["uri"], |_| json!("a.b"), true);
const SCOPE: Parameter = (&["scope"], |_| json!("detached"), false);

/// The parameters of a procedure that have a place, in their order.
pub(crate) fn parameters(procedure: Procedure) -> Vec<Parameter> {
    let session: Parameter = (SESSION, |ids| json!(ids.session), true);
    let registration: Parameter = (REGISTRATION, |ids| json!(ids.registration), true);
    let subscription: Parameter = (SUBSCRIPTION, |ids| json!(ids.subscription), true);
    let optional = |(names, value, _): Parameter| (names, value, false);
    let text = |names| -> Parameter { (names, |_| json!("a.b"), true) };
    let policy: Parameter = (&["options"], |_| json!({"match": "exact"}), false);
    match procedure {
        Procedure::SessionCount | Procedure::SessionList => vec![FILTER],
        Procedure::SessionGet => vec![session],
        Procedure::SessionKill => vec![session, REASON, MESSAGE],
        Procedure::SessionKillByAuthid => vec![text(&["authid"]), REASON, MESSAGE],
        Procedure::SessionKillByAuthrole => vec![text(&["authrole"]), REASON, MESSAGE],
        Procedure::SessionKillAll => vec![REASON, MESSAGE],
        Procedure::SessionModifyDetails => vec![session, (&["details"], |_| json!({"x": 1}), true)],
        Procedure::SessionAddTestament => vec![
            text(&["topic"]),
            (&["args"], |_| json!([1]), false),
            (&["kwargs"], |_| json!({"k": 1}), false),
            (&["publish_options"], |_| json!({}), false),
            SCOPE,
        ],
        Procedure::SessionFlushTestaments => vec![SCOPE],
        Procedure::RegistrationList | Procedure::SubscriptionList => vec![optional(session)],
        Procedure::RegistrationLookup => vec![text(&["procedure", "uri"]), policy],
        Procedure::SubscriptionLookup => vec![text(&["topic", "uri"]), policy],
        Procedure::RegistrationMatch => vec![text(&["procedure", "uri"])],
        Procedure::SubscriptionMatch => vec![text(&["topic", "uri"])],
        Procedure::RegistrationGet
        | Procedure::RegistrationListCallees
        | Procedure::RegistrationCountCallees => vec![registration],
        Procedure::SubscriptionGet
        | Procedure::SubscriptionListSubscribers
        | Procedure::SubscriptionCountSubscribers => vec![subscription],
        Procedure::RegistrationRemoveCallee => {
            vec![registration, (&["callee_id", "callee", "session"], session.1, true), REASON]
        }
        Procedure::SubscriptionRemoveSubscriber => {
            vec![subscription, (&["subscriber_id", "subscriber", "session"], session.1, true), REASON]
        }
        Procedure::SubscriptionGetEvents => vec![subscription, (&["limit"], |_| json!(1), false)],
        Procedure::SchemaDefine | Procedure::ReflectDefine => {
            vec![URI, (&["schema"], |_| json!({"type": "topic"}), true)]
        }
        Procedure::SchemaDescribe | Procedure::ReflectDescribe => vec![optional(URI)],
        Procedure::ReflectionTopicList
        | Procedure::ReflectionProcedureList
        | Procedure::ReflectionErrorList => vec![],
        Procedure::ReflectionTopicDescribe
        | Procedure::ReflectionProcedureDescribe
        | Procedure::ReflectionErrorDescribe => vec![URI],
    }
}

/// A realm with one thing of each kind, and a caller that isn't concerned by what it calls.
fn scene() -> (Net, Client, Ids) {
    let mut net = realm(|realm| realm.history.push(HistoryConfig::new("a.b", MatchPolicy::Exact)));
    let caller = net.join("realm1");
    let (ids, _) = things(&mut net);
    (net, caller, ids)
}

pub(crate) fn things(net: &mut Net) -> (Ids, Client) {
    let client = net.client().identity("somebody", "anonymous").join("realm1");
    let (registration, subscription) = (net.register(client, "a.b"), net.subscribe(client, "a.b"));
    (Ids { session: net.session(client), registration, subscription }, client)
}

/// The answer to a call: `None` for a RESULT, else the error's URI and its sentence.
#[track_caller]
pub(crate) fn answer(
    net: &mut Net,
    caller: Client,
    procedure: &str,
    args: Value,
    kwargs: Value,
) -> Option<(String, String)> {
    let request = net.request(caller);
    let options = value(json!({}));
    net.send(
        caller,
        Value::List(vec![48u64.into(), request.into(), options, procedure.into(), args, kwargs]),
    );
    let answer = net.take(caller);
    net.nothing(caller);
    if answer.code() == 50 {
        assert_eq!(answer.id(1), request);
        return None;
    }
    assert_eq!((answer.code(), answer.id(1), answer.id(2)), (8, 48, request), "{answer}");
    let said = answer.at(5).as_list().and_then(|args| args.first()?.as_str()).expect("a sentence").to_owned();
    Some((answer.text(4).to_owned(), said))
}

/// MSE-14: each procedure takes its parameters by place, by each name, and mixed.
#[test]
fn each_parameter_is_given_by_place_or_by_any_of_its_names() {
    for procedure in Procedure::ALL {
        let parameters = parameters(*procedure);
        for by_place in 0..=parameters.len() {
            let names = parameters[by_place..].iter().map(|(names, ..)| names.len()).max().unwrap_or(1);
            for name in 0..names {
                let (mut net, caller, ids) = scene();
                let (placed, named) = parameters.split_at(by_place);
                let args: Vec<Json> = placed.iter().map(|(_, value, _)| value(&ids)).collect();
                let mut kwargs = json!({});
                for (names, value, _) in named {
                    kwargs[names[name.min(names.len() - 1)]] = value(&ids);
                }
                let error =
                    answer(&mut net, caller, procedure.uri(), value(json!(args)), value(kwargs.clone()));
                assert_eq!(error, None, "{procedure:?} {args:?} {kwargs}");
            }
        }
    }
}

/// MSE-14
#[test]
fn what_is_optional_may_be_left_out_or_null() {
    for procedure in Procedure::ALL {
        let parameters = parameters(*procedure);
        for absent in [None, Some(Json::Null)] {
            let (mut net, caller, ids) = scene();
            let given = |(_, value, is_required): &Parameter| {
                if *is_required { Some(value(&ids)) } else { absent.clone() }
            };
            let args: Vec<Json> = parameters.iter().filter_map(given).collect();
            let error = answer(&mut net, caller, procedure.uri(), value(json!(args)), value(json!({})));
            assert_eq!(error, None, "{procedure:?} {args:?}");
        }
    }
}

/// MSE-14
#[test]
fn what_is_required_is_missed_by_its_name() {
    let (mut net, caller, ids) = scene();
    for procedure in Procedure::ALL {
        let parameters = parameters(*procedure);
        for (missing, (names, _, is_required)) in parameters.iter().enumerate() {
            if !is_required {
                continue;
            }
            let args: Vec<Json> = parameters[..missing].iter().map(|(_, value, _)| value(&ids)).collect();
            let error = answer(&mut net, caller, procedure.uri(), value(json!(args)), value(json!({})));
            let (uri, said) = error.unwrap_or_else(|| panic!("{procedure:?} took {args:?}"));
            assert_eq!(uri, INVALID_ARGUMENT, "{procedure:?}");
            assert!(said.contains(names[0]), "{procedure:?}: {said}");
        }
    }
}

/// What is no value of a parameter.
fn wrong_values(name: &str) -> Vec<Json> {
    let numbers = [json!(-1), json!(1.5), json!((1u64 << 53) + 1)];
    let (text, list, dict) = (json!("a.b"), json!([1]), json!({"k": 1}));
    let mut wrong = vec![json!(true)];
    match name {
        "filter_authroles" => wrong.extend([text, list, dict, json!(["a", null])]),
        "args" => wrong.extend([text, dict]),
        "kwargs" | "details" => wrong.extend([text, list]),
        "options" => wrong.extend([text, list, json!({"match": "glob"}), json!({"match": 1})]),
        "publish_options" => wrong.extend([text, list, json!({"retain": 1}), json!({"exclude": "x"})]),
        "scope" => wrong.extend([text, list, dict]),
        "schema" => wrong.extend([text, list, dict, json!({"type": "x"})]),
        "limit" => return [wrong, numbers[..2].to_vec(), vec![json!(0), text, list, dict]].concat(),
        _ if name.ends_with("_id") => return [wrong, numbers.to_vec(), vec![text, list, dict]].concat(),
        _ => wrong.extend([list, dict]),
    }
    wrong.extend_from_slice(&numbers);
    wrong
}

/// MSE-14
#[test]
fn a_value_of_the_wrong_type_is_refused_by_its_name() {
    let (mut net, caller, ids) = scene();
    for procedure in Procedure::ALL {
        let parameters = parameters(*procedure);
        for (place, (names, ..)) in parameters.iter().enumerate() {
            for wrong in wrong_values(names[0]) {
                let mut args: Vec<Json> = parameters.iter().map(|(_, value, _)| value(&ids)).collect();
                args[place] = wrong;
                let error = answer(&mut net, caller, procedure.uri(), value(json!(args)), value(json!({})));
                let (uri, said) = error.unwrap_or_else(|| panic!("{procedure:?} took {args:?}"));
                assert_eq!(uri, INVALID_ARGUMENT, "{procedure:?} {args:?}: {said}");
                assert!(said.contains(names[0]), "{procedure:?} {args:?}: {said}");
            }
        }
    }
}

/// MSE-14
#[test]
fn nothing_is_given_twice_nor_too_much() {
    let (mut net, caller, ids) = scene();
    for procedure in Procedure::ALL {
        let parameters = parameters(*procedure);
        let mut args: Vec<Json> = parameters.iter().map(|(_, value, _)| value(&ids)).collect();
        let mut refused = |args: &[Json], kwargs: Json| {
            let error = answer(&mut net, caller, procedure.uri(), value(json!(args)), value(kwargs.clone()));
            let (uri, said) = error.unwrap_or_else(|| panic!("{procedure:?} took {args:?} {kwargs}"));
            assert_eq!(uri, INVALID_ARGUMENT, "{procedure:?} {args:?} {kwargs}");
            said
        };
        for (names, value, _) in &parameters {
            for name in *names {
                let said = refused(&args, json!({*name: value(&ids)}));
                assert!(said.contains(name), "{procedure:?}: {said}");
            }
            if let [first, second, ..] = names {
                let rest: Vec<Json> = Vec::new();
                refused(&rest, json!({*first: value(&ids), *second: value(&ids)}));
            }
        }
        let said = refused(&args, json!({"no_such_parameter": 1}));
        assert!(said.contains("no_such_parameter"), "{said}");
        let said = refused(&args, json!({"x".repeat(10_000): 1}));
        assert!(said.len() < 500, "{said}");
        args.push(Json::Null);
        refused(&args, json!({}));
    }
}

/// MSE-14, PPT-07, PCI-01: what the router could not read, or would have to wait for.
#[test]
fn a_meta_procedure_takes_one_call_that_it_can_read() {
    let mut net = Net::open();
    let caller = net.join("realm1");
    for options in [json!({"ppt_scheme": "x_custom", "ppt_serializer": "cbor"}), json!({"progress": true})] {
        let request = net.call_with(caller, options, "wamp.session.count", "x");
        net.refused(caller, 48, request, "wamp.error.feature_not_supported");
    }
    let request = net.request(caller);
    net.send(caller, json!([48, request, {"receive_progress": true}, "wamp.session.count"]));
    net.expect(caller, json!([50, request, {}, [1]]));
}

/// ROB-01: what is read from arguments takes much more memory than they do, and waits with the call.
#[test]
fn arguments_are_bounded_in_size() {
    let mut net = realm(|_| {});
    let (client, other) = (net.join("realm1"), net.join("realm1"));
    let (session, large) = (net.session(other), "x".repeat(64 << 10));
    let many = vec!["x"; 32 << 10];
    for (procedure, args) in [
        ("wamp.session.list", json!([many])),
        ("wamp.session.kill", json!([session, null, large])),
        ("wamp.session.kill_all", json!([null, large])),
        ("wamp.subscription.match", json!([large])),
    ] {
        net.error(client, procedure, args, json!({}), "wamp.error.unavailable");
    }
    net.nothing(other);
    // These have bounds of their own.
    let declaration = json!({"type": "topic", "title": large});
    net.result(client, "wamp.schema.define", json!(["a.b", declaration]), json!({}));
    net.result(client, "wamp.session.add_testament", json!(["a.b", [large]]), json!({}));
    let details = json!({"text": large.get(..60 << 10)});
    net.result(client, "wamp.session.modify_details", json!([session, details]), json!({}));
    let just_fits: String = large.chars().take(60 << 10).collect();
    net.result(client, "wamp.session.kill", json!([session, null, just_fits]), json!({}));
    net.expect(other, json!([6, {"message": just_fits}, "wamp.close.killed"]));
}
