//! The command line.

use std::ffi::OsString;
use std::io::{Read, Write, stderr, stdin, stdout};
use std::net::SocketAddr;
use std::time::Duration;
use std::{env, process, thread};

use anyhow::{Context, Result, ensure};
use clap::{Args, Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::case::{Case, SMOKE, STANDARD, Size};
use crate::floor::Floor;
use crate::load::Plan;
use crate::report::{Picture, Report, budget, budget_table, print, table};
use crate::run::{Contender, Options, run_all, run_each};
use crate::scale::{
    HistoryBench, Host, MetaBench, PollsBench, WorkersBench, WorkersPlan, measure_polls, measure_workers,
    polls_cases,
};
use crate::target::{Target, Url, loopback};
use crate::wire::Wire;

/// Where `smoke` finds a router if it isn't told.
const ROUTER_VARIABLE: &str = "CLOVERLEAF_BIN";

/// What stands for all cases that budgets are read from.
const BUDGETS: &str = "budgets";

/// Puts load on a WAMP router on this machine, checks every message, and compares it to a relay without routing.
#[derive(Debug, Parser)]
#[command(name = "cloverleaf-bench", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure: JSON records on stdout, a table of medians on stderr.
    Run(Run),
    /// Run small cases for correctness only, against the floor and, if one is given, a router.
    Smoke(Smoke),
    /// Be the relay that routers are compared to.
    Floor(Relay),
    /// Measure the meta API on a realm with very many sessions, and whether routing stalls meanwhile.
    Meta(MetaBench),
    /// Measure how event history is stored and read.
    History(HistoryBench),
    /// Measure the longest time that one poll of a connection keeps its thread.
    Polls(PollsBench),
    /// Measure how much more two threads route than one.
    Workers(WorkersBench),
    /// Be the router that `meta`, `history` and `polls` measure.
    Host(Host),
    /// Make the tables from the records of earlier runs.
    Report(Report),
    /// Draw what some cases cost all contenders, from the records of earlier runs.
    Picture(Picture),
    /// Print the cases that `run` runs if none are named.
    Cases,
}

#[derive(Debug, Args)]
struct Run {
    /// Cases such as "pubsub 1x10", "rpc 10x10 depth 64 1KiB websocket+json"; all standard ones if none is given.
    /// "budgets": all that the budgets are read from, with a table of which are met.
    cases: Vec<String>,
    #[command(flatten)]
    router: Router,
    /// The payload of cases that name none.
    #[arg(long, default_value_t = Size(crate::case::DEFAULT_PAYLOAD))]
    payload: Size,
    /// Transport and serializer of cases that name none.
    #[arg(long, default_value_t = Wire::RAWSOCKET_MSGPACK)]
    transport: Wire,
    /// How long each run is measured, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How long each run has load before that, in seconds.
    #[arg(long, default_value_t = 0.5)]
    warm_up: f64,
    /// A run ends after so many events or calls, even if there is time left.
    #[arg(long, default_value_t = 100_000_000)]
    count: u64,
    /// How often each case is run.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
    /// Publications under way, all publishers together, instead of what fits the case.
    #[arg(long)]
    window: Option<u16>,
    /// Don't run the floor.
    #[arg(long)]
    no_floor: bool,
}

#[derive(Debug, Clone, Args)]
struct Router {
    /// A router's program, started on a port of its own choice for each run: --listen 127.0.0.1:0 --realm REALM, or
    /// --config FILE where a case needs more.
    #[arg(long, conflicts_with = "url")]
    router: Option<OsString>,
    /// A router that runs already: ws://HOST:PORT/PATH, rs://HOST:PORT, or both; wss:// and rss:// for cases with TLS.
    #[arg(long)]
    url: Vec<Url>,
    /// The process of that router, to read its processor time and memory.
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// The realm to join, anonymously.
    #[arg(long, default_value = "realm1")]
    realm: String,
    /// What the report calls the router.
    #[arg(long, default_value = "router")]
    name: String,
}

#[derive(Debug, Args)]
struct Smoke {
    #[command(flatten)]
    router: Router,
}

#[derive(Debug, Args)]
struct Relay {
    /// Where to listen, on the loopback interface.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// End when standard input does.
    #[arg(long)]
    with_parent: bool,
}

impl Cli {
    /// Does what the command line says.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Run(run) => run.run(),
            Command::Smoke(smoke) => smoke.run(),
            Command::Floor(relay) => relay.run(),
            Command::Meta(bench) => bench.run(),
            Command::History(bench) => bench.run(),
            Command::Polls(bench) => {
                allow_sockets(&bench.cases()?)?;
                bench.run()
            }
            Command::Workers(bench) => bench.run(),
            Command::Host(host) => host.run(),
            Command::Report(report) => report.run(),
            Command::Picture(picture) => picture.run(),
            Command::Cases => Ok(writeln!(stdout(), "{}", STANDARD.join("\n"))?),
        }
    }
}

