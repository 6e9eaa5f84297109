//! How is a plan carried out?
//!
//! Step by step; if one fails, those before are undone, last first.

use super::Files;
use super::error::{ChangeError, StepFailure};
use super::network::{Look, Place};
use crate::daemon::living::Living;
use crate::daemon::networks::Networks;
use crate::model::{Holder, Network, NetworkName, SandboxName};
use crate::plan::{Change, EndpointState, NetworkChange, NetworkState, Plan, State, Step};
use crate::topology::{Home, Sandboxes, lead};
use dataplane::outcome::PortId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What is changed, and what it is to become.
pub(super) struct Run<'a> {
    pub(super) networks: &'a Arc<Networks>,
    pub(super) files: &'a mut Files,
    pub(super) target: &'a State,
}

impl Run<'_> {
    /// Does all of it or nothing.
    pub(super) fn all(&mut self, plan: &Plan) -> Result<(), ChangeError> {
        let mut done = Vec::new();
        for step in plan.steps() {
            if let Err(source) = self.step(step) {
                let undo = self.undo(done);
                let source = Box::new(source);
                return Err(ChangeError::Step { step: step.to_string(), source, undo });
            }
            done.push(step.clone());
        }
        Ok(())
    }

    fn undo(&mut self, done: Vec<Step>) -> Vec<String> {
        let mut errors = Vec::new();
        for step in done.into_iter().rev().map(Step::inverse) {
            if let Err(error) = self.step(&step) {
                errors.push(format!("{step}: {error}"));
            }
        }
        errors
    }

    /// Does one step, and notes it.
    fn step(&mut self, step: &Step) -> Result<(), StepFailure> {
        let mut after = self.files.state.clone();
        after.take(step)?;
        let result = self.carry_out(step, &after);
        match result {
            Ok(()) => self.files.state = after,
            // A network that failed halfway is told again what it was.
            Err(_) => {
                if let Some((name, state)) = step.network().and_then(|name| self.before(name)) {
                    let numbers = self.files.numbers.get(&name).cloned().unwrap_or_default();
                    let living = self.living(&name);
                    let _ = living.and_then(|one| one.settle(&state, &numbers, Look::AtHost));
                }
            }
        }
        result
    }

    fn before(&self, name: &NetworkName) -> Option<(NetworkName, NetworkState)> {
        Some((name.clone(), self.files.state.networks.get(name)?.clone()))
    }

    fn carry_out(&mut self, step: &Step, after: &State) -> Result<(), StepFailure> {
        match step {
            Step::CreateNetwork(name, state) => {
                let network = Network::of_state(name, state, &BTreeMap::new());
                self.networks.declare(network)?;
                self.files.numbers.insert(name.clone(), BTreeMap::new());
                Ok(())
            }
            Step::RemoveNetwork(name, _) => {
                self.files.numbers.remove(name);
                let Some(member) = self.networks.member(name.as_str()) else { return Ok(()) };
                member.living.stop("it is taken out");
                Ok(tokio::runtime::Handle::current().block_on(member.ended())?)
            }
            Step::CreateSandbox(name, state) => Ok(self.files.sandboxes.create(name, state)?),
            Step::RemoveSandbox(name, _) => Ok(self.files.sandboxes.remove(name)?),
            Step::ChangeGateway(name, change) => self.lead(name, change, after),
            Step::CreateEndpoint(network, name, state) => self.connect(network, name, state, after),
            Step::ChangeNetwork(name, change) => self.change_network(name, change, after),
            _ => match step.network() {
                Some(name) => self.in_network(name, step, after),
                None => Ok(()),
            },
        }
    }

    fn living(&self, name: &NetworkName) -> Result<Arc<Living>, StepFailure> {
        let member = self.networks.member(name.as_str());
        member.map(|one| one.living).ok_or_else(|| StepFailure::Gone(name.to_string()))
    }

    /// The namespace of a sandbox, and what it is called where it is shown.
    fn path(&self, name: &SandboxName) -> Result<(PathBuf, String), StepFailure> {
        match self.files.sandboxes.home(name) {
            Some(Home::At(path)) => Ok((path.clone(), shown(path, self.networks))),
            _ => Err(StepFailure::Homeless(name.to_string())),
        }
    }

    fn connect(
        &mut self,
        network: &NetworkName,
        name: &SandboxName,
        state: &EndpointState,
        after: &State,
    ) -> Result<(), StepFailure> {
        let (living, (path, namespace)) = (self.living(network)?, self.path(name)?);
        let place = Place { sandbox: name, namespace: &namespace, path: &path };
        let numbers = self.files.numbers.entry(network.clone()).or_default();
        let Some(after) = after.networks.get(network) else { return Ok(()) };
        living.connect(&place, state, after, numbers)
    }

    /// Steps that are about a network which stays.
    fn in_network(
        &mut self,
        name: &NetworkName,
        step: &Step,
        after: &State,
    ) -> Result<(), StepFailure> {
        let living = self.living(name)?;
        let rootless = self.networks.circumstances().rootless;
        let Some(after) = after.networks.get(name) else { return Ok(()) };
        let numbers = self.files.numbers.entry(name.clone()).or_default();
        let port = |holder: &Holder| match holder {
            Holder::Host => Some(PortId(0)),
            Holder::Sandbox(name) => numbers.get(name).map(|number| PortId(*number as u16)),
        };
        match step {
            Step::CreateWay(_, way) => {
                let wanted = self.target.networks.get(name).map(|network| &network.published);
                living.open_way(way, wanted.unwrap_or(&after.published), after, numbers)
            }
            Step::RemoveWay(..) => living.close_way(after, numbers),
            Step::RemoveEndpoint(_, sandbox, _) => {
                living.take_out(sandbox, numbers)?;
                living.settle(after, numbers, Look::AtUs)
            }
            Step::ChangeEndpoint(_, sandbox, change) => {
                let Some(number) = numbers.get(sandbox) else { return Ok(()) };
                let number = PortId(*number as u16);
                living.settle(after, numbers, Look::AtUs)?;
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
            Step::Publish(_, written) => living.publish(written, after, numbers, rootless),
            Step::Unpublish(_, written) => living.unpublish(written, after, numbers),
            // Done elsewhere.
            _ => Ok(()),
        }
    }

    fn change_network(
        &mut self,
        name: &NetworkName,
        change: &NetworkChange,
        after: &State,
    ) -> Result<(), StepFailure> {
        let Some(state) = after.networks.get(name) else { return Ok(()) };
        let numbers = self.files.numbers.entry(name.clone()).or_default().clone();
        let living = self.living(name)?;
        // If the second fails the first is told again what it was.
        living.settle(state, &numbers, Look::AtHost)?;
        living.set(change)?;
        if let NetworkChange::Internal(change) = change {
            let leads_here = |sandbox: &&SandboxName| {
                let state = after.sandboxes.get(*sandbox);
                state.and_then(|state| state.gateway()) == Some(name)
            };
            for (sandbox, endpoint) in
                state.endpoints.iter().filter(|(sandbox, _)| leads_here(sandbox))
            {
                let (path, _) = self.path(sandbox)?;
                lead(&path, endpoint.interface.as_str(), &state.identity.host, !change.to)?;
            }
        }
        Ok(())
    }

    /// Leads a sandbox's default route elsewhere. In an internal network there is none, so that who
    /// cannot reach the outside knows at once.
    fn lead(
        &mut self,
        name: &SandboxName,
        change: &Change<Option<NetworkName>>,
        after: &State,
    ) -> Result<(), StepFailure> {
        let (path, _) = self.path(name)?;
        for (network, there) in [(&change.from, false), (&change.to, true)] {
            let Some(state) = network.as_ref().and_then(|one| after.networks.get(one)) else {
                continue;
            };
            let Some(endpoint) = state.endpoints.get(name) else { continue };
            if !state.settings.internal {
                lead(&path, endpoint.interface.as_str(), &state.identity.host, there)?;
            }
        }
        Ok(())
    }
}

/// A namespace's name, where names of namespaces are known by it; otherwise its path.
fn shown(path: &std::path::Path, networks: &Networks) -> String {
    let directory = &networks.circumstances().site.netns_dir;
    match path.strip_prefix(directory) {
        Ok(name) => name.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

impl Files {
    /// Removes all namespaces that were made; their interfaces are gone by now.
    pub(in crate::daemon) fn end(&mut self) {
        let site = self.site.clone();
        drop(std::mem::replace(&mut self.sandboxes, Sandboxes::new(&site)));
        self.state = State::default();
    }
}
