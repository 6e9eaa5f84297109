//! How long do round trips and connections take, from the quick ones to the slow ones?
//!
//! Over the share of those that take no longer, drawn so that each further nine has as much room as the
//! one before. A line is the median over the rounds at each share.

use super::lines::{self, Point, Series};
use crate::bench::load::QUANTILES;
use crate::bench::measurement::Measurement;
use crate::bench::stats::Summary;
use crate::bench::system::System;
use crate::bench::workload::Workload;

/// The shares that are marked.
const MARKS: [(usize, &str); 5] =
    [(10, "1 %"), (500, "50 %"), (900, "90 %"), (990, "99 %"), (999, "99.9 %")];

/// Where the share that takes no longer, of 1,000, lies.
fn place(per_mille: usize) -> f64 {
    -(1.0 - per_mille as f64 / 1000.0).log10()
}

/// The plot; `None` where nothing of this workload was timed.
pub(super) fn plot(measurement: &Measurement, workload: Workload) -> Option<String> {
    let series: Vec<Series> = System::every()
        .map(|system| Series { system, points: points(measurement, workload, system) })
        .collect();
    let ticks = MARKS.map(|(per_mille, text)| (place(per_mille), text.to_owned()));
    lines::plot(&workload.to_string(), &ticks, &series)
}

fn points(measurement: &Measurement, workload: Workload, system: System) -> Vec<Point> {
    let rounds: Vec<_> =
        measurement.of(workload, system).filter_map(|sample| sample.latency).collect();
    let point = |(index, per_mille): (usize, &usize)| {
        let y = Summary::of(rounds.iter().map(|it| it.quantiles[index]))?.median;
        Some(Point { x: place(*per_mille), y, low: y, high: y })
    };
    QUANTILES.iter().enumerate().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::example;

    #[test]
    fn what_was_timed_has_a_line_for_each_system() {
        let example = example();
        let [tcp, trips, _] = example.settings.workloads[..] else { panic!() };
        let svg = plot(&example, trips).unwrap();
        assert_eq!(svg.matches("class=\"mark line").count(), 2);
        assert!(svg.contains("99.9 %"));
        assert_eq!(plot(&example, tcp), None);
    }

    #[test]
    fn each_nine_has_as_much_room() {
        let room = |from, to| place(to) - place(from);
        assert!((room(900, 990) - room(990, 999)).abs() < 1e-9);
    }
}
