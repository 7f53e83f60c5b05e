//! One event as it is kept, and its encoding for those who keep it on a disk.

use std::borrow::Cow;
use std::sync::Arc;

use wamp::message::{Event, EventDetails, Message, Passthru, Publish, PublishOptions, Receivers};
use wamp::{Payload, PublicationId, RequestId, Serializer, SessionId, SubscriptionId};

use crate::identity::Origin;
use crate::timestamp::Timestamp;

/// An event that is kept: in a history, or as the retained event of a topic.
///
/// The publication itself is held as the PUBLISH message that would make it again, in its publisher's serializer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    timestamp: Timestamp,
    publication: PublicationId,
    publisher: SessionId,
    authid: Arc<str>,
    authrole: Arc<str>,
    trustlevel: Option<u64>,
    serializer: Serializer,
    publish: Box<[u8]>,
}

/// Bytes that are no [`StoredEvent`]: the file is damaged, or of a later version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no record of an event")]
pub struct BadRecord;

/// Who published an event, for those who make one without a router: [`StoredEvent::from_publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPublisher {
    /// The session.
    pub session: SessionId,
    /// Its authid.
    pub authid: Arc<str>,
    /// Its authrole.
    pub authrole: Arc<str>,
    /// Its trust level, if it has one.
    pub trustlevel: Option<u64>,
}

/// What [`StoredEvent::head`] finds in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHead {
    /// [`StoredEvent::timestamp`].
    pub timestamp: Timestamp,
    /// [`StoredEvent::publication`].
    pub publication: PublicationId,
    /// [`StoredEvent::bytes`].
    pub bytes: usize,
}

/// What an event holds in memory besides its texts and its PUBLISH.
const EVENT_BYTES: usize = 160;

/// The first byte of the encoding, so that a later one can be told.
const VERSION: u8 = 1;

/// The codes of serializers in the encoding: their places here, from 1.
const SERIALIZERS: [Serializer; 5] =
    [Serializer::Json, Serializer::MsgPack, Serializer::Cbor, Serializer::Ubjson, Serializer::Bjdata];

/// What was published, apart from by whom and when.
pub(crate) struct Published<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a Payload<'a>,
    pub(crate) passthru: &'a Passthru<'a>,
    pub(crate) receivers: Option<&'a Receivers<'a>>,
    /// The publisher was disclosed.
    pub(crate) disclose: bool,
    pub(crate) trustlevel: Option<u64>,
}

impl StoredEvent {
    pub(crate) fn new(
        timestamp: Timestamp,
        publication: PublicationId,
        origin: &Origin<'_>,
        published: &Published<'_>,
    ) -> Self {
        let serializer = published.payload.serializer();
        let options = PublishOptions {
            disclose_me: published.disclose,
            receivers: published.receivers.cloned().map(Box::new),
            passthru: published.passthru.clone(),
            ..PublishOptions::default()
        };
        let publish = Publish {
            request: RequestId::FIRST,
            options,
            topic: Cow::Borrowed(published.topic),
            payload: *published.payload,
        };
        let mut bytes = Vec::new();
        Message::from(publish).encode(serializer, &mut bytes);
        StoredEvent {
            timestamp,
            publication,
            publisher: origin.session,
            authid: Arc::clone(&origin.identity.authid),
            authrole: Arc::clone(&origin.identity.authrole),
            trustlevel: published.trustlevel,
            serializer,
            publish: bytes.into(),
        }
    }

    /// An event from a PUBLISH message as it was encoded. It is not looked at: what is none is told when the event is
    /// returned to somebody.
    pub fn from_publish(
        timestamp: Timestamp,
        publication: PublicationId,
        publisher: EventPublisher,
        serializer: Serializer,
        publish: Vec<u8>,
    ) -> Self {
        let EventPublisher { session, authid, authrole, trustlevel } = publisher;
        StoredEvent {
            timestamp,
            publication,
            publisher: session,
            authid,
            authrole,
            trustlevel,
            serializer,
            publish: publish.into(),
        }
    }

    /// When it was published.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The same at another time, as when the clock was set back and the order of a history must not be.
    #[must_use]
    pub fn at(self, timestamp: Timestamp) -> Self {
        StoredEvent { timestamp, ..self }
    }

