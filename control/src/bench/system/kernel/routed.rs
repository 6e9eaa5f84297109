//! What do we compare the routed ways with?
//!
//! ```text
//!   namespace NAME-1      namespace NAME, a host                namespace NAME-out
//!   eth0 10.99.0.2 ──veth── p1  br0  p2 …   up0 198.18.0.1 ──veth── eth0 198.18.0.2 …
//!   default via 10.99.0.1       10.99.0.1
//! ```
//!
//! The bridge of `super` in a namespace that is a host: `ip_forward` is on, nftables masquerades what
//! leaves by `up0` and leads ports of the host to the first end. There are no other rules, no filter
//! and no accounting (`nf_conntrack_acct` as the kernel has it, off), which is the kernel at its best.

use super::{ADDRESS, Bridge, END, nft};
use crate::bench::shape::Shape;
use crate::bench::system::namespace;
use crate::bench::system::outside::{self, Outside, UPLINK};
use crate::bench::system::path::Path;
use crate::bench::system::tracker::Tracker;
use crate::bench::system::{DataPath, System, SystemError};
use crate::netns;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The setting that makes a namespace a router.
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// The kernel does not become a router.
#[derive(Debug, thiserror::Error)]
#[error("cannot write 1 to {FORWARDING}: {0}")]
pub struct ForwardingError(#[source] io::Error);

/// A bridge on a host with NAT, and what lies behind the host.
pub(in crate::bench::system) struct Routed {
    bridge: Bridge,
    outside: Outside,
    published: u16,
}

impl Routed {
    /// Builds it all.
    ///
    /// # Errors
    /// Some [are no failures](SystemError::is_absent): no bridge in the kernel, no program `nft`, or no
    /// NAT that it could set up.
    pub(in crate::bench::system) fn build(
        shape: &Shape,
        prefix: &str,
    ) -> Result<Self, SystemError> {
        let bridge = Bridge::build(shape, prefix)?;
        let outside = Outside::make(&format!("{prefix}-out"))?;
        let target = bridge.ends.first().map_or(ADDRESS, |end| end.address);
        netns::run_in(&bridge.middle, || route(&outside, shape, target))??;
        for end in &bridge.ends {
            netns::run_in(&end.netns, || namespace::add_default_route(END, ADDRESS))??;
        }
        Ok(Self { bridge, outside, published: shape.published })
    }
}

impl DataPath for Routed {
    fn paths(&self) -> Vec<Path> {
        let tracker = Tracker::Kernel { netns: self.bridge.middle.clone() };
        let ways = Path::routed(System::Nftables, &self.bridge.ends, &self.outside, self.published);
        ways.into_iter().map(|way| way.tracked_by(&tracker)).collect()
    }

    fn namespaces(&self) -> Vec<PathBuf> {
        let mut all = self.bridge.namespaces();
        all.push(self.outside.netns().to_owned());
        all
    }

    fn processes(&self) -> Vec<u32> {
        Vec::new()
    }
}

/// Makes the calling thread's namespace a host that routes and translates.
fn route(outside: &Outside, shape: &Shape, target: Ipv4Addr) -> Result<(), SystemError> {
    outside.attach(shape.mtu)?;
    fs::write(FORWARDING, "1").map_err(ForwardingError)?;
    Ok(nft::load(&rules(target, shape.published))?)
}

/// The NAT, as `nft -f` reads it: each published port is an element of a map, which is looked up once
/// for all of them.
fn rules(target: Ipv4Addr, published: u16) -> String {
    let elements = |wanted: &str| {
        let ports = outside::published(published).filter(|it| it.protocol == wanted);
        ports.map(|it| format!("{} : {target} . {}, ", it.from, it.to)).collect::<String>()
    };
    let (tcp, udp) = (elements("tcp"), elements("udp"));
    format!(
        "table ip bench {{
  map tcp_ports {{
    type inet_service : ipv4_addr . inet_service
    elements = {{ {tcp} }}
  }}
  map udp_ports {{
    type inet_service : ipv4_addr . inet_service
    elements = {{ {udp} }}
  }}
  chain source {{
    type nat hook postrouting priority srcnat;
    oifname {UPLINK} masquerade
  }}
  chain destination {{
    type nat hook prerouting priority dstnat;
    iifname {UPLINK} dnat ip addr . port to tcp dport map @tcp_ports
    iifname {UPLINK} dnat ip addr . port to udp dport map @udp_ports
  }}
}}
"
    )
}
