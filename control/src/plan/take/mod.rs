//! What is the state after a step?
//!
//! This is what a step means, without doing it. It is strict: a step that could not be done, because
//! something is missing, in use or another's, is refused. The daemon notes with it what it has done, and
//! the properties of plans are proven by it.

mod members;

use super::{Change, EndpointState, NetworkChange, NetworkState, SandboxState, State, Step};
use crate::model::{Namespace, NetworkName, SandboxName, Way};
use dataplane::wire::ethernet::MacAddr;
use ipnet::IpNet;
use std::fmt;

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A network.
    Network(NetworkName),
    /// A network's way out.
    Way(NetworkName),
    /// A sandbox.
    Sandbox(SandboxName),
    /// An endpoint.
    Endpoint(SandboxName, NetworkName),
    /// A static entry of a network's MAC table.
    Fixed(MacAddr, NetworkName),
    /// A published port.
    Published(String, NetworkName),
}

/// Why a step cannot be done now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// It is not there.
    #[error("{0} is not there")]
    Missing(Subject),
    /// It is there already.
    #[error("{0} is there already")]
    There(Subject),
    /// It is not as the step expects it.
    #[error("{0} is not what it was")]
    Differs(Subject),
    /// Something depends on it.
    #[error("{0} is in use")]
    InUse(Subject),
    /// Another one has a name, an address, a MAC or a port of it.
    #[error("something of {0} is another's")]
    Taken(Subject),
}

impl State {
    /// Does the step.
    ///
    /// # Errors
    /// It cannot be done as things are; nothing is changed then.
    pub fn take(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::CreateNetwork(name, state) => self.create_network(name, state),
            Step::RemoveNetwork(name, state) => self.remove_network(name, state),
            Step::ChangeNetwork(name, change) => change_network(self.network(name)?, name, change),
            Step::CreateWay(name, way) => self.create_way(name, way),
            Step::RemoveWay(name, way) => self.remove_way(name, way),
            Step::CreateSandbox(name, state) => self.create_sandbox(name, state),
            Step::RemoveSandbox(name, state) => self.remove_sandbox(name, state),
            Step::CreateEndpoint(network, name, state) => {
                self.create_endpoint(network, name, state)
            }
            Step::RemoveEndpoint(network, name, state) => {
                self.remove_endpoint(network, name, state)
            }
            Step::ChangeEndpoint(network, name, change) => {
                members::change_endpoint(self.endpoint(network, name)?, network, name, change)
            }
            Step::ChangeGateway(name, change) => self.change_gateway(name, change),
            Step::AddFixed(network, mac, holder) => self.add_fixed(network, *mac, holder),
            Step::RemoveFixed(network, mac, holder) => self.remove_fixed(network, *mac, holder),
            Step::Publish(network, written) => self.publish(network, written),
            Step::Unpublish(network, written) => self.unpublish(network, written),
        }
    }

    fn network(&mut self, name: &NetworkName) -> Result<&mut NetworkState, StepError> {
        let missing = || StepError::Missing(Subject::Network(name.clone()));
        self.networks.get_mut(name).ok_or_else(missing)
    }

    fn endpoint(
        &mut self,
        network: &NetworkName,
        sandbox: &SandboxName,
    ) -> Result<&mut EndpointState, StepError> {
        let missing = || StepError::Missing(endpoint_of(network, sandbox));
        self.network(network)?.endpoints.get_mut(sandbox).ok_or_else(missing)
    }

    fn create_network(
        &mut self,
        name: &NetworkName,
        state: &NetworkState,
    ) -> Result<(), StepError> {
        let subject = || Subject::Network(name.clone());
        require(!self.networks.contains_key(name), || StepError::There(subject()))?;
        require(*state == state.bare(), || StepError::Differs(subject()))?;
        let clashes = |other: &NetworkState| {
            let (ours, theirs) = (&state.identity, &other.identity);
            let overlap = |one: IpNet, other: IpNet| one.contains(&other) || other.contains(&one);
            let v4 = overlap(ours.subnets.v4.into(), theirs.subnets.v4.into());
            let v6 = ours.subnets.v6.zip(theirs.subnets.v6);
            let v6 = v6.is_some_and(|(one, other)| overlap(one.into(), other.into()));
            v4 || v6 || ours.host_interface == theirs.host_interface
        };
        require(!self.networks.values().any(clashes), || StepError::Taken(subject()))?;
        self.networks.insert(name.clone(), state.clone());
        Ok(())
    }

    fn remove_network(
        &mut self,
        name: &NetworkName,
        state: &NetworkState,
    ) -> Result<(), StepError> {
        let subject = || Subject::Network(name.clone());
        let network = self.network(name)?;
        require(*network == network.bare(), || StepError::InUse(subject()))?;
        require(network == state, || StepError::Differs(subject()))?;
        self.networks.remove(name);
        Ok(())
    }

    fn create_way(&mut self, name: &NetworkName, way: &Way) -> Result<(), StepError> {
        let overlaps = |other: &NetworkState| {
            let theirs = other.way.as_ref().and_then(|way| way.ports.as_ref());
            way.ports.as_ref().zip(theirs).is_some_and(|(one, other)| {
                one.start() <= other.end() && other.start() <= one.end()
            })
        };
        let taken = self.networks.iter().any(|(other, network)| other != name && overlaps(network));
        require(!taken, || StepError::Taken(Subject::Way(name.clone())))?;
        let network = self.network(name)?;
        require(network.way.is_none(), || StepError::There(Subject::Way(name.clone())))?;
        network.way = Some(way.clone());
        Ok(())
    }

    fn remove_way(&mut self, name: &NetworkName, way: &Way) -> Result<(), StepError> {
        let network = self.network(name)?;
        let is_it = network.way.as_ref() == Some(way);
        require(is_it, || StepError::Differs(Subject::Way(name.clone())))?;
        network.way = None;
        Ok(())
    }

    fn create_sandbox(
        &mut self,
        name: &SandboxName,
        state: &SandboxState,
    ) -> Result<(), StepError> {
        let subject = || Subject::Sandbox(name.clone());
        require(!self.sandboxes.contains_key(name), || StepError::There(subject()))?;
        require(*state == state.bare(), || StepError::Differs(subject()))?;
        let is_ours = |other: &SandboxState| match (state, other) {
            (SandboxState::Bridge(ours, _), SandboxState::Bridge(theirs, _)) => {
                *ours != Namespace::Made && ours == theirs
            }
            _ => false,
        };
        require(!self.sandboxes.values().any(is_ours), || StepError::Taken(subject()))?;
        if let SandboxState::Container(other) = state {
            let missing = || StepError::Missing(Subject::Sandbox(other.clone()));
            require(self.sandboxes.contains_key(other), missing)?;
        }
        self.sandboxes.insert(name.clone(), state.clone());
        Ok(())
    }

    fn remove_sandbox(
        &mut self,
        name: &SandboxName,
        state: &SandboxState,
    ) -> Result<(), StepError> {
        let subject = || Subject::Sandbox(name.clone());
        let Some(sandbox) = self.sandboxes.get(name) else {
            return Err(StepError::Missing(subject()));
        };
        require(sandbox == state, || StepError::Differs(subject()))?;
        let has_endpoint = self.networks.values().any(|one| one.endpoints.contains_key(name));
        let is_shared = !self.sharing(name).is_empty();
        require(!has_endpoint && !is_shared, || StepError::InUse(subject()))?;
        self.sandboxes.remove(name);
        Ok(())
    }
}

