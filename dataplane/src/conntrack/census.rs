//! How many flows are there, and whose?
//!
//! One census counts both families' tables. Each flow has an owner, the port behind which it began or,
//! if it came from outside or from the host, the port that it leads to.
//!
//! Limits: [`ConntrackConfig::limit`] flows in all; of one owner [`ConntrackConfig::port_limit`], or
//! its own [`PortLimits::flows`] if that is less; and [`PortLimits::new_flows`] in a second, of which a
//! second's worth ([`FLOW_BURST`]) may begin at once: programs open connections in bundles.

use crate::bucket::Bucket;
use crate::clock::Time;
use crate::config::{ConntrackConfig, PortLimits};
use crate::outcome::PortId;
use std::time::Duration;

/// How much of a second's new flows may begin at once.
pub const FLOW_BURST: Duration = Duration::from_secs(1);

/// The count of all flows, by owner.
#[derive(Clone, Debug)]
pub struct Census {
    flows: usize,
    limit: usize,
    port_limit: usize,
    ports: Vec<Share>,
}

/// The flows of one port.
#[derive(Clone, Copy, Debug)]
struct Share {
    owned: usize,
    /// Of this port alone.
    limit: usize,
    limits: PortLimits,
    begun: Option<Bucket>,
}

impl Share {
    const NEW: Self = Self { owned: 0, limit: usize::MAX, limits: PortLimits::NONE, begun: None };
}

impl Census {
    /// Of no flows yet, in a network of so many ports.
    pub fn new(config: &ConntrackConfig, ports: usize) -> Self {
        let ports = vec![Share::NEW; ports];
        Self { flows: 0, limit: config.limit, port_limit: config.port_limit, ports }
    }

    /// Takes new limits for all, and more ports if there are more. Nobody is turned out by lower limits.
    pub fn configure(&mut self, config: &ConntrackConfig, ports: usize) {
        (self.limit, self.port_limit) = (config.limit, config.port_limit);
        self.make_room(ports);
    }

    /// Gives a port limits of its own; one that was not counted for is from now on. Nobody is turned
    /// out by lower limits.
    pub fn limit_port(&mut self, port: PortId, limits: PortLimits) {
        self.make_room(port.index() + 1);
        let share = &mut self.ports[port.index()];
        share.limit = limits.flows.map_or(usize::MAX, std::num::NonZeroUsize::get);
        if share.limits.new_flows != limits.new_flows {
            share.begun = limits.new_flows.map(|rate| Bucket::new(rate.get(), FLOW_BURST));
        }
        share.limits = limits;
    }

    fn make_room(&mut self, ports: usize) {
        if ports > self.ports.len() {
            self.ports.resize(ports, Share::NEW);
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
        self.ports.get(port.index()).map_or(0, |share| share.owned)
    }

    /// How many it may own.
    pub fn port_limit(&self, port: PortId) -> usize {
        let own = self.ports.get(port.index()).map_or(usize::MAX, |share| share.limit);
        self.port_limit.min(own)
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.flows >= self.limit
    }

    #[inline]
    pub(super) fn is_port_full(&self, port: PortId) -> bool {
        match self.ports.get(port.index()) {
            Some(share) => share.owned >= share.limit.min(self.port_limit),
            None => false,
        }
    }

    /// May the port have one more flow begin now? Then it has.
    #[inline]
    pub(super) fn may_begin(&mut self, port: PortId, now: Time) -> bool {
        match self.ports.get_mut(port.index()) {
            Some(Share { begun: Some(begun), .. }) => begun.take(1, now),
            _ => true,
        }
    }

    #[inline]
    pub(super) fn enter(&mut self, port: PortId) {
        self.flows += 1;
        if let Some(share) = self.ports.get_mut(port.index()) {
            share.owned += 1;
        }
    }

    #[inline]
    pub(super) fn leave(&mut self, port: PortId) {
        self.flows = self.flows.saturating_sub(1);
        if let Some(share) = self.ports.get_mut(port.index()) {
            share.owned = share.owned.saturating_sub(1);
        }
    }
}
