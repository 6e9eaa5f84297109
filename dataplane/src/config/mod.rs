//! What does the dataplane run with?
//!
//! A [`Config`] is immutable and proven consistent when it is made; everything behind it may rely on
//! that. The defaults are the values of the kernel bridge where it has one.
//!
//! Each part has a file with its settings, its limits and its `check`: `switch`, `router` and what that
//! is made of (`published`, `filter`, `conntrack`, `nat`). All that can be wrong is in [`ConfigError`].

mod conntrack;
mod error;
mod filter;
mod limits;
mod nat;
mod published;
mod router;
mod switch;
mod workers;

pub use conntrack::{ConntrackConfig, MAX_FLOWS, MAX_TIMEOUT, Timeouts};
pub use error::ConfigError;
pub use filter::{Action, FilterConfig, MAX_RULES, Place, Rule, RuleError};
pub use limits::PortLimits;
pub use nat::{Filtering, NatConfig};
pub use published::{HostPorts, Publish, PublishedPorts, first_overlap};
pub use router::{HostView, NextHop, Route, RouterConfig, UplinkConfig};
pub use switch::{MAX_FDB_CAPACITY, StormLimit, SwitchConfig};
pub use workers::{MAX_WORKERS, Workers};

use crate::outcome::PortId;
use crate::wire::ethernet::MacAddr;
use std::collections::HashMap;

/// Most ports of one switch. A flood visits all of them, so there must be an end; the kernel bridge's
/// is 1024 too (`BR_MAX_PORTS`).
pub const MAX_PORTS: usize = 1024;

/// Largest MTU: a frame of 65,535 bytes less its Ethernet header.
pub const MAX_MTU: u16 = u16::MAX - crate::wire::ethernet::HEADER_LEN as u16;

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
        check_mtu(&self.name, self.mtu)
    }
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
        router.check_for(self.ports.len())?;
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

/// Can a port of this name have this MTU, in bytes?
///
/// # Errors
/// `Mtu`.
pub fn check_mtu(name: &str, mtu: u16) -> Result<(), ConfigError> {
    // 68 is the least an IPv4 link may have (RFC 791).
    if !(68..=MAX_MTU).contains(&mtu) {
        return Err(ConfigError::Mtu(name.to_owned(), mtu));
    }
    Ok(())
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
}
