//! `cloverleaf subscribe`.

use anyhow::{Result, bail};
use clap::Args;
use client::Event;
use wamp::value::Dict;

use crate::cli::output;
use crate::cli::session::{Connection, Match};

/// A subscription.
#[derive(Debug, Args)]
pub(crate) struct Subscribe {
    /// The topic
    uri: String,
    /// How the topic is matched
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    match_policy: Match,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Ask for the events that the router keeps
    #[arg(long)]
    retained: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Subscribe {
    pub(crate) fn run(self) -> Result<()> {
        let Subscribe { uri, match_policy, count, retained, connection } = self;
        connection.run(async |session| {
            let mut subscribe = session.subscribe(&uri).match_policy(match_policy.policy());
            if retained {
                subscribe = subscribe.get_retained();
            }
            let mut subscription = subscribe.await?;
            output::tell(&format!("subscribed to {uri}"));
            let mut left = count;
            while left != Some(0) {
                let Some(event) = subscription.next().await else {
                    match subscription.end_reason() {
                        Some(reason) => bail!("the subscription is over: {reason}"),
                        None => bail!("the subscription is over"),
                    }
                };
                print(event)?;
                left = left.map(|left| left - 1);
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn print(event: Event) -> Result<()> {
    let mut dict = Dict::default();
    dict.insert("topic", event.topic());
    dict.insert("publication", event.publication().value());
    if event.is_retained() {
        dict.insert("retained", true);
    }
    if let Some(publisher) = event.publisher() {
        dict.insert("publisher", publisher.value());
    }
    output::line(&output::with_arguments(dict, event.into_arguments()).to_string())
}
