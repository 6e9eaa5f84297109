//! How does it look?
//!
//! Made for 80 columns and 24 lines. More room shows more rows and longer words; less leaves out rows and
//! the columns that matter least, and never cuts a figure. Below [`LEAST`] it only says so.
//!
//! * [`columns`]: which columns fit.
//! * [`tables`]: what they have.

mod columns;
mod tables;

use super::rates::{Order, PortRate, Rates};
use crate::cli::units::{bit_rate, grouped, span};
use columns::shortened;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Size};
use ratatui::style::Stylize;
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};
use std::ops::Add;
use tables::count;

/// What the keys have chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) order: Order,
    pub(super) paused: bool,
}

/// The smallest terminal that it is drawn on: the columns that are never left out, and a row of each
/// table.
pub(super) const LEAST: Size = Size { width: 40, height: 12 };

/// Lines that are kept free of flows and of drops, their headings included.
const KEPT_LINES: (u16, u16) = (6, 5);
/// The same on a screen with fewer lines than [`USUAL_LINES`], so that there is room for ports too.
const KEPT_LINES_SMALL: (u16, u16) = (3, 3);
/// As many as a terminal usually has.
const USUAL_LINES: u16 = 24;
/// From here on a table is shown as nearly full.
const NEARLY_FULL: f64 = 0.8;

/// Draws the whole screen.
pub(super) fn draw(frame: &mut Frame<'_>, rates: &Rates, state: State) {
    let area = frame.area();
    if area.width < LEAST.width || area.height < LEAST.height {
        let Size { width, height } = LEAST;
        let text = format!("the terminal is too small (needs {width}x{height})");
        return frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
    }
    let port_lines = u16::try_from(rates.ports.len() + 2).unwrap_or(u16::MAX);
    let is_small = area.height < USUAL_LINES;
    let (flow_lines, drop_lines) = if is_small { KEPT_LINES_SMALL } else { KEPT_LINES };
    let [head, ports, flows, drops, fill, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Max(port_lines),
        Constraint::Min(flow_lines),
        Constraint::Length(drop_lines),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    let width = usize::from(area.width);
    frame.render_widget(Paragraph::new(heading(rates, state, width)), head);
    frame.render_widget(tables::ports(&rates.ports, ports), ports);
    frame.render_widget(tables::flows(&rates.flows, flows), flows);
    frame.render_widget(tables::drops(&rates.drops, drops), drops);
    frame.render_widget(Paragraph::new(fills(rates, width)), fill);
    frame.render_widget(Paragraph::new(key_line(state, width)), keys);
}

/// On one line, or on two if that is too narrow.
fn heading(rates: &Rates, state: State, width: usize) -> Text<'static> {
    let names: Vec<String> =
        rates.networks.iter().map(|(name, up)| format!("{name} up {}", span(*up))).collect();
    let names = match names.len() {
        0 => "no network is up".to_owned(),
        1..=3 => names.join(", "),
        many => format!("{} and {} more", names[0], many - 1),
    };
    // From 0.0 on: the sum of nothing is -0.0.
    let sum = |value: fn(&PortRate) -> f64| rates.ports.iter().map(value).fold(0.0, f64::add);
    let rate = bit_rate(sum(|port| port.received_bits));
    let frames = format!("{} frames/s", count(sum(|port| port.received_frames)));
    let dropped = format!("{} dropped/s", count(sum(|port| port.dropped)));
    let paused = if state.paused { "  PAUSED" } else { "" };
    let all = format!("{names}  {rate}  {frames}  {dropped}");
    let with_paused =
        |text: String| Line::from(vec![Span::from(text).bold(), Span::from(paused).yellow()]);
    if all.chars().count() + paused.len() <= width {
        return with_paused(all).into();
    }
    let names = shortened(&names, width - paused.len());
    let whole = format!("{rate}  {frames}  {dropped}");
    let figures =
        if whole.len() <= width { whole } else { whole_parts(vec![rate, dropped], width) };
    Text::from(vec![with_paused(names), Line::from(figures).bold()])
}

/// The fullest tables, as many as a line holds.
fn fills(rates: &Rates, width: usize) -> Line<'static> {
    let share = |used: u64, limit: u64| if limit == 0 { 0.0 } else { used as f64 / limit as f64 };
    let mut fills: Vec<_> = rates.fills.iter().filter(|it| it.fill.limit > 0).collect();
    fills.sort_by(|a, b| {
        share(b.fill.used, b.fill.limit).total_cmp(&share(a.fill.used, a.fill.limit))
    });
    let mut line = Line::from("Tables:");
    for fill in fills {
        let (used, limit) = (fill.fill.used, fill.fill.limit);
        let text =
            format!("  {} {} {} of {}", fill.network, fill.table, grouped(used), grouped(limit));
        if line.width() + text.chars().count() > width {
            break;
        }
        line += if share(used, limit) >= NEARLY_FULL { text.red() } else { text.into() };
    }
    line
}

fn key_line(state: State, width: usize) -> Line<'static> {
    let sort = format!("s sort (by {})", state.order.word());
    let keys = vec!["q quit".to_owned(), sort, "space pause".to_owned()];
    Line::from(whole_parts(keys, width)).dim()
}

/// As many of these, from the first on, as fit whole.
fn whole_parts(parts: Vec<String>, width: usize) -> String {
    let join = |before: String, part: String| {
        let longer = if before.is_empty() { part } else { format!("{before}  {part}") };
        if longer.chars().count() <= width { Ok(longer) } else { Err(before) }
    };
    parts.into_iter().try_fold(String::new(), join).unwrap_or_else(|fitting| fitting)
}
