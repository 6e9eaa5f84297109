//! Why is a configuration refused?

use super::{
    MAX_FDB_CAPACITY, MAX_FLOWS, MAX_MTU, MAX_PORTS, MAX_RULES, MAX_TIMEOUT, MAX_WORKERS, RuleError,
};
use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use std::net::IpAddr;
use std::time::Duration;

/// Why a configuration is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A switch of no ports, or of more than [`MAX_PORTS`].
    #[error("a switch has 1 to {MAX_PORTS} ports, not {0}")]
    PortCount(usize),
    /// Two ports of one name.
    #[error("two ports are named {0:?}")]
    DuplicateName(String),
    /// Two ports of one MAC.
    #[error("two ports have the MAC {0}")]
    DuplicateMac(MacAddr),
    /// A port's MAC is a group address or zero.
    #[error("port {0:?} needs a unicast MAC, not {1}")]
    Mac(String, MacAddr),
    /// A port's MTU is below what IPv4 asks of a link, or above [`MAX_MTU`].
    #[error("port {0:?} needs an MTU of 68 to {MAX_MTU}, not {1}")]
    Mtu(String, u16),
    /// There are no workers, or too many.
    #[error("there must be 1 to {MAX_WORKERS} workers, not {0}")]
    Workers(usize),
    /// The ageing time is below a second.
    #[error("the ageing time must be at least a second")]
    Ageing,
    /// The FDB cannot hold the static MACs, of which each port's own is one, or is too large.
    #[error(
        "the FDB must hold {least} MACs (each port's own, those that are static, and one to learn) to \
         {MAX_FDB_CAPACITY}, not {asked}"
    )]
    FdbCapacity {
        /// What was asked for.
        asked: usize,
        /// One for each port, one for each static MAC beside these, and one to learn.
        least: usize,
    },
    /// A port's share of the FDB is zero.
    #[error("a port must be allowed to learn at least one MAC")]
    FdbPortLimit,
    /// A storm limit of zero.
    #[error("a storm limit must be at least 1 per second, or none")]
    Storm,
    /// The number of flows to track is out of bounds.
    #[error("the connection tracking table holds 1 to {MAX_FLOWS} flows, not {0}")]
    FlowLimit(usize),
    /// A namespace's share of the flows is none, or more than all.
    #[error("a namespace may have 1 to {limit} flows (the limit for all), not {asked}")]
    FlowPortLimit {
        /// What was asked for.
        asked: usize,
        /// The limit for all.
        limit: usize,
    },
    /// A timeout that is too short or too long.
    #[error("the timeout {name} must be 1 second to {} s, not {} s", MAX_TIMEOUT.as_secs(), asked.as_secs_f64())]
    Timeout {
        /// The setting's name.
        name: &'static str,
        /// What was asked for.
        asked: Duration,
    },
    /// No port to translate to.
    #[error("NAT ports must be a range from 1 to 65535, not {first}-{last}")]
    NatPorts {
        /// The first one.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// More rules than are compiled.
    #[error("there may be {MAX_RULES} rules, not {0}")]
    RuleCount(usize),
    /// A rule that contradicts itself.
    #[error("{place}: {why}")]
    Rule {
        /// Where it was written.
        place: String,
        /// What is wrong with it.
        #[source]
        why: RuleError,
    },
    /// An address of the network behind a port that the switch does not have.
    #[error("{address} cannot be behind port {port}: there is no such port")]
    HostPort {
        /// The address.
        address: IpAddr,
        /// The port that there is not.
        port: PortId,
    },
    /// A published range that is no range.
    #[error("the published ports {first}-{last} are no range of ports with as many targets")]
    Published {
        /// The first one.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// One port of one address published twice.
    #[error("port {0} is published twice")]
    PublishedTwice(u16),
}
