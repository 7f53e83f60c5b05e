//! Roles and the features that peers announce for them.
//!
//! Spec: basic profile, "Session Establishment"; advanced profile, "Feature Announcement" (FEA-01 to FEA-11).

use std::ops::{BitOr, BitOrAssign};

/// What a client can be in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientRole {
    /// Publishes events.
    Publisher,
    /// Receives events.
    Subscriber,
    /// Calls procedures.
    Caller,
    /// Answers calls.
    Callee,
}

macro_rules! features {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $constant:ident = $bit:literal, $text:literal $(| $alias:literal)*;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(u32);

        impl $name {
            $($(#[$item])* pub const $constant: $name = $name(1 << $bit);)*
            /// Nothing announced.
            pub const NONE: $name = $name(0);
            /// Every feature there is, with its name on the wire.
            pub const NAMES: &'static [($name, &'static str)] = &[$(($name::$constant, $text)),*];

            /// The feature of a name, old spellings included (FEA-09); `None` for names without a meaning here.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text $(| $alias)* => Some(Self::$constant),)*
                    _ => None,
                }
            }

            /// Whether all of `other` is in here.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// This without `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// This and `other`.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The names of what is in here.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(feature, _)| self.contains(*feature)).map(|(_, name)| *name)
            }
        }

        impl BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }
    };
}

features! {
    /// A set of advanced features of one role.
    Features {
        /// Subscribers and registrations by prefix and wildcard: broker.
        PATTERN_BASED_SUBSCRIPTION = 0, "pattern_based_subscription";
        /// `disclose_me` on PUBLISH: broker, publisher, subscriber.
        PUBLISHER_IDENTIFICATION = 1, "publisher_identification";
        /// `trustlevel` in EVENT: broker, subscriber.
        PUBLICATION_TRUSTLEVELS = 2, "publication_trustlevels";
        /// `exclude_me`: broker, publisher.
        PUBLISHER_EXCLUSION = 3, "publisher_exclusion";
        /// `exclude*` and `eligible*`: broker, publisher.
        SUBSCRIBER_BLACKWHITE_LISTING = 4, "subscriber_blackwhite_listing";
        /// UNSUBSCRIBED without a request: broker, subscriber.
        SUBSCRIPTION_REVOCATION = 5, "subscription_revocation";
        /// Stored events: broker.
        EVENT_HISTORY = 6, "event_history";
        /// `retain` and `get_retained`: broker.
        EVENT_RETENTION = 7, "event_retention";
        /// `rkey` and `nkey`: broker.
        SHARDED_SUBSCRIPTION = 8, "sharded_subscription" | "shareded_subscriptions" | "sharded_subscriptions";
        /// `ppt_*`: all roles.
        PAYLOAD_PASSTHRU_MODE = 9, "payload_passthru_mode";
        /// `wamp.session.*`: broker, dealer.
        SESSION_META_API = 10, "session_meta_api";
        /// `wamp.subscription.*`: broker.
        SUBSCRIPTION_META_API = 11, "subscription_meta_api";
        /// `wamp.registration.*`: dealer.
        REGISTRATION_META_API = 12, "registration_meta_api";
        /// `wamp.session.add_testament`: dealer.
        TESTAMENT_META_API = 13, "testament_meta_api";
        /// `progress` in YIELD and RESULT: dealer, caller, callee.
        PROGRESSIVE_CALL_RESULTS = 14, "progressive_call_results";
        /// `progress` in CALL and INVOCATION: dealer, caller, callee.
        PROGRESSIVE_CALL_INVOCATIONS = 15, "progressive_call_invocations" | "progressive_calls";
        /// `timeout` in CALL: dealer, callee.
        CALL_TIMEOUT = 16, "call_timeout";
        /// CANCEL and INTERRUPT: dealer, caller, callee.
        CALL_CANCELING = 17, "call_canceling" | "call_cancelling";
        /// ERROR `wamp.error.unavailable` asks for another callee: dealer, callee.
        CALL_REROUTE = 18, "call_reroute";
        /// `disclose_me` on CALL: dealer, caller, callee.
        CALLER_IDENTIFICATION = 19, "caller_identification";
        /// `trustlevel` in INVOCATION: dealer, callee.
        CALL_TRUSTLEVELS = 20, "call_trustlevels";
        /// `match` on REGISTER: dealer, callee.
        PATTERN_BASED_REGISTRATION = 21, "pattern_based_registration";
        /// `invoke` on REGISTER: dealer, callee.
        SHARED_REGISTRATION = 22, "shared_registration";
        /// `runmode: partition` on CALL: dealer.
        SHARDED_REGISTRATION = 23, "sharded_registration";
        /// UNREGISTERED without a request: dealer, callee.
        REGISTRATION_REVOCATION = 24, "registration_revocation";
        /// `wamp.schema.*` and `wamp.reflection.*`: broker, dealer.
        REFLECTION = 25, "reflection";
    }
}

