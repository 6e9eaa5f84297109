//! What was measured, under which conditions, and what does it come to?

use super::conditions::cpu::Machine;
use super::conditions::{Absence, Label, Standing};
use super::figure::{Better, Figure, figures};
use super::measure::{Failure, Sample};
use super::settings::Settings;
use super::shape::Shape;
use super::stats::Summary;
use super::system::System;
use super::workload::Workload;
use serde::{Deserialize, Serialize};

/// Everything that was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The machine.
    pub machine: Machine,
    /// How busy the machine was with other things just before, 0 to 1.
    pub busy_before: f64,
    /// How long all of it took.
    pub elapsed_seconds: f64,
    /// What was asked for.
    pub settings: Settings,
    /// What each system that stood calls itself.
    pub labels: Vec<Label>,
    /// How the systems stood, stage by stage.
    pub standings: Vec<Standing>,
    /// Where systems did not stand.
    pub absences: Vec<Absence>,
    /// Measurements without a result.
    pub failures: Vec<Failure>,
    /// All measurements in the order they were made.
    pub samples: Vec<Sample>,
}

/// One figure on all systems.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The figure's name: the workload, and which figure of it.
    pub name: String,
    /// Its unit.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// What processor time is counted by; none for figures that repeat a workload.
    pub cpu_unit: Option<&'static str>,
    /// One for each system that was measured, or failed to be.
    pub cells: Vec<Cell>,
}

/// One figure on one system.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// The system.
    pub system: System,
    /// The figure in each round, in their order.
    pub values: Vec<f64>,
    /// Over all rounds; none where there are no values.
    pub summary: Option<Summary>,
    /// Its median to the median of the kernel's.
    pub ratio: Option<f64>,
    /// Median of processor time by the row's unit.
    pub cpu: Option<f64>,
}

impl Measurement {
    /// The result, workload by workload, and then what standing there costs.
    pub fn rows(&self) -> Vec<Row> {
        let workloads = self.settings.workloads.iter();
        let measured = workloads.flat_map(|&workload| {
            figures(workload).iter().map(move |figure| self.row(workload, figure))
        });
        measured.chain(self.costs()).filter(|row| !row.cells.is_empty()).collect()
    }

    /// The congestion controls that were in force at any end of any connection.
    pub fn congestion(&self) -> Vec<&str> {
        let mut seen: Vec<&str> =
            self.samples.iter().flat_map(|sample| &sample.congestion).map(String::as_str).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// How often our own bridge did not stand or did not carry what it should.
    pub(super) fn own_failures(&self) -> usize {
        let failed = self.failures.iter().filter(|it| it.system.is_ours()).count();
        let absent = |it: &&Absence| it.system.is_ours() && !it.missing;
        failed + self.absences.iter().filter(absent).count()
    }

    /// All measurements of a workload on a system.
    pub(super) fn of(&self, workload: Workload, system: System) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |it| it.workload == workload && it.system == system)
    }

    fn row(&self, workload: Workload, figure: &Figure) -> Row {
        let failed =
            |system| self.failures.iter().any(|it| it.workload == workload && it.system == system);
        let cell = |system| {
            let values: Vec<f64> = self.of(workload, system).filter_map(figure.of).collect();
            let cpu = figure.cpu.and_then(|(_, unit)| {
                let counted = self.of(workload, system).filter(|sample| sample.count > 0);
                let each = counted.map(|sample| sample.cpu_seconds / sample.count as f64 * unit);
                Some(Summary::of(each)?.median)
            });
            let there = !values.is_empty() || failed(system);
            there.then(|| Cell::of(system, values, cpu))
        };
        Row {
            name: format!("{workload}{}", figure.suffix),
            unit: figure.unit,
            better: figure.better,
            cpu_unit: figure.cpu.map(|(unit, _)| unit),
            cells: with_ratios(System::every().filter_map(cell).collect()),
        }
    }

    /// Set-up time and memory, by the shapes of the stages.
    fn costs(&self) -> Vec<Row> {
        let mut shapes: Vec<Shape> = Vec::new();
        for standing in &self.standings {
            if !shapes.contains(&standing.shape) {
                shapes.push(standing.shape);
            }
        }
        let row = |shape: &Shape, name: &str, unit, of: fn(&Standing) -> Option<f64>| {
            let standings = self.standings.iter().filter(|it| it.shape == *shape);
            let cell = |it: &Standing| Some(Cell::of(it.system, vec![of(it)?], None));
            let mut cells: Vec<Cell> = standings.filter_map(cell).collect();
            cells.sort_by_key(|cell| cell.system);
            let name = format!("{name}, {shape}");
            Row { name, unit, better: Better::Lower, cpu_unit: None, cells: with_ratios(cells) }
        };
        let seconds = |it: &Standing| Some(it.setup_seconds * 1e3);
        let bytes = |it: &Standing| Some(it.memory?.peak as f64 / f64::from(1 << 20));
        shapes
            .iter()
            .flat_map(|shape| {
                [row(shape, "set-up", "ms", seconds), row(shape, "memory", "MiB", bytes)]
            })
            .collect()
    }
}

impl Cell {
    fn of(system: System, values: Vec<f64>, cpu: Option<f64>) -> Self {
        let summary = Summary::of(values.iter().copied());
        Self { system, values, summary, ratio: None, cpu }
    }
}

/// Fills in the ratios to the kernel's figure, where it has one.
fn with_ratios(mut cells: Vec<Cell>) -> Vec<Cell> {
    let reference = cells.iter().find(|cell| cell.system.is_reference());
    let reference = reference.and_then(|cell| Some(cell.summary?.median)).filter(|it| *it > 0.0);
    for cell in &mut cells {
        cell.ratio = cell.summary.zip(reference).map(|(own, kernel)| own.median / kernel);
    }
    cells
}

#[cfg(test)]
pub(super) mod tests;
