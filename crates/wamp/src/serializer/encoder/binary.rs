//! MessagePack and CBOR, each value in its smallest form.

/// CBOR major types, in place.
pub(super) const CBOR_UINT: u8 = 0x00;
pub(super) const CBOR_NEGATIVE: u8 = 0x20;
const CBOR_BYTES: u8 = 0x40;
const CBOR_TEXT: u8 = 0x60;
pub(super) const CBOR_ARRAY: u8 = 0x80;
pub(super) const CBOR_MAP: u8 = 0xa0;

/// A number that fits a byte by the range its caller matched.
const fn low(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn with<const N: usize>(out: &mut Vec<u8>, marker: u8, number: [u8; N]) {
    out.push(marker);
    out.extend_from_slice(&number);
}

/// The lowest 2 or 4 bytes, the most significant one first.
const fn low16(value: u64) -> [u8; 2] {
    let [.., a, b] = value.to_be_bytes();
    [a, b]
}

const fn low32(value: u64) -> [u8; 4] {
    let [.., a, b, c, d] = value.to_be_bytes();
    [a, b, c, d]
}

/// A major type and its argument.
pub(super) fn cbor_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    match argument {
        0..=23 => out.push(major | low(argument)),
        24..=0xff => with(out, major | 24, [low(argument)]),
        0x100..=0xffff => with(out, major | 25, low16(argument)),
        0x1_0000..=0xffff_ffff => with(out, major | 26, low32(argument)),
        _ => with(out, major | 27, argument.to_be_bytes()),
    }
}

pub(super) fn cbor_str(out: &mut Vec<u8>, text: &str) {
    cbor_head(out, CBOR_TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn cbor_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    cbor_head(out, CBOR_BYTES, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A double after its marker, in both formats.
pub(super) fn float(out: &mut Vec<u8>, marker: u8, value: f64) {
    with(out, marker, value.to_be_bytes());
}

/// The head of a MessagePack list. Its lengths end at 32 bits, which is beyond any message size that a peer accepts.
pub(super) fn msgpack_array(out: &mut Vec<u8>, len: usize) {
    match len as u64 {
        len @ 0..=15 => out.push(0x90 | low(len)),
        len @ 16..=0xffff => with(out, 0xdc, low16(len)),
        len => with(out, 0xdd, low32(len)),
    }
}

pub(super) fn msgpack_map(out: &mut Vec<u8>, len: usize) {
    match len as u64 {
        len @ 0..=15 => out.push(0x80 | low(len)),
        len @ 16..=0xffff => with(out, 0xde, low16(len)),
        len => with(out, 0xdf, low32(len)),
    }
}

pub(super) fn msgpack_str(out: &mut Vec<u8>, text: &str) {
    match text.len() as u64 {
        len @ 0..=31 => out.push(0xa0 | low(len)),
        len @ 32..=0xff => with(out, 0xd9, [low(len)]),
        len @ 0x100..=0xffff => with(out, 0xda, low16(len)),
        len => with(out, 0xdb, low32(len)),
    }
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn msgpack_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() as u64 {
        len @ 0..=0xff => with(out, 0xc4, [low(len)]),
        len @ 0x100..=0xffff => with(out, 0xc5, low16(len)),
        len => with(out, 0xc6, low32(len)),
    }
    out.extend_from_slice(bytes);
}

pub(super) fn msgpack_uint(out: &mut Vec<u8>, value: u64) {
    match value {
        0..=0x7f => out.push(low(value)),
        0x80..=0xff => with(out, 0xcc, [low(value)]),
        0x100..=0xffff => with(out, 0xcd, low16(value)),
        0x1_0000..=0xffff_ffff => with(out, 0xce, low32(value)),
        _ => with(out, 0xcf, value.to_be_bytes()),
    }
}

pub(super) fn msgpack_negative(out: &mut Vec<u8>, value: i64) {
    let bits = value.cast_unsigned();
    match value {
        -32.. => out.push(low(bits)),
        -0x80..-32 => with(out, 0xd0, [low(bits)]),
        -0x8000..-0x80 => with(out, 0xd1, low16(bits)),
        -0x8000_0000..-0x8000 => with(out, 0xd2, low32(bits)),
        _ => with(out, 0xd3, bits.to_be_bytes()),
    }
}
