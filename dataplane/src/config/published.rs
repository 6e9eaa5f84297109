//! Which ports of the host lead into which namespace?

use super::ConfigError;
use crate::wire::{tcp, udp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// A published port, or a range of them in one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// TCP or UDP, an IP protocol number.
    pub protocol: u8,
    /// The host's address; `None` for all of them.
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
        let addresses = match (self.address, other.address) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        addresses
            && self.protocol == other.protocol
            && self.ports.start() <= other.ports.end()
            && other.ports.start() <= self.ports.end()
    }
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
        [Some(address), None].into_iter().find_map(|bound| {
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
        // Sorted, so an entry overlaps its follower of the same address if any; one for all addresses
        // may overlap any of the others.
        let overlapping = |pair: &[Publish]| pair[0].overlaps(&pair[1]);
        let wide = || self.entries.iter().filter(|entry| entry.address.is_none());
        let narrow = || self.entries.iter().filter(|entry| entry.address.is_some());
        let clash = self.entries.windows(2).find(|pair| overlapping(pair)).map(|pair| &pair[1]);
        let clash = clash.or_else(|| {
            narrow().find(|entry| {
                // Those for all addresses do not overlap each other, so one look finds a clash.
                wide().any(|other| other.overlaps(entry))
            })
        });
        match clash {
            Some(entry) => Err(ConfigError::PublishedTwice(*entry.ports.start())),
            None => Ok(()),
        }
    }
}

fn key(entry: &Publish) -> (u8, Option<IpAddr>, u16) {
    (entry.protocol, entry.address, *entry.ports.start())
}
