//! The error and close URIs that a router uses, and nothing but those (ERR-01 to ERR-20).
//!
//! Spec: basic profile, "Predefined URIs"; advanced profile, "Advanced Profile URIs".

macro_rules! uris {
    ($($(#[$doc:meta])* $name:ident = $uri:literal;)*) => {$(
        $(#[$doc])*
        pub const $name: &str = $uri;
    )*
        /// All of them.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

uris! {
    /// An incorrect URI in any attribute (ERR-01).
    INVALID_URI = "wamp.error.invalid_uri";
    /// A call to a procedure that nobody registered (ERR-02).
    NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure";
    /// The procedure is registered already (ERR-03).
    PROCEDURE_ALREADY_EXISTS = "wamp.error.procedure_already_exists";
    /// Crossbar.io's name for a registration attempt with another invocation policy; only under `compat: crossbar`.
    PROCEDURE_EXISTS_WITH_DIFFERENT_POLICY = "wamp.error.procedure_exists_with_different_invocation_policy";
    /// The session doesn't hold that registration (ERR-04).
    NO_SUCH_REGISTRATION = "wamp.error.no_such_registration";
    /// The session doesn't hold that subscription (ERR-05).
    NO_SUCH_SUBSCRIPTION = "wamp.error.no_such_subscription";
    /// An option or a payload of the wrong type or value (ERR-06).
    INVALID_ARGUMENT = "wamp.error.invalid_argument";
    /// A call that was canceled, or whose callee left (ERR-07).
    CANCELED = "wamp.error.canceled";
    /// A message bigger than its receiver takes (ERR-08).
    PAYLOAD_SIZE_EXCEEDED = "wamp.error.payload_size_exceeded";
    /// A call that took too long (ERR-14).
    TIMEOUT = "wamp.error.timeout";
    /// A callee that can't take the call now; another callee of the registration may (ERR-17).
    UNAVAILABLE = "wamp.error.unavailable";
    /// No callee of the registration can take the call (ERR-17).
    NO_AVAILABLE_CALLEE = "wamp.error.no_available_callee";
    /// The other side of the interaction lacks a feature that it needs (ERR-18).
    FEATURE_NOT_SUPPORTED = "wamp.error.feature_not_supported";
    /// An option that isn't allowed here (ERR-15).
    OPTION_NOT_ALLOWED = "wamp.error.option_not_allowed";
    /// Disclosure was asked for and is not allowed (ERR-15).
    DISCLOSE_ME_DISALLOWED = "wamp.error.option_disallowed.disclose_me";
    /// The role may not do this (ERR-11).
    NOT_AUTHORIZED = "wamp.error.not_authorized";
    /// Whether the role may do this could not be found out (ERR-11).
    AUTHORIZATION_FAILED = "wamp.error.authorization_failed";
    /// The peer broke the protocol (ERR-10).
    PROTOCOL_VIOLATION = "wamp.error.protocol_violation";
    /// The realm doesn't exist (ERR-12).
    NO_SUCH_REALM = "wamp.error.no_such_realm";
    /// The role doesn't exist (ERR-12).
    NO_SUCH_ROLE = "wamp.error.no_such_role";
    /// The principal doesn't exist (ERR-12).
    NO_SUCH_PRINCIPAL = "wamp.error.no_such_principal";
    /// The session doesn't exist (ERR-19).
    NO_SUCH_SESSION = "wamp.error.no_such_session";
    /// The subscription has no event history, or it can't be read at present.
    HISTORY_UNAVAILABLE = "wamp.error.history_unavailable";
    /// A payload that is not as its topic or procedure was declared.
    INVALID_PAYLOAD = "wamp.error.invalid_payload";
    /// None of the authentication methods offered is possible here (ERR-13).
    NO_MATCHING_AUTH_METHOD = "wamp.error.no_matching_auth_method";
    /// Wrong credentials (ERR-13).
    AUTHENTICATION_DENIED = "wamp.error.authentication_denied";
    /// Whether the credentials are right could not be found out (ERR-13).
    AUTHENTICATION_FAILED = "wamp.error.authentication_failed";
    /// Anonymous sessions are not allowed here (ERR-13).
    AUTHENTICATION_REQUIRED = "wamp.error.authentication_required";
    /// A link between peers was lost in the middle (ERR-16).
    NETWORK_FAILURE = "wamp.error.network_failure";
    /// GOODBYE: the router shuts down (ERR-09).
    SYSTEM_SHUTDOWN = "wamp.close.system_shutdown";
    /// GOODBYE: the realm is closed, or the client leaves it (ERR-09).
    CLOSE_REALM = "wamp.close.close_realm";
    /// GOODBYE: the answer to a GOODBYE (ERR-09).
    GOODBYE_AND_OUT = "wamp.close.goodbye_and_out";
    /// GOODBYE: killed through the meta API (ERR-09).
    KILLED = "wamp.close.killed";
    /// GOODBYE: what many clients send when they leave.
    NORMAL = "wamp.close.normal";
}
