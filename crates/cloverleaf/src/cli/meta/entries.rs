//! `wamp.subscription.*` and `wamp.registration.*`, which are alike: the router's records of who is at a URI.

use client::Arguments;
use wamp::value::Dict;
use wamp::{MatchPolicy, Value};

use super::{Meta, MetaError, each, ids, with_option};

/// Which of the two families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Subscription,
    Registration,
}

impl Kind {
    /// What one is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::Subscription => "subscription",
            Kind::Registration => "registration",
        }
    }

    /// What the sessions at it are called.
    pub(crate) const fn members(self) -> &'static str {
        match self {
            Kind::Subscription => "subscribers",
            Kind::Registration => "callees",
        }
    }

    const fn member(self) -> &'static str {
        match self {
            Kind::Subscription => "subscriber",
            Kind::Registration => "callee",
        }
    }

    fn procedure(self, verb: &str) -> String {
        format!("wamp.{}.{verb}", self.name())
    }
}

/// The router's record of a subscription or a registration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) dict: Dict,
}

impl Entry {
    pub(crate) fn read(value: &Value) -> Option<Self> {
        value.as_dict().map(|dict| Entry { dict: dict.clone() })
    }

    /// All that is known of one that may not be looked at.
    fn unknown(id: u64) -> Self {
        Entry { dict: Dict::from([("id", id.into())]) }
    }

