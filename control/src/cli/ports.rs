//! `udp-bridge ports`: which ports of the host lead where.

use super::exit::CliError;
use super::known::{Known, is_changing};
use super::output::{print, print_json};
use super::table::{List, Side};
use super::units::grouped;
use crate::api::protocol::PublishedInfo;
use clap::Args;
use serde::Serialize;
use std::net::IpAddr;

/// Options of `ports`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The network; all of them when left out
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The published ports of one network.
#[derive(Debug, Serialize)]
struct Listed {
    network: String,
    published: Vec<PublishedInfo>,
}

/// Prints the published ports.
pub(super) fn run(options: &Options) -> Result<(), CliError> {
    let known = Known::look()?;
    let mut all = Vec::new();
    for network in known.chosen(options.name.as_deref())? {
        let name = network.name.to_string();
        if !network.alive {
            match options.name {
                Some(_) => return Err(CliError::Dead(name)),
                None => continue,
            }
        }
        match known.client(&network.name).published() {
            Ok(published) => all.push(Listed { network: name, published }),
            // One of several that is starting or ending just now.
            Err(error) if options.name.is_none() && is_changing(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if options.json {
        return Ok(print_json(&all)?);
    }
    Ok(print(&text(&all))?)
}

fn text(all: &[Listed]) -> String {
    let mut list = List::new(&[
        ("NETWORK", Side::Left),
        ("PROTOCOL", Side::Left),
        ("HOST", Side::Left),
        ("PORT", Side::Left),
        ("TARGET", Side::Left),
        ("RELAYED", Side::Right),
        ("TOTAL", Side::Right),
        ("REFUSED", Side::Right),
    ]);
    for Listed { network, published } in all {
        for entry in published {
            let refused = entry.refused.iter().map(|refused| refused.count).sum();
            list.row([
                network.clone(),
                entry.protocol.clone(),
                place(entry.address, entry.first_port, entry.last_port),
                entry.port.clone(),
                target(entry),
                grouped(entry.relayed_now),
                grouped(entry.relayed_total),
                grouped(refused),
            ]);
        }
    }
    list.text() + &refusals(all)
}

/// Where in the namespace; by IPv6 if that is all that is published.
fn target(entry: &PublishedInfo) -> String {
    let address = match (entry.address, entry.target_ipv6) {
        (Some(IpAddr::V6(_)), Some(ipv6)) => IpAddr::V6(ipv6),
        _ => IpAddr::V4(entry.target_ipv4),
    };
    place(Some(address), entry.target_first_port, entry.target_last_port)
}

/// As ss(8) writes it: `*` is all addresses of both families.
fn place(address: Option<IpAddr>, first: u16, last: u16) -> String {
    let address = match address {
        None => "*".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("[{address}]"),
    };
    if first == last { format!("{address}:{first}") } else { format!("{address}:{first}-{last}") }
}

/// Why clients were refused, if any were.
fn refusals(all: &[Listed]) -> String {
    let mut list = List::new(&[
        ("HOST", Side::Left),
        ("REASON", Side::Left),
        ("REFUSED", Side::Right),
        ("EXPLANATION", Side::Left),
    ]);
    let mut any = false;
    for entry in all.iter().flat_map(|listed| &listed.published) {
        for refused in &entry.refused {
            any = true;
            list.row([
                place(entry.address, entry.first_port, entry.last_port),
                refused.reason.clone(),
                grouped(refused.count),
                refused.explanation.clone(),
            ]);
        }
    }
    if any { format!("\n{}", list.text()) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::examples;
    use super::*;

    #[test]
    fn ranges_and_addresses_are_written_as_they_were_asked_for() {
        let all = [Listed { network: "ub0".to_owned(), published: examples::published() }];
        assert_eq!(
            text(&all),
            "\
NETWORK  PROTOCOL  HOST              PORT   TARGET            RELAYED  TOTAL  REFUSED
ub0      tcp       *:8000-8009       ub0-1  172.16.1.2:80-89        1  1,234        2
ub0      udp       [2001:db8::1]:53  ub0-2  [fd00::3]:53            0      0        0

HOST         REASON    REFUSED  EXPLANATION
*:8000-8009  too-many        2  As many as can be.
"
        );
    }
}
