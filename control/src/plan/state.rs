//! What stands, or is to stand?

use crate::addressing::{Addresses, Assigned, AssignedNetwork};
use crate::model::declared::{Members, router};
use crate::model::{
    DeclaredNetwork, Holder, InterfaceName, Limits, Model, Namespace, NetworkName, RouterOptions,
    Sandbox, SandboxName, Settings, Subnets, UplinkKind, Way, Written,
};
use dataplane::config::Workers;
use dataplane::wire::ethernet::MacAddr;
use std::collections::BTreeMap;

/// All networks and sandboxes, with every address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The networks by name.
    pub networks: BTreeMap<NetworkName, NetworkState>,
    /// The sandboxes by name.
    pub sandboxes: BTreeMap<SandboxName, SandboxState>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkState {
    /// What cannot be changed while it runs.
    pub identity: Identity,
    /// What can.
    pub settings: Settings,
    /// The way out; `None` if there is to be none.
    pub way: Option<Way>,
    /// The endpoints by sandbox.
    pub endpoints: BTreeMap<SandboxName, EndpointState>,
    /// MACs that live behind an endpoint without being its own.
    pub fixed: BTreeMap<MacAddr, Holder>,
    /// The published ports by their text.
    pub published: BTreeMap<String, Written>,
}

/// What a network has for as long as it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the host's interface.
    pub host_interface: InterfaceName,
    /// The subnets.
    pub subnets: Subnets,
    /// The host's addresses and MAC.
    pub host: Addresses,
    /// How many threads forward.
    pub workers: Workers,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// The name of the interface in the sandbox. Not changed while it runs.
    pub interface: InterfaceName,
    /// Its addresses and MAC. Not changed while it runs.
    pub addresses: Addresses,
    /// Does it reach only what is not isolated?
    pub isolated: bool,
    /// May it be given super-frames and packets without a checksum?
    pub offloads: bool,
    /// What it may have.
    pub limits: Limits,
}

/// A sandbox, without its endpoints: those are the networks'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxState {
    /// A namespace for endpoints, and the network of the default route.
    Bridge(Namespace, Option<NetworkName>),
    /// A namespace of its own with nothing but `lo`.
    None,
    /// The host's own.
    Host,
    /// Another sandbox's.
    Container(SandboxName),
}

impl State {
    /// The state that a model asks for, with the addresses that it was assigned. What was assigned
    /// nothing is left out; that is nothing if both are of the same [`crate::addressing::assign`].
    pub fn new(model: &Model, assigned: &Assigned) -> Self {
        let networks = model.networks().iter().filter_map(|(name, declared)| {
            let given = assigned.networks.get(name)?;
            Some((name.clone(), NetworkState::new(declared, given, &model.members(name))))
        });
        let sandboxes = model.sandboxes().iter();
        Self {
            networks: networks.collect(),
            sandboxes: sandboxes.map(|(name, one)| (name.clone(), one.into())).collect(),
        }
    }

    /// Forgets a network that is gone, with the endpoints in it and the default routes by it.
    pub fn forget(&mut self, network: &NetworkName) {
        self.networks.remove(network);
        for sandbox in self.sandboxes.values_mut() {
            if let SandboxState::Bridge(_, gateway) = sandbox {
                gateway.take_if(|gateway| gateway == network);
            }
        }
    }

    /// The sandboxes that share the namespace of this one, directly or by way of others.
    pub(super) fn sharing<'a>(&'a self, name: &'a SandboxName) -> Vec<&'a SandboxName> {
        let mut found = vec![name];
        let mut looked = 0;
        while let Some(at) = found.get(looked).copied() {
            let shares =
                |one: &SandboxState| matches!(one, SandboxState::Container(other) if other == at);
            let more = self.sandboxes.iter().filter(|(_, one)| shares(one)).map(|(name, _)| name);
            let more: Vec<_> = more.filter(|name| !found.contains(name)).collect();
            found.extend(more);
            looked += 1;
        }
        found.remove(0);
        found
    }
}

impl NetworkState {
    /// The state that a network asks for, with the addresses that it and its members were assigned.
    pub fn new(declared: &DeclaredNetwork, given: &AssignedNetwork, members: &Members<'_>) -> Self {
        let endpoints = members.iter().filter_map(|(&sandbox, endpoint)| {
            let state = EndpointState {
                interface: endpoint.interface.clone(),
                addresses: *given.endpoints.get(sandbox)?,
                isolated: endpoint.isolated,
                offloads: endpoint.offloads,
                limits: endpoint.limits,
            };
            Some((sandbox.clone(), state))
        });
        // An internal network needs no replies from outside.
        let has_way = declared.way.kind != Some(UplinkKind::None) && !declared.settings.internal;
        Self {
            identity: Identity {
                host_interface: declared.host_interface.clone(),
                subnets: given.subnets,
                host: given.host,
                workers: declared.workers,
            },
            settings: declared.settings.clone(),
            way: has_way.then(|| declared.way.clone()),
            endpoints: endpoints.collect(),
            fixed: declared.fixed.clone(),
            published: declared.published.clone(),
        }
    }

    /// The same network when it has just been made: nobody is in it, nothing leads in or out.
    pub fn bare(&self) -> Self {
        Self {
            way: None,
            endpoints: BTreeMap::new(),
            fixed: BTreeMap::new(),
            published: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// What the router is to do.
    pub fn router(&self) -> RouterOptions {
        let none = Way { kind: Some(UplinkKind::None), ..Way::default() };
        router(self.way.as_ref().unwrap_or(&none), &self.settings)
    }
}

impl SandboxState {
    /// The network of the default route.
    pub fn gateway(&self) -> Option<&NetworkName> {
        match self {
            Self::Bridge(_, gateway) => gateway.as_ref(),
            Self::None | Self::Host | Self::Container(_) => None,
        }
    }

    /// The same sandbox when it has just been made: without a default route.
    pub fn bare(&self) -> Self {
        match self {
            Self::Bridge(namespace, _) => Self::Bridge(namespace.clone(), None),
            Self::None | Self::Host | Self::Container(_) => self.clone(),
        }
    }
}

impl From<&Sandbox> for SandboxState {
    fn from(sandbox: &Sandbox) -> Self {
        match sandbox {
            Sandbox::Bridge(one) => Self::Bridge(one.namespace.clone(), one.gateway.clone()),
            Sandbox::None => Self::None,
            Sandbox::Host => Self::Host,
            Sandbox::Container(other) => Self::Container(other.clone()),
        }
    }
}
