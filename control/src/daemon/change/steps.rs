//! How is one step done?
//!
//! A step leaves everything as it was if it fails. What is shared with who follows the host, the
//! network itself and what the router was told last, is changed under the topology's lock.

use super::ChangeError;
use crate::daemon::living::{Living, lock};
use crate::model::{Filter, Holder, Network, Publish, Written};
use crate::plan::{EndpointChange, NetworkChange, Step};
use crate::publish::Reserved;
use crate::topology::Topology;
use dataplane::config::RouterConfig;
use dataplane::outcome::PortId;
use tokio::runtime::Handle as Runtime;

/// What comes first, the rules of the uplink or the router?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// What is new: nothing comes before the way is there.
    UplinkFirst,
    /// What goes: nothing comes when the way is gone.
    RouterFirst,
    /// The uplink is not concerned.
    RouterAlone,
}

impl Living {
    /// Takes all steps. If one fails, those before it are undone.
    pub(super) fn take_all(&self, steps: &[Step]) -> Result<(), ChangeError> {
        for (done, step) in steps.iter().enumerate() {
            let Err(error) = self.take(step) else { continue };
            for step in steps[..done].iter().rev() {
                if let Err(undo) = self.take(&step.clone().inverse()) {
                    let (error, undo) = (Box::new(error), Box::new(undo));
                    return Err(ChangeError::Undo { error, undo });
                }
            }
            return Err(error);
        }
        Ok(())
    }

    fn take(&self, step: &Step) -> Result<(), ChangeError> {
        match step {
            Step::Publish(_, written) => self.publish_port(written),
            Step::Unpublish(_, written) => self.unpublish_port(written),
            Step::ChangeNetwork(_, NetworkChange::Filter(change)) => self.filter(&change.to),
            Step::ChangeEndpoint(_, sandbox, EndpointChange::Limits(change)) => {
                let id = self.port(sandbox.as_str())?;
                Ok(self.handle.set_limits(id, change.to.compile())?)
            }
            Step::AddFixed(_, mac, holder) => {
                Ok(self.handle.add_fdb_entry(*mac, self.holder(holder)?)?)
            }
            Step::RemoveFixed(_, mac, holder) => {
                Ok(self.handle.remove_fdb_entry(*mac, self.holder(holder)?)?)
            }
            other => Err(ChangeError::Fixed(other.to_string())),
        }
    }

    /// Sockets, rules of the uplink, router, relay.
    fn publish_port(&self, written: &Written) -> Result<(), ChangeError> {
        let number = u32::from(self.port(&written.name)?.0);
        let publish = Publish { written: written.clone(), number };
        let reserved = Reserved::bind_one(&publish, &self.site, self.is_rootless())?;
        let network = self.rewire(Order::UplinkFirst, |network| {
            let mut all = network.publish().to_vec();
            all.push(publish);
            network.set_publish(all);
        })?;
        match self.relay.add(&network, reserved) {
            Ok(()) => Ok(()),
            Err(error) => {
                self.withdraw(written)?;
                Err(error.into())
            }
        }
    }

    /// Router, rules of the uplink, relay and sockets.
    fn unpublish_port(&self, written: &Written) -> Result<(), ChangeError> {
        self.withdraw(written)?;
        // Without the topology's lock: its tasks end on the runtime's own thread, which may wait for it.
        Runtime::current().block_on(self.relay.remove(written));
        Ok(())
    }

    fn withdraw(&self, written: &Written) -> Result<(), ChangeError> {
        self.rewire(Order::RouterFirst, |network| {
            let left = network.publish().iter().filter(|one| one.written != *written);
            network.set_publish(left.cloned().collect());
        })?;
        Ok(())
    }

    fn filter(&self, filter: &Filter) -> Result<(), ChangeError> {
        self.rewire(Order::RouterAlone, |network| {
            let config = filter.compile(|sandbox| {
                let number = network.number(sandbox.as_str())?;
                u16::try_from(number).ok().map(PortId)
            });
            network.set_filter(config);
        })?;
        Ok(())
    }

    /// Changes the network and puts that in force; returns the network as it is then.
    fn rewire(
        &self,
        order: Order,
        change: impl FnOnce(&mut Network),
    ) -> Result<Network, ChangeError> {
        let mut topology = lock(&self.topology);
        let topology = topology.as_mut().ok_or(ChangeError::Ending)?;
        let before = topology.network.clone();
        change(&mut topology.network);
        let Err(error) = self.put_in_force(topology, order) else {
            return Ok(topology.network.clone());
        };
        topology.network = before;
        match self.put_in_force(topology, order) {
            Ok(()) => Err(error),
            Err(undo) => {
                let (error, undo) = (Box::new(error), Box::new(undo));
                Err(ChangeError::Undo { error, undo })
            }
        }
    }

    fn put_in_force(&self, topology: &mut Topology, order: Order) -> Result<(), ChangeError> {
        if order != Order::UplinkFirst && self.tell_as_it_is(topology)? {
            if order == Order::RouterFirst {
                topology.claim(&self.site)?;
                topology.follow(&self.site)?;
            }
            return Ok(());
        }
        topology.claim(&self.site)?;
        let router = topology.follow(&self.site)?.map(|(router, _)| router);
        self.tell(router)
    }

    /// Tells the router of the network while the host is as it was told last; false if it was told
    /// nothing yet, so that one has to look.
    fn tell_as_it_is(&self, topology: &Topology) -> Result<bool, ChangeError> {
        let host = lock(&self.router).as_ref().map(|told| told.host.clone());
        let Some(host) = host else { return Ok(false) };
        self.tell(topology.router(host)).map(|()| true)
    }

    fn tell(&self, router: Option<RouterConfig>) -> Result<(), ChangeError> {
        let mut told = lock(&self.router);
        if *told != router {
            self.handle.reconfigure(router.clone())?;
            *told = router;
        }
        Ok(())
    }

    /// The switch's port of this name.
    fn port(&self, name: &str) -> Result<PortId, ChangeError> {
        let topology = lock(&self.topology);
        let topology = topology.as_ref().ok_or(ChangeError::Ending)?;
        let number = topology.network.number(name).and_then(|number| u16::try_from(number).ok());
        number.map(PortId).ok_or_else(|| ChangeError::Missing(name.to_owned()))
    }

    fn holder(&self, holder: &Holder) -> Result<PortId, ChangeError> {
        match holder {
            Holder::Host => Ok(PortId(0)),
            Holder::Sandbox(name) => self.port(name.as_str()),
        }
    }
}
