//! The real binary in a terminal, which `script` of util-linux plays.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::PATIENCE;

/// `cloverleaf` in a terminal of 100 by 30. It is killed when this is dropped.
pub(crate) struct Terminal {
    script: Child,
    keys: ChildStdin,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// With arguments that a shell takes as they are.
    pub(crate) fn start(args: &[&str]) -> Self {
        let binary = env!("CARGO_BIN_EXE_cloverleaf");
        let command = format!("stty cols 100 rows 30; echo pid=$$.; exec '{binary}' {}", args.join(" "));
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &command, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env_remove("CLOVERLEAF_URL")
            .env_remove("CLOVERLEAF_REALM")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, of util-linux, is there");
        let mut pipe = script.stdout.take().expect("a pipe");
        let keys = script.stdin.take().expect("a pipe");
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal { script, keys, output, seen: String::new() }
    }

    /// Waits until something was written. Of a screen only words can be waited for: spaces are jumped over.
    pub(crate) fn shows(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let bytes = self.output.recv_timeout(PATIENCE);
            let bytes = bytes.unwrap_or_else(|_| panic!("{text:?} is not shown: {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    /// All that was written so far.
    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal is there");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&mut self, name: &str) {
        self.shows(".");
        let pid = self.seen.split_once("pid=").and_then(|(_, rest)| rest.split_once('.')).expect("a pid").0;
        let status = Command::new("kill").args(["-s", name, pid]).status().expect("kill is there");
        assert!(status.success(), "kill -s {name} {pid}");
    }

    /// Waits until it ends by itself; gives its exit code. What it still writes is in [`Terminal::seen`].
    pub(crate) fn ended(&mut self) -> Option<i32> {
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.script.wait().expect("it is our child").code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
