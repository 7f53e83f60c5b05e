//! `cloverleaf history`: events that the router keeps.

use anyhow::{Result, bail};
use clap::Args;
use wamp::Value;
use wamp::value::Dict;

use crate::cli::meta::{self, Found, Kind, Order, StoredEvent};
use crate::cli::output;
use crate::cli::session::{Connection, Match};
use crate::cli::table::{Column, Table};

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The topic, or pattern, whose history is kept
    #[arg(value_name = "TOPIC")]
    topic_or_pattern: String,
    /// How it is matched
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    match_policy: Match,
    /// So many events at most: the newest, or the first ones behind --from-* or --after-*
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,
    /// Print the newest event first
    #[arg(long)]
    reverse: bool,
    #[command(flatten)]
    bounds: Bounds,
    /// Only events with this topic, of a pattern
    #[arg(long, value_name = "URI")]
    topic: Option<String>,
    #[command(flatten)]
    style: output::Style,
    #[command(flatten)]
    connection: Connection,
}

/// Where events begin and end. A time is a timestamp such as 2026-01-04T12:03:56.123Z.
#[derive(Debug, Args)]
struct Bounds {
    /// At this time or later
    #[arg(long, value_name = "TIME")]
    from_time: Option<String>,
    /// Later than this time
    #[arg(long, value_name = "TIME")]
    after_time: Option<String>,
    /// Earlier than this time
    #[arg(long, value_name = "TIME")]
    before_time: Option<String>,
    /// At this time or earlier
    #[arg(long, value_name = "TIME")]
    until_time: Option<String>,
    /// This publication and those behind it
    #[arg(long, value_name = "ID")]
    from_publication: Option<u64>,
    /// The publications behind this one
    #[arg(long, value_name = "ID")]
    after_publication: Option<u64>,
    /// The publications before this one
    #[arg(long, value_name = "ID")]
    before_publication: Option<u64>,
    /// The publications before this one, and itself
    #[arg(long, value_name = "ID")]
    until_publication: Option<u64>,
}

impl Bounds {
    /// Whether it was said where to begin.
    const fn have_begin(&self) -> bool {
        self.from_time.is_some()
            || self.after_time.is_some()
            || self.from_publication.is_some()
            || self.after_publication.is_some()
    }

    fn into_dict(self) -> Dict {
        let times = [
            ("from_time", self.from_time),
            ("after_time", self.after_time),
            ("before_time", self.before_time),
            ("until_time", self.until_time),
        ];
        let publications = [
            ("from_publication", self.from_publication),
            ("after_publication", self.after_publication),
            ("before_publication", self.before_publication),
            ("until_publication", self.until_publication),
        ];
        let times = times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), time?.into())));
        let publications =
            publications.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id?.into())));
        times.chain(publications).collect()
    }
}

impl History {
    pub(crate) fn run(self) -> Result<()> {
        let History { topic_or_pattern: uri, match_policy, limit, reverse, bounds, topic, style, connection } =
            self;
        connection.ask(async |meta| {
            let subscription = meta.entry_at(Kind::Subscription, &uri, match_policy.policy()).await?;
            let Some(subscription) = subscription else {
                bail!("{}", missing(&uri, match_policy));
            };
            let (asked, shown) = orders(reverse, bounds.have_begin());
            let mut bounds = bounds.into_dict();
            if let Some(topic) = topic {
                bounds.insert("topic", topic);
            }
            let asked_for = meta::History { subscription, limit, order: asked, bounds };
            let Found { mut events, is_limit_reached } = meta.events(asked_for).await?;
            if is_limit_reached {
                output::tell("these are as many events as the router gives at once; there may be more");
            }
            if asked != shown {
                events.reverse();
            }
            if style.json {
                return output::lines(events.iter().map(|event| event.dict.to_string()));
            }
            table(&events, matches!(match_policy, Match::Prefix | Match::Wildcard)).print()
        })
    }
}

/// That there is no such history, and how to say what may have been meant.
fn missing(uri: &str, policy: Match) -> String {
    let name = policy.name();
    let hint = match policy {
        Match::Exact => "; the history of a pattern takes --match prefix or wildcard",
        Match::Prefix | Match::Wildcard => "",
    };
    format!("there is no subscription to {uri} (match {name}), and so no history of it{hint}")
}

/// The order to ask for, which decides what a limit leaves, and the order to print.
const fn orders(reverse: bool, have_begin: bool) -> (Order, Order) {
    match (reverse, have_begin) {
        (true, _) => (Order::NewestFirst, Order::NewestFirst),
        (false, true) => (Order::OldestFirst, Order::OldestFirst),
        (false, false) => (Order::NewestFirst, Order::OldestFirst),
    }
}

fn table(events: &[StoredEvent], with_topic: bool) -> Table {
    let topic = with_topic.then_some(("topic", Column::Cut));
    let mut columns = vec![("timestamp", Column::Text), ("publication", Column::Text)];
    columns.extend(topic);
    columns.extend([("args", Column::Cut), ("kwargs", Column::Cut)]);
    let mut table = Table::new(&columns);
    for event in events {
        let text = |key| match event.get(key) {
            Some(Value::Str(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let args = match event.args() {
            [] => String::new(),
            args => Value::List(args.to_vec()).to_string(),
        };
        let kwargs = event.kwargs().map(Dict::to_string).unwrap_or_default();
        let (timestamp, publication) = (text("timestamp"), text("publication"));
        if with_topic {
            table.row([timestamp, publication, text("topic"), args, kwargs]);
        } else {
            table.row([timestamp, publication, args, kwargs]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_leaves_the_newest_events_unless_it_was_said_where_to_begin() {
        assert_eq!(orders(false, false), (Order::NewestFirst, Order::OldestFirst));
        assert_eq!(orders(false, true), (Order::OldestFirst, Order::OldestFirst));
        assert_eq!(orders(true, true), (Order::NewestFirst, Order::NewestFirst));
    }
}
