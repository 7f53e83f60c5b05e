//! A realm whose meta procedures answer what the test says: what routers of others answer, and what happens between two
//! questions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::result_large_err, reason = "it is what procedures of the client answer with")]

use std::collections::HashMap;
use std::ops::Deref;

use client::{ApplicationError, Arguments, Invocation, Session};
use router::config::{Limits, RealmConfig};
use serde_json::Value as Json;
use wamp::Value;

use super::realm::{Realm, open, value};

/// What a procedure answers: its arguments, or an error.
pub(crate) type Answer = Result<Arguments, ApplicationError>;

/// The realm, and the session that plays.
pub(crate) struct Played {
    realm: Realm,
    session: Session,
}

impl Deref for Played {
    type Target = Realm;

    fn deref(&self) -> &Realm {
        &self.realm
    }
}

impl Played {
    pub(crate) fn start() -> Self {
        // Its own meta procedures would be in the way.
        let realm = Realm::with(RealmConfig { meta_api: false, ..open() }, Limits::default());
        let session = realm.join_trusted();
        Played { realm, session }
    }

    /// A procedure and what it answers.
    pub(crate) fn answers(
        &self,
        procedure: &str,
        answer: impl Fn(&Invocation) -> Answer + Send + Sync + 'static,
    ) -> &Self {
        let handler = move |call: Invocation| {
            let answer = answer(&call);
            async move { answer }
        };
        self.wait(async { self.session.register(procedure).handler(handler).await.unwrap() });
        self
    }

    /// A procedure that answers always the same.
    #[expect(clippy::needless_pass_by_value, reason = "answers are written where they are given")]
    pub(crate) fn says(&self, procedure: &str, answer: Json) -> &Self {
        let answer = value(&answer);
        self.answers(procedure, move |_| Ok(Arguments::from(answer.clone())))
    }

    /// A procedure that answers by its first argument, and an error to others.
    pub(crate) fn knows(&self, procedure: &str, error: &'static str, answers: &[(u64, Json)]) -> &Self {
        let answers: HashMap<u64, Value> = answers.iter().map(|(id, answer)| (*id, value(answer))).collect();
        self.answers(procedure, move |call| {
            let answer = answers.get(&call.arg::<u64>(0)?).cloned();
            answer
                .map(Arguments::from)
                .ok_or_else(|| ApplicationError::with_message(error, "it is not there"))
        })
    }
}
