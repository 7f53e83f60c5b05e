//! `cloverleaf` and `cloverleaf start`: the router.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
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
use crate::cli::signals::{Hangups, Signals};

/// More threads than this share one runtime badly.
const THREADS_PER_RUNTIME: usize = 8;
/// After so many polls a thread looks for new input, if it didn't run out of work before. A connection may take a
/// millisecond for a poll, so tokio's default of 61 is long for whoever has just sent something. (Fewer cost nothing that
/// could be measured.)
const POLLS_PER_LOOK: u32 = 16;
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
    /// Where to listen: ADDRESS:PORT or localhost:PORT (port 0 is any free one) or unix:PATH; may be repeated
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
        let address: Option<SocketAddr> = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into()),
            None => text.parse().ok(),
        };
        let expected = "expected ADDRESS:PORT, such as 127.0.0.1:8080, or localhost:PORT or unix:PATH";
        address.map(|address| Where(Endpoint::tcp(address))).ok_or_else(|| expected.to_owned())
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
        let certificates = certificates(&config);
        let runtimes = runtimes()?;
        let handles: Vec<Handle> = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
        let first = handles.first().context("there is no runtime")?.clone();
        first.block_on(async {
            let mut signals = Signals::new()?;
            let mut hangups = Hangups::new()?;
            let node = Node::start_on(config, &handles)?;
            if let Err(error) = output::line(&announcement(&node, &realms, &certificates)) {
                // The log says where it listens, too, and clients don't come by stdout.
                warn!("can't announce where to connect: {error}");
            }
            signals
                .ended_with_reloads(&mut hangups, || match node.reload_tls() {
                    Ok(()) => info!("certificates were read again"),
                    Err(error) => warn!("certificates were not read again: {error}"),
                })
                .await;
            let sessions: usize = node.routers().iter().map(|router| router.sessions()).sum();
            info!("ending: waiting for {sessions} sessions to say goodbye; a second signal ends at once");
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
            let mut loaded = Config::load(file)?;
            let file = file.display();
            check_use(&loaded.config).map_err(|error| anyhow!("{file}: {error}"))?;
            for note in &mut loaded.notes {
                *note = format!("{file}: {note}");
            }
            return Ok(loaded);
        }
        let realms = self.realm.iter().map(|name| RealmConfig::open(name)).collect();
        let worker = WorkerConfig {
            router: RouterConfig { realms, ..RouterConfig::default() },
            listeners: self.listen.iter().map(|place| ListenerConfig::new(place.0.clone())).collect(),
            ..WorkerConfig::default()
        };
        Ok(Loaded { config: Config { node_id: None, workers: vec![worker] }, notes: Vec::new() })
    }
}

fn realm_names(config: &Config) -> Vec<String> {
    let realms = config.workers.iter().flat_map(|worker| &worker.router.realms);
    realms.map(|realm| realm.name.clone()).collect()
}

/// The certificate of each socket, in the order of [`Node::addresses`].
fn certificates(config: &Config) -> Vec<Option<PathBuf>> {
    let listeners = config.workers.iter().flat_map(|worker| &worker.listeners);
    listeners.map(|listener| listener.tls.as_ref().map(|tls| tls.certificate.clone())).collect()
}

/// One runtime for up to eight cores, then several alike.
fn runtimes() -> Result<Vec<Runtime>> {
    let threads = available_parallelism().map_or(1, usize::from);
    let count = threads.div_ceil(THREADS_PER_RUNTIME);
    let build = |_| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads.div_ceil(count)).event_interval(POLLS_PER_LOOK);
        builder.thread_name("cloverleaf").enable_all().build()
    };
    (0..count).map(build).collect::<Result<_, _>>().context("can't start threads")
}

/// Where the router is, and how to try it.
fn announcement(node: &Node, realms: &[String], certificates: &[Option<PathBuf>]) -> String {
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
    let [realm, ..] = realms else { return text.trim_end().to_owned() };
    text.push_str(&format!("realms: {}\n", realms.join(", ")));
    let mut places = node.addresses().iter().zip(certificates);
    if let Some(options) =
        places.find_map(|(address, certificate)| client_options(address, realm, certificate.as_deref()))
    {
        text.push_str(&format!("try: cloverleaf subscribe{options} com.example.hello\n"));
        text.push_str(&format!("     cloverleaf publish{options} com.example.hello world\n"));
    }
    text.trim_end().to_owned()
}

/// What a client command needs to say to get to a realm at an address; nothing where the defaults lead there.
fn client_options(address: &ListeningAt, realm: &str, certificate: Option<&Path>) -> Option<String> {
    let url = address.websocket_url().or_else(|| address.rawsocket_url())?;
    let mut options = String::new();
    if url != DEFAULT_URL {
        options.push_str(&format!(" --url {url}"));
    }
    if let Some(certificate) = certificate {
        options.push_str(&format!(" --tls-roots {}", certificate.display()));
    }
    if realm != "realm1" {
        options.push_str(&format!(" --realm {realm}"));
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_listen_are_addresses_localhost_or_files() {
        let place = |text: &str| text.parse::<Where>().map(|place| place.0);
        let local = Endpoint::tcp((Ipv4Addr::LOCALHOST, 8080).into());
        assert_eq!(place("127.0.0.1:8080"), Ok(local.clone()));
        assert_eq!(place("localhost:8080"), Ok(local));
        assert_eq!(place("unix:/run/a.sock"), Ok(Endpoint::unix("/run/a.sock")));
        for wrong in ["localhost", "localhost:", "localhost:65536", "8080", "example.com:80"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
