//! What a meta procedure answers, on its way into a RESULT.

use wamp::serializer::Encoder;
use wamp::value::Dict;
use wamp::{Payload, Serializer, Value};

use super::ByMatch;

/// The payload of a RESULT. Ids are kept as they are until they are encoded: there may be a million of them.
#[derive(Debug)]
pub(crate) enum Answer {
    /// No arguments at all.
    Nothing,
    /// One positional argument.
    One(Value),
    /// One positional argument, a list of ids.
    Ids(Vec<u64>),
    /// One positional argument, a dictionary of lists of ids.
    IdsByMatch(ByMatch<u64>),
    /// Any arguments.
    Many(Vec<Value>, Dict),
}

impl Answer {
    pub(super) fn one(value: impl Into<Value>) -> Self {
        Answer::One(value.into())
    }

    /// Encodes it into `out`.
    pub(crate) fn payload(self, serializer: Serializer, out: &mut Vec<u8>) -> Payload<'_> {
        let mut encoder = Encoder::sequence(serializer, out);
        match self {
            Answer::Nothing => return Payload::from_validated(serializer, 0, &[]),
            Answer::One(value) => {
                return Payload::from_values(serializer, &[value], &Dict::new(), out);
            }
            Answer::Many(args, kwargs) => {
                return Payload::from_values(serializer, &args, &kwargs, out);
            }
            Answer::Ids(ids) => {
                encoder.array(1);
                encode(&ids, &mut encoder);
                encoder.end_array();
            }
            Answer::IdsByMatch(ids) => {
                encoder.array(1);
                encoder.map(3);
                for (key, ids) in [("exact", ids.exact), ("prefix", ids.prefix), ("wildcard", ids.wildcard)] {
                    encoder.key(key);
                    encode(&ids, &mut encoder);
                }
                encoder.end_map();
                encoder.end_array();
            }
        }
        Payload::from_validated(serializer, 1, out)
    }
}

fn encode(ids: &[u64], to: &mut Encoder<'_>) {
    to.array(ids.len());
    for id in ids {
        to.uint(*id);
    }
    to.end_array();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_ids_are_encoded_as_their_values_would_be() {
        for serializer in Serializer::ALL {
            let by_match = ByMatch { exact: vec![1, 1 << 53], prefix: Vec::new(), wildcard: vec![3] };
            let mut buffer = Vec::new();
            let (args, kwargs) =
                Answer::IdsByMatch(by_match).payload(serializer, &mut buffer).to_values().unwrap();
            let expected = Dict::from([
                ("exact", Value::from([1u64, 1 << 53])),
                ("prefix", Value::List(Vec::new())),
                ("wildcard", Value::from([3u64])),
            ]);
            assert_eq!((args, kwargs), (vec![Value::Map(expected)], Dict::new()));
            let mut buffer = Vec::new();
            let (args, _) = Answer::Ids(vec![5, 6]).payload(serializer, &mut buffer).to_values().unwrap();
            assert_eq!(args, [Value::from([5u64, 6])]);
        }
    }
}
