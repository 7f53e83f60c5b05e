//! From bytes to the link: one message after the other, in place.

use router::{Flow, Link, Turn};
use transport::{Batch, FrameError, Framing, Step, batch, rawsocket, websocket};

use super::{Connection, End, WORK_MAX};

/// How many bytes of a batch are routed in one go. A batch is one message to its connection, but holds so many that others
/// would wait for long.
const BATCH_BYTES_MAX: usize = 64 << 10;

/// Why decoding doesn't go on with what there is.
#[derive(Debug)]
pub(super) enum Stop {
    /// There is no whole frame; one needs so many bytes.
    Starved { needed: usize },
    /// Others go first, or the session waits: there may be more.
    Interrupted,
    /// The connection ends.
    End(End),
}

/// The messages of a batch that were not routed yet. It is never empty.
#[derive(Debug)]
pub(super) struct BatchRest {
    text: bool,
    bytes: Vec<u8>,
    /// How many of the bytes were routed since.
    taken: usize,
}

impl<S> Connection<S> {
    /// Decodes and routes frames from the front of `input`; answers how many bytes that took.
    pub(super) fn decode(&mut self, input: &mut [u8], turn: &mut Turn<'_>) -> (usize, Stop) {
        let is_websocket = self.wire.is_websocket();
        let is_batched = holds_batches(self.link.format().framing);
        let mut consumed = 0;
        loop {
            let rest = input.get_mut(consumed..).unwrap_or_default();
            if rest.is_empty() {
                // Nothing is left, so the decoder's buffers aren't either.
                self.wire.decoder.release();
                return (consumed, Stop::Starved { needed: 1 });
            }
            let step = match self.wire.decoder.decode(rest) {
                Ok(Step::Incomplete { needed }) => return (consumed, Stop::Starved { needed }),
                Ok(step) => step,
                Err(error) => return (consumed, Stop::End(error.into())),
            };
            consumed += step.consumed();
            let goes_on = match step {
                Step::Message { text, payload, .. } if is_batched => {
                    if self.link.session_id().is_none() {
                        follow_batches(&mut self.link, payload);
                    }
                    match receive_batch(&mut self.link, text, payload, turn) {
                        Ok(taken) => {
                            let bytes = payload.get(taken..).unwrap_or_default();
                            if !bytes.is_empty() {
                                self.batch =
                                    Some(Box::new(BatchRest { text, bytes: bytes.to_vec(), taken: 0 }));
                            }
                            Ok(bytes.is_empty())
                        }
                        Err(end) => Err(end),
                    }
                }
                Step::Message { payload, .. } => receive(&mut self.link, payload, turn),
                Step::Ping { payload, .. } => {
                    let mut pong = Vec::new();
                    if is_websocket {
                        websocket::write_pong(&mut pong, payload);
                    } else {
                        rawsocket::write_pong(&mut pong, payload);
                    }
                    self.link.send_raw(&pong);
                    Ok(true)
                }
                Step::Close { code, .. } => Err(End::PeerClosed(code)),
                Step::Consumed { .. } | Step::Pong { .. } | Step::Incomplete { .. } => Ok(true),
            };
            match goes_on {
                Ok(true) => {}
                Ok(false) => return (consumed, Stop::Interrupted),
                Err(end) => return (consumed, Stop::End(end)),
            }
        }
    }

    /// Goes on with a batch that was interrupted; answers how many bytes of it that took.
    pub(super) fn resume_batch(&mut self, mut rest: BatchRest, turn: &mut Turn<'_>) -> Result<usize, End> {
        let bytes = rest.bytes.get(rest.taken..).unwrap_or_default();
        let taken = receive_batch(&mut self.link, rest.text, bytes, turn)?;
        rest.taken += taken;
        if rest.taken < rest.bytes.len() {
            self.batch = Some(Box::new(rest));
        }
        Ok(taken)
    }
}

/// Whether messages of the transport are batches of WAMP messages.
fn holds_batches(framing: Framing) -> bool {
    matches!(framing, Framing::WebSocketBatched { .. } | Framing::DeflateBatched { .. })
}

/// Answers in batches of the form that the peer sends: there are two for JSON, and the handshake doesn't tell which.
fn follow_batches(link: &mut Link, payload: &[u8]) {
    let format = link.format();
    let spoken = Batch::spoken_in(payload, format.serializer);
    match format.framing {
        Framing::WebSocketBatched { batch } if batch != spoken => {
            link.set_framing(Framing::WebSocketBatched { batch: spoken });
        }
        Framing::DeflateBatched { batch, window_bits } if batch != spoken => {
            link.set_framing(Framing::DeflateBatched { batch: spoken, window_bits });
        }
        _ => {}
    }
}

/// Routes one message; false if input has to wait then.
fn receive(link: &mut Link, message: &[u8], turn: &mut Turn<'_>) -> Result<bool, End> {
    match link.receive(message, turn) {
        Flow::Continue => Ok(turn.work() < WORK_MAX),
        Flow::Pause => Ok(link.wants_input()),
        Flow::Close { code, reason } => Err(End::Closed { code, reason }),
    }
}

/// Routes the messages at the front of a batch in their order (BAT-06), some [`BATCH_BYTES_MAX`] of them; answers how many
/// bytes that took.
fn receive_batch(link: &mut Link, text: bool, payload: &[u8], turn: &mut Turn<'_>) -> Result<usize, End> {
    // A separator behind each, or a length before.
    let around = if text { 1 } else { 4 };
    let mut taken = 0;
    for message in batch::split(text, payload) {
        let message: &[u8] = message.map_err(|error: FrameError| End::Violation(error))?;
        taken += message.len() + around;
        if !receive(link, message, turn)? || taken >= BATCH_BYTES_MAX {
            break;
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use router::{ChannelType, Format, Millis, Router, RouterConfig, TransportDetails, Worker};
    use wamp::Serializer;

    use super::*;

    // BAT-06
    #[test]
    fn a_long_batch_is_routed_in_pieces() {
        let router: Arc<Router> = Router::new(RouterConfig::default()).expect("a configuration that can be");
        let framing = Framing::WebSocketBatched { batch: Batch::RecordSeparator };
        let format = Format { serializer: Serializer::Json, framing };
        let transport = TransportDetails::new(ChannelType::Memory, "test");
        let mut link = Link::new(&router, format, 1 << 24, transport, Millis(1));
        let mut worker = Worker::new([1; 32]);
        let hello = b"[1,\"realm1\",{\"roles\":{\"publisher\":{}}}]\x1e";
        let length = receive_batch(&mut link, true, hello, &mut worker.turn(Millis(1))).expect("a session");
        assert_eq!((length, link.session_id().is_some()), (hello.len(), true));
        let batch: Vec<u8> =
            (1..10_000).flat_map(|n| format!("[16,{n},{{}},\"com.topic\"]\x1e").into_bytes()).collect();
        let (mut taken, mut pieces) = (0, 0);
        while let Some(rest @ [_, ..]) = batch.get(taken..) {
            let piece = receive_batch(&mut link, true, rest, &mut worker.turn(Millis(1))).expect("valid");
            assert!((1..BATCH_BYTES_MAX + 64).contains(&piece), "{piece}");
            taken += piece;
            pieces += 1;
        }
        assert_eq!((taken, pieces), (batch.len(), batch.len().div_ceil(BATCH_BYTES_MAX)));
    }
}
