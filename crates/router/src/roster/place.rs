//! Where a member stands on a roster.

/// A member's place, by which it leaves: how many joined before it. Places are never given twice.
///
/// It has seven bytes, which leave room for a flag beside it: more joins than that would take two thousand years at a
/// million per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place([u8; 7]);

impl Place {
    /// The place of this number, which is below 2^56.
    pub(crate) const fn new(number: u64) -> Self {
        // From the most significant byte on, so that places compare as their numbers do.
        let [_, bytes @ ..] = number.to_be_bytes();
        Place(bytes)
    }

    pub(crate) const fn number(self) -> u64 {
        let [a, b, c, d, e, f, g] = self.0;
        u64::from_be_bytes([0, a, b, c, d, e, f, g])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_compare_as_their_numbers_do() {
        let numbers = [0, 1, 255, 256, 65_535, 1 << 32, (1 << 56) - 1];
        for (index, number) in numbers.into_iter().enumerate() {
            assert_eq!(Place::new(number).number(), number);
            assert!(numbers[..index].iter().all(|lower| Place::new(*lower) < Place::new(number)));
        }
    }
}
