//! Which rules, routes and settings does an uplink need?
//!
//! Pure: [`choose`] finds what stays the same as long as the network stands, [`desired`] what follows
//! from it and from the host as it is now.
//!
//! Limits: [`MAX_RANGES`] ranges of ports for an interface, address and protocol, [`MAX_PAIRS`] pairs of
//! interface and address, and no port above [`LAST_PORT`]. The kernel asks its rules one after the other,
//! for every packet that has no socket yet.

use super::beside::{Beside, from_networks};
use super::host::{EARLY_DEMUX, Host, key};
use super::ports::{self, Range};
use super::{Entry, Refusal};
use crate::netlink::{PROTOCOL_KERNEL, PROTOCOL_OURS, Rule};
use crate::netns::Identity;
use dataplane::config::NatConfig;
use dataplane::wire::{tcp, udp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most ranges of ports for one interface, address and protocol. Beyond it the nearest ranges are
/// joined; what comes for the ports between them goes back to the host.
pub const MAX_RANGES: usize = 64;

/// Most pairs of an interface and an address that replies come back by. Those of interfaces with a
/// default route come first; what is left out is told.
pub const MAX_PAIRS: usize = 256;

/// Where our rules are, and behind them the `local` rule, which must not see what is ours. As low as
/// can be, so that no rule of others changes its place against `local`.
pub(super) const PRIORITY_LOCAL: u32 = 2;

/// The last port that a rule can have in a range: the kernel takes no range that ends at 65535
/// (`fib_rule_port_range_valid` in `include/net/fib_rules.h`).
pub const LAST_PORT: u16 = 65_534;

/// Our tables: these two bytes (`ub`), then the network's number on this host.
const FIRST_TABLE: u32 = 0x7562_0000;
/// Most networks with an uplink; as many as the default subnets are.
const MAX_TABLES: u32 = 254;

/// Ports for a network that finds the default ones taken: blocks of this many, downwards from the end
/// of what lies below Linux's default ephemeral range, to the first port of the last block.
const BLOCK: u16 = 1024;
const LAST_BLOCK: u16 = 10_240;
const FIRST_BLOCK: u16 = 32_768 - BLOCK;

/// What a network asks of its uplink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The host's interface.
    pub interface: String,
    /// Does the network have IPv6?
    pub ipv6: bool,
    /// `--nat-ports`; `None` for the first that are free.
    pub ports: Option<Range>,
    /// `--snat`.
    pub snat: Vec<IpAddr>,
    /// Published ports.
    pub published: Vec<Claim>,
}

/// Ports that a network has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// An IP protocol number.
    pub protocol: u8,
    /// The host's address; `None` for all of them.
    pub address: Option<IpAddr>,
    /// The ports.
    pub ports: Range,
}

impl Claim {
    fn overlaps(&self, other: &Self) -> bool {
        let addresses = match (self.address, other.address) {
            (Some(one), Some(two)) => covers(one, two) || covers(two, one),
            _ => true,
        };
        addresses && self.protocol == other.protocol && meet(self.ports, other.ports)
    }

    /// Is it for callers from outside? What is published on a loopback address is for the host alone.
    fn needs_rules(&self) -> bool {
        self.address.is_none_or(|address| !address.is_loopback())
    }
}

/// Does a claim to `bound` cover `address`? The unspecified address stands for all of its family.
fn covers(bound: IpAddr, address: IpAddr) -> bool {
    bound == address || bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4()
}

fn meet(one: Range, other: Range) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

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

/// Finds a table and ports for the network.
///
/// # Errors
/// What is asked for is taken by another network, or not the host's.
pub fn choose(
    wanted: &Wanted,
    home: Identity,
    host: &Host,
    others: &[Entry],
) -> Result<Entry, Refusal> {
    wanted.published.iter().try_for_each(check_last)?;
    let own: BTreeSet<IpAddr> = host.addresses().filter(is_usable).collect();
    if let Some(&foreign) = wanted.snat.iter().find(|address| !own.contains(address)) {
        return Err(Refusal::SnatAddress(foreign));
    }
    wanted.published.iter().try_for_each(|claim| check_claim(claim, others.iter()))?;
    let ports = choose_ports(wanted, others)?;
    let reserved = ports::intersection(&[ports], &host.ephemeral);
    if !reserved.is_empty() && !host.reservable {
        return Err(Refusal::NotReservable(reserved));
    }
    Ok(Entry {
        home,
        table: free_table(host, others).ok_or(Refusal::NoPortsLeft)?,
        interface: wanted.interface.clone(),
        ipv6: wanted.ipv6 && host.forwards_ipv6(),
        ports,
        published: wanted.published.clone(),
        needs: BTreeSet::new(),
        reserved,
    })
}

/// Can a network that stands publish this from now on?
///
/// # Errors
/// One of them is another network's, or one that this one translates to, or beyond what rules can have.
pub(super) fn check_more(claim: &Claim, entry: &Entry, others: &[Entry]) -> Result<(), Refusal> {
    check_claim(claim, others.iter())?;
    if meet(claim.ports, entry.ports) {
        let (port, ports) = (claim.ports.0.max(entry.ports.0), entry.ports);
        return Err(Refusal::PublishTranslated { port, ports });
    }
    Ok(())
}

