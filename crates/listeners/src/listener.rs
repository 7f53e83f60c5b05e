//! A listening socket and the connections that came from it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use router::{Address, ChannelType, Router, TransportDetails};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Sleep, sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::admission::Admission;
use crate::here::transport_here;
use crate::lane::{self, Lane};
use crate::newcomer::{Newcomer, Stream};
use crate::opening::Context;
use crate::socket::{Incoming, Socket, is_of_one_connection};
use crate::tls::Tls;
use crate::{ListenError, ListenerConfig, LocalAddress, PeerAddress, TlsReload};

/// How long accepting pauses when the system has no room for another connection, at first and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// A socket that listens for WAMP clients. [`Listener::run`] serves them.
pub struct Listener {
    socket: Socket,
    local_address: LocalAddress,
    tls: Option<Tls>,
    context: Arc<Context>,
    admission: Arc<Admission>,
    lanes: Vec<Arc<Lane>>,
}

impl Listener {
    /// Binds the socket. From here on clients can connect, though nobody answers before [`Listener::run`].
    ///
    /// Connections are dealt out to `runtimes`, each to the one that has the fewest; the first one accepts them. All of
    /// them must have I/O and time enabled.
    ///
    /// # Errors
    /// An address that can't be listened on, TLS files that can't be used, or a configuration without sense.
    pub fn bind(
        config: ListenerConfig,
        router: Arc<Router>,
        runtimes: &[Handle],
    ) -> Result<Listener, ListenError> {
        let address = || LocalAddress::from(&config.endpoint);
        let Some(first) = runtimes.first() else {
            return Err(ListenError::NoRuntime { address: address() });
        };
        if config.rawsocket.is_none() && config.websocket.is_none() && config.http.is_none() {
            return Err(ListenError::NothingSpoken { address: address() });
        }
        let tls = match (&config.tls, address()) {
            (Some(_), address @ LocalAddress::Unix(_)) => return Err(ListenError::TlsOnUnix { address }),
            (Some(files), address) => {
                Some(Tls::load(files).map_err(|source| ListenError::Tls { address, source })?)
            }
            (None, _) => None,
        };
        let socket = {
            let _entered = first.enter();
            Socket::bind(&config.endpoint, config.limits.tcp_keepalive)?
        };
        Ok(Listener {
            local_address: socket.local_address(),
            socket,
            tls,
            admission: Admission::new(&config.limits),
            lanes: runtimes.iter().map(|runtime| Lane::new(runtime, &config)).collect(),
            context: Context::new(config, router),
        })
    }

    /// Where it listens: with the port it has got, if it asked for port 0.
    pub fn local_address(&self) -> &LocalAddress {
        &self.local_address
    }

    /// What reads the TLS files again, if there is TLS.
    pub fn tls(&self) -> Option<TlsReload> {
        self.tls.as_ref().map(Tls::reload_handle)
    }

    /// Accepts and serves connections until `shutdown` is done; then ends listening, lets go who isn't connected yet,
    /// and waits for the others, for the drain timeout at most.
    ///
    /// The sessions are the router's to end ([`Router::shutdown`]): a connection ends with its session. To be called on
    /// a runtime with time enabled; the connections live on theirs.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Listener { socket, local_address, tls, context, admission, lanes } = self;
        info!("listening on {local_address}");
        let (stop, stopping) = watch::channel(());
        let drain_timeout = context.config.limits.drain_timeout;
        let _sweepers = Sweepers(lanes.iter().flat_map(|lane| lane.start_sweeping()).collect());
        let mut accepting = Accepting {
            socket,
            tls,
            context,
            admission,
            lanes,
            stopping,
            tasks: JoinSet::new(),
            pause: None,
            pause_next: BACKOFF_MIN,
        };
        let mut shutdown = pin!(shutdown);
        poll_fn(
            |cx| if shutdown.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { accepting.poll(cx) },
        )
        .await;
        let Accepting { socket, mut tasks, .. } = accepting;
        drop(socket);
        drop(stop);
        info!(connections = tasks.len(), "no longer listening on {local_address}");
        let all_gone = async {
            while let Some(ended) = tasks.join_next().await {
                report(ended);
            }
        };
        if timeout(drain_timeout, all_gone).await.is_err() {
            warn!(connections = tasks.len(), "connections of {local_address} are cut off");
            tasks.shutdown().await;
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("local_address", &self.local_address).finish_non_exhaustive()
    }
}

