//! UBJSON, and BJData if `BJDATA`, each integer in its smallest form.

/// A marker and the `N` low bytes of a number, in the order of the format.
fn with<const BJDATA: bool, const N: usize>(out: &mut Vec<u8>, marker: u8, value: u64) {
    out.push(marker);
    let bytes = value.to_le_bytes();
    let low = bytes.iter().take(N);
    if BJDATA { out.extend(low) } else { out.extend(low.rev()) }
}

pub(super) fn uint<const BJDATA: bool>(out: &mut Vec<u8>, value: u64) {
    match (value, BJDATA) {
        (0..=0xff, _) => with::<BJDATA, 1>(out, b'U', value),
        (..=0x7fff, false) => with::<BJDATA, 2>(out, b'I', value),
        (..=0x7fff_ffff, false) => with::<BJDATA, 4>(out, b'l', value),
        (..=0x7fff_ffff_ffff_ffff, false) => with::<BJDATA, 8>(out, b'L', value),
        (_, false) => {
            let digits = value.to_string();
            out.push(b'H');
            uint::<BJDATA>(out, digits.len() as u64);
            out.extend_from_slice(digits.as_bytes());
        }
        (..=0xffff, true) => with::<BJDATA, 2>(out, b'u', value),
        (..=0xffff_ffff, true) => with::<BJDATA, 4>(out, b'm', value),
        (_, true) => with::<BJDATA, 8>(out, b'M', value),
    }
}

pub(super) fn negative<const BJDATA: bool>(out: &mut Vec<u8>, value: i64) {
    let bits = value.cast_unsigned();
    match value {
        -0x80.. => with::<BJDATA, 1>(out, b'i', bits),
        -0x8000..-0x80 => with::<BJDATA, 2>(out, b'I', bits),
        -0x8000_0000..-0x8000 => with::<BJDATA, 4>(out, b'l', bits),
        _ => with::<BJDATA, 8>(out, b'L', bits),
    }
}

pub(super) fn float<const BJDATA: bool>(out: &mut Vec<u8>, value: f64) {
    with::<BJDATA, 8>(out, b'D', value.to_bits());
}

/// A key is a string without its marker.
pub(super) fn key<const BJDATA: bool>(out: &mut Vec<u8>, key: &str) {
    uint::<BJDATA>(out, key.len() as u64);
    out.extend_from_slice(key.as_bytes());
}

pub(super) fn str<const BJDATA: bool>(out: &mut Vec<u8>, text: &str) {
    out.push(b'S');
    key::<BJDATA>(out, text);
}

/// An array whose type is the byte.
pub(super) fn bytes<const BJDATA: bool>(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(if BJDATA { b"[$B#" } else { b"[$U#" });
    uint::<BJDATA>(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
