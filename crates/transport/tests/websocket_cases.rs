//! A table of the situations that WebSocket implementations are commonly tested with, in the order of the sections of
//! the Autobahn test suite: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, closing, sizes, and
//! compression. Each is said to a server, whole and one byte at a time.

mod support;

use cloverleaf_transport::websocket::{self, Deflate, Options, Role};
use cloverleaf_transport::{Decoder, FrameError};
use support::*;

const KEY: Option<[u8; 4]> = Some([0x37, 0xFA, 0x21, 0x3D]);

fn server(deflate: Option<Deflate>) -> Decoder {
    let options = Options { role: Role::Server, expect_text: None, max_message: 1 << 20, deflate };
    Decoder::WebSocket(websocket::Decoder::new(options))
}

fn hear_with(deflate: Option<Deflate>, frames: &[Vec<u8>]) -> Vec<Seen> {
    let stream = frames.concat();
    let whole = drive(&mut server(deflate), &stream, &[stream.len()]);
    let dripped = drive(&mut server(deflate), &stream, &[1]);
    assert_eq!(whole, dripped);
    whole
}

fn hear(frames: &[Vec<u8>]) -> Vec<Seen> {
    hear_with(None, frames)
}

fn said(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, payload.as_ref(), KEY)
}

fn text(payload: &str) -> Seen {
    Seen::Text(payload.as_bytes().to_vec())
}

fn failed(error: FrameError) -> [Seen; 1] {
    [Seen::Failed(error)]
}

// Section 1
#[test]
fn messages_of_all_header_sizes_come_through() {
    for len in [0, 125, 126, 127, 128, 65_535, 65_536] {
        let body = vec![b'*'; len];
        assert_eq!(hear(&[said(FIN | TEXT, &body)]), [Seen::Text(body.clone())]);
        assert_eq!(hear(&[said(FIN | BINARY, &body)]), [Seen::Binary(body.clone())]);
    }
}

// WSK-08. Section 2
#[test]
fn pings_of_up_to_125_bytes_come_through() {
    for payload in [&b""[..], b"Hello", &[0, 0xFF, 0xFE, 0xFD], &[0xFE; 125]] {
        assert_eq!(hear(&[said(FIN | PING, payload)]), [Seen::Ping(payload.to_vec())]);
        assert_eq!(hear(&[said(FIN | PONG, payload)]), [Seen::Pong(payload.to_vec())]);
    }
    assert_eq!(hear(&[said(FIN | PING, [0xFE; 126])]), failed(FrameError::OversizedControl));
    let ten: Vec<_> = (0..10_u8).map(|number| said(FIN | PING, [number])).collect();
    assert_eq!(hear(&ten), (0..10).map(|number| Seen::Ping(vec![number])).collect::<Vec<_>>());
}

// Section 3
#[test]
fn reserved_bits_fail_the_connection() {
    for bits in 1..8 {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            let seen = hear(&[said(FIN | TEXT, "ok"), said(FIN | (bits << 4) | opcode, "x")]);
            assert_eq!(seen, [text("ok"), Seen::Failed(FrameError::ReservedBits)]);
        }
    }
}

// Section 4
#[test]
fn reserved_opcodes_fail_the_connection() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let seen = hear(&[said(FIN | TEXT, "ok"), said(FIN | opcode, "")]);
        assert_eq!(seen, [text("ok"), Seen::Failed(FrameError::ReservedOpcode(opcode))]);
    }
}

// WSK-07. Section 5
#[test]
fn fragments_make_a_message_with_control_frames_between() {
    let fragments =
        [said(TEXT, "fragment1"), said(FIN | PING, "ping"), said(FIN | CONTINUATION, "fragment2")];
    assert_eq!(hear(&fragments), [Seen::Ping(b"ping".to_vec()), text("fragment1fragment2")]);
    let empty = [said(TEXT, ""), said(CONTINUATION, ""), said(FIN | CONTINUATION, "")];
    assert_eq!(hear(&empty), [text("")]);
    let closing = [said(BINARY, "a"), said(FIN | CLOSE, [3, 0xE8]), said(FIN | CONTINUATION, "b")];
    assert_eq!(hear(&closing), [Seen::Close(Some(1000), String::new())]);
}

// Section 5
#[test]
fn fragments_out_of_order_fail_the_connection() {
    for opcode in [PING, PONG, CLOSE] {
        assert_eq!(hear(&[said(opcode, "")]), failed(FrameError::FragmentedControl));
    }
    for first in [CONTINUATION, FIN | CONTINUATION] {
        assert_eq!(hear(&[said(first, "x")]), failed(FrameError::UnexpectedContinuation));
        let after = [said(FIN | TEXT, "ok"), said(first, "x")];
        assert_eq!(hear(&after), [text("ok"), Seen::Failed(FrameError::UnexpectedContinuation)]);
    }
    for second in [TEXT, FIN | TEXT, BINARY, FIN | BINARY] {
        assert_eq!(hear(&[said(TEXT, "a"), said(second, "b")]), failed(FrameError::ExpectedContinuation));
    }
}

