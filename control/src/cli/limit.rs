//! `udp-bridge limit`: what each port of a network may have.

use super::exit::CliError;
use super::known::{DEFAULT_NAME, Known};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::grouped;
use crate::api::change::LimitsInfo;
use crate::api::protocol::PortInfo;
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;
use std::num::NonZeroU64;

/// Options of `limit`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    /// Set limits of a port; those that are not named stay as they are
    Set(Box<Set>),
    /// Show the limits of all ports
    List(Shown),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true)))]
struct Set {
    /// The port's name
    port: String,
    /// Take all limits away; those that are named beside it are set
    #[arg(long, group = "what")]
    none: bool,
    /// Flows at one time
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    flows: Option<NonZeroU64>,
    /// Flows that begin in a second
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    new_flows: Option<NonZeroU64>,
    /// Packets towards the namespace in a second
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    packets_in: Option<NonZeroU64>,
    /// Packets from the namespace in a second
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    packets_out: Option<NonZeroU64>,
    /// Bytes towards the namespace in a second
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    bytes_in: Option<NonZeroU64>,
    /// Bytes from the namespace in a second
    #[arg(long, value_name = "N", value_parser = limit, group = "what")]
    bytes_out: Option<NonZeroU64>,
    /// The network
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME)]
    network: String,
}

#[derive(Debug, Args)]
struct Shown {
    /// The network
    #[arg(default_value = DEFAULT_NAME)]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The text is no limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a whole number from 1 on; without a limit is `--none`")]
struct NoLimit;

fn limit(text: &str) -> Result<NonZeroU64, NoLimit> {
    text.parse().map_err(|_| NoLimit)
}

/// The limits of one port.
#[derive(Debug, Serialize)]
struct Listed {
    port: String,
    limits: LimitsInfo,
}

/// Does what the options say.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    match &options.deed {
        Deed::Set(set) => self::set(set),
        Deed::List(shown) => list(shown),
    }
}

fn set(set: &Set) -> Result<(), CliError> {
    let client = Known::look()?.living(&set.network)?;
    let ports = client.ports()?;
    let Some(port) = ports.iter().find(|port| port.name == set.port && port.number > 0) else {
        let known = ports.iter().skip(1).map(|port| port.name.clone()).collect();
        return Err(CliError::UnknownPort { name: set.port.clone(), known });
    };
    let limits = set.over(if set.none { LimitsInfo::default() } else { port.limits });
    client.set_limits(&port.name, limits).map_err(CliError::of_change)
}

impl Set {
    /// These limits, with those that are named in their place.
    fn over(&self, before: LimitsInfo) -> LimitsInfo {
        LimitsInfo {
            flows: self.flows.or(before.flows),
            new_flows: self.new_flows.or(before.new_flows),
            packets_in: self.packets_in.or(before.packets_in),
            packets_out: self.packets_out.or(before.packets_out),
            bytes_in: self.bytes_in.or(before.bytes_in),
            bytes_out: self.bytes_out.or(before.bytes_out),
        }
    }
}

fn list(shown: &Shown) -> Result<(), CliError> {
    let ports = Known::look()?.living(&shown.name)?.ports()?;
    if shown.json {
        let listed = |port: &PortInfo| Listed { port: port.name.clone(), limits: port.limits };
        let all: Vec<_> = ports.iter().skip(1).map(listed).collect();
        return Ok(print_json(&all)?);
    }
    Ok(print(&table(&ports))?)
}

fn table(ports: &[PortInfo]) -> String {
    let mut list = List::new(&[
        ("PORT", Side::Left),
        ("FLOWS", Side::Right),
        ("NEW-FLOWS/s", Side::Right),
        ("PACKETS-IN/s", Side::Right),
        ("PACKETS-OUT/s", Side::Right),
        ("BYTES-IN/s", Side::Right),
        ("BYTES-OUT/s", Side::Right),
    ]);
    // The host's own port has no limits.
    for port in ports.iter().skip(1) {
        let text =
            |limit: Option<NonZeroU64>| limit.map(|limit| grouped(limit.get())).unwrap_or_default();
        let LimitsInfo { flows, new_flows, packets_in, packets_out, bytes_in, bytes_out } =
            port.limits;
        list.row([
            port.name.clone(),
            text(flows),
            text(new_flows),
            text(packets_in),
            text(packets_out),
            text(bytes_in),
            text(bytes_out),
        ]);
    }
    list.text()
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn a_limit_that_is_not_set_is_a_dash() {
        let mut ports = examples::ports();
        ports[1].limits.packets_out = NonZeroU64::new(10_000);
        assert_eq!(
            table(&ports),
            "\
PORT   FLOWS  NEW-FLOWS/s  PACKETS-IN/s  PACKETS-OUT/s  BYTES-IN/s  BYTES-OUT/s
ub0-1      -            -             -         10,000           -            -
"
        );
    }
}
