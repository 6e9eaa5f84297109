//! A host with an outside: `u0` here, `o0` in the namespace `outside`.

use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage};
use netlink_packet_route::rule::{RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Message};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use udp_bridge_tests::host::Host;
use udp_bridge_tests::host::outside::{give, wait_for_link_local};
use udp_bridge_tests::host::rtnl::Rtnl;

/// The host's address towards the outside.
pub(super) const HOST4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The other end.
pub(super) const OUTSIDE4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// The same of IPv6.
pub(super) const HOST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Gives the host an outside with a default route to it.
pub(super) fn add_outside(host: &Host) {
    host.add_netns("outside");
    add_veth(host, "u0", "o0");
    give("u0", &[HOST4.into(), HOST6.into()]);
    Rtnl::open().add_default_route(OUTSIDE4);
    host.visit("outside", || Rtnl::open().add_address("o0", OUTSIDE4, 24));
}

/// A veth pair with one end outside; both up.
pub(super) fn add_veth(host: &Host, name: &str, peer: &str) {
    let outside = File::open(host.netns("outside")).unwrap();
    let mut other_end = LinkMessage::default();
    other_end.attributes =
        vec![LinkAttribute::IfName(peer.to_owned()), LinkAttribute::NetNsFd(outside.as_raw_fd())];
    let data = InfoData::Veth(InfoVeth::Peer(other_end));
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.to_owned()),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)]),
    ];
    let rtnl = Rtnl::open();
    rtnl.make(message);
    // Whether an address is found to be used twice does not change what is tested.
    for setting in ["accept_dad", "router_solicitations"] {
        let path = format!("/proc/sys/net/ipv6/conf/{name}/{setting}");
        std::fs::write(path, "0").unwrap();
    }
    rtnl.up(name);
    host.visit("outside", || Rtnl::open().up(peer));
    wait_for_link_local(name);
}

/// All rules of the host in short, those of the kernel's `main` and `default` tables left out.
pub(super) fn rules() -> Vec<String> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut question = RuleMessage::default();
        question.header.family = family;
        for message in Rtnl::open().dump(Message::GetRule(question)) {
            let Message::NewRule(rule) = message else { continue };
            let text = short(&rule);
            if !text.ends_with(" lookup 254") && !text.ends_with(" lookup 253") {
                all.push(text);
            }
        }
    }
    all
}

fn short(rule: &RuleMessage) -> String {
    let version = if rule.header.family == AddressFamily::Inet { 4 } else { 6 };
    let (mut priority, mut table, mut words) = (0, 0, Vec::new());
    for attribute in &rule.attributes {
        match attribute {
            RuleAttribute::Priority(number) => priority = *number,
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::Iifname(name) => words.push(format!("iif {name} ")),
            RuleAttribute::Destination(address) => {
                words.push(format!("to {address}/{} ", rule.header.dst_len));
            }
            RuleAttribute::IpProtocol(number) => {
                words.push(format!("proto {} ", u8::from(*number)));
            }
            RuleAttribute::DestinationPortRange(range) => {
                words.push(format!("ports {}-{} ", range.start, range.end));
            }
            RuleAttribute::Protocol(_) | RuleAttribute::SuppressPrefixLen(u32::MAX) => {}
            other => words.push(format!("{other:?} ")),
        }
    }
    // The kernel has an order of its own.
    words.sort();
    let table = match table {
        255 => "local".to_owned(),
        254 | 253 => table.to_string(),
        other => format!("{other:#x}"),
    };
    format!("v{version} {priority} {}lookup {table}", words.concat())
}

/// The neighbours that the default routes of a table lead to, with whether they are on-link.
pub(super) fn table_routes(table: u32) -> BTreeSet<(IpAddr, bool)> {
    let mut found = BTreeSet::new();
    for message in Rtnl::open().dump(Message::GetRoute(RouteMessage::default())) {
        let Message::NewRoute(route) = message else { continue };
        let mut gateway = None;
        let mut of_table = false;
        for attribute in &route.attributes {
            match attribute {
                RouteAttribute::Table(number) => of_table = *number == table,
                RouteAttribute::Gateway(RouteAddress::Inet(address)) => {
                    gateway = Some(IpAddr::from(*address));
                }
                RouteAttribute::Gateway(RouteAddress::Inet6(address)) => {
                    gateway = Some(IpAddr::from(*address));
                }
                _ => {}
            }
        }
        if let (true, Some(gateway)) = (of_table, gateway) {
            let onlink = netlink_packet_route::route::RouteFlags::Onlink;
            found.insert((gateway, route.header.flags.contains(onlink)));
        }
    }
    found
}

/// A setting of the network.
pub(super) fn setting(key: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/net/{key}")).unwrap().trim().to_owned()
}

/// The same, to be changed by the host's administrator.
pub(super) fn set(key: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{key}"), value).unwrap();
}
