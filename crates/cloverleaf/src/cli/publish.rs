//! `cloverleaf publish`.

use anyhow::{Result, bail};
use clap::Args;
use wamp::Value;
use wamp::value::Dict;

use crate::cli::arguments::Payload;
use crate::cli::output;
use crate::cli::session::{Connection, Finished};

/// An event.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// The topic
    uri: String,
    #[command(flatten)]
    payload: Payload,
    /// Print the publication's id, once the router has acknowledged it
    #[arg(long)]
    ack: bool,
    /// Ask the router to keep the event for those who subscribe later
    #[arg(long)]
    retain: bool,
    /// Ask that subscribers be told who publishes
    #[arg(long)]
    disclose_me: bool,
    /// Only for subscribers of this authrole; may be repeated
    #[arg(long, value_name = "ROLE")]
    eligible_authrole: Vec<String>,
    /// Not for subscribers of this authrole; may be repeated
    #[arg(long, value_name = "ROLE")]
    exclude_authrole: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Publish {
    pub(crate) fn run(self) -> Result<()> {
        let Publish {
            uri,
            payload,
            ack,
            retain,
            disclose_me,
            eligible_authrole,
            exclude_authrole,
            connection,
        } = self;
        let finished = connection.run(async |session| {
            let mut publish = session.publish(uri).arguments(payload.into_arguments());
            if retain {
                publish = publish.retain();
            }
            if disclose_me {
                publish = publish.disclose_me();
            }
            if !eligible_authrole.is_empty() {
                publish = publish.eligible_authrole(eligible_authrole);
            }
            if !exclude_authrole.is_empty() {
                publish = publish.exclude_authrole(exclude_authrole);
            }
            // Without an acknowledgement the router couldn't say why it refuses.
            let publication = publish.acknowledge().await?;
            if !ack {
                return Ok(());
            }
            let mut dict = Dict::default();
            dict.insert("publication", publication.value());
            output::line(&Value::Map(dict).to_string())
        })?;
        match finished {
            Finished::Done => Ok(()),
            Finished::Interrupted => bail!("the router has not acknowledged the event"),
        }
    }
}
