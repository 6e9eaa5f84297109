//! How is one step of a plan done?

use super::error::StepFailure;
use super::held::{Held, Kept};
use super::network::{Look, Place};
use super::run::Run;
use crate::daemon::living::Living;
use crate::daemon::running::Circumstances;
use crate::model::{Filter, Holder, Network, NetworkName, SandboxName, Written};
use crate::plan::{Change, EndpointChange, EndpointState, NetworkChange, NetworkState, Step};
use crate::publish::Reserved;
use crate::topology::{Home, Site, lead};
use dataplane::outcome::PortId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle as Runtime;

impl<'a> Run<'a> {
    /// Does what the step says; its state is noted already.
    pub(super) fn carry_out(&mut self, step: &Step) -> Result<(), StepFailure> {
        match step {
            Step::CreateNetwork(name, state) => {
                let numbers = BTreeMap::new();
                let living = self.networks.declare(Network::of_state(name, state, &numbers))?;
                self.held.networks.insert(name.clone(), Kept { living, numbers });
                Ok(())
            }
            Step::RemoveNetwork(name, _) => {
                if let Some(member) = self.networks.member(name.as_str()) {
                    member.living.stop("it is taken out");
                    Runtime::current().block_on(member.ended())?;
                }
                self.held.networks.remove(name);
                Ok(())
            }
            Step::CreateSandbox(name, state) => Ok(self.held.sandboxes.create(name, state)?),
            Step::RemoveSandbox(name, _) => Ok(self.held.sandboxes.remove(name)?),
            Step::ChangeGateway(name, change) => self.lead(name, change),
            Step::CreateEndpoint(network, name, state) => self.connect(network, name, state),
            Step::RemoveEndpoint(network, name, _) => self.disconnect(network, name),
            Step::ChangeNetwork(name, change) => self.change_network(name, change),
            Step::Publish(network, written) => self.publish(network, written),
            _ => match step.network() {
                Some(name) => self.in_network(name, step),
                None => Ok(()),
            },
        }
    }

