//! The payload of a close frame.

use crate::FrameError;

/// Whether an endpoint may put this code into a close frame: what RFC 6455 and IANA's registry define for the wire,
/// and the ranges for libraries and applications.
pub(super) const fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Reads a status code and a reason.
pub(super) fn parse(payload: &[u8]) -> Result<(Option<u16>, &str), FrameError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok((None, "")) } else { Err(FrameError::CloseLength) };
    };
    let code = u16::from_be_bytes(*code);
    if !is_sendable(code) {
        return Err(FrameError::CloseCode(code));
    }
    let reason = simdutf8::basic::from_utf8(reason).map_err(|_| FrameError::CloseReason)?;
    Ok((Some(code), reason))
}

/// The payload for a code and a reason, which is cut to what fits. A code that must not be sent makes it empty, as
/// without a code.
pub(super) fn payload(code: Option<u16>, reason: &str) -> Vec<u8> {
    let Some(code) = code.filter(|code| is_sendable(*code)) else { return Vec::new() };
    let reason = &reason[..reason.floor_char_boundary(super::MAX_CONTROL - 2)];
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_that_may_be_sent() {
        for code in
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
        {
            assert_eq!(parse(&payload(Some(code), "why")), Ok((Some(code), "why")));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
            assert_eq!(parse(&code.to_be_bytes()), Err(FrameError::CloseCode(code)));
            assert_eq!(payload(Some(code), "why"), b"");
        }
    }

    #[test]
    fn a_payload_is_nothing_or_a_code_with_a_reason() {
        assert_eq!(parse(b""), Ok((None, "")));
        assert_eq!(parse(b"\x03"), Err(FrameError::CloseLength));
        assert_eq!(parse(b"\x03\xe8"), Ok((Some(1000), "")));
        assert_eq!(parse(b"\x03\xe8\xc3\x28"), Err(FrameError::CloseReason));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = payload(Some(1000), &"é".repeat(100));
        assert_eq!(long.len(), 124);
        assert!(parse(&long).is_ok_and(|(_, reason)| reason == "é".repeat(61)));
    }
}
