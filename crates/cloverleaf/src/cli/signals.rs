//! Signals, as events: SIGINT and SIGTERM end; SIGHUP makes the router reload, and is left alone by client
//! commands, but for the one that has a terminal to give back.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end this process, from the moment this is made.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// SIGHUP, from the moment this is made.
pub(crate) struct Hangups(Signal);

fn take(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("can't take over signals")
}

impl Hangups {
    /// Takes over the signal. To be called on a runtime.
    pub(crate) fn new() -> Result<Self> {
        take(SignalKind::hangup()).map(Hangups)
    }

    /// Waits for SIGHUP.
    pub(crate) async fn next(&mut self) {
        self.0.recv().await;
    }
}

impl Signals {
    /// Takes over the signals. To be called on a runtime.
    pub(crate) fn new() -> Result<Self> {
        Ok(Signals { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    /// Waits for SIGINT or SIGTERM.
    pub(crate) async fn ended(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Waits for SIGINT or SIGTERM, doing `reload` at each SIGHUP meanwhile.
    pub(crate) async fn ended_with_reloads(&mut self, hangups: &mut Hangups, mut reload: impl FnMut()) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                () = hangups.next() => reload(),
            }
        }
    }
}
