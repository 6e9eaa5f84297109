//! What does the dataplane run with?
//!
//! A [`Config`] is immutable and proven consistent when it is made; everything behind it may rely on
//! that. The defaults are the values of the kernel bridge where it has one.

mod conntrack;
mod filter;
mod limits;
mod nat;
mod published;
mod router;

pub use conntrack::{ConntrackConfig, MAX_FLOWS, MAX_TIMEOUT, Timeouts};
pub use filter::{Action, FilterConfig, MAX_RULES, Place, Rule, RuleError};
pub use limits::PortLimits;
pub use nat::{Filtering, NatConfig};
pub use published::{HostPorts, Publish, PublishedPorts, first_overlap};
pub use router::{HostView, NextHop, Route, RouterConfig, UplinkConfig};

use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use std::collections::HashMap;
use std::time::Duration;

/// Most ports of one switch. A flood visits all of them, so there must be an end; the kernel bridge's
/// is 1024 too (`BR_MAX_PORTS`).
pub const MAX_PORTS: usize = 1024;

/// Largest FDB one may ask for: 2^20 entries take 56 MiB.
pub const MAX_FDB_CAPACITY: usize = 1 << 20;

/// Largest MTU: a frame of 65,535 bytes less its Ethernet header.
pub const MAX_MTU: u16 = u16::MAX - crate::wire::ethernet::HEADER_LEN as u16;

/// How the switch as a whole behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchConfig {
    /// After how long without a frame a learned MAC is forgotten.
    pub ageing: Duration,
    /// Most MACs in the table, static ones included.
    pub fdb_capacity: usize,
    /// Most learned MACs of one port.
    pub fdb_port_limit: usize,
    /// The limit of what each port may send that is flooded; `None` for no limit.
    pub storm: Option<StormLimit>,
}

impl SwitchConfig {
    /// Ageing time of the kernel bridge, `BR_DEFAULT_AGEING_TIME`.
    pub const DEFAULT_AGEING: Duration = Duration::from_secs(300);
    /// Entries of the MAC table.
    pub const DEFAULT_FDB_CAPACITY: usize = 8192;
    /// A port's share of the MAC table.
    pub const DEFAULT_FDB_PORT_LIMIT: usize = 2048;
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            ageing: Self::DEFAULT_AGEING,
            fdb_capacity: Self::DEFAULT_FDB_CAPACITY,
            fdb_port_limit: Self::DEFAULT_FDB_PORT_LIMIT,
            storm: Some(StormLimit::default()),
        }
    }
}

impl SwitchConfig {
    /// Can a switch of so many ports be set up so?
    ///
    /// # Errors
    /// The first setting that is out of bounds.
    pub fn check(&self, ports: usize) -> Result<(), ConfigError> {
        if self.ageing < Duration::from_secs(1) {
            return Err(ConfigError::Ageing);
        }
        let least = ports + 1;
        if self.fdb_capacity < least || self.fdb_capacity > MAX_FDB_CAPACITY {
            return Err(ConfigError::FdbCapacity { asked: self.fdb_capacity, least });
        }
        if self.fdb_port_limit == 0 {
            return Err(ConfigError::FdbPortLimit);
        }
        if let Some(storm) = self.storm
            && (storm.frames_per_second == 0 || storm.bytes_per_second == 0)
        {
            return Err(ConfigError::Storm);
        }
        Ok(())
    }
}

/// Storm control: how much of one port's traffic may be flooded (broadcast, multicast and unknown
/// unicast) in a second. A bucket holds one tenth of a second's worth, and always at least one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimit {
    /// Flooded frames per second, counted once however many ports hear them.
    pub frames_per_second: u64,
    /// Bytes per second written because of floods: a frame's length times the ports that hear it.
    pub bytes_per_second: u64,
}

impl StormLimit {
    /// Far above what ARP, ND and mDNS of 1,000 hosts need, far below what floods a core.
    pub const DEFAULT_FRAMES_PER_SECOND: u64 = 20_000;
    /// A quarter of what one core can copy.
    pub const DEFAULT_BYTES_PER_SECOND: u64 = 1 << 30;
}

impl Default for StormLimit {
    fn default() -> Self {
        Self {
            frames_per_second: Self::DEFAULT_FRAMES_PER_SECOND,
            bytes_per_second: Self::DEFAULT_BYTES_PER_SECOND,
        }
    }
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// The port's name, for people.
    pub name: String,
    /// The MAC of the interface at the other end: a static entry of the FDB.
    pub mac: MacAddr,
    /// The interface's MTU in bytes, up to [`MAX_MTU`].
    pub mtu: u16,
    /// An isolated port reaches only ports that are not isolated.
    pub isolated: bool,
    /// Accept frames from `mac` alone; nothing is learned here then.
    pub check_source: bool,
    /// How much it may send, get and begin.
    pub limits: PortLimits,
}

impl PortConfig {
    /// Can a port be so?
    ///
    /// # Errors
    /// `Mac` or `Mtu`.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.mac.is_unicast() {
            return Err(ConfigError::Mac(self.name.clone(), self.mac));
        }
        // 68 is the least an IPv4 link may have (RFC 791).
        if self.mtu < 68 || self.mtu > MAX_MTU {
            return Err(ConfigError::Mtu(self.name.clone(), self.mtu));
        }
        Ok(())
    }
}

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
    /// The ageing time is below a second.
    #[error("the ageing time must be at least a second")]
    Ageing,
    /// The FDB cannot hold the ports' own MACs, or is too large.
    #[error(
        "the FDB must hold {least} MACs (each port's own and one to learn) to {MAX_FDB_CAPACITY}, not {asked}"
    )]
    FdbCapacity {
        /// What was asked for.
        asked: usize,
        /// One for each port and one to learn.
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

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    switch: SwitchConfig,
    ports: Vec<PortConfig>,
    router: Option<RouterConfig>,
}

