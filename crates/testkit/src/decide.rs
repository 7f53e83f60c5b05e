//! Authorizers and authenticators that answer when the test says so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use router::Identity;
use router::decision::{
    Action, Authenticator, AuthorizationRequest, Authorizer, Decision, Exchange, HelloRequest, Outcome, Step,
    Ticket,
};
use wamp::value::Dict;
use wamp::{MatchPolicy, SessionId};

/// What an [`Authorizer`] was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The session that asks.
    pub session: SessionId,
    /// Its authid.
    pub authid: String,
    /// What it wants to do.
    pub action: Action,
    /// Where.
    pub uri: String,
    /// How that matches.
    pub match_policy: MatchPolicy,
}

/// An authorizer that keeps every ticket until the test answers.
#[derive(Debug, Default)]
pub struct Undecided {
    asked: Mutex<VecDeque<(Question, Ticket)>>,
}

impl Undecided {
    /// One that was asked nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The oldest question without an answer, and the right to answer it.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn take(&self) -> (Question, Ticket) {
        self.asked().pop_front().expect("the authorizer was asked something")
    }

    /// Answers the oldest question.
    ///
    /// # Panics
    /// There is none.
    #[track_caller]
    pub fn answer(&self, allow: bool) {
        let (_, ticket) = self.take();
        ticket.resolve(Outcome::Authorized(Some(Decision { allow, ..Decision::default() })));
    }

    /// How many questions have no answer.
    pub fn waiting(&self) -> usize {
        self.asked().len()
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, VecDeque<(Question, Ticket)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authorizer for Undecided {
    fn authorize(&self, request: &AuthorizationRequest<'_>, ticket: Ticket) -> Option<Decision> {
        let question = Question {
            session: request.session,
            authid: request.identity.authid.to_string(),
            action: request.action,
            uri: request.uri.to_owned(),
            match_policy: request.match_policy,
        };
        self.asked().push_back((question, ticket));
        None
    }
}

/// An authenticator that answers HELLO and each AUTHENTICATE with the next of the steps it was given.
///
/// It denies when it has no more.
#[derive(Debug, Clone)]
pub struct Steps(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    steps: VecDeque<Next>,
    answers: Vec<String>,
    tickets: VecDeque<Ticket>,
}

/// A step that [`Steps`] takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The client is this principal of this role.
    Accept(&'static str, &'static str),
    /// It is challenged by this method.
    Challenge(&'static str),
    /// It may not join, for this reason.
    Deny(&'static str),
    /// The answer comes by ticket ([`Steps::take`]).
    Later,
}

impl Steps {
    /// One that takes these steps.
    pub fn new(steps: impl IntoIterator<Item = Next>) -> Arc<Self> {
        let inner = Inner { steps: steps.into_iter().collect(), ..Inner::default() };
        Arc::new(Steps(Arc::new(Mutex::new(inner))))
    }

    /// The signatures that came, in their order.
    pub fn answers(&self) -> Vec<String> {
        self.inner().answers.clone()
    }

    /// The right to give the oldest answer that was promised for later.
    ///
    /// # Panics
    /// None was.
    #[track_caller]
    pub fn take(&self) -> Ticket {
        self.inner().tickets.pop_front().expect("an answer was promised")
    }

    /// The step as the router wants it.
    pub fn step(&self, next: &Next) -> Step {
        match next {
            Next::Accept(authid, authrole) => Step::Accept(Identity {
                authid: (*authid).into(),
                authrole: (*authrole).into(),
                authmethod: "steps".into(),
                authprovider: "test".into(),
                authextra: None,
            }),
            Next::Challenge(method) => Step::Challenge {
                authmethod: (*method).to_owned(),
                extra: Dict::new(),
                exchange: Box::new(self.clone()),
            },
            Next::Deny(reason) => Step::Deny { reason, message: "denied by the test".to_owned() },
            Next::Later => Step::Later,
        }
    }

    fn advance(&self, ticket: Ticket) -> Step {
        let next = self.inner().steps.pop_front().unwrap_or(Next::Deny("wamp.error.authentication_denied"));
        if next == Next::Later {
            self.inner().tickets.push_back(ticket);
        } else {
            ticket.discard();
        }
        self.step(&next)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authenticator for Steps {
    fn hello(&self, _request: &HelloRequest<'_>, ticket: Ticket) -> Step {
        self.advance(ticket)
    }
}

impl Exchange for Steps {
    fn authenticate(&mut self, signature: &str, _extra: &Dict, ticket: Ticket) -> Step {
        self.inner().answers.push(signature.to_owned());
        self.advance(ticket)
    }
}
