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

mod namespace;
mod rtnetlink;

use super::path::{Bridge, Path};
use nix::errno::Errno;
use rtnetlink::{Request, Route};
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// The bridge's namespace.
const MIDDLE: &str = "kb";
/// The namespaces with the traffic.
const ENDS: [&str; 2] = ["kb-1", "kb-2"];
/// Addresses of the bridge and the two ends, all in one /24.
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(10, 99, 0, 2), Ipv4Addr::new(10, 99, 0, 3)];

/// Interface indexes, which we choose: the namespaces are new.
const LO: u32 = 1;
const ETH0: u32 = 2;
const BR0: u32 = 10;

/// Why there is no kernel bridge to compare with.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The kernel has no bridge or no veth pairs; ours can be measured alone.
    #[error("this kernel has no {0}")]
    Missing(&'static str),
    /// A namespace cannot be made.
    #[error("cannot make the namespace {name}: {source}")]
    Namespace {
        /// Its name.
        name: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses one of the steps.
    #[error("cannot {what} for the kernel bridge: {source}")]
    Step {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl KernelError {
    fn step(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(UNSUPPORTED) if what == MAKE_BRIDGE => Self::Missing("bridge"),
            Some(UNSUPPORTED) if what == MAKE_PAIR => Self::Missing("veth pairs"),
            _ => Self::Step { what, source },
        }
    }
}

/// What the kernel says of a kind of link it does not know.
const UNSUPPORTED: i32 = Errno::EOPNOTSUPP as i32;

const MAKE_BRIDGE: &str = "make the bridge";
const MAKE_PAIR: &str = "make a veth pair";

/// Builds it all. What was made goes with the private namespaces of this process.
///
/// # Errors
/// [`KernelError::Missing`] where the kernel has no bridge; the others are failures.
pub(super) fn build(mtu: u16) -> Result<Path, KernelError> {
    let middle = make(MIDDLE)?;
    let ends = [make(ENDS[0])?, make(ENDS[1])?];
    let open = |path| File::open(path).map_err(KernelError::step("open a namespace"));
    let peers = [open(&ends[0])?, open(&ends[1])?];
    namespace::run_in(&middle, || build_middle(mtu, &peers))
        .map_err(KernelError::step("enter a namespace"))??;
    for (end, address) in ends.iter().zip(&ADDRESSES[1..]) {
        namespace::run_in(end, || build_end(*address))
            .map_err(KernelError::step("enter a namespace"))??;
    }
    let [client, server] = ends;
    Ok(Path { bridge: Bridge::Kernel, client, server, address: ADDRESSES[2] })
}

fn make(name: &'static str) -> Result<PathBuf, KernelError> {
    namespace::make(name).map_err(|source| KernelError::Namespace { name, source })
}

/// The bridge with its ports, whose other ends appear in the `peers`.
fn build_middle(mtu: u16, peers: &[File; 2]) -> Result<(), KernelError> {
    let mut route = Route::open().map_err(KernelError::step("open a netlink socket"))?;
    let mtu = u32::from(mtu);
    route.ask(Request::bridge("br0", BR0, mtu)).map_err(KernelError::step(MAKE_BRIDGE))?;
    for (number, peer) in (1..).zip(peers) {
        let pair = Request::veth(&format!("p{number}"), BR0 + number, ("eth0", ETH0), mtu);
        route.ask(pair.into_namespace(peer.as_raw_fd())).map_err(KernelError::step(MAKE_PAIR))?;
        route
            .ask(Request::attach(BR0 + number, BR0))
            .map_err(KernelError::step("attach a port"))?;
    }
    for index in [LO, BR0, BR0 + 1, BR0 + 2] {
        route.ask(Request::up(index)).map_err(KernelError::step("set an interface up"))?;
    }
    let address = Request::address(BR0, ADDRESSES[0]);
    route.ask(address).map_err(KernelError::step("set the bridge's address"))
}

fn build_end(address: Ipv4Addr) -> Result<(), KernelError> {
    let mut route = Route::open().map_err(KernelError::step("open a netlink socket"))?;
    for index in [LO, ETH0] {
        route.ask(Request::up(index)).map_err(KernelError::step("set an interface up"))?;
    }
    let address = Request::address(ETH0, address);
    route.ask(address).map_err(KernelError::step("set an address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(what: &'static str, errno: Errno) -> KernelError {
        KernelError::step(what)(errno.into())
    }

    #[test]
    fn a_kernel_without_a_kind_of_link_is_no_failure() {
        let error = refused(MAKE_BRIDGE, Errno::EOPNOTSUPP);
        assert!(matches!(error, KernelError::Missing("bridge")));
        assert_eq!(error.to_string(), "this kernel has no bridge");
        let error = refused(MAKE_PAIR, Errno::EOPNOTSUPP);
        assert!(matches!(error, KernelError::Missing("veth pairs")));
    }

    #[test]
    fn other_refusals_are_failures() {
        assert!(matches!(refused(MAKE_BRIDGE, Errno::EPERM), KernelError::Step { .. }));
        let error = refused("set an address", Errno::EOPNOTSUPP);
        assert!(matches!(error, KernelError::Step { what: "set an address", .. }));
    }
}