const VALID_UTF8: [&[u8]; 8] = [
    "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
    "κόσμε".as_bytes(),
    b"\x00",
    b"\xc2\x80",
    b"\xe0\xa0\x80",
    b"\xf0\x90\x80\x80",
    b"\xef\xbf\xbf",
    b"\xf4\x8f\xbf\xbf",
];

const INVALID_UTF8: [&[u8]; 14] = [
    b"\xce\xba\xed\xa0\x80edited",
    b"\xce",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\x80",
    b"\xbf",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xfe",
    b"\xff",
    b"\xc3\x28",
];

// WSK-10. Section 6
#[test]
fn text_is_utf8_however_it_is_cut() {
    for body in VALID_UTF8 {
        assert_eq!(hear(&[said(FIN | TEXT, body)]), [Seen::Text(body.to_vec())]);
        for cut in 0..=body.len() {
            let (a, b) = body.split_at(cut);
            assert_eq!(hear(&[said(TEXT, a), said(FIN | CONTINUATION, b)]), [Seen::Text(body.to_vec())]);
        }
        let bytes = body.iter().map(|byte| said(CONTINUATION, [*byte]));
        let dripped: Vec<_> =
            [said(TEXT, "")].into_iter().chain(bytes).chain([said(FIN | CONTINUATION, "")]).collect();
        assert_eq!(hear(&dripped), [Seen::Text(body.to_vec())]);
    }
    for body in INVALID_UTF8 {
        assert_eq!(hear(&[said(FIN | TEXT, body)]), failed(FrameError::InvalidUtf8));
        for cut in 0..=body.len() {
            let (a, b) = body.split_at(cut);
            let fragments = [said(TEXT, a), said(FIN | CONTINUATION, b)];
            assert_eq!(hear(&fragments), failed(FrameError::InvalidUtf8));
        }
        assert_eq!(hear(&[said(FIN | BINARY, body)]), [Seen::Binary(body.to_vec())]);
    }
}

// WSK-10. Section 6.4
#[test]
fn invalid_text_fails_at_the_fragment_that_makes_it_so() {
    let fragments = [said(TEXT, "κόσμε"), said(CONTINUATION, b"\xf4\x90")];
    assert_eq!(hear(&fragments), failed(FrameError::InvalidUtf8));
}

// WSK-08. Section 7
#[test]
fn close_frames_are_checked() {
    assert_eq!(hear(&[said(FIN | CLOSE, "")]), [Seen::Close(None, String::new())]);
    assert_eq!(hear(&[said(FIN | CLOSE, b"\x03\xe8bye")]), [Seen::Close(Some(1000), "bye".to_owned())]);
    let longest = "*".repeat(123);
    let payload = [b"\x03\xe8", longest.as_bytes()].concat();
    assert_eq!(hear(&[said(FIN | CLOSE, payload)]), [Seen::Close(Some(1000), longest)]);
    assert_eq!(hear(&[said(FIN | CLOSE, "x")]), failed(FrameError::CloseLength));
    assert_eq!(hear(&[said(FIN | CLOSE, [0; 126])]), failed(FrameError::OversizedControl));
    assert_eq!(hear(&[said(FIN | CLOSE, b"\x03\xe8\xce\xba\xed\xa0\x80")]), failed(FrameError::CloseReason));
}

// Section 7
#[test]
fn nothing_is_heard_after_a_close_frame() {
    let frames =
        [said(FIN | TEXT, "ok"), said(FIN | CLOSE, ""), said(FIN | TEXT, "late"), said(FIN | PING, "late")];
    assert_eq!(hear(&frames), [text("ok"), Seen::Close(None, String::new())]);
}

// Section 7.7, 7.9
#[test]
fn close_codes_are_those_that_may_be_sent() {
    for code in [1000_u16, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(hear(&[said(FIN | CLOSE, code.to_be_bytes())]), [Seen::Close(Some(code), String::new())]);
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(hear(&[said(FIN | CLOSE, code.to_be_bytes())]), failed(FrameError::CloseCode(code)));
    }
}

// Section 9
#[test]
fn large_messages_come_through_in_any_fragments() {
    let body = vec![b'*'; 1 << 20];
    for size in [64, 4096, 1 << 19] {
        let mut frames: Vec<_> = body.chunks(size).map(|part| frame(CONTINUATION, part, KEY)).collect();
        frames[0][0] = TEXT;
        frames.push(said(FIN | CONTINUATION, ""));
        let stream = frames.concat();
        let seen = drive(&mut server(None), &stream, &[8192]);
        assert!(seen == [Seen::Text(body.clone())], "{size}");
    }
}