    /// The id; 0, which none has, if the router didn't say.
    pub(crate) fn id(&self) -> u64 {
        self.dict.get("id").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A text of it, such as `uri`.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.dict.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A record, and how many sessions are at it; `None` if that may not be asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Described {
    pub(crate) entry: Entry,
    pub(crate) members: Option<u64>,
}

impl Meta {
    /// The ids of all there are, or of those that a session holds: exact ones first, then prefixes, then wildcards.
    pub(crate) async fn entry_ids(&self, kind: Kind, session: Option<u64>) -> Result<Vec<u64>, MetaError> {
        let arguments = session.map_or_else(Arguments::new, Arguments::from);
        self.ask_for(&kind.procedure("list"), arguments, "lists of ids by match policy", by_policy).await
    }

    /// The one that is at exactly this URI and policy.
    pub(crate) async fn entry_at(
        &self,
        kind: Kind,
        uri: &str,
        policy: MatchPolicy,
    ) -> Result<Option<u64>, MetaError> {
        let options = Dict::from([("match", policy.name().into())]);
        let arguments = Arguments::from(uri).with(options);
        self.ask_for(&kind.procedure("lookup"), arguments, "an id", one_id).await
    }

    /// Those that a publication to, or a call of, this URI would find.
    pub(crate) async fn entries_matching(&self, kind: Kind, uri: &str) -> Result<Vec<u64>, MetaError> {
        let read = |answer: &Value| ids(answer).or_else(|| Some(one_id(answer)?.into_iter().collect()));
        self.ask_for(&kind.procedure("match"), uri, "an id or a list of ids", read).await
    }

    pub(crate) async fn entry(&self, kind: Kind, id: u64) -> Result<Entry, MetaError> {
        self.ask_for(&kind.procedure("get"), id, "a dictionary", Entry::read).await
    }

    /// The sessions at it.
    pub(crate) async fn members(&self, kind: Kind, id: u64) -> Result<Vec<u64>, MetaError> {
        self.ask_for_ids(&kind.procedure(&format!("list_{}", kind.members())), id).await
    }

    async fn member_count(&self, kind: Kind, id: u64) -> Result<u64, MetaError> {
        self.ask_for_count(&kind.procedure(&format!("count_{}", kind.members())), id).await
    }

    /// Takes a session away from it.
    pub(crate) async fn remove_member(
        &self,
        kind: Kind,
        id: u64,
        session: u64,
        reason: Option<String>,
    ) -> Result<(), MetaError> {
        let arguments = with_option(Arguments::from(id).with(session), "reason", reason);
        self.call(&kind.procedure(&format!("remove_{}", kind.member())), arguments).await.map(drop)
    }

    /// What is known of one; `None` if it has gone meanwhile.
    pub(crate) async fn describe(&self, kind: Kind, id: u64) -> Result<Option<Described>, MetaError> {
        let (entry, members) = tokio::join!(self.entry(kind, id), self.member_count(kind, id));
        let entry = match entry {
            Err(error) if error.is_gone() => return Ok(None),
            entry => entry?,
        };
        match members {
            Ok(members) => Ok(Some(Described { entry, members: Some(members) })),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) if error.is_not_authorized() => Ok(Some(Described { entry, members: None })),
            Err(error) => Err(error),
        }
    }

    /// What is known of each; those that have gone meanwhile are left out.
    ///
    /// Records at the router's own URIs may be listed and yet not be looked at: those keep their id alone. But if none
    /// of all can be looked at, that is the error.
    pub(crate) async fn describe_all(&self, kind: Kind, ids: &[u64]) -> Result<Vec<Described>, MetaError> {
        let answers = self.describe_each(kind, ids).await?;
        if answers.iter().any(Result::is_ok) {
            return Ok(answers.into_iter().map(known_or_not).collect());
        }
        answers.into_iter().map(|answer| answer.map_err(|(_, error)| error)).collect()
    }

    /// As [`Meta::describe_all`], of what one session has: that may well be nothing but records at the router's own URIs.
    pub(crate) async fn describe_held(&self, kind: Kind, ids: &[u64]) -> Result<Vec<Described>, MetaError> {
        Ok(self.describe_each(kind, ids).await?.into_iter().map(known_or_not).collect())
    }

    /// What is known of each that hasn't gone meanwhile, or why it may not be looked at.
    async fn describe_each(
        &self,
        kind: Kind,
        ids: &[u64],
    ) -> Result<Vec<Result<Described, (u64, MetaError)>>, MetaError> {
        let ask = |id| {
            let meta = self.clone();
            async move {
                match meta.describe(kind, id).await {
                    Err(error) if error.is_not_authorized() => Ok(Some(Err((id, error)))),
                    described => Ok(described?.map(Ok)),
                }
            }
        };
        Ok(each(ids, ask).await?.into_iter().flatten().collect())
    }
}

fn known_or_not(answer: Result<Described, (u64, MetaError)>) -> Described {
    answer.unwrap_or_else(|(id, _)| Described { entry: Entry::unknown(id), members: None })
}

fn by_policy(answer: &Value) -> Option<Vec<u64>> {
    let dict = answer.as_dict()?;
    let mut all = Vec::new();
    for policy in ["exact", "prefix", "wildcard"] {
        if let Some(list) = dict.get(policy) {
            all.extend(ids(list)?);
        }
    }
    Some(all)
}

/// An id, or null for none.
fn one_id(answer: &Value) -> Option<Option<u64>> {
    if answer.is_null() { Some(None) } else { answer.as_u64().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[u64]) -> Value {
        Value::List(ids.iter().copied().map(Value::from).collect())
    }

    #[test]
    fn lists_by_policy_become_one() {
        let answer = Dict::from([("wildcard", list(&[5])), ("exact", list(&[1, 2])), ("prefix", list(&[]))]);
        assert_eq!(by_policy(&answer.into()), Some(vec![1, 2, 5]));
        assert_eq!(by_policy(&Dict::new().into()), Some(vec![]));
        assert_eq!(by_policy(&list(&[1])), None);
        assert_eq!(by_policy(&Dict::from([("exact", 1.into())]).into()), None);
    }

    #[test]
    fn null_is_no_id() {
        assert_eq!(one_id(&Value::Null), Some(None));
        assert_eq!(one_id(&Value::from(7)), Some(Some(7)));
        assert_eq!(one_id(&Value::from("7")), None);
    }
}
