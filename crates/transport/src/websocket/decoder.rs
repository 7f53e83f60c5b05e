//! Frames of a peer become messages.
//!
//! A message in one uncompressed frame costs one pass of unmasking and, if it is text, one of UTF-8 checking, both in
//! place. Only fragments are copied, into a buffer that exists while a message is incomplete; inflated messages lie in
//! a buffer of the thread. Text in fragments is checked as far as it has come, so that nonsense is refused early.

use super::header::{Header, Parsed};
use super::inflate::Inflation;
use super::spare::Spare;
use super::{Deflate, Opcode, close, mask};
use crate::{FrameError, Step};

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Frames that come must be masked.
    Server,
    /// Frames that come must not be masked.
    Client,
}

/// What was agreed for a connection.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which end of the connection this is.
    pub role: Role,
    /// Whether messages must be text (`true`) or binary (`false`); `None` takes both (WSK-05, WSK-06).
    pub expect_text: Option<bool>,
    /// The longest message that is taken, in bytes, fragments put together and inflated (WSK-11).
    pub max_message: usize,
    /// What was agreed about compression, if anything.
    pub deflate: Option<Deflate>,
}

/// Takes frames apart and puts messages together.
#[derive(Debug)]
pub struct Decoder {
    /// The message that was last handed out, if it isn't in the input.
    lent: Option<Spare>,
    /// The message whose fragments are coming in.
    partial: Option<Box<Partial>>,
    inflation: Inflation,
    max_message: usize,
    expect_text: Option<bool>,
    role: Role,
}

#[derive(Debug)]
struct Partial {
    text: bool,
    compressed: bool,
    data: Vec<u8>,
    /// So much of `data` is known to be UTF-8.
    checked: usize,
}

impl Decoder {
    /// A decoder for a connection whose opening handshake is done.
    pub fn new(options: Options) -> Self {
        let Options { role, expect_text, max_message, deflate } = options;
        Self {
            lent: None,
            partial: None,
            inflation: deflate.map_or(Inflation::Off, |deflate| deflate.inflation(role)),
            max_message,
            expect_text,
            role,
        }
    }

    /// Takes in at most one frame from the front of `input`, unmasking it in place.
    ///
    /// After [`Step::Close`] nothing more is to be decoded.
    ///
    /// # Errors
    /// Input that breaks RFC 6455 or RFC 7692, is of the wrong kind, or is too long; as soon as the header is there
    /// where the header tells. The decoder must not be used after that.
    pub fn decode<'b>(&'b mut self, input: &'b mut [u8]) -> Result<Step<'b>, FrameError> {
        self.release();
        let header = match Header::parse(input)? {
            Parsed::Header(header) => header,
            Parsed::Incomplete(needed) => return Ok(Step::Incomplete { needed }),
        };
        self.admit(&header)?;
        let consumed = self.frame_size(&header)?;
        let Some(payload) = input.get_mut(header.size..consumed) else {
            return Ok(Step::Incomplete { needed: consumed });
        };
        if let Some(key) = header.mask {
            mask::apply(key, payload);
        }
        let payload: &'b [u8] = payload;
        match header.opcode {
            Opcode::Ping => Ok(Step::Ping { consumed, payload }),
            Opcode::Pong => Ok(Step::Pong { consumed, payload }),
            Opcode::Close => {
                let (code, reason) = close::parse(payload)?;
                Ok(Step::Close { consumed, code, reason })
            }
            Opcode::Text | Opcode::Binary if header.fin => self.whole(&header, consumed, payload),
            Opcode::Text | Opcode::Binary => {
                let text = header.opcode == Opcode::Text;
                let compressed = header.compressed;
                self.partial = Some(Box::new(Partial { text, compressed, data: Vec::new(), checked: 0 }));
                self.fragment(false, consumed, payload)
            }
            Opcode::Continuation => self.fragment(header.fin, consumed, payload),
        }
    }

    /// Gives back the buffer of the last message, if it had one.
    pub fn release(&mut self) {
        self.lent = None;
    }

