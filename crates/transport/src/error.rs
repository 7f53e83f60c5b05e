//! What can be wrong with the frames of a peer, and how a WebSocket tells it so.

/// Input that breaks the framing: the peer's fault, and the end of its connection.
///
/// Over WebSocket the connection is failed with a close frame of [`FrameError::close_code`] and this error's text as
/// the reason; RawSocket has no such frame, there the connection just ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// RSV bits are set that no negotiated extension gave a meaning.
    #[error("reserved bits are set in a frame header")]
    ReservedBits,
    /// An opcode that RFC 6455 keeps for later.
    #[error("opcode {0:#x} is reserved")]
    ReservedOpcode(u8),
    /// A frame of a client came without a mask (WSK-09).
    #[error("frames of a client must be masked")]
    Unmasked,
    /// A frame of a server came with a mask.
    #[error("frames of a server must not be masked")]
    Masked,
    /// A payload length that isn't in its shortest form, or above 2^63 - 1.
    #[error("a payload length is not encoded in its shortest form")]
    LengthEncoding,
    /// A control frame in several parts.
    #[error("control frames must not be fragmented")]
    FragmentedControl,
    /// A control frame with more than 125 bytes of payload.
    #[error("control frames carry at most 125 bytes")]
    OversizedControl,
    /// A continuation frame although no message was begun.
    #[error("a continuation frame continues nothing")]
    UnexpectedContinuation,
    /// A new message although the last one isn't finished.
    #[error("a message begins inside another one")]
    ExpectedContinuation,
    /// A close frame whose payload is a single byte.
    #[error("a close code has two bytes")]
    CloseLength,
    /// A close code that must not be sent over the wire.
    #[error("close code {0} must not be sent")]
    CloseCode(u16),
    /// A close reason that isn't UTF-8.
    #[error("a close reason is not UTF-8")]
    CloseReason,
    /// A binary message where the serializer sends text (WSK-05).
    #[error("this subprotocol sends text messages")]
    ExpectedText,
    /// A text message where the serializer sends binary (WSK-06).
    #[error("this subprotocol sends binary messages")]
    ExpectedBinary,
    /// Text that isn't UTF-8 (WSK-10).
    #[error("a text message is not UTF-8")]
    InvalidUtf8,
    /// A message, or what it inflates to, above the limit (WSK-11, RAW-18).
    #[error("a message is longer than {limit} bytes")]
    TooBig {
        /// The receiver's limit in bytes.
        limit: u64,
    },
    /// A compressed message that is no DEFLATE data.
    #[error("a compressed message does not inflate")]
    Inflate,
    /// Reserved bits in the prefix of a RawSocket frame are set (RAW-14).
    #[error("reserved bits are set in a RawSocket prefix")]
    RawReservedBits,
    /// A RawSocket frame type that isn't defined (RAW-15).
    #[error("RawSocket frame type {0} is reserved")]
    RawReservedType(u8),
    /// The bit for a payload of 2^24 bytes together with another length (RAW-13).
    #[error("a RawSocket prefix has two lengths")]
    RawAmbiguousLength,
    /// A batch without any message (BAT-05).
    #[error("a batch is empty")]
    EmptyBatch,
    /// A batch that ends inside a message (BAT-07).
    #[error("a batch ends inside a message")]
    TruncatedBatch,
}

impl FrameError {
    /// The WebSocket close code that says it to the peer.
    pub const fn close_code(self) -> u16 {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode(_)
            | Self::Unmasked
            | Self::Masked
            | Self::LengthEncoding
            | Self::FragmentedControl
            | Self::OversizedControl
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::CloseLength
            | Self::CloseCode(_)
            | Self::RawReservedBits
            | Self::RawReservedType(_)
            | Self::RawAmbiguousLength
            | Self::EmptyBatch
            | Self::TruncatedBatch => 1002,
            Self::ExpectedText | Self::ExpectedBinary => 1003,
            Self::InvalidUtf8 | Self::CloseReason | Self::Inflate => 1007,
            Self::TooBig { .. } => 1009,
        }
    }
}
