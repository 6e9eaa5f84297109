//! Is an address this host's own?

use super::{Attempt, Netlink, NetlinkError};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use std::net::IpAddr;

impl Netlink {
    /// Would a packet to this address be delivered on this host? True for all of 127.0.0.0/8 too.
    ///
    /// The kernel's own lookup is asked, so that whatever makes an address local counts
    /// (`inet_rtm_getroute` in net/ipv4/route.c).
    ///
    /// # Errors
    /// The kernel does not answer. That nothing leads to the address is no error.
    pub fn is_own_address(&mut self, address: IpAddr) -> Result<bool, NetlinkError> {
        let mut message = RouteMessage::default();
        let (family, length, destination) = match address.to_canonical() {
            IpAddr::V4(v4) => (AddressFamily::Inet, 32, RouteAddress::Inet(v4)),
            IpAddr::V6(v6) => (AddressFamily::Inet6, 128, RouteAddress::Inet6(v6)),
        };
        message.header.address_family = family;
        message.header.destination_prefix_length = length;
        message.attributes = vec![RouteAttribute::Destination(destination)];
        match self.request(RouteNetlinkMessage::GetRoute(message), 0) {
            Ok(answer) => Ok(answer.iter().any(|message| {
                matches!(message, RouteNetlinkMessage::NewRoute(route)
                    if route.header.kind == RouteType::Local)
            })),
            // No route, one that forbids, or no such family at all.
            Err(error) if NOWHERE.iter().any(|&no| error.raw_os_error() == Some(no as i32)) => {
                Ok(false)
            }
            Err(source) => Err(NetlinkError::new(Attempt::FindRoute(address), source)),
        }
    }
}

const NOWHERE: [Errno; 6] = [
    Errno::ENETUNREACH,
    Errno::EHOSTUNREACH,
    Errno::EACCES,
    Errno::EINVAL,
    Errno::EOPNOTSUPP,
    Errno::EAFNOSUPPORT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_own_and_a_documentation_address_is_not() {
        let mut netlink = Netlink::open().unwrap();
        let mut own = |text: &str| netlink.is_own_address(text.parse().unwrap()).unwrap();
        assert!(own("127.0.0.1") && own("127.9.9.9") && own("::ffff:127.0.0.1"));
        // RFC 5737 and RFC 3849: nobody's.
        assert!(!own("192.0.2.77") && !own("2001:db8::77"));
    }
}
