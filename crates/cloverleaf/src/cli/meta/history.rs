//! `wamp.subscription.get_events`: what was published.
//!
//! Spec: advanced profile, "Event History". The result's arguments are the events, in the order asked for; Crossbar.io
//! answers with one list of them, the newest first.

use client::Arguments;
use wamp::Value;
use wamp::value::Dict;

use super::{Meta, MetaError};

/// The order of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

/// Which events of a subscription: the first `limit` in `order`, of those that the `bounds` leave.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) subscription: u64,
    pub(crate) limit: u64,
    pub(crate) order: Order,
    /// Filters by the names that the procedure has for them, such as `from_time`.
    pub(crate) bounds: Dict,
}

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredEvent {
    pub(crate) dict: Dict,
}

impl StoredEvent {
    /// A value of the event, or of its details if it isn't there.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        let details = self.dict.get("details").and_then(Value::as_dict);
        self.dict.get(key).or_else(|| details?.get(key)).filter(|value| !value.is_null())
    }

    /// The arguments, whether or not there are any.
    pub(crate) fn args(&self) -> &[Value] {
        self.get("args").and_then(Value::as_list).unwrap_or_default()
    }

    pub(crate) fn kwargs(&self) -> Option<&Dict> {
        self.get("kwargs").and_then(Value::as_dict).filter(|kwargs| !kwargs.is_empty())
    }
}

/// What there is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// In the order asked for.
    pub(crate) events: Vec<StoredEvent>,
    /// Whether the router gave no more although more were asked for.
    pub(crate) is_limit_reached: bool,
}

impl Meta {
    pub(crate) async fn events(&self, history: History) -> Result<Found, MetaError> {
        const PROCEDURE: &str = "wamp.subscription.get_events";
        let History { subscription, limit, order, bounds } = history;
        let mut arguments = Arguments::from(subscription).with_keyword("limit", limit).with_keywords(bounds);
        if order == Order::NewestFirst {
            arguments = arguments.with_keyword("reverse", true);
        }
        let (answer, more) = self.call(PROCEDURE, arguments).await?;
        let is_limit_reached = more.get("is_limit_reached").and_then(Value::as_bool).unwrap_or_default();
        let events = read(answer, order)
            .map_err(|got| MetaError::answer(PROCEDURE, "events, each a dictionary", got))?;
        Ok(Found { events, is_limit_reached })
    }
}

/// The events of an answer; or the kind of what stands where an event should.
fn read(answer: Vec<Value>, order: Order) -> Result<Vec<StoredEvent>, &'static str> {
    let mut answer = answer.into_iter().peekable();
    let Some(Value::List(list)) = answer.next_if(|first| matches!(first, Value::List(_))) else {
        return answer.map(event).collect();
    };
    let events = list.into_iter().map(event);
    match order {
        Order::NewestFirst => events.collect(),
        Order::OldestFirst => events.rev().collect(),
    }
}

fn event(value: Value) -> Result<StoredEvent, &'static str> {
    match value {
        Value::Map(dict) => Ok(StoredEvent { dict }),
        other => Err(other.kind_name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(publication: u64) -> Value {
        Dict::from([("publication", publication.into())]).into()
    }

    fn publications(answer: Vec<Value>, order: Order) -> Vec<u64> {
        let events = read(answer, order).unwrap();
        events.iter().filter_map(|event| event.get("publication").and_then(Value::as_u64)).collect()
    }

    #[test]
    fn the_arguments_are_the_events() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            assert_eq!(publications(vec![stored(1), stored(2)], order), [1, 2]);
            assert_eq!(publications(vec![stored(1)], order), [1]);
            assert!(publications(vec![], order).is_empty());
        }
        assert_eq!(read(vec![stored(1), Value::from(2)], Order::OldestFirst), Err("an integer"));
    }

    #[test]
    fn one_list_has_the_newest_event_first() {
        let list = || vec![Value::List(vec![stored(3), stored(2), stored(1)])];
        assert_eq!(publications(list(), Order::OldestFirst), [1, 2, 3]);
        assert_eq!(publications(list(), Order::NewestFirst), [3, 2, 1]);
        assert!(publications(vec![Value::List(vec![])], Order::OldestFirst).is_empty());
    }

    #[test]
    fn details_of_an_event_are_found_where_routers_put_them() {
        let details = Dict::from([("topic", "a.b".into())]);
        let event = StoredEvent { dict: Dict::from([("details", details.into()), ("args", Value::Null)]) };
        assert_eq!(event.get("topic").and_then(Value::as_str), Some("a.b"));
        assert_eq!((event.args(), event.kwargs()), (&[][..], None));
        let event = StoredEvent { dict: Dict::from([("topic", "c.d".into())]) };
        assert_eq!(event.get("topic").and_then(Value::as_str), Some("c.d"));
    }
}
