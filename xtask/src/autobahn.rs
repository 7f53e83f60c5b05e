//! The Autobahn WebSocket suite as a client of our codec's echo server, and the verdict on its report.
//!
//! The suite is Python 2 code to this day (the newer release on PyPI still is), so the task looks for a CPython
//! 2.7 and steps aside where there is none. `--quick` leaves out what takes long: most of the large-message
//! cases (9) and of the compression matrix (12, 13).

mod report;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::autobahn::report::Verdicts;
use crate::process::{self, Background, cargo};
use crate::repo::Repo;
use crate::task::{Outcome, expect_only};

/// Our name in the suite's report.
const AGENT: &str = "cloverleaf";

/// What `--quick` runs: every rule of the protocol, and a sample of sizes and of compression parameters.
const QUICK: &[&str] = &[
    "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*", "9.1.1", "9.1.4", "9.2.4", "9.3.4", "9.4.4",
    "9.5.3", "9.6.3", "9.7.3", "9.8.3", "12.1.1", "12.1.5", "12.2.5", "12.3.5", "12.4.5", "12.5.5", "13.1.5",
    "13.2.5", "13.3.5", "13.4.5", "13.5.5", "13.6.5", "13.7.5",
];

/// Starts the suite's tool from a directory that pip filled; its namespace packages need the `.pth` files read.
const LAUNCHER: &str = "import site, sys; site.addsitedir(sys.argv.pop(1)); \
                        from autobahntestsuite.wstest import run; run()";

/// Runs the suite and fails on any case that isn't as the RFCs want it.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<Outcome> {
    expect_only(args, &["--quick"])?;
    let quick = !args.is_empty();
    let Some(python) = find_python2() else {
        return Ok(Outcome::Skipped(
            "the WebSocket suite needs a CPython 2.7, and none was found".to_owned(),
        ));
    };
    let target = repo.target_dir()?;
    let packages = install(repo, &python, &target)?;
    let server = build_echo_server(repo, &target, quick)?;

    let address = free_address()?;
    let mut server = Background::start(Command::new(server).arg(address.to_string()))?;
    wait_until_open(address, &mut server)?;

    let reports = target.join("autobahn/reports");
    let spec = target.join("autobahn/spec.json");
    let cases = if quick { QUICK } else { &["*"] };
    let text = json!({
        "outdir": reports,
        "servers": [{"agent": AGENT, "url": format!("ws://{address}")}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    std::fs::write(&spec, text.to_string()).context("cannot write the suite's specification")?;
    process::output(
        Command::new(python)
            .args(["-W", "ignore", "-c", LAUNCHER])
            .arg(packages)
            .args(["--mode", "fuzzingclient", "--spec"])
            .arg(&spec),
    )?;
    server.expect_running()?;

    let index = std::fs::read_to_string(reports.join("index.json")).context("the suite left no report")?;
    let verdicts = Verdicts::parse(&index, AGENT)?;
    for bad in &verdicts.bad {
        println!("{bad}");
    }
    println!("autobahn: {} passed, {} failed", verdicts.good, verdicts.bad.len());
    if !verdicts.bad.is_empty() {
        bail!("{} cases failed; see {}", verdicts.bad.len(), reports.join("index.html").display());
    }
    Ok(Outcome::Done)
}

/// A CPython 2.7: from `PYTHON27`, the path, or a pyenv.
fn find_python2() -> Option<PathBuf> {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PYTHON27").map(PathBuf::from).into_iter().collect();
    candidates.push("python2.7".into());
    if let Some(home) = std::env::var_os("HOME") {
        let versions = std::fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        let dirs = versions.into_iter().flatten().flatten().map(|entry| entry.path());
        candidates.extend(dirs.filter(|dir| is_version_2_7(dir)).map(|dir| dir.join("bin/python2.7")));
    }
    candidates.into_iter().find(|python| process::succeeds(python, &["-m", "pip", "--version"]))
}

fn is_version_2_7(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with("2.7."))
}

/// Installs the suite below the target directory, once for each version of the requirements.
fn install(repo: &Repo, python: &Path, target: &Path) -> Result<PathBuf> {
    let requirements = repo.path("conformance/autobahn/requirements.txt");
    let packages = target.join("autobahn/packages");
    crate::interop::setup::once(&[&requirements], &target.join("autobahn/packages.stamp"), || {
        if packages.exists() {
            std::fs::remove_dir_all(&packages)?;
        }
        let pip =
            ["-W", "ignore", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
        process::run(
            Command::new(python).args(pip).arg("--target").arg(&packages).arg("-r").arg(&requirements),
        )
    })?;
    Ok(packages)
}

/// Builds the echo server: fast enough to be measured for the complete run, quick to build for the other.
fn build_echo_server(repo: &Repo, target: &Path, quick: bool) -> Result<PathBuf> {
    let mut build = cargo();
    build
        .args(["build", "--package", "cloverleaf-listeners", "--example", "wsecho"])
        .current_dir(repo.root());
    let profile = if quick { "debug" } else { "release" };
    if !quick {
        build.arg("--release");
    }
    process::run(&mut build)?;
    Ok(target.join(profile).join("examples/wsecho"))
}

fn free_address() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("no free port")
}

fn wait_until_open(address: SocketAddr, server: &mut Background) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(address).is_err() {
        server.expect_running()?;
        if Instant::now() > deadline {
            bail!("the echo server does not listen on {address}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
