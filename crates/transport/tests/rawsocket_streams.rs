//! Properties of whole RawSocket streams.

mod support;

use cloverleaf_transport::rawsocket::{self, ClientHandshake, MAX_LENGTH};
use cloverleaf_transport::{Decoder, FrameError, Framing};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{Seen, drive};

fn decoder() -> Decoder {
    Decoder::RawSocket(rawsocket::Decoder::new(MAX_LENGTH))
}

fn said() -> impl Strategy<Value = Seen> {
    let body = || prop_oneof![vec(any::<u8>(), 0..50), vec(any::<u8>(), 0..3_000)];
    prop_oneof![body().prop_map(Seen::Binary), body().prop_map(Seen::Ping), body().prop_map(Seen::Pong)]
}

fn stream(sayings: &[Seen]) -> Vec<u8> {
    let mut out = Vec::new();
    for said in sayings {
        match said {
            Seen::Binary(body) => Framing::RawSocket.frame_bytes(&mut out, body),
            Seen::Ping(body) => rawsocket::write_ping(&mut out, body),
            Seen::Pong(body) => rawsocket::write_pong(&mut out, body),
            other => panic!("RawSocket has no {other:?}"),
        }
    }
    out
}

proptest! {
    // RAW-12, RAW-16, RAW-22
    #[test]
    fn any_cut_of_a_stream_gives_the_same_messages(
        sayings in vec(said(), 1..15),
        pieces in vec(1_usize..2_000, 1..10),
    ) {
        let stream = stream(&sayings);
        prop_assert_eq!(&drive(&mut decoder(), &stream, &pieces), &sayings);
        prop_assert_eq!(&drive(&mut decoder(), &stream, &[1]), &sayings);
    }

    // RAW-14, RAW-15
    #[test]
    fn noise_never_panics(stream in vec(any::<u8>(), 0..300)) {
        drive(&mut decoder(), &stream, &[5]);
    }

    #[test]
    fn every_handshake_is_answered_or_refused(octets in any::<[u8; 4]>()) {
        match ClientHandshake::parse(octets) {
            Ok(handshake) => prop_assert_eq!(handshake.encode(), octets),
            Err(error) => prop_assert_eq!(error.reply().is_none(), octets[0] != rawsocket::MAGIC),
        }
    }
}

// RAW-13
#[test]
fn a_stream_goes_on_behind_sixteen_mebibytes() {
    let sayings =
        [Seen::Binary(vec![7; MAX_LENGTH]), Seen::Binary(b"[1]".to_vec()), Seen::Ping(vec![1; MAX_LENGTH])];
    let stream = stream(&sayings);
    assert!(drive(&mut decoder(), &stream, &[stream.len()]) == sayings);
}

// RAW-18
#[test]
fn a_stream_ends_at_a_frame_above_the_limit() {
    let sayings = [Seen::Binary(vec![7; 512]), Seen::Binary(vec![7; 513])];
    let mut small = Decoder::RawSocket(rawsocket::Decoder::new(512));
    let seen = drive(&mut small, &stream(&sayings), &[100]);
    assert_eq!(seen, [sayings[0].clone(), Seen::Failed(FrameError::TooBig { limit: 512 })]);
}
