//! What is an edit of one network to make of it?
//!
//! The network is edited as it is written, proven valid beside all others, and planned by itself.

use super::held::Held;
use super::run::Run;
use super::{Change, ChangeError, check, sockets};
use crate::api::change::{Changed, Edit, LimitsInfo, NewFdb, NewRule};
use crate::daemon::networks::Networks;
use crate::model::{Limits, Model, NetworkName, Written};
use crate::plan::{NetworkState, Plan, State};
use crate::spec::{self, EditError, LimitsSpec, Spec, SpecFile};
use dataplane::config::Workers;
use dataplane::wire::ethernet::MacAddr;
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Arc;

/// What a rule's text is called when nobody says.
const RULE_PATH: &str = "api";

/// A network as it is to be.
#[derive(Debug)]
pub(super) struct Draft {
    /// The network, and sandboxes that are written otherwise.
    spec: Spec,
    model: Model,
    pub(super) plan: Plan,
    pub(super) changed: Changed,
}

/// Edits a network.
pub(super) fn carry_out(
    networks: &Arc<Networks>,
    held: &mut Held,
    network: &str,
    edit: Edit,
) -> Result<Change, ChangeError> {
    let draft = held.draft(network, edit)?;
    let change = Change { plan: draft.plan.clone(), changed: draft.changed.clone() };
    put_in_force(networks, held, draft)?;
    Ok(change)
}

/// Removes the rules that name networks which are gone: nothing can match them, until another network has
/// such a name. Who asked for the end of those has no part in that, so what fails is logged; the next
/// change tries again.
pub(super) fn forget_rules(networks: &Arc<Networks>, held: &mut Held) {
    for (name, gone) in held.naming_gone() {
        let draft = held.draft_without(&name, &gone);
        if let Err(error) = draft.and_then(|draft| put_in_force(networks, held, draft)) {
            tracing::warn!(
                "network {name} has rules still that name networks which are gone: {error}"
            );
        }
    }
}

fn put_in_force(
    networks: &Arc<Networks>,
    held: &mut Held,
    draft: Draft,
) -> Result<(), ChangeError> {
    let steps = draft.plan.steps();
    check::ways(steps, networks.circumstances().rootless).map_err(Box::new)?;
    let workers = |name: &NetworkName| {
        held.state_of(name.as_str()).map_or(Workers::ONE, |(_, state)| state.identity.workers)
    };
    let reserved = sockets::reserve(steps, workers, networks.circumstances())?;
    // A way out is not opened by an edit, so nothing is claimed with one.
    Run::new(networks, held, reserved, &BTreeMap::new()).steps(steps)?;
    held.keep(draft);
    Ok(())
}

impl Held {
    /// What is to become of a network by an edit.
    ///
    /// # Errors
    /// There is nothing to edit, or what would come of it makes no sense.
    pub(super) fn draft(&self, network: &str, edit: Edit) -> Result<Draft, ChangeError> {
        let (_, before) = self.state_of(network)?;
        let mut spec = self.part(network, &edit);
        let interface = before.identity.host_interface.as_str();
        let changed = apply(&mut spec, network, interface, edit)?;
        self.draft_as(network, spec, changed)
    }

    /// What becomes of a network when others are gone.
    fn draft_without(
        &self,
        network: &NetworkName,
        gone: &[NetworkName],
    ) -> Result<Draft, ChangeError> {
        let mut spec = self.part_of(network.as_str());
        gone.iter().for_each(|gone| spec.forget_rules(gone.as_str()));
        self.draft_as(network.as_str(), spec, Changed::Done)
    }

    fn state_of(&self, network: &str) -> Result<(&NetworkName, &NetworkState), EditError> {
        let known = self.state.networks.iter().find(|(name, _)| name.as_str() == network);
        known.ok_or_else(|| EditError::NoNetwork(network.to_owned()))
    }

    /// What becomes of a network that is written like this.
    fn draft_as(&self, network: &str, spec: Spec, changed: Changed) -> Result<Draft, ChangeError> {
        let missing = || EditError::NoNetwork(network.to_owned());
        let (name, before) = self.state_of(network)?;
        let model = self.model.edited(&spec, name)?;
        let given = self.assigned.networks.get(name).ok_or_else(missing)?;
        let declared = model.networks().get(name).ok_or_else(missing)?;
        given.check_fixed(name, declared.fixed.keys())?;
        let mut members = self.model.members(name);
        members.extend(model.members(name));
        let mut after = NetworkState::new(declared, given, &members);
        // No edit is of the way out, which is not there where it was not asked for and cannot be.
        after.way.clone_from(&before.way);
        let alone = |state| State {
            networks: BTreeMap::from([(name.clone(), state)]),
            sandboxes: BTreeMap::new(),
        };
        let plan = Plan::between(&alone(before.clone()), &alone(after));
        Ok(Draft { spec, model, plan, changed })
    }

    /// Keeps what is in force now.
    pub(super) fn keep(&mut self, draft: Draft) {
        let Spec { networks, sandboxes, .. } = draft.spec;
        self.spec.networks.extend(networks);
        self.spec.sandboxes.extend(sandboxes);
        self.model.put(draft.model);
    }

    /// What is written of a network, and of the sandbox that an edit is about.
    fn part(&self, network: &str, edit: &Edit) -> Spec {
        let mut part = self.part_of(network);
        if let Edit::SetLimits(sandbox, _) = edit {
            let written = self.spec.sandboxes.get_key_value(sandbox);
            part.sandboxes.extend(written.map(|(name, one)| (name.clone(), one.clone())));
        }
        part
    }

    fn part_of(&self, network: &str) -> Spec {
        let mut part = Spec { version: spec::VERSION, ..Spec::default() };
        let written = self.spec.networks.get_key_value(network);
        part.networks.extend(written.map(|(name, one)| (name.clone(), one.clone())));
        part
    }
}

/// Edits what is written of a network.
///
/// # Errors
/// There is nothing to edit, or what is to come to it cannot be read.
fn apply(
    spec: &mut Spec,
    network: &str,
    host_interface: &str,
    edit: Edit,
) -> Result<Changed, ChangeError> {
    match edit {
        Edit::Publish(new) => {
            spec.publish(network, &new.publish)?;
            let read = new.publish.parse::<Written>();
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
pub(in crate::daemon) fn told(limits: &Limits) -> LimitsInfo {
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
