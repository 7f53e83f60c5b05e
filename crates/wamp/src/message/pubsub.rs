//! The messages of publishers, subscribers and the broker.
//!
//! Spec: basic profile, "Publish and Subscribe"; advanced profile, "Advanced PubSub".

use std::borrow::Cow;

use super::DecodeError;
use super::attributes::encode_dict;
use super::fields::Fields;
use super::passthru::Passthru;
use crate::id::{PublicationId, RequestId, SessionId, SubscriptionId};
use crate::payload::Payload;
use crate::serializer::{Encoder, Reader};
use crate::uri::MatchPolicy;

/// `[PUBLISH, Request|id, Options|dict, Topic|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Publish<'a> {
    /// The publisher's request.
    pub request: RequestId,
    /// How to publish.
    pub options: PublishOptions<'a>,
    /// What to publish to; not checked yet.
    pub topic: Cow<'a, str>,
    /// What to publish.
    pub payload: Payload<'a>,
}

/// `PUBLISH.Options`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PublishOptions<'a> {
    /// PUBLISHED or ERROR is wanted (BRK-08).
    pub acknowledge: bool,
    /// Whether the publisher is left out; absent means yes (PEX-02).
    pub exclude_me: Option<bool>,
    /// The publisher wants to be known to the subscribers (PID-01).
    pub disclose_me: bool,
    /// The event becomes the topic's retained event (RET-01).
    pub retain: bool,
    /// Who may receive the event; absent: everybody.
    pub receivers: Option<Box<Receivers<'a>>>,
    /// The routing key of a sharded subscription (SHS-01).
    pub rkey: Option<Cow<'a, str>>,
    /// What goes on to EVENT.
    pub passthru: Passthru<'a>,
}

/// Black- and whitelists: all that are present must hold (BWL-07). A present and empty `eligible*` is nobody (BWL-08).
///
/// Spec: advanced profile, "Subscriber Black- and Whitelisting".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receivers<'a> {
    /// Sessions that don't receive the event.
    pub exclude: Option<Vec<u64>>,
    /// Authids that don't.
    pub exclude_authid: Option<Vec<Cow<'a, str>>>,
    /// Authroles that don't.
    pub exclude_authrole: Option<Vec<Cow<'a, str>>>,
    /// The only sessions that do.
    pub eligible: Option<Vec<u64>>,
    /// The only authids that do.
    pub eligible_authid: Option<Vec<Cow<'a, str>>>,
    /// The only authroles that do.
    pub eligible_authrole: Option<Vec<Cow<'a, str>>>,
}

impl<'a> Receivers<'a> {
    /// The same, independent of the bytes it was read from.
    pub fn into_owned(self) -> Receivers<'static> {
        fn owned(list: Option<Vec<Cow<'_, str>>>) -> Option<Vec<Cow<'static, str>>> {
            list.map(|list| list.into_iter().map(|text| Cow::Owned(text.into_owned())).collect())
        }
        Receivers {
            exclude: self.exclude,
            exclude_authid: owned(self.exclude_authid),
            exclude_authrole: owned(self.exclude_authrole),
            eligible: self.eligible,
            eligible_authid: owned(self.eligible_authid),
            eligible_authrole: owned(self.eligible_authrole),
        }
    }
}

impl<'a> Publish<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let request = fields.request()?;
        let mut options = PublishOptions::default();
        fields.dict(|fields, key| options.decode_entry(fields, key))?;
        let topic = fields.text("a topic URI")?;
        let payload = fields.payload(options.passthru.is_transparent())?;
        Ok(Publish { request, options, topic, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(4 + self.payload.elements());
        to.uint(super::MessageType::Publish.code());
        to.uint(self.request.value());
        self.options.encode(to);
        to.str(&self.topic);
        self.payload.encode(to);
        to.end_array();
    }
}

