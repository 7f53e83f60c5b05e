//! Properties of whole WebSocket streams: however they are cut, fragmented, masked and compressed, the same messages
//! come out; and whatever is done to them, nothing panics or grows.

mod support;

use cloverleaf_transport::websocket::{self, Deflate, Options, Role};
use cloverleaf_transport::{Batch, Decoder, FrameError, Framing};
use flate2::{Compress, Compression, FlushCompress};
use proptest::collection::vec;
use proptest::prelude::*;
use support::*;

const LIMIT: usize = 1 << 20;

fn decoder(role: Role, deflate: Option<Deflate>) -> Decoder {
    let options = Options { role, expect_text: None, max_message: LIMIT, deflate };
    Decoder::WebSocket(websocket::Decoder::new(options))
}

/// A peer that says these things.
#[derive(Debug, Clone)]
enum Said {
    Message { text: bool, body: Vec<u8>, cuts: Vec<usize>, compressed: bool, between: Vec<Vec<u8>> },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn said() -> impl Strategy<Value = Said> {
    let body = prop_oneof![
        4 => vec(any::<u8>(), 0..200),
        2 => vec(0_u8..4, 0..3_000),
        1 => (65_530_usize..65_540, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]),
    ];
    let text = prop_oneof![3 => "\\PC{0,60}", 1 => "[aé☃𝄞]{0,300}"].prop_map(String::into_bytes);
    let body = prop_oneof![body.prop_map(|body| (false, body)), text.prop_map(|body| (true, body))];
    let control = || vec(any::<u8>(), 0..=125);
    let message = (body, vec(0_usize..400, 0..5), any::<bool>(), vec(control(), 0..3)).prop_map(
        |((text, body), cuts, compressed, between)| Said::Message { text, body, cuts, compressed, between },
    );
    prop_oneof![6 => message, 1 => control().prop_map(Said::Ping), 1 => control().prop_map(Said::Pong)]
}

/// What it looks like on the wire, and what is to be seen of it.
struct Peer {
    mask: Option<[u8; 4]>,
    compressor: Option<Compress>,
    keeps_context: bool,
    stream: Vec<u8>,
    seen: Vec<Seen>,
}

impl Peer {
    fn new(role: Role, deflate: Option<Deflate>) -> Self {
        let (mask, keeps_context, window_bits) = match role {
            Role::Client => (
                Some([0xA1, 0x02, 0xF3, 0x44]),
                deflate.is_some_and(|deflate| !deflate.client_no_context_takeover),
                deflate.map(|deflate| deflate.client_max_window_bits),
            ),
            Role::Server => (
                None,
                deflate.is_some_and(|deflate| !deflate.server_no_context_takeover),
                deflate.map(|deflate| deflate.server_max_window_bits),
            ),
        };
        let compressor =
            window_bits.map(|bits| Compress::new_with_window_bits(Compression::new(6), false, bits));
        Self { mask, compressor, keeps_context, stream: Vec::new(), seen: Vec::new() }
    }

    fn say(&mut self, said: &Said) {
        match said {
            Said::Ping(payload) => self.control(PING, payload),
            Said::Pong(payload) => self.control(PONG, payload),
            Said::Message { text, body, cuts, compressed, between } => {
                self.message(*text, body, cuts, *compressed, between);
            }
        }
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) {
        self.stream.extend(frame(FIN | opcode, payload, self.mask));
        let payload = payload.to_vec();
        self.seen.push(if opcode == PING { Seen::Ping(payload) } else { Seen::Pong(payload) });
    }

    fn message(&mut self, text: bool, body: &[u8], cuts: &[usize], compressed: bool, between: &[Vec<u8>]) {
        let squeezed = self.compressor.as_mut().filter(|_| compressed).map(|compressor| {
            let mut out = Vec::with_capacity(2 * body.len() + 100);
            compressor.compress_vec(body, &mut out, FlushCompress::Sync).expect("compressing works");
            if !self.keeps_context {
                compressor.reset();
            }
            out.strip_suffix(&[0, 0, 0xFF, 0xFF]).map_or(vec![0], <[u8]>::to_vec)
        });
        let rsv1 = if squeezed.is_some() { RSV1 } else { 0 };
        let mut rest = squeezed.as_deref().unwrap_or(body);
        let mut opcode = rsv1 | if text { TEXT } else { BINARY };
        let mut between = between.iter();
        for cut in cuts {
            let (part, tail) = rest.split_at(rest.len().min(*cut));
            self.stream.extend(frame(opcode, part, self.mask));
            (rest, opcode) = (tail, CONTINUATION);
            if let Some(payload) = between.next() {
                self.control(PING, payload);
            }
        }
        self.stream.extend(frame(FIN | opcode, rest, self.mask));
        self.seen.push(if text { Seen::Text(body.to_vec()) } else { Seen::Binary(body.to_vec()) });
    }
}

