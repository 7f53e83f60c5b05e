//! What was expected, against what came.
//!
//! The model doesn't know which ids the router draws. It writes names instead: `$s.3`, `$r.1`, `$p.7`, `$i0.2`. The first
//! message with a name says which id that is; from then on it is that, and no other name of the same kind (the text up
//! to the dot) is.

use std::collections::HashMap;

use wamp::Value;
use wamp::value::Dict;

/// The ids that names stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(HashMap<String, u64>);

impl Names {
    /// Compares what a client received with what was expected; messages of the same rank may come in any order.
    pub(crate) fn compare(&mut self, expected: &[(u32, &Value)], received: &[Value]) -> Result<(), String> {
        let mut left: Vec<(u32, &Value)> = expected.to_vec();
        left.sort_by_key(|(rank, _)| *rank);
        for message in received {
            let Some((rank, _)) = left.first() else { return Err(format!("nothing more, not {message}")) };
            let same_rank = left.iter().take_while(|(other, _)| other == rank).count();
            let found = (0..same_rank).find_map(|at| {
                let mut names = self.clone();
                names.matches(left[at].1, message).then_some((at, names))
            });
            let Some((at, names)) = found else {
                return Err(format!("{} (or one of {same_rank}), not {message}", left[0].1));
            };
            *self = names;
            left.remove(at);
        }
        match left.first() {
            Some((_, missing)) => Err(format!("{missing}, which did not come")),
            None => Ok(()),
        }
    }

    /// The value with ids in the place of names.
    pub(crate) fn resolve(&self, value: &Value) -> Value {
        match value {
            Value::Str(name) if name.starts_with('$') => {
                let id = self.0.get(name).unwrap_or_else(|| panic!("nobody has told the id of {name}"));
                Value::from(*id)
            }
            Value::List(list) => list.iter().map(|element| self.resolve(element)).collect(),
            Value::Map(dict) => {
                let pairs = dict.iter().map(|(key, value)| (key.to_owned(), self.resolve(value)));
                Value::Map(pairs.collect::<Dict>())
            }
            other => other.clone(),
        }
    }

    fn matches(&mut self, expected: &Value, found: &Value) -> bool {
        match (expected, found) {
            (Value::Str(name), Value::Uint(id)) if name.starts_with('$') => self.is_called(name, *id),
            (Value::List(expected), Value::List(found)) => {
                let (expected, is_open) = match expected.split_last() {
                    Some((Value::Str(rest), head)) if rest == "..." => (head, true),
                    _ => (&expected[..], false),
                };
                let fits =
                    if is_open { found.len() >= expected.len() } else { found.len() == expected.len() };
                fits && expected.iter().zip(found).all(|(expected, found)| self.matches(expected, found))
            }
            (Value::Map(expected), Value::Map(found)) => {
                expected.len() == found.len()
                    && expected.iter().all(|(key, expected)| {
                        found.get(key).is_some_and(|found| self.matches(expected, found))
                    })
            }
            _ => expected == found,
        }
    }

    fn is_called(&mut self, name: &str, id: u64) -> bool {
        if let Some(known) = self.0.get(name) {
            return *known == id;
        }
        let kind = |name: &str| name.split('.').next().map(str::to_owned);
        if self.0.iter().any(|(other, taken)| *taken == id && kind(other) == kind(name)) {
            return false;
        }
        self.0.insert(name.to_owned(), id);
        true
    }
}
