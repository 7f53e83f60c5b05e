//! Writing frames: unmasked as servers do, masked as clients do.

use super::header::{FIN, LENGTH_16, LENGTH_64, MASKED, RSV1};
use super::{Deflate, Opcode, close, deflate, mask};

/// The most that a control frame carries, in bytes.
pub const MAX_CONTROL: usize = 125;

/// The gap that [`frame_with`] leaves for a header: that of messages from 126 bytes to 64 KiB.
const GAP: usize = 4;

/// Appends the header of an unmasked, uncompressed frame of `length` bytes.
pub fn write_header(out: &mut Vec<u8>, opcode: Opcode, fin: bool, length: usize) {
    let (header, size) = header(opcode, fin, false, None, length);
    out.extend(header.into_iter().take(size));
}

/// Appends a ping. More than [`MAX_CONTROL`] bytes of payload are cut off.
pub fn write_ping(out: &mut Vec<u8>, payload: &[u8]) {
    write_control(out, Opcode::Ping, payload, None);
}

/// Appends the pong for a ping with this payload.
pub fn write_pong(out: &mut Vec<u8>, payload: &[u8]) {
    write_control(out, Opcode::Pong, payload, None);
}

/// Appends a close frame; without a code it is empty. A reason that is too long is cut between two characters, a code
/// that must not be sent is left out.
pub fn write_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    write_control(out, Opcode::Close, &close::payload(code, reason), None);
}

/// [`write_ping`] of a client.
pub fn write_ping_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    write_control(out, Opcode::Ping, payload, Some(key));
}

/// [`write_pong`] of a client.
pub fn write_pong_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    write_control(out, Opcode::Pong, payload, Some(key));
}

/// [`write_close`] of a client.
pub fn write_close_masked(out: &mut Vec<u8>, code: Option<u16>, reason: &str, key: [u8; 4]) {
    write_control(out, Opcode::Close, &close::payload(code, reason), Some(key));
}

/// Appends a message of a client, masked with `key`, which must be fresh and unpredictable for each frame.
///
/// With `deflate` it is compressed, without context takeover, where that makes it smaller.
pub fn frame_masked(out: &mut Vec<u8>, text: bool, body: &[u8], key: [u8; 4], deflate: Option<Deflate>) {
    let compressed = deflate.and_then(|deflate| deflate::compress(body, deflate.client_max_window_bits));
    match compressed {
        Some(small) => write_frame(out, Opcode::data(text), true, &small, Some(key)),
        None => write_frame(out, Opcode::data(text), false, body, Some(key)),
    }
}

/// Appends an unmasked frame with what `body` appends.
pub(crate) fn frame_with(out: &mut Vec<u8>, opcode: Opcode, body: impl FnOnce(&mut Vec<u8>)) {
    let start = open_gap(out);
    body(out);
    close_gap(out, start, opcode, false);
}

/// Leaves room for a header and answers where it is.
pub(super) fn open_gap(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; GAP]);
    start
}

/// Writes the header of what was appended since [`open_gap`]. Only a short body, where that is cheap, or a very long
/// one moves.
pub(super) fn close_gap(out: &mut Vec<u8>, start: usize, opcode: Opcode, compressed: bool) {
    let body = start + GAP;
    let end = out.len();
    let Some(length) = end.checked_sub(body) else { return };
    let (header, size) = header(opcode, true, compressed, None, length);
    if size > GAP {
        out.resize(end + size - GAP, 0);
    }
    if size != GAP {
        out.copy_within(body..end, start + size);
        out.truncate(start + size + length);
    }
    for (gap, byte) in out.iter_mut().skip(start).zip(header).take(size) {
        *gap = byte;
    }
}

fn write_control(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: Option<[u8; 4]>) {
    let payload = payload.get(..MAX_CONTROL).unwrap_or(payload);
    write_frame(out, opcode, false, payload, key);
}

fn write_frame(out: &mut Vec<u8>, opcode: Opcode, compressed: bool, payload: &[u8], key: Option<[u8; 4]>) {
    let (header, size) = header(opcode, true, compressed, key, payload.len());
    out.reserve(size + payload.len());
    out.extend(header.into_iter().take(size));
    let start = out.len();
    out.extend_from_slice(payload);
    if let (Some(key), Some(body)) = (key, out.get_mut(start..)) {
        mask::apply(key, body);
    }
}

/// A header, at the front of an array that holds the longest one, and its size.
fn header(
    opcode: Opcode,
    fin: bool,
    compressed: bool,
    key: Option<[u8; 4]>,
    length: usize,
) -> ([u8; 14], usize) {
    let first = opcode.bits() | if fin { FIN } else { 0 } | if compressed { RSV1 } else { 0 };
    let masked = if key.is_some() { MASKED } else { 0 };
    let mut header = [0; 14];
    let mut size = 0;
    let mut put = |bytes: &[u8]| {
        for (slot, byte) in header.iter_mut().skip(size).zip(bytes) {
            *slot = *byte;
        }
        size += bytes.len();
    };
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < LENGTH_16) {
        put(&[first, masked | short]);
    } else if let Ok(medium) = u16::try_from(length) {
        put(&[first, masked | LENGTH_16]);
        put(&medium.to_be_bytes());
    } else {
        put(&[first, masked | LENGTH_64]);
        put(&(length as u64).to_be_bytes());
    }
    if let Some(key) = key {
        put(&key);
    }
    (header, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        let key = [0x37, 0xFA, 0x21, 0x3D];
        assert_eq!(
            written(|out| frame_masked(out, true, b"Hello", key, None)),
            [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        );
        assert_eq!(written(|out| write_ping(out, b"Hello")), b"\x89\x05Hello");
        assert_eq!(
            written(|out| write_pong_masked(out, b"Hello", key)),
            [0x8A, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
        );
        assert_eq!(written(|out| write_header(out, Opcode::Binary, true, 256)), [0x82, 0x7E, 1, 0]);
        assert_eq!(
            written(|out| write_header(out, Opcode::Binary, true, 65_536)),
            [0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0]
        );
        assert_eq!(written(|out| write_header(out, Opcode::Text, false, 3)), [0x01, 3]);
    }

    #[test]
    fn headers_are_as_short_as_they_can_be() {
        for (length, size) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            assert_eq!(written(|out| write_header(out, Opcode::Text, true, length)).len(), size);
        }
    }

    #[test]
    fn control_frames_never_get_too_long() {
        assert_eq!(written(|out| write_ping(out, &[7; 200])).len(), 2 + MAX_CONTROL);
        assert_eq!(written(|out| write_close(out, Some(1000), &"x".repeat(200))).len(), 2 + MAX_CONTROL);
        assert_eq!(written(|out| write_close(out, None, "unsaid")), [0x88, 0]);
        assert_eq!(written(|out| write_close(out, Some(1002), "no")), b"\x88\x04\x03\xEAno");
    }
}