// WSK-09
#[test]
fn frames_without_a_mask_fail_the_connection() {
    for first in [FIN | TEXT, FIN | PING, FIN | CLOSE] {
        assert_eq!(hear(&[frame(first, b"", None)]), failed(FrameError::Unmasked));
    }
    let options = Options { role: Role::Client, expect_text: None, max_message: 100, deflate: None };
    let mut client = Decoder::WebSocket(websocket::Decoder::new(options));
    assert_eq!(drive(&mut client, &said(FIN | TEXT, "x"), &[100]), failed(FrameError::Masked));
}

fn expecting(text: bool) -> Decoder {
    let options = Options { role: Role::Server, expect_text: Some(text), max_message: 100, deflate: None };
    Decoder::WebSocket(websocket::Decoder::new(options))
}

// WSK-05, WSK-06
#[test]
fn messages_of_the_other_kind_fail_the_connection() {
    for (first, second, error) in
        [(TEXT, BINARY, FrameError::ExpectedText), (BINARY, TEXT, FrameError::ExpectedBinary)]
    {
        for fin in [0, FIN] {
            let stream = [said(FIN | first, "x"), said(fin | second, "x")].concat();
            let seen = drive(&mut expecting(first == TEXT), &stream, &[stream.len()]);
            assert_eq!(seen.last(), Some(&Seen::Failed(error)));
            assert_eq!((seen.len(), error.close_code()), (2, 1003));
        }
    }
}

/// "Hello", compressed.
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

fn agreements() -> [Deflate; 2] {
    [Deflate::default(), Deflate { client_no_context_takeover: true, ..Deflate::default() }]
}

// WSK-12. Sections 12, 13
#[test]
fn compressed_messages_come_through() {
    for deflate in agreements() {
        let whole =
            [said(FIN | RSV1 | TEXT, HELLO), said(FIN | TEXT, "plain"), said(FIN | RSV1 | BINARY, HELLO)];
        assert_eq!(
            hear_with(Some(deflate), &whole),
            [text("Hello"), text("plain"), Seen::Binary(b"Hello".to_vec())]
        );
        let fragments = [
            said(RSV1 | TEXT, &HELLO[..3]),
            said(FIN | PING, "p"),
            said(CONTINUATION, ""),
            said(FIN | CONTINUATION, &HELLO[3..]),
        ];
        assert_eq!(hear_with(Some(deflate), &fragments), [Seen::Ping(b"p".to_vec()), text("Hello")]);
    }
}

// WSK-12
#[test]
fn the_compression_bit_belongs_to_the_first_fragment_alone() {
    for deflate in agreements() {
        let second = [said(RSV1 | TEXT, &HELLO[..3]), said(FIN | RSV1 | CONTINUATION, &HELLO[3..])];
        assert_eq!(hear_with(Some(deflate), &second), failed(FrameError::ReservedBits));
        assert_eq!(
            hear_with(Some(deflate), &[said(FIN | RSV1 | PING, "")]),
            failed(FrameError::ReservedBits)
        );
    }
    assert_eq!(hear(&[said(FIN | RSV1 | TEXT, HELLO)]), failed(FrameError::ReservedBits));
}

// WSK-10, WSK-12
#[test]
fn compressed_text_is_checked_after_inflating() {
    // A stored block with an invalid byte.
    let stored = [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xC3, 0x00];
    for deflate in agreements() {
        assert_eq!(
            hear_with(Some(deflate), &[said(FIN | RSV1 | TEXT, stored)]),
            failed(FrameError::InvalidUtf8)
        );
        let binary = [said(FIN | RSV1 | BINARY, stored)];
        assert_eq!(hear_with(Some(deflate), &binary), [Seen::Binary(vec![0xC3])]);
        assert_eq!(
            hear_with(Some(deflate), &[said(FIN | RSV1 | TEXT, [0xFF; 9])]),
            failed(FrameError::Inflate)
        );
    }
}

#[test]
fn every_error_has_the_code_that_says_it() {
    for (error, code) in [
        (FrameError::ReservedBits, 1002),
        (FrameError::Unmasked, 1002),
        (FrameError::CloseCode(1005), 1002),
        (FrameError::TruncatedBatch, 1002),
        (FrameError::ExpectedBinary, 1003),
        (FrameError::InvalidUtf8, 1007),
        (FrameError::CloseReason, 1007),
        (FrameError::TooBig { limit: 1 }, 1009),
    ] {
        assert_eq!(error.close_code(), code);
        assert!(error.to_string().len() <= 123, "it fits into a close frame");
    }
}
