//! The real binary as a child process, and what it says.
#![allow(dead_code, reason = "each test binary uses its part of this")]

pub(crate) mod cable;
pub(crate) mod played;
pub(crate) mod realm;
pub(crate) mod terminal;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No step of a test takes so long, unless it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A command that was started. It is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: Vec<String>,
}

/// `cloverleaf` with arguments.
pub(crate) fn cloverleaf(args: &[&str]) -> Running {
    cloverleaf_writing_to(Stdio::piped(), args)
}

/// `cloverleaf` with arguments and a stdout of its own.
pub(crate) fn cloverleaf_writing_to(stdout: Stdio, args: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cloverleaf"))
        .args(args)
        .env_remove("CLOVERLEAF_URL")
        .env_remove("CLOVERLEAF_REALM")
        .env_remove("CLOVERLEAF_LOG")
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stdout = child.stdout.take().map_or_else(|| channel().1, lines);
    let stderr = lines(child.stderr.take().expect("a pipe"));
    Running { child, stdout, stderr }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Running {
    /// The next line on stdout.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            panic!("nothing more on stdout; stderr: {:?}", self.stderr.try_iter().collect::<Vec<_>>())
        })
    }

    /// Waits for a line on stderr that contains `text`.
    pub(crate) fn said(&self, text: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("{text:?} is not on stderr, but {seen:?}");
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().expect("kill is there");
        assert!(status.success(), "kill -s {name} {pid}");
    }

    /// Waits until it ends by itself.
    pub(crate) fn ended(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it doesn't end; {:?}",
                self.stderr.try_iter().collect::<Vec<_>>()
            );
            thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = (self.stdout.iter().collect(), self.stderr.iter().collect());
        Ended { status, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Asserts that it went well; gives its lines on stdout.
    pub(crate) fn succeeded(self) -> Vec<String> {
        assert!(self.status.success(), "{self:?}");
        self.stdout
    }

    /// Asserts exit code 1 and one line on stderr; gives that line.
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        let [line] = self.stderr.as_slice() else { panic!("one line is expected: {self:?}") };
        line.clone()
    }
}

/// A router on free ports, with what it said when it was ready.
pub(crate) struct Router {
    pub(crate) process: Running,
    pub(crate) said: Vec<String>,
}

impl Router {
    /// With realm `realm1` on a free port.
    pub(crate) fn start() -> Self {
        Router::with(&["--listen", "127.0.0.1:0"])
    }

    /// With arguments that make it listen somewhere, and a realm.
    pub(crate) fn with(args: &[&str]) -> Self {
        let process = cloverleaf(args);
        let mut said = Vec::new();
        loop {
            let line = process.line();
            let is_last = line.starts_with("     cloverleaf publish");
            said.push(line);
            if is_last {
                return Router { process, said };
            }
        }
    }

    /// The first URL of a transport, as it was printed.
    pub(crate) fn url(&self, transport: &str) -> String {
        let prefix = format!("  {transport}: ");
        let url = self.said.iter().find_map(|line| line.strip_prefix(&prefix));
        url.unwrap_or_else(|| panic!("no {transport} in {:?}", self.said)).to_owned()
    }

    /// Starts a client command.
    pub(crate) fn client(&self, args: &[&str]) -> Running {
        let url = self.url("WebSocket");
        let mut all = vec![args[0], "--url", &url];
        all.extend(&args[1..]);
        cloverleaf(&all)
    }
}

/// A directory of a test's own, removed at its end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cloverleaf-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Directory(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file; gives its path as text.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file can be written");
        text_of(&path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A path as an argument.
pub(crate) fn text_of(path: &Path) -> String {
    path.to_str().expect("the path is text").to_owned()
}
