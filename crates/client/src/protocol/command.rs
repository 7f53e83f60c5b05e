//! What handles ask of their session, and where it puts the answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use wamp::message::{CallOptions, CancelMode, PublishOptions, RegisterOptions, SubscribeOptions};
use wamp::{PublicationId, RegistrationId, RequestId, SubscriptionId};

use crate::arguments::Arguments;
use crate::call::CallResult;
use crate::error::{ApplicationError, EndReason, RequestError};
use crate::event::EventSender;
use crate::invocation::Invocation;

/// Where the answer to a request goes. If its other end is gone before the request was sent, the request isn't.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, RequestError>>;

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u64);

        impl $name {
            /// One that no other has in this process.
            pub(crate) fn next() -> Self {
                static NEXT: AtomicU64 = AtomicU64::new(0);
                $name(NEXT.fetch_add(1, Ordering::Relaxed))
            }
        }
    )*};
}

keys! {
    /// A call, known by this name before and after it has a request id.
    CallKey
    /// A handle's part in a subscription, over all connections that the session makes.
    SubscriptionKey
    /// A registration, over all connections that the session makes.
    RegistrationKey
}

/// An invocation. Its request id means nothing on another connection, so that is part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct InvocationKey {
    pub(crate) connection: u64,
    pub(crate) request: RequestId,
}

/// What a handle asks for.
pub(crate) enum Command {
    Call(NewCall),
    /// The next part of an open call.
    CallPart {
        key: CallKey,
        arguments: Arguments,
        last: bool,
    },
    Cancel {
        key: CallKey,
        mode: CancelMode,
    },
    Publish(NewPublication),
    Subscribe(NewSubscription),
    Unsubscribe {
        key: SubscriptionKey,
        reply: Option<Reply<()>>,
    },
    Register(NewRegistration),
    Unregister {
        key: RegistrationKey,
        reply: Option<Reply<()>>,
    },
    Answer {
        key: InvocationKey,
        answer: Answer,
    },
    Leave,
}

pub(crate) struct NewCall {
    pub(crate) key: CallKey,
    pub(crate) procedure: String,
    pub(crate) options: CallOptions<'static>,
    pub(crate) arguments: Arguments,
    pub(crate) progress: Option<mpsc::Sender<CallResult>>,
    pub(crate) outcome: Reply<CallResult>,
}

pub(crate) struct NewPublication {
    pub(crate) topic: String,
    pub(crate) options: PublishOptions<'static>,
    pub(crate) arguments: Arguments,
    /// Present iff `options.acknowledge`.
    pub(crate) reply: Option<Reply<PublicationId>>,
}

pub(crate) struct NewSubscription {
    pub(crate) key: SubscriptionKey,
    pub(crate) topic: Arc<str>,
    pub(crate) options: SubscribeOptions<'static>,
    pub(crate) events: EventSender,
    pub(crate) reply: Reply<SubscriptionId>,
}

pub(crate) struct NewRegistration {
    pub(crate) key: RegistrationKey,
    pub(crate) procedure: Arc<str>,
    pub(crate) options: RegisterOptions,
    pub(crate) handler: Handler,
    /// Told when the registration is over.
    pub(crate) end: watch::Sender<Option<EndReason>>,
    pub(crate) reply: Reply<RegistrationId>,
}

/// What answers the calls of a registration.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) function: Arc<dyn Fn(Invocation) -> Handling + Send + Sync>,
    /// Whether the handler sees to interrupts itself; if not, it is dropped.
    pub(crate) observes_interrupts: bool,
}

/// The answering of one call.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Result<Arguments, ApplicationError>> + Send>>;

/// What a handler says.
#[derive(Debug)]
pub(crate) enum Answer {
    Progress(Arguments),
    Result(Arguments),
    Error(ApplicationError),
}

/// A call that is to be handed to its handler.
pub(crate) struct Started {
    pub(crate) handler: Handler,
    pub(crate) invocation: Invocation,
}
