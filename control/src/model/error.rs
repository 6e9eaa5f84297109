//! Why is a request refused?

use super::PublishFault;
use super::network::MAX_PORTS;
use super::rules::RulesError;
use dataplane::config::{ConfigError, MAX_MTU};
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// What is wrong with a request: what, at which option, and what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The network's name is empty.
    #[error("--name is empty: give 1 to 15 letters, digits, '_', '.' or '-'")]
    NameEmpty,
    /// The network's name is longer than an interface name may be.
    #[error("--name {0:?} has {len} bytes: an interface of that name can have 15 at most", len = .0.len())]
    NameTooLong(String),
    /// The network's name has a character that cannot be in it.
    #[error("--name {name:?} has {character:?} in it: use letters, digits, '_', '.' and '-'")]
    NameCharacter {
        /// The name as given.
        name: String,
        /// The first character that is refused.
        character: char,
    },
    /// The network's name starts with a dot or a hyphen.
    #[error("--name {0:?} starts with a dot or a hyphen: start it with a letter or a digit")]
    NameStart(String),
    /// The network's name is that of a file in the state directory.
    #[error("--name {0:?} is a name that the daemon needs for itself: choose another")]
    NameReserved(String),
    /// The host interface's name is empty.
    #[error("--host-if is empty: give a name of 1 to 15 bytes")]
    InterfaceEmpty,
    /// The host interface's name is too long for the kernel.
    #[error("--host-if {0:?} has {len} bytes: an interface name can have 15 at most", len = .0.len())]
    InterfaceTooLong(String),
    /// The host interface's name has a character that the kernel refuses or reads as a pattern.
    #[error(
        "--host-if {name:?} has {character:?} in it: use letters, digits and signs but not '/', ':' and '%'"
    )]
    InterfaceCharacter {
        /// The name as given.
        name: String,
        /// The first character that is refused.
        character: char,
    },
    /// The host interface's name is one that the kernel keeps for itself.
    #[error("--host-if {0:?} is a name the kernel keeps for itself: choose another")]
    InterfaceReserved(String),
    /// The host interface has the name of one of the ports.
    #[error("--host-if {0:?} is the name of a port of this network: choose another")]
    InterfaceIsPort(String),
    /// A network without ports.
    #[error("--ports 0 makes no network: ask for 1 to {MAX_PORTS}")]
    NoPorts,
    /// More ports than a switch can have.
    #[error("--ports {0} is more than a switch can have: ask for 1 to {MAX_PORTS}")]
    TooManyPorts(u32),
    /// More ports than the IPv4 subnet has addresses for.
    #[error(
        "--ports {ports} is more than {subnet} holds ({holds}, and the bridge's own address): \
         ask for fewer, or give --subnet with a prefix of /{prefix} or shorter"
    )]
    SubnetFull {
        /// How many ports were asked for.
        ports: u32,
        /// The subnet.
        subnet: Ipv4Net,
        /// How many ports it has addresses for.
        holds: u32,
        /// The longest prefix that holds the ports.
        prefix: u8,
    },
    /// More ports than the IPv6 subnet has addresses for.
    #[error(
        "--ports {ports} is more than --subnet6 {subnet} holds ({holds}, and the bridge's own \
         address): ask for fewer, or give a prefix of /{prefix} or shorter"
    )]
    Subnet6Full {
        /// How many ports were asked for.
        ports: u32,
        /// The subnet.
        subnet: Ipv6Net,
        /// How many ports it has addresses for.
        holds: u32,
        /// The longest prefix that holds the ports.
        prefix: u8,
    },
    /// The IPv4 subnet cannot be read.
    #[error("--subnet {0:?} is no IPv4 subnet: write it like 172.16.1.0/24")]
    SubnetMalformed(String),
    /// The IPv6 subnet cannot be read.
    #[error("--subnet6 {0:?} is no IPv6 subnet: write it like fd00:1:2::/64, or none")]
    Subnet6Malformed(String),
    /// The IPv4 subnet has bits set behind its prefix.
    #[error("--subnet {given} has bits set behind its prefix: the subnet is {right}")]
    SubnetHostBits {
        /// The subnet as given.
        given: Ipv4Net,
        /// The same without the host's bits.
        right: Ipv4Net,
    },
    /// The IPv6 subnet has bits set behind its prefix.
    #[error("--subnet6 {given} has bits set behind its prefix: the subnet is {right}")]
    Subnet6HostBits {
        /// The subnet as given.
        given: Ipv6Net,
        /// The same without the host's bits.
        right: Ipv6Net,
    },
    /// The IPv4 subnet has no room for a bridge and a port.
    #[error("--subnet {0} is too small for a bridge and a port: give a prefix of /30 or shorter")]
    SubnetTooSmall(Ipv4Net),
    /// The IPv6 subnet has no room for a bridge and a port.
    #[error("--subnet6 {0} is too small for a bridge and a port: give a prefix of /126 or shorter")]
    Subnet6TooSmall(Ipv6Net),
    /// The IPv4 subnet has addresses that no interface can have.
    #[error(
        "--subnet {subnet} overlaps {special}, which is no unicast network: choose a private one"
    )]
    SubnetSpecial {
        /// The subnet as given.
        subnet: Ipv4Net,
        /// The reserved block that it overlaps.
        special: Ipv4Net,
    },
    /// The IPv6 subnet has addresses that no interface can have.
    #[error(
        "--subnet6 {subnet} overlaps {special}, which is no routed unicast network: choose one in \
         fd00::/8"
    )]
    Subnet6Special {
        /// The subnet as given.
        subnet: Ipv6Net,
        /// The reserved block that it overlaps.
        special: Ipv6Net,
    },
    /// The MTU is out of bounds.
    #[error("--mtu {mtu} is out of bounds: give {least} to {MAX_MTU}{why}",
        why = if *.least > 576 && *.mtu < u32::from(*.least) { ", or --subnet6 none for less" } else { "" })]
    Mtu {
        /// The MTU asked for.
        mtu: u32,
        /// The least one for this network: 576, or 1280 with IPv6 (RFC 8200 section 5).
        least: u16,
    },
    /// An option names a port that the network does not have.
    #[error("{option} {port} names no port of this network: its ports are {first} to {last}")]
    UnknownPort {
        /// The option that names it.
        option: &'static str,
        /// The port's number.
        port: u32,
        /// The first number that is allowed there.
        first: u32,
        /// The last number that is allowed there.
        last: u32,
    },
    /// A port cannot be published so.
    #[error("--publish {text:?}: {fault}")]
    Publish {
        /// What was written.
        text: String,
        /// What is wrong with it.
        #[source]
        fault: PublishFault,
    },
    /// The file of rules is refused.
    #[error(transparent)]
    Rules(#[from] Box<RulesError>),
    /// The ports to translate to cannot be read.
    #[error("--nat-ports {0:?} is no range of ports: write it like 61000-65534")]
    NatPortsMalformed(String),
    /// A timeout cannot be read.
    #[error("--conntrack-timeout {0:?} is no timeout: write it like udp=30, in whole seconds")]
    TimeoutMalformed(String),
    /// There is no such timeout.
    #[error("--conntrack-timeout {name}: there is no such timeout; there are {known}")]
    TimeoutUnknown {
        /// The name as given.
        name: String,
        /// All names.
        known: String,
    },
    /// An option says how traffic is translated that does not go out.
    #[error(
        "{option} says how to reach the outside, and {without} that nobody does: leave one out"
    )]
    NeedsUplink {
        /// The option.
        option: &'static str,
        /// The option that contradicts it.
        without: &'static str,
    },
    /// An address of IPv6 to translate to, but no IPv6 in the network.
    #[error("--snat {0}: the network has no IPv6: leave it out, or give the network a --subnet6")]
    SnatNoIpv6(IpAddr),
    /// The router does not take its settings.
    #[error("{option}: {error}")]
    Router {
        /// The option to change.
        option: &'static str,
        /// What is wrong with it.
        #[source]
        error: ConfigError,
    },
    /// The switch does not take its settings.
    #[error("{option}: {error}")]
    Switch {
        /// The option to change.
        option: &'static str,
        /// What is wrong with it.
        #[source]
        error: ConfigError,
    },
}