    /// Refuses a frame that its header alone makes wrong, here and now.
    fn admit(&self, header: &Header) -> Result<(), FrameError> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(FrameError::Unmasked),
            (Role::Client, Some(_)) => return Err(FrameError::Masked),
            (Role::Server, Some(_)) | (Role::Client, None) => {}
        }
        let text = match header.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => return Ok(()),
            Opcode::Continuation if self.partial.is_none() => return Err(FrameError::UnexpectedContinuation),
            Opcode::Continuation if header.compressed => return Err(FrameError::ReservedBits),
            Opcode::Continuation => return Ok(()),
            Opcode::Text => true,
            Opcode::Binary => false,
        };
        if header.compressed && !self.inflation.is_on() {
            return Err(FrameError::ReservedBits);
        }
        if self.partial.is_some() {
            return Err(FrameError::ExpectedContinuation);
        }
        match self.expect_text {
            Some(true) if !text => Err(FrameError::ExpectedText),
            Some(false) if text => Err(FrameError::ExpectedBinary),
            _ => Ok(()),
        }
    }

    /// The size of a frame that doesn't make its message too long.
    fn frame_size(&self, header: &Header) -> Result<usize, FrameError> {
        let too_big = FrameError::TooBig { limit: self.max_message as u64 };
        let length = usize::try_from(header.length).map_err(|_| too_big)?;
        if !header.opcode.is_control() {
            let before = self.partial.as_ref().map_or(0, |partial| partial.data.len());
            let compressed = self.partial.as_ref().map_or(header.compressed, |partial| partial.compressed);
            let limit = if compressed { stored_size(self.max_message) } else { self.max_message };
            if before.checked_add(length).is_none_or(|total| total > limit) {
                return Err(too_big);
            }
        }
        header.size.checked_add(length).ok_or(too_big)
    }

    /// A message in a single frame.
    fn whole<'b>(
        &'b mut self,
        header: &Header,
        consumed: usize,
        payload: &'b [u8],
    ) -> Result<Step<'b>, FrameError> {
        let text = header.opcode == Opcode::Text;
        let payload = if header.compressed {
            let inflated = self.inflation.inflate(payload, self.max_message)?;
            self.lent.insert(inflated)
        } else {
            payload
        };
        if text {
            simdutf8::basic::from_utf8(payload).map_err(|_| FrameError::InvalidUtf8)?;
        }
        Ok(Step::Message { consumed, text, payload })
    }

    /// A fragment, the first one included: `partial` is there.
    fn fragment<'b>(
        &'b mut self,
        fin: bool,
        consumed: usize,
        payload: &[u8],
    ) -> Result<Step<'b>, FrameError> {
        let Some(mut partial) = self.partial.take() else { return Err(FrameError::UnexpectedContinuation) };
        partial.data.extend_from_slice(payload);
        if partial.text && !partial.compressed {
            partial.check_utf8(fin)?;
        }
        if !fin {
            self.partial = Some(partial);
            return Ok(Step::Consumed { consumed });
        }
        let Partial { text, compressed, data, .. } = *partial;
        let message = if compressed {
            let inflated = self.inflation.inflate(&data, self.max_message)?;
            if text {
                simdutf8::basic::from_utf8(&inflated).map_err(|_| FrameError::InvalidUtf8)?;
            }
            inflated
        } else {
            Spare::from(data)
        };
        Ok(Step::Message { consumed, text, payload: self.lent.insert(message) })
    }
}

impl Partial {
    /// Checks what has come since the last time. Unless it is the end (`fin`), a character may be cut off.
    fn check_utf8(&mut self, fin: bool) -> Result<(), FrameError> {
        let unchecked = self.data.get(self.checked..).unwrap_or_default();
        match simdutf8::compat::from_utf8(unchecked) {
            Ok(_) => self.checked = self.data.len(),
            Err(error) if error.error_len().is_none() && !fin => self.checked += error.valid_up_to(),
            Err(_) => return Err(FrameError::InvalidUtf8),
        }
        Ok(())
    }
}

/// How long a message may be in compressed form that has `plain` bytes: DEFLATE adds a few bytes per block to what it
/// can't compress.
const fn stored_size(plain: usize) -> usize {
    plain.saturating_add(plain / 1024).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(deflate: Option<Deflate>) -> Decoder {
        Decoder::new(Options { role: Role::Client, expect_text: None, max_message: 1 << 20, deflate })
    }

    fn holds_nothing(decoder: &Decoder) -> bool {
        decoder.lent.is_none()
            && decoder.partial.is_none()
            && !matches!(decoder.inflation, Inflation::Kept(_))
    }

    #[test]
    fn an_idle_decoder_holds_no_buffer() {
        let deflate = Deflate { server_no_context_takeover: true, ..Deflate::default() };
        let mut decoder = decoder(Some(deflate));
        let fragments = [&b"\x02\x01a"[..], b"\x80\x01b"].concat();
        let compressed = [0xC1, 7, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];
        for stream in [&fragments[..], &compressed] {
            let mut input = stream.to_vec();
            let mut start = 0;
            while start < input.len() {
                start += decoder.decode(&mut input[start..]).expect("the stream is valid").consumed();
            }
            assert!(!holds_nothing(&decoder), "the message is lent");
            decoder.release();
            assert!(holds_nothing(&decoder));
        }
    }

    #[test]
    fn a_message_in_one_frame_is_borrowed_from_the_input() {
        let mut decoder = decoder(None);
        let mut input = *b"\x82\x03abc";
        let place = input[2..].as_ptr();
        let step = decoder.decode(&mut input).expect("the stream is valid");
        assert!(matches!(step, Step::Message { payload: b"abc", .. }));
        assert!(matches!(step, Step::Message { payload, .. } if payload.as_ptr() == place));
        assert!(holds_nothing(&decoder));
    }
}
