//! How is a network changed while it runs?
//!
//! By one door, whoever asks for what:
//!
//! ```text
//!   Edit ──> Spec of what runs, edited ──> Model, or refused ──> Plan ──> steps, one after the other
//!                                                                            │ one fails
//!                                                             those before it are undone, last first
//! ```
//!
//! A network goes through it with one change at a time. What a step does to the dataplane is in force
//! for its next frame; flows that it concerns have ended when it returns, and all others go on.
//!
//! A network of `up --ports N` is written down with the subnets that it got: they are the same as long
//! as it runs.
//!
//! Known gaps: only what the edits ask for is carried out here. Other steps of a plan are refused.

mod error;
mod steps;

#[cfg(test)]
mod tests;

pub(super) use error::ChangeError;

use super::living::{Living, lock};
use crate::addressing::{Assigned, AssignedNetwork, Interfaces, interfaces};
use crate::api::change::{Changed, Edit, LimitsInfo, NewFdb, NewRule};
use crate::model::{Limits, Model, ModelError, Network, NetworkName, NetworkRequest, SandboxName};
use crate::plan::{Plan, State};
use crate::spec::{self, LimitsSpec, Spec, SpecFile};
use dataplane::wire::ethernet::MacAddr;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// What a rule's text is called when nobody says.
const RULE_PATH: &str = "api";

/// What a running network is, in the words of the model.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    name: NetworkName,
    host_interface: String,
    model: Model,
    assigned: Arc<Assigned>,
    /// What follows from both.
    state: State,
}

impl Declared {
    /// A network that was just made as this request asked for.
    ///
    /// # Errors
    /// None in practice: what was made was proven valid before.
    pub(super) fn new(request: &NetworkRequest, network: &Network) -> Result<Self, ModelError> {
        let subnets = network.subnets();
        let v6 = subnets.v6.map_or("none".to_owned(), |subnet| subnet.to_string());
        let pinned = NetworkRequest {
            subnet: Some(subnets.v4.to_string()),
            subnet6: Some(v6),
            ..request.clone()
        };
        let model = Model::of_request(&pinned)?;
        let (name, Interfaces { host, ports }) = (network.name().clone(), interfaces(network));
        let sandboxes = (1..).map(|number| SandboxName::of_port(&name, number));
        let endpoints = sandboxes.zip(ports.into_values()).collect();
        let given = AssignedNetwork { subnets, host, endpoints };
        let assigned = Assigned { networks: BTreeMap::from([(name.clone(), given)]) };
        let state = State::new(&model, &assigned);
        let (assigned, host_interface) = (Arc::new(assigned), network.host_interface().to_string());
        Ok(Self { name, host_interface, model, assigned, state })
    }

    /// The limits of the port of this name.
    pub(super) fn limits(&self, port: &str) -> LimitsInfo {
        let sandbox: Option<SandboxName> = port.parse().ok();
        let sandbox = sandbox.and_then(|name| self.model.sandboxes().get(&name));
        let endpoint = sandbox.and_then(|sandbox| sandbox.endpoints().get(&self.name));
        endpoint.map(|endpoint| told(&endpoint.limits)).unwrap_or_default()
    }

    /// The same after an edit, and what there is to tell of that.
    fn edited(&self, edit: Edit) -> Result<(Self, Changed), ChangeError> {
        let mut spec = self.model.to_spec();
        let changed = apply(&mut spec, self.name.as_str(), &self.host_interface, edit)?;
        let model = Model::new(&spec)?;
        let state = State::new(&model, &self.assigned);
        let (name, host_interface) = (self.name.clone(), self.host_interface.clone());
        Ok((Self { name, host_interface, model, assigned: self.assigned.clone(), state }, changed))
    }
}

/// Edits what is written of a network.
///
/// # Errors
/// There is nothing to edit, or what is to come to it cannot be read.
pub(super) fn apply(
    spec: &mut Spec,
    network: &str,
    host_interface: &str,
    edit: Edit,
) -> Result<Changed, ChangeError> {
    match edit {
        Edit::Publish(new) => {
            spec.publish(network, &new.publish)?;
            let read = new.publish.parse::<crate::model::Written>();
            let text = read.map_or(new.publish, |written| written.to_string());
            return Ok(Changed::Published(text));
        }
        Edit::Unpublish(text) => spec.unpublish(network, &text)?,
        Edit::AddRule(NewRule { rule, path, at }) => {
            let path = path.unwrap_or_else(|| RULE_PATH.to_owned());
            let rule = spec::read_rule(SpecFile { path, text: rule })?;
            let count = spec.networks.get(network).map_or(0, |one| one.rules.len());
            spec.add_rule(network, at, rule)?;
            return Ok(Changed::Rule(at.unwrap_or(count)));
        }
        Edit::RemoveRule(id) => {
            spec.remove_rule(network, id)?;
        }
        Edit::SetLimits(port, limits) => spec.set_limits(&port, network, written(limits))?,
        Edit::AddFdb(NewFdb { mac, port }) => {
            // Written in another way it is the same.
            let mac = mac.parse::<MacAddr>().map_or(mac, |mac| mac.to_string());
            let holder = if port == host_interface { "host" } else { &port };
            spec.add_fixed(network, &mac, holder)?;
        }
        Edit::RemoveFdb(mac) => spec.remove_fixed(network, &mac)?,
    }
    Ok(Changed::Done)
}

/// The same for whoever asks.
pub(super) fn told(limits: &Limits) -> LimitsInfo {
    let Limits { flows, new_flows, packets_in, packets_out, bytes_in, bytes_out } = *limits;
    LimitsInfo { flows, new_flows, packets_in, packets_out, bytes_in, bytes_out }
}

fn written(limits: LimitsInfo) -> LimitsSpec {
    let number = |limit: Option<NonZeroU64>| limit.map(NonZeroU64::get);
    LimitsSpec {
        flows: number(limits.flows),
        new_flows: number(limits.new_flows),
        packets_in: number(limits.packets_in),
        packets_out: number(limits.packets_out),
        bytes_in: number(limits.bytes_in),
        bytes_out: number(limits.bytes_out),
    }
}

impl Living {
    /// Changes the network. For a thread inside of the runtime that nobody else needs.
    ///
    /// # Errors
    /// [`ChangeError`]; then it is as it was, but for what [`ChangeError::Undo`] names.
    pub(super) fn carry_out(&self, edit: Edit) -> Result<Changed, ChangeError> {
        // Held to the end: the next change begins with what this one made.
        let _turn = lock(&self.turn);
        let (plan, wanted, changed) = {
            let declared = lock(&self.declared);
            let before = declared.as_ref().ok_or(ChangeError::OfFile)?;
            let (wanted, changed) = before.edited(edit)?;
            (Plan::between(&before.state, &wanted.state), wanted, changed)
        };
        self.take_all(plan.steps())?;
        *lock(&self.declared) = Some(wanted);
        Ok(changed)
    }
}
