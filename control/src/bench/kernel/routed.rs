//! What do we compare the routed ways with?
//!
//! ```text
//!   namespace kr-1        namespace kr, a host                  namespace kr-out
//!   eth0 10.99.0.2 ──veth── p1  br0  p2 …   up0 198.18.0.1 ──veth── eth0 198.18.0.2 …
//!   default via 10.99.0.1       10.99.0.1
//! ```
//!
//! The bridge of [`super`] in a namespace that is a host: `ip_forward` is on, nftables masquerades what
//! leaves by `up0` and leads a port of the host to the first end. There are no other rules, no filter
//! and no accounting (`nf_conntrack_acct` as the kernel has it, off), which is the kernel at its best.

use super::nft;
use super::{ADDRESSES, END, KernelError, build_bridge};
use crate::bench::namespace::NamespaceError;
use crate::bench::outside::{Outside, PUBLISHED_PORT, TARGET_PORT, UPLINK};
use crate::bench::path::{Bridge, Path};
use crate::netlink::Netlink;
use crate::netns;
use std::fs;
use std::io;
use std::net::IpAddr;

/// The namespace of bridge and host.
const MIDDLE: &str = "kr";
/// The namespace behind it.
const OUTSIDE: &str = "kr-out";
/// The setting that makes a namespace a router.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// The kernel does not become a router.
#[derive(Debug, thiserror::Error)]
#[error("cannot write 1 to {FORWARDING}: {0}")]
pub struct ForwardingError(#[source] io::Error);

/// Builds it all. What was made goes with the private namespaces of this process.
///
/// # Errors
/// Some [are no failures](KernelError::is_missing): no bridge in the kernel, no program `nft`, or no
/// NAT that it could set up.
pub(in crate::bench) fn build(mtu: u16) -> Result<[Path; 3], KernelError> {
    let (middle, ends) = build_bridge(MIDDLE, mtu)?;
    let outside = Outside::make(OUTSIDE)?;
    netns::run_in(&middle, || route(&outside, mtu))??;
    for end in &ends {
        netns::run_in(&end.netns, add_default_route)??;
    }
    Ok(Path::routed(Bridge::Kernel, &ends, &outside))
}

/// Makes the calling thread's namespace a host that routes and translates.
fn route(outside: &Outside, mtu: u16) -> Result<(), KernelError> {
    outside.attach(mtu)?;
    fs::write(FORWARDING, "1").map_err(ForwardingError)?;
    Ok(nft::load(&rules())?)
}

fn add_default_route() -> Result<(), NamespaceError> {
    let mut netlink = Netlink::open()?;
    let end = netlink.link(END)?;
    Ok(netlink.add_default_route(&end, IpAddr::V4(ADDRESSES[0]))?)
}

/// The NAT, as `nft -f` reads it.
fn rules() -> String {
    let target = ADDRESSES[1];
    format!(
        "table ip bench {{
  chain source {{
    type nat hook postrouting priority srcnat;
    oifname {UPLINK} masquerade
  }}
  chain destination {{
    type nat hook prerouting priority dstnat;
    iifname {UPLINK} tcp dport {PUBLISHED_PORT} dnat to {target}:{TARGET_PORT}
    iifname {UPLINK} udp dport {PUBLISHED_PORT} dnat to {target}:{TARGET_PORT}
  }}
}}
"
    )
}
