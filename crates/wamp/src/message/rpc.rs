//! The messages of callers, callees and the dealer.
//!
//! Spec: basic profile, "Remote Procedure Calls"; advanced profile, "Advanced RPC".

use std::borrow::Cow;

use super::attributes::encode_dict;
use super::fields::Fields;
use super::passthru::Passthru;
use super::{DecodeError, MessageType};
use crate::id::{RegistrationId, RequestId, SessionId};
use crate::payload::Payload;
use crate::serializer::{Encoder, Reader};
use crate::uri::MatchPolicy;

type Decoded<T> = std::result::Result<T, DecodeError>;

/// `[CALL, Request|id, Options|dict, Procedure|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Call<'a> {
    /// The caller's request; the same for all parts of a progressive invocation.
    pub request: RequestId,
    /// How to call.
    pub options: CallOptions<'a>,
    /// What to call; not checked yet.
    pub procedure: Cow<'a, str>,
    /// The arguments.
    pub payload: Payload<'a>,
}

/// `CALL.Options`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallOptions<'a> {
    /// Progressive results are wanted (PCR-01).
    pub receive_progress: bool,
    /// More CALLs of this request follow (PCI-01).
    pub progress: bool,
    /// Milliseconds; 0 is none (TMO-01).
    pub timeout: Option<u64>,
    /// The caller wants to be known to the callee (CID-01).
    pub disclose_me: bool,
    /// The routing key of a sharded registration (SHD-01).
    pub rkey: Option<Cow<'a, str>>,
    /// How a sharded registration runs (SHD-01).
    pub runmode: Option<Cow<'a, str>>,
    /// What goes on to INVOCATION.
    pub passthru: Passthru<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let mut options = CallOptions::default();
        fields.dict(|fields, key| {
            match &*key {
                "receive_progress" => {
                    options.receive_progress = fields.bool("receive_progress")?.unwrap_or(false);
                }
                "progress" => options.progress = fields.bool("progress")?.unwrap_or(false),
                "timeout" => {
                    options.timeout = fields.uint("timeout", "milliseconds, an integer of 0 or more")?;
                }
                "disclose_me" => options.disclose_me = fields.bool("disclose_me")?.unwrap_or(false),
                "rkey" => options.rkey = fields.string("rkey")?,
                "runmode" => options.runmode = fields.string("runmode")?,
                _ => options.passthru.decode_entry(fields, key)?,
            }
            Ok(())
        })?;
        let procedure = fields.text("a procedure URI")?;
        let payload = fields.payload(options.passthru.is_transparent())?;
        Ok(Call { request, options, procedure, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let options = &self.options;
        to.array(4 + self.payload.elements());
        to.uint(MessageType::Call.code());
        to.uint(self.request.value());
        encode_dict(
            to,
            &[
                ("receive_progress", &options.receive_progress),
                ("progress", &options.progress),
                ("timeout", &options.timeout),
                ("disclose_me", &options.disclose_me),
                ("rkey", &options.rkey),
                ("runmode", &options.runmode),
            ],
            Some(&options.passthru),
        );
        to.str(&self.procedure);
        self.payload.encode(to);
        to.end_array();
    }
}

/// How a call is canceled.
///
/// Spec: advanced profile, "Call Canceling".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CancelMode {
    /// The caller is answered at once, the callee isn't told.
    Skip,
    /// The callee is told, and the caller gets the callee's answer.
    Kill,
    /// The callee is told, and the caller is answered at once. Spec gap: also the default, as most routers have it.
    #[default]
    KillNoWait,
}

impl CancelMode {
    /// As in `Options.mode`.
    pub const fn name(self) -> &'static str {
        match self {
            CancelMode::Skip => "skip",
            CancelMode::Kill => "kill",
            CancelMode::KillNoWait => "killnowait",
        }
    }

    /// The mode of a name; `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// `[CANCEL, CALL.Request|id, Options|dict]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancel {
    /// The call to cancel.
    pub request: RequestId,
    /// How.
    pub options: CancelOptions,
}

/// `CANCEL.Options`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CancelOptions {
    /// Absent: the default of [`CancelMode`].
    pub mode: Option<CancelMode>,
}

impl Cancel {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let mut options = CancelOptions::default();
        fields.dict(|fields, key| {
            match &*key {
                "mode" => {
                    options.mode = fields.word("mode", "skip, kill or killnowait", CancelMode::from_name)?;
                }
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        Ok(Cancel { request, options })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Cancel.code());
        to.uint(self.request.value());
        encode_dict(to, &[("mode", &self.options.mode.map(CancelMode::name))], None);
        to.end_array();
    }
}

/// `[RESULT, CALL.Request|id, Details|dict, YIELD.Arguments|list, YIELD.ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Result<'a> {
    /// The caller's request.
    pub request: RequestId,
    /// What the router says about it.
    pub details: ResultDetails<'a>,
    /// What the callee yielded.
    pub payload: Payload<'a>,
}

