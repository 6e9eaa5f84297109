//! How is an interface made, addressed, moved, and what is there?
//!
//! Written apart from the product's own netlink, so that a mistake there does not hide itself.

use dataplane::wire::ethernet::MacAddr;
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Message};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// A route socket of the namespace whose thread opened it.
pub struct Rtnl(Socket);

impl Rtnl {
    /// Opens one in the calling thread's namespace.
    pub fn open() -> Self {
        let mut socket = Socket::new(NETLINK_ROUTE).unwrap();
        socket.bind_auto().unwrap();
        socket.connect(&SocketAddr::new(0, 0)).unwrap();
        Self(socket)
    }

    /// Brings the interface up.
    pub fn up(&self, name: &str) {
        self.set_flags(name, LinkFlags::Up);
    }

    /// Takes the interface down.
    pub fn down(&self, name: &str) {
        self.set_flags(name, LinkFlags::empty());
    }

    fn set_flags(&self, name: &str, flags: LinkFlags) {
        let mut message = link(name);
        message.header.flags = flags;
        message.header.change_mask = LinkFlags::Up;
        self.ask(Message::SetLink(message), 0).unwrap();
    }

    /// Changes one attribute of the interface.
    pub fn set(&self, name: &str, attribute: LinkAttribute) {
        let mut message = link(name);
        message.attributes.push(attribute);
        self.ask(Message::SetLink(message), 0).unwrap();
    }

    /// Sets the MAC.
    pub fn set_mac(&self, name: &str, mac: MacAddr) {
        self.set(name, LinkAttribute::Address(mac.0.to_vec()));
    }

    /// Makes the interface a port of the kernel bridge `bridge`.
    pub fn set_bridge(&self, name: &str, bridge: &str) {
        self.set(name, LinkAttribute::Controller(if_nametoindex(bridge).unwrap()));
    }

    /// Moves the interface into another namespace.
    pub fn move_to(&self, name: &str, namespace: &File) {
        self.set(name, LinkAttribute::NetNsFd(namespace.as_raw_fd()));
    }

    /// Removes the interface.
    pub fn delete(&self, name: &str) {
        self.ask(Message::DelLink(link(name)), 0).unwrap();
    }

    /// Makes a kernel bridge, if the kernel has any.
    ///
    /// # Errors
    /// `EOPNOTSUPP` without the module.
    pub fn try_bridge(&self, name: &str) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ];
        self.ask(Message::NewLink(message), NLM_F_CREATE | NLM_F_EXCL).map(drop)
    }

    /// Makes the interface that the message describes.
    pub fn make(&self, message: LinkMessage) {
        self.ask(Message::NewLink(message), NLM_F_CREATE | NLM_F_EXCL).unwrap();
    }

    /// Takes an address from the interface.
    pub fn remove_address(&self, name: &str, address: impl Into<IpAddr>, prefix: u8) {
        let address = address.into();
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = if_nametoindex(name).unwrap();
        message.attributes = vec![AddressAttribute::Local(address)];
        self.ask(Message::DelAddress(message), 0).unwrap();
    }

    /// Gives the interface an address, without a look for others that have it.
    pub fn add_address(&self, name: &str, address: impl Into<IpAddr>, prefix: u8) {
        let address = address.into();
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = prefix;
        message.header.index = if_nametoindex(name).unwrap();
        message.header.flags = AddressHeaderFlags::Nodad;
        message.attributes =
            vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        self.ask(Message::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL).unwrap();
    }

    /// Routes everything of the gateway's family that has no other route to it.
    pub fn add_default_route(&self, gateway: impl Into<IpAddr>) {
        let gateway = gateway.into();
        let mut message = RouteMessage::default();
        message.header.address_family = family(gateway);
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Static;
        message.header.scope = RouteScope::Universe;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![RouteAttribute::Gateway(match gateway {
            IpAddr::V4(v4) => RouteAddress::Inet(v4),
            IpAddr::V6(v6) => RouteAddress::Inet6(v6),
        })];
        self.ask(Message::NewRoute(message), NLM_F_CREATE | NLM_F_EXCL).unwrap();
    }

    /// Says for good which MAC `address` has behind the interface.
    pub fn add_neighbour(&self, name: &str, address: impl Into<IpAddr>, mac: MacAddr) {
        let address = address.into();
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = if_nametoindex(name).unwrap();
        message.header.state = NeighbourState::Permanent;
        let destination = match address {
            IpAddr::V4(v4) => NeighbourAddress::Inet(v4),
            IpAddr::V6(v6) => NeighbourAddress::Inet6(v6),
        };
        message.attributes = vec![
            NeighbourAttribute::Destination(destination),
            NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
        ];
        self.ask(Message::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE).unwrap();
    }

    /// The MAC and the MTU of the interface.
    pub fn mac_and_mtu(&self, name: &str) -> (MacAddr, u32) {
        let (mut mac, mut mtu) = (MacAddr::ZERO, 0);
        for attribute in self.attributes(name) {
            match attribute {
                LinkAttribute::Address(bytes) => mac = MacAddr(bytes.try_into().unwrap()),
                LinkAttribute::Mtu(bytes) => mtu = bytes,
                _ => {}
            }
        }
        (mac, mtu)
    }

    /// Takes the queueing discipline of the interface away.
    pub fn drop_queueing(&self, name: &str) {
        let index = if_nametoindex(name).unwrap();
        let mut message = TcMessage::with_index(index as i32);
        message.header.parent = TcHandle::ROOT;
        message.attributes.push(TcAttribute::Kind("noqueue".to_owned()));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        self.ask(Message::NewQueueDiscipline(message), flags).unwrap();
    }

    /// The queueing discipline of the interface, and how many frames its queue holds.
    pub fn queueing(&self, name: &str) -> (String, u32) {
        let (mut discipline, mut length) = (String::new(), 0);
        for attribute in self.attributes(name) {
            match attribute {
                LinkAttribute::Qdisc(name) => discipline = name,
                LinkAttribute::TxQueueLen(frames) => length = frames,
                _ => {}
            }
        }
        (discipline, length)
    }

    /// All that the kernel says of the interface.
    fn attributes(&self, name: &str) -> impl Iterator<Item = LinkAttribute> {
        let answers = self.ask(Message::GetLink(link(name)), 0).unwrap();
        answers.into_iter().flat_map(|answer| match answer {
            Message::NewLink(message) => message.attributes,
            _ => Vec::new(),
        })
    }

    /// Lists everything that matches.
    pub fn dump(&self, message: Message) -> Vec<Message> {
        self.ask(message, NLM_F_DUMP).unwrap()
    }

    /// One request and its answer, up to the acknowledgement.
    fn ask(&self, message: Message, flags: u16) -> io::Result<Vec<Message>> {
        let mut header = NetlinkHeader::default();
        let end = if flags & NLM_F_DUMP == NLM_F_DUMP { 0 } else { NLM_F_ACK };
        header.flags = NLM_F_REQUEST | flags | end;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.0.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let (datagram, _) = self.0.recv_from_full()?;
            let mut rest = &datagram[..];
            while rest.len() >= 16 {
                let length = u32::from_ne_bytes(*rest.first_chunk().unwrap()) as usize;
                let message = NetlinkMessage::<Message>::deserialize(&rest[..length]).unwrap();
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    NetlinkPayload::Error(error) if error.code.is_some() => {
                        return Err(error.to_io());
                    }
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(answers),
                    _ => {}
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

fn link(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = if_nametoindex(name).unwrap_or_else(|e| panic!("interface {name}: {e}"));
    message
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
