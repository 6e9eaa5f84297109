//! How is a running network changed?

use super::error::StepFailure;
use super::held::Numbers;
use crate::daemon::forwarding::listeners_of;
use crate::daemon::living::{Living, lock};
use crate::model::{Network, SandboxName, Way, Written};
use crate::plan::{EndpointState, NetworkState};
use crate::topology::{NewEndpoint, Topology, queues};
use dataplane::config::PortConfig;
use dataplane::outcome::PortId;
use dataplane::port::Port;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

/// Where an endpoint is.
pub(super) struct Place<'a> {
    pub(super) sandbox: &'a SandboxName,
    /// What the namespace is called where it is shown.
    pub(super) namespace: &'a str,
    pub(super) path: &'a Path,
}

/// How much is to be looked at again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The host, its rules and settings.
    AtHost,
    /// Nothing that is not ours.
    AtUs,
}

impl Living {
    pub(super) fn with_topology<T>(
        &self,
        change: impl FnOnce(&mut Topology) -> Result<T, StepFailure>,
    ) -> Result<T, StepFailure> {
        let mut topology = lock(&self.topology);
        let gone = || StepFailure::Gone(self.network.name.clone());
        change(topology.as_mut().ok_or_else(gone)?)
    }

    /// Puts a state in force, from the next frame on.
    pub(super) fn settle(
        &self,
        state: &NetworkState,
        numbers: &Numbers,
        look: Look,
    ) -> Result<(), StepFailure> {
        self.with_topology(|topology| {
            let name = topology.network.name().clone();
            topology.network = Network::of_state(&name, state, numbers);
            self.ports.store(topology.ports.len(), Ordering::Relaxed);
            self.mtu.store(state.settings.mtu.get(), Ordering::Relaxed);
            let told = lock(&self.router).as_ref().map(|told| told.host.clone());
            let router = match (look, told) {
                (Look::AtUs, Some(host)) => topology.router(host),
                // It has none, and nothing of ours asks for one.
                (Look::AtUs, None) if !topology.asks_for_router() => None,
                _ => topology.follow(&self.site)?.map(|(router, _)| router),
            };
            self.tell(router)?;
            Ok(())
        })
    }

    /// Puts an interface into a sandbox and the switch, at the lowest number that is free; one that is
    /// there stays.
    pub(super) fn connect(
        &self,
        place: &Place<'_>,
        endpoint: &EndpointState,
        after: &NetworkState,
        numbers: &mut Numbers,
    ) -> Result<(), StepFailure> {
        if numbers.contains_key(place.sandbox) {
            return self.settle(after, numbers, Look::AtUs);
        }
        let is_free = |number: &u32| !numbers.values().any(|taken| taken == number);
        let number = (1..).find(is_free).unwrap_or(u32::MAX);
        let mtu = after.settings.mtu;
        let new = NewEndpoint {
            name: place.sandbox.as_str(),
            // The switch refuses more than it has.
            number: number as u16,
            namespace: place.namespace,
            path: place.path,
            state: endpoint,
            mtu,
            queues: queues(after.identity.workers),
        };
        let mut made = new.make()?;
        let Some(tap) = made.take_tap() else { return Ok(()) };
        let config = PortConfig {
            name: place.sandbox.to_string(),
            mac: endpoint.addresses.mac,
            mtu: mtu.get(),
            isolated: endpoint.isolated,
            check_source: after.settings.check_source,
            limits: endpoint.limits.compile(),
        };
        let id = self.handle.add(config, Box::new(tap))?;
        made.number = id.0;
        lock(&self.removed).remove(&id.0);
        lock(&self.limits).insert(id.0, endpoint.limits);
        numbers.insert(place.sandbox.clone(), id.0.into());
        let settled = self
            .with_topology(|topology| {
                topology.ports.push(made);
                Ok(())
            })
            .and_then(|()| self.settle(after, numbers, Look::AtUs))
            .and_then(|()| Ok(new.bring_up()?));
        if settled.is_err() {
            // The state before has no such endpoint, and is put in force by who undoes the rest.
            self.take_out(place.sandbox, numbers)?;
        }
        settled
    }

    /// Takes an interface out of the switch. Closing what is returned takes it out of its sandbox.
    pub(super) fn take_out(
        &self,
        sandbox: &SandboxName,
        numbers: &mut Numbers,
    ) -> Result<Option<Box<dyn Port>>, StepFailure> {
        let Some(&number) = numbers.get(sandbox) else { return Ok(None) };
        let id = PortId(number as u16);
        lock(&self.removed).insert(id.0);
        lock(&self.limits).remove(&id.0);
        let port = self.handle.remove(id)?;
        numbers.remove(sandbox);
        self.with_topology(|topology| {
            topology.ports.retain(|port| port.number != id.0);
            Ok(port)
        })
    }

    /// Makes the way out; the ports that will be published are claimed with it.
    pub(super) fn open_way(
        &self,
        way: &Way,
        published: &BTreeMap<String, Written>,
        after: &NetworkState,
        numbers: &Numbers,
    ) -> Result<(), StepFailure> {
        self.with_topology(|topology| {
            topology.network = topology.network.claiming(way, published);
            Ok(topology.raise_way(&self.site)?)
        })?;
        self.settle(after, numbers, Look::AtHost)?;
        self.listen()
    }

    /// Takes the way out away.
    pub(super) fn close_way(
        &self,
        after: &NetworkState,
        numbers: &Numbers,
    ) -> Result<(), StepFailure> {
        self.with_topology(|topology| Ok(topology.lower_way(&self.site)?))?;
        self.settle(after, numbers, Look::AtHost)?;
        self.listen()
    }

    /// Hears the host's ICMP if that is the network's concern, and only then.
    fn listen(&self) -> Result<(), StepFailure> {
        let told = lock(&self.router).clone();
        let (mac, mtu) =
            self.with_topology(|topology| Ok((topology.host.mac, topology.host.mtu)))?;
        let has_way = self.with_topology(|topology| Ok(topology.has_way()))?;
        let listeners = listeners_of(told.as_ref().filter(|_| has_way), mac, mtu)?;
        drop(self.handle.listen(listeners)?);
        Ok(())
    }
}
