//! How does the result look?

use super::figure::Better;
use super::measurement::{Measurement, Row};
use super::path::Bridge;
use super::rounds::CONGESTION;
use super::stats::Summary;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use std::fmt::Write;

const COLUMNS: [&str; 8] = [
    "WORKLOAD",
    "UNIT",
    "OURS (MIN–MAX)",
    "KERNEL (MIN–MAX)",
    "RATIO",
    "CPU OURS",
    "CPU KERNEL",
    "CPU PER",
];

/// A machine busier than this before the start is not quiet.
const QUIET: f64 = 0.05;

/// The whole report: the conditions, the table, what to know about it.
pub(super) fn text(measurement: &Measurement) -> String {
    let mut text = conditions(measurement);
    text.push('\n');
    text.push_str(&table(&measurement.rows()));
    text.push('\n');
    for note in notes(measurement) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{note}");
    }
    text
}

fn conditions(measurement: &Measurement) -> String {
    let Measurement { machine, settings, .. } = measurement;
    let congestion = measurement.congestion().join(", ");
    let lines = [
        ("kernel", machine.kernel.clone()),
        ("processor", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("rounds", format!("{} of {} s, in turns", settings.rounds, settings.seconds)),
        ("MTU", settings.mtu.to_string()),
        ("congestion", if congestion.is_empty() { "-".to_owned() } else { congestion }),
        ("offloads", measurement.offloads.join(" ")),
    ];
    lines.iter().map(|(name, value)| format!("{name:<10}  {value}\n")).collect()
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(COLUMNS);
    for row in rows {
        table.add_row(cells(row));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (2..7).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn cells(row: &Row) -> [String; 8] {
    let none = || "-".to_owned();
    let arrow = if row.better == Better::Lower { " ↓" } else { "  " };
    let ratio = row.ratio.map_or_else(|| "-  ".to_owned(), |ratio| format!("{ratio:.2}{arrow}"));
    let cpu = |value: Option<f64>| value.map_or_else(none, number);
    [
        row.name.clone(),
        row.unit.to_owned(),
        row.ours.map_or_else(none, spread),
        row.kernel.map_or_else(none, spread),
        ratio,
        cpu(row.cpu_ours),
        cpu(row.cpu_kernel),
        row.cpu_unit.unwrap_or("-").to_owned(),
    ]
}

fn spread(summary: Summary) -> String {
    let Summary { median, min, max } = summary;
    format!("{} ({}–{})", number(median), number(min), number(max))
}

/// Three digits, as far as they go.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

fn notes(measurement: &Measurement) -> Vec<String> {
    let mut notes = vec![
        "Medians over the rounds. RATIO is ours to the kernel's; ↓ marks where lower is better."
            .to_owned(),
        "CPU is the whole machine's busy time: it means something on a quiet machine only."
            .to_owned(),
    ];
    if measurement.busy_before > QUIET {
        notes.push(format!(
            "The machine was {:.0} % busy before this began: measure again when it is quiet.",
            measurement.busy_before * 100.0
        ));
    }
    let congestion = measurement.congestion();
    if congestion.iter().any(|name| *name != CONGESTION) {
        notes.push(format!(
            "The TCP figures are of {}, not of {CONGESTION}, which this kernel lacks or does not \
             allow: load tcp_{CONGESTION} and list it in net.ipv4.tcp_allowed_congestion_control \
             of the machine.",
            congestion.join(" and ")
        ));
    }
    let alone = measurement.samples.iter().all(|sample| sample.bridge == Bridge::Ours);
    for why in &measurement.kernel_missing {
        let lacking = if alone { "There is" } else { "Some rows have" };
        notes.push(format!("{lacking} nothing to compare with: {why}."));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::{alone, example};

    #[test]
    fn the_report_has_conditions_a_table_and_notes() {
        assert_eq!(
            text(&example()),
            "\
kernel      6.18.0
processor   Some CPU, 2 cores
rounds      2 of 2 s, in turns
MTU         1500
congestion  cubic
offloads    checksum tso4

WORKLOAD      UNIT      OURS (MIN–MAX)  KERNEL (MIN–MAX)   RATIO  CPU OURS  CPU KERNEL  CPU PER
tcp-1         Gbit/s  44.0 (40.0–48.0)  80.0 (80.0–80.0)  0.55       0.367       0.200  s/GB
tcp-rr p50    µs      11.0 (10.0–12.0)  20.0 (20.0–20.0)  0.55 ↓      44.0        80.0  s/M trips
tcp-rr p90    µs      12.1 (11.0–13.2)  22.0 (22.0–22.0)  0.55 ↓         -           -  -
tcp-rr p99    µs      55.0 (50.0–60.0)     100 (100–100)  0.55 ↓         -           -  -
tcp-rr p99.9  µs         110 (100–120)     200 (200–200)  0.55 ↓         -           -  -
udp-18        kpps       220 (200–240)     400 (400–400)  0.55        9.17        5.00  s/M packets
udp-18 lost   %       72.5 (70.0–75.0)  50.0 (50.0–50.0)  1.45 ↓         -           -  -

Medians over the rounds. RATIO is ours to the kernel's; ↓ marks where lower is better.
CPU is the whole machine's busy time: it means something on a quiet machine only.
"
        );
    }

    #[test]
    fn without_a_kernel_bridge_its_columns_are_empty() {
        let text = text(&alone());
        let tcp = text.lines().find(|line| line.starts_with("tcp-1")).unwrap();
        assert_eq!(
            tcp,
            "tcp-1         Gbit/s  44.0 (40.0–48.0)                 -    -       0.367           -  s/GB"
        );
        assert!(text.ends_with("There is nothing to compare with: this kernel has no bridge.\n"));
    }

    #[test]
    fn a_kernel_that_lacks_only_the_nat_leaves_only_some_rows_empty() {
        let mut measurement = example();
        measurement.kernel_missing = vec!["there is no program nft".into()];
        let text = text(&measurement);
        assert!(
            text.ends_with("Some rows have nothing to compare with: there is no program nft.\n")
        );
    }

    #[test]
    fn another_congestion_control_is_pointed_out() {
        let mut measurement = example();
        measurement.samples[0].congestion = vec!["bbr".into()];
        let text = text(&measurement);
        assert!(text.contains("congestion  bbr, cubic\n"), "{text}");
        assert!(text.contains("not of cubic, which this kernel lacks or does not allow"), "{text}");
    }

    #[test]
    fn a_busy_machine_is_pointed_out() {
        let mut measurement = example();
        measurement.busy_before = 0.257;
        assert!(text(&measurement).contains("The machine was 26 % busy before this began"));
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [0.0, 0.0456, 0.9996, 1.234, 9.996, 12.34, 99.96, 1234.5].map(number);
        assert_eq!(numbers, ["0.000", "0.046", "1.00", "1.23", "10.0", "12.3", "100", "1234"]);
    }
}