impl Run {
    fn run(self) -> Result<()> {
        let defaults = (self.payload.0, self.transport);
        let named = self.cases.iter().map(String::as_str);
        let is_of_budgets = self.cases == [BUDGETS];
        let texts: Vec<&str> = match self.cases.is_empty() {
            _ if is_of_budgets => budget::cases(),
            true => STANDARD.to_vec(),
            false => named.collect(),
        };
        let cases: Vec<Case> =
            texts.into_iter().map(|text| Case::parse(text, defaults)).collect::<Result<_>>()?;
        let mut contenders = if self.no_floor { Vec::new() } else { vec![Contender::Floor] };
        contenders.extend(self.router.clone().contender()?);
        ensure!(!contenders.is_empty(), "nothing to measure: name a router with --router or --url");
        let options = Options {
            plan: Plan {
                warm_up: Duration::try_from_secs_f64(self.warm_up)?,
                measured: Duration::try_from_secs_f64(self.seconds)?,
                count_max: self.count,
            },
            rounds: usize::from(self.rounds),
            window: self.window.map(|window| usize::from(window.max(1))),
        };
        if is_of_budgets {
            allow_sockets(&polls_cases()?)?;
        }
        allow_sockets(&cases)?;
        if is_of_budgets {
            return self.run_budgets(&cases, &contenders, &options);
        }
        let records = run_all(&cases, &contenders, &options, print)?;
        stderr().write_all(table(&records).as_bytes())?;
        Ok(())
    }

    /// A series of many minutes: what fails is said at its end.
    fn run_budgets(&self, cases: &[Case], contenders: &[Contender], options: &Options) -> Result<()> {
        let (mut records, mut failures) = run_each(cases, contenders, options, print);
        let Options { plan: Plan { warm_up, measured, .. }, rounds, .. } = *options;
        let besides = [
            measure_polls(measured, rounds, print),
            measure_workers(WorkersPlan { warm_up, measured, rounds }, print),
        ];
        for measured in besides {
            match measured {
                Ok(more) => records.extend(more),
                Err(failure) => failures.push(failure),
            }
        }
        let mut out = stderr().lock();
        writeln!(out, "{}\n{}", budget_table(&records, &self.router.name), table(&records))?;
        for failure in &failures {
            writeln!(out, "failed: {failure:#}")?;
        }
        ensure!(failures.is_empty(), "{} failed", failures.len());
        Ok(())
    }
}

impl Smoke {
    fn run(mut self) -> Result<()> {
        if self.router.router.is_none() && self.router.url.is_empty() {
            self.router.router = env::var_os(ROUTER_VARIABLE);
        }
        let defaults = (crate::case::DEFAULT_PAYLOAD, Wire::RAWSOCKET_MSGPACK);
        let cases: Vec<Case> =
            SMOKE.into_iter().map(|text| Case::parse(text, defaults)).collect::<Result<_>>()?;
        let mut contenders = vec![Contender::Floor];
        contenders.extend(self.router.contender()?);
        let plan = Plan { warm_up: Duration::ZERO, measured: Duration::from_millis(100), count_max: 20_000 };
        let records = run_all(&cases, &contenders, &Options { plan, rounds: 1, window: None }, print)?;
        let idle = records.iter().find(|record| record.completed == 0);
        ensure!(idle.is_none(), "nothing came in {idle:?}");
        Ok(())
    }
}

impl Router {
    fn contender(self) -> Result<Option<Contender>> {
        let Router { router, url, pid, realm, name } = self;
        Ok(match router {
            Some(path) => Some(Contender::Program { path, realm, name }),
            None if url.is_empty() => None,
            None => Some(Contender::Running { target: Target::router(&url, &realm)?, pid, name }),
        })
    }
}

impl Relay {
    fn run(self) -> Result<()> {
        let floor = Floor::listen(loopback(&self.listen)?)?;
        announce(floor.address())?;
        if self.with_parent {
            // Whoever started this holds the other end; when it is gone, nobody else would end the relay.
            thread::spawn(|| {
                let _ = stdin().read_to_end(&mut Vec::new());
                process::exit(0);
            });
        }
        floor.run()
    }
}

fn announce(address: SocketAddr) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "listening on {address}")?;
    Ok(out.flush()?)
}

/// Raises the limit of open files to what the largest case needs, for this process and those that it starts.
fn allow_sockets(cases: &[Case]) -> Result<()> {
    let needed = cases.iter().map(Case::sessions).max().unwrap_or_default() as u64 + 100;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needed), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)
        .with_context(|| format!("{needed} files can't be open at once; see ulimit -n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_router_is_a_program_or_a_url() {
        let parse = |arguments: &[&str]| {
            let line = ["cloverleaf-bench", "run"].into_iter().chain(arguments.iter().copied());
            Cli::try_parse_from(line)
        };
        assert!(parse(&["pubsub 1x1", "--router", "./cloverleaf"]).is_ok());
        assert!(parse(&["--url", "rs://127.0.0.1:1", "--url", "ws://127.0.0.1:2", "--pid", "3"]).is_ok());
        assert!(parse(&["--url", "rs://127.0.0.1:1", "--router", "./cloverleaf"]).is_err());
        assert!(parse(&["--pid", "3"]).is_err());
        assert!(parse(&["--payload", "64KiB", "--transport", "websocket+cbor+tls"]).is_ok());
    }
}
