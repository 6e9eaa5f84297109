//! How does it look?
//!
//! Made for 80 columns and 24 lines; more room shows more rows, and less cuts them.

use super::rates::{DropRate, FlowRate, Order, PortRate, Rates};
use crate::cli::units::{bit_rate, grouped, span};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row, Table};
use std::net::IpAddr;
use std::ops::Add;

/// What the keys have chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    pub(super) order: Order,
    pub(super) paused: bool,
}

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
    let port_lines = u16::try_from(rates.ports.len() + 2).unwrap_or(u16::MAX);
    let is_small = frame.area().height < USUAL_LINES;
    let (flow_lines, drop_lines) = if is_small { KEPT_LINES_SMALL } else { KEPT_LINES };
    let [head, ports, flows, drops, tables, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Max(port_lines),
        Constraint::Min(flow_lines),
        Constraint::Length(drop_lines),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(heading(rates, state)), head);
    frame.render_widget(ports_table(&rates.ports), ports);
    frame.render_widget(flows_table(&rates.flows, flows), flows);
    frame.render_widget(drops_table(&rates.drops), drops);
    frame.render_widget(Paragraph::new(fills(rates)), tables);
    frame.render_widget(Paragraph::new(key_line(state)), keys);
}

fn heading(rates: &Rates, state: State) -> Line<'static> {
    let names: Vec<String> =
        rates.networks.iter().map(|(name, up)| format!("{name} up {}", span(*up))).collect();
    let names = match names.len() {
        0 => "no network is up".to_owned(),
        1..=3 => names.join(", "),
        many => format!("{} and {} more", names[0], many - 1),
    };
    // From 0.0 on: the sum of nothing is -0.0.
    let sum = |value: fn(&PortRate) -> f64| rates.ports.iter().map(value).fold(0.0, f64::add);
    let frames = sum(|port| port.received_frames);
    let text = format!(
        "{names}  {}  {} frames/s  {} dropped/s",
        bit_rate(sum(|port| port.received_bits)),
        count(frames),
        count(sum(|port| port.dropped)),
    );
    let line = Line::from(text).bold();
    if state.paused { line + "  PAUSED".yellow() } else { line }
}

fn ports_table(ports: &[PortRate]) -> Table<'static> {
    let rows = ports.iter().map(|port| {
        let name = if port.alive { port.name.clone() } else { format!("{} (gone)", port.name) };
        let row = Row::new([
            Cell::from(name),
            right(bit_rate(port.received_bits)),
            right(bit_rate(port.sent_bits)),
            right(count(port.received_frames)),
            right(count(port.sent_frames)),
            warned(port.dropped),
            warned(port.unread),
        ]);
        if port.alive { row } else { row.dim() }
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(12),
        Constraint::Length(12),
        Constraint::Length(10),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(9),
    ];
    let names = ["RX", "TX", "RX-FR/S", "TX-FR/S", "DROPS/S", "UNREAD/S"];
    table(rows, widths, "PORT", names)
}

fn flows_table(flows: &[FlowRate], area: Rect) -> Table<'static> {
    let shown = flows.iter().take(usize::from(area.height));
    let rows = shown.map(|flow| {
        Row::new([
            Cell::from(protocol(flow.protocol)),
            Cell::from(end(flow.source)),
            Cell::from(end(flow.destination)),
            right(bit_rate(flow.bits)),
            right(count(flow.packets)),
            Cell::from(flow.state.clone().unwrap_or_default()),
        ])
    });
    let widths = [
        Constraint::Length(6),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Length(12),
        Constraint::Length(9),
        Constraint::Length(11),
    ];
    let style = Style::new().reversed();
    let header = Row::new([
        Cell::from("FLOW"),
        Cell::from("FROM"),
        Cell::from("TO"),
        right("BOTH WAYS".to_owned()),
        right("PACKETS/S".to_owned()),
        Cell::from("STATE"),
    ]);
    Table::new(rows, widths).header(header.style(style))
}

fn drops_table(drops: &[DropRate]) -> Table<'static> {
    let rows = drops.iter().map(|drop| {
        Row::new([
            Cell::from(drop.port.clone()),
            right(count(drop.by_second)),
            right(grouped(drop.total)),
            Cell::from(drop.reason.clone()),
            Cell::from(drop.explanation.clone()).dim(),
        ])
    });
    let widths = [
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(10),
        Constraint::Length(18),
        Constraint::Fill(1),
    ];
    let header = Row::new([
        Cell::from("DROPS AT"),
        right("BY S".to_owned()),
        right("SO FAR".to_owned()),
        Cell::from("REASON"),
        Cell::from(""),
    ]);
    Table::new(rows, widths).header(header.style(Style::new().reversed()))
}

fn table<'r, const N: usize, const M: usize>(
    rows: impl Iterator<Item = Row<'r>>,
    widths: [Constraint; N],
    first: &'static str,
    others: [&'static str; M],
) -> Table<'r> {
    let others = others.into_iter().map(|name| right(name.to_owned()));
    let header = Row::new(std::iter::once(Cell::from(first)).chain(others));
    Table::new(rows, widths).header(header.style(Style::new().reversed()))
}

/// The fullest tables, as many as a line holds.
fn fills(rates: &Rates) -> Line<'static> {
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
        line += if share(used, limit) >= NEARLY_FULL { text.red() } else { text.into() };
    }
    line
}

fn key_line(state: State) -> Line<'static> {
    Line::from(format!("q quit   s sort (by {})   space pause", state.order.word())).dim()
}

fn right(text: String) -> Cell<'static> {
    Cell::from(Text::from(text).alignment(Alignment::Right))
}

/// A count that should be zero.
fn warned(by_second: f64) -> Cell<'static> {
    let cell = right(count(by_second));
    if by_second > 0.0 { cell.style(Style::new().fg(Color::Red)) } else { cell }
}

fn count(by_second: f64) -> String {
    // A rate below 2^53 a second.
    grouped(by_second.round() as u64)
}

fn end((address, port): (IpAddr, Option<u16>)) -> String {
    match (address, port) {
        (address, None) => address.to_string(),
        (IpAddr::V4(address), Some(port)) => format!("{address}:{port}"),
        (IpAddr::V6(address), Some(port)) => format!("[{address}]:{port}"),
    }
}

fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        58 => "icmpv6".to_owned(),
        other => other.to_string(),
    }
}
