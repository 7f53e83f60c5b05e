//! What the tests share.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use cloverleaf_schema::{Declaration, Fault, Invalid, Part};
use wamp::Value;
use wamp::value::Dict;

/// A declaration from JSON.
pub(crate) fn declared(json: &serde_json::Value) -> Result<Declaration, Invalid> {
    Declaration::from_json(json.to_string().as_bytes())
}

/// What is wrong with a declaration.
pub(crate) fn invalid(json: &serde_json::Value) -> String {
    declared(json).unwrap_err().to_string()
}

/// A value from JSON.
pub(crate) fn value(json: &serde_json::Value) -> Value {
    serde_json::from_value(json.clone()).unwrap()
}

/// Checks an event, a call or an error: what the declaration is of. The arguments are a list and an object.
pub(crate) fn check(
    declaration: &Declaration,
    args: &serde_json::Value,
    kwargs: &serde_json::Value,
) -> Result<(), Fault> {
    let part = Part::ALL.into_iter().find(|part| part.kind() == declaration.kind()).unwrap();
    let kwargs: Dict = serde_json::from_value(kwargs.clone()).unwrap();
    declaration.check(part, value(args).as_list().unwrap(), &kwargs)
}

/// What is wrong with the arguments of a topic with these schemas.
pub(crate) fn fault(
    schemas: &serde_json::Value,
    args: &serde_json::Value,
    kwargs: &serde_json::Value,
) -> String {
    let mut json = schemas.clone();
    json["type"] = "topic".into();
    check(&declared(&json).unwrap(), args, kwargs).unwrap_err().to_string()
}

/// A list in a list, so many levels in all.
pub(crate) fn nested(levels: usize, innermost: Value) -> Value {
    (0..levels).fold(innermost, |inner, _| Value::List(vec![inner]))
}