/// The last port of all can be in no rule.
fn check_last(claim: &Claim) -> Result<(), Refusal> {
    if claim.ports.1 > LAST_PORT && claim.needs_rules() {
        return Err(Refusal::PublishLastPort(claim.ports));
    }
    Ok(())
}

/// Has none of these networks a port of the claim?
pub(super) fn check_claim<'a>(
    claim: &Claim,
    others: impl Iterator<Item = &'a Entry>,
) -> Result<(), Refusal> {
    check_last(claim)?;
    for other in others {
        let translated = claim.protocol == tcp::PROTOCOL || claim.protocol == udp::PROTOCOL;
        let published = other.published.iter().filter(|one| one.overlaps(claim));
        let taken = published
            .map(|one| one.ports)
            .chain((translated && meet(claim.ports, other.ports)).then_some(other.ports))
            .next();
        if let Some((first, _)) = taken {
            let (port, interface) = (claim.ports.0.max(first), other.interface.clone());
            return Err(Refusal::PublishTaken { port, interface });
        }
    }
    Ok(())
}

fn choose_ports(wanted: &Wanted, others: &[Entry]) -> Result<Range, Refusal> {
    let own = ports::union(wanted.published.iter().map(|claim| claim.ports));
    let clash = |range: Range| {
        let published = |other: &Entry| other.published.iter().any(|one| meet(one.ports, range));
        others.iter().find(|other| meet(other.ports, range) || published(other))
    };
    if let Some((first, last)) = wanted.ports {
        let asked = (first, last.min(LAST_PORT));
        if first > LAST_PORT {
            return Err(Refusal::LastPortAlone);
        }
        let published = ports::intersection(&[asked], &own);
        if !published.is_empty() {
            return Err(Refusal::PortsPublished { asked, published });
        }
        return match clash(asked) {
            None => Ok(asked),
            Some(Entry { interface, ports, .. }) => {
                Err(Refusal::PortsTaken { asked, interface: interface.clone(), taken: *ports })
            }
        };
    }
    let default = (*NatConfig::DEFAULT_PORTS.start(), LAST_PORT);
    let blocks = (LAST_BLOCK..=FIRST_BLOCK).rev().step_by(BLOCK.into());
    std::iter::once(default)
        .chain(blocks.map(|first| (first, first + BLOCK - 1)))
        .filter(|range| clash(*range).is_none())
        .find_map(|range| without(range, &own))
        .ok_or(Refusal::NoPortsLeft)
}

/// The longest part of the range that is not `published`, if that is half of it at least.
fn without(range: Range, published: &[Range]) -> Option<Range> {
    let length = |&(first, last): &Range| last - first;
    let left = ports::difference(&[range], published).into_iter().max_by_key(length)?;
    (length(&left) >= length(&range) / 2).then_some(left)
}

fn free_table(host: &Host, others: &[Entry]) -> Option<u32> {
    (FIRST_TABLE..FIRST_TABLE + MAX_TABLES).find(|table| {
        !others.iter().any(|other| other.table == *table)
            && !host.rules.iter().any(|rule| rule.table == *table)
    })
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

/// Can it be reached from outside?
pub(super) fn is_usable(address: &IpAddr) -> bool {
    let special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    !special
        && match address {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_broadcast(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        }
}

/// The priority of the first `local` rule once the kernel's is out of the way; at least 1.
pub(super) fn local_priority(rules: &[Rule], ipv4: bool) -> u32 {
    let moved = |rule: &&Rule| rule.ipv4 == ipv4 && rule.is_local() && rule.priority > 0;
    rules.iter().filter(moved).map(|rule| rule.priority).min().unwrap_or(PRIORITY_LOCAL)
}

/// One change of the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Add it.
    Add(Rule),
    /// Remove it.
    Remove(Rule),
}

/// Moves the `local` rule from its first place, new one first. A host that has moved it already keeps
/// what it has; one that has lost it gets it back.
pub fn move_local(rules: &[Rule], ipv4: bool) -> Vec<Step> {
    let local: Vec<&Rule> =
        rules.iter().filter(|rule| rule.ipv4 == ipv4 && rule.is_local()).collect();
    let first = local.iter().filter(|rule| rule.priority == 0);
    let mut steps = Vec::new();
    if local.iter().all(|rule| rule.priority == 0) {
        steps.push(Step::Add(Rule::local(ipv4, PRIORITY_LOCAL, PROTOCOL_OURS)));
    }
    steps.extend(first.map(|rule| Step::Remove((*rule).clone())));
    steps
}

/// Puts the `local` rule back to where the kernel has it, if it was us who moved it.
pub fn restore_local(rules: &[Rule], ipv4: bool) -> Vec<Step> {
    let ours = rules.iter().filter(|rule| {
        rule.ipv4 == ipv4 && rule.is_local() && rule.protocol == PROTOCOL_OURS && rule.priority > 0
    });
    let removals: Vec<Step> = ours.cloned().map(Step::Remove).collect();
    let first = || Step::Add(Rule::local(ipv4, 0, PROTOCOL_KERNEL));
    removals.first().map(|_| first()).into_iter().chain(removals).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
