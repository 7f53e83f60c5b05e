//! `limits`: what a peer can make the router hold.

use listeners::ConnectionLimits;
use router::config::{Limits, SlowConsumer};

use crate::config::section::section;
use crate::config::setting::{Bytes, Ms, words};

words!(SlowConsumer { "disconnect" => SlowConsumer::Disconnect, "drop" => SlowConsumer::Drop });

section! {
    /// What a peer can make the router hold, and for how long. Exceeding a limit gives the error that the protocol has
    /// for it and leaves every other session untouched.
    LimitsSection ("Limits") {
        /// The longest message accepted. A transport's `max_message_size` can only lower it.
        message_bytes_max: Bytes = Bytes(Limits::default().message_bytes_max);
        /// The longest URI accepted.
        uri_bytes_max: Bytes = Bytes(Limits::default().uri_bytes_max);
        /// Outgoing bytes a session may have waiting before its events meet `slow_consumer`. Replies may use up to
        /// `message_bytes_max` and 1 MiB more; beyond that the session ends.
        outbox_bytes: Bytes = Bytes(Limits::default().outbox_bytes_soft);
        /// What becomes of events for a session whose outbox is full: its session ends, or the newest event is dropped
        /// for it alone.
        slow_consumer: SlowConsumer = Limits::default().slow_consumer;
        /// Calls a session may have outstanding.
        pending_calls_max: usize = Limits::default().pending_calls_max;
        /// Invocations a callee may have outstanding.
        pending_invocations_max: usize = Limits::default().pending_invocations_max;
        /// Calls that may wait for a callee of a registration with `concurrency`.
        queued_calls_max: usize = Limits::default().queued_calls_max;
        /// Payload bytes of the calls that wait so, for each registration.
        queued_calls_bytes_max: Bytes = Bytes(Limits::default().queued_calls_bytes_max);
        /// Payload bytes of a session's outstanding calls that are kept in case a callee hands its call back. A call
        /// beyond that gets no second callee.
        kept_call_bytes_max: Bytes = Bytes(Limits::default().kept_call_bytes_max);
        /// Subscriptions a session may hold.
        subscriptions_max: usize = Limits::default().subscriptions_max;
        /// Registrations a session may hold.
        registrations_max: usize = Limits::default().registrations_max;
        /// Sessions a realm may have.
        sessions_max: usize = Limits::default().sessions_max;
        /// Testaments a session may have.
        testaments_max: usize = Limits::default().testaments_max;
        /// Bytes of a session's testaments, with all that they hold besides their payloads.
        testaments_bytes_max: Bytes = Bytes(Limits::default().testaments_bytes_max);
        /// Bytes of the details that `wamp.session.modify_details` may add to a session.
        details_bytes_max: Bytes = Bytes(Limits::default().details_bytes_max);
        /// Declarations a realm may have.
        schemas_max: usize = Limits::default().schemas_max;
        /// The longest declaration, as JSON.
        schema_bytes_max: Bytes = Bytes(Limits::default().schema_bytes_max);
        /// Bytes of all declarations of a realm together, as JSON.
        schemas_bytes_max: Bytes = Bytes(Limits::default().schemas_bytes_max);
        /// The most events that one call of `wamp.subscription.get_events` returns.
        history_events_max: usize = Limits::default().history_events_max;
        /// How long a peer may take from connecting to WELCOME.
        handshake_timeout: Ms = Ms(Limits::default().handshake_timeout);
        /// How long a peer may take to answer GOODBYE, and how long a connection may stay without a session after it.
        goodbye_timeout: Ms = Ms(Limits::default().goodbye_timeout);
        /// Connections that each transport may have.
        connections_max: usize = ConnectionLimits::default().connections_max;
        /// Connections that each transport may have from one IPv4 address, or one /64 network of IPv6; left out, as many
        /// as `connections_max`.
        connections_per_address_max: Option<usize> = ConnectionLimits::default().connections_per_address_max;
        /// How long a peer may take none of what it is sent before it is dropped.
        write_timeout: Ms = Ms(ConnectionLimits::default().write_timeout);
        /// How long the end of a connection may take: the last bytes, and the peer's answer to a close frame.
        close_timeout: Ms = Ms(ConnectionLimits::default().close_timeout);
        /// How long connections may go on once the node ends.
        drain_timeout: Ms = Ms(ConnectionLimits::default().drain_timeout);
        /// After how long without traffic the system asks whether a TCP peer still is there; 0 is never.
        tcp_keepalive: Ms = Ms(ConnectionLimits::default().tcp_keepalive.unwrap_or_default());
    }
}

impl LimitsSection {
    pub(crate) fn router(&self) -> Limits {
        Limits {
            message_bytes_max: self.message_bytes_max.0,
            uri_bytes_max: self.uri_bytes_max.0,
            outbox_bytes_soft: self.outbox_bytes.0,
            slow_consumer: self.slow_consumer,
            pending_calls_max: self.pending_calls_max,
            pending_invocations_max: self.pending_invocations_max,
            queued_calls_max: self.queued_calls_max,
            queued_calls_bytes_max: self.queued_calls_bytes_max.0,
            kept_call_bytes_max: self.kept_call_bytes_max.0,
            subscriptions_max: self.subscriptions_max,
            registrations_max: self.registrations_max,
            sessions_max: self.sessions_max,
            handshake_timeout: self.handshake_timeout.0,
            goodbye_timeout: self.goodbye_timeout.0,
            testaments_max: self.testaments_max,
            testaments_bytes_max: self.testaments_bytes_max.0,
            details_bytes_max: self.details_bytes_max.0,
            schemas_max: self.schemas_max,
            schema_bytes_max: self.schema_bytes_max.0,
            schemas_bytes_max: self.schemas_bytes_max.0,
            history_events_max: self.history_events_max,
        }
    }

    pub(crate) fn connections(&self) -> ConnectionLimits {
        ConnectionLimits {
            connections_max: self.connections_max,
            connections_per_address_max: self.connections_per_address_max,
            handshake_timeout: self.handshake_timeout.0,
            write_timeout: self.write_timeout.0,
            close_timeout: self.close_timeout.0,
            drain_timeout: self.drain_timeout.0,
            tcp_keepalive: self.tcp_keepalive.unless_zero(),
        }
    }
}
