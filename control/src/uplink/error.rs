//! Why is there no way to the outside?

use super::ports::{Range, format};
use crate::netlink::NetlinkError;
use crate::netns::NetnsError;
use crate::sysctl::SysctlError;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Why an uplink is refused before anything is touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A routed uplink without privileges; the option that asks for it.
    #[error(
        "{0} needs the host's own routing table, which only root may change: run as root, or leave \
         the option out and have no way to the outside"
    )]
    Rootless(&'static str),
    /// An address to translate to is not the host's.
    #[error(
        "--snat {0} is no address of this host that is reached from outside: give one of an \
         interface that is up, and neither loopback nor link-local"
    )]
    SnatAddress(IpAddr),
    /// Ports to translate to belong to another network.
    #[error(
        "--nat-ports {}: the network behind {interface} has {} already; choose others",
        format(&[*.asked]), format(&[*.taken])
    )]
    PortsTaken {
        /// What was asked for.
        asked: Range,
        /// The host interface of the other network.
        interface: String,
        /// Its ports.
        taken: Range,
    },
    /// All ports that are tried by default belong to other networks, or are published.
    #[error(
        "all ports that are translated to by default belong to other networks or are published; give \
         others with --nat-ports, or do without the outside with --uplink none"
    )]
    NoPortsLeft,
    /// Ports to translate to are given away by the host, and that cannot be changed.
    #[error(
        "--nat-ports: {} are among those that the host gives to its own connections \
         (ip_local_port_range), and ip_local_reserved_ports cannot be written here; choose others",
        format(.0)
    )]
    NotReservable(Vec<Range>),
    /// Ports to translate to are published by the same network.
    #[error(
        "--nat-ports {}: {} are published by this network; choose others",
        format(&[*.asked]), format(published)
    )]
    PortsPublished {
        /// What was asked for.
        asked: Range,
        /// Those of them that are published.
        published: Vec<Range>,
    },
    /// The one port that replies cannot come back to.
    #[error(
        "--nat-ports: port 65535 alone is not enough, for the kernel's rules end at 65534; give others"
    )]
    LastPortAlone,
    /// The one port that no rule can be made for is published to the outside.
    #[error(
        "--publish: {}: the kernel's rules end at 65534, so nobody outside would reach port 65535; \
         choose another, or publish it on a loopback address",
        format(&[*.0])
    )]
    PublishLastPort(Range),
    /// A port is published by this network and belongs to another.
    #[error(
        "--publish: port {port} is taken by the network behind {interface}, which publishes it or \
         translates to it; choose another port"
    )]
    PublishTaken {
        /// The port.
        port: u16,
        /// The host interface of the other network.
        interface: String,
    },
}

/// Why the way to the outside cannot be made, followed or taken away.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// It was refused before anything was touched.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The kernel refuses a rule or route.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// This namespace cannot be told from others.
    #[error(transparent)]
    Namespace(#[from] NetnsError),
    /// A setting cannot be changed.
    #[error("{0}; is /proc/sys writable here?")]
    Setting(#[from] SysctlError),
    /// A setting cannot be read.
    #[error("cannot read /proc/sys/{key}: {source}")]
    Unreadable {
        /// The setting.
        key: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Ports cannot be taken from those that the host gives to its own connections.
    #[error(
        "--nat-ports: {} are among those that the host gives to its own connections \
         (ip_local_port_range), and cannot be reserved: {source}; choose others, as 61000-65534",
        format(.ports)
    )]
    Reserve {
        /// The ports.
        ports: Vec<Range>,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// What is changed cannot be written down.
    #[error("cannot use {}: {source}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The rules are in a namespace that is not this one.
    #[error(
        "the rules of its uplink are in another network namespace; run `udp-bridge down` in the one \
         that it was started in, as with `ip netns exec`"
    )]
    Elsewhere,
}
