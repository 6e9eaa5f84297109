//! How many flows are there, and whose?
//!
//! One census counts both families' tables. Each flow has an owner, the port behind which it began or,
//! if it came from outside or from the host, the port that it leads to.
//!
//! Limits: [`ConntrackConfig::limit`] flows in all and [`ConntrackConfig::port_limit`] of one owner.

use crate::config::ConntrackConfig;
use crate::outcome::PortId;

/// The count of all flows, by owner.
#[derive(Clone, Debug)]
pub struct Census {
    flows: usize,
    limit: usize,
    port_limit: usize,
    ports: Vec<usize>,
}

impl Census {
    /// Of no flows yet, in a network of so many ports.
    pub fn new(config: &ConntrackConfig, ports: usize) -> Self {
        Self { flows: 0, limit: config.limit, port_limit: config.port_limit, ports: vec![0; ports] }
    }

    /// Takes new limits, and more ports if there are more. Nobody is turned out by lower limits.
    pub fn configure(&mut self, config: &ConntrackConfig, ports: usize) {
        (self.limit, self.port_limit) = (config.limit, config.port_limit);
        if ports > self.ports.len() {
            self.ports.resize(ports, 0);
        }
    }

    /// How many flows there are.
    pub fn flows(&self) -> usize {
        self.flows
    }

    /// How many there may be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How many flows a port owns; none, if the network has no such port.
    pub fn owned(&self, port: PortId) -> usize {
        self.ports.get(port.index()).copied().unwrap_or(0)
    }

    /// How many it may own.
    pub fn port_limit(&self) -> usize {
        self.port_limit
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.flows >= self.limit
    }

    #[inline]
    pub(super) fn is_port_full(&self, port: PortId) -> bool {
        self.owned(port) >= self.port_limit
    }

    #[inline]
    pub(super) fn enter(&mut self, port: PortId) {
        self.flows += 1;
        if let Some(owned) = self.ports.get_mut(port.index()) {
            *owned += 1;
        }
    }

    #[inline]
    pub(super) fn leave(&mut self, port: PortId) {
        self.flows = self.flows.saturating_sub(1);
        if let Some(owned) = self.ports.get_mut(port.index()) {
            *owned = owned.saturating_sub(1);
        }
    }
}
