//! Which addresses and MACs does everything in a model have?

use super::Addresses;
use super::lease::{Lease, Leases, NetworkLeases};
use super::next_hop::neighbour;
use super::pool::Pool;
use super::scheme::{ipv4, ipv6, mac, mac_of, number_of};
use super::subnets::{self, Machine};
use crate::model::declared::Members;
use crate::model::problem::{Problem, Refusal, Taker};
use crate::model::{DeclaredNetwork, Endpoint, Known, Model, NetworkName, SandboxName, Subnets};
use crate::spec::Field;
use dataplane::config::NextHop;
use dataplane::wire::ethernet::MacAddr;
use ipnet::{Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

impl AssignedNetwork {
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

/// Where the addresses of one network are given out.
struct Desk<'a> {
    name: &'a NetworkName,
    network: &'a DeclaredNetwork,
    subnets: Subnets,
    before: &'a NetworkLeases,
    members: &'a Members<'a>,
}

/// Addresses of one kind by sandbox.
type Given<A> = HashMap<SandboxName, A>;

impl Desk<'_> {
    fn give(&self) -> Result<AssignedNetwork, Refusal> {
        let Subnets { v4, v6 } = self.subnets;
        let preferred = |name: &SandboxName| number_of(self.name, name);
        let v4s = self.ipv4(v4, preferred)?;
        // The same number in both families, if it can be.
        let first = u32::from(v4.network());
        let number = |name: &SandboxName| {
            v4s.get(name).map(|address| u32::from(*address).wrapping_sub(first).wrapping_sub(1))
        };
        let v6s = v6.map(|subnet| self.ipv6(subnet, number)).transpose()?.unwrap_or_default();
        let macs = self.macs()?;
        let host = Addresses {
            mac: mac(self.name, 0, 0),
            ipv4: ipv4(v4, 0),
            ipv6: v6.map(|subnet| ipv6(subnet, 0)),
        };
        let endpoints = self.members.keys().filter_map(|name| {
            let net6 = |subnet: Ipv6Net| {
                let address = *v6s.get(*name)?;
                Ipv6Net::new(address, subnet.prefix_len()).ok()
            };
            let addresses = Addresses {
                mac: *macs.get(*name)?,
                ipv4: Ipv4Net::new(*v4s.get(*name)?, v4.prefix_len()).ok()?,
                ipv6: v6.and_then(net6),
            };
            Some((SandboxName::clone(name), addresses))
        });
        Ok(AssignedNetwork { subnets: self.subnets, host, endpoints: endpoints.collect() })
    }

    fn ipv4(
        &self,
        subnet: Ipv4Net,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<Ipv4Addr>, Refusal> {
        let mut pool = Pool::v4(subnet);
        let inside = |address: &Ipv4Addr| {
            subnet.contains(address) && ![subnet.network(), subnet.broadcast()].contains(address)
        };
        self.remember(&mut pool, |lease| Some(lease.ipv4).filter(inside));
        let given = self.claims(
            "address",
            &mut pool,
            |endpoint| endpoint.ipv4,
            |lease| Some(lease.ipv4).filter(inside),
        )?;
        self.rest("subnet", subnet.into(), pool, given, preferred)
    }

    fn ipv6(
        &self,
        subnet: Ipv6Net,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<Ipv6Addr>, Refusal> {
        let mut pool = Pool::v6(subnet);
        let inside = |address: &Ipv6Addr| subnet.contains(address) && *address != subnet.network();
        self.remember(&mut pool, |lease| lease.ipv6.filter(inside));
        let given = self.claims(
            "address6",
            &mut pool,
            |endpoint| endpoint.ipv6,
            |lease| lease.ipv6.filter(inside),
        )?;
        self.rest("subnet6", subnet.into(), pool, given, preferred)
    }

    /// Keeps what those had who are gone.
    fn remember<A: Copy + Eq + Hash + Ord>(
        &self,
        pool: &mut Pool<A>,
        leased: impl Fn(&Lease) -> Option<A>,
    ) {
        for (name, lease) in &self.before.endpoints {
            if let (false, Some(address)) = (self.members.contains_key(name), leased(lease)) {
                pool.remember(lease.gone.unwrap_or(u64::MAX), address);
            }
        }
    }

    /// Takes what was chosen, then what was leased before.
    fn claims<A: Copy + Eq + Hash + Ord + Into<IpAddr>>(
        &self,
        key: &str,
        pool: &mut Pool<A>,
        chosen: impl Fn(&Endpoint) -> Option<A>,
        leased: impl Fn(&Lease) -> Option<A>,
    ) -> Result<Given<A>, Refusal> {
        let mut given = HashMap::new();
        let mut choosers = HashMap::new();
        for (name, endpoint) in self.members {
            if let Some(address) = chosen(endpoint) {
                pool.take(address);
                choosers.insert(address, *name);
                given.insert(SandboxName::clone(name), address);
            }
        }
        for (name, lease) in self.leases() {
            let Some(address) = leased(lease).filter(|_| !given.contains_key(name)) else {
                continue;
            };
            if let Some(chooser) = choosers.get(&address) {
                let by = Taker::Sandbox(name.clone(), self.name.clone());
                let problem = Problem::AddressTaken { address: address.into(), by };
                return Err(Refusal::new(Field::endpoint(chooser, self.name).key(key), problem));
            }
            if pool.take(address) {
                given.insert(name.clone(), address);
            }
        }
        Ok(given)
    }

    /// Leases something free to all others.
    fn rest<A: Copy + Eq + Hash + Ord + Into<IpAddr>>(
        &self,
        key: &str,
        subnet: ipnet::IpNet,
        mut pool: Pool<A>,
        mut given: Given<A>,
        preferred: impl Fn(&SandboxName) -> Option<u32>,
    ) -> Result<Given<A>, Refusal> {
        for name in self.in_order() {
            if given.contains_key(name) {
                continue;
            }
            let Some(address) = pool.lease(preferred(name)) else {
                let held =
                    given.iter().map(|(name, address)| (Into::<IpAddr>::into(*address), name));
                let held: BTreeMap<_, _> = held.collect();
                let holders = held.iter().map(|(address, name)| format!("{address} of {name}"));
                let problem = Problem::NoFreeAddress { subnet, holders: Known::of(holders) };
                return Err(Refusal::new(Field::network(self.name, key), problem));
            };
            given.insert(name.clone(), address);
        }
        Ok(given)
    }

    fn macs(&self) -> Result<Given<MacAddr>, Refusal> {
        let host = (mac(self.name, 0, 0), Taker::Bridge(self.name.clone()));
        let fixed = self.network.fixed.keys().map(|mac| (*mac, Taker::Static(self.name.clone())));
        let mut taken: HashMap<_, _> = fixed.chain([host]).collect();
        let mut given = HashMap::new();
        let own = |name: &SandboxName| Taker::Sandbox(name.clone(), self.name.clone());
        let held = |name: &SandboxName, endpoint: &Endpoint| {
            let lease = self.before.endpoints.get(name).map(|lease| lease.mac);
            lease.filter(|_| endpoint.mac.is_none())
        };
        for (name, endpoint) in self.members {
            let Some(mac) = held(name, endpoint) else { continue };
            match taken.get(&mac) {
                None => {
                    taken.insert(mac, own(name));
                    given.insert(SandboxName::clone(name), mac);
                }
                Some(Taker::Static(_)) => {
                    let field =
                        Field::network(self.name, "fdb").key("static").key(&mac.to_string());
                    return Err(Refusal::new(field, Problem::MacTaken { mac, by: own(name) }));
                }
                // Two of one MAC in a table that we did not write: the second gets another.
                Some(_) => {}
            }
        }
        for (name, endpoint) in self.members {
            let Some(mac) = endpoint.mac else { continue };
            if let Some(by) = taken.insert(mac, own(name)) {
                let problem = Problem::MacTaken { mac, by };
                return Err(Refusal::new(Field::endpoint(name, self.name).key("mac"), problem));
            }
            given.insert(SandboxName::clone(name), mac);
        }
        for name in self.in_order() {
            if given.contains_key(name) {
                continue;
            }
            // There are 2^40 candidates and some thousands at most are taken: one is free.
            let free = (0_u32..).map(|attempt| mac_of(self.name, name, attempt));
            let free = free.into_iter().find(|mac| !taken.contains_key(mac));
            let mac = free.unwrap_or(MacAddr::ZERO);
            taken.insert(mac, own(name));
            given.insert(name.clone(), mac);
        }
        Ok(given)
    }

    /// The leases of those who are here.
    fn leases(&self) -> impl Iterator<Item = (&SandboxName, &Lease)> {
        self.before.endpoints.iter().filter(|(name, _)| self.members.contains_key(name))
    }

    /// The members: those with a number in their name by number, then all others by name.
    fn in_order(&self) -> Vec<&SandboxName> {
        let mut names: Vec<_> = self.members.keys().copied().collect();
        names.sort_by_key(|name| number_of(self.name, name).unwrap_or(u32::MAX));
        names
    }
}