    /// The publication.
    pub fn publication(&self) -> PublicationId {
        self.publication
    }

    /// The session that published, its authid and authrole, disclosed or not.
    pub(crate) fn publisher(&self) -> (SessionId, &str, &str) {
        (self.publisher, &self.authid, &self.authrole)
    }

    /// The PUBLISH.
    ///
    /// # Errors
    /// The record is damaged.
    pub(crate) fn publish(&self) -> Result<Publish<'_>, BadRecord> {
        match Message::decode(self.serializer, &self.publish) {
            Ok(Message::Publish(publish)) => Ok(publish),
            _ => Err(BadRecord),
        }
    }

    /// The EVENT that a subscriber got, with its original publication id and disclosure (RET-05, RET-12), but for
    /// `topic`, which depends on the subscription.
    ///
    /// # Errors
    /// The record is damaged.
    pub(crate) fn event(&self, subscription: SubscriptionId) -> Result<Event<'_>, BadRecord> {
        let publish = self.publish()?;
        let disclose = publish.options.disclose_me;
        let details = EventDetails {
            trustlevel: self.trustlevel,
            publisher: disclose.then_some(self.publisher),
            publisher_authid: disclose.then_some(Cow::Borrowed(&*self.authid)),
            publisher_authrole: disclose.then_some(Cow::Borrowed(&*self.authrole)),
            passthru: publish.options.passthru,
            ..EventDetails::default()
        };
        Ok(Event { subscription, publication: self.publication, details, payload: publish.payload })
    }

    /// The memory it takes, for those who bound it.
    pub fn bytes(&self) -> usize {
        EVENT_BYTES + self.publish.len()
    }

    /// Its encoding:
    ///
    /// ```text
    /// version  serializer  timestamp  publication  publisher  trustlevel + 1  authid          authrole        PUBLISH
    /// 1        1           8          8            8          8               2 + its length  2 + its length  the rest
    /// ```
    ///
    /// All numbers are big-endian, lengths in bytes; a trust level of 0 there is none.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(40 + self.authid.len() + self.authrole.len() + self.publish.len());
        out.push(VERSION);
        let code = SERIALIZERS.iter().position(|serializer| *serializer == self.serializer).unwrap_or(0) + 1;
        out.push(u8::try_from(code).unwrap_or(0));
        let trustlevel = self.trustlevel.map_or(0, |level| level.saturating_add(1));
        for number in [self.timestamp.0, self.publication.value(), self.publisher.value(), trustlevel] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for text in [&self.authid, &self.authrole] {
            let text = truncated(text);
            out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&self.publish);
        out
    }

    /// Reads what [`StoredEvent::encode`] wrote.
    ///
    /// # Errors
    /// Bytes that it didn't write. The PUBLISH in it is looked at only when it is needed.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let mut rest = bytes;
        let [VERSION, code] = take::<2>(&mut rest)? else { return Err(BadRecord) };
        let serializer = usize::from(code).checked_sub(1).and_then(|code| SERIALIZERS.get(code));
        let mut number = || take::<8>(&mut rest).map(u64::from_be_bytes);
        let (timestamp, publication, publisher, trustlevel) = (number()?, number()?, number()?, number()?);
        let mut text = || {
            let length = usize::from(u16::from_be_bytes(take::<2>(&mut rest)?));
            let (text, behind) = rest.split_at_checked(length).ok_or(BadRecord)?;
            rest = behind;
            std::str::from_utf8(text).map(Arc::from).map_err(|_| BadRecord)
        };
        let (authid, authrole) = (text()?, text()?);
        Ok(StoredEvent {
            timestamp: Timestamp(timestamp),
            publication: PublicationId::new(publication).ok_or(BadRecord)?,
            publisher: SessionId::new(publisher).ok_or(BadRecord)?,
            authid,
            authrole,
            trustlevel: trustlevel.checked_sub(1),
            serializer: *serializer.ok_or(BadRecord)?,
            publish: rest.into(),
        })
    }

    /// What those who search and trim need to know of a record, at a fraction of what it costs to decode it.
    ///
    /// # Errors
    /// Bytes that [`StoredEvent::encode`] didn't write, as far as this looks.
    pub fn head(record: &[u8]) -> Result<RecordHead, BadRecord> {
        let mut rest = record;
        let [VERSION, _] = take::<2>(&mut rest)? else { return Err(BadRecord) };
        let mut number = || take::<8>(&mut rest).map(u64::from_be_bytes);
        let (timestamp, publication, _publisher, _trustlevel) = (number()?, number()?, number()?, number()?);
        for _ in ["authid", "authrole"] {
            let length = usize::from(u16::from_be_bytes(take::<2>(&mut rest)?));
            (_, rest) = rest.split_at_checked(length).ok_or(BadRecord)?;
        }
        Ok(RecordHead {
            timestamp: Timestamp(timestamp),
            publication: PublicationId::new(publication).ok_or(BadRecord)?,
            bytes: EVENT_BYTES + rest.len(),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], BadRecord> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(BadRecord)?;
    *bytes = rest;
    Ok(*head)
}

/// A name of at most 64 KiB: nobody has a longer one, and its record must stay readable if somebody does.
fn truncated(text: &str) -> &str {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wamp::Value;
    use wamp::value::Dict;

    use super::*;
    use crate::identity::Identity;

    fn event(serializer: Serializer, authid: &str, trustlevel: Option<u64>, arg: &str) -> StoredEvent {
        let identity = Identity { authid: authid.into(), ..Identity::trusted("x") };
        let origin = Origin { session: SessionId::from_bits(7), identity: &identity };
        let mut buffer = Vec::new();
        let payload = Payload::from_values(serializer, &[Value::from(arg)], &Dict::default(), &mut buffer);
        let receivers = Receivers { eligible_authrole: Some(vec!["admin".into()]), ..Receivers::default() };
        let published = Published {
            topic: "com.example.topic",
            payload: &payload,
            passthru: &Passthru::NONE,
            receivers: Some(&receivers),
            disclose: true,
            trustlevel,
        };
        StoredEvent::new(Timestamp(1_767_528_236_123_456), PublicationId::from_bits(5), &origin, &published)
    }

    proptest! {
        #[test]
        fn a_record_reads_back_as_itself(
            serializer in prop::sample::select(SERIALIZERS.to_vec()),
            authid in ".{0,40}",
            trustlevel in prop::option::of(0u64..1000),
            // In JSON a text that begins with \0 is bytes.
            arg in "([^\0\n].{0,39})?",
        ) {
            let event = event(serializer, &authid, trustlevel, &arg);
            let read = StoredEvent::decode(&event.encode()).unwrap();
            prop_assert_eq!(&read, &event);
            let head = StoredEvent::head(&event.encode()).unwrap();
            prop_assert_eq!(head.timestamp, event.timestamp());
            prop_assert_eq!(head.publication, event.publication());
            prop_assert_eq!(head.bytes, event.bytes());
            let publish = read.publish().unwrap();
            prop_assert_eq!(&*publish.topic, "com.example.topic");
            prop_assert!(publish.options.disclose_me);
            let (args, _) = publish.payload.to_values().unwrap();
            prop_assert_eq!(args, vec![Value::from(&*arg)]);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(event) = StoredEvent::decode(&bytes) {
                let _ = event.publish();
                prop_assert!(StoredEvent::head(&bytes).is_ok());
            }
        }

        #[test]
        fn an_event_is_made_without_a_router(trustlevel in prop::option::of(0u64..1000)) {
            let event = event(Serializer::Cbor, "joe", trustlevel, "x");
            let publisher = EventPublisher {
                session: event.publisher,
                authid: Arc::clone(&event.authid),
                authrole: Arc::clone(&event.authrole),
                trustlevel,
            };
            let made = StoredEvent::from_publish(
                event.timestamp,
                event.publication,
                publisher,
                event.serializer,
                event.publish.to_vec(),
            );
            prop_assert_eq!(made, event);
        }

        #[test]
        fn a_damaged_record_is_told(cut in 0usize..60) {
            let bytes = event(Serializer::Json, "joe", None, "x").encode();
            let read = StoredEvent::decode(&bytes[..cut.min(bytes.len() - 1)]);
            prop_assert!(read.is_err() || read.unwrap().publish().is_err());
        }
    }
}
