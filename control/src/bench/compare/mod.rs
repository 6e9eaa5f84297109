//! What changed between two runs beyond noise?
//!
//! Figure by figure and system by system, where both runs have it, by the rule of `rule`. A figure of
//! the kernel's own that changed means that the machine did, so both ratios to it are shown, too.
//!
//! Ours with another number of workers is another system. Where each run has ours once, with whatever
//! number, the two are compared all the same, and the notes say that the workers differ.

mod rule;

use super::figure::Better;
use super::json::{self, JsonError};
use super::measurement::{Cell, Measurement, Row};
use super::report::number;
use super::stats::Summary;
use super::system::System;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use rule::{LEVEL, Verdict, judge};
use std::fmt::Write;
use std::path::PathBuf;

/// Compares two files that `bench --json` wrote.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The run before
    #[arg(value_name = "A.json")]
    pub before: PathBuf,
    /// The run after
    #[arg(value_name = "B.json")]
    pub after: PathBuf,
    /// Show what did not change, too
    #[arg(long)]
    pub all: bool,
}

/// One figure on one system in both runs.
struct Change {
    name: String,
    unit: &'static str,
    system: System,
    before: Cell,
    after: Cell,
    verdict: Verdict,
    better: Better,
}

/// Reads both files and says what changed.
///
/// # Errors
/// One of them is not what it should be.
pub(super) fn run(options: &Options) -> Result<String, JsonError> {
    let (before, after) = (json::read(&options.before)?, json::read(&options.after)?);
    Ok(text(&before, &after, options.all))
}

fn text(before: &Measurement, after: &Measurement, all: bool) -> String {
    let (rows, mut later) = (before.rows(), after.rows());
    if let Some((earlier, now)) = other_workers(before, after) {
        let cells = later.iter_mut().flat_map(|row| &mut row.cells);
        cells.filter(|cell| cell.system == now).for_each(|cell| cell.system = earlier);
    }
    let changes = changes(&rows, &later);
    let count = |verdict| changes.iter().filter(|it| it.verdict == verdict).count();
    let (changed, noise) = (count(Verdict::Changed), count(Verdict::Noise));
    let shown: Vec<&Change> =
        changes.iter().filter(|it| all || it.verdict == Verdict::Changed).collect();
    let mut text = String::new();
    if !shown.is_empty() {
        text.push_str(&table(&shown));
        text.push('\n');
    }
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{changed} of {} figures changed, {noise} are within the noise, {} have too few samples.",
        changes.len(),
        count(Verdict::Unknown)
    );
    let _ = writeln!(
        text,
        "Changed means: by the Mann–Whitney test at {LEVEL}, or with fewer than five samples that the \
         ranges do not overlap."
    );
    for note in notes(before, after, &changes) {
        let _ = writeln!(text, "{note}");
    }
    text
}

/// Ours of both runs where each has it once, with other workers than the other.
fn other_workers(before: &Measurement, after: &Measurement) -> Option<(System, System)> {
    let only = |run: &Measurement| {
        let mut ours = run.labels.iter().map(|it| it.system).filter(|it| it.is_ours());
        ours.next().filter(|_| ours.next().is_none())
    };
    Some((only(before)?, only(after)?)).filter(|(earlier, now)| earlier != now)
}

fn changes(before: &[Row], after: &[Row]) -> Vec<Change> {
    let mut changes = Vec::new();
    for row in before {
        let Some(later) = after.iter().find(|it| it.name == row.name) else { continue };
        for cell in &row.cells {
            let other = later.cells.iter().find(|it| it.system == cell.system);
            let Some(other) = other.filter(|it| it.summary.is_some() && cell.summary.is_some())
            else {
                continue;
            };
            changes.push(Change {
                name: row.name.clone(),
                unit: row.unit,
                system: cell.system,
                before: cell.clone(),
                after: other.clone(),
                verdict: judge(&cell.values, &other.values),
                better: row.better,
            });
        }
    }
    changes
}

