//! `cloverleaf register`.

use std::process::Stdio;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use client::{ApplicationError, Arguments, Invocation};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use wamp::message::InvocationPolicy;
use wamp::value::Dict;

use crate::cli::arguments::value;
use crate::cli::output;
use crate::cli::session::{Connection, Match};

/// A registration.
#[derive(Debug, Args)]
pub(crate) struct Register {
    /// The procedure
    uri: String,
    #[command(flatten)]
    answer: Answer,
    /// How the procedure is matched
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    match_policy: Match,
    /// How one of several callees is picked
    #[arg(long, value_name = "POLICY", default_value = "single")]
    invoke: Invoke,
    /// How many calls to take at a time
    #[arg(long, value_name = "N")]
    concurrency: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

/// What calls are answered with.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Answer {
    /// Answer with the call's own arguments
    #[arg(long)]
    echo: bool,
    /// Answer with what this shell command prints: one value if it is JSON, else the text. The call is its stdin, as
    /// {"procedure":...,"args":[...],"kwargs":{...}}; failing is an error with what it says on stderr
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Invoke {
    Single,
    Roundrobin,
    Random,
    First,
    Last,
}

impl Invoke {
    const fn policy(self) -> InvocationPolicy {
        match self {
            Invoke::Single => InvocationPolicy::Single,
            Invoke::Roundrobin => InvocationPolicy::RoundRobin,
            Invoke::Random => InvocationPolicy::Random,
            Invoke::First => InvocationPolicy::First,
            Invoke::Last => InvocationPolicy::Last,
        }
    }
}

impl Register {
    pub(crate) fn run(self) -> Result<()> {
        let Register { uri, answer, match_policy, invoke, concurrency, connection } = self;
        connection.run(async |session| {
            let register = session.register(&uri).match_policy(match_policy.policy()).invoke(invoke.policy());
            let register = match concurrency {
                Some(limit) => register.concurrency(limit),
                None => register,
            };
            let registration = register
                .handler(move |invocation| {
                    let answer = answer.clone();
                    async move { answer.to(invocation).await }
                })
                .await?;
            output::tell(&format!("registered {uri}"));
            bail!("the registration is over: {}", registration.ended().await)
        })?;
        Ok(())
    }
}

impl Answer {
    /// Prints a call and answers it.
    async fn to(&self, invocation: Invocation) -> Result<Arguments, ApplicationError> {
        let mut dict = Dict::default();
        dict.insert("procedure", invocation.procedure());
        let line = output::with_arguments(dict, invocation.arguments().clone()).to_string();
        if let Err(error) = output::line(&line) {
            output::complain(&error.to_string());
        }
        match &self.command {
            None => Ok(invocation.into_arguments()),
            Some(command) => run(command, &line).await,
        }
    }
}

/// Runs a shell command with a line as its input.
async fn run(command: &str, input: &str) -> Result<Arguments, ApplicationError> {
    let failed = |what: &str| ApplicationError::with_message(ApplicationError::RUNTIME_ERROR, what);
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A call that is canceled has no use for its command any more.
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&format!("the command can't be run: {error}")))?;
    let stdin = child.stdin.take();
    let write = async move {
        if let Some(mut stdin) = stdin {
            // A command that doesn't read its input is fine.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), write);
    let output = output.map_err(|error| failed(&format!("the command was lost: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(Arguments::new().with(value(&text(&output.stdout))));
    }
    match text(&output.stderr) {
        said if said.is_empty() => Err(failed(&format!("the command failed: {}", output.status))),
        said => Err(failed(&said)),
    }
}
