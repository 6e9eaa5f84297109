//! Which networks are on this host?
//!
//! A network lies behind its host interface, the TAP, and has the subnets that this has addresses of.
//! Another process's networks are known like those of this one.

use super::Entry;
use super::choose::is_usable;
use super::host::Host;
use super::local::local_priority;
use crate::model::NetworkName;
use crate::netlink::{PROTOCOL_OURS, Rule};
use dataplane::flow::NetworkId;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// The networks that live on this host, one's own among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Whose each host interface is.
    taps: BTreeMap<String, NetworkName>,
    /// Those that rules name.
    named: BTreeSet<NetworkName>,
}

impl Beside {
    /// These, by their host interfaces.
    pub fn of(taps: impl IntoIterator<Item = (String, NetworkName)>) -> Self {
        Self { taps: taps.into_iter().collect(), named: BTreeSet::new() }
    }

    /// The same with the networks that the rules of one of them name.
    pub fn naming(self, named: BTreeSet<NetworkName>) -> Self {
        Self { named, ..self }
    }

    /// Is it the host interface of a network?
    pub fn has(&self, interface: &str) -> bool {
        self.taps.contains_key(interface)
    }

    /// Are there other networks than the one of this name?
    pub fn has_others(&self, name: &NetworkName) -> bool {
        self.taps.values().any(|other| other != name)
    }

    /// The host interfaces of those that are named.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let named = |(tap, name): (_, &NetworkName)| self.named.contains(name).then_some(tap);
        self.taps.iter().filter_map(named)
    }

    /// The subnets of all of them.
    pub fn subnets(&self, host: &Host) -> Vec<(IpNet, NetworkId)> {
        let of_tap = |(tap, name): (&String, &NetworkName)| {
            let id = name.id();
            subnets(host, tap).map(move |subnet| (subnet, id)).collect::<Vec<_>>()
        };
        self.taps.iter().flat_map(of_tap).collect()
    }
}

/// The subnets behind an interface; link-local ones are each link's own.
fn subnets<'h>(host: &'h Host, interface: &str) -> impl Iterator<Item = IpNet> + 'h {
    let found = host.interfaces.iter().find(|one| one.name == interface);
    let addresses = found.into_iter().flat_map(|one| &one.addresses);
    addresses.filter(|net| is_usable(&net.addr())).map(IpNet::trunc)
}

/// What comes by the TAPs of networks that rules name, for our subnets. Behind the `local` rule: the
/// bridge's address is the host's.
pub(super) fn from_networks(entry: &Entry, host: &Host, beside: &Beside) -> Vec<Rule> {
    let ours: Vec<IpNet> = subnets(host, &entry.interface)
        .filter(|subnet| entry.ipv6 || subnet.addr().is_ipv4())
        .collect();
    let taps = beside.named().filter(|tap| **tap != entry.interface);
    taps.flat_map(|tap| ours.iter().map(move |subnet| (tap, *subnet)))
        .map(|(tap, subnet)| Rule {
            ipv4: subnet.addr().is_ipv4(),
            priority: local_priority(&host.rules, subnet.addr().is_ipv4()) + 1,
            table: entry.table,
            protocol: PROTOCOL_OURS,
            interface: Some(tap.clone()),
            to: Some(subnet),
            ip_protocol: None,
            ports: None,
            plain: true,
        })
        .collect()
}
