//! Decisions that may take time: who a client is, what a session may do.
//!
//! One mechanism for both. Whoever is asked gets a [`Ticket`] and answers at once or later, from any thread; meanwhile
//! the session's input waits, in order ([`crate::Flow::Pause`]).

use std::sync::{Arc, Mutex, Weak};
use std::task::Waker;

use smallvec::SmallVec;
use wamp::message::HelloDetails;
use wamp::value::Dict;
use wamp::{MatchPolicy, SessionId};

use crate::config::Actions;
use crate::identity::{Identity, TransportDetails};
use crate::lock::lock;
use crate::peer::Peer;

/// What a session wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// CALL a procedure.
    Call,
    /// REGISTER a procedure or pattern.
    Register,
    /// PUBLISH to a topic.
    Publish,
    /// SUBSCRIBE to a topic or pattern.
    Subscribe,
}

impl Action {
    /// As permissions and authorizers name it.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Call => "call",
            Action::Register => "register",
            Action::Publish => "publish",
            Action::Subscribe => "subscribe",
        }
    }

    pub(crate) const fn is_in(self, actions: Actions) -> bool {
        match self {
            Action::Call => actions.call,
            Action::Register => actions.register,
            Action::Publish => actions.publish,
            Action::Subscribe => actions.subscribe,
        }
    }
}

/// Whether an action is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decision {
    /// Whether it may be done.
    pub allow: bool,
    /// Whether the session that does it is disclosed to the other side.
    pub disclose: bool,
    /// Whether the payload has to be as the topic or procedure is declared; of REGISTER: the payloads of results.
    pub validate: bool,
}

/// What authorizers said about one message, in the order in which they are asked: when it is handled once more, because it
/// had to wait for an answer, they are not asked again.
#[derive(Debug)]
pub(crate) struct Decided {
    answers: Answers,
    used: usize,
    is_repeat: bool,
}

/// Answers of authorizers; `None`: it could not be found out.
pub(crate) type Answers = SmallVec<[Option<Decision>; 4]>;

impl Decided {
    pub(crate) fn new(answers: Answers) -> Self {
        Decided { is_repeat: !answers.is_empty(), used: 0, answers }
    }

    /// Whether the message was handled before, up to where it had to wait.
    pub(crate) fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    /// The next answer, if it is there already.
    pub(crate) fn next(&mut self) -> Option<Option<Decision>> {
        let answer = *self.answers.get(self.used)?;
        self.used += 1;
        Some(answer)
    }

    /// An answer that was given at once: should a later question have to wait, this one is not asked again.
    pub(crate) fn note(&mut self, decision: Decision) {
        self.answers.push(Some(decision));
        self.used = self.answers.len();
    }

    pub(crate) fn into_answers(self) -> Answers {
        self.answers
    }
}

/// Decides for a role what its static rules don't.
///
/// Spec: advanced profile, "Authorization"; AZN-03, AZN-07.
pub trait Authorizer: Send + Sync + std::fmt::Debug {
    /// Answers at once with `Some`, or keeps the ticket and answers by [`Ticket::resolve`] later. A ticket that is dropped
    /// is answered with "could not be found out".
    fn authorize(&self, request: &AuthorizationRequest<'_>, ticket: Ticket) -> Option<Decision>;
}

/// What an [`Authorizer`] decides about.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The session that asks.
    pub session: SessionId,
    /// Who it is.
    pub identity: &'a Identity,
    /// What it wants to do.
    pub action: Action,
    /// Where: a URI, or a pattern with its policy.
    pub uri: &'a str,
    /// How `uri` matches; [`MatchPolicy::Exact`] for CALL and PUBLISH.
    pub match_policy: MatchPolicy,
}

