//! From a CALL of a meta procedure to a function of [`MetaApi`], and from what it returns to the answer.
//!
//! Arguments are read at once, so that a wrong one is refused before anything else; what then is to be done is a closure,
//! since it may have to be done elsewhere.

use std::ops::Bound;

use schema::Kind;
use wamp::value::Dict;
use wamp::{MatchPolicy, Payload, RegistrationId, SessionId, SubscriptionId, Value};

use super::answer::Answer;
use super::arguments::{self, Arguments, invalid};
use super::{ByMatch, EventQuery, Farewell, MetaApi, Procedure, Scope, Testament, Viewer};
use crate::decision::{Action, Decision};
use crate::rejection::Rejection;
use crate::store::EventRange;
use crate::timestamp::Timestamp;
use crate::worker::Turn;

/// A call that was understood.
pub(crate) struct Prepared {
    /// What else its caller must be allowed to do: an action, and where.
    pub(crate) needs: Option<(Action, String, MatchPolicy)>,
    pub(crate) work: Work,
}

/// What is to be done; told what was decided about [`Prepared::needs`].
pub(crate) type Work = Box<dyn FnOnce(&MetaApi, Decision, &mut Turn<'_>) -> Result<Answer, Rejection> + Send>;

/// Reads the arguments of a call.
///
/// # Errors
/// `wamp.error.invalid_argument`, and what can be told from the arguments alone.
pub(crate) fn prepare(
    procedure: Procedure,
    payload: &Payload<'_>,
    api: &MetaApi,
) -> Result<Prepared, Rejection> {
    let mut given = Arguments::new(payload)?;
    let prepared = work(procedure, &mut given, api)?;
    given.end()?;
    Ok(prepared)
}

fn work(procedure: Procedure, given: &mut Arguments, api: &MetaApi) -> Result<Prepared, Rejection> {
    match procedure {
        Procedure::SessionCount => session_count(given),
        Procedure::SessionList => session_list(given),
        Procedure::SessionGet => session_get(given),
        Procedure::SessionKill => session_kill(given),
        Procedure::SessionKillByAuthid => session_kill_by_authid(given),
        Procedure::SessionKillByAuthrole => session_kill_by_authrole(given, api),
        Procedure::SessionKillAll => session_kill_all(given, api),
        Procedure::SessionModifyDetails => session_modify_details(given),
        Procedure::SessionAddTestament => session_add_testament(given),
        Procedure::SessionFlushTestaments => session_flush_testaments(given),
        Procedure::RegistrationList => registration_list(given),
        Procedure::RegistrationLookup => registration_lookup(given),
        Procedure::RegistrationMatch => registration_match(given),
        Procedure::RegistrationGet => registration_get(given),
        Procedure::RegistrationListCallees => registration_list_callees(given),
        Procedure::RegistrationCountCallees => registration_count_callees(given),
        Procedure::RegistrationRemoveCallee => registration_remove_callee(given),
        Procedure::SubscriptionList => subscription_list(given),
        Procedure::SubscriptionLookup => subscription_lookup(given),
        Procedure::SubscriptionMatch => subscription_match(given),
        Procedure::SubscriptionGet => subscription_get(given),
        Procedure::SubscriptionListSubscribers => subscription_list_subscribers(given),
        Procedure::SubscriptionCountSubscribers => subscription_count_subscribers(given),
        Procedure::SubscriptionRemoveSubscriber => subscription_remove_subscriber(given),
        Procedure::SubscriptionGetEvents => subscription_get_events(given, api),
        Procedure::SchemaDefine | Procedure::ReflectDefine => schema_define(given),
        Procedure::SchemaDescribe | Procedure::ReflectDescribe => schema_describe(given),
        Procedure::ReflectionTopicList => reflection_list(Kind::Topic),
        Procedure::ReflectionProcedureList => reflection_list(Kind::Procedure),
        Procedure::ReflectionErrorList => reflection_list(Kind::Error),
        Procedure::ReflectionTopicDescribe => reflection_describe(Kind::Topic, given),
        Procedure::ReflectionProcedureDescribe => reflection_describe(Kind::Procedure, given),
        Procedure::ReflectionErrorDescribe => reflection_describe(Kind::Error, given),
    }
}

/// Work for which the caller needs no other permission than to call the procedure.
fn free(
    work: impl FnOnce(&MetaApi, &mut Turn<'_>) -> Result<Answer, Rejection> + Send + 'static,
) -> Result<Prepared, Rejection> {
    Ok(Prepared { needs: None, work: Box::new(move |api, _, turn| work(api, turn)) })
}

const A_URI: &str = "a URI";
const A_SESSION: &str = "a session id, from 1 to 2^53";

fn session_id(given: &mut Arguments) -> Result<SessionId, Rejection> {
    given.required(&["session_id", "session"], A_SESSION, arguments::session_id)
}

/// The session that a list may be of; 0 is none.
fn session_filter(given: &mut Arguments) -> Result<Option<SessionId>, Rejection> {
    Ok(given.optional(&["session_id", "session"], A_SESSION, arguments::session_or_none)?.flatten())
}

fn registration_id(given: &mut Arguments) -> Result<RegistrationId, Rejection> {
    let expected = "a registration id, from 1 to 2^53";
    given.required(&["registration_id", "registration"], expected, arguments::registration_id)
}

fn subscription_id(given: &mut Arguments) -> Result<SubscriptionId, Rejection> {
    let expected = "a subscription id, from 1 to 2^53";
    given.required(&["subscription_id", "subscription"], expected, arguments::subscription_id)
}

fn authroles(given: &mut Arguments) -> Result<Option<Vec<String>>, Rejection> {
    given.optional(&["filter_authroles"], "a list of authroles", arguments::texts)
}

fn session_count(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let authroles = authroles(given)?;
    free(move |api, _| Ok(Answer::one(api.session_count(authroles.as_deref()))))
}

fn session_list(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let authroles = authroles(given)?;
    free(move |api, _| Ok(sessions(&api.session_list(authroles.as_deref()))))
}

fn session_get(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = session_id(given)?;
    free(move |api, _| Ok(Answer::one(api.session_get(id)?)))
}

fn session_modify_details(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = session_id(given)?;
    let changes = given.required(&["details"], "a dictionary of changes", arguments::dict)?;
    free(move |api, _| api.session_modify_details(id, &changes).map(|()| Answer::Nothing))
}

/// What those who are killed are told: a reason and a message.
fn farewell(given: &mut Arguments) -> Result<(Option<String>, Option<String>), Rejection> {
    let reason = given.optional(&["reason"], A_URI, arguments::text)?;
    let message = given.optional(&["message"], "text", arguments::text)?;
    MetaApi::check_reason(reason.as_deref())?;
    Ok((reason, message))
}

fn session_kill(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = session_id(given)?;
    let (reason, message) = farewell(given)?;
    free(move |api, turn| {
        let farewell = Farewell { reason: reason.as_deref(), message: message.as_deref() };
        api.session_kill(id, farewell, turn).map(|()| Answer::Nothing)
    })
}

fn session_kill_by_authid(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let authid = given.required(&["authid"], "an authid", arguments::text)?;
    let (reason, message) = farewell(given)?;
    free(move |api, turn| {
        let farewell = Farewell { reason: reason.as_deref(), message: message.as_deref() };
        Ok(sessions(&api.session_kill_by_authid(&authid, farewell, turn)?))
    })
}

fn session_kill_by_authrole(given: &mut Arguments, api: &MetaApi) -> Result<Prepared, Rejection> {
    let authrole = given.required(&["authrole"], "an authrole", arguments::text)?;
    let (reason, message) = farewell(given)?;
    let lists = api.is_crossbar();
    free(move |api, turn| {
        let farewell = Farewell { reason: reason.as_deref(), message: message.as_deref() };
        Ok(killed(&api.session_kill_by_authrole(&authrole, farewell, turn)?, lists))
    })
}

fn session_kill_all(given: &mut Arguments, api: &MetaApi) -> Result<Prepared, Rejection> {
    let (reason, message) = farewell(given)?;
    let lists = api.is_crossbar();
    free(move |api, turn| {
        let farewell = Farewell { reason: reason.as_deref(), message: message.as_deref() };
        Ok(killed(&api.session_kill_all(farewell, turn)?, lists))
    })
}

/// The specification lists those killed by authid and counts them in the other cases; Crossbar.io lists in all.
fn killed(ids: &[SessionId], lists: bool) -> Answer {
    if lists { sessions(ids) } else { Answer::one(ids.len()) }
}

fn registration_list(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let session = session_filter(given)?;
    free(move |api, _| Ok(by_match(&api.registration_list(session)?, RegistrationId::value)))
}

fn registration_lookup(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let (uri, policy) = lookup(given, "procedure")?;
    free(move |api, _| Ok(Answer::one(api.registration_lookup(&uri, policy).map(RegistrationId::value))))
}

fn registration_match(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let uri = given.required(&["procedure", "uri"], A_URI, arguments::text)?;
    free(move |api, _| Ok(Answer::one(api.registration_match(&uri).map(RegistrationId::value))))
}

fn registration_get(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = registration_id(given)?;
    free(move |api, _| Ok(Answer::one(api.registration_get(id)?.to_dict())))
}

fn registration_list_callees(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = registration_id(given)?;
    free(move |api, _| Ok(sessions(&api.registration_list_callees(id)?)))
}

fn registration_count_callees(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = registration_id(given)?;
    free(move |api, _| Ok(Answer::one(api.registration_count_callees(id)?)))
}

fn registration_remove_callee(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = registration_id(given)?;
    let callee = given.required(&["callee_id", "callee", "session"], A_SESSION, arguments::session_id)?;
    let reason = given.optional(&["reason"], A_URI, arguments::text)?;
    free(move |api, turn| {
        api.registration_remove_callee(id, callee, reason.as_deref(), turn).map(|()| Answer::Nothing)
    })
}

fn subscription_list(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let session = session_filter(given)?;
    free(move |api, _| Ok(by_match(&api.subscription_list(session)?, SubscriptionId::value)))
}

fn subscription_lookup(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let (uri, policy) = lookup(given, "topic")?;
    free(move |api, _| Ok(Answer::one(api.subscription_lookup(&uri, policy).map(SubscriptionId::value))))
}

fn subscription_match(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let topic = given.required(&["topic", "uri"], A_URI, arguments::text)?;
    free(move |api, turn| {
        let (found, work) = api.subscriptions_matching(&topic);
        turn.spend(work);
        if found.is_empty() {
            return Ok(Answer::One(Value::Null));
        }
        Ok(Answer::Ids(numbers(&found, SubscriptionId::value)))
    })
}

fn subscription_get(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = subscription_id(given)?;
    free(move |api, _| Ok(Answer::one(api.subscription_get(id)?.to_dict())))
}

fn subscription_list_subscribers(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = subscription_id(given)?;
    free(move |api, _| Ok(sessions(&api.subscription_list_subscribers(id)?)))
}

fn subscription_count_subscribers(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = subscription_id(given)?;
    free(move |api, _| Ok(Answer::one(api.subscription_count_subscribers(id)?)))
}

fn subscription_remove_subscriber(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let id = subscription_id(given)?;
    let names = &["subscriber_id", "subscriber", "session"];
    let subscriber = given.required(names, A_SESSION, arguments::session_id)?;
    let reason = given.optional(&["reason"], A_URI, arguments::text)?;
    free(move |api, turn| {
        api.subscription_remove_subscriber(id, subscriber, reason.as_deref(), turn).map(|()| Answer::Nothing)
    })
}

fn schema_define(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let uri = given.required(&["uri"], A_URI, arguments::text)?;
    let schema = Some(given.anything("schema")?).filter(|schema| !schema.is_null());
    free(move |api, turn| Ok(Answer::one(api.schema_define(&uri, schema, turn)?)))
}

fn schema_describe(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let uri = given.optional(&["uri"], A_URI, arguments::text)?;
    free(move |api, _| {
        Ok(match uri {
            Some(uri) => Answer::One(api.schema_describe(&uri).unwrap_or_default()),
            None => Answer::one(api.schema_describe_all().into_iter().collect::<Dict>()),
        })
    })
}

fn reflection_list(kind: Kind) -> Result<Prepared, Rejection> {
    free(move |api, _| Ok(Answer::one(api.reflection_list(kind))))
}

fn reflection_describe(kind: Kind, given: &mut Arguments) -> Result<Prepared, Rejection> {
    let uri = given.required(&["uri"], A_URI, arguments::text)?;
    free(move |api, _| Ok(Answer::One(api.reflection_describe(kind, &uri).unwrap_or_default())))
}

const SCOPES: &str = "\"destroyed\" or \"detached\"";

fn scope(name: Option<String>) -> Result<Scope, Rejection> {
    match name {
        None => Ok(Scope::default()),
        Some(name) => {
            let shown: String = name.chars().take(64).collect();
            Scope::from_name(&name).ok_or_else(|| invalid(format!("scope is {shown:?}, expected {SCOPES}")))
        }
    }
}

fn session_add_testament(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let topic = given.required(&["topic"], A_URI, arguments::text)?;
    let args = given.optional(&["args"], "a list", arguments::list)?.unwrap_or_default();
    let kwargs = given.optional(&["kwargs"], "a dictionary", arguments::dict)?.unwrap_or_default();
    let options = given.optional(&["publish_options"], "a dictionary of options", arguments::dict)?;
    let scope = scope(given.optional(&["scope"], SCOPES, arguments::text)?)?;
    let publish_options = options.unwrap_or_default();
    let needs = Some((Action::Publish, topic.clone(), MatchPolicy::Exact));
    let testament = Testament { topic, args, kwargs, publish_options, scope };
    let work = move |api: &MetaApi, decision: Decision, turn: &mut Turn<'_>| {
        if let Viewer::Session(peer, _) = &api.viewer {
            api.add_testament(peer, &testament, decision, turn)?;
        }
        Ok(Answer::Nothing)
    };
    Ok(Prepared { needs, work: Box::new(work) })
}

fn session_flush_testaments(given: &mut Arguments) -> Result<Prepared, Rejection> {
    let scope = scope(given.optional(&["scope"], SCOPES, arguments::text)?)?;
    free(move |api, _| {
        let Viewer::Session(peer, _) = &api.viewer else { return Ok(Answer::Nothing) };
        let flushed = api.session_flush_testaments(peer.id, scope)?;
        Ok(if api.is_crossbar() { Answer::one(flushed) } else { Answer::Nothing })
    })
}

/// What Crossbar.io returns where nothing is said.
const CROSSBAR_LIMIT: u64 = 10;

fn subscription_get_events(given: &mut Arguments, api: &MetaApi) -> Result<Prepared, Rejection> {
    let id = subscription_id(given)?;
    let limit = given.optional(&["limit"], "a number of events, from 1", arguments::positive)?;
    let reverse = given.named("reverse", "a boolean", arguments::flag)?;
    let mut time = |name| {
        let text = given.named(name, "an RFC 3339 timestamp", arguments::text)?;
        let read =
            |text: String| text.parse::<Timestamp>().map_err(|error| invalid(format!("{name}: {error}")));
        text.map(read).transpose()
    };
    let time_from = lower(time("from_time")?, time("after_time")?);
    let time_to = upper(time("until_time")?, time("before_time")?);
    let mut publication =
        |name| given.named(name, "a publication id, from 1 to 2^53", arguments::publication_id);
    let publication_from = one_bound(publication("from_publication")?, publication("after_publication")?)?;
    let publication_to = one_bound(publication("until_publication")?, publication("before_publication")?)?;
    let topic = given.named("topic", A_URI, arguments::text)?;
    let crossbar = api.is_crossbar();
    let range = EventRange {
        time_from,
        time_to,
        publication_from,
        publication_to,
        reverse: reverse.unwrap_or(crossbar),
    };
    let limit = limit.or(crossbar.then_some(CROSSBAR_LIMIT));
    let query = EventQuery { limit, range, topic };
    let subscription = api.subscription(id)?;
    let needs = Some((Action::Subscribe, subscription.uri.to_string(), subscription.match_policy));
    let work = move |api: &MetaApi, _: Decision, _: &mut Turn<'_>| {
        let found = api.subscription_get_events(id, &query)?;
        if crossbar {
            let events = found.events.iter().map(|event| event.to_crossbar(api.realm.name()));
            return Ok(Answer::one(events.map(Value::Map).collect::<Value>()));
        }
        let mut kwargs = Dict::new();
        if found.is_limit_reached {
            kwargs.insert("is_limit_reached", true);
        }
        Ok(Answer::Many(found.events.iter().map(|event| event.to_dict().into()).collect(), kwargs))
    };
    Ok(Prepared { needs, work: Box::new(work) })
}

