//! What the screen says, drawn into memory.

use super::rates::{Order, Rates};
use super::sample::{NetworkSample, Sample};
use super::view::{self, State};
use super::{Wish, seconds, wish};
use crate::api::flow::tests::infos;
use crate::api::protocol::{FillInfo, TablesInfo};
use crate::cli::examples;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::time::{Duration, Instant};

fn network() -> NetworkSample {
    let tables = TablesInfo {
        fdb: FillInfo { used: 7_000, limit: 8_192 },
        flows: FillInfo { used: 2, limit: 262_144 },
        nat_ports: 1,
    };
    NetworkSample { network: examples::network(), ports: examples::ports(), tables, flows: infos() }
}

/// Two samples, two seconds apart: the host's port has sent a gigabyte, the other dropped ten frames.
fn samples() -> (Sample, Sample) {
    let at = Instant::now();
    let before = Sample { at, networks: vec![network()] };
    let mut now = Sample { at: at + Duration::from_secs(2), networks: vec![network()] };
    let [host, first] = &mut now.networks[0].ports[..] else { panic!("two ports") };
    host.counters.received_bytes += 1_000_000_000;
    host.counters.received_frames += 20_000;
    first.counters.drops[0].frames += 10;
    first.counters.dropped_frames += 10;
    for flow in &mut now.networks[0].flows {
        flow.original.bytes += 250_000;
        flow.original.packets += 200;
    }
    (before, now)
}

fn screen(rates: &Rates, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let state = State { order: Order::Traffic, paused: false };
    terminal.draw(|frame| view::draw(frame, rates, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(usize::from(width));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect()).collect()
}

fn line<'s>(screen: &'s [String], begin: &str) -> &'s str {
    let found = screen.iter().find(|line| line.trim_start().starts_with(begin));
    found.unwrap_or_else(|| panic!("no line {begin:?} in\n{}", screen.join("\n")))
}

#[test]
fn everything_is_seen_on_eighty_columns_and_twenty_four_lines() {
    let (before, now) = samples();
    let rates = Rates::between(&before, &now, Order::Traffic);
    let screen = screen(&rates, 80, 24);
    assert!(line(&screen, "ub0 up 2m03s").contains("4.00 Gbit/s  10,000 frames/s  5 dropped/s"));
    let host = line(&screen, "ub0 ");
    assert!(host.contains("up"), "{host}");
    let gone = line(&screen, "ub0-1 (gone)");
    assert!(gone.trim_end().ends_with("5         0"), "{gone:?}");
    assert!(line(&screen, "tcp").contains("1.00 Mbit/s"), "{}", screen.join("\n"));
    let drop = screen.iter().find(|line| line.contains("zero-source-mac")).unwrap();
    assert!(drop.contains(" 5 ") && drop.contains(" 12 "), "{drop}");
    assert!(line(&screen, "Tables:").contains("ub0 FDB 7,000 of 8,192  ub0 flows 2 of 262,144"));
    assert!(line(&screen, "q quit").contains("by traffic"));
}

#[test]
fn no_size_panics() {
    let (before, now) = samples();
    let rates = Rates::between(&before, &now, Order::Traffic);
    for (width, height) in [(1, 1), (20, 5), (40, 12), (79, 23), (300, 100)] {
        assert_eq!(screen(&rates, width, height).len(), usize::from(height));
    }
}

