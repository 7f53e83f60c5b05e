//! Publishers and subscribers of one topic as in [`PubSub`], and sessions that come and go: what those who stay notice
//! of it.
//!
//! Those who stay get everything exactly once and in order, as ever. Those who come and go join, subscribe to the same
//! topic, receive some events without a gap, unsubscribe and leave ([`guest`]), a fixed number per second ([`door`]).
//! What they receive is checked but not counted. An event's latency is that of its publication: from PUBLISH until the
//! last of those who stay has it.

mod door;
mod guest;

use std::collections::VecDeque;
use std::fmt;
use std::str::SplitWhitespace;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use mio::event::Event;
use mio::{Interest, Registry, Token, Waker};

use super::pubsub::PubSub;
use super::{Figures, Load, Outcome};
use crate::case::{Case, sessions};
use crate::connection::Scratch;
use crate::latency::Histogram;
use crate::target::Target;
use door::Door;
use guest::Guest;

/// At most so many come and go per second.
const RATE_MAX: u32 = 2000;
/// Says that somebody has come in.
const BELL: Token = Token(usize::MAX);

/// Who publishes to whom, and how many come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Churning {
    pub(crate) publishers: usize,
    /// Those who stay.
    pub(crate) subscribers: usize,
    /// How many others come and go per second.
    pub(crate) per_second: u32,
}

impl Churning {
    /// Reads what follows `churn`.
    pub(crate) fn read(words: &mut SplitWhitespace<'_>) -> Result<Self> {
        let (publishers, subscribers) = sessions(words.next())?;
        ensure!(words.next() == Some("at"), "expected at, and how many come and go per second");
        let per_second = words.next().context("expected a number after at")?.parse()?;
        ensure!((1..=RATE_MAX).contains(&per_second), "1 to {RATE_MAX} sessions come and go per second");
        Ok(Self { publishers, subscribers, per_second })
    }
}

impl fmt::Display for Churning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "churn {}x{} at {}", self.publishers, self.subscribers, self.per_second)
    }
}

/// The sessions of one run: those who stay with the tokens of [`PubSub`], the guests with those behind them.
pub(crate) struct Churn {
    staying: PubSub,
    target: Target,
    case: Case,
    per_second: u32,
    /// From when the load is registered.
    door: Option<Door>,
    registry: Option<Registry>,
    /// A guest's place is its token, less those of the ones who stay.
    guests: Vec<Option<Guest>>,
    is_closing_time: bool,
    /// From the first guest to closing time, and how many came and left by then.
    period: Option<(Instant, Duration)>,
    left: u64,
    /// When publications were made that somebody may lack, oldest first, for each publisher.
    published: Vec<VecDeque<Instant>>,
    latency: Histogram,
}

impl Churn {
    /// Lets those who stay join. `run` sets the topic apart from that of other runs.
    pub(crate) fn join(
        target: &Target,
        case: &Case,
        size: Churning,
        window: Option<usize>,
        run: u32,
    ) -> Result<Self> {
        let Churning { publishers, subscribers, per_second } = size;
        Ok(Self {
            staying: PubSub::join(target, case, (publishers, subscribers), window, run)?,
            target: target.clone(),
            case: *case,
            per_second,
            door: None,
            registry: None,
            guests: Vec::new(),
            is_closing_time: false,
            period: None,
            left: 0,
            published: vec![VecDeque::new(); publishers],
            latency: Histogram::new(),
        })
    }

    /// Publications that each publisher may have under way.
    pub(crate) const fn window(&self) -> usize {
        self.staying.window()
    }

    /// How many came and went, and what those who stayed noticed at worst.
    pub(crate) fn figures(&self, outcome: &Outcome) -> Figures {
        let seconds = self.period.map_or(0.0, |(_, duration)| duration.as_secs_f64());
        let rate = self.left as f64 / seconds.max(f64::MIN_POSITIVE);
        let mut figures = Figures::from([("churned_sessions_per_second", rate)]);
        figures.extend(outcome.latency.map(|latency| ("event_max_us", latency.max)));
        figures
    }

