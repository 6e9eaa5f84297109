//! How is an interface looked up and set up?

use super::{Attempt, Netlink, NetlinkError};
use dataplane::wire::ethernet::MacAddr;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use nix::errno::Errno;
use nix::net::if_::if_nameindex;
use std::io;

/// The discipline that queues nothing (`noqueue`, `net/sched/sch_generic.c`).
const NO_QUEUE: &str = "noqueue";

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its number in this namespace.
    pub index: u32,
    /// The text that somebody attached to it (`ip link set … alias`).
    pub alias: Option<String>,
    /// Frames that could not be handed to the device; for a TAP, because nobody read fast enough.
    pub tx_dropped: u64,
}

/// What to change about an interface; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// The MAC.
    pub mac: Option<MacAddr>,
    /// The MTU in bytes.
    pub mtu: Option<u16>,
    /// The length of the transmit queue in frames; for a TAP, of the ring that we read.
    pub tx_queue_len: Option<u32>,
    /// The text to attach, up to 255 bytes.
    pub alias: Option<String>,
    /// The number of the bridge to make it a port of.
    pub controller: Option<u32>,
    /// Bring it up, after all other changes.
    pub up: bool,
}

impl Netlink {
    /// Looks up the interface `name`.
    ///
    /// # Errors
    /// `ENODEV` if there is none.
    pub fn link(&mut self, name: &str) -> Result<Link, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let answer = self.request(RouteNetlinkMessage::GetLink(message), 0);
        let found = answer.and_then(|messages| {
            let link = messages.into_iter().find_map(|message| match message {
                RouteNetlinkMessage::NewLink(link) => Some(describe(link)),
                _ => None,
            });
            link.ok_or_else(|| io::Error::from(Errno::EBADMSG))
        });
        found.map_err(|source| NetlinkError::new(Attempt::FindLink(name.to_owned()), source))
    }

    /// Changes the interface in one step.
    ///
    /// # Errors
    /// The kernel refuses one of the changes; those before it in [`LinkChange`] may be done.
    pub fn change_link(&mut self, link: &Link, change: &LinkChange) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        if change.up {
            message.header.flags = LinkFlags::Up;
            message.header.change_mask = LinkFlags::Up;
        }
        message.attributes = [
            change.mac.map(|mac| LinkAttribute::Address(mac.0.to_vec())),
            change.mtu.map(|mtu| LinkAttribute::Mtu(mtu.into())),
            change.tx_queue_len.map(LinkAttribute::TxQueueLen),
            change.alias.clone().map(LinkAttribute::IfAlias),
            change.controller.map(LinkAttribute::Controller),
        ]
        .into_iter()
        .flatten()
        .collect();
        let answer = self.request(RouteNetlinkMessage::SetLink(message), 0);
        answer
            .map(|_| ())
            .map_err(|source| NetlinkError::new(Attempt::ChangeLink(link.name.clone()), source))
    }

    /// Takes an interface's queueing discipline away, as a veth has none: what is sent is handed to the
    /// device at once. A kernel without disciplines (`CONFIG_NET_SCHED`) has nothing to take away.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn drop_queueing(&mut self, link: &Link) -> Result<(), NetlinkError> {
        let mut message = TcMessage::with_index(link.index.cast_signed());
        message.header.parent = TcHandle::ROOT;
        message.attributes.push(TcAttribute::Kind(NO_QUEUE.to_owned()));
        let flags = NLM_F_CREATE | NLM_F_REPLACE;
        match self.request(RouteNetlinkMessage::NewQueueDiscipline(message), flags) {
            Err(error) if error.raw_os_error() != Some(Errno::EOPNOTSUPP as i32) => {
                Err(NetlinkError::new(Attempt::ChangeLink(link.name.clone()), error))
            }
            _ => Ok(()),
        }
    }
}

fn describe(message: LinkMessage) -> Link {
    let mut link = Link { index: message.header.index, ..Link::default() };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Stats64(statistics) => link.tx_dropped = statistics.tx_dropped,
            _ => {}
        }
    }
    link
}

/// The names and numbers of all interfaces in the calling thread's network namespace.
///
/// # Errors
/// The kernel does not answer.
pub fn all_links() -> Result<Vec<(u32, String)>, NetlinkError> {
    let all = if_nameindex().map_err(|errno| NetlinkError::new(Attempt::ListLinks, errno))?;
    Ok(all.iter().map(|link| (link.index(), link.name().to_string_lossy().into_owned())).collect())
}
