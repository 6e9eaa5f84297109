//! Why is a request refused?

use super::PublishFault;
use super::bounds::MAX_PORTS;
use super::fault::{InterfaceFault, MtuFault, NameFault, SubnetFault};
use super::rules::RulesError;
use dataplane::config::ConfigError;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::IpAddr;

/// What is wrong with a request: what, at which option, and what to do.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The network's name is none.
    #[error("--name {0}")]
    Name(#[from] NameFault),
    /// The host interface's name is none.
    #[error("--host-if {0}")]
    Interface(#[from] InterfaceFault),
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
    /// The IPv4 subnet is none that a network can have.
    #[error("--subnet {0}")]
    Subnet(#[source] SubnetFault),
    /// The IPv6 subnet is none that a network can have.
    #[error("--subnet6 {0}")]
    Subnet6(#[source] SubnetFault),
    /// The MTU is out of bounds.
    #[error("--mtu {0}{why}", why = if .0.is_ipv6s() { ", or --subnet6 none for less" } else { "" })]
    Mtu(#[from] MtuFault),
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
    /// A timeout is given two times.
    #[error("--conntrack-timeout {first} and --conntrack-timeout {second}: give each timeout once")]
    TimeoutTwice {
        /// The one before, as given.
        first: String,
        /// The other.
        second: String,
    },
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
