//! One event, encoded at most once for each format among its receivers.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use wamp::message::Event;

use super::Membership;
use crate::identity::Format;
use crate::outbox::{Frame, SHARE_BYTES_MIN, shared};
use crate::peer::Sent;
use crate::worker::Turn;

/// Room for what most events have before their payload: frame header, ids, details with a topic.
const HEAD_BYTES: usize = 128;

/// The frames of one event for one subscription. Small ones lie one behind the other in a scratch buffer.
#[derive(Debug)]
pub(super) struct Frames<'s> {
    scratch: &'s mut Vec<u8>,
    made: SmallVec<[(Format, Made); 4]>,
}

#[derive(Debug)]
struct Made {
    frame: Stored,
    /// The length of the message in the frame, which is what a peer may have bounded.
    message_len: usize,
}

#[derive(Debug)]
enum Stored {
    Scratch(Range<usize>),
    Shared(Bytes),
}

impl<'s> Frames<'s> {
    pub(super) fn new(scratch: &'s mut Vec<u8>) -> Self {
        scratch.clear();
        Frames { scratch, made: SmallVec::new() }
    }

    /// Sends the event, which must be the same in every call, to one more receiver.
    pub(super) fn send(
        &mut self,
        event: &Event<'_>,
        membership: &Arc<Membership>,
        turn: &mut Turn<'_>,
    ) -> Sent {
        let peer = &membership.peer;
        let index = match self.made.iter().position(|(format, _)| *format == peer.format) {
            Some(index) => index,
            None => self.make(event, peer.format),
        };
        let Some((_, made)) = self.made.get(index) else { return Sent::Gone };
        if made.message_len > peer.message_bytes_max.min(peer.format.framing.max_body()) {
            peer.drop_event();
            return Sent::TooLong;
        }
        let frame = match &made.frame {
            Stored::Scratch(range) => Frame::Copied(self.scratch.get(range.clone()).unwrap_or_default()),
            Stored::Shared(bytes) => Frame::Shared(Bytes::clone(bytes)),
        };
        peer.push_events(&membership.active, &frame, 1, turn)
    }

    fn make(&mut self, event: &Event<'_>, format: Format) -> usize {
        let payload_len = event.payload.bytes().len();
        let made = if payload_len >= SHARE_BYTES_MIN && !format.framing.is_batched() {
            // It will be shared, so it is written where it stays.
            let mut frame = Vec::with_capacity(payload_len + HEAD_BYTES);
            let message_len = encode(event, format, &mut frame);
            Made { frame: Stored::Shared(shared(frame)), message_len }
        } else {
            self.make_in_scratch(event, format)
        };
        self.made.push((format, made));
        self.made.len() - 1
    }

    fn make_in_scratch(&mut self, event: &Event<'_>, format: Format) -> Made {
        let start = self.scratch.len();
        let message_len = encode(event, format, self.scratch);
        let frame = if self.scratch.len() - start < SHARE_BYTES_MIN {
            Stored::Scratch(start..self.scratch.len())
        } else {
            Stored::Shared(self.share(start, format))
        };
        Made { frame, message_len }
    }

    /// Takes what was written from `start` on out of the scratch buffer; a batch item gets the header of a batch of one.
    fn share(&mut self, start: usize, format: Format) -> Bytes {
        let written = self.scratch.get(start..).unwrap_or_default();
        let mut frame = Vec::with_capacity(written.len() + 10);
        if format.framing.is_batched() {
            format.framing.batch_header(&mut frame, written.len());
        }
        frame.extend_from_slice(written);
        self.scratch.truncate(start);
        Bytes::from(frame)
    }
}

/// Appends the frame of an event, or on a batched transport its item; answers the length of the message in it.
pub(super) fn encode(event: &Event<'_>, format: Format, out: &mut Vec<u8>) -> usize {
    let mut message_len = 0;
    format.framing.batch_item(out, |out| {
        let start = out.len();
        event.encode(format.serializer, out);
        message_len = out.len() - start;
    });
    message_len
}
