//! The session of a client command: how it is opened, and that it is left in order.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use client::url::Url;
use client::{Reconnect, Session, SessionBuilder};

use crate::cli::meta::Meta;
use crate::cli::signals::Signals;

/// Which router to talk to, and how.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// The router: ws://, wss://, rs://, rss:// or unix://
    #[arg(
        long,
        global = true,
        help_heading = "Connection",
        env = "CLOVERLEAF_URL",
        default_value = "ws://127.0.0.1:8080/ws"
    )]
    url: String,
    /// The realm
    #[arg(
        long,
        global = true,
        help_heading = "Connection",
        env = "CLOVERLEAF_REALM",
        default_value = "realm1"
    )]
    realm: String,
    /// The serializer to speak; left out, the router chooses
    #[arg(long, global = true, help_heading = "Connection")]
    serializer: Option<SerializerName>,
    /// A PEM file with the router's own certificate or the authorities to trust, for wss:// and rss://
    #[arg(long, global = true, help_heading = "Connection", value_name = "FILE")]
    tls_roots: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SerializerName {
    Json,
    Msgpack,
    Cbor,
    Ubjson,
}

impl SerializerName {
    /// What is meant by it at this URL: of UBJSON's two dialects WebSocket routers take clients like this one to speak
    /// the older, and RawSocket routers the newer.
    fn at(self, url: &str) -> wamp::Serializer {
        let is_websocket = url.starts_with("ws:") || url.starts_with("wss:");
        match self {
            SerializerName::Json => wamp::Serializer::Json,
            SerializerName::Msgpack => wamp::Serializer::MsgPack,
            SerializerName::Cbor => wamp::Serializer::Cbor,
            SerializerName::Ubjson if is_websocket => wamp::Serializer::Ubjson,
            SerializerName::Ubjson => wamp::Serializer::Bjdata,
        }
    }
}

/// How a client command went on until its end.
pub(crate) enum Finished {
    /// By itself.
    Done,
    /// By a signal.
    Interrupted,
}

impl Connection {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }

    /// Opens a session, does `work` with it until a signal comes, and leaves.
    pub(crate) fn run<F>(self, work: impl FnOnce(Session) -> F) -> Result<Finished>
    where
        F: Future<Output = Result<()>>,
    {
        self.run_with(None, work)
    }

    /// As [`Connection::run`], with a session whose connection is made again if it is lost.
    pub(crate) fn run_reconnecting<F>(self, work: impl FnOnce(Session) -> F) -> Result<Finished>
    where
        F: Future<Output = Result<()>>,
    {
        // There is somebody who waits.
        let policy = Reconnect { max: Duration::from_secs(5), ..Reconnect::default() };
        self.run_with(Some(policy), work)
    }

    fn run_with<F>(self, reconnect: Option<Reconnect>, work: impl FnOnce(Session) -> F) -> Result<Finished>
    where
        F: Future<Output = Result<()>>,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut signals = Signals::new()?;
            let session = tokio::select! {
                session = self.open(reconnect) => session?,
                () = signals.ended() => return Ok(Finished::Interrupted),
            };
            let finished = tokio::select! {
                done = work(session.clone()) => done.map(|()| Finished::Done),
                () = signals.ended() => Ok(Finished::Interrupted),
            };
            tokio::select! {
                _ = session.leave() => {}
                () = signals.ended() => {}
            }
            finished
        })
    }

    /// Opens a session, does `work` with its meta API, and leaves. A signal before the end is an error.
    pub(crate) fn ask<F>(self, work: impl FnOnce(Meta) -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        match self.run(|session| work(Meta::new(session)))? {
            Finished::Done => Ok(()),
            Finished::Interrupted => bail!("interrupted"),
        }
    }

    async fn open(&self, reconnect: Option<Reconnect>) -> Result<Session> {
        let mut builder = self.builder()?;
        if let Some(policy) = reconnect {
            builder = builder.reconnect(policy);
        }
        builder.connect().await.map_err(|error| anyhow!("{}: {error}", self.url))
    }

    fn builder(&self) -> Result<SessionBuilder> {
        let url: Url = self.url.parse().map_err(|error| anyhow!("{}: {error}", self.url))?;
        if url.is_secure() && self.tls_roots.is_none() {
            bail!(
                "{}: whom to trust was not said: --tls-roots FILE, with the certificate of the router or of its \
                 authority",
                self.url
            );
        }
        let mut builder = Session::builder(&self.url, &self.realm);
        if let Some(name) = self.serializer {
            builder = builder.serializer(name.at(&self.url));
        }
        if let Some(roots) = &self.tls_roots {
            builder = builder.tls_roots(roots);
        }
        Ok(builder)
    }
}

/// The match policies on a command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Match {
    /// The URI itself.
    Exact,
    /// Every URI that begins so.
    Prefix,
    /// Every URI with these components, an empty one standing for any.
    Wildcard,
}

impl Match {
    /// The policy's name.
    pub(crate) const fn name(self) -> &'static str {
        self.policy().name()
    }

    pub(crate) const fn policy(self) -> wamp::MatchPolicy {
        match self {
            Match::Exact => wamp::MatchPolicy::Exact,
            Match::Prefix => wamp::MatchPolicy::Prefix,
            Match::Wildcard => wamp::MatchPolicy::Wildcard,
        }
    }
}
