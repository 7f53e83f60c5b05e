//! `cloverleaf session`: who is connected.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use wamp::Value;
use wamp::value::Dict;

use crate::cli::meta::{Killed, Meta, SessionDetails, Victims, each};
use crate::cli::session::Connection;
use crate::cli::table::{Column, Table};
use crate::cli::{output, tree};

/// What about sessions.
#[derive(Debug, Args)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    style: output::Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the sessions of the realm.
    List(List),
    /// Print all that the router tells about a session.
    Get {
        /// The session's id
        id: u64,
    },
    /// Print how many sessions there are.
    Count {
        /// Only those of this authrole; may be repeated
        #[arg(long, value_name = "ROLE")]
        authrole: Vec<String>,
    },
    /// End a session, or all of a user, of a role or of the realm.
    Kill(Kill),
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this authrole; may be repeated
    #[arg(long, value_name = "ROLE")]
    authrole: Vec<String>,
    /// Print nothing but ids, a line each
    #[arg(long)]
    ids: bool,
}

#[derive(Debug, Args)]
struct Kill {
    #[command(flatten)]
    victims: VictimArgs,
    /// What they are told, a URI
    #[arg(long, value_name = "URI")]
    reason: Option<String>,
    /// What they are told, a sentence
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Don't ask whether --all is meant
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct VictimArgs {
    /// The session's id
    id: Option<u64>,
    /// All sessions of this authid
    #[arg(long)]
    authid: Option<String>,
    /// All sessions of this authrole
    #[arg(long, value_name = "ROLE")]
    authrole: Option<String>,
    /// All sessions of the realm, but this command's own
    #[arg(long)]
    all: bool,
}

impl Sessions {
    pub(crate) fn run(self) -> Result<()> {
        let Sessions { action, style, connection } = self;
        if let Action::Kill(kill) = &action {
            // Before there is a session, so that a signal ends the question as it ends any program.
            kill.confirm(connection.realm())?;
        }
        connection.ask(async |meta| match action {
            Action::List(list) => list.run(&meta, style).await,
            Action::Get { id } => {
                let details = meta.session_details(id).await?;
                style.record(&details.dict, || tree::lines(&details.dict))
            }
            Action::Count { authrole } => output::line(&meta.session_count(&authrole).await?.to_string()),
            Action::Kill(kill) => kill.run(&meta, style).await,
        })
    }
}

impl List {
    async fn run(self, meta: &Meta, style: output::Style) -> Result<()> {
        let ids = meta.session_ids(&self.authrole).await?;
        if self.ids {
            return output::lines(ids.iter().map(u64::to_string));
        }
        let ask = |id| {
            let meta = meta.clone();
            async move { meta.session_if_there(id).await }
        };
        // Who left between the two questions isn't there any more.
        let sessions: Vec<SessionDetails> = each(&ids, ask).await?.into_iter().flatten().collect();
        if style.json {
            return output::lines(sessions.iter().map(|session| session.dict.to_string()));
        }
        table(&sessions).print()
    }
}

/// Sessions for people.
pub(crate) fn table(sessions: &[SessionDetails]) -> Table {
    // Whoever says nothing about who they are has a long random authid: that, or the peer, is what a terminal can lack.
    let mut table = Table::new(&[
        ("session", Column::Text),
        ("authid", Column::Cut),
        ("authrole", Column::Text),
        ("authmethod", Column::Text),
        ("transport", Column::Text),
        ("peer", Column::Cut),
    ]);
    for session in sessions {
        let [authid, authrole, authmethod] =
            ["authid", "authrole", "authmethod"].map(|key| session.text(key).to_owned());
        let peer = session.transport_text("peer").to_owned();
        table.row([session.id().to_string(), authid, authrole, authmethod, session.transport(), peer]);
    }
    table
}

impl Kill {
    /// Asks the person at the terminal, if there is one, whether everybody is meant.
    fn confirm(&self, realm: &str) -> Result<()> {
        if !self.victims.all || self.yes || !io::stdin().is_terminal() {
            return Ok(());
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "end all sessions of {} but this one? [y/N] ", output::plain(realm))
            .and_then(|()| stderr.flush())
            .context("can't ask whether all are meant")?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).context("can't read the answer")?;
        if !["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            bail!("nobody was ended");
        }
        Ok(())
    }

    async fn run(self, meta: &Meta, style: output::Style) -> Result<()> {
        let Kill { victims, reason, message, .. } = self;
        let killed = meta.kill(victims.chosen()?, reason, message).await?;
        style.record(&record(&killed), || vec![sentence(&killed)])
    }
}

impl VictimArgs {
    fn chosen(self) -> Result<Victims> {
        match self {
            VictimArgs { id: Some(id), .. } => Ok(Victims::Session(id)),
            VictimArgs { authid: Some(authid), .. } => Ok(Victims::Authid(authid)),
            VictimArgs { authrole: Some(authrole), .. } => Ok(Victims::Authrole(authrole)),
            VictimArgs { all: true, .. } => Ok(Victims::All),
            VictimArgs { all: false, .. } => bail!("whom to end was not said"),
        }
    }
}

fn record(killed: &Killed) -> Dict {
    let mut record = Dict::from([("killed", killed.count.into())]);
    if let Some(sessions) = &killed.sessions {
        record.insert("sessions", Value::List(sessions.iter().copied().map(Value::from).collect()));
    }
    record
}

fn sentence(killed: &Killed) -> String {
    let sessions = if killed.count == 1 { "session" } else { "sessions" };
    match &killed.sessions {
        Some(ids) if !ids.is_empty() => {
            let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
            format!("ended {} {sessions}: {}", killed.count, ids.join(", "))
        }
        _ => format!("ended {} {sessions}", killed.count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ended_are_told_in_a_sentence() {
        assert_eq!(sentence(&Killed { count: 0, sessions: Some(vec![]) }), "ended 0 sessions");
        assert_eq!(sentence(&Killed { count: 1, sessions: Some(vec![7]) }), "ended 1 session: 7");
        assert_eq!(sentence(&Killed { count: 2, sessions: None }), "ended 2 sessions");
        assert_eq!(record(&Killed { count: 2, sessions: None }).to_string(), r#"{"killed":2}"#);
    }
}
