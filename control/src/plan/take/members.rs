//! What becomes of a network's members: endpoints, default routes, static MACs, published ports?

use super::{StepError, Subject, endpoint_of, require, set};
use crate::addressing::Addresses;
use crate::model::{Holder, NetworkName, SandboxName, Written};
use crate::plan::{Change, EndpointChange, EndpointState, NetworkState, SandboxState, State};
use dataplane::wire::ethernet::MacAddr;

impl State {
    pub(super) fn create_endpoint(
        &mut self,
        network: &NetworkName,
        name: &SandboxName,
        state: &EndpointState,
    ) -> Result<(), StepError> {
        let subject = || endpoint_of(network, name);
        let has_interfaces = matches!(self.sandboxes.get(name), Some(SandboxState::Bridge(..)));
        require(has_interfaces, || StepError::Missing(Subject::Sandbox(name.clone())))?;
        let mut others = self.networks.values().filter_map(|one| one.endpoints.get(name));
        let interface_taken = others.any(|other| other.interface == state.interface);
        let one = self.network(network)?;
        require(!one.endpoints.contains_key(name), || StepError::There(subject()))?;
        let ours = &state.addresses;
        let clashes = |theirs: &Addresses| {
            let same6 = ours.ipv6.is_some() && ours.ipv6 == theirs.ipv6;
            ours.mac == theirs.mac || ours.ipv4 == theirs.ipv4 || same6
        };
        let taken = one.endpoints.values().any(|other| clashes(&other.addresses))
            || clashes(&one.identity.host)
            || interface_taken
            || one.fixed.contains_key(&ours.mac);
        require(!taken, || StepError::Taken(subject()))?;
        one.endpoints.insert(name.clone(), state.clone());
        Ok(())
    }

    pub(super) fn remove_endpoint(
        &mut self,
        network: &NetworkName,
        name: &SandboxName,
        state: &EndpointState,
    ) -> Result<(), StepError> {
        let subject = || endpoint_of(network, name);
        let is_gateway = self.sandboxes.get(name).and_then(SandboxState::gateway) == Some(network);
        require(self.endpoint(network, name)? == state, || StepError::Differs(subject()))?;
        let one = self.network(network)?;
        let is_target = one.published.values().any(|written| written.name == name.as_str());
        let holds = one.fixed.values().any(|holder| *holder == Holder::Sandbox(name.clone()));
        require(!(is_gateway || is_target || holds), || StepError::InUse(subject()))?;
        one.endpoints.remove(name);
        Ok(())
    }

    pub(super) fn change_gateway(
        &mut self,
        name: &SandboxName,
        change: &Change<Option<NetworkName>>,
    ) -> Result<(), StepError> {
        if let Some(network) = &change.to {
            self.endpoint(network, name)?;
        }
        let subject = Subject::Sandbox(name.clone());
        match self.sandboxes.get_mut(name) {
            Some(SandboxState::Bridge(_, gateway)) if *gateway == change.from => {
                gateway.clone_from(&change.to);
                Ok(())
            }
            Some(_) => Err(StepError::Differs(subject)),
            None => Err(StepError::Missing(subject)),
        }
    }

    pub(super) fn add_fixed(
        &mut self,
        network: &NetworkName,
        mac: MacAddr,
        holder: &Holder,
    ) -> Result<(), StepError> {
        if let Holder::Sandbox(sandbox) = holder {
            self.endpoint(network, sandbox)?;
        }
        let one = self.network(network)?;
        let mut own = one.endpoints.values().map(|endpoint| endpoint.addresses.mac);
        let taken = one.fixed.contains_key(&mac) || own.any(|own| own == mac);
        let taken = taken || one.identity.host.mac == mac;
        require(!taken, || StepError::Taken(Subject::Fixed(mac, network.clone())))?;
        one.fixed.insert(mac, holder.clone());
        Ok(())
    }

    pub(super) fn remove_fixed(
        &mut self,
        network: &NetworkName,
        mac: MacAddr,
        holder: &Holder,
    ) -> Result<(), StepError> {
        let one = self.network(network)?;
        let is_it = one.fixed.get(&mac) == Some(holder);
        require(is_it, || StepError::Differs(Subject::Fixed(mac, network.clone())))?;
        one.fixed.remove(&mac);
        Ok(())
    }

    pub(super) fn publish(
        &mut self,
        network: &NetworkName,
        written: &Written,
    ) -> Result<(), StepError> {
        let text = written.to_string();
        let has_target = |one: &NetworkState| {
            written.name.parse().is_ok_and(|sandbox| one.endpoints.contains_key(&sandbox))
        };
        let ours = written.host_ports();
        let overlaps = |other: &Written| other.host_ports().overlaps(&ours);
        let mut all = self.networks.values().flat_map(|one| one.published.values());
        let taken = all.any(overlaps);
        require(!taken, || StepError::Taken(Subject::Published(text.clone(), network.clone())))?;
        let one = self.network(network)?;
        let target = || StepError::Missing(Subject::Published(text.clone(), network.clone()));
        require(has_target(one), target)?;
        one.published.insert(text, written.clone());
        Ok(())
    }

    pub(super) fn unpublish(
        &mut self,
        network: &NetworkName,
        written: &Written,
    ) -> Result<(), StepError> {
        let text = written.to_string();
        let gone = self.network(network)?.published.remove(&text);
        let missing = || StepError::Missing(Subject::Published(text, network.clone()));
        require(gone.is_some(), missing)
    }
}

pub(super) fn change_endpoint(
    endpoint: &mut EndpointState,
    network: &NetworkName,
    name: &SandboxName,
    change: &EndpointChange,
) -> Result<(), StepError> {
    let is_so = match change {
        EndpointChange::Isolated(change) => set(&mut endpoint.isolated, change),
        EndpointChange::Offloads(change) => set(&mut endpoint.offloads, change),
        EndpointChange::Limits(change) => set(&mut endpoint.limits, change),
    };
    require(is_so, || StepError::Differs(endpoint_of(network, name)))
}