/// The later of two lower bounds: both hold.
fn lower(from: Option<Timestamp>, after: Option<Timestamp>) -> Bound<Timestamp> {
    match (from, after) {
        (Some(from), Some(after)) if from > after => Bound::Included(from),
        (_, Some(after)) => Bound::Excluded(after),
        (Some(from), None) => Bound::Included(from),
        (None, None) => Bound::Unbounded,
    }
}

/// The earlier of two upper bounds.
fn upper(until: Option<Timestamp>, before: Option<Timestamp>) -> Bound<Timestamp> {
    match (until, before) {
        (Some(until), Some(before)) if until < before => Bound::Included(until),
        (_, Some(before)) => Bound::Excluded(before),
        (Some(until), None) => Bound::Included(until),
        (None, None) => Bound::Unbounded,
    }
}

/// A bound by publication; which of two is the closer one only the history would know.
fn one_bound<T>(included: Option<T>, excluded: Option<T>) -> Result<Bound<T>, Rejection> {
    match (included, excluded) {
        (Some(_), Some(_)) => Err(invalid(
            "from_publication and after_publication, or until_publication and before_publication, are given \
             together: one of them is enough"
                .to_owned(),
        )),
        (Some(included), None) => Ok(Bound::Included(included)),
        (None, Some(excluded)) => Ok(Bound::Excluded(excluded)),
        (None, None) => Ok(Bound::Unbounded),
    }
}

