//! What lies behind the host, the same for both bridges?
//!
//! ```text
//!   the host's namespace                        namespace of the outside
//!   … bridge    up0 198.18.0.1/24 ────veth──── eth0 198.18.0.2/24 … 198.18.0.65/24
//! ```
//!
//! The host's default route leads there. Nothing in the outside knows of the networks behind the host:
//! what comes back comes to the host's address. The block 198.18.0.0/15 is kept for benchmarks
//! (RFC 2544, RFC 6890).
//!
//! Known gap: a kernel without veth pairs has no outside, for ours neither.

use super::namespace::{self, NamespaceError};
use crate::netlink::Netlink;
use crate::netns;
use ipnet::Ipv4Net;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// The host's interface towards the outside.
pub(super) const UPLINK: &str = "up0";
/// The host's address on it: what masqueraded traffic wears, and where ports are published.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The first address of the outside.
pub(super) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// How many addresses the outside has, one after the other. Connections that are opened and closed
/// without a pause are spread over them: see `load::crr`.
pub(super) const ADDRESSES: u16 = 64;
/// The port that the host publishes.
pub(super) const PUBLISHED_PORT: u16 = 8080;
/// The port of the namespace that it leads to.
pub(super) const TARGET_PORT: u16 = 9090;

/// The subnet's prefix length.
const PREFIX: u8 = 24;
/// The outside's interface.
const END: &str = "eth0";

/// A port of the host, and the one of the namespace that it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PublishedPort {
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) protocol: &'static str,
}

/// The ports that a host publishes which publishes so many: all for TCP, and for UDP the last, which is
/// the one that is used. Each takes a socket of most systems, and hosts allow only so many.
pub(super) fn published(count: u16) -> impl Iterator<Item = PublishedPort> {
    let port = |number: u16, protocol| {
        let (from, to) = (PUBLISHED_PORT + number, TARGET_PORT + number);
        PublishedPort { from, to, protocol }
    };
    let last = count.checked_sub(1).map(|last| port(last, "udp"));
    (0..count).map(move |number| port(number, "tcp")).chain(last)
}

/// The outside of one host.
pub(super) struct Outside {
    netns: PathBuf,
}

impl Outside {
    /// A namespace of this name that nothing leads to yet.
    ///
    /// # Errors
    /// There are no namespaces.
    pub(super) fn make(name: &str) -> Result<Self, NamespaceError> {
        Ok(Self { netns: namespace::make(name)? })
    }

    /// Its namespace's file.
    pub(super) fn netns(&self) -> &Path {
        &self.netns
    }

    /// Connects the calling thread's namespace, which is a host's, with it.
    ///
    /// # Errors
    /// The kernel refuses one of the steps.
    pub(super) fn attach(&self, mtu: u16) -> Result<(), NamespaceError> {
        let peer = namespace::open(&self.netns)?;
        let mut netlink = Netlink::open()?;
        netlink.add_veth(UPLINK, mtu, END, peer.as_fd())?;
        let uplink = netlink.link(UPLINK)?;
        namespace::set_up(&mut netlink, &uplink, HOST, PREFIX)?;
        netns::run_in(&self.netns, set_up_end)??;
        Ok(netlink.add_default_route(&uplink, IpAddr::V4(OUTSIDE))?)
    }
}

fn set_up_end() -> Result<(), NamespaceError> {
    let mut netlink = Netlink::open()?;
    let end = netlink.link(END)?;
    namespace::set_up(&mut netlink, &end, OUTSIDE, PREFIX)?;
    for address in addresses().skip(1) {
        netlink.add_address(&end, Ipv4Net::new_assert(address, PREFIX).into())?;
    }
    Ok(())
}

/// All addresses of the outside.
fn addresses() -> impl Iterator<Item = Ipv4Addr> {
    (0..u32::from(ADDRESSES)).map(|number| Ipv4Addr::from_bits(OUTSIDE.to_bits() + number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ports_are_published_for_tcp_and_the_last_for_udp() {
        let told: Vec<_> = published(2).map(|it| (it.from, it.to, it.protocol)).collect();
        assert_eq!(told, [(8080, 9090, "tcp"), (8081, 9091, "tcp"), (8081, 9091, "udp")]);
        assert_eq!(published(0).count(), 0);
    }

    #[test]
    fn the_outside_fits_its_subnet_and_leaves_the_host_its_address() {
        let subnet = Ipv4Net::new(HOST, PREFIX).unwrap();
        assert!(addresses().all(|it| subnet.contains(&it) && it != HOST));
        assert!(addresses().all(|it| it != subnet.broadcast()));
        assert_eq!(addresses().count(), usize::from(ADDRESSES));
    }
}
