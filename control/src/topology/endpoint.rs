//! What is one interface of the network?

use crate::netlink::NetlinkError;
use crate::netns::NetnsError;
use dataplane::port::Offloads;
use dataplane::port::tap::Tap;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::path::PathBuf;

/// An interface: the host's or a port's.
#[derive(Debug)]
pub struct Endpoint {
    /// The name of the port, and of the host interface for the host's.
    pub name: String,
    /// The name of its namespace; `None` for the host's.
    pub namespace: Option<String>,
    /// The name of the interface in that namespace.
    pub interface: String,
    /// Its MAC.
    pub mac: MacAddr,
    /// Its IPv4 address with the subnet's prefix length.
    pub ipv4: Ipv4Net,
    /// Its IPv6 address with the subnet's prefix length, if the network has IPv6.
    pub ipv6: Option<Ipv6Net>,
    /// Its MTU in bytes.
    pub mtu: u16,
    /// What the kernel granted.
    pub offloads: Offloads,
    /// The namespace's file; `None` for the host's.
    pub(crate) path: Option<PathBuf>,
    pub(crate) tap: Option<Tap>,
}

/// Why the statistics of an interface cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The namespace cannot be entered.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// The kernel does not answer.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
}

impl Endpoint {
    /// The TAP, the first time it is asked for.
    pub fn take_tap(&mut self) -> Option<Tap> {
        self.tap.take()
    }

    /// The namespace's file; `None` for the host's.
    pub fn namespace_path(&self) -> Option<&std::path::Path> {
        self.path.as_deref()
    }
}

/// How many frames the endpoint's namespace sent faster than they were read from its TAP: the
/// interface's `tx_dropped`.
///
/// # Errors
/// [`RingError`] if the namespace or the interface is gone.
pub fn ring_drops(endpoint: &Endpoint) -> Result<u64, RingError> {
    let _ = endpoint;
    todo!()
}