impl<'a> PublishOptions<'a> {
    fn decode_entry<R: Reader<'a>>(
        &mut self,
        fields: &mut Fields<'a, R>,
        key: Cow<'a, str>,
    ) -> Result<(), DecodeError> {
        match &*key {
            "acknowledge" => self.acknowledge = fields.bool("acknowledge")?.unwrap_or(false),
            "exclude_me" => self.exclude_me = fields.bool("exclude_me")?,
            "disclose_me" => self.disclose_me = fields.bool("disclose_me")?.unwrap_or(false),
            "retain" => self.retain = fields.bool("retain")?.unwrap_or(false),
            "rkey" => self.rkey = fields.string("rkey")?,
            "exclude" => self.receivers().exclude = fields.ids("exclude")?,
            "exclude_authid" => self.receivers().exclude_authid = fields.strings("exclude_authid")?,
            "exclude_authrole" => self.receivers().exclude_authrole = fields.strings("exclude_authrole")?,
            "eligible" => self.receivers().eligible = fields.ids("eligible")?,
            "eligible_authid" => self.receivers().eligible_authid = fields.strings("eligible_authid")?,
            "eligible_authrole" => {
                self.receivers().eligible_authrole = fields.strings("eligible_authrole")?;
            }
            _ => self.passthru.decode_entry(fields, key)?,
        }
        Ok(())
    }

    /// The lists, made at first use.
    pub fn receivers(&mut self) -> &mut Receivers<'a> {
        self.receivers.get_or_insert_default()
    }

    fn encode(&self, to: &mut Encoder<'_>) {
        let everybody = Receivers::default();
        let receivers = self.receivers.as_deref().unwrap_or(&everybody);
        encode_dict(
            to,
            &[
                ("acknowledge", &self.acknowledge),
                ("exclude_me", &self.exclude_me),
                ("disclose_me", &self.disclose_me),
                ("retain", &self.retain),
                ("rkey", &self.rkey),
                ("exclude", &receivers.exclude),
                ("exclude_authid", &receivers.exclude_authid),
                ("exclude_authrole", &receivers.exclude_authrole),
                ("eligible", &receivers.eligible),
                ("eligible_authid", &receivers.eligible_authid),
                ("eligible_authrole", &receivers.eligible_authrole),
            ],
            Some(&self.passthru),
        );
    }
}

/// `[PUBLISHED, PUBLISH.Request|id, Publication|id]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The publisher's request.
    pub request: RequestId,
    /// The publication.
    pub publication: PublicationId,
}

impl Published {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        Ok(Published { request: fields.request()?, publication: fields.id(PublicationId::new)? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(super::MessageType::Published.code());
        to.uint(self.request.value());
        to.uint(self.publication.value());
        to.end_array();
    }
}

/// `[SUBSCRIBE, Request|id, Options|dict, Topic|uri]`
#[derive(Debug, Clone, PartialEq)]
pub struct Subscribe<'a> {
    /// The subscriber's request.
    pub request: RequestId,
    /// How to subscribe.
    pub options: SubscribeOptions<'a>,
    /// The topic or pattern; not checked yet.
    pub topic: Cow<'a, str>,
}

/// `SUBSCRIBE.Options`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubscribeOptions<'a> {
    /// How the topic is matched (PBS-01).
    pub match_policy: MatchPolicy,
    /// Retained events are wanted (RET-03).
    pub get_retained: bool,
    /// The node of a sharded subscription (SHS-01).
    pub nkey: Option<Cow<'a, str>>,
    /// Whatever else is there.
    pub passthru: Passthru<'a>,
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let request = fields.request()?;
        let mut options = SubscribeOptions::default();
        fields.dict(|fields, key| {
            match &*key {
                "match" => {
                    let policy = fields.word("match", "exact, prefix or wildcard", MatchPolicy::from_name)?;
                    options.match_policy = policy.unwrap_or_default();
                }
                "get_retained" => options.get_retained = fields.bool("get_retained")?.unwrap_or(false),
                "nkey" => options.nkey = fields.string("nkey")?,
                _ => options.passthru.decode_entry(fields, key)?,
            }
            Ok(())
        })?;
        Ok(Subscribe { request, options, topic: fields.text("a topic URI or pattern")? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let policy =
            (self.options.match_policy != MatchPolicy::Exact).then(|| self.options.match_policy.name());
        to.array(4);
        to.uint(super::MessageType::Subscribe.code());
        to.uint(self.request.value());
        encode_dict(
            to,
            &[("match", &policy), ("get_retained", &self.options.get_retained), ("nkey", &self.options.nkey)],
            Some(&self.options.passthru),
        );
        to.str(&self.topic);
        to.end_array();
    }
}

/// `[SUBSCRIBED, SUBSCRIBE.Request|id, Subscription|id]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscribed {
    /// The subscriber's request.
    pub request: RequestId,
    /// The subscription; the same for all its subscribers.
    pub subscription: SubscriptionId,
}

impl Subscribed {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        Ok(Subscribed { request: fields.request()?, subscription: fields.id(SubscriptionId::new)? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(super::MessageType::Subscribed.code());
        to.uint(self.request.value());
        to.uint(self.subscription.value());
        to.end_array();
    }
}

/// `[UNSUBSCRIBE, Request|id, SUBSCRIBED.Subscription|id]`, with a dictionary behind it from some routers' links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsubscribe {
    /// The subscriber's request.
    pub request: RequestId,
    /// The subscription to leave.
    pub subscription: SubscriptionId,
}

impl Unsubscribe {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let request = fields.request()?;
        let subscription = fields.id(SubscriptionId::new)?;
        fields.optional_dict(|fields, _| fields.skip())?;
        Ok(Unsubscribe { request, subscription })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(super::MessageType::Unsubscribe.code());
        to.uint(self.request.value());
        to.uint(self.subscription.value());
        to.end_array();
    }
}

