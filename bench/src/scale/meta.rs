//! The meta API over a crowd: each procedure in turn, several rounds, with the pulse between sessions that have nothing to
//! do with it.

use std::env;
use std::io::{Write, stderr, stdout};
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use wamp::value::Dict;
use wamp::{MatchPolicy, Value};

use super::caller::{Answer, Caller};
use super::crowd::{Counts, Memory, ROLE, SHARED, Size, procedure, topic_matched_thrice};
use super::host::{MEMORY, VICTIMS};
use super::phase::{BUSY, IDLE, Phase, Plan, baseline, calls, table};
use super::pulse::{self, Pulse};
use crate::process::Server;

/// How long the process with the crowd may take to be ready.
const GATHERING: Duration = Duration::from_secs(300);

/// Measures the meta procedures on a realm with very many sessions, subscriptions and registrations, and how long others
/// wait meanwhile: JSON records on stdout, a table on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct MetaBench {
    #[command(flatten)]
    size: Size,
    /// How long each procedure is called again and again, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How often all of them are gone through.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
}

/// A procedure to be measured, and what its answers have to be like.
struct Probe {
    name: &'static str,
    procedure: &'static str,
    args: Vec<Value>,
    check: Check,
}

/// What is known of an answer.
enum Check {
    /// It is this number.
    Number(usize),
    /// It is a list of so many.
    List(usize),
    /// It is a list of at least and at most so many.
    ListOf(usize, usize),
    /// It is lists by match policy: so many, and of exact ones up to so many more.
    ByMatch(Counts, usize),
    /// It is this.
    Is(Value),
    /// It is a dictionary in which this key has this value.
    Has(&'static str, Value),
}

impl MetaBench {
    pub(crate) fn run(self) -> Result<()> {
        let rounds = usize::from(self.rounds);
        let kills = self.size.victims / (2 * rounds);
        ensure!(kills > 0, "{rounds} rounds need {} victims at least", 2 * rounds);
        let own = env::current_exe().context("where is this program?")?;
        let arguments = [vec!["host".to_owned()], self.size.arguments()].concat();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut server = Server::start_within(own.as_os_str(), &arguments, GATHERING)?;
        let memory: Memory = serde_json::from_str(&server.ask(MEMORY)?)?;
        let mut victims: Vec<u64> = serde_json::from_str(&server.ask(VICTIMS)?)?;
        let address = server.address();
        let mut caller = Caller::join(address)?;
        let pulse = Pulse::start(address)?;
        let mut phases = Vec::new();
        let mut add = |phase: Phase| {
            print(&phase)?;
            phases.push(phase);
            anyhow::Ok(())
        };
        for round in 1..=rounds {
            let duration = Duration::try_from_secs_f64(self.seconds)?;
            let plan = Plan { round, duration, calls_max: usize::MAX };
            add(baseline(&pulse, IDLE, plan)?)?;
            add(baseline(&pulse, BUSY, plan)?)?;
            for probe in self.size.probes(&mut caller, victims.len())? {
                add(probe.measure(&mut caller, &pulse, plan)?)?;
            }
            add(self.size.list_of_a_subscriber(&mut caller, &pulse, plan, victims.len())?)?;
            let plan = Plan { calls_max: kills, ..plan };
            add(kill("session.kill", &mut caller, &pulse, plan, &mut victims)?)?;
            let watcher = Watcher::start(address, kills * self.size.subscriptions_per_victim)?;
            add(kill("session.kill, watched", &mut caller, &pulse, plan, &mut victims)?)?;
            watcher.join()?;
        }
        pulse.stop()?;
        for probe in self.size.probes(&mut caller, victims.len())? {
            probe.check(&probe.call(&mut caller)?)?;
        }
        let mut out = stderr().lock();
        writeln!(out, "{}", memory_figures(&memory, &self.size))?;
        out.write_all(table(&phases).as_bytes())?;
        Ok(())
    }
}

impl Size {
    /// What is called while so many victims are left.
    fn probes(&self, caller: &mut Caller, victims: usize) -> Result<Vec<Probe>> {
        let one = |caller: &mut Caller, procedure: &str, argument: &str| {
            caller.call(procedure, &[argument.into()], &Dict::new())?.one()
        };
        let sessions = self.sessions + victims;
        let shared = one(caller, "wamp.subscription.lookup", SHARED)?;
        let (called, _) = procedure(0);
        let registration = one(caller, "wamp.registration.lookup", &called)?;
        let of_role = vec![Value::List(vec![ROLE.into()])];
        let listed = caller.call("wamp.session.list", &of_role, &Dict::new())?.one()?;
        let Some(session) = listed.as_list().and_then(|ids| ids.get(ids.len() / 2)).cloned() else {
            bail!("there is no session in {listed:?}");
        };
        let probe = |name: &'static str, args: Vec<Value>, check| Probe {
            name,
            procedure: name.split_whitespace().next().unwrap_or(name),
            args,
            check,
        };
        let topic = topic_matched_thrice(self.sessions / 2);
        // Those who measure, at the end without the pulse.
        let (few, many) = (sessions + 1, sessions + 1 + pulse::SESSIONS);
        let (_, others) = pulse::SUBSCRIPTIONS;
        Ok(vec![
            probe("wamp.session.count (of an authrole)", of_role.clone(), Check::Number(sessions)),
            probe("wamp.session.list (of an authrole)", of_role, Check::List(sessions)),
            probe("wamp.session.list", Vec::new(), Check::ListOf(few, many)),
            probe("wamp.session.get", vec![session.clone()], Check::Has("session", session)),
            probe("wamp.subscription.match", vec![topic.into()], Check::List(3)),
            probe("wamp.subscription.list", Vec::new(), Check::ByMatch(self.subscriptions(victims), others)),
            probe(
                "wamp.subscription.list_subscribers",
                vec![shared.clone()],
                Check::ListOf(self.sessions, self.sessions + 1),
            ),
            probe("wamp.subscription.get", vec![shared.clone()], Check::Has("id", shared)),
            probe("wamp.registration.match", vec![called.into()], Check::Is(registration)),
            probe("wamp.registration.list", Vec::new(), Check::ByMatch(self.registrations(), 0)),
        ])
    }
}

