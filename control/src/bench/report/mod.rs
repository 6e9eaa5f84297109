//! How does the result look on a terminal?
//!
//! A line for each figure and system, so that any number of systems fits 80 columns. What to know about
//! the figures stands below it: `notes`.

mod notes;

pub(super) use notes::notes;

use super::conditions::InterfaceState;
use super::figure::Better;
use super::measurement::{Cell, Measurement, Row};
use super::stats::Summary;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;

const COLUMNS: [&str; 7] =
    ["WORKLOAD", "UNIT", "SYSTEM", "MEDIAN (MIN–MAX)", "RATIO", "CPU", "CPU PER"];

/// The whole report: the conditions, the table, what to know about it.
pub(super) fn text(measurement: &Measurement) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for (name, value) in conditions(measurement) {
        let _ = writeln!(text, "{name:<11}  {value}");
    }
    text.push('\n');
    text.push_str(&table(&measurement.rows()));
    text.push('\n');
    for note in notes(measurement) {
        let _ = writeln!(text, "{note}");
    }
    text
}

/// What it was measured on and how, as pairs of a name and a value.
pub(super) fn conditions(measurement: &Measurement) -> Vec<(String, String)> {
    let Measurement { machine, settings, .. } = measurement;
    let congestion = measurement.congestion().join(", ");
    let mitigations = mitigations(&machine.mitigations);
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let busy =
        format!("{:.0} % of it busy with other things before", measurement.busy_before * 100.0);
    let span = round_to(settings.seconds, 2);
    let mut lines = vec![
        ("kernel".to_owned(), machine.kernel.clone()),
        ("processor".to_owned(), format!("{}, {} cores, {busy}", machine.cpu, machine.cores)),
        ("mitigations".to_owned(), or_dash(mitigations)),
        (
            "rounds".to_owned(),
            format!("{} of {span} s after {} s, in turns", settings.rounds, settings.warm_up),
        ),
        ("MTU".to_owned(), settings.mtu.to_string()),
        ("congestion".to_owned(), or_dash(congestion)),
    ];
    for label in &measurement.labels {
        let standing = measurement.standings.iter().find(|it| it.system == label.system);
        let interfaces = standing.map(|it| interfaces(&it.interfaces)).unwrap_or_default();
        let relays = standing.and_then(|it| it.congestion.as_ref());
        let relays = relays.map(|it| format!("; relays by {it}")).unwrap_or_default();
        lines.push((label.system.to_string(), format!("{}{interfaces}{relays}", label.label)));
    }
    lines
}

/// The names of the processor's flaws, those first that nothing is done about.
fn mitigations(flaws: &[String]) -> String {
    let (mut open, mut done) = (Vec::new(), Vec::new());
    for (name, state) in flaws.iter().filter_map(|flaw| flaw.split_once(": ")) {
        if state.starts_with("Mitigation") { done.push(name) } else { open.push(name) }
    }
    let open = (!open.is_empty()).then(|| format!("off for {}", open.join(", ")));
    let done = (!done.is_empty()).then(|| format!("on for {}", done.join(", ")));
    open.into_iter().chain(done).collect::<Vec<_>>().join("; ")
}

