//! `udp-bridge top`: what goes on now, on a whole screen.
//!
//! ```text
//!   api ── sample ──> rates ──> view ──> terminal
//!          (now)     (now and    (80 × 24, or down to 40 × 12)
//!                     before)
//! ```
//!
//! It asks as any client does, once an interval, and works all rates out here: the networks do nothing
//! for it between two questions.
//!
//! Limits: the flows of a network are compared one by one up to [`MOST_FLOWS`]; of more, the first so many.

mod rates;
mod sample;
#[cfg(test)]
mod tests;
mod view;

use super::exit::CliError;
use super::known::Known;
use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use rates::{Order, Rates};
use sample::Sample;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// Flows of a network that are asked for at one time: some tens of milliseconds of work.
const MOST_FLOWS: usize = 16_384;

/// Options of `top`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network; all of them when left out
    name: Option<String>,
    /// Seconds between two looks
    #[arg(long, short, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    interval: f64,
}

/// The text is no interval.
#[derive(Debug, thiserror::Error)]
#[error("write seconds from 0.1 to 3600, like 2 or 0.5")]
struct IntervalError;

fn seconds(text: &str) -> Result<f64, IntervalError> {
    let seconds: f64 = text.parse().map_err(|_| IntervalError)?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err(IntervalError) }
}

/// The screen cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Output or input is no terminal.
    #[error("top needs a terminal to draw on; `udp-bridge ps` prints the same counters once")]
    NoTerminal,
    /// The terminal cannot move its cursor.
    #[error(
        "top cannot draw on a terminal of type {0:?} (TERM); set TERM to what it is, like xterm, or use \
         `udp-bridge ps`, which prints the same counters once"
    )]
    Dumb(String),
    /// The terminal does not do what it is told.
    #[error("cannot draw on the terminal: {0}")]
    Draw(#[from] io::Error),
}

/// Shows the screen until `q`, Esc or Ctrl-C.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(ScreenError::NoTerminal.into());
    }
    is_able(std::env::var_os("TERM").unwrap_or_default())?;
    // What is wrong with the name is said on a screen that stays.
    let first = Sample::take(&Known::look()?, options.name.as_deref())?;
    let mut terminal = ratatui::try_init().map_err(ScreenError::from)?;
    let shown = Screen::new(options, first).show(&mut terminal);
    let restored = ratatui::try_restore().map_err(ScreenError::from);
    shown?;
    Ok(restored?)
}

/// Refuses a terminal that is known to have no cursor, or of which nothing is known, as curses does.
fn is_able(term: OsString) -> Result<(), ScreenError> {
    match term.to_string_lossy().into_owned() {
        term if ["", "dumb", "unknown"].contains(&term.as_str()) => Err(ScreenError::Dumb(term)),
        _ => Ok(()),
    }
}

/// What is on the screen, and what the keys have changed of it.
struct Screen<'o> {
    options: &'o Options,
    last: Sample,
    rates: Rates,
    order: Order,
    paused: bool,
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Quit,
    Sort,
    Pause,
    /// Nothing but to be drawn anew.
    Draw,
}

impl<'o> Screen<'o> {
    fn new(options: &'o Options, first: Sample) -> Self {
        let rates = Rates::between(&first, &first, Order::Traffic);
        Self { options, last: first, rates, order: Order::Traffic, paused: false }
    }

    fn show(mut self, terminal: &mut DefaultTerminal) -> Result<(), CliError> {
        let interval = Duration::from_secs_f64(self.options.interval);
        let mut due = Instant::now() + interval;
        loop {
            let state = view::State { order: self.order, paused: self.paused };
            terminal
                .draw(|frame| view::draw(frame, &self.rates, state))
                .map_err(ScreenError::from)?;
            match wish_until(due)? {
                Some(Wish::Quit) => return Ok(()),
                Some(Wish::Sort) => {
                    self.order = self.order.next();
                    self.rates.sort(self.order);
                }
                Some(Wish::Pause) => self.paused = !self.paused,
                Some(Wish::Draw) => {}
                None => {
                    due = Instant::now() + interval;
                    if !self.paused {
                        self.look()?;
                    }
                }
            }
        }
    }

    fn look(&mut self) -> Result<(), CliError> {
        let now = Sample::take(&Known::look()?, self.options.name.as_deref())?;
        self.rates = Rates::between(&self.last, &now, self.order);
        self.last = now;
        Ok(())
    }
}

/// What the user wishes before `due`, if anything.
fn wish_until(due: Instant) -> Result<Option<Wish>, ScreenError> {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if !event::poll(left)? {
            return Ok(None);
        }
        if let Some(wish) = wish(&event::read()?) {
            return Ok(Some(wish));
        }
    }
}

fn wish(event: &Event) -> Option<Wish> {
    let key = match event {
        Event::Resize(..) => return Some(Wish::Draw),
        Event::Key(key) if key.kind == KeyEventKind::Press => key,
        _ => return None,
    };
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::Quit),
        KeyCode::Char('s') => Some(Wish::Sort),
        KeyCode::Char(' ') => Some(Wish::Pause),
        _ => None,
    }
}
