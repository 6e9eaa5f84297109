//! What is behind the host?
//!
//! ```text
//!   host                         namespace outside                namespace far
//!   u0 192.0.2.1/24  ─────────── o0 192.0.2.254/24
//!      2001:db8::1/64               2001:db8::fe/64
//!                                lo 198.51.100.7/32
//!                                   2001:db8:f::7/128
//!                                o1 203.0.113.1/24 ───────────── f0 203.0.113.7/24
//!                                   2001:db8:ff::1/64               2001:db8:ff::7/64
//! ```
//!
//! The host's default routes lead to `o0`. `far` is there only for tests that want a second hop.
//! Addresses are those for documentation (RFC 5737, RFC 3849).

use super::rtnl::Rtnl;
use super::traffic::End;
use super::{Host, wait};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::path::Path;

/// The host's interface towards the outside.
pub const UPLINK: &str = "u0";

/// The host's addresses towards the outside.
pub const HOST: [IpAddr; 2] = [v4([192, 0, 2, 1]), v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])];

/// The first hop behind the host.
pub const ROUTER: [IpAddr; 2] = [v4([192, 0, 2, 254]), v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe])];

const OUTSIDE4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const OUTSIDE6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xf, 0, 0, 0, 0, 7);
const NEAR_FAR: [IpAddr; 2] = [v4([203, 0, 113, 1]), v6([0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1])];
const FAR4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const FAR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 7);

const fn v4(octets: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
}

const fn v6(s: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]))
}

/// The length of the prefixes of both families on a link.
const fn prefix(address: IpAddr) -> u8 {
    if address.is_ipv4() { 24 } else { 64 }
}

/// A version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The address of an end.
    pub fn of(self, end: &End) -> IpAddr {
        match self {
            Self::V4 => end.ipv4.into(),
            Self::V6 => end.ipv6.unwrap().into(),
        }
    }

    /// The host's address towards the outside.
    pub fn host(self) -> IpAddr {
        HOST[self as usize]
    }

    /// The address of the first hop behind the host.
    pub fn router(self) -> IpAddr {
        ROUTER[self as usize]
    }

    /// The address of one's own host.
    pub fn localhost(self) -> IpAddr {
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()][self as usize]
    }

    /// No address in particular.
    pub fn any(self) -> IpAddr {
        [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()][self as usize]
    }
}

impl Host {
    /// Gives the host an outside, with an MTU, and default routes to it.
    pub fn add_outside(&self, mtu: u32) -> End {
        // Before Linux 6.17 a host forwards IPv6 by all interfaces or by none, and it is its
        // administrator who says which.
        if !Path::new("/proc/sys/net/ipv6/conf/default/force_forwarding").exists() {
            set_sysctl("ipv6/conf/all/forwarding", "1");
        }
        self.add_netns("outside");
        self.add_link(UPLINK, ("outside", "o0"), mtu);
        give(UPLINK, &HOST);
        self.visit("outside", || {
            give("o0", &ROUTER);
            let rtnl = Rtnl::open();
            rtnl.add_address("lo", OUTSIDE4, 32);
            rtnl.add_address("lo", OUTSIDE6, 128);
        });
        ROUTER.iter().for_each(|router| Rtnl::open().add_default_route(*router));
        End { namespace: Some("outside".to_owned()), ipv4: OUTSIDE4, ipv6: Some(OUTSIDE6) }
    }

    /// Puts a namespace behind the outside, which forwards then; the link between them has this MTU.
    pub fn add_far(&self, mtu: u32) -> End {
        self.add_netns("far");
        self.visit("outside", || {
            self.add_link("o1", ("far", "f0"), mtu);
            give("o1", &NEAR_FAR);
            set_sysctl("ipv4/ip_forward", "1");
            set_sysctl("ipv6/conf/all/forwarding", "1");
        });
        self.visit("far", || {
            give("f0", &[FAR4.into(), FAR6.into()]);
            NEAR_FAR.iter().for_each(|router| Rtnl::open().add_default_route(*router));
        });
        End { namespace: Some("far".to_owned()), ipv4: FAR4, ipv6: Some(FAR6) }
    }

    /// Makes a veth pair, one end in the calling thread's namespace, both up.
    fn add_link(&self, name: &str, (namespace, peer): (&str, &str), mtu: u32) {
        let file = File::open(self.netns(namespace)).unwrap();
        let named = |name: &str| {
            let mut link = LinkMessage::default();
            link.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Mtu(mtu)];
            link
        };
        let mut other_end = named(peer);
        other_end.attributes.push(LinkAttribute::NetNsFd(file.as_raw_fd()));
        let data = InfoData::Veth(InfoVeth::Peer(other_end));
        let mut link = named(name);
        let info = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)];
        link.attributes.push(LinkAttribute::LinkInfo(info));
        Rtnl::open().make(link);
        bring_up(name);
        self.visit(namespace, || {
            bring_up(peer);
            wait_for_link_local(peer);
        });
        wait_for_link_local(name);
    }
}

/// Brings an interface up that has no address of its own choosing for a moment to be looked for.
fn bring_up(name: &str) {
    for setting in ["accept_dad", "router_solicitations"] {
        set_sysctl(&format!("ipv6/conf/{name}/{setting}"), "0");
    }
    Rtnl::open().up(name);
}

/// Gives the interface its addresses, and waits for all that the kernel makes of them on the side: a
/// snapshot before that is another than one after it.
pub fn give(interface: &str, addresses: &[IpAddr]) {
    let rtnl = Rtnl::open();
    addresses.iter().for_each(|one| rtnl.add_address(interface, *one, prefix(*one)));
    for address in addresses {
        if let IpAddr::V6(address) = address {
            wait_for_local_route(*address, interface);
        }
    }
}

/// Waits until the kernel has made the local route of an address that the interface was given; it does
/// so a moment later.
fn wait_for_local_route(address: Ipv6Addr, interface: &str) {
    wait_for_route(&format!("{:032x}", address.to_bits()), interface);
}

/// Waits until the interface has the local route of its link-local address, which the kernel gives it
/// when the other end is up; routes to other addresses wait for that too.
pub fn wait_for_link_local(interface: &str) {
    wait_for_route("fe80", interface);
}

/// Waits until the interface has the local route of an IPv6 address that begins so.
fn wait_for_route(begin: &str, interface: &str) {
    wait::for_yes(&format!("the local route of {begin}"), || {
        let routes = fs::read_to_string("/proc/thread-self/net/ipv6_route").unwrap();
        routes.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|address| address.starts_with(begin))
                && words.next() == Some("80")
                && words.last() == Some(interface)
        })
    });
}

/// Changes a setting of the calling thread's namespace, below `/proc/sys/net`.
#[track_caller]
pub fn set_sysctl(key: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{key}"), value).unwrap_or_else(|e| panic!("{key}: {e}"));
}
