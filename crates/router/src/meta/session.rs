//! `wamp.session.*`: looking at sessions, ending them, adding to what is known of them.
//!
//! Spec: advanced profile, "Session Meta API" (MSE-05 to MSE-18).

use std::collections::HashSet;
use std::sync::Arc;

use wamp::value::Dict;
use wamp::{Serializer, SessionId, Value, error_uri};

use super::arguments::invalid;
use super::{MetaApi, no_such_session};
use crate::lock::lock;
use crate::peer::Peer;
use crate::realm::Realm;
use crate::rejection::Rejection;
use crate::worker::Turn;

/// What a session is told that is killed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Farewell<'a> {
    /// `GOODBYE.Reason`, a URI; `None`: `wamp.close.killed`.
    pub reason: Option<&'a str>,
    /// `GOODBYE.Details.message`; `None`: there is none.
    pub message: Option<&'a str>,
}

impl MetaApi {
    /// `wamp.session.count`: how many sessions there are, of some authroles or of all.
    ///
    /// This costs the same for any number of sessions.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// // The client, and the service session, which only sessions of clients don't see.
    /// assert_eq!(api.session_count(None), 2);
    /// assert_eq!(api.session_count(Some(&["anonymous".to_owned()])), 1);
    /// ```
    pub fn session_count(&self, authroles: Option<&[String]>) -> usize {
        let (sees_all, wanted) = (self.sees_all(), Authroles::new(authroles));
        let of_clients = self.realm.sessions.count_by_authrole(|authrole| {
            (sees_all || authrole != crate::identity::TRUSTED) && wanted.have(authrole)
        });
        of_clients + usize::from(sees_all && wanted.have(crate::identity::TRUSTED))
    }

    /// `wamp.session.list`: the ids of all sessions, or of those of some authroles, in no particular order.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.session_list(Some(&["anonymous".to_owned()])), [net.session_id(client)]);
    /// ```
    pub fn session_list(&self, authroles: Option<&[String]>) -> Vec<SessionId> {
        let wanted = Authroles::new(authroles);
        let mut ids = Vec::with_capacity(self.realm.session_count() + 1);
        let mut list = |peer: &Arc<Peer>| {
            if self.may_see_session(peer) && wanted.have(&peer.identity.authrole) {
                ids.push(peer.id);
            }
        };
        self.realm.sessions.for_each(&mut list);
        list(self.realm.service());
        ids
    }

