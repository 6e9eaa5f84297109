//! What does this process hold, in the words of the model?
//!
//! Everything in one place, whoever made it: what was written, the same proven valid, the addresses, and
//! the state that plans begin with and that is noted step by step. What `up --ports N` made is written
//! down here as a file would have it, with the subnets that it got.
//!
//! A network that has ended, because somebody wanted that or because its dataplane has, is forgotten with
//! its endpoints before anything else is looked at.

use crate::addressing::{Addresses, Assigned, AssignedNetwork, Interfaces, interfaces};
use crate::daemon::living::Living;
use crate::model::{
    DeclaredNetwork, Model, ModelError, Network, NetworkName, NetworkRequest, SandboxName,
};
use crate::plan::State;
use crate::spec::{EndpointSpec, Field, Spec, VERSION};
use crate::topology::{Home, RecordError, Sandboxes, Site};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The numbers of a network's endpoints by sandbox.
pub(super) type Numbers = BTreeMap<SandboxName, u32>;

/// All that a process holds.
pub(in crate::daemon) struct Held {
    pub(super) spec: Spec,
    pub(super) model: Model,
    pub(super) assigned: Assigned,
    pub(super) state: State,
    pub(super) networks: BTreeMap<NetworkName, Kept>,
    /// Those of `up --ports N`: their ports are there from beginning to end, and no file's.
    numbered: BTreeSet<NetworkName>,
    /// The namespaces of files.
    pub(super) sandboxes: Sandboxes,
}

/// A network that is kept.
pub(super) struct Kept {
    pub(super) living: Arc<Living>,
    pub(super) numbers: Numbers,
}

/// Where a sandbox is.
#[derive(Clone, Debug)]
pub struct SandboxPlace {
    /// Its name.
    pub name: String,
    /// The file of its namespace; `None` for the host's own.
    pub namespace: Option<PathBuf>,
}

/// A network of `up --ports N`, in the words of the model.
#[derive(Clone, Debug)]
pub(in crate::daemon) struct Numbered {
    name: NetworkName,
    model: Model,
    assigned: Assigned,
    numbers: Numbers,
}

/// What is of networks that a change is not about.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) networks: BTreeSet<NetworkName>,
    pub(super) sandboxes: BTreeSet<SandboxName>,
}

impl Numbered {
    /// What was just made as this request asked for.
    ///
    /// # Errors
    /// None in practice: what was made was proven valid before.
    pub(in crate::daemon) fn new(
        request: &NetworkRequest,
        network: &Network,
    ) -> Result<Self, ModelError> {
        let subnets = network.subnets();
        let v6 = subnets.v6.map_or("none".to_owned(), |subnet| subnet.to_string());
        let pinned = NetworkRequest {
            subnet: Some(subnets.v4.to_string()),
            subnet6: Some(v6),
            ..request.clone()
        };
        let model = Model::of_request(&pinned)?;
        let (name, Interfaces { host, ports }) = (network.name().clone(), interfaces(network));
        let sandbox = |number| SandboxName::of_port(&name, number);
        let numbers = ports.keys().map(|&number| (sandbox(number), number)).collect();
        let endpoints = ports.into_iter().map(|(number, one)| (sandbox(number), one)).collect();
        let given = AssignedNetwork { subnets, host, endpoints };
        let assigned = Assigned { networks: BTreeMap::from([(name.clone(), given)]) };
        Ok(Self { name, model, assigned, numbers })
    }
}

impl Held {
    pub(in crate::daemon) fn new(site: &Site) -> Self {
        Self {
            spec: Spec { version: VERSION, ..Spec::default() },
            model: Model::default(),
            assigned: Assigned::default(),
            state: State::default(),
            networks: BTreeMap::new(),
            numbered: BTreeSet::new(),
            sandboxes: Sandboxes::new(site),
        }
    }

    /// Takes the folder of this process; returns its path.
    pub(in crate::daemon) fn claim(&mut self) -> Result<PathBuf, RecordError> {
        self.sandboxes.claim()
    }