impl Config {
    /// Proves a configuration consistent.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn new(switch: SwitchConfig, ports: Vec<PortConfig>) -> Result<Self, ConfigError> {
        if ports.is_empty() || ports.len() > MAX_PORTS {
            return Err(ConfigError::PortCount(ports.len()));
        }
        check_ports(&ports)?;
        switch.check(ports.len())?;
        Ok(Self { switch, ports, router: None })
    }

    /// The same with a router behind port 0.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn with_router(self, router: RouterConfig) -> Result<Self, ConfigError> {
        router.check()?;
        Ok(Self { router: Some(router), ..self })
    }

    /// What is decided above layer 2; `None` for a switch alone.
    pub fn router(&self) -> Option<&RouterConfig> {
        self.router.as_ref()
    }

    /// The switch's settings.
    pub fn switch(&self) -> &SwitchConfig {
        &self.switch
    }

    /// The ports, each at the index of its [`PortId`].
    pub fn ports(&self) -> &[PortConfig] {
        &self.ports
    }

    /// The ports with their ids.
    pub fn ports_by_id(&self) -> impl Iterator<Item = (PortId, &PortConfig)> {
        // MAX_PORTS fits a u16.
        self.ports.iter().enumerate().map(|(index, port)| (PortId(index as u16), port))
    }
}

fn check_ports(ports: &[PortConfig]) -> Result<(), ConfigError> {
    let mut names = HashMap::new();
    let mut macs = HashMap::new();
    for port in ports {
        if names.insert(&port.name, ()).is_some() {
            return Err(ConfigError::DuplicateName(port.name.clone()));
        }
        port.check()?;
        if macs.insert(port.mac, ()).is_some() {
            return Err(ConfigError::DuplicateMac(port.mac));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(n: usize) -> PortConfig {
        let [high, low] = (n as u16).to_be_bytes();
        PortConfig {
            name: format!("port-{n}"),
            mac: MacAddr([2, 0, 0, 0, high, low]),
            mtu: 1500,
            isolated: false,
            check_source: true,
            limits: PortLimits::NONE,
        }
    }

    fn ports(count: usize) -> Vec<PortConfig> {
        (0..count).map(port).collect()
    }

    fn refused(switch: SwitchConfig, ports: Vec<PortConfig>) -> Option<ConfigError> {
        Config::new(switch, ports).err()
    }

    #[test]
    fn a_switch_has_one_port_at_least_and_the_limit_at_most() {
        let of = |count| refused(SwitchConfig::default(), ports(count));
        assert_eq!(of(0), Some(ConfigError::PortCount(0)));
        assert_eq!(of(1), None);
        assert_eq!(of(MAX_PORTS), None);
        assert_eq!(of(MAX_PORTS + 1), Some(ConfigError::PortCount(MAX_PORTS + 1)));
    }

    #[test]
    fn each_contradiction_between_ports_is_refused() {
        let with = |change: fn(&mut PortConfig)| {
            let mut ports = ports(3);
            change(&mut ports[2]);
            refused(SwitchConfig::default(), ports)
        };
        let name = || "port-2".to_owned();
        assert_eq!(with(|_| {}), None);
        assert_eq!(
            with(|port| port.name = "port-0".into()),
            Some(ConfigError::DuplicateName("port-0".into()))
        );
        let taken = port(1).mac;
        assert_eq!(with(|last| last.mac = port(1).mac), Some(ConfigError::DuplicateMac(taken)));
        for mac in [MacAddr::ZERO, MacAddr::BROADCAST] {
            let mut ports = ports(3);
            ports[2].mac = mac;
            let refusal = refused(SwitchConfig::default(), ports);
            assert_eq!(refusal, Some(ConfigError::Mac(name(), mac)));
        }
        assert_eq!(with(|port| port.mtu = 67), Some(ConfigError::Mtu(name(), 67)));
        assert_eq!(with(|port| port.mtu = 68), None);
        assert_eq!(with(|port| port.mtu = MAX_MTU), None);
        let above = ConfigError::Mtu(name(), MAX_MTU + 1);
        assert_eq!(with(|port| port.mtu = MAX_MTU + 1), Some(above));
    }

    #[test]
    fn each_limit_of_the_switch_must_leave_it_working() {
        let with = |change: fn(&mut SwitchConfig)| {
            let mut switch = SwitchConfig::default();
            change(&mut switch);
            refused(switch, ports(3))
        };
        let capacity = |asked| Some(ConfigError::FdbCapacity { asked, least: 4 });
        assert_eq!(with(|switch| switch.fdb_capacity = 3), capacity(3));
        assert_eq!(with(|switch| switch.fdb_capacity = 4), None);
        assert_eq!(with(|switch| switch.fdb_capacity = MAX_FDB_CAPACITY), None);
        assert_eq!(
            with(|switch| switch.fdb_capacity = MAX_FDB_CAPACITY + 1),
            capacity(MAX_FDB_CAPACITY + 1)
        );
        assert_eq!(with(|switch| switch.fdb_port_limit = 0), Some(ConfigError::FdbPortLimit));
        let ageing = with(|switch| switch.ageing = Duration::from_millis(999));
        assert_eq!(ageing, Some(ConfigError::Ageing));
        assert_eq!(with(|switch| switch.ageing = Duration::from_secs(1)), None);
        for (frames_per_second, bytes_per_second) in [(0, 1), (1, 0)] {
            let storm = Some(StormLimit { frames_per_second, bytes_per_second });
            let switch = SwitchConfig { storm, ..SwitchConfig::default() };
            assert_eq!(refused(switch, ports(3)), Some(ConfigError::Storm));
        }
    }
}