fn require(is_so: bool, otherwise: impl FnOnce() -> StepError) -> Result<(), StepError> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

fn endpoint_of(network: &NetworkName, sandbox: &SandboxName) -> Subject {
    Subject::Endpoint(sandbox.clone(), network.clone())
}

/// Sets what is as the change expects it.
fn set<T: Clone + PartialEq>(at: &mut T, change: &Change<T>) -> bool {
    let is_so = *at == change.from;
    if is_so {
        at.clone_from(&change.to);
    }
    is_so
}

fn change_network(
    network: &mut NetworkState,
    name: &NetworkName,
    change: &NetworkChange,
) -> Result<(), StepError> {
    let settings = &mut network.settings;
    let is_so = match change {
        NetworkChange::Mtu(change) => set(&mut settings.mtu, change),
        NetworkChange::HostOffloads(change) => set(&mut settings.host_offloads, change),
        NetworkChange::SourceCheck(change) => set(&mut settings.check_source, change),
        NetworkChange::Switch(change) => set(&mut settings.switch, change),
        NetworkChange::Filter(change) => set(&mut settings.filter, change),
        NetworkChange::Internal(change) => set(&mut settings.internal, change),
        NetworkChange::Filtering(change) => set(&mut settings.filtering, change),
        NetworkChange::Conntrack(change) => set(&mut settings.conntrack, change),
    };
    require(is_so, || StepError::Differs(Subject::Network(name.clone())))
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => write!(f, "network {name}"),
            Self::Way(name) => write!(f, "the way out of network {name}"),
            Self::Sandbox(name) => write!(f, "sandbox {name}"),
            Self::Endpoint(name, network) => {
                write!(f, "the endpoint of {name} in network {network}")
            }
            Self::Fixed(mac, network) => write!(f, "the static MAC {mac} of network {network}"),
            Self::Published(text, network) => write!(f, "{text} of network {network}"),
        }
    }
}
