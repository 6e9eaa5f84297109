//! What is printed of a part: a line on how it was measured, and a table.

use control::bench::stats::Summary;
use std::fmt;
use std::time::Duration;

/// Cells in rows; all but the first column are set right.
pub(crate) struct Table {
    head: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one under a line of words.
    pub(crate) fn new(head: String, columns: &[&str]) -> Self {
        Self { head, rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.head)?;
        let width = |column| {
            let cells = self.rows.iter().filter_map(|row: &Vec<String>| row.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
        };
        for row in &self.rows {
            let line = row.iter().enumerate().map(|(column, cell)| match column {
                0 => format!("{cell:<0$}", width(column)),
                _ => format!("  {cell:>0$}", width(column)),
            });
            writeln!(f, "{}", line.collect::<String>().trim_end())?;
        }
        Ok(())
    }
}

/// Median, least and greatest of the rounds, or the only one.
pub(crate) fn spread(values: &[f64]) -> String {
    if let [value] = values {
        return number(*value);
    }
    let Summary { median, min, max } = Summary::of(values.iter().copied()).unwrap();
    format!("{} ({}–{})", number(median), number(min), number(max))
}

/// The same of ratios, where 1 % is to be seen.
pub(crate) fn ratios(values: &[f64]) -> String {
    let Summary { median, min, max } = Summary::of(values.iter().copied()).unwrap();
    format!("{median:.3} ({min:.3}–{max:.3})")
}

/// The middle of many times, in milliseconds.
pub(crate) fn median_millis(times: impl IntoIterator<Item = Duration>) -> f64 {
    Summary::of(times.into_iter().map(millis)).unwrap().median
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three digits, as far as they go.
fn number(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}")
}
