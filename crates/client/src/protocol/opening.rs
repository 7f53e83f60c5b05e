//! From HELLO to WELCOME.
//!
//! Spec: basic profile, "Session Establishment"; advanced profile, "Authentication".

use std::borrow::Cow;
use std::sync::Arc;

use wamp::message::{Authenticate, Challenge, Hello, HelloDetails, Message, Welcome, WelcomeDetails};
use wamp::role::ClientRoles;
use wamp::{Value, error_uri};

use super::{Protocol, State, owned};
use crate::auth::{self, Authenticator};
use crate::{CloseReason, Welcomed};

/// Who we say we are.
pub(crate) struct Identity {
    pub(crate) realm: Option<String>,
    pub(crate) roles: ClientRoles,
    pub(crate) agent: Option<String>,
    pub(crate) authid: Option<String>,
    pub(crate) authrole: Option<String>,
    /// What the authenticator adds takes precedence.
    pub(crate) authextra: Option<Value>,
    /// Without one the session is anonymous, and HELLO names no methods.
    pub(crate) authenticator: Option<Box<dyn Authenticator>>,
}

impl Protocol {
    pub(super) fn send_hello(&mut self) {
        let identity = &mut self.identity;
        let offered = identity
            .authenticator
            .as_mut()
            .map(|authenticator| (authenticator.methods(), authenticator.begin()));
        let (methods, extra) = offered.unzip();
        let hello = Hello {
            realm: identity.realm.as_deref().map(Cow::Borrowed),
            details: HelloDetails {
                roles: identity.roles,
                agent: identity.agent.as_deref().map(Cow::Borrowed),
                authmethods: methods.map(|methods| methods.into_iter().map(Cow::Owned).collect()),
                authid: identity.authid.as_deref().map(Cow::Borrowed),
                authrole: identity.authrole.as_deref().map(Cow::Borrowed),
                authextra: extra.flatten().or_else(|| identity.authextra.clone()),
            },
        };
        if let Err(error) = self.wire.send(|serializer, out| hello.encode(serializer, out)) {
            self.lost(&error.to_string());
        }
    }

    pub(super) fn receive_opening(&mut self, message: Message<'_>) {
        match message {
            Message::Welcome(welcome) => self.receive_welcome(welcome),
            Message::Challenge(challenge) => self.receive_challenge(&challenge),
            Message::Abort(abort) => self.receive_abort(abort),
            other => self.unexpected(other.message_type()),
        }
    }

    fn receive_challenge(&mut self, challenge: &Challenge<'_>) {
        let Some(authenticator) = &mut self.identity.authenticator else {
            self.unauthenticated("the router asks for a proof of identity, and there is none");
            return;
        };
        match authenticator.answer(&auth::Challenge::new(&challenge.authmethod, &challenge.extra)) {
            Ok(auth::Signature { signature, extra }) => {
                let authenticate = Authenticate { signature: Cow::Owned(signature), extra };
                if let Err(error) = self.wire.send(|serializer, out| authenticate.encode(serializer, out)) {
                    self.lost(&error.to_string());
                }
            }
            Err(error) => self.unauthenticated(&error.to_string()),
        }
    }

    fn receive_welcome(&mut self, welcome: Welcome<'_>) {
        let Welcome { session, details } = welcome;
        let details = WelcomeDetails {
            roles: details.roles,
            agent: owned(details.agent),
            realm: owned(details.realm),
            authid: owned(details.authid),
            authrole: owned(details.authrole),
            authmethod: owned(details.authmethod),
            authprovider: owned(details.authprovider),
            authextra: details.authextra,
        };
        let accepted = self
            .identity
            .authenticator
            .as_mut()
            .map_or(Ok(()), |authenticator| authenticator.welcome(&details));
        match accepted {
            Ok(()) => self.opened(Welcomed { id: session, details }),
            Err(error) => self.unauthenticated(&error.to_string()),
        }
    }

    /// Either side can't prove what it should.
    fn unauthenticated(&mut self, problem: &str) {
        self.send_abort(problem, error_uri::AUTHENTICATION_FAILED);
        self.state = State::Closed(CloseReason::Unauthenticated(Arc::from(problem)));
    }
}
