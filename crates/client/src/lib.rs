//! An async WAMP client: call, register, publish, subscribe, over every transport and serializer.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cloverleaf_client::Session;
//!
//! let session = Session::builder("ws://127.0.0.1:8080/ws", "realm1").connect().await?;
//!
//! session
//!     .register("com.example.add")
//!     .handler(|call| async move { Ok(call.arg::<i64>(0)? + call.arg::<i64>(1)?) })
//!     .await?;
//! let sum: i64 = session.call("com.example.add").arg(2).arg(3).await?.arg(0)?;
//! assert_eq!(sum, 5);
//!
//! let mut events = session.subscribe("com.example.news").await?;
//! session.publish("com.example.news").arg("hello").exclude_me(false).acknowledge().await?;
//! let event = events.next().await.ok_or("the subscription ended")?;
//! println!("{}", event.arg::<String>(0)?);
//!
//! session.leave().await;
//! # Ok(())
//! # }
//! ```
//!
//! # How it is built
//!
//! - the protocol (crate-private) is a state machine without I/O: commands and messages go in, messages and outcomes
//!   come out. It is tested without sockets.
//! - [`link`] is the seam to the outside: a [`Link`] carries whole messages, over a socket or inside the process.
//! - one task per session owns both and is fed by a bounded queue; all handles are cheap clones of its sending end.
//!
//! # What is bounded, and what happens when it is full
//!
//! | queue | bound | when it is full |
//! |---|---|---|
//! | commands of a session | [`SessionBuilder::queue_limit`] | `.await` waits |
//! | bytes on their way to the link | 1 MiB and a message | commands wait |
//! | events of a [`Subscription`] | [`Subscribe::queue_limit`] | [`Overflow`] says |
//! | progressive results of a [`PendingCall`] | 1,024 | the call is canceled, its outcome is an error |
//! | parts of an [`Invocation`] | 1,024 | it is answered with an error |
//! | calls being handled | [`Register::concurrency`] | the router sends no more |
//!
//! # Lifetime
//!
//! A session lives as long as a [`Session`], [`Subscription`], [`EventHandler`], [`Registration`] or [`PendingCall`] of
//! it does, or until it is left; then it says GOODBYE. A procedure whose handler captures a [`Session`] keeps it open
//! until [`Session::leave`].
//!
//! What it deliberately does not do: it has no authentication methods of its own but the seam for them
//! ([`Authenticator`]), and no pool of connections.

mod arguments;
mod auth;
mod builder;
mod call;
mod connector;
mod driver;
mod error;
mod event;
mod invocation;
pub mod link;
mod protocol;
mod publish;
mod reconnect;
mod register;
mod session;
mod subscribe;
pub mod tls;
pub mod url;

pub use arguments::{ArgumentError, Arguments, Ppt};
pub use auth::{AuthError, Authenticator, Challenge, Signature};
pub use builder::SessionBuilder;
pub use call::{Call, CallResult, CallSink, PendingCall};
pub use error::{ApplicationError, CloseReason, ConnectError, EndReason, RequestError};
pub use event::{Event, Overflow};
pub use invocation::{Interruption, Invocation};
pub use link::{Keepalive, Link, LinkError};
pub use publish::{Acknowledged, Publish, Unacknowledged};
pub use reconnect::Reconnect;
pub use register::{Register, Registration};
pub use session::{Session, Welcomed};
pub use subscribe::{EventHandler, Subscribe, Subscription};

/// The protocol's own types, as far as they appear in this crate's interface.
pub use wamp;
