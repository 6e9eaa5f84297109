//! In which order is what done?

use super::replace::Replaced;
use super::{Change, EndpointChange, EndpointState, NetworkChange, SandboxState, State, Step};
use crate::model::{Holder, NetworkName, SandboxName, Settings};

/// The steps from one state to the other.
pub(super) fn steps(from: &State, to: &State, replaced: &Replaced) -> Vec<Step> {
    let walk = Walk { from, to, replaced };
    let mut steps = Vec::new();
    walk.let_go(&mut steps);
    walk.change(&mut steps);
    walk.make(&mut steps);
    steps
}

struct Walk<'a> {
    from: &'a State,
    to: &'a State,
    replaced: &'a Replaced,
}

impl Walk<'_> {
    fn keeps_network(&self, name: &NetworkName) -> bool {
        self.replaced.keeps_network(self.from, self.to, name)
    }

    fn keeps_sandbox(&self, name: &SandboxName) -> bool {
        self.replaced.keeps_sandbox(self.from, self.to, name)
    }

    fn keeps_endpoint(&self, network: &NetworkName, sandbox: &SandboxName) -> bool {
        self.replaced.keeps_endpoint(self.from, self.to, network, sandbox)
    }

    /// Does a name of a published port lead to an endpoint that stays?
    fn keeps_target(&self, network: &NetworkName, name: &str) -> bool {
        name.parse().is_ok_and(|sandbox| self.keeps_endpoint(network, &sandbox))
    }

    fn keeps_holder(&self, network: &NetworkName, holder: &Holder) -> bool {
        match holder {
            Holder::Host => self.keeps_network(network),
            Holder::Sandbox(sandbox) => self.keeps_endpoint(network, sandbox),
        }
    }

    fn let_go(&self, steps: &mut Vec<Step>) {
        for (name, network) in &self.from.networks {
            let wanted = self.to.networks.get(name);
            for (text, one) in &network.published {
                let stays = wanted.is_some_and(|wanted| wanted.published.contains_key(text));
                if !(stays && self.keeps_target(name, &one.name)) {
                    steps.push(Step::Unpublish(name.clone(), one.clone()));
                }
            }
            for (mac, holder) in &network.fixed {
                let stays = wanted.is_some_and(|wanted| wanted.fixed.get(mac) == Some(holder));
                if !(stays && self.keeps_holder(name, holder)) {
                    steps.push(Step::RemoveFixed(name.clone(), *mac, holder.clone()));
                }
            }
        }
        for (name, sandbox) in &self.from.sandboxes {
            if let Some(gateway) = sandbox.gateway()
                && !self.keeps_endpoint(gateway, name)
            {
                let change = Change { from: Some(gateway.clone()), to: None };
                steps.push(Step::ChangeGateway(name.clone(), change));
            }
        }
        for (name, network) in &self.from.networks {
            for (sandbox, state) in &network.endpoints {
                if !self.keeps_endpoint(name, sandbox) {
                    let state = state.clone();
                    steps.push(Step::RemoveEndpoint(name.clone(), sandbox.clone(), state));
                }
            }
        }
        // Who shares goes before the one with the namespace.
        for (name, state) in sharing_last(self.from).into_iter().rev() {
            if !self.keeps_sandbox(name) {
                steps.push(Step::RemoveSandbox(name.clone(), state.bare()));
            }
        }
        self.let_networks_go(steps);
    }

    fn let_networks_go(&self, steps: &mut Vec<Step>) {
        for (name, network) in &self.from.networks {
            if let Some(way) = &network.way {
                let wanted = self.to.networks.get(name).and_then(|wanted| wanted.way.as_ref());
                if !(self.keeps_network(name) && wanted == Some(way)) {
                    steps.push(Step::RemoveWay(name.clone(), way.clone()));
                }
            }
        }
        for (name, network) in &self.from.networks {
            if !self.keeps_network(name) {
                steps.push(Step::RemoveNetwork(name.clone(), Box::new(network.bare())));
            }
        }
    }

    fn change(&self, steps: &mut Vec<Step>) {
        for (name, network) in &self.from.networks {
            let Some(wanted) = self.to.networks.get(name).filter(|_| self.keeps_network(name))
            else {
                continue;
            };
            for change in network_changes(&network.settings, &wanted.settings) {
                steps.push(Step::ChangeNetwork(name.clone(), change));
            }
            for (sandbox, endpoint) in &network.endpoints {
                let kept = self.keeps_endpoint(name, sandbox);
                let Some(wanted) = wanted.endpoints.get(sandbox).filter(|_| kept) else { continue };
                for change in endpoint_changes(endpoint, wanted) {
                    steps.push(Step::ChangeEndpoint(name.clone(), sandbox.clone(), change));
                }
            }
        }
    }

    fn make(&self, steps: &mut Vec<Step>) {
        for (name, network) in &self.to.networks {
            if !self.keeps_network(name) {
                steps.push(Step::CreateNetwork(name.clone(), Box::new(network.bare())));
            }
        }
        for (name, network) in &self.to.networks {
            let Some(way) = &network.way else { continue };
            let before = self.from.networks.get(name).and_then(|before| before.way.as_ref());
            if !(self.keeps_network(name) && before == Some(way)) {
                steps.push(Step::CreateWay(name.clone(), way.clone()));
            }
        }
        for (name, state) in sharing_last(self.to) {
            if !self.keeps_sandbox(name) {
                steps.push(Step::CreateSandbox(name.clone(), state.bare()));
            }
        }
        for (name, network) in &self.to.networks {
            for (sandbox, state) in &network.endpoints {
                if !self.keeps_endpoint(name, sandbox) {
                    let state = state.clone();
                    steps.push(Step::CreateEndpoint(name.clone(), sandbox.clone(), state));
                }
            }
        }
        self.lead(steps);
        self.open(steps);
    }

    /// The default routes.
    fn lead(&self, steps: &mut Vec<Step>) {
        for (name, sandbox) in &self.to.sandboxes {
            let before = self.from.sandboxes.get(name).and_then(SandboxState::gateway);
            // Where it led to what is gone it leads nowhere now.
            let from = before.filter(|gateway| self.keeps_endpoint(gateway, name));
            let (from, to) = (from.cloned(), sandbox.gateway().cloned());
            if from != to {
                steps.push(Step::ChangeGateway(name.clone(), Change { from, to }));
            }
        }
    }

    fn open(&self, steps: &mut Vec<Step>) {
        for (name, network) in &self.to.networks {
            let before = self.from.networks.get(name);
            for (mac, holder) in &network.fixed {
                let was = before.is_some_and(|before| before.fixed.get(mac) == Some(holder));
                if !(was && self.keeps_holder(name, holder)) {
                    steps.push(Step::AddFixed(name.clone(), *mac, holder.clone()));
                }
            }
            for (text, one) in &network.published {
                let was = before.is_some_and(|before| before.published.contains_key(text));
                if !(was && self.keeps_target(name, &one.name)) {
                    steps.push(Step::Publish(name.clone(), one.clone()));
                }
            }
        }
    }
}

