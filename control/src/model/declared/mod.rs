//! Which networks, sandboxes and endpoints are to be, proven valid?
//!
//! The words are the container network model's: a *network* is a switch with subnets and a way out, a
//! *sandbox* is a namespace, an *endpoint* is a sandbox's interface in one network.
//!
//! ```text
//!   up -f, apply -f ──> spec::Spec ──────┐
//!   edits of what runs ──> spec::Spec ───┼──> Model ──> addressing ──> plan
//!   up --ports N ──> NetworkRequest ─────┘     └──> spec::Spec ──> `config`
//! ```
//!
//! [`Model::new`] and [`Model::of_request`] are the only ways to have a [`Model`], so each one holds what
//! is promised here:
//!
//! - every name in it (of publishes, rules, shared sandboxes, endpoints) is there;
//! - subnets, chosen addresses and MACs, interfaces and published ports are each one's own;
//! - all members of a network fit into its subnets and its switch.
//!
//! Nothing here looks at the machine: whether a namespace is there, whether a subnet or a port is free
//! on the host. What was left out (addresses, MACs, subnets) is leased by [`crate::addressing`].

mod across;
mod endpoint;
mod network;
mod request;
mod sandbox;
mod settings;
mod written;

#[cfg(test)]
pub(crate) mod any;
#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;

pub use endpoint::{Endpoint, Limits};
pub(crate) use network::router;
pub use network::{DeclaredNetwork, Filter, Holder, Settings, Way};
pub use sandbox::{Bridged, Namespace, Sandbox};

use super::{Known, NetworkName, Problem, Refusal, SandboxName};
use crate::spec::{Field, FileError, Source, Spec, SpecFile};
use std::collections::{BTreeMap, BTreeSet};

/// Networks and sandboxes that can be made as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    networks: BTreeMap<NetworkName, DeclaredNetwork>,
    sandboxes: BTreeMap<SandboxName, Sandbox>,
}

impl Model {
    /// Reads a file of networks.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its line.
    pub fn read(file: SpecFile) -> Result<(Self, Source), Box<FileError>> {
        let (spec, source) = crate::spec::read(file)?;
        match Self::new(&spec) {
            Ok(model) => Ok((model, source)),
            Err(refusal) => Err(source.explain(*refusal)),
        }
    }

    /// Proves what was written valid.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field.
    pub fn new(spec: &Spec) -> Result<Self, Box<Refusal>> {
        Self::beside(spec, &Self::default())
    }

    /// The same beside other networks, which its rules may name.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field.
    pub fn beside(spec: &Spec, others: &Self) -> Result<Self, Box<Refusal>> {
        Self::prove(spec, others).map_err(Box::new)
    }

    fn prove(spec: &Spec, others: &Self) -> Result<Self, Refusal> {
        let names = network_names(spec)?;
        let mut sandboxes = BTreeMap::new();
        for (text, written) in &spec.sandboxes {
            let field = Field::sandbox(text);
            let name: SandboxName =
                text.parse().map_err(|fault: super::NameFault| Refusal::new(field, fault))?;
            let sandbox = sandbox::new(&name, written, &names)?;
            sandboxes.insert(name, sandbox);
        }
        sandbox::check_sharing(&sandboxes)?;
        sandbox::check_namespaces(&sandboxes)?;
        let mut networks = BTreeMap::new();
        for name in names.into_values() {
            let members = members(&sandboxes, &name);
            let written = &spec.networks[name.as_str()];
            networks.insert(name.clone(), network::new(&name, written, &members)?);
        }
        let model = Self { networks, sandboxes };
        across::check(&model, spec, others)?;
        Ok(model)
    }

    /// Proves an edit of one network valid, of which nothing else is concerned: its published ports, rules,
    /// static MACs, or limits of its endpoints. In `part` is the network as it is written then, and the
    /// sandboxes that are written otherwise; so it is in what is returned.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field.
    pub fn edited(&self, part: &Spec, name: &NetworkName) -> Result<Self, Box<Refusal>> {
        self.prove_part(part, name).map_err(Box::new)
    }