    /// Keeps a network that was made by number.
    pub(in crate::daemon) fn admit(&mut self, numbered: Numbered, living: Arc<Living>) {
        let (name, numbers) = self.note(numbered);
        self.networks.insert(name, Kept { living, numbers });
    }

    /// Writes down what was made by number.
    pub(super) fn note(&mut self, numbered: Numbered) -> (NetworkName, Numbers) {
        let Numbered { name, model, assigned, numbers } = numbered;
        let Spec { networks, sandboxes, .. } = model.to_spec();
        self.spec.networks.extend(networks);
        self.spec.sandboxes.extend(sandboxes);
        let State { networks, sandboxes } = State::new(&model, &assigned);
        self.state.networks.extend(networks);
        self.state.sandboxes.extend(sandboxes);
        self.model.put(model);
        self.assigned.networks.extend(assigned.networks);
        self.numbered.insert(name.clone());
        (name, numbers)
    }

    /// Forgets the networks that have ended or are about to. What others say of them
    /// [is forgotten](super::forget) next.
    pub(super) fn forget_ended(&mut self) {
        let ended = self.networks.extract_if(.., |_, kept| kept.living.is_ending());
        let ended: Vec<_> = ended.map(|(name, _)| name).collect();
        for name in &ended {
            let ports = if self.numbered.remove(name) { self.members(name) } else { Vec::new() };
            for sandbox in &ports {
                self.spec.sandboxes.remove(sandbox.as_str());
                self.state.sandboxes.remove(sandbox);
            }
            self.model.take(&BTreeSet::new(), &ports.into_iter().collect());
            self.spec.forget(name.as_str());
            self.model.forget(name);
            self.state.forget(name);
            self.assigned.networks.remove(name);
        }
    }

    /// Is the network there, and of a file?
    pub(in crate::daemon) fn is_of_file(&self, network: &str) -> bool {
        let known = self.networks.iter().find(|(name, _)| name.as_str() == network);
        known.is_some_and(|(name, kept)| !kept.living.is_ending() && !self.numbered.contains(name))
    }

    /// The networks of `up --ports N` that a file does not name, with their sandboxes.
    pub(super) fn unnamed(&self, spec: &Spec) -> Rest {
        let unnamed = |name: &&NetworkName| !spec.networks.contains_key(name.as_str());
        let networks: BTreeSet<_> = self.numbered.iter().filter(unnamed).cloned().collect();
        let sandboxes = networks.iter().flat_map(|name| self.members(name)).collect();
        Rest { networks, sandboxes }
    }

    /// The networks with rules that name others which are not there, and those.
    pub(super) fn naming_gone(&self) -> Vec<(NetworkName, Vec<NetworkName>)> {
        let networks = self.model.networks();
        let gone = |network: &DeclaredNetwork| -> Vec<NetworkName> {
            let rules = network.settings.filter.rules.iter();
            let named = rules.flat_map(|rule| rule.networks().map(|(_, other)| other.clone()));
            named.filter(|other| !networks.contains_key(other)).collect()
        };
        let all = networks.iter().map(|(name, network)| (name.clone(), gone(network)));
        all.filter(|(_, gone)| !gone.is_empty()).collect()
    }

    /// What is of these networks, without their sandboxes.
    pub(super) fn networks_of(&self, rest: &Rest) -> Model {
        self.model.networks_of(&rest.networks)
    }

    /// The networks of `up --ports N`.
    pub(super) fn numbered(&self) -> &BTreeSet<NetworkName> {
        &self.numbered
    }

    /// Is the sandbox a port of one of these networks?
    pub(super) fn is_port(&self, sandbox: &SandboxName) -> bool {
        let has = |name: &NetworkName| {
            self.networks.get(name).is_some_and(|kept| kept.numbers.contains_key(sandbox))
        };
        self.numbered.iter().any(has)
    }

