//! Which addresses and MACs does a network have?
//!
//! Everything here follows from the network's name, its subnets and a port's number, and from nothing
//! else: the same network has the same addresses on every machine and after every restart. A port's
//! MAC does not depend on how many ports come after it.

use crate::model::{Network, NetworkName};
use dataplane::config::NextHop;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses of one interface; the prefix lengths are those of the subnets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// A locally administered unicast MAC.
    pub mac: MacAddr,
    /// The IPv4 address.
    pub ipv4: Ipv4Net,
    /// The IPv6 address, if the network has IPv6.
    pub ipv6: Option<Ipv6Net>,
}

/// The addresses of all interfaces of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interfaces {
    /// The bridge's: the host's interface has them.
    pub host: Addresses,
    /// The ports', in order.
    pub ports: Vec<Addresses>,
}

/// Gives every interface of the network its addresses.
pub fn interfaces(network: &Network) -> Interfaces {
    let subnets = network.subnets();
    let addresses = |(number, mac)| Addresses {
        mac,
        ipv4: ipv4(subnets.v4, number),
        ipv6: subnets.v6.map(|subnet| ipv6(subnet, number)),
    };
    let host = addresses((0, mac(network.name(), 0, 0)));
    // The host's MAC is the first of all, so it never gives way to another.
    let macs = macs(network.name(), network.ports() + 1).into_iter();
    Interfaces { host, ports: (0..).zip(macs).skip(1).map(addresses).collect() }
}

/// The number of the neighbour that the host sends replies to; no port has it.
const NEXT_HOP: u32 = u32::MAX;

/// Gives a neighbour to the host that is only there in the dataplane's answers: a MAC that no interface
/// of the network has, and link-local addresses (RFC 3927, RFC 4291) that are not in `taken`.
pub fn next_hop(network: &Network, taken: &HashSet<IpAddr>) -> NextHop {
    let name = network.name();
    let Interfaces { host, ports } = interfaces(network);
    let macs: HashSet<MacAddr> = std::iter::once(host).chain(ports).map(|one| one.mac).collect();
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
fn macs(name: &NetworkName, count: u32) -> Vec<MacAddr> {
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

fn mac(name: &NetworkName, number: u32, attempt: u32) -> MacAddr {
    let hash = hash(b"mac", name, [number, attempt]).to_be_bytes();
    // The second bit of the first byte means locally administered (IEEE 802 8.4).
    MacAddr([0x02, hash[0], hash[1], hash[2], hash[3], hash[4]])
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
fn hash(purpose: &[u8], name: &NetworkName, numbers: [u32; 2]) -> u64 {
    let bytes = purpose
        .iter()
        .copied()
        .chain(name.as_str().bytes())
        // No name has a zero byte, so no two inputs look the same.
        .chain([0])
        .chain(numbers.into_iter().flat_map(u32::to_be_bytes));
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NetworkRequest, Subnets};
    use proptest::prelude::*;

    fn network(name: &str, ports: u32, v4: Ipv4Net, v6: Option<Ipv6Net>) -> Network {
        Network::new(&NetworkRequest::new(name, ports), Subnets { v4, v6 }).unwrap()
    }

    fn all(network: &Network) -> Vec<Addresses> {
        let Interfaces { host, ports } = interfaces(network);
        std::iter::once(host).chain(ports).collect()
    }

    prop_compose! {
        fn any_network()(
            name in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,9}x",
            ports in 1..=1023_u32,
            v4 in 0x0a00_0000..0x0b00_0000_u32,
            v4_prefix in 8..=21_u8,
            v6 in any::<u64>(),
            v6_prefix in 8..=117_u8,
        ) -> Network {
            let v4 = Ipv4Net::new(v4.into(), v4_prefix).unwrap().trunc();
            let v6 = u128::from(v6) << 64 >> 8 | 0xfd << 120;
            let v6 = Ipv6Net::new(v6.into(), v6_prefix).unwrap().trunc();
            network(&name, ports, v4, Some(v6))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_addresses_are_unique_and_in_their_subnets(network in any_network()) {
            let all = all(&network);
            let count = network.ports() as usize + 1;
            let subnets = network.subnets();
            prop_assert_eq!(all.len(), count);
            prop_assert_eq!(all.iter().map(|one| one.mac).collect::<HashSet<_>>().len(), count);
            prop_assert_eq!(all.iter().map(|one| one.ipv4).collect::<HashSet<_>>().len(), count);
            prop_assert_eq!(all.iter().map(|one| one.ipv6).collect::<HashSet<_>>().len(), count);
            for one in &all {
                prop_assert!(one.mac.is_unicast() && one.mac.0[0] & 2 != 0);
                prop_assert_eq!(one.ipv4.trunc(), subnets.v4);
                prop_assert!(one.ipv4.addr() != subnets.v4.network());
                prop_assert!(one.ipv4.addr() != subnets.v4.broadcast());
                prop_assert_eq!(one.ipv6.map(|ipv6| ipv6.trunc()), subnets.v6);
                prop_assert!(one.ipv6.unwrap().addr() != subnets.v6.unwrap().network());
            }
        }

        #[test]
        fn the_next_hop_is_nobody_else(network in any_network()) {
            let first = next_hop(&network, &HashSet::new());
            prop_assert!(all(&network).iter().all(|one| one.mac != first.mac));
            prop_assert!(first.mac.is_unicast() && first.mac.0[0] & 2 != 0);
            prop_assert!(first.ipv4.is_link_local() && first.ipv6.is_unicast_link_local());
            let taken = HashSet::from([first.ipv4.into(), first.ipv6.into()]);
            let second = next_hop(&network, &taken);
            prop_assert!(!taken.contains(&second.ipv4.into()));
            prop_assert!(!taken.contains(&second.ipv6.into()));
        }

        #[test]
        fn addresses_do_not_depend_on_the_number_of_ports(network in any_network(), more in 1..9_u32) {
            let (name, few) = (network.name(), network.ports());
            let all = macs(name, few + more);
            prop_assert_eq!(&all[..few as usize], &macs(name, few)[..]);
        }

        #[test]
        fn default_ipv6_subnets_are_unique_local(name in "[a-z][a-z0-9]{0,14}") {
            let name: NetworkName = name.parse().unwrap();
            let some: Vec<_> = default_subnets6(&name).take(4).collect();
            prop_assert_eq!(some.iter().collect::<HashSet<_>>().len(), 4);
            for subnet in some {
                prop_assert_eq!(subnet.addr().octets()[0], 0xfd);
                prop_assert_eq!(subnet, subnet.trunc());
            }
        }
    }

    #[test]
    fn the_default_network_has_these_addresses_for_ever() {
        let name = "ub0".parse().unwrap();
        let v6 = default_subnets6(&name).next();
        let network = network("ub0", 3, default_subnets().next().unwrap(), v6);
        let shown: Vec<_> = all(&network)
            .into_iter()
            .map(|one| format!("{} {} {}", one.mac, one.ipv4, one.ipv6.unwrap()))
            .collect();
        let expected = [
            "02:78:5a:c7:da:c7 172.16.1.1/24 fd11:712:a6de::1/64",
            "02:61:9f:5e:da:c0 172.16.1.2/24 fd11:712:a6de::2/64",
            "02:3a:64:f9:ed:ce 172.16.1.3/24 fd11:712:a6de::3/64",
            "02:f1:b0:d0:c1:2d 172.16.1.4/24 fd11:712:a6de::4/64",
        ];
        assert_eq!(shown, expected);
    }
}
