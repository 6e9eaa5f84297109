//! How is a network asked for?
//!
//! A [`NewNetwork`] says what the options of `up` say, and its defaults are theirs. As on the command
//! line only the form is checked when it is read; whether it makes sense is [`crate::model`]'s to say.

mod request;

use super::protocol::{NetworkInfo, PortInfo};
use crate::model::NetworkRequest;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A network that is to be made. What is left out has the default of the option of `up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewNetwork {
    /// Its name.
    pub name: String,
    /// How many ports, each with a namespace of its own.
    pub ports: u32,
    /// The IPv4 subnet; absent for the first that is free.
    pub subnet: Option<String>,
    /// The IPv6 subnet, or `none`; absent for one that is derived from the name.
    pub subnet6: Option<String>,
    /// The MTU of all interfaces, in bytes.
    pub mtu: u32,
    /// The host's interface; absent for the network's name.
    pub host_if: Option<String>,
    /// Ports that do not reach each other.
    pub isolate: PortSet,
    /// Ports that get complete frames only; 0 is the host's.
    pub no_offloads: PortSet,
    /// Published ports, each as `--publish` has it.
    pub publish: Vec<String>,
    /// Are frames with a source MAC that is not the port's dropped?
    pub source_check: bool,
    /// Seconds after which a learned MAC is forgotten.
    pub fdb_ageing: u64,
    /// Most MACs that the switch knows.
    pub fdb_max: usize,
    /// Most MACs that are learned at one port.
    pub fdb_port_max: usize,
    /// How much one port may flood; null for as much as it likes.
    pub storm: Option<Storm>,
    /// How many threads forward.
    pub workers: usize,
    /// The rules that say what may pass.
    pub rules: Option<RulesText>,
    /// May namespaces begin flows to each other?
    pub icc: bool,
    /// Is there no way to the outside and back?
    pub internal: bool,
    /// The way out; absent for what is possible.
    pub uplink: Option<Uplink>,
    /// Addresses of the host to go out under.
    pub snat: Vec<IpAddr>,
    /// Ports to translate to, like `61000-65534`.
    pub nat_ports: Option<String>,
    /// Who outside may send to a port that was translated to; absent for `address-and-port`.
    pub nat_filtering: Option<Who>,
    /// Most flows that are tracked.
    pub conntrack_max: usize,
    /// Most of them that one port may have begun; absent for a quarter.
    pub conntrack_port_max: Option<usize>,
    /// Which timeouts connection tracking begins with.
    pub conntrack_profile: TimeoutProfile,
    /// Timeouts of its own, each like `udp=30`.
    pub conntrack_timeouts: Vec<String>,
    /// Are TCP connections picked up in their middle?
    pub conntrack_loose: bool,
    /// Do TCP segments outside of the window pass?
    pub conntrack_liberal: bool,
    /// Are FTP's control connections read?
    pub ftp: bool,
}

/// Some ports by number, or all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PortSet {
    /// These.
    Some(Vec<u32>),
    /// All of them.
    All(All),
}

/// The word for all ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum All {
    /// `all`.
    All,
}

/// How much one port may flood per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storm {
    /// Frames.
    pub packets: u64,
    /// Bytes that are written because of them.
    pub bytes: u64,
}

/// A file of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesText {
    /// What errors and `rules` call it.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// How a network reaches the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Uplink {
    /// By the host's routing table.
    Route,
    /// Not at all.
    None,
}

/// Who outside may send to a port that was translated to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Everybody.
    EndpointIndependent,
    /// The addresses that were sent to.
    Address,
    /// The addresses and ports that were sent to.
    AddressAndPort,
}

/// Which timeouts connection tracking begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeoutProfile {
    /// The kernel's.
    Linux,
    /// What the RFCs ask of a NAT.
    Rfc,
}

/// A network that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The network as a whole.
    pub network: NetworkInfo,
    /// Its ports, the host port first.
    pub ports: Vec<PortInfo>,
    /// What a killed process had left of it, and was cleared before; absent if there was nothing.
    pub cleared: Option<ClearedInfo>,
    /// What is not as it should be, though the network works without.
    pub warnings: Vec<String>,
}

/// What was cleared of a killed process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedInfo {
    /// The namespaces that were removed.
    pub namespaces: Vec<String>,
    /// Namespaces of such names that somebody else made since, and that were left alone.
    pub left: Vec<String>,
}

impl Default for NewNetwork {
    /// Of no ports: that is what has to be said.
    fn default() -> Self {
        Self::from(NetworkRequest::new("ub0", 0))
    }
}
