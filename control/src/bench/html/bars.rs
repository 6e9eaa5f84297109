//! How does one figure look beside the others'?
//!
//! A bar to the median for each system, with the range of the rounds across its end. All begin at zero.

use super::svg::{Scale, WIDTH, class, colour};
use crate::bench::measurement::Row;
use crate::bench::report::number;
use std::fmt::Write;

/// Units of one system's strip, and of its bar.
const STRIP: f64 = 24.0;
const BAR: f64 = 14.0;
/// Units left of the bars for names, and right of them for numbers.
const NAMES: f64 = 82.0;
const NUMBERS: f64 = 48.0;
/// Half of the height of the marks at the ends of a range.
const END: f64 = 4.0;

/// The plot; `None` where there is nothing above zero to be seen.
pub(super) fn plot(row: &Row) -> Option<String> {
    let cells: Vec<_> =
        row.cells.iter().filter_map(|cell| Some((cell.system, cell.summary?))).collect();
    let most = cells.iter().map(|(_, summary)| summary.max).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let scale = Scale::new((0.0, most), (NAMES, WIDTH - NUMBERS));
    let height = cells.len() as f64 * STRIP;
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">",
        row.name
    );
    for (index, (system, summary)) in cells.iter().enumerate() {
        let middle = (index as f64 + 0.5) * STRIP;
        let (low, end, high) =
            (scale.at(summary.min), scale.at(summary.median), scale.at(summary.max));
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<text class=\"{own}\" x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{system}</text>\
             <rect class=\"mark\" x=\"{NAMES}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" \
             fill=\"{colour}\"/>\
             <path class=\"range\" d=\"M{low:.1} {middle}H{high:.1}M{low:.1} {up}v{both}M{high:.1} \
             {up}v{both}\"/><text x=\"{right:.1}\" y=\"{y}\">{value}</text>",
            own = class(*system).trim_start(),
            x = NAMES - 6.0,
            y = middle + 4.0,
            top = middle - BAR / 2.0,
            width = end - NAMES,
            colour = colour(*system),
            up = middle - END,
            both = 2.0 * END,
            right = high + 6.0,
            value = number(summary.median),
        );
    }
    svg.push_str("</svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::example;

    #[test]
    fn a_bar_is_as_long_as_its_median() {
        let rows = example().rows();
        let svg = plot(&rows[0]).unwrap();
        assert_eq!(svg.matches("class=\"mark\"").count(), 2);
        // 230 units for 80 Gbit/s, the kernel's.
        assert!(svg.contains("width=\"126.5\"") && svg.contains("width=\"230.0\""), "{svg}");
        assert!(svg.contains(">44.0<") && svg.contains(">80.0<"), "{svg}");
    }

    #[test]
    fn nothing_above_zero_is_no_plot() {
        let mut row = example().rows().remove(0);
        row.cells.clear();
        assert_eq!(plot(&row), None);
    }
}