fn lookup(given: &mut Arguments, name: &'static str) -> Result<(String, MatchPolicy), Rejection> {
    let uri = given.required(&[name, "uri"], A_URI, arguments::text)?;
    let options = given.optional(&["options"], "a dictionary with `match`", arguments::dict)?;
    let by_name = given.named("match", POLICIES, arguments::text)?;
    let policy = match (options.as_ref().and_then(|options| options.get("match")), by_name) {
        (None | Some(Value::Null), None) => return Ok((uri, MatchPolicy::Exact)),
        (None | Some(Value::Null), Some(policy)) => policy,
        (Some(Value::Str(policy)), _) => policy.clone(),
        (Some(other), _) => {
            let shown: String = other.to_string().chars().take(64).collect();
            return Err(invalid(format!("options.match is {shown}, expected {POLICIES}")));
        }
    };
    let shown: String = policy.chars().take(64).collect();
    let found = MatchPolicy::from_name(&policy);
    let policy = found.ok_or_else(|| invalid(format!("options.match is {shown:?}, expected {POLICIES}")))?;
    Ok((uri, policy))
}

const POLICIES: &str = "exact, prefix or wildcard";

fn sessions(ids: &[SessionId]) -> Answer {
    Answer::Ids(numbers(ids, SessionId::value))
}

fn numbers<I: Copy>(ids: &[I], number: fn(I) -> u64) -> Vec<u64> {
    ids.iter().map(|id| number(*id)).collect()
}

fn by_match<I: Copy>(ids: &ByMatch<I>, number: fn(I) -> u64) -> Answer {
    Answer::IdsByMatch(ByMatch {
        exact: numbers(&ids.exact, number),
        prefix: numbers(&ids.prefix, number),
        wildcard: numbers(&ids.wildcard, number),
    })
}

impl MetaApi {
    /// Whether the realm answers as Crossbar.io does, where that differs.
    fn is_crossbar(&self) -> bool {
        self.realm.config.compat_crossbar
    }
}
