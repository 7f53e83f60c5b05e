//! The arguments of a meta procedure, given by position or by name.
//!
//! As in a call of a Python function: each parameter has a place and a name, none may be given twice, and nothing else
//! may be given. Null is the same as nothing, where a parameter may be left out.

use wamp::value::Dict;
use wamp::{Payload, SessionId, Value, error_uri};

use crate::rejection::Rejection;

/// See the module. Parameters are taken in their order; [`Arguments::end`] refuses what is left.
#[derive(Debug)]
pub(super) struct Arguments {
    args: std::vec::IntoIter<Value>,
    kwargs: Dict,
    given: usize,
    /// The parameters asked for so far, for errors.
    names: Vec<&'static str>,
}

impl Arguments {
    pub(super) fn new(payload: &Payload<'_>) -> Result<Self, Rejection> {
        let (args, kwargs) =
            payload.to_values().map_err(|_| invalid("the payload of the call can't be read".to_owned()))?;
        Ok(Arguments { given: args.len(), args: args.into_iter(), kwargs, names: Vec::new() })
    }

    /// The next parameter, by its names; the first is the one that errors tell.
    fn take(&mut self, names: &[&'static str]) -> Result<Option<Value>, Rejection> {
        let name = names.first().copied().unwrap_or_default();
        self.names.push(name);
        let mut found = self.args.next();
        for name in names {
            if let Some(value) = self.kwargs.remove(name)
                && found.replace(value).is_some()
            {
                return Err(invalid(format!("{name} is given twice")));
            }
        }
        Ok(found.filter(|value| !value.is_null()))
    }

    /// A parameter that has no place, only a name.
    pub(super) fn named<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: Read<T>,
    ) -> Result<Option<T>, Rejection> {
        self.names.push(name);
        let value = self.kwargs.remove(name).filter(|value| !value.is_null());
        value.map(|value| convert(name, expected, value, read)).transpose()
    }

    pub(super) fn optional<T>(
        &mut self,
        names: &[&'static str],
        expected: &str,
        read: Read<T>,
    ) -> Result<Option<T>, Rejection> {
        let name = names.first().copied().unwrap_or_default();
        self.take(names)?.map(|value| convert(name, expected, value, read)).transpose()
    }

    pub(super) fn required<T>(
        &mut self,
        names: &[&'static str],
        expected: &str,
        read: Read<T>,
    ) -> Result<T, Rejection> {
        let name = names.first().copied().unwrap_or_default();
        self.optional(names, expected, read)?.ok_or_else(|| invalid(format!("{name} is missing: {expected}")))
    }

    /// A value that may be anything, null included, but must be there.
    pub(super) fn anything(&mut self, name: &'static str) -> Result<Value, Rejection> {
        let is_given = self.args.len() > 0 || self.kwargs.contains_key(name);
        let value = self.take(&[name])?;
        if is_given { Ok(value.unwrap_or_default()) } else { Err(invalid(format!("{name} is missing"))) }
    }

    /// That nothing is left.
    pub(super) fn end(self) -> Result<(), Rejection> {
        let accepted = match &*self.names {
            [] => "no arguments".to_owned(),
            names => names.join(", "),
        };
        if self.args.len() > 0 {
            return Err(invalid(format!(
                "{} positional arguments are too many; accepted: {accepted}",
                self.given
            )));
        }
        match self.kwargs.keys().next() {
            Some(key) => {
                let shown: String = key.chars().take(64).collect();
                Err(invalid(format!("there is no parameter {shown:?}; accepted: {accepted}")))
            }
            None => Ok(()),
        }
    }
}

/// Reads a value, or gives it back.
pub(super) type Read<T> = fn(Value) -> Result<T, Value>;

fn convert<T>(name: &str, expected: &str, value: Value, read: Read<T>) -> Result<T, Rejection> {
    read(value).map_err(|value| {
        let shown: String = value.to_string().chars().take(64).collect();
        invalid(format!("{name} is {shown}, expected {expected}"))
    })
}

pub(super) fn invalid(message: String) -> Rejection {
    Rejection::new(error_uri::INVALID_ARGUMENT).because(message)
}

pub(super) fn text(value: Value) -> Result<String, Value> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(other),
    }
}

pub(super) fn texts(value: Value) -> Result<Vec<String>, Value> {
    match value.as_list().map(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect()) {
        Some(Some(texts)) => Ok(texts),
        _ => Err(value),
    }
}

pub(super) fn list(value: Value) -> Result<Vec<Value>, Value> {
    match value {
        Value::List(list) => Ok(list),
        other => Err(other),
    }
}

