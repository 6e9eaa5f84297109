//! Under which address would the host send to this one?
//!
//! A copy of what the host's routing tables answer, made new whenever they change. Asked once for each
//! new flow.

use crate::config::HostView;
use crate::flow::Address;
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::{Prefix, PrefixMap};
use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An address that has prefixes.
pub trait Routed: Address {
    /// A prefix of the family.
    type Net: Prefix + Debug + Send;

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
#[derive(Debug)]
pub struct Routes<A: Routed> {
    own: HashSet<A, RandomState>,
    ways: PrefixMap<A::Net, Way<A>>,
}

impl<A: Routed> Routes<A> {
    /// Those of the view that are of this family.
    pub fn new(view: &HostView) -> Self {
        let own = view.addresses.iter().filter_map(|&address| A::of(address)).collect();
        let ways = view.routes.iter().filter_map(|route| {
            let source = route.source.and_then(A::of);
            Some((A::net(route.destination)?, Way { source, mtu: route.mtu }))
        });
        Self { own, ways: ways.collect() }
    }

    /// Is it an address of the host itself?
    #[inline]
    pub fn is_own(&self, address: A) -> bool {
        self.own.contains(&address)
    }

    /// The way to an address; `None` if no route covers it.
    pub fn way(&self, destination: A) -> Option<Way<A>> {
        self.ways.get_lpm(&destination.host()).map(|(_, way)| *way)
    }
}
