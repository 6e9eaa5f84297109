//! Why is a declaration of networks and sandboxes refused?

use super::bounds::MAX_PORTS;
use super::fault::{InterfaceFault, MtuFault, NameFault, SubnetFault};
use super::{Known, ModelError, NetworkName, PublishFault, SandboxName, Taker};
use dataplane::config::ConfigError;
use dataplane::wire::ethernet::MacAddr;
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

/// What is wrong with a field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A network or a sandbox cannot have this name.
    #[error(transparent)]
    Name(#[from] NameFault),
    /// An interface cannot have this name.
    #[error(transparent)]
    Interface(#[from] InterfaceFault),
    /// A network of `up --ports`, whose ports no file makes or removes.
    #[error(
        "{network} was made by `up --ports`, and its ports are no file's to change: leave it out, or \
         take it down first (this would be: {step})"
    )]
    MadeByPorts {
        /// The network.
        network: NetworkName,
        /// What would be done.
        step: String,
    },
    /// No network can have this subnet.
    #[error(transparent)]
    Subnet(#[from] SubnetFault),
    /// The MTU is out of bounds.
    #[error("{0}{why}", why = if .0.is_ipv6s() { ", or `subnet6 = \"none\"` for less" } else { "" })]
    Mtu(#[from] MtuFault),
    /// There is no such network.
    #[error("there is no network {name:?}; {known}")]
    NoNetwork {
        /// The name as written.
        name: String,
        /// Those that there are.
        known: Known,
    },
    /// A rule names its own network as another one.
    #[error("network {0} is this one: its own sandboxes are \"namespaces\"")]
    OwnNetwork(NetworkName),
    /// A rule between two networks, one of which the host does not route to.
    #[error(
        "networks reach each other by the host's routing, and network {0} has none (`uplink = \"none\"` \
         or `internal = true`): give it `uplink = \"route\"`, or take the rule out"
    )]
    NotRouted(NetworkName),
    /// There is no such sandbox.
    #[error("there is no sandbox {name:?}; {known}")]
    NoSandbox {
        /// The name as written.
        name: String,
        /// Those that there are.
        known: Known,
    },
    /// The sandbox has no endpoint in the network.
    #[error("{name:?} has no endpoint in network {network}; {known}")]
    NotInNetwork {
        /// The sandbox's name as written.
        name: String,
        /// The network.
        network: NetworkName,
        /// Those that have one.
        known: Known,
    },
    /// Two networks have addresses in common.
    #[error("{subnet} overlaps {other} of network {network}: give one of them another subnet")]
    SubnetsOverlap {
        /// The subnet.
        subnet: IpNet,
        /// The other one.
        other: IpNet,
        /// Whose that is.
        network: NetworkName,
    },
    /// More endpoints than the subnet has addresses for.
    #[error(
        "{subnet} has addresses for {holds} endpoints and the bridge, and there are {endpoints} \
         ({members}): give a prefix of /{prefix} or shorter"
    )]
    SubnetFull {
        /// The subnet.
        subnet: IpNet,
        /// How many endpoints it has addresses for.
        holds: u32,
        /// How many there are.
        endpoints: u32,
        /// Whose they are.
        members: Known,
        /// The longest prefix that holds them.
        prefix: u8,
    },
    /// More endpoints than a subnet that is chosen for the network has addresses for.
    #[error(
        "a /24, as networks get without a subnet, has addresses for {holds} endpoints, and there \
         are {endpoints} ({members}): give a subnet with a prefix of /{prefix} or shorter"
    )]
    NoSubnetForSoMany {
        /// How many endpoints a /24 has addresses for.
        holds: u32,
        /// How many there are.
        endpoints: u32,
        /// Whose they are.
        members: Known,
        /// The longest prefix that holds them.
        prefix: u8,
    },
    /// More endpoints than a switch can have ports.
    #[error(
        "network {network} has {endpoints} endpoints, and a switch can have {MAX_PORTS}: use several networks"
    )]
    TooManyPorts {
        /// The network.
        network: NetworkName,
        /// How many endpoints it has.
        endpoints: u32,
    },
    /// No address of the subnet is left.
    #[error("no address of {subnet} is left; {holders}: give a larger subnet")]
    NoFreeAddress {
        /// The subnet.
        subnet: IpNet,
        /// Who holds what.
        holders: Known,
    },
    /// The subnet leads somewhere else already.
    #[error("{subnet} overlaps the route to {route} of this machine: choose another subnet")]
    SubnetRouted {
        /// The subnet.
        subnet: IpNet,
        /// The route.
        route: IpNet,
    },
    /// No IPv4 subnet is left to be leased.
    #[error("172.16.1.0/24 to 172.16.254.0/24 are all in use ({0}): give the network a subnet")]
    NoFreeSubnet(Known),
    /// No IPv6 subnet is left to be leased.
    #[error("no subnet in fd00::/8 is free ({0}): give the network a subnet6, or none")]
    NoFreeSubnet6(Known),
    /// IPv6 was asked for, and the kernel has none.
    #[error("there is no IPv6 here: leave subnet6 out, or give none")]
    NoIpv6Here,
    /// A network of the name is up, and not of a file.
    #[error(
        "a network {0} is up already: end it with `udp-bridge down {0}`, or choose another name"
    )]
    NetworkUp(NetworkName),
    /// An interface of the host has the name.
    #[error("the host has an interface {0} already: give host-interface another name")]
    InterfaceThere(String),
    /// A namespace of the sandbox's name is there, and was not made by us.
    #[error(
        "the namespace {} is there already: adopt it with `namespace`, or choose another name", .0.display()
    )]
    NamespaceThere(PathBuf),
    /// The path leads to no network namespace.
    #[error("{path} is no network namespace: {why}", path = path.display())]
    NoNamespace {
        /// The path.
        path: PathBuf,
        /// What the kernel said.
        why: String,
    },
    /// There is no such process.
    #[error("there is no process {0}, or it has ended: give the pid of one that runs")]
    NoProcess(u32),
    /// What is published is not free on the host, or the way out is not possible.
    #[error("{0}")]
    Host(String),
    /// The address cannot be read.
    #[error("{given:?} is no {family} address: write it like {example}")]
    AddressMalformed {
        /// What was written.
        given: String,
        /// IPv4 or IPv6.
        family: &'static str,
        /// One that can be read.
        example: &'static str,
    },
    /// An address is chosen in a subnet that is not.
    #[error(
        "an address can be chosen in a subnet that is chosen: give network {network} a {field}, or \
         leave the address out"
    )]
    AddressWithoutSubnet {
        /// The network.
        network: NetworkName,
        /// The field that it lacks.
        field: &'static str,
    },
    /// An IPv6 address in a network that has none.
    #[error("network {0} has no IPv6: leave the address out, or give the network a subnet6")]
    NoIpv6(NetworkName),
    /// The address is in no subnet of the network.
    #[error(
        "{address} is outside {subnet} of network {network}: choose one inside, or leave it out"
    )]
    AddressOutside {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
        /// The network.
        network: NetworkName,
    },
    /// The address means the subnet itself or everybody in it.
    #[error(
        "{address} is the first or last of {subnet}, which no interface can have: choose another"
    )]
    AddressOfSubnet {
        /// The address.
        address: IpAddr,
        /// The subnet.
        subnet: IpNet,
    },
    /// Somebody has the address.
    #[error("{address} is taken by {by}: choose another, or leave it out")]
    AddressTaken {
        /// The address.
        address: IpAddr,
        /// Who has it.
        by: Taker,
    },
    /// The MAC cannot be read.
    #[error("{0:?} is no MAC: write it like 02:00:00:00:00:10")]
    MacMalformed(String),
    /// The MAC is no interface's.
    #[error("{0} is a group or nobody, and an interface needs a unicast MAC: choose another")]
    MacGroup(MacAddr),
    /// The MAC is that of no one station, so it lives behind no one port.
    #[error("{0} is a group or nobody, and a static FDB entry needs a unicast MAC: choose another")]
    StaticMacGroup(MacAddr),
    /// Somebody has the MAC.
    #[error("{mac} is taken by {by}: choose another, or leave it out")]
    MacTaken {
        /// The MAC.
        mac: MacAddr,
        /// Who has it.
        by: Taker,
    },
    /// Two endpoints of a sandbox have one interface.
    #[error(
        "{interface} is the interface of the endpoint in network {network} already: choose another"
    )]
    InterfaceTwice {
        /// The interface's name.
        interface: String,
        /// The network of the other endpoint.
        network: NetworkName,
    },
    /// Every namespace has one of these.
    #[error("lo is in every sandbox already: choose another name")]
    Loopback,
    /// Two networks have one interface on the host.
    #[error(
        "{interface} is the host's interface of network {network} already: give host-interface another name"
    )]
    HostInterfaceTwice {
        /// The interface's name.
        interface: String,
        /// The other network.
        network: NetworkName,
    },
    /// The host's port of the switch has the name of another port.
    #[error("{0} is the name of a sandbox in this network, too: give host-interface another name")]
    HostInterfaceIsSandbox(String),
    /// There is no such mode.
    #[error("{0:?} is no mode: write \"bridge\", \"none\", \"host\" or \"container:NAME\"")]
    Mode(String),
    /// Sandboxes that share with each other in a circle.
    #[error("{}: nobody here has a namespace of its own; let one of them be \"bridge\" or \"none\"", circle(.0))]
    Cycle(Vec<SandboxName>),
    /// An endpoint of a sandbox that has no interfaces of its own.
    #[error("a sandbox of mode {0:?} has no endpoints: leave it out, or leave out the mode")]
    EndpointOfMode(String),
    /// A namespace for a sandbox that does not want one.
    #[error("a sandbox of mode {0:?} adopts no namespace: leave out either")]
    NamespaceOfMode(String),
    /// Two ways to say which namespace it is.
    #[error("the namespace is given by its path already: leave out the pid")]
    NamespaceAndPid,
    /// The path leads nowhere in particular.
    #[error("{0:?} is no path from the root: write it like /run/netns/old or /proc/1234/ns/net")]
    NamespacePath(String),
    /// Two sandboxes are one namespace.
    #[error("{path} is the namespace of sandbox {by} already: write mode = \"container:{by}\" to share it", path = path.display())]
    NamespaceTaken {
        /// The namespace's path.
        path: PathBuf,
        /// Whose it is.
        by: SandboxName,
    },
    /// No process has this number.
    #[error("0 is no process: write the pid of one, like pid = 1234")]
    PidZero,
    /// Two sandboxes adopt the namespace of one process.
    #[error(
        "process {pid} is adopted by sandbox {by} already: write mode = \"container:{by}\" to share it"
    )]
    PidTaken {
        /// The process.
        pid: u32,
        /// Whose it is.
        by: SandboxName,
    },
    /// Two ways out.
    #[error("the endpoint in network {0} is the gateway already: only one can be")]
    Gateways(NetworkName),
    /// A limit that lets nothing pass.
    #[error("a limit of 0 lets nothing pass: give 1 or more, or leave it out for no limit")]
    LimitZero,
    /// A port cannot be published so.
    #[error(transparent)]
    Publish(#[from] PublishFault),
    /// An IPv6 address of the host, but no IPv6 in the network.
    #[error(
        "network {0} has no IPv6 to lead it to: publish an IPv4 address, or give the network a subnet6"
    )]
    PublishNoIpv6(NetworkName),
    /// Two published ports share a port of the host.
    #[error("a port of it is published already, by {text} of network {network}: choose another")]
    PublishedTwice {
        /// The other one.
        text: String,
        /// Its network.
        network: NetworkName,
    },
    /// The dataplane does not take the setting.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The ports to translate to cannot be read.
    #[error("{0:?} is no range of ports: write it like 61000-65534")]
    NatPorts(String),
    /// Two networks translate to one port.
    #[error("network {network} translates to some of these ports already ({ports}): choose others")]
    NatPortsTaken {
        /// The other network.
        network: NetworkName,
        /// Its ports.
        ports: String,
    },
    /// There is no such timeout.
    #[error("there is no timeout {name:?}; there are {known}")]
    TimeoutUnknown {
        /// The name as written.
        name: String,
        /// All names.
        known: String,
    },
    /// It is said how traffic is translated that does not go out.
    #[error("this says how to reach the outside, and {0} that nobody does: leave one out")]
    NeedsUplink(&'static str),
    /// An address of IPv6 to translate to, but no IPv6 in the network.
    #[error("network {0} has no IPv6: leave the address out, or give the network a subnet6")]
    SnatNoIpv6(NetworkName),
    /// What is refused of an option as well, and has no words for the file.
    #[error(transparent)]
    Option(Box<ModelError>),
}

fn circle(names: &[SandboxName]) -> String {
    let around = names.iter().chain(names.first());
    around.map(SandboxName::to_string).collect::<Vec<_>>().join(" shares with ")
}
