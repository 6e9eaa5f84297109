//! Is the host as it was before?

use super::rtnl::Rtnl;
use super::{Host, NETNS_DIR, STATE_DIR};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::rule::RuleMessage;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Everything that udp-bridge might change on a host, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeSet<String>);

impl Host {
    /// Names of namespaces, state of networks, mounts under both; links, addresses, routes of all
    /// tables, rules; every sysctl of the network.
    pub fn snapshot(&self) -> Snapshot {
        let mut lines = BTreeSet::new();
        for directory in [NETNS_DIR, STATE_DIR] {
            names(Path::new(directory), &mut lines);
        }
        mounts(&mut lines);
        kernel(&Rtnl::open(), &mut lines);
        sysctls(Path::new("/proc/sys/net"), &mut lines);
        Snapshot(lines)
    }
}

impl Snapshot {
    /// Panics with the lines that came and went if the two differ.
    pub fn assert_same(&self, after: &Self) {
        let gone: Vec<_> = self.0.difference(&after.0).collect();
        let new: Vec<_> = after.0.difference(&self.0).collect();
        assert!(
            gone.is_empty() && new.is_empty(),
            "the host changed\ngone: {gone:#?}\nnew: {new:#?}"
        );
    }
}

fn names(directory: &Path, lines: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        lines.insert(format!("file {}", entry.unwrap().path().display()));
    }
}

/// The mount of /run/netns on itself stays, as after `ip netns add`; those in it must go.
fn mounts(lines: &mut BTreeSet<String>) {
    for line in fs::read_to_string("/proc/thread-self/mountinfo").unwrap().lines() {
        let point = line.split(' ').nth(4).unwrap();
        if point != NETNS_DIR {
            lines.insert(format!("mount {point}"));
        }
    }
}

fn kernel(rtnl: &Rtnl, lines: &mut BTreeSet<String>) {
    let requests = [
        Message::GetLink(LinkMessage::default()),
        Message::GetAddress(AddressMessage::default()),
        Message::GetRoute(RouteMessage::default()),
        Message::GetRule(RuleMessage::default()),
    ];
    for request in requests {
        lines.extend(rtnl.dump(request).into_iter().map(line));
    }
}

/// The message without what changes by itself: statistics and ages.
fn line(message: Message) -> String {
    match message {
        Message::NewLink(link) => {
            let lasting = link.attributes.into_iter().filter(|attribute| {
                matches!(
                    attribute,
                    LinkAttribute::IfName(_)
                        | LinkAttribute::Address(_)
                        | LinkAttribute::Mtu(_)
                        | LinkAttribute::TxQueueLen(_)
                        | LinkAttribute::Controller(_)
                        | LinkAttribute::LinkInfo(_)
                )
            });
            format!("link {:?} {:?}", link.header, lasting.collect::<Vec<_>>())
        }
        Message::NewAddress(mut address) => {
            address.attributes.retain(|one| !matches!(one, AddressAttribute::CacheInfo(_)));
            format!("address {address:?}")
        }
        Message::NewRoute(mut route) => {
            route.attributes.retain(|one| !matches!(one, RouteAttribute::CacheInfo(_)));
            format!("route {route:?}")
        }
        Message::NewRule(rule) => format!("rule {rule:?}"),
        other => format!("{other:?}"),
    }
}

fn sysctls(directory: &Path, lines: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sysctls(&path, lines);
        } else if let Ok(value) = fs::read_to_string(&path) {
            lines.insert(format!("sysctl {} = {}", path.display(), value.trim()));
        }
        // Some are for writing only.
    }
}
