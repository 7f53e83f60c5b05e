//! Publications, and those of them that wait to be acknowledged.

use std::borrow::Cow;
use std::collections::HashMap;

use wamp::message::Publish;
use wamp::{PublicationId, RequestId};

use super::command::{NewPublication, Reply};
use super::wire::Wire;
use crate::error::{ApplicationError, RequestError};

#[derive(Default)]
pub(super) struct Publisher {
    acknowledgements: HashMap<RequestId, Reply<PublicationId>>,
}

impl Publisher {
    /// Fails what was not acknowledged: the router may have published it or not.
    pub(super) fn disconnected(&mut self, error: &RequestError) {
        for (_, reply) in self.acknowledgements.drain() {
            drop(reply.send(Err(error.clone())));
        }
    }

    pub(super) fn publish(&mut self, publication: NewPublication, wire: &mut Wire) {
        let NewPublication { topic, options, arguments, reply } = publication;
        if reply.as_ref().is_some_and(Reply::is_closed) {
            return;
        }
        let sent = wire.request_with(&arguments, |request, payload, serializer, out| {
            let topic = Cow::Borrowed(topic.as_str());
            Publish { request, options, topic, payload }.encode(serializer, out);
        });
        match (sent, reply) {
            (Ok(request), Some(reply)) => drop(self.acknowledgements.insert(request, reply)),
            (Ok(_), None) => {}
            (Err(error), Some(reply)) => drop(reply.send(Err(error))),
            (Err(error), None) => tracing::warn!(topic, %error, "a publication was not sent"),
        }
    }

    pub(super) fn published(&mut self, request: RequestId, publication: PublicationId) {
        self.finish(request, Ok(publication));
    }

    pub(super) fn failed(&mut self, request: RequestId, error: ApplicationError) {
        self.finish(request, Err(error.into()));
    }

    fn finish(&mut self, request: RequestId, outcome: Result<PublicationId, RequestError>) {
        if let Some(reply) = self.acknowledgements.remove(&request) {
            drop(reply.send(outcome));
        }
    }
}
