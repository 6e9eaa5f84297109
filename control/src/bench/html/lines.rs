//! How do figures run along a scale?
//!
//! A line for each system over a scale of the caller's, and a logarithmic one upwards: what is compared
//! here differs by orders of magnitude. Each point may have a range of its own.

use super::svg::{Scale, WIDTH, class, colour, legend};
use crate::bench::report::number;
use crate::bench::system::System;
use std::fmt::Write;

/// Units of the plot's height, and of the space around what is drawn.
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Steps of the upward scale within a factor of ten.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];
/// From how many factors of ten on only whole ones are marked.
const WIDE: f64 = 2.0;

/// One system's line.
pub(super) struct Series {
    pub(super) system: System,
    pub(super) points: Vec<Point>,
}

/// One point, with the range around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The plot over these marks, with its legend; `None` where no line has two points above zero.
pub(super) fn plot(label: &str, ticks: &[(f64, String)], series: &[Series]) -> Option<String> {
    let series: Vec<&Series> = series
        .iter()
        .filter(|it| it.points.len() > 1 && it.points.iter().all(|point| point.y > 0.0))
        .collect();
    let points = || series.iter().flat_map(|it| &it.points);
    let least = points().map(|it| positive(it.low, it.y)).fold(f64::INFINITY, f64::min);
    let most = points().map(|it| it.high).fold(0.0, f64::max);
    let (first, last) = (ticks.first()?.0, ticks.last()?.0);
    if most <= 0.0 {
        return None;
    }
    let (low, high) = edges(least, most);
    let across = Scale::new((first, last), (LEFT, WIDTH - RIGHT));
    let up = Scale::new((low.log10(), high.log10()), (HEIGHT - BOTTOM, TOP));
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">"
    );
    grid(&mut svg, (low, high), &up, ticks, &across);
    for one in &series {
        line(&mut svg, one, &across, &up);
    }
    svg.push_str("</svg>");
    svg.push_str(&legend(series.iter().map(|it| it.system)));
    Some(svg)
}

/// The value, or the other where it does not lie above zero.
fn positive(value: f64, other: f64) -> f64 {
    if value > 0.0 { value } else { other }
}

/// The marks of the upward scale around these values.
fn edges(least: f64, most: f64) -> (f64, f64) {
    let marks = || (-12..15).flat_map(|power| STEPS.map(|step| step * 10f64.powi(power)));
    let low = marks().filter(|it| *it <= least).fold(f64::MIN_POSITIVE, f64::max);
    let high = marks().find(|it| *it >= most && *it > low).unwrap_or(most);
    (low, high)
}

fn grid(
    svg: &mut String,
    (low, high): (f64, f64),
    up: &Scale,
    ticks: &[(f64, String)],
    across: &Scale,
) {
    let right = WIDTH - RIGHT;
    let steps: &[f64] = if (high / low).log10() >= WIDE { &STEPS[..1] } else { &STEPS };
    for power in -12..15 {
        for value in steps.iter().map(|step| step * 10f64.powi(power)) {
            if value < low * 0.999 || value > high * 1.001 {
                continue;
            }
            let y = up.at(value.log10());
            // Writing to a string does not fail.
            let _ = write!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                 <text class=\"soft\" x=\"{x}\" y=\"{below:.1}\" text-anchor=\"end\">{text}</text>",
                x = LEFT - 5.0,
                below = y + 4.0,
                text = plain(value),
            );
        }
    }
    for (index, (at, text)) in ticks.iter().enumerate() {
        let x = across.at(*at);
        let anchor = if index + 1 == ticks.len() { "end" } else { "middle" };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
             <text class=\"soft\" x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>",
            bottom = HEIGHT - BOTTOM,
            y = HEIGHT - 8.0,
        );
    }
}

/// A mark of the scale, without digits that say nothing.
fn plain(value: f64) -> String {
    if value >= 1.0 {
        format!("{value:.0}")
    } else {
        number(value).trim_end_matches('0').to_owned()
    }
}

fn line(svg: &mut String, series: &Series, across: &Scale, up: &Scale) {
    let place = |point: &Point| (across.at(point.x), up.at(point.y.log10()));
    let path: Vec<String> = series
        .points
        .iter()
        .map(|point| {
            let (x, y) = place(point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let colour = colour(series.system);
    let _ = write!(
        svg,
        "<polyline class=\"mark line{}\" stroke=\"{colour}\" points=\"{}\"/>",
        class(series.system),
        path.join(" ")
    );
    for point in series.points.iter().filter(|point| point.high > point.low) {
        let (x, low) = (across.at(point.x), positive(point.low, point.y));
        let (from, to) = (up.at(low.log10()), up.at(point.high.log10()));
        let _ = write!(svg, "<path stroke=\"{colour}\" d=\"M{x:.1} {from:.1}V{to:.1}\"/>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(system: System, values: &[f64]) -> Series {
        let point = |(index, y): (usize, &f64)| Point { x: index as f64, y: *y, low: *y, high: *y };
        Series { system, points: values.iter().enumerate().map(point).collect() }
    }

    fn ticks() -> Vec<(f64, String)> {
        vec![(0.0, "few".into()), (1.0, "many".into())]
    }

    #[test]
    fn each_system_has_a_line_and_a_place_in_the_legend() {
        let all = [series(System::OURS, &[1.0, 10.0]), series(System::Kernel, &[10.0, 10.0])];
        let svg = plot("growth", &ticks(), &all).unwrap();
        assert_eq!(svg.matches("class=\"mark line").count(), 2);
        // From the bottom left to the top right.
        assert!(svg.contains("points=\"52.0,196.0 348.0,10.0\""), "{svg}");
        assert!(svg.contains("</i>ours</li>") && svg.contains(">few<"), "{svg}");
    }

    #[test]
    fn what_has_no_two_points_above_zero_is_no_line() {
        assert_eq!(plot("growth", &ticks(), &[series(System::OURS, &[1.0])]), None);
        assert_eq!(plot("growth", &ticks(), &[series(System::OURS, &[0.0, 1.0])]), None);
        assert_eq!(plot("growth", &ticks(), &[]), None);
    }

    #[test]
    fn the_scale_begins_and_ends_at_marks() {
        assert_eq!(edges(3.0, 70.0), (2.0, 100.0));
        assert_eq!(edges(1.0, 1.0), (1.0, 2.0));
    }
}
