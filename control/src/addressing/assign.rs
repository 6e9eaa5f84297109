//! Which addresses and MACs does everything in a model have?

use super::Addresses;
use super::desk::Desk;
use super::lease::{Lease, Leases, NetworkLeases};
use super::next_hop::neighbour;
use super::subnets::{self, Machine};
use crate::model::{
    Model, NetworkName, Problem, Refusal, SandboxName, SubnetRequest, Subnets, Taker,
};
use crate::spec::{Field, Notes};
use dataplane::config::NextHop;
use dataplane::wire::ethernet::MacAddr;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

/// The addresses of all networks of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// By name; each network of the model is there.
    pub networks: BTreeMap<NetworkName, AssignedNetwork>,
}

/// The addresses of all interfaces of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedNetwork {
    /// The subnets.
    pub subnets: Subnets,
    /// The bridge's: the host's interface has them.
    pub host: Addresses,
    /// The endpoints', by sandbox; each one of the model is there.
    pub endpoints: BTreeMap<SandboxName, Addresses>,
}

impl Assigned {
    /// Remarks for a model that is printed: what was left out in it, and is leased.
    pub fn notes(&self, model: &Model) -> Notes {
        let mut notes = Notes::new();
        for (name, network) in model.networks() {
            let Some(given) = self.networks.get(name) else { continue };
            let v4 = network.subnet.is_none().then(|| given.subnets.v4.to_string());
            let is_leased = network.subnet6 == SubnetRequest::Default;
            let v6 = given.subnets.v6.filter(|_| is_leased).map(|subnet| subnet.to_string());
            note_leased(&mut notes, Field::network(name, ""), [v4, v6, None]);
            for (sandbox, endpoint) in model.members(name) {
                let Some(one) = given.endpoints.get(sandbox) else { continue };
                let v4 = endpoint.ipv4.is_none().then(|| one.ipv4.addr().to_string());
                let v6 = one.ipv6.filter(|_| endpoint.ipv6.is_none());
                let v6 = v6.map(|net| net.addr().to_string());
                let mac = endpoint.mac.is_none().then(|| one.mac.to_string());
                note_leased(&mut notes, Field::endpoint(sandbox, name), [v4, v6, mac]);
            }
        }
        notes
    }
}

fn note_leased(notes: &mut Notes, field: Field, leased: [Option<String>; 3]) {
    let words: Vec<String> = leased.into_iter().flatten().collect();
    if !words.is_empty() {
        notes.insert(field, format!("leased: {}", words.join(", ")));
    }
}

impl AssignedNetwork {
    /// Is none of these static MACs one that the network gave out?
    ///
    /// # Errors
    /// The first that is, with its field and who has it.
    pub(crate) fn check_fixed<'a>(
        &self,
        name: &NetworkName,
        fixed: impl Iterator<Item = &'a MacAddr>,
    ) -> Result<(), Box<Refusal>> {
        let fixed: BTreeSet<_> = fixed.collect();
        let own = self.endpoints.iter().find(|(_, one)| fixed.contains(&one.mac));
        let own =
            own.map(|(sandbox, one)| (one.mac, Taker::Sandbox(sandbox.clone(), name.clone())));
        let is_host = fixed.contains(&self.host.mac);
        let host = is_host.then(|| (self.host.mac, Taker::Bridge(name.clone())));
        let Some((mac, by)) = own.or(host) else { return Ok(()) };
        let field = Field::network(name, "fdb").key("static").key(&mac.to_string());
        Err(Box::new(Refusal::new(field, Problem::MacTaken { mac, by })))
    }

    /// A neighbour of the host that is only there in the dataplane's answers; see [`super::next_hop`].
    pub fn next_hop(&self, name: &NetworkName, taken: &HashSet<IpAddr>) -> NextHop {
        let endpoints = self.endpoints.values().map(|one| one.mac);
        let macs = endpoints.chain([self.host.mac]).collect();
        neighbour(name, &macs, taken)
    }
}

/// Gives every network its subnets and every endpoint its addresses and MAC, and notes that in the
/// table. The same model with the table that came out is assigned the same.
///
/// # Errors
/// An address or MAC was chosen that another endpoint has leased, a subnet is in use on the machine, or
/// nothing is left; with the field, and who has it.
pub fn assign(
    model: &Model,
    leases: &Leases,
    machine: &Machine,
) -> Result<(Assigned, Leases), Box<Refusal>> {
    let mut table = leases.clone();
    table.depart(|network, sandbox| match sandbox {
        None => model.networks().contains_key(network),
        Some(name) => {
            let sandbox = model.sandboxes().get(name);
            sandbox.is_some_and(|sandbox| sandbox.endpoints().contains_key(network))
        }
    });
    let mut subnets = subnets::choose(model, &table, machine)?;
    let mut assigned = Assigned::default();
    for (name, network) in model.networks() {
        // One for each network of the model.
        let Some(subnets) = subnets.remove(name) else { continue };
        let before = table.networks.get(name).cloned().unwrap_or_default();
        let members = model.members(name);
        let given = Desk { name, network, subnets, before: &before, members: &members }.give()?;
        let after = table.networks.entry(name.clone()).or_default();
        note(after, &given);
        assigned.networks.insert(name.clone(), given);
    }
    Ok((assigned, table))
}

/// Writes down what a network has; what others had and it took is not remembered any more.
fn note(leases: &mut NetworkLeases, given: &AssignedNetwork) {
    leases.subnet = Some(given.subnets.v4);
    leases.subnet6 = given.subnets.v6.or(leases.subnet6);
    let v4: HashSet<_> = given.endpoints.values().map(|one| one.ipv4.addr()).collect();
    let macs: HashSet<_> = given.endpoints.values().map(|one| one.mac).collect();
    leases.endpoints.retain(|name, lease| {
        given.endpoints.contains_key(name)
            || !(v4.contains(&lease.ipv4) || macs.contains(&lease.mac))
    });
    for (name, one) in &given.endpoints {
        let before = leases.endpoints.get(name).and_then(|lease| lease.ipv6);
        let ipv6 = one.ipv6.map(|net| net.addr()).or(before);
        let lease = Lease { ipv4: one.ipv4.addr(), ipv6, mac: one.mac, gone: None };
        leases.endpoints.insert(name.clone(), lease);
    }
}