impl Size {
    /// The longest answer there is, for a caller that receives what the pulse publishes: its publisher must not wait for
    /// the answer to be made.
    fn list_of_a_subscriber(
        &self,
        caller: &mut Caller,
        pulse: &Pulse,
        plan: Plan,
        victims: usize,
    ) -> Result<Phase> {
        let subscription = caller.subscribe(pulse::TOPIC, MatchPolicy::Exact)?;
        let (_, others) = pulse::SUBSCRIPTIONS;
        let probe = Probe {
            name: "wamp.subscription.list (to a subscriber)",
            procedure: "wamp.subscription.list",
            args: Vec::new(),
            check: Check::ByMatch(self.subscriptions(victims), others),
        };
        let phase = probe.measure(caller, pulse, plan)?;
        caller.unsubscribe(subscription)?;
        Ok(phase)
    }
}

impl Probe {
    fn call(&self, caller: &mut Caller) -> Result<Answer> {
        caller.call(self.procedure, &self.args, &Dict::new())
    }

    /// Checks one answer before time is taken and one after; between them, that lengths are alike.
    fn measure(&self, caller: &mut Caller, pulse: &Pulse, plan: Plan) -> Result<Phase> {
        let first = self.call(caller)?;
        self.check(&first)?;
        let phase = calls(pulse, self.name, plan, || {
            let answer = self.call(caller)?;
            // A few ids more or less, of nine bytes at the most.
            ensure!(answer.len().abs_diff(first.len()) <= 64, "{} bytes of {}", answer.len(), self.name);
            Ok(answer)
        })?;
        self.check(&self.call(caller)?)?;
        Ok(phase)
    }

