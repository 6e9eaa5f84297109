//! Which interfaces are there, and which addresses have they?

use super::{Attempt, Netlink, NetlinkError};
use ipnet::IpNet;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use std::net::IpAddr;

/// An interface with its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Its number in this namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Is it switched on?
    pub up: bool,
    /// Does it lead back to the host itself?
    pub loopback: bool,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Its own addresses with the prefix lengths of their subnets.
    pub addresses: Vec<IpNet>,
}

impl Netlink {
    /// All interfaces of the namespace, with the addresses of both families.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn interfaces(&mut self) -> Result<Vec<Interface>, NetlinkError> {
        let links = self
            .dump(&RouteNetlinkMessage::GetLink(LinkMessage::default()))
            .map_err(|source| NetlinkError::new(Attempt::ListLinks, source))?;
        let mut interfaces: Vec<Interface> = links
            .into_iter()
            .filter_map(|message| match message {
                RouteNetlinkMessage::NewLink(link) => Some(describe(link)),
                _ => None,
            })
            .collect();
        let addresses = self
            .dump(&RouteNetlinkMessage::GetAddress(AddressMessage::default()))
            .map_err(|source| NetlinkError::new(Attempt::ListAddresses, source))?;
        for message in addresses {
            let RouteNetlinkMessage::NewAddress(message) = message else { continue };
            let owner = interfaces.iter_mut().find(|one| one.index == message.header.index);
            if let (Some(owner), Some(address)) = (owner, own_address(&message)) {
                owner.addresses.push(address);
            }
        }
        Ok(interfaces)
    }
}

fn describe(message: LinkMessage) -> Interface {
    let flags = message.header.flags;
    let mut interface = Interface {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        loopback: flags.contains(LinkFlags::Loopback),
        ..Interface::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => interface.name = name,
            LinkAttribute::Mtu(mtu) => interface.mtu = mtu,
            _ => {}
        }
    }
    interface
}

/// On a link between two, `Address` is the other end's and `Local` is ours; IPv6 has `Local` there
/// alone.
fn own_address(message: &AddressMessage) -> Option<IpNet> {
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| {
        message.attributes.iter().find_map(wanted)
    };
    let local = find(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        find(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    });
    IpNet::new(address?, message.header.prefix_len).ok()
}
