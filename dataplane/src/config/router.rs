//! What lies behind the host, and what of the network is seen from there?

use super::{ConfigError, ConntrackConfig, FilterConfig, NatConfig, PublishedPorts};
use crate::flow::NetworkId;
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All that is decided above layer 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterConfig {
    /// The bridge's address and its subnet: the host TAP's.
    pub ipv4: Ipv4Net,
    /// The same of IPv6, if the network has it.
    pub ipv6: Option<Ipv6Net>,
    /// The ports' addresses and MACs.
    pub hosts: Vec<(IpAddr, MacAddr, PortId)>,
    /// The way to the outside; `None` if what the network sends there is the host's own affair.
    pub uplink: Option<UplinkConfig>,
    /// Published ports.
    pub published: PublishedPorts,
    /// Rules.
    pub filter: FilterConfig,
    /// Connection tracking.
    pub conntrack: ConntrackConfig,
    /// Source NAT.
    pub nat: NatConfig,
    /// What the host is, right now.
    pub host: HostView,
}

/// The routed uplink: we hand translated packets to the host, which routes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UplinkConfig {
    /// Whom the host sends to what it has for us: the next hop of its table, which does not exist but
    /// in our answers to ARP and neighbour discovery.
    pub next_hop: NextHop,
    /// No traffic to and from the outside at all.
    pub internal: bool,
}

/// A neighbour of the host that is only us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Its MAC.
    pub mac: MacAddr,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, link-local.
    pub ipv6: Ipv6Addr,
}

/// The host's addresses and routes, as its routing tables have them now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostView {
    /// All of the host's own addresses, loopback and link-local ones too.
    pub addresses: HashSet<IpAddr>,
    /// Where it routes what, and under which address.
    pub routes: Vec<Route>,
    /// The subnets of all networks of the host; this one's may be among them.
    pub networks: Vec<(ipnet::IpNet, NetworkId)>,
}

/// One route of the host. The longest prefix that contains an address wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to.
    pub destination: ipnet::IpNet,
    /// The address that the host would send from; `None` if it would refuse (unreachable, prohibit).
    pub source: Option<IpAddr>,
    /// The MTU of the way in bytes.
    pub mtu: u16,
}

impl RouterConfig {
    /// Is it an address of the network?
    #[inline]
    pub fn is_inside(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ipv4.contains(&address),
            IpAddr::V6(address) => self.ipv6.is_some_and(|net| net.contains(&address)),
        }
    }

    /// Does the network reach the outside through us?
    pub fn has_outside(&self) -> bool {
        self.uplink.as_ref().is_some_and(|uplink| !uplink.internal)
    }

    /// Proves the configuration consistent, for a switch of so many ports.
    ///
    /// # Errors
    /// As of [`Self::check`]; `HostPort` if an address is said to be behind a port that there is not.
    pub fn check_for(&self, ports: usize) -> Result<(), ConfigError> {
        self.check_ports(ports)?;
        self.check()
    }

    /// Are all addresses behind ports that a switch of so many has?
    ///
    /// # Errors
    /// `HostPort` if not.
    pub fn check_ports(&self, ports: usize) -> Result<(), ConfigError> {
        match self.hosts.iter().find(|(_, _, port)| port.index() >= ports) {
            Some(&(address, _, port)) => Err(ConfigError::HostPort { address, port }),
            None => Ok(()),
        }
    }

    /// Proves the configuration consistent in itself.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.conntrack.check()?;
        self.nat.check()?;
        self.filter.check()?;
        self.published.check()
    }
}
