//! Who is the neighbour that the host sends replies to?

use super::scheme::{hash, mac};
use super::{Interfaces, interfaces};
use crate::model::{Network, NetworkName};
use dataplane::config::NextHop;
use dataplane::wire::ethernet::MacAddr;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of the neighbour that the host sends replies to; no port has it.
const NEXT_HOP: u32 = u32::MAX;

/// Gives a neighbour to the host that is only there in the dataplane's answers: a MAC that no interface
/// of the network has, and link-local addresses (RFC 3927, RFC 4291) that are not in `taken`.
pub fn next_hop(network: &Network, taken: &HashSet<IpAddr>) -> NextHop {
    let Interfaces { host, ports } = interfaces(network);
    let macs = std::iter::once(host).chain(ports.into_values()).map(|one| one.mac).collect();
    neighbour(network.name(), &macs, taken)
}

/// A neighbour of the host with a MAC that is not in `macs` and addresses that are not in `taken`.
pub(super) fn neighbour(
    name: &NetworkName,
    macs: &HashSet<MacAddr>,
    taken: &HashSet<IpAddr>,
) -> NextHop {
    let hashes = || (0_u32..).map(|attempt| hash(b"next hop", name, [NEXT_HOP, attempt]));
    let ipv4 = hashes().map(next_hop4).find(|address| !taken.contains(&(*address).into()));
    let ipv6 = hashes().map(next_hop6).find(|address| !taken.contains(&(*address).into()));
    let mac = (0_u32..).map(|attempt| mac(name, NEXT_HOP, attempt)).find(|mac| !macs.contains(mac));
    // There are thousands of candidates at least, and they do not end before one is free.
    NextHop {
        mac: mac.unwrap_or(MacAddr::ZERO),
        ipv4: ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED),
        ipv6: ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED),
    }
}

/// 169.254.1.1 to 169.254.127.254: below the block where clouds have their metadata service, without
/// the ends that RFC 3927 section 2.1 reserves.
fn next_hop4(hash: u64) -> Ipv4Addr {
    let [.., third, fourth] = hash.to_be_bytes();
    Ipv4Addr::new(169, 254, 1 + third % 127, 1 + fourth % 254)
}

fn next_hop6(hash: u64) -> Ipv6Addr {
    Ipv6Addr::from(0xfe80_u128 << 112 | u128::from(hash.max(1)))
}