fn table(changes: &[&Change]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "WORKLOAD",
        "UNIT",
        "SYSTEM",
        "BEFORE",
        "AFTER",
        "CHANGE",
        "",
        "RATIO BEFORE",
        "RATIO AFTER",
    ]);
    for change in changes {
        table.add_row(change.cells());
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 2 && index != 6 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

impl Change {
    fn cells(&self) -> [String; 9] {
        let median = |cell: &Cell| cell.summary.map_or(0.0, |it: Summary| it.median);
        let (before, after) = (median(&self.before), median(&self.after));
        let change = if before == 0.0 {
            "-".to_owned()
        } else {
            format!("{:+.1} %", (after / before - 1.0) * 100.0)
        };
        let improved = (after > before) == (self.better == Better::Higher);
        let word = match self.verdict {
            Verdict::Changed if improved => "better",
            Verdict::Changed => "worse",
            Verdict::Noise => "noise",
            Verdict::Unknown => "too few",
        };
        let ratio =
            |cell: &Cell| cell.ratio.map_or_else(|| "-".to_owned(), |it| format!("{it:.2}"));
        [
            self.name.clone(),
            self.unit.to_owned(),
            self.system.to_string(),
            number(before),
            number(after),
            change,
            word.to_owned(),
            ratio(&self.before),
            ratio(&self.after),
        ]
    }
}

fn notes(before: &Measurement, after: &Measurement, changes: &[Change]) -> Vec<String> {
    let mut notes = Vec::new();
    if before.machine != after.machine {
        notes.push(format!(
            "The machines differ: {} with Linux {}, and {} with Linux {}.",
            before.machine.cpu, before.machine.kernel, after.machine.cpu, after.machine.kernel
        ));
    }
    if before.settings.seconds != after.settings.seconds {
        let (one, other) = (before.settings.seconds, after.settings.seconds);
        notes.push(format!("Measurements took {one:.2} s before, and {other:.2} s after."));
    }
    if before.congestion() != after.congestion() {
        notes.push("The congestion controls in force differ.".to_owned());
    }
    for label in &after.labels {
        let earlier = before.labels.iter().find(|it| it.system == label.system);
        if let Some(earlier) = earlier.filter(|it| it.label != label.label) {
            notes.push(format!(
                "{}: {} before, {} after.",
                label.system, earlier.label, label.label
            ));
        }
    }
    notes.extend(workers(before, after));
    let moved = changes.iter().any(|it| it.system.is_reference() && it.verdict == Verdict::Changed);
    if moved {
        notes.push(
            "The kernel's own figures changed: so did the machine or its load. Compare the ratios."
                .to_owned(),
        );
    }
    notes
}

/// With how many workers ours ran, where that is not the same in both runs.
fn workers(before: &Measurement, after: &Measurement) -> Option<String> {
    let of = |run: &Measurement| {
        let ours = run.labels.iter().filter_map(|it| match it.system {
            System::Ours(workers) => Some(workers.get()),
            _ => None,
        });
        let mut ours: Vec<usize> = ours.collect();
        ours.sort_unstable();
        ours.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ")
    };
    let (earlier, now) = (of(before), of(after));
    let both = !earlier.is_empty() && !now.is_empty();
    let compared = match other_workers(before, after) {
        Some((_, now)) => format!(" What is after is {now}."),
        None => " Those that both runs have are compared.".to_owned(),
    };
    let words = format!("The workers differ: ours ran with {earlier} before, and {now} after.");
    (both && earlier != now).then(|| words + &compared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::{alone, example};
    use dataplane::config::Workers;

    /// The example with everything on ours faster or slower by this factor.
    fn scaled(factor: f64) -> Measurement {
        let mut measurement = example();
        for sample in &mut measurement.samples {
            if sample.system == System::OURS {
                sample.count = (sample.count as f64 * factor) as u64;
            }
        }
        measurement
    }

    #[test]
    fn the_same_run_twice_has_no_change() {
        let text = text(&example(), &example(), false);
        assert!(
            text.starts_with("0 of 17 figures changed, 14 are within the noise, 3 have"),
            "{text}"
        );
        assert!(!text.contains("machine"), "{text}");
    }

    #[test]
    fn what_changed_is_told_with_its_direction_and_both_ratios() {
        let text = text(&example(), &scaled(2.0), false);
        let line = text.lines().find(|line| line.starts_with("tcp-1")).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let wanted =
            ["tcp-1", "Gbit/s", "ours", "44.0", "88.0", "+100.0", "%", "better", "0.55", "1.10"];
        assert_eq!(words, wanted);
        assert!(text.contains("2 of 17 figures changed"), "{text}");
        let worse = super::text(&scaled(2.0), &example(), false);
        assert!(worse.lines().any(|line| line.starts_with("tcp-1") && line.contains("worse")));
    }

    #[test]
    fn a_change_within_the_noise_is_shown_when_all_is() {
        let text = text(&example(), &scaled(1.1), true);
        assert!(text.lines().any(|line| line.starts_with("tcp-1 ") && line.contains("noise")));
        assert!(text.contains("0 of 17 figures changed"), "{text}");
    }

    #[test]
    fn what_differs_beside_the_figures_is_told() {
        let mut other = alone();
        other.machine.cpu = "Other CPU".into();
        other.settings.seconds = 1.0;
        other.labels[0].label = "udp-bridge 0.2.0".into();
        let text = text(&example(), &other, false);
        for words in [
            "The machines differ: Some CPU with Linux 6.18.0, and Other CPU with",
            "2.00 s before, and 1.00 s after",
            "ours: udp-bridge 0.1.0 before, udp-bridge 0.2.0 after.",
        ] {
            assert!(text.contains(words), "{text}");
        }
    }

    /// The example with ours of so many workers.
    fn with_workers(count: usize) -> Measurement {
        let ours = System::Ours(Workers::new(count).unwrap());
        let mut measurement = example();
        let of_ours = measurement.samples.iter_mut().filter(|it| it.system.is_ours());
        of_ours.for_each(|sample| sample.system = ours);
        measurement.standings[0].system = ours;
        measurement.labels[0].system = ours;
        measurement
    }

    #[test]
    fn one_number_of_workers_is_compared_with_another_and_that_is_told() {
        let text = text(&example(), &with_workers(2), true);
        assert!(text.contains("0 of 17 figures changed"), "{text}");
        let words =
            "The workers differ: ours ran with 1 before, and 2 after. What is after is ours-2w.";
        assert!(text.contains(words), "{text}");
    }

    #[test]
    fn of_several_numbers_of_workers_those_are_compared_that_both_have() {
        let mut both = with_workers(2);
        let one = example();
        both.samples.extend(one.samples.into_iter().filter(|it| it.system.is_ours()));
        both.labels.push(one.labels[0].clone());
        let text = text(&with_workers(2), &both, true);
        assert!(text.contains("ours ran with 2 before, and 1 and 2 after."), "{text}");
        assert!(text.contains("Those that both runs have are compared."), "{text}");
        let of = |name: &str| {
            text.lines().filter(|it| it.split_whitespace().any(|it| it == name)).count()
        };
        assert!(of("ours-2w") > 0, "{text}");
        assert!(
            !text.lines().any(|it| it.starts_with("tcp-1 ") && it.contains(" ours ")),
            "{text}"
        );
    }

    #[test]
    fn a_kernel_that_changed_is_pointed_out() {
        let mut other = example();
        for sample in other.samples.iter_mut().filter(|it| it.system == System::Kernel) {
            sample.count /= 2;
        }
        assert!(text(&example(), &other, false).contains("The kernel's own figures changed"));
    }
}
