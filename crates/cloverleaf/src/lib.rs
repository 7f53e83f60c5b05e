//! The Cloverleaf WAMP router as a library: a node inside a program of your own.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use cloverleaf::{Config, Node};
//!
//! let node = Node::start(Config::default()).await?;
//! let session = node.session("realm1").await?;
//! session.register("com.example.double").handler(|call| async move { Ok(call.arg::<i64>(0)? * 2) }).await?;
//! let doubled: i64 = session.call("com.example.double").arg(21).await?.arg(0)?;
//! assert_eq!(doubled, 42);
//! node.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! [`config`] says what a node runs, and reads it from files; [`Node`] runs it. The sessions that [`Node::session`] opens
//! take no socket: their messages go straight into the router, and what is sent to them comes out of their mailbox.
//!
//! What this crate deliberately does not do: it has no rule of the protocol (those are `router`'s) and no socket (those
//! are `listeners`'); it puts the rooms together. The `cloverleaf` command is made of this library.

pub mod config;
mod node;

pub use client;
pub use config::{Config, ConfigError, StoreConfig, WorkerConfig};
pub use listeners;
pub use node::{ListeningAt, Node, StartError};
pub use router;

/// The Rust of the page is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/meta-api.md")]
struct MetaApiPage;
