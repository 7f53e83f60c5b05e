//! What a peer can do wrong: each ends its session with ABORT `wamp.error.protocol_violation`.
//!
//! Spec: basic profile, "Protocol Violations" (PVI-01 to PVI-14).

use wamp::RequestId;
use wamp::message::{DecodeError, MessageType};

/// One way to break the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Not a WAMP message (PVI-10, SER-09, MSG-01 to MSG-03).
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    /// The transport's framing was broken; its own words.
    #[error("{0}")]
    Transport(String),
    /// A message that has no place in this state of the session (SES-01, SES-09, PVI-04, PVI-05, PVI-11, MSG-11).
    #[error("unexpected {message} {state}")]
    Unexpected {
        /// Which message.
        message: MessageType,
        /// When: "before WELCOME", "in an open session", ...
        state: &'static str,
    },
    /// HELLO without a role that a client can have (SES-03).
    #[error("HELLO must announce at least one of the roles publisher, subscriber, caller, callee")]
    NoRoles,
    /// A request of a role that wasn't announced, where that is required (FEA-11).
    #[error("{message} from a session that did not announce the role {role}")]
    RoleNotAnnounced {
        /// Which message.
        message: MessageType,
        /// Which role it takes.
        role: &'static str,
    },
    /// A use of a feature that wasn't announced (PVI-14).
    #[error("{message} uses {feature}, which the session did not announce")]
    FeatureNotAnnounced {
        /// Which message.
        message: MessageType,
        /// Which feature.
        feature: &'static str,
    },
    /// A request id out of order, where order is required (IDS-06).
    #[error("request id {found} where {expected} was expected")]
    RequestOutOfOrder {
        /// The id found.
        found: RequestId,
        /// The next one.
        expected: RequestId,
    },
    /// A CALL with the id of a call that is still pending and takes no continuation (PCI-13).
    #[error("call {0} is still pending, and takes no continuation")]
    CallPending(RequestId),
    /// YIELD or ERROR for an invocation that was never sent (PVI-07).
    #[error("there never was an invocation {0}")]
    NoSuchInvocation(RequestId),
    /// ERROR for anything but an INVOCATION (PVI-06, MSG-12).
    #[error("ERROR with request type {0}, where only 68 (INVOCATION) is possible")]
    NotAnInvocation(u64),
}
