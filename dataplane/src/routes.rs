//! Under which address would the host send to this one?
//!
//! A copy of what the host's routing tables answer, made new whenever they change. Asked once for each
//! new flow.

use crate::config::HostView;
use crate::flow::{Address, NetworkId};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::{Prefix, PrefixMap};
use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address that has prefixes.
pub trait Routed: Address {
    /// A prefix of the family.
    type Net: Prefix + Clone + Debug + Send;

    /// The prefix, if it is of this family.
    fn net(net: IpNet) -> Option<Self::Net>;

    /// The prefix that is this address alone.
    fn host(self) -> Self::Net;
}

impl Routed for Ipv4Addr {
    type Net = Ipv4Net;

    fn net(net: IpNet) -> Option<Ipv4Net> {
        if let IpNet::V4(net) = net { Some(net) } else { None }
    }

    fn host(self) -> Ipv4Net {
        self.into()
    }
}

impl Routed for Ipv6Addr {
    type Net = Ipv6Net;

    fn net(net: IpNet) -> Option<Ipv6Net> {
        if let IpNet::V6(net) = net { Some(net) } else { None }
    }

    fn host(self) -> Ipv6Net {
        self.into()
    }
}

/// The way to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way<A> {
    /// The address that the host sends from; `None` where it has no route.
    pub source: Option<A>,
    /// The MTU in bytes.
    pub mtu: u16,
}

/// The host's addresses and routes of one family.
#[derive(Clone, Debug)]
pub struct Routes<A: Routed> {
    own: HashSet<A, RandomState>,
    ways: PrefixMap<A::Net, Way<A>>,
    networks: PrefixMap<A::Net, NetworkId>,
}

impl<A: Routed> Routes<A> {
    /// Those of the view that are of this family.
    pub fn new(view: &HostView) -> Self {
        let own = view.addresses.iter().filter_map(|&address| A::of(address)).collect();
        let ways = view.routes.iter().filter_map(|route| {
            let source = route.source.and_then(A::of);
            Some((A::net(route.destination)?, Way { source, mtu: route.mtu }))
        });
        let networks = view.networks.iter().filter_map(|&(net, id)| Some((A::net(net)?, id)));
        Self { own, ways: ways.collect(), networks: networks.collect() }
    }

    /// Is it an address of the host itself?
    #[inline]
    pub fn is_own(&self, address: A) -> bool {
        self.own.contains(&address)
    }

    /// The network of this host that an address belongs to; an address of the host itself does to none.
    #[inline]
    pub fn network_of(&self, address: A) -> Option<NetworkId> {
        if self.networks.is_empty() || self.is_own(address) {
            return None;
        }
        self.networks.get_lpm(&address.host()).map(|(_, id)| *id)
    }

    /// The way to an address; `None` if no route covers it.
    pub fn way(&self, destination: A) -> Option<Way<A>> {
        self.ways.get_lpm(&destination.host()).map(|(_, way)| *way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Route;
    use std::net::IpAddr;

    fn route(destination: &str, source: Option<&str>, mtu: u16) -> Route {
        let source = source.map(|source| source.parse().unwrap());
        Route { destination: destination.parse().unwrap(), source, mtu }
    }

    fn view() -> HostView {
        let addresses = ["192.0.2.1", "127.0.0.1", "2001:db8::1"];
        HostView {
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            routes: vec![
                route("0.0.0.0/0", Some("192.0.2.1"), 1500),
                route("198.51.100.0/24", Some("192.0.2.2"), 1400),
                route("198.51.100.7/32", None, 1400),
                route("2001:db8:f::/48", Some("2001:db8::1"), 1300),
            ],
            networks: vec![
                ("192.0.2.0/25".parse().unwrap(), NetworkId(1)),
                ("fd00:1::/64".parse().unwrap(), NetworkId(2)),
            ],
        }
    }

    #[test]
    fn the_longest_prefix_decides_also_that_there_is_no_way() {
        let routes = Routes::<Ipv4Addr>::new(&view());
        let source =
            |text: &str| routes.way(text.parse().unwrap()).map(|way| (way.source, way.mtu));
        assert_eq!(source("203.0.113.1"), Some((Some(Ipv4Addr::new(192, 0, 2, 1)), 1500)));
        assert_eq!(source("198.51.100.8"), Some((Some(Ipv4Addr::new(192, 0, 2, 2)), 1400)));
        assert_eq!(source("198.51.100.7"), Some((None, 1400)));
    }

    #[test]
    fn an_address_of_a_network_is_known_unless_it_is_the_hosts() {
        let (v4, v6) = (Routes::<Ipv4Addr>::new(&view()), Routes::<Ipv6Addr>::new(&view()));
        assert_eq!(v4.network_of(Ipv4Addr::new(192, 0, 2, 2)), Some(NetworkId(1)));
        assert_eq!(v4.network_of(Ipv4Addr::new(192, 0, 2, 1)), None);
        assert_eq!(v4.network_of(Ipv4Addr::new(192, 0, 2, 200)), None);
        assert_eq!(v6.network_of("fd00:1::7".parse().unwrap()), Some(NetworkId(2)));
    }

    #[test]
    fn each_family_has_its_own_addresses_and_ways() {
        let (v4, v6) = (Routes::<Ipv4Addr>::new(&view()), Routes::<Ipv6Addr>::new(&view()));
        for address in view().addresses {
            let (own4, own6) = match address {
                IpAddr::V4(address) => (v4.is_own(address), true),
                IpAddr::V6(address) => (true, v6.is_own(address)),
            };
            assert!(own4 && own6);
        }
        assert!(!v4.is_own(Ipv4Addr::new(192, 0, 2, 2)));
        assert_eq!(v6.way("2001:db8:e::1".parse().unwrap()), None);
        assert_eq!(v6.way("2001:db8:f::1".parse().unwrap()).map(|way| way.mtu), Some(1300));
    }

    #[test]
    fn a_source_of_the_other_family_is_none() {
        let routes = vec![route("0.0.0.0/0", Some("2001:db8::1"), 1500)];
        let routes = Routes::<Ipv4Addr>::new(&HostView { routes, ..HostView::default() });
        assert_eq!(routes.way(Ipv4Addr::LOCALHOST), Some(Way { source: None, mtu: 1500 }));
    }
}
