//! What these tests share: a router behind a listener on a free port, and a scripted client that is made of the frame
//! codecs and a blocking socket. Nothing sleeps; what doesn't come within [`PATIENCE`] is a failure.

#![allow(dead_code, unused_imports, reason = "no test file uses all of it")]

mod client;
mod server;

use std::time::Duration;

pub(crate) use client::{Client, Frame, Opened, Pipe};
pub(crate) use server::Server;

/// How long something may take that takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again and again until it is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < end, "it never happened: {what}");
        std::thread::yield_now();
    }
}

/// A directory that is gone with the test.
pub(crate) struct Folder(std::path::PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cloverleaf-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary directory");
        Folder(path)
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
