//! How does the result look as a page?
//!
//! One file that needs nothing else, no script either: text, a style and plots in SVG. What is drawn is
//! all in the page, so it reads without a network, on a phone, and on paper.
//!
//! | file | question |
//! |---|---|
//! | `bars` | how does one figure look beside the others'? |
//! | `latency` | how long do round trips take, from the quick ones to the slow ones? |
//! | `growth` | what does it cost to be larger? |
//! | `lines`, `svg` | what do the plots have in common? |

mod bars;
mod growth;
mod latency;
mod lines;
mod svg;

use super::figure::Better;
use super::measurement::{Measurement, Row};
use super::report::{conditions, notes, number};
use super::workload::Size;
use std::fmt::Write;
use svg::escape;

const STYLE: &str = include_str!("style.css");

/// The page.
pub(super) fn page(measurement: &Measurement) -> String {
    let rows = measurement.rows();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>udp-bridge bench</title><style>{STYLE}</style></head><body>\n\
         <h1>Container data paths, measured side by side</h1>\n"
    );
    page.push_str(&head(measurement));
    let sections = [
        ("How much and how fast", throughput(&rows)),
        ("How long it takes", latencies(measurement)),
        ("What growth costs", growths(measurement, &rows)),
        ("What standing there costs", costs(&rows)),
    ];
    for (title, plots) in sections.iter().filter(|(_, plots)| !plots.is_empty()) {
        // Writing to a string does not fail.
        let _ = writeln!(page, "<h2>{title}</h2>\n<div class=\"plots\">{plots}</div>");
    }
    page.push_str(&table(&rows));
    page.push_str("</body></html>\n");
    page
}

/// The conditions and what to know.
fn head(measurement: &Measurement) -> String {
    let term = |(name, value): &(String, String)| {
        format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))
    };
    let terms: String = conditions(measurement).iter().map(term).collect();
    let note = |note: &String| format!("<p>{}</p>\n", escape(note));
    let notes: String = notes(measurement).iter().map(note).collect();
    format!("<dl>{terms}</dl>\n{notes}")
}

fn figure(caption: &str, unit: &str, better: Option<Better>, plot: &str) -> String {
    let better = match better {
        Some(Better::Higher) => ", more is better",
        Some(Better::Lower) => ", less is better",
        None => "",
    };
    format!(
        "<figure><figcaption>{} <small>{}{better}</small></figcaption>{plot}</figure>\n",
        escape(caption),
        escape(unit)
    )
}

fn bar_plots<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    rows.filter_map(|row| Some(figure(&row.name, row.unit, Some(row.better), &bars::plot(row)?)))
        .collect()
}

/// The first figure of each workload that is not a time: times have plots of their own.
fn throughput(rows: &[Row]) -> String {
    bar_plots(rows.iter().filter(|row| row.better == Better::Higher))
}

fn costs(rows: &[Row]) -> String {
    let standing = |row: &&Row| row.name.starts_with("set-up") || row.name.starts_with("memory");
    bar_plots(rows.iter().filter(standing))
}

fn latencies(measurement: &Measurement) -> String {
    let usual = measurement.settings.workloads.iter().filter(|it| it.size == Size::Usual);
    let plot = |workload: &super::workload::Workload| {
        let plot = latency::plot(measurement, *workload)?;
        let unit = "µs that so many take at most";
        Some(figure(&workload.to_string(), unit, Some(Better::Lower), &plot))
    };
    usual.filter_map(plot).collect()
}

fn growths(measurement: &Measurement, rows: &[Row]) -> String {
    let all = growth::plots(measurement, rows);
    all.iter().map(|it| figure(&it.caption, it.unit, None, &it.plot)).collect()
}

/// Every figure, as on the terminal.
fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "<h2>All figures</h2>\n<div class=\"wide\"><table><tr><th>workload</th><th>unit</th>\
         <th class=\"word\">system</th><th>median</th><th>min</th><th>max</th><th>to the kernel</th>\
         <th>CPU</th><th>CPU per</th></tr>\n",
    );
    for row in rows {
        for cell in &row.cells {
            let figures = match cell.summary {
                Some(it) => [it.median, it.min, it.max].map(number),
                None => ["failed", "", ""].map(str::to_owned),
            };
            let ratio = cell.ratio.map(|it| format!("{it:.2}")).unwrap_or_default();
            let cpu = cell.cpu.map(number).unwrap_or_default();
            let _ = writeln!(
                table,
                "<tr><td>{}</td><td>{}</td><td class=\"word\">{}</td><td>{}</td><td>{ratio}</td>\
                 <td>{cpu}</td><td>{}</td></tr>",
                escape(&row.name),
                row.unit,
                cell.system,
                figures.join("</td><td>"),
                row.cpu_unit.filter(|_| cell.cpu.is_some()).unwrap_or_default(),
            );
        }
    }
    table.push_str("</table></div>\n");
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::tests::{alone, example};

    #[test]
    fn the_page_has_conditions_plots_and_every_figure() {
        let page = page(&example());
        assert!(page.starts_with("<!doctype html>"));
        for words in ["Linux 6.18.0, bridge and veth", "off for retbleed", "aria-label=\"tcp-1\""] {
            assert!(page.contains(words), "{words}");
        }
        let rows = example().rows();
        let cells: usize = rows.iter().map(|row| row.cells.len()).sum();
        assert_eq!(page.matches("<tr><td>").count(), cells);
        // Two of throughput, one of round trips, two of what standing costs.
        assert_eq!(page.matches("class=\"plot\"").count(), 5);
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page(&alone());
        for outside in ["<script", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_a_program_said_cannot_become_markup() {
        let mut measurement = alone();
        measurement.absences[0].why = "<script>alert(1)</script>".into();
        assert!(!page(&measurement).contains("<script"));
    }
}
