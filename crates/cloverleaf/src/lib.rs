//! The Cloverleaf WAMP router as a library: what a node runs.

pub mod config;

pub use config::{Config, ConfigError, WorkerConfig};