/// The roles that a client announced, each with its features; an absent role is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientRoles {
    /// As publisher.
    pub publisher: Option<Features>,
    /// As subscriber.
    pub subscriber: Option<Features>,
    /// As caller.
    pub caller: Option<Features>,
    /// As callee.
    pub callee: Option<Features>,
}

impl ClientRoles {
    /// Whether any role was announced at all (SES-03).
    pub const fn is_empty(&self) -> bool {
        self.publisher.is_none()
            && self.subscriber.is_none()
            && self.caller.is_none()
            && self.callee.is_none()
    }

    /// The features announced for a role; none where the role itself was not announced.
    pub fn features(&self, role: ClientRole) -> Features {
        self.role(role).unwrap_or_default()
    }

    /// The features of a role, or `None` where it was not announced.
    pub const fn role(&self, role: ClientRole) -> Option<Features> {
        match role {
            ClientRole::Publisher => self.publisher,
            ClientRole::Subscriber => self.subscriber,
            ClientRole::Caller => self.caller,
            ClientRole::Callee => self.callee,
        }
    }

    /// All four roles with everything that a complete client can do.
    pub fn complete() -> Self {
        let common = Features::PAYLOAD_PASSTHRU_MODE;
        let calls = common
            | Features::PROGRESSIVE_CALL_RESULTS
            | Features::PROGRESSIVE_CALL_INVOCATIONS
            | Features::CALL_TIMEOUT
            | Features::CALL_CANCELING
            | Features::CALLER_IDENTIFICATION;
        ClientRoles {
            publisher: Some(
                common
                    | Features::PUBLISHER_IDENTIFICATION
                    | Features::PUBLISHER_EXCLUSION
                    | Features::SUBSCRIBER_BLACKWHITE_LISTING,
            ),
            subscriber: Some(
                common
                    | Features::PUBLISHER_IDENTIFICATION
                    | Features::PUBLICATION_TRUSTLEVELS
                    | Features::PATTERN_BASED_SUBSCRIPTION
                    | Features::SUBSCRIPTION_REVOCATION
                    | Features::EVENT_RETENTION,
            ),
            caller: Some(calls),
            callee: Some(
                calls
                    | Features::CALL_REROUTE
                    | Features::CALL_TRUSTLEVELS
                    | Features::PATTERN_BASED_REGISTRATION
                    | Features::SHARED_REGISTRATION
                    | Features::REGISTRATION_REVOCATION,
            ),
        }
    }
}

/// The roles that a router announces in WELCOME.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterRoles {
    /// As broker.
    pub broker: Option<Features>,
    /// As dealer.
    pub dealer: Option<Features>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEA-09: old spellings are read.
    #[test]
    fn old_spellings_mean_the_same_feature() {
        assert_eq!(Features::from_name("call_cancelling"), Some(Features::CALL_CANCELING));
        assert_eq!(Features::from_name("progressive_calls"), Some(Features::PROGRESSIVE_CALL_INVOCATIONS));
        assert_eq!(Features::from_name("x_new"), None);
    }

    #[test]
    fn names_and_bits_agree() {
        for (feature, name) in Features::NAMES {
            assert_eq!(Features::from_name(name), Some(*feature));
            assert_eq!(feature.names().collect::<Vec<_>>(), [*name]);
        }
    }
}
