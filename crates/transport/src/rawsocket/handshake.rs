//! The opening handshake of RawSocket, both sides.
//!
//! ```text
//!  client, and server that accepts        server that refuses
//!  +------+---------+---------+------+    +------+---------+---------+------+
//!  | 0x7F | LLLLSSSS | 0x00   | 0x00 |    | 0x7F | EEEE0000 | 0x00   | 0x00 |
//!  +------+---------+---------+------+    +------+---------+---------+------+
//!    L: the sender receives up to 2^(9+L) octets    S: serializer    E: what is wrong
//! ```

/// The octet that every RawSocket handshake begins with.
pub const MAGIC: u8 = 0x7F;

/// The number of octets that each side sends.
pub const HANDSHAKE_SIZE: usize = 4;

/// The longest message in octets that an exponent of 0 to 15 stands for: 2^(9 + exponent), 512 octets to 16 MiB.
pub const fn length_limit(exponent: u8) -> usize {
    512 << if exponent > 15 { 15 } else { exponent }
}

/// The smallest exponent whose [`length_limit`] is at least `max_len`; 15 for all above 8 MiB.
pub const fn length_exponent(max_len: usize) -> u8 {
    let mut exponent = 0;
    while exponent < 15 && length_limit(exponent) < max_len {
        exponent += 1;
    }
    exponent
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientHandshake {
    /// The serializer's number, 1 to 15; see [`wamp::Serializer::from_rawsocket_id`].
    pub serializer_id: u8,
    /// What the client receives, as an exponent of 0 to 15; see [`length_limit`].
    pub max_len_exponent: u8,
}

impl ClientHandshake {
    /// Reads the first four octets of a connection.
    ///
    /// Whether the serializer is spoken and the length is enough is for the caller to say, with the errors that exist
    /// for that.
    ///
    /// # Errors
    /// Octets that are no handshake of this protocol, no serializer, or reserved octets that are set.
    pub const fn parse(octets: [u8; HANDSHAKE_SIZE]) -> Result<Self, HandshakeError> {
        let [magic, request, third, fourth] = octets;
        if magic != MAGIC {
            return Err(HandshakeError::Magic);
        }
        if third != 0 || fourth != 0 {
            return Err(HandshakeError::ReservedOctets);
        }
        let (max_len_exponent, serializer_id) = (request >> 4, request & 0x0F);
        if serializer_id == 0 {
            return Err(HandshakeError::NoSerializer);
        }
        Ok(Self { serializer_id, max_len_exponent })
    }

    /// The octets a client sends.
    pub const fn encode(self) -> [u8; HANDSHAKE_SIZE] {
        encode(self.max_len_exponent, self.serializer_id)
    }

    /// The octets of a server that accepts it, and that itself receives up to `own_exponent` (RAW-03, RAW-04).
    pub const fn accept(self, own_exponent: u8) -> [u8; HANDSHAKE_SIZE] {
        encode(own_exponent, self.serializer_id)
    }
}

const fn encode(exponent: u8, serializer_id: u8) -> [u8; HANDSHAKE_SIZE] {
    let exponent = if exponent > 15 { 15 } else { exponent };
    [MAGIC, exponent << 4 | serializer_id & 0x0F, 0, 0]
}

/// Why a server refuses a client's handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first octet isn't [`MAGIC`]: no RawSocket client, who would not understand an answer (RAW-02).
    #[error("not a RawSocket handshake")]
    Magic,
    /// The serializer's number is 0, which is illegal (RAW-05).
    #[error("serializer 0 is illegal")]
    NoSerializer,
    /// The serializer isn't spoken here (RAW-06).
    #[error("serializer unsupported")]
    SerializerUnsupported,
    /// The client receives less than the server needs (RAW-07).
    #[error("maximum message length unacceptable")]
    LengthUnacceptable,
    /// The third or the fourth octet is set (RAW-08).
    #[error("use of reserved bits")]
    ReservedOctets,
    /// There are too many connections already (RAW-09).
    #[error("maximum connection count reached")]
    ConnectionLimit,
}

impl HandshakeError {
    /// What the server sends before it closes; `None` to close without a word.
    pub const fn reply(self) -> Option<[u8; HANDSHAKE_SIZE]> {
        let code = match self {
            HandshakeError::Magic => return None,
            // There is no code of its own for an illegal number, and 0 must not be sent (RAW-10).
            HandshakeError::NoSerializer | HandshakeError::SerializerUnsupported => 1,
            HandshakeError::LengthUnacceptable => 2,
            HandshakeError::ReservedOctets => 3,
            HandshakeError::ConnectionLimit => 4,
        };
        Some([MAGIC, code << 4, 0, 0])
    }
}

/// What a server answered that accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerHandshake {
    /// The serializer's number, which is the one that was asked for.
    pub serializer_id: u8,
    /// What the server receives, as an exponent of 0 to 15; see [`length_limit`].
    pub max_len_exponent: u8,
}

impl ServerHandshake {
    /// Reads a server's answer to `request`.
    ///
    /// # Errors
    /// A refusal, or octets that are no answer to this request.
    pub const fn parse(octets: [u8; HANDSHAKE_SIZE], request: ClientHandshake) -> Result<Self, ReplyError> {
        let [magic, answer, third, fourth] = octets;
        if magic != MAGIC {
            return Err(ReplyError::Magic);
        }
        if third != 0 || fourth != 0 {
            return Err(ReplyError::ReservedOctets);
        }
        let (high, serializer_id) = (answer >> 4, answer & 0x0F);
        if serializer_id == 0 {
            return Err(match high {
                1 => ReplyError::Refused(HandshakeError::SerializerUnsupported),
                2 => ReplyError::Refused(HandshakeError::LengthUnacceptable),
                3 => ReplyError::Refused(HandshakeError::ReservedOctets),
                4 => ReplyError::Refused(HandshakeError::ConnectionLimit),
                code => ReplyError::RefusedWith(code),
            });
        }
        if serializer_id != request.serializer_id {
            return Err(ReplyError::OtherSerializer(serializer_id));
        }
        Ok(Self { serializer_id, max_len_exponent: high })
    }
}

