//! `cloverleaf top`: what goes on in a realm, live.
//!
//! All of it comes from the meta API, which [`feed`] turns into updates. [`state`] is what is known, [`screen`] what of
//! it is looked at, both without a terminal; [`draw`] makes frames of them, [`terminal`] shows those.

mod draw;
mod feed;
mod once;
mod rates;
mod screen;
mod state;
mod terminal;
mod topics;

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use client::Session;
use ratatui::crossterm::event::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::cli::meta::Meta;
use crate::cli::output;
use crate::cli::session::Connection;
use crate::cli::signals::Hangups;
use draw::Source;
use feed::{Feed, Wish};
use screen::{Flow, Screen};
use state::{State, Update};
use terminal::Terminal;

/// How many updates wait for the screen; the feed waits for room.
const UPDATES_MAX: usize = 256;

/// How many wishes wait to be granted.
const WISHES_MAX: usize = 4;

/// Frames are not drawn more often than this, except for keys.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// What to watch.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// How long an interval is that rates are of
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Print what there is, once, without a terminal
    #[arg(long)]
    once: bool,
    /// Print it as JSON
    #[arg(long, requires = "once")]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Top {
    pub(crate) fn run(self) -> Result<()> {
        let Top { interval, once, json, connection } = self;
        if once {
            return connection.ask(async |meta| print(&meta, output::Style { json }).await);
        }
        let (url, realm) = (connection.url().to_owned(), connection.realm().to_owned());
        // A signal before the end is one way to end it.
        connection.run_reconnecting(async |session| {
            let mut hangups = Hangups::new()?;
            let source = Source { url: &url, realm: &realm, is_connected: true };
            tokio::select! {
                done = watch(&session, source, Duration::from_secs(interval)) => done,
                () = hangups.next() => Ok(()),
            }
        })?;
        Ok(())
    }
}

async fn print(meta: &Meta, style: output::Style) -> Result<()> {
    let state = State::new(feed::list(meta).await?);
    style.record(&once::record(&state), || once::text(&state))
}

/// Shows what goes on until a person has seen enough.
async fn watch(session: &Session, source: Source<'_>, rates: Duration) -> Result<()> {
    let (updates, mut updated) = mpsc::channel(UPDATES_MAX);
    let (wishes, granted) = mpsc::channel(WISHES_MAX);
    let (feed, listing) = Feed::open(session, updates, granted).await?;
    let mut watched = Watched { state: State::new(listing), screen: Screen::new(), asked: None, wishes };
    let (mut terminal, mut typed) = Terminal::take()?;
    let mut feed = std::pin::pin!(feed.run());
    let (mut ticks, mut frames) = (interval_at(Instant::now() + rates, rates), interval(FRAME_INTERVAL));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_stale, mut was_connected, mut ticked) = (true, true, Instant::now());
    loop {
        tokio::select! {
            done = &mut feed => return done,
            Some(update) = updated.recv() => {
                watched.update(update);
                is_stale = true;
            }
            event = typed.recv() => match event {
                Some(event) => {
                    if watched.event(&event) == Flow::Quit {
                        return Ok(());
                    }
                    watched.draw(&mut terminal, Source { is_connected: was_connected, ..source })?;
                }
                None => bail!("the terminal is gone"),
            },
            now = ticks.tick() => {
                watched.state.tick(now.saturating_duration_since(ticked));
                ticked = now;
                watched.asked = None;
                is_stale = true;
            }
            _ = frames.tick() => {
                let is_connected = session.is_open();
                if is_stale || is_connected != was_connected {
                    watched.draw(&mut terminal, Source { is_connected, ..source })?;
                    (is_stale, was_connected) = (false, is_connected);
                }
            }
        }
    }
}

/// What is watched, and what was asked for to show it.
struct Watched {
    state: State,
    screen: Screen,
    wishes: mpsc::Sender<Wish>,
    /// In this interval.
    asked: Option<Wish>,
}

impl Watched {
    fn update(&mut self, update: Update) {
        let is_count = matches!(update, Update::Counted(_));
        self.state.apply(update);
        if is_count && self.state.is_doubtful() {
            // If there is no room the next count asks again.
            let _ = self.wishes.try_send(Wish::List);
        }
    }

    fn event(&mut self, event: &Event) -> Flow {
        match event {
            Event::Key(key) => self.screen.key(*key, &self.state),
            // Whatever else it is, the frame that is drawn for it is all it takes.
            Event::Resize(..) | Event::Mouse(_) | Event::Paste(_) | Event::FocusGained | Event::FocusLost => {
                Flow::Continue
            }
        }
    }

    fn draw(&mut self, terminal: &mut Terminal, source: Source<'_>) -> Result<()> {
        let members = self.screen.wants_members(&self.state);
        let wish = members.map(|(kind, id)| Wish::Members(kind, id));
        // If there is no room the next frame asks again.
        if let Some(wish) = wish.filter(|wish| self.asked != Some(*wish))
            && self.wishes.try_send(wish).is_ok()
        {
            self.asked = Some(wish);
        }
        terminal.draw(|frame| draw::draw(frame, source, &self.state, &mut self.screen))
    }
}