/// `RESULT.Details` and `YIELD.Options`, which have the same keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ResultDetails<'a> {
    /// More results follow (PCR-02).
    pub progress: bool,
    /// What the callee passed on.
    pub passthru: Passthru<'a>,
}

impl<'a> ResultDetails<'a> {
    fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let mut details = ResultDetails::default();
        fields.dict(|fields, key| {
            match &*key {
                "progress" => details.progress = fields.bool("progress")?.unwrap_or(false),
                _ => details.passthru.decode_entry(fields, key)?,
            }
            Ok(())
        })?;
        Ok(details)
    }

    fn encode(&self, to: &mut Encoder<'_>) {
        encode_dict(to, &[("progress", &self.progress)], Some(&self.passthru));
    }
}

impl<'a> Result<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let details = ResultDetails::decode(fields)?;
        let payload = fields.payload(details.passthru.is_transparent())?;
        Ok(Result { request, details, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3 + self.payload.elements());
        to.uint(MessageType::Result.code());
        to.uint(self.request.value());
        self.details.encode(to);
        self.payload.encode(to);
        to.end_array();
    }
}

/// `[YIELD, INVOCATION.Request|id, Options|dict, Arguments|list, ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Yield<'a> {
    /// The invocation this is the result of.
    pub request: RequestId,
    /// How to yield.
    pub options: ResultDetails<'a>,
    /// The result.
    pub payload: Payload<'a>,
}

impl<'a> Yield<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let options = ResultDetails::decode(fields)?;
        let payload = fields.payload(options.passthru.is_transparent())?;
        Ok(Yield { request, options, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3 + self.payload.elements());
        to.uint(MessageType::Yield.code());
        to.uint(self.request.value());
        self.options.encode(to);
        self.payload.encode(to);
        to.end_array();
    }
}

/// `[REGISTER, Request|id, Options|dict, Procedure|uri]`
#[derive(Debug, Clone, PartialEq)]
pub struct Register<'a> {
    /// The callee's request.
    pub request: RequestId,
    /// How to register.
    pub options: RegisterOptions,
    /// The procedure or pattern; not checked yet.
    pub procedure: Cow<'a, str>,
}

/// How the dealer picks one of several callees of a registration.
///
/// Spec: advanced profile, "Shared Registration".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InvocationPolicy {
    /// There is only one callee.
    #[default]
    Single,
    /// One after the other, in the order in which they registered.
    RoundRobin,
    /// Any.
    Random,
    /// The one that registered first.
    First,
    /// The one that registered last.
    Last,
}

impl InvocationPolicy {
    /// All of them.
    pub const ALL: [InvocationPolicy; 5] = [
        InvocationPolicy::Single,
        InvocationPolicy::RoundRobin,
        InvocationPolicy::Random,
        InvocationPolicy::First,
        InvocationPolicy::Last,
    ];

    /// As in `Options.invoke`.
    pub const fn name(self) -> &'static str {
        match self {
            InvocationPolicy::Single => "single",
            InvocationPolicy::RoundRobin => "roundrobin",
            InvocationPolicy::Random => "random",
            InvocationPolicy::First => "first",
            InvocationPolicy::Last => "last",
        }
    }

    /// The policy of a name; `None` for any other word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// `REGISTER.Options`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegisterOptions {
    /// How the procedure is matched (PBR-01).
    pub match_policy: MatchPolicy,
    /// How a callee is picked (SHR-01).
    pub invocation_policy: InvocationPolicy,
    /// How many invocations this callee takes at a time; absent: any number (SHR-12).
    pub concurrency: Option<u64>,
    /// Present callees are removed in favour of this one (SHR-13).
    pub force_reregister: bool,
    /// Callers must be disclosed to this callee (CID-04).
    pub disclose_caller: bool,
    /// The callee sees to timeouts itself (TMO-06).
    pub forward_timeout: bool,
}