    /// The sandboxes with an endpoint in the network.
    pub(super) fn members(&self, network: &NetworkName) -> Vec<SandboxName> {
        let state = self.state.networks.get(network);
        state.into_iter().flat_map(|state| state.endpoints.keys().cloned()).collect()
    }

    /// What was written, but for the rest.
    pub(super) fn spec_without(&self, rest: &Rest) -> Spec {
        let networks: BTreeSet<_> = rest.networks.iter().map(NetworkName::as_str).collect();
        let sandboxes: BTreeSet<_> = rest.sandboxes.iter().map(SandboxName::as_str).collect();
        let mut spec = self.spec.clone();
        spec.networks.retain(|name, _| !networks.contains(name.as_str()));
        spec.sandboxes.retain(|name, _| !sandboxes.contains(name.as_str()));
        spec
    }

    /// What stands, but for the rest.
    pub(super) fn state_without(&self, rest: &Rest) -> State {
        let mut state = self.state.clone();
        state.networks.retain(|name, _| !rest.networks.contains(name));
        state.sandboxes.retain(|name, _| !rest.sandboxes.contains(name));
        state
    }

    /// What was written and is in force now, beside the rest, which is as it was.
    pub(super) fn become_beside(
        &mut self,
        rest: &Rest,
        mut spec: Spec,
        mut model: Model,
        mut assigned: Assigned,
    ) {
        for name in &rest.networks {
            spec.networks.extend(self.spec.networks.remove_entry(name.as_str()));
            assigned.networks.extend(self.assigned.networks.remove_entry(name));
        }
        for name in &rest.sandboxes {
            spec.sandboxes.extend(self.spec.sandboxes.remove_entry(name.as_str()));
        }
        model.put(self.model.take(&rest.networks, &rest.sandboxes));
        (self.spec, self.model, self.assigned) = (spec, model, assigned);
    }

    /// What runs, as a file; with what `up --ports N` made as a file would have to say it.
    pub(in crate::daemon) fn config(&self) -> String {
        let mut spec = self.spec.clone();
        let mut notes = self.assigned.notes(&self.model);
        for name in &self.numbered {
            let members = self.members(name);
            let made = format!("made by `up --ports {}`", members.len());
            notes.insert(Field::network(name, ""), made);
            for sandbox in &members {
                notes.remove(&Field::endpoint(sandbox, name));
                let given = &self.assigned.networks.get(name);
                let given = given.and_then(|network| network.endpoints.get(sandbox));
                let written = spec.sandboxes.get_mut(sandbox.as_str());
                if let (Some(given), Some(written)) = (given, written) {
                    written.endpoints.0.iter_mut().for_each(|(_, endpoint)| pin(endpoint, given));
                }
            }
        }
        spec.print(&notes)
    }

    /// The sandboxes of files.
    pub(in crate::daemon) fn places(&self) -> Vec<SandboxPlace> {
        let Rest { sandboxes: ports, .. } = self.unnamed(&Spec::default());
        let place = |name: &SandboxName| SandboxPlace {
            name: name.to_string(),
            namespace: match self.sandboxes.home(name) {
                Some(Home::At(path)) => Some(path.clone()),
                _ => None,
            },
        };
        self.state.sandboxes.keys().filter(|name| !ports.contains(*name)).map(place).collect()
    }

    /// Is nothing there any more?
    pub(super) fn is_empty(&self) -> bool {
        self.state.networks.is_empty() && self.state.sandboxes.is_empty()
    }

    /// Removes all namespaces that were made for files; their interfaces are gone by now.
    pub(in crate::daemon) fn end(&mut self, site: &Site) {
        *self = Self::new(site);
    }
}

/// Says of an endpoint what it was given.
fn pin(endpoint: &mut EndpointSpec, given: &Addresses) {
    endpoint.address = Some(given.ipv4.addr().to_string());
    endpoint.address6 = given.ipv6.map(|net| net.addr().to_string());
    endpoint.mac = Some(given.mac.to_string());
}