/// Why a client can't go on with a server's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The first octet isn't [`MAGIC`].
    #[error("the server does not speak RawSocket")]
    Magic,
    /// The third or the fourth octet is set.
    #[error("the server's answer uses reserved bits")]
    ReservedOctets,
    /// The server refused, and said why.
    #[error("the server refused the connection: {0}")]
    Refused(HandshakeError),
    /// The server refused with a code that the specification doesn't define.
    #[error("the server refused the connection with the unknown error {0}")]
    RefusedWith(u8),
    /// The server answered with a serializer that wasn't asked for.
    #[error("the server chose serializer {0}, which was not asked for")]
    OtherSerializer(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(octets: [u8; 4]) -> Result<ClientHandshake, HandshakeError> {
        ClientHandshake::parse(octets)
    }

    // RAW-01
    #[test]
    fn a_handshake_has_a_length_and_a_serializer() {
        let handshake = ClientHandshake { serializer_id: 1, max_len_exponent: 15 };
        assert_eq!(parse([0x7F, 0xF1, 0, 0]), Ok(handshake));
        assert_eq!(handshake.encode(), [0x7F, 0xF1, 0, 0]);
    }

    // RAW-02
    #[test]
    fn another_magic_is_refused_without_a_word() {
        assert_eq!(parse([0, 0xF1, 0, 0]), Err(HandshakeError::Magic));
        assert_eq!(HandshakeError::Magic.reply(), None);
    }

    // RAW-03, RAW-04, RAW-11
    #[test]
    fn an_acceptance_echoes_the_serializer_and_names_the_own_limit() {
        for serializer_id in 1..=15 {
            let asked = ClientHandshake { serializer_id, max_len_exponent: 15 };
            let reply = asked.accept(length_exponent(64 * 1024));
            assert_eq!(reply, [0x7F, 0x70 | serializer_id, 0, 0]);
            let answer = ServerHandshake { serializer_id, max_len_exponent: 7 };
            assert_eq!(ServerHandshake::parse(reply, asked), Ok(answer));
        }
    }

    // RAW-05
    #[test]
    fn serializer_zero_is_refused() {
        assert_eq!(parse([0x7F, 0xF0, 0, 0]), Err(HandshakeError::NoSerializer));
        assert_eq!(HandshakeError::NoSerializer.reply(), Some([0x7F, 0x10, 0, 0]));
    }

    // RAW-06, RAW-07, RAW-09
    #[test]
    fn refusals_have_their_codes() {
        assert_eq!(HandshakeError::SerializerUnsupported.reply(), Some([0x7F, 0x10, 0, 0]));
        assert_eq!(HandshakeError::LengthUnacceptable.reply(), Some([0x7F, 0x20, 0, 0]));
        assert_eq!(HandshakeError::ConnectionLimit.reply(), Some([0x7F, 0x40, 0, 0]));
    }

    // RAW-08
    #[test]
    fn reserved_octets_are_refused() {
        for octets in [[0x7F, 0xF1, 0, 1], [0x7F, 0xF1, 0x80, 0]] {
            assert_eq!(parse(octets), Err(HandshakeError::ReservedOctets));
        }
        assert_eq!(HandshakeError::ReservedOctets.reply(), Some([0x7F, 0x30, 0, 0]));
    }

    // RAW-10
    #[test]
    fn no_request_at_all_is_answered_with_error_zero() {
        for request in 0..=u8::MAX {
            for reserved in [0, 1] {
                let Err(error) = parse([0x7F, request, reserved, 0]) else { continue };
                assert!(
                    matches!(error.reply(), Some([0x7F, code, 0, 0]) if code >= 0x10 && code & 0x0F == 0)
                );
            }
        }
    }

    #[test]
    fn a_client_understands_refusals() {
        let request = ClientHandshake { serializer_id: 2, max_len_exponent: 0 };
        for error in [
            HandshakeError::SerializerUnsupported,
            HandshakeError::LengthUnacceptable,
            HandshakeError::ReservedOctets,
            HandshakeError::ConnectionLimit,
        ] {
            let octets = error.reply().expect("all of these are answered");
            assert_eq!(ServerHandshake::parse(octets, request), Err(ReplyError::Refused(error)));
        }
        assert_eq!(ServerHandshake::parse([0x7F, 0x90, 0, 0], request), Err(ReplyError::RefusedWith(9)));
        assert_eq!(ServerHandshake::parse(*b"HTTP", request), Err(ReplyError::Magic));
        assert_eq!(ServerHandshake::parse([0x7F, 0xF1, 0, 0], request), Err(ReplyError::OtherSerializer(1)));
        assert_eq!(ServerHandshake::parse([0x7F, 0xF2, 0, 9], request), Err(ReplyError::ReservedOctets));
    }

    #[test]
    fn lengths_and_exponents_are_two_sides_of_one_thing() {
        assert_eq!((length_limit(0), length_limit(7), length_limit(15)), (512, 65_536, 16 << 20));
        assert_eq!((length_exponent(0), length_exponent(512), length_exponent(513)), (0, 0, 1));
        assert_eq!((length_exponent(16 << 20), length_exponent(usize::MAX)), (15, 15));
        for exponent in 0..=15 {
            assert_eq!(length_exponent(length_limit(exponent)), exponent);
        }
    }
}
