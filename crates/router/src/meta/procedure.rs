//! The procedures of the meta API.

use crate::config::Limits;

macro_rules! procedures {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {
        /// A procedure that the service session answers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Procedure {
            $($(#[$doc])* $name,)*
        }

        impl Procedure {
            /// All of them.
            pub const ALL: &'static [Procedure] = &[$(Procedure::$name),*];

            /// Its URI.
            pub const fn uri(self) -> &'static str {
                match self {
                    $(Procedure::$name => $uri,)*
                }
            }

            /// The procedure of a URI.
            pub fn from_uri(uri: &str) -> Option<Self> {
                match uri {
                    $($uri => Some(Procedure::$name),)*
                    _ => None,
                }
            }
        }
    };
}

procedures! {
    /// `(filter_authroles?)` -> the number of sessions
    SessionCount = "wamp.session.count";
    /// `(filter_authroles?)` -> their ids
    SessionList = "wamp.session.list";
    /// `(session_id)` -> its details
    SessionGet = "wamp.session.get";
    /// `(session_id, reason?, message?)`
    SessionKill = "wamp.session.kill";
    /// `(authid, reason?, message?)` -> the ids of those killed
    SessionKillByAuthid = "wamp.session.kill_by_authid";
    /// `(authrole, reason?, message?)` -> the number of those killed
    SessionKillByAuthrole = "wamp.session.kill_by_authrole";
    /// `(reason?, message?)` -> the number of those killed
    SessionKillAll = "wamp.session.kill_all";
    /// `(session_id, details)`
    SessionModifyDetails = "wamp.session.modify_details";
    /// `(topic, args?, kwargs?, publish_options?, scope?)`
    SessionAddTestament = "wamp.session.add_testament";
    /// `(scope?)`
    SessionFlushTestaments = "wamp.session.flush_testaments";
    /// `(session_id?)` -> ids by match policy
    RegistrationList = "wamp.registration.list";
    /// `(procedure, options?)` -> an id or null
    RegistrationLookup = "wamp.registration.lookup";
    /// `(procedure)` -> an id or null
    RegistrationMatch = "wamp.registration.match";
    /// `(registration_id)` -> its details
    RegistrationGet = "wamp.registration.get";
    /// `(registration_id)` -> session ids
    RegistrationListCallees = "wamp.registration.list_callees";
    /// `(registration_id)` -> their number
    RegistrationCountCallees = "wamp.registration.count_callees";
    /// `(registration_id, callee_id, reason?)`
    RegistrationRemoveCallee = "wamp.registration.remove_callee";
    /// `(session_id?)` -> ids by match policy
    SubscriptionList = "wamp.subscription.list";
    /// `(topic, options?)` -> an id or null
    SubscriptionLookup = "wamp.subscription.lookup";
    /// `(topic)` -> ids or null
    SubscriptionMatch = "wamp.subscription.match";
    /// `(subscription_id)` -> its details
    SubscriptionGet = "wamp.subscription.get";
    /// `(subscription_id)` -> session ids
    SubscriptionListSubscribers = "wamp.subscription.list_subscribers";
    /// `(subscription_id)` -> their number
    SubscriptionCountSubscribers = "wamp.subscription.count_subscribers";
    /// `(subscription_id, subscriber_id, reason?)`
    SubscriptionRemoveSubscriber = "wamp.subscription.remove_subscriber";
    /// `(subscription_id, limit?, filters?)` -> events
    SubscriptionGetEvents = "wamp.subscription.get_events";
    /// `(uri, schema)` -> null, true or false: unchanged, new, modified
    SchemaDefine = "wamp.schema.define";
    /// `(uri?)` -> a declaration or null; all of them
    SchemaDescribe = "wamp.schema.describe";
    /// As `wamp.schema.define`, by the specification's name.
    ReflectDefine = "wamp.reflect.define";
    /// As `wamp.schema.describe`, by the specification's name.
    ReflectDescribe = "wamp.reflect.describe";
    /// `()` -> the URIs of declared topics
    ReflectionTopicList = "wamp.reflection.topic.list";
    /// `(uri)` -> a declaration or null
    ReflectionTopicDescribe = "wamp.reflection.topic.describe";
    /// `()` -> the URIs of declared procedures
    ReflectionProcedureList = "wamp.reflection.procedure.list";
    /// `(uri)` -> a declaration or null
    ReflectionProcedureDescribe = "wamp.reflection.procedure.describe";
    /// `()` -> the URIs of declared errors
    ReflectionErrorList = "wamp.reflection.error.list";
    /// `(uri)` -> a declaration or null
    ReflectionErrorDescribe = "wamp.reflection.error.describe";
}

/// Bytes of arguments that any procedure takes: what is read from them takes many times as much memory, and waits with
/// the call for a thread.
const ARGUMENTS_BYTES_MAX: usize = 64 << 10;

impl Procedure {
    /// The most bytes of arguments that a call of it may bring.
    ///
    /// What has a bound of its own, in another encoding, may be several times as long here.
    pub(crate) const fn arguments_bytes_max(self, limits: &Limits) -> usize {
        let content = match self {
            Procedure::SchemaDefine | Procedure::ReflectDefine => limits.schema_bytes_max,
            Procedure::SessionAddTestament => limits.testaments_bytes_max,
            Procedure::SessionModifyDetails => limits.details_bytes_max,
            _ => 0,
        };
        ARGUMENTS_BYTES_MAX.saturating_add(content.saturating_mul(4))
    }

    /// Whether it may look at more than a thread that routes has time for.
    pub(crate) const fn is_long(self) -> bool {
        matches!(
            self,
            Procedure::SessionList
                | Procedure::SessionKill
                | Procedure::SessionKillByAuthid
                | Procedure::SessionKillByAuthrole
                | Procedure::SessionKillAll
                | Procedure::RegistrationList
                | Procedure::RegistrationListCallees
                | Procedure::SubscriptionList
                | Procedure::SubscriptionListSubscribers
                | Procedure::SubscriptionGetEvents
                | Procedure::SchemaDefine
                | Procedure::ReflectDefine
                | Procedure::SchemaDescribe
                | Procedure::ReflectDescribe
                | Procedure::ReflectionTopicList
                | Procedure::ReflectionProcedureList
                | Procedure::ReflectionErrorList
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_procedure_is_found_by_its_uri() {
        for procedure in Procedure::ALL {
            assert_eq!(Procedure::from_uri(procedure.uri()), Some(*procedure));
        }
        assert_eq!(Procedure::from_uri("wamp.session.no_such"), None);
    }
}
