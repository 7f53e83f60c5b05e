//! `cloverleaf subscription` and `cloverleaf registration`: what there is, and who is at it.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use wamp::Value;
use wamp::value::Dict;

use crate::cli::meta::{Described, Kind};
use crate::cli::session::{Connection, Match};
use crate::cli::table::{Column, Table};
use crate::cli::{output, tree};

/// What about subscriptions.
#[derive(Debug, Args)]
pub(crate) struct Subscriptions {
    #[command(subcommand)]
    action: SubscriptionAction,
    #[command(flatten)]
    style: output::Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum SubscriptionAction {
    /// List subscriptions.
    List(List),
    /// Print what the router tells about a subscription.
    Get(Get),
    /// List the subscriptions that an event with this topic goes to.
    Match(Matching),
    /// Print the id of the subscription to exactly this topic or pattern.
    Lookup(Lookup),
    /// Print the ids of a subscription's sessions.
    Subscribers(Get),
    /// Take a session's subscription away.
    Remove(Remove),
}

/// What about registrations.
#[derive(Debug, Args)]
pub(crate) struct Registrations {
    #[command(subcommand)]
    action: RegistrationAction,
    #[command(flatten)]
    style: output::Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum RegistrationAction {
    /// List registrations.
    List(List),
    /// Print what the router tells about a registration.
    Get(Get),
    /// List the registration that a call of this procedure goes to.
    Match(Matching),
    /// Print the id of the registration of exactly this procedure or pattern.
    Lookup(Lookup),
    /// Print the ids of a registration's sessions.
    Callees(Get),
    /// Take a session's registration away.
    Remove(Remove),
}

#[derive(Debug, Args)]
struct List {
    /// Only those of this session
    #[arg(long, value_name = "ID")]
    session: Option<u64>,
}

#[derive(Debug, Args)]
struct Get {
    /// Its id
    id: u64,
}

#[derive(Debug, Args)]
struct Matching {
    /// The URI
    uri: String,
}

#[derive(Debug, Args)]
struct Lookup {
    /// The URI
    uri: String,
    /// How it is matched
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    match_policy: Match,
}

#[derive(Debug, Args)]
struct Remove {
    /// Its id
    id: u64,
    /// The session's id
    session: u64,
    /// What the session is told, a URI
    #[arg(long, value_name = "URI")]
    reason: Option<String>,
}

/// The same for both kinds.
enum Action {
    List(List),
    Get(Get),
    Match(Matching),
    Lookup(Lookup),
    Members(Get),
    Remove(Remove),
}

impl Subscriptions {
    pub(crate) fn run(self) -> Result<()> {
        let action = match self.action {
            SubscriptionAction::List(list) => Action::List(list),
            SubscriptionAction::Get(get) => Action::Get(get),
            SubscriptionAction::Match(matching) => Action::Match(matching),
            SubscriptionAction::Lookup(lookup) => Action::Lookup(lookup),
            SubscriptionAction::Subscribers(get) => Action::Members(get),
            SubscriptionAction::Remove(remove) => Action::Remove(remove),
        };
        action.run(Kind::Subscription, self.style, self.connection)
    }
}

impl Registrations {
    pub(crate) fn run(self) -> Result<()> {
        let action = match self.action {
            RegistrationAction::List(list) => Action::List(list),
            RegistrationAction::Get(get) => Action::Get(get),
            RegistrationAction::Match(matching) => Action::Match(matching),
            RegistrationAction::Lookup(lookup) => Action::Lookup(lookup),
            RegistrationAction::Callees(get) => Action::Members(get),
            RegistrationAction::Remove(remove) => Action::Remove(remove),
        };
        action.run(Kind::Registration, self.style, self.connection)
    }
}

impl Action {
    fn run(self, kind: Kind, style: output::Style, connection: Connection) -> Result<()> {
        connection.ask(async |meta| match self {
            Action::List(List { session }) => {
                let ids = meta.entry_ids(kind, session).await?;
                let all = match session {
                    Some(_) => meta.describe_held(kind, &ids).await?,
                    None => meta.describe_all(kind, &ids).await?,
                };
                list(kind, &all, style)
            }
            Action::Get(Get { id }) => {
                let entry = meta.entry(kind, id).await?;
                style.record(&entry.dict, || tree::lines(&entry.dict))
            }
            Action::Match(Matching { uri }) => {
                let ids = meta.entries_matching(kind, &uri).await?;
                if ids.is_empty() {
                    bail!("no {} matches {uri}", kind.name());
                }
                list(kind, &meta.describe_all(kind, &ids).await?, style)
            }
            Action::Lookup(Lookup { uri, match_policy }) => {
                match meta.entry_at(kind, &uri, match_policy.policy()).await? {
                    Some(id) => output::line(&id.to_string()),
                    None => bail!("there is no {} at {uri} (match {})", kind.name(), match_policy.name()),
                }
            }
            Action::Members(Get { id }) => {
                output::lines(meta.members(kind, id).await?.iter().map(u64::to_string))
            }
            Action::Remove(Remove { id, session, reason }) => {
                meta.remove_member(kind, id, session, reason).await?;
                let record = Dict::from([(kind.name(), id.into()), ("session", session.into())]);
                style.record(&record, || {
                    vec![format!("session {session} is not at {} {id} any more", kind.name())]
                })
            }
        })
    }
}

fn list(kind: Kind, all: &[Described], style: output::Style) -> Result<()> {
    if style.json {
        return output::lines(all.iter().map(|described| record(kind, described).to_string()));
    }
    table(kind, all).print()
}

/// One for scripts.
pub(crate) fn record(kind: Kind, described: &Described) -> Dict {
    let mut record = described.entry.dict.clone();
    record.insert(kind.members(), described.members.map_or(Value::Null, Value::from));
    record
}

/// Some for people.
pub(crate) fn table(kind: Kind, all: &[Described]) -> Table {
    let invoke = (kind == Kind::Registration).then_some(("invoke", Column::Text));
    let mut columns = vec![("id", Column::Text), ("match", Column::Text)];
    columns.extend(invoke);
    columns.extend([("uri", Column::Text), (kind.members(), Column::Count), ("created", Column::Cut)]);
    let mut table = Table::new(&columns);
    for Described { entry, members } in all {
        let [policy, invoke, uri, created] =
            ["match", "invoke", "uri", "created"].map(|key| entry.text(key).to_owned());
        let id = entry.id().to_string();
        let members = members.map(|members| members.to_string()).unwrap_or_default();
        match kind {
            Kind::Subscription => table.row([id, policy, uri, members, created]),
            Kind::Registration => table.row([id, policy, invoke, uri, members, created]),
        }
    }
    table
}
