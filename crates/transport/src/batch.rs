//! Several WAMP messages in one WebSocket message.
//!
//! ```text
//! text:    message 1E  message 1E  ...
//! binary:  length:u32  message  length:u32  message  ...      lengths big-endian
//! ```
//!
//! Batching is agreed per connection by a subprotocol that ends in `.batched`. The specification defines it for JSON
//! and MessagePack; CBOR and UBJSON are batched like MessagePack, which is what clients do.
//!
//! Autobahn|Python ends JSON messages with 0x18 instead of 0x1E, both when it writes and when it reads (its source has
//! the octal escape `\30`). Neither octet can occur in JSON text, so [`split`] takes both, and what is sent to a peer
//! is decided per connection: [`Batch::spoken_in`] mirrors what the peer sent, [`Batch::expected_by`] guesses
//! from its user agent before it sent anything.
//!
//! Spec: advanced profile, "Batched WebSocket Transport" (transport_batched_websocket.md).

use wamp::Serializer;

use crate::FrameError;

/// What ends each JSON message of a batch (BAT-02).
pub const RECORD_SEPARATOR: u8 = 0x1E;
/// What Autobahn|Python has in place of [`RECORD_SEPARATOR`].
pub const CANCEL: u8 = 0x18;

/// How the messages of a batch are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Batch {
    /// Text, each message followed by 0x1E, as the specification has it.
    RecordSeparator,
    /// Text, each message followed by 0x18, as Autobahn|Python has it.
    Cancel,
    /// Binary, each message preceded by its length as 32 bits, big-endian.
    LengthPrefix,
}

impl Batch {
    /// The form the specification gives batches of a serializer.
    pub const fn of(serializer: Serializer) -> Self {
        if serializer.is_text() { Batch::RecordSeparator } else { Batch::LengthPrefix }
    }

    /// The form that a peer expects which called itself `user_agent` when it connected.
    pub fn expected_by(user_agent: Option<&str>, serializer: Serializer) -> Self {
        let autobahn = user_agent.is_some_and(|name| name.starts_with("AutobahnPython/"));
        if serializer.is_text() && autobahn { Batch::Cancel } else { Batch::of(serializer) }
    }

    /// The form of a batch that a peer sent in `serializer`, which is then the best one to answer in.
    pub fn spoken_in(payload: &[u8], serializer: Serializer) -> Self {
        if serializer.is_text() && payload.last() == Some(&CANCEL) {
            Batch::Cancel
        } else {
            Batch::of(serializer)
        }
    }

    /// Appends one message in the form it has inside a batch. `body` appends the message and must leave alone what is
    /// there already.
    pub fn item(self, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Batch::RecordSeparator => {
                body(out);
                out.push(RECORD_SEPARATOR);
            }
            Batch::Cancel => {
                body(out);
                out.push(CANCEL);
            }
            Batch::LengthPrefix => length_prefixed(out, body),
        }
    }

    /// Whether batches of this form travel in text messages.
    pub const fn is_text(self) -> bool {
        matches!(self, Batch::RecordSeparator | Batch::Cancel)
    }
}

/// Appends what `body` writes with its length before it; nothing at all if the length needs more than 32 bits.
pub(crate) fn length_prefixed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let written = out.len().saturating_sub(start + 4);
    match (u32::try_from(written), out.get_mut(start..start + 4)) {
        (Ok(length), Some(prefix)) => prefix.copy_from_slice(&length.to_be_bytes()),
        _ => out.truncate(start),
    }
}

/// The messages of a received batch in their order (BAT-06). After an error nothing follows.
///
/// What came as a text message (`text`) is split at its separators, anything else by its lengths.
///
/// The iterator yields an error for a batch without messages, and for one that ends inside a message.
pub const fn split(text: bool, payload: &[u8]) -> Split<'_> {
    Split { rest: payload, text, state: State::Fresh }
}

/// The iterator of [`split`].
#[derive(Debug, Clone)]
pub struct Split<'p> {
    rest: &'p [u8],
    text: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Begun,
    Failed,
}

impl<'p> Split<'p> {
    fn next_item(&mut self) -> Option<&'p [u8]> {
        if self.text {
            let (item, rest) = self.rest.split_at_checked(separator(self.rest)?)?;
            self.rest = rest.get(1..)?;
            return Some(item);
        }
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (item, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(item)
    }
}

impl<'p> Iterator for Split<'p> {
    type Item = Result<&'p [u8], FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            let fresh = self.state == State::Fresh;
            self.state = State::Failed;
            return fresh.then_some(Err(FrameError::EmptyBatch));
        }
        if self.state == State::Failed {
            return None;
        }
        self.state = State::Begun;
        let item = self.next_item();
        if item.is_none() {
            self.state = State::Failed;
        }
        Some(item.ok_or(FrameError::TruncatedBatch))
    }
}

