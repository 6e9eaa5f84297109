//! What do we compare with?
//!
//! ```text
//!   namespace kb-1        namespace kb          namespace kb-2
//!   eth0 10.99.0.2 ──veth── p1  br0  p2 ──veth── eth0 10.99.0.3
//!                           10.99.0.1
//! ```
//!
//! A bridge as `ip link add br0 type bridge` makes it, with nothing changed but the MTU. It stands in
//! a namespace of its own, so that nothing meant for the bridge under test passes it. The one that
//! routes too is another of the same kind, see `routed`.

pub(super) mod nft;
pub(super) mod routed;

use super::namespace::{self, NamespaceError};
use super::path::{Bridge, End, Path};
use super::workload::Way;
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns::{self, NetnsError};
use nix::errno::Errno;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// The bridge's namespace; those at its ports are named after it.
const MIDDLE: &str = "kb";
/// Addresses of the bridge and the two ends, all in one subnet.
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(10, 99, 0, 2), Ipv4Addr::new(10, 99, 0, 3)];
/// The subnet's prefix length.
const PREFIX: u8 = 24;

const BRIDGE: &str = "br0";
const END: &str = "eth0";

/// Why there is no kernel bridge to compare with.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel has no bridge or no veth pairs; ours can be measured alone.
    #[error("this kernel has no {0}")]
    Missing(&'static str),
    /// There are no rules for its NAT; ours can be measured alone.
    #[error(transparent)]
    Nft(#[from] nft::NftError),
    /// A namespace cannot be set up.
    #[error("no kernel bridge to compare with: {0}")]
    Namespace(#[from] NamespaceError),
    /// A setting cannot be changed.
    #[error("no kernel bridge to compare with: {0}")]
    Forwarding(#[from] routed::ForwardingError),
}

impl From<NetnsError> for KernelError {
    fn from(error: NetnsError) -> Self {
        Self::Namespace(error.into())
    }
}

impl From<NetlinkError> for KernelError {
    fn from(error: NetlinkError) -> Self {
        Self::Namespace(error.into())
    }
}

impl KernelError {
    /// Does it only mean that there is nothing to compare with?
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::Nft(_))
    }
}

/// What it means that a link of this kind cannot be made.
fn judge(kind: &'static str) -> impl Fn(NetlinkError) -> KernelError {
    move |error| match error.source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EOPNOTSUPP) => KernelError::Missing(kind),
        _ => error.into(),
    }
}

/// Builds the one that only bridges. What was made goes with the private namespaces of this process.
///
/// # Errors
/// [`KernelError::Missing`] where the kernel has no bridge; the others are failures.
pub(super) fn build(mtu: u16) -> Result<Path, KernelError> {
    let (_, ends) = build_bridge(MIDDLE, mtu)?;
    Ok(Path::across(Bridge::Kernel, Way::Bridged, &ends))
}

/// A bridge in the namespace `name` with two ends; gives the namespace's file, too.
fn build_bridge(name: &str, mtu: u16) -> Result<(PathBuf, [End; 2]), KernelError> {
    let middle = namespace::make(name)?;
    let end = |number: usize| -> Result<End, KernelError> {
        let netns = namespace::make(&format!("{name}-{number}"))?;
        Ok(End { netns, address: ADDRESSES[number] })
    };
    let ends = [end(1)?, end(2)?];
    let peers = [namespace::open(&ends[0].netns)?, namespace::open(&ends[1].netns)?];
    netns::run_in(&middle, || build_middle(mtu, &peers))??;
    for end in &ends {
        netns::run_in(&end.netns, || build_end(end.address))??;
    }
    Ok((middle, ends))
}

/// The bridge with its ports, whose other ends appear in the `peers`.
fn build_middle(mtu: u16, peers: &[File; 2]) -> Result<(), KernelError> {
    let mut netlink = Netlink::open()?;
    netlink.add_bridge(BRIDGE, mtu).map_err(judge("bridge"))?;
    let bridge = netlink.link(BRIDGE)?;
    for (number, peer) in (1..).zip(peers) {
        let name = format!("p{number}");
        netlink.add_veth(&name, mtu, END, peer.as_fd()).map_err(judge("veth pairs"))?;
        let port = netlink.link(&name)?;
        let controller = Some(bridge.index);
        netlink
            .change_link(&port, &LinkChange { controller, up: true, ..LinkChange::default() })?;
    }
    Ok(namespace::set_up(&mut netlink, &bridge, ADDRESSES[0], PREFIX)?)
}

fn build_end(address: Ipv4Addr) -> Result<(), NamespaceError> {
    let mut netlink = Netlink::open()?;
    let end = netlink.link(END)?;
    Ok(namespace::set_up(&mut netlink, &end, address, PREFIX)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Attempt;

    fn refused(errno: Errno) -> KernelError {
        let attempt = Attempt::AddLink(BRIDGE.to_owned());
        judge("bridge")(NetlinkError { attempt, source: errno.into() })
    }

    #[test]
    fn a_kernel_without_a_kind_of_link_is_no_failure() {
        let error = refused(Errno::EOPNOTSUPP);
        assert!(error.is_missing());
        assert_eq!(error.to_string(), "this kernel has no bridge");
    }

    #[test]
    fn other_refusals_are_failures() {
        let error = refused(Errno::EPERM);
        assert!(!error.is_missing());
        assert!(error.to_string().contains("make the interface br0"), "{error}");
    }
}