/// `[UNSUBSCRIBED, UNSUBSCRIBE.Request|id]` or, as a revocation, `[UNSUBSCRIBED, 0, Details|dict]`
#[derive(Debug, Clone, PartialEq)]
pub enum Unsubscribed<'a> {
    /// The answer to an UNSUBSCRIBE.
    Reply(RequestId),
    /// The router ended the subscription (REV-01).
    Revoked {
        /// Which one.
        subscription: SubscriptionId,
        /// Why.
        reason: Option<Cow<'a, str>>,
    },
}

impl<'a> Unsubscribed<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let request = fields.request_or_zero()?;
        let (mut subscription, mut reason) = (None, None);
        fields.optional_dict(|fields, key| {
            match &*key {
                "subscription" => subscription = fields.id_option("subscription", SubscriptionId::new)?,
                "reason" => reason = fields.string("reason")?,
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        match (request, subscription) {
            (Some(request), _) => Ok(Unsubscribed::Reply(request)),
            (None, Some(subscription)) => Ok(Unsubscribed::Revoked { subscription, reason }),
            (None, None) => fields.id(|_| None),
        }
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        match self {
            Unsubscribed::Reply(request) => {
                to.array(2);
                to.uint(super::MessageType::Unsubscribed.code());
                to.uint(request.value());
            }
            Unsubscribed::Revoked { subscription, reason } => {
                to.array(3);
                to.uint(super::MessageType::Unsubscribed.code());
                to.uint(0);
                encode_dict(to, &[("subscription", &Some(*subscription)), ("reason", reason)], None);
            }
        }
        to.end_array();
    }
}

/// `[EVENT, SUBSCRIBED.Subscription|id, PUBLISHED.Publication|id, Details|dict, Arguments|list, ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The receiver's subscription.
    pub subscription: SubscriptionId,
    /// The publication; the same for all receivers (BRK-10).
    pub publication: PublicationId,
    /// What the router says about it.
    pub details: EventDetails<'a>,
    /// What was published.
    pub payload: Payload<'a>,
}

/// `EVENT.Details`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventDetails<'a> {
    /// Who published, if disclosed (PID-01).
    pub publisher: Option<SessionId>,
    /// The publisher's authid, if disclosed.
    pub publisher_authid: Option<Cow<'a, str>>,
    /// The publisher's authrole, if disclosed.
    pub publisher_authrole: Option<Cow<'a, str>>,
    /// The topic, for patterns (PBS-07).
    pub topic: Option<Cow<'a, str>>,
    /// The event was retained, not published now (RET-05).
    pub retained: bool,
    /// How far the router trusts the publisher (TRL-01).
    pub trustlevel: Option<u64>,
    /// What the publisher passed on.
    pub passthru: Passthru<'a>,
}

impl<'a> Event<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        let subscription = fields.id(SubscriptionId::new)?;
        let publication = fields.id(PublicationId::new)?;
        let mut details = EventDetails::default();
        fields.dict(|fields, key| {
            match &*key {
                "publisher" => details.publisher = fields.id_option("publisher", SessionId::new)?,
                "publisher_authid" => details.publisher_authid = fields.string("publisher_authid")?,
                "publisher_authrole" => details.publisher_authrole = fields.string("publisher_authrole")?,
                "topic" => details.topic = fields.string("topic")?,
                "retained" => details.retained = fields.bool("retained")?.unwrap_or(false),
                "trustlevel" => details.trustlevel = fields.uint("trustlevel", "an integer")?,
                "x_acknowledged_delivery" => {
                    fields.bool("x_acknowledged_delivery")?;
                }
                _ => details.passthru.decode_entry(fields, key)?,
            }
            Ok(())
        })?;
        let payload = fields.payload(details.passthru.is_transparent())?;
        Ok(Event { subscription, publication, details, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let details = &self.details;
        to.array(4 + self.payload.elements());
        to.uint(super::MessageType::Event.code());
        to.uint(self.subscription.value());
        to.uint(self.publication.value());
        encode_dict(
            to,
            &[
                ("publisher", &details.publisher),
                ("publisher_authid", &details.publisher_authid),
                ("publisher_authrole", &details.publisher_authrole),
                ("topic", &details.topic),
                ("retained", &details.retained),
                ("trustlevel", &details.trustlevel),
            ],
            Some(&details.passthru),
        );
        self.payload.encode(to);
        to.end_array();
    }
}

/// `[EVENT_RECEIVED, EVENT.Publication|id]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventReceived {
    /// The publication that was received.
    pub publication: PublicationId,
}

impl EventReceived {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Result<Self, DecodeError> {
        Ok(EventReceived { publication: fields.id(PublicationId::new)? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(2);
        to.uint(super::MessageType::EventReceived.code());
        to.uint(self.publication.value());
        to.end_array();
    }
}
