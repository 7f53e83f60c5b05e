//! The handle of a session.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use wamp::SessionId;
use wamp::message::WelcomeDetails;
use wamp::role::Features;

use crate::builder::SessionBuilder;
use crate::call::Call;
use crate::error::{CloseReason, RequestError};
use crate::link::Link;
use crate::protocol::Command;
use crate::publish::Publish;
use crate::register::Register;
use crate::subscribe::Subscribe;

/// A session with a router. A cheap handle: clones are the same session.
///
/// It ends when it is left, when the router or the network ends it, or when its last handle is dropped; see the crate's
/// documentation for what counts as one.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    /// The only lasting sender: when it goes, the session's task leaves the router.
    commands: mpsc::Sender<Command>,
    /// For what can't wait: taking back what was asked for, from `drop`. Each such command belongs to a call,
    /// subscription or registration that came through `commands`, so there are never more than those.
    taken_back: mpsc::UnboundedSender<Command>,
    status: watch::Receiver<Status>,
}

/// What the session's task says about it.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// As of the last connection.
    pub(crate) welcomed: Arc<Welcomed>,
    pub(crate) phase: Phase,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    Open,
    /// The connection was lost and is being made again.
    Lost,
    Closed(CloseReason),
}

/// What the router said when it opened the session.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Welcomed {
    /// The session's id.
    pub id: SessionId,
    /// Who we are to the router, and what it can do.
    pub details: WelcomeDetails<'static>,
}

impl Session {
    /// A session to be opened with the router at `url` (see [`url`](crate::url)).
    pub fn builder(url: impl Into<String>, realm: impl Into<String>) -> SessionBuilder {
        SessionBuilder::for_url(url.into(), realm.into())
    }

    /// A session to be opened over a link that is there already, such as one inside the process.
    pub fn over(link: impl Link, realm: impl Into<String>) -> SessionBuilder {
        SessionBuilder::over_link(Box::new(link), realm.into())
    }

    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        taken_back: mpsc::UnboundedSender<Command>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Session { shared: Arc::new(Shared { commands, taken_back, status }) }
    }

    /// A call of `procedure`.
    pub fn call(&self, procedure: impl Into<String>) -> Call {
        Call::new(self.clone(), procedure.into())
    }

    /// A publication to `topic`.
    pub fn publish(&self, topic: impl Into<String>) -> Publish {
        Publish::new(self.clone(), topic.into())
    }

    /// A subscription to `topic`.
    pub fn subscribe(&self, topic: impl Into<String>) -> Subscribe {
        Subscribe::new(self.clone(), topic.into())
    }

    /// A registration of `procedure`.
    pub fn register(&self, procedure: impl Into<String>) -> Register {
        Register::new(self.clone(), procedure.into())
    }

    /// Leaves the router: what was asked for before is sent, then GOODBYE, and its answer is waited for (5 s at most).
    ///
    /// Returns why the session is over, which is another reason than [`CloseReason::Left`] if it was over before.
    pub async fn leave(&self) -> CloseReason {
        // If nobody takes it the session is over already.
        drop(self.submit(Command::Leave).await);
        self.closed().await
    }

    /// Waits until the session is over, and says why. Losses of the connection that are made good don't count.
    pub async fn closed(&self) -> CloseReason {
        let mut status = self.shared.status.clone();
        let closed = status.wait_for(|status| matches!(status.phase, Phase::Closed(_))).await;
        match closed.as_deref() {
            Ok(Status { phase: Phase::Closed(reason), .. }) => reason.clone(),
            _ => CloseReason::NetworkLost(Arc::from("the session's task ended")),
        }
    }

    /// The session's id. Another one after the connection was lost and made again.
    pub fn id(&self) -> SessionId {
        self.shared.status.borrow().welcomed.id
    }

    /// What the router said when it opened the session, the last time if several.
    pub fn welcomed(&self) -> Arc<Welcomed> {
        Arc::clone(&self.shared.status.borrow().welcomed)
    }

    /// Whether the session is open: not over, and its connection not lost.
    pub fn is_open(&self) -> bool {
        self.shared.status.borrow().phase == Phase::Open
    }

    /// Waits until the session's id is another one than `id`, because the connection was lost and made again.
    ///
    /// # Errors
    /// The session is over, for this reason.
    pub async fn reopened(&self, id: SessionId) -> Result<Arc<Welcomed>, CloseReason> {
        let mut status = self.shared.status.clone();
        let changed = status.wait_for(|status| match status.phase {
            Phase::Open => status.welcomed.id != id,
            Phase::Lost => false,
            Phase::Closed(_) => true,
        });
        match changed.await.as_deref() {
            Ok(Status { phase: Phase::Closed(reason), .. }) => Err(reason.clone()),
            Ok(Status { welcomed, .. }) => Ok(Arc::clone(welcomed)),
            Err(_) => Err(CloseReason::NetworkLost(Arc::from("the session's task ended"))),
        }
    }

    pub(crate) fn dealer_has(&self, feature: Features) -> bool {
        self.shared.status.borrow().welcomed.details.roles.dealer.unwrap_or_default().contains(feature)
    }

    /// Queues a command, waiting while the queue is full.
    pub(crate) async fn submit(&self, command: Command) -> Result<(), RequestError> {
        self.shared.commands.send(command).await.map_err(|_| RequestError::closed())
    }

    /// Takes back something that was asked for.
    pub(crate) fn submit_now(&self, command: Command) {
        // If nobody takes it the session is over already.
        drop(self.shared.taken_back.send(command));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.shared.status.borrow();
        f.debug_struct("Session").field("id", &status.welcomed.id).field("phase", &status.phase).finish()
    }
}
