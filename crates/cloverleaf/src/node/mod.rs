//! A node: routers, the sockets that lead to them, and sessions without sockets.

mod address;
mod memory;
mod stores;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use client::{ConnectError, Session};
use listeners::{
    ListenError, Listener, ListenerConfig, ServiceOptions, ServiceThreads, SystemClock, TlsError, TlsReload,
};
use router::authenticate::Preset;
use router::store::Store;
use router::{Edges, Identity, Realm, Router};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, WorkerConfig};

pub use address::ListeningAt;

use memory::MemoryLink;
use stores::RealmStore;

/// Routers at work, with their sockets.
///
/// It is to be ended by [`Node::stop`], which waits until everybody was told. Dropping it ends it too, without waiting.
pub struct Node {
    routers: Vec<Arc<Router>>,
    addresses: Vec<ListeningAt>,
    tls: Vec<TlsReload>,
    listeners: Vec<JoinHandle<()>>,
    stores: Vec<RealmStore>,
    stop: watch::Sender<bool>,
}

/// Why a node can't start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A configuration without anything to run.
    #[error("there is nothing to run: the configuration has no worker that isn't disabled")]
    NothingToRun,
    /// A realm, role or permission that can't be.
    #[error(transparent)]
    Config(#[from] router::ConfigError),
    /// The file in which a realm keeps what it keeps can't be opened.
    #[error("realm {realm:?}: {source}")]
    Store {
        /// The realm.
        realm: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it; displays with the file.
        source: store::OpenError,
    },
    /// A file for a realm that isn't there.
    #[error("the store in {} is for realm {realm:?}, which is not in the configuration", path.display())]
    StoreWithoutRealm {
        /// The realm.
        realm: String,
        /// The file.
        path: PathBuf,
    },
    /// The system has no thread for work beside routing.
    #[error("the service threads can't be started: {0}")]
    Threads(#[source] io::Error),
    /// A socket that can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

impl Node {
    /// Starts a node on the current runtime. When this returns, clients can connect.
    ///
    /// # Errors
    /// A configuration that makes no sense, a store that can't be opened, or an address that can't be listened on; then
    /// nothing runs.
    pub async fn start(config: Config) -> Result<Node, StartError> {
        Node::start_on(config, &[Handle::current()])
    }

    /// Starts a node whose connections are dealt out to several runtimes, the first of which accepts them. All of them
    /// must have I/O and time enabled.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub fn start_on(config: Config, runtimes: &[Handle]) -> Result<Node, StartError> {
        if config.workers.is_empty() {
            return Err(StartError::NothingToRun);
        }
        let (stop, stopping) = watch::channel(false);
        let mut node = Node {
            routers: Vec::new(),
            addresses: Vec::new(),
            tls: Vec::new(),
            listeners: Vec::new(),
            stores: Vec::new(),
            stop,
        };
        let threads = |options| ServiceThreads::start(options).map(Arc::new).map_err(StartError::Threads);
        let service = threads(ServiceOptions::default())?;
        // A search through a large history may take seconds, and nobody else is to wait for it.
        let readers = threads(ServiceOptions { name: "history", ..ServiceOptions::default() })?;
        let mut made = Vec::new();
        for worker in config.workers {
            let edges = node.edges(&worker, &service, &readers)?;
            made.push((Router::with_edges(worker.router, edges)?, worker.id, worker.listeners));
        }
        // Only now the sockets: nobody gets a connection to what isn't going to run.
        let mut bound = Vec::new();
        for (router, id, listeners) in made {
            let transports = listeners.len();
            for config in listeners {
                bound.push(node.bind(config, &router, runtimes)?);
            }
            let (node_id, realms) = (config.node_id.as_deref(), router.realms().len());
            tracing::info!(node = node_id, worker = id, realms, transports, "a router starts");
            node.routers.push(router);
        }
        for listener in bound {
            let mut stopping = stopping.clone();
            // An error is the sender's end, which means the same.
            let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
            let Some(first) = runtimes.first() else { continue };
            node.listeners.push(first.spawn(listener.run(stopped)));
        }
        Ok(node)
    }

    /// What the router of a worker is given beside its configuration.
    fn edges(
        &mut self,
        worker: &WorkerConfig,
        service: &Arc<ServiceThreads>,
        readers: &Arc<ServiceThreads>,
    ) -> Result<Edges, StartError> {
        let stores = stores::open(worker)?;
        self.stores.extend(stores.iter().cloned());
        Ok(Edges {
            clock: Arc::new(SystemClock),
            background: Some(Arc::clone(service) as _),
            readers: Some(Arc::clone(readers) as _),
            stores: stores.into_iter().map(|(realm, store)| (realm, store as Arc<dyn Store>)).collect(),
        })
    }

    fn bind(
        &mut self,
        config: ListenerConfig,
        router: &Arc<Router>,
        runtimes: &[Handle],
    ) -> Result<Listener, ListenError> {
        let describe = ListeningAt::of(&config);
        let listener = Listener::bind(config, Arc::clone(router), runtimes)?;
        self.addresses.push(describe(listener.local_address().clone()));
        self.tls.extend(listener.tls());
        Ok(listener)
    }

    /// Where clients can connect, in the order of the configuration.
    pub fn addresses(&self) -> &[ListeningAt] {
        &self.addresses
    }

    /// The routers, one for each worker of the configuration.
    pub fn routers(&self) -> &[Arc<Router>] {
        &self.routers
    }

    /// The realm of a name, of the first router that has it.
    pub fn realm(&self, name: &str) -> Option<Arc<Realm>> {
        self.routers.iter().find_map(|router| router.realm(name))
    }

    /// Opens a session inside the process, as a part of the router itself: its authrole is `trusted`, which may do
    /// everything. To be called on a runtime, which looks after the session.
    ///
    /// # Errors
    /// There is no such realm, or the node is being stopped.
    pub async fn session(&self, realm: &str) -> Result<Session, ConnectError> {
        self.session_as(realm, Identity::trusted("embedded")).await
    }

    /// Opens a session inside the process under an identity of the program's choice, to which the permissions of its
    /// authrole apply.
    ///
    /// # Errors
    /// As [`Node::session`].
    pub async fn session_as(&self, realm: &str, identity: Identity) -> Result<Session, ConnectError> {
        Session::over(self.link(realm, identity), realm).connect().await
    }

    /// A way into the first router that has the realm; into any, which will refuse, if none has.
    fn link(&self, realm: &str, identity: Identity) -> MemoryLink {
        let has_realm = self.routers.iter().find(|router| router.realm(realm).is_some());
        // There is a router: `start_on` made sure.
        let router = has_realm.unwrap_or(&self.routers[0]);
        MemoryLink::new(router, Arc::new(Preset(identity)))
    }

    /// Reads the certificates and keys of all TLS sockets again; connections that exist keep theirs.
    ///
    /// # Errors
    /// The first files that can't be used; their socket goes on with what it had, as do those after it.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        self.tls.iter().try_for_each(TlsReload::reload)
    }

    /// Says GOODBYE `wamp.close.system_shutdown` to all sessions, lets nobody in any more, and waits until the
    /// connections are gone, for the listeners' drain timeout at most. Then it writes what waits in the stores and closes
    /// them.
    pub async fn stop(mut self) {
        self.say_goodbye();
        for listener in std::mem::take(&mut self.listeners) {
            if let Err(error) = listener.await {
                tracing::error!(%error, "a listener ended badly");
            }
        }
        let sessions = || self.routers.iter().map(|router| router.sessions()).sum();
        stores::close(std::mem::take(&mut self.stores), sessions).await;
    }

    fn say_goodbye(&self) {
        for router in &self.routers {
            router.shutdown();
        }
        self.stop.send_replace(true);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
