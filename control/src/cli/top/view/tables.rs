//! What do the three tables have, and what of it matters most?

use super::super::rates::{DropRate, FlowRate, PortRate};
use super::columns::{Column, Kind, table};
use crate::cli::units::{bit_rate, grouped};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::widgets::Table;
use std::net::IpAddr;

/// A rate in bits, its unit included: `12.3 Gbit/s`.
const BITS: Kind = Kind::Figures(11);

/// Ports, with what they received and sent.
pub(super) fn ports(ports: &[PortRate], area: Rect) -> Table<'static> {
    let column = |title, rank, kind, cell: fn(&PortRate) -> (String, Style)| {
        let styled = |port: &PortRate| {
            let (text, style) = cell(port);
            (text, if port.alive { style } else { style.dim() })
        };
        Column { title, rank, kind, cells: ports.iter().map(styled).collect() }
    };
    let columns = vec![
        column("PORT", 0, Kind::Words(12), |port| {
            plain(if port.alive { port.name.clone() } else { format!("{} (gone)", port.name) })
        }),
        column("RX", 0, BITS, |port| plain(bit_rate(port.received_bits))),
        column("TX", 0, BITS, |port| plain(bit_rate(port.sent_bits))),
        column("RX-FR/S", 2, Kind::Figures(10), |port| plain(count(port.received_frames))),
        column("TX-FR/S", 3, Kind::Figures(10), |port| plain(count(port.sent_frames))),
        column("DROPS/S", 1, Kind::Figures(8), |port| warned(port.dropped)),
        column("UNREAD/S", 4, Kind::Figures(9), |port| warned(port.unread)),
    ];
    table(columns, area.width)
}

/// The busiest flows.
pub(super) fn flows(flows: &[FlowRate], area: Rect) -> Table<'static> {
    let flows = &flows[..flows.len().min(area.height.into())];
    let column = |title, rank, kind, cell: fn(&FlowRate) -> String| {
        let cells = flows.iter().map(|flow| plain(cell(flow))).collect();
        Column { title, rank, kind, cells }
    };
    // From 16 on most addresses of IPv4 are whole.
    let ends = Kind::Ends(if area.width < 60 { 12 } else { 16 });
    let columns = vec![
        column("FLOW", 1, Kind::Words(6), |flow| protocol(flow.protocol)),
        column("FROM", 0, ends, |flow| end(flow.source)),
        column("TO", 0, ends, |flow| end(flow.destination)),
        column("BOTH WAYS", 0, BITS, |flow| bit_rate(flow.bits)),
        column("PACKETS/S", 2, Kind::Figures(9), |flow| count(flow.packets)),
        column("STATE", 3, Kind::Words(11), |flow| flow.state.clone().unwrap_or_default()),
    ];
    table(columns, area.width)
}

/// Drops by reason.
pub(super) fn drops(drops: &[DropRate], area: Rect) -> Table<'static> {
    let column = |title, rank, kind, cell: fn(&DropRate) -> (String, Style)| Column {
        title,
        rank,
        kind,
        cells: drops.iter().map(cell).collect(),
    };
    let columns = vec![
        column("DROPS AT", 1, Kind::Words(12), |drop| plain(drop.port.clone())),
        column("BY S", 0, Kind::Figures(8), |drop| plain(count(drop.by_second))),
        column("SO FAR", 2, Kind::Figures(10), |drop| plain(grouped(drop.total))),
        // As long as the longest reason.
        column("REASON", 0, Kind::Words(20), |drop| plain(drop.reason.clone())),
        column("", 3, Kind::Words(16), |drop| (drop.explanation.clone(), Style::new().dim())),
    ];
    table(columns, area.width)
}

fn plain(text: String) -> (String, Style) {
    (text, Style::new())
}

/// A count that should be zero.
fn warned(by_second: f64) -> (String, Style) {
    let style = if by_second > 0.0 { Style::new().fg(Color::Red) } else { Style::new() };
    (count(by_second), style)
}

/// A rate as a whole number.
pub(super) fn count(by_second: f64) -> String {
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
