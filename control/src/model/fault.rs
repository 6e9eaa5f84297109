//! What is wrong with a name, a subnet or an MTU, wherever it was written?
//!
//! An option of the command line and a field of a file hold the same values. What is wrong with one is
//! said here; where it stands is said by [`super::ModelError`] and [`super::Refusal`].

use super::SandboxName;
use dataplane::config::MAX_MTU;
use ipnet::{Ipv4Net, Ipv6Net};

/// What is wrong with the name of a network or of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// It is empty.
    #[error("\"\" is empty: give 1 to {most} letters, digits, '_', '.' or '-'")]
    Empty {
        /// The most characters that it may have.
        most: usize,
    },
    /// A network's is longer than an interface name may be.
    #[error("{0:?} has {len} bytes: an interface of that name can have 15 at most", len = .0.len())]
    TooLong(String),
    /// A sandbox's is longer than a host's name may be.
    #[error("{0:?} has {len} bytes: a sandbox's name can have {most} at most", len = .0.len(), most = SandboxName::MAX)]
    SandboxTooLong(String),
    /// It has a character that cannot be in it.
    #[error("{name:?} has {character:?} in it: use letters, digits, '_', '.' and '-'")]
    Character {
        /// The name as given.
        name: String,
        /// The first character that is refused.
        character: char,
    },
    /// It starts with a dot or a hyphen.
    #[error("{0:?} starts with a dot or a hyphen: start it with a letter or a digit")]
    Start(String),
    /// It is that of a file in the state directory.
    #[error("{0:?} is a name that the daemon needs for itself: choose another")]
    File(String),
    /// It means something else where sandboxes are named.
    #[error("{0:?} has a meaning of its own in rules and commands: choose another name")]
    Reserved(String),
}

/// What is wrong with the name of an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceFault {
    /// It is empty.
    #[error("\"\" is empty: give a name of 1 to 15 bytes")]
    Empty,
    /// It is too long for the kernel.
    #[error("{0:?} has {len} bytes: an interface name can have 15 at most", len = .0.len())]
    TooLong(String),
    /// It has a character that the kernel refuses or reads as a pattern.
    #[error(
        "{name:?} has {character:?} in it: use letters, digits and signs but not '/', ':' and '%'"
    )]
    Character {
        /// The name as given.
        name: String,
        /// The first character that is refused.
        character: char,
    },
    /// It is one that the kernel keeps for itself.
    #[error("{0:?} is a name the kernel keeps for itself: choose another")]
    Reserved(String),
}

/// What is wrong with a subnet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubnetFault {
    /// It cannot be read as an IPv4 subnet.
    #[error("{0:?} is no IPv4 subnet: write it like 172.16.1.0/24")]
    Malformed(String),
    /// It cannot be read as an IPv6 subnet.
    #[error("{0:?} is no IPv6 subnet: write it like fd00:1:2::/64, or none")]
    Malformed6(String),
    /// It has bits set behind its prefix.
    #[error("{given} has bits set behind its prefix: the subnet is {right}")]
    HostBits {
        /// The subnet as given.
        given: Ipv4Net,
        /// The same without the host's bits.
        right: Ipv4Net,
    },
    /// An IPv6 one has bits set behind its prefix.
    #[error("{given} has bits set behind its prefix: the subnet is {right}")]
    HostBits6 {
        /// The subnet as given.
        given: Ipv6Net,
        /// The same without the host's bits.
        right: Ipv6Net,
    },
    /// It has no room for a bridge and a port.
    #[error("{0} is too small for a bridge and a port: give a prefix of /30 or shorter")]
    TooSmall(Ipv4Net),
    /// An IPv6 one has no room for a bridge and a port.
    #[error("{0} is too small for a bridge and a port: give a prefix of /126 or shorter")]
    TooSmall6(Ipv6Net),
    /// It has addresses that no interface can have.
    #[error("{subnet} overlaps {special}, which is no unicast network: choose a private one")]
    Special {
        /// The subnet as given.
        subnet: Ipv4Net,
        /// The reserved block that it overlaps.
        special: Ipv4Net,
    },
    /// An IPv6 one has addresses that no interface can have.
    #[error(
        "{subnet} overlaps {special}, which is no routed unicast network: choose one in fd00::/8"
    )]
    Special6 {
        /// The subnet as given.
        subnet: Ipv6Net,
        /// The reserved block that it overlaps.
        special: Ipv6Net,
    },
}

/// An MTU that is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{mtu} is out of bounds: give {least} to {MAX_MTU}")]
pub struct MtuFault {
    /// The MTU asked for.
    pub mtu: u32,
    /// The least one for this network: 576, or 1280 with IPv6 (RFC 8200 section 5).
    pub least: u16,
}

impl MtuFault {
    /// Would it do without IPv6?
    pub(super) fn is_ipv6s(&self) -> bool {
        self.least > 576 && self.mtu < u32::from(self.least)
    }
}
