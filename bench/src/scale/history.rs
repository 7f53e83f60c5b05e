//! Event history: how many events a second are stored, by the store alone and end to end, and how long `get_events` takes
//! on a file with very many.

use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use router::Timestamp;
use router::store::{EventPublisher, Store, StoredEvent};
use store::{Redb, RedbOptions};
use wamp::message::{Publish, PublishOptions};
use wamp::value::Dict;
use wamp::{PublicationId, RequestId, SessionId, Value};

use super::caller::{Answer, Caller, SERIALIZER};
use super::host::{HEALTH, HISTORY_TOPIC, Health, history_config};
use super::meta::print;
use super::phase::{BUSY, IDLE, Plan, baseline, calls, table};
use super::pulse::Pulse;
use crate::case::Size;
use crate::process::Server;
use crate::stamp::{Reader, Stamp, Stamped};

/// Events that the store alone is given are a millisecond apart.
const STEP_MICROS: u64 = 1000;
/// How many events a page has.
const PAGE: u64 = 100;
/// The store is given no more while so many events wait in it: half of what it holds before it gives events up.
const PENDING_MAX: u64 = 50_000;
/// So many are published in one write.
const AT_ONCE: u64 = 512;
/// Between two looks at how many wait.
const GLANCE: Duration = Duration::from_millis(2);
/// How long a file may take to be opened.
const OPENING: Duration = Duration::from_secs(120);

/// Measures event history in a file: JSON records on stdout, figures and a table on stderr.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryBench {
    /// Events in the file that is read, written by the store alone.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Events that are published through a socket, into another file; a tenth of the others if nothing is said.
    #[arg(long)]
    published: Option<u64>,
    /// The payload of each event.
    #[arg(long, default_value_t = Size(crate::case::DEFAULT_PAYLOAD))]
    payload: Size,
    /// Where the files are made, and removed at the end; the system's directory for temporary files if nothing is said.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// How long each kind of read is repeated, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How often all of them are gone through.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=99))]
    rounds: u8,
}

impl HistoryBench {
    pub(crate) fn run(self) -> Result<()> {
        let directory = self.directory.clone().unwrap_or_else(env::temp_dir);
        let file = |name: &str| Removed(directory.join(format!("bench-{}-{name}.redb", std::process::id())));
        let mut out = stderr().lock();

        let published = self.published.unwrap_or(self.events / 10);
        let through = file("published");
        let (took, bytes) = self.publish(&through.0, published)?;
        writeln!(out, "published and stored: {}", rate(published, self.payload, took, bytes))?;

        let alone = file("alone");
        let took = self.write(&alone.0)?;
        let bytes = fs::metadata(&alone.0)?.len();
        writeln!(out, "stored by the store alone: {}", rate(self.events, self.payload, took, bytes))?;
        self.read(&alone.0, &mut out)
    }

    /// Publishes through a socket as fast as the store takes it; how long until all was written, and the file's size.
    fn publish(&self, path: &Path, count: u64) -> Result<(Duration, u64)> {
        let mut server = host(path)?;
        let mut publisher = Caller::join(server.address())?;
        let mut stamped = Stamped::new(SERIALIZER, self.payload.0)?;
        let began = Instant::now();
        let mut sent = 0;
        while sent < count {
            let next = (sent + AT_ONCE).min(count);
            publisher.publish(HISTORY_TOPIC, &mut stamped, sent..next)?;
            sent = next;
            // What is on its way to the router isn't pending yet, but will be.
            while sent.saturating_sub(settled(&mut server)?) >= PENDING_MAX {
                thread::sleep(GLANCE);
            }
        }
        let written = loop {
            let health = health(&mut server)?;
            ensure!(health.lost == 0, "{} events were lost", health.lost);
            if health.written >= count {
                break began.elapsed();
            }
            thread::sleep(GLANCE);
        };
        let reads = Reads { caller: publisher, subscription: None, events: count, payload: self.payload.0 };
        reads.with_subscription()?.check_newest()?;
        drop(server);
        Ok((written, fs::metadata(path)?.len()))
    }

    /// Writes without a router; how long until all was on the disk.
    fn write(&self, path: &Path) -> Result<Duration> {
        let store = Redb::open(path, &RedbOptions::default(), &[history_config()])?;
        let mut stamped = Stamped::new(SERIALIZER, self.payload.0)?;
        let (authid, authrole): (Arc<str>, Arc<str>) = ("joe".into(), "user".into());
        let session = SessionId::from_bits(1);
        let began = Instant::now();
        for number in 0..self.events {
            let payload = stamped.with(Stamp { source: 0, sequence: number });
            let (request, options) = (RequestId::FIRST, PublishOptions::default());
            let publish = Publish { request, options, topic: HISTORY_TOPIC.into(), payload };
            let mut bytes = Vec::new();
            publish.encode(SERIALIZER, &mut bytes);
            let (authid, authrole) = (Arc::clone(&authid), Arc::clone(&authrole));
            let publisher = EventPublisher { session, authid, authrole, trustlevel: None };
            let (time, id) = (Timestamp(number * STEP_MICROS), publication(number));
            let event = StoredEvent::from_publish(time, id, publisher, SERIALIZER, bytes);
            store.append(0, Arc::new(event));
            while number % 1024 == 0 && store.health().pending > PENDING_MAX {
                thread::sleep(GLANCE);
            }
        }
        store.flush()?;
        let took = began.elapsed();
        ensure!(store.health().lost == 0, "{} events were lost", store.health().lost);
        Ok(took)
    }

