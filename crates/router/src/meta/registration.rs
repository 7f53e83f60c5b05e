//! `wamp.registration.*`: looking at registrations, and ending a callee's part in one.
//!
//! Spec: advanced profile, "Registrations Meta API" (MRG-05 to MRG-13, REV-04 to REV-06).

use std::sync::Arc;

use wamp::message::InvocationPolicy;
use wamp::value::Dict;
use wamp::{MatchPolicy, RegistrationId, SessionId, error_uri};

use super::{ByMatch, MetaApi};
use crate::dealer::Registration;
use crate::lock::lock;
use crate::rejection::Rejection;
use crate::timestamp::Timestamp;
use crate::worker::Turn;

/// What is shown of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationDetails {
    /// Its id.
    pub id: RegistrationId,
    /// When it came to be.
    pub created: Timestamp,
    /// The procedure or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
    /// How a callee is picked.
    pub invocation_policy: InvocationPolicy,
}

impl RegistrationDetails {
    pub(super) fn of(registration: &Registration) -> Self {
        RegistrationDetails {
            id: registration.id,
            created: registration.created,
            uri: registration.uri.to_string(),
            match_policy: registration.match_policy,
            invocation_policy: registration.invocation_policy,
        }
    }

    /// `{id, created, uri, match, invoke}`
    pub fn to_dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("id", self.id.value());
        dict.insert("created", self.created.to_string());
        dict.insert("uri", self.uri.as_str());
        dict.insert("match", self.match_policy.name());
        dict.insert("invoke", self.invocation_policy.name());
        dict
    }
}

impl MetaApi {
    /// `wamp.registration.list`: the ids of all registrations, or of those of one session.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// let of_client = api.registration_list(Some(net.session_id(client)))?;
    /// assert_eq!(of_client.exact, [RegistrationId::new(id).expect("an id")]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn registration_list(
        &self,
        session: Option<SessionId>,
    ) -> Result<ByMatch<RegistrationId>, Rejection> {
        let mut ids = ByMatch::default();
        let mut list = |registration: &Registration| ids.of(registration.match_policy).push(registration.id);
        match session {
            Some(session) => {
                let peer = self.session(session)?;
                lock(&peer.holdings).registrations.values().for_each(|callee| list(&callee.registration));
            }
            None => self.realm.dealer.for_each_registration(|registration| {
                if self.may_see_uri(&registration.uri) {
                    list(registration);
                }
            }),
        }
        Ok(ids)
    }

    /// `wamp.registration.lookup`: the registration of exactly this procedure or pattern.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// let found = api.registration_lookup("com.example.add", MatchPolicy::Exact);
    /// assert_eq!(found, RegistrationId::new(id));
    /// assert_eq!(api.registration_lookup("com.example.add", MatchPolicy::Prefix), None);
    /// ```
    pub fn registration_lookup(&self, uri: &str, policy: MatchPolicy) -> Option<RegistrationId> {
        let found = self.realm.dealer.lookup(uri, policy);
        found.filter(|registration| self.may_see_uri(&registration.uri)).map(|registration| registration.id)
    }

    /// `wamp.registration.match`: the registration that a call of the procedure goes to.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.registration_match("com.example.add"), RegistrationId::new(id));
    /// ```
    pub fn registration_match(&self, procedure: &str) -> Option<RegistrationId> {
        let found = self.realm.dealer.best(procedure);
        found.filter(|registration| self.may_see_uri(&registration.uri)).map(|registration| registration.id)
    }

    /// `wamp.registration.get`
    ///
    /// # Errors
    /// `wamp.error.no_such_registration`, `wamp.error.not_authorized`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// let details = api.registration_get(RegistrationId::new(id).expect("an id"))?;
    /// assert_eq!(details.uri, "com.example.add");
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn registration_get(&self, id: RegistrationId) -> Result<RegistrationDetails, Rejection> {
        Ok(RegistrationDetails::of(&*self.registration(id)?))
    }

    /// `wamp.registration.list_callees`: the sessions that answer, in the order in which they registered.
    ///
    /// # Errors
    /// As [`MetaApi::registration_get`].
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// let callees = api.registration_list_callees(RegistrationId::new(id).expect("an id"))?;
    /// assert_eq!(callees, [net.session_id(client)]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn registration_list_callees(&self, id: RegistrationId) -> Result<Vec<SessionId>, Rejection> {
        Ok(self.registration(id)?.callees())
    }

    /// `wamp.registration.count_callees`
    ///
    /// # Errors
    /// As [`MetaApi::registration_get`].
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.registration_count_callees(RegistrationId::new(id).expect("an id"))?, 1);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn registration_count_callees(&self, id: RegistrationId) -> Result<usize, Rejection> {
        Ok(self.registration(id)?.callees.len())
    }

    /// `wamp.registration.remove_callee`: takes a session out of a registration, and tells it so if it announced
    /// `registration_revocation`.
    ///
    /// # Errors
    /// `wamp.error.no_such_registration`, also where the session is no callee of it; `wamp.error.no_such_session`;
    /// `wamp.error.not_authorized`; `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, RegistrationId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.register(client, "com.example.add");
    /// let api = net.realm("realm1").meta_api();
    /// let (id, callee) = (RegistrationId::new(id).expect("an id"), net.session_id(client));
    /// net.elsewhere(|_, turn| api.registration_remove_callee(id, callee, None, turn))?;
    /// net.expect(client, json!([67, 0, {"registration": id.value()}]));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn registration_remove_callee(
        &self,
        id: RegistrationId,
        callee: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        Self::check_reason(reason)?;
        self.session(callee)?;
        let registration = self.registration(id)?;
        if self.realm.remove_callee(registration.id, callee, reason, turn) {
            return Ok(());
        }
        let why = format!("session {callee} is no callee of registration {id}");
        Err(Rejection::new(error_uri::NO_SUCH_REGISTRATION).because(why))
    }

    fn registration(&self, id: RegistrationId) -> Result<Arc<Registration>, Rejection> {
        let Some(registration) = self.realm.dealer.registration(id) else {
            let why = format!("there is no registration {id} in this realm");
            return Err(Rejection::new(error_uri::NO_SUCH_REGISTRATION).because(why));
        };
        if !self.may_see_uri(&registration.uri) {
            let why = format!("registration {id} is the router's own");
            return Err(Rejection::new(error_uri::NOT_AUTHORIZED).because(why));
        }
        Ok(registration)
    }
}
