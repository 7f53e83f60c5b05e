//! `wamp.subscription.*`: looking at subscriptions, and ending a subscriber's part in one.
//!
//! Spec: advanced profile, "Subscriptions Meta API" (MSB-05 to MSB-11, REV-01 to REV-06).

use std::sync::Arc;

use wamp::value::Dict;
use wamp::{MatchPolicy, SessionId, SubscriptionId, error_uri};

use super::{ByMatch, MetaApi};
use crate::broker::Subscription;
use crate::lock::lock;
use crate::rejection::Rejection;
use crate::timestamp::Timestamp;
use crate::worker::Turn;

/// What is shown of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionDetails {
    /// Its id.
    pub id: SubscriptionId,
    /// When it came to be.
    pub created: Timestamp,
    /// The topic or pattern.
    pub uri: String,
    /// How it matches.
    pub match_policy: MatchPolicy,
}

impl SubscriptionDetails {
    pub(super) fn of(subscription: &Subscription) -> Self {
        SubscriptionDetails {
            id: subscription.id,
            created: subscription.created,
            uri: subscription.uri.to_string(),
            match_policy: subscription.match_policy,
        }
    }

    /// `{id, created, uri, match}`
    pub fn to_dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("id", self.id.value());
        dict.insert("created", self.created.to_string());
        dict.insert("uri", self.uri.as_str());
        dict.insert("match", self.match_policy.name());
        dict
    }
}

impl MetaApi {
    /// `wamp.subscription.list`: the ids of all subscriptions, or of those of one session. Subscriptions that exist for
    /// their event history alone are among them.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.subscription_list(None)?.exact, [SubscriptionId::new(id).expect("an id")]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_list(
        &self,
        session: Option<SessionId>,
    ) -> Result<ByMatch<SubscriptionId>, Rejection> {
        let mut ids = ByMatch::default();
        let mut list = |subscription: &Subscription| ids.of(subscription.match_policy).push(subscription.id);
        match session {
            Some(session) => {
                let peer = self.session(session)?;
                lock(&peer.holdings).subscriptions.iter().for_each(|held| list(&held.subscription));
            }
            None => self.realm.broker.for_each_subscription(|subscription| {
                if self.may_see_uri(&subscription.uri) {
                    list(subscription);
                }
            }),
        }
        Ok(ids)
    }

    /// `wamp.subscription.lookup`: the subscription to exactly this topic or pattern.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// let found = api.subscription_lookup("com.example.topic", MatchPolicy::Exact);
    /// assert_eq!(found, SubscriptionId::new(id));
    /// ```
    pub fn subscription_lookup(&self, uri: &str, policy: MatchPolicy) -> Option<SubscriptionId> {
        let found = self.realm.broker.lookup(uri, policy);
        found.filter(|subscription| self.may_see_uri(&subscription.uri)).map(|subscription| subscription.id)
    }

    /// `wamp.subscription.match`: all subscriptions that receive what is published to a topic: the exact one, prefixes
    /// from short to long, wildcards.
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// let prefix = net.subscribe_with(client, json!({"match": "prefix"}), "com.");
    /// let found = api.subscription_match("com.example.topic");
    /// assert_eq!(found.iter().map(|id| id.value()).collect::<Vec<_>>(), [id, prefix]);
    /// ```
    pub fn subscription_match(&self, topic: &str) -> Vec<SubscriptionId> {
        self.subscriptions_matching(topic).0
    }

    /// The same, and how much was looked at for it, as [`Turn::work`] counts it.
    pub(super) fn subscriptions_matching(&self, topic: &str) -> (Vec<SubscriptionId>, usize) {
        let (found, nodes) = self.realm.broker.matching(topic);
        let visible = found.iter().filter(|subscription| self.may_see_uri(&subscription.uri));
        (visible.map(|subscription| subscription.id).collect(), nodes + found.len())
    }

    /// `wamp.subscription.get`
    ///
    /// # Errors
    /// `wamp.error.no_such_subscription`, `wamp.error.not_authorized`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// let details = api.subscription_get(SubscriptionId::new(id).expect("an id"))?;
    /// assert_eq!(details.uri, "com.example.topic");
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_get(&self, id: SubscriptionId) -> Result<SubscriptionDetails, Rejection> {
        Ok(SubscriptionDetails::of(&*self.subscription(id)?))
    }

    /// `wamp.subscription.list_subscribers`: the sessions that receive its events, in the order in which they came.
    ///
    /// # Errors
    /// As [`MetaApi::subscription_get`].
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// let subscribers = api.subscription_list_subscribers(SubscriptionId::new(id).expect("an id"))?;
    /// assert_eq!(subscribers, [net.session_id(client)]);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_list_subscribers(&self, id: SubscriptionId) -> Result<Vec<SessionId>, Rejection> {
        Ok(self.subscription(id)?.subscribers())
    }

    /// `wamp.subscription.count_subscribers`
    ///
    /// # Errors
    /// As [`MetaApi::subscription_get`].
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// assert_eq!(api.subscription_count_subscribers(SubscriptionId::new(id).expect("an id"))?, 1);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_count_subscribers(&self, id: SubscriptionId) -> Result<usize, Rejection> {
        Ok(self.subscription(id)?.members.len())
    }

    /// `wamp.subscription.remove_subscriber`: takes a session out of a subscription, and tells it so if it announced
    /// `subscription_revocation`.
    ///
    /// # Errors
    /// `wamp.error.no_such_subscription`, also where the session is no subscriber of it; `wamp.error.no_such_session`;
    /// `wamp.error.not_authorized`; `wamp.error.invalid_uri`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # use wamp::{MatchPolicy, SubscriptionId};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let id = net.subscribe(client, "com.example.topic");
    /// let api = net.realm("realm1").meta_api();
    /// let (id, subscriber) = (SubscriptionId::new(id).expect("an id"), net.session_id(client));
    /// net.elsewhere(|_, turn| api.subscription_remove_subscriber(id, subscriber, None, turn))?;
    /// net.expect(client, json!([35, 0, {"subscription": id.value()}]));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn subscription_remove_subscriber(
        &self,
        id: SubscriptionId,
        subscriber: SessionId,
        reason: Option<&str>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        Self::check_reason(reason)?;
        self.session(subscriber)?;
        let subscription = self.subscription(id)?;
        if self.realm.remove_subscriber(subscription.id, subscriber, reason, turn) {
            return Ok(());
        }
        let why = format!("session {subscriber} is no subscriber of subscription {id}");
        Err(Rejection::new(error_uri::NO_SUCH_SUBSCRIPTION).because(why))
    }

    pub(super) fn subscription(&self, id: SubscriptionId) -> Result<Arc<Subscription>, Rejection> {
        let Some(subscription) = self.realm.broker.subscription(id) else {
            let why = format!("there is no subscription {id} in this realm");
            return Err(Rejection::new(error_uri::NO_SUCH_SUBSCRIPTION).because(why));
        };
        if !self.may_see_uri(&subscription.uri) {
            let why = format!("subscription {id} is the router's own");
            return Err(Rejection::new(error_uri::NOT_AUTHORIZED).because(why));
        }
        Ok(subscription)
    }
}
