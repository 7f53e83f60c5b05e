//! One decoder over both transports, and what it reports.

use crate::{FrameError, rawsocket, websocket};

/// One step of decoding at the front of the input.
///
/// `consumed` counts the bytes that were taken in from the front; the next call gets the input behind them.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'b> {
    /// No whole frame is there yet, and nothing was changed.
    Incomplete {
        /// Call again when at least this many bytes are there, counted from the start of this input; always more than
        /// the input had. Once the header is there it is the size of the whole frame.
        needed: usize,
    },
    /// A frame was taken in that completes nothing (a fragment).
    Consumed {
        /// Bytes taken in.
        consumed: usize,
    },
    /// A whole message: unmasked, reassembled, inflated, and UTF-8 if it is text.
    Message {
        /// Bytes taken in.
        consumed: usize,
        /// Whether it came as a WebSocket text message.
        text: bool,
        /// The message; a batch of messages where batching was agreed (see [`crate::batch::split`]).
        payload: &'b [u8],
    },
    /// To be answered with a pong of the same payload, at once (WSK-08, RAW-16).
    Ping {
        /// Bytes taken in.
        consumed: usize,
        /// What the pong repeats.
        payload: &'b [u8],
    },
    /// The answer to a ping of ours, or an unasked-for sign of life.
    Pong {
        /// Bytes taken in.
        consumed: usize,
        /// What the ping had.
        payload: &'b [u8],
    },
    /// A WebSocket close frame: to be answered with a close frame if none was sent yet. Nothing that follows it on the
    /// wire is to be decoded.
    Close {
        /// Bytes taken in.
        consumed: usize,
        /// The status code, checked to be one that may be sent; `None` if the frame had none.
        code: Option<u16>,
        /// The reason, empty if there was none.
        reason: &'b str,
    },
}

impl Step<'_> {
    /// How many bytes the step took from the front of the input.
    pub const fn consumed(&self) -> usize {
        match self {
            Step::Incomplete { .. } => 0,
            Step::Consumed { consumed }
            | Step::Message { consumed, .. }
            | Step::Ping { consumed, .. }
            | Step::Pong { consumed, .. }
            | Step::Close { consumed, .. } => *consumed,
        }
    }
}

/// The decoder of one connection, after its handshake.
#[derive(Debug)]
pub enum Decoder {
    /// Frames with a prefix of four bytes.
    RawSocket(rawsocket::Decoder),
    /// RFC 6455, with or without permessage-deflate.
    WebSocket(websocket::Decoder),
}

impl Decoder {
    /// Takes in at most one frame from the front of `input`.
    ///
    /// Masked payloads are unmasked in place, so what was consumed must not be decoded again. A payload borrows from
    /// `input` where it stands there as a whole, otherwise from the decoder.
    ///
    /// # Errors
    /// Input that breaks the framing. The decoder must not be used after that.
    pub fn decode<'b>(&'b mut self, input: &'b mut [u8]) -> Result<Step<'b>, FrameError> {
        match self {
            Decoder::RawSocket(decoder) => decoder.decode(input),
            Decoder::WebSocket(decoder) => decoder.decode(input),
        }
    }

    /// Gives back the buffer of the last message, if it had one. Every [`Decoder::decode`] begins with this; call it
    /// before a connection goes to sleep unless the last step was [`Step::Incomplete`].
    pub fn release(&mut self) {
        match self {
            Decoder::RawSocket(_) => {}
            Decoder::WebSocket(decoder) => decoder.release(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_small() {
        assert!(size_of::<Decoder>() <= 64, "{}", size_of::<Decoder>());
    }

    #[test]
    fn a_step_knows_what_it_consumed() {
        assert_eq!(Step::Incomplete { needed: 9 }.consumed(), 0);
        assert_eq!(Step::Consumed { consumed: 3 }.consumed(), 3);
        assert_eq!(Step::Close { consumed: 4, code: None, reason: "" }.consumed(), 4);
    }
}
