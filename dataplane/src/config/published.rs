//! Which ports of the host lead into which namespace?
//!
//! An entry is a range, however long, and costs the same. An address is one of the host's, all of one
//! family (`0.0.0.0` or `::`), or all (`None`). No two entries share a port of an address, so it does
//! not matter in which order they were written.

use super::ConfigError;
use crate::wire::{tcp, udp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// A published port, or a range of them in one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// TCP or UDP, an IP protocol number.
    pub protocol: u8,
    /// The host's address; an unspecified one for all of its family, `None` for all of both.
    pub address: Option<IpAddr>,
    /// The host's ports.
    pub ports: RangeInclusive<u16>,
    /// The namespace's IPv4 address.
    pub target_v4: Ipv4Addr,
    /// Its IPv6 address, if it has one.
    pub target_v6: Option<Ipv6Addr>,
    /// Its port for the first of `ports`; the others follow.
    pub target_port: u16,
}

impl Publish {
    /// Do both cover one port of one address?
    pub fn overlaps(&self, other: &Self) -> bool {
        self.host_ports().overlaps(&other.host_ports())
    }

    /// What it takes of the host.
    pub fn host_ports(&self) -> HostPorts {
        HostPorts {
            protocol: self.protocol,
            address: self.address,
            first: *self.ports.start(),
            last: *self.ports.end(),
        }
    }
}

/// Ports of the host's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPorts {
    /// TCP or UDP, an IP protocol number.
    pub protocol: u8,
    /// As of [`Publish::address`].
    pub address: Option<IpAddr>,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl HostPorts {
    /// Is one port of one address in both?
    pub fn overlaps(&self, other: &Self) -> bool {
        let addresses = match (self.address, other.address) {
            (Some(one), Some(two)) if one.is_ipv4() != two.is_ipv4() => false,
            (Some(one), Some(two)) => one == two || one.is_unspecified() || two.is_unspecified(),
            _ => true,
        };
        addresses
            && self.protocol == other.protocol
            && self.first <= other.last
            && other.first <= self.last
    }

    /// Has it ports of this protocol on addresses of this family?
    fn is_of(&self, protocol: u8, ipv4: bool) -> bool {
        self.protocol == protocol && self.address.is_none_or(|address| address.is_ipv4() == ipv4)
    }

    /// Is it about all addresses of a family?
    fn is_wide(&self) -> bool {
        self.address.is_none_or(|address| address.is_unspecified())
    }
}

/// The positions of two of these that overlap, the smaller one first; in the time that sorting takes.
pub fn first_overlap(all: &[HostPorts]) -> Option<(usize, usize)> {
    let families = [tcp::PROTOCOL, udp::PROTOCOL].into_iter().flat_map(|p| [(p, true), (p, false)]);
    families.into_iter().find_map(|(protocol, ipv4)| {
        let of_family = (0..all.len()).filter(|&at| all[at].is_of(protocol, ipv4));
        let (wide, narrow) = of_family.partition(|&at| all[at].is_wide());
        overlap_in_family(all, wide, narrow)
    })
}

fn overlap_in_family(
    all: &[HostPorts],
    mut wide: Vec<usize>,
    mut narrow: Vec<usize>,
) -> Option<(usize, usize)> {
    wide.sort_by_key(|&at| all[at].first);
    narrow.sort_by_key(|&at| (all[at].address, all[at].first));
    // Sorted by their first ports, those of one address that overlap are neighbours if any are.
    let neighbours = [&wide, &narrow].into_iter().flat_map(|sorted| sorted.windows(2));
    let mut overlapping = neighbours.map(|pair| (pair[0], pair[1]));
    let found = overlapping.find(|&(one, two)| all[one].overlaps(&all[two])).or_else(|| {
        // The wide ones have no port in common, so the last that begins before a narrow one's end
        // is the only one to look at that can also reach its beginning.
        narrow.iter().find_map(|&at| {
            let after = wide.partition_point(|&other| all[other].first <= all[at].last);
            let other = wide[after.checked_sub(1)?];
            all[other].overlaps(&all[at]).then_some((other, at))
        })
    });
    found.map(|(one, two)| (one.min(two), one.max(two)))
}

/// All published ports, found in logarithmic time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishedPorts {
    /// Sorted by protocol, address and first port.
    entries: Vec<Publish>,
}

impl PublishedPorts {
    /// The ports in the order in which they are searched.
    pub fn new(mut entries: Vec<Publish>) -> Self {
        entries.sort_by_key(key);
        Self { entries }
    }

    /// All entries.
    pub fn entries(&self) -> &[Publish] {
        &self.entries
    }

    /// Where `port` of the host's `address` leads, which is one of that address's family.
    pub fn find(&self, protocol: u8, address: IpAddr, port: u16) -> Option<(IpAddr, u16)> {
        if self.entries.is_empty() {
            return None;
        }
        let all_of_family = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        [Some(address), Some(all_of_family), None].into_iter().find_map(|bound| {
            let after = self.entries.partition_point(|entry| key(entry) <= (protocol, bound, port));
            let entry = self.entries.get(after.checked_sub(1)?)?;
            let found =
                entry.protocol == protocol && entry.address == bound && entry.ports.contains(&port);
            if !found {
                return None;
            }
            let target = match address {
                IpAddr::V4(_) => IpAddr::V4(entry.target_v4),
                IpAddr::V6(_) => IpAddr::V6(entry.target_v6?),
            };
            Some((target, entry.target_port + (port - entry.ports.start())))
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for entry in &self.entries {
            let (first, last) = (*entry.ports.start(), *entry.ports.end());
            let sound = first > 0
                && first <= last
                && entry.target_port > 0
                && entry.target_port.checked_add(last - first).is_some()
                && matches!(entry.protocol, tcp::PROTOCOL | udp::PROTOCOL);
            if !sound {
                return Err(ConfigError::Published { first, last });
            }
        }
        let taken: Vec<_> = self.entries.iter().map(Publish::host_ports).collect();
        match first_overlap(&taken) {
            // The larger of the two first ports is one of the ports that both have.
            Some((one, two)) => {
                Err(ConfigError::PublishedTwice(taken[one].first.max(taken[two].first)))
            }
            None => Ok(()),
        }
    }
}

fn key(entry: &Publish) -> (u8, Option<IpAddr>, u16) {
    (entry.protocol, entry.address, *entry.ports.start())
}

#[cfg(test)]
#[path = "published_tests.rs"]
mod tests;