    /// `wamp.session.get`: the details of a session, as they also come with `wamp.session.on_join`.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// let details = api.session_get(net.session_id(client))?;
    /// assert_eq!(details.get("authrole").and_then(|role| role.as_str()), Some("anonymous"));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_get(&self, session: SessionId) -> Result<Dict, Rejection> {
        let peer = self.session(session)?;
        Ok(session_details(&self.realm, &peer))
    }

    /// `wamp.session.kill`: ends another session. By the time this returns it has no part in the realm any more, and its
    /// testaments are published; its transport is closed when it has answered GOODBYE, or a while later.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`, also for the viewer's own; `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use cloverleaf_router::meta::Farewell;
    ///
    /// let session = net.session_id(client);
    /// let farewell = Farewell { message: Some("come back later"), ..Farewell::default() };
    /// net.elsewhere(|_, turn| api.session_kill(session, farewell, turn))?;
    /// net.expect(client, json!([6, {"message": "come back later"}, "wamp.close.killed"]));
    /// assert!(api.session_get(session).is_err());
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_kill(
        &self,
        session: SessionId,
        farewell: Farewell<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        Self::check_reason(farewell.reason)?;
        if Some(session) == self.own_session() || session == self.realm.service().id {
            return Err(Rejection::new(error_uri::NO_SUCH_SESSION)
                .because("a session can't kill itself, nor the realm's service session"));
        }
        let peer = self.session(session)?;
        if !self.realm.end(&peer, farewell.reason, farewell.message, false, turn) {
            return Err(no_such_session(session));
        }
        tracing::info!(realm = self.realm.name(), by = self.own_session().map(SessionId::value),
            session = session.value(), authid = %peer.identity.authid, reason = farewell.reason, "session killed");
        Ok(())
    }

    /// `wamp.session.kill_by_authid`: ends all sessions of an authid but the viewer's own, and returns their ids.
    ///
    /// # Errors
    /// `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// let joe = net.client().identity("joe", "anonymous").join("realm1");
    /// let killed = net.elsewhere(|_, turn| api.session_kill_by_authid("joe", Default::default(), turn))?;
    /// assert_eq!(killed, [net.session_id(joe)]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_kill_by_authid(
        &self,
        authid: &str,
        farewell: Farewell<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<SessionId>, Rejection> {
        self.kill_where(|peer| *peer.identity.authid == *authid, farewell, false, turn)
    }

    /// `wamp.session.kill_by_authrole`: ends all sessions of an authrole but the viewer's own, and returns their ids.
    ///
    /// # Errors
    /// `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// let role = "anonymous";
    /// let killed = net.elsewhere(|_, turn| api.session_kill_by_authrole(role, Default::default(), turn))?;
    /// assert_eq!(killed, [net.session_id(client)]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_kill_by_authrole(
        &self,
        authrole: &str,
        farewell: Farewell<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<SessionId>, Rejection> {
        self.kill_where(|peer| *peer.identity.authrole == *authrole, farewell, false, turn)
    }

    /// `wamp.session.kill_all`: ends all sessions but the viewer's own, and returns their ids. Nobody is told by
    /// testaments or by `wamp.session.on_leave`.
    ///
    /// # Errors
    /// `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// net.elsewhere(|_, turn| api.session_kill_all(Default::default(), turn))?;
    /// assert_eq!(api.session_count(None), 1);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_kill_all(
        &self,
        farewell: Farewell<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<SessionId>, Rejection> {
        self.kill_where(|_| true, farewell, true, turn)
    }

    fn kill_where(
        &self,
        wanted: impl Fn(&Peer) -> bool,
        farewell: Farewell<'_>,
        quietly: bool,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<SessionId>, Rejection> {
        Self::check_reason(farewell.reason)?;
        let own = self.own_session();
        let victims = self
            .realm
            .sessions
            .collect(|peer| Some(peer.id) != own && self.may_see_session(peer) && wanted(peer));
        let end = |peer: &Arc<Peer>| {
            let Farewell { reason, message } = farewell;
            self.realm.end(peer, reason, message, quietly, turn).then_some(peer.id)
        };
        let killed: Vec<SessionId> = victims.iter().filter_map(end).collect();
        tracing::info!(
            realm = self.realm.name(),
            by = own.map(SessionId::value),
            killed = killed.len(),
            reason = farewell.reason,
            "sessions killed"
        );
        Ok(killed)
    }

    /// `wamp.session.modify_details`: puts entries beside the details of a session; null takes one away again. They come
    /// with `wamp.session.get`. What the router itself knows of the session can't be changed.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`; `wamp.error.invalid_argument`, for a detail that is the router's;
    /// `wamp.error.unavailable`, for more than a session may have
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use wamp::value::Dict;
    ///
    /// let session = net.session_id(client);
    /// api.session_modify_details(session, &Dict::from([("x_table", 7u64.into())]))?;
    /// assert_eq!(api.session_get(session)?.get("x_table"), Some(&7u64.into()));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_modify_details(&self, session: SessionId, changes: &Dict) -> Result<(), Rejection> {
        let peer = self.session(session)?;
        let own = router_details(&self.realm, &peer);
        if let Some(fixed) = changes.keys().find(|key| own.contains_key(key)) {
            return Err(invalid(format!("{fixed} can't be changed: it is what the router found out itself")));
        }
        let mut holdings = lock(&peer.holdings);
        // Nothing may be left behind for a session that has ended.
        if !peer.mailbox().is_open() {
            return Err(no_such_session(session));
        }
        let mut details = holdings.estate.as_ref().map_or_else(Dict::new, |estate| estate.details.clone());
        for (key, value) in changes.iter() {
            match value {
                Value::Null => drop(details.remove(key)),
                value => drop(details.insert(key, value.clone())),
            }
        }
        let max = peer.limits.details_bytes_max;
        if Value::Map(details.clone()).to_vec(Serializer::MsgPack).len() > max {
            return Err(Rejection::limit("bytes of details added to a session", max));
        }
        holdings.estate.get_or_insert_default().details = details;
        Ok(())
    }
}

/// The authroles that are wanted, `None` for all: a long list is not gone through for each session.
struct Authroles<'a>(Option<HashSet<&'a str>>);

impl<'a> Authroles<'a> {
    fn new(authroles: Option<&'a [String]>) -> Self {
        Authroles(authroles.map(|authroles| authroles.iter().map(String::as_str).collect()))
    }

    fn have(&self, authrole: &str) -> bool {
        self.0.as_ref().is_none_or(|authroles| authroles.contains(authrole))
    }
}

/// What is shown of a session: what the router knows, then what was added.
pub(super) fn session_details(realm: &Realm, peer: &Peer) -> Dict {
    let mut details = router_details(realm, peer);
    if let Some(estate) = &lock(&peer.holdings).estate {
        for (key, value) in estate.details.iter() {
            details.insert(key, value.clone());
        }
    }
    details
}

/// What the router itself knows of a session.
fn router_details(realm: &Realm, peer: &Peer) -> Dict {
    crate::details::session_details(realm.name(), peer, realm.config.show_secrets)
}
