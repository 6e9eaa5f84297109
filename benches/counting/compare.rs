//! Is what was counted now what was recorded?
//!
//! Less fails as more does: a gain that is not recorded would hide a loss as large as itself later. So
//! does a case that is not in the record, or that was left out of the count. The failure says how to
//! renew the record, and the renewed record shows in the change that meant it.

use super::{Count, Record};
use std::collections::BTreeMap;
use std::fmt;

/// By how many hundredths of what was recorded a count may differ.
pub const TOLERANCE: u64 = 3;

/// What is said of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It differs by no more than [`TOLERANCE`].
    Same,
    /// It takes more.
    More,
    /// It takes less.
    Less,
    /// It was not recorded.
    New,
    /// It was recorded, and is none of the cases.
    Gone,
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What was recorded.
    pub recorded: Option<Count>,
    /// What was counted: the mean of the middle half of the builds, the least and the greatest.
    pub now: Option<(Count, Count, Count)>,
}

impl Row {
    /// What is said of it.
    pub fn verdict(&self) -> Verdict {
        let (recorded, now) = match (self.recorded, self.now) {
            (Some(recorded), Some((now, ..))) => (recorded.hundredths(), now.hundredths()),
            (None, _) => return Verdict::New,
            (_, None) => return Verdict::Gone,
        };
        // In whole numbers: exactly 3 % passes.
        if recorded.abs_diff(now) * 100 <= recorded * TOLERANCE {
            Verdict::Same
        } else if now > recorded {
            Verdict::More
        } else {
            Verdict::Less
        }
    }

    /// By how much it differs, in percent of what was recorded.
    fn change(&self) -> Option<f64> {
        let (recorded, (now, ..)) = (f64::from(self.recorded?), self.now?);
        Some((f64::from(now) - recorded) * 100.0 / recorded)
    }
}

/// All cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// In the order that they were counted, and then those that are gone.
    pub rows: Vec<Row>,
}

impl Comparison {
    /// Sets what was counted, each the least first, beside what was recorded. Cases of the record that
    /// were not counted are missed if `all` were.
    pub fn new(counted: &[(&str, Vec<Count>)], recorded: Option<&Record>, all: bool) -> Self {
        let none = BTreeMap::new();
        let recorded = recorded.map_or(&none, |record| &record.instructions);
        let row = |(name, counts): &(&str, Vec<Count>)| Row {
            name: (*name).to_owned(),
            recorded: recorded.get(*name).copied(),
            now: summary(counts),
        };
        let mut rows: Vec<_> = counted.iter().map(row).collect();
        if all {
            let is_counted = |name: &str| counted.iter().any(|(counted, _)| *counted == name);
            let gone = recorded.iter().filter(|(name, _)| !is_counted(name));
            rows.extend(gone.map(|(name, &count)| Row {
                name: name.clone(),
                recorded: Some(count),
                now: None,
            }));
        }
        Self { rows }
    }

    /// Is every case what it was?
    pub fn passes(&self) -> bool {
        self.rows.iter().all(|row| row.verdict() == Verdict::Same)
    }

    /// What was counted, to be recorded.
    pub fn counts(&self) -> BTreeMap<String, Count> {
        let row = |row: &Row| Some((row.name.clone(), row.now?.0));
        self.rows.iter().filter_map(row).collect()
    }
}

/// Of several runs of a case, each the least first, the one whose mean is in the middle.
pub fn middle(mut runs: Vec<Vec<Count>>) -> Option<Vec<Count>> {
    runs.sort_by_key(|counts| summary(counts).map(|(mean, ..)| mean));
    let middle = runs.len() / 2;
    (!runs.is_empty()).then(|| runs.swap_remove(middle))
}

