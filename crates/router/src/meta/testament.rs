//! Testaments: what is published for a session when it has ended, however it ended.
//!
//! A testament is held as the PUBLISH message that the session would have sent. It is published once, as if the session
//! had done so in its last moment: checked when it is added and, by the rules of that time, when it is published. A role
//! that an authorizer decides for is asked when the testament is added, and held to that answer.
//!
//! There is no resumption of sessions here, so that both scopes end at the same time; the testaments of `detached` come
//! before those of `destroyed`, each in the order in which they were added (TST-03, TST-04), and before the meta events
//! of the session's end (TST-11).
//!
//! Spec: advanced profile, "Session Testament" (TST-01 to TST-13).

use std::sync::Arc;

use wamp::message::{Message, MessageType, Publish};
use wamp::role::{ClientRole, Features};
use wamp::value::Dict;
use wamp::{MatchPolicy, Serializer, SessionId, Value, error_uri};

use super::arguments::invalid;
use super::{MetaApi, no_such_session};
use crate::authorize::Role;
use crate::broker::Terms;
use crate::decision::{Action, Decision};
use crate::lock::lock;
use crate::peer::Peer;
use crate::realm::Realm;
use crate::rejection::Rejection;
use crate::worker::Turn;

/// When a testament is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// When the session has lost its transport.
    Detached,
    /// When the session is gone for good.
    #[default]
    Destroyed,
}

impl Scope {
    /// The scope of a name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "detached" => Some(Scope::Detached),
            "destroyed" => Some(Scope::Destroyed),
            _ => None,
        }
    }
}

/// What is to be published.
#[derive(Debug, Clone, Default)]
pub struct Testament {
    /// To which topic.
    pub topic: String,
    /// Positional arguments.
    pub args: Vec<Value>,
    /// Keyword arguments.
    pub kwargs: Dict,
    /// `PUBLISH.Options`; `acknowledge` is without effect.
    pub publish_options: Dict,
    /// When.
    pub scope: Scope,
}

/// The testaments of one session.
#[derive(Debug, Default)]
pub(crate) struct Testaments {
    detached: Vec<Will>,
    destroyed: Vec<Will>,
}

/// A testament, checked.
#[derive(Debug)]
struct Will {
    /// The PUBLISH, in [`SERIALIZER`].
    publish: Box<[u8]>,
    /// What was decided when it was added.
    decision: Decision,
}

/// How testaments are kept.
const SERIALIZER: Serializer = Serializer::MsgPack;
/// Bytes that one holds besides its PUBLISH.
const WILL_BYTES: usize = 64;

impl Testaments {
    fn of(&mut self, scope: Scope) -> &mut Vec<Will> {
        match scope {
            Scope::Detached => &mut self.detached,
            Scope::Destroyed => &mut self.destroyed,
        }
    }

    fn in_order(&self) -> impl Iterator<Item = &Will> {
        self.detached.iter().chain(&self.destroyed)
    }

    fn len(&self) -> usize {
        self.detached.len() + self.destroyed.len()
    }

    fn bytes(&self) -> usize {
        self.in_order().map(|will| WILL_BYTES + will.publish.len()).sum()
    }
}

impl MetaApi {
    /// `wamp.session.add_testament`: what is to be published when a session has ended.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`; `wamp.error.invalid_uri`, for a topic that can't be published to;
    /// `wamp.error.invalid_argument`, for wrong options; `wamp.error.not_authorized`, where the session's role may not
    /// publish there; `wamp.error.invalid_payload`, for what isn't as declared; `wamp.error.unavailable`, for more than a
    /// session may have
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use cloverleaf_router::meta::Testament;
    ///
    /// let watcher = net.join("realm1");
    /// let topic = "com.example.gone".to_owned();
    /// net.subscribe(watcher, &topic);
    /// let testament = Testament { topic, args: vec!["so long".into()], ..Testament::default() };
    /// let session = net.session_id(client);
    /// net.elsewhere(|_, turn| api.session_add_testament(session, &testament, turn))?;
    /// net.disconnect(client);
    /// net.expect(watcher, json!([36, "_", "_", {}, ["so long"]]));
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_add_testament(
        &self,
        session: SessionId,
        testament: &Testament,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let peer = self.session(session)?;
        let decision = decide(&self.realm, &peer, &testament.topic, None)?;
        self.add_testament(&peer, testament, decision, turn)
    }

