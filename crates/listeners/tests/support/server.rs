//! A router behind one listener, on runtimes of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use cloverleaf_listeners::{Endpoint, Listener, ListenerConfig, LocalAddress, TlsReload};
use router::Router;
use router::config::RouterConfig;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{PATIENCE, Pipe};

/// A router with an open realm `realm1` behind one listener.
pub(crate) struct Server {
    pub(crate) router: Arc<Router>,
    pub(crate) address: LocalAddress,
    pub(crate) tls: Option<TlsReload>,
    stop: Option<oneshot::Sender<()>>,
    listening: Option<JoinHandle<()>>,
    runtimes: Vec<Runtime>,
}

impl Server {
    /// With everything at its default.
    pub(crate) fn start() -> Self {
        Server::with(|_| {})
    }

    /// With a change to the listener.
    pub(crate) fn with(change: impl FnOnce(&mut ListenerConfig)) -> Self {
        Server::with_both(|_, config| change(config))
    }

    /// With a change to the router, to the listener, or both.
    pub(crate) fn with_both(change: impl FnOnce(&mut RouterConfig, &mut ListenerConfig)) -> Self {
        Server::on_runtimes(1, change)
    }

    pub(crate) fn on_runtimes(
        count: usize,
        change: impl FnOnce(&mut RouterConfig, &mut ListenerConfig),
    ) -> Self {
        let mut router = RouterConfig::default();
        let mut config = ListenerConfig::new(Endpoint::tcp((Ipv4Addr::LOCALHOST, 0).into()));
        change(&mut router, &mut config);
        let runtimes: Vec<_> = (0..count)
            .map(|_| {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(2).enable_all().build().expect("a runtime")
            })
            .collect();
        let handles: Vec<_> = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
        let router = Router::new(router).expect("a good configuration");
        let listener = Listener::bind(config, Arc::clone(&router), &handles).expect("a free port");
        let address = listener.local_address().clone();
        let tls = listener.tls();
        let (stop, stopped) = oneshot::channel();
        let listening = runtimes[0].spawn(listener.run(async {
            let _ = stopped.await;
        }));
        Server { router, address, tls, stop: Some(stop), listening: Some(listening), runtimes }
    }

    pub(crate) fn socket_addr(&self) -> SocketAddr {
        self.address.socket_addr().expect("it listens on TCP")
    }

    /// A new connection, over which nothing was said yet.
    pub(crate) fn connect(&self) -> Pipe {
        match &self.address {
            LocalAddress::Tcp(address) => Pipe::tcp(TcpStream::connect(address).expect("it listens")),
            LocalAddress::Unix(path) => Pipe::unix(UnixStream::connect(path).expect("it listens")),
        }
    }

    /// Ends the listener without ending the sessions first.
    pub(crate) fn stop_listening(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits for the listener's end, after [`Server::stop_listening`].
    pub(crate) fn join(&mut self) {
        if let Some(listening) = self.listening.take() {
            let ended = self.runtimes[0].block_on(async { tokio::time::timeout(PATIENCE, listening).await });
            ended.expect("it ends in time").expect("it ends without a panic");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
    }
}
