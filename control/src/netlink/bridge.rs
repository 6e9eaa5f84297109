//! How do a kernel bridge and the veth pairs at its ports come about, and how does an interface move?
//!
//! Only the benchmark does so, to compare with.

use super::{Attempt, Link, Netlink, NetlinkError};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};
use std::os::fd::{AsRawFd, BorrowedFd};

impl Netlink {
    /// Makes a bridge.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the kernel has none.
    pub fn add_bridge(&mut self, name: &str, mtu: u16) -> Result<(), NetlinkError> {
        self.add_link(name, named(name, mtu), vec![LinkInfo::Kind(InfoKind::Bridge)])
    }

    /// Makes a veth pair: `name` in this namespace, `peer` in the one that `namespace` is open on.
    ///
    /// # Errors
    /// `EOPNOTSUPP` if the kernel has none.
    pub fn add_veth(
        &mut self,
        name: &str,
        mtu: u16,
        peer: &str,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let mut other_end = named(peer, mtu);
        other_end.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        let data = InfoData::Veth(InfoVeth::Peer(other_end));
        let info = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)];
        self.add_link(name, named(name, mtu), info)
    }

    /// Moves an interface into the namespace that `namespace` is open on; it is down there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn move_link(
        &mut self,
        link: &Link,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        self.request(RouteNetlinkMessage::SetLink(message), 0)
            .map(|_| ())
            .map_err(|source| NetlinkError::new(Attempt::ChangeLink(link.name.clone()), source))
    }

    fn add_link(
        &mut self,
        name: &str,
        mut link: LinkMessage,
        info: Vec<LinkInfo>,
    ) -> Result<(), NetlinkError> {
        link.attributes.push(LinkAttribute::LinkInfo(info));
        self.request(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)
            .map(|_| ())
            .map_err(|source| NetlinkError::new(Attempt::AddLink(name.to_owned()), source))
    }
}

fn named(name: &str, mtu: u16) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Mtu(mtu.into())];
    link
}