/// Finds out who a client is.
///
/// Spec: advanced profile, "Authentication"; AUT-01 to AUT-12.
pub trait Authenticator: Send + Sync + std::fmt::Debug {
    /// Looks at a HELLO.
    fn hello(&self, request: &HelloRequest<'_>, ticket: Ticket) -> Step;
}

/// One exchange of CHALLENGE and AUTHENTICATE.
pub trait Exchange: Send + std::fmt::Debug {
    /// Looks at the client's answer.
    fn authenticate(&mut self, signature: &str, extra: &Dict, ticket: Ticket) -> Step;
}

/// What an [`Authenticator`] is told.
#[derive(Debug, Clone, Copy)]
pub struct HelloRequest<'a> {
    /// The realm that the client wants to join.
    pub realm: &'a str,
    /// The id that the session will have.
    pub session: SessionId,
    /// What the client says of itself.
    pub details: &'a HelloDetails<'a>,
    /// What is known of its transport.
    pub transport: &'a TransportDetails,
    /// Fresh random bits, for ids that nobody should guess.
    pub random: [u64; 2],
}

/// What happens next to a client that wants to join.
#[derive(Debug)]
pub enum Step {
    /// It is who it says: WELCOME.
    Accept(Identity),
    /// It has to prove it: CHALLENGE.
    Challenge {
        /// The method chosen.
        authmethod: String,
        /// What the client needs for it.
        extra: Dict,
        /// Looks at the answer.
        exchange: Box<dyn Exchange>,
    },
    /// It may not join: ABORT.
    Deny {
        /// A URI of [`wamp::error_uri`].
        reason: &'static str,
        /// A sentence for people.
        message: String,
    },
    /// The answer comes by the ticket.
    Later,
}

/// What a decision came to.
#[derive(Debug)]
pub enum Outcome {
    /// For [`Authorizer::authorize`]; `None`: it could not be found out, which is a denial of another name.
    Authorized(Option<Decision>),
    /// For [`Authenticator::hello`] and [`Exchange::authenticate`].
    Authenticated(Step),
}

/// The right to answer one question of one session, once.
///
/// Dropped unused, it denies: fail closed.
#[derive(Debug)]
pub struct Ticket {
    number: u64,
    asker: Asker,
    used: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Asker {
    Session(Weak<Peer>),
    Connection(Arc<Waiting>),
}

/// Where the answer for a connection without a session is left.
#[derive(Debug)]
pub(crate) struct Waiting {
    inner: Mutex<(Option<Resolution>, Option<Waker>)>,
}

/// An answer on its way to the connection that asked.
#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) number: u64,
    pub(crate) outcome: Outcome,
}

/// An authorizer's answer on its way to the session that asked. There is room for one in every mailbox, so it is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) number: u64,
    /// `None`: it could not be found out.
    pub(crate) decision: Option<Decision>,
}

impl Ticket {
    pub(crate) fn new(number: u64, asker: Asker) -> Self {
        Ticket { number, asker, used: false }
    }

    /// Answers. The session may be gone by now; then nobody hears it.
    pub fn resolve(mut self, outcome: Outcome) {
        self.answer(outcome);
    }

    /// The ticket is not needed: the answer was given at once.
    pub fn discard(mut self) {
        self.used = true;
    }

    fn answer(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.used, true) {
            return;
        }
        let number = self.number;
        match &self.asker {
            Asker::Session(peer) => {
                let decision = match outcome {
                    Outcome::Authorized(decision) => decision,
                    // Whatever this was meant to answer, it allows nothing.
                    Outcome::Authenticated(_) => None,
                };
                if let Some(peer) = peer.upgrade() {
                    peer.leave_ruling(Ruling { number, decision });
                }
            }
            Asker::Connection(waiting) => waiting.leave(Resolution { number, outcome }),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let outcome = match self.asker {
            Asker::Session(_) => Outcome::Authorized(None),
            Asker::Connection(_) => Outcome::Authenticated(Step::Deny {
                reason: wamp::error_uri::AUTHENTICATION_FAILED,
                message: "the authenticator gave no answer".to_owned(),
            }),
        };
        self.answer(outcome);
    }
}

impl Waiting {
    /// `waker`: the task to wake, as far as it is known yet.
    pub(crate) fn new(waker: Option<Waker>) -> Self {
        Waiting { inner: Mutex::new((None, waker)) }
    }

    fn leave(&self, resolution: Resolution) {
        let mut inner = lock(&self.inner);
        inner.0 = Some(resolution);
        let waker = inner.1.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn take(&self, waker: Option<&Waker>) -> Option<Resolution> {
        let mut inner = lock(&self.inner);
        if let Some(waker) = waker {
            inner.1 = Some(waker.clone());
        }
        inner.0.take()
    }
}