    /// Lets those who stayed leave.
    pub(crate) fn leave(self) {
        self.staying.leave();
    }

    /// Takes in everybody who waits at the door.
    fn welcome(&mut self) -> Result<()> {
        let (Some(door), Some(registry)) = (&self.door, &self.registry) else { return Ok(()) };
        while let Some(connection) = door.next() {
            let mut guest = Guest::new(connection?, self.case.wire.serializer, self.case.payload);
            let place = self.guests.iter().position(Option::is_none).unwrap_or(self.guests.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            let token = Token(self.staying.sessions() + place);
            registry.register(&mut guest.connection.stream, token, interest)?;
            match self.guests.get_mut(place) {
                Some(free) => *free = Some(guest),
                None => self.guests.push(Some(guest)),
            }
        }
        Ok(())
    }

    fn turn_of(&mut self, place: usize, scratch: &mut Scratch) -> Result<()> {
        let Some(seat) = self.guests.get_mut(place) else { return Ok(()) };
        let Some(guest) = seat else { return Ok(()) };
        guest.handle(scratch, self.staying.topic(), self.is_closing_time)?;
        if guest.is_gone() {
            *seat = None;
            self.see_off();
        }
        Ok(())
    }

    fn see_off(&mut self) {
        if let Some(door) = &self.door {
            door.out();
        }
        if !self.is_closing_time {
            self.left += 1;
        }
    }

    /// Notes when publications were made, and how long those took that everybody has by now.
    fn keep_time(&mut self, now: Instant) {
        for (publisher, open) in self.published.iter_mut().enumerate() {
            let (done, made) = self.staying.progress(publisher);
            let missing = usize::try_from(made - done).unwrap_or(usize::MAX);
            while open.len() > missing {
                if let Some(at) = open.pop_front() {
                    self.latency.record(now.duration_since(at));
                }
            }
            open.resize(missing, now);
        }
    }
}

impl Load for Churn {
    fn register(&mut self, registry: &Registry) -> Result<()> {
        self.staying.register(registry)?;
        let waker = Waker::new(registry, BELL)?;
        self.registry = Some(registry.try_clone()?);
        self.period = Some((Instant::now(), Duration::ZERO));
        self.door = Some(Door::open(&self.target, self.case.wire, self.per_second, waker));
        Ok(())
    }

    fn handle(&mut self, event: &Event, scratch: &mut Scratch, now: Instant) -> Result<()> {
        let Token(token) = event.token();
        if event.token() == BELL {
            return self.welcome();
        }
        match token.checked_sub(self.staying.sessions()) {
            Some(place) => self.turn_of(place, scratch),
            None => {
                self.staying.handle(event, scratch, now)?;
                self.keep_time(now);
                Ok(())
            }
        }
    }

    fn offer(&mut self, now: Instant) -> Result<()> {
        self.staying.offer(now)?;
        self.keep_time(now);
        Ok(())
    }

    fn stop(&mut self, now: Instant) -> Result<()> {
        if let Some((begin, duration)) = &mut self.period {
            *duration = now.duration_since(*begin);
        }
        self.is_closing_time = true;
        if let Some(door) = &mut self.door {
            door.close();
        }
        self.welcome()?;
        for place in 0..self.guests.len() {
            let Some(seat) = self.guests.get_mut(place) else { continue };
            let Some(guest) = seat else { continue };
            guest.leave_if(true)?;
            if guest.is_gone() {
                *seat = None;
                self.see_off();
            }
        }
        Ok(())
    }

    fn completed(&self) -> u64 {
        self.staying.completed()
    }

    fn outstanding(&self) -> u64 {
        let guests = self.door.as_ref().map_or(0, Door::inside);
        self.staying.outstanding() + guests as u64
    }

    fn latency(&mut self) -> Option<&mut Histogram> {
        Some(&mut self.latency)
    }
}