pub(super) fn dict(value: Value) -> Result<Dict, Value> {
    match value {
        Value::Map(dict) => Ok(dict),
        other => Err(other),
    }
}

pub(super) fn flag(value: Value) -> Result<bool, Value> {
    value.as_bool().ok_or(value)
}

/// An integer from 1, also as a float without a fraction, which is what some JavaScript clients make of large ones.
pub(super) fn positive(value: Value) -> Result<u64, Value> {
    match number(&value) {
        Some(number) if number > 0 => Ok(number),
        _ => Err(value),
    }
}

/// The number of an id; 0 stands for none, in lists that may be of one session.
pub(super) fn session_or_none(value: Value) -> Result<Option<SessionId>, Value> {
    match number(&value) {
        Some(0) => Ok(None),
        Some(number) => SessionId::new(number).map(Some).ok_or(value),
        None => Err(value),
    }
}

fn number(value: &Value) -> Option<u64> {
    const EXACT_MAX: f64 = (1u64 << 53) as f64;
    match value {
        Value::Float(float) if float.fract() == 0.0 && (0.0..=EXACT_MAX).contains(float) => {
            // Within what a float holds exactly.
            format!("{float:.0}").parse().ok()
        }
        other => other.as_u64(),
    }
}

macro_rules! ids {
    ($($name:ident: $id:ty;)*) => {$(
        pub(super) fn $name(value: Value) -> Result<$id, Value> {
            number(&value).and_then(<$id>::new).ok_or(value)
        }
    )*};
}
ids! {
    session_id: SessionId;
    subscription_id: wamp::SubscriptionId;
    registration_id: wamp::RegistrationId;
    publication_id: wamp::PublicationId;
}

#[cfg(test)]
mod tests {
    use wamp::Serializer;

    use super::*;

    fn arguments(args: &[Value], kwargs: &Dict) -> Arguments {
        let mut buffer = Vec::new();
        Arguments::new(&Payload::from_values(Serializer::Json, args, kwargs, &mut buffer)).unwrap()
    }

    fn said(rejection: Rejection) -> String {
        assert_eq!(rejection.uri, error_uri::INVALID_ARGUMENT);
        rejection.message.unwrap()
    }

    // MSE-14
    #[test]
    fn a_parameter_is_given_by_place_or_by_name_and_once() {
        let by_name = Dict::from([("reason", Value::from("a.b"))]);
        let mut found = arguments(&[Value::from(7u64)], &by_name);
        assert_eq!(found.required(&["session_id"], "an id", session_id), Ok(SessionId::new(7).unwrap()));
        assert_eq!(found.optional(&["reason"], "a URI", text), Ok(Some("a.b".to_owned())));
        assert_eq!(found.optional(&["message"], "text", text), Ok(None));
        assert_eq!(found.end(), Ok(()));
        let mut twice = arguments(&[Value::from("c.d")], &by_name);
        let error = twice.optional(&["reason"], "a URI", text).unwrap_err();
        assert_eq!(said(error), "reason is given twice");
    }

    // MSE-14
    #[test]
    fn what_is_wrong_is_said() {
        let mut wrong = arguments(&[Value::from("x")], &Dict::new());
        let error = wrong.required(&["session_id"], "a session id", session_id).unwrap_err();
        assert_eq!(said(error), "session_id is \"x\", expected a session id");
        let mut missing = arguments(&[], &Dict::new());
        let error = missing.required(&["session_id"], "a session id", session_id).unwrap_err();
        assert_eq!(said(error), "session_id is missing: a session id");
        let mut unknown = arguments(&[], &Dict::from([("sesion", Value::from(1u64))]));
        unknown.optional(&["session_id"], "a session id", session_id).unwrap();
        assert_eq!(
            said(unknown.end().unwrap_err()),
            "there is no parameter \"sesion\"; accepted: session_id"
        );
        let many = arguments(&[Value::Null, Value::Null], &Dict::new());
        assert_eq!(
            said(many.end().unwrap_err()),
            "2 positional arguments are too many; accepted: no arguments"
        );
    }

    #[test]
    fn ids_may_be_floats_without_a_fraction() {
        assert_eq!(session_id(Value::Float(9_007_199_254_740_992.0)), Ok(SessionId::new(1 << 53).unwrap()));
        for wrong in [Value::Float(1.5), Value::Float(-1.0), Value::Float(f64::NAN), Value::from(0u64)] {
            assert!(session_id(wrong).is_err());
        }
        assert_eq!(session_or_none(Value::Float(0.0)), Ok(None));
    }
}
