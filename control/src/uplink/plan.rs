//! Which rules, routes and settings does an uplink need?
//!
//! Pure: what follows from what [`choose()`](super::choose()) found, and from the host as it is now.
//!
//! Limits: [`MAX_RANGES`] ranges of ports for an interface, address and protocol, [`MAX_PAIRS`] pairs of
//! interface and address, and no port above [`LAST_PORT`](super::LAST_PORT). The kernel asks its rules one after the other,
//! for every packet that has no socket yet.

use super::Entry;
use super::beside::{Beside, from_networks};
use super::choose::{covers, is_usable};
use super::host::{EARLY_DEMUX, Host, key};
use super::local::local_priority;
use super::ports::{self, Range};
use crate::netlink::{PROTOCOL_OURS, Rule};
use dataplane::wire::{tcp, udp};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most ranges of ports for one interface, address and protocol. Beyond it the nearest ranges are
/// joined; what comes for the ports between them goes back to the host.
pub const MAX_RANGES: usize = 64;

/// Most pairs of an interface and an address that replies come back by. Those of interfaces with a
/// default route come first; what is left out is told.
pub const MAX_PAIRS: usize = 256;

/// What must be on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The rules that send replies to our table.
    pub rules: BTreeSet<Rule>,
    /// Settings of interfaces that are not ours, with their values.
    pub settings: Vec<(String, &'static str)>,
    /// How many pairs of interface and address are left out.
    pub left_out: usize,
}

/// The families that an uplink has; true is IPv4.
pub(super) fn families(entry: &Entry) -> impl Iterator<Item = bool> + use<> {
    [true, false].into_iter().take(1 + usize::from(entry.ipv6))
}

/// What must be on the host for the uplink, as the host is now. The host interfaces of networks are no
/// way to the outside.
pub fn desired(entry: &Entry, host: &Host, beside: &Beside) -> Desired {
    let mut desired = Desired::default();
    // A packet whose socket was found early is not forwarded any more (`ip_forward`, `ip6_forward`):
    // what comes for a connection of the host on a port of ours would never be handed back to it.
    if host.settings.contains_key(EARLY_DEMUX) {
        desired.settings.push((EARLY_DEMUX.to_owned(), "0"));
    }
    let mut pairs = BTreeSet::new();
    let anywhere: Vec<IpAddr> =
        host.interfaces.iter().filter(|one| one.loopback).flat_map(usable).collect();
    for interface in host.interfaces.iter().filter(|one| one.up && !one.loopback) {
        if beside.has(&interface.name) {
            continue;
        }
        for ipv4 in families(entry) {
            let own: Vec<IpAddr> =
                usable(interface).filter(|address| address.is_ipv4() == ipv4).collect();
            let is_default = host.defaults[usize::from(!ipv4)].contains(&interface.name);
            if own.is_empty() && !is_default {
                continue;
            }
            let setting = if ipv4 { "forwarding" } else { "force_forwarding" };
            let key = key(ipv4, &interface.name, setting);
            if host.settings.contains_key(&key) {
                desired.settings.push((key, "1"));
            }
            let all = own.iter().chain(&anywhere).filter(|address| address.is_ipv4() == ipv4);
            pairs.extend(all.map(|address| (!is_default, &interface.name, *address)));
        }
    }
    desired.left_out = pairs.len().saturating_sub(MAX_PAIRS);
    for (_, interface, address) in pairs.into_iter().take(MAX_PAIRS) {
        let priority = local_priority(&host.rules, address.is_ipv4()) - 1;
        for protocol in [tcp::PROTOCOL, udp::PROTOCOL] {
            let rules = ranges(entry, address, protocol).into_iter().map(|ports| Rule {
                ipv4: address.is_ipv4(),
                priority,
                table: entry.table,
                protocol: PROTOCOL_OURS,
                interface: Some(interface.clone()),
                to: Some(IpNet::from(address)),
                ip_protocol: Some(protocol),
                ports: Some(ports),
                plain: true,
            });
            desired.rules.extend(rules);
        }
    }
    desired.rules.extend(from_networks(entry, host, beside));
    desired
}

/// The ports of an address that are ours.
fn ranges(entry: &Entry, address: IpAddr, protocol: u8) -> Vec<Range> {
    let published = entry.published.iter().filter(|claim| {
        claim.protocol == protocol && claim.address.is_none_or(|bound| covers(bound, address))
    });
    let all = published.map(|claim| claim.ports).chain([entry.ports]);
    ports::at_most(MAX_RANGES, ports::union(all))
}

fn usable(interface: &crate::netlink::Interface) -> impl Iterator<Item = IpAddr> {
    interface.addresses.iter().map(IpNet::addr).filter(is_usable)
}
