//! Scalars in JSON.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::serializer::json::{BYTES_PREFIX, plain_run};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A string with its quotes. What needs no escape is copied in runs.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_run(rest, 0));
        out.extend_from_slice(plain);
        let Some((&byte, tail)) = special.split_first() else { break };
        escape(out, byte);
        rest = tail;
    }
    out.push(b'"');
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0x0f)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// A byte string: `\0` and Base64.
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(BYTES_PREFIX.as_bytes());
    let start = out.len();
    // Bytes in memory are at most isize::MAX, so this is no more than a usize holds.
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    if let Some(space) = out.get_mut(start..) {
        let written = STANDARD.encode_slice(bytes, space);
        debug_assert_eq!(written, Ok(space.len()));
    }
    out.push(b'"');
}

/// Decimal digits.
pub(super) fn uint(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        // A remainder of 10 fits.
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        len += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - len..).unwrap_or_default());
}

/// The shortest digits that read back as the same number, with a fraction or an exponent.
pub(super) fn float(out: &mut Vec<u8>, value: f64) {
    let written = write!(out, "{value:?}");
    debug_assert!(written.is_ok(), "a Vec takes everything");
}

/// As [`float`], as text of its own.
pub(in crate::serializer) fn float_text(value: f64) -> String {
    format!("{value:?}")
}
