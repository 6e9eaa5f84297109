//! What does the dataplane have to know of the host's routes?
//!
//! Under which address the host would send, and with which MTU, for every destination there is. The
//! kernel's answer can change only where a prefix of some table or rule begins or ends. So it is asked
//! for one address of each such prefix, one that lies in no longer prefix; it follows rules, metrics
//! and preferred sources by itself then.
//!
//! Known gap: of several IPv6 addresses of one interface the kernel prefers the one that has most bits
//! in common with the destination (RFC 6724 rule 8), which is not followed within a prefix.

use super::UplinkError;
use super::beside::Beside;
use super::choose::is_usable;
use super::host::Host;
use crate::netlink::{Interface, Netlink};
use dataplane::config::{HostView, Route};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Most prefixes for which the kernel is asked: some 40 ms. A host with the whole table of the
/// internet has a hundred times as many, all by few ways.
pub const MAX_PREFIXES: usize = 4096;

/// What is no destination for a router: this host, loopback, multicast and reserved (RFC 6890).
const HOLES4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same of IPv6: unspecified, loopback and mapped, link-local, multicast.
const HOLES6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 80),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

/// Prefixes for which another source address may be chosen though no route says so (RFC 6724
/// section 2.1): 6to4, Teredo, unique local.
const LABELS6: [Ipv6Net; 3] = [
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
];

/// Looks at the calling thread's namespace: addresses and routes, and whether all prefixes were
/// looked at. Nothing outside is reached through the host interfaces of networks, nor under their
/// addresses.
///
/// # Errors
/// The kernel does not answer.
pub fn host_view(
    host: &Host,
    beside: &Beside,
    ipv6: bool,
) -> Result<(HostView, bool), UplinkError> {
    let mut netlink = Netlink::open()?;
    let prefixes = netlink.routes()?.into_iter().map(|route| route.destination);
    let of_rules = host.rules.iter().filter_map(|rule| rule.to);
    let (nets, all) = breakpoints(prefixes.chain(of_rules), host);
    let mut routes = vec![refused(Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).trunc().into())];
    if !ipv6 {
        routes.push(refused(Ipv6Net::default().into()));
    }
    let foreign = Foreign::of(host, beside);
    for &net in nets.iter().filter(|net| ipv6 || net.addr().is_ipv4()) {
        if is_hole(&net) {
            continue;
        }
        let Some(sample) = sample(net, &nets) else { continue };
        let way = netlink.way_to(sample)?;
        let interface =
            way.and_then(|way| host.interfaces.iter().find(|one| one.index == way.interface));
        let source =
            way.and_then(|way| way.source).filter(|source| foreign.allows(*source, interface));
        let mtu = way.and_then(|way| way.mtu).or(interface.map(|one| one.mtu));
        let mtu = mtu.map_or(u16::MAX, |mtu| u16::try_from(mtu).unwrap_or(u16::MAX));
        routes.push(Route { destination: net, source, mtu });
    }
    let (addresses, routes) = (host.addresses().collect(), without_echoes(routes));
    Ok((HostView { addresses, routes, networks: beside.subnets(host) }, all))
}

fn refused(destination: IpNet) -> Route {
    Route { destination, source: None, mtu: u16::MAX }
}

/// What leads to a network of ours and not outside.
struct Foreign<'a> {
    beside: &'a Beside,
    addresses: HashSet<IpAddr>,
}

impl<'a> Foreign<'a> {
    fn of(host: &Host, beside: &'a Beside) -> Self {
        let ours = host.interfaces.iter().filter(|one| beside.has(&one.name));
        Self { beside, addresses: ours.flat_map(|one| &one.addresses).map(IpNet::addr).collect() }
    }

    fn allows(&self, source: IpAddr, interface: Option<&Interface>) -> bool {
        is_usable(&source)
            && !self.addresses.contains(&source)
            && interface.is_some_and(|one| !self.beside.has(&one.name))
    }
}