/// Ends the sweepers with the listener.
struct Sweepers(Vec<AbortHandle>);

impl Drop for Sweepers {
    fn drop(&mut self) {
        for sweeper in &self.0 {
            sweeper.abort();
        }
    }
}

/// A listener at work.
struct Accepting {
    socket: Socket,
    tls: Option<Tls>,
    context: Arc<Context>,
    admission: Arc<Admission>,
    lanes: Vec<Arc<Lane>>,
    /// Closed when the listener ends.
    stopping: watch::Receiver<()>,
    tasks: JoinSet<()>,
    /// Until when accepting pauses.
    pause: Option<Pin<Box<Sleep>>>,
    pause_next: Duration,
}

impl Accepting {
    /// Accepts whoever is there. It is never done.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        while let Poll::Ready(Some(ended)) = self.tasks.poll_join_next(cx) {
            report(ended);
        }
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            match self.socket.poll_accept(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(incoming)) => {
                    self.pause_next = BACKOFF_MIN;
                    self.launch(incoming);
                }
                Poll::Ready(Err(error)) if is_of_one_connection(&error) => {
                    debug!("a connection ended before it was accepted: {error}");
                }
                Poll::Ready(Err(error)) => {
                    // Most likely there are too many open files: trying again at once would only burn time.
                    warn!("no connection can be accepted for {:?}: {error}", self.pause_next);
                    self.pause = Some(Box::pin(sleep(self.pause_next)));
                    self.pause_next = (self.pause_next * 2).min(BACKOFF_MAX);
                }
            }
        }
    }

    /// Starts the task of a connection.
    fn launch(&mut self, incoming: Incoming) {
        let peer = match &incoming {
            Incoming::Tcp(_, address) => PeerAddress::Tcp(*address),
            Incoming::Unix(_) => PeerAddress::Unix,
        };
        let (Some(admitted), Some(place)) = (self.admission.admit(&peer), lane::fewest(&self.lanes)) else {
            debug!(%peer, "connection dropped: there are too many");
            return;
        };
        if admitted.is_turned_away() {
            warn!(%peer, "connection turned away: there are too many");
        }
        // The socket belongs to the runtime that accepted it, and has to move if that isn't the one that serves it.
        let moves = self.lanes.len() > 1;
        let handle = place.handle().clone();
        let newcomer = Newcomer {
            peer,
            transport: self.transport(&incoming, peer),
            admitted,
            place,
            context: Arc::clone(&self.context),
            stopping: self.stopping.clone(),
        };
        match (incoming, self.tls.clone()) {
            (Incoming::Tcp(stream, _), tls) => {
                let moved = if moves { stream.into_std().map(Stream::Std) } else { Ok(Stream::Here(stream)) };
                match tls {
                    None => self.spawn(&handle, moved, |stream| newcomer.arrive_by_tcp(stream)),
                    Some(tls) => {
                        self.spawn(&handle, moved, |stream| newcomer.arrive_by_tls(stream, tls));
                    }
                }
            }
            (Incoming::Unix(stream), _) => {
                let moved = if moves { stream.into_std().map(Stream::Std) } else { Ok(Stream::Here(stream)) };
                self.spawn(&handle, moved, |stream| newcomer.arrive_by_unix(stream));
            }
        }
    }

    /// What is known of a connection without asking its peer.
    fn transport(&self, incoming: &Incoming, peer: PeerAddress) -> TransportDetails {
        let (channel_type, own, own_fd) = match incoming {
            Incoming::Tcp(stream, _) => {
                let channel_type = if self.tls.is_some() { ChannelType::Tls } else { ChannelType::Tcp };
                let own = stream.local_addr().ok().map(Address::from);
                (channel_type, own, stream.as_raw_fd())
            }
            Incoming::Unix(stream) => {
                (ChannelType::Unix, Some(self.socket.local_address().to_string().into()), stream.as_raw_fd())
            }
        };
        TransportDetails { own, own_fd, ..transport_here(channel_type, peer) }
    }

    fn spawn<S, F>(&mut self, handle: &Handle, stream: io::Result<S>, task: impl FnOnce(S) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match stream {
            Ok(stream) => {
                self.tasks.spawn_on(task(stream), handle);
            }
            Err(error) => debug!("a connection was lost on its way to its runtime: {error}"),
        }
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(panic) = ended
        && panic.is_panic()
    {
        error!("a connection ended by a panic: {panic}");
    }
}
