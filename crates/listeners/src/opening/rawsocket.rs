//! Opening a RawSocket: four octets each way (RAW-01 to RAW-11).

use router::Format;
use tokio::io::{AsyncRead, AsyncWrite};
use transport::rawsocket::{
    ClientHandshake, Decoder, HANDSHAKE_SIZE, HandshakeError, length_exponent, length_limit,
};
use transport::{Framing, rawsocket};

use super::{Greeting, Opening, Refused};
use crate::RawSocketConfig;
use crate::connection::Wire;

pub(super) async fn greet<S>(opening: &mut Opening<S>) -> Result<Greeting, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let context = opening.context.clone();
    let Some(config) = &context.config.rawsocket else {
        return Err(Refused::Silently("RawSocket is not spoken here"));
    };
    let octets = loop {
        if let Some(octets) = opening.received.first_chunk::<HANDSHAKE_SIZE>() {
            break *octets;
        }
        opening.receive().await?;
    };
    opening.received.drain(..HANDSHAKE_SIZE);
    let (handshake, serializer) = check(octets, config, opening.admitted.is_turned_away())?;
    let own_max = config.message_bytes_max.unwrap_or(context.router.limits().message_bytes_max);
    let own_exponent = length_exponent(own_max);
    opening.send(&handshake.accept(own_exponent)).await?;
    let wire = Wire { decoder: transport::Decoder::RawSocket(Decoder::new(length_limit(own_exponent))) };
    let format = Format { serializer, framing: Framing::RawSocket };
    let peer_max = length_limit(handshake.max_len_exponent);
    let link = context.link(format, peer_max, opening.transport.clone());
    Ok(Greeting::Session(wire, link))
}

fn check(
    octets: [u8; HANDSHAKE_SIZE],
    config: &RawSocketConfig,
    is_turned_away: bool,
) -> Result<(ClientHandshake, wamp::Serializer), Refused> {
    let handshake = ClientHandshake::parse(octets).map_err(refused)?;
    if is_turned_away {
        return Err(refused(HandshakeError::ConnectionLimit));
    }
    let spoken = |serializer: &&wamp::Serializer| serializer.rawsocket_id() == handshake.serializer_id;
    let Some(serializer) = config.serializers.iter().find(spoken) else {
        return Err(refused(HandshakeError::SerializerUnsupported));
    };
    if length_limit(handshake.max_len_exponent) < config.peer_message_bytes_min {
        return Err(refused(HandshakeError::LengthUnacceptable));
    }
    Ok((handshake, *serializer))
}

fn refused(error: rawsocket::HandshakeError) -> Refused {
    match error.reply() {
        Some(reply) => Refused::Answered(error.to_string(), reply.to_vec()),
        None => Refused::Silently("not a RawSocket handshake"),
    }
}
