//! The terminal while `top` has it: raw, on its other screen, and given back whatever happens.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ratatui::crossterm::event::{self, Event};
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::mpsc;

/// How many keys wait to be looked at.
const KEYS_MAX: usize = 64;

/// How soon the reader of keys notices that nobody wants them any more.
const PATIENCE: Duration = Duration::from_millis(100);

/// The terminal. It is given back when this is dropped, and before a panic is told.
pub(crate) struct Terminal {
    terminal: DefaultTerminal,
    _given_back: GivenBack,
}

struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        // Before a panic was told, it was given back; doing so twice would write over what was told.
        if !thread::panicking() {
            // Where it can't be given back it is gone.
            let _ = ratatui::try_restore();
        }
    }
}

impl Terminal {
    /// Takes the terminal; gives what is typed, too. A task of its own reads that.
    pub(crate) fn take() -> Result<(Self, mpsc::Receiver<Event>)> {
        if !io::stdout().is_terminal() {
            bail!("top is for a terminal, which stdout isn't; --once prints what it would show");
        }
        // Made first, so that a terminal which is half taken is given back.
        let given_back = GivenBack;
        let terminal = ratatui::try_init().context("can't take the terminal")?;
        let (sender, typed) = mpsc::channel(KEYS_MAX);
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(move || read(&sender))
            .context("can't read keys")?;
        Ok((Terminal { terminal, _given_back: given_back }, typed))
    }

    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.terminal.draw(draw).context("can't draw on the terminal")?;
        Ok(())
    }
}

/// Reads until nobody wants to know, or the terminal is gone.
fn read(typed: &mpsc::Sender<Event>) {
    while !typed.is_closed() {
        match event::poll(PATIENCE) {
            Ok(false) => {}
            Ok(true) => {
                let Ok(event) = event::read() else { return };
                if typed.blocking_send(event).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
