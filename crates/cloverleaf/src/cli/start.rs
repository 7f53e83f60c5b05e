//! `cloverleaf` and `cloverleaf start`: the router.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use cloverleaf::config::{Config, Loaded, WorkerConfig};
use cloverleaf::{ListeningAt, Node};
use listeners::{Endpoint, ListenerConfig};
use router::config::{RealmConfig, RouterConfig};
use tokio::runtime::{Builder, Handle, Runtime};
use tracing::{info, warn};

use crate::cli::check::check_use;
use crate::cli::logging::Logging;
use crate::cli::output;
use crate::cli::signals::Signals;

/// More threads than this share one runtime badly.
const THREADS_PER_RUNTIME: usize = 8;
/// What tasks get to end when all is said.
const RUNTIME_END: Duration = Duration::from_millis(500);
/// Where clients look if nobody tells them.
const DEFAULT_URL: &str = "ws://127.0.0.1:8080/ws";

/// What the router runs.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// A config file, YAML or JSON; instead of the other options
    #[arg(long, value_name = "FILE", conflicts_with_all = ["listen", "realm"])]
    config: Option<PathBuf>,
    /// Where to listen: ADDRESS:PORT (port 0 is any free one) or unix:PATH; may be repeated
    #[arg(long, value_name = "WHERE", default_value = "127.0.0.1:8080")]
    listen: Vec<Where>,
    /// A realm, in which anonymous clients may do everything; may be repeated
    #[arg(long, value_name = "NAME", default_value = "realm1")]
    realm: Vec<String>,
    #[command(flatten)]
    logging: Logging,
}

/// A place to listen.
#[derive(Debug, Clone)]
struct Where(Endpoint);

impl FromStr for Where {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Where(Endpoint::unix(path)));
        }
        let address: SocketAddr = text
            .parse()
            .map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080, or unix:PATH".to_owned())?;
        Ok(Where(Endpoint::tcp(address)))
    }
}

impl Start {
    /// Runs until a signal comes.
    pub(crate) fn run(self) -> Result<()> {
        self.logging.start()?;
        let Loaded { config, notes } = self.load()?;
        for note in notes {
            warn!("{note}");
        }
        let realms = realm_names(&config);
        let runtimes = runtimes()?;
        let handles: Vec<Handle> = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
        let first = handles.first().context("there is no runtime")?.clone();
        first.block_on(async {
            let mut signals = Signals::new()?;
            let node = Node::start_on(config, &handles)?;
            announce(&node, &realms)?;
            signals
                .ended_with_reloads(|| match node.reload_tls() {
                    Ok(()) => info!("certificates were read again"),
                    Err(error) => warn!("certificates were not read again: {error}"),
                })
                .await;
            info!("ending; a second signal ends at once");
            tokio::select! {
                () = node.stop() => info!("ended"),
                () = signals.ended() => warn!("ended at once"),
            }
            anyhow::Ok(())
        })?;
        for runtime in runtimes {
            runtime.shutdown_timeout(RUNTIME_END);
        }
        Ok(())
    }

    fn load(&self) -> Result<Loaded> {
        if let Some(file) = &self.config {
            let loaded = Config::load(file)?;
            check_use(&loaded.config).map_err(|error| anyhow!("{}: {error}", file.display()))?;
            return Ok(loaded);
        }
        let realms = self.realm.iter().map(|name| RealmConfig::open(name)).collect();
        let worker = WorkerConfig {
            id: None,
            router: RouterConfig { realms, ..RouterConfig::default() },
            listeners: self.listen.iter().map(|place| ListenerConfig::new(place.0.clone())).collect(),
        };
        Ok(Loaded { config: Config { node_id: None, workers: vec![worker] }, notes: Vec::new() })
    }
}

fn realm_names(config: &Config) -> Vec<String> {
    let realms = config.workers.iter().flat_map(|worker| &worker.router.realms);
    realms.map(|realm| realm.name.clone()).collect()
}

/// One runtime for up to eight cores, then several alike.
fn runtimes() -> Result<Vec<Runtime>> {
    let threads = available_parallelism().map_or(1, usize::from);
    let count = threads.div_ceil(THREADS_PER_RUNTIME);
    let build = |_| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads.div_ceil(count)).thread_name("cloverleaf").enable_all().build()
    };
    (0..count).map(build).collect::<Result<_, _>>().context("can't start threads")
}

/// Says where the router is, once clients can connect.
fn announce(node: &Node, realms: &[String]) -> Result<()> {
    let mut text = String::new();
    for address in node.addresses() {
        let tls = if address.tls { " (TLS)" } else { "" };
        text.push_str(&format!("listening on {address}{tls}\n"));
        let urls = [("WebSocket", address.websocket_url()), ("RawSocket", address.rawsocket_url())];
        for (transport, url) in urls {
            if let Some(url) = url {
                text.push_str(&format!("  {transport}: {url}\n"));
            }
        }
    }
    let [realm, ..] = realms else { return output::line(text.trim_end()) };
    text.push_str(&format!("realms: {}\n", realms.join(", ")));
    if let Some(options) = node.addresses().iter().find_map(|address| client_options(address, realm)) {
        text.push_str(&format!("try: cloverleaf subscribe{options} com.example.hello\n"));
        text.push_str(&format!("     cloverleaf publish{options} com.example.hello world\n"));
    }
    output::line(text.trim_end())
}

/// What a client command needs to say to get to a realm at an address; nothing where the defaults lead there.
fn client_options(address: &ListeningAt, realm: &str) -> Option<String> {
    let url = address.websocket_url().or_else(|| address.rawsocket_url())?;
    let mut options = String::new();
    if url != DEFAULT_URL {
        options.push_str(&format!(" --url {url}"));
    }
    if realm != "realm1" {
        options.push_str(&format!(" --realm {realm}"));
    }
    Some(options)
}
