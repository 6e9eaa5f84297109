//! What does it cost to be larger?
//!
//! A workload that was measured in several sizes, over the size; and what standing there takes, over the
//! number of namespaces and of published ports. Sizes grow by factors, and are drawn so.

use super::lines::{self, Point, Series};
use crate::bench::measurement::{Cell, Measurement, Row};
use crate::bench::shape::Shape;
use crate::bench::system::System;
use crate::bench::workload::{Size, Workload};

/// A plot with its caption and the unit of what goes upwards.
pub(super) struct Growth {
    pub(super) caption: String,
    pub(super) unit: &'static str,
    pub(super) plot: String,
}

/// What of a shape grows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Axis {
    Mtu,
    Ports,
    Published,
}

impl Axis {
    const ALL: [Self; 3] = [Self::Mtu, Self::Ports, Self::Published];

    fn name(self) -> &'static str {
        match self {
            Self::Mtu => "MTU",
            Self::Ports => "namespaces",
            Self::Published => "published ports",
        }
    }

    fn of(self, shape: &Shape) -> u16 {
        match self {
            Self::Mtu => shape.mtu,
            Self::Ports => shape.ends,
            Self::Published => shape.published,
        }
    }

    /// Does this size change nothing else?
    fn covers(self, size: Size) -> bool {
        match size {
            Size::Usual => true,
            Size::Mtu(_) => self == Self::Mtu,
            Size::Ports(_) => self == Self::Ports,
            Size::Published(_) => self == Self::Published,
        }
    }
}

/// All plots that the measurement has enough sizes for.
pub(super) fn plots(measurement: &Measurement, rows: &[Row]) -> Vec<Growth> {
    let workloads = &measurement.settings.workloads;
    let usual = workloads.iter().filter(|it| it.size == Size::Usual);
    let mut all = Vec::new();
    for &base in usual {
        for axis in Axis::ALL {
            all.extend(of_workload(measurement, rows, base, axis));
        }
    }
    for (axis, what) in [
        (Axis::Ports, "set-up"),
        (Axis::Published, "set-up"),
        (Axis::Ports, "memory"),
        (Axis::Published, "memory"),
    ] {
        all.extend(of_standing(measurement, rows, axis, what));
    }
    all
}

fn of_workload(
    measurement: &Measurement,
    rows: &[Row],
    base: Workload,
    axis: Axis,
) -> Option<Growth> {
    let mtu = measurement.settings.mtu;
    let same = |it: &&Workload| it.way == base.way && it.load == base.load && axis.covers(it.size);
    let found = measurement.settings.workloads.iter().filter(same).filter_map(|workload| {
        let name = workload.to_string();
        let row = rows.iter().find(|row| row.name == name || row.name == format!("{name} p50"))?;
        Some((axis.of(&workload.shape(mtu)), row))
    });
    let first = rows.iter().find(|row| row.name.starts_with(&base.to_string()))?;
    draw(found.collect(), &format!("{base} by {}", axis.name()), first.unit)
}

fn of_standing(measurement: &Measurement, rows: &[Row], axis: Axis, what: &str) -> Option<Growth> {
    let mut shapes: Vec<Shape> = Vec::new();
    for standing in &measurement.standings {
        let shape = standing.shape;
        // Networks of one kind only: where both stand, both have taken their time.
        let kind = match axis {
            Axis::Published => shape.routed && !shape.bridged && shape.ends == 2,
            _ => shape.bridged && !shape.routed,
        };
        let alike = kind && shape.mtu == measurement.settings.mtu && !shape.open;
        if alike && !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    let found = shapes.iter().filter_map(|shape| {
        let name = format!("{what}, {shape}");
        Some((axis.of(shape), rows.iter().find(|row| row.name == name)?))
    });
    let found: Vec<_> = found.collect();
    let unit = found.first()?.1.unit;
    draw(found, &format!("{what} by {}", axis.name()), unit)
}

/// The plot of these rows over these sizes; `None` for less than two sizes.
fn draw(mut found: Vec<(u16, &Row)>, caption: &str, unit: &'static str) -> Option<Growth> {
    found.sort_by_key(|(size, _)| *size);
    found.dedup_by_key(|(size, _)| *size);
    if found.len() < 2 {
        return None;
    }
    let place = |size: u16| f64::from(size).log10();
    let ticks: Vec<_> = found.iter().map(|(size, _)| (place(*size), size.to_string())).collect();
    let series = System::every().map(|system| {
        let cell = |row: &Row| -> Option<Cell> {
            row.cells.iter().find(|cell| cell.system == system).cloned()
        };
        let point = |(size, row): &(u16, &Row)| {
            let summary = cell(row)?.summary?;
            Some(Point { x: place(*size), y: summary.median, low: summary.min, high: summary.max })
        };
        Series { system, points: found.iter().filter_map(point).collect() }
    });
    let series: Vec<Series> = series.collect();
    let plot = lines::plot(caption, &ticks, &series)?;
    Some(Growth { caption: caption.to_owned(), unit, plot })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::conditions::Standing;
    use crate::bench::measure::Sample;
    use crate::bench::measurement::tests::{SHAPE, example};

    #[test]
    fn a_workload_of_two_sizes_is_drawn_over_them_and_so_is_what_stands() {
        let mut example = example();
        let large = Workload::parse("tcp-1/ports-16").unwrap();
        let small = |it: &&Sample| it.workload.to_string() == "tcp-1";
        let again: Vec<Sample> = example.samples.iter().filter(small).cloned().collect();
        let again = again.into_iter().map(|it| Sample { workload: large, ..it });
        example.samples.extend(again);
        example.settings.workloads.push(large);
        let standings = example.standings.clone();
        let shape = Shape { ends: 16, ..SHAPE };
        example.standings.extend(standings.into_iter().map(|it| Standing { shape, ..it }));
        let plots = plots(&example, &example.rows());
        let captions: Vec<&str> = plots.iter().map(|it| it.caption.as_str()).collect();
        assert_eq!(
            captions,
            ["tcp-1 by namespaces", "set-up by namespaces", "memory by namespaces"]
        );
        assert_eq!(plots[0].unit, "Gbit/s");
        assert!(plots[0].plot.contains(">16<"), "{}", plots[0].plot);
    }

    #[test]
    fn one_size_is_no_growth() {
        assert!(plots(&example(), &example().rows()).is_empty());
    }
}
