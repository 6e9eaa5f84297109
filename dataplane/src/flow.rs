//! What is said of a flow?
//!
//! A *flow* is both directions of a conversation. Each direction has a [`Tuple`], its addresses and
//! ports; the first packet's direction is the original one. Everything here is generic over the
//! [`Address`], so that IPv4 and IPv6 are one function.
//!
//! An ICMP query is a flow too. Its identifier stands where the sender's port would, and the request's
//! type where the receiver's would: an echo request is `(id, 8)`, its reply `(8, id)`. Protocols
//! without ports have zero in both.

use std::fmt::{self, Debug};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 or IPv6 address.
pub trait Address: Copy + Eq + Ord + Hash + Debug + Into<IpAddr> + Send + Sync + 'static {
    /// Length in bytes.
    const LEN: usize;
    /// Where in the IP header the source address is; the destination follows it.
    const OFFSET: usize;
    /// The protocol number of this family's ICMP.
    const ICMP: u8;

    /// The address in the first [`Self::LEN`] of these bytes.
    fn read(bytes: &[u8]) -> Self;

    /// Writes the address to the first [`Self::LEN`] of these bytes.
    fn write(self, bytes: &mut [u8]);

    /// The address, if it is of this family.
    fn of(address: IpAddr) -> Option<Self>;
}

impl Address for Ipv4Addr {
    const LEN: usize = 4;
    const OFFSET: usize = 12;
    const ICMP: u8 = 1;

    #[inline]
    fn read(bytes: &[u8]) -> Self {
        let mut octets = [0; 4];
        octets.copy_from_slice(&bytes[..4]);
        Self::from(octets)
    }

    #[inline]
    fn write(self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.octets());
    }

    #[inline]
    fn of(address: IpAddr) -> Option<Self> {
        if let IpAddr::V4(address) = address { Some(address) } else { None }
    }
}

impl Address for Ipv6Addr {
    const LEN: usize = 16;
    const OFFSET: usize = 8;
    const ICMP: u8 = 58;

    #[inline]
    fn read(bytes: &[u8]) -> Self {
        let mut octets = [0; 16];
        octets.copy_from_slice(&bytes[..16]);
        Self::from(octets)
    }

    #[inline]
    fn write(self, bytes: &mut [u8]) {
        bytes[..16].copy_from_slice(&self.octets());
    }

    #[inline]
    fn of(address: IpAddr) -> Option<Self> {
        if let IpAddr::V6(address) = address { Some(address) } else { None }
    }
}

/// One direction of a flow: who says it to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple<A> {
    /// Who sends.
    pub source: A,
    /// Who is meant.
    pub destination: A,
    /// The sender's port, or what stands for it.
    pub source_port: u16,
    /// The receiver's port, or what stands for it.
    pub destination_port: u16,
    /// The IP protocol number.
    pub protocol: u8,
}

impl<A: Address> Tuple<A> {
    /// The other direction of the same conversation.
    #[inline]
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            protocol: self.protocol,
        }
    }
}

impl<A: Address> fmt::Display for Tuple<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, destination): (IpAddr, IpAddr) = (self.source.into(), self.destination.into());
        let Self { source_port, destination_port, protocol, .. } = self;
        write!(f, "{protocol} {source} {source_port} -> {destination} {destination_port}")
    }
}

/// Which way a packet goes, seen from the flow's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Direction {
    /// As the first packet.
    Original = 0,
    /// Against it.
    Reply = 1,
}

impl Direction {
    /// The other one.
    #[inline]
    #[must_use]
    pub fn opposite(self) -> Self {
        match self {
            Self::Original => Self::Reply,
            Self::Reply => Self::Original,
        }
    }
}

/// What connection tracking says of a packet; the kernel's words (`ctstate` of iptables).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum FlowState {
    /// It begins a flow, or belongs to one that has not been answered.
    New,
    /// It belongs to a flow that has been answered, or is the answer.
    Established,
    /// It begins a flow that another one announced, or is an ICMP error about one.
    Related,
    /// It belongs to no flow and cannot begin one.
    Invalid,
    /// It is not tracked.
    Untracked,
}

impl FlowState {
    /// All states.
    pub const ALL: [Self; 5] =
        [Self::New, Self::Established, Self::Related, Self::Invalid, Self::Untracked];

    /// The state's name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Established => "established",
            Self::Related => "related",
            Self::Invalid => "invalid",
            Self::Untracked => "untracked",
        }
    }
}

/// Where a packet comes from or goes to, seen from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zone {
    /// The namespace behind this port of the switch.
    Port(crate::outcome::PortId),
    /// The host itself.
    Host,
    /// Another network of this host.
    Network(NetworkId),
    /// What is reached through the host, and is no network of it.
    Outside,
}

impl Zone {
    /// Is it another network?
    #[inline]
    pub fn is_network(self) -> bool {
        matches!(self, Self::Network(_))
    }
}

/// Another network of this host. Whoever configures the dataplane gives each a number, and the same one
/// as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NetworkId(pub u32);
