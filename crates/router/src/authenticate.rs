//! The two authenticators that need no proof: anonymous clients, and sessions that the program itself opens.

use std::sync::Arc;

use wamp::error_uri;

use crate::decision::{Authenticator, HelloRequest, Step, Ticket};
use crate::identity::{Authextra, Identity};

/// Lets anyone in who offers `anonymous`, or offers nothing, under one role (SES-24).
#[derive(Debug, Clone)]
pub struct Anonymous {
    role: Arc<str>,
    // Shared by all sessions.
    method: Arc<str>,
    provider: Arc<str>,
}

impl Anonymous {
    /// Everybody gets this authrole.
    pub fn new(role: &str) -> Self {
        Anonymous { role: role.into(), method: "anonymous".into(), provider: "static".into() }
    }
}

impl Default for Anonymous {
    fn default() -> Self {
        Anonymous::new("anonymous")
    }
}

impl Authenticator for Anonymous {
    fn hello(&self, request: &HelloRequest<'_>, ticket: Ticket) -> Step {
        ticket.discard();
        let offered = request.details.authmethods.as_deref();
        if offered.is_some_and(|methods| !methods.iter().any(|method| method == "anonymous")) {
            return Step::Deny {
                reason: error_uri::NO_MATCHING_AUTH_METHOD,
                message: "this endpoint authenticates by: anonymous".to_owned(),
            };
        }
        Step::Accept(Identity {
            authid: serial(request.random).into(),
            authrole: Arc::clone(&self.role),
            authmethod: Arc::clone(&self.method),
            authprovider: Arc::clone(&self.provider),
            authextra: request.details.authextra.as_ref().map(Authextra::new),
        })
    }
}

/// A random authid that people can read to each other: six groups of four, of letters and digits that look different.
fn serial(random: [u64; 2]) -> String {
    const LETTERS: &[u8; 27] = b"345679ACEFGHJKLMNPQRSTUVWXY";
    let mut bits = (u128::from(random[0]) << 64) | u128::from(random[1]);
    let mut serial = String::with_capacity(29);
    for position in 0..24 {
        if position > 0 && position % 4 == 0 {
            serial.push('-');
        }
        let letter = usize::try_from(bits % 27).unwrap_or(0);
        serial.push(char::from(LETTERS[letter]));
        bits /= 27;
    }
    serial
}

/// Gives every session one identity, whatever it says: for sessions that the program itself opens.
#[derive(Debug, Clone)]
pub struct Preset(pub Identity);

impl Authenticator for Preset {
    fn hello(&self, _request: &HelloRequest<'_>, ticket: Ticket) -> Step {
        ticket.discard();
        Step::Accept(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_six_groups_of_four() {
        let serial = serial([u64::MAX, 12345]);
        assert_eq!(serial.len(), 29);
        assert!(serial.split('-').all(|group| group.len() == 4));
    }
}
