//! `udp-bridge fdb`: which MACs live behind which ports.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::span;
use crate::api::protocol::{FdbInfo, FdbOrigin};
use clap::Args;
use std::time::Duration;

/// Options of `fdb`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints the MAC table.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let network = known.find(&options.name)?;
    if !network.alive {
        return Err(CliError::Dead(options.name.clone()));
    }
    let entries = known.client(&network.name).fdb()?;
    if options.json {
        return Ok(print_json(&entries)?);
    }
    Ok(print(&table(&entries))?)
}

fn table(entries: &[FdbInfo]) -> String {
    let mut list = List::new(&[
        ("MAC", Side::Left),
        ("PORT", Side::Left),
        ("ORIGIN", Side::Left),
        ("AGE", Side::Right),
    ]);
    for entry in entries {
        let origin = match entry.origin {
            FdbOrigin::Static => "static",
            FdbOrigin::Learned => "learned",
        };
        let age = entry.age_seconds.map(|seconds| span(Duration::from_secs(seconds)));
        list.row([
            entry.mac.to_string(),
            entry.port.clone(),
            origin.to_owned(),
            age.unwrap_or_default(),
        ]);
    }
    list.text()
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn only_learned_entries_have_an_age() {
        assert_eq!(
            table(&examples::fdb()),
            "\
MAC                PORT   ORIGIN     AGE
02:00:00:00:00:01  ub0-1  static       -
02:00:00:00:00:09  ub0    learned  1m15s
"
        );
    }
}
