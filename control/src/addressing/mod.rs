//! Which addresses and MACs does a network have?
//!
//! What was chosen is taken, what was leased before is kept, and the rest follows from names: a free
//! number in the subnets, and a MAC that is a hash. So the same networks have the same addresses on
//! every machine, and a sandbox keeps its own whatever comes and goes beside it.
//!
//! ```text
//!   Model, Leases, Machine ── assign ──> Assigned   every address and MAC
//!                                └─────> Leases     the table, to be written down
//! ```
//!
//! A network made by number (`up --ports N`) is the same: port 3 of `ub0` is the sandbox `ub0-3`, and
//! its number decides. [`interfaces`] says so for [`Network`] without leases.

mod assign;
mod desk;
mod lease;
mod next_hop;
mod pool;
mod scheme;
mod subnets;
mod table;

#[cfg(test)]
mod lease_tests;

pub use assign::{Assigned, AssignedNetwork, assign};
pub use lease::{Lease, Leases, MAX_REMEMBERED, NetworkLeases};
pub use next_hop::next_hop;
pub use scheme::{default_subnets, default_subnets6};
pub(crate) use scheme::{ipv4, ipv6};
pub use subnets::Machine;
pub use table::LeasesError;

use crate::model::Network;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use scheme::{mac, macs};
use std::collections::BTreeMap;

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
    /// The ports' by number, from 1.
    pub ports: BTreeMap<u32, Addresses>,
}

/// Gives every interface of the network its addresses.
pub fn interfaces(network: &Network) -> Interfaces {
    if let Some(named) = network.named() {
        let ports = named.members.iter().map(|(number, one)| (*number, one.addresses));
        return Interfaces { host: named.host, ports: ports.collect() };
    }
    let subnets = network.subnets();
    let addresses = |(number, mac)| Addresses {
        mac,
        ipv4: ipv4(subnets.v4, number),
        ipv6: subnets.v6.map(|subnet| ipv6(subnet, number)),
    };
    let host = addresses((0, mac(network.name(), 0, 0)));
    // The host's MAC is the first of all, so it never gives way to another.
    let macs = macs(network.name(), network.ports() + 1).into_iter();
    Interfaces {
        host,
        ports: (0..)
            .zip(macs)
            .skip(1)
            .map(|(number, mac)| (number, addresses((number, mac))))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::scheme::macs;
    use super::*;
    use crate::model::{NetworkName, NetworkRequest, Subnets};
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn network(name: &str, ports: u32, v4: Ipv4Net, v6: Option<Ipv6Net>) -> Network {
        Network::new(&NetworkRequest::new(name, ports), Subnets { v4, v6 }).unwrap()
    }

    fn all(network: &Network) -> Vec<Addresses> {
        let Interfaces { host, ports } = interfaces(network);
        std::iter::once(host).chain(ports.into_values()).collect()
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
