//! Which way would the kernel send a packet, and from which address?
//!
//! The question of `ip route get`. Source: `inet_rtm_getroute` in `net/ipv4/route.c`,
//! `inet6_rtm_getroute` in `net/ipv6/route.c`.

use super::rule::{PROTOCOL_OURS, TABLE_IN_ATTRIBUTE, done};
use super::{Attempt, Link, Netlink, NetlinkError};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use std::net::IpAddr;

/// A way that the kernel would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The number of the interface; 0 if there is none.
    pub interface: u32,
    /// The address that the host would send from.
    pub source: Option<IpAddr>,
    /// The MTU that the route or what was learned of the path prescribes, in bytes.
    pub mtu: Option<u32>,
}

impl Netlink {
    /// The way to another machine; `None` if the kernel would refuse, or would keep the packet.
    ///
    /// # Errors
    /// The kernel does not answer; a way that does not exist is no error.
    pub fn way_to(&mut self, destination: IpAddr) -> Result<Option<Way>, NetlinkError> {
        let mut question = RouteMessage::default();
        question.header.address_family = family(destination.is_ipv4());
        question.header.destination_prefix_length = if destination.is_ipv4() { 32 } else { 128 };
        question.attributes = vec![RouteAttribute::Destination(destination.into())];
        match self.request(RouteNetlinkMessage::GetRoute(question), 0) {
            Ok(answer) => Ok(answer.iter().find_map(|message| match message {
                RouteNetlinkMessage::NewRoute(route) => way(route),
                _ => None,
            })),
            Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                // No route, and routes of the types unreachable, prohibit and blackhole.
                Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EACCES | Errno::EINVAL) => {
                    Ok(None)
                }
                _ => Err(NetlinkError::new(Attempt::FindWay(destination), error)),
            },
        }
    }

    /// Routes everything in `table` to a neighbour behind the interface, on whatever subnet it is.
    /// A route that is there already stays.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn add_table_route(
        &mut self,
        link: &Link,
        neighbour: IpAddr,
        table: u32,
    ) -> Result<(), NetlinkError> {
        let mut message = table_route(neighbour.is_ipv4(), table);
        message.header.flags = RouteFlags::Onlink;
        message
            .attributes
            .extend([RouteAttribute::Gateway(neighbour.into()), RouteAttribute::Oif(link.index)]);
        let answer =
            self.request(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL);
        done(answer, Errno::EEXIST, || Attempt::AddDefaultRoute(link.name.clone(), neighbour))
    }

    /// Removes that route; one that is gone already, or a table that never was, is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_table_route(&mut self, ipv4: bool, table: u32) -> Result<(), NetlinkError> {
        let answer = self.request(RouteNetlinkMessage::DelRoute(table_route(ipv4, table)), 0);
        match answer.as_ref().map_err(|error| error.raw_os_error().map(Errno::from_raw)) {
            Err(Some(Errno::ENOENT | Errno::EAFNOSUPPORT)) => Ok(()),
            _ => done(answer, Errno::ESRCH, || Attempt::RemoveTableRoute(table)),
        }
    }
}

/// The default route of a table of ours.
fn table_route(ipv4: bool, table: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(ipv4);
    message.header.table = u8::try_from(table).unwrap_or(TABLE_IN_ATTRIBUTE);
    message.header.protocol = RouteProtocol::from(PROTOCOL_OURS);
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Table(table)];
    message
}

fn family(ipv4: bool) -> AddressFamily {
    if ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn way(route: &RouteMessage) -> Option<Way> {
    if route.header.kind != RouteType::Unicast {
        return None;
    }
    let mut way = Way::default();
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => way.interface = *index,
            RouteAttribute::PrefSource(RouteAddress::Inet(source)) => {
                way.source = Some((*source).into());
            }
            RouteAttribute::PrefSource(RouteAddress::Inet6(source)) => {
                way.source = Some((*source).into());
            }
            RouteAttribute::Metrics(metrics) => {
                way.mtu = metrics.iter().find_map(|metric| match metric {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    Some(way)
}
