//! Dictionaries that keep the order in which their pairs came.

use std::collections::HashMap;
use std::fmt;

use super::Value;
use crate::serializer::{Encoder, Serializer};

/// A dictionary of WAMP: text keys, each there once, in the order of insertion.
///
/// Two are equal if they have the same pairs in any order. Look-ups go through the pairs one by one, as dictionaries in
/// WAMP are small.
#[derive(Debug, Clone, Default)]
pub struct Dict(Vec<(String, Value)>);

impl Dict {
    /// An empty dictionary.
    pub const fn new() -> Self {
        Dict(Vec::new())
    }

    /// Puts a value under a key, in the place of one that is there; that one is returned.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        if let Some(old) = self.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        self.0.push((key, value));
        None
    }

    /// Takes out the value under a key. The order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(other, _)| other == key)?;
        Some(self.0.remove(at).1)
    }

    /// The value under a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// Whether there is a value under a key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// How many pairs there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no pair.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> + DoubleEndedIterator {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> + DoubleEndedIterator {
        self.0.iter().map(|(_, value)| value)
    }

    /// Appends the dictionary to what the encoder writes.
    pub fn encode(&self, to: &mut Encoder<'_>) {
        to.map(self.len());
        for (key, value) in self.iter() {
            to.key(key);
            value.encode(to);
        }
        to.end_map();
    }
}

/// Of pairs with the same key the last one counts, in the place of the first. This costs the same for any number of
/// pairs, so that a peer that sends a large dictionary gains nothing by it.
impl FromIterator<(String, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        let pairs: Vec<_> = pairs.into_iter().collect();
        if pairs.len() <= 16 {
            let mut dict = Dict(Vec::with_capacity(pairs.len()));
            for (key, value) in pairs {
                dict.insert(key, value);
            }
            return dict;
        }
        let mut places = HashMap::with_capacity(pairs.len());
        let mut unique: Vec<(String, Value)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let place = *places.entry(key.clone()).or_insert(unique.len());
            match unique.get_mut(place) {
                Some(pair) => pair.1 = value,
                None => unique.push((key, value)),
            }
        }
        Dict(unique)
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Dict {
    fn from(pairs: [(&str, Value); N]) -> Self {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

impl Extend<(String, Value)> for Dict {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, pairs: I) {
        *self = std::mem::take(self).into_iter().chain(pairs).collect();
    }
}

impl IntoIterator for Dict {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        self.0 == other.0 || self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// Prints the dictionary as JSON.
impl fmt::Display for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        self.encode(&mut Encoder::new(Serializer::Json, &mut out));
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