/// The sandboxes, each behind the one whose namespace it shares.
fn sharing_last(state: &State) -> Vec<(&SandboxName, &SandboxState)> {
    let mut all: Vec<_> = state.sandboxes.iter().collect();
    all.sort_by_cached_key(|(_, one)| depth(state, one));
    all
}

/// How many others lie between this one and its namespace.
fn depth<'a>(state: &'a State, mut one: &'a SandboxState) -> usize {
    let mut depth = 0;
    // A model has no circles; this ends in any case.
    while let SandboxState::Container(other) = one
        && let Some(next) = state.sandboxes.get(other)
        && depth < state.sandboxes.len()
    {
        (one, depth) = (next, depth + 1);
    }
    depth
}

fn change<T: Clone + PartialEq>(from: &T, to: &T) -> Option<Change<T>> {
    (from != to).then(|| Change { from: from.clone(), to: to.clone() })
}

fn network_changes(from: &Settings, to: &Settings) -> Vec<NetworkChange> {
    let changes = [
        change(&from.mtu, &to.mtu).map(NetworkChange::Mtu),
        change(&from.host_offloads, &to.host_offloads).map(NetworkChange::HostOffloads),
        change(&from.check_source, &to.check_source).map(NetworkChange::SourceCheck),
        change(&from.switch, &to.switch).map(NetworkChange::Switch),
        change(&from.filter, &to.filter).map(NetworkChange::Filter),
        change(&from.internal, &to.internal).map(NetworkChange::Internal),
        change(&from.filtering, &to.filtering).map(NetworkChange::Filtering),
        change(&from.conntrack, &to.conntrack).map(Box::new).map(NetworkChange::Conntrack),
    ];
    changes.into_iter().flatten().collect()
}

fn endpoint_changes(from: &EndpointState, to: &EndpointState) -> Vec<EndpointChange> {
    let changes = [
        change(&from.isolated, &to.isolated).map(EndpointChange::Isolated),
        change(&from.offloads, &to.offloads).map(EndpointChange::Offloads),
        change(&from.limits, &to.limits).map(EndpointChange::Limits),
    ];
    changes.into_iter().flatten().collect()
}