/// The mean of the middle half, with the least and the greatest.
fn summary(counts: &[Count]) -> Option<(Count, Count, Count)> {
    let aside = counts.len() / 4;
    let middle = counts.get(aside..counts.len() - aside)?;
    Some((Count::mean(middle)?, *counts.first()?, *counts.last()?))
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<44} {:>12} {:>12} {:>8}   builds",
            "instructions for each frame", "recorded", "now", "change"
        )?;
        for row in &self.rows {
            write!(f, "{:<44} ", row.name)?;
            cell(f, row.recorded)?;
            cell(f, row.now.map(|(now, ..)| now))?;
            match row.change() {
                Some(change) => write!(f, "{change:>+7.1}%")?,
                None => write!(f, "{:>8}", "-")?,
            }
            if let Some((_, least, most)) = row.now {
                write!(f, "   {least} to {most}")?;
            }
            match row.verdict() {
                Verdict::Same => writeln!(f)?,
                Verdict::More => writeln!(f, "   MORE")?,
                Verdict::Less => writeln!(f, "   LESS")?,
                Verdict::New => writeln!(f, "   NOT RECORDED")?,
                Verdict::Gone => writeln!(f, "   NOT COUNTED")?,
            }
        }
        Ok(())
    }
}

fn cell(f: &mut fmt::Formatter<'_>, count: Option<Count>) -> fmt::Result {
    match count {
        Some(count) => write!(f, "{count:>12} "),
        None => write!(f, "{:>12} ", "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counting::Tools;

    fn count(tenths: u64) -> Count {
        Count::of(tenths, 10)
    }

    fn compared(recorded: u64, now: u64) -> Comparison {
        let tools = Tools {
            rustc: String::new(),
            target: String::new(),
            libc: String::new(),
            valgrind: String::new(),
        };
        let instructions = [("bridged".to_owned(), count(recorded))].into();
        let counts = vec![("bridged", vec![count(now)])];
        Comparison::new(&counts, Some(&Record { tools, instructions }), true)
    }

    #[test]
    fn three_percent_passes_and_more_fails_both_ways() {
        for (now, verdict) in [
            (1000, Verdict::Same),
            (1030, Verdict::Same),
            (1031, Verdict::More),
            (970, Verdict::Same),
            (969, Verdict::Less),
        ] {
            let compared = compared(1000, now);
            assert_eq!(compared.rows[0].verdict(), verdict, "{now}");
            assert_eq!(compared.passes(), verdict == Verdict::Same, "{now}");
        }
    }

    #[test]
    fn run_in_the_middle_counts_and_an_unlucky_one_does_not() {
        let run = |tenths: u64| vec![count(tenths); 4];
        let runs = [1060, 1000, 1004, 1002, 1001].map(run).to_vec();
        assert_eq!(middle(runs), Some(run(1002)));
        assert_eq!(middle(Vec::new()), None);
    }

    #[test]
    fn failure_has_the_figures() {
        let text = compared(1000, 1031).to_string();
        let row = text.lines().nth(1).unwrap();
        for figure in ["bridged", "100.00", "103.10", "+3.1%", "MORE"] {
            assert!(row.contains(figure), "{row}");
        }
    }

    #[test]
    fn what_is_not_recorded_or_not_counted_fails() {
        let record = Record {
            tools: Tools::here(),
            instructions: [("gone".to_owned(), count(1000))].into(),
        };
        let counts = vec![("new", vec![count(900), count(1000), count(2000)])];
        let compared = Comparison::new(&counts, Some(&record), true);
        let verdicts: Vec<_> = compared.rows.iter().map(Row::verdict).collect();
        assert_eq!(verdicts, [Verdict::New, Verdict::Gone]);
        assert!(!compared.passes());
        // Those that nobody asked for are not missed.
        let some = Comparison::new(&counts, Some(&record), false);
        assert_eq!(some.rows.len(), 1);
    }

    #[test]
    fn mean_of_the_middle_half_counts() {
        let counts = vec![("bridged", [100, 900, 1100, 9000].map(count).to_vec())];
        let compared = Comparison::new(&counts, None, true);
        assert_eq!(compared.counts()["bridged"], count(1000));
    }
}
