//! Which routes are there, and how is one added?

use super::{Attempt, Link, Netlink, NetlinkError, all_links};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::HashMap;
use std::net::IpAddr;

/// A route of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRoute {
    /// Where to.
    pub destination: IpNet,
    /// Through which interface, if through one alone.
    pub interface: Option<String>,
}

impl Netlink {
    /// Routes everything that has no other route to `gateway`, through the interface.
    ///
    /// # Errors
    /// `EEXIST` if there is a default route, `ENETUNREACH` if the gateway is on no subnet of the
    /// interface.
    pub fn add_default_route(&mut self, link: &Link, gateway: IpAddr) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(gateway.is_ipv4());
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes =
            vec![RouteAttribute::Gateway(gateway.into()), RouteAttribute::Oif(link.index)];
        let request = RouteNetlinkMessage::NewRoute(message);
        let attempt = || Attempt::AddDefaultRoute(link.name.clone(), gateway);
        self.request(request, NLM_F_CREATE | NLM_F_EXCL)
            .map(|_| ())
            .map_err(|source| NetlinkError::new(attempt(), source))
    }

    /// Takes such a default route away; one that is gone already is no error.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove_default_route(
        &mut self,
        link: &Link,
        gateway: IpAddr,
    ) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(gateway.is_ipv4());
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes =
            vec![RouteAttribute::Gateway(gateway.into()), RouteAttribute::Oif(link.index)];
        let answer = self.request(RouteNetlinkMessage::DelRoute(message), 0);
        let attempt = || Attempt::RemoveDefaultRoute(link.name.clone(), gateway);
        super::rule::done(answer, nix::errno::Errno::ESRCH, attempt)
    }

    /// All routes of both families in all tables, those to the host's own addresses included; not
    /// those to broadcast, anycast and multicast addresses, and no cached ones.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn routes(&mut self) -> Result<Vec<HostRoute>, NetlinkError> {
        let names: HashMap<u32, String> = all_links()?.into_iter().collect();
        let mut routes = Vec::new();
        for is_ipv4 in [true, false] {
            let mut message = RouteMessage::default();
            message.header.address_family = family(is_ipv4);
            let answer = self
                .dump(&RouteNetlinkMessage::GetRoute(message))
                .map_err(|source| NetlinkError::new(Attempt::ListRoutes, source))?;
            routes.extend(answer.into_iter().filter_map(|message| match message {
                RouteNetlinkMessage::NewRoute(route) => describe(&route, is_ipv4, &names),
                _ => None,
            }));
        }
        Ok(routes)
    }
}

fn family(is_ipv4: bool) -> AddressFamily {
    if is_ipv4 { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn describe(
    route: &RouteMessage,
    is_ipv4: bool,
    names: &HashMap<u32, String>,
) -> Option<HostRoute> {
    // A kernel without IPv6 answers a question about it with all families it has.
    if route.header.address_family != family(is_ipv4)
        || matches!(
            route.header.kind,
            RouteType::Broadcast | RouteType::Anycast | RouteType::Multicast
        )
        || route.header.flags.contains(RouteFlags::Cloned)
    {
        return None;
    }
    let prefix = route.header.destination_prefix_length;
    let destination = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(destination) => Some(destination),
        _ => None,
    });
    let destination = match destination {
        Some(RouteAddress::Inet(address)) => Ipv4Net::new(*address, prefix).ok()?.into(),
        Some(RouteAddress::Inet6(address)) => Ipv6Net::new(*address, prefix).ok()?.into(),
        // No destination is the default route.
        None if is_ipv4 => Ipv4Net::default().into(),
        None => Ipv6Net::default().into(),
        Some(_) => return None,
    };
    let interface = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Oif(index) => names.get(index).cloned(),
        _ => None,
    });
    Some(HostRoute { destination, interface })
}
