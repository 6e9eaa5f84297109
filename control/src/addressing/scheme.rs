//! What follows from names and numbers alone?

use crate::model::{MAX_PORTS, NetworkName, SandboxName};
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The IPv4 address of port `number`: the bridge (0) has the subnet's first, ports follow.
pub(crate) fn ipv4(subnet: Ipv4Net, number: u32) -> Ipv4Net {
    let address = Ipv4Addr::from(u32::from(subnet.network()).wrapping_add(number + 1));
    // A valid subnet's prefix length is one.
    Ipv4Net::new(address, subnet.prefix_len()).unwrap_or(subnet)
}

/// The IPv6 address of port `number`; `::1` is the bridge's.
pub(crate) fn ipv6(subnet: Ipv6Net, number: u32) -> Ipv6Net {
    let address = Ipv6Addr::from(u128::from(subnet.network()).wrapping_add(u128::from(number) + 1));
    Ipv6Net::new(address, subnet.prefix_len()).unwrap_or(subnet)
}

/// The MACs of ports 0 to `count` - 1: `02` and five bytes of a hash of name and number. Of two
/// ports with the same hash the later one is hashed again.
pub(super) fn macs(name: &NetworkName, count: u32) -> Vec<MacAddr> {
    let mut taken = HashSet::new();
    (0..count)
        .map(|number| {
            let candidates = (0_u32..).map(|attempt| mac(name, number, attempt));
            // There are 2^40 candidates and at most 1024 ports: one is free.
            let free = candidates.into_iter().find(|mac| taken.insert(*mac));
            free.unwrap_or(MacAddr::ZERO)
        })
        .collect()
}

pub(super) fn mac(name: &NetworkName, number: u32, attempt: u32) -> MacAddr {
    local(hash(b"mac", name, [number, attempt]))
}

/// The MAC of a sandbox's endpoint: by its number if it is a port's by name, by its name otherwise.
pub(super) fn mac_of(network: &NetworkName, sandbox: &SandboxName, attempt: u32) -> MacAddr {
    match number_of(network, sandbox) {
        Some(number) => mac(network, number, attempt),
        None => {
            let rest = [sandbox.as_str().as_bytes(), &[0], &attempt.to_be_bytes()].concat();
            local(hash_parts(b"sandbox", network.as_str(), &rest))
        }
    }
}

/// The number in the name of a port of the network: 3 of `ub0-3`.
pub(super) fn number_of(network: &NetworkName, sandbox: &SandboxName) -> Option<u32> {
    let number = sandbox.as_str().strip_prefix(network.as_str())?.strip_prefix('-')?;
    let number = number.parse().ok().filter(|number| (1..=MAX_PORTS).contains(number))?;
    // A number can be written in other ways than the name has it: "+1", "01".
    (network.port(number) == sandbox.as_str()).then_some(number)
}

fn local(hash: u64) -> MacAddr {
    let [a, b, c, d, e, ..] = hash.to_be_bytes();
    // The second bit of the first byte means locally administered (IEEE 802 8.4).
    MacAddr([0x02, a, b, c, d, e])
}

/// The first IPv4 subnets tried when none is asked for: 172.16.1.0/24 to 172.16.254.0/24.
pub fn default_subnets() -> impl Iterator<Item = Ipv4Net> {
    (1..=254).map(|third| Ipv4Net::new_assert(Ipv4Addr::new(172, 16, third, 0), 24))
}

/// The IPv6 subnets tried when none is asked for, without end: unique local /64s (RFC 4193) whose
/// global id is a hash of the network's name and the attempt.
pub fn default_subnets6(name: &NetworkName) -> impl Iterator<Item = Ipv6Net> {
    (0_u32..).map(move |attempt| {
        let [a, b, c, d, e, ..] = hash(b"ula", name, [0, attempt]).to_be_bytes();
        let mut octets = [0; 16];
        octets[..6].copy_from_slice(&[0xfd, a, b, c, d, e]);
        Ipv6Net::new_assert(Ipv6Addr::from(octets), 64)
    })
}

/// FNV-1a over the parts, with the finalizer of MurmurHash3 so that every bit depends on all of them.
/// It must never change: addresses would.
pub(super) fn hash(purpose: &[u8], name: &NetworkName, numbers: [u32; 2]) -> u64 {
    hash_parts(purpose, name.as_str(), &numbers.map(u32::to_be_bytes).concat())
}

fn hash_parts(purpose: &[u8], name: &str, rest: &[u8]) -> u64 {
    // No name has a zero byte, so no two inputs look the same.
    let bytes = purpose.iter().copied().chain(name.bytes()).chain([0]).chain(rest.iter().copied());
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
