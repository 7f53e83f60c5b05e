//! Messages on their way out, and the ids of requests.

use wamp::{Payload, RequestId, Serializer};

use crate::arguments::Arguments;
use crate::error::RequestError;

/// What is kept of the buffer when it is empty, in bytes.
const CAPACITY_AT_REST: usize = 256 * 1024;

/// Encoded messages that wait to be handed to the link.
///
/// *Invariant*: request ids are used one after the other without a gap, so a message that turns out too long to be sent
/// gives its id back (IDS-06).
pub(crate) struct Wire {
    serializer: Serializer,
    /// The longest message that the router receives, in bytes.
    limit: usize,
    next_request: RequestId,
    messages: Vec<u8>,
    ends: Vec<usize>,
    scratch: Vec<u8>,
}

impl Wire {
    pub(crate) const fn new(serializer: Serializer, limit: usize) -> Self {
        Wire {
            serializer,
            limit,
            next_request: RequestId::FIRST,
            messages: Vec::new(),
            ends: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(crate) const fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Adds the message that `write` appends.
    pub(crate) fn send(&mut self, write: impl FnOnce(Serializer, &mut Vec<u8>)) -> Result<(), RequestError> {
        let start = self.messages.len();
        write(self.serializer, &mut self.messages);
        if self.messages.len() - start > self.limit {
            self.messages.truncate(start);
            return Err(RequestError::too_long(self.limit));
        }
        self.ends.push(self.messages.len());
        Ok(())
    }

    /// Adds the message that `write` appends, with these arguments.
    pub(crate) fn send_with(
        &mut self,
        arguments: &Arguments,
        write: impl FnOnce(Payload<'_>, Serializer, &mut Vec<u8>),
    ) -> Result<(), RequestError> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let sent = arguments.encoded(self.serializer, &mut scratch, |payload| {
            self.send(|serializer, out| write(payload, serializer, out))
        });
        self.scratch = scratch;
        sent
    }

    /// Adds the request that `write` appends under the next request id.
    pub(crate) fn request(
        &mut self,
        write: impl FnOnce(RequestId, Serializer, &mut Vec<u8>),
    ) -> Result<RequestId, RequestError> {
        let request = self.next_request;
        self.send(|serializer, out| write(request, serializer, out))?;
        self.next_request = request.next();
        Ok(request)
    }

    /// Adds the request that `write` appends under the next request id, with these arguments.
    pub(crate) fn request_with(
        &mut self,
        arguments: &Arguments,
        write: impl FnOnce(RequestId, Payload<'_>, Serializer, &mut Vec<u8>),
    ) -> Result<RequestId, RequestError> {
        let request = self.next_request;
        self.send_with(arguments, |payload, serializer, out| write(request, payload, serializer, out))?;
        self.next_request = request.next();
        Ok(request)
    }

    /// Hands all messages over, in order.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        let mut start = 0;
        for end in self.ends.drain(..) {
            take(self.messages.get(start..end).unwrap_or_default());
            start = end;
        }
        self.messages.clear();
        self.messages.shrink_to(CAPACITY_AT_REST);
        self.scratch.clear();
        self.scratch.shrink_to(CAPACITY_AT_REST);
    }

    /// How many bytes wait.
    pub(crate) const fn len(&self) -> usize {
        self.messages.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wamp::SubscriptionId;
    use wamp::message::{Goodbye, MessageType, Unsubscribe};

    /// IDS-04: one after the other, from 1; IDS-06: no gap where a request could not be sent.
    #[test]
    fn a_request_that_is_too_long_leaves_no_gap_in_the_ids() {
        let mut wire = Wire::new(Serializer::Json, 20);
        let unsubscribe = |subscription| {
            move |request, serializer, out: &mut Vec<u8>| {
                Unsubscribe { request, subscription: SubscriptionId::from_bits(subscription) }
                    .encode(serializer, out);
            }
        };
        assert_eq!(wire.request(unsubscribe(0)), Ok(RequestId::FIRST));
        assert!(wire.request(unsubscribe(u64::MAX)).is_err_and(|error| error.is_too_long()));
        assert_eq!(wire.request(unsubscribe(1)), Ok(RequestId::FIRST.next()));
        let mut sent = Vec::new();
        wire.drain(|message| sent.push(String::from_utf8_lossy(message).into_owned()));
        assert_eq!(sent, ["[34,1,1]", "[34,2,2]"]);
        assert_eq!(wire.len(), 0);
    }

    #[test]
    fn messages_are_handed_over_one_by_one() {
        let mut wire = Wire::new(Serializer::Json, usize::MAX);
        for reason in ["a.b", "c.d"] {
            let goodbye = Goodbye { message: None, reason: reason.into() };
            assert_eq!(wire.send(|serializer, out| goodbye.encode(serializer, out)), Ok(()));
        }
        let mut count = 0;
        wire.drain(|message| {
            assert_eq!(MessageType::peek(Serializer::Json, message), Some(MessageType::Goodbye));
            count += 1;
        });
        assert_eq!(count, 2);
    }
}