    fn prove_part(&self, part: &Spec, name: &NetworkName) -> Result<Self, Refusal> {
        let names = self.networks.keys().map(|name| (name.to_string(), name.clone())).collect();
        let mut edited = Self::default();
        for (text, written) in &part.sandboxes {
            let known = self.sandboxes.keys().find(|name| name.as_str() == text);
            let Some(known) = known else { continue };
            edited.sandboxes.insert(known.clone(), sandbox::new(known, written, &names)?);
        }
        let mut all = self.members(name);
        all.extend(edited.members(name));
        let Some(written) = part.networks.get(name.as_str()) else { return Ok(edited) };
        let network = network::new(name, written, &all)?;
        across::check_one(self, name, &network, &all, part)?;
        edited.networks.insert(name.clone(), network);
        Ok(edited)
    }

    /// Puts what the other one has in the place of what has the same name here.
    pub(crate) fn put(&mut self, other: Self) {
        self.networks.extend(other.networks);
        self.sandboxes.extend(other.sandboxes);
    }

    /// These networks alone, without any sandbox.
    pub(crate) fn networks_of(&self, names: &BTreeSet<NetworkName>) -> Self {
        let named = self.networks.iter().filter(|(name, _)| names.contains(*name));
        let networks = named.map(|(name, one)| (name.clone(), one.clone())).collect();
        Self { networks, sandboxes: BTreeMap::new() }
    }

    /// Takes networks and sandboxes out, as they are.
    pub(crate) fn take(
        &mut self,
        networks: &BTreeSet<NetworkName>,
        sandboxes: &BTreeSet<SandboxName>,
    ) -> Self {
        Self {
            networks: self.networks.extract_if(.., |name, _| networks.contains(name)).collect(),
            sandboxes: self.sandboxes.extract_if(.., |name, _| sandboxes.contains(name)).collect(),
        }
    }

    /// Forgets a network that is gone, with the endpoints in it.
    pub(crate) fn forget(&mut self, network: &NetworkName) {
        self.networks.remove(network);
        for sandbox in self.sandboxes.values_mut() {
            if let Sandbox::Bridge(bridged) = sandbox {
                bridged.endpoints.remove(network);
                bridged.gateway.take_if(|gateway| gateway == network);
            }
        }
    }

    /// The networks by name.
    pub fn networks(&self) -> &BTreeMap<NetworkName, DeclaredNetwork> {
        &self.networks
    }

    /// The sandboxes by name.
    pub fn sandboxes(&self) -> &BTreeMap<SandboxName, Sandbox> {
        &self.sandboxes
    }

    /// The endpoints of a network by sandbox.
    pub fn members<'a>(&'a self, network: &'a NetworkName) -> Members<'a> {
        members(&self.sandboxes, network)
    }
}

/// Endpoints by sandbox.
pub type Members<'a> = BTreeMap<&'a SandboxName, &'a Endpoint>;

fn members<'a>(
    sandboxes: &'a BTreeMap<SandboxName, Sandbox>,
    network: &NetworkName,
) -> Members<'a> {
    let endpoint = |sandbox: &'a Sandbox| sandbox.endpoints().get(network);
    sandboxes.iter().filter_map(|(name, sandbox)| Some((name, endpoint(sandbox)?))).collect()
}

/// The names of all networks, by their text.
fn network_names(spec: &Spec) -> Result<BTreeMap<String, NetworkName>, Refusal> {
    let name = |text: &String| match text.parse() {
        Ok(name) => Ok((text.clone(), name)),
        Err(fault) => Err(Refusal::new(Field::network(text, ""), Problem::Name(fault))),
    };
    spec.networks.keys().map(name).collect()
}

/// The refusal of a name that is no member's.
fn no_member(name: &str, network: &NetworkName, members: &Members<'_>) -> Problem {
    let known = Known::of(members.keys());
    Problem::NotInNetwork { name: name.to_owned(), network: network.clone(), known }
}
