//! What do we compare with?
//!
//! ```text
//!   namespace NAME-1      namespace NAME        namespace NAME-2
//!   eth0 10.99.0.2 ──veth── p1  br0  p2 ──veth── eth0 10.99.0.3
//!                           10.99.0.1
//! ```
//!
//! A bridge as `ip link add br0 type bridge` makes it, with nothing changed but the MTU. It stands in
//! a namespace of its own. The one that routes too is another of the same kind, see `routed`.

pub(super) mod nft;
pub(super) mod routed;

use super::namespace;
use super::path::{End, Path};
use super::{DataPath, System, SystemError};
use crate::bench::shape::Shape;
use crate::bench::workload::Way;
use crate::netlink::{LinkChange, Netlink, NetlinkError};
use crate::netns;
use nix::errno::Errno;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// The bridge's address; the ends' follow.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The subnet's prefix length.
const PREFIX: u8 = 24;

const BRIDGE: &str = "br0";
const END: &str = "eth0";

/// What it means that a link of this kind cannot be made.
fn judge(kind: &'static str) -> impl Fn(NetlinkError) -> SystemError {
    move |error| match error.source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EOPNOTSUPP) => SystemError::KernelLacks(kind),
        _ => error.into(),
    }
}

/// A bridge in a namespace with its ends.
struct Bridge {
    middle: PathBuf,
    ends: Vec<End>,
}

impl Bridge {
    /// A bridge in the namespace `prefix` with as many ends as the shape has.
    fn build(shape: &Shape, prefix: &str) -> Result<Self, SystemError> {
        let middle = namespace::make(prefix)?;
        let ends = End::numbered(&middle.to_string_lossy(), ADDRESS, shape.ends);
        for number in 1..=ends.len() {
            namespace::make(&format!("{prefix}-{number}"))?;
        }
        let peers: Vec<File> =
            ends.iter().map(|end| namespace::open(&end.netns)).collect::<Result<_, _>>()?;
        netns::run_in(&middle, || build_middle(shape.mtu, &peers))??;
        for end in &ends {
            netns::run_in(&end.netns, || build_end(end.address))??;
        }
        Ok(Self { middle, ends })
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        let ends = self.ends.iter().map(|end| end.netns.clone());
        std::iter::once(self.middle.clone()).chain(ends).collect()
    }
}

/// The bridge that only bridges.
pub(super) struct Plain(Bridge);

impl Plain {
    /// Builds it.
    ///
    /// # Errors
    /// [`SystemError::KernelLacks`] where the kernel has no bridge; the others are failures.
    pub(super) fn build(shape: &Shape, prefix: &str) -> Result<Self, SystemError> {
        Ok(Self(Bridge::build(shape, prefix)?))
    }
}

impl DataPath for Plain {
    fn paths(&self) -> Vec<Path> {
        Path::across(System::Kernel, Way::Bridged, &self.0.ends).into_iter().collect()
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        self.0.namespaces()
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// The bridge with its ports, whose other ends appear in the `peers`.
fn build_middle(mtu: u16, peers: &[File]) -> Result<(), SystemError> {
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
    Ok(namespace::set_up(&mut netlink, &bridge, ADDRESS, PREFIX)?)
}

fn build_end(address: Ipv4Addr) -> Result<(), NetlinkError> {
    let mut netlink = Netlink::open()?;
    let end = netlink.link(END)?;
    namespace::set_up(&mut netlink, &end, address, PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Attempt;

    fn refused(errno: Errno) -> SystemError {
        let attempt = Attempt::AddLink(BRIDGE.to_owned());
        judge("bridge")(NetlinkError { attempt, source: errno.into() })
    }

    #[test]
    fn a_kernel_without_a_kind_of_link_is_no_failure() {
        let error = refused(Errno::EOPNOTSUPP);
        assert!(error.is_absent());
        assert_eq!(error.to_string(), "this kernel has no bridge");
    }

    #[test]
    fn other_refusals_are_failures() {
        let error = refused(Errno::EPERM);
        assert!(!error.is_absent());
        assert!(error.to_string().contains("make the interface br0"), "{error}");
    }
}