    /// Reads through a socket.
    fn read(&self, path: &Path, out: &mut impl Write) -> Result<()> {
        let began = Instant::now();
        let server = host(path)?;
        writeln!(out, "a router with this file was ready after {:.1?}", began.elapsed())?;
        let caller = Caller::join(server.address())?;
        let reads = Reads { caller, subscription: None, events: self.events, payload: self.payload.0 };
        let mut reads = reads.with_subscription()?;
        let pulse = Pulse::start(server.address())?;
        let mut phases = Vec::new();
        for round in 1..=usize::from(self.rounds) {
            let duration = Duration::try_from_secs_f64(self.seconds)?;
            let plan = Plan { round, duration, calls_max: usize::MAX };
            phases.extend([baseline(&pulse, IDLE, plan)?, baseline(&pulse, BUSY, plan)?]);
            let mut number = round as u64;
            for query in Query::ALL {
                phases.push(calls(&pulse, query.name(), plan, || {
                    number += 1;
                    reads.ask(query, mixed(number))
                })?);
            }
            phases.iter().rev().take(Query::ALL.len() + 2).rev().try_for_each(print)?;
        }
        pulse.stop()?;
        out.write_all(table(&phases).as_bytes())?;
        Ok(())
    }
}

/// A router with a history in this file.
fn host(path: &Path) -> Result<Server> {
    let own = env::current_exe().context("where is this program?")?;
    let path = path.to_str().context("a path that can be an argument")?;
    let nobody = ["--sessions", "0", "--registrations", "0", "--victims", "0"];
    let arguments = [&["host", "--history", path], &nobody[..]].concat();
    Server::start_within(own.as_os_str(), &arguments, OPENING)
}

fn health(server: &mut Server) -> Result<Health> {
    Ok(serde_json::from_str(&server.ask(HEALTH)?)?)
}

/// How many events the store is done with, one way or the other.
fn settled(server: &mut Server) -> Result<u64> {
    let health = health(server)?;
    Ok(health.written + health.lost)
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
enum Query {
    Newest,
    FromPublication,
    UntilPublication,
    FromTime,
    UntilTime,
}

impl Query {
    const ALL: [Query; 5] =
        [Query::Newest, Query::FromPublication, Query::UntilPublication, Query::FromTime, Query::UntilTime];

    const fn name(self) -> &'static str {
        match self {
            Query::Newest => "get_events: the 10 newest",
            Query::FromPublication => "get_events: 100 from a random publication",
            Query::UntilPublication => "get_events: 100 back from a random publication",
            Query::FromTime => "get_events: 100 from a random time",
            Query::UntilTime => "get_events: 100 back from a random time",
        }
    }
}

/// A session that reads the history of a file with so many events.
struct Reads {
    caller: Caller,
    subscription: Option<Value>,
    events: u64,
    payload: usize,
}

impl Reads {
    fn with_subscription(mut self) -> Result<Self> {
        let topic = [Value::from(HISTORY_TOPIC)];
        let found = self.caller.call("wamp.subscription.lookup", &topic, &Dict::new())?.one()?;
        self.subscription = Some(found);
        Ok(self)
    }

    /// Asks, at a random place, and checks what comes.
    fn ask(&mut self, query: Query, random: u64) -> Result<Answer> {
        let number = random % self.events;
        let mut kwargs = Dict::new();
        let time = || Timestamp(number * STEP_MICROS).to_string();
        let limit = match query {
            Query::Newest => 10,
            Query::FromPublication | Query::UntilPublication | Query::FromTime | Query::UntilTime => PAGE,
        };
        let is_reverse = match query {
            Query::Newest | Query::UntilPublication | Query::UntilTime => true,
            Query::FromPublication | Query::FromTime => false,
        };
        match query {
            Query::Newest => {}
            Query::FromPublication => drop(kwargs.insert("from_publication", publication(number).value())),
            Query::UntilPublication => drop(kwargs.insert("until_publication", publication(number).value())),
            Query::FromTime => drop(kwargs.insert("from_time", time())),
            Query::UntilTime => drop(kwargs.insert("until_time", time())),
        }
        let first = if matches!(query, Query::Newest) { self.events - 1 } else { number };
        kwargs.insert("limit", limit);
        kwargs.insert("reverse", is_reverse);
        let args: Vec<Value> = self.subscription.iter().cloned().collect();
        let answer = self.caller.call("wamp.subscription.get_events", &args, &kwargs)?;
        let expected: Vec<u64> = if is_reverse {
            (0..=first).rev().take(limit as usize).collect()
        } else {
            (first..self.events).take(limit as usize).collect()
        };
        ensure!(self.sequence(&answer)? == expected, "{} answered other events", query.name());
        Ok(answer)
    }

    /// Whether the newest are there, as they were published.
    fn check_newest(mut self) -> Result<()> {
        self.ask(Query::Newest, 0).map(drop)
    }

    /// The numbers of the events in an answer.
    fn sequence(&self, answer: &Answer) -> Result<Vec<u64>> {
        let mut reader = Reader::new(self.payload);
        let (events, _) = answer.read()?;
        let number = |event: Value| {
            let text = event.as_dict()?.get("args")?.as_list()?.first()?.as_str()?.to_owned();
            Some(reader.read(text.as_bytes())?.sequence)
        };
        events.into_iter().map(number).collect::<Option<_>>().context("an event isn't what was published")
    }
}

/// As random as those of a router, and known by number.
fn publication(number: u64) -> PublicationId {
    PublicationId::from_bits(mixed(number))
}

/// One to one, and without an order to it.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn rate(events: u64, payload: Size, took: Duration, bytes: u64) -> String {
    format!(
        "{events} events of {payload} in {:.1} s, {:.0} a second, {} MiB",
        took.as_secs_f64(),
        events as f64 / took.as_secs_f64(),
        bytes >> 20
    )
}

/// A file that is removed when this is dropped.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        // It may not even have been made.
        let _ = fs::remove_file(&self.0);
    }
}
