//! The order of a measurement: for each case and round the floor first, then the router, each in a fresh process.
//!
//! Contenders of one round run right after each other, so that whatever else the machine does meets both.

use std::env;
use std::ffi::OsString;
use std::io::{Write, stderr};

use anyhow::{Context, Error, Result};

use crate::case::{Case, Shape};
use crate::load::churn::Churn;
use crate::load::subs::Subs;
use crate::load::{Flood, Outcome, Plan, PubSub, Rate, Readers, Rpc, drive, idle, quiet, start, stopped};
use crate::process::Server;
use crate::report::Record;
use crate::setup::{Needs, Router};
use crate::target::{Speaks, Target};

/// The contender that others are compared to.
pub(crate) const FLOOR: &str = "floor";

/// Where the load goes.
#[derive(Debug, Clone)]
pub(crate) enum Contender {
    /// The relay of this program, started for each run.
    Floor,
    /// A router's program, started for each run.
    Program {
        /// Its path.
        path: OsString,
        /// The realm to start it with.
        realm: String,
        /// What the report calls it.
        name: String,
    },
    /// A router that runs already, and goes on running.
    Running {
        /// Where it is.
        target: Target,
        /// Whose processor time is read.
        pid: Option<u32>,
        /// What the report calls it.
        name: String,
    },
}

/// How to measure.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How long and how much, for each run.
    pub(crate) plan: Plan,
    /// How often each case is repeated.
    pub(crate) rounds: usize,
    /// Publications under way, all publishers together, if not as fits the case.
    pub(crate) window: Option<usize>,
}

/// Runs everything, reporting each run as it ends.
pub(crate) fn run_all(
    cases: &[Case],
    contenders: &[Contender],
    options: &Options,
    mut report: impl FnMut(&Record) -> Result<()>,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    for case in cases {
        run_case(case, contenders, options, &mut records, &mut report)?;
    }
    Ok(records)
}

/// The same for a long series: a case that fails ends itself alone. Answers the failures too.
pub(crate) fn run_each(
    cases: &[Case],
    contenders: &[Contender],
    options: &Options,
    mut report: impl FnMut(&Record) -> Result<()>,
) -> (Vec<Record>, Vec<Error>) {
    let mut records = Vec::new();
    let run = |case| run_case(case, contenders, options, &mut records, &mut report).err();
    let failures = cases.iter().filter_map(run).collect();
    (records, failures)
}

fn run_case(
    case: &Case,
    contenders: &[Contender],
    options: &Options,
    records: &mut Vec<Record>,
    report: &mut impl FnMut(&Record) -> Result<()>,
) -> Result<()> {
    for round in 1..=options.rounds {
        for contender in contenders {
            if matches!((case.shape, contender), (Shape::Start, Contender::Running { .. })) {
                let name = contender.name();
                writeln!(stderr(), "{case}: left out for {name}, which runs already: see --router")?;
                continue;
            }
            if matches!(contender, Contender::Floor) && !case.has_floor() {
                continue;
            }
            let run = u32::try_from(records.len()).unwrap_or(u32::MAX);
            let record = run_one(case, contender, options, (round, run))
                .with_context(|| format!("{case} against {}", contender.name()))?;
            report(&record)?;
            records.push(record);
        }
    }
    Ok(())
}

