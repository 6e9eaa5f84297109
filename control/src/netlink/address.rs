//! How does an interface get an address?

use super::{Attempt, Link, Netlink, NetlinkError};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

impl Netlink {
    /// Gives the interface an address, with the route to its subnet.
    ///
    /// IPv6 does no duplicate address detection (RFC 4862 section 5.4): the address is ours to give,
    /// and detection would hold back the first packets for a second.
    ///
    /// # Errors
    /// `EEXIST` if the interface has it already.
    pub fn add_address(&mut self, link: &Link, address: IpNet) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.index = link.index;
        message.header.prefix_len = address.prefix_len();
        message.attributes = vec![
            AddressAttribute::Local(address.addr()),
            AddressAttribute::Address(address.addr()),
        ];
        match address {
            IpNet::V4(v4) => {
                message.header.family = AddressFamily::Inet;
                message.attributes.push(AddressAttribute::Broadcast(v4.broadcast()));
            }
            IpNet::V6(_) => {
                message.header.family = AddressFamily::Inet6;
                message.header.flags = AddressHeaderFlags::Nodad;
            }
        }
        let request = RouteNetlinkMessage::NewAddress(message);
        let attempt = || Attempt::AddAddress(link.name.clone(), address);
        self.request(request, NLM_F_CREATE | NLM_F_EXCL)
            .map(|_| ())
            .map_err(|source| NetlinkError::new(attempt(), source))
    }
}
