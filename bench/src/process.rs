//! Processes that are started for a run, and ended with it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::target::loopback;

/// How long a process may take to say where it listens, unless it has much to do before.
const START: Duration = Duration::from_secs(10);
/// How long it may take to end after a signal, before it is killed.
const END: Duration = Duration::from_secs(3);
/// Between two looks whether it has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// A process that listens on a port of its own choice. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    /// What it prints after the line with its address.
    lines: Receiver<String>,
}

impl Server {
    /// Starts a program and waits until it prints a line with the loopback address that it listens on.
    ///
    /// Its standard input stays open as long as this lives, so that it can notice our end; what it logs is dropped.
    pub(crate) fn start(program: &OsStr, arguments: &[&str]) -> Result<Self> {
        Self::start_within(program, arguments, START)
    }

    /// The same for a process that needs longer.
    pub(crate) fn start_within(program: &OsStr, arguments: &[&str], patience: Duration) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("can't start {}", program.display()))?;
        let found = child.stdout.take().context("it was piped").and_then(|output| {
            let lines = read_lines(output);
            Ok((wait_for_address(&lines, patience)?, lines))
        });
        match found {
            Ok((address, lines)) => Ok(Self { child, address, lines }),
            Err(error) => {
                end(&mut child);
                Err(error.context(format!("{} did not say where it listens", program.display())))
            }
        }
    }

    /// Writes a line to a process that answers each with one of its own.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String> {
        let input = self.child.stdin.as_mut().context("it was piped")?;
        writeln!(input, "{question}")
            .and_then(|()| input.flush())
            .context("the process takes no questions")?;
        self.lines.recv_timeout(START).with_context(|| format!("no answer to {question:?}"))
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Reads lines on a thread of its own, which goes on reading until the end so that the process never blocks.
fn read_lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody may wait any more; it is read all the same.
            let _ = send.send(line);
        }
    });
    receive
}

fn wait_for_address(lines: &Receiver<String>, patience: Duration) -> Result<SocketAddr> {
    let deadline = Instant::now() + patience;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(address) = address_in(&line) {
                    return Ok(address);
                }
            }
            Err(RecvTimeoutError::Timeout) => bail!("it took too long"),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended at once"),
        }
    }
}

/// The address in a line such as `listening on 127.0.0.1:8080` or `RawSocket: rs://127.0.0.1:8080`.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split(|c: char| c.is_whitespace() || c == '/').find_map(|word| {
        let is_address = word.parse::<SocketAddr>().is_ok();
        is_address.then(|| loopback(word).ok()).flatten()
    })
}

/// Asks a process to end, and makes it.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // A process that has ended already is not there to be told.
    let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    let deadline = Instant::now() + END;
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(GLANCE);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_a_line() {
        let expected = "127.0.0.1:8080".parse().ok();
        assert_eq!(address_in("listening on 127.0.0.1:8080"), expected);
        assert_eq!(address_in("  WebSocket: ws://127.0.0.1:8080/ws"), expected);
        assert_eq!(address_in("listening on 0.0.0.0:8080"), None);
        assert_eq!(address_in("realms: realm1"), None);
    }

    #[test]
    fn a_server_is_told_and_ends() {
        let server = Server::start("sh".as_ref(), &["-c", "echo on 127.0.0.1:9; read line"]).unwrap();
        assert_eq!(server.address().port(), 9);
        let pid = server.pid();
        assert!(std::fs::exists(format!("/proc/{pid}/stat")).unwrap());
        drop(server);
        assert!(!std::fs::exists(format!("/proc/{pid}/stat")).unwrap());
    }

    #[test]
    fn a_server_answers_questions() {
        let script = "echo on 127.0.0.1:9; while read line; do echo \"you said $line\"; done";
        let mut server = Server::start("sh".as_ref(), &["-c", script]).unwrap();
        assert_eq!(server.ask("one").unwrap(), "you said one");
        assert_eq!(server.ask("two").unwrap(), "you said two");
    }

    #[test]
    fn a_program_that_says_nothing_is_an_error() {
        assert!(Server::start("true".as_ref(), &[]).is_err());
        assert!(Server::start("/nonexistent/program".as_ref(), &[]).is_err());
    }
}