/// All prefixes at which the kernel's answer may change, shorter ones before those in them; false if
/// there were too many and only the default and connected ones are there.
fn breakpoints(prefixes: impl Iterator<Item = IpNet>, host: &Host) -> (Vec<IpNet>, bool) {
    let own: HashSet<IpNet> = host.addresses().map(IpNet::from).collect();
    let always = || {
        let connected = host.interfaces.iter().flat_map(|one| &one.addresses).map(IpNet::trunc);
        [Ipv4Net::default().into(), Ipv6Net::default().into()]
            .into_iter()
            .chain(LABELS6.map(IpNet::from))
            .chain(HOLES4.map(IpNet::from))
            .chain(HOLES6.map(IpNet::from))
            .chain(connected)
    };
    let nets: BTreeSet<IpNet> =
        always().chain(prefixes.map(|net| net.trunc())).filter(|net| !own.contains(net)).collect();
    if nets.len() <= MAX_PREFIXES {
        return (nets.into_iter().collect(), true);
    }
    let few: BTreeSet<IpNet> = always().filter(|net| !own.contains(net)).collect();
    (few.into_iter().take(MAX_PREFIXES).collect(), false)
}

fn is_hole(net: &IpNet) -> bool {
    match net {
        IpNet::V4(v4) => HOLES4.iter().any(|hole| hole.contains(v4)),
        IpNet::V6(v6) => HOLES6.iter().any(|hole| hole.contains(v6)),
    }
}

/// An address of the prefix that lies in no longer prefix; `None` if those cover it.
fn sample(net: IpNet, nets: &[IpNet]) -> Option<IpAddr> {
    let mut candidate = net.network();
    // Sorted by address, then by length: all that lie in `net` follow it.
    let behind = nets.partition_point(|other| *other <= net);
    for other in nets[behind..].iter().take_while(|other| net.contains(*other)) {
        if other.contains(&candidate) {
            candidate = next(other.broadcast())?;
        }
    }
    net.contains(&candidate).then_some(candidate)
}

/// The address behind this one.
fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|next| Ipv4Addr::from(next).into()),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|next| Ipv6Addr::from(next).into()),
    }
}

