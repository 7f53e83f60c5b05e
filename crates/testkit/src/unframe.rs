//! The client's side of every framing: bytes to messages.

use transport::websocket::{self, Deflate, Role};
use transport::{Framing, Step, batch, rawsocket};

/// Takes apart what a router sends in one framing.
#[derive(Debug)]
pub(crate) struct Unframe {
    framing: Framing,
    decoder: Option<transport::Decoder>,
    rest: Vec<u8>,
}

const MESSAGE_BYTES_MAX: usize = 64 << 20;

impl Unframe {
    pub(crate) fn new(framing: Framing) -> Self {
        let websocket = |text, deflate| {
            let options = websocket::Options {
                role: Role::Client,
                expect_text: Some(text),
                max_message: MESSAGE_BYTES_MAX,
                deflate,
            };
            Some(transport::Decoder::WebSocket(websocket::Decoder::new(options)))
        };
        let deflate = |window_bits| {
            Some(Deflate {
                server_no_context_takeover: true,
                client_no_context_takeover: true,
                server_max_window_bits: window_bits,
                ..Deflate::default()
            })
        };
        let decoder = match framing {
            Framing::None => None,
            Framing::RawSocket => {
                Some(transport::Decoder::RawSocket(rawsocket::Decoder::new(rawsocket::MAX_LENGTH)))
            }
            Framing::WebSocket { text } => websocket(text, None),
            Framing::WebSocketBatched { batch } => websocket(batch.is_text(), None),
            Framing::Deflate { text, window_bits } => websocket(text, deflate(window_bits)),
            Framing::DeflateBatched { batch, window_bits } => {
                websocket(batch.is_text(), deflate(window_bits))
            }
        };
        Unframe { framing, decoder, rest: Vec::new() }
    }

    /// Hands every message that is complete with these bytes to `each`.
    ///
    /// # Panics
    /// The router broke its framing.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        self.rest.extend_from_slice(bytes);
        let consumed = match &mut self.decoder {
            None => length_prefixed(&self.rest, &mut each),
            Some(decoder) => framed(decoder, self.framing, &mut self.rest, &mut each),
        };
        self.rest.drain(..consumed);
    }

    /// Whether a message has begun and not ended.
    pub(crate) fn is_amid(&self) -> bool {
        !self.rest.is_empty()
    }
}

fn length_prefixed(input: &[u8], each: &mut impl FnMut(&[u8])) -> usize {
    let mut rest = input;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).expect("32 bits fit");
        let Some((message, behind)) = behind.split_at_checked(length) else { break };
        each(message);
        rest = behind;
    }
    input.len() - rest.len()
}

fn framed(
    decoder: &mut transport::Decoder,
    framing: Framing,
    input: &mut [u8],
    each: &mut impl FnMut(&[u8]),
) -> usize {
    let is_batched = matches!(framing, Framing::WebSocketBatched { .. } | Framing::DeflateBatched { .. });
    let mut start = 0;
    loop {
        let step = decoder.decode(&mut input[start..]).expect("a router keeps to its framing");
        match &step {
            Step::Incomplete { .. } => return start,
            Step::Message { payload, text, .. } if is_batched => {
                for message in batch::split(*text, payload) {
                    each(message.expect("a router sends whole batches"));
                }
            }
            Step::Message { payload, .. } => each(payload),
            Step::Consumed { .. } | Step::Ping { .. } | Step::Pong { .. } | Step::Close { .. } => {}
        }
        start += step.consumed();
    }
}

#[cfg(test)]
mod tests {
    use transport::Batch;

    use super::*;

    #[test]
    fn messages_come_out_of_every_framing_however_the_bytes_are_cut() {
        for framing in [
            Framing::None,
            Framing::RawSocket,
            Framing::WebSocket { text: true },
            Framing::WebSocketBatched { batch: Batch::RecordSeparator },
            Framing::WebSocketBatched { batch: Batch::LengthPrefix },
            Framing::Deflate { text: true, window_bits: 15 },
            Framing::DeflateBatched { batch: Batch::LengthPrefix, window_bits: 12 },
        ] {
            let sent = [b"[1]".to_vec(), vec![b'x'; 700], b"[2]".to_vec()];
            let mut wire = Vec::new();
            for message in &sent {
                framing.frame_bytes(&mut wire, message);
            }
            for cut in [1, 7, wire.len()] {
                let (mut unframe, mut found) = (Unframe::new(framing), Vec::new());
                for part in wire.chunks(cut) {
                    unframe.feed(part, |message| found.push(message.to_vec()));
                }
                assert_eq!(found, sent, "{framing:?} in parts of {cut}");
                assert!(!unframe.is_amid());
            }
        }
    }
}
