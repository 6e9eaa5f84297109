//! What could no network be faster than?
//!
//! Two sockets on the loopback interface of an empty namespace: both ends' system calls, the two copies
//! into and out of the kernel, the wake-ups, and nothing between them. Its interface is as the kernel
//! makes it, MTU 65536 included, in every shape.

use super::path::Path;
use super::{DataPath, System, SystemError, namespace};
use crate::bench::workload::Way;
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

/// How many of its addresses stand in for an outside with many.
const ADDRESSES: u16 = super::outside::ADDRESSES;

/// A namespace with nothing but `lo`.
pub(super) struct Loopback {
    netns: PathBuf,
}

impl Loopback {
    /// Makes it.
    pub(super) fn build(prefix: &str) -> Result<Self, SystemError> {
        let netns = namespace::make(prefix)?;
        netns::run_in(&netns, || -> Result<(), NetlinkError> {
            let mut netlink = Netlink::open()?;
            let link = netlink.link("lo")?;
            netlink.change_link(&link, &LinkChange { up: true, ..LinkChange::default() })
        })??;
        Ok(Self { netns })
    }
}

impl DataPath for Loopback {
    fn paths(&self) -> Vec<Path> {
        let any_port = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let path = |way| Path {
            system: System::Loopback,
            way,
            client: self.netns.clone(),
            server: self.netns.clone(),
            listen: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            reach: any_port,
            addresses: if way == Way::Masquerade { ADDRESSES } else { 1 },
            ends: Vec::new(),
            tracker: None,
        };
        Way::ALL.into_iter().map(path).collect()
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        vec![self.netns.clone()]
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
}
