//! What changed between two runs beyond noise?
//!
//! Figure by figure and system by system, where both runs have it, by the rule of `rule`. A figure of
//! the kernel's own that changed means that the machine did, so both ratios to it are shown, too.
//!
//! Ours with a number of workers asked for is another system. Where each run has ours once, with whatever
//! number, the two are compared all the same, and the notes say what is compared with what.

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

/// What of ours is compared with what, where it is not the same in both runs.
fn workers(before: &Measurement, after: &Measurement) -> Option<String> {
    if let Some((earlier, now)) = other_workers(before, after) {
        let called = |run: &Measurement, system| {
            let label = run.labels.iter().find(|it| it.system == system);
            label.map_or_else(String::new, |it| format!(" ({})", it.label))
        };
        let (was, is) = (called(before, earlier), called(after, now));
        return Some(format!("{earlier}{was} before is compared with {now}{is} after."));
    }
    let of = |run: &Measurement| {
        let ours = run.labels.iter().map(|it| it.system).filter(|it| it.is_ours());
        let mut ours: Vec<System> = ours.collect();
        ours.sort_unstable();
        ours.iter().map(System::to_string).collect::<Vec<_>>().join(" and ")
    };
    let (earlier, now) = (of(before), of(after));
    let both = !earlier.is_empty() && !now.is_empty();
    (both && earlier != now).then(|| {
        format!("There was {earlier} before, and {now} after; what both runs have is compared.")
    })
}

#[cfg(test)]
mod tests;