/// The routes but for those that say the same as the next shorter one.
fn without_echoes(mut routes: Vec<Route>) -> Vec<Route> {
    routes.sort_by_key(|route| route.destination);
    let mut kept: Vec<Route> = Vec::with_capacity(routes.len());
    let mut around: Vec<Route> = Vec::new();
    for route in routes {
        while around.last().is_some_and(|outer| !outer.destination.contains(&route.destination)) {
            around.pop();
        }
        let echo = around
            .last()
            .is_some_and(|outer| (outer.source, outer.mtu) == (route.source, route.mtu));
        if !echo {
            around.push(route);
            kept.push(route);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_sample_lies_in_its_prefix_and_in_no_longer_one(
            nets in proptest::collection::btree_set((0..64_u8, 26..=32_u8), 1..30)
        ) {
            let nets: BTreeSet<IpNet> = nets
                .into_iter()
                .map(|(low, prefix)| {
                    Ipv4Net::new(Ipv4Addr::new(10, 0, 0, low), prefix).unwrap().trunc().into()
                })
                .collect();
            let nets: Vec<IpNet> = nets.into_iter().collect();
            let longest = |address: IpAddr| {
                nets.iter().filter(|net| net.contains(&address)).max_by_key(|net| net.prefix_len())
            };
            for net in &nets {
                let all = (0..64_u8).map(|low| IpAddr::from([10, 0, 0, low]));
                let first = all.clone().find(|address| longest(*address) == Some(net));
                prop_assert_eq!(sample(*net, &nets), first);
            }
        }
    }

    #[test]
    fn the_default_route_is_asked_outside_of_what_is_no_destination() {
        let (nets, all) = breakpoints([].into_iter(), &Host::default());
        assert!(all);
        assert_eq!(sample(net("0.0.0.0/0"), &nets), Some("1.0.0.0".parse().unwrap()));
        assert_eq!(sample(net("::/0"), &nets), Some("::1:0:0:0".parse().unwrap()));
        assert!(is_hole(&net("127.0.0.0/8")) && is_hole(&net("ff02::1/128")));
    }

    #[test]
    fn more_routes_than_the_limit_leave_the_default_and_the_connected_ones() {
        let connected = net("192.0.2.7/24");
        let interface = Interface { addresses: vec![connected], ..Interface::default() };
        let host = Host { interfaces: vec![interface], ..Host::default() };
        let many = |count: u32| {
            (0..count).map(|n| Ipv4Net::new(Ipv4Addr::from(0x0a00_0000 + n), 32).unwrap().into())
        };
        let (few, _) = breakpoints(many(0), &host);
        let room = u32::try_from(MAX_PREFIXES - few.len()).unwrap();
        let (full, all) = breakpoints(many(room), &host);
        assert_eq!((full.len(), all), (MAX_PREFIXES, true));
        let (rest, all) = breakpoints(many(room + 1), &host);
        assert_eq!((rest, all), (few.clone(), false));
        assert!(few.contains(&net("192.0.2.0/24")) && few.contains(&net("0.0.0.0/0")));
    }

    /// A host with one way out and one network, as its own kernel sees it.
    fn view_of_a_host() -> HostView {
        use crate::netlink::LinkChange;
        let mut netlink = Netlink::open().unwrap();
        for (name, peer, mtu, address) in
            [("u0", "o0", 1400, "192.0.2.1/24"), ("ub0", "t0", 1500, "172.16.1.1/24")]
        {
            let here = std::fs::File::open("/proc/thread-self/ns/net").unwrap();
            netlink.add_veth(name, mtu, peer, std::os::fd::AsFd::as_fd(&here)).unwrap();
            for end in [name, peer] {
                let link = netlink.link(end).unwrap();
                let up = LinkChange { up: true, ..LinkChange::default() };
                netlink.change_link(&link, &up).unwrap();
            }
            let link = netlink.link(name).unwrap();
            netlink.add_address(&link, net(address)).unwrap();
        }
        let link = netlink.link("u0").unwrap();
        netlink.add_default_route(&link, "192.0.2.2".parse().unwrap()).unwrap();
        let beside = Beside::of([("ub0".to_owned(), "ub0".parse().unwrap())]);
        let (view, all) = host_view(&Host::observe().unwrap(), &beside, false).unwrap();
        assert!(all);
        view
    }

    #[test]
    fn the_view_is_what_the_kernel_answers_and_leads_into_no_network() {
        if !crate::netns::rootless::is_privileged() {
            return;
        }
        let view = crate::netns::run_in_new(view_of_a_host).unwrap();
        let route = |text: &str| view.routes.iter().find(|route| route.destination == net(text));
        let source = Some("192.0.2.1".parse().unwrap());
        let default = route("0.0.0.0/0").unwrap();
        assert_eq!((default.source, default.mtu), (source, 1400));
        // The same as the default.
        assert_eq!(route("192.0.2.0/24"), None);
        for refused in ["172.16.1.0/24", "127.0.0.0/8", "::/0"] {
            assert_eq!(route(refused).unwrap().source, None, "{refused}");
        }
        let network: crate::model::NetworkName = "ub0".parse().unwrap();
        assert_eq!(view.networks, [(net("172.16.1.0/24"), network.id())]);
        for own in ["192.0.2.1", "172.16.1.1"] {
            assert!(view.addresses.contains(&own.parse().unwrap()), "{own}");
        }
    }

    #[test]
    fn routes_that_say_the_same_as_the_one_around_them_are_left_out() {
        let source = Some("192.0.2.7".parse().unwrap());
        let route = |text, source, mtu| Route { destination: net(text), source, mtu };
        let routes = vec![
            route("10.1.0.0/16", source, 1400),
            route("0.0.0.0/0", source, 1500),
            route("10.1.2.0/24", source, 1400),
            route("10.2.0.0/16", source, 1500),
            route("10.1.3.0/24", None, 1400),
        ];
        let kept: Vec<String> =
            without_echoes(routes).iter().map(|route| route.destination.to_string()).collect();
        assert_eq!(kept, ["0.0.0.0/0", "10.1.0.0/16", "10.1.3.0/24"]);
    }
}
