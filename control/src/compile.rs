//! What is the dataplane told of a network?
//!
//! Pure: from what was asked for and what is there to the tables that the router works with. A network
//! of which nothing above layer 2 is asked has no router at all, and its frames are only switched.

use crate::addressing::{Addresses, interfaces};
use crate::model::Network;
use dataplane::config::{
    FilterConfig, HostView, NatConfig, NextHop, Publish, PublishedPorts, RouterConfig, UplinkConfig,
};
use dataplane::outcome::PortId;
use dataplane::wire::ethernet::MacAddr;
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What a router is made of besides the network itself.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The way out, if there is one, and the ports to translate to.
    pub uplink: Option<(NextHop, RangeInclusive<u16>)>,
    /// The host's addresses and routes.
    pub host: HostView,
    /// Published ports.
    pub published: Vec<Publish>,
    /// Rules.
    pub filter: FilterConfig,
    /// No traffic to and from the outside at all?
    pub internal: bool,
}

impl Parts {
    /// Nothing but a switch: all pass, nothing goes out.
    pub fn switch_alone() -> Self {
        Self {
            uplink: None,
            host: HostView::default(),
            published: Vec::new(),
            filter: FilterConfig { icc: true, ..FilterConfig::default() },
            internal: false,
        }
    }

    /// `own` is the network's IPv4 subnet.
    fn needs_router(&self, own: IpNet) -> bool {
        self.uplink.is_some()
            || self.host.networks.iter().any(|(other, _)| other.addr().is_ipv4() && *other != own)
            || self.internal
            || !self.published.is_empty()
            || !self.filter.rules.is_empty()
            || self.filter.concerns_bridged()
    }
}

/// The router of a network; `None` if a switch alone does.
pub fn router(network: &Network, parts: Parts) -> Option<RouterConfig> {
    let all = interfaces(network);
    if !parts.needs_router(IpNet::from(all.host.ipv4).trunc()) {
        return None;
    }
    let options = network.router();
    let (internal, ports) = (parts.internal, parts.uplink.as_ref().map(|(_, ports)| ports.clone()));
    Some(RouterConfig {
        ipv4: all.host.ipv4,
        ipv6: all.host.ipv6,
        hosts: all.ports.iter().flat_map(|(number, one)| host(*number, one)).collect(),
        uplink: parts.uplink.map(|(next_hop, _)| UplinkConfig { next_hop, internal }),
        published: PublishedPorts::new(parts.published),
        filter: parts.filter,
        conntrack: options.conntrack.clone(),
        nat: options.nat(ports.unwrap_or(NatConfig::DEFAULT_PORTS)),
        host: parts.host,
    })
}

/// A port's addresses.
fn host(number: u32, one: &Addresses) -> impl Iterator<Item = (IpAddr, MacAddr, PortId)> + use<> {
    // A switch has 1,024 ports at most.
    let (mac, id) = (one.mac, PortId(number as u16));
    let v6 = one.ipv6.map(|net| IpAddr::from(net.addr()));
    [Some(IpAddr::from(one.ipv4.addr())), v6]
        .into_iter()
        .flatten()
        .map(move |address| (address, mac, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addressing::next_hop;
    use crate::model::{NetworkRequest, Subnets};
    use std::collections::HashSet;

    fn network() -> Network {
        let subnets = Subnets {
            v4: "172.16.1.0/24".parse().unwrap(),
            v6: Some("fd00:1::/64".parse().unwrap()),
        };
        Network::new(&NetworkRequest::new("ub0", 2), subnets).unwrap()
    }

    #[test]
    fn a_network_of_which_no_more_is_asked_is_a_switch_alone() {
        assert_eq!(router(&network(), Parts::switch_alone()), None);
        let filter = FilterConfig { icc: false, ..FilterConfig::default() };
        let parts = Parts { filter, ..Parts::switch_alone() };
        let router = router(&network(), parts).unwrap();
        assert_eq!((router.uplink.as_ref(), router.check()), (None, Ok(())));
    }

    #[test]
    fn a_router_knows_every_port_by_its_addresses() {
        let network = network();
        let next_hop = next_hop(&network, &HashSet::new());
        let parts = Parts { uplink: Some((next_hop, 5000..=6000)), ..Parts::switch_alone() };
        let router = router(&network, parts).unwrap();
        assert_eq!(router.check(), Ok(()));
        assert_eq!(router.ipv4.to_string(), "172.16.1.1/24");
        assert_eq!(router.nat.ports, 5000..=6000);
        let hosts: Vec<String> =
            router.hosts.iter().map(|(address, _, id)| format!("{address} {}", id.0)).collect();
        assert_eq!(hosts, ["172.16.1.2 1", "fd00:1::2 1", "172.16.1.3 2", "fd00:1::3 2"]);
        let taken: HashSet<_> = router.hosts.iter().map(|(_, mac, _)| *mac).collect();
        assert!(!taken.contains(&router.uplink.unwrap().next_hop.mac));
    }
}
