//! `udp-bridge fdb`: which MACs live behind which ports, and which are said to.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::span;
use crate::api::change::NewFdb;
use crate::api::protocol::{FdbInfo, FdbOrigin};
use clap::{Args, Subcommand};
use std::time::Duration;

/// Options of `fdb`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    deed: Option<Deed>,
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Let a MAC live behind a port: it neither ages nor moves
    Add(Add),
    /// Remove an entry that was added
    Rm(Remove),
}

#[derive(Debug, Args)]
struct Add {
    /// The MAC, like 02:00:00:00:00:10
    mac: String,
    /// The port's name; the host's interface is one
    port: String,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

#[derive(Debug, Args)]
struct Remove {
    /// The MAC
    mac: String,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

/// Prints the MAC table, or changes it.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    match &options.deed {
        Some(Deed::Add(Add { mac, port, network })) => {
            let new = NewFdb { mac: mac.clone(), port: port.clone() };
            Known::look()?.living(network)?.add_fdb(&new).map_err(CliError::of_change)
        }
        Some(Deed::Rm(Remove { mac, network })) => {
            Known::look()?.living(network)?.remove_fdb(mac).map_err(CliError::of_change)
        }
        None => list(options),
    }
}

fn list(options: &Options) -> Result<(), CliError> {
    let entries = Known::look()?.living(&options.name)?.fdb()?;
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
