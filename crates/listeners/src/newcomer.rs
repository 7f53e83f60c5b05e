//! The task of one connection, from its first byte to its last.
//!
//! Its beginning is plain `async`, boxed, and gone when the connection is open; what stays is the [`Connection`] alone,
//! so that a session's task isn't larger for all that came before.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use router::TransportDetails;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::PeerAddress;
use crate::admission::Admitted;
use crate::connection::{Connection, Parts};
use crate::lane::Place;
use crate::opening::{Context, Opening};
use crate::tls::{self, Tls};

/// A stream in this runtime, or on its way to another one.
#[derive(Debug)]
pub(crate) enum Stream<T, U> {
    /// It stays.
    Here(T),
    /// It belongs to no runtime.
    Std(U),
}

/// What comes with a stream that was accepted.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) peer: PeerAddress,
    /// What is known of its transport without asking it.
    pub(crate) transport: TransportDetails,
    pub(crate) admitted: Admitted,
    pub(crate) place: Place,
    pub(crate) context: Arc<Context>,
    /// Closed when the listener ends: who isn't connected by then isn't waited for.
    pub(crate) stopping: watch::Receiver<()>,
}

type TcpOnTheWay = Stream<TcpStream, std::net::TcpStream>;
type UnixOnTheWay = Stream<UnixStream, std::os::unix::net::UnixStream>;

impl Newcomer {
    pub(crate) fn arrive_by_tcp(self, stream: TcpOnTheWay) -> Task<TcpStream> {
        Task::opening(async move { self.open(settle(stream)?).await })
    }

    pub(crate) fn arrive_by_tls(mut self, stream: TcpOnTheWay, tls: Tls) -> Task<TlsStream<TcpStream>> {
        Task::opening(async move {
            let handshake = tls.acceptor().accept(settle(stream)?);
            let limited = timeout(self.context.config.limits.handshake_timeout, handshake);
            let stream = match unless_stopped(self.stopping.clone(), limited).await? {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    debug!(peer = %self.peer, "no TLS connection: {error}");
                    return None;
                }
                Err(_) => {
                    debug!(peer = %self.peer, "no TLS connection: it took too long");
                    return None;
                }
            };
            self.transport.tls = Some(Box::new(tls::details(stream.get_ref().1)));
            self.open(stream).await
        })
    }

    pub(crate) fn arrive_by_unix(self, stream: UnixOnTheWay) -> Task<UnixStream> {
        Task::opening(async move {
            let stream = match stream {
                Stream::Here(stream) => stream,
                Stream::Std(stream) => arrived(UnixStream::from_std(stream))?,
            };
            self.open(stream).await
        })
    }

    async fn open<S>(self, stream: S) -> Option<Parts<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Newcomer { peer, transport, admitted, place, context, stopping } = self;
        let opening = Opening::new(stream, peer, transport, admitted, place, context);
        unless_stopped(stopping, opening.open()).await?
    }
}

fn settle(stream: TcpOnTheWay) -> Option<TcpStream> {
    match stream {
        Stream::Here(stream) => Some(stream),
        Stream::Std(stream) => arrived(TcpStream::from_std(stream)),
    }
}

fn arrived<S>(stream: io::Result<S>) -> Option<S> {
    stream.inspect_err(|error| debug!("a connection was lost on its way to its runtime: {error}")).ok()
}

/// The outcome of a future, unless the listener ends first.
async fn unless_stopped<F: Future>(mut stopping: watch::Receiver<()>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut stopped = pin!(stopping.changed());
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if stopped.as_mut().poll(cx).is_ready() { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// See the module.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is what it is most of its time")]
pub(crate) enum Task<S> {
    Opening(Beginning<S>),
    Open(Connection<S>),
}

/// What comes before a connection is open, and whether there is one then.
pub(crate) struct Beginning<S>(Pin<Box<dyn Future<Output = Option<Parts<S>>> + Send>>);

impl<S> std::fmt::Debug for Beginning<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Beginning").finish_non_exhaustive()
    }
}

impl<S> Task<S> {
    fn opening(beginning: impl Future<Output = Option<Parts<S>>> + Send + 'static) -> Self {
        Task::Opening(Beginning(Box::pin(beginning)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Task<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        loop {
            match &mut *self {
                Task::Open(connection) => return Pin::new(connection).poll(cx),
                Task::Opening(beginning) => match beginning.0.as_mut().poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Ready(Some(parts)) => *self = Task::Open(Connection::new(parts)),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_no_larger_than_its_connection() {
        assert!(size_of::<Task<TcpStream>>() <= size_of::<Connection<TcpStream>>());
    }
}
