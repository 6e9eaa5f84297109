//! A network in memory with a router, a host behind it, and somebody outside.
//!
//! ```text
//!  port 1: 10.1.0.2     port 2: 10.1.0.3 …        namespaces, fd01::2, fd01::3 …
//!      └───────┬─────────────┘
//!          the router ── port 0 ── the host: 10.1.0.1, fd01::1
//!                                     │ 192.0.2.1, 2001:db8::1
//!                                  198.51.100.7, 2001:db8:f::7 outside
//! ```
//!
//! The test plays the host: what it receives on port 0 it would route; what comes back from outside it
//! sends to the next hop.

use crate::world::{PortSetup, Setup, own_mac};
use dataplane::config::{
    ConntrackConfig, FilterConfig, HostView, NatConfig, NextHop, PublishedPorts, Route,
    RouterConfig, UplinkConfig,
};
use dataplane::outcome::PortId;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The next hop's MAC.
pub const NEXT_HOP_MAC: MacAddr = MacAddr([0x02, 0xff, 0, 0, 0, 0xfe]);
/// The next hop's addresses.
pub const NEXT_HOP: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(169, 254, 1, 1), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xfe));
/// The bridge's IPv4 address.
pub const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// The bridge's IPv6 address.
pub const BRIDGE6: Ipv6Addr = Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, 1);
/// The host's IPv4 address towards the outside.
pub const HOST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The host's IPv6 address towards the outside.
pub const HOST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
/// Somebody outside.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
/// Somebody outside with IPv6.
pub const OUTSIDE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 7);

/// The IPv4 address of the namespace behind a port.
pub fn inside(port: u16) -> Ipv4Addr {
    let [high, low] = (port + 1).to_be_bytes();
    Ipv4Addr::new(10, 1, high, low)
}

/// The IPv6 address of the namespace behind a port.
pub fn inside6(port: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, port + 1)
}

/// The router of a network with so many ports, the host's included: an uplink, nothing published, no
/// rules.
pub fn router(ports: u16) -> RouterConfig {
    let hosts = (1..ports).flat_map(|port| {
        let at = |address: IpAddr| (address, own_mac(port), PortId(port));
        [at(inside(port).into()), at(inside6(port).into())]
    });
    let addresses: [IpAddr; 6] = [
        BRIDGE.into(),
        BRIDGE6.into(),
        HOST.into(),
        HOST6.into(),
        Ipv4Addr::LOCALHOST.into(),
        Ipv6Addr::LOCALHOST.into(),
    ];
    let route =
        |destination: IpNet, source: IpAddr| Route { destination, source: Some(source), mtu: 1500 };
    RouterConfig {
        ipv4: Ipv4Net::new_assert(BRIDGE, 16),
        ipv6: Some(Ipv6Net::new_assert(BRIDGE6, 64)),
        hosts: hosts.collect(),
        uplink: Some(UplinkConfig {
            next_hop: NextHop { mac: NEXT_HOP_MAC, ipv4: NEXT_HOP.0, ipv6: NEXT_HOP.1 },
            internal: false,
        }),
        published: PublishedPorts::default(),
        filter: FilterConfig::default(),
        conntrack: ConntrackConfig::default(),
        nat: NatConfig::default(),
        host: HostView {
            addresses: addresses.into(),
            routes: vec![
                route(Ipv4Net::default().into(), HOST.into()),
                route(Ipv6Net::default().into(), HOST6.into()),
            ],
        },
    }
}

/// A world of such a network.
pub fn network(ports: u16, change: impl FnOnce(&mut RouterConfig)) -> Setup {
    let mut config = router(ports);
    change(&mut config);
    let checked = |port: &mut PortSetup| port.check_source = true;
    (0..ports).fold(Setup::of(ports).router(config), |setup, port| setup.port(port, checked))
}