impl<'a> Register<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let mut options = RegisterOptions::default();
        fields.dict(|fields, key| {
            match &*key {
                "match" => {
                    let policy = fields.word("match", "exact, prefix or wildcard", MatchPolicy::from_name)?;
                    options.match_policy = policy.unwrap_or_default();
                }
                "invoke" => {
                    let expected = "single, roundrobin, random, first or last";
                    let policy = fields.word("invoke", expected, InvocationPolicy::from_name)?;
                    options.invocation_policy = policy.unwrap_or_default();
                }
                "concurrency" => {
                    options.concurrency = fields.uint("concurrency", "an integer of 1 or more")?;
                    if options.concurrency == Some(0) {
                        fields.fault("concurrency", "an integer of 1 or more");
                    }
                }
                "force_reregister" => {
                    options.force_reregister = fields.bool("force_reregister")?.unwrap_or(false);
                }
                "disclose_caller" => {
                    options.disclose_caller = fields.bool("disclose_caller")?.unwrap_or(false);
                }
                "forward_timeout" => {
                    options.forward_timeout = fields.bool("forward_timeout")?.unwrap_or(false);
                }
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        Ok(Register { request, options, procedure: fields.text("a procedure URI or pattern")? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let options = &self.options;
        let policy = (options.match_policy != MatchPolicy::Exact).then(|| options.match_policy.name());
        let invoke =
            (options.invocation_policy != InvocationPolicy::Single).then(|| options.invocation_policy.name());
        to.array(4);
        to.uint(MessageType::Register.code());
        to.uint(self.request.value());
        encode_dict(
            to,
            &[
                ("match", &policy),
                ("invoke", &invoke),
                ("concurrency", &options.concurrency),
                ("force_reregister", &options.force_reregister),
                ("disclose_caller", &options.disclose_caller),
                ("forward_timeout", &options.forward_timeout),
            ],
            None,
        );
        to.str(&self.procedure);
        to.end_array();
    }
}

/// `[REGISTERED, REGISTER.Request|id, Registration|id]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// The callee's request.
    pub request: RequestId,
    /// The registration; the same for all its callees.
    pub registration: RegistrationId,
}

impl Registered {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        Ok(Registered { request: fields.request()?, registration: fields.id(RegistrationId::new)? })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Registered.code());
        to.uint(self.request.value());
        to.uint(self.registration.value());
        to.end_array();
    }
}

/// `[UNREGISTER, Request|id, REGISTERED.Registration|id]`, with a dictionary behind it from some routers' links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unregister {
    /// The callee's request.
    pub request: RequestId,
    /// The registration to leave.
    pub registration: RegistrationId,
}

impl Unregister {
    pub(super) fn decode<'a, R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let registration = fields.id(RegistrationId::new)?;
        fields.optional_dict(|fields, _| fields.skip())?;
        Ok(Unregister { request, registration })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Unregister.code());
        to.uint(self.request.value());
        to.uint(self.registration.value());
        to.end_array();
    }
}

/// `[UNREGISTERED, UNREGISTER.Request|id]` or, as a revocation, `[UNREGISTERED, 0, Details|dict]`
#[derive(Debug, Clone, PartialEq)]
pub enum Unregistered<'a> {
    /// The answer to an UNREGISTER.
    Reply(RequestId),
    /// The router ended the registration (REV-04).
    Revoked {
        /// Which one.
        registration: RegistrationId,
        /// Why.
        reason: Option<Cow<'a, str>>,
    },
}

impl<'a> Unregistered<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request_or_zero()?;
        let (mut registration, mut reason) = (None, None);
        fields.optional_dict(|fields, key| {
            match &*key {
                "registration" => registration = fields.id_option("registration", RegistrationId::new)?,
                "reason" => reason = fields.string("reason")?,
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        match (request, registration) {
            (Some(request), _) => Ok(Unregistered::Reply(request)),
            (None, Some(registration)) => Ok(Unregistered::Revoked { registration, reason }),
            (None, None) => fields.id(|_| None),
        }
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        match self {
            Unregistered::Reply(request) => {
                to.array(2);
                to.uint(MessageType::Unregistered.code());
                to.uint(request.value());
            }
            Unregistered::Revoked { registration, reason } => {
                to.array(3);
                to.uint(MessageType::Unregistered.code());
                to.uint(0);
                encode_dict(to, &[("registration", &Some(*registration)), ("reason", reason)], None);
            }
        }
        to.end_array();
    }
}

/// `[INVOCATION, Request|id, REGISTERED.Registration|id, Details|dict, CALL.Arguments|list, CALL.ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation<'a> {
    /// The router's request to the callee; the same for all parts of a progressive invocation.
    pub request: RequestId,
    /// The callee's registration.
    pub registration: RegistrationId,
    /// What the router says about it.
    pub details: InvocationDetails<'a>,
    /// The arguments.
    pub payload: Payload<'a>,
}

/// `INVOCATION.Details`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InvocationDetails<'a> {
    /// Who called, if disclosed (CID-01).
    pub caller: Option<SessionId>,
    /// The caller's authid, if disclosed.
    pub caller_authid: Option<Cow<'a, str>>,
    /// The caller's authrole, if disclosed.
    pub caller_authrole: Option<Cow<'a, str>>,
    /// The procedure called, for patterns (PBR-09).
    pub procedure: Option<Cow<'a, str>>,
    /// Progressive results are wanted (PCR-01).
    pub receive_progress: bool,
    /// More INVOCATIONs of this request follow (PCI-01).
    pub progress: bool,
    /// Milliseconds, where the callee sees to it itself (TMO-06).
    pub timeout: Option<u64>,
    /// How far the router trusts the caller (CTL-01).
    pub trustlevel: Option<u64>,
    /// What the caller passed on.
    pub passthru: Passthru<'a>,
}