    /// `decision`: what was decided about publishing to the topic.
    pub(super) fn add_testament(
        &self,
        peer: &Arc<Peer>,
        testament: &Testament,
        decision: Decision,
        turn: &mut Turn<'_>,
    ) -> Result<(), Rejection> {
        let will = Will { publish: self.publish_of(peer, testament, decision, turn)?.into(), decision };
        let limits = &peer.limits;
        let mut holdings = lock(&peer.holdings);
        if !peer.mailbox().is_open() {
            return Err(no_such_session(peer.id));
        }
        let testaments = &mut holdings.estate.get_or_insert_default().testaments;
        if testaments.len() >= limits.testaments_max {
            return Err(Rejection::limit("testaments of this session", limits.testaments_max));
        }
        if testaments.bytes() + WILL_BYTES + will.publish.len() > limits.testaments_bytes_max {
            return Err(Rejection::limit("bytes of testaments of this session", limits.testaments_bytes_max));
        }
        testaments.of(testament.scope).push(will);
        Ok(())
    }

    /// `wamp.session.flush_testaments`: forgets the testaments of one scope, and returns how many they were.
    ///
    /// # Errors
    /// `wamp.error.no_such_session`
    ///
    /// ```
    /// # use testkit::{Net, json};
    /// # let mut net = Net::open();
    /// # let client = net.join("realm1");
    /// let api = net.realm("realm1").meta_api();
    /// use cloverleaf_router::meta::Scope;
    ///
    /// assert_eq!(api.session_flush_testaments(net.session_id(client), Scope::Detached)?, 0);
    /// # Ok::<(), cloverleaf_router::Rejection>(())
    /// ```
    pub fn session_flush_testaments(&self, session: SessionId, scope: Scope) -> Result<usize, Rejection> {
        let peer = self.session(session)?;
        let mut holdings = lock(&peer.holdings);
        let flushed = holdings.estate.as_mut().map(|estate| std::mem::take(estate.testaments.of(scope)));
        Ok(flushed.map_or(0, |flushed| flushed.len()))
    }

    /// The PUBLISH that the session would send, checked as if it had.
    fn publish_of(
        &self,
        peer: &Peer,
        testament: &Testament,
        decision: Decision,
        turn: &mut Turn<'_>,
    ) -> Result<Vec<u8>, Rejection> {
        let config = &self.realm.config;
        let topic = &testament.topic;
        if topic.len() > peer.limits.uri_bytes_max || !config.uri_check.is_valid(topic) {
            return Err(Rejection::invalid_uri(topic, "a fully qualified URI"));
        }
        if wamp::uri::is_reserved(topic) && !peer.identity.is_trusted() {
            return Err(Rejection::invalid_uri(
                topic,
                "free to use: URIs that begin with wamp. are reserved",
            ));
        }
        let fields = vec![
            MessageType::Publish.code().into(),
            1u64.into(),
            Value::Map(testament.publish_options.clone()),
            topic.as_str().into(),
            Value::List(testament.args.clone()),
            Value::Map(testament.kwargs.clone()),
        ];
        let encoded = Value::List(fields).to_vec(SERIALIZER);
        let mut publish = match Message::decode(SERIALIZER, &encoded) {
            Ok(Message::Publish(publish)) => publish,
            Ok(_) => return Err(invalid("this is not a publication".to_owned())),
            Err(error) => return Err(invalid(format!("publish_options: {error}"))),
        };
        let passthru = &mut publish.options.passthru;
        if !peer.identity.is_trusted() {
            passthru.drop_forward_for();
        }
        if !config.forward_custom_attributes {
            passthru.drop_custom();
        }
        let features = peer.roles.features(ClientRole::Publisher);
        if passthru.ppt_scheme().is_some() && !features.contains(Features::PAYLOAD_PASSTHRU_MODE) {
            return Err(Rejection::new(error_uri::FEATURE_NOT_SUPPORTED)
                .because("the session did not announce payload_passthru_mode as a publisher"));
        }
        let has_scheme = publish.options.passthru.ppt_scheme().is_some();
        if has_scheme && (publish.payload.elements() != 1 || publish.payload.args_len() != 1) {
            let why =
                "publish_options: with ppt_scheme there is exactly one positional argument and no others";
            return Err(invalid(why.to_owned()));
        }
        if publish.options.disclose_me && !config.allow_disclose_me {
            return Err(Rejection::new(error_uri::DISCLOSE_ME_DISALLOWED)
                .because("this realm does not let sessions be disclosed on request"));
        }
        if decision.validate {
            self.realm.schemas.check(topic, schema::Part::Event, &publish.payload, turn)?;
        }
        publish.options.acknowledge = false;
        let mut bytes = Vec::new();
        publish.encode(SERIALIZER, &mut bytes);
        Ok(bytes)
    }
}