/// Figures with many digits, names and addresses as long as they can be.
fn long() -> Rates {
    let (before, now) = samples();
    let mut rates = Rates::between(&before, &now, Order::Traffic);
    for port in &mut rates.ports {
        port.name = "a-name-of-15-ch".to_owned();
        (port.received_bits, port.sent_bits) = (9.87e9, 12.3e9);
        (port.received_frames, port.sent_frames) = (1_234_567.0, 7_654_321.0);
        (port.dropped, port.unread) = (123_456_789.0, 1_234_567.0);
    }
    for flow in &mut rates.flows {
        (flow.bits, flow.packets) = (99.9e9, 7_777_777.0);
        flow.source = ("2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap(), Some(54_321));
        flow.destination = ("192.168.100.200".parse().unwrap(), Some(65_432));
    }
    for drop in &mut rates.drops {
        (drop.by_second, drop.total) = (123_456_789.0, 98_765_432_101);
        drop.reason = "static-mac-elsewhere".to_owned();
    }
    rates
}

/// No figure but these is on any screen: a piece of one would be another.
#[test]
fn a_figure_is_shown_whole_or_not_at_all() {
    let whole = "1,234,567 7,654,321 123,456,789 246,913,578 2,469,134 7,777,777 98,765,432,101 9.87 \
                 12.3 19.7 99.9 7,000 8,192 2 262,144 47";
    let whole: Vec<&str> = whole.split(' ').collect();
    let rates = long();
    for width in 40..200 {
        let screen = screen(&rates, width, 24);
        let all = screen.join("\n");
        let words = screen.iter().skip(1).flat_map(|line| line.split_whitespace());
        for word in
            words.filter(|word| word.chars().all(|c| c.is_ascii_digit() || ",.".contains(c)))
        {
            assert!(whole.contains(&word), "{word:?} at {width} columns:\n{all}");
        }
        for needed in ["9.87 Gbit/s", "99.9 Gbit/s", ":54321", ":65432", "static-mac-elsewhere"] {
            assert!(all.contains(needed), "no {needed} at {width} columns:\n{all}");
        }
    }
}

#[test]
fn narrower_screens_leave_out_what_matters_least() {
    let (before, now) = samples();
    let rates = Rates::between(&before, &now, Order::Traffic);
    let titles = |width| {
        line(&screen(&rates, width, 20), "PORT").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(titles(80), "PORT RX TX RX-FR/S TX-FR/S DROPS/S UNREAD/S");
    assert_eq!(titles(60), "PORT RX TX RX-FR/S DROPS/S");
    assert_eq!(titles(50), "PORT RX TX DROPS/S");
    assert_eq!(titles(40), "PORT RX TX");
    let narrow = screen(&rates, 40, 15);
    assert!(narrow[0].starts_with("ub0 up 2m03s") && narrow[1].starts_with("4.00 Gbit/s"));
    assert!(narrow[1].contains("5 dropped/s"), "{narrow:?}");
    assert!(line(&narrow, "q quit").contains("space pause"));
    assert!(line(&narrow, "Tables:").trim_end().ends_with("FDB 7,000 of 8,192"));
}

#[test]
fn a_terminal_that_is_too_small_is_told_what_it_needs() {
    let (before, now) = samples();
    let rates = Rates::between(&before, &now, Order::Traffic);
    assert!(line(&screen(&rates, 39, 24), "the terminal").contains("too small (needs 40x12)"));
    assert!(line(&screen(&rates, 80, 11), "the terminal").contains("too small (needs 40x12)"));
    let words: Vec<String> = screen(&rates, 20, 5);
    assert!(words.concat().contains("too small"), "{words:?}");
}

#[test]
fn what_was_there_before_the_first_look_is_no_rate() {
    let (_, now) = samples();
    let none = Sample { at: now.at - Duration::from_secs(1), networks: Vec::new() };
    let rates = Rates::between(&none, &now, Order::Traffic);
    assert!(rates.ports.iter().all(|port| port.received_bits == 0.0 && port.dropped == 0.0));
    assert!(rates.flows.iter().all(|flow| flow.bits == 0.0));
}

#[test]
fn a_flow_that_began_since_counts_from_zero_and_so_does_a_count_that_went_back() {
    let (mut before, now) = samples();
    before.networks[0].flows.clear();
    before.networks[0].ports[0].counters.received_frames = u64::MAX;
    let rates = Rates::between(&before, &now, Order::Traffic);
    let bytes = |half: &crate::api::flow::FlowHalf| half.bytes;
    let most =
        now.networks[0].flows.iter().map(|flow| bytes(&flow.original) + bytes(&flow.reply)).max();
    assert_eq!(rates.flows[0].bits, most.unwrap() as f64 * 4.0);
    let host = rates.ports.iter().find(|port| port.name == "ub0").unwrap();
    assert_eq!(host.received_frames, 10_000.0);
}

#[test]
fn ports_are_sorted_as_asked_for() {
    let (before, now) = samples();
    let mut rates = Rates::between(&before, &now, Order::Traffic);
    let first = |rates: &Rates| rates.ports[0].name.clone();
    assert_eq!(first(&rates), "ub0");
    rates.sort(Order::Drops);
    assert_eq!(first(&rates), "ub0-1");
    rates.sort(Order::Number);
    assert_eq!(first(&rates), "ub0");
    assert_eq!(Order::Traffic.next().next().next(), Order::Traffic);
}

#[test]
fn keys_mean_what_the_last_line_says() {
    let key = |code, modifiers| wish(&Event::Key(KeyEvent::new(code, modifiers)));
    assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Wish::Quit));
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Wish::Quit));
    assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
    assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), Some(Wish::Pause));
    assert_eq!(wish(&Event::Resize(80, 24)), Some(Wish::Draw));
}

#[test]
fn where_there_is_no_network_nothing_is_no_less_than_nothing() {
    let none = screen(&Rates::default(), 80, 24);
    assert!(line(&none, "no network is up").contains("  0 bit/s  0 frames/s  0 dropped/s"));
}

#[test]
fn a_small_screen_shows_ports_first() {
    let (before, now) = samples();
    let small = screen(&Rates::between(&before, &now, Order::Traffic), 60, 15);
    for needed in ["PORT ", "ub0 ", "ub0-1 ", "FLOW ", "tcp ", "DROPS AT ", "Tables:", "q quit"] {
        line(&small, needed);
    }
}

#[test]
fn an_interval_has_bounds() {
    assert_eq!(seconds("0.5").unwrap(), 0.5);
    for wrong in ["0", "-1", "1e9", "NaN", "often"] {
        assert!(seconds(wrong).is_err(), "{wrong}");
    }
}