fn run_one(
    case: &Case,
    contender: &Contender,
    options: &Options,
    (round, run): (usize, u32),
) -> Result<Record> {
    if case.shape == Shape::Start {
        let outcome = start::measure(case, &contender.speaks(), || contender.start(case.needs()))?;
        return Ok(Record::new(case, contender.name(), round, 1, &outcome));
    }
    // Ended when it goes out of scope, which is after the sessions have left.
    let started = contender.start(case.needs())?;
    let (target, pid) = match (&started, started.server()) {
        (Started::Running(target, pid), _) => (target.clone(), *pid),
        (Started::Floor(_) | Started::Router(_), server) => {
            let server = server.context("it was started")?;
            (Target::at(server.address(), contender.speaks()), Some(server.pid()))
        }
    };
    let run = std::process::id().wrapping_mul(1000).wrapping_add(run);
    let (window, outcome) = match case.shape {
        Shape::PubSub { publishers, subscribers } | Shape::Mixed { publishers, subscribers } => {
            let mut load = PubSub::join(&target, case, (publishers, subscribers), options.window, run)?;
            let outcome = drive(&mut load, options.plan, pid)?;
            let window = load.window();
            load.leave();
            (window, outcome)
        }
        Shape::Rpc { callers, callees, depth } => {
            let mut load = Rpc::join(&target, case, (callers, callees), depth, run)?;
            let outcome = drive(&mut load, options.plan, pid)?;
            load.leave();
            (depth, outcome)
        }
        Shape::Rate { publishers, subscribers, per_second } => {
            let mut load = Rate::join(&target, case, (publishers, subscribers), per_second, run)?;
            let outcome = drive(&mut load, options.plan, pid)?;
            load.leave();
            (0, outcome)
        }
        Shape::Flood { publishers, subscribers } => {
            let mut load = Flood::join(&target, case, (publishers, subscribers), Readers::Slow, run)?;
            let outcome = drive(&mut load, options.plan, pid)?;
            load.leave();
            (0, outcome)
        }
        Shape::Stopped { publishers, subscribers, per_second } => {
            let sessions = (publishers, subscribers);
            (0, stopped((&target, pid), case, sessions, per_second, options.plan, run)?)
        }
        Shape::Quiet { publishers, subscribers, per_second } => {
            let sessions = (publishers, subscribers);
            (0, quiet((&target, pid), case, sessions, per_second, options.plan, run)?)
        }
        Shape::Idle(crowd) => (1, idle::measure(&target, case, crowd, options.plan, pid)?),
        Shape::Subs(size) => {
            let mut load = Subs::join(&target, case, size, options.window, (run, pid))?;
            let outcome = drive(&mut load, options.plan, pid)?;
            let (window, figures) = (load.window(), load.figures());
            load.leave();
            (window, Outcome { figures, ..outcome })
        }
        Shape::Churn(size) => {
            let mut load = Churn::join(&target, case, size, options.window, run)?;
            let outcome = drive(&mut load, options.plan, pid)?;
            let (window, figures) = (load.window(), load.figures(&outcome));
            load.leave();
            (window, Outcome { figures, ..outcome })
        }
        Shape::Start => anyhow::bail!("it was measured before"),
    };
    Ok(Record::new(case, contender.name(), round, window, &outcome))
}

impl Contender {
    /// What the report calls it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Contender::Floor => FLOOR,
            Contender::Program { name, .. } | Contender::Running { name, .. } => name,
        }
    }

    fn speaks(&self) -> Speaks {
        match self {
            Contender::Floor => Speaks::Relay,
            Contender::Program { realm, .. } => Speaks::Wamp { realm: realm.clone() },
            Contender::Running { target, .. } => target.speaks.clone(),
        }
    }

    fn start(&self, needs: Needs) -> Result<Started> {
        Ok(match self {
            Contender::Floor => {
                let own = env::current_exe().context("where is this program?")?;
                let arguments = ["floor", "--listen", "127.0.0.1:0", "--with-parent"];
                Started::Floor(Server::start(own.as_os_str(), &arguments)?)
            }
            Contender::Program { path, realm, .. } => Started::Router(Router::start(path, realm, needs)?),
            Contender::Running { target, pid, .. } => Started::Running(target.clone(), *pid),
        })
    }
}

/// A contender, ready for sessions.
pub(crate) enum Started {
    Floor(Server),
    Router(Router),
    Running(Target, Option<u32>),
}

impl Started {
    /// Its process, if it was started for the run.
    pub(crate) fn server(&self) -> Option<&Server> {
        match self {
            Started::Floor(server) => Some(server),
            Started::Router(router) => Some(router.server()),
            Started::Running(..) => None,
        }
    }
}