impl<'a> Invocation<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let registration = fields.id(RegistrationId::new)?;
        let mut details = InvocationDetails::default();
        fields.dict(|fields, key| {
            match &*key {
                "caller" => details.caller = fields.id_option("caller", SessionId::new)?,
                "caller_authid" => details.caller_authid = fields.string("caller_authid")?,
                "caller_authrole" => details.caller_authrole = fields.string("caller_authrole")?,
                "procedure" => details.procedure = fields.string("procedure")?,
                "receive_progress" => {
                    details.receive_progress = fields.bool("receive_progress")?.unwrap_or(false);
                }
                "progress" => details.progress = fields.bool("progress")?.unwrap_or(false),
                "timeout" => details.timeout = fields.uint("timeout", "milliseconds")?,
                "trustlevel" => details.trustlevel = fields.uint("trustlevel", "an integer")?,
                _ => details.passthru.decode_entry(fields, key)?,
            }
            Ok(())
        })?;
        let payload = fields.payload(details.passthru.is_transparent())?;
        Ok(Invocation { request, registration, details, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        let details = &self.details;
        to.array(4 + self.payload.elements());
        to.uint(MessageType::Invocation.code());
        to.uint(self.request.value());
        to.uint(self.registration.value());
        encode_dict(
            to,
            &[
                ("caller", &details.caller),
                ("caller_authid", &details.caller_authid),
                ("caller_authrole", &details.caller_authrole),
                ("procedure", &details.procedure),
                ("receive_progress", &details.receive_progress),
                ("progress", &details.progress),
                ("timeout", &details.timeout),
                ("trustlevel", &details.trustlevel),
            ],
            Some(&details.passthru),
        );
        self.payload.encode(to);
        to.end_array();
    }
}

/// `[INTERRUPT, INVOCATION.Request|id, Options|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Interrupt<'a> {
    /// The invocation to stop.
    pub request: RequestId,
    /// How the call was canceled.
    pub mode: Option<CancelMode>,
    /// Why, a URI (CAN-13).
    pub reason: Option<Cow<'a, str>>,
}

impl<'a> Interrupt<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request = fields.request()?;
        let (mut mode, mut reason) = (None, None);
        fields.dict(|fields, key| {
            match &*key {
                "mode" => mode = fields.word("mode", "skip, kill or killnowait", CancelMode::from_name)?,
                "reason" => reason = fields.string("reason")?,
                _ => fields.skip()?,
            }
            Ok(())
        })?;
        Ok(Interrupt { request, mode, reason })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(3);
        to.uint(MessageType::Interrupt.code());
        to.uint(self.request.value());
        encode_dict(to, &[("mode", &self.mode.map(CancelMode::name)), ("reason", &self.reason)], None);
        to.end_array();
    }
}

/// `[ERROR, REQUEST.Type|int, REQUEST.Request|id, Details|dict, Error|uri, Arguments|list, ArgumentsKw|dict]`
#[derive(Debug, Clone, PartialEq)]
pub struct Error<'a> {
    /// The code of the message that failed; checked by whoever receives it (MSG-12).
    pub request_type: u64,
    /// The request that failed.
    pub request: RequestId,
    /// What travels with the payload (`ERROR.Details`).
    pub passthru: Passthru<'a>,
    /// What failed; not checked yet.
    pub error: Cow<'a, str>,
    /// More about it.
    pub payload: Payload<'a>,
}

impl<'a> Error<'a> {
    pub(super) fn decode<R: Reader<'a>>(fields: &mut Fields<'a, R>) -> Decoded<Self> {
        let request_type = fields.id(Some)?;
        let request = fields.request()?;
        let mut passthru = Passthru::default();
        fields.dict(|fields, key| passthru.decode_entry(fields, key))?;
        let error = fields.text("an error URI")?;
        let payload = fields.payload(passthru.is_transparent())?;
        Ok(Error { request_type, request, passthru, error, payload })
    }

    pub(super) fn encode_fields(&self, to: &mut Encoder<'_>) {
        to.array(5 + self.payload.elements());
        to.uint(MessageType::Error.code());
        to.uint(self.request_type);
        to.uint(self.request.value());
        encode_dict(to, &[], Some(&self.passthru));
        to.str(&self.error);
        self.payload.encode(to);
        to.end_array();
    }
}