fn round_to(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `; 3× eth0 tx sg tso`.
fn interfaces(states: &[InterfaceState]) -> String {
    let each = |state: &InterfaceState| {
        let offloads = match &state.offloads {
            None => "offloads unknown".to_owned(),
            Some(all) if all.is_empty() => "no offloads".to_owned(),
            Some(all) => all.join(" "),
        };
        format!("{}× {} {offloads}", state.count, state.name)
    };
    let all: Vec<String> = states.iter().map(each).collect();
    if all.is_empty() { String::new() } else { format!("; {}", all.join(", ")) }
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(COLUMNS);
    for row in rows {
        for (index, cell) in row.cells.iter().enumerate() {
            table.add_row(cells(row, cell, index == 0));
        }
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (3..6).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The line of one system; only the first of a row repeats what is the row's.
fn cells(row: &Row, cell: &Cell, first: bool) -> [String; 7] {
    let arrow = if row.better == Better::Lower { " ↓" } else { "  " };
    let ratio = cell.ratio.map_or_else(|| "-  ".to_owned(), |ratio| format!("{ratio:.2}{arrow}"));
    [
        if first { row.name.clone() } else { String::new() },
        if first { row.unit.to_owned() } else { String::new() },
        cell.system.to_string(),
        cell.summary.map_or_else(|| "failed".to_owned(), spread),
        ratio,
        cell.cpu.map_or_else(|| "-".to_owned(), number),
        row.cpu_unit.filter(|_| cell.cpu.is_some()).unwrap_or("-").to_owned(),
    ]
}

fn spread(summary: Summary) -> String {
    let Summary { median, min, max } = summary;
    if min == max {
        return number(median);
    }
    format!("{} ({}–{})", number(median), number(min), number(max))
}

/// Three digits, as far as they go.
pub(super) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::Failure;
    use crate::bench::measurement::tests::{alone, example};
    use crate::bench::system::System;

    #[test]
    fn the_report_has_conditions_a_table_and_notes() {
        assert_eq!(
            text(&example()),
            "\
kernel       6.18.0
processor    Some CPU, 2 cores, 1 % of it busy with other things before
mitigations  off for retbleed
rounds       2 of 2 s after 0.3 s, in turns
MTU          1500
congestion   cubic
ours         udp-bridge 0.1.0; 2× eth0 tx tso
kernel       Linux 6.18.0, bridge and veth; 2× eth0 tx tso

WORKLOAD                   UNIT    SYSTEM  MEDIAN (MIN–MAX)   RATIO    CPU  CPU PER
tcp-1                      Gbit/s  ours    44.0 (40.0–48.0)  0.55    0.367  s/GB
                                   kernel              80.0  1.00    0.200  s/GB
tcp-rr p50                 µs      ours    11.0 (10.0–12.0)  0.55 ↓   44.0  s/M trips
                                   kernel              20.0  1.00 ↓   80.0  s/M trips
tcp-rr p90                 µs      ours    12.1 (11.0–13.2)  0.55 ↓      -  -
                                   kernel              22.0  1.00 ↓      -  -
tcp-rr p99                 µs      ours    55.0 (50.0–60.0)  0.55 ↓      -  -
                                   kernel               100  1.00 ↓      -  -
tcp-rr p99.9               µs      ours       110 (100–120)  0.55 ↓      -  -
                                   kernel               200  1.00 ↓      -  -
udp-18                     kpps    ours       220 (200–240)  0.55     9.17  s/M packets
                                   kernel               400  1.00     5.00  s/M packets
udp-18 lost                %       ours    72.5 (70.0–75.0)  1.45 ↓      -  -
                                   kernel              50.0  1.00 ↓      -  -
set-up, 2 ports, MTU 1500  ms      ours                10.0  1.00 ↓      -  -
                                   kernel              10.0  1.00 ↓      -  -
memory, 2 ports, MTU 1500  MiB     ours                6.00     -        -  -

Medians over the rounds. RATIO is to the kernel's figure; ↓ marks where lower is better.
CPU is the whole machine's busy time: it means something on a quiet machine only.
"
        );
    }

    #[test]
    fn without_a_kernel_bridge_there_are_no_ratios_and_it_is_told_why() {
        let text = text(&alone());
        let tcp = text.lines().find(|line| line.starts_with("tcp-1")).unwrap();
        assert!(tcp.ends_with("ours    44.0 (40.0–48.0)    -    0.367  s/GB"), "{tcp}");
        assert!(text.ends_with("kernel is missing: this kernel has no bridge\n"));
    }

    #[test]
    fn what_failed_is_in_its_column_and_told_below() {
        let mut measurement = alone();
        let workload = measurement.settings.workloads[0];
        let why = "no route".to_owned();
        measurement.failures = vec![Failure { round: 2, workload, system: System::Vde, why }];
        let text = text(&measurement);
        assert!(text.contains("vde               failed    -"), "{text}");
        assert!(text.ends_with("tcp-1 failed on vde in round 2: no route\n"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [0.0, 0.0456, 0.9996, 1.234, 9.996, 12.34, 99.96, 1234.5].map(number);
        assert_eq!(numbers, ["0.000", "0.046", "1.00", "1.23", "10.0", "12.3", "100", "1234"]);
    }
}
