//! `cloverleaf call`.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use client::CallResult;
use wamp::value::Dict;

use crate::cli::arguments::Payload;
use crate::cli::output;
use crate::cli::session::{Connection, Finished};

/// A call.
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// The procedure
    uri: String,
    #[command(flatten)]
    payload: Payload,
    /// How long the callee may take, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// Ask for progressive results, and print each one
    #[arg(long)]
    progress: bool,
    /// Ask that the callee be told who calls
    #[arg(long)]
    disclose_me: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Call {
    pub(crate) fn run(self) -> Result<()> {
        let Call { uri, payload, timeout, progress, disclose_me, connection } = self;
        let finished = connection.run(async |session| {
            let mut call = session.call(uri).arguments(payload.into_arguments());
            if let Some(ms) = timeout {
                call = call.timeout(Duration::from_millis(ms));
            }
            if disclose_me {
                call = call.disclose_me();
            }
            if !progress {
                return print(call.await?);
            }
            let mut results = call.progressive().await?;
            while let Some(result) = results.next().await {
                print(result?)?;
            }
            Ok(())
        })?;
        match finished {
            Finished::Done => Ok(()),
            Finished::Interrupted => bail!("the call was canceled"),
        }
    }
}

fn print(result: CallResult) -> Result<()> {
    let mut dict = Dict::default();
    if result.is_progress() {
        dict.insert("progress", true);
    }
    output::line(&output::with_arguments(dict, result.into_arguments()).to_string())
}
