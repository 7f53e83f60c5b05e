//! The process with the router in it: what `cloverleaf` runs, and a crowd or a file besides.
//!
//! It says where it listens when everything is there, answers questions on its standard input, a line each, and ends with
//! it.

use std::io::{Write, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context, Result, bail};
use clap::Args;
use listeners::{Endpoint, Listener, ListenerConfig, PollWatch, ServiceOptions, ServiceThreads, SystemClock};
use router::config::{HistoryConfig, RoleConfig};
use router::store::Store;
use router::{Edges, RealmConfig, Router, RouterConfig};
use serde::{Deserialize, Serialize};
use store::{Redb, RedbOptions};
use tokio::runtime::Builder;
use wamp::MatchPolicy;

use super::REALM;
use super::crowd::{Crowd, ROLE, Size};
use super::poll_log::PollLog;

/// The topic with a history, where there is one.
pub(super) const HISTORY_TOPIC: &str = "org.cloverleaf.bench.history";

/// Asks for [`super::crowd::Memory`].
pub(super) const MEMORY: &str = "memory";
/// Asks for the session ids of the victims.
pub(super) const VICTIMS: &str = "victims";
/// Asks for [`Health`].
pub(super) const HEALTH: &str = "health";
/// Asks for [`super::poll_log::PollTimes`] since the last time.
pub(super) const POLLS: &str = "polls";

/// What a router is to have in it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Host {
    #[command(flatten)]
    size: Size,
    /// The file in which the realm keeps event history; none: it keeps none.
    #[arg(long)]
    history: Option<PathBuf>,
    /// Measure each poll of a connection.
    #[arg(long)]
    polls: bool,
}

/// How the store of history is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Health {
    pub(super) pending: u64,
    pub(super) written: u64,
    pub(super) lost: u64,
}

/// The history of [`HISTORY_TOPIC`], without bounds.
pub(super) fn history_config() -> HistoryConfig {
    HistoryConfig {
        events_max: u64::MAX,
        bytes_max: u64::MAX,
        ..HistoryConfig::new(HISTORY_TOPIC, MatchPolicy::Exact)
    }
}

impl Host {
    /// Runs until standard input ends.
    pub(crate) fn run(self) -> Result<()> {
        let threads = available_parallelism().map_or(1, usize::from);
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
        let router = self.router()?;
        let crowd = Crowd::gather(&router, &self.size)?;
        let endpoint = Endpoint::tcp((Ipv4Addr::LOCALHOST, 0).into());
        let handles = [runtime.handle().clone()];
        let polls = self.polls.then(|| Arc::new(PollLog::new()));
        let poll_watch = polls.clone().map(|log| log as Arc<dyn PollWatch>);
        let config = ListenerConfig { poll_watch, ..ListenerConfig::new(endpoint) };
        let listener = Listener::bind(config, Arc::clone(&router), &handles)?;
        let address = listener.local_address().socket_addr().context("it is a TCP port")?;
        // It ends with the runtime.
        drop(runtime.spawn(listener.run(std::future::pending())));
        say(&announcement(address))?;
        for question in stdin().lines() {
            say(&answer(&question?, &router, &crowd, polls.as_deref())?)?;
        }
        router.shutdown();
        Ok(())
    }

    fn router(&self) -> Result<Arc<Router>> {
        let history: Vec<HistoryConfig> = self.history.iter().map(|_| history_config()).collect();
        let mut realm = RealmConfig { history, ..RealmConfig::open(REALM) };
        realm.roles.push(RoleConfig::allow_all(ROLE));
        let mut edges = Edges {
            clock: Arc::new(SystemClock),
            background: Some(Arc::new(ServiceThreads::start(ServiceOptions::default())?)),
            ..Edges::default()
        };
        if let Some(path) = &self.history {
            let store = Redb::open(path, &RedbOptions::default(), &realm.history)?;
            edges.stores.insert(REALM.to_owned(), Arc::new(store) as Arc<dyn Store>);
        }
        let config = RouterConfig { realms: vec![realm], ..RouterConfig::default() };
        Ok(Router::with_edges(config, edges)?)
    }
}

fn announcement(address: SocketAddr) -> String {
    format!("listening on {address}")
}

fn answer(question: &str, router: &Arc<Router>, crowd: &Crowd, polls: Option<&PollLog>) -> Result<String> {
    Ok(match question {
        MEMORY => serde_json::to_string(&crowd.memory)?,
        VICTIMS => serde_json::to_string(&crowd.victims)?,
        HEALTH => {
            let health = router.realm(REALM).context("it was made")?.store_health();
            let (pending, written, lost) = (health.pending, health.written, health.lost);
            serde_json::to_string(&Health { pending, written, lost })?
        }
        POLLS => serde_json::to_string(&polls.context("polls are not measured")?.take())?,
        _ => bail!("unknown question {question:?}"),
    })
}

fn say(line: &str) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