/// Where the first message of a text batch ends. Whole blocks are tested without branches, which the compiler turns
/// into vector instructions.
fn separator(text: &[u8]) -> Option<usize> {
    const BLOCK: usize = 32;
    let is_separator = |byte: &u8| *byte == RECORD_SEPARATOR || *byte == CANCEL;
    let (blocks, tail) = text.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        if block.iter().fold(false, |found, byte| found | is_separator(byte)) {
            return block.iter().position(is_separator).map(|offset| index * BLOCK + offset);
        }
    }
    tail.iter().position(is_separator).map(|offset| blocks.len() * BLOCK + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(text: bool, payload: &[u8]) -> Result<Vec<&[u8]>, FrameError> {
        split(text, payload).collect()
    }

    fn item(batch: Batch, messages: &[&[u8]]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        for message in messages {
            batch.item(&mut out, |out| out.extend_from_slice(message));
        }
        out.split_off(6)
    }

    // BAT-02
    #[test]
    fn json_messages_are_followed_by_a_record_separator() {
        assert_eq!(item(Batch::of(Serializer::Json), &[b"[1]", b"[2]"]), b"[1]\x1e[2]\x1e");
    }

    // BAT-03
    #[test]
    fn binary_messages_are_preceded_by_their_length() {
        for serializer in [Serializer::MsgPack, Serializer::Cbor, Serializer::Ubjson, Serializer::Bjdata] {
            assert_eq!(item(Batch::of(serializer), &[b"ab", b""]), b"\0\0\0\x02ab\0\0\0\0");
        }
    }

    // BAT-04
    #[test]
    fn a_single_message_is_a_batch_of_one() {
        assert_eq!(collect(true, b"[1]\x1e"), Ok(vec![&b"[1]"[..]]));
        assert_eq!(collect(false, b"\0\0\0\x01a"), Ok(vec![&b"a"[..]]));
    }

    // BAT-05
    #[test]
    fn an_empty_batch_is_an_error() {
        assert_eq!(collect(true, b""), Err(FrameError::EmptyBatch));
        assert_eq!(collect(false, b""), Err(FrameError::EmptyBatch));
        assert_eq!(split(false, b"").count(), 1);
    }

    // BAT-06
    #[test]
    fn messages_come_out_in_order() {
        let messages: Vec<Vec<u8>> = (0..200_u8).map(|i| vec![b'x'; usize::from(i)]).collect();
        let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
        for batch in [Batch::RecordSeparator, Batch::Cancel, Batch::LengthPrefix] {
            assert_eq!(collect(batch.is_text(), &item(batch, &slices)), Ok(slices.clone()));
        }
    }

    // BAT-07
    #[test]
    fn a_truncated_batch_is_an_error_after_its_whole_messages() {
        for (text, payload) in [
            (true, &b"[1]\x1e[2]"[..]),
            (true, b"[1]\x1e "),
            (false, b"\0\0\0\x03[1]\0\0\0\x04[2]"),
            (false, b"\0\0\0\x03[1]\0\0\0"),
            (false, b"\0\0\0\x03[1]\xff\xff\xff\xff"),
        ] {
            let items: Vec<_> = split(text, payload).collect();
            assert_eq!(items, [Ok(&b"[1]"[..]), Err(FrameError::TruncatedBatch)]);
        }
        assert_eq!(collect(true, b"[1]"), Err(FrameError::TruncatedBatch));
    }

    #[test]
    fn the_separator_of_autobahn_python_is_read_and_mirrored() {
        assert_eq!(collect(true, b"[1]\x18[2]\x18"), Ok(vec![&b"[1]"[..], b"[2]"]));
        assert_eq!(Batch::spoken_in(b"[1]\x18", Serializer::Json), Batch::Cancel);
        assert_eq!(Batch::spoken_in(b"[1]\x1e", Serializer::Json), Batch::RecordSeparator);
        assert_eq!(Batch::spoken_in(b"\0\0\0\x01\x18", Serializer::Cbor), Batch::LengthPrefix);
        assert_eq!(item(Batch::Cancel, &[b"[1]"]), b"[1]\x18");
    }

    #[test]
    fn the_separator_is_guessed_from_the_user_agent() {
        let autobahn = Some("AutobahnPython/26.10.2");
        assert_eq!(Batch::expected_by(autobahn, Serializer::Json), Batch::Cancel);
        assert_eq!(Batch::expected_by(autobahn, Serializer::MsgPack), Batch::LengthPrefix);
        assert_eq!(Batch::expected_by(Some("Mozilla/5.0"), Serializer::Json), Batch::RecordSeparator);
        assert_eq!(Batch::expected_by(None, Serializer::Json), Batch::RecordSeparator);
    }
}
