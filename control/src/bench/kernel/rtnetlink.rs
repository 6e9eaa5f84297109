//! How is the kernel told about links and addresses?

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::RawFd;

/// A netlink socket of the namespace it was opened in.
pub(super) struct Route {
    socket: Socket,
}

impl Route {
    /// Opens one.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket })
    }

    /// Asks for one thing and waits for the answer.
    pub(super) fn ask(&mut self, request: Request) -> io::Result<()> {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | request.flags;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request.message));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let (answer, _) = self.socket.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            _ => Ok(()),
        }
    }
}

/// One request.
pub(super) struct Request {
    message: RouteNetlinkMessage,
    flags: u16,
}

/// Flags of a request that makes something new.
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

impl Request {
    /// Makes a bridge.
    pub(super) fn bridge(name: &str, index: u32, mtu: u32) -> Self {
        let mut link = new_link(name, index, mtu);
        link.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]));
        Self { message: RouteNetlinkMessage::NewLink(link), flags: NEW }
    }

    /// Makes a veth pair.
    pub(super) fn veth(name: &str, index: u32, peer: (&str, u32), mtu: u32) -> Pair {
        Pair { link: new_link(name, index, mtu), peer: new_link(peer.0, peer.1, mtu) }
    }

    /// Makes a link a port of a bridge.
    pub(super) fn attach(index: u32, bridge: u32) -> Self {
        let mut link = existing_link(index);
        link.attributes.push(LinkAttribute::Controller(bridge));
        Self { message: RouteNetlinkMessage::SetLink(link), flags: 0 }
    }

    /// Sets a link up.
    pub(super) fn up(index: u32) -> Self {
        let mut link = existing_link(index);
        link.header.flags = LinkFlags::Up;
        link.header.change_mask = LinkFlags::Up;
        Self { message: RouteNetlinkMessage::SetLink(link), flags: 0 }
    }

    /// Gives a link an address in a /24.
    pub(super) fn address(index: u32, address: Ipv4Addr) -> Self {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = 24;
        message.header.index = index;
        let address = IpAddr::V4(address);
        message.attributes =
            vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        Self { message: RouteNetlinkMessage::NewAddress(message), flags: NEW }
    }
}

/// A veth pair that has yet to be told where its other end goes.
pub(super) struct Pair {
    link: LinkMessage,
    peer: LinkMessage,
}

impl Pair {
    /// Makes it with the other end in the namespace that `fd` is open on.
    pub(super) fn into_namespace(mut self, fd: RawFd) -> Request {
        self.peer.attributes.push(LinkAttribute::NetNsFd(fd));
        self.link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(self.peer))),
        ]));
        Request { message: RouteNetlinkMessage::NewLink(self.link), flags: NEW }
    }
}

fn new_link(name: &str, index: u32, mtu: u32) -> LinkMessage {
    let mut link = existing_link(index);
    link.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Mtu(mtu)];
    link
}

fn existing_link(index: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link
}