    fn site(&self) -> &'a Site {
        &self.networks.circumstances().site
    }

    /// A network, its numbers, and what it is to be.
    pub(super) fn kept(
        &mut self,
        name: &NetworkName,
    ) -> Result<(&Living, &mut BTreeMap<SandboxName, u32>, &NetworkState), StepFailure> {
        let Held { state, networks, .. } = &mut *self.held;
        let kept = networks.get_mut(name).filter(|kept| !kept.living.is_ending());
        let both = kept.zip(state.networks.get(name));
        let (Kept { living, numbers }, state) =
            both.ok_or_else(|| StepFailure::Gone(name.to_string()))?;
        Ok((living, numbers, state))
    }

    /// The namespace of a sandbox, and what it is called where it is shown.
    fn path(&self, name: &SandboxName) -> Result<(PathBuf, String), StepFailure> {
        let path = match self.held.sandboxes.home(name) {
            Some(Home::At(path)) => path.clone(),
            None if self.held.is_port(name) => self.site().netns_dir.join(name.as_str()),
            _ => return Err(StepFailure::Homeless(name.to_string())),
        };
        let shown = shown(&path, self.site());
        Ok((path, shown))
    }

    fn connect(
        &mut self,
        network: &NetworkName,
        name: &SandboxName,
        state: &EndpointState,
    ) -> Result<(), StepFailure> {
        let (path, namespace) = self.path(name)?;
        let place = Place { sandbox: name, namespace: &namespace, path: &path };
        let (living, numbers, after) = self.kept(network)?;
        living.connect(&place, state, after, numbers)
    }

    fn disconnect(&mut self, network: &NetworkName, name: &SandboxName) -> Result<(), StepFailure> {
        let (living, numbers, after) = self.kept(network)?;
        let port = living.take_out(name, numbers)?;
        living.settle(after, numbers, Look::AtUs)?;
        self.closing.extend(port);
        Ok(())
    }

    fn publish(&mut self, network: &NetworkName, written: &Written) -> Result<(), StepFailure> {
        let Circumstances { site, rootless, .. } = self.networks.circumstances();
        let mut reserved = match self.reserved.remove(&written.to_string()) {
            Some(reserved) => reserved,
            // What was published before, and is so again for its end is undone.
            None => {
                let all = Reserved::bind(&[written], &[], 0, site, *rootless)?;
                let Some(reserved) = all.into_iter().next() else { return Ok(()) };
                reserved
            }
        };
        reserved.complete(site)?;
        let (living, numbers, after) = self.kept(network)?;
        living.publish(reserved, after, numbers)
    }

    /// Steps that are about a network which stays.
    fn in_network(&mut self, name: &NetworkName, step: &Step) -> Result<(), StepFailure> {
        let published = self.published.and_then(|published| published.get(name));
        let (living, numbers, after) = self.kept(name)?;
        let port = |holder: &Holder| match holder {
            Holder::Host => Some(PortId(0)),
            Holder::Sandbox(name) => numbers.get(name).map(|number| PortId(*number as u16)),
        };
        match step {
            Step::CreateWay(_, way) => {
                living.open_way(way, published.unwrap_or(&after.published), after, numbers)
            }
            Step::RemoveWay(..) => living.close_way(after, numbers),
            Step::ChangeEndpoint(_, sandbox, change) => {
                let Some(number) = numbers.get(sandbox) else { return Ok(()) };
                let number = PortId(*number as u16);
                // Limits are the port's alone.
                if !matches!(change, EndpointChange::Limits(_)) {
                    living.settle(after, numbers, Look::AtUs)?;
                }
                living.set_of_port(number, change)
            }
            Step::AddFixed(_, mac, holder) => match port(holder) {
                Some(port) => Ok(living.handle.add_fdb_entry(*mac, port)?),
                None => Ok(()),
            },
            Step::RemoveFixed(_, mac, holder) => match port(holder) {
                Some(port) => Ok(living.handle.remove_fdb_entry(*mac, port)?),
                None => Ok(()),
            },
            Step::Unpublish(_, written) => living.unpublish(written, after, numbers),
            // Done elsewhere.
            _ => Ok(()),
        }
    }

    fn change_network(
        &mut self,
        name: &NetworkName,
        change: &NetworkChange,
    ) -> Result<(), StepFailure> {
        let (living, numbers, state) = self.kept(name)?;
        let look = match change {
            // The host leads what goes to a network that a rule names.
            NetworkChange::Filter(change) if names_networks(change) => Look::AtHost,
            // What the host has is no concern of these.
            NetworkChange::Filter(_) | NetworkChange::Filtering(_) => Look::AtUs,
            _ => Look::AtHost,
        };
        // If the second fails the first is told again what it was.
        living.settle(state, numbers, look)?;
        living.set(change)?;
        match change {
            NetworkChange::Internal(change) => self.lead_all(name, !change.to),
            _ => Ok(()),
        }
    }

    /// Gives those whose default route leads by this network one, or takes it away.
    fn lead_all(&self, name: &NetworkName, there: bool) -> Result<(), StepFailure> {
        let state = &self.held.state;
        let Some(network) = state.networks.get(name) else { return Ok(()) };
        let leads_here = |sandbox: &SandboxName| {
            let state = state.sandboxes.get(sandbox);
            state.and_then(|state| state.gateway()) == Some(name)
        };
        let endpoints = network.endpoints.iter().filter(|(sandbox, _)| leads_here(sandbox));
        for (sandbox, endpoint) in endpoints {
            let (path, _) = self.path(sandbox)?;
            lead(&path, endpoint.interface.as_str(), &network.identity.host, there)?;
        }
        Ok(())
    }

    /// Leads a sandbox's default route elsewhere. In an internal network there is none, so that who
    /// cannot reach the outside knows at once.
    fn lead(
        &self,
        name: &SandboxName,
        change: &Change<Option<NetworkName>>,
    ) -> Result<(), StepFailure> {
        let (path, _) = self.path(name)?;
        for (network, there) in [(&change.from, false), (&change.to, true)] {
            let state = network.as_ref().and_then(|one| self.held.state.networks.get(one));
            let Some(state) = state else { continue };
            let Some(endpoint) = state.endpoints.get(name) else { continue };
            if !state.settings.internal {
                lead(&path, endpoint.interface.as_str(), &state.identity.host, there)?;
            }
        }
        Ok(())
    }
}

fn names_networks(change: &Change<Filter>) -> bool {
    let mut rules = change.from.rules.iter().chain(&change.to.rules);
    rules.any(|rule| rule.networks().next().is_some())
}

/// A namespace's name, where names of namespaces are known by it; otherwise its path.
fn shown(path: &Path, site: &Site) -> String {
    match path.strip_prefix(&site.netns_dir) {
        Ok(name) => name.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}
