//! What can be written of a network?

use crate::model::rules::Rule;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A table `[networks.NAME]`. What is `None` or empty was left out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NetworkSpec {
    /// The IPv4 subnet.
    pub subnet: Option<String>,
    /// The IPv6 subnet, or `none`.
    pub subnet6: Option<String>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// The name of the host's interface.
    pub host_interface: Option<String>,
    /// May the host's interface be given super-frames and packets without a checksum?
    pub host_offloads: Option<bool>,
    /// The way out.
    pub uplink: Option<UplinkWord>,
    /// No way out and none in?
    pub internal: Option<bool>,
    /// May sandboxes begin flows to each other?
    pub icc: Option<bool>,
    /// What becomes of what no rule names.
    pub policy: Option<PolicyWord>,
    /// Are frames with a source MAC that is not the endpoint's dropped?
    pub source_check: Option<bool>,
    /// Threads that forward.
    pub workers: Option<usize>,
    /// The MAC table.
    pub fdb: FdbSpec,
    /// Storm control.
    pub storm: StormSpec,
    /// Translation.
    pub nat: NatSpec,
    /// Connection tracking.
    pub conntrack: ConntrackSpec,
    /// Published ports, each as `--publish` has it.
    pub publish: Vec<String>,
    /// The tables `[[networks.NAME.rules]]`.
    #[serde(deserialize_with = "read_elsewhere")]
    pub rules: Vec<Rule>,
}

/// Rules are taken out before and read by the reader of rules; the field is here to be among those that there are.
fn read_elsewhere<'de, D: Deserializer<'de>>(rules: D) -> Result<Vec<Rule>, D::Error> {
    IgnoredAny::deserialize(rules).map(|_| Vec::new())
}

/// The ways out that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UplinkWord {
    /// By the host's routing table.
    Route,
    /// None.
    None,
}

/// What a packet meets that no rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyWord {
    /// It goes on.
    Accept,
    /// It dies in silence.
    Drop,
    /// It dies, and its sender is told.
    Reject,
}

/// The MAC table.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct FdbSpec {
    /// Seconds.
    pub ageing: Option<u64>,
    /// Most MACs.
    pub max: Option<usize>,
    /// Most learned MACs of one endpoint.
    pub port_max: Option<usize>,
    /// MACs that live behind a sandbox, or behind `host`.
    #[serde(rename = "static")]
    pub fixed: BTreeMap<String, String>,
}

/// Storm control.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct StormSpec {
    /// Flooded frames per second.
    pub packets: Option<Rate>,
    /// Flooded bytes per second.
    pub bytes: Option<Rate>,
}

/// A number per second, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a whole number per second, or \"none\"")]
pub enum Rate {
    /// So many.
    Limited(u64),
    /// As many as there are.
    Unlimited(NoneWord),
}

/// The word `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoneWord {
    /// No limit.
    None,
}

/// Translation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NatSpec {
    /// The ports to translate to, like `61000-65534`.
    pub ports: Option<String>,
    /// Who outside may send to a port that was translated to.
    pub filtering: Option<FilteringWord>,
    /// Addresses of the host to go out under.
    pub snat: Vec<IpAddr>,
}

/// Who outside may send to a mapping (RFC 4787 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilteringWord {
    /// Everybody.
    EndpointIndependent,
    /// Whoever has an address that was sent to.
    Address,
    /// Whoever has an address and port that was sent to.
    AddressAndPort,
}

/// Connection tracking.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ConntrackSpec {
    /// Most flows.
    pub max: Option<usize>,
    /// Most flows that one sandbox may have begun.
    pub port_max: Option<usize>,
    /// The timeouts to begin with.
    pub profile: Option<ProfileWord>,
    /// Timeouts of their own, in seconds.
    pub timeouts: BTreeMap<String, u64>,
    /// Is a TCP connection picked up in its middle?
    pub loose: Option<bool>,
    /// Do TCP segments outside the window pass?
    pub liberal: Option<bool>,
    /// Is FTP's control connection read?
    pub ftp: Option<bool>,
}

/// Sets of timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileWord {
    /// The kernel's.
    Linux,
    /// What the RFCs ask of a NAT.
    Rfc,
}