fn agreements() -> impl Strategy<Value = Option<Deflate>> {
    let deflate = (any::<bool>(), any::<bool>(), 9_u8..=15, 9_u8..=15).prop_map(
        |(
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        )| Deflate {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        },
    );
    proptest::option::weighted(0.7, deflate)
}

/// Who speaks, and who listens.
fn roles() -> impl Strategy<Value = (Role, Role)> {
    prop_oneof![Just((Role::Client, Role::Server)), Just((Role::Server, Role::Client))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    // WSK-07, WSK-08, WSK-12
    #[test]
    fn any_cut_of_a_stream_gives_the_same_messages(
        sayings in vec(said(), 1..12),
        deflate in agreements(),
        (speaker, listener) in roles(),
        pieces in vec(1_usize..5_000, 1..20),
    ) {
        let mut peer = Peer::new(speaker, deflate);
        for said in &sayings {
            peer.say(said);
        }
        let whole = drive(&mut decoder(listener, deflate), &peer.stream, &[peer.stream.len()]);
        prop_assert_eq!(&whole, &peer.seen);
        let cut = drive(&mut decoder(listener, deflate), &peer.stream, &pieces);
        prop_assert_eq!(&cut, &peer.seen);
    }

    #[test]
    fn a_damaged_stream_never_panics(
        sayings in vec(said(), 1..6),
        deflate in agreements(),
        (speaker, listener) in roles(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        pieces in vec(1_usize..3_000, 1..5),
    ) {
        let mut peer = Peer::new(speaker, deflate);
        for said in &sayings {
            peer.say(said);
        }
        for (place, byte) in damage {
            let place = place.index(peer.stream.len());
            peer.stream[place] = byte;
        }
        for seen in drive(&mut decoder(listener, deflate), &peer.stream, &pieces) {
            let (Seen::Text(payload) | Seen::Binary(payload)) = seen else { continue };
            prop_assert!(payload.len() <= LIMIT);
        }
    }

    #[test]
    fn noise_never_panics(stream in vec(any::<u8>(), 0..500), deflate in agreements(), (_, role) in roles()) {
        drive(&mut decoder(role, deflate), &stream, &[7]);
    }

    // WSK-05, WSK-06
    #[test]
    fn what_a_server_frames_a_client_reads(
        body in vec(any::<u8>(), 0..2_000),
        repeat in 1_usize..60,
        window_bits in 9_u8..=15,
    ) {
        let body = body.repeat(repeat);
        let deflate = Some(Deflate { server_max_window_bits: window_bits, ..Deflate::default() });
        for framing in [
            Framing::WebSocket { text: false },
            Framing::Deflate { text: false, window_bits },
        ] {
            let mut out = Vec::new();
            framing.frame(&mut out, |out| out.extend_from_slice(&body));
            framing.frame_bytes(&mut out, &body);
            let seen = drive(&mut decoder(Role::Client, deflate), &out, &[out.len()]);
            prop_assert_eq!(seen, vec![Seen::Binary(body.clone()), Seen::Binary(body.clone())]);
        }
    }

    // WSK-09
    #[test]
    fn what_a_client_masks_a_server_reads(
        body in vec(any::<u8>(), 0..2_000),
        repeat in 1_usize..60,
        key in any::<[u8; 4]>(),
        window_bits in 8_u8..=15,
    ) {
        let body = body.repeat(repeat);
        let agreed = Deflate {
            client_no_context_takeover: true,
            client_max_window_bits: window_bits,
            ..Deflate::default()
        };
        for deflate in [None, Some(agreed)] {
            let mut out = Vec::new();
            websocket::frame_masked(&mut out, false, &body, key, deflate);
            websocket::write_ping_masked(&mut out, b"ping", key);
            websocket::write_pong_masked(&mut out, b"", key);
            websocket::write_close_masked(&mut out, Some(4000), "bye", key);
            let seen = drive(&mut decoder(Role::Server, deflate), &out, &[out.len()]);
            prop_assert_eq!(seen, vec![
                Seen::Binary(body.clone()),
                Seen::Ping(b"ping".to_vec()),
                Seen::Pong(Vec::new()),
                Seen::Close(Some(4000), "bye".to_owned()),
            ]);
        }
    }

    // BAT-02, BAT-03, BAT-06, BAT-08
    #[test]
    fn a_batch_is_split_into_what_was_put_in(
        messages in vec("[ -~]{0,40}", 1..20),
        batch in prop_oneof![Just(Batch::RecordSeparator), Just(Batch::Cancel), Just(Batch::LengthPrefix)],
        compressed in any::<bool>(),
    ) {
        let framing = Framing::WebSocketBatched { batch };
        let mut items = Vec::new();
        for message in &messages {
            framing.batch_item(&mut items, |out| out.extend_from_slice(message.as_bytes()));
        }
        let mut out = Vec::new();
        framing.batch_header(&mut out, items.len());
        out.extend_from_slice(&items);
        let alone = if compressed { Framing::DeflateBatched { batch, window_bits: 15 } } else { framing };
        let long = "x".repeat(1_000);
        alone.frame(&mut out, |out| out.extend_from_slice(long.as_bytes()));
        let mut read = Vec::new();
        for seen in drive(&mut decoder(Role::Client, Some(Deflate::default())), &out, &[out.len()]) {
            let (text, payload) = match seen {
                Seen::Text(payload) => (true, payload),
                Seen::Binary(payload) => (false, payload),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(text, batch.is_text());
            for message in cloverleaf_transport::batch::split(text, &payload) {
                read.push(String::from_utf8_lossy(message.expect("the batch is whole")).into_owned());
            }
        }
        let expected: Vec<_> = messages.into_iter().chain([long]).collect();
        prop_assert_eq!(read, expected);
    }

    // BAT-05, BAT-07
    #[test]
    fn splitting_noise_ends(payload in vec(any::<u8>(), 0..300), text in any::<bool>()) {
        let items: Vec<_> = cloverleaf_transport::batch::split(text, &payload).collect();
        prop_assert!(items.iter().rev().skip(1).all(Result::is_ok), "an error is the last item");
        prop_assert!(!items.is_empty());
    }
}

// WSK-11
#[test]
fn a_message_may_reach_the_limit_and_not_pass_it() {
    let key = Some([1, 2, 3, 4]);
    let too_big = vec![Seen::Failed(FrameError::TooBig { limit: LIMIT as u64 })];
    let full = frame(FIN | BINARY, &vec![7; LIMIT], key);
    assert_eq!(drive(&mut decoder(Role::Server, None), &full, &[full.len()]), [Seen::Binary(vec![7; LIMIT])]);
    let over = frame(FIN | BINARY, &vec![7; LIMIT + 1], key);
    assert_eq!(drive(&mut decoder(Role::Server, None), &over[..14], &[14]), too_big, "the header is enough");
    let fragments = [frame(BINARY, &vec![7; LIMIT], key), frame(CONTINUATION, &[7], key)].concat();
    assert_eq!(drive(&mut decoder(Role::Server, None), &fragments, &[fragments.len()]), too_big);
}

// WSK-11
#[test]
fn an_announced_length_costs_nothing() {
    let mut endless = decoder(Role::Server, None);
    let header = [0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    assert_eq!(
        drive(&mut endless, &header, &[1]),
        [Seen::Failed(FrameError::TooBig { limit: LIMIT as u64 })]
    );
    let unlimited = Options { role: Role::Server, expect_text: None, max_message: usize::MAX, deflate: None };
    let mut unlimited = Decoder::WebSocket(websocket::Decoder::new(unlimited));
    assert_eq!(drive(&mut unlimited, &header, &[1]), [], "it waits for what never comes");
}

// WSK-11
#[test]
fn an_inflated_message_may_reach_the_limit_and_not_pass_it() {
    let agreed = Deflate { client_no_context_takeover: true, ..Deflate::default() };
    for deflate in [agreed, Deflate::default()] {
        for (len, fits) in [(LIMIT, true), (LIMIT + 1, false), (60 * LIMIT, false)] {
            let mut out = Vec::new();
            websocket::frame_masked(&mut out, false, &vec![0; len], [1, 2, 3, 4], Some(deflate));
            assert!(out.len() < LIMIT, "it is small on the wire");
            let seen = drive(&mut decoder(Role::Server, Some(deflate)), &out, &[out.len()]);
            let expected = match fits {
                true => Seen::Binary(vec![0; len]),
                false => Seen::Failed(FrameError::TooBig { limit: LIMIT as u64 }),
            };
            assert!(seen == [expected], "{len}");
        }
    }
}

// WSK-11
#[test]
fn what_cannot_be_compressed_may_reach_the_limit_too() {
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(LIMIT)
    .collect();
    let deflate = Some(Deflate { client_no_context_takeover: true, ..Deflate::default() });
    let mut peer = Peer::new(Role::Client, deflate);
    peer.message(false, &noise, &[1000], true, &[]);
    assert!(peer.stream.len() > LIMIT);
    let seen = drive(&mut decoder(Role::Server, deflate), &peer.stream, &[peer.stream.len()]);
    assert!(seen == peer.seen);
}
