//! `cloverleaf schema`: what is declared about procedures, topics and errors.

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use wamp::value::Dict;
use wamp::{Serializer, Value};

use crate::cli::meta::{Change, Meta};
use crate::cli::output;
use crate::cli::session::Connection;
use crate::cli::table::{Column, Table};

/// What about schemas.
#[derive(Debug, Args)]
pub(crate) struct Schemas {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    style: output::Style,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List what is declared.
    List,
    /// Print what is declared about a URI, as JSON.
    Show {
        /// The URI
        uri: String,
    },
    /// Declare something about a URI.
    Define {
        /// The URI
        uri: String,
        /// A file with the declaration, YAML if its name says so and else JSON; - for stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take back what is declared about a URI.
    Remove {
        /// The URI
        uri: String,
    },
}

impl Schemas {
    pub(crate) fn run(self) -> Result<()> {
        let Schemas { action, style, connection } = self;
        match action {
            Action::List => connection.ask(async |meta| list(&meta, style).await),
            Action::Show { uri } => connection.ask(async |meta| show(&meta, &uri, style).await),
            Action::Define { uri, file } => {
                let schema = read(&file)?;
                connection.ask(async |meta| {
                    let change = meta.define_schema(&uri, schema).await?;
                    tell(&uri, change.name(), style)
                })
            }
            Action::Remove { uri } => connection.ask(async |meta| {
                let outcome = match meta.define_schema(&uri, Value::Null).await? {
                    Change::Unchanged => Change::Unchanged.name(),
                    Change::New | Change::Changed => "removed",
                };
                tell(&uri, outcome, style)
            }),
        }
    }
}

async fn list(meta: &Meta, style: output::Style) -> Result<()> {
    let schemas = meta.schemas().await?;
    if style.json {
        let record = |(uri, schema): (&str, &Value)| {
            Dict::from([("uri", uri.into()), ("schema", schema.clone())]).to_string()
        };
        return output::lines(schemas.iter().map(record));
    }
    let mut table = Table::new(&[("uri", Column::Text), ("type", Column::Text), ("title", Column::Cut)]);
    for (uri, schema) in schemas.iter() {
        let text = |key| {
            let value = schema.as_dict().and_then(|dict| dict.get(key));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let title = Some(text("title")).filter(|title| !title.is_empty());
        table.row([uri.to_owned(), text("type"), title.unwrap_or_else(|| text("description"))]);
    }
    table.print()
}

async fn show(meta: &Meta, uri: &str, style: output::Style) -> Result<()> {
    let Some(schema) = meta.schema(uri).await? else { bail!("nothing is declared about {uri}") };
    if style.json {
        return output::line(&schema.to_string());
    }
    output::line(&serde_json::to_string_pretty(&schema).context("the declaration has no form in JSON")?)
}

fn tell(uri: &str, outcome: &str, style: output::Style) -> Result<()> {
    let record = Dict::from([("uri", uri.into()), ("outcome", outcome.into())]);
    style.record(&record, || vec![format!("{uri}: {outcome}")])
}

/// The declaration in a file, or on stdin.
fn read(file: &PathBuf) -> Result<Value> {
    let name = if file.as_os_str() == "-" { "stdin".to_owned() } else { file.display().to_string() };
    let mut bytes = Vec::new();
    let done = if file.as_os_str() == "-" {
        io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        fs::read(file).map(|read| bytes = read)
    };
    done.map_err(|error| anyhow!("{name}: {error}"))?;
    if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        bytes = json_of_yaml(&bytes).map_err(|error| anyhow!("{name}: not YAML: {error}"))?;
    }
    let schema = Value::decode(Serializer::Json, bytes.trim_ascii())
        .map_err(|error| anyhow!("{name}: not JSON: {error}"))?;
    match schema {
        Value::Map(_) => Ok(schema),
        other => bail!("{name}: a declaration is a dictionary, not {}", other.kind_name()),
    }
}

fn json_of_yaml(bytes: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(bytes)?;
    let read = serde_saphyr::from_str::<serde_json::Value>(text);
    Ok(read.map_err(|error| anyhow!("{}", error.without_snippet()))?.to_string().into_bytes())
}
