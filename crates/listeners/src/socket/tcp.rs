//! A TCP port.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpListener;

use super::Incoming;

/// How many unanswered probes, after the first, mean that a peer is gone, and how long they are apart.
const KEEPALIVE_PROBES: u32 = 4;
const KEEPALIVE_PROBE_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct TcpSocket {
    listener: TcpListener,
    address: SocketAddr,
}

impl TcpSocket {
    pub(super) fn bind(
        address: SocketAddr,
        backlog: u32,
        v6_only: Option<bool>,
        shared: bool,
        keepalive: Option<Duration>,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restarted router must not wait for connections of its predecessor to be forgotten.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        if let (Some(v6_only), true) = (v6_only, address.is_ipv6()) {
            socket.set_only_v6(v6_only)?;
        }
        if let Some(after) = keepalive {
            // Accepted sockets inherit it.
            let keepalive = TcpKeepalive::new().with_time(after).with_interval(KEEPALIVE_PROBE_INTERVAL);
            socket.set_tcp_keepalive(&keepalive.with_retries(KEEPALIVE_PROBES))?;
        }
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        Ok(TcpSocket { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Incoming>> {
        let (stream, peer) = ready!(self.listener.poll_accept(cx))?;
        // Batching is our own business; a peer that is gone already shows when it is read.
        let _ = SockRef::from(&stream).set_tcp_nodelay(true);
        Poll::Ready(Ok(Incoming::Tcp(stream, peer)))
    }
}
