//! Ids: integers from 1 to 2^53, a type for each scope, so that mixing them up doesn't compile.
//!
//! Spec: basic profile, "Identifiers" (IDS-01).

use std::fmt;

/// The largest id there is: 2^53, which every IEEE double can hold exactly.
pub const ID_MAX: u64 = 1 << 53;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id of this number; `None` outside 1 ..= 2^53.
            pub const fn new(id: u64) -> Option<Self> {
                if id >= 1 && id <= ID_MAX { Some(Self(id)) } else { None }
            }

            /// An id drawn from any 64 random (or hashed) bits, uniform over the whole range but for 2^53 itself.
            pub const fn from_bits(bits: u64) -> Self {
                Self((bits & (ID_MAX - 1)) + 1)
            }

            /// The number.
            pub const fn value(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A session; global scope: random.
    SessionId
    /// A publication; global scope: random.
    PublicationId
    /// A subscription; router scope.
    SubscriptionId
    /// A registration; router scope.
    RegistrationId
    /// A request, an INVOCATION's included; session scope: 1, 2, ... 2^53, then 1 again, one sequence per direction.
    RequestId
}

impl RequestId {
    /// The first id of a session.
    pub const FIRST: RequestId = RequestId(1);

    /// The id after this one (IDS-04, IDS-11).
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 == ID_MAX { Self(1) } else { Self(self.0 + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IDS-01, IDS-10: ids lie in [1, 2^53].
    #[test]
    fn zero_and_more_than_2_to_the_53_are_no_ids() {
        assert_eq!(SessionId::new(0), None);
        assert_eq!(SessionId::new(ID_MAX).map(SessionId::value), Some(ID_MAX));
        assert_eq!(SessionId::new(ID_MAX + 1), None);
        assert_eq!(SessionId::from_bits(u64::MAX).value(), ID_MAX);
        assert_eq!(SessionId::from_bits(0).value(), 1);
    }

    /// IDS-11: after 2^53 comes 1.
    #[test]
    fn request_ids_wrap_to_one() {
        assert_eq!(RequestId::new(ID_MAX).map(|id| id.next()), Some(RequestId::FIRST));
        assert_eq!(RequestId::FIRST.next().value(), 2);
    }
}
