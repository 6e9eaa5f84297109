//! What can be done in one step, and how is it undone?

use super::{EndpointState, NetworkState, SandboxState};
use crate::model::{Filter, Holder, Limits, Mtu, NetworkName, SandboxName, Way, Written};
use dataplane::config::{ConntrackConfig, Filtering, SwitchConfig};
use dataplane::wire::ethernet::MacAddr;

/// One step; it is done whole or not at all.
///
/// A step holds all that it needs, and what was there before: so it can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes a network that nobody is in yet, without a way out; see [`NetworkState::bare`].
    CreateNetwork(NetworkName, Box<NetworkState>),
    /// Removes a network that nobody is in any more.
    RemoveNetwork(NetworkName, Box<NetworkState>),
    /// Changes a running network.
    ChangeNetwork(NetworkName, NetworkChange),
    /// Gives a network its way out.
    CreateWay(NetworkName, Way),
    /// Takes the way out away.
    RemoveWay(NetworkName, Way),
    /// Makes, adopts or names a namespace; see [`SandboxState::bare`].
    CreateSandbox(SandboxName, SandboxState),
    /// Removes a namespace that we made, or lets go of one that we did not.
    RemoveSandbox(SandboxName, SandboxState),
    /// Makes an interface in a sandbox and connects it to a network.
    CreateEndpoint(NetworkName, SandboxName, EndpointState),
    /// Disconnects a sandbox from a network and removes its interface.
    RemoveEndpoint(NetworkName, SandboxName, EndpointState),
    /// Changes a running endpoint.
    ChangeEndpoint(NetworkName, SandboxName, EndpointChange),
    /// Leads a sandbox's default route through another network, or nowhere.
    ChangeGateway(SandboxName, Change<Option<NetworkName>>),
    /// Adds an entry to a network's MAC table.
    AddFixed(NetworkName, MacAddr, Holder),
    /// Removes it.
    RemoveFixed(NetworkName, MacAddr, Holder),
    /// Publishes a port.
    Publish(NetworkName, Written),
    /// Does not publish it any more.
    Unpublish(NetworkName, Written),
}

/// A value before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<T> {
    /// Before.
    pub from: T,
    /// After.
    pub to: T,
}

impl<T> Change<T> {
    fn inverse(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

/// What is changed of a running network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkChange {
    /// The MTU of all its interfaces.
    Mtu(Change<Mtu>),
    /// May the host's interface be given super-frames and packets without a checksum?
    HostOffloads(Change<bool>),
    /// Are source MACs checked?
    SourceCheck(Change<bool>),
    /// The switch's settings.
    Switch(Change<SwitchConfig>),
    /// The rules, and what becomes of what none names.
    Filter(Change<Filter>),
    /// Is there no way to the outside and back?
    Internal(Change<bool>),
    /// Who outside may send to a mapping.
    Filtering(Change<Filtering>),
    /// How flows are tracked.
    Conntrack(Box<Change<ConntrackConfig>>),
}

/// What is changed of a running endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointChange {
    /// Does it reach only what is not isolated?
    Isolated(Change<bool>),
    /// May it be given super-frames and packets without a checksum?
    Offloads(Change<bool>),
    /// What it may have.
    Limits(Change<Limits>),
}

impl Step {
    /// The step that undoes this one.
    pub fn inverse(self) -> Self {
        match self {
            Self::CreateNetwork(name, state) => Self::RemoveNetwork(name, state),
            Self::RemoveNetwork(name, state) => Self::CreateNetwork(name, state),
            Self::ChangeNetwork(name, change) => Self::ChangeNetwork(name, change.inverse()),
            Self::CreateWay(name, way) => Self::RemoveWay(name, way),
            Self::RemoveWay(name, way) => Self::CreateWay(name, way),
            Self::CreateSandbox(name, state) => Self::RemoveSandbox(name, state),
            Self::RemoveSandbox(name, state) => Self::CreateSandbox(name, state),
            Self::CreateEndpoint(network, name, state) => {
                Self::RemoveEndpoint(network, name, state)
            }
            Self::RemoveEndpoint(network, name, state) => {
                Self::CreateEndpoint(network, name, state)
            }
            Self::ChangeEndpoint(network, name, change) => {
                Self::ChangeEndpoint(network, name, change.inverse())
            }
            Self::ChangeGateway(name, change) => Self::ChangeGateway(name, change.inverse()),
            Self::AddFixed(network, mac, holder) => Self::RemoveFixed(network, mac, holder),
            Self::RemoveFixed(network, mac, holder) => Self::AddFixed(network, mac, holder),
            Self::Publish(network, written) => Self::Unpublish(network, written),
            Self::Unpublish(network, written) => Self::Publish(network, written),
        }
    }

    /// The network that the step is about, if it is about one.
    pub fn network(&self) -> Option<&NetworkName> {
        match self {
            Self::CreateNetwork(name, _)
            | Self::RemoveNetwork(name, _)
            | Self::ChangeNetwork(name, _)
            | Self::CreateWay(name, _)
            | Self::RemoveWay(name, _)
            | Self::CreateEndpoint(name, ..)
            | Self::RemoveEndpoint(name, ..)
            | Self::ChangeEndpoint(name, ..)
            | Self::AddFixed(name, ..)
            | Self::RemoveFixed(name, ..)
            | Self::Publish(name, _)
            | Self::Unpublish(name, _) => Some(name),
            Self::CreateSandbox(..) | Self::RemoveSandbox(..) | Self::ChangeGateway(..) => None,
        }
    }

    /// The sandbox that the step is about, if it is about one.
    pub fn sandbox(&self) -> Option<&SandboxName> {
        match self {
            Self::CreateSandbox(name, _)
            | Self::RemoveSandbox(name, _)
            | Self::CreateEndpoint(_, name, _)
            | Self::RemoveEndpoint(_, name, _)
            | Self::ChangeEndpoint(_, name, _)
            | Self::ChangeGateway(name, _) => Some(name),
            _ => None,
        }
    }
}

impl NetworkChange {
    fn inverse(self) -> Self {
        match self {
            Self::Mtu(change) => Self::Mtu(change.inverse()),
            Self::HostOffloads(change) => Self::HostOffloads(change.inverse()),
            Self::SourceCheck(change) => Self::SourceCheck(change.inverse()),
            Self::Switch(change) => Self::Switch(change.inverse()),
            Self::Filter(change) => Self::Filter(change.inverse()),
            Self::Internal(change) => Self::Internal(change.inverse()),
            Self::Filtering(change) => Self::Filtering(change.inverse()),
            Self::Conntrack(change) => Self::Conntrack(Box::new(change.inverse())),
        }
    }
}

impl EndpointChange {
    fn inverse(self) -> Self {
        match self {
            Self::Isolated(change) => Self::Isolated(change.inverse()),
            Self::Offloads(change) => Self::Offloads(change.inverse()),
            Self::Limits(change) => Self::Limits(change.inverse()),
        }
    }
}
