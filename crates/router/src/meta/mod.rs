//! The service session: what the router tells of its sessions, subscriptions, registrations, schemas and histories, and
//! what of it may be changed from outside.
//!
//! [`MetaApi`] has one function for each procedure, for programs that the router is a part of. The WAMP procedures are
//! its thin face: `service` reads the arguments of a CALL, `answer` writes the RESULT. They are registered by a session of
//! the router's own, which is a [`Peer`] like any other but that it answers in its caller's turn; what may look at very
//! much is done by [`crate::edges::Background`] instead, while the call waits in its caller's table like any other.
//!
//! # What is hidden
//!
//! From a session that is not *trusted* itself: the trusted sessions (the service session among them), which seem not to
//! be there; and what is registered or subscribed to below `wamp.` and `crossbar.`, which lists and look-ups leave out
//! and of which the rest says `wamp.error.not_authorized`. The list of one session's own registrations or subscriptions
//! has them all, as with Crossbar.io.
//!
//! # Rooms
//!
//! | file | what |
//! |---|---|
//! | `procedure` | the procedures and their URIs |
//! | `service`, `arguments`, `answer` | from a CALL to a function of [`MetaApi`], and back to a RESULT |
//! | `session`, `registration`, `subscription`, `schema`, `history` | the functions |
//! | `testament` | what a session leaves behind |
//! | `events` | the meta events |
//!
//! Spec: advanced profile, "WAMP Meta API" (MSE-01 to MSE-18, MRG-01 to MRG-13, MSB-01 to MSB-13).

mod answer;
mod arguments;
mod events;
mod history;
mod procedure;
mod registration;
mod schema;
mod service;
mod session;
mod subscription;
mod testament;

use std::fmt;
use std::sync::Arc;

use wamp::SessionId;
use wamp::uri::UriCheck;

use crate::authorize::Role;
use crate::dealer::{Call, Dealer};
use crate::peer::Peer;
use crate::realm::Realm;
use crate::rejection::Rejection;

pub use ::schema::Kind;
pub use events::MetaTopic;
pub(crate) use events::{MetaEvent, MetaEvents};
pub use history::{EventQuery, History, HistoryEvent};
pub use procedure::Procedure;
pub use registration::RegistrationDetails;
pub use schema::Schemas;
pub(crate) use service::{Prepared, prepare};
pub use session::Farewell;
pub use subscription::SubscriptionDetails;
pub use testament::{Scope, Testament};
pub(crate) use testament::{Testaments, publish_testaments};

/// The meta API of a realm, as one viewer sees it. See the module; got by [`Realm::meta_api`].
///
/// Errors are [`Rejection`]s, with the URI that a WAMP client would get.
#[derive(Clone)]
pub struct MetaApi {
    realm: Arc<Realm>,
    viewer: Viewer,
    /// The call that is answered, so that what takes long can end with it.
    call: Option<Arc<Call>>,
}

/// Who looks.
#[derive(Debug, Clone)]
enum Viewer {
    /// The program that the router is a part of.
    Router,
    /// A session that calls a procedure.
    Session(Arc<Peer>, Arc<Role>),
}

/// Ids, by how what they are of matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByMatch<I> {
    /// Of those that match exactly.
    pub exact: Vec<I>,
    /// Of prefixes.
    pub prefix: Vec<I>,
    /// Of wildcards.
    pub wildcard: Vec<I>,
}

impl<I> Default for ByMatch<I> {
    fn default() -> Self {
        ByMatch { exact: Vec::new(), prefix: Vec::new(), wildcard: Vec::new() }
    }
}

impl<I> ByMatch<I> {
    fn of(&mut self, policy: wamp::MatchPolicy) -> &mut Vec<I> {
        match policy {
            wamp::MatchPolicy::Exact => &mut self.exact,
            wamp::MatchPolicy::Prefix => &mut self.prefix,
            wamp::MatchPolicy::Wildcard => &mut self.wildcard,
        }
    }
}

impl fmt::Debug for MetaApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaApi").field("realm", &self.realm.name()).finish_non_exhaustive()
    }
}

impl MetaApi {
    pub(crate) fn of_router(realm: Arc<Realm>) -> Self {
        MetaApi { realm, viewer: Viewer::Router, call: None }
    }

    pub(crate) fn of_session(realm: &Arc<Realm>, peer: &Arc<Peer>, role: &Arc<Role>) -> Self {
        let viewer = Viewer::Session(Arc::clone(peer), Arc::clone(role));
        MetaApi { realm: Arc::clone(realm), viewer, call: None }
    }

    /// The same, at work for this call.
    pub(crate) fn answering(self, call: &Arc<Call>) -> Self {
        MetaApi { call: Some(Arc::clone(call)), ..self }
    }

    /// Whether somebody still waits for what this is at work for.
    fn is_awaited(&self) -> bool {
        self.call.as_ref().is_none_or(Dealer::is_pending)
    }

    /// The session that looks, if it is one.
    fn own_session(&self) -> Option<SessionId> {
        match &self.viewer {
            Viewer::Router => None,
            Viewer::Session(peer, _) => Some(peer.id),
        }
    }

    /// Whether nothing is hidden from the viewer.
    fn sees_all(&self) -> bool {
        match &self.viewer {
            Viewer::Router => true,
            Viewer::Session(peer, _) => peer.identity.is_trusted(),
        }
    }

    fn may_see_session(&self, peer: &Peer) -> bool {
        !peer.identity.is_trusted() || self.sees_all()
    }

    fn may_see_uri(&self, uri: &str) -> bool {
        !is_protected(uri) || self.sees_all()
    }

    /// An open session that the viewer may see.
    fn session(&self, id: SessionId) -> Result<Arc<Peer>, Rejection> {
        let found =
            self.realm.session(id).filter(|peer| self.may_see_session(peer) && peer.mailbox().is_open());
        found.ok_or_else(|| no_such_session(id))
    }

    /// Refuses a reason that is no URI.
    fn check_reason(reason: Option<&str>) -> Result<(), Rejection> {
        match reason {
            Some(reason) if !UriCheck::Loose.is_valid(reason) => {
                Err(Rejection::invalid_uri(reason, "a reason: a URI such as wamp.close.killed"))
            }
            _ => Ok(()),
        }
    }
}

fn no_such_session(id: SessionId) -> Rejection {
    Rejection::new(wamp::error_uri::NO_SUCH_SESSION)
        .because(format!("there is no session {id} in this realm"))
}

/// Whether a registration or subscription of this URI is the router's own business.
fn is_protected(uri: &str) -> bool {
    uri.starts_with("wamp.") || uri.starts_with("crossbar.")
}