    fn check(&self, answer: &Answer) -> Result<()> {
        let found = answer.one()?;
        let length = found.as_list().map(|list| list.len());
        let is_right = match &self.check {
            Check::Number(expected) => found.as_u64() == Some(*expected as u64),
            Check::List(expected) => length == Some(*expected),
            Check::ListOf(least, most) => length.is_some_and(|length| (*least..=*most).contains(&length)),
            Check::ByMatch(expected, more) => {
                let of = |key: &str| Some(found.as_dict()?.get(key)?.as_list()?.len());
                let is_of = |key: &str, least: usize, more: usize| {
                    of(key).is_some_and(|count| (least..=least + more).contains(&count))
                };
                is_of("exact", expected.exact, *more)
                    && is_of("prefix", expected.prefix, *more)
                    && is_of("wildcard", expected.wildcard, 0)
            }
            Check::Is(expected) => found == *expected,
            Check::Has(key, expected) => found.as_dict().and_then(|dict| dict.get(key)) == Some(expected),
        };
        ensure!(is_right, "{} answered something else, {length:?} long", self.name);
        Ok(())
    }
}

/// Ends some victims, whose subscriptions go with them.
fn kill(name: &str, caller: &mut Caller, pulse: &Pulse, plan: Plan, victims: &mut Vec<u64>) -> Result<Phase> {
    calls(pulse, name, plan, || {
        let victim = victims.pop().context("there is nobody left")?;
        let answer = caller.call("wamp.session.kill", &[victim.into()], &Dict::new())?;
        let (args, _) = answer.read()?;
        ensure!(args.is_empty(), "wamp.session.kill answered {args:?}");
        Ok(answer)
    })
}

/// A session that subscribed to the meta events of subscriptions.
struct Watcher(JoinHandle<Result<()>>);

impl Watcher {
    /// `ending`: memberships that will end, of subscriptions that nobody else has.
    fn start(address: SocketAddr, ending: usize) -> Result<Self> {
        let mut session = Caller::join(address)?;
        session.subscribe("wamp.subscription.on_unsubscribe", MatchPolicy::Exact)?;
        session.subscribe("wamp.subscription.on_delete", MatchPolicy::Exact)?;
        let watch = move || {
            // The pulse's own changes come among them.
            for _ in 0..2 * ending {
                session.receive().context("a meta event is missing")?;
            }
            Ok(())
        };
        Ok(Watcher(thread::spawn(watch)))
    }

    fn join(self) -> Result<()> {
        self.0.join().map_err(|_| anyhow::anyhow!("the watcher panicked"))?
    }
}

fn memory_figures(memory: &Memory, size: &Size) -> String {
    let [exact, prefix, wildcard] = memory.longest_subscribe_us;
    let each = |from: u64, to: u64, count: usize| (to.saturating_sub(from) * 1024) / count.max(1) as u64;
    format!(
        "resident: {} MiB empty, {} MiB with {} sessions ({} B each), {} MiB with {} subscriptions of theirs ({} B \
         each), {} MiB with {} registrations ({} B each); the longest SUBSCRIBE took {:.2} ms \
         of the processor (exact), {:.2} (prefix), {:.2} (wildcard)",
        memory.empty >> 10,
        memory.with_sessions >> 10,
        size.sessions,
        each(memory.empty, memory.with_sessions, size.sessions),
        memory.with_subscriptions >> 10,
        size.memberships(),
        each(memory.with_sessions, memory.with_subscriptions, size.memberships()),
        memory.with_registrations >> 10,
        size.registrations,
        each(memory.with_subscriptions, memory.with_registrations, size.registrations),
        exact as f64 / 1e3,
        prefix as f64 / 1e3,
        wildcard as f64 / 1e3,
    )
}

pub(super) fn print(phase: &Phase) -> Result<()> {
    let mut out = stdout().lock();
    serde_json::to_writer(&mut out, phase)?;
    writeln!(out)?;
    Ok(out.flush()?)
}
