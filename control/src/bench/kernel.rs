//! What do we compare with?
//!
//! ```text
//!   namespace kb-1        namespace kb          namespace kb-2
//!   eth0 10.99.0.2 ──veth── p1  br0  p2 ──veth── eth0 10.99.0.3
//!                           10.99.0.1
//! ```
//!
//! A bridge as `ip link add br0 type bridge` makes it, with nothing changed but the MTU. It stands in
//! a namespace of its own, so that nothing meant for the bridge under test passes it.

use super::path::{Bridge, Path};
use crate::netlink::{Link, LinkChange, Netlink, NetlinkError};
use crate::netns::{self, NETNS_DIR, NetnsError};
use ipnet::Ipv4Net;
use nix::errno::Errno;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// The bridge's namespace.
const MIDDLE: &str = "kb";
/// The namespaces with the traffic.
const ENDS: [&str; 2] = ["kb-1", "kb-2"];
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
    /// A namespace cannot be made or entered.
    #[error("no kernel bridge to compare with: {0}")]
    Namespace(#[from] NetnsError),
    /// A namespace cannot be opened.
    #[error("no kernel bridge to compare with: cannot open {}: {source}", path.display())]
    Open {
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses one of the steps.
    #[error("no kernel bridge to compare with: {0}")]
    Step(#[from] NetlinkError),
}

/// What it means that a link of this kind cannot be made.
fn judge(kind: &'static str) -> impl Fn(NetlinkError) -> KernelError {
    move |error| match error.source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EOPNOTSUPP) => KernelError::Missing(kind),
        _ => KernelError::Step(error),
    }
}

/// Builds it all. What was made goes with the private namespaces of this process.
///
/// # Errors
/// [`KernelError::Missing`] where the kernel has no bridge; the others are failures.
pub(super) fn build(mtu: u16) -> Result<Path, KernelError> {
    let middle = make(MIDDLE)?;
    let ends = [make(ENDS[0])?, make(ENDS[1])?];
    let open = |path: &PathBuf| {
        File::open(path).map_err(|source| KernelError::Open { path: path.clone(), source })
    };
    let peers = [open(&ends[0])?, open(&ends[1])?];
    netns::run_in(&middle, || build_middle(mtu, &peers))??;
    for (end, address) in ends.iter().zip(&ADDRESSES[1..]) {
        netns::run_in(end, || build_end(*address))??;
    }
    let [client, server] = ends;
    Ok(Path { bridge: Bridge::Kernel, client, server, address: ADDRESSES[2] })
}

fn make(name: &str) -> Result<PathBuf, KernelError> {
    let path = PathBuf::from(NETNS_DIR).join(name);
    netns::run_in_new(|| netns::pin(&path))??;
    Ok(path)
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
    set_up(&mut netlink, &bridge, ADDRESSES[0])
}

fn build_end(address: Ipv4Addr) -> Result<(), KernelError> {
    let mut netlink = Netlink::open()?;
    let end = netlink.link(END)?;
    set_up(&mut netlink, &end, address)
}

/// Brings the interface and `lo` up, and gives the interface its address.
fn set_up(netlink: &mut Netlink, link: &Link, address: Ipv4Addr) -> Result<(), KernelError> {
    let loopback = netlink.link("lo")?;
    for link in [&loopback, link] {
        netlink.change_link(link, &LinkChange { up: true, ..LinkChange::default() })?;
    }
    Ok(netlink.add_address(link, Ipv4Net::new_assert(address, PREFIX).into())?)
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
        assert!(matches!(error, KernelError::Missing("bridge")));
        assert_eq!(error.to_string(), "this kernel has no bridge");
    }

    #[test]
    fn other_refusals_are_failures() {
        let error = refused(Errno::EPERM);
        assert!(matches!(error, KernelError::Step(_)));
        assert!(error.to_string().contains("make the interface br0"), "{error}");
    }
}
