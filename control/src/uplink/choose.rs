//! What does a network have of the host for as long as it stands?
//!
//! Pure: a table of routes and ports to translate to, of which no other network has any, and the ports
//! that it publishes. Limits: [`MAX_TABLES`] networks, and no port above [`LAST_PORT`].

use super::host::Host;
use super::ports::{self, Range};
use super::{Entry, Refusal};
use crate::netns::Identity;
use dataplane::config::NatConfig;
use dataplane::wire::{tcp, udp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The last port that a rule can have in a range: the kernel takes no range that ends at 65535
/// (`fib_rule_port_range_valid` in `include/net/fib_rules.h`).
pub const LAST_PORT: u16 = 65_534;

/// Our tables: these two bytes (`ub`), then the network's number on this host.
pub(super) const FIRST_TABLE: u32 = 0x7562_0000;
/// Most networks with an uplink; as many as the default subnets are.
pub(super) const MAX_TABLES: u32 = 254;

/// Ports for a network that finds the default ones taken: blocks of this many, downwards from the end
/// of what lies below Linux's default ephemeral range, to the first port of the last block.
pub(super) const BLOCK: u16 = 1024;
pub(super) const LAST_BLOCK: u16 = 10_240;
pub(super) const FIRST_BLOCK: u16 = 32_768 - BLOCK;

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
pub(super) fn covers(bound: IpAddr, address: IpAddr) -> bool {
    bound == address || bound.is_unspecified() && bound.is_ipv4() == address.is_ipv4()
}

pub(super) fn meet(one: Range, other: Range) -> bool {
    one.0 <= other.1 && other.0 <= one.1
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

/// Can it be reached from outside?
pub(super) fn is_usable(address: &IpAddr) -> bool {
    let special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    !special
        && match address {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_broadcast(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local(),
        }
}