/// Publishes what a session that has ended leaves behind; quietly, it is forgotten.
pub(crate) fn publish_testaments(realm: &Realm, peer: &Arc<Peer>, quietly: bool, turn: &mut Turn<'_>) {
    // Whoever takes them publishes them: that is once, whatever ends the session, and however often.
    let taken = lock(&peer.holdings).estate.as_mut().map(|estate| std::mem::take(&mut estate.testaments));
    let Some(testaments) = taken.filter(|_| !quietly) else { return };
    for will in testaments.in_order() {
        if let Ok(Message::Publish(publish)) = Message::decode(SERIALIZER, &will.publish)
            && let Err(rejection) = execute(realm, peer, publish, will.decision, turn)
        {
            tracing::info!(session = peer.id.value(), realm = realm.name(), %rejection,
                "a testament was not published");
        }
    }
}

fn execute(
    realm: &Realm,
    peer: &Arc<Peer>,
    publish: Publish<'_>,
    decided: Decision,
    turn: &mut Turn<'_>,
) -> Result<(), Rejection> {
    let decision = decide(realm, peer, &publish.topic, Some(decided))?;
    if decision.validate {
        realm.schemas.check(&publish.topic, schema::Part::Event, &publish.payload, turn)?;
    }
    let terms = Terms {
        disclose: publish.options.disclose_me || decision.disclose || peer.identity.is_trusted(),
        trustlevel: realm.trustlevel(&publish.topic, &peer.identity.authrole),
        hide_from: None,
    };
    realm.broker.publish(&peer.origin(), publish, terms, turn)?;
    // The news of the session's end, which any thread may publish, comes after it.
    turn.flush();
    Ok(())
}

/// Whether the session's role may publish to a topic, by its rules of now; where an authorizer decides, as it decided
/// before.
fn decide(realm: &Realm, peer: &Peer, topic: &str, before: Option<Decision>) -> Result<Decision, Rejection> {
    if peer.identity.is_trusted() {
        return Ok(Decision { allow: true, disclose: true, validate: false });
    }
    let role = realm.role(&peer.identity.authrole);
    let by_rules = |role: &Arc<Role>| role.decide(Action::Publish, topic, MatchPolicy::Exact);
    let decision = match (&role, before) {
        (Some(role), Some(before)) if role.authorizer().is_some() => before,
        (Some(role), _) => by_rules(role),
        (None, _) => Decision::default(),
    };
    if decision.allow {
        return Ok(decision);
    }
    let why = format!("role {:?} may not publish <{topic}>", peer.identity.authrole);
    Err(Rejection::new(error_uri::NOT_AUTHORIZED).because(why))
}
