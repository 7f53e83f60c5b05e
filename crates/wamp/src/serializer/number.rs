//! Numbers as several formats write them: JSON's grammar (UBJSON's high-precision numbers share it), half precision,
//! big integers.

use super::Token;

/// The JSON number at the start of `bytes`: its length, and whether it is an integer (has neither fraction nor
/// exponent). `None` if there is none.
#[inline]
pub(super) fn scan(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    match bytes.get(at)? {
        b'0' => at += 1,
        b'1'..=b'9' => at = digits(bytes, at),
        _ => return None,
    }
    let mut integer = true;
    if bytes.get(at) == Some(&b'.') {
        let end = digits(bytes, at + 1);
        if end == at + 1 {
            return None;
        }
        (at, integer) = (end, false);
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        let end = digits(bytes, at);
        if end == at {
            return None;
        }
        (at, integer) = (end, false);
    }
    Some((at, integer))
}

#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// The token of a number that [`scan`] has passed over.
///
/// Integers of 64 bits are integers; others, and all with a fraction or an exponent, are the nearest double, which is
/// infinite from about 1.8e308. `-0` is a double, since no integer says it.
pub(super) fn parse(text: &str, integer: bool) -> Token<'static> {
    if integer && text != "-0" {
        if let Ok(value) = text.parse::<u64>() {
            return Token::Uint(value);
        }
        if let Ok(value) = text.parse::<i64>() {
            return Token::Int(value);
        }
    }
    // The grammar is a part of what the standard library reads, so the default is never taken.
    Token::Float(text.parse().unwrap_or(f64::NAN))
}

/// The value of an IEEE 754 half.
pub(super) fn half_to_f64(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// The integer n that big-endian `bytes` are, or -1 - n if `negative`; the nearest double where 64 bits don't hold it.
pub(super) fn integer_from_bytes(bytes: &[u8], negative: bool) -> Token<'static> {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let (head, tail) = digits.split_at(digits.len().min(15));
    let value = head.iter().fold(0u128, |value, &byte| value << 8 | u128::from(byte));
    if tail.is_empty() {
        return match (u64::try_from(value), negative) {
            (Ok(value), false) => Token::Uint(value),
            (Ok(value), true) if value <= i64::MAX.cast_unsigned() => Token::Int(-1 - value.cast_signed()),
            (_, false) => Token::Float(value as f64),
            (_, true) => Token::Float(-((value + 1) as f64)),
        };
    }
    // 120 bits, of which the first byte isn't 0, are more than a double holds: of the rest it matters only whether
    // there is any, so that halves are rounded to the right side. (-1 - n doesn't differ from -n then, but for a tie.)
    let sticky = u128::from(negative || tail.iter().any(|&byte| byte != 0));
    let scale = i32::try_from(tail.len().saturating_mul(8)).unwrap_or(i32::MAX);
    let magnitude = (value << 1 | sticky) as f64 * 2f64.powi(scale.saturating_sub(1));
    Token::Float(if negative { -magnitude } else { magnitude })
}
