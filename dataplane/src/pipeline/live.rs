//! What can change while frames flow?
//!
//! Ports come and go, with their limits; the router is put in, configured anew, or taken out. Each of
//! these is done between two frames: the next one sees all of it.
//!
//! What is of a port goes with it in the same step: its FDB entries, its storm control and limits, its
//! neighbours and the frames that wait for or of it. Its flows, with their leases and their part in the
//! census, are not used from that step on, and are gone before the port's id is used again.

use super::{Pipeline, Prepared, Router};
use crate::clock::Time;
use crate::config::{ConfigError, PortConfig, PortLimits, RouterConfig};
use crate::gateway::HOST;
use crate::outcome::PortId;
use crate::switch::FdbFull;
use crate::wire::ethernet::MacAddr;

impl Pipeline {
    /// Puts a port in at an id that no port has, below or behind those there are. Returns the port that
    /// lost an FDB entry for its MAC.
    ///
    /// # Errors
    /// [`FdbFull`]; then nothing has changed.
    pub fn add_port(&mut self, id: PortId, port: &PortConfig) -> Result<Option<PortId>, FdbFull> {
        let evicted = self.switch.add_port(id, port)?;
        if let Some(router) = &mut self.router {
            router.disown(id, &mut self.outbox);
        }
        self.limit(id, port.limits);
        Ok(evicted)
    }

    /// Forgets a port that was taken out. Its flows end with [`Self::purge`].
    pub fn remove_port(&mut self, id: PortId) {
        self.switch.remove_port(id);
        self.limits.set(id, PortLimits::NONE);
        if let Some(router) = &mut self.router {
            router.forget_port(id, &mut self.outbox);
        }
    }

    /// Gives a port other limits.
    pub fn limit(&mut self, id: PortId, limits: PortLimits) {
        self.limits.set(id, limits);
        if let Some(router) = &mut self.router {
            router.limit_port(id, limits);
        }
    }

    /// What a router for this switch is made with, elsewhere, to be put in with [`Self::route`]: the MAC
    /// of the host's port and the number of ports.
    pub fn router_base(&self) -> (MacAddr, usize) {
        (self.switch.mac(HOST), self.switch.ports())
    }

    /// Puts another configuration in force; with `spare` in a router's place, if there is none.
    /// Returns what is to be dropped.
    ///
    /// # Errors
    /// `HostPort`: it is for a switch of more ports; then nothing has changed.
    pub fn route(
        &mut self,
        prepared: Prepared,
        spare: Option<Box<Router>>,
    ) -> Result<RouterConfig, ConfigError> {
        prepared.config().check_ports(self.switch.ports())?;
        let (mac, ports) = self.router_base();
        let limits = &self.limits;
        let router = self.router.get_or_insert_with(|| {
            let make = || Box::new(Router::new(prepared.config(), mac, ports));
            let mut router = spare.unwrap_or_else(make);
            // At most MAX_PORTS.
            let ids = (0..ports as u16).map(PortId);
            ids.for_each(|id| router.limit_port(id, limits.of(id)));
            router
        });
        router.put_in_force(prepared)
    }

    /// Takes the router out: a switch alone is left. What waited in it is dropped; its flows are gone.
    pub fn unroute(&mut self) -> Option<Box<Router>> {
        let mut router = self.router.take()?;
        router.close(&mut self.outbox);
        Some(router)
    }

    /// Takes a step in looking for flows that the last change ended. True if there are more to be taken.
    pub fn purge(&mut self, now: Time) -> bool {
        self.router.as_mut().is_some_and(|router| router.purge(now))
    }

    /// The rest of that, at once.
    pub fn settle(&mut self) {
        if let Some(router) = &mut self.router {
            router.settle();
        }
    }
}
