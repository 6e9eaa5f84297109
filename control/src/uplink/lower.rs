//! How is an uplink taken away, be its process alive or not?
//!
//! What is the network's own goes; what several share goes with the last of them. Every step can be done
//! twice, and one that fails keeps none of the others from being taken.

use super::apply::{ours, take};
use super::host::{RESERVED, reserved};
use super::ledger::Ledger;
use super::local::restore_local;
use super::{Entry, UplinkError, ports};
use crate::netlink::Netlink;
use crate::netns::{self, Identity};
use crate::sysctl;
use std::io;
use std::path::Path;

/// Takes an uplink away, be its process alive or not. What other networks need stays.
/// Returns what failed; every other step is done.
pub fn lower(folder: &Path, entry: &Entry, others: &[Entry]) -> Vec<UplinkError> {
    match netns::own() {
        Ok(own) if own == entry.home => {}
        // With its namespace everything in it went.
        Ok(_) if is_gone(entry.home).unwrap_or(false) => return forget(folder, entry.home),
        Ok(_) => return vec![UplinkError::Elsewhere],
        Err(error) => return vec![error.into()],
    }
    let others: Vec<&Entry> = others.iter().filter(|other| other.home == entry.home).collect();
    let mut errors = Vec::new();
    errors.extend(remove_rules(entry, &others).err());
    errors.extend(restore_settings(folder, entry.home, &others));
    errors.extend(unreserve(entry, &others).err());
    errors
}

fn is_gone(home: Identity) -> io::Result<bool> {
    Ok(!home.has_process()? && !home.has_name()?)
}

/// The number of a namespace that is gone is given to another one some day.
fn forget(folder: &Path, home: Identity) -> Vec<UplinkError> {
    let forgotten = Ledger::open(folder).and_then(|mut ledger| ledger.forget(home));
    forgotten.err().into_iter().collect()
}

fn remove_rules(entry: &Entry, others: &[&Entry]) -> Result<(), UplinkError> {
    let mut netlink = Netlink::open()?;
    for ipv4 in [true, false] {
        let rules = netlink.rules(ipv4)?;
        for rule in ours(&rules, entry.table) {
            netlink.remove_rule(rule)?;
        }
        netlink.remove_table_route(ipv4, entry.table)?;
        if !others.iter().any(|other| ipv4 || other.ipv6) {
            take(&mut netlink, restore_local(&rules, ipv4))?;
        }
    }
    Ok(())
}

fn restore_settings(folder: &Path, home: Identity, others: &[&Entry]) -> Vec<UplinkError> {
    match Ledger::open(folder) {
        Ok(mut ledger) => {
            ledger.restore(home, |key| others.iter().any(|other| other.needs.contains(key)))
        }
        Err(error) => vec![error],
    }
}

fn unreserve(entry: &Entry, others: &[&Entry]) -> Result<(), UplinkError> {
    let needed = ports::union(others.iter().flat_map(|other| other.reserved.iter().copied()));
    let unneeded = ports::difference(&entry.reserved, &needed);
    if unneeded.is_empty() {
        return Ok(());
    }
    let now = reserved()?;
    let left = ports::difference(&now, &unneeded);
    if left != now {
        sysctl::write(RESERVED, &ports::format(&left))?;
    }
    Ok(())
}
