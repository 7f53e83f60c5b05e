//! The seam for authentication methods: what is said in HELLO, and how a CHALLENGE is answered.
//!
//! Spec: advanced profile, "Authentication" (AUT-01, AUT-02).

use wamp::Value;
use wamp::message::WelcomeDetails;
use wamp::value::Dict;

/// One or several authentication methods, the client's side.
///
/// A state machine without I/O: the session asks it what to say. It is used again, from [`Authenticator::begin`] on, for
/// each connection that a session makes.
pub trait Authenticator: Send {
    /// The methods offered, the preferred one first: `ticket`, `wampcra`, ...
    fn methods(&self) -> Vec<String>;

    /// A new handshake begins. Answers what HELLO is to carry as `authextra`, such as a public key or a nonce.
    fn begin(&mut self) -> Option<Value> {
        None
    }

    /// Answers a challenge. There may be several of them in one handshake.
    ///
    /// # Errors
    /// A challenge that can't or must not be answered; the client then aborts the handshake.
    fn answer(&mut self, challenge: &Challenge<'_>) -> Result<Signature, AuthError>;

    /// Looks at the router's WELCOME, for methods in which the router proves itself too.
    ///
    /// # Errors
    /// The router has not proved what it should have; the client then aborts the session.
    fn welcome(&mut self, details: &WelcomeDetails<'_>) -> Result<(), AuthError> {
        let _ = details;
        Ok(())
    }
}

/// What a router asks.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Challenge<'a> {
    /// The method it chose.
    pub method: &'a str,
    /// What the method needs.
    pub extra: &'a Dict,
}

impl<'a> Challenge<'a> {
    /// A challenge, for tests of authenticators.
    pub const fn new(method: &'a str, extra: &'a Dict) -> Self {
        Challenge { method, extra }
    }
}

/// The answer to a [`Challenge`].
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    /// The proof.
    pub signature: String,
    /// More for the method.
    pub extra: Dict,
}

impl Signature {
    /// A proof that needs nothing more.
    pub fn new(signature: impl Into<String>) -> Self {
        Signature { signature: signature.into(), extra: Dict::new() }
    }
}

/// Why an authentication can't go on, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(String);

impl AuthError {
    /// With this reason. It is told to the router.
    pub fn new(reason: impl Into<String>) -> Self {
        AuthError(reason.into())
    }
}
