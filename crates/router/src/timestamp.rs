//! Moments by the calendar, for what people read and what outlives the process. Routing itself counts in [`crate::Millis`].

use std::fmt;
use std::str::FromStr;

/// Microseconds since 1970-01-01T00:00:00Z. Displays as RFC 3339 in UTC, with six digits of the second's fraction, from
/// which it reads back as the same moment: `2026-01-04T12:03:56.123456Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

/// A text that is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an RFC 3339 timestamp such as 2026-01-04T12:03:56.123Z")]
pub struct NotATimestamp(String);

/// The last microsecond that can be written, at the end of the year 9999, with a margin for every time zone.
const LAST: u64 = 253_402_207_200_999_999;

impl Timestamp {
    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> u64 {
        self.0.saturating_mul(1000)
    }
}

impl FromStr for Timestamp {
    type Err = NotATimestamp;

    /// Reads RFC 3339 with any offset; moments before 1970 become 1970.
    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        let error = || NotATimestamp(text.chars().take(64).collect());
        let read: jiff::Timestamp = text.parse().map_err(|_| error())?;
        Ok(Timestamp(u64::try_from(read.as_microsecond()).unwrap_or(0)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = i64::try_from(self.0.min(LAST)).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_microsecond(micros) {
            Ok(timestamp) => write!(f, "{timestamp:.6}"),
            Err(_) => f.write_str("9999-12-30T22:00:00.999999Z"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_back_as_themselves() {
        for micros in [0, 1, 999_999, 1_767_528_236_123_456, LAST] {
            let text = Timestamp(micros).to_string();
            assert_eq!(text.parse(), Ok(Timestamp(micros)), "{text}");
        }
        assert_eq!(Timestamp(1_767_528_236_120_000).to_string(), "2026-01-04T12:03:56.120000Z");
    }

    #[test]
    fn offsets_are_read() {
        let expected: Timestamp = "2026-01-04T12:03:56Z".parse().unwrap();
        assert_eq!("2026-01-04T13:03:56+01:00".parse(), Ok(expected));
        assert_eq!("2026-01-04t12:03:56.000z".parse(), Ok(expected));
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in ["", "x", "2026-01-04", "2026-01-04T12:03:56", "12:03:56Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
