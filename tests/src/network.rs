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

use crate::talk::Macs;
use crate::world::{PortSetup, Setup, World, own_mac};
use dataplane::config::{
    ConntrackConfig, FilterConfig, HostView, NatConfig, NextHop, Publish, PublishedPorts, Route,
    RouterConfig, UplinkConfig,
};
use dataplane::outcome::PortId;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
            networks: Vec::new(),
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

/// Who talks with whom, in one address family.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// The bridge's own address.
    pub bridge: IpAddr,
    /// The host's address towards the outside.
    pub host: IpAddr,
    /// Somebody outside.
    pub outside: IpAddr,
    /// Somebody else outside.
    pub stranger: IpAddr,
    /// A router on the way to the outside.
    pub hop: IpAddr,
}

/// IPv4.
pub const V4: Family = Family {
    bridge: IpAddr::V4(BRIDGE),
    host: IpAddr::V4(HOST),
    outside: IpAddr::V4(OUTSIDE),
    stranger: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 8)),
    hop: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
};

/// IPv6.
pub const V6: Family = Family {
    bridge: IpAddr::V6(BRIDGE6),
    host: IpAddr::V6(HOST6),
    outside: IpAddr::V6(OUTSIDE6),
    stranger: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 8)),
    hop: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xe, 0, 0, 0, 0, 9)),
};

/// Both.
pub const FAMILIES: [Family; 2] = [V4, V6];

impl Family {
    /// The namespace behind a port.
    pub fn inside(&self, port: u16) -> IpAddr {
        if self.is_v4() { inside(port).into() } else { inside6(port).into() }
    }

    /// An address of the network that was given to nobody; `n` below 40,000.
    pub fn nobody(&self, n: u16) -> IpAddr {
        if self.is_v4() {
            let [high, low] = (n + 0x4000).to_be_bytes();
            Ipv4Addr::new(10, 1, high, low).into()
        } else {
            Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 1, n).into()
        }
    }

    /// Is it IPv4?
    pub fn is_v4(&self) -> bool {
        self.host.is_ipv4()
    }

    /// The one of two that is this family's.
    pub fn of<T>(&self, v4: T, v6: T) -> T {
        if self.is_v4() { v4 } else { v6 }
    }
}

/// From a namespace to the host.
pub fn up(port: u16) -> Macs {
    (own_mac(0), own_mac(port))
}

/// From the host to the next hop.
pub fn down() -> Macs {
    (NEXT_HOP_MAC, own_mac(0))
}

/// From one port's MAC to another's.
pub fn across(from: u16, to: u16) -> Macs {
    (own_mac(to), own_mac(from))
}

/// An address and port.
pub fn at(address: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}

/// Port 8000 to 8009 of all the host's addresses lead to ports from 80 on of port 1's namespace.
pub fn published(protocol: u8) -> Publish {
    Publish {
        protocol,
        address: None,
        ports: 8000..=8009,
        target_v4: inside(1),
        target_v6: Some(inside6(1)),
        target_port: 80,
    }
}

/// These of them.
pub fn publishing(entries: impl IntoIterator<Item = Publish>) -> PublishedPorts {
    PublishedPorts::new(entries.into_iter().collect())
}

/// Sends one frame in at a port and returns the one frame that came out at another. Panics if more or
/// none did.
#[track_caller]
pub fn through(world: &mut World, from: u16, frame: &[u8], to: u16) -> Vec<u8> {
    world.send(from, frame);
    world.run();
    only(world, to)
}

/// The one frame that came out at a port. Panics if more or none did.
#[track_caller]
pub fn only(world: &World, port: u16) -> Vec<u8> {
    let mut out = world.received_by(port);
    assert_eq!(out.len(), 1, "one frame comes out of port {port}: {out:x?}");
    out.remove(0)
}

/// Nothing has come out of any port. Panics otherwise.
#[track_caller]
pub fn silence(world: &World) {
    for port in world.ports() {
        let out = world.received_by(port);
        assert!(out.is_empty(), "nothing comes out of port {port}: {out:x?}");
    }
}
